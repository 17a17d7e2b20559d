/*
 * A rig for tests of whole runs.
 */
#include "rig.h"

#include <ftw.h>
#include <libpq-fe.h>
#include <unistd.h>

#include "json/writer.h"
#include "store/store_record.h"
#include "store/store_stream.h"

struct rig_call {
    struct http_reply reply;
    struct http_header header;
    struct buf body;
    struct rig_vendor *vendor;
    bool held, cancelled; /* under the vendor's lock */
};

/* ---- the vendor ---- */

static struct str
query_value(struct str url, const char *name, char *out, size_t size)
{
    struct http_url parts;
    struct arena a;
    struct http_pair *pairs;
    size_t count;
    struct str found = STR_NONE;
    arena_init(&a, 1 << 16);
    if (http_url_parse(url, &parts) && http_query_parse(&a, parts.query, &pairs, &count))
        for (size_t i = 0; i < count; i++)
            if (str_eq_c(pairs[i].name, name) && pairs[i].value.len < size) {
                memcpy(out, pairs[i].value.ptr, pairs[i].value.len);
                found = (struct str){out, pairs[i].value.len};
            }
    arena_release(&a);
    return found;
}

static int64_t
query_number(struct str url, const char *name, int64_t otherwise)
{
    char text[64];
    int64_t value = otherwise;
    return str_to_i64(query_value(url, name, text, sizeof(text)), INT64_MIN, INT64_MAX, &value) ? value : otherwise;
}

static void
write_contact(struct json_writer *w, const struct rig_contact *c)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "id", c->id);
    json_add_c(w, "name", c->name);
    json_add_c(w, "email", c->email[0] ? c->email : NULL);
    json_add_c(w, "phone", c->phone[0] ? c->phone : NULL);
    json_add_i64(w, "updated_at", c->updated_s);
    if (c->tombstone)
        json_add_bool(w, "deleted", true);
    json_end_object(w);
}

static void
insert_in_front(struct rig_vendor *v)
{
    memmove(&v->contacts[1], &v->contacts[0], v->contact_count * sizeof(v->contacts[0]));
    v->contact_count++;
    v->contacts[0] = (struct rig_contact){.id = 900000 + v->requests, .updated_s = 1700000000};
    snprintf(v->contacts[0].name, sizeof(v->contacts[0].name), "Late %d", (int)v->requests);
    snprintf(v->contacts[0].email, sizeof(v->contacts[0].email), "late%d@example.com", (int)v->requests);
}

/* Cursor n is "page n", from 0. */
static void
answer_contacts(struct rig_vendor *v, struct str url, struct buf *body)
{
    int64_t page = query_number(url, "cursor", 0), since = query_number(url, "since", 0);
    if (v->insert_after_request == v->requests)
        insert_in_front(v);
    if (page < RIG_CONTACTS_MAX)
        v->page_requests[page]++;
    int64_t listed = 0, shown = v->repeat_at_request == v->requests ? 0 : page;
    struct json_writer w;
    json_writer_init(&w, body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "data");
    for (size_t i = 0; i < v->contact_count; i++) {
        const struct rig_contact *c = &v->contacts[i];
        if (c->gone || c->updated_s < since)
            continue;
        if (listed >= shown * v->page_size && listed < (shown + 1) * v->page_size)
            write_contact(&w, c);
        listed++;
    }
    json_end_array(&w);
    json_add_i64(&w, "count", listed + v->declared_extra);
    bool more = (page + 1) * v->page_size < listed;
    if (v->cursor_loop)
        json_add_c(&w, "next", "7");
    else if (more)
        json_add_i64(&w, "next", page + 1);
    else
        json_add_null(&w, "next");
    json_end_object(&w);
}

