/*
 * Push with the real store: every send may be lost before or after it was done, every statement may fail, and in the end each record
 * is at the vendor once, as it is here.
 */
#include "push_desk.h"

#include "engine/edit.h"
#include "store/db_trace.h"

#define PEOPLE 2
#define SENDS_MAX 60
#define STATEMENTS_MAX 600

static struct connection connection;
static struct desk *const there = &desks[0];

/* One is at the vendor already, under the first one's address. */
static struct rig *
world(struct db *(*wrap)(struct db *real, void *ctx), void *ctx)
{
    struct rig *rig = desk_world(&(struct desk_way){.no_version = true}, wrap, ctx);
    connection = desk_connect(rig, 0, "push", NULL);
    (void)desk_put(0, "", "p0@example.com", "", "");
    for (int i = 0; i < PEOPLE; i++)
        (void)desk_record(rig, str_cstr(&rig->arena, str_format(&rig->arena, "{\"name\":\"Name %d\",\"email\":\"p%d@example.com\"}", i, i)));
    return rig;
}

static void
assert_once(struct rig *rig, const char *when, int64_t n)
{
    if (there->count != PEOPLE)
        fail_msg("%s %d: %d there", when, (int)n, (int)there->count);
    for (int i = 0; i < PEOPLE; i++) {
        char mail[64], name[64];
        snprintf(mail, sizeof(mail), "p%d@example.com", i);
        snprintf(name, sizeof(name), "Name %d", i);
        int64_t id = desk_with_mail(0, str_from_c(mail));
        if (id == 0 || strcmp(there->people[id - 1].name, name) != 0)
            fail_msg("%s %d: %s is %s there", when, (int)n, mail, id ? there->people[id - 1].name : "not");
        assert_false(str_is_none(rig_data(rig, &connection, "contacts", id)));
    }
    assert_int_equal(rig_count(rig, "contacts", true), PEOPLE);
    assert_int_equal(rig_rejected_of(rig, &connection), 0);
}

static void
test_each_is_there_once_and_who_was_there_is_linked(void **state)
{
    (void)state;
    struct rig *rig = world(NULL, NULL);
    (void)desk_push(rig, &connection, false);
    assert_once(rig, "quiet", 0);
    int64_t sends = there->sends;
    (void)desk_push(rig, &connection, false);
    assert_int_equal(there->sends, sends); /* nothing waits: nothing is asked */
    rig_free(rig);
}

/* With a vendor that takes the same address twice, and (step 1) with one that refuses it too. */
static void
every_send(enum desk_lost how, const char *when, int64_t step)
{
    bool struck = true;
    for (int64_t k = 2; struck && k < 2 * SENDS_MAX; k += step) {
        int64_t n = k / 2;
        struct rig *rig = world(NULL, NULL);
        there->how = how;
        there->twins = k % 2 == 0;
        there->lose_at = n;
        (void)desk_push(rig, &connection, false);
        struck = there->sends >= n;
        assert_once(rig, when, n);
        rig_free(rig);
    }
    assert_false(struck);
}

static void
test_every_send_may_be_lost_before_it_arrives(void **state)
{
    (void)state;
    every_send(DESK_LOST_BEFORE, "lost before send", 2);
}

static void
test_every_answer_may_be_lost_after_it_was_done(void **state)
{
    (void)state;
    every_send(DESK_LOST_AFTER, "lost after send", 1);
}

static void
test_every_answer_may_be_a_500_although_it_was_done(void **state)
{
    (void)state;
    every_send(DESK_LOST_500, "500 after send", 2);
}

/* Every 23rd, so that it takes seconds; a statement that fails is one of some dozens, again and again. */
static void
every_statement(enum db_trace_at at, int64_t step)
{
    for (int64_t n = 1; n < STATEMENTS_MAX; n += step) {
        struct db_trace trace = {.at = at};
        struct rig *rig = world(db_trace_wrap, &trace);
        bool struck = desk_push_dies(rig, &connection, &trace, n);
        (void)desk_push(rig, &connection, false);
        assert_once(rig, "statement", n);
        rig_free(rig);
        if (!struck)
            return;
    }
}

static void
test_every_statement_may_fail(void **state)
{
    (void)state;
    every_statement(DB_TRACE_STATEMENT, 23);
}

static void
test_every_commit_may_be_lost(void **state)
{
    (void)state;
    every_statement(DB_TRACE_COMMIT_LOST, 2);
}

/* ---- somebody edits without end */

#define EDITS_MAX 20

static struct rig *busy;
static struct str edited;
static int edits;

static void
edit_again(int64_t id)
{
    char fields[64];
    (void)id;
    if (edits++ >= EDITS_MAX)
        return;
    snprintf(fields, sizeof(fields), "{\"name\":\"Ana %d\"}", edits);
    desk_edit(busy, edited, fields);
}

static int64_t
push_by_itself(struct rig *rig)
{
    struct err err = {0};
    int64_t started = 0;
    assert_ok(engine_push_round(rig->engine, &started, &err), err);
    while (rig_step(rig))
        ;
    return started;
}

