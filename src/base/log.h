/*
 * Log lines: one JSON object per line on stderr (contract, section 8).
 *
 * A line has time, level, message, the context of check_context(), and the fields given. Values pass a
 * redactor before they are cut to size: text that was registered as a secret, and anything that looks
 * like a token of ours, becomes "[redacted]" (I-29). Writing never blocks the product: when the sink
 * is full or closed the line is dropped and counted (F41). Any thread.
 */
#ifndef TIDEMARK_BASE_LOG_H
#define TIDEMARK_BASE_LOG_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

struct log_field {
    const char *name;
    enum { LOG_FIELD_STR, LOG_FIELD_I64, LOG_FIELD_BOOL } type;
    struct str text;
    int64_t number;
};

#define LOG_S(name, value) ((struct log_field){(name), LOG_FIELD_STR, (value), 0})
#define LOG_C(name, value) ((struct log_field){(name), LOG_FIELD_STR, str_from_c(value), 0})
#define LOG_I(name, value) ((struct log_field){(name), LOG_FIELD_I64, STR_NONE, (int64_t)(value)})
#define LOG_B(name, value) ((struct log_field){(name), LOG_FIELD_BOOL, STR_NONE, (value)})

/* log_write(LOG_INFO, "run finished", LOG_S("runId", id), LOG_I("records", n)); */
#define log_write(level, message, ...)                                                            \
    log_write_fields((level), (message), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, )(struct log_field){0}})

void log_write_fields(enum log_level level, const char *message, const struct log_field *fields);
/* An error whose journey ends here: code and message are added. */
void log_err(enum log_level level, const char *message, const struct err *err);

void log_set_level(enum log_level level);
int64_t log_lines_dropped(void);

/*
 * Registers text that must never be seen in a line: at least LOG_SECRET_BYTES_MIN bytes, else ignored.
 * Its raw, base64, hex, percent-encoded and JSON-escaped forms are covered. Kept until log_secret_drop.
 */
#define LOG_SECRET_BYTES_MIN 6
void log_secret_add(struct str secret);
void log_secret_drop(struct str secret);
/* Replaces every registered secret and every "tm_..." token in text. The result lives in a. */
struct str log_redact(struct arena *a, struct str text);

#endif
