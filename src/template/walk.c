/*
 * Walking over partitions (manifest-format, rules 37, 38).
 *
 * A list gives its values, a substream one partition for each record of its parents, a product every
 * combination, the last part fastest. Parents are read by a reader of their own, one page at a time: its
 * requests come out of walk_next as events. Only the partitions of one parent page are held, so memory
 * does not grow with the number of parents; a product holds the lists of all parts but its first.
 */
#include "template/walk_priv.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "json/writer.h"

#define WALK_LIST_MAX 1000000 /* entries of one list: values of a list router, records of one parent page */

static yyjson_val *
entry_part(yyjson_val *entry, size_t which)
{
    return yyjson_arr_get(entry, which);
}

/*
 * The field's readers read parents a little further than the partition they are at. That shows only where a read fails,
 * so it is done in comparisons alone; a product is read there with all of its parents first.
 */
static bool
walk_looks_ahead(const struct walk *w)
{
    return w->owner->options.as_reference && !w->owner->options.first_request_only;
}

bool
walk_init(struct walk *w, const struct router *router, struct reader *owner, struct err *err)
{
    *w = (struct walk){.router = router, .owner = owner};
    arena_init(&w->arena, LIMIT_RUN_ARENA_BYTES);
    arena_init(&w->page, LIMIT_PAGE_ARENA_BYTES);
    buf_init(&w->parent_position, LIMIT_RUN_ARENA_BYTES);
    buf_init(&w->parent_pending, LIMIT_RUN_ARENA_BYTES);
    if (router->kind != ROUTER_PRODUCT && router->kind != ROUTER_GROUPS)
        return true;
    w->parts = alloc_zeroed(router->part_count, sizeof(*w->parts));
    w->lists = ARENA_ARRAY(&w->arena, yyjson_val *, router->part_count);
    if (!w->parts || !w->lists)
        return err_no_memory(err);
    w->draining = router->kind == ROUTER_PRODUCT && !walk_looks_ahead(w) ? 1 : 0;
    for (; w->part_count < router->part_count; w->part_count++)
        if (!walk_init(&w->parts[w->part_count], &router->parts[w->part_count], owner, err))
            return false;
    return true;
}

void
walk_release(struct walk *w)
{
    for (size_t i = 0; i < w->part_count; i++)
        walk_release(&w->parts[i]);
    free(w->parts);
    reader_free(w->parent);
    buf_release(&w->parent_position);
    buf_release(&w->parent_pending);
    arena_release(&w->page);
    arena_release(&w->arena);
    *w = (struct walk){0};
}

static bool
mut_entry_add(yyjson_mut_doc *doc, yyjson_mut_val *list, yyjson_mut_val *partition, yyjson_mut_val *extra)
{
    yyjson_mut_val *entry = yyjson_mut_arr(doc);
    return entry && partition && extra && yyjson_mut_arr_append(entry, partition) && yyjson_mut_arr_append(entry, extra) &&
           yyjson_mut_arr_append(list, entry);
}

/* ---- list */

static bool
list_values(struct walk *w, struct value *values_out, struct str *field_out, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    reader_scene(w->owner, &w->arena, value_undefined(), &scene);
    scene.slice = scene.extra_fields = NULL;
    scene_scope(&scene, &scope);
    if (!text_str(&w->router->cursor_field, &scope, field_out, err) ||
        !input_value(&w->router->values, &scope, false, values_out, err))
        return false;
    bool is_list = values_out->type == VALUE_LIST || (values_out->type == VALUE_JSON && yyjson_is_arr(values_out->json));
    if (!is_list && !value_is_missing(*values_out))
        return err_set(err, E_EXPRESSION, "The values of a ListPartitionRouter are not a list");
    if (value_count(*values_out) > WALK_LIST_MAX)
        return err_set(err, E_LIMIT, "A ListPartitionRouter has more than %d values", WALK_LIST_MAX);
    return true;
}

