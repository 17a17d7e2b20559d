/*
 * GroupingPartitionRouter: the partitions of another router in groups, for vendors that take several ids in one request.
 *
 * A group is one partition whose members are lists: {"id": ["a", "b"]}. All partitions are known before the first group is
 * made, so that a value that comes again is left out wherever it stands.
 */
#include "template/walk_priv.h"

#include "base/limits.h"

/* The partition's one member beside its parent's; NULL when there is none or more. */
static yyjson_val *
only_value(yyjson_val *partition)
{
    size_t index, max, count = 0;
    yyjson_val *key, *item, *found = NULL;
    JSON_EACH_MEMBER(partition, index, max, key, item) {
        if (!str_eq(json_str(key), STR("parent_slice")))
            found = item, count++;
    }
    return count == 1 ? found : NULL;
}

/* The entries without those whose value came before. */
static bool
group_list(struct walk *w, struct err *err)
{
    struct map seen;
    struct arena *a = &w->arena;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *list = doc ? yyjson_mut_arr(doc) : NULL;
    size_t index, max;
    yyjson_val *entry;
    map_init(&seen, a);
    JSON_EACH_ITEM(w->lists[0], index, max, entry) {
        yyjson_val *value = only_value(yyjson_arr_get(entry, 0));
        struct str key = value ? json_to_text(a, value) : STR_NONE;
        if (!value)
            return err_set(err, E_TEMPLATE_REFUSED, "A GroupingPartitionRouter needs partitions of one field");
        if (w->router->group_unique && key.ptr && map_get(&seen, key))
            continue;
        if (!list || !key.ptr || !map_put(&seen, key, w) || !yyjson_mut_arr_append(list, yyjson_val_mut_copy(doc, entry)))
            return err_no_memory(err);
    }
    w->list = list ? json_freeze(a, list) : NULL;
    w->list_ready = true;
    return w->list || err_no_memory(err);
}

/* Member by member, the values of all entries as a list; members of the first entry, or of all where `all`. */
static bool
collect(struct walk *w, yyjson_mut_doc *doc, yyjson_mut_val *out, size_t part, size_t from, size_t to, bool all)
{
    for (size_t i = from; i < (all ? to : from + 1); i++) {
        size_t index, max;
        yyjson_val *key, *item;
        JSON_EACH_MEMBER(yyjson_arr_get(yyjson_arr_get(w->list, i), part), index, max, key, item) {
            if (yyjson_mut_obj_getn(out, yyjson_get_str(key), yyjson_get_len(key)))
                continue;
            yyjson_mut_val *values = yyjson_mut_arr(doc);
            for (size_t k = from; values && k < to; k++) {
                yyjson_val *value = json_get(yyjson_arr_get(yyjson_arr_get(w->list, k), part), json_str(key));
                yyjson_mut_arr_append(values, value ? yyjson_val_mut_copy(doc, value) : yyjson_mut_null(doc));
            }
            if (!values || !yyjson_mut_obj_add(out, yyjson_val_mut_copy(doc, key), values))
                return false;
        }
    }
    return true;
}

static yyjson_val *
group_entry(struct walk *w, size_t to)
{
    arena_clear(&w->page);
    yyjson_mut_doc *doc = json_mut_doc(&w->page);
    yyjson_mut_val *entry = doc ? yyjson_mut_arr(doc) : NULL, *partition = yyjson_mut_obj(doc), *extra = yyjson_mut_obj(doc);
    if (!entry || !partition || !extra || !collect(w, doc, partition, 0, w->index, to, false) ||
        !collect(w, doc, extra, 1, w->index, to, true))
        return NULL;
    yyjson_mut_arr_append(entry, partition);
    yyjson_mut_arr_append(entry, extra);
    return json_freeze(&w->page, entry);
}

bool
walk_group_suffices(const struct walk *w)
{
    size_t index, max, unique = 0;
    yyjson_mut_val *entry;
    if (w->router->kind != ROUTER_GROUPS || !w->owner->options.as_reference || !w->owner->options.first_request_only)
        return false;
    yyjson_mut_arr_foreach(w->drained, index, max, entry) {
        bool again = false;
        for (size_t i = 0; w->router->group_unique && i < index && !again; i++)
            again = yyjson_mut_equals(yyjson_mut_arr_get_first(yyjson_mut_arr_get(w->drained, i)), yyjson_mut_arr_get_first(entry));
        unique += !again;
    }
    return unique >= w->router->group_size;
}

enum walk_step
walk_group_step(struct walk *w, struct arena *page, yyjson_val **entry_out, enum reader_step *step_out, struct reader_event *event,
                struct err *err)
{
    if (!w->list_ready) {
        enum walk_step step = walk_drain(w, page, step_out, event, err);
        if (step == WALK_EVENT)
            return step;
        if (!group_list(w, err)) {
            *step_out = READER_FAILED;
            return WALK_EVENT;
        }
    }
    size_t count = yyjson_arr_size(w->list);
    if (w->index >= count)
        return WALK_END;
    size_t to = count - w->index < w->router->group_size ? count : w->index + w->router->group_size;
    if (!(*entry_out = group_entry(w, to))) {
        err_no_memory(err);
        *step_out = READER_FAILED;
        return WALK_EVENT;
    }
    w->index = to;
    return WALK_PARTITION;
}
