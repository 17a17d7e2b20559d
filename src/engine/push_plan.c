/*
 * What is to be done with a record, decided from rows alone.
 *
 * Only what differs from what was last agreed on with this vendor is sent, and the difference is taken in the vendor's own words: the
 * members of the request made of our record now against those made of the agreed one. So a field that this vendor does not have is no
 * difference, and one that two of ours make is one.
 */
#include "engine/push.h"

#include "engine/alias.h"
#include "engine/match_key.h"
#include "json/phone.h"
#include "store/store_conflict.h"

/* ---- the template */

static bool
names_key(yyjson_val *keys, struct str name)
{
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(keys, i, count, item)
        if (str_eq(json_str(item), name))
            return true;
    return false;
}

static size_t
max_of(yyjson_val *operation)
{
    int64_t max;
    bool given = json_to_i64(json_get_c(operation, "max"), &max) && max > 1;
    return given ? (size_t)(max < PUSH_BATCH_MAX ? max : PUSH_BATCH_MAX) : 1;
}

bool
push_stream_read(struct arena *a, const struct template *t, struct str stream, struct push_stream *stream_out, struct err *err)
{
    struct push_stream s = {.section = str_join2(a, STR("writes."), stream)};
    yyjson_val *writes = json_get(json_get_c(template_info(t)->tidemark, "writes"), stream), *keys = json_get_c(writes, "keys");
    yyjson_val *create_many = json_get_c(writes, "create_many"), *update_many = json_get_c(writes, "update_many"),
               *read_many = json_get_c(writes, "read_many"), *match_many = json_get_c(writes, "match_many");
    if (str_is_none(s.section))
        return err_no_memory(err);
    if (!mapping_compile_write(a, t, stream, &s.write, err))
        return false;
    s.match = template_operation_find(t, s.section, STR("match"));
    s.create = template_operation_find(t, s.section, STR("create"));
    s.update = template_operation_find(t, s.section, STR("update"));
    s.delete = template_operation_find(t, s.section, STR("delete"));
    s.create_many = template_operation_find(t, s.section, STR("create_many"));
    s.update_many = template_operation_find(t, s.section, STR("update_many"));
    s.read_many = template_operation_find(t, s.section, STR("read_many"));
    s.match_many = template_operation_find(t, s.section, STR("match_many"));
    const struct template_stream *plan = template_stream_find(t, stream);
    s.reads = plan != NULL && template_stream_info(plan)->has_reads;
    s.by_email = s.match != NULL && (keys == NULL || names_key(keys, STR("email")));
    s.by_phone = s.match != NULL && names_key(keys, STR("phone"));
    s.partial = str_eq_c(json_str(json_get_c(writes, "answer")), "partial");
    s.answers_id = str_eq_c(json_str(json_get_c(writes, "answer")), "id");
    s.match_max = max_of(match_many), s.match_item = json_get_c(match_many, "item");
    s.create_max = max_of(create_many), s.update_max = max_of(update_many), s.read_max = max_of(read_many);
    s.create_item = json_get_c(create_many, "item"), s.update_item = json_get_c(update_many, "item"),
        s.read_item = json_get_c(read_many, "item");
    *stream_out = s;
    return true;
}

static bool
can_be_written(const struct template *t, const struct stream_info *info, yyjson_val *config, yyjson_val *chosen, struct str asked)
{
    yyjson_val *writes = json_get(json_get_c(template_info(t)->tidemark, "writes"), info->name);
    if (info->refused.len > 0 || json_get_c(writes, "fields") == NULL || !template_stream_is_for(info, config))
        return false;
    if (asked.len > 0)
        return str_eq(info->name, asked) || str_eq(info->kind, asked);
    return yyjson_arr_size(chosen) > 0 ? names_key(chosen, info->name) : info->synced;
}

bool
push_is_written(const struct template *t, size_t at, yyjson_val *config, yyjson_val *chosen, struct str asked)
{
    const struct stream_info *info = template_stream_info(template_stream_at(t, at));
    if (!can_be_written(t, info, config, chosen, asked))
        return false;
    for (size_t i = 0; i < at; i++) {
        const struct stream_info *before = template_stream_info(template_stream_at(t, i));
        if (str_eq(before->kind, info->kind) && can_be_written(t, before, config, chosen, asked))
            return false;
    }
    return true;
}

/* ---- JSON */

static bool
is_blank(yyjson_val *v)
{
    return v == NULL || yyjson_is_null(v) || (yyjson_is_str(v) && yyjson_get_len(v) == 0);
}

