/*
 * Two at the same moment, on PostgreSQL: what one has looked at is changed by another before it is written.
 *
 * Brought about on purpose (db_trace.h): before a statement is sent, somebody else writes. Either he does so by a connection of his own and
 * has committed when the statement runs; or he only tries, and must find locked what is about to be written. With one writer nobody
 * comes between: there the same comes before, or there is nothing to see.
 */
#include "rig.h"

#include "engine/booking.h"
#include "engine/conflict.h"
#include "engine/errand.h"
#include "engine/job.h"
#include "store/db_trace.h"
#include "store/store_job.h"

/* Of a test: what happens before which statement, and how often it has. */
struct meanwhile {
    struct db_trace trace;
    struct rig *rig;
    const char *statement, *or_statement;
    const char *script;
    void (*act)(struct rig *rig);
    int64_t times;
};

static void
before(void *ctx, const char *statement)
{
    struct meanwhile *m = ctx;
    bool here = strcmp(statement, m->statement) == 0 || (m->or_statement && strcmp(statement, m->or_statement) == 0);
    if (!here || m->times++ > 0)
        return;
    if (m->script)
        rig_script_aside(m->rig, m->script);
    if (m->act)
        m->act(m->rig);
}

static struct rig *
open_rig(struct meanwhile *m)
{
    m->trace.at = DB_TRACE_COMMIT;
    m->rig = rig_new_wrapped(db_trace_wrap, &m->trace);
    return m->rig;
}

static bool
is_one_writer(const struct rig *rig)
{
    return rig->database[0] == '\0';
}

/* From now on; with one writer the script or act is done here and now. */
static void
begin(struct meanwhile *m)
{
    m->trace.before_ctx = m;
    m->trace.before = is_one_writer(m->rig) ? NULL : before;
    if (is_one_writer(m->rig) && m->script)
        rig_script_aside(m->rig, m->script);
    if (is_one_writer(m->rig) && m->act)
        m->act(m->rig);
}

static void
end(struct meanwhile *m)
{
    m->trace.before = NULL;
    assert_true(is_one_writer(m->rig) || m->times > 0);
}

/* Somebody who writes to that table as soon as he may: now, or when the transaction is over. */
#define TRY(table)                                                                                                         \
    "DO $$ BEGIN PERFORM 1 FROM " table " FOR UPDATE NOWAIT; CREATE TABLE IF NOT EXISTS came_between (); "                \
    "EXCEPTION WHEN lock_not_available THEN NULL; END $$"

static void
begin_try(struct meanwhile *m)
{
    m->trace.before_ctx = m;
    m->trace.before = is_one_writer(m->rig) ? NULL : before;
}

static void
end_try(struct meanwhile *m)
{
    end(m);
    if (!is_one_writer(m->rig))
        rig_script_aside(m->rig, "DO $$ BEGIN ASSERT to_regclass('came_between') IS NULL, 'somebody came between'; END $$");
}

static struct edit_by
somebody(const struct rig *rig)
{
    return (struct edit_by){.tenant = rig->tenant, .region = STR("BR"), .actor = STR("user:ana"), .request_id = STR("r"), .address = STR("")};
}

