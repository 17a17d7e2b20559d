#include "engine/conflict.h"

#include "engine/alias.h"
#include "engine/edit_priv.h"
#include "engine/page_merge.h"
#include "json/writer.h"
#include "store/store_event.h"
#include "store/store_history.h"
#include "store/store_push.h"

static bool
conflict_memory(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "The conflict is larger than allowed");
}

static yyjson_val *
parse(struct arena *a, struct str text, struct err *err)
{
    return json_parse(a, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
}

static struct str
pointer_of(yyjson_val *field)
{
    return json_str(json_get_c(field, "pointer"));
}

/* null and missing are the same here: a source that removed a field has null in the conflict. */
static bool
says_the_same(yyjson_val *a, yyjson_val *b)
{
    bool no_a = a == NULL || yyjson_is_null(a), no_b = b == NULL || yyjson_is_null(b);
    return no_a || no_b ? no_a == no_b : json_equal(a, b);
}

static yyjson_val *
with_pointer(yyjson_val *list, struct str pointer)
{
    size_t i, count;
    yyjson_val *field;
    yyjson_arr_foreach(list, i, count, field)
        if (str_eq(pointer_of(field), pointer))
            return field;
    return NULL;
}

/* A list of fields while it is made anew. */
struct fields {
    struct arena *arena;
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
};

static bool
fields_begin(struct fields *f, struct arena *a, struct err *err)
{
    *f = (struct fields){.arena = a, .doc = json_mut_doc(a)};
    f->list = f->doc == NULL ? NULL : yyjson_mut_arr(f->doc);
    return f->list != NULL || conflict_memory(err);
}

static void
fields_add(struct fields *f, yyjson_val *field, yyjson_val *base, yyjson_val *source)
{
    yyjson_mut_val *item = yyjson_mut_obj(f->doc);
    if (item == NULL)
        return;
    yyjson_mut_obj_add(item, yyjson_mut_str(f->doc, "field"), yyjson_val_mut_copy(f->doc, json_get_c(field, "field")));
    yyjson_mut_obj_add(item, yyjson_mut_str(f->doc, "pointer"), yyjson_val_mut_copy(f->doc, json_get_c(field, "pointer")));
    yyjson_mut_obj_add(item, yyjson_mut_str(f->doc, "base"), base ? yyjson_val_mut_copy(f->doc, base) : yyjson_mut_null(f->doc));
    yyjson_mut_obj_add(item, yyjson_mut_str(f->doc, "source"), source ? yyjson_val_mut_copy(f->doc, source) : yyjson_mut_null(f->doc));
    yyjson_mut_arr_append(f->list, item);
}

/* "" when no field is left. */
static bool
fields_text(struct fields *f, struct str *text_out, struct err *err)
{
    if (yyjson_mut_arr_size(f->list) == 0) {
        *text_out = STR("");
        return true;
    }
    yyjson_val *frozen = json_freeze(f->arena, f->list);
    *text_out = frozen == NULL ? STR_NONE : json_to_text(f->arena, frozen);
    return !str_is_none(*text_out) || conflict_memory(err);
}

static bool
store_fields(struct db *db, int64_t tenant, const struct conflict *c, struct str text, struct str by, int64_t now_us, struct err *err)
{
    if (text.len == 0)
        return store_conflict_resolve(db, tenant, c->id, STR("agreed"), by, now_us, err);
    return str_eq(text, c->fields) || store_conflict_set_fields(db, tenant, c->id, text, now_us, err);
}

/* ---- from pages ---- */

static bool
tell_opened(struct db *db, struct arena *a, const struct conflict_news *n, int64_t now_us, struct err *err)
{
    struct conflict c;
    struct buf b;
    struct json_writer w;
    if (store_conflict_open(db, a, n->tenant, n->record, n->connection, &c, err) != ROW_FOUND)
        return false;
    yyjson_val *fields = parse(a, c.fields, err);
    if (fields == NULL)
        return false;
    size_t i, count;
    yyjson_val *field;
    buf_init(&b, LIMIT_RECORD_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "conflictId", c.uuid);
    json_add_str(&w, "recordId", c.record_uuid);
    json_add_str(&w, "kind", c.kind);
    json_begin_array(&w, "fields");
    yyjson_arr_foreach(fields, i, count, field)
        json_add_val(&w, NULL, json_get_c(field, "field"));
    json_end_array(&w);
    json_end_object(&w);
    struct str data = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    struct event event = {.tenant = n->tenant, .connection = n->connection, .run = n->run, .type = STR("conflict.opened"),
                          .kind = STR_NONE, .data = data, .at_us = now_us};
    return str_is_none(data) ? conflict_memory(err) : store_event_add(db, &event, err);
}

/* The fields that were open with the source's words of now, then the new ones. */
static bool
combine(struct arena *a, const struct conflict *open, const struct conflict_news *n, struct str *text_out, struct err *err)
{
    struct fields f;
    size_t i, count;
    yyjson_val *field;
    yyjson_val *old = parse(a, open->fields, err), *source = parse(a, n->source, err), *record = parse(a, n->record_data, err);
    yyjson_val *fresh = str_is_none(n->fields) ? NULL : parse(a, n->fields, err);
    if (old == NULL || source == NULL || record == NULL || (fresh == NULL && !str_is_none(n->fields)) || !fields_begin(&f, a, err))
        return false;
    yyjson_arr_foreach(old, i, count, field) {
        yyjson_val *now = json_pointer(source, pointer_of(field));
        if (!says_the_same(now, json_pointer(record, pointer_of(field))))
            fields_add(&f, field, json_get_c(field, "base"), now);
    }
    yyjson_arr_foreach(fresh, i, count, field)
        if (with_pointer(old, pointer_of(field)) == NULL)
            fields_add(&f, field, json_get_c(field, "base"), json_get_c(field, "source"));
    return fields_text(&f, text_out, err);
}

bool
conflict_observe(struct db *db, struct arena *a, const struct conflict_news *n, int64_t now_us, struct err *err)
{
    struct conflict open;
    struct str text, uuid;
    enum row row = store_conflict_open(db, a, n->tenant, n->record, n->connection, &open, err);
    if (row == ROW_FAILED)
        return false;
    if (row == ROW_FOUND)
        return combine(a, &open, n, &text, err) && store_fields(db, n->tenant, &open, text, STR("source"), now_us, err);
    if (str_is_none(n->fields))
        return true;
    return store_conflict_add(db, a, n->tenant, n->connection, n->record, n->fields, now_us, &uuid, err) &&
           tell_opened(db, a, n, now_us, err);
}

/* ---- from local changes ---- */

static bool
settle_one(struct db *db, struct arena *a, int64_t tenant, const struct conflict *c, yyjson_val *record, struct str by, int64_t now_us,
           struct err *err)
{
    struct fields f;
    struct str text;
    size_t i, count;
    yyjson_val *field;
    yyjson_val *old = parse(a, c->fields, err);
    if (old == NULL || !fields_begin(&f, a, err))
        return false;
    yyjson_arr_foreach(old, i, count, field)
        if (!says_the_same(json_get_c(field, "source"), json_pointer(record, pointer_of(field))))
            fields_add(&f, field, json_get_c(field, "base"), json_get_c(field, "source"));
    return fields_text(&f, &text, err) && store_fields(db, tenant, c, text, by, now_us, err);
}

bool
conflict_settle(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct str record_data, struct str by, int64_t now_us,
                struct err *err)
{
    size_t count;
    struct conflict *rows;
    if (!store_conflict_of_record(db, a, tenant, record, &rows, &count, err))
        return false;
    yyjson_val *data = count == 0 ? NULL : parse(a, record_data, err);
    if (count > 0 && data == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!settle_one(db, a, tenant, &rows[i], data, by, now_us, err))
            return false;
    return true;
}

/* ---- reading ---- */

struct ask {
    struct arena *arena;
    int64_t tenant;
    struct str uuid;
    const struct conflict_filter *filter;
    struct conflict one, *rows;
    size_t count;
    int64_t total;
    enum row row;
};

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct ask *k = ctx;
    k->row = store_conflict_get(db, k->arena, k->tenant, k->uuid, &k->one, err);
    return k->row == ROW_FOUND || (k->row == ROW_NONE && err_set(err, E_NOT_FOUND, NULL));
}

