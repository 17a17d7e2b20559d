/*
 * Conflicts that a person decides (contract, section 5): opened once, changed by both sides, decided once.
 */
#include "rig.h"

#include "engine/conflict.h"
#include "store/store_record.h"
#include "store/store_stream.h"

static const struct edit_by *
somebody(const struct rig *rig)
{
    static struct edit_by by;
    by = (struct edit_by){.tenant = rig->tenant, .region = STR("BR"), .actor = STR("user:ana"), .request_id = STR("r"), .address = STR("")};
    return &by;
}

static void
set_policy(struct rig *rig, const char *policy)
{
    struct err err = {0};
    struct connection_change change = {.enabled = -1, .conflict_policy = str_from_c(policy)};
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &change, false, &rig->connection, &err),
              err);
}

static int
setup(void **state)
{
    struct rig *rig = rig_new();
    set_policy(rig, "manual");
    rig_fill(rig, 4);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    *state = rig;
    return 0;
}

struct find {
    struct rig *rig;
    struct str external;
    struct record record;
    struct record_change *history;
    size_t history_count;
};

static bool
find_record(struct db *db, void *ctx, struct err *err)
{
    struct find *f = ctx;
    struct stream stream;
    struct rig *rig = f->rig;
    return store_stream_find(db, &rig->arena, rig->tenant, rig->connection.id, STR("contacts"), &stream, err) == ROW_FOUND &&
           store_record_by_external(db, &rig->arena, rig->tenant, stream.id, f->external, &f->record, err) == ROW_FOUND &&
           store_record_history(db, &rig->arena, rig->tenant, f->record.id, 50, &f->history, &f->history_count, err);
}

static struct find
look(struct rig *rig, int id)
{
    struct err err = {0};
    struct find f = {.rig = rig, .external = str_format(&rig->arena, "%d", id)};
    assert_ok(store_read(rig->store, find_record, &f, &err), err);
    return f;
}