static void
edit(struct rig *rig, struct str uuid, const char *fields)
{
    struct err err = {0};
    struct record record;
    struct store_call call;
    struct edit_by by = somebody(rig);
    assert_ok(edit_change(&rig->arena, &by, STR("contacts"), uuid, 0, rig_json(rig, fields), &record, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
}

static void
rename_there(struct rig *rig, int64_t id, const char *name)
{
    snprintf(rig_contact(rig, id)->name, 48, "%s", name);
    rig_contact(rig, id)->updated_s += 1000;
}

/* ---- pages ---- */

static void
edit_first(struct rig *rig)
{
    edit(rig, rig_record(rig, &rig->connection, "contacts", 1).uuid, "{\"phone\":\"+5581999990000\"}");
}

/* I-22, I-23: the page has looked its records up, and found no edit. */
static void
test_what_a_person_edits_while_a_page_is_written_stays(void **state)
{
    (void)state;
    struct meanwhile m = {.statement = "record_load_set", .act = edit_first};
    struct rig *rig = open_rig(&m);
    rig_fill(rig, 5);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    rename_there(rig, 1, "Renamed");
    begin(&m);
    assert_counts(rig_run(rig, true), 0, 1, 4, 0, 0);
    end(&m);
    struct str data = rig_data(rig, &rig->connection, "contacts", 1);
    assert_true(str_contains(data, STR("+5581999990000")));
    assert_true(str_contains(data, STR("Renamed")));
    rig_free(rig);
}

static struct connection second;

/* Two connections that have the same people. */
static struct rig *
open_linked(struct meanwhile *m)
{
    struct rig *rig = open_rig(m);
    rig_fill(rig, 5);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    second = rig_connect(rig, "second");
    assert_counts(rig_run_of(rig, &second, true), 0, 5, 0, 0, 0);
    return rig;
}

static void
unlink_first(struct rig *rig)
{
    struct err err = {0};
    struct record made;
    struct edit_by by = somebody(rig);
    struct unlink_ask ask = {.record = rig_record(rig, &second, "contacts", 1).uuid, .connection = second.uuid, .external_id = STR("1"),
                             .stream = STR("contacts")};
    assert_ok(edit_unlink(rig->engine, &rig->arena, &by, &ask, &made, &err), err);
}

static void
test_what_a_person_takes_apart_while_a_page_is_written_stays_apart(void **state)
{
    (void)state;
    struct meanwhile m = {.statement = "record_load_set", .act = unlink_first};
    struct rig *rig = open_linked(&m);
    rename_there(rig, 1, "Renamed");
    begin(&m);
    assert_counts(rig_run_of(rig, &second, true), 0, 1, 4, 0, 0);
    end(&m);
    struct record one = rig_record(rig, &rig->connection, "contacts", 1), other = rig_record(rig, &second, "contacts", 1);
    assert_int_not_equal(one.id, other.id);
    assert_true(str_contains(other.data, STR("Renamed")));
    assert_false(str_contains(one.data, STR("Renamed")));
    rig_free(rig);
}

/* As a page of the second connection writes it, which found the first's still there. */
#define GONE_AT_SECOND                                                                                                     \
    "UPDATE entity_map SET deleted_at = 1 WHERE external_id = '1' AND stream IN (SELECT s.id FROM streams s "              \
    "JOIN connections n ON n.id = s.connection WHERE n.name = 'second')"

static void
test_who_goes_at_two_sources_at_the_same_moment_is_gone(void **state)
{
    (void)state;
    struct meanwhile m = {.statement = "record_hold_set", .or_statement = "map_write_set", .script = GONE_AT_SECOND};
    struct rig *rig = open_linked(&m);
    rig_contact(rig, 1)->tombstone = true;
    rig_contact(rig, 1)->updated_s += 1000;
    begin(&m);
    assert_counts(rig_run(rig, true), 0, 0, 4, 1, 0);
    end(&m);
    assert_int_equal(rig_count(rig, "contacts", false), 4);
    rig_free(rig);
}

/* Whether the record goes too depends on its other maps. */
static void
test_nobody_comes_between_a_missing_map_and_its_record(void **state)
{
    (void)state;
    struct meanwhile m = {.statement = "delete_map", .script = TRY("records")};
    struct rig *rig = open_linked(&m);
    rig_contact(rig, 1)->gone = true;
    begin_try(&m);
    assert_int_equal(rig_run(rig, true).missing, 1);
    end_try(&m);
    assert_int_equal(rig_count(rig, "contacts", false), 5);
    assert_int_equal(rig_run_of(rig, &second, true).missing, 1);
    assert_int_equal(rig_count(rig, "contacts", false), 4);
    rig_free(rig);
}

/* A contact takes one of each connection: an event of the same connection must not link another at this moment. */
static void
test_nobody_comes_between_whether_a_contact_is_free_and_its_link(void **state)
{
    (void)state;
    struct meanwhile m = {.statement = "record_has_map_of", .script = TRY("records")};
    struct rig *rig = open_rig(&m);
    rig_fill(rig, 1);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    second = rig_connect(rig, "second");
    begin_try(&m);
    assert_counts(rig_run_of(rig, &second, true), 0, 1, 0, 0, 0);
    end_try(&m);
    rig_free(rig);
}

/* ---- conflicts ---- */

#define SAYS_NEWER                                                                                                         \
    "UPDATE conflicts SET fields = replace(CAST(fields AS text), '\"There\"', '\"Newer\"')"

static struct str
open_conflict(struct rig *rig)
{
    struct err err = {0};
    struct conflict *rows;
    size_t count;
    int64_t total;
    struct conflict_filter filter = {.state = STR("open"), .connection = STR_NONE, .record = STR_NONE, .limit = 5};
    struct connection_change manual = {.enabled = -1, .conflict_policy = STR("manual")};
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &manual, false, &rig->connection, &err),
              err);
    rig_fill(rig, 2);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    edit(rig, rig_record(rig, &rig->connection, "contacts", 1).uuid, "{\"name\":\"Here\"}");
    rename_there(rig, 1, "There");
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    assert_ok(engine_conflict_list(rig->engine, &rig->arena, rig->tenant, &filter, &rows, &count, &total, &err), err);
    assert_int_equal(count, 1);
    return rows[0].uuid;
}

