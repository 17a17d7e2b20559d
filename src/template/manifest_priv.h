/*
 * A manifest before it is compiled: a tree of nodes that remember where in the file they stood.
 *
 * Reading goes in three passes over the same tree, each giving a new root and sharing what it did not
 * change: yaml_read (text to nodes), manifest_resolve ($ref), manifest_propagate (types and $parameters).
 * Nodes are shared, never copied deeply: a 1 MB manifest would swell several-fold otherwise. So a node
 * may have many parents, and whoever walks the tree must count steps, because a small file can name an
 * exponential walk. Everything lives in the arena given; one thread.
 */
#ifndef TIDEMARK_TEMPLATE_MANIFEST_PRIV_H
#define TIDEMARK_TEMPLATE_MANIFEST_PRIV_H

#include "json/json.h"

/* yyjson's loops, for values that may be NULL. A body in braces follows. */
#define JSON_EACH_MEMBER(object, index, max, key, item) \
    if (object) yyjson_obj_foreach((object), index, max, key, item)
#define JSON_EACH_ITEM(array, index, max, item) \
    if (array) yyjson_arr_foreach((array), index, max, item)

enum node_type {
    NODE_NULL,
    NODE_BOOL,
    NODE_INT,   /* `text` is the decimal number */
    NODE_FLOAT, /* `text` is a JSON number */
    NODE_STR,
    NODE_LIST,
    NODE_MAP,
};

struct node {
    enum node_type type;
    bool flag;              /* NODE_BOOL */
    bool resolving;         /* manifest_resolve is inside it: meeting it again is a circle */
    unsigned line, column;  /* from 1; 0 where the node was made by us */
    struct str text;
    size_t count;
    struct node **items;    /* of a list or map */
    struct str *keys;       /* of a map */
    struct node *resolved;  /* memo of manifest_resolve */
};

/* The first document of the text. NULL with E_TEMPLATE_INVALID ("line 3, column 5: ...") or E_TOO_LARGE. */
struct node *yaml_read(struct arena *a, struct str text, struct err *err);

/* The value of a key, or NULL; NULL too for a node that is NULL or no map. */
struct node *node_get(const struct node *map, struct str key);
struct node *node_get_c(const struct node *map, const char *key);
/* The text of a string node, else STR_NONE. */
struct str node_text(const struct node *n);
struct str node_text_at(const struct node *map, const char *key);
/* Python truth: what a $parameter may overwrite. NULL is false. */
bool node_is_true(const struct node *n);
bool node_is_true_at(const struct node *map, const char *key);
bool node_type_is(const struct node *n, const char *component); /* its `type` says so */
/* A new map with room for `size` entries; NULL when the arena is full. */
struct node *node_map_new(struct arena *a, size_t size, const struct node *where);
void node_map_put(struct node *map, struct str key, struct node *value); /* replaces; room must be there */
struct node *node_str_new(struct arena *a, struct str text, const struct node *where);
/* As JSON. NULL when the arena is full or the tree is too deep or large. NULL gives JSON null. */
yyjson_val *node_to_json(struct arena *a, const struct node *n);

/*
 * Replaces {$ref: "#/path"} and bare "#/path" strings by what they name (rules 1 and 2). NULL with
 * E_TEMPLATE_INVALID for a circle or a path that leads nowhere.
 */
struct node *manifest_resolve(struct arena *a, struct node *root, struct err *err);
/* Fills in missing types and lets $parameters flow down (rules 3 to 5). NULL with E_TOO_LARGE. */
struct node *manifest_propagate(struct arena *a, struct node *root, struct err *err);
/* The same for one stream that was made from a propagated template. `parents_win`: outer parameters beat a component's own. */
struct node *manifest_propagate_stream(struct arena *a, struct node *stream, bool parents_win, struct err *err);

/* A place in the tree, for messages. */
struct node_path {
    const struct node_path *up;
    struct str key;  /* STR_NONE: `index` */
    size_t index;
};
void node_path_write(struct buf *pointer, const struct node_path *path); /* appends it as JSON pointer */
/* Adds an item to err with the place as JSON pointer, and sets the message with line and column. False. */
bool manifest_fault(struct err *err, const struct node_path *path, const struct node *n, const char *format, ...)
    PRINTF_LIKE(4, 5);

/*
 * Holds every component that can be reached against a table of required fields and their kinds. False with
 * E_TEMPLATE_INVALID: the message is the first fault, the items are all (up to ERR_ITEMS_MAX) by JSON pointer.
 */
bool manifest_validate(const struct node *root, struct err *err);

#endif