static void
answer_orders(struct rig_vendor *v, struct buf *body)
{
    struct json_writer w;
    json_writer_init(&w, body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "data");
    for (size_t i = 0; i < v->order_count; i++) {
        json_begin_object(&w, NULL);
        json_add_i64(&w, "id", v->orders[i].id);
        json_add_i64(&w, "contact_id", v->orders[i].contact_id);
        json_add_c(&w, "total", v->orders[i].total);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void
answer_fault(struct rig_vendor *v, struct rig_call *call)
{
    call->reply.status = 200;
    switch (v->fault) {
    case RIG_STATUS:
        call->reply.status = v->fault_status;
        buf_add_c(&call->body, v->fault_body ? v->fault_body : "{}");
        break;
    case RIG_HTML: buf_add_c(&call->body, "<html><body>Down for maintenance</body></html>"); break;
    case RIG_TRUNCATED: buf_add_c(&call->body, "{\"data\":[{\"id\":1,\"na"); break;
    case RIG_NETWORK:
        call->reply.status = 0;
        call->reply.code = E_NETWORK;
        snprintf(call->reply.message, sizeof(call->reply.message), "the connection was reset");
        break;
    case RIG_FINE: break;
    }
    if (v->fault_retry_after != NULL) {
        call->header = (struct http_header){STR("Retry-After"), str_from_c(v->fault_retry_after)};
        call->reply.headers = (struct http_headers){&call->header, 1};
    }
}

static void *
rig_send(void *ctx, const struct http_request *request, struct err *err)
{
    struct rig_vendor *v = ctx;
    struct rig_call *call = calloc(1, sizeof(*call));
    (void)err;
    buf_init(&call->body, 64 << 20);
    call->vendor = v;
    call->reply.sent_wall_us = clock_wall_us(clock_system());
    pthread_mutex_lock(&v->lock);
    int64_t number = ++v->requests;
    pthread_mutex_unlock(&v->lock);
    if (v->on_request != NULL)
        v->on_request(v->on_request_ctx, number, request->url);
    pthread_mutex_lock(&v->lock);
    call->held = number == v->hold_request;
    if (v->fault != RIG_FINE && number >= v->fault_from && number < v->fault_from + v->fault_count)
        answer_fault(v, call);
    else {
        call->reply.status = 200;
        if (str_contains(request->url, STR("/orders")))
            answer_orders(v, &call->body);
        else
            answer_contacts(v, request->url, &call->body);
    }
    pthread_mutex_unlock(&v->lock);
    call->reply.body = buf_str(&call->body);
    return call;
}

static const struct http_reply *
rig_wait(void *ctx)
{
    struct rig_call *call = ctx;
    pthread_mutex_lock(&call->vendor->lock);
    while (call->held && !call->cancelled)
        pthread_cond_wait(&call->vendor->cancelled, &call->vendor->lock);
    if (call->held)
        call->reply.code = E_CANCELLED;
    pthread_mutex_unlock(&call->vendor->lock);
    return &call->reply;
}

static void
rig_cancel(void *ctx)
{
    struct rig_call *call = ctx;
    pthread_mutex_lock(&call->vendor->lock);
    call->cancelled = true;
    pthread_cond_broadcast(&call->vendor->cancelled);
    pthread_mutex_unlock(&call->vendor->lock);
}

static void
rig_call_free(void *call)
{
    if (call != NULL)
        buf_release(&((struct rig_call *)call)->body);
    free(call);
}

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

/* ---- PostgreSQL: a database for each rig ---- */

static bool
on_postgres(void)
{
    const char *which = getenv("TIDEMARK_TEST_STORE");
    return which != NULL && strcmp(which, "postgres") == 0;
}

static void
postgres_command(const char *verb, const char *name, const char *options)
{
    char text[160];
    PGconn *connection = PQconnectdb(getenv("TIDEMARK_TEST_PG"));
    snprintf(text, sizeof(text), "%s DATABASE %s%s", verb, name, options);
    PGresult *result = PQexec(connection, text);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", text, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

static void
database_make(struct rig *rig)
{
    static int number;
    if (!on_postgres())
        return;
    if (getenv("TIDEMARK_TEST_PG") == NULL) {
        fprintf(stderr, "skipped: TIDEMARK_TEST_PG is not set\n");
        exit(77);
    }
    snprintf(rig->database, sizeof(rig->database), "tidemark_engine_%d_%d", (int)getpid(), number++);
    postgres_command("CREATE", rig->database, "");
}

static struct str
database_url(struct rig *rig)
{
    if (rig->database[0] == '\0')
        return STR_NONE;
    struct str base = str_from_c(getenv("TIDEMARK_TEST_PG"));
    ptrdiff_t at = str_find_str(base, STR("dbname="));
    if (at >= 0)
        base.len = (size_t)at;
    return str_format(&rig->arena, "%.*s dbname=%s", STR_ARG(base), rig->database);
}

void
rig_open(struct rig *rig)
{
    struct err err = {0};
    struct store_options so = {.data_dir = str_from_c(rig->dir), .clock = clock_system(), .migrate = true,
                               .url = database_url(rig), .writers_max = 4, .readers_max = 4,
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
    rig->sender = (struct sender){rig_send, rig_wait, rig_cancel, rig_call_free, &rig->vendor};
    struct engine_options eo = {.store = rig->store, .templates = rig->templates, .keys = rig->keys,
                                .clock = clock_system(), .workers = rig->workers ? rig->workers : 2, .sender = &rig->sender,
                                .store_tries = rig->store_tries};
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

static int
remove_entry(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info, (void)flag, (void)ftw;
    return remove(path);
}

void
rig_free(struct rig *rig)
{
    if (rig->store != NULL)
        rig_close(rig);
    if (rig->database[0] != '\0')
        postgres_command("DROP", rig->database, " WITH (FORCE)");
    nftw(rig->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    pthread_cond_destroy(&rig->vendor.cancelled);
    pthread_mutex_destroy(&rig->vendor.lock);
    arena_release(&rig->arena);
    free(rig);
}

/* ---- what a test does ---- */

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

struct listing {
    struct rig *rig;
    const char *kind;
    bool deleted_too;
    struct buf text;
    size_t count;
    struct rejected *rejected;
    int64_t total;
    const struct connection *connection;
    const char *stream;
    char id[32];
    struct str data;
};

static bool
list_records(struct db *db, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    struct arena *a = &l->rig->arena;
    int64_t collection;
    struct record *rows;
    struct record_place place = {0};
    enum row found = store_collection_find(db, l->rig->tenant, str_from_c(l->kind), &collection, err);
    buf_clear(&l->text);
    l->count = 0;
    if (found != ROW_FOUND)
        return found == ROW_NONE;
    do {
        struct record_filter filter = {.order = RECORD_OLDEST, .include_deleted = l->deleted_too, .after = place, .limit = 200};
        size_t count;
        if (!store_record_list(db, a, l->rig->tenant, collection, &filter, &rows, &count, &place, err))
            return false;
        for (size_t i = 0; i < count; i++) {
            struct record_source *sources;
            size_t source_count;
            if (!store_record_sources(db, a, l->rig->tenant, rows[i].id, &sources, &source_count, err))
                return false;
            buf_addf(&l->text, "%.*s deleted=%d title=%.*s parent=%d", STR_ARG(rows[i].data), rows[i].deleted_us != 0,
                     STR_ARG(rows[i].title), rows[i].parent != 0);
            for (size_t k = 0; k < source_count; k++)
                buf_addf(&l->text, " %.*s/%.*s", STR_ARG(sources[k].stream_name), STR_ARG(sources[k].external_id));
            buf_add_char(&l->text, '\n');
        }
        l->count += count;
    } while (place.id != 0);
    return true;
}

struct str
rig_content(struct rig *rig, const char *kind)
{
    struct err err = {0};
    struct listing l = {.rig = rig, .kind = kind, .deleted_too = true};
    buf_init(&l.text, 64 << 20);
    assert_ok(store_read(rig->store, list_records, &l, &err), err);
    struct str text = str_copy(&rig->arena, buf_str(&l.text));
    buf_release(&l.text);
    return text;
}

size_t
rig_count(struct rig *rig, const char *kind, bool deleted_too)
{
    struct err err = {0};
    struct listing l = {.rig = rig, .kind = kind, .deleted_too = deleted_too};
    buf_init(&l.text, 64 << 20);
    assert_ok(store_read(rig->store, list_records, &l, &err), err);
    buf_release(&l.text);
    return l.count;
}

static bool
list_rejected(struct db *db, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    return store_rejected_list(db, &l->rig->arena, l->rig->tenant, l->connection->id, 0, 0, 0, 100, &l->rejected,
                               &l->count, &l->total, err);
}

int64_t
rig_rejected_of(struct rig *rig, const struct connection *connection)
{
    struct err err = {0};
    struct listing l = {.rig = rig, .connection = connection};
    assert_ok(store_read(rig->store, list_rejected, &l, &err), err);
    return l.total;
}

int64_t
rig_rejected(struct rig *rig)
{
    return rig_rejected_of(rig, &rig->connection);
}

static bool
find_data(struct db *db, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    struct arena *a = &l->rig->arena;
    struct stream stream;
    struct record record;
    l->data = STR_NONE;
    if (store_stream_find(db, a, l->rig->tenant, l->connection->id, str_from_c(l->stream), &stream, err) != ROW_FOUND)
        return true;
    if (store_record_by_external(db, a, l->rig->tenant, stream.id, str_from_c(l->id), &record, err) == ROW_FOUND)
        l->data = record.data;
    return true;
}

struct str
rig_data(struct rig *rig, const struct connection *connection, const char *stream, int64_t id)
{
    struct err err = {0};
    struct listing l = {.rig = rig, .connection = connection, .stream = stream};
    snprintf(l.id, sizeof(l.id), "%lld", (long long)id);
    assert_ok(store_read(rig->store, find_data, &l, &err), err);
    return l.data;
}