/* A page has the newer words of the source while a person decides for the source. */
static void
test_what_the_source_says_now_is_taken_when_it_is_chosen(void **state)
{
    (void)state;
    struct err err = {0};
    struct conflict after;
    struct meanwhile m = {.statement = "record_load_set", .script = SAYS_NEWER};
    struct rig *rig = open_rig(&m);
    struct edit_by by = somebody(rig);
    struct str uuid = open_conflict(rig);
    begin(&m);
    assert_ok(engine_conflict_resolve(rig->engine, &rig->arena, &by, uuid, rig_json(rig, "\"source\""), &after, &err), err);
    end(&m);
    assert_true(str_contains(rig_data(rig, &rig->connection, "contacts", 1), STR("\"Newer\"")));
    rig_free(rig);
}

/* ---- connections ---- */

/* The whole row is written: what a schedule, another person or the rotation of keys writes must not get lost. */
static void
test_nobody_comes_between_what_a_connection_is_and_its_change(void **state)
{
    (void)state;
    struct err err = {0};
    struct meanwhile m = {.statement = "connection_update", .script = TRY("connections")};
    struct rig *rig = open_rig(&m);
    struct connection_change change = {.enabled = -1, .name = STR("New name")};
    begin_try(&m);
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &change, false, &rig->connection, &err),
              err);
    end_try(&m);
    assert_str(rig->connection.name, "New name");
    rig_free(rig);
}

/* Else the feed would say `error` for ever of one that a test found well at the same moment. */
static void
test_nobody_comes_between_a_status_and_the_telling_of_its_change(void **state)
{
    (void)state;
    struct err err = {0};
    struct meanwhile m = {.statement = "connection_result", .script = TRY("connections")};
    struct rig *rig = open_rig(&m);
    begin_try(&m);
    assert_ok(engine_connection_test(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &rig->connection, &err), err);
    end_try(&m);
    rig_free(rig);
}

/* ---- jobs ---- */

static struct str
queue_job(struct rig *rig, const char *name)
{
    struct err err = {0};
    struct job_queueing *queueing;
    struct str text = str_format(&rig->arena, "{\"source\":\"%.*s\"}", STR_ARG(rig->connection.uuid));
    struct job_request ask = {.name = str_from_c(name), .type = STR("incremental"), .priority = STR_NONE,
                              .data = rig_json(rig, str_cstr(&rig->arena, text)), .created_by = STR_NONE};
    assert_ok(engine_job_queue(rig->engine, &rig->arena, rig->tenant, &ask, &queueing, &err), err);
    assert_ok(store_write(rig->store, queueing->call.fn, queueing->call.ctx, &err), err);
    return queueing->view.job.uuid;
}

#define CANCELLED "UPDATE jobs SET state = 'cancelled', waiting = 0, finished_at = 1 WHERE name = 'next'"

/* The run before it ends all the same, and is not done again when its lease has lapsed. */
static void
test_a_run_ends_while_somebody_cancels_the_job_that_is_next(void **state)
{
    (void)state;
    struct err err = {0};
    struct job_view view;
    struct meanwhile m = {.statement = "job_started", .script = CANCELLED};
    struct rig *rig = open_rig(&m);
    rig_fill(rig, 3);
    struct run run = rig_start(rig, &rig->connection, true);
    struct str next = queue_job(rig, "next"), last = queue_job(rig, "last");
    begin(&m);
    assert_true(rig_step(rig));
    end(&m);
    assert_state(rig_look(rig, run.uuid), RUN_SUCCEEDED);
    assert_ok(engine_job_find(rig->engine, &rig->arena, rig->tenant, next, &view, &err), err);
    assert_int_equal(view.job.state, JOB_CANCELLED);
    assert_true(str_is_none(view.run));
    assert_true(rig_step(rig)); /* the one behind it */
    assert_ok(engine_job_find(rig->engine, &rig->arena, rig->tenant, last, &view, &err), err);
    assert_int_equal(view.job.state, JOB_COMPLETED);
    rig_free(rig);
}

