/*
 * When a connection runs next: its interval, its full pass, its reconnection. Pure; any thread.
 *
 * Times are wall clock microseconds. Intervals are elapsed time from the firing before, so that they keep
 * their rhythm; after a downtime the missed firings become one (I-27). Calendars and time zones are not here.
 */
#ifndef TIDEMARK_QUEUE_SCHEDULE_H
#define TIDEMARK_QUEUE_SCHEDULE_H

#include "base/clock.h"
#include "base/rng.h"

#define SCHEDULE_INTERVAL_MIN_US (10 * US_PER_S)       /* "every" below that is refused */
#define SCHEDULE_INTERVAL_MAX_US (366 * US_PER_DAY)
#define RECONNECT_BASE_US US_PER_MINUTE                /* contract, section 1 */
#define RECONNECT_CAP_US (6 * US_PER_HOUR)
#define RECONNECT_ALERT_FAILURES 5                     /* then a person is told, once */

/* The first firing: one interval from now. interval_us > 0. */
int64_t schedule_first_us(int64_t interval_us, int64_t now_us);
/* The firing after due_us: the first point of its rhythm that lies after now_us. */
int64_t schedule_next_us(int64_t due_us, int64_t interval_us, int64_t now_us);
/*
 * The first full pass. A daily one (or of whole days) falls into a night hour of UTC, 01:00 to 05:00, at a
 * random minute, so that connections do not all begin together, and not before a day from now: whoever makes
 * a connection at night and syncs it is in nobody's way. Others come one interval from now, spread by up to
 * a tenth.
 */
int64_t schedule_first_full_us(int64_t interval_us, int64_t now_us, struct rng *rng);
/* When a connection in error is tested again after `failures` (from 1) in a row; full jitter, never before 5 s. */
int64_t schedule_reconnect_us(int64_t failures, int64_t now_us, struct rng *rng);

#endif