bool
engine_conflict_get(struct engine *e, struct arena *a, int64_t tenant, struct str uuid, struct conflict *conflict_out, struct err *err)
{
    struct ask k = {.arena = a, .tenant = tenant, .uuid = uuid};
    if (!uuid_is_valid(uuid))
        return err_set(err, E_NOT_FOUND, NULL);
    if (!store_read(e->options.store, read_one, &k, err))
        return false;
    *conflict_out = k.one;
    return true;
}

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct ask *k = ctx;
    return store_conflict_list(db, k->arena, k->tenant, k->filter, &k->rows, &k->count, err) &&
           store_conflict_count(db, k->tenant, k->filter, &k->total, err);
}

bool
engine_conflict_list(struct engine *e, struct arena *a, int64_t tenant, const struct conflict_filter *filter, struct conflict **rows_out,
                     size_t *count_out, int64_t *total_out, struct err *err)
{
    struct ask k = {.arena = a, .tenant = tenant, .filter = filter};
    if (!store_read(e->options.store, read_list, &k, err))
        return false;
    *rows_out = k.rows, *count_out = k.count, *total_out = k.total;
    return true;
}

/* ---- deciding ---- */

struct decision {
    struct arena *arena;
    const struct edit_by *by;
    struct str uuid;
    yyjson_val *choose;
    struct str choice;           /* "source", "local", "values" */
    struct conflict conflict;
};

