#include "engine/edit.h"

#include "engine/conflict.h"
#include "engine/edit_priv.h"
#include "engine/match_key.h"
#include "engine/page_merge.h"
#include "store/store_audit.h"
#include "store/store_event.h"
#include "store/store_history.h"
#include "store/store_push.h"
#include "store/store_stream.h"

#define KEYS_MAX 2

/* ---- shared with erase.c ---- */

enum row
edit_load(struct db *db, struct arena *a, int64_t tenant, struct str kind, struct str uuid, struct record *record_out,
          struct err *err)
{
    struct record found;
    struct record_row locked;
    enum row row = store_record_get(db, a, tenant, kind, uuid, &found, err);
    if (row != ROW_FOUND)
        return row;
    if (!store_records_load(db, a, tenant, &found.id, 1, &locked, err))
        return ROW_FAILED;
    return locked.found ? store_record_get_by_id(db, a, tenant, found.id, record_out, err) : ROW_NONE;
}

static size_t
keys_of(struct arena *a, struct str region, struct str data, struct str keys[KEYS_MAX])
{
    struct err err = {0};
    size_t count = 0;
    yyjson_val *fields = data.len ? json_parse(a, data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err) : NULL;
    struct str email = match_key_email(a, json_str(json_get_c(fields, "email")));
    struct str phone = match_key_phone(a, json_str(json_get_c(fields, "phone")), region);
    if (!str_is_none(email))
        keys[count++] = email;
    if (!str_is_none(phone))
        keys[count++] = phone;
    return count;
}

static bool
has_key(const struct str *keys, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(keys[i], key))
            return true;
    return false;
}

/* What stays is not touched: an ambiguous key must not become this record's own. */
static size_t
without(struct str *keys, size_t count, const struct str *others, size_t other_count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!has_key(others, other_count, keys[i]))
            keys[kept++] = keys[i];
    return kept;
}

bool
edit_keys(struct db *db, struct arena *a, const struct edit_by *by, const struct record *record, struct str before,
          struct str after, struct err *err)
{
    struct str old[KEYS_MAX], new[KEYS_MAX], old_all[KEYS_MAX];
    const int64_t records[KEYS_MAX] = {record->id, record->id};
    if (!str_eq_c(record->kind, "contacts"))
        return true;
    size_t old_count = keys_of(a, by->region, before, old), new_count = keys_of(a, by->region, after, new);
    size_t all = old_count;
    memcpy(old_all, old, sizeof(old));
    old_count = without(old, old_count, new, new_count);
    new_count = without(new, new_count, old_all, all);
    return (old_count == 0 || store_match_release(db, by->tenant, record->collection, old, records, old_count, err)) &&
           (new_count == 0 || store_match_claim(db, by->tenant, record->collection, new, records, new_count, err));
}

bool
edit_tell(struct db *db, const struct edit_by *by, struct str kind, const int64_t *records, size_t count, struct str data,
          int64_t now_us, struct err *err)
{
    struct event event = {.tenant = by->tenant, .type = STR("records.changed"), .kind = kind, .records = records,
                          .record_count = count, .data = data, .at_us = now_us};
    return store_event_add(db, &event, err);
}

bool
edit_audit(struct db *db, const struct edit_by *by, const char *action, struct str subject, int64_t now_us, struct err *err)
{
    struct audit audit = {.tenant = by->tenant, .actor = by->actor, .action = str_from_c(action), .subject = subject,
                          .request_id = by->request_id, .address = by->address};
    return store_audit_add(db, &audit, now_us, err);
}

/* ---- changing ---- */

struct edit {
    struct arena *arena;
    struct edit_by by;
    const struct kind *kind;
    struct str uuid;
    int64_t if_version;
    yyjson_val *accepted;
    struct str parent_uuid;
    struct record known;         /* found by the write: whom a new contact is */
    struct record *out;
};

static const struct kind *
editable_kind(struct str name, struct err *err)
{
    const struct kind *kind = kind_find(name);
    if (!kind)
        err_set(err, E_NOT_FOUND, "Records of this kind cannot be edited here");
    return kind;
}

/* A column of the list follows its member, when the edit names it. */
static struct str
column(const struct edit *e, const char *member, struct str old)
{
    yyjson_val *value = member ? json_get_c(e->accepted, member) : NULL;
    if (!value)
        return old;
    return json_str(value).len ? json_str(value) : STR_NONE;
}