static bool
same(yyjson_val *a, yyjson_val *b)
{
    if (a == NULL || yyjson_is_null(a) || b == NULL || yyjson_is_null(b))
        return (a == NULL || yyjson_is_null(a)) && (b == NULL || yyjson_is_null(b));
    return json_equal(a, b);
}

static yyjson_mut_val *difference(yyjson_mut_doc *doc, yyjson_val *old, yyjson_val *new);

static void
put(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str name, yyjson_mut_val *value)
{
    yyjson_mut_obj_add(object, yyjson_mut_strncpy(doc, name.ptr, name.len), value);
}

static void
difference_of(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str name, yyjson_val *old, yyjson_val *new)
{
    if (same(old, new))
        return;
    if (yyjson_is_obj(old) && yyjson_is_obj(new))
        put(doc, object, name, difference(doc, old, new));
    else
        put(doc, object, name, new == NULL ? yyjson_mut_null(doc) : yyjson_val_mut_copy(doc, new));
}

static yyjson_mut_val *
difference(yyjson_mut_doc *doc, yyjson_val *old, yyjson_val *new)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_obj_foreach(new, i, count, key, value)
        difference_of(doc, object, json_str(key), json_get(old, json_str(key)), value);
    yyjson_obj_foreach(old, i, count, key, value)
        if (json_get(new, json_str(key)) == NULL)
            difference_of(doc, object, json_str(key), value, NULL);
    return object;
}

yyjson_val *
push_difference(struct arena *a, yyjson_val *old, yyjson_val *new)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *object = doc == NULL ? NULL : difference(doc, old, new);
    return object == NULL ? NULL : json_freeze(a, object);
}

static yyjson_mut_val *
given(yyjson_mut_doc *doc, yyjson_val *members)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_obj_foreach(members, i, count, key, value) {
        yyjson_mut_val *below = yyjson_is_obj(value) ? given(doc, value) : NULL;
        if (below != NULL ? yyjson_mut_obj_size(below) > 0 : !is_blank(value))
            put(doc, object, json_str(key), below != NULL ? below : yyjson_val_mut_copy(doc, value));
    }
    return object;
}

yyjson_val *
push_given(struct arena *a, yyjson_val *members)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *object = doc == NULL ? NULL : given(doc, members);
    return object == NULL ? NULL : json_freeze(a, object);
}

/* ---- inputs */

static yyjson_mut_val *
copy_text(yyjson_mut_doc *doc, struct str text)
{
    return yyjson_mut_strncpy(doc, text.ptr ? text.ptr : "", text.len);
}

yyjson_val *
push_input(struct arena *a, const struct push_item *item)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *input = doc == NULL ? NULL : yyjson_mut_obj(doc);
    if (input == NULL)
        return NULL;
    if (item->row.map != 0)
        yyjson_mut_obj_add(input, yyjson_mut_str(doc, "id"), copy_text(doc, item->row.external_id));
    yyjson_mut_obj_add(input, yyjson_mut_str(doc, "fields"), item->fields ? yyjson_val_mut_copy(doc, item->fields) : yyjson_mut_obj(doc));
    yyjson_mut_obj_add(input, yyjson_mut_str(doc, "record"), yyjson_val_mut_copy(doc, item->record));
    return json_freeze(a, input);
}

static yyjson_mut_val *
many_item(yyjson_mut_doc *doc, const struct push_item *item, yyjson_val *names)
{
    struct str id = json_str_or(json_get_c(names, "id"), STR("id")), fields = json_str_or(json_get_c(names, "fields"), STR("fields"));
    yyjson_mut_val *object = str_eq_c(fields, "$") ? yyjson_val_mut_copy(doc, item->fields) : yyjson_mut_obj(doc);
    yyjson_val *name, *value;
    size_t index, max;
    if (object == NULL)
        return NULL;
    if (item->row.map != 0)
        put(doc, object, id, copy_text(doc, item->row.external_id));
    if (!str_eq_c(fields, "$") && !(json_get_c(names, "fields") != NULL && json_str(json_get_c(names, "fields")).len == 0))
        put(doc, object, fields, yyjson_val_mut_copy(doc, item->fields));
    yyjson_obj_foreach(json_get_c(names, "also"), index, max, name, value)
        put(doc, object, json_str(name), yyjson_val_mut_copy(doc, value));
    return object;
}

