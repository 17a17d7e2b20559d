/*
 * Leads: what becomes of a contact that a platform tells us of as a new lead.
 *
 * A lead is a record of the kind `leads`, mapped from the contact's external id under a stream of its own (INTAKE_STREAM), so
 * that the same contact always meets the same lead, deleting the connection or erasing the lead works as for
 * everything synced, and lists, history, export and events need nothing new. All of one intake is one write closure:
 * killed before, nothing is there and the event is applied again; killed after, the second time finds the same
 * fingerprint and writes nothing.
 *
 * What a person changed on the lead stays: the contact's fields are merged three ways, as a page's are.
 */
#include "engine/lead.h"

#include <xxhash.h>

#include "base/rng.h"
#include "engine/engine_priv.h"
#include "engine/page_merge.h"
#include "engine/place.h"
#include "json/writer.h"
#include "store/store_errand.h"
#include "store/store_event.h"
#include "store/store_page.h"
#include "store/store_stream.h"
#include "store/store_strategy.h"
#include "store/store_sub_account.h"
#include "store/store_tenant.h"

#define INTAKE_STREAM STR("intake:leads")
#define LEADS STR("leads")
#define LEAD_BYTES_MAX LIMIT_RECORD_BYTES

struct intake {
    struct engine *engine;
    struct arena *arena;
    const struct connection *connection;
    struct str external_id;
    int64_t contact_record;
    yyjson_val *contact;
    /* of this try of the closure */
    struct stream stream;
    struct map_row map;
    struct record_row lead;      /* as it is stored */
    struct str base;             /* what the contact said when somebody changed the lead, or STR_NONE */
    int64_t user, strategy;      /* 0: none */
    struct str derived;          /* the contact's fields as a lead has them */
    bool contact_gone;           /* erased since the caller read him */
    int64_t now_us;
};

/* ---- what a contact says ---- */

/* A member at the top, or a custom field of that name or ending in "_name" ("acme_postalCode"). */
static struct str
member_of(yyjson_val *contact, const char *name)
{
    size_t index, max;
    yyjson_val *key, *value, *custom = json_get_c(contact, "customFields");
    struct str text = json_str(json_get_c(contact, name)), wanted = str_from_c(name);
    if (text.len > 0 || !yyjson_is_obj(custom))
        return text.len > 0 ? text : STR_NONE;
    yyjson_obj_foreach(custom, index, max, key, value) {
        struct str field = json_str(key);
        bool fits = str_eq_nocase(field, wanted) ||
                    (field.len > wanted.len && field.ptr[field.len - wanted.len - 1] == '_' &&
                     str_eq_nocase(str_skip(field, field.len - wanted.len), wanted));
        if (fits && json_str(value).len > 0)
            return json_str(value);
    }
    return STR_NONE;
}

/* The seed's `payload.name || `${firstName} ${lastName}``. */
static struct str
name_of(struct arena *a, yyjson_val *contact)
{
    struct str name = json_str(json_get_c(contact, "name"));
    if (str_trim(name).len > 0)
        return name;
    struct str first = member_of(contact, "firstName"), last = member_of(contact, "lastName");
    if (first.len == 0 && last.len == 0)
        return STR_NONE;
    return str_trim(str_format(a, "%.*s %.*s", STR_ARG(first), STR_ARG(last)));
}

static struct str
timezone_of(struct arena *a, yyjson_val *contact, struct str region)
{
    char zone[PLACE_ZONE_BYTES];
    struct str own = member_of(contact, "timezone");
    struct place place = {member_of(contact, "postalCode"), member_of(contact, "state"), member_of(contact, "city"),
                          member_of(contact, "country"), region};
    if (own.len > 0)
        return own;
    return place_timezone(&place, zone) ? str_copy(a, str_from_c(zone)) : STR_NONE;
}

static bool
is_ours(struct str name)
{
    static const char *const names[] = {"id", "name", "timezone", "regularUserId", "strategyId", "subAccountId", "status",
                                        "welcomeMessage", "locationId"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i]))
            return true;
    return false;
}

