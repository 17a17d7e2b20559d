/*
 * Erasing a person while others are at work with what is known of him.
 */
#include "rig.h"

#include "base/rng.h"
#include "engine/applier.h"
#include "engine/edit.h"
#include "engine/search.h"
#include "engine/tenant.h"
#include "store/db_trace.h"
#include "store/store_audit.h"
#include "store/store_inbox.h"

struct erasing {
    struct rig *rig;
    struct str uuid;
    const char *at;              /* the statement before which it begins */
    pthread_t thread;
    bool begun;
    bool ok;
    struct err err;
};

static struct edit_by
ana(struct rig *rig)
{
    return (struct edit_by){.tenant = rig->tenant, .region = STR("BR"), .actor = STR("user:ana"), .request_id = STR("r"),
                            .address = STR("")};
}

static void *
erase_main(void *ctx)
{
    struct erasing *e = ctx;
    struct edit_by by = ana(e->rig);
    e->ok = edit_erase(e->rig->engine, &by, STR("contacts"), e->uuid, &e->err);
    return NULL;
}

static void
erase_now(struct rig *rig, int64_t id)
{
    struct erasing e = {.rig = rig, .uuid = rig_record(rig, &rig->connection, "contacts", id).uuid};
    erase_main(&e);
    assert_ok(e.ok, e.err);
}

/* Fails the test when there are any. */
static void
assert_none(struct rig *rig, const char *of)
{
    struct str script = str_format(&rig->arena, "CREATE TEMPORARY TABLE leftover (n bigint CHECK (n = 0)); "
                                                "INSERT INTO leftover SELECT count(*) FROM %s; DROP TABLE leftover", of);
    rig_script_aside(rig, str_cstr(&rig->arena, script));
}

/* Goes on when it is so, or when whoever brings it about waits for a lock. */
#define UNTIL_OR_WAITING(condition)                                                                                        \
    "DO $$ BEGIN FOR i IN 1..12000 LOOP PERFORM pg_stat_clear_snapshot(); EXIT WHEN " condition                            \
    " OR EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'); "        \
    "PERFORM pg_sleep(0.01); END LOOP; END $$"

/* Somebody has read a person and is about to write what he read; then another erases the person. */
static void
erase_meanwhile(void *ctx, const char *statement)
{
    struct erasing *e = ctx;
    if (strcmp(statement, e->at) != 0 || e->begun)
        return;
    e->begun = true;
    assert_int_equal(pthread_create(&e->thread, NULL, erase_main, e), 0);
    rig_script_aside(e->rig, UNTIL_OR_WAITING("(SELECT count(*) FROM records) < 5"));
}

static void
index_all(struct rig *rig)
{
    struct err err = {0};
    for (bool more = true; more;)
        assert_ok(search_round(rig->store, &more, &err), err);
}

#define FOUR_ARE_FOUND                                                                                                     \
    "CREATE TEMPORARY TABLE found (n bigint CHECK (n = 4)); INSERT INTO found SELECT count(*) FROM search_text; DROP TABLE found"

/* Whoever is erased is erased from the text search too, and does not come back. One writer: nobody comes between, so it is before. */
static void
test_who_is_erased_while_the_index_is_written_is_not_in_it(void **state)
{
    (void)state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    bool between = rig->database[0] != '\0';
    struct erasing e = {.rig = rig, .at = "search_put"};
    rig_fill(rig, 5);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    e.uuid = rig_record(rig, &rig->connection, "contacts", 1).uuid;
    trace.before_ctx = &e;
    trace.before = between ? erase_meanwhile : NULL;
    index_all(rig);
    trace.before = NULL;
    if (between)
        assert_int_equal(pthread_join(e.thread, NULL), 0);
    else
        erase_main(&e);
    assert_ok(e.ok, e.err);
    rig_script_aside(rig, FOUR_ARE_FOUND);
    index_all(rig);
    rig_script_aside(rig, FOUR_ARE_FOUND);
    rig_free(rig);
}

/* ---- pages */

/* Somebody is erased between what a page looks up and what it writes: the page goes on, without him. */
static void
test_a_page_that_knew_somebody_goes_on_when_he_is_erased(void **state)
{
    (void)state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    bool between = rig->database[0] != '\0';
    struct erasing e = {.rig = rig, .at = "record_load_set"};
    rig_fill(rig, 5);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    e.uuid = rig_record(rig, &rig->connection, "contacts", 1).uuid;
    for (int64_t id = 1; id <= 5; id++) {
        snprintf(rig_contact(rig, id)->name, sizeof(rig_contact(rig, id)->name), "Renamed %d", (int)id);
        rig_contact(rig, id)->updated_s++;
    }
    trace.before_ctx = &e;
    trace.before = between ? erase_meanwhile : NULL;
    if (!between)
        erase_main(&e);
    struct run run = rig_run(rig, true);
    trace.before = NULL;
    if (between)
        assert_int_equal(pthread_join(e.thread, NULL), 0);
    assert_ok(e.ok, e.err);
    assert_state(run, RUN_SUCCEEDED);
    assert_none(rig, "raw WHERE map IN (SELECT id FROM entity_map WHERE erased = 1)");
    assert_none(rig, "entity_map WHERE erased = 1 AND url IS NOT NULL");
    assert_int_equal(rig_count(rig, "contacts", true), 4);
    rig_free(rig);
}

