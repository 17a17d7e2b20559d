/*
 * Two-way sync of one record, field by field: what each side changed, which side was first, which policy, and what a push after it
 * makes of it there (contract, section 5). Each case begins with both sides in agreement and ends with a round that changes nothing.
 */
#include "push_desk.h"

#include "engine/conflict.h"
#include "store/store_record.h"

static struct rig *rig;        /* of one test; each case has a person of its own */
static struct connection connection;
static int64_t there;         /* the person's id */
static struct str uuid;       /* of the record */
static char mail[32], phone[16], phone_here[16];

static const struct desk_person *
person(void)
{
    return &desks[0].people[there - 1];
}

static int
teardown(void **state)
{
    (void)state;
    if (rig != NULL)
        rig_free(rig);
    rig = NULL;
    return 0;
}

static void
open_world(const char *policy, const struct desk_way *way)
{
    rig = desk_world(way, NULL, NULL);
    connection = desk_connect(rig, 0, "both", &(struct connection_change){.conflict_policy = str_from_c(policy)});
}

static void
set_policy(const char *policy)
{
    struct err err = {0};
    struct connection_change change = {.enabled = -1, .conflict_policy = str_from_c(policy)};
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, connection.uuid, &change, false, &connection, &err), err);
}

/* Somebody new on both sides. */
static void
begin(const char *policy)
{
    set_policy(policy);
    snprintf(mail, sizeof(mail), "p%d@example.com", (int)desks[0].count);
    snprintf(phone, sizeof(phone), "+55119876500%02d", (int)desks[0].count);
    snprintf(phone_here, sizeof(phone_here), "+55119876600%02d", (int)desks[0].count);
    there = desk_put(0, "Base", mail, phone, "Zone/Base");
    desk_pull(rig, &connection);
    uuid = desk_uuid(rig, &connection, there);
    assert_false(str_is_none(uuid));
}

static void
assert_here(const char *name, const char *its_phone, const char *zone)
{
    assert_string_equal(desk_here(rig, uuid, "name"), name);
    assert_string_equal(desk_here(rig, uuid, "email"), mail);
    assert_string_equal(desk_here(rig, uuid, "phone"), its_phone);
    assert_string_equal(desk_here(rig, uuid, "timezone"), zone);
}

static void
assert_there(const char *name, const char *its_phone, const char *zone)
{
    assert_string_equal(person()->name, name);
    assert_string_equal(person()->mail, mail);
    assert_string_equal(person()->phone, its_phone);
    assert_string_equal(person()->zone, zone);
}

/* Nobody changes anything any more: neither does a pull nor a push. */
static void
assert_quiet(void)
{
    int64_t writes = desks[0].writes;
    struct run run = desk_pull(rig, &connection);
    assert_int_equal(run.counts.updated + run.counts.created, 0);
    desk_push(rig, &connection, true);
    assert_int_equal(desks[0].writes, writes);
    assert_int_equal(rig_rejected_of(rig, &connection), 0);
}

enum order { PULL_FIRST, PUSH_FIRST, ORDERS };

static void
both_ways(enum order order)
{
    if (order == PULL_FIRST)
        desk_pull(rig, &connection);
    desk_push(rig, &connection, false);
    desk_pull(rig, &connection);
    desk_push(rig, &connection, false);
}

/* name: on both sides; phone: here; timezone: there; e-mail: on none. */
static void
change_here(void)
{
    desk_edit(rig, uuid, str_cstr(&rig->arena, str_format(&rig->arena, "{\"name\":\"Here\",\"phone\":\"%s\"}", phone_here)));
}

static void
change_there(void)
{
    desk_change(0, there, "There", NULL, "Zone/There");
}

/* ---- history */

struct history {
    struct record_change *rows;
    size_t count;
    bool found;
};

static bool
read_history(struct db *db, void *ctx, struct err *err)
{
    struct history *h = ctx;
    struct record record;
    return store_record_get(db, &rig->arena, rig->tenant, STR("contacts"), uuid, &record, err) == ROW_FOUND &&
           store_record_history(db, &rig->arena, rig->tenant, record.id, 50, &h->rows, &h->count, err);
}

/* Nothing is overwritten silently: the value that lost, on either side, is in the history. */
static void
assert_in_history(const char *value)
{
    struct err err = {0};
    struct history h = {0};
    assert_ok(store_read(rig->store, read_history, &h, &err), err);
    for (size_t i = 0; i < h.count; i++)
        h.found = h.found || str_contains(h.rows[i].fields, str_from_c(value));
    if (!h.found)
        fail_msg("%s is nowhere in the history", value);
}

