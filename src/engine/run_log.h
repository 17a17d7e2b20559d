/*
 * Lines of a run's log: one JSON object each, without line breaks, secrets redacted.
 */
#ifndef TIDEMARK_ENGINE_RUN_LOG_H
#define TIDEMARK_ENGINE_RUN_LOG_H

#include "base/buf.h"
#include "base/log.h"

#define RUN_LOG_PAGE_BYTES (1024 * 1024) /* lines of one page; more are left out */
#define RUN_LOG_LINE_BYTES (16 * 1024)   /* one line outside a page */

/* Appends {"time":...,"level":...,"message":..., fields} and a line break. False when there is no room: then nothing is added. */
bool run_log_line(struct buf *lines, int64_t now_us, enum log_level level, struct str message,
                  const struct log_field *fields, size_t field_count);
#define RUN_LOG(lines, now_us, level, message, ...)                                                          \
    run_log_line((lines), (now_us), (level), (message), (const struct log_field[]){__VA_ARGS__},            \
                 sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
