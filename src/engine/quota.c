#include "engine/quota.h"

#include <pthread.h>
#include <string.h>

#define QUOTA_CONNECTIONS_MAX 4096   /* further ones take the place of others */
#define RESET_EPOCH_MIN_S INT64_C(1000000000) /* larger: a moment; smaller: seconds from now */
#define RESET_MS_MIN INT64_C(100000000000)    /* larger: milliseconds */

struct entry {
    int64_t tenant, connection;
    struct quota quota;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[QUOTA_CONNECTIONS_MAX]; /* under lock */

static struct entry *
place_of(int64_t connection)
{
    return &entries[(uint64_t)connection % QUOTA_CONNECTIONS_MAX];
}

static bool
ends_with(struct str name, const char *end)
{
    struct str tail = str_from_c(end);
    return name.len >= tail.len && str_eq_nocase(str_skip(name, name.len - tail.len), tail);
}

/* The first header whose name ends so; "100, 100;w=10" is 100. -1: none. */
static int64_t
number(const struct http_reply *reply, const char *const *ends, size_t count)
{
    for (size_t i = 0; i < reply->headers.count; i++)
        for (size_t k = 0; k < count; k++) {
            const struct http_header *h = &reply->headers.items[i];
            struct str head = str_trim(h->value), rest;
            int64_t value;
            if (!ends_with(h->name, ends[k]))
                continue;
            str_cut(head, ',', &head, &rest);
            str_cut(head, ';', &head, &rest);
            str_cut(head, '.', &head, &rest);
            if (str_to_i64(str_trim(head), 0, INT64_MAX / US_PER_S, &value))
                return value;
        }
    return -1;
}

static int64_t
reset_at(int64_t reset, int64_t now_us)
{
    if (reset < 0)
        return 0;
    if (reset >= RESET_MS_MIN)
        return reset * US_PER_MS;
    return reset >= RESET_EPOCH_MIN_S ? reset * US_PER_S : now_us + reset * US_PER_S;
}

void
quota_note(int64_t tenant, int64_t connection, const struct http_reply *reply, int64_t now_us)
{
    static const char *const limits[] = {"RateLimit-Limit", "Rate-Limit-Limit", "RateLimit-Max"};
    static const char *const remains[] = {"RateLimit-Remaining", "Rate-Limit-Remaining"};
    static const char *const resets[] = {"RateLimit-Reset", "Rate-Limit-Reset", "Retry-After"};
    struct quota q = {.seen_us = now_us, .limit = number(reply, limits, ARRAY_LEN(limits)),
                      .remaining = number(reply, remains, ARRAY_LEN(remains))};
    q.reset_us = reset_at(number(reply, resets, ARRAY_LEN(resets)), now_us);
    if (q.limit < 0 && q.remaining < 0 && q.reset_us == 0)
        return;
    pthread_mutex_lock(&lock);
    *place_of(connection) = (struct entry){tenant, connection, q};
    pthread_mutex_unlock(&lock);
}

void
quota_get(int64_t tenant, int64_t connection, struct quota *quota_out)
{
    pthread_mutex_lock(&lock);
    const struct entry *e = place_of(connection);
    bool known = e->tenant == tenant && e->connection == connection;
    *quota_out = known ? e->quota : (struct quota){.limit = -1, .remaining = -1};
    pthread_mutex_unlock(&lock);
}