static struct str
choice_of(yyjson_val *choose)
{
    struct str word = json_str(choose);
    if (yyjson_is_obj(choose))
        return STR("values");
    return str_eq_c(word, "source") || str_eq_c(word, "local") ? word : STR_NONE;
}

/* What the field becomes. *keep_out: it stays as it is. */
static bool
value_for(const struct decision *d, yyjson_val *field, yyjson_val **value_out, bool *keep_out, struct err *err)
{
    *keep_out = str_eq_c(d->choice, "local");
    *value_out = json_get_c(field, "source");
    if (!str_eq_c(d->choice, "values"))
        return true;
    struct str name = json_str(json_get_c(field, "field"));
    *value_out = json_get(d->choose, name);
    if (*value_out != NULL)
        return true;
    return err_invalid(err, "/choose", "choose must have a value for each field of the conflict: %.*s is missing", STR_ARG(name));
}

/* Values that a person gives are held to the rules of an edit. */
static bool
check_values(const struct decision *d, struct err *err)
{
    yyjson_val *accepted;
    struct str parent;
    const struct kind *kind = kind_find(d->conflict.kind);
    if (!str_eq_c(d->choice, "values") || kind == NULL)
        return true;
    return edit_accept(d->arena, kind, d->by->region, d->choose, &accepted, &parent, err);
}

