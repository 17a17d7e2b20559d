/*
 * Erasing a person's data, and taking apart what was linked wrongly.
 */
#include "engine/edit_priv.h"
#include "json/writer.h"
#include "store/store_conflict.h"
#include "store/store_history.h"

#define ERASE_ARENA_BYTES (64L * 1024 * 1024)

struct erasure {
    struct arena arena;
    const struct edit_by *by;
    struct str kind, uuid;
};

/* The record is gone when the event is read: it carries what was erased. */
static struct str
event_data(struct arena *a, const struct record *record)
{
    return str_format(a, "{\"ids\":[\"%.*s\"],\"erased\":true}", STR_ARG(record->uuid));
}

static bool
erase(struct db *db, void *ctx, struct err *err)
{
    struct erasure *w = ctx;
    struct record old;
    int64_t now_us = store_now(db);
    arena_clear(&w->arena);
    enum row row = edit_load(db, &w->arena, w->by->tenant, w->kind, w->uuid, &old, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, NULL) : false;
    return edit_keys(db, &w->arena, w->by, &old, old.data, STR_NONE, err) &&
           store_conflict_erase(db, w->by->tenant, old.id, err) &&
           store_record_erase(db, &w->arena, &old, now_us, err) &&
           edit_tell(db, w->by, w->kind, NULL, 0, event_data(&w->arena, &old), now_us, err) &&
           edit_audit(db, w->by, "record.erase", old.uuid, now_us, err);
}

bool
edit_erase(struct engine *e, const struct edit_by *by, struct str kind, struct str uuid, struct err *err)
{
    struct erasure w = {.by = by, .kind = kind, .uuid = uuid};
    if (!uuid_is_valid(uuid))
        return err_set(err, E_NOT_FOUND, NULL);
    arena_init(&w.arena, ERASE_ARENA_BYTES);
    bool ok = store_write(e->options.store, erase, &w, err);
    arena_release(&w.arena);
    return ok;
}

/* ---- unlinking ---- */

struct unlinking {
    struct arena *arena;
    const struct edit_by *by;
    const struct unlink_ask *ask;
    struct record *out;
};

/* What the source said last, as a record of its own. */
static void
fill(struct arena *a, const struct record *old, struct str base, struct record_write *write)
{
    struct err err = {0};
    const struct kind *kind = kind_find(old->kind);
    struct str data = str_is_none(base) ? old->data : base;
    yyjson_val *fields = json_parse(a, data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
    struct str title = kind && kind->title ? json_str(json_get_c(fields, kind->title)) : STR_NONE;
    struct str status = kind && kind->status ? json_str(json_get_c(fields, kind->status)) : STR_NONE;
    *write = (struct record_write){.data = data, .title = title.len ? title : old->title,
                                   .status = status.len ? status : old->status, .occurred_us = old->occurred_us,
                                   .parent = old->parent, .deleted = old->deleted_us != 0, .changed = STR("")};
    uuid_v7_now(write->uuid);
}

static bool
split(struct db *db, struct unlinking *u, const struct record *old, const struct unlink_row *map, struct err *err)
{
    const struct edit_by *by = u->by;
    struct record_write write;
    int64_t now_us = store_now(db);
    fill(u->arena, old, map->base, &write);
    if (!store_records_insert(db, by->tenant, old->collection, &write, 1, now_us, err) ||
        !store_unlink(db, by->tenant, map->map, write.record, now_us, err))
        return false;
    struct record made = {.id = write.record, .tenant = by->tenant, .collection = old->collection, .kind = old->kind};
    const int64_t both[] = {old->id, write.record};
    struct str note = str_format(u->arena, "{\"linkedRecord\":\"%s\"}", write.uuid);
    return edit_keys(db, u->arena, by, &made, STR_NONE, write.data, err) &&
           store_history_add(db, by->tenant, old->id, old->version, note, by->actor, now_us, err) &&
           store_history_add(db, by->tenant, write.record, 0, STR("{}"), by->actor, now_us, err) &&
           edit_tell(db, by, old->kind, both, 2, STR_NONE, now_us, err) &&
           edit_audit(db, by, "record.unlink", old->uuid, now_us, err) &&
           store_record_get_by_id(db, u->arena, by->tenant, write.record, u->out, err) == ROW_FOUND;
}

static bool
unlink_one(struct db *db, void *ctx, struct err *err)
{
    struct unlinking *u = ctx;
    struct record old;
    struct unlink_row map;
    enum row row = edit_load(db, u->arena, u->by->tenant, STR_NONE, u->ask->record, &old, err);
    if (row == ROW_FOUND)
        row = store_unlink_find(db, u->arena, u->by->tenant, old.id, u->ask->connection, u->ask->external_id, u->ask->stream,
                                &map, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, NULL) : false;
    if (map.others == 0)
        return err_set(err, E_CONFLICT, "This is the record's only source: there is nothing to take apart");
    return split(db, u, &old, &map, err);
}

bool
edit_unlink(struct engine *e, struct arena *a, const struct edit_by *by, const struct unlink_ask *ask,
            struct record *record_out, struct err *err)
{
    struct unlinking u = {a, by, ask, record_out};
    if (!uuid_is_valid(ask->record))
        return err_set(err, E_NOT_FOUND, NULL);
    return store_write(e->options.store, unlink_one, &u, err);
}