/* What is wrong with his record at the vendor later is no reason to keep it. */
static void
test_who_is_erased_is_not_kept_as_a_rejected_record(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    erase_now(rig, 1);
    for (int64_t id = 1; id <= 2; id++) {
        struct rig_contact *c = rig_contact(rig, id);
        c->email[0] = c->phone[0] = '\0';
        snprintf(c->name, sizeof(c->name), "Without Address %d", (int)id);
        c->updated_s++;
    }
    struct run run = rig_run(rig, true);
    assert_counts(run, 0, 0, 1, 0, 2);
    assert_int_equal(rig_rejected(rig), 2);
    assert_none(rig, "rejected_records WHERE payload LIKE '%Without Address 1%'");
    assert_none(rig, "(SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM rejected_records WHERE payload LIKE '%Without Address 2%')) AS kept");
}

static void
order(struct rig *rig, int64_t id, int64_t contact)
{
    struct rig_order *o = &rig->vendor.orders[rig->vendor.order_count++];
    *o = (struct rig_order){.id = id, .contact_id = contact};
    snprintf(o->total, sizeof(o->total), "10.00");
}

/* What hangs on somebody goes with him; so it does when it was not here yet. */
static void
test_what_hangs_on_somebody_erased_does_not_come_later(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 2);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    erase_now(rig, 1);
    order(rig, 11, 1);
    order(rig, 12, 2);
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 1, 0, 3, 0, 0);
    assert_int_equal(rig_count(rig, "orders", true), 1);
    assert_counts(rig_run(rig, true), 0, 0, 4, 0, 0);
    assert_int_equal(rig_count(rig, "orders", true), 1);
    assert_none(rig, "records WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM records)");
    assert_none(rig, "(SELECT count(*) AS n FROM entity_map WHERE external_id = '11' AND erased = 1) AS marked WHERE marked.n <> 1");
}

static void
erase_first(void *ctx, int64_t number, struct str url)
{
    struct erasing *e = ctx;
    (void)number;
    if (e->begun || !str_contains(url, STR("/orders")))
        return;
    e->begun = true;
    e->uuid = rig_record(e->rig, &e->rig->connection, "contacts", 1).uuid;
    erase_main(e);
}

/* His contact has come with this very run, his orders are about to. */
static void
test_somebody_erased_in_the_middle_of_a_run_is_not_brought_back_by_it(void **state)
{
    struct rig *rig = *state;
    struct erasing e = {.rig = rig};
    rig_fill(rig, 2);
    order(rig, 11, 1);
    order(rig, 12, 2);
    rig->vendor.on_request_ctx = &e;
    rig->vendor.on_request = erase_first;
    struct run run = rig_run(rig, true);
    rig->vendor.on_request = NULL;
    assert_ok(e.ok, e.err);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(rig_count(rig, "contacts", true), 1);
    assert_int_equal(rig_count(rig, "orders", true), 1);
    assert_none(rig, "records WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM records)");
}

/* ---- what is being made */

struct making {
    struct rig *rig;
    struct str mail;
    struct store_call call;
    char uuid[UUID_TEXT_BYTES];
};

static struct str
packed(struct making *m, const char *text)
{
    struct err err = {0};
    struct raw_packer *packer = raw_packer_new(&err);
    struct str content = raw_pack_value(packer, &m->rig->arena, rig_json(m->rig, text));
    raw_packer_free(packer);
    assert_false(str_is_none(content));
    return content;
}

/* An event that names him is kept, and something that hangs on him is made, in one transaction. */
static bool
make(struct db *db, void *ctx, struct err *err)
{
    bool duplicate;
    struct making *m = ctx;
    char text[200];
    snprintf(text, sizeof(text), "{\"email\":\"%.*s\"}", STR_ARG(m->mail));
    struct inbox_event event = {.tenant = m->rig->tenant, .connection = m->rig->connection.id, .uuid = str_from_c(uuid_v7_now(m->uuid)),
                                .type = STR("t"), .trust = STR("signed"), .status = STR("unhandled"), .received_us = store_now(db),
                                .content = packed(m, text)};
    return store_inbox_add(db, &event, STR_NONE, &duplicate, err) && m->call.fn(db, m->call.ctx, err);
}