static bool
list_make(struct walk *w, struct err *err)
{
    struct value values;
    struct str field;
    yyjson_mut_doc *doc = json_mut_doc(&w->arena);
    yyjson_mut_val *list = doc ? yyjson_mut_arr(doc) : NULL;
    if (!list_values(w, &values, &field, err))
        return false;
    for (size_t i = 0; list && i < value_count(values); i++) {
        yyjson_mut_val *partition = yyjson_mut_obj(doc);
        yyjson_mut_obj_add(partition, yyjson_mut_strncpy(doc, field.ptr ? field.ptr : "", field.len),
                           value_to_json(doc, value_at(values, i)));
        if (!mut_entry_add(doc, list, partition, yyjson_mut_obj(doc)))
            return err_no_memory(err);
    }
    w->list = list ? json_freeze(&w->arena, list) : NULL;
    w->list_ready = true;
    return w->list || err_no_memory(err);
}

static enum walk_step
fail(enum reader_step *step_out)
{
    *step_out = READER_FAILED;
    return WALK_EVENT;
}

/* The next entry of the list held, or WALK_END. */
static enum walk_step
list_step(struct walk *w, yyjson_val **entry_out)
{
    if (w->index >= yyjson_arr_size(w->list))
        return WALK_END;
    *entry_out = yyjson_arr_get(w->list, w->index++);
    return WALK_PARTITION;
}

/* ---- substream */

static bool
parent_open(struct walk *w, struct err *err)
{
    const struct parent_plan *plan = &w->router->parents[w->parent_index];
    struct reader_options options = w->owner->options;
    struct err ignored = {0};
    options.state = NULL;
    options.position = buf_str(&w->parent_position);
    if (options.position.len == 0)
        options.position = STR_NONE;
    if (plan->incremental) {
        const struct str *blob = map_get(&w->owner->parent_states, plan->stream->info.name);
        yyjson_val *json = blob ? json_parse(&w->owner->keep, *blob, JSON_NUMBERS_RAW, 128, &ignored) : NULL;
        options.state = json ? state_unblob(&w->owner->keep, json, plan->stream->router != NULL) : NULL;
    } else {
        options.updated_since = STR_NONE;
    }
    w->parent = reader_new_for(&options, plan->stream, w->owner->root, err);
    return w->parent != NULL;
}

static bool
extra_fields(struct walk *w, const struct parent_plan *plan, yyjson_val *record, yyjson_mut_doc *doc, yyjson_mut_val *extra,
             struct expr_scope *scope, struct err *err)
{
    for (size_t i = 0; i < plan->extra_count; i++) {
        struct str path[16], name = STR("");
        size_t count = plan->extra_counts[i] < ARRAY_LEN(path) ? plan->extra_counts[i] : ARRAY_LEN(path);
        for (size_t j = 0; j < count; j++) {
            if (!text_str(&plan->extra_paths[i][j], scope, &path[j], err))
                return false;
            name = j ? str_format(&w->page, "%.*s.%.*s", STR_ARG(name), STR_ARG(path[j])) : path[j];
        }
        yyjson_val *found = path_find(record, path, count);
        yyjson_mut_obj_add(extra, yyjson_mut_strncpy(doc, name.ptr ? name.ptr : "", name.len),
                           found ? yyjson_val_mut_copy(doc, found) : yyjson_mut_null(doc));
    }
    return true;
}

static bool
path_split(struct str text, struct str *path, size_t size, size_t *count_out)
{
    *count_out = 0;
    for (bool more = true; more;) {
        if (*count_out == size)
            return false;
        more = str_cut(text, '/', &path[*count_out], &text);
        if (path[*count_out].len)
            (*count_out)++;
    }
    return true;
}

static bool
add_partition(struct walk *w, const struct parent_plan *plan, yyjson_val *record, yyjson_mut_doc *doc, yyjson_mut_val *list,
              struct expr_scope *scope, struct err *err)
{
    struct str key, field, path[16];
    size_t count;
    if (!text_str(&plan->parent_key, scope, &key, err) || !text_str(&plan->partition_field, scope, &field, err))
        return false;
    yyjson_val *value = path_split(key, path, ARRAY_LEN(path), &count) ? path_find(record, path, count) : NULL;
    if (!value) /* a parent without the key is passed over (rule 37) */
        return true;
    yyjson_mut_val *partition = yyjson_mut_obj(doc), *extra = yyjson_mut_obj(doc);
    yyjson_mut_val *above = w->parent->partition ? yyjson_val_mut_copy(doc, w->parent->partition) : yyjson_mut_obj(doc);
    yyjson_mut_obj_add(partition, yyjson_mut_strncpy(doc, field.ptr ? field.ptr : "", field.len), yyjson_val_mut_copy(doc, value));
    yyjson_mut_obj_add_val(doc, partition, "parent_slice", above);
    if (!extra_fields(w, plan, record, doc, extra, scope, err))
        return false;
    return mut_entry_add(doc, list, partition, extra) || err_no_memory(err);
}

