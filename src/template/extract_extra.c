/*
 * What an extractor adds to records that do not say what they are (DpathExtractor's x-tidemark-* keys).
 *
 *   x-tidemark-names: [list]         a path with '*' over the members of an object loses their names; here the first
 *                                    '*' is told in the record's member `list`, a second one in a second name, ...
 *   x-tidemark-above: {order: id}    a record deep in another object does not say whose it is: the member `order` becomes what `id`
 *                                    is in the nearest object above it, on the path, that has it
 *   x-tidemark-occurrence: number    records without an id may be equal and yet be two: `number` is 0 for the first on
 *                                    the page, 1 for the next that is equal to it, ...
 *
 * They make members that keys, filters and mappings can use. Other readers ignore the keys.
 */
#include "template/plan_priv.h"

#include "base/limits.h"
#include "base/map.h"

struct extract_extra {
    struct str *names;
    size_t name_count;
    struct above {
        struct str member, from;
    } *above;
    size_t above_count;
    struct str occurrence;   /* empty: not wanted */
};

static bool
compile_above(struct compiler *c, const struct node *above, struct extract_extra *x)
{
    if (!above || above->type != NODE_MAP)
        return true;
    x->above = ARENA_ARRAY(c->arena, struct above, above->count + 1);
    if (!x->above)
        return compile_full(c);
    x->above_count = above->count;
    for (size_t i = 0; i < above->count; i++)
        x->above[i] = (struct above){above->keys[i], node_text(above->items[i])};
    return true;
}

bool
extract_extra_compile(struct compiler *c, const struct node *extractor, struct extract_extra **extra_out)
{
    const struct node *names = node_get_c(extractor, "x-tidemark-names");
    const struct node *above = node_get_c(extractor, "x-tidemark-above");
    struct str occurrence = node_text_at(extractor, "x-tidemark-occurrence");
    size_t count = names && names->type == NODE_LIST ? names->count : 0;
    *extra_out = NULL;
    if (count == 0 && occurrence.len == 0 && !above)
        return true;
    if (count > LIMIT_TEMPLATE_DEPTH)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: x-tidemark-names has too many names", names->line);
    struct extract_extra *x = ARENA_NEW(c->arena, struct extract_extra);
    if (!x || !(x->names = ARENA_ARRAY(c->arena, struct str, count + 1)))
        return compile_full(c);
    x->occurrence = occurrence;
    x->name_count = count;
    for (size_t i = 0; i < count; i++)
        x->names[i] = node_text(names->items[i]);
    *extra_out = x;
    return compile_above(c, above, x);
}

static yyjson_mut_val *
text_of(yyjson_mut_doc *doc, struct str text)
{
    return yyjson_mut_strncpy(doc, text.ptr ? text.ptr : "", text.len);
}

static void
put_above(const struct extract_extra *x, yyjson_mut_doc *doc, yyjson_mut_val *copy, const struct extract_place *place)
{
    for (size_t i = 0; i < x->above_count; i++) {
        yyjson_val *found = NULL;
        for (size_t up = place->above_count; up > 0 && !found; up--)
            found = json_get(place->above[up - 1], x->above[i].from);
        if (found)
            yyjson_mut_obj_put(copy, text_of(doc, x->above[i].member), yyjson_val_mut_copy(doc, found));
    }
}

yyjson_val *
extract_extra_named(const struct extract_extra *x, struct arena *a, yyjson_val *record, const struct extract_place *place)
{
    if (x->name_count == 0 && x->above_count == 0)
        return record;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, record) : NULL;
    if (!copy)
        return NULL;
    for (size_t i = 0; i < x->name_count && i < place->name_count; i++)
        if (x->names[i].len && place->names[i].ptr)
            yyjson_mut_obj_put(copy, text_of(doc, x->names[i]), text_of(doc, place->names[i]));
    put_above(x, doc, copy, place);
    return json_freeze(a, copy);
}

static yyjson_val *
numbered(const struct extract_extra *x, struct arena *a, yyjson_val *record, int64_t number)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, record) : NULL;
    if (!copy)
        return NULL;
    yyjson_mut_obj_put(copy, text_of(doc, x->occurrence), yyjson_mut_sint(doc, number));
    return json_freeze(a, copy);
}

/* How many equal ones stand before it; -1: no memory. */
static int64_t
count_equal(struct map *seen, yyjson_val *record)
{
    struct buf text;
    buf_init(&text, LIMIT_VENDOR_BODY_BYTES);
    bool ok = json_write_canonical(&text, record);
    int64_t *count = ok ? map_get(seen, buf_str(&text)) : NULL, before = count ? *count : 0;
    if (count) {
        (*count)++;
    } else if (ok) {
        struct str key = str_copy(seen->arena, buf_str(&text));
        count = ARENA_NEW(seen->arena, int64_t);
        ok = key.ptr && count && map_put(seen, key, count);
        if (ok)
            *count = 1;
    }
    buf_release(&text);
    return ok ? before : -1;
}

bool
extract_extra_number(const struct extract_extra *x, struct arena *a, struct value_span *span)
{
    struct map seen;
    struct arena keys;
    bool ok = true;
    if (x->occurrence.len == 0)
        return true;
    arena_init(&keys, LIMIT_PAGE_ARENA_BYTES);
    map_init(&seen, &keys);
    for (size_t i = 0; i < span->count && ok; i++) {
        int64_t number = yyjson_is_obj(span->items[i]) ? count_equal(&seen, span->items[i]) : 0;
        if (number >= 0 && yyjson_is_obj(span->items[i]))
            span->items[i] = numbered(x, a, span->items[i], number);
        ok = number >= 0 && span->items[i];
    }
    arena_release(&keys);
    return ok;
}
