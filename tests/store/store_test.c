/*
 * The store as the rooms see it: who reads and writes, what a failure takes with it, and what is on disk when a write has returned.
 */
#include "tests/store/notes.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* All but our own connection to this database are closed when it returns. */
#define TERMINATE_OTHERS                                                                                                   \
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

static int
setup(void **state)
{
    *state = fixture_new();
    return 0;
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
    struct clock_manual clock;
    struct note n;
    clock_manual_init(&clock, NOW); /* by which no read is slow */
    options.clock = &clock.clock;
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

/* What a read does that takes 20 ms, by the clock handed in. */
enum slow { PUT_ASIDE, SLEEPS, COMPUTES };
struct slow_read {
    struct clock_manual *clock;
    enum slow slow;
};

static long
sleeps(void)
{
    struct rusage used;
    getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
}

static bool
read_slowly(struct db *db, void *ctx, struct err *err)
{
    struct slow_read *read = ctx;
    (void)db, (void)err;
    clock_manual_advance(read->clock, 20 * US_PER_MS);
    long before = sleeps();
    do
        usleep(1000);
    while (read->slow == SLEEPS && sleeps() - before < 4); /* one is for a lock */
    for (int64_t began_us = computed_us(); read->slow == COMPUTES && computed_us() - began_us < 11 * US_PER_MS;)
        ;
    return true;
}

/* Its time is the test's. */
static struct store *
opened_at(struct fixture *f, struct clock_manual *clock)
{
    struct store_options options = fixture_options(f);
    clock_manual_init(clock, NOW);
    options.clock = &clock->clock;
    struct store *store = store_open(&options, &f->err);
    assert_ok(store != NULL, f->err);
    return store;
}

static void
test_after_a_slow_read_a_thread_in_a_hurry_leaves_reading_to_others_for_a_while(void **state)
{
    struct fixture *f = *state;
    struct clock_manual clock;
    struct store *store = opened_at(f, &clock);
    if (on_postgres()) {
        store_close(store);
        return; /* reads nothing at once anyway */
    }
    struct slow_read slow = {&clock, SLEEPS};
    assert_ok(store_read(store, read_slowly, &slow, &f->err), f->err);
    assert_true(store_reads_at_once(store)); /* nobody waited behind that one */
    for (; slow.slow <= COMPUTES; slow.slow++) {
        store_hurry(true);
        assert_ok(store_read(store, read_nothing, NULL, &f->err), f->err);
        assert_true(store_reads_at_once(store));
        assert_ok(store_read(store, read_slowly, &slow, &f->err), f->err);
        store_hurry(false);
        assert_false(store_reads_at_once(store));
        clock_manual_advance(&clock, 2 * US_PER_S - 1);
        assert_false(store_reads_at_once(store));
        clock_manual_advance(&clock, 1);
        assert_true(store_reads_at_once(store));
    }
    store_close(store);
}

/* Other programs had its core, or that of a thread whose lock it wanted: no other thread of ours would have been faster. */
static void
test_a_thread_that_was_put_aside_while_it_read_reads_on(void **state)
{
    struct fixture *f = *state;
    struct clock_manual clock;
    struct store *store = opened_at(f, &clock);
    struct slow_read slow = {&clock, PUT_ASIDE};
    assert_ok(store_read(store, read_nothing, NULL, &f->err), f->err);
    bool before = store_reads_at_once(store);
    store_hurry(true);
    assert_int_equal(store_read(store, read_slowly, &slow, &f->err), before);
    store_hurry(false);
    assert_int_equal(store_reads_at_once(store), before);
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
    pg_script(fixture_conninfo, TERMINATE_OTHERS);
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
    store_wait_work(store, 120000);
    pthread_t thread;
    pthread_create(&thread, NULL, poke_later, store);
    store_wait_work(store, 120000);
    pthread_join(thread, NULL);
    assert_true(clock_monotonic_us(clock_system()) - start < 60 * US_PER_S);
    start = clock_monotonic_us(clock_system());
    store_wait_work(store, 20);
    assert_true(clock_monotonic_us(clock_system()) - start >= 15000);
    store_close(store);
}

#define LISTENERS                                                                                                          \
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'"

/* Another node's word arrives by the database. */
static void
test_another_nodes_run_wakes_the_workers_here(void **state)
{
    struct fixture *f = *state;
    if (!on_postgres())
        return;
    struct store *store = opened(f, NULL);
    for (int i = 0; i < 3000 && sql_number(f, LISTENERS) == 0; i++)
        usleep(20000);
    store_wait_work(store, 1);
    pg_script(fixture_conninfo, "SELECT pg_notify('tidemark_work', '')");
    int64_t start = clock_monotonic_us(clock_system());
    store_wait_work(store, 120000);
    assert_true(clock_monotonic_us(clock_system()) - start < 60 * US_PER_S);
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
    pg_script(fixture_conninfo, TERMINATE_OTHERS);
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