static bool
take_parent_states(struct walk *w, struct reader_event *event, struct err *err)
{
    const struct parent_plan *plan = &w->router->parents[w->parent_index];
    if (plan->incremental && !plan->stream->cursor && w->owner->options.as_reference && w->parent_pending.len == 0)
        return buf_add_c(&w->parent_pending, "{\"__ab_no_cursor_state_message\":true}") || err_no_memory(err);
    if (!plan->incremental || event->state_count == 0)
        return true;
    struct err ignored = {0};
    const struct str *known = map_get(&w->owner->parent_states, plan->stream->info.name);
    struct str before = w->parent_pending.len ? str_copy(&w->page, buf_str(&w->parent_pending)) : known ? *known : STR("{}");
    yyjson_val *blob = state_blob(&w->page, event->states, event->state_count, plan->stream->router != NULL);
    if (blob && plan->stream->router) /* only what changed was told */
        blob = state_blob_over(&w->page, json_parse(&w->page, before, JSON_NUMBERS_RAW, 128, &ignored), blob);
    buf_clear(&w->parent_pending);
    if (!blob || !json_write(&w->parent_pending, blob))
        return err_no_memory(err);
    return true;
}

/* What is left of the page before stays in front of this one. */
static bool
keep_rest(const struct walk *w, yyjson_mut_doc *doc, yyjson_mut_val *list)
{
    bool ok = true;
    for (size_t i = w->index; ok && i < yyjson_arr_size(w->list); i++)
        ok = yyjson_mut_arr_append(list, yyjson_val_mut_copy(doc, yyjson_arr_get(w->list, i)));
    return ok;
}

static bool
take_parent_page(struct walk *w, struct reader_event *event, struct err *err)
{
    const struct parent_plan *plan = &w->router->parents[w->parent_index];
    struct scene scene;
    struct expr_scope scope;
    reader_scene(w->owner, &w->page, value_undefined(), &scene);
    scene.slice = scene.extra_fields = NULL;
    scene_scope(&scene, &scope);
    yyjson_mut_doc *doc = json_mut_doc(&w->page);
    yyjson_mut_val *list = doc ? yyjson_mut_arr(doc) : NULL;
    if (!list || !keep_rest(w, doc, list))
        return err_no_memory(err);
    arena_clear(&w->arena);
    w->list = NULL, w->index = 0;
    for (size_t i = 0; list && i < event->record_count; i++)
        if (str_is_none(event->records[i].rejected) && yyjson_is_obj(event->records[i].value) &&
            !add_partition(w, plan, event->records[i].value, doc, list, &scope, err))
            return false;
    w->list = list ? json_freeze(&w->arena, list) : NULL;
    buf_clear(&w->parent_position);
    if (!w->list || !buf_add(&w->parent_position, event->position))
        return err_no_memory(err);
    return take_parent_states(w, event, err);
}

static bool
store_parent_state(struct walk *w, struct err *err)
{
    if (w->parent_pending.len == 0)
        return true;
    struct reader *r = w->owner;
    struct str *text = ARENA_NEW(&r->keep, struct str);
    struct str name = w->router->parents[w->parent_index].stream->info.name;
    if (text)
        *text = str_copy(&r->keep, buf_str(&w->parent_pending));
    if (!text || !text->ptr || !map_put(&r->parent_states, name, text))
        return err_no_memory(err);
    r->parent_states_changed = true;
    buf_clear(&w->parent_pending);
    return true;
}

