/*
 * How often an address may come without proof: a bucket of tokens per address.
 *
 * Bounded: a set of a few entries per hash; an old entry gives way, which a stranger with many addresses can use to
 * get more than his share, but not more memory.
 */
#include "hook/inbox_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define SETS 1024
#define WAYS 4
#define PEER_BYTES 48

struct bucket {
    char peer[PEER_BYTES];
    int64_t full_us;        /* monotonic: when it will be full again; 0: free */
};

struct limiter {
    const struct clock *clock;
    int64_t us_each, burst_us;
    pthread_mutex_t lock;
    struct bucket sets[SETS][WAYS]; /* under lock */
};

struct limiter *
limiter_new(const struct clock *clock, int64_t per_s, int64_t burst)
{
    struct limiter *l = alloc_zeroed(1, sizeof(*l));
    if (l == NULL)
        return NULL;
    l->clock = clock;
    l->us_each = US_PER_S / per_s > 0 ? US_PER_S / per_s : 1;
    l->burst_us = burst * l->us_each;
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void
limiter_free(struct limiter *l)
{
    if (l == NULL)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct bucket *
bucket_of(struct limiter *l, struct str peer)
{
    uint64_t hash = UINT64_C(1469598103934665603); /* FNV-1a */
    for (size_t i = 0; i < peer.len; i++)
        hash = (hash ^ (unsigned char)peer.ptr[i]) * UINT64_C(1099511628211);
    struct bucket *set = l->sets[hash % SETS], *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (str_eq_c(peer, set[i].peer))
            return &set[i];
        if (set[i].full_us < oldest->full_us)
            oldest = &set[i];
    }
    *oldest = (struct bucket){0};
    memcpy(oldest->peer, peer.ptr, peer.len);
    return oldest;
}

bool
limiter_take(struct limiter *l, struct str peer, int64_t *wait_ms_out)
{
    if (peer.len >= PEER_BYTES || peer.len == 0)
        peer = STR("?");
    int64_t now = clock_monotonic_us(l->clock);
    pthread_mutex_lock(&l->lock);
    struct bucket *b = bucket_of(l, peer);
    int64_t full = (b->full_us > now ? b->full_us : now) + l->us_each;
    bool may = full - now <= l->burst_us;
    if (may)
        b->full_us = full;
    pthread_mutex_unlock(&l->lock);
    if (!may)
        *wait_ms_out = (full - now - l->burst_us) / US_PER_MS + 1;
    return may;
}