yyjson_val *
push_input_many(struct arena *a, struct push_item *const *items, size_t count, yyjson_val *names)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *input = doc == NULL ? NULL : yyjson_mut_obj(doc), *list = input == NULL ? NULL : yyjson_mut_arr(doc);
    for (size_t i = 0; list != NULL && i < count; i++)
        if (!yyjson_mut_arr_append(list, many_item(doc, items[i], names)))
            return NULL;
    if (list == NULL || !yyjson_mut_obj_add(input, yyjson_mut_str(doc, "items"), list))
        return NULL;
    return json_freeze(a, input);
}

yyjson_val *
push_input_match(struct arena *a, const char *by, struct str value)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *input = doc == NULL ? NULL : yyjson_mut_obj(doc);
    if (input == NULL)
        return NULL;
    yyjson_mut_obj_add(input, yyjson_mut_str(doc, "by"), yyjson_mut_str(doc, by));
    yyjson_mut_obj_add(input, yyjson_mut_str(doc, "value"), copy_text(doc, value));
    return json_freeze(a, input);
}

/* `value: $`: the items are the texts themselves. */
static yyjson_mut_val *
match_item(yyjson_mut_doc *doc, struct str email, struct str name)
{
    yyjson_mut_val *text = copy_text(doc, email), *object = str_eq_c(name, "$") ? NULL : yyjson_mut_obj(doc);
    if (object == NULL)
        return str_eq_c(name, "$") ? text : NULL;
    put(doc, object, name, text);
    return object;
}

static bool
was_before(struct push_item *const *items, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (str_eq(items[i]->key_email, items[at]->key_email))
            return true;
    return false;
}

yyjson_val *
push_input_match_many(struct arena *a, struct push_item *const *items, size_t count, yyjson_val *names)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *input = doc == NULL ? NULL : yyjson_mut_obj(doc), *list = input == NULL ? NULL : yyjson_mut_arr(doc);
    struct str name = json_str_or(json_get_c(names, "value"), STR("value")), kind, email;
    for (size_t i = 0; list != NULL && i < count; i++) {
        str_cut(items[i]->key_email, ':', &kind, &email);
        if (!was_before(items, i) && !yyjson_mut_arr_append(list, match_item(doc, email, name)))
            return NULL;
    }
    if (list == NULL || !yyjson_mut_obj_add(input, yyjson_mut_str(doc, "by"), yyjson_mut_str(doc, "email")) ||
        !yyjson_mut_obj_add(input, yyjson_mut_str(doc, "items"), list))
        return NULL;
    return json_freeze(a, input);
}

/* ---- the plan */

static bool
reject(struct push_item *item, struct str reason)
{
    item->op = PUSH_REJECT;
    item->reason = reason;
    return true;
}

