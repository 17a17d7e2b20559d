/*
 * Leads, bookings and stored templates in the engine: twice the same event, a process that dies between contact and lead,
 * what a person changed, another tenant's ids, errands that fail.
 */
#include "rig.h"

#include "engine/booking.h"
#include "engine/catalogue.h"
#include "engine/errand.h"
#include "engine/lead.h"
#include "store/db_trace.h"
#include "store/store_strategy.h"
#include "store/store_sub_account.h"

static void
take(struct rig *rig, const char *id, const char *contact)
{
    struct err err = {0};
    assert_ok(lead_intake(rig->engine, &rig->arena, &rig->connection, str_from_c(id), 0, rig_json(rig, contact), &err), err);
}

struct lead_look {
    struct rig *rig;
    const char *id;
    struct record record;
    enum row row;
    int64_t user, strategy;
};

static bool
look_lead(struct db *db, void *ctx, struct err *err)
{
    struct lead_look *l = ctx;
    struct stream stream;
    if (store_stream_find(db, &l->rig->arena, l->rig->tenant, l->rig->connection.id, STR("intake:leads"), &stream, err) != ROW_FOUND) {
        l->row = ROW_NONE;
        return true;
    }
    l->row = store_record_by_external(db, &l->rig->arena, l->rig->tenant, stream.id, str_from_c(l->id), &l->record, err);
    return l->row != ROW_FAILED;
}

static struct record
lead(struct rig *rig, const char *id)
{
    struct err err = {0};
    struct lead_look l = {.rig = rig, .id = id};
    assert_ok(store_read(rig->store, look_lead, &l, &err), err);
    assert_int_equal(l.row, ROW_FOUND);
    return l.record;
}

static struct str
field(struct rig *rig, const struct record *record, const char *name)
{
    struct err err = {0};
    yyjson_val *data = json_parse(&rig->arena, record->data, JSON_NUMBERS_RAW, 32, &err);
    yyjson_val *value = json_get_c(data, name);
    return json_is_number(value) ? json_number_text(&rig->arena, value) : yyjson_is_null(value) ? STR("null") : json_str(value);
}

#define assert_field(rig, record, name, expected)                                                                     \
    do {                                                                                                            \
        struct str got_ = field(rig, &(record), name);                                                              \
        if (!str_eq_c(got_, expected))                                                                              \
            fail_msg("%s is %.*s, not %s", name, STR_ARG(got_), expected);                                          \
    } while (0)

static bool
add_owner(struct db *db, void *ctx, struct err *err)
{
    struct lead_look *l = ctx;
    struct user user = {.tenant = l->rig->tenant, .name = STR("Uma"), .email = STR("uma@example.com")};
    struct user admin = {.tenant = l->rig->tenant, .name = STR("Operator"), .role = ROLE_ADMIN};
    if (!store_sub_account_user_create(db, &l->rig->arena, &admin, 1, err) ||
        !store_sub_account_user_create(db, &l->rig->arena, &user, 1, err))
        return false;
    struct strategy strategy = {.tenant = l->rig->tenant, .user = user.id, .name = STR("Nurture")};
    l->user = user.id;
    return store_strategy_create(db, &l->rig->arena, &strategy, 1, err) && (l->strategy = strategy.id, true);
}

static void
test_a_lead_goes_to_the_first_user_who_is_no_admin_and_his_first_strategy(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct lead_look l = {.rig = rig};
    char user[24], strategy[24];
    assert_ok(store_write(rig->store, add_owner, &l, &err), err);
    take(rig, "c1", "{\"firstName\":\"Ana\",\"lastName\":\"Souza\",\"customFields\":{\"crm_postalCode\":\"69640-000\",\"crm_country\":\"BR\"}}");
    struct record record = lead(rig, "c1");
    snprintf(user, sizeof(user), "%lld", (long long)l.user);
    snprintf(strategy, sizeof(strategy), "%lld", (long long)l.strategy);
    assert_field(rig, record, "name", "Ana Souza");
    assert_field(rig, record, "timezone", "America/Eirunepe");
    assert_field(rig, record, "regularUserId", user);
    assert_field(rig, record, "strategyId", strategy);
    assert_field(rig, record, "status", "new");
    assert_events(rig, "alert.raised", 0, 0);
}

