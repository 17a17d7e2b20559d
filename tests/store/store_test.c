/*
 * The store as the rooms see it: group commit, what a failure takes with it, and what is on disk when a
 * write has returned.
 */
#include "tests/store/fixture.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int
setup(void **state)
{
    *state = fixture_new();
    return 0;
}

static struct store *
opened(struct fixture *f, struct db_trace *trace)
{
    struct store_options options = fixture_options(f);
    options.wrap = trace ? db_trace_wrap : NULL;
    options.wrap_ctx = trace;
    struct store *store = store_open(&options, &f->err);
    if (!store)
        fail_msg("%s: %s", err_name(f->err.code), f->err.message);
    return store;
}

/* A closure that sets a row of its own in `meta`; may fail after it, and may take its time or wait at the gate before it. */
struct note {
    const char *name;
    bool fails;
    bool held;               /* its first run stands until open_gate: write_held */
    int64_t sleep_us;
    atomic_int runs;
    /* what came of it */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool finished, ok;
    enum err_code code;
    int place;               /* in the order of endings */
};

static atomic_int endings;
static sem_t begun, gate;

static bool
write_note(struct db *db, void *ctx, struct err *err)
{
    struct note *n = ctx;
    if (atomic_fetch_add(&n->runs, 1) == 0 && n->held) {
        sem_post(&begun);
        sem_wait(&gate);
    }
    if (n->sleep_us)
        usleep((useconds_t)n->sleep_us);
    if (!db_exec(db, SQL_META_SET, DB_ARGS(DB_T(str_from_c(n->name)), DB_T(STR("x"))), NULL, err))
        return false;
    return !n->fails || err_set(err, E_CONFLICT, "as asked");
}

static void
note_done(void *ctx, bool ok, const struct err *err)
{
    struct note *n = ctx;
    pthread_mutex_lock(&n->lock);
    n->place = atomic_fetch_add(&endings, 1);
    n->ok = ok;
    n->code = ok ? E_OK : err->code;
    n->finished = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
}

static void
note_init(struct note *n, const char *name)
{
    memset(n, 0, sizeof(*n));
    n->name = name;
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->wake, NULL);
}

/* Gives a write that stands at the gate until open_gate; returns when it stands there, so that what comes after gathers behind it. */
static void
write_held(struct store *store, struct note *n)
{
    n->held = true;
    assert_int_equal(sem_init(&begun, 0, 0), 0);
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    store_write_async(store, STORE_SHORT, write_note, n, note_done);
    assert_int_equal(sem_wait(&begun), 0);
}

static void
open_gate(void)
{
    assert_int_equal(sem_post(&gate), 0);
}

static void
note_wait(struct note *n)
{
    pthread_mutex_lock(&n->lock);
    while (!n->finished)
        pthread_cond_wait(&n->wake, &n->lock);
    pthread_mutex_unlock(&n->lock);
}

static int64_t
notes(struct fixture *f)
{
    return sql_number(f, "SELECT count(*) FROM meta WHERE value = 'x'");
}

static void
test_what_was_written_is_seen_by_the_next_reader_and_after_opening_again(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note n;
    note_init(&n, "one");
    assert_ok(store_write(store, write_note, &n, &f->err), f->err);
    assert_int_equal(notes(f), 1);
    struct store_health health;
    store_health(store, &health);
    assert_true(health.writable);
    assert_true(health.database_bytes > 0);
    assert_true(uuid_is_valid(store_node_id(store)));
    char id[37];
    snprintf(id, sizeof(id), "%.*s", STR_ARG(store_node_id(store)));
    store_close(store);
    store = opened(f, NULL);
    assert_true(str_eq_c(store_node_id(store), id));
    assert_int_equal(notes(f), 1);
    store_close(store);
}

static bool
try_to_write(struct db *db, void *ctx, struct err *err)
{
    return write_note(db, ctx, err);
}

