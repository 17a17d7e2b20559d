/*
 * Buffers: text that grows, up to a size that the maker must name.
 *
 * An append that would pass the cap, or that finds no memory, fails: it returns false, the buffer is
 * marked and every later append fails too, so a chain of appends is checked once at the end with
 * buf_ok(). The bytes live on the heap until buf_release. One thread at a time.
 */
#ifndef TIDEMARK_BASE_BUF_H
#define TIDEMARK_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *ptr; /* owned; NULL until the first append; not NUL-terminated */
    size_t len;
    size_t size;
    size_t cap; /* largest len allowed */
    bool failed;
};

void buf_init(struct buf *b, size_t cap_bytes);
void buf_release(struct buf *b);              /* accepts a zeroed struct */
void buf_clear(struct buf *b);                /* forgets contents and failure, keeps memory */
bool buf_ok(const struct buf *b);
struct str buf_str(const struct buf *b);      /* valid until the next append */

bool buf_reserve(struct buf *b, size_t more); /* room for `more` bytes after len */
bool buf_add(struct buf *b, struct str s);
bool buf_add_c(struct buf *b, const char *text);
bool buf_add_char(struct buf *b, char c);
bool buf_add_i64(struct buf *b, int64_t value);
bool buf_addf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_truncate(struct buf *b, size_t len);
/* A JSON string with its quotes: control characters, quote and backslash escaped. s must be UTF-8. */
bool buf_add_json_str(struct buf *b, struct str s);
/* Percent-encoding of all but RFC 3986 unreserved characters; `keep` lists more to leave as they are. */
bool buf_add_percent(struct buf *b, struct str s, const char *keep);

#endif