/* ---- the policies */

/* Where both changed the name; the zone changed only there. */
static void
one_side_wins(const char *policy, const char *winner, const char *loser, bool here_last)
{
    for (enum order order = 0; order < ORDERS; order++) {
        begin(policy);
        if (here_last)
            change_there();
        change_here();
        if (!here_last)
            change_there();
        both_ways(order);
        assert_here(winner, phone_here, "Zone/There");
        assert_there(winner, phone_here, "Zone/There");
        assert_in_history(loser);
        assert_quiet();
    }
}

static void
source_is_taken(const char *policy, bool here_last)
{
    one_side_wins(policy, "There", "Here", here_last);
}

static void
local_is_kept(const char *policy, bool here_last)
{
    one_side_wins(policy, "Here", "There", here_last);
}

static void
test_source_wins_takes_theirs_whoever_was_later(void **state)
{
    (void)state;
    open_world("source_wins", &(struct desk_way){0});
    source_is_taken("source_wins", true);
    source_is_taken("source_wins", false);
}

static void
test_local_wins_sends_ours_whoever_was_later(void **state)
{
    (void)state;
    open_world("local_wins", &(struct desk_way){0});
    local_is_kept("local_wins", true);
    local_is_kept("local_wins", false);
}

static void
test_the_last_write_wins_by_the_vendors_time_and_ours(void **state)
{
    (void)state;
    open_world("last_write_wins", &(struct desk_way){0});
    source_is_taken("last_write_wins", false);
    local_is_kept("last_write_wins", true);
}

static void
test_where_the_vendor_tells_no_time_what_is_read_last_wins(void **state)
{
    (void)state;
    open_world("last_write_wins", &(struct desk_way){.no_version = true});
    source_is_taken("last_write_wins", true);
    source_is_taken("last_write_wins", false);
}

static struct conflict *
open_conflicts(size_t *count_out)
{
    int64_t total;
    struct err err = {0};
    struct conflict *rows;
    struct conflict_filter filter = {.state = STR("open"), .connection = STR_NONE, .record = STR_NONE, .limit = 10};
    assert_ok(engine_conflict_list(rig->engine, &rig->arena, rig->tenant, &filter, &rows, count_out, &total, &err), err);
    return rows;
}

static void
decide(const char *choose)
{
    size_t count;
    struct err err = {0};
    struct conflict after, *rows = open_conflicts(&count);
    struct edit_by by = {.tenant = rig->tenant, .region = STR_NONE, .actor = STR("user:ana"), .request_id = STR("r"), .address = STR("")};
    assert_int_equal(count, 1);
    yyjson_val *choice = json_parse(&rig->arena, str_copy(&rig->arena, str_from_c(choose)), JSON_NUMBERS_RAW, 8, &err);
    assert_ok(engine_conflict_resolve(rig->engine, &rig->arena, &by, rows[0].uuid, choice, &after, &err), err);
}

/* What only one side changed goes through meanwhile; the field in conflict stays as each side has it until a person decides. */
static void
decided(const char *choose, const char *name)
{
    for (enum order order = 0; order < ORDERS; order++) {
        size_t count;
        begin("manual");
        change_here();
        change_there();
        both_ways(order);
        assert_here("Here", phone_here, "Zone/There");
        assert_there("There", phone_here, "Zone/There");
        struct conflict *rows = open_conflicts(&count);
        assert_int_equal(count, 1);
        assert_true(str_contains(rows[0].fields, STR("\"field\":\"name\"")) && !str_contains(rows[0].fields, STR("phone")));
        assert_quiet();
        decide(choose);
        both_ways(order);
        assert_here(name, phone_here, "Zone/There");
        assert_there(name, phone_here, "Zone/There");
        open_conflicts(&count);
        assert_int_equal(count, 0);
        assert_quiet();
    }
}

static void
test_manual_holds_the_field_back_until_somebody_decides_and_sends_the_decision(void **state)
{
    (void)state;
    open_world("manual", &(struct desk_way){0});
    decided("\"source\"", "There");
    decided("\"local\"", "Here");
    decided("{\"name\":\"Both\"}", "Both");
}

/* ---- what is no conflict, whatever the policy */

static const char *const policies[] = {"last_write_wins", "source_wins", "local_wins", "manual"};

