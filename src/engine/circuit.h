/*
 * A circuit per host: a vendor that is down is left alone for a while (F16).
 *
 * Runs of many connections may call the same host. After CIRCUIT_FAILURES failures in a row the host is
 * not called until a jittered time has passed; then one call goes through as a probe. Kept in memory, per
 * process: it saves calls, nothing depends on it. Any thread.
 */
#ifndef TIDEMARK_ENGINE_CIRCUIT_H
#define TIDEMARK_ENGINE_CIRCUIT_H

#include <pthread.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"

#define CIRCUIT_HOSTS_MAX 1024   /* hosts remembered; the one quiet longest gives way */
#define CIRCUIT_HOST_BYTES 256
#define CIRCUIT_FAILURES 10      /* more than one run's burst of retries in place */

struct circuit_host {
    char name[CIRCUIT_HOST_BYTES];
    unsigned failures;           /* in a row */
    unsigned trips;              /* in a row; the pause doubles with each */
    int64_t closed_until_us;     /* monotonic; 0: open for calls */
    int64_t touched_us;
    bool probing;
};

struct circuit {
    pthread_mutex_t lock;
    struct circuit_host *hosts;  /* under lock */
    size_t count;
    struct rng rng;              /* under lock */
    const struct clock *clock;
};

MUST_USE bool circuit_init(struct circuit *c, const struct clock *clock);
void circuit_release(struct circuit *c);
/* How long to leave this host alone, in milliseconds; 0: call it. The first caller after a pause is the probe. */
int64_t circuit_wait_ms(struct circuit *c, struct str host);
/* What came of a call. An answer below 500 is a success here, also a refusal: the host is alive. */
void circuit_report(struct circuit *c, struct str host, bool alive);

#endif