static yyjson_val *
parse(struct arena *a, struct str text, struct err *err)
{
    return json_parse(a, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
}

/* With `phoneE164` beside the phone: vendors that insist on it get it where there is one. */
static yyjson_val *
for_expressions(const struct push_scene *s, struct str data, struct err *err)
{
    char e164[PHONE_TEXT_BYTES];
    yyjson_val *record = parse(s->arena, data, err);
    struct str phone = str_trim(json_str(json_get_c(record, "phone")));
    if (record == NULL || phone.len == 0)
        return record;
    yyjson_mut_doc *doc = json_mut_doc(s->arena);
    yyjson_mut_val *copy = doc == NULL ? NULL : yyjson_val_mut_copy(doc, record);
    bool number = phone_to_e164(phone, s->context->region, e164);
    if (copy == NULL || !yyjson_mut_obj_put(copy, yyjson_mut_str(doc, "phoneE164"), copy_text(doc, number ? str_from_c(e164) : phone))) {
        err_no_memory(err);
        return NULL;
    }
    yyjson_val *frozen = json_freeze(s->arena, copy);
    if (frozen == NULL)
        err_no_memory(err);
    return frozen;
}

/* What a person still has to decide is not sent: it stays as it was agreed on. */
static bool
hold_conflicts(struct db *db, const struct push_scene *s, struct push_item *item, struct err *err)
{
    struct conflict open;
    size_t i, count;
    yyjson_val *field;
    if (s->context->policy != CONFLICT_MANUAL || str_is_none(item->row.base))
        return true;
    enum row row = store_conflict_open(db, s->arena, s->context->tenant, item->row.record, s->context->connection, &open, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    yyjson_val *fields = parse(s->arena, open.fields, err), *base = parse(s->arena, item->row.base, err),
        *ours = parse(s->arena, item->sent, err);
    yyjson_mut_doc *doc = json_mut_doc(s->arena);
    yyjson_mut_val *root = doc == NULL || ours == NULL ? NULL : yyjson_val_mut_copy(doc, ours);
    if (fields == NULL || base == NULL || root == NULL)
        return err->code != E_OK ? false : err_no_memory(err);
    yyjson_arr_foreach(fields, i, count, field) {
        struct str pointer = json_str(json_get_c(field, "pointer"));
        if (!alias_put(s->arena, doc, root, pointer, json_pointer(base, pointer)))
            return err_no_memory(err);
    }
    yyjson_val *frozen = json_freeze(s->arena, root);
    item->sent = frozen == NULL ? STR_NONE : json_to_text(s->arena, frozen);
    return !str_is_none(item->sent) || err_no_memory(err);
}

static bool
make_members(const struct push_scene *s, struct push_item *item, yyjson_val *record, yyjson_val *old,
                    yyjson_val **members_out, struct err *err)
{
    struct str fault;
    if (!mapping_write(s->stream->write, s->arena, record, old, s->context->config, s->context->now_us, members_out, &fault, err))
        return false;
    if (!str_is_none(fault))
        reject(item, fault);
    return true;
}

static bool
plan_update(struct db *db, const struct push_scene *s, struct push_item *item, struct err *err)
{
    yyjson_val *old, *now = NULL, *before = NULL;
    if (str_is_none(item->row.base) || s->stream->update == NULL)
        return true; /* it agrees */
    if (!hold_conflicts(db, s, item, err))
        return false;
    old = for_expressions(s, item->row.base, err);
    item->record = for_expressions(s, item->sent, err);
    if (old == NULL || item->record == NULL)
        return false;
    if (!make_members(s, item, item->record, old, &now, err) || item->op == PUSH_REJECT ||
        !make_members(s, item, old, old, &before, err) || item->op == PUSH_REJECT)
        return err->code == E_OK;
    item->fields = push_difference(s->arena, before, now);
    if (item->fields == NULL)
        return err_no_memory(err);
    if (yyjson_obj_size(item->fields) > 0)
        item->op = PUSH_UPDATE;
    return true;
}

/* A key that several records here have says of none of them who it is. */
static bool
check_own_key(struct db *db, const struct push_scene *s, struct push_item *item, struct str key, struct err *err)
{
    int64_t owner = 0;
    if (str_is_none(key) || !s->context->match)
        return true;
    if (!store_match_lookup(db, s->context->tenant, s->context->stream.collection, &key, 1, &owner, err))
        return false;
    if (owner != 0 && owner != item->row.record)
        reject(item, str_format(s->arena, "Several records here have the same %s: which of them is meant cannot be known",
                                str_starts(key, STR("email:")) ? "e-mail" : "phone"));
    return true;
}

static bool
plan_create(struct db *db, const struct push_scene *s, struct push_item *item, struct err *err)
{
    yyjson_val *members = NULL;
    item->record = for_expressions(s, item->sent, err);
    if (item->record == NULL)
        return false;
    if (!make_members(s, item, item->record, NULL, &members, err) || item->op == PUSH_REJECT)
        return err->code == E_OK;
    item->fields = push_given(s->arena, members);
    if (item->fields == NULL)
        return err_no_memory(err);
    if (yyjson_obj_size(item->fields) == 0)
        return true;
    item->op = PUSH_CREATE;
    if (!s->context->looks_up)
        return true;
    item->key_email = match_key_email(s->arena, json_str(json_get_c(item->record, "email")));
    item->key_phone = match_key_phone(s->arena, json_str(json_get_c(item->record, "phone")), s->context->region);
    return check_own_key(db, s, item, str_is_none(item->key_email) ? item->key_phone : item->key_email, err);
}

bool
push_plan(struct db *db, const struct push_scene *s, struct push_item *item, struct err *err)
{
    const struct push_row *row = &item->row;
    item->op = PUSH_NOTHING;
    item->sent = row->data;
    item->key_email = item->key_phone = item->reason = STR_NONE;
    bool there = row->map != 0 && !row->map_deleted && !row->erased;
    if (s->stream->write == NULL || (row->map != 0 && !there))
        return true; /* gone there: it is not brought back */
    if (row->deleted) {
        item->op = there && s->deletes && s->stream->delete != NULL ? PUSH_DELETE : PUSH_NOTHING;
        item->record = parse(s->arena, row->data, err);
        return item->record != NULL;
    }
    if (there)
        return plan_update(db, s, item, err);
    return !s->creates || s->stream->create == NULL || plan_create(db, s, item, err);
}
