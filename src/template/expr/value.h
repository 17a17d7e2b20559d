/*
 * Values of the template language.
 *
 * The language is the Jinja subset of low-code manifests, whose values are Python's. A value is small
 * and passed by value; lists, dicts and strings point into the arena of the evaluation, or into a JSON
 * document that outlives it: a JSON value is wrapped, not copied, and looked into only where asked.
 * Immutable once made, but for dicts and lists made by the expression itself (`update`, `append`).
 */
#ifndef TIDEMARK_TEMPLATE_EXPR_VALUE_H
#define TIDEMARK_TEMPLATE_EXPR_VALUE_H

#include "json/json.h"

enum value_type {
    VALUE_UNDEFINED, /* a missing key: empty text, falsy */
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,       /* 64 bits; larger integers of JSON stay VALUE_BIGINT */
    VALUE_BIGINT,    /* its decimal text in `text`: passes through exactly (I-10); none: unsigned bits in `integer` */
    VALUE_FLOAT,     /* `number`; `text` keeps how JSON wrote it, or is empty */
    VALUE_STR,
    VALUE_LIST,      /* made by the expression: `list` */
    VALUE_DICT,      /* made by the expression: `dict` */
    VALUE_JSON,      /* an array or object of a JSON document: `json` */
    VALUE_DATETIME,  /* `us` since 1970 UTC, `offset_s` of its zone; naive when !aware */
    VALUE_DATE,      /* `us` at midnight */
    VALUE_DURATION,  /* `us`; and whole `months` for P1M, P1Y */
};

struct value_list;
struct value_dict;

struct value {
    enum value_type type;
    bool flag;           /* VALUE_BOOL; VALUE_DATETIME: aware of its zone; VALUE_DICT: a namespace */
    int32_t offset_s;
    int64_t integer;     /* VALUE_INT; us of the time types */
    int64_t months;      /* VALUE_DURATION */
    double number;
    struct str text;
    union {
        struct value_list *list;
        struct value_dict *dict;
        yyjson_val *json;
    };
};

struct value_list {
    struct value *items;
    size_t count, size;
    bool tuple;          /* prints with round brackets */
};

struct value_entry {
    struct value key;    /* VALUE_STR, or any hashable scalar */
    struct value value;
};

struct value_dict {      /* keeps insertion order */
    struct value_entry *entries;
    size_t count, size;
    uint32_t *slots;     /* hash index of places + 1 in `entries`, once there are many; else NULL */
    size_t slot_count;
};

struct value value_undefined(void);
struct value value_none(void);
struct value value_bool(bool b);
struct value value_int(int64_t i);
struct value value_float(double d);
struct value value_str(struct str s);
struct value value_from_json(yyjson_val *json);          /* NULL gives undefined; RAW numbers are understood */
struct value value_list_new(struct arena *a);            /* type UNDEFINED when the arena is full */
struct value value_dict_new(struct arena *a);
MUST_USE bool value_list_add(struct arena *a, struct value list, struct value item);
MUST_USE bool value_dict_put(struct arena *a, struct value dict, struct str key, struct value item);

/* Python truth. */
bool value_is_true(struct value v);
bool value_is_missing(struct value v);                   /* undefined or none */
/* Looks a key up in a dict or JSON object; undefined when missing. */
struct value value_get(struct value container, struct str key);
size_t value_count(struct value v);                      /* of a list, dict, JSON container or string; else 0 */
struct value value_at(struct value v, size_t index);     /* list item, or undefined */

/* str(v) of Python: None, True, 1.0, {'a': 1}. In the arena; STR_NONE when it is full. */
struct str value_to_python(struct arena *a, struct value v);
/* As a JSON value in doc (times as ISO 8601 text, undefined as null); NULL when memory is out. */
yyjson_mut_val *value_to_json(yyjson_mut_doc *doc, struct value v);
bool value_equal(struct value left, struct value right); /* Python == */

#endif