static void
test_a_field_that_is_emptied_on_one_side_is_emptied_on_the_other(void **state)
{
    (void)state;
    open_world("manual", &(struct desk_way){0});
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        begin(policies[i]);
        desk_edit(rig, uuid, "{\"phone\":null}");
        desk_change(0, there, NULL, NULL, "");
        both_ways(i % 2 == 0 ? PULL_FIRST : PUSH_FIRST);
        assert_here("Base", "", "");
        assert_there("Base", "", "");
        assert_quiet();
    }
}

static void
test_the_same_change_on_both_sides_is_an_agreement(void **state)
{
    (void)state;
    open_world("manual", &(struct desk_way){0});
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        size_t count;
        begin(policies[i]);
        desk_edit(rig, uuid, "{\"name\":\"Same\"}");
        desk_change(0, there, "Same", NULL, NULL);
        both_ways(i % 2 == 0 ? PUSH_FIRST : PULL_FIRST);
        assert_here("Same", phone, "Zone/Base");
        assert_there("Same", phone, "Zone/Base");
        open_conflicts(&count);
        assert_int_equal(count, 0);
        assert_quiet();
    }
}

/* Two platforms and a person here, each with a field of its own: all three end with all of it. */
static void
test_two_platforms_and_a_person_each_change_a_field_and_all_have_all_of_it(void **state)
{
    (void)state;
    open_world("manual", &(struct desk_way){0});
    struct connection other = desk_connect(rig, 1, "both", &(struct connection_change){.conflict_policy = STR("local_wins")});
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        begin(policies[i]);
        int64_t id = desk_put(1, "Base", mail, phone, "Zone/Base");
        desk_pull(rig, &other);
        assert_true(str_eq(desk_uuid(rig, &other, id), uuid));
        desk_edit(rig, uuid, str_cstr(&rig->arena, str_format(&rig->arena, "{\"phone\":\"%s\"}", phone_here)));
        desk_change(0, there, "One", NULL, NULL);
        desk_change(1, id, NULL, NULL, "Zone/Two");
        for (int round = 0; round < 2; round++) {
            both_ways(PULL_FIRST);
            desk_pull(rig, &other);
            desk_push(rig, &other, false);
        }
        assert_here("One", phone_here, "Zone/Two");
        assert_there("One", phone_here, "Zone/Two");
        assert_string_equal(desks[1].people[id - 1].name, "One");
        assert_string_equal(desks[1].people[id - 1].phone, phone_here);
        assert_string_equal(desks[1].people[id - 1].zone, "Zone/Two");
        assert_quiet();
    }
}

/* ---- deletions */

#define CROWD 40
#define MANY 12

static void
begin_deletions(bool rule)
{
    rig = desk_world(&(struct desk_way){.deletes = true}, NULL, NULL);
    struct err err = {0};
    struct connection_change change = {0};
    if (rule)
        change.rules = json_parse(&rig->arena, STR("{\"pushDeletes\":true}"), JSON_PLAIN, 4, &err);
    connection = desk_connect(rig, 0, "both", &change);
    there = desk_put(0, "Base", "p@example.com", "", "Zone/Base");
    desk_put(0, "Other", "other@example.com", "", "");
    desk_pull(rig, &connection);
    uuid = desk_uuid(rig, &connection, there);
}

static void
test_a_record_deleted_here_is_deleted_there_once(void **state)
{
    (void)state;
    begin_deletions(true);
    desk_delete(rig, uuid);
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].deletions, 1);
    assert_true(person()->gone);
    assert_false(desks[0].people[1].gone);
    int64_t sends = desks[0].sends;
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].sends, sends);
    desk_push(rig, &connection, true);
    desk_pull(rig, &connection);
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].deletions, 1);
    assert_int_equal(rig_count(rig, "contacts", false), 1);
}

static void
test_without_the_rule_nothing_is_ever_deleted_there(void **state)
{
    (void)state;
    begin_deletions(false);
    desk_delete(rig, uuid);
    desk_push(rig, &connection, false);
    desk_push(rig, &connection, true);
    desk_pull(rig, &connection);
    desk_push(rig, &connection, true);
    assert_int_equal(desks[0].deletions, 0);
    assert_false(person()->gone);
}

static int64_t
replay(void)
{
    struct err err = {0};
    struct replay_counts counts = {0};
    assert_ok(engine_rejected_replay(rig->engine, rig->tenant, connection.uuid, STR_NONE, &counts, &err), err);
    return counts.tried;
}

