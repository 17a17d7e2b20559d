/*
 * A schedule as people write it: {startAt, repeat, time, timezone} (contract, section 4), of a job or of a connection.
 *
 * It is kept with its startAt, because that names the weekday, the day and, without `time`, the time. When it is due: queue/calendar.h.
 */
#ifndef TIDEMARK_ENGINE_WHEN_H
#define TIDEMARK_ENGINE_WHEN_H

#include "base/err.h"
#include "json/json.h"
#include "json/writer.h"

struct when {
    struct str start, repeat, time, zone; /* what was not given is STR_NONE */
    int64_t start_us;                     /* never 0 */
};

/*
 * Reads and checks it; a missing startAt becomes now_us. The texts lie in `json`. E_VALIDATION_FAILED names the member: "schedule.time".
 * Other members than these are the caller's to check.
 */
MUST_USE bool when_read(yyjson_val *json, int64_t now_us, struct when *when_out, struct err *err);
/* One that repeats: startAt itself where it fits, else the next time; a startAt in the past means now (contract, section 9). */
MUST_USE bool when_first(const struct when *when, int64_t now_us, int64_t *first_us_out, struct err *err);
/* Its members, as they are kept. */
void when_write(struct json_writer *w, const struct when *when);
/* Of a kept one that repeats: when it is due after after_us, and not before its startAt. */
MUST_USE bool when_next(struct str kept, int64_t after_us, int64_t *next_us_out, struct err *err);

#endif
