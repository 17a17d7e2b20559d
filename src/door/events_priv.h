/*
 * Streams of events that are open: how many there are, and where the feed stands.
 *
 * A stream that has seen all looks at the database only when the feed has moved since; that is looked up for all of
 * them together, a few times a second.
 */
#ifndef TIDEMARK_DOOR_EVENTS_PRIV_H
#define TIDEMARK_DOOR_EVENTS_PRIV_H

#include <pthread.h>

#include "store/store_event.h"

#define EVENT_STREAMS_MAX 256        /* of this process */
#define EVENT_STREAMS_TENANT_MAX 32

struct event_gate {
    pthread_mutex_t lock;
    unsigned open;                   /* under lock */
    int64_t tenants[EVENT_STREAMS_MAX]; /* under lock: of each open stream; 0: free */
    int64_t looked_us;               /* under lock: monotonic */
    struct event_place newest;       /* under lock */
};

void event_gate_init(struct event_gate *gate);
void event_gate_release(struct event_gate *gate);

#endif
