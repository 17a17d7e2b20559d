/*
 * Nodes: looking into them, and turning them into JSON.
 */
#include "template/manifest_priv.h"

#include <stdarg.h>

#include "base/limits.h"

#define NODE_JSON_VALUES_MAX 2000000 /* shared nodes could name an endless document */

struct node *
node_get(const struct node *map, struct str key)
{
    if (!map || map->type != NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (str_eq(map->keys[i], key))
            return map->items[i];
    return NULL;
}

struct node *
node_get_c(const struct node *map, const char *key)
{
    return node_get(map, str_from_c(key));
}

struct str
node_text(const struct node *n)
{
    return n && n->type == NODE_STR ? n->text : STR_NONE;
}

struct str
node_text_at(const struct node *map, const char *key)
{
    return node_text(node_get_c(map, key));
}

static bool
number_is_zero(struct str text)
{
    for (size_t i = 0; i < text.len && text.ptr[i] != 'e'; i++)
        if (text.ptr[i] >= '1' && text.ptr[i] <= '9')
            return false;
    return true;
}

bool
node_is_true(const struct node *n)
{
    if (!n)
        return false;
    switch (n->type) {
    case NODE_NULL: return false;
    case NODE_BOOL: return n->flag;
    case NODE_INT:
    case NODE_FLOAT: return !number_is_zero(n->text);
    case NODE_STR: return n->text.len > 0;
    case NODE_LIST:
    case NODE_MAP: return n->count > 0;
    }
    return false;
}

bool
node_is_true_at(const struct node *map, const char *key)
{
    return node_is_true(node_get_c(map, key));
}

bool
node_type_is(const struct node *n, const char *component)
{
    return str_eq_c(node_text_at(n, "type"), component) && n;
}

struct node *
node_map_new(struct arena *a, size_t size, const struct node *where)
{
    struct node *n = ARENA_NEW(a, struct node);
    if (!n)
        return NULL;
    n->type = NODE_MAP;
    n->items = ARENA_ARRAY(a, struct node *, size + 1);
    n->keys = ARENA_ARRAY(a, struct str, size + 1);
    n->line = where ? where->line : 0, n->column = where ? where->column : 0;
    return n->items && n->keys ? n : NULL;
}

void
node_map_put(struct node *map, struct str key, struct node *value)
{
    for (size_t i = 0; i < map->count; i++)
        if (str_eq(map->keys[i], key)) {
            map->items[i] = value;
            return;
        }
    map->keys[map->count] = key;
    map->items[map->count++] = value;
}

struct node *
node_str_new(struct arena *a, struct str text, const struct node *where)
{
    struct node *n = ARENA_NEW(a, struct node);
    if (!n)
        return NULL;
    n->type = NODE_STR, n->text = text;
    n->line = where ? where->line : 0, n->column = where ? where->column : 0;
    return n;
}

static yyjson_mut_val *
number_to_json(yyjson_mut_doc *doc, const struct node *n)
{
    int64_t integer;
    if (n->type == NODE_INT && str_to_i64(n->text, INT64_MIN, INT64_MAX, &integer))
        return yyjson_mut_sint(doc, integer);
    return yyjson_mut_rawncpy(doc, n->text.ptr, n->text.len);
}

static yyjson_mut_val *
to_json(yyjson_mut_doc *doc, const struct node *n, unsigned depth, size_t *left)
{
    if (depth > LIMIT_TEMPLATE_DEPTH || (*left)-- == 0)
        return NULL;
    if (!n || n->type == NODE_NULL)
        return yyjson_mut_null(doc);
    if (n->type == NODE_BOOL)
        return yyjson_mut_bool(doc, n->flag);
    if (n->type == NODE_INT || n->type == NODE_FLOAT)
        return number_to_json(doc, n);
    if (n->type == NODE_STR)
        return yyjson_mut_strn(doc, n->text.ptr ? n->text.ptr : "", n->text.len);
    yyjson_mut_val *out = n->type == NODE_LIST ? yyjson_mut_arr(doc) : yyjson_mut_obj(doc);
    for (size_t i = 0; out && i < n->count; i++) {
        yyjson_mut_val *item = to_json(doc, n->items[i], depth + 1, left);
        if (!item)
            return NULL;
        if (n->type == NODE_LIST)
            yyjson_mut_arr_append(out, item);
        else
            yyjson_mut_obj_add(out, yyjson_mut_strn(doc, n->keys[i].ptr ? n->keys[i].ptr : "", n->keys[i].len), item);
    }
    return out;
}

yyjson_val *
node_to_json(struct arena *a, const struct node *n)
{
    size_t left = NODE_JSON_VALUES_MAX;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *root = doc ? to_json(doc, n, 0, &left) : NULL;
    return root ? json_freeze(a, root) : NULL;
}

void
node_path_write(struct buf *b, const struct node_path *path)
{
    if (!path)
        return;
    node_path_write(b, path->up);
    if (str_is_none(path->key))
        buf_addf(b, "/%zu", path->index);
    else
        json_pointer_add(b, path->key);
}

bool
manifest_fault(struct err *err, const struct node_path *path, const struct node *n, const char *format, ...)
{
    char words[192];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    struct buf pointer;
    buf_init(&pointer, 4096);
    node_path_write(&pointer, path);
    struct str place = pointer.len ? buf_str(&pointer) : STR("the top");
    if (n && n->line)
        err_set(err, E_TEMPLATE_INVALID, "line %u, column %u (%.*s): %s", n->line, n->column, STR_ARG(place), words);
    else
        err_set(err, E_TEMPLATE_INVALID, "%.*s: %s", STR_ARG(place), words);
    err_add_item(err, buf_str(&pointer), "%s", words);
    buf_release(&pointer);
    return false;
}