/* Asks the parent's reader for its next page. True: look at the list again; false: *step_out says what came. */
static bool
parent_step(struct walk *w, struct reader_event *event, enum reader_step *step_out, struct err *err)
{
    *step_out = READER_FAILED;
    if (!w->parent && !parent_open(w, err))
        return false;
    arena_clear(&w->page);
    enum reader_step step = reader_next(w->parent, &w->page, event, err);
    if (step == READER_REQUEST && event->purpose == READER_FOR_PAGE)
        event->purpose = READER_FOR_PARENT;
    if (step != READER_PAGE && step != READER_DONE) {
        *step_out = step;
        return false;
    }
    if (step == READER_DONE) {
        if (!take_parent_states(w, event, err) || !store_parent_state(w, err))
            return false;
        reader_free(w->parent);
        w->parent = NULL, w->parent_index++;
        buf_clear(&w->parent_position);
        return true;
    }
    bool told = async_must_tell(w->parent, event);
    if (!take_parent_page(w, event, err))
        return false;
    *step_out = READER_PAGE;
    return !told;
}

/*
 * A parent's record counts once the next one has come, or its slice has ended; where there is a cursor, one later still,
 * and one more where the reader is a parent itself.
 */
static bool
wants_more_first(const struct walk *w)
{
    const struct reader *owner = w->owner;
    size_t left = yyjson_arr_size(w->list) - w->index, ahead = 1 + (owner->stream->cursor != NULL) + (owner->root != owner);
    enum phase phase = w->parent ? w->parent->phase : PHASE_DONE;
    bool in_slice = phase == PHASE_SEND || phase == PHASE_ASKED || phase == PHASE_LOGIN;
    return left > 0 && w->parent_index < w->router->parent_count && (left < ahead || (left == ahead && in_slice));
}

static enum walk_step
substream_step(struct walk *w, yyjson_val **entry_out, enum reader_step *step_out, struct reader_event *event, struct err *err)
{
    for (;;) {
        bool ahead = walk_looks_ahead(w) && wants_more_first(w);
        if (!ahead && list_step(w, entry_out) == WALK_PARTITION)
            return WALK_PARTITION;
        if (!ahead && !walk_partition_done(w, err)) /* an empty parent page may carry a state too */
            return fail(step_out);
        if (w->parent_index >= w->router->parent_count)
            return WALK_END;
        if (!parent_step(w, event, step_out, err))
            return WALK_EVENT;
    }
}

bool
walk_partition_done(struct walk *w, struct err *err)
{
    return w->router->kind != ROUTER_SUBSTREAM || w->index < yyjson_arr_size(w->list) || store_parent_state(w, err);
}

/* ---- product */

enum walk_step
walk_drain(struct walk *w, struct arena *page, enum reader_step *step_out, struct reader_event *event, struct err *err)
{
    while (w->draining < w->part_count) {
        yyjson_val *entry;
        if (!w->drain_doc && !(w->drain_doc = json_mut_doc(&w->arena)))
            return err_no_memory(err), fail(step_out);
        if (!w->drained)
            w->drained = yyjson_mut_arr(w->drain_doc);
        enum walk_step step = walk_next(&w->parts[w->draining], page, &entry, step_out, event, err);
        if (step == WALK_EVENT)
            return WALK_EVENT;
        if (step == WALK_PARTITION) {
            yyjson_mut_arr_append(w->drained, yyjson_val_mut_copy(w->drain_doc, entry));
            if (yyjson_mut_arr_size(w->drained) > WALK_LIST_MAX)
                return err_set(err, E_LIMIT, "A product of partition routers is too large"), fail(step_out);
            if (!walk_group_suffices(w))
                continue;
        }
        w->lists[w->draining++] = json_freeze(&w->arena, w->drained);
        w->index = 0;
        w->drained = NULL;
    }
    w->parts_ready = true;
    return WALK_PARTITION;
}

static size_t
combinations(const struct walk *w)
{
    size_t count = 1;
    for (size_t i = 1; i < w->part_count; i++)
        if (__builtin_mul_overflow(count, yyjson_arr_size(w->lists[i]), &count))
            return SIZE_MAX;
    return count;
}