/* No user: kept with null, one alert; as soon as there is one the same contact brings it. */
static void
test_a_lead_without_a_user_is_kept_and_raises_one_alert(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct lead_look l = {.rig = rig};
    take(rig, "c1", "{\"name\":\"Ana\"}");
    struct record record = lead(rig, "c1");
    assert_field(rig, record, "regularUserId", "null");
    assert_field(rig, record, "strategyId", "null");
    assert_events(rig, "alert.raised", 0, 1);
    take(rig, "c1", "{\"name\":\"Ana\"}");
    assert_events(rig, "alert.raised", 0, 1);
    assert_ok(store_write(rig->store, add_owner, &l, &err), err);
    take(rig, "c1", "{\"name\":\"Ana\"}");
    struct record owned = lead(rig, "c1");
    assert_true(owned.version > record.version);
    assert_true(field(rig, &owned, "regularUserId").len > 0 && !str_eq_c(field(rig, &owned, "regularUserId"), "null"));
}

/* I-21: an event that is applied again, after a crash for instance, finds everything done. */
static void
test_the_same_event_twice_and_after_a_restart_changes_nothing(void **state)
{
    struct rig *rig = *state;
    take(rig, "c1", "{\"name\":\"Ana\",\"email\":\"ana@example.com\"}");
    struct record first = lead(rig, "c1");
    take(rig, "c1", "{\"email\":\"ana@example.com\",\"name\":\"Ana\"}");
    rig_restart(rig);
    take(rig, "c1", "{\"name\":\"Ana\",\"email\":\"ana@example.com\"}");
    struct record again = lead(rig, "c1");
    assert_int_equal(again.id, first.id);
    assert_int_equal(again.version, first.version);
    assert_int_equal(rig_count(rig, "leads", true), 1);
}

/* The contact is there, the process died before the lead: the event comes again and makes it, linked to the contact. */
static void
test_a_lead_is_made_after_a_death_between_contact_and_lead(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 1);
    (void)rig_run(rig, true);
    assert_int_equal(rig_count(rig, "leads", true), 0);
    rig_restart(rig);
    struct str data = rig_data(rig, &rig->connection, "contacts", 1);
    assert_true(data.len > 0);
    assert_ok(lead_intake(rig->engine, &rig->arena, &rig->connection, STR("1"), 1,
                          json_parse(&rig->arena, data, JSON_NUMBERS_RAW, 32, &err), &err), err);
    struct record record = lead(rig, "1");
    assert_int_equal(record.parent, 1);
}

/* Whoever was erased since the event was applied becomes no lead. */
static void
test_a_contact_that_was_erased_meanwhile_becomes_no_lead(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct edit_by by = {.tenant = rig->tenant, .actor = STR("user:x"), .region = STR("BR")};
    rig_fill(rig, 1);
    (void)rig_run(rig, true);
    struct record contact = rig_record(rig, &rig->connection, "contacts", 1);
    assert_ok(edit_erase(rig->engine, &by, STR("contacts"), contact.uuid, &err), err);
    assert_ok(lead_intake(rig->engine, &rig->arena, &rig->connection, STR("1"), contact.id,
                          json_parse(&rig->arena, contact.data, JSON_NUMBERS_RAW, 32, &err), &err), err);
    assert_int_equal(rig_count(rig, "leads", true), 0);
}

