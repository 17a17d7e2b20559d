#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "door/identity_priv.h"

#define SETS 1024
#define WAYS 4
#define PEER_BYTES 48

struct failure {
    char peer[PEER_BYTES];
    int64_t since_us;       /* monotonic; the window began here */
    unsigned count;         /* 0: free */
};

struct auth_failures {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct failure sets[SETS][WAYS]; /* under lock */
};

struct auth_failures *
auth_failures_new(const struct clock *clock)
{
    struct auth_failures *f = alloc_zeroed(1, sizeof(*f));
    if (!f)
        return NULL;
    f->clock = clock;
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void
auth_failures_free(struct auth_failures *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static size_t
set_of(struct str peer)
{
    uint64_t hash = UINT64_C(1469598103934665603); /* FNV-1a */
    for (size_t i = 0; i < peer.len; i++)
        hash = (hash ^ (unsigned char)peer.ptr[i]) * UINT64_C(1099511628211);
    return hash % SETS;
}

/* The peer's entry, else the one that is free or oldest. */
static struct failure *
entry_of(struct failure *set, struct str peer)
{
    struct failure *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].count && str_eq_c(peer, set[i].peer))
            return &set[i];
        if (!set[i].count || (oldest->count && set[i].since_us < oldest->since_us))
            oldest = &set[i];
    }
    *oldest = (struct failure){0};
    memcpy(oldest->peer, peer.ptr, peer.len);
    return oldest;
}

bool
auth_failures_add(struct auth_failures *f, struct str peer, int64_t *wait_ms_out)
{
    if (peer.len >= PEER_BYTES || peer.len == 0)
        peer = STR("?");
    int64_t now = clock_monotonic_us(f->clock), window = LIMIT_AUTH_WINDOW_S * US_PER_S;
    pthread_mutex_lock(&f->lock);
    struct failure *entry = entry_of(f->sets[set_of(peer)], peer);
    if (!entry->count || now - entry->since_us >= window) {
        entry->since_us = now;
        entry->count = 0;
    }
    bool may = entry->count < LIMIT_AUTH_FAILURES;
    entry->count += may;
    int64_t left_us = entry->since_us + window - now;
    pthread_mutex_unlock(&f->lock);
    if (!may)
        *wait_ms_out = (left_us + US_PER_MS - 1) / US_PER_MS;
    return may;
}