static void
add_members(yyjson_mut_doc *doc, yyjson_mut_val *out, yyjson_val *from)
{
    size_t index, max;
    yyjson_val *key, *item;
    JSON_EACH_MEMBER(from, index, max, key, item) {
        if (!yyjson_mut_obj_getn(out, yyjson_get_str(key), yyjson_get_len(key))) /* the first part wins */
            yyjson_mut_obj_add(out, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
}

static yyjson_val *
combine(struct walk *w, struct arena *a)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *entry = doc ? yyjson_mut_arr(doc) : NULL, *partition = yyjson_mut_obj(doc), *extra = yyjson_mut_obj(doc);
    if (!entry)
        return NULL;
    size_t rest = w->combination, choice[LIMIT_TEMPLATE_DEPTH] = {0};
    for (size_t i = w->part_count; i-- > 1;) {
        choice[i] = rest % yyjson_arr_size(w->lists[i]);
        rest /= yyjson_arr_size(w->lists[i]);
    }
    for (size_t i = 0; i < w->part_count; i++) {
        yyjson_val *one = i ? yyjson_arr_get(w->lists[i], choice[i]) : w->head;
        add_members(doc, partition, entry_part(one, 0));
        add_members(doc, extra, entry_part(one, 1));
    }
    yyjson_mut_arr_append(entry, partition);
    yyjson_mut_arr_append(entry, extra);
    return json_freeze(a, entry);
}

/* The next partition of the first part: as it comes, or from what was read before. */
static enum walk_step
head_step(struct walk *w, struct arena *page, yyjson_val **entry_out, enum reader_step *step_out, struct reader_event *event,
          struct err *err)
{
    if (!w->lists[0])
        return walk_next(&w->parts[0], page, entry_out, step_out, event, err);
    if (w->index >= yyjson_arr_size(w->lists[0]))
        return WALK_END;
    *entry_out = yyjson_arr_get(w->lists[0], w->index++);
    return WALK_PARTITION;
}

static enum walk_step
product_step(struct walk *w, struct arena *page, yyjson_val **entry_out, enum reader_step *step_out, struct reader_event *event,
             struct err *err)
{
    if (!w->parts_ready) {
        enum walk_step step = walk_drain(w, page, step_out, event, err);
        if (step == WALK_EVENT)
            return step;
    }
    if (w->part_count > LIMIT_TEMPLATE_DEPTH)
        return err_set(err, E_LIMIT, "Too many partition routers"), fail(step_out);
    while (!w->has_head || w->combination >= combinations(w)) {
        yyjson_val *entry;
        enum walk_step step = head_step(w, page, &entry, step_out, event, err);
        if (step != WALK_PARTITION)
            return step;
        arena_clear(&w->page);
        w->head = entry, w->has_head = true, w->combination = 0;
        if (combinations(w) == 0)
            w->has_head = false;
    }
    *entry_out = combine(w, &w->page);
    w->combination++;
    if (!*entry_out)
        return err_no_memory(err), fail(step_out);
    return WALK_PARTITION;
}

enum walk_step
walk_next(struct walk *w, struct arena *page, yyjson_val **entry_out, enum reader_step *step_out, struct reader_event *event,
          struct err *err)
{
    switch (w->router->kind) {
    case ROUTER_LIST:
        if (!w->list_ready && !list_make(w, err))
            return fail(step_out);
        return list_step(w, entry_out);
    case ROUTER_SUBSTREAM: return substream_step(w, entry_out, step_out, event, err);
    case ROUTER_PRODUCT: return product_step(w, page, entry_out, step_out, event, err);
    case ROUTER_GROUPS: return walk_group_step(w, page, entry_out, step_out, event, err);
    }
    return WALK_END;
}

size_t
walk_total(const struct walk *w)
{
    return w->router->kind == ROUTER_LIST && w->list ? yyjson_arr_size(w->list) : 0;
}

/* ---- positions */

static void
write_rest(struct json_writer *w, const struct walk *walk)
{
    json_begin_array(w, "list");
    for (size_t i = walk->index; i < yyjson_arr_size(walk->list); i++)
        json_add_val(w, NULL, yyjson_arr_get(walk->list, i));
    json_end_array(w);
}

static void
write_product(struct json_writer *w, const struct walk *walk)
{
    json_add_i64(w, "combination", (int64_t)walk->combination);
    json_add_val(w, "head", walk->has_head ? walk->head : NULL);
    json_begin_array(w, "lists");
    for (size_t i = 1; i < walk->part_count && walk->parts_ready; i++)
        json_add_val(w, NULL, walk->lists[i]);
    json_end_array(w);
    struct buf part;
    buf_init(&part, LIMIT_RUN_ARENA_BYTES);
    walk_write(&walk->parts[0], &part);
    json_add_raw(w, "first", buf_str(&part));
    buf_release(&part);
}

bool
walk_write(const struct walk *walk, struct buf *b)
{
    struct json_writer w;
    json_writer_init(&w, b);
    json_begin_object(&w, NULL);
    if (walk->router->kind == ROUTER_LIST) {
        json_add_i64(&w, "index", (int64_t)walk->index);
    } else if (walk->router->kind == ROUTER_GROUPS) {
        json_add_bool(&w, "known", walk->list_ready);
        write_rest(&w, walk);
    } else if (walk->router->kind == ROUTER_PRODUCT) {
        write_product(&w, walk);
    } else {
        json_add_i64(&w, "parent", (int64_t)walk->parent_index);
        json_add_raw(&w, "at", buf_str(&walk->parent_position));
        json_add_raw(&w, "pending", buf_str(&walk->parent_pending));
        write_rest(&w, walk);
    }
    json_end_object(&w);
    return buf_ok(b);
}

static bool
bad(struct err *err)
{
    return err_set(err, E_VALIDATION_FAILED, "The stored position does not fit this template: start the run anew");
}

static bool
index_at(yyjson_val *json, const char *member, size_t *index_out)
{
    int64_t value;
    if (!json_to_i64(json_get_c(json, member), &value) || value < 0)
        return false;
    *index_out = (size_t)value;
    return true;
}

static bool
copy_json(struct buf *b, yyjson_val *json)
{
    buf_clear(b);
    return !json || yyjson_is_null(json) || json_write(b, json);
}

static yyjson_val *
copy_into(struct arena *a, yyjson_val *json)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    return doc && json ? json_freeze(a, yyjson_val_mut_copy(doc, json)) : NULL;
}

