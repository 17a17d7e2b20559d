/*
 * Creations whose answer is not the record, or is lost: the record is asked for, and nobody is made twice.
 */
#include "push_desk.h"

#define SENDS_MAX 40

static struct rig *rig;
static struct connection connection;

static void
begin(enum desk_shows shows, bool no_reads)
{
    rig = desk_world(&(struct desk_way){.shows = shows, .no_reads = no_reads}, NULL, NULL);
    connection = desk_connect(rig, 0, "push", NULL);
}

static void
assert_agreed(struct str uuid, const char *mail, const char *when)
{
    int64_t id = desk_with_mail(0, str_from_c(mail));
    if (desk_count(0, mail) != 1)
        fail_msg("%s: %s is there %d times", when, mail, (int)desk_count(0, mail));
    assert_true(str_eq(desk_uuid(rig, &connection, id), uuid));
    assert_int_equal(rig_rejected_of(rig, &connection), 0);
}

/* The agreement is what was sent: neither sent again nor read as a change. */
static void
assert_no_news(void)
{
    int64_t writes = desks[0].writes;
    desk_push(rig, &connection, true);
    assert_int_equal(desks[0].writes, writes);
}

static void
creation_is_read_back(enum desk_shows shows, bool no_reads)
{
    begin(shows, no_reads);
    struct str ana = desk_record(rig, "{\"name\":\"Ana\",\"email\":\"ana@example.com\",\"timezone\":\"America/Recife\"}");
    desk_push(rig, &connection, false);
    assert_agreed(ana, "ana@example.com", "created");
    assert_no_news();
    desk_edit(rig, ana, "{\"timezone\":\"America/Belem\"}");
    desk_push(rig, &connection, false);
    assert_string_equal(desks[0].people[0].zone, "America/Belem");
    assert_string_equal(desks[0].people[0].name, "Ana");
    rig_free(rig);
}

static void
test_an_answer_that_holds_the_id_only_is_read_back_by_it(void **state)
{
    (void)state;
    creation_is_read_back(DESK_SHOWS_ID, false);
    creation_is_read_back(DESK_SHOWS_BARE_ID, false);
}

static void
test_an_answer_without_a_record_is_looked_up_by_its_key(void **state)
{
    (void)state;
    creation_is_read_back(DESK_SHOWS_NOTHING, false);
    creation_is_read_back(DESK_SHOWS_NOTHING, true);
    creation_is_read_back(DESK_SHOWS_ID, true);
}

/* Without a key the id is all there is. */
static void
test_a_record_without_a_key_is_read_back_by_its_id_and_rejected_where_none_is_told(void **state)
{
    (void)state;
    begin(DESK_SHOWS_BARE_ID, false);
    struct str nameless = desk_record(rig, "{\"name\":\"Nobody\"}");
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].count, 1);
    assert_true(str_eq(desk_uuid(rig, &connection, 1), nameless));
    assert_no_news();
    rig_free(rig);
    begin(DESK_SHOWS_NOTHING, false);
    desk_record(rig, "{\"name\":\"Nobody\"}");
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].count, 1);
    assert_int_equal(rig_rejected_of(rig, &connection), 1);
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].count, 1);
    rig_free(rig);
}

static void
test_one_that_cannot_be_read_back_is_found_by_its_key_later_or_told_with_its_id(void **state)
{
    (void)state;
    begin(DESK_SHOWS_ID, false);
    desks[0].unreadable = true;
    struct str ana = desk_record(rig, "{\"name\":\"Ana\",\"email\":\"ana@example.com\"}");
    desk_push(rig, &connection, false);
    assert_agreed(ana, "ana@example.com", "unreadable");
    desk_record(rig, "{\"name\":\"Nobody\"}");
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].count, 2);
    assert_int_equal(rig_rejected_of(rig, &connection), 1);
    rig_free(rig);
}

/* A search index that lags: nobody is found at once, and nobody is made twice. */
static void
test_who_is_not_found_yet_is_not_made_again(void **state)
{
    (void)state;
    begin(DESK_SHOWS_NOTHING, true);
    desks[0].twins = true;
    desks[0].lag = 2;
    struct str ana = desk_record(rig, "{\"name\":\"Ana\",\"email\":\"ana@example.com\"}");
    desk_push(rig, &connection, false);
    assert_agreed(ana, "ana@example.com", "lag");
    rig_free(rig);
}

