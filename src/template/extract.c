/*
 * DpathExtractor: which part of a body is its records (manifest-format, rule 25).
 *
 * An empty path is the body itself. A list gives its items, a map that is not empty one record, anything
 * missing or empty none. A '*' fans out over maps and lists, and then each match is one record. A body
 * that is a list is taken item by item before the path is followed, as the field's readers do.
 */
#include "template/plan_priv.h"

#include "base/limits.h"

struct collecting {
    struct arena *arena;
    struct value_span span;
    size_t size;
    const struct str *path;
    size_t path_count;
    const struct extract_extra *extra;
    struct extract_place place;
};

static bool
collect(struct collecting *c, yyjson_val *item)
{
    if (c->span.count == c->size) {
        size_t size = c->size ? c->size * 2 : 128;
        yyjson_val **items = arena_grow(c->arena, c->span.items, c->size * sizeof(*items), size * sizeof(*items));
        if (!items)
            return false;
        c->span.items = items, c->size = size;
    }
    c->span.items[c->span.count++] = item;
    return true;
}

static bool
collect_list(struct collecting *c, yyjson_val *list)
{
    size_t index, max;
    yyjson_val *item;
    JSON_EACH_ITEM(list, index, max, item) {
        if (!collect(c, item))
            return false;
    }
    return true;
}

static yyjson_val *
step(yyjson_val *at, struct str name)
{
    int64_t index;
    if (yyjson_is_obj(at))
        return json_get(at, name);
    if (!yyjson_is_arr(at) || !str_to_i64(name, INT32_MIN, INT32_MAX, &index))
        return NULL;
    if (index < 0)
        index += (int64_t)yyjson_arr_size(at);
    return index < 0 ? NULL : yyjson_arr_get(at, (size_t)index);
}

yyjson_val *
path_find(yyjson_val *root, const struct str *path, size_t count)
{
    for (size_t i = 0; root && i < count; i++)
        root = step(root, path[i]);
    return root;
}

static bool
collect_named(struct collecting *c, yyjson_val *item)
{
    if (c->extra && yyjson_is_obj(item))
        item = extract_extra_named(c->extra, c->arena, item, &c->place);
    return item && collect(c, item);
}

static bool fan_out(struct collecting *c, yyjson_val *at, size_t depth);

/* What a '*' of the path stands for, one after the other. */
static bool
fan_out_all(struct collecting *c, yyjson_val *at, size_t depth)
{
    size_t index, max;
    yyjson_val *key, *item;
    bool ok = true;
    struct str *name = &c->place.names[c->place.name_count++];
    JSON_EACH_ITEM(at, index, max, item) {
        *name = STR_NONE; /* a place in a list is no name */
        ok = ok && fan_out(c, item, depth + 1);
    }
    JSON_EACH_MEMBER(at, index, max, key, item) {
        *name = json_str(key);
        ok = ok && fan_out(c, item, depth + 1);
    }
    c->place.name_count--;
    return ok;
}

static bool
fan_out(struct collecting *c, yyjson_val *at, size_t depth)
{
    bool object = yyjson_is_obj(at) && depth < c->path_count;
    if (depth == c->path_count)
        return collect_named(c, at);
    c->place.above_count += object;
    if (object)
        c->place.above[c->place.above_count - 1] = at;
    bool all = str_eq(c->path[depth], STR("*"));
    yyjson_val *next = all ? NULL : step(at, c->path[depth]);
    bool ok = all ? fan_out_all(c, at, depth) : !next || fan_out(c, next, depth + 1);
    c->place.above_count -= object;
    return ok;
}

static bool
extract_one(struct collecting *c, yyjson_val *body, bool has_star)
{
    if (has_star)
        return fan_out(c, body, 0);
    yyjson_val *found = path_find(body, c->path, c->path_count);
    if (yyjson_is_arr(found))
        return collect_list(c, found);
    return !found || !value_is_true(value_from_json(found)) || collect(c, found);
}

bool
selector_path(const struct selector *s, struct expr_scope *scope, struct str path[static LIMIT_TEMPLATE_DEPTH], size_t *count_out,
              struct err *err)
{
    size_t count = 0;
    if (s->path_count > LIMIT_TEMPLATE_DEPTH)
        return err_set(err, E_LIMIT, "The record path is too long");
    for (size_t i = 0; i < s->path_count; i++) {
        if (!text_str(&s->path[i], scope, &path[count], err))
            return false;
        count += path[count].len > 0 || !str_is_none(s->path[i].constant) || scope->as_reference;
    }
    *count_out = count;
    return true;
}

bool
selector_extract(const struct selector *s, struct expr_scope *scope, yyjson_val *body, struct value_span *span_out, struct err *err)
{
    struct str path[LIMIT_TEMPLATE_DEPTH];
    size_t count;
    if (!selector_path(s, scope, path, &count, err))
        return false;
    bool has_star = false;
    for (size_t i = 0; i < count; i++)
        has_star = has_star || str_eq(path[i], STR("*"));
    struct collecting c = {.arena = scope->arena, .path = path, .path_count = count, .extra = s->extra};
    bool ok = true;
    size_t index, max;
    yyjson_val *item;
    if (yyjson_is_arr(body) && count == 0) {
        ok = collect_list(&c, body);
    } else if (yyjson_is_arr(body)) {
        JSON_EACH_ITEM(body, index, max, item) {
            ok = ok && extract_one(&c, item, has_star);
        }
    } else {
        ok = extract_one(&c, body, has_star);
    }
    if (!ok || (s->extra && !extract_extra_number(s->extra, scope->arena, &c.span)))
        return err_set(err, E_PAGE_TOO_LARGE, "The page holds more records than fit in memory");
    *span_out = c.span;
    return true;
}