static void
test_what_a_person_changed_stays_until_the_contact_itself_changes_there(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct record record, out;
    struct edit_by by = {.tenant = rig->tenant, .actor = STR("user:x")};
    take(rig, "c1", "{\"name\":\"Ana\",\"company\":\"Acme\",\"phone\":\"+15125550100\"}");
    record = lead(rig, "c1");
    struct store_call call;
    assert_ok(edit_change(&rig->arena, &by, STR("leads"), record.uuid, 0,
                          rig_json(rig, "{\"company\":\"Acme Ltd\",\"status\":\"qualified\"}"), &out, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
    take(rig, "c1", "{\"name\":\"Ana Maria\",\"company\":\"Acme\",\"phone\":\"+15125550100\"}");
    record = lead(rig, "c1");
    assert_field(rig, record, "name", "Ana Maria");
    assert_field(rig, record, "company", "Acme Ltd");
    assert_field(rig, record, "status", "qualified");
    take(rig, "c1", "{\"name\":\"Ana Maria\",\"company\":\"Globex\",\"phone\":\"+15125550100\"}");
    record = lead(rig, "c1");
    assert_field(rig, record, "company", "Globex");
}

/* As an edit writes it: what the record said becomes its source's base. */
#define EDITED                                                                                                             \
    "UPDATE entity_map SET base = (SELECT data FROM records WHERE id = entity_map.record) WHERE external_id = 'c9'; "      \
    "UPDATE records SET data = '{\"email\":\"a@example.com\",\"name\":\"Ana Maria\"}', version = version + 1 "              \
    "WHERE id = (SELECT record FROM entity_map WHERE external_id = 'c9')"

static void
edit_meanwhile(void *ctx, const char *statement)
{
    struct rig *rig = ctx;
    static bool done;
    if (strcmp(statement, "record_load_set") == 0 && !done) {
        done = true;
        rig_script_aside(rig, EDITED);
    }
}

/* One writer: nobody comes between, so the edit is there before. */
static void
test_what_a_person_changes_while_the_contact_comes_in_stays(void **state)
{
    (void)state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    take(rig, "c9", "{\"name\":\"Ana\",\"email\":\"a@example.com\"}");
    trace.before_ctx = rig;
    trace.before = rig->database[0] == '\0' ? NULL : edit_meanwhile;
    if (rig->database[0] == '\0')
        rig_script_aside(rig, EDITED);
    take(rig, "c9", "{\"name\":\"Ana\",\"email\":\"b@example.com\"}");
    trace.before = NULL;
    struct record record = lead(rig, "c9");
    assert_field(rig, record, "name", "Ana Maria");
    assert_field(rig, record, "email", "b@example.com");
    rig_free(rig);
}

static void
test_a_lead_that_a_person_deleted_does_not_come_back(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct edit_by by = {.tenant = rig->tenant, .actor = STR("user:x")};
    take(rig, "c1", "{\"name\":\"Ana\"}");
    struct record record = lead(rig, "c1");
    struct store_call call;
    assert_ok(edit_delete(&rig->arena, &by, STR("leads"), record.uuid, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
    take(rig, "c1", "{\"name\":\"Ana Maria\"}");
    record = lead(rig, "c1");
    assert_true(record.deleted_us != 0);
    assert_int_equal(rig_count(rig, "leads", false), 0);
}

/* ---- bookings ---- */

static void
test_a_booking_without_a_calendar_is_kept_and_foreign_ids_are_not_there(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct record record, other;
    struct edit_by by = {.tenant = rig->tenant, .actor = STR("user:x")}, foreign = {.tenant = rig->tenant + 1, .actor = STR("user:y")};
    yyjson_val *fields = rig_json(rig, "{\"title\":\"Demo\",\"startTime\":\"2026-12-01T10:00:00Z\",\"endTime\":\"2026-12-01T11:00:00Z\","
                                   "\"externalId\":\"forged\",\"subAccountId\":99,\"syncStatus\":\"synced\"}");
    assert_ok(booking_create(rig->engine, &rig->arena, &by, fields, &record, &err), err);
    assert_field(rig, record, "syncStatus", "none");
    assert_field(rig, record, "externalId", "null");
    assert_false(booking_change(rig->engine, &rig->arena, &foreign, record.uuid, rig_json(rig, "{\"title\":\"Mine\"}"), &other, &err));
    assert_int_equal(err.code, E_NOT_FOUND);
    err = (struct err){0};
    assert_false(booking_create(rig->engine, &rig->arena, &by,
        rig_json(rig, "{\"title\":\"x\",\"startTime\":\"2026-12-01T10:00:00Z\",\"endTime\":\"2026-12-01T11:00:00Z\",\"integrationId\":1}"),
        &other, &err));
    assert_int_equal(err.code, E_VALIDATION_FAILED); /* its template has no calendar */
    err = (struct err){0};
    assert_ok(booking_change(rig->engine, &rig->arena, &by, record.uuid, rig_json(rig, "{\"title\":\"Demo\"}"), &other, &err), err);
    assert_int_equal(other.version, record.version);
}

/* ---- stored templates ---- */

static void
test_a_stored_template_is_there_after_a_restart_and_gone_after_its_removal(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct template_row row;
    struct template_change change = {.name = STR("my_crm"), .display_name = STR("My CRM"), .category = STR("CRM"), .active = -1,
                                     .config_schema = rig_json(rig, "{\"type\":\"object\",\"required\":[\"apiKey\"]}")};
    assert_ok(engine_template_create(rig->engine, &rig->arena, &change, &row, &err), err);
    assert_false(engine_template_create(rig->engine, &rig->arena, &change, &row, &err));
    assert_int_equal(err.code, E_CONFLICT);
    rig_restart(rig);
    err = (struct err){0};
    assert_ok(catalogue_refresh(rig->engine, &err), err);
    struct template *t = registry_get(rig->templates, STR("my_crm"), &err);
    assert_non_null(t);
    assert_true(template_info(t)->configure_only);
    template_unref(t);
    assert_ok(engine_template_delete(rig->engine, &rig->arena, STR("my_crm"), &err), err);
    assert_null(registry_get(rig->templates, STR("my_crm"), &err));
}
