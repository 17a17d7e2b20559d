/*
 * Walking over partitions (manifest-format, rules 37, 38).
 *
 * A list gives its values, a substream one partition for each record of its parents (walk_substream.c), a
 * product every combination, the last part fastest; it holds the lists of all parts but its first.
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

bool
walk_entry_add(yyjson_mut_doc *doc, yyjson_mut_val *list, yyjson_mut_val *partition, yyjson_mut_val *extra)
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
        if (!walk_entry_add(doc, list, partition, yyjson_mut_obj(doc)))
            return err_no_memory(err);
    }
    w->list = list ? json_freeze(&w->arena, list) : NULL;
    w->list_ready = true;
    return w->list || err_no_memory(err);
}

/* The next entry of the list held, or WALK_END. */
enum walk_step
walk_list_step(struct walk *w, yyjson_val **entry_out)
{
    if (w->index >= yyjson_arr_size(w->list))
        return WALK_END;
    *entry_out = yyjson_arr_get(w->list, w->index++);
    return WALK_PARTITION;
}

/* ---- product */

enum walk_step
walk_drain(struct walk *w, struct arena *page, enum reader_step *step_out, struct reader_event *event, struct err *err)
{
    while (w->draining < w->part_count) {
        yyjson_val *entry;
        if (!w->drain_doc && !(w->drain_doc = json_mut_doc(&w->arena)))
            return err_no_memory(err), walk_fail(step_out);
        if (!w->drained)
            w->drained = yyjson_mut_arr(w->drain_doc);
        enum walk_step step = walk_next(&w->parts[w->draining], page, &entry, step_out, event, err);
        if (step == WALK_EVENT)
            return WALK_EVENT;
        if (step == WALK_PARTITION) {
            yyjson_mut_arr_append(w->drained, yyjson_val_mut_copy(w->drain_doc, entry));
            if (yyjson_mut_arr_size(w->drained) > WALK_LIST_MAX)
                return err_set(err, E_LIMIT, "A product of partition routers is too large"), walk_fail(step_out);
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
        return err_set(err, E_LIMIT, "Too many partition routers"), walk_fail(step_out);
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
        return err_no_memory(err), walk_fail(step_out);
    return WALK_PARTITION;
}

enum walk_step
walk_next(struct walk *w, struct arena *page, yyjson_val **entry_out, enum reader_step *step_out, struct reader_event *event,
          struct err *err)
{
    switch (w->router->kind) {
    case ROUTER_LIST:
        if (!w->list_ready && !list_make(w, err))
            return walk_fail(step_out);
        return walk_list_step(w, entry_out);
    case ROUTER_SUBSTREAM: return walk_substream_step(w, entry_out, step_out, event, err);
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