static struct str
somebody_new(const char *mail)
{
    return desk_record(rig, str_cstr(&rig->arena, str_format(&rig->arena, "{\"name\":\"N\",\"email\":\"%s\"}", mail)));
}

/* Two people are made; their n-th send is lost. True: there was one. */
static bool
lose(int64_t n, enum desk_lost how)
{
    char ana[48], bia[48];
    struct desk *d = &desks[0];
    snprintf(ana, sizeof(ana), "ana%d.%d@example.com", (int)n, (int)how);
    snprintf(bia, sizeof(bia), "bia%d.%d@example.com", (int)n, (int)how);
    struct str first = somebody_new(ana), second = somebody_new(bia);
    d->how = how;
    d->lose_at = d->sends + n;
    desk_push(rig, &connection, false);
    assert_agreed(first, ana, "lost");
    assert_agreed(second, bia, "lost");
    return d->sends >= d->lose_at;
}

/* The vendor takes the same address twice: only we can see to it that it does not. */
static void
test_any_send_may_be_lost_on_the_way_to_a_record_that_is_read_back(void **state)
{
    (void)state;
    const enum desk_shows ways[] = {DESK_SHOWS_ID, DESK_SHOWS_NOTHING};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        bool struck = true;
        begin(ways[i], false);
        desks[0].twins = true;
        for (int64_t n = 1; struck && n < SENDS_MAX; n++)
            struck = lose(n, DESK_LOST_BEFORE) && lose(n, DESK_LOST_AFTER) && lose(n, DESK_LOST_500);
        assert_false(struck);
        rig_free(rig);
    }
}

/* The record waits by itself: the run does not fail, and others are sent. */
static void
test_a_lost_answer_is_the_records_trouble_and_not_the_runs(void **state)
{
    (void)state;
    const enum desk_lost losses[] = {DESK_LOST_BEFORE, DESK_LOST_AFTER, DESK_LOST_500};
    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        struct err err = {0};
        struct run run;
        begin(DESK_SHOWS_RECORD, false);
        desks[0].how = losses[i];
        desks[0].lose_at = 3; /* two look-ups, then the first creation */
        desk_record(rig, "{\"name\":\"Ana\",\"email\":\"ana@example.com\"}");
        desk_record(rig, "{\"name\":\"Bia\",\"email\":\"bia@example.com\"}");
        struct run_request request = {.connection = connection.uuid, .direction = STR("push")};
        assert_ok(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err), err);
        assert_true(rig_step(rig));
        run = rig_look(rig, run.uuid);
        assert_state(run, RUN_WAITING);
        assert_int_equal(run.counts.created, 1);
        assert_int_equal(desk_count(0, "bia@example.com"), 1);
        rig_free(rig);
    }
}

/* ---- many at once */

#define CROWD 5

static void
crowd(enum desk_lost how, int64_t lose_at, int64_t lag)
{
    struct str uuids[CROWD];
    rig = desk_world(&(struct desk_way){.many = true}, NULL, NULL);
    connection = desk_connect(rig, 0, "push", NULL);
    desks[0].twins = true;
    desks[0].how = how;
    desks[0].lose_at = lose_at;
    desks[0].lag = lag;
    for (int i = 0; i < CROWD; i++)
        uuids[i] = desk_record(rig, str_cstr(&rig->arena, str_format(&rig->arena, "{\"name\":\"N\",\"email\":\"p%d@example.com\"}", i)));
    desk_push(rig, &connection, false);
    for (int i = 0; i < CROWD; i++)
        assert_agreed(uuids[i], str_cstr(&rig->arena, str_format(&rig->arena, "p%d@example.com", i)), "crowd");
    assert_int_equal(desks[0].count, CROWD);
    rig_free(rig);
}

/* After CROWD look-ups the sixth send is the call for all: its answer is lost, and what it made shows late in the search. */
static void
test_a_call_for_many_whose_answer_is_lost_makes_nobody_twice(void **state)
{
    (void)state;
    crowd(DESK_LOST_NEVER, 0, 0);
    crowd(DESK_LOST_AFTER, CROWD + 1, 0);
    crowd(DESK_LOST_AFTER, CROWD + 1, 1);
    crowd(DESK_LOST_500, CROWD + 1, 1);
    crowd(DESK_LOST_BEFORE, CROWD + 1, 0);
}