/* The next event after it, which is seen before. */
#define NEXT_EVENT                                                                                                                 \
    "INSERT INTO inbox_events (id, tenant, uuid, connection, type, trust, status, received_at, bytes, content) "                     \
    "SELECT 1000, t.id, 'u', 1, 't', 'signed', 'unhandled', 1, 1, 'x' FROM tenants t ORDER BY t.id LIMIT 1"

static void
next_event_and_erase(void *ctx, const char *statement)
{
    struct erasing *e = ctx;
    if (strcmp(statement, e->at) == 0 && !e->begun)
        rig_script_aside(e->rig, NEXT_EVENT);
    erase_meanwhile(ctx, statement);
}

/* `at`: the statement of the making before which the erasure begins; with one writer it comes after all of it. */
static void
make_while_erasing(const char *at)
{
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    bool between = rig->database[0] != '\0';
    struct erasing e = {.rig = rig, .at = at};
    struct edit_by by = ana(rig);
    struct making m = {.rig = rig};
    struct record out;
    struct err err = {0};
    rig_fill(rig, 5);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    e.uuid = rig_record(rig, &rig->connection, "contacts", 1).uuid;
    m.mail = str_from_c(rig_contact(rig, 1)->email);
    struct str lead = str_format(&rig->arena, "{\"name\":\"Lead of his\",\"parentId\":\"%.*s\"}", STR_ARG(e.uuid));
    assert_ok(edit_create(&rig->arena, &by, STR("leads"), rig_json(rig, str_cstr(&rig->arena, lead)), &out, &m.call, &err), err);
    trace.before_ctx = &e;
    trace.before = between ? next_event_and_erase : NULL;
    bool made = store_write(rig->store, make, &m, &err);
    trace.before = NULL;
    if (between)
        assert_int_equal(pthread_join(e.thread, NULL), 0);
    else
        erase_main(&e);
    assert_ok(e.ok, e.err);
    assert_true(made || err.code == E_VALIDATION_FAILED); /* he was gone before */
    assert_int_equal(rig_count(rig, "contacts", true), 4);
    assert_int_equal(rig_count(rig, "leads", true), 0);
    assert_none(rig, "inbox_events WHERE id <> 1000");
    assert_none(rig, "record_history WHERE record NOT IN (SELECT id FROM records)");
    rig_free(rig);
}

static void
test_what_is_made_with_somebody_who_is_being_erased_goes_too(void **state)
{
    (void)state;
    make_while_erasing("record_insert_set");
}

static void
test_what_is_about_to_be_made_with_somebody_who_is_being_erased_goes_too(void **state)
{
    (void)state;
    make_while_erasing("record_hold_set");
}

/* ---- words */

static void
test_why_things_failed_does_not_name_who_was_erased(void **state)
{
    static const char *const tables[] = {"connections", "jobs", "run_streams", "runs"};
    struct rig *rig = *state;
    rig_fill(rig, 2);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    struct str mail = str_from_c(rig_contact(rig, 1)->email);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        rig_script_aside(rig, str_cstr(&rig->arena, str_format(&rig->arena, "UPDATE %s SET error_message = 'no such person: %.*s'",
                                                               tables[i], STR_ARG(mail))));
    rig_script_aside(rig, str_cstr(&rig->arena, str_format(&rig->arena, "UPDATE runs SET wait_message = '%.*s waits'", STR_ARG(mail))));
    erase_now(rig, 1);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        assert_none(rig, str_cstr(&rig->arena, str_format(&rig->arena, "%s WHERE error_message <> 'no such person: (erased)'", tables[i])));
    assert_none(rig, "runs WHERE wait_message <> '(erased) waits'");
}

/* ---- connections and tenants that go */

struct leaving {
    struct rig *rig;
    const char *at, *until;
    int64_t tenant;              /* 0: the connection goes */
    pthread_t thread;
    bool begun, ok;
    struct err err;
};

static void
delete_tenant(struct leaving *l)
{
    struct audit audit = {.tenant = l->tenant, .actor = STR("local"), .action = STR("tenant.delete")};
    l->ok = engine_tenant_switch(l->rig->engine, l->tenant, TENANT_DELETE, &audit, &l->err) &&
            engine_tenants_round(l->rig->engine, &l->err);
}

static void *
leave_main(void *ctx)
{
    struct leaving *l = ctx;
    if (l->tenant != 0)
        delete_tenant(l);
    else
        l->ok = engine_connection_delete(l->rig->engine, l->rig->tenant, l->rig->connection.uuid, true, &l->err);
    return NULL;
}

static void
leave_meanwhile(void *ctx, const char *statement)
{
    struct leaving *l = ctx;
    if (strcmp(statement, l->at) != 0 || l->begun)
        return;
    l->begun = true;
    assert_int_equal(pthread_create(&l->thread, NULL, leave_main, l), 0);
    rig_script_aside(l->rig, l->until);
}

