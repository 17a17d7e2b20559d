/*
 * When a connection runs next: its interval, its full pass, its reconnection.
 */
#include "queue/schedule.h"

#include "base/check.h"

#define NIGHT_BEGINS_US (1 * US_PER_HOUR)
#define NIGHT_SPREAD_US (4 * US_PER_HOUR)
#define FULL_SPREAD_DIVISOR 10
#define RECONNECT_FLOOR_US (5 * US_PER_S)

int64_t
schedule_first_us(int64_t interval_us, int64_t now_us)
{
    CHECK(interval_us > 0);
    return now_us + interval_us;
}

int64_t
schedule_next_us(int64_t due_us, int64_t interval_us, int64_t now_us)
{
    CHECK(interval_us > 0);
    if (due_us > now_us)
        return due_us + interval_us;
    int64_t missed = (now_us - due_us) / interval_us;
    return due_us + (missed + 1) * interval_us;
}

int64_t
schedule_first_full_us(int64_t interval_us, int64_t now_us, struct rng *rng)
{
    CHECK(interval_us > 0);
    if (interval_us % US_PER_DAY != 0)
        return now_us + interval_us + (int64_t)rng_below(rng, (uint64_t)(interval_us / FULL_SPREAD_DIVISOR + 1));
    int64_t midnight = now_us - now_us % US_PER_DAY;
    int64_t first = midnight + NIGHT_BEGINS_US + (int64_t)rng_below(rng, NIGHT_SPREAD_US);
    while (first < now_us + US_PER_DAY)
        first += US_PER_DAY;
    return first;
}

int64_t
schedule_reconnect_us(int64_t failures, int64_t now_us, struct rng *rng)
{
    unsigned attempt = failures < 1 ? 1 : failures > 30 ? 30 : (unsigned)failures;
    int64_t base_ms = RECONNECT_BASE_US / 2 / US_PER_MS; /* backoff_ms doubles it for the first attempt */
    int64_t wait_us = backoff_ms(attempt, base_ms, RECONNECT_CAP_US / US_PER_MS, rng) * US_PER_MS;
    return now_us + (wait_us > RECONNECT_FLOOR_US ? wait_us : RECONNECT_FLOOR_US);
}