static void
test_a_reader_cannot_write(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note n;
    note_init(&n, "by a reader");
    assert_false(store_read(store, try_to_write, &n, &f->err));
    assert_int_equal(notes(f), 0);
    store_close(store);
}

/* Many small writes that wait share commits; each learns its own result. */
static bool
read_nothing(struct db *db, void *ctx, struct err *err)
{
    struct store *store = ctx;
    (void)db;
    return !store || !store_read(store, read_nothing, NULL, err); /* the only handle is lent out, to us */
}

static void
test_a_thread_in_a_hurry_takes_what_is_idle_and_waits_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_options options = fixture_options(f);
    struct note n;
    options.readers_max = 1;
    struct store *store = store_open(&options, &f->err);
    assert_ok(store != NULL, f->err);
    note_init(&n, "hurried");
    store_hurry(true);
    assert_false(store_read(store, read_nothing, NULL, &f->err)); /* none has been opened yet */
    assert_int_equal(f->err.code, E_STORE_BUSY);
    assert_true(store_would_wait());
    store_hurry(false);
    assert_false(store_would_wait());
    f->err = (struct err){0};
    assert_ok(store_read(store, read_nothing, NULL, &f->err), f->err);
    store_hurry(true);
    bool ok = store_read(store, read_nothing, NULL, &f->err);
    assert_int_equal(ok, store_reads_at_once(store));
    if (ok)
        assert_ok(store_read(store, read_nothing, store, &f->err), f->err);
    assert_true(store_would_wait());
    store_hurry(true);
    assert_false(store_write(store, write_note, &n, &f->err));
    assert_true(store_would_wait());
    assert_int_equal(atomic_load(&n.runs), 0);
    store_hurry(false);
    f->err = (struct err){0};
    assert_ok(store_write(store, write_note, &n, &f->err), f->err);
    store_close(store);
}

static bool
read_slowly(struct db *db, void *ctx, struct err *err)
{
    struct clock_manual *clock = ctx;
    (void)db, (void)err;
    clock_manual_advance(clock, 20 * US_PER_MS);
    return true;
}

static void
test_after_a_slow_read_a_thread_in_a_hurry_leaves_reading_to_others_for_a_while(void **state)
{
    struct fixture *f = *state;
    struct clock_manual clock;
    struct store_options options = fixture_options(f);
    clock_manual_init(&clock, NOW);
    options.clock = &clock.clock;
    struct store *store = store_open(&options, &f->err);
    assert_ok(store != NULL, f->err);
    if (on_postgres()) {
        store_close(store);
        return; /* reads nothing at once anyway */
    }
    assert_ok(store_read(store, read_slowly, &clock, &f->err), f->err);
    assert_true(store_reads_at_once(store)); /* nobody waited behind that one */
    store_hurry(true);
    assert_ok(store_read(store, read_nothing, NULL, &f->err), f->err);
    assert_true(store_reads_at_once(store));
    assert_ok(store_read(store, read_slowly, &clock, &f->err), f->err);
    store_hurry(false);
    assert_false(store_reads_at_once(store));
    clock_manual_advance(&clock, 2 * US_PER_S - 1);
    assert_false(store_reads_at_once(store));
    clock_manual_advance(&clock, 1);
    assert_true(store_reads_at_once(store));
    store_close(store);
}

static void
test_writes_that_wait_are_grouped_and_a_failing_one_undoes_only_itself(void **state)
{
    struct fixture *f = *state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct store *store = opened(f, &trace);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"};
    struct note n[ARRAY_LEN(names)];
    atomic_store(&trace.calls, 0);
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        note_init(&n[i], names[i]);
        n[i].fails = i % 4 == 3;
        if (i == 0)
            write_held(store, &n[i]);
        else
            store_write_async(store, STORE_SHORT, write_note, &n[i], note_done);
    }
    open_gate();
    unsigned failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        note_wait(&n[i]);
        assert_int_equal(n[i].ok, !n[i].fails);
        failed += n[i].fails;
        if (n[i].fails)
            assert_int_equal(n[i].code, E_CONFLICT);
    }
    assert_int_equal(notes(f), ARRAY_LEN(n) - failed);
    if (!on_postgres())
        assert_true(atomic_load(&trace.calls) <= 4);
    store_close(store);
}

