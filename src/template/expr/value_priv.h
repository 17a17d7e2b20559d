/*
 * Values, for the files of this room: walking, comparing, printing, and the text of Python.
 *
 * Values may be shared and, by `append` or `update`, even contain themselves, so everything that walks
 * them carries a budget or a depth and gives up (`LIMIT_VALUE_DEPTH`) instead of trusting the shape.
 */
#ifndef TIDEMARK_TEMPLATE_EXPR_VALUE_PRIV_H
#define TIDEMARK_TEMPLATE_EXPR_VALUE_PRIV_H

#include "base/buf.h"
#include "template/expr/value.h"

/* ---- kinds ---- */

bool value_is_str(struct value v);
bool value_is_integer(struct value v);  /* bool or int: what fits 64 bits */
bool value_is_number(struct value v);   /* bool, int, big int, float */
bool value_is_mapping(struct value v);
bool value_is_sequence(struct value v); /* list, tuple, JSON array */
bool value_is_iterable(struct value v); /* these, text, and undefined (which is empty) */
bool value_is_hashable(struct value v);
const char *value_type_name(struct value v); /* as Python names it: "str", "NoneType" */
int64_t value_to_integer(struct value v);    /* of a bool or int */
double value_to_double(struct value v);      /* of any number */
#define BIGINT_TEXT_BYTES 24
/* The digits of a BIGINT; the buffer serves those that JSON kept as an unsigned 64-bit number. */
struct str value_bigint_text(struct value v, char buffer[static BIGINT_TEXT_BYTES]);

/* ---- making ---- */

struct value value_bigint(struct str digits);
struct value value_tuple_new(struct arena *a);
/* Whole decimal digits with an optional sign become INT or BIGINT. */
struct value value_integer_from_text(struct arena *a, struct str digits);
MUST_USE bool value_dict_put_value(struct arena *a, struct value dict, struct value key, struct value item);
/* NULL when missing; a dict made by the expression only. */
struct value *value_dict_find(struct value dict, struct value key);
/* Any key, any mapping; undefined when missing. */
struct value value_lookup(struct value container, struct value key);

/* ---- walking ---- */

struct value_iter {
    struct value container;
    size_t index;
    yyjson_arr_iter array;
    yyjson_obj_iter object;
};

/* Items of sequences, keys of mappings, characters of text, nothing for anything else. */
void value_iter_init(struct value_iter *it, struct value container);
bool value_iter_next(struct value_iter *it, struct value *item_out);
/* Mappings only. */
bool value_iter_next_entry(struct value_iter *it, struct value *key_out, struct value *item_out);

/* ---- comparing ---- */

/* == within a budget of visited nodes; false in *known_out when it ran out. */
bool value_equal_within(struct value left, struct value right, unsigned *steps_left);
/* Order of two numbers, -1, 0, 1; NaN gives 2. */
int value_compare_numbers(struct value left, struct value right);

/* ---- printing ---- */

/* str(v) and repr(v); false (and the buffer marked) when it is full or the value too deep. */
bool value_add_str(struct buf *b, struct value v);
bool value_add_repr(struct buf *b, struct value v);
enum json_style {
    JSON_STYLE_DUMPS = 0,   /* json.dumps: ", " and ": ", ASCII only */
    JSON_STYLE_SORTED = 1,
    JSON_STYLE_HTML = 2,    /* <, >, & and ' escaped */
};
/* False also for what JSON cannot hold (times, undefined): *bad_type_out names it then, else NULL. */
bool value_add_json(struct buf *b, struct value v, unsigned style, const char **bad_type_out);
/* Shortest text that reads back as the same double, as Python prints it. */
#define FLOAT_TEXT_BYTES 40
size_t float_to_python(double number, char text[static FLOAT_TEXT_BYTES]);

/* ---- Python's text ---- */

size_t pytext_count(struct str s);                         /* characters */
size_t pytext_step(struct str s, size_t at);               /* bytes of the character at; 1 for a bad byte */
uint32_t pytext_decode(struct str s, size_t at);           /* a bad byte counts as itself */
size_t pytext_encode(uint32_t character, char out[static 4]); /* 0 for a surrogate or beyond Unicode */
struct str pytext_slice(struct str s, size_t from, size_t to); /* in characters, clamped */
size_t pytext_offset(struct str s, size_t characters);     /* byte offset of that character, clamped */
bool pytext_is_printable(uint32_t character);
bool pytext_is_blank(uint32_t character);
struct str pytext_strip(struct str s, bool left, bool right);
/* Every line break as one \n; the text itself where it has no \r. STR_NONE when the arena is full. */
struct str pytext_lines(struct arena *a, struct str text);
/* The inside of a string literal with its escapes undone. False where Python refuses (or \N{...}, lone surrogates). */
bool pytext_unescape(struct arena *a, struct str raw, bool is_raw, struct str *text_out);
struct str pytext_lower(struct arena *a, struct str s);
struct str pytext_upper(struct arena *a, struct str s);
/* float(s) and int(s, base) of Python: blanks around, underscores, sign, inf and nan. */
bool pytext_to_float(struct str s, double *number_out);
bool pytext_to_int(struct arena *a, struct str s, int base, struct value *value_out);
/* A float in plain grammar (digits, one dot, exponent; underscores allowed, at least one digit). */
bool pytext_read_float(struct str digits, double *number_out);

/* False for what no Python literal can begin with: the quick way out for most text. */
bool pyliteral_may_begin(struct str text);

#endif
