/*
 * Templates as rows: what door 002 lists, adds, changes and removes.
 */
#include "store/store_template.h"

#include "base/rng.h"
#include "store/store_priv.h"

static void
template_read(struct row_reader *r, void *item)
{
    struct template_row *t = item;
    t->id = read_i64(r);
    t->uuid = read_text(r);
    t->name = read_text(r);
    t->origin = read_text(r);
    t->display_name = read_text(r);
    t->description = read_text(r);
    t->category = read_text(r);
    t->icon = read_text(r);
    t->active = read_bool(r);
    t->config_schema = read_text(r);
    t->instructions = read_text(r);
    t->webhook_url = read_text(r);
    t->api_version = read_text(r);
    t->manifest = read_text(r);
    t->revision = read_i64(r);
    t->created_by = read_text(r);
    t->created_by_user = read_i64(r);
    t->connections = read_i64(r);
    t->created_us = read_i64(r);
    t->updated_us = read_i64(r);
}

static enum row
template_insert(struct db *db, struct arena *a, struct template_row *t, int64_t now_us, struct err *err)
{
    t->uuid = store_new_uuid(a);
    if (str_is_none(t->uuid))
        return STORE_ARENA_FULL(err), ROW_FAILED;
    t->revision = 1;
    t->created_us = t->updated_us = now_us;
    return db_query_i64(db, SQL_TEMPLATE_INSERT,
        DB_ARGS(DB_T(t->uuid), DB_T(t->name), DB_T(t->origin), DB_T(t->display_name), DB_T(t->description), DB_T(t->category),
                DB_T(t->icon), DB_BOOL(t->active), DB_T(t->config_schema), DB_T(t->instructions), DB_T(t->webhook_url),
                DB_T(t->api_version), DB_T(t->manifest), DB_T(t->created_by), DB_I(now_us)),
        &t->id, err);
}

bool
store_template_create(struct db *db, struct arena *a, struct template_row *t, int64_t now_us, struct err *err)
{
    enum row row = template_insert(db, a, t, now_us, err);
    if (row == ROW_NONE)
        return err_set(err, E_CONFLICT, "A template of the name \"%.*s\" exists", STR_ARG(t->name));
    db_note_effect(db, "template", t->uuid);
    return row == ROW_FOUND;
}

bool
store_template_ensure(struct db *db, struct arena *a, struct str name, int64_t now_us, struct err *err)
{
    struct template_row row = {.name = name, .origin = TEMPLATE_OF_SERVER, .active = true};
    return template_insert(db, a, &row, now_us, err) != ROW_FAILED;
}

enum row
store_template_get(struct db *db, struct arena *a, struct str id, struct template_row *row_out, struct err *err)
{
    int64_t number = 0;
    struct str text = id;
    if (str_to_i64(id, 1, INT32_MAX, &number))
        text = STR_NONE;
    else if (uuid_is_valid(id) && str_is_none(text = str_lower(a, id)))
        return STORE_ARENA_FULL(err), ROW_FAILED;
    else if (id.len == 0)
        return ROW_NONE;
    return store_row(db, SQL_TEMPLATE_GET, DB_ARGS(DB_I(number), DB_T(text)), a, row_out, sizeof(*row_out), template_read, err);
}

bool
store_template_list(struct db *db, struct arena *a, int64_t after, size_t offset, size_t limit, bool active_only,
                    struct template_row **rows_out, size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct template_row);
    if (!store_rows(db, SQL_TEMPLATE_LIST, DB_ARGS(DB_I(after), DB_I(limit), DB_I(offset), DB_BOOL(active_only)), &list,
                    template_read, err))
        return false;
    if (total_out && db_query_i64(db, SQL_TEMPLATE_COUNT, DB_ARGS(DB_BOOL(active_only)), total_out, err) != ROW_FOUND)
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_template_update(struct db *db, const struct template_row *t, int64_t now_us, struct err *err)
{
    int64_t changed;
    if (!db_exec(db, SQL_TEMPLATE_UPDATE,
                 DB_ARGS(DB_I(t->id), DB_I(t->revision), DB_T(t->display_name), DB_T(t->description), DB_T(t->category),
                         DB_T(t->icon), DB_BOOL(t->active), DB_T(t->config_schema), DB_T(t->instructions),
                         DB_T(t->webhook_url), DB_T(t->api_version), DB_T(t->manifest), DB_I(now_us)),
                 &changed, err))
        return false;
    return changed == 1 || err_set(err, E_CONFLICT, "Somebody else changed this template at the same time: look at it again");
}

bool
store_template_delete(struct db *db, int64_t id, struct err *err)
{
    int64_t changed;
    if (!db_exec(db, SQL_TEMPLATE_DELETE, DB_ARGS(DB_I(id)), &changed, err))
        return false;
    return changed == 1 || err_set(err, E_CONFLICT, "This template is in use: delete its integrations first");
}

bool
store_template_mark(struct db *db, int64_t *mark_out, struct err *err)
{
    return db_query_i64(db, SQL_TEMPLATE_MARK, DB_NO_ARGS, mark_out, err) == ROW_FOUND;
}