/* Gives them all at once, the first one held, so that the others gather behind it, and waits for their ends. */
static void
write_together(struct store *store, struct note *n, size_t count)
{
    write_held(store, &n[0]);
    for (size_t i = 1; i < count; i++)
        store_write_async(store, STORE_SHORT, write_note, &n[i], note_done);
    open_gate();
    for (size_t i = 0; i < count; i++)
        note_wait(&n[i]);
}

#define CROWD 16

/* What can wait asks, and stands back; when the crowd has gone it is told so. */
static void
test_a_crowd_of_writes_is_known_while_it_lasts(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note n[CROWD];
    char names[CROWD][8];
    assert_false(store_is_pressed(store));
    for (size_t i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof(names[i]), "n%zu", i);
        note_init(&n[i], names[i]);
    }
    write_held(store, &n[0]);
    for (size_t i = 1; i < CROWD; i++)
        store_write_async(store, STORE_SHORT, write_note, &n[i], note_done);
    if (!on_postgres())
        assert_true(store_is_pressed(store));
    open_gate();
    for (size_t i = 0; i < CROWD; i++)
        note_wait(&n[i]);
    for (int i = 0; store_is_pressed(store); i++) {
        assert_true(i < 5000);
        usleep(1000);
    }
    store_close(store);
}

/* Without savepoints until one fails: then the others run once more, and with savepoints from there on. */
static void
test_a_failing_write_makes_its_group_run_again_and_those_after_it_only_once(void **state)
{
    struct fixture *f = *state;
    if (on_postgres())
        return;
    struct store *store = opened(f, NULL);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (int round = 0; round < 3; round++) {
        struct note n[ARRAY_LEN(names)];
        for (size_t i = 0; i < ARRAY_LEN(n); i++)
            note_init(&n[i], names[i]);
        n[5].fails = round > 0;
        write_together(store, n, ARRAY_LEN(n));
        for (size_t i = 0; i < ARRAY_LEN(n); i++) {
            bool again = round == 1 && i > 0 && i <= 5; /* the slow one may have a commit of its own */
            assert_int_equal(n[i].ok, i != 5 || round == 0);
            assert_true(atomic_load(&n[i].runs) == (again ? 2 : 1) || (round == 1 && i == 0));
        }
        assert_int_equal(notes(f), ARRAY_LEN(n)); /* f is there from the first round */
    }
    store_close(store);
}

static void
test_short_writes_go_before_pages(void **state)
{
    struct fixture *f = *state;
    if (on_postgres()) /* there each has a connection of its own */
        return;
    struct store *store = opened(f, NULL);
    struct note first, page, small;
    note_init(&first, "first");
    note_init(&page, "page");
    note_init(&small, "small");
    write_held(store, &first);
    store_write_async(store, STORE_PAGE, write_note, &page, note_done);
    store_write_async(store, STORE_SHORT, write_note, &small, note_done);
    open_gate();
    note_wait(&first);
    note_wait(&page);
    note_wait(&small);
    assert_true(small.place < page.place);
    store_close(store);
}

