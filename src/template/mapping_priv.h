/*
 * A compiled mapping, for mapping_compile.c and mapping.c.
 */
#ifndef TIDEMARK_TEMPLATE_MAPPING_PRIV_H
#define TIDEMARK_TEMPLATE_MAPPING_PRIV_H

#include "template/mapping.h"
#include "template/plan_priv.h"

#define SOURCE_PATH_MAX 12
#define TARGET_DEPTH_MAX 8
#define KEY_PARTS_MAX 16
#define TOPS_MAX 64            /* further ones are searched for */

enum field_type { TYPE_ANY, TYPE_TEXT, TYPE_NUMBER, TYPE_MONEY, TYPE_TIME, TYPE_BOOL };

/* Several places; mapping_many.c. */
struct many_path {
    struct str parts[SOURCE_PATH_MAX];
    size_t count;
};
struct many {
    struct many_path *paths;
    size_t count;
    bool sum;                  /* else the first that is there */
};
struct many_found {
    bool present, bad;         /* bad: a part of the sum is no number, or it has too many digits */
    yyjson_val *json;          /* the first, or */
    struct str text;           /* the sum */
};
bool mapping_many_compile(struct arena *a, yyjson_val *list, bool sum, struct many **many_out, struct err *err);
struct many_found mapping_many_find(const struct many *many, struct arena *a, yyjson_val *record);

struct source {
    struct str path[SOURCE_PATH_MAX];
    size_t path_count;         /* 0 with expr NULL: nothing */
    size_t top;                /* which of the mapping's top members path[0] is */
    struct expr *expr;
    struct many *many;         /* or NULL */
    yyjson_val *map;           /* value -> value, or NULL */
    yyjson_val *otherwise;     /* where missing or null, or where the map has no entry */
    enum field_type type;
    struct str format;         /* of TYPE_TIME, or empty: guessed */
};

struct leaf {
    struct str target;         /* "customFields.id" */
    struct source source;
};

struct branch {                /* an object of the target; children sorted by key */
    struct str key;
    ptrdiff_t leaf;            /* index, or -1 for an object */
    struct branch *children;
    size_t count, size;
};

struct role {
    bool given;
    ptrdiff_t leaf;            /* a mapped field, or -1: `source` */
    struct source source;
};

struct mapping {
    const struct template_stream *stream;
    struct str singular;
    struct leaf *leaves;
    size_t leaf_count;
    struct branch root;
    struct role email, phone, title, status, occurred, parent, deleted, version, url, merged;
    struct str parent_stream;
    struct role *identity;
    size_t identity_count;
    struct str tops[TOPS_MAX]; /* the record's members that sources begin with */
    size_t top_count;
    bool mapped, needs_scope, require_email, reject_bad_phone;
    struct str region;
    struct str key_paths[KEY_PARTS_MAX][SOURCE_PATH_MAX];
    size_t key_counts[KEY_PARTS_MAX], key_parts;
};

#endif
