/*
 * Strings: a pointer and a length, passed by value.
 *
 * A `struct str` never owns its bytes, is not NUL-terminated and may hold NUL bytes. Whoever made the
 * bytes (an arena, a buffer, a literal) says how long they live. The empty string may have a NULL
 * pointer. Nothing here allocates but the functions that take an arena.
 */
#ifndef TIDEMARK_BASE_STR_H
#define TIDEMARK_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct arena;

struct str {
    const char *ptr;
    size_t len;
};

/* STR for literals only; STR_NONE is "no value" where that differs from the empty string. */
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf: "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

struct str str_from_c(const char *text);           /* NULL gives STR_NONE */
struct str str_span(const char *begin, const char *end);
bool str_is_none(struct str s);                    /* pointer is NULL */
bool str_eq(struct str a, struct str b);
bool str_eq_c(struct str a, const char *text);
bool str_eq_nocase(struct str a, struct str b);    /* ASCII only, as header names are */
int str_compare(struct str a, struct str b);       /* byte order, as memcmp */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_contains(struct str s, struct str part);
ptrdiff_t str_find(struct str s, char c);          /* index, or -1 */
ptrdiff_t str_find_str(struct str s, struct str part);
ptrdiff_t str_find_last(struct str s, char c);
struct str str_slice(struct str s, size_t from, size_t to); /* clamped to s */
struct str str_skip(struct str s, size_t count);
struct str str_trim(struct str s);                 /* ASCII white space on both sides */

/*
 * Cuts s at the first `separator`: head before it, tail after it. Without one, head is s, tail is
 * STR_NONE and the result is false. The outputs may be the same object as s.
 */
bool str_cut(struct str s, char separator, struct str *head_out, struct str *tail_out);
bool str_take_char(struct str *s, char c);         /* s begins with c: steps past it; else leaves it */

/* Copies live as long as the arena; NULL pointer (STR_NONE / NULL) when the arena is full. */
struct str str_copy(struct arena *a, struct str s);
struct str str_join2(struct arena *a, struct str first, struct str second);
struct str str_lower(struct arena *a, struct str s); /* ASCII */
struct str str_format(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
struct str str_vformat(struct arena *a, const char *format, va_list args) PRINTF_LIKE(2, 0);
/* For the edge of the OS or a library only. NULL when the arena is full or s holds a NUL byte. */
char *str_cstr(struct arena *a, struct str s);

/* Strict decimal: digits only (and one leading '-'), no blanks, within [min, max]; else false. */
MUST_USE bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *value_out);
bool str_is_ascii(struct str s);
bool str_is_utf8(struct str s);                    /* RFC 3629: no surrogates, no overlong forms */

#endif