/* A commit that fails is tried again one by one, so that nobody pays for another. */
static void
test_a_failed_group_commit_is_repeated_closure_by_closure(void **state)
{
    struct fixture *f = *state;
    if (on_postgres())
        return;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct store *store = opened(f, &trace);
    struct note n[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    atomic_store(&trace.calls, 0);
    atomic_store(&trace.fail_at, 2);
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        note_init(&n[i], names[i]);
        n[i].sleep_us = i == 0 ? 50000 : 0; /* longer than a group lasts: it commits alone, the others together */
        if (i == 0)
            write_held(store, &n[i]);
        else
            store_write_async(store, STORE_SHORT, write_note, &n[i], note_done);
    }
    open_gate();
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        note_wait(&n[i]);
        assert_true(n[i].ok);
    }
    assert_int_equal(notes(f), 4);
    assert_true(atomic_load(&n[1].runs) == 2); /* in the group, and alone */
    store_close(store);
}

/* F9: the answer to COMMIT is lost. The caller is told that nobody knows; the store goes on. */
static void
test_a_commit_whose_answer_is_lost_is_uncertain_and_not_repeated(void **state)
{
    struct fixture *f = *state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT_LOST};
    struct store *store = opened(f, &trace);
    struct note n, next;
    note_init(&n, "lost");
    note_init(&next, "next");
    atomic_store(&trace.calls, 0);
    atomic_store(&trace.fail_at, 1);
    assert_fails_with(store_write(store, write_note, &n, &f->err), f->err, E_STORE_UNCERTAIN);
    assert_int_equal(atomic_load(&n.runs), 1);
    assert_int_equal(notes(f), 1); /* it was saved: reading tells */
    assert_ok(store_write(store, write_note, &next, &f->err), f->err);
    assert_int_equal(notes(f), 2);
    store_close(store);
}

/* F7, F10: broken before COMMIT: the whole closure again, on another connection. */
static void
test_a_connection_lost_before_commit_is_replaced_and_the_closure_repeated(void **state)
{
    struct fixture *f = *state;
    if (!on_postgres())
        return;
    struct db_trace trace = {.at = DB_TRACE_LOST};
    struct store *store = opened(f, &trace);
    struct note n;
    note_init(&n, "again");
    atomic_store(&trace.calls, 0);
    atomic_store(&trace.fail_at, 1);
    assert_ok(store_write(store, write_note, &n, &f->err), f->err);
    assert_int_equal(atomic_load(&n.runs), 2);
    pg_script(fixture_conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                                " AND pid <> pg_backend_pid()");
    note_init(&n, "after all were ended");
    assert_ok(store_write(store, write_note, &n, &f->err), f->err);
    assert_int_equal(notes(f), 2);
    store_close(store);
}

static pthread_barrier_t both_locked;

/* Each takes its own row first, and the other's when both have: PostgreSQL must break the knot. SQLite has one writer. */
static bool
swap_two(struct db *db, void *ctx, struct err *err)
{
    struct note *n = ctx;
    const char *other = strcmp(n->name, "left") == 0 ? "right" : "left";
    bool first = atomic_fetch_add(&n->runs, 1) == 0;
    if (!db_exec(db, SQL_META_SET, DB_ARGS(DB_T(str_from_c(n->name)), DB_T(STR("x"))), NULL, err))
        return false;
    if (first && on_postgres())
        pthread_barrier_wait(&both_locked);
    return db_exec(db, SQL_META_SET, DB_ARGS(DB_T(str_from_c(other)), DB_T(STR("x"))), NULL, err);
}

/* F10 */
static void
test_a_deadlock_is_repeated_as_a_whole(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note left, right;
    note_init(&left, "left");
    note_init(&right, "right");
    pthread_barrier_init(&both_locked, NULL, 2);
    store_write_async(store, STORE_SHORT, swap_two, &left, note_done);
    store_write_async(store, STORE_SHORT, swap_two, &right, note_done);
    note_wait(&left);
    note_wait(&right);
    assert_true(left.ok && right.ok);
    if (on_postgres())
        assert_true(atomic_load(&left.runs) + atomic_load(&right.runs) > 2);
    pthread_barrier_destroy(&both_locked);
    store_close(store);
}

