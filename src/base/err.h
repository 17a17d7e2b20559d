/*
 * Errors: one type, one table (base/errors.def).
 *
 * A function that can fail returns bool and takes `struct err *err` last. err_set returns false, so
 * that reporting and returning are one line. Whoever returns an error does not log it; whoever ends
 * its journey does, once. The message is for a person and never holds a secret, a query, a path or a
 * stack. A `struct err` owns nothing: its texts are inside it, so it can be copied and forgotten.
 */
#ifndef TIDEMARK_BASE_ERR_H
#define TIDEMARK_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum err_retry {
    RETRY_NEVER,   /* the same request fails again */
    RETRY_LATER,   /* worth trying again after a while */
    RETRY_UNKNOWN, /* it may have happened: read before repeating */
};

#define ERR(code, http, retry, words) E_##code,
enum err_code {
    E_OK = 0,
#include "base/errors.def"
    E_COUNT
};
#undef ERR

#define ERR_MESSAGE_BYTES 512
#define ERR_ITEMS_MAX 16
#define ERR_POINTER_BYTES 128

/* One fault at one place of the input, as a JSON pointer ("" is the whole document). */
struct err_item {
    char pointer[ERR_POINTER_BYTES];
    char message[192];
};

struct err {
    enum err_code code;
    char message[ERR_MESSAGE_BYTES]; /* NUL-terminated UTF-8; longer ones are cut at a character */
    char subject[ERR_POINTER_BYTES]; /* an id the caller may show (the run that is in the way), or "" */
    int64_t retry_after_ms;          /* 0: unknown */
    unsigned item_count;             /* further ones are counted in items_left_out */
    unsigned items_left_out;
    struct err_item *items;          /* NULL, or ERR_ITEMS_MAX of the caller's, set before the call */
};

/* Sets code and message, keeps `items`, clears the rest. format NULL: the table's words. Returns false. */
bool err_set(struct err *err, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);
/*
 * E_VALIDATION_FAILED: the message, and one item with the same words. `place` is what is wrong: a JSON pointer into the body, or the
 * name of a parameter or header. Returns false.
 */
bool err_invalid(struct err *err, const char *place, const char *format, ...) PRINTF_LIKE(3, 4);
/* Puts text in front of the message. Returns false. */
bool err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);
/* Adds an item if the caller gave room for it. */
void err_add_item(struct err *err, struct str pointer, const char *format, ...) PRINTF_LIKE(3, 4);
/* All of it but `items`, which belong to whoever made the err and stay there. */
void err_copy(struct err *to, const struct err *from);
/* E_NO_MEMORY with its words. Returns false. */
bool err_no_memory(struct err *err);

const char *err_name(enum err_code code);  /* "CONNECTION_NOT_FOUND" */
enum err_code err_from_name(struct str name); /* E_INTERNAL for an unknown one */
int err_http(enum err_code code);
enum err_retry err_retry(enum err_code code);
const char *err_words(enum err_code code);

#endif