/* ---- bookings ---- */

static struct record
make_booking(struct rig *rig)
{
    struct err err = {0};
    struct record record;
    struct edit_by by = somebody(rig);
    yyjson_val *fields = rig_json(rig, "{\"title\":\"Demo\",\"startTime\":\"2026-12-01T10:00:00Z\",\"endTime\":\"2026-12-01T11:00:00Z\"}");
    assert_ok(booking_create(rig->engine, &rig->arena, &by, fields, &record, &err), err);
    return record;
}

/* Its new state is written into the whole of it, which a person may be changing. */
static void
test_nobody_comes_between_a_booking_and_what_became_of_its_slot(void **state)
{
    (void)state;
    struct err err = {0}, why = {0};
    struct meanwhile m = {.statement = "record_update_set", .script = TRY("records")};
    struct rig *rig = open_rig(&m);
    struct record booking = make_booking(rig);
    struct errand errand = {.tenant = rig->tenant, .kind = STR("booking"), .record = booking.id, .connection = rig->connection.id};
    err_set(&why, E_VENDOR_UNAVAILABLE, "The vendor is not there");
    begin_try(&m);
    assert_ok(errand_booking.failed(rig->engine, &rig->arena, &errand, &why, false, &err), err);
    end_try(&m);
    rig_free(rig);
}

#define DELETED "UPDATE records SET deleted_at = 1"

static void
test_a_booking_that_is_deleted_while_it_is_changed_stays_deleted(void **state)
{
    (void)state;
    struct err err = {0};
    struct record after;
    struct meanwhile m = {.statement = "record_load_set", .script = DELETED};
    struct rig *rig = open_rig(&m);
    struct edit_by by = somebody(rig);
    struct record booking = make_booking(rig);
    begin(&m);
    assert_false(booking_change(rig->engine, &rig->arena, &by, booking.uuid, rig_json(rig, "{\"title\":\"New\"}"), &after, &err));
    end(&m);
    assert_int_equal(err.code, E_NOT_FOUND);
    assert_int_equal(rig_count(rig, "bookings", false), 0);
    rig_free(rig);
}

/* ---- welcome messages ---- */

static void *
ai_start(void *ctx, const struct http_request *request, struct err *err)
{
    (void)request, (void)err;
    return ctx;
}

static const struct http_reply *
ai_wait(void *call)
{
    (void)call;
    static const char answer[] = "{\"choices\":[{\"message\":{\"content\":\"Hello\"}}]}";
    static const struct http_reply reply = {.code = E_OK, .status = 200, .body = {answer, sizeof(answer) - 1}};
    return &reply;
}

static void
ai_free(void *call)
{
    (void)call;
}

static struct record
make_lead(struct rig *rig)
{
    struct err err = {0};
    struct record record;
    struct store_call call;
    struct edit_by by = somebody(rig);
    assert_ok(edit_create(&rig->arena, &by, STR("leads"), rig_json(rig, "{\"name\":\"Ana\"}"), &record, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
    return record;
}

static void
test_nobody_comes_between_a_lead_and_its_welcome(void **state)
{
    (void)state;
    struct err err = {0};
    struct meanwhile m = {.statement = "record_update_set", .script = TRY("records")};
    struct rig *rig = open_rig(&m);
    struct record lead = make_lead(rig);
    struct errand errand = {.tenant = rig->tenant, .kind = STR("welcome"), .record = lead.id, .connection = rig->connection.id};
    struct sender sender = rig->engine->sender;
    rig->engine->sender = (struct sender){ai_start, ai_wait, ai_free, ai_free, &m};
    rig->engine->options.ai = (struct engine_ai){.base_url = STR("http://ai"), .model = STR("m"), .api_key = STR_NONE, .prompt = STR_NONE};
    begin_try(&m);
    assert_ok(errand_welcome.run(rig->engine, &rig->arena, &errand, &err), err);
    end_try(&m);
    rig->engine->sender = sender;
    rig_free(rig);
}