static bool
write_much(struct db *db, void *ctx, struct err *err)
{
    struct fixture *f = ctx;
    char *text = malloc(1 << 20);
    memset(text, 'x', 1 << 20);
    char name[37];
    uuid_v7_now(name);
    bool ok = db_exec(db, SQL_META_SET, DB_ARGS(DB_T(str_from_c(name)), DB_T(((struct str){text, 1 << 20}))), NULL, err);
    free(text);
    (void)f;
    return ok;
}

/* F3, in a process of its own, whose files may not grow. */
static int
fill_the_disk(struct fixture *f)
{
    struct store *store = opened(f, NULL);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {4 << 20, 64 << 20}, wide = {64 << 20, 64 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    bool full = false;
    struct err err = {0};
    for (int i = 0; i < 40 && !full; i++)
        full = !store_write(store, write_much, f, &err);
    struct store_health health;
    store_health(store, &health);
    if (!full || err.code != E_STORE_FULL || !health.disk_full || health.writable)
        return fprintf(stderr, "full %d code %s disk_full %d\n", full, err_name(err.code), health.disk_full), 1;
    struct note n;
    note_init(&n, "small");
    setrlimit(RLIMIT_FSIZE, &wide); /* somebody made room: it recovers by itself */
    if (!store_write(store, write_note, &n, &err) || !store_write(store, write_much, f, &err))
        return fprintf(stderr, "after room was made: %s %s\n", err_name(err.code), err.message), 1;
    store_health(store, &health);
    if (health.disk_full || !health.writable)
        return 1;
    store_close(store);
    return 0;
}

static void
test_a_full_disk_is_said_survived_and_recovered_from(void **state)
{
    struct fixture *f = *state;
    if (on_postgres())
        return;
    pid_t child = fork();
    if (child == 0)
        _exit(fill_the_disk(f));
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(notes(f), 1);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

static int
write_until_killed(struct fixture *f, int pipe_fd)
{
    struct store *store = opened(f, NULL);
    for (int i = 0; i < 100000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        struct note n;
        note_init(&n, name);
        struct err err;
        if (!store_write(store, write_note, &n, &err) || write(pipe_fd, &i, sizeof(i)) != sizeof(i))
            return 1;
    }
    return 0;
}

/* I-1, against a kill. */
static void
test_what_was_acknowledged_survives_a_kill(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 3; round++) {
        int fds[2], last = -1;
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0)
            _exit(write_until_killed(f, fds[1]));
        close(fds[1]);
        while (last < 20 + round && read(fds[0], &last, sizeof(last)) == sizeof(last))
            ;
        kill(child, SIGKILL);
        while (read(fds[0], &last, sizeof(last)) == sizeof(last))
            ;
        waitpid(child, NULL, 0);
        close(fds[0]);
        assert_true(last >= 20);
        struct store *store = opened(f, NULL);
        char text[100];
        snprintf(text, sizeof(text), "SELECT count(*) FROM meta WHERE name = 'n%d'", last);
        assert_int_equal(sql_number(f, text), 1);
        store_close(store);
    }
}

static void *
poke_later(void *store)
{
    usleep(30000);
    store_poke(store);
    return NULL;
}

static void
test_who_waits_for_work_is_woken_by_a_poke_even_one_that_came_before(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    int64_t start = clock_monotonic_us(clock_system());
    store_poke(store);
    store_wait_work(store, 10000);
    pthread_t thread;
    pthread_create(&thread, NULL, poke_later, store);
    store_wait_work(store, 10000);
    pthread_join(thread, NULL);
    assert_true(clock_monotonic_us(clock_system()) - start < 5 * US_PER_S);
    start = clock_monotonic_us(clock_system());
    store_wait_work(store, 20);
    assert_true(clock_monotonic_us(clock_system()) - start >= 15000);
    store_close(store);
}