struct coming {
    struct rig *rig;
    struct applier *applier;
    struct inbox_queue queue;
    struct apply_item item;
};

static bool
take_queue(struct db *db, void *ctx, struct err *err)
{
    struct coming *c = ctx;
    return store_inbox_claim(db, &c->queue, STR("node"), store_now(db), store_now(db) + US_PER_MINUTE, err) == ROW_FOUND;
}

static bool
apply_event(struct db *db, void *ctx, struct err *err)
{
    struct coming *c = ctx;
    return store_inbox_fence(db, &c->queue, store_now(db) + US_PER_MINUTE, err) &&
           applier_commit(c->applier, db, &c->rig->arena, &c->item, 0, err);
}

/* An event is being applied while its connection is deleted with its records: what it writes goes too. */
static void
test_nothing_stays_of_an_event_that_is_applied_while_its_connection_goes(void **state)
{
    (void)state;
    static const char *const tables[] = {"records", "entity_map", "raw", "match_keys", "inbox_queues", "streams"};
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    bool between = rig->database[0] != '\0';
    struct err err = {0};
    struct leaving l = {.rig = rig, .at = "map_write_set", .until = UNTIL_OR_WAITING("(SELECT count(*) FROM connections) = 0")};
    struct coming c = {.rig = rig, .queue = {.tenant = rig->tenant, .connection = rig->connection.id},
                       .item = {.stream = STR("contacts"),
                                .record = rig_json(rig, "{\"id\":1,\"name\":\"Ana\",\"email\":\"ana@example.com\"}"), .whole = true,
                                .certain = true, .observed_us = 1}};
    c.applier = applier_new(rig->engine, rig->tenant, rig->connection.id, &err);
    assert_ok(c.applier != NULL, err);
    assert_ok(store_write(rig->store, take_queue, &c, &err), err);
    trace.before_ctx = &l;
    trace.before = between ? leave_meanwhile : NULL;
    assert_ok(store_write(rig->store, apply_event, &c, &err), err);
    trace.before = NULL;
    if (between)
        assert_int_equal(pthread_join(l.thread, NULL), 0);
    else
        leave_main(&l);
    assert_ok(l.ok, l.err);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        assert_none(rig, tables[i]);
    assert_false(store_write(rig->store, apply_event, &c, &err));
    assert_int_equal(err.code, E_FENCED);
    applier_free(c.applier);
    rig_free(rig);
}

struct writing {
    struct rig *rig;
    struct tenant tenant;
    struct store_call call;
};

static bool
make_other(struct db *db, void *ctx, struct err *err)
{
    struct writing *w = ctx;
    w->tenant = (struct tenant){.key = STR("other"), .name = STR("Other")};
    return store_tenant_create(db, &w->rig->arena, &w->tenant, store_now(db), err);
}

static bool
write_late(struct db *db, void *ctx, struct err *err)
{
    struct writing *w = ctx;
    struct audit audit = {.tenant = w->tenant.id, .actor = STR("user:late"), .action = STR("late")};
    return w->call.fn(db, w->call.ctx, err) && store_audit_add(db, &audit, store_now(db), err);
}

/* A person of the tenant writes while it is deleted. */
static void
test_nothing_stays_of_what_is_written_while_its_tenant_goes(void **state)
{
    (void)state;
    static const char *const tables[] = {"records", "record_history", "changes", "audit", "collection_counts", "match_keys"};
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    bool between = rig->database[0] != '\0';
    struct err err = {0};
    struct record out;
    struct writing w = {.rig = rig};
    assert_ok(store_write(rig->store, make_other, &w, &err), err);
    struct edit_by by = {.tenant = w.tenant.id, .region = STR("BR"), .actor = STR("user:ana")};
    struct leaving l = {.rig = rig, .at = "audit_add", .tenant = w.tenant.id,
                        .until = UNTIL_OR_WAITING("(SELECT count(*) FROM tenants) = 1")};
    for (int i = 0; i < 2; i++) {
        assert_ok(edit_create(&rig->arena, &by, STR("contacts"), rig_json(rig, i == 0 ? "{\"name\":\"Ana\"}" : "{\"name\":\"Bia\"}"), &out,
                              &w.call, &err), err);
        trace.before_ctx = &l;
        trace.before = between && i == 1 ? leave_meanwhile : NULL;
        assert_ok(store_write(rig->store, write_late, &w, &err), err);
        trace.before = NULL;
    }
    if (between)
        assert_int_equal(pthread_join(l.thread, NULL), 0);
    else
        leave_main(&l);
    assert_ok(l.ok, l.err);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        assert_none(rig, str_cstr(&rig->arena, str_format(&rig->arena, "%s WHERE tenant = %d", tables[i], (int)w.tenant.id)));
    rig_free(rig);
}