static bool
restore_product(struct walk *w, yyjson_val *json, struct err *err)
{
    yyjson_val *lists = json_get_c(json, "lists"), *head = json_get_c(json, "head");
    if (!index_at(json, "combination", &w->combination) || !walk_restore(&w->parts[0], json_get_c(json, "first"), err))
        return bad(err);
    if (yyjson_arr_size(lists) + 1 != w->part_count)
        return yyjson_arr_size(lists) == 0 || bad(err);
    for (size_t i = 1; i < w->part_count; i++)
        if (!(w->lists[i] = copy_into(&w->arena, yyjson_arr_get(lists, i - 1))))
            return bad(err);
    w->parts_ready = true, w->draining = w->part_count;
    w->has_head = yyjson_is_arr(head);
    w->head = w->has_head ? copy_into(&w->arena, head) : NULL;
    return true;
}

/* What is left of the list; while it was not complete it is read anew. */
static bool
restore_groups(struct walk *w, yyjson_val *json, struct err *err)
{
    if (!json_bool_or(json_get_c(json, "known"), false))
        return true;
    w->list = copy_into(&w->arena, json_get_c(json, "list"));
    w->list_ready = true;
    return w->list || bad(err);
}

bool
walk_restore(struct walk *w, yyjson_val *json, struct err *err)
{
    if (!yyjson_is_obj(json))
        return bad(err);
    if (w->router->kind == ROUTER_GROUPS)
        return restore_groups(w, json, err);
    if (w->router->kind == ROUTER_PRODUCT)
        return restore_product(w, json, err);
    if (w->router->kind == ROUTER_LIST)
        return index_at(json, "index", &w->index) || bad(err);
    if (!index_at(json, "parent", &w->parent_index) || w->parent_index > w->router->parent_count ||
        !copy_json(&w->parent_position, json_get_c(json, "at")) || !copy_json(&w->parent_pending, json_get_c(json, "pending")))
        return bad(err);
    w->list = copy_into(&w->arena, json_get_c(json, "list"));
    return w->list || bad(err);
}