/* Another node's word arrives by the database. */
static void
test_another_nodes_run_wakes_the_workers_here(void **state)
{
    struct fixture *f = *state;
    if (!on_postgres())
        return;
    struct store *store = opened(f, NULL);
    for (int i = 0; i < 100 && sql_number(f, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") == 0; i++)
        usleep(20000);
    store_wait_work(store, 1);
    pg_script(fixture_conninfo, "SELECT pg_notify('tidemark_work', '')");
    int64_t start = clock_monotonic_us(clock_system());
    store_wait_work(store, 10000);
    assert_true(clock_monotonic_us(clock_system()) - start < 5 * US_PER_S);
    store_close(store);
}

static atomic_int fatal_calls;

static void
note_fatal(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&fatal_calls, 1);
}

/* F4: once is survived, twice in a row ends the process. */
static void
test_a_file_that_fails_twice_in_a_row_ends_the_process(void **state)
{
    struct fixture *f = *state;
    if (on_postgres())
        return;
    struct db_trace trace = {.at = DB_TRACE_COMMIT_LOST};
    struct store_options options = fixture_options(f);
    options.wrap = db_trace_wrap;
    options.wrap_ctx = &trace;
    options.fatal = note_fatal;
    struct store *store = store_open(&options, &f->err);
    assert_non_null(store);
    struct note n;
    note_init(&n, "n");
    atomic_store(&trace.calls, 0);
    atomic_store(&trace.fail_at, 1);
    assert_fails_with(store_write(store, write_note, &n, &f->err), f->err, E_STORE_UNCERTAIN);
    assert_ok(store_write(store, write_note, &n, &f->err), f->err);
    assert_int_equal(atomic_load(&fatal_calls), 0);
    atomic_store(&trace.calls, 0);
    trace.lasting = true;
    assert_fails_with(store_write(store, write_note, &n, &f->err), f->err, E_STORE_UNCERTAIN);
    assert_int_equal(atomic_load(&fatal_calls), 0);
    assert_fails_with(store_write(store, write_note, &n, &f->err), f->err, E_STORE_UNCERTAIN);
    assert_int_equal(atomic_load(&fatal_calls), 1);
    store_close(store);
}

/* F8: after a failover the node may stand on a server that only reads. It is left for the one that writes, nothing is half done. */
static void
test_f8_a_primary_that_became_read_only_is_left_and_the_write_goes_on_when_it_can(void **state)
{
    struct fixture *f = *state;
    if (!on_postgres())
        return;
    struct store *store = opened(f, NULL);
    struct note before = {.name = "before"}, during = {.name = "during"}, after = {.name = "after"};
    assert_ok(store_write(store, write_note, &before, &f->err), f->err);
    pg_script(fixture_conninfo, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on',"
                                " current_database()); END $$");
    /* Those that are connected lose their connection, as in a failover. */
    pg_script(fixture_conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                                " AND pid <> pg_backend_pid()");
    assert_false(store_write(store, write_note, &during, &f->err));
    assert_true(f->err.code == E_STORE || f->err.code == E_STORE_BUSY);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM meta WHERE name = 'during'"), 0);
    pg_script(fixture_conninfo, "SET transaction_read_only = off; DO $$ BEGIN EXECUTE"
                                " format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$");
    f->err = (struct err){0};
    assert_ok(store_write(store, write_note, &after, &f->err), f->err);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM meta WHERE name IN ('before', 'after')"), 2);
    store_close(store);
}

/* Those for which nobody waits share the commit of the next that somebody waits for; alone they are written a moment later. */
static void
test_a_lazy_write_rides_with_the_next_and_is_written_alone_where_none_comes(void **state)
{
    struct fixture *f = *state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct store *store = opened(f, &trace);
    struct note lazy, asked, alone;
    note_init(&lazy, "lazy");
    note_init(&asked, "asked");
    note_init(&alone, "alone");
    atomic_store(&trace.calls, 0);
    store_write_async(store, STORE_LAZY, write_note, &lazy, note_done);
    assert_ok(store_write(store, write_note, &asked, &f->err), f->err);
    note_wait(&lazy);
    assert_true(lazy.ok);
    if (!on_postgres())
        assert_int_equal(atomic_load(&trace.calls), 1);
    store_write_async(store, STORE_LAZY, write_note, &alone, note_done);
    note_wait(&alone);
    assert_int_equal(notes(f), 3);
    store_close(store);
}

static void
test_settling_waits_for_all_that_was_given(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note slow, page, lazy;
    store_settle(store); /* nothing waits */
    note_init(&slow, "slow");
    note_init(&page, "page");
    note_init(&lazy, "lazy");
    slow.sleep_us = 50000;
    store_write_async(store, STORE_SHORT, write_note, &slow, note_done);
    store_write_async(store, STORE_PAGE, write_note, &page, note_done);
    store_write_async(store, STORE_LAZY, write_note, &lazy, note_done);
    store_settle(store);
    assert_true(slow.ok);
    assert_true(page.ok);
    assert_true(lazy.ok);
    assert_int_equal(store_queue_length(store), 0);
    store_close(store);
}

static bool
ride_along(struct db *db, void *ctx, struct str effect, struct err *err)
{
    struct note *n = ctx;
    assert_str(effect, "thing:1");
    return write_note(db, n, err);
}

static bool
write_with_effect(struct db *db, void *ctx, struct err *err)
{
    db_note_effect(db, "thing", STR("1"));
    return write_note(db, ctx, err);
}

/* The rider of the thread that asked goes with the write, though that thread has taken it off when it runs. */
static void
test_a_rider_goes_with_a_write_that_nobody_waits_for(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note first, n, bad, rider;
    note_init(&first, "first");
    note_init(&n, "with a rider");
    note_init(&bad, "with a rider that fails");
    note_init(&rider, "rider");
    write_held(store, &first);
    store_rider_set(ride_along, &rider);
    store_write_async(store, STORE_SHORT, write_with_effect, &n, note_done);
    store_rider_set(NULL, NULL);
    open_gate();
    note_wait(&first);
    note_wait(&n);
    assert_true(n.ok);
    assert_int_equal(notes(f), 3);
    rider.fails = true;
    store_rider_set(ride_along, &rider);
    store_write_async(store, STORE_SHORT, write_with_effect, &bad, note_done);
    store_rider_set(NULL, NULL);
    note_wait(&bad);
    assert_int_equal(bad.code, E_CONFLICT);
    assert_int_equal(notes(f), 3);
    store_close(store);
}

struct key_change {
    struct arena *arena;
    struct api_key key;
    bool revokes;
};

static bool
change_key(struct db *db, void *ctx, struct err *err)
{
    struct key_change *c = ctx;
    struct tenant tenant;
    if (c->revokes)
        return store_key_revoke(db, c->key.tenant, c->key.uuid, NOW, err);
    if (!store_tenant_ensure_default(db, c->arena, NOW, &tenant, NULL, err))
        return false;
    c->key.tenant = tenant.id;
    return store_key_create(db, c->arena, &c->key, STR("hash"), NOW, err);
}

/* What doors remember of a key must be forgotten before anybody hears that it was revoked. */
static void
test_a_committed_change_of_a_key_is_counted_before_it_is_told(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct key_change c = {.arena = &f->arena, .key = {.name = STR("k"), .shown = STR("tm_")}};
    struct note other;
    note_init(&other, "other");
    assert_ok(store_write(store, change_key, &c, &f->err), f->err);
    uint64_t before = store_identity_generation(store);
    assert_ok(store_write(store, write_note, &other, &f->err), f->err);
    assert_true(store_identity_generation(store) == before);
    c.revokes = true;
    assert_ok(store_write(store, change_key, &c, &f->err), f->err);
    assert_true(store_identity_generation(store) > before);
    store_close(store);
}
