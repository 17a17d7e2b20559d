/*
 * JSON: yyjson, made ours.
 *
 * Values are yyjson's own (`yyjson_val *` to read, `yyjson_mut_val *` to build); what is ours is how
 * text comes in and goes out: memory from an arena, a depth limit (yyjson has none), numbers kept as the
 * text they were written as where ids and money pass (I-10), duplicate members refused in requests
 * (F22), and a canonical form for fingerprints. A value lives as long as the arena it was parsed into.
 *
 * Numbers read with JSON_NUMBERS_RAW have yyjson type RAW: json_is_number() and json_number_text() see
 * through that, yyjson_is_num() does not.
 */
#ifndef TIDEMARK_JSON_JSON_H
#define TIDEMARK_JSON_JSON_H

#include <yyjson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * yyjson's loop over members, but for one step: of a missing object (NULL) it computes an address beside NULL, which
 * is undefined. Here a missing object has no members.
 */
#undef yyjson_obj_foreach
#define yyjson_obj_foreach(obj, idx, max, key, val) \
    for ((idx) = 0, (max) = yyjson_obj_size(obj), (key) = (max) ? unsafe_yyjson_get_first(obj) : NULL, \
        (val) = (key) ? (key) + 1 : NULL; \
         (idx) < (max); \
         (idx)++, (key) = unsafe_yyjson_get_next(val), (val) = (key) + 1)

enum json_flags {
    JSON_PLAIN = 0,
    JSON_NUMBERS_RAW = 1,    /* numbers keep their exact text */
    JSON_UNIQUE_KEYS = 2,    /* a duplicate member is an error; else the last one wins */
    JSON_ALLOW_BOM = 4,
};

/*
 * Parses one whole document. NULL with E_VALIDATION_FAILED (what and at which byte), E_TOO_LARGE (deeper
 * than depth_max, or the arena is full). text need not outlive the call. Strings are valid UTF-8.
 */
yyjson_val *json_parse(struct arena *a, struct str text, unsigned flags, unsigned depth_max, struct err *err);

/* A yyjson allocator over an arena: keep the struct alive as long as documents made with it. */
yyjson_alc json_alc(struct arena *a);
/* A mutable document in the arena; NULL when it is full. Never call yyjson_mut_doc_free on it. */
yyjson_mut_doc *json_mut_doc(struct arena *a);
/* An immutable copy of a mutable value in the arena, numbers kept raw where they were; NULL when it is full. */
yyjson_val *json_freeze(struct arena *a, const yyjson_mut_val *value);

/* Lays a value's members over those of an object, objects in objects; nulls too. */
void json_merge(yyjson_mut_doc *doc, yyjson_mut_val *into, yyjson_val *from);

/* Readers. All accept NULL for the value and then find nothing. */
yyjson_val *json_get(yyjson_val *object, struct str key);   /* NULL when missing or no object; last of duplicates */
yyjson_val *json_get_c(yyjson_val *object, const char *key);
struct str json_str(yyjson_val *value);                     /* STR_NONE when no string */
struct str json_str_or(yyjson_val *value, struct str otherwise);
bool json_is_number(yyjson_val *value);
/* The number as it was written (RAW) or as yyjson prints it; in the arena. STR_NONE when no number. */
struct str json_number_text(struct arena *a, yyjson_val *value);
/* Whole numbers only, also when RAW ("12", "1.20e1") or a real without fraction below 2^53. Exact: nothing is rounded. */
MUST_USE bool json_to_i64(yyjson_val *value, int64_t *value_out);
bool json_bool_or(yyjson_val *value, bool otherwise);
/* RFC 6901; "" is the root. NULL when nothing is there; the last of duplicate members. */
yyjson_val *json_pointer(yyjson_val *root, struct str pointer);
/* Appends "/key" to a JSON pointer, escaped. */
bool json_pointer_add(struct buf *pointer, struct str key);

/* Writers. Compact; RAW numbers as they are. False when the buffer is full. */
bool json_write(struct buf *b, yyjson_val *value);
struct str json_to_text(struct arena *a, yyjson_val *value); /* STR_NONE when the arena is full */
/*
 * Members sorted by key bytes, no white space, of duplicates the last: the same value always gives the
 * same bytes. A number is its text, so 1.0 and 1 read raw differ here.
 */
bool json_write_canonical(struct buf *b, yyjson_val *value);
/* Deep equality; numbers by value (1 equals 1.0, raw or not), members in any order, of duplicates the last. */
bool json_equal(yyjson_val *left, yyjson_val *right);
bool json_numbers_equal(yyjson_val *left, yyjson_val *right); /* both must be numbers */

#endif