static void
edit(struct rig *rig, int id, const char *fields)
{
    struct err err = {0};
    struct record record;
    struct find f = look(rig, id);
    struct store_call call;
    assert_ok(edit_change(&rig->arena, somebody(rig), STR("contacts"), f.record.uuid, 0, rig_json(rig, fields), &record, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
}

static void
at_vendor(struct rig *rig, int id, const char *name)
{
    snprintf(rig_contact(rig, id)->name, 48, "%s", name);
    rig_contact(rig, id)->updated_s += 1000;
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
}

static size_t
list(struct rig *rig, const char *state, struct conflict **rows_out)
{
    size_t count;
    int64_t total;
    struct err err = {0};
    struct conflict_filter filter = {.state = str_from_c(state), .connection = STR_NONE, .record = STR_NONE, .limit = 50};
    assert_ok(engine_conflict_list(rig->engine, &rig->arena, rig->tenant, &filter, rows_out, &count, &total, &err), err);
    assert_int_equal(count, total);
    return count;
}

static struct conflict
only_open(struct rig *rig)
{
    struct conflict *rows;
    assert_int_equal(list(rig, "open", &rows), 1);
    return rows[0];
}

static bool
decide(struct rig *rig, struct str uuid, const char *choose, struct err *err)
{
    struct conflict after;
    *err = (struct err){0};
    return engine_conflict_resolve(rig->engine, &rig->arena, somebody(rig), uuid, rig_json(rig, choose), &after, err);
}

static struct str
name_of(struct rig *rig, int id)
{
    return json_str(json_get_c(rig_json(rig, str_cstr(&rig->arena, look(rig, id).record.data)), "name"));
}

static void
make_conflict(struct rig *rig)
{
    edit(rig, 2, "{\"name\":\"Here\"}");
    at_vendor(rig, 2, "There");
}

static void
test_both_values_are_kept_and_the_conflict_is_told_once(void **state)
{
    struct rig *rig = *state;
    make_conflict(rig);
    struct conflict c = only_open(rig);
    assert_str(name_of(rig, 2), "Here");
    assert_true(str_contains(c.fields, STR("\"field\":\"name\"")));
    assert_true(str_contains(c.fields, STR("\"source\":\"There\"")));
    assert_events(rig, "conflict.opened", 0, 1);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    assert_true(str_eq(only_open(rig).uuid, c.uuid));
    assert_events(rig, "conflict.opened", 0, 1);
}

static void
test_later_changes_of_either_side_change_the_open_conflict(void **state)
{
    struct rig *rig = *state;
    make_conflict(rig);
    struct conflict before = only_open(rig);
    at_vendor(rig, 2, "There again");
    edit(rig, 2, "{\"name\":\"Here again\"}");
    struct conflict c = only_open(rig);
    assert_true(str_eq(c.uuid, before.uuid));
    assert_true(str_contains(c.fields, STR("\"source\":\"There again\"")));
    assert_true(str_contains(c.data, STR("Here again")));
    assert_events(rig, "conflict.opened", 0, 1);
}

static void
test_the_source_is_chosen_with_history_and_only_once(void **state)
{
    struct rig *rig = *state;
    struct err err;
    make_conflict(rig);
    struct conflict c = only_open(rig), *rows;
    size_t before = look(rig, 2).history_count;
    assert_ok(decide(rig, c.uuid, "\"source\"", &err), err);
    assert_str(name_of(rig, 2), "There");
    struct find f = look(rig, 2);
    assert_int_equal(f.history_count, before + 1);
    assert_str(f.history[0].fields, "{\"name\":\"Here\"}");
    assert_str(f.history[0].actor, "user:ana");
    int64_t version = f.record.version;
    assert_ok(decide(rig, c.uuid, "\"source\"", &err), err);
    assert_int_equal(look(rig, 2).record.version, version);
    assert_false(decide(rig, c.uuid, "\"local\"", &err));
    assert_int_equal(err.code, E_CONFLICT);
    assert_int_equal(list(rig, "open", &rows), 0);
    assert_int_equal(list(rig, "resolved", &rows), 1);
    assert_str(rows[0].choice, "source");
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    assert_int_equal(list(rig, "open", &rows), 0);
    assert_str(name_of(rig, 2), "There");
}

static void
test_here_is_chosen_and_stays(void **state)
{
    struct rig *rig = *state;
    struct err err;
    struct conflict *rows;
    make_conflict(rig);
    assert_ok(decide(rig, only_open(rig).uuid, "\"local\"", &err), err);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    assert_str(name_of(rig, 2), "Here");
    assert_int_equal(list(rig, "open", &rows), 0);
    at_vendor(rig, 2, "Once more there");
    assert_int_equal(list(rig, "open", &rows), 1); /* a new one */
    assert_events(rig, "conflict.opened", 0, 2);
}

static void
test_values_for_each_field_are_checked_and_taken(void **state)
{
    struct rig *rig = *state;
    struct err err;
    edit(rig, 3, "{\"name\":\"Here\",\"email\":\"here@example.com\"}");
    snprintf(rig_contact(rig, 3)->email, 64, "there@example.com");
    at_vendor(rig, 3, "There");
    struct conflict c = only_open(rig);
    assert_false(decide(rig, c.uuid, "{\"name\":\"Both\"}", &err));
    assert_int_equal(err.code, E_VALIDATION_FAILED);
    assert_false(decide(rig, c.uuid, "{\"name\":\"Both\",\"email\":\"nobody\"}", &err));
    assert_int_equal(err.code, E_VALIDATION_FAILED);
    assert_false(decide(rig, c.uuid, "\"theirs\"", &err));
    assert_int_equal(err.code, E_VALIDATION_FAILED);
    assert_ok(decide(rig, c.uuid, "{\"name\":\"Both\",\"email\":\"both@example.com\"}", &err), err);
    assert_str(name_of(rig, 3), "Both");
    assert_true(str_contains(look(rig, 3).record.data, STR("both@example.com")));
    assert_ok(decide(rig, c.uuid, "{\"name\":\"Both\",\"email\":\"both@example.com\"}", &err), err);
}

static void
test_a_conflict_ends_when_both_sides_say_the_same(void **state)
{
    struct rig *rig = *state;
    struct conflict *rows;
    make_conflict(rig);
    edit(rig, 2, "{\"name\":\"There\"}");
    assert_int_equal(list(rig, "open", &rows), 0);
    assert_int_equal(list(rig, "resolved", &rows), 1);
    assert_str(rows[0].choice, "agreed");
    edit(rig, 3, "{\"name\":\"Here\"}");
    at_vendor(rig, 3, "There");
    assert_int_equal(list(rig, "open", &rows), 1);
    at_vendor(rig, 3, "Here");
    assert_int_equal(list(rig, "open", &rows), 0);
}

/* I-32 */
static void
test_another_tenant_sees_and_decides_nothing(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct conflict c, after;
    make_conflict(rig);
    c = only_open(rig);
    struct edit_by other = *somebody(rig);
    other.tenant++;
    assert_false(engine_conflict_get(rig->engine, &rig->arena, rig->tenant + 1, c.uuid, &after, &err));
    assert_int_equal(err.code, E_NOT_FOUND);
    assert_false(engine_conflict_resolve(rig->engine, &rig->arena, &other, c.uuid, rig_json(rig, "\"source\""), &after, &err));
    assert_int_equal(err.code, E_NOT_FOUND);
    assert_str(name_of(rig, 2), "Here");
}

static void
test_other_policies_open_none(void **state)
{
    struct rig *rig = *state;
    struct conflict *rows;
    set_policy(rig, "source_wins");
    make_conflict(rig);
    assert_str(name_of(rig, 2), "There");
    set_policy(rig, "local_wins");
    edit(rig, 3, "{\"name\":\"Here\"}");
    at_vendor(rig, 3, "There");
    assert_str(name_of(rig, 3), "Here");
    assert_int_equal(list(rig, "open", &rows), 0);
    assert_events(rig, "conflict.opened", 0, 0);
}

static void
test_an_erased_record_takes_its_conflict_along(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct conflict *rows;
    make_conflict(rig);
    assert_ok(edit_erase(rig->engine, somebody(rig), STR("contacts"), look(rig, 2).record.uuid, &err), err);
    assert_int_equal(list(rig, "open", &rows), 0);
    assert_int_equal(list(rig, "resolved", &rows), 0);
}