/* The contact's fields as a lead has them, canonical. */
static bool
derive(struct intake *i, struct str region, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_mut_doc *doc = json_mut_doc(i->arena);
    yyjson_mut_val *lead = doc == NULL ? NULL : yyjson_mut_obj(doc);
    struct str name = name_of(i->arena, i->contact), zone = timezone_of(i->arena, i->contact, region);
    yyjson_obj_foreach(i->contact, index, max, key, value) {
        if (lead != NULL && !is_ours(json_str(key)))
            yyjson_mut_obj_add(lead, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    }
    if (lead != NULL && name.len > 0)
        yyjson_mut_obj_put(lead, yyjson_mut_str(doc, "name"), yyjson_mut_strncpy(doc, name.ptr, name.len));
    if (lead != NULL && zone.len > 0)
        yyjson_mut_obj_put(lead, yyjson_mut_str(doc, "timezone"), yyjson_mut_strncpy(doc, zone.ptr, zone.len));
    yyjson_val *frozen = lead == NULL ? NULL : json_freeze(i->arena, lead);
    struct buf b;
    buf_init(&b, LEAD_BYTES_MAX);
    bool ok = frozen != NULL && json_write_canonical(&b, frozen);
    i->derived = ok ? str_copy(i->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return !str_is_none(i->derived) || err_set(err, E_TOO_LARGE, "The contact is larger than a lead may be");
}

/* ---- reading ---- */

static bool
find_owner(struct db *db, struct intake *i, struct err *err)
{
    int64_t tenant = i->connection->tenant;
    i->user = i->strategy = 0;
    enum row row = store_sub_account_first_user(db, tenant, &i->user, err);
    if (row == ROW_FOUND)
        row = store_strategy_first(db, tenant, i->user, &i->strategy, err);
    return row != ROW_FAILED;
}

/* The lead is locked by now; the map was looked at before, and somebody who edited the lead meanwhile has given it a base. */
static bool
find_base(struct db *db, struct intake *i, struct err *err)
{
    struct base_row *rows;
    size_t count;
    i->base = STR_NONE;
    if (!store_bases_load(db, i->arena, i->connection->tenant, i->map.record, &rows, &count, err))
        return false;
    for (size_t k = 0; k < count; k++)
        if (rows[k].map == i->map.map)
            i->base = rows[k].base;
    return true;
}

/* Whoever erases the contact meanwhile waits, and finds the lead; or was here before. */
static bool
hold_contact(struct db *db, struct intake *i, struct err *err)
{
    struct record_row contact = {.found = i->contact_record == 0};
    if (!contact.found && !store_records_load(db, i->arena, i->connection->tenant, &i->contact_record, 1, &contact, err))
        return false;
    i->contact_gone = !contact.found;
    return true;
}

static bool
look(struct db *db, struct intake *i, struct err *err)
{
    const struct connection *c = i->connection;
    struct tenant tenant;
    i->now_us = store_now(db);
    i->lead = (struct record_row){0};
    if (store_tenant_get(db, i->arena, c->tenant, &tenant, err) != ROW_FOUND ||
        !store_stream_ensure(db, i->arena, c->tenant, c->id, INTAKE_STREAM, LEADS, &i->stream, err) ||
        !store_stream_lock(db, c->tenant, i->stream.id, err) || !derive(i, tenant.region, err) ||
        !store_map_lookup(db, i->arena, c->tenant, i->stream.id, &i->external_id, 1, &i->map, err) || !find_owner(db, i, err) ||
        !hold_contact(db, i, err))
        return false;
    if (i->map.record == 0)
        return true;
    return store_records_load(db, i->arena, c->tenant, &i->map.record, 1, &i->lead, err) && find_base(db, i, err);
}

/* ---- writing ---- */

static void
put_number(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, int64_t number)
{
    yyjson_mut_obj_put(object, yyjson_mut_str(doc, name), number > 0 ? yyjson_mut_sint(doc, number) : yyjson_mut_null(doc));
}

/* Who has it stays; who has none gets one as soon as there is one. */
static void
put_owner(const struct intake *i, yyjson_mut_doc *doc, yyjson_mut_val *lead)
{
    yyjson_mut_val *user = yyjson_mut_obj_get(lead, "regularUserId"), *strategy = yyjson_mut_obj_get(lead, "strategyId");
    if (user == NULL || yyjson_mut_is_null(user)) {
        put_number(doc, lead, "regularUserId", i->user);
        put_number(doc, lead, "strategyId", i->strategy);
    } else if (strategy == NULL || yyjson_mut_is_null(strategy))
        put_number(doc, lead, "strategyId", i->strategy);
    put_number(doc, lead, "subAccountId", i->connection->tenant);
    if (yyjson_mut_obj_get(lead, "status") == NULL)
        yyjson_mut_obj_put(lead, yyjson_mut_str(doc, "status"), yyjson_mut_str(doc, "new"));
}

/* `over` laid over `under`, which may be STR_NONE; canonical. with_owner: and the owner filled in. */
static bool
overlay(const struct intake *i, struct str under, struct str over, bool with_owner, struct str *text_out, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_val *top = json_parse(i->arena, over, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    yyjson_val *bottom = under.len == 0 ? NULL : json_parse(i->arena, under, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    yyjson_mut_doc *doc = json_mut_doc(i->arena);
    if (top == NULL || (under.len > 0 && bottom == NULL) || doc == NULL)
        return err->code != E_OK ? false : err_no_memory(err);
    yyjson_mut_val *object = bottom == NULL ? yyjson_mut_obj(doc) : yyjson_val_mut_copy(doc, bottom);
    yyjson_obj_foreach(top, index, max, key, value)
        yyjson_mut_obj_put(object, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    if (with_owner)
        put_owner(i, doc, object);
    yyjson_val *frozen = json_freeze(i->arena, object);
    struct buf b;
    buf_init(&b, LEAD_BYTES_MAX);
    bool ok = frozen != NULL && json_write_canonical(&b, frozen);
    *text_out = ok ? str_copy(i->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return !str_is_none(*text_out) || err_no_memory(err);
}

static bool
fill(const struct intake *i, struct str data, struct record_write *write, struct err *err)
{
    yyjson_val *lead = json_parse(i->arena, data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    struct str name = json_str(json_get_c(lead, "name")), status = json_str(json_get_c(lead, "status"));
    *write = (struct record_write){.record = i->map.record, .data = data, .title = name.len > 0 ? name : STR_NONE,
                                   .status = status.len > 0 ? status : STR_NONE,
                                   .parent = i->contact_record != 0 ? i->contact_record : i->lead.parent, .changed = STR("")};
    return lead != NULL;
}

static bool
write_map(struct db *db, const struct intake *i, int64_t record, struct err *err)
{
    XXH128_canonical_t digest;
    struct map_write map = {.map = i->map.map, .record = record, .external_id = i->external_id, .version = STR_NONE};
    XXH128_canonicalFromHash(&digest, XXH3_128bits(i->derived.ptr, i->derived.len));
    memcpy(map.fingerprint, digest.digest, FINGERPRINT_BYTES);
    return store_maps_write(db, i->connection->tenant, i->stream.id, &map, 1, i->now_us, i->now_us, err);
}

static bool
same_fingerprint(const struct intake *i)
{
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(i->derived.ptr, i->derived.len));
    return memcmp(i->map.fingerprint, digest.digest, FINGERPRINT_BYTES) == 0;
}

static bool
tell_changed(struct db *db, const struct intake *i, int64_t record, struct err *err)
{
    struct event event = {.tenant = i->connection->tenant, .connection = i->connection->id, .type = STR("records.changed"),
                          .kind = LEADS, .records = &record, .record_count = 1, .data = STR_NONE, .at_us = i->now_us};
    return store_event_add(db, &event, err);
}

/* Nobody will look after it: a person must know. */
static bool
raise_alert(struct db *db, const struct intake *i, const char *uuid, struct err *err)
{
    const char *what = i->user == 0 ? "no user" : "no strategy";
    struct str data = str_format(i->arena,
        "{\"code\":\"LEAD_UNASSIGNED\",\"leadId\":\"%s\",\"connectionId\":\"%.*s\","
        "\"message\":\"A lead came in, and the sub-account has %s to give it to\"}",
        uuid, STR_ARG(i->connection->uuid), what);
    struct event event = {.tenant = i->connection->tenant, .connection = i->connection->id, .type = STR("alert.raised"),
                          .kind = STR_NONE, .data = data, .at_us = i->now_us};
    return str_is_none(data) ? err_no_memory(err) : store_event_add(db, &event, err);
}

static bool
create_lead(struct db *db, struct intake *i, struct err *err)
{
    struct record_write write;
    struct str data;
    int64_t tenant = i->connection->tenant;
    if (!overlay(i, STR_NONE, i->derived, true, &data, err) || !fill(i, data, &write, err))
        return false;
    uuid_v7_now(write.uuid);
    return store_records_insert(db, tenant, i->stream.collection, &write, 1, i->now_us, err) &&
           write_map(db, i, write.record, err) && tell_changed(db, i, write.record, err) &&
           (i->strategy != 0 || raise_alert(db, i, write.uuid, err)) &&
           (!engine_has_ai(i->engine) ||
            store_errand_add(db, tenant, STR("welcome"), write.record, i->connection->id, i->now_us, err));
}

static bool
change_lead(struct db *db, struct intake *i, struct err *err)
{
    struct record_write write;
    struct merged merged;
    struct str theirs, base = i->lead.data, owned;
    bool same = false;
    int64_t tenant = i->connection->tenant;
    if (!overlay(i, i->lead.data, i->derived, false, &theirs, err) ||
        (!str_is_none(i->base) && !overlay(i, i->lead.data, i->base, false, &base, err)) ||
        !merge_records(i->arena, base, i->lead.data, theirs, conflict_policy_from_name(i->connection->conflict_policy), &merged, err) ||
        !overlay(i, STR_NONE, merged.data, true, &owned, err) || !fill(i, owned, &write, err) ||
        !merge_history(i->arena, i->lead.data, owned, &write.changed, &same, err))
        return false;
    if (!str_is_none(i->base) && !store_base_save(db, tenant, i->map.map, i->derived, err))
        return false;
    if (same && write.parent == i->lead.parent)
        return write_map(db, i, i->map.record, err);
    return store_records_update(db, tenant, i->stream.collection, &write, 1, i->connection->id, 0, i->now_us, err) &&
           write_map(db, i, i->map.record, err) && tell_changed(db, i, i->map.record, err);
}

static bool
has_owner(const struct intake *i)
{
    struct err ignored = {0};
    yyjson_val *lead = json_parse(i->arena, i->lead.data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    return json_is_number(json_get_c(lead, "regularUserId")) && json_is_number(json_get_c(lead, "strategyId"));
}

static bool
intake(struct db *db, void *ctx, struct err *err)
{
    struct intake *i = ctx;
    if (!look(db, i, err))
        return false;
    if (i->contact_gone)
        return true;
    if (i->map.record == 0 && !i->map.erased)
        return create_lead(db, i, err);
    if (i->map.erased || !i->lead.found || i->lead.deleted) /* a person took it away */
        return true;
    bool nothing_new = same_fingerprint(i) && (i->contact_record == 0 || i->contact_record == i->lead.parent) &&
                       (has_owner(i) || i->strategy == 0);
    return nothing_new || change_lead(db, i, err);
}

bool
lead_intake(struct engine *e, struct arena *a, const struct connection *connection, struct str external_id, int64_t record,
            yyjson_val *contact, struct err *err)
{
    struct intake i = {.engine = e, .arena = a, .connection = connection, .external_id = external_id, .contact_record = record,
                       .contact = contact};
    if (external_id.len == 0 || !yyjson_is_obj(contact))
        return err_set(err, E_VALIDATION_FAILED, "A lead needs the contact's id at the vendor");
    return store_write(e->options.store, intake, &i, err);
}
