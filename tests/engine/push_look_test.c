/*
 * Many are looked for at once before they are made: who is there is linked, who is not is made, and whom the answer leaves open is asked
 * for alone. Nobody is made twice, whatever is lost.
 */
#include "push_desk.h"

#include "store/db_trace.h"

#define CROWD 25
#define FEW 4
#define SENDS_MAX 30
#define STATEMENTS_MAX 600

static struct rig *rig;
static struct connection connection;
static struct desk *const there = &desks[0];
static struct str uuids[CROWD];

static const char *
mail_of(int i)
{
    return str_cstr(&rig->arena, str_format(&rig->arena, "p%d@example.com", i));
}

/* Every third is there already, under another name. */
static void
begin(int count, struct db *(*wrap)(struct db *real, void *ctx), void *ctx)
{
    rig = desk_world(&(struct desk_way){.many = true, .looks = true, .no_version = true}, wrap, ctx);
    connection = desk_connect(rig, 0, "push", NULL);
    for (int i = 0; i < count; i++) {
        if (i % 3 == 0)
            (void)desk_put(0, "", mail_of(i), "", "");
        uuids[i] = desk_record(rig, str_cstr(&rig->arena, str_format(&rig->arena, "{\"name\":\"Name %d\",\"email\":\"%s%d@example.com\"}", i,
                                                                     i % 3 == 0 ? "P" : "p", i)));
    }
}

static void
assert_once(int count, const char *when, int64_t n)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        int64_t id = desk_with_mail(0, str_from_c(mail_of(i)));
        if (id == 0) /* who was found is called as here now */
            id = desk_with_mail(0, str_format(&rig->arena, "P%d@example.com", i));
        snprintf(name, sizeof(name), "Name %d", i);
        if (id == 0 || !str_eq(desk_uuid(rig, &connection, id), uuids[i]) || strcmp(there->people[id - 1].name, name) != 0)
            fail_msg("%s %d: %s is %s there", when, (int)n, mail_of(i), id ? there->people[id - 1].name : "not");
    }
    if (there->count != count)
        fail_msg("%s %d: %d there", when, (int)n, (int)there->count);
    assert_int_equal(rig_rejected_of(rig, &connection), 0);
}

static void
look_for_crowd(enum desk_looks how, int64_t looks_many, int64_t looks)
{
    begin(CROWD, NULL, NULL);
    there->look_how = how;
    desk_push(rig, &connection, false);
    assert_once(CROWD, "crowd", (int64_t)how);
    assert_int_equal(there->looks_many, looks_many);
    assert_int_equal(there->looks, looks);
    assert_int_equal(there->looked_for, CROWD);
    rig_free(rig);
}

static void
test_a_crowd_is_looked_for_in_a_call_for_each_ten(void **state)
{
    (void)state;
    look_for_crowd(DESK_LOOKS_ALL, 3, 0);
}

/* 10, 10, 5: of each the last 5, 5 and 3 are left open. */
static void
test_whom_a_failed_part_leaves_open_is_asked_for_alone(void **state)
{
    (void)state;
    look_for_crowd(DESK_LOOKS_HALF, 3, 13);
}

/* Nobody is taken for absent because he is not shown: 16 of 25 are not there. */
static void
test_who_is_not_shown_is_not_taken_for_absent(void **state)
{
    (void)state;
    look_for_crowd(DESK_LOOKS_FOUND, 3, CROWD - 9);
}

static void
test_a_vendor_that_refuses_to_look_for_many_is_asked_for_each(void **state)
{
    (void)state;
    look_for_crowd(DESK_LOOKS_NEVER, 3, CROWD);
}

static void
test_two_there_with_one_address_are_not_chosen_between(void **state)
{
    (void)state;
    begin(FEW, NULL, NULL);
    (void)desk_put(0, "", mail_of(0), "", "");
    desk_push(rig, &connection, false);
    assert_int_equal(rig_rejected_of(rig, &connection), 1);
    assert_int_equal(desk_count(0, mail_of(0)), 2);
    assert_int_equal(there->count, FEW + 1);
    rig_free(rig);
}

/* Which of two here is meant cannot be known: neither is asked for. Who is alone in a batch has a call of his own. */
static void
test_an_address_that_two_have_here_is_not_asked_for(void **state)
{
    (void)state;
    begin(0, NULL, NULL);
    (void)desk_record(rig, "{\"name\":\"Ana\",\"email\":\"ana@example.com\"}");
    (void)desk_record(rig, "{\"name\":\"Ana\",\"email\":\"ANA@example.com\"}");
    uuids[0] = desk_record(rig, "{\"name\":\"Bia\",\"email\":\"bia@example.com\"}");
    desk_push(rig, &connection, false);
    assert_int_equal(there->count, 1);
    assert_int_equal(there->looks_many, 0);
    assert_int_equal(there->looks, 1);
    assert_int_equal(rig_rejected_of(rig, &connection), 2);
    rig_free(rig);
}

/* ---- what is lost */

static void
every_send(enum desk_lost how, const char *when)
{
    bool struck = true;
    for (int64_t n = 1; struck && n < SENDS_MAX; n++) {
        begin(FEW, NULL, NULL);
        there->twins = true;
        there->how = how;
        there->lose_at = n;
        desk_push(rig, &connection, false);
        struck = there->sends >= n;
        assert_once(FEW, when, n);
        rig_free(rig);
    }
    assert_false(struck);
}

static void
test_any_send_may_be_lost_where_many_are_looked_for(void **state)
{
    (void)state;
    every_send(DESK_LOST_BEFORE, "lost before send");
    every_send(DESK_LOST_AFTER, "lost after send");
    every_send(DESK_LOST_500, "500 after send");
}

/* The process ends at any statement or commit, so also between the look and the creation, and begins again. */
static void
every_death(enum db_trace_at at, int64_t step)
{
    for (int64_t n = 1; n < STATEMENTS_MAX; n += step) {
        struct db_trace trace = {.at = at};
        begin(FEW, db_trace_wrap, &trace);
        there->twins = true;
        bool struck = desk_push_dies(rig, &connection, &trace, n);
        desk_push(rig, &connection, false);
        assert_once(FEW, "death at", n);
        rig_free(rig);
        if (!struck)
            return;
    }
}

static void
test_the_process_may_die_between_the_look_and_the_creation(void **state)
{
    (void)state;
    every_death(DB_TRACE_STATEMENT, 31);
    every_death(DB_TRACE_COMMIT_LOST, 3);
}
