#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "door/identity_priv.h"

#define SETS 1024
#define WAYS 4
#define WHO_BYTES 48

struct attempt {
    char who[WHO_BYTES];
    int64_t since_us;       /* monotonic; the window began here */
    unsigned count;         /* 0: free */
};

struct attempts {
    const struct clock *clock;
    unsigned max;
    int64_t window_us;
    pthread_mutex_t lock;
    struct attempt sets[SETS][WAYS]; /* under lock */
};

struct attempts *
attempts_new(const struct clock *clock, unsigned max, int64_t window_s)
{
    struct attempts *f = alloc_zeroed(1, sizeof(*f));
    if (!f)
        return NULL;
    f->clock = clock;
    f->max = max;
    f->window_us = window_s * US_PER_S;
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void
attempts_free(struct attempts *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static size_t
set_of(struct str who)
{
    uint64_t hash = UINT64_C(1469598103934665603); /* FNV-1a */
    for (size_t i = 0; i < who.len; i++)
        hash = (hash ^ (unsigned char)who.ptr[i]) * UINT64_C(1099511628211);
    return hash % SETS;
}

/* His entry, else the one that is free or oldest. */
static struct attempt *
entry_of(struct attempt *set, struct str who)
{
    struct attempt *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].count && str_eq_c(who, set[i].who))
            return &set[i];
        if (!set[i].count || (oldest->count && set[i].since_us < oldest->since_us))
            oldest = &set[i];
    }
    *oldest = (struct attempt){0};
    memcpy(oldest->who, who.ptr, who.len);
    return oldest;
}

bool
attempts_add(struct attempts *f, struct str who, int64_t *wait_ms_out)
{
    if (who.len >= WHO_BYTES || who.len == 0)
        who = STR("?");
    int64_t now = clock_monotonic_us(f->clock), window = f->window_us;
    pthread_mutex_lock(&f->lock);
    struct attempt *entry = entry_of(f->sets[set_of(who)], who);
    if (!entry->count || now - entry->since_us >= window) {
        entry->since_us = now;
        entry->count = 0;
    }
    bool may = entry->count < f->max;
    entry->count += may;
    int64_t left_us = entry->since_us + window - now;
    pthread_mutex_unlock(&f->lock);
    if (!may)
        *wait_ms_out = (left_us + US_PER_MS - 1) / US_PER_MS;
    return may;
}