/* I-9 the other way round: 12 of 40 in one go wait for a person, whoever asks for a push; the next single one does not. */
static void
test_more_deletions_than_is_believable_wait_for_a_person(void **state)
{
    (void)state;
    begin_deletions(true);
    struct str uuids[CROWD];
    for (int i = 2; i < CROWD; i++)
        desk_put(0, "Name", str_cstr(&rig->arena, str_format(&rig->arena, "c%d@example.com", i)), "", "");
    desk_pull(rig, &connection);
    for (int i = 0; i < CROWD; i++)
        uuids[i] = desk_uuid(rig, &connection, i + 1);
    for (int i = 0; i < MANY; i++)
        desk_delete(rig, uuids[i]);
    struct run run = desk_push(rig, &connection, false);
    assert_int_equal(run.verdict, VERDICT_PARTIAL);
    assert_true(str_contains(run.verdict_reason, STR("deleted here")));
    desk_pull(rig, &connection);
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].deletions, 0);
    assert_int_equal(rig_rejected_of(rig, &connection), MANY);
    assert_int_equal(replay(), MANY);
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].deletions, MANY);
    assert_int_equal(rig_rejected_of(rig, &connection), 0);
    desk_delete(rig, uuids[MANY]);
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].deletions, MANY + 1);
}

/* What was sent becomes a day older. */
static bool
age_sent(struct db *db, void *ctx, struct err *err)
{
    struct stream stream;
    struct str sent;
    (void)ctx;
    if (store_stream_find(db, &rig->arena, rig->tenant, connection.id, STR("contacts"), &stream, err) != ROW_FOUND ||
        !store_push_deletions_sent(db, &rig->arena, rig->tenant, stream.id, &sent, err))
        return false;
    assert_true(str_starts(sent, STR("[[")));
    struct str old = str_format(&rig->arena, "[[%lld,10]]", (long long)(store_now(db) / (60 * US_PER_MINUTE) - LIMIT_PUSH_GUARD_HOURS));
    return store_push_deletions_sent_set(db, rig->tenant, stream.id, old, err);
}

/* Five a push, each of them believable: the third push would make it fifteen of forty within a day, and waits (I-9). */
static void
test_a_trickle_of_deletions_is_judged_as_one(void **state)
{
    (void)state;
    begin_deletions(true);
    struct str uuids[CROWD];
    for (int i = 2; i < CROWD; i++)
        desk_put(0, "Name", str_cstr(&rig->arena, str_format(&rig->arena, "c%d@example.com", i)), "", "");
    desk_pull(rig, &connection);
    for (int i = 0; i < CROWD; i++)
        uuids[i] = desk_uuid(rig, &connection, i + 1);
    struct run run = {0};
    for (int i = 0; i < 15; i++) {
        desk_delete(rig, uuids[i]);
        if (i % 5 == 4)
            run = desk_push(rig, &connection, false);
    }
    assert_int_equal(run.verdict, VERDICT_PARTIAL);
    assert_int_equal(desks[0].deletions, 10);
    assert_int_equal(rig_rejected_of(rig, &connection), 5);
    assert_int_equal(replay(), 5);
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].deletions, 15);
    /* One more would be the eleventh that nobody has looked at. */
    desk_delete(rig, uuids[15]);
    assert_int_equal(desk_push(rig, &connection, false).verdict, VERDICT_PARTIAL);
    assert_int_equal(desks[0].deletions, 15);
    /* A day later nobody remembers. */
    struct err err = {0};
    assert_ok(store_write(rig->store, age_sent, NULL, &err), err);
    desk_delete(rig, uuids[16]);
    desk_push(rig, &connection, false);
    assert_int_equal(desks[0].deletions, 16);
}

/* The answer is lost after it was done, or the request before: it is asked for again, and nobody there is as good as deleted. */
static void
test_a_deletion_may_be_lost_on_the_way(void **state)
{
    (void)state;
    const enum desk_lost losses[] = {DESK_LOST_BEFORE, DESK_LOST_AFTER, DESK_LOST_500};
    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        begin_deletions(true);
        desk_delete(rig, uuid);
        desks[0].how = losses[i];
        desks[0].lose_at = desks[0].sends + 1;
        desk_push(rig, &connection, false);
        assert_int_equal(desks[0].deletions, 1);
        assert_true(person()->gone);
        assert_int_equal(rig_count(rig, "contacts", false), 1);
        assert_int_equal(rig_rejected_of(rig, &connection), 0);
        rig_free(rig);
        rig = NULL;
    }
}
