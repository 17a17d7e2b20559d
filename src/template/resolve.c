/*
 * References: {$ref: "#/definitions/x"} and bare "#/definitions/x" strings (manifest-format, rules 1, 2).
 *
 * A map with $ref is the referenced map with its own keys laid over it, shallowly; a referenced scalar or
 * list takes the place of the whole map. A path is tried as one whole key first, then cut at the first
 * slash, step by step, through the file as it was written. Each node is resolved once and remembered, so
 * a component that forty streams share stays one node.
 */
#include "template/manifest_priv.h"

#include "base/limits.h"

static struct node *resolve(struct arena *a, struct node *root, struct node *n, unsigned depth, struct err *err);

static struct node *
step_into(struct node *n, struct str head)
{
    int64_t index;
    if (n->type == NODE_MAP)
        return node_get(n, head);
    if (n->type != NODE_LIST || !str_to_i64(head, 0, (int64_t)n->count - 1, &index))
        return NULL;
    return n->items[index];
}

static struct node *
look_up(struct node *root, struct str path)
{
    struct node *n = root;
    while (n && path.len > 0) {
        struct node *whole = n->type == NODE_MAP ? node_get(n, path) : NULL;
        if (whole)
            return whole;
        struct str head, tail;
        str_cut(path, '/', &head, &tail);
        n = step_into(n, head);
        path = tail;
    }
    return n;
}

static struct node *
follow(struct arena *a, struct node *root, struct node *at, struct str reference, unsigned depth, struct err *err)
{
    struct node *target = look_up(root, str_skip(reference, 2));
    if (!target) {
        err_set(err, E_TEMPLATE_INVALID, "line %u, column %u: the reference %.*s leads nowhere", at->line, at->column,
                (int)(reference.len > 200 ? 200 : reference.len), reference.ptr);
        return NULL;
    }
    return resolve(a, root, target, depth + 1, err);
}

static struct node *
too_large(struct err *err)
{
    err_set(err, E_TOO_LARGE, "The template is too large once its references are followed");
    return NULL;
}

static struct node *
resolve_items(struct arena *a, struct node *root, struct node *n, unsigned depth, struct err *err)
{
    struct node *copy = node_map_new(a, n->count, n);
    if (!copy)
        return too_large(err);
    copy->type = n->type;
    for (size_t i = 0; i < n->count; i++) {
        struct str key = n->type == NODE_MAP ? n->keys[i] : STR_NONE;
        if (n->type == NODE_MAP && str_eq(key, STR("$ref")))
            continue;
        /* What stands in here are a person's configuration values: "#/x" is plain text there. */
        bool literal = n->type == NODE_MAP && str_eq(key, STR("config_overrides"));
        struct node *item = literal ? n->items[i] : resolve(a, root, n->items[i], depth + 1, err);
        if (!item)
            return NULL;
        copy->keys[copy->count] = key;
        copy->items[copy->count++] = item;
    }
    return copy;
}

static struct node *
resolve_reference_map(struct arena *a, struct node *root, struct node *n, struct node *ref, unsigned depth, struct err *err)
{
    struct node *own = resolve_items(a, root, n, depth, err);
    struct node *base = own ? resolve(a, root, ref, depth + 1, err) : NULL;
    if (!base || base->type != NODE_MAP)
        return base;
    struct node *merged = node_map_new(a, base->count + own->count, n);
    if (!merged)
        return too_large(err);
    for (size_t i = 0; i < base->count; i++)
        node_map_put(merged, base->keys[i], base->items[i]);
    for (size_t i = 0; i < own->count; i++)
        node_map_put(merged, own->keys[i], own->items[i]);
    return merged;
}

static struct node *
resolve_fresh(struct arena *a, struct node *root, struct node *n, unsigned depth, struct err *err)
{
    if (n->type == NODE_STR)
        return str_starts(n->text, STR("#/")) ? follow(a, root, n, n->text, depth, err) : n;
    if (n->type != NODE_MAP && n->type != NODE_LIST)
        return n;
    struct node *ref = node_get_c(n, "$ref");
    return ref ? resolve_reference_map(a, root, n, ref, depth, err) : resolve_items(a, root, n, depth, err);
}

static struct node *
resolve(struct arena *a, struct node *root, struct node *n, unsigned depth, struct err *err)
{
    if (n->resolved)
        return n->resolved;
    if (n->resolving || depth > 4 * LIMIT_TEMPLATE_DEPTH) {
        err_set(err, E_TEMPLATE_INVALID, "line %u, column %u: a reference leads back to itself", n->line, n->column);
        return NULL;
    }
    n->resolving = true;
    n->resolved = resolve_fresh(a, root, n, depth, err);
    n->resolving = false;
    return n->resolved;
}

struct node *
manifest_resolve(struct arena *a, struct node *root, struct err *err)
{
    return resolve(a, root, root, 0, err);
}