static int64_t
occurred(const struct edit *e, int64_t old_us)
{
    yyjson_val *value = e->kind->occurred ? json_get_c(e->accepted, e->kind->occurred) : NULL;
    int64_t us;
    if (!value)
        return old_us;
    return time_parse(json_str(value), &us) ? us : 0;
}

static bool
no_parent(const struct edit *e, struct err *err)
{
    return err_invalid(err, "/parentId", "parentId names no record of the kind %s", e->kind->parent_kind);
}

static bool
find_parent(struct db *db, const struct edit *e, int64_t *parent, struct err *err)
{
    struct record record;
    if (str_is_none(e->parent_uuid))
        return true;
    *parent = 0;
    if (e->parent_uuid.len == 0)
        return true;
    enum row row = store_record_get(db, e->arena, e->by.tenant, str_from_c(e->kind->parent_kind), e->parent_uuid, &record, err);
    if (row == ROW_FOUND)
        *parent = record.id;
    return row == ROW_NONE ? no_parent(e, err) : row == ROW_FOUND;
}

/* Whoever erases it waits, and finds what was hung on it; or was here before. */
static bool
hold_parent(struct db *db, const struct edit *e, int64_t *parent, struct err *err)
{
    if (!find_parent(db, e, parent, err))
        return false;
    if (str_is_none(e->parent_uuid) || *parent == 0)
        return true;
    if (!store_records_hold(db, e->by.tenant, parent, 1, err))
        return false;
    enum row row = store_record_stands(db, e->by.tenant, *parent, err);
    return row == ROW_NONE ? no_parent(e, err) : row == ROW_FOUND;
}

static void
fill(const struct edit *e, const struct record *old, struct str data, struct record_write *write)
{
    *write = (struct record_write){.record = old->id, .data = data, .title = column(e, e->kind->title, old->title),
                                   .status = column(e, e->kind->status, old->status),
                                   .occurred_us = occurred(e, old->occurred_us), .parent = old->parent, .changed = STR("")};
}

static bool
finish(struct db *db, const struct edit *e, int64_t record, int64_t version, struct str fields, int64_t now_us, struct err *err)
{
    return store_history_add(db, e->by.tenant, record, version, fields, e->by.actor, now_us, err) &&
           edit_tell(db, &e->by, str_from_c(e->kind->name), &record, 1, STR_NONE, now_us, err) &&
           store_push_queue(db, e->by.tenant, record, now_us, err) &&
           store_record_get_by_id(db, e->arena, e->by.tenant, record, e->out, err) == ROW_FOUND;
}

/* An edit and who does it, in the arena. */
static struct edit *
edit_new(struct arena *a, const struct edit_by *by, struct str kind, struct record *out, struct err *err)
{
    const struct kind *editable = editable_kind(kind, err);
    struct edit *e = editable ? ARENA_NEW(a, struct edit) : NULL;
    if (!e) {
        if (editable)
            err_no_memory(err);
        return NULL;
    }
    *e = (struct edit){.arena = a, .by = *by, .kind = editable, .out = out};
    return e;
}

/* NULL with err. */
static struct edit *
accept_new(struct arena *a, const struct edit_by *by, struct str kind, yyjson_val *fields, struct record *out, struct err *err)
{
    struct edit *e = edit_new(a, by, kind, out, err);
    if (!e || !edit_accept(a, e->kind, by->region, fields, &e->accepted, &e->parent_uuid, err))
        return NULL;
    if (yyjson_obj_size(e->accepted) > 0)
        return e;
    err_invalid(err, "", "A %s needs at least one of its fields, for example `%s`", e->kind->singular, e->kind->fields[0].name);
    return NULL;
}

static bool
check_parent(struct db *db, void *ctx, struct err *err)
{
    int64_t parent;
    return find_parent(db, ctx, &parent, err);
}

bool
edit_check(struct engine *engine, struct arena *a, const struct edit_by *by, struct str kind, yyjson_val *fields, struct err *err)
{
    struct edit *e = accept_new(a, by, kind, fields, NULL, err);
    return e && store_read(engine->options.store, check_parent, e, err);
}

