/*
 * Threads that must not wait: the server's own, which read short lists between two looks at their connections.
 *
 * Whether a read will wait is known only afterwards: one that finds nothing in memory waits for the disk, and all connections
 * of its thread wait behind it. So a read that took long sends the next ones to other threads for a while, such that at most a
 * hundredth of the time goes that way. The difficulty is what a long time means. Where programs share the cores, a thread that
 * asks for nothing but memory is put aside for ten milliseconds every second or so; it would be put aside elsewhere too, with two
 * changes of threads on top. Another one of ours that is put aside with a lock in its hand makes it sleep, once or twice. So the system is
 * asked whether the thread slept again and again, as for pages of a disk or a database that is busy, or computed for so long.
 */
#include <sys/resource.h>

#include "base/clock.h"
#include "store/store_impl.h"

/* Longer than a thread of many is kept from a core; a list from memory takes a hundredth of it. */
#define SLOW_READ_US (10 * US_PER_MS)
#define SLOW_READ_PAUSE 100 /* times what it took */
#define SLOW_READ_SLEEPS 4  /* a list that is not in memory waits for more pages than that */

static _Thread_local bool hurries, would_wait;

void
store_hurry(bool on)
{
    hurries = on;
    would_wait = false;
}

bool
store_would_wait(void)
{
    return would_wait;
}

bool
hurry_is_on(void)
{
    return hurries;
}

bool
hurry_refuse(struct err *err)
{
    would_wait = true;
    return err_set(err, E_STORE_BUSY, NULL);
}

static int64_t
microseconds(struct timeval time)
{
    return time.tv_sec * US_PER_S + time.tv_usec;
}

/* What this thread has done so far. */
static struct hurried_read
now(const struct clock *clock)
{
    struct rusage used;
    getrusage(RUSAGE_THREAD, &used); /* 0.4 us */
    return (struct hurried_read){.at_us = clock_monotonic_us(clock), .sleeps = used.ru_nvcsw,
                                 .computed_us = microseconds(used.ru_utime) + microseconds(used.ru_stime)};
}

struct hurried_read
hurried_read_begin(const struct clock *clock)
{
    return now(clock);
}

void
hurried_read_end(const struct hurried_read *read, const struct clock *clock, _Atomic int64_t *patient_until_us)
{
    int64_t took_us = clock_monotonic_us(clock) - read->at_us;
    if (took_us < SLOW_READ_US)
        return;
    struct hurried_read end = now(clock);
    if (end.sleeps - read->sleeps >= SLOW_READ_SLEEPS || end.computed_us - read->computed_us >= SLOW_READ_US)
        atomic_store(patient_until_us, end.at_us + took_us * SLOW_READ_PAUSE);
}
