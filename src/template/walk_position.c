/*
 * Where the walk over partitions stands, as JSON, and back.
 *
 * Of a substream that is the rest of the parent page it works on and where its parent goes on; what was lent to a child
 * from its parent's record is left out, so a child that is opened after a restart is asked for.
 */
#include "template/walk_priv.h"

#include "base/limits.h"
#include "json/writer.h"

static void
write_entry(struct json_writer *w, yyjson_val *entry)
{
    json_begin_array(w, NULL);
    json_add_val(w, NULL, yyjson_arr_get(entry, 0));
    json_add_val(w, NULL, yyjson_arr_get(entry, 1));
    json_end_array(w);
}

static void
write_rest(struct json_writer *w, const struct walk *walk)
{
    json_begin_array(w, "list");
    for (size_t i = walk->index; i < yyjson_arr_size(walk->list); i++)
        write_entry(w, yyjson_arr_get(walk->list, i));
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