bool
edit_save_bases(struct db *db, struct arena *a, const struct record *record, struct err *err)
{
    struct base_row *rows;
    size_t count;
    if (!store_bases_load(db, a, record->tenant, record->id, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (str_is_none(rows[i].base) && !store_base_save(db, record->tenant, rows[i].map, record->data, err))
            return false;
    return true;
}

static bool
may_change(const struct edit *e, const struct record *record, struct err *err)
{
    if (record->deleted_us)
        return err_set(err, E_CONFLICT, "This record is deleted");
    if (e->if_version && e->if_version != record->version)
        return err_set(err, E_CONFLICT, "The record has changed meanwhile: it is at version %lld now", (long long)record->version);
    return true;
}

static bool
change(struct db *db, void *ctx, struct err *err)
{
    struct edit *e = ctx;
    struct record old;
    struct record_write write;
    struct str data, history;
    bool same = false;
    int64_t now_us = store_now(db);
    enum row row = edit_load(db, e->arena, e->by.tenant, str_from_c(e->kind->name), e->uuid, &old, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, NULL) : false;
    if (!may_change(e, &old, err) || !edit_merge(e->arena, old.data, e->accepted, &data, err) ||
        !merge_history(e->arena, old.data, data, &history, &same, err))
        return false;
    fill(e, &old, data, &write);
    if (!hold_parent(db, e, &write.parent, err))
        return false;
    if (same && write.parent == old.parent) {
        *e->out = old;
        return true;
    }
    return edit_save_bases(db, e->arena, &old, err) && edit_keys(db, e->arena, &e->by, &old, old.data, data, err) &&
           store_records_update(db, e->by.tenant, old.collection, &write, 1, 0, 0, now_us, err) &&
           conflict_settle(db, e->arena, e->by.tenant, old.id, data, e->by.actor, now_us, err) &&
           finish(db, e, old.id, old.version, same ? STR("{\"parentId\":null}") : history, now_us, err);
}

/* ---- creating ---- */

/*
 * Who has the keys of a new contact already. One whom a platform has brought is the one that is meant, as he would be if he came a
 * moment later and met what is made here (page_link.c): it must not matter who was first. Two that were made here are two.
 */
struct claims {
    struct str keys[KEYS_MAX];
    size_t count;
    struct str fresh[KEYS_MAX];      /* those that nobody had */
    size_t fresh_count;
};

static bool
is_of_a_platform(struct db *db, const struct edit *e, int64_t record, bool *is_out, struct err *err)
{
    size_t count;
    struct record_source *rows;
    *is_out = false;
    if (!store_record_sources(db, e->arena, e->by.tenant, record, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        *is_out = *is_out || !rows[i].deleted_us;
    return true;
}

/* Two people may share a phone: one with another e-mail is somebody else. */
static bool
try_known(struct db *db, struct edit *e, struct str key, bool has_email, int64_t record, struct err *err)
{
    struct err ignored = {0};
    struct record found;
    bool of_a_platform = false;
    enum row row = store_record_get_by_id(db, e->arena, e->by.tenant, record, &found, err);
    if (row != ROW_FOUND || found.deleted_us)
        return row != ROW_FAILED;
    yyjson_val *fields = json_parse(e->arena, found.data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    if (has_email && str_starts(key, STR("phone:")) && json_str(json_get_c(fields, "email")).len)
        return true;
    if (!is_of_a_platform(db, e, record, &of_a_platform, err))
        return false;
    if (of_a_platform)
        e->known = found;
    return true;
}

static bool
find_known(struct db *db, struct edit *e, const struct record *record, struct str data, struct claims *claims, struct err *err)
{
    int64_t owners[KEYS_MAX];
    e->known = (struct record){.id = 0};
    if (!str_eq_c(record->kind, "contacts"))
        return true;
    claims->count = keys_of(e->arena, e->by.region, data, claims->keys);
    if (!claims->count || !store_match_lookup(db, record->tenant, record->collection, claims->keys, claims->count, owners, err))
        return !claims->count;
    bool has_email = str_starts(claims->keys[0], STR("email:"));
    for (size_t i = 0; i < claims->count; i++) {
        if (!owners[i])
            claims->fresh[claims->fresh_count++] = claims->keys[i];
        if (owners[i] > 0 && !e->known.id && !try_known(db, e, claims->keys[i], has_email, owners[i], err))
            return false;
    }
    return true;
}

/* Nobody had these keys a moment ago; who has taken one since is met when the write runs again. */
static bool
keys_are_ours(struct db *db, const struct record *record, const struct claims *claims, struct err *err)
{
    int64_t records[KEYS_MAX], scratch[KEYS_MAX + 1];
    for (size_t i = 0; i < claims->fresh_count; i++)
        records[i] = record->id;
    return claims->fresh_count == 0 ||
           store_match_is_ours(db, record->tenant, record->collection, claims->fresh, records, claims->fresh_count, scratch, err);
}

static bool
insert(struct db *db, struct edit *e, struct record *record, struct str data, const struct claims *claims, struct err *err)
{
    struct record_write write;
    int64_t now_us = store_now(db);
    if (!hold_parent(db, e, &record->parent, err))
        return false;
    fill(e, record, data, &write);
    uuid_v7_now(write.uuid);
    db_note_effect(db, "record", str_from_c(write.uuid));
    if (!store_records_insert(db, record->tenant, record->collection, &write, 1, now_us, err))
        return false;
    record->id = write.record;
    return edit_keys(db, e->arena, &e->by, record, STR_NONE, data, err) && keys_are_ours(db, record, claims, err) &&
           finish(db, e, record->id, 0, STR("{}"), now_us, err);
}

/* The person is here already: what is said of him is an edit of his record. What is left blank takes nothing away. */
static bool
change_known(struct db *db, const struct edit *e, struct str data, struct err *err)
{
    struct edit known = *e;
    known.uuid = e->known.uuid;
    known.accepted = json_parse(e->arena, data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    db_note_effect(db, "record", known.uuid);
    return known.accepted && change(db, &known, err);
}

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct str data;
    struct edit *e = ctx;
    struct claims claims = {.count = 0};
    struct record record = {.tenant = e->by.tenant, .kind = str_from_c(e->kind->name)};
    if (!edit_merge(e->arena, STR_NONE, e->accepted, &data, err) ||
        !store_collection_ensure(db, record.tenant, record.kind, &record.collection, err) ||
        !find_known(db, e, &record, data, &claims, err))
        return false;
    return e->known.id ? change_known(db, e, data, err) : insert(db, e, &record, data, &claims, err);
}

bool
edit_create(struct arena *a, const struct edit_by *by, struct str kind, yyjson_val *fields, struct record *record_out,
            struct store_call *call_out, struct err *err)
{
    struct edit *e = accept_new(a, by, kind, fields, record_out, err);
    *call_out = (struct store_call){create, e};
    return e != NULL;
}

bool
edit_change(struct arena *a, const struct edit_by *by, struct str kind, struct str uuid, int64_t if_version,
            yyjson_val *fields, struct record *record_out, struct store_call *call_out, struct err *err)
{
    struct edit *e = edit_new(a, by, kind, record_out, err);
    if (!e || !edit_accept(a, e->kind, by->region, fields, &e->accepted, &e->parent_uuid, err))
        return false;
    if (!uuid_is_valid(uuid))
        return err_set(err, E_NOT_FOUND, NULL);
    e->uuid = uuid;
    e->if_version = if_version;
    *call_out = (struct store_call){change, e};
    return true;
}

/* ---- deleting ---- */

struct removal {
    struct arena *arena;
    struct edit_by by;
    struct str kind, uuid;
};

static bool
delete(struct db *db, void *ctx, struct err *err)
{
    struct removal *d = ctx;
    struct record old;
    int64_t now_us = store_now(db);
    enum row row = edit_load(db, d->arena, d->by.tenant, d->kind, d->uuid, &old, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, NULL) : false;
    if (old.deleted_us)
        return true;
    struct record_write write = {.record = old.id, .data = old.data, .title = old.title, .status = old.status,
                                 .occurred_us = old.occurred_us, .parent = old.parent, .deleted = true, .changed = STR("")};
    return edit_keys(db, d->arena, &d->by, &old, old.data, STR_NONE, err) &&
           store_records_update(db, d->by.tenant, old.collection, &write, 1, 0, 0, now_us, err) &&
           store_history_add(db, d->by.tenant, old.id, old.version, STR("{\"deletedAt\":null}"), d->by.actor, now_us, err) &&
           edit_tell(db, &d->by, d->kind, &old.id, 1, STR_NONE, now_us, err) &&
           store_push_queue(db, d->by.tenant, old.id, now_us, err) &&
           edit_audit(db, &d->by, "record.delete", old.uuid, now_us, err);
}

bool
edit_delete(struct arena *a, const struct edit_by *by, struct str kind, struct str uuid, struct store_call *call_out,
            struct err *err)
{
    struct removal *d = ARENA_NEW(a, struct removal);
    if (!d)
        return err_no_memory(err);
    if (!uuid_is_valid(uuid))
        return err_set(err, E_NOT_FOUND, NULL);
    *d = (struct removal){.arena = a, .by = *by, .kind = kind, .uuid = uuid};
    *call_out = (struct store_call){delete, d};
    return true;
}