static bool
decided_data(const struct decision *d, struct str old, struct str *data_out, struct err *err)
{
    struct buf b;
    size_t i, count;
    yyjson_val *field, *fields = parse(d->arena, d->conflict.fields, err), *data = parse(d->arena, old, err);
    yyjson_mut_doc *doc = json_mut_doc(d->arena);
    yyjson_mut_val *root = doc == NULL || data == NULL ? NULL : yyjson_val_mut_copy(doc, data);
    if (fields == NULL || root == NULL)
        return err->code != E_OK ? false : conflict_memory(err);
    yyjson_arr_foreach(fields, i, count, field) {
        bool keep;
        yyjson_val *value;
        if (!value_for(d, field, &value, &keep, err))
            return false;
        if (!keep && !alias_put(d->arena, doc, root, pointer_of(field), value))
            return conflict_memory(err);
    }
    yyjson_val *frozen = json_freeze(d->arena, root);
    buf_init(&b, LIMIT_RECORD_BYTES);
    bool ok = frozen != NULL && json_write_canonical(&b, frozen);
    *data_out = ok ? str_copy(d->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return !str_is_none(*data_out) || conflict_memory(err);
}

static struct str
column(yyjson_val *fields, const char *member, struct str old)
{
    yyjson_val *value = member == NULL ? NULL : json_get_c(fields, member);
    return value == NULL ? old : json_str(value).len ? json_str(value) : STR_NONE;
}

/* The record with what was decided; as a local edit does it. */
static bool
change_record(struct db *db, const struct decision *d, const struct record *old, int64_t now_us, struct err *err)
{
    bool same;
    struct str data, history;
    const struct kind *kind = kind_find(old->kind);
    if (!decided_data(d, old->data, &data, err) || !merge_history(d->arena, old->data, data, &history, &same, err))
        return false;
    if (same)
        return store_push_queue(db, d->by->tenant, old->id, now_us, err);
    yyjson_val *fields = parse(d->arena, data, err);
    struct record_write write = {.record = old->id, .data = data, .title = column(fields, kind ? kind->title : NULL, old->title),
                                 .status = column(fields, kind ? kind->status : NULL, old->status), .occurred_us = old->occurred_us,
                                 .parent = old->parent, .changed = STR("")};
    return fields != NULL && edit_save_bases(db, d->arena, old, err) && edit_keys(db, d->arena, d->by, old, old->data, data, err) &&
           store_records_update(db, d->by->tenant, old->collection, &write, 1, 0, 0, now_us, err) &&
           store_history_add(db, d->by->tenant, old->id, old->version, history, d->by->actor, now_us, err) &&
           edit_tell(db, d->by, old->kind, &old->id, 1, STR_NONE, now_us, err) &&
           store_push_queue(db, d->by->tenant, old->id, now_us, err) &&
           conflict_settle(db, d->arena, d->by->tenant, old->id, data, d->by->actor, now_us, err);
}

/* Decided before: the same once more is nothing new. */
static bool
again(const struct decision *d, struct err *err)
{
    struct str data;
    if (!str_eq(d->choice, d->conflict.choice))
        return err_set(err, E_CONFLICT, "This conflict was decided already: %.*s", STR_ARG(d->conflict.choice));
    if (!str_eq_c(d->choice, "values"))
        return true;
    return decided_data(d, d->conflict.data, &data, err) &&
           (str_eq(data, d->conflict.data) || err_set(err, E_CONFLICT, "This conflict was decided already, with other values"));
}

static bool
resolve(struct db *db, void *ctx, struct err *err)
{
    struct decision *d = ctx;
    struct record old;
    int64_t now_us = store_now(db);
    enum row row = store_conflict_get(db, d->arena, d->by->tenant, d->uuid, &d->conflict, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, NULL) : false;
    if (!d->conflict.open)
        return again(d, err);
    row = edit_load(db, d->arena, d->by->tenant, d->conflict.kind, d->conflict.record_uuid, &old, err);
    if (row == ROW_FOUND) /* once more, under the record's lock: a page may just have changed what the source says, or somebody decided */
        row = store_conflict_get(db, d->arena, d->by->tenant, d->uuid, &d->conflict, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, NULL) : false;
    if (!d->conflict.open)
        return again(d, err);
    if (old.deleted_us != 0)
        return err_set(err, E_CONFLICT, "The record of this conflict is deleted");
    return check_values(d, err) &&
           store_conflict_resolve(db, d->by->tenant, d->conflict.id, d->choice, d->by->actor, now_us, err) &&
           change_record(db, d, &old, now_us, err) &&
           edit_audit(db, d->by, "conflict.resolve", d->uuid, now_us, err) &&
           store_conflict_get(db, d->arena, d->by->tenant, d->uuid, &d->conflict, err) == ROW_FOUND;
}

bool
engine_conflict_resolve(struct engine *e, struct arena *a, const struct edit_by *by, struct str uuid, yyjson_val *choose,
                        struct conflict *conflict_out, struct err *err)
{
    struct decision d = {.arena = a, .by = by, .uuid = uuid, .choose = choose, .choice = choice_of(choose)};
    if (!uuid_is_valid(uuid))
        return err_set(err, E_NOT_FOUND, NULL);
    if (str_is_none(d.choice))
        return err_invalid(err, "/choose", "choose must be \"source\", \"local\", or an object with a value for each field");
    if (!store_write(e->options.store, resolve, &d, err))
        return false;
    *conflict_out = d.conflict;
    return true;
}
