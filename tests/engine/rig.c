/*
 * A rig for tests of whole runs.
 */
#include "rig.h"

#include <ftw.h>
#include <libpq-fe.h>
#include <unistd.h>

/* ---- life ---- */

static char *
read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

/* ---- a database for each rig: a copy of one that was made once, since making its schema takes longer than most tests ---- */

#define BLANK_PATH_MAX 128

static char blank[64]; /* the folder or PostgreSQL's database with a schema and nothing in it; "": not made yet */

static bool
on_postgres(void)
{
    const char *which = getenv("TIDEMARK_TEST_STORE");
    return which != NULL && strcmp(which, "postgres") == 0;
}

/* Who has closed a connection is still there until its server process has ended, and PostgreSQL waits five seconds for that. */
static void
wait_until_left(PGconn *connection, const char *name)
{
    char text[200];
    bool left = false;
    snprintf(text, sizeof(text), "SELECT 1 FROM pg_stat_activity WHERE datname = '%s' AND backend_type = 'client backend'", name);
    for (int i = 0; i < 6000 && !left; i++) {
        usleep(i ? 10000 : 0);
        PGresult *result = PQexec(connection, text);
        left = PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0;
        PQclear(result);
    }
}

static void
postgres_command(const char *verb, const char *name, const char *options)
{
    char text[200];
    PGconn *connection = PQconnectdb(getenv("TIDEMARK_TEST_PG"));
    if (strcmp(verb, "DROP") == 0)
        wait_until_left(connection, name);
    if (strstr(options, "TEMPLATE"))
        wait_until_left(connection, blank);
    snprintf(text, sizeof(text), "%s DATABASE %s%s", verb, name, options);
    PGresult *result = PQexec(connection, text);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", text, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

static struct str
database_url(struct arena *a, const char *database)
{
    if (database[0] == '\0')
        return STR_NONE;
    struct str base = str_from_c(getenv("TIDEMARK_TEST_PG"));
    ptrdiff_t at = str_find_str(base, STR("dbname="));
    if (at >= 0)
        base.len = (size_t)at;
    return str_format(a, "%.*s dbname=%s", STR_ARG(base), database);
}

static int
remove_entry(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info, (void)flag, (void)ftw;
    return remove(path);
}

static void
remove_folder(const char *path)
{
    nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void
blank_remove(void)
{
    if (on_postgres())
        postgres_command("DROP", blank, " WITH (FORCE)");
    else
        remove_folder(blank);
}

static void
blank_make(struct rig *rig)
{
    struct err err = {0};
    if (on_postgres() && getenv("TIDEMARK_TEST_PG") == NULL) {
        fprintf(stderr, "skipped: TIDEMARK_TEST_PG is not set\n");
        exit(77);
    }
    if (on_postgres()) {
        snprintf(blank, sizeof(blank), "tidemark_engine_%d", (int)getpid());
        postgres_command("CREATE", blank, "");
    } else {
        snprintf(blank, sizeof(blank), "/tmp/tidemark-engine-XXXXXX");
        assert_non_null(mkdtemp(blank));
    }
    atexit(blank_remove);
    struct store_options options = {.data_dir = str_from_c(on_postgres() ? rig->dir : blank), .clock = clock_system(), .migrate = true,
                                    .url = on_postgres() ? database_url(&rig->arena, blank) : STR_NONE};
    struct store *store = store_open(&options, &err);
    if (store == NULL)
        fail_msg("store: %s %s", err_name(err.code), err.message);
    store_close(store);
}

static void
copy_file(const char *from, const char *to)
{
    char bytes[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t count; (count = fread(bytes, 1, sizeof(bytes), in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, count, out), count);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void
copy_database(const char *from, const char *to)
{
    char source[BLANK_PATH_MAX], target[BLANK_PATH_MAX];
    snprintf(source, sizeof(source), "%s/tidemark.db", from);
    snprintf(target, sizeof(target), "%s/tidemark.db", to);
    copy_file(source, target);
}

static void
database_make(struct rig *rig)
{
    static int number;
    char options[80];
    if (blank[0] == '\0')
        blank_make(rig);
    if (!on_postgres()) {
        copy_database(blank, rig->dir);
        return;
    }
    snprintf(rig->database, sizeof(rig->database), "%s_%d", blank, number++);
    snprintf(options, sizeof(options), " TEMPLATE %s", blank);
    postgres_command("CREATE", rig->database, options);
}

void
rig_open(struct rig *rig)
{
    struct err err = {0};
    struct store_options so = {.data_dir = str_from_c(rig->dir), .clock = clock_system(), .migrate = true,
                               .url = database_url(&rig->arena, rig->database), .writers_max = 4, .readers_max = 4,
                               .wrap = rig->wrap, .wrap_ctx = rig->wrap_ctx};
    rig->store = store_open(&so, &err);
    if (rig->store == NULL)
        fail_msg("store: %s %s", err_name(err.code), err.message);
    rig->master = seal_master_new(STR(RIG_SECRET), &err);
    rig->keys = keyring_new(rig->store, rig->master, false, &err);
    if (rig->keys == NULL)
        fail_msg("keyring: %s %s", err_name(err.code), err.message);
    rig->templates = registry_new(&err);
    char *yaml = read_file(ENGINE_TESTS "/desk.yaml");
    if (!registry_put(rig->templates, STR("desk"), str_from_c(yaml), &err))
        fail_msg("template: %s %s", err_name(err.code), err.message);
    free(yaml);
    rig->sender = rig_vendor_sender(&rig->vendor);
    struct engine_options eo = {.store = rig->store, .templates = rig->templates, .keys = rig->keys,
                                .clock = clock_system(), .workers = rig->workers ? rig->workers : 2, .sender = &rig->sender,
                                .store_tries = rig->store_tries, .heartbeat_ms = rig->heartbeat_ms};
    rig->engine = engine_new(&eo, &err);
    if (rig->engine == NULL)
        fail_msg("engine: %s %s", err_name(err.code), err.message);
}

void
rig_close(struct rig *rig)
{
    engine_free(rig->engine);
    registry_free(rig->templates);
    keyring_free(rig->keys);
    seal_master_free(rig->master);
    store_close(rig->store);
    rig->engine = NULL;
    rig->store = NULL;
}

struct retake {
    struct store *store;
};

static bool
retake(struct db *db, void *ctx, struct err *err)
{
    struct retake *r = ctx;
    int64_t count;
    return store_run_retake(db, store_node_id(r->store), store_now(db), &count, err);
}

void
rig_restart(struct rig *rig)
{
    struct err err = {0};
    rig_close(rig);
    rig_open(rig);
    struct retake r = {rig->store};
    assert_ok(store_write(rig->store, retake, &r, &err), err);
}

static bool
make_tenant(struct db *db, void *ctx, struct err *err)
{
    struct rig *rig = ctx;
    struct tenant tenant;
    if (!store_tenant_ensure_default(db, &rig->arena, store_now(db), &tenant, NULL, err))
        return false;
    rig->tenant = tenant.id;
    return true;
}

struct rig *
rig_new_wrapped(struct db *(*wrap)(struct db *real, void *ctx), void *ctx)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct err err = {0};
    arena_init(&rig->arena, 256 << 20);
    pthread_mutex_init(&rig->vendor.lock, NULL);
    pthread_cond_init(&rig->vendor.cancelled, NULL);
    rig->vendor.page_size = 10;
    rig->wrap = wrap;
    rig->wrap_ctx = ctx;
    snprintf(rig->dir, sizeof(rig->dir), "/tmp/tidemark-engine-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    database_make(rig);
    rig_open(rig);
    assert_ok(store_write(rig->store, make_tenant, rig, &err), err);
    rig->connection = rig_connect(rig, "first");
    return rig;
}

struct rig *
rig_new(void)
{
    return rig_new_wrapped(NULL, NULL);
}

int
rig_setup(void **state)
{
    *state = rig_new();
    return 0;
}

void
rig_free(struct rig *rig)
{
    if (rig->store != NULL)
        rig_close(rig);
    if (rig->database[0] != '\0')
        postgres_command("DROP", rig->database, " WITH (FORCE)");
    remove_folder(rig->dir);
    pthread_cond_destroy(&rig->vendor.cancelled);
    pthread_mutex_destroy(&rig->vendor.lock);
    arena_release(&rig->arena);
    free(rig);
}

int
rig_teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* ---- what a test does ---- */

yyjson_val *
rig_json(struct rig *rig, const char *text)
{
    struct err err = {0};
    yyjson_val *value = json_parse(&rig->arena, str_from_c(text), JSON_NUMBERS_RAW, 32, &err);
    if (value == NULL)
        fail_msg("%s: %s", text, err.message);
    return value;
}

void
rig_fill(struct rig *rig, size_t count)
{
    struct rig_vendor *v = &rig->vendor;
    for (size_t i = 0; i < count; i++) {
        struct rig_contact *c = &v->contacts[v->contact_count++];
        *c = (struct rig_contact){.id = (int64_t)v->contact_count, .updated_s = 1700000000 + (int64_t)v->contact_count};
        snprintf(c->name, sizeof(c->name), "Person %d", (int)c->id);
        snprintf(c->email, sizeof(c->email), "person%d@example.com", (int)c->id);
    }
}

struct rig_contact *
rig_contact(struct rig *rig, int64_t id)
{
    for (size_t i = 0; i < rig->vendor.contact_count; i++)
        if (rig->vendor.contacts[i].id == id)
            return &rig->vendor.contacts[i];
    fail_msg("no contact %d", (int)id);
    return NULL;
}

struct connection
rig_connect_with(struct rig *rig, const char *name, const struct connection_change *more)
{
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    struct connection connection;
    struct connection_change change = more ? *more : (struct connection_change){.enabled = -1};
    change.name = str_from_c(name);
    change.provider = STR("desk");
    change.api_key = STR("a-long-secret-token");
    if (!engine_connection_create(rig->engine, &rig->arena, rig->tenant, &change, false, &connection, &err))
        fail_msg("connect: %s %s %s", err_name(err.code), err.message, err.item_count ? items[0].message : "");
    return connection;
}

struct connection
rig_connect(struct rig *rig, const char *name)
{
    return rig_connect_with(rig, name, NULL);
}

struct run
rig_start(struct rig *rig, const struct connection *connection, bool full)
{
    struct err err = {0};
    struct run run;
    struct run_request request = {.connection = connection->uuid, .full = full};
    if (!engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err))
        fail_msg("start: %s %s", err_name(err.code), err.message);
    return run;
}

bool
rig_step(struct rig *rig)
{
    struct err err = {0};
    bool ran = false;
    assert_ok(engine_run_here(rig->engine, rig->tenant, STR_NONE, &ran, &err), err);
    return ran;
}

struct run
rig_look(struct rig *rig, struct str uuid)
{
    struct err err = {0};
    struct run run;
    assert_ok(engine_run_wait(rig->engine, &rig->arena, rig->tenant, uuid, 0, &run, &err), err);
    return run;
}

struct run
rig_run_of(struct rig *rig, const struct connection *connection, bool full)
{
    struct run run = rig_start(rig, connection, full);
    while (rig_step(rig))
        ;
    return rig_look(rig, run.uuid);
}

struct run
rig_run(struct rig *rig, bool full)
{
    return rig_run_of(rig, &rig->connection, full);
}

struct script {
    const char *sql;
    int64_t number;
};

static bool
run_script(struct db *db, void *ctx, struct err *err)
{
    return db_script(db, ((struct script *)ctx)->sql, err);
}

void
rig_script_aside(struct rig *rig, const char *script)
{
    struct err err = {0};
    if (rig->database[0] == '\0') {
        struct script s = {.sql = script};
        assert_ok(store_write(rig->store, run_script, &s, &err), err);
        return;
    }
    struct arena a;
    arena_init(&a, 1 << 16);
    PGconn *connection = PQconnectdb(str_cstr(&a, database_url(&a, rig->database)));
    PGresult *result = PQexec(connection, script);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", script, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    arena_release(&a);
}

void
rig_make_due(struct rig *rig, const struct run *run)
{
    struct err err = {0};
    struct str sql = str_format(&rig->arena, "DELETE FROM quotas; UPDATE runs SET not_before = 1 WHERE id = %d", (int)run->id);
    struct script s = {.sql = str_cstr(&rig->arena, sql)};
    assert_ok(store_write(rig->store, run_script, &s, &err), err);
    /* The time that the vendor asked for has passed, for everybody. */
    quota_book_free(rig->engine->quotas);
    rig->engine->quotas = quota_book_new(rig->store, rig->engine->options.clock, &err);
    assert_non_null(rig->engine->quotas);
}