static bool
make_due(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    return db_script(db, "UPDATE connections SET next_run_at = CASE WHEN direction = 'both' THEN 1000000 END, next_full_at = NULL", err);
}

static bool
read_next(struct db *db, void *ctx, struct err *err)
{
    struct connection now;
    int64_t *next_us = ctx;
    if (store_connection_get_by_id(db, &busy->arena, busy->tenant, connection.id, &now, err) != ROW_FOUND)
        return false;
    *next_us = now.next_run_us;
    return true;
}

/* A run that began by itself ends, and the platform is read before the next one begins. */
static void
test_what_is_edited_during_a_push_waits_for_the_next_one(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t started = 0, next_us;
    busy = desk_world(&(struct desk_way){.no_version = true}, NULL, NULL);
    connection = desk_connect(busy, 0, "both", NULL);
    (void)desk_pull(busy, &connection);
    edited = desk_record(busy, "{\"name\":\"Ana\",\"email\":\"ana@example.com\"}");
    assert_int_equal(push_by_itself(busy), 1);
    there->before_write = edit_again;
    edits = 0;
    edit_again(0);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(push_by_itself(busy), 1);
        assert_int_equal(edits, i + 1);
    }
    assert_ok(engine_push_round(busy->engine, &started, &err), err);
    assert_int_equal(started, 1);
    assert_ok(store_write(busy->store, make_due, NULL, &err), err);
    assert_ok(engine_schedule_round(busy->engine, &started, &err), err);
    assert_int_equal(started, 0); /* it waits, and not for long */
    assert_ok(store_read(busy->store, read_next, &next_us, &err), err);
    assert_in_range(next_us, 1000000, clock_wall_us(busy->engine->options.clock) + US_PER_S);
    there->before_write = NULL;
    rig_free(busy);
}

/* ---- somebody else at the same moment */

/* An event of the vendor locks the record before it writes what the vendor says. */
#define EVENT                                                                                                              \
    "DO $$ BEGIN PERFORM 1 FROM records FOR UPDATE NOWAIT; UPDATE entity_map SET url = 'came'; "                          \
    "EXCEPTION WHEN lock_not_available THEN NULL; END $$"

static void
event_meanwhile(void *ctx, const char *statement)
{
    if (strcmp(statement, "push_agree") == 0)
        rig_script_aside(ctx, EVENT);
}

#define NO_EVENT_CAME "CREATE TEMPORARY TABLE came (n bigint CHECK (n = 0)); " \
    "INSERT INTO came SELECT count(*) FROM entity_map WHERE url = 'came'; DROP TABLE came"

/*
 * What was agreed on is looked at and then written: an event that comes in between waits. PostgreSQL; with one writer nobody
 * can come between.
 */
static void
test_nobody_comes_between_what_was_agreed_on_and_its_writing(void **state)
{
    (void)state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = desk_world(&(struct desk_way){.no_version = true}, db_trace_wrap, &trace);
    connection = desk_connect(rig, 0, "both", NULL);
    (void)desk_put(0, "Ana", "ana@example.com", "", "");
    (void)desk_pull(rig, &connection);
    desk_edit(rig, desk_uuid(rig, &connection, 1), "{\"name\":\"Ana Maria\"}");
    trace.before_ctx = rig;
    trace.before = rig->database[0] == '\0' ? NULL : event_meanwhile;
    (void)desk_push(rig, &connection, false);
    trace.before = NULL;
    assert_int_equal(there->writes, 1);
    rig_script_aside(rig, NO_EVENT_CAME);
    rig_free(rig);
}

/* ---- who is erased at the same moment */

static void
erase_him(int64_t id)
{
    struct err err = {0};
    struct edit_by by = {.tenant = busy->tenant, .region = STR("BR"), .actor = STR("user:ana")};
    (void)id;
    assert_ok(edit_erase(busy->engine, &by, STR("contacts"), edited, &err), err);
}

/* Whoever is erased while the vendor makes him does not come back from there, and his push is none the worse. */
static void
erased_while_made(bool refuses)
{
    busy = desk_world(&(struct desk_way){.no_version = true}, NULL, NULL);
    connection = desk_connect(busy, 0, "both", NULL);
    (void)desk_pull(busy, &connection);
    edited = desk_record(busy, "{\"name\":\"Ana Souza\",\"email\":\"ana@example.com\"}");
    there->before_write = erase_him;
    there->refuses = refuses;
    struct run run = desk_push(busy, &connection, false);
    there->before_write = NULL;
    there->refuses = false;
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(there->count, refuses ? 0 : 1);
    (void)desk_pull(busy, &connection);
    assert_int_equal(rig_count(busy, "contacts", true), 0);
    assert_int_equal(rig_rejected_of(busy, &connection), 0);
    rig_free(busy);
}

static void
test_who_is_erased_while_he_is_made_there_does_not_come_back(void **state)
{
    (void)state;
    erased_while_made(false);
}

static void
test_who_is_erased_while_he_is_refused_there_is_not_kept_for_it(void **state)
{
    (void)state;
    erased_while_made(true);
}
