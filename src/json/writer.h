/*
 * Writing JSON straight into a buffer, for replies and rows: no tree is built.
 *
 * Commas are put where they belong. A failed append marks the buffer; check buf_ok() once at the end.
 * NULL as key inside an array. Strings that are not UTF-8 are written with U+FFFD in place of bad bytes.
 */
#ifndef TIDEMARK_JSON_WRITER_H
#define TIDEMARK_JSON_WRITER_H

#include "json/json.h"

struct json_writer {
    struct buf *buf;    /* the caller's */
    bool comma;         /* a member or item stands before the next one */
};

void json_writer_init(struct json_writer *w, struct buf *b);
void json_begin_object(struct json_writer *w, const char *key);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *key);
void json_end_array(struct json_writer *w);
void json_add_str(struct json_writer *w, const char *key, struct str value);      /* STR_NONE gives null */
void json_add_c(struct json_writer *w, const char *key, const char *value);       /* NULL gives null */
void json_add_i64(struct json_writer *w, const char *key, int64_t value);
void json_add_bool(struct json_writer *w, const char *key, bool value);
void json_add_null(struct json_writer *w, const char *key);
void json_add_time(struct json_writer *w, const char *key, int64_t us);           /* 0 gives null */
void json_add_val(struct json_writer *w, const char *key, yyjson_val *value);     /* NULL gives null */
void json_add_raw(struct json_writer *w, const char *key, struct str json);       /* JSON text as it is; empty gives null */
/* A member whose name comes from data. */
void json_add_key(struct json_writer *w, struct str key);                         /* then one value with key NULL */

#endif
