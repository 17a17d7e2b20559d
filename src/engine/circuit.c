/*
 * A circuit per host: a vendor that is down is left alone for a while (F16).
 *
 * Hosts stand in a plain array, as there are few and a call to one takes milliseconds anyway.
 */
#include "engine/circuit.h"

#include "base/alloc.h"
#include "base/limits.h"

#define CIRCUIT_PAUSE_BASE_MS 5000

bool
circuit_init(struct circuit *c, const struct clock *clock)
{
    *c = (struct circuit){.clock = clock};
    rng_init_system(&c->rng);
    c->hosts = alloc_zeroed(CIRCUIT_HOSTS_MAX, sizeof(*c->hosts));
    return c->hosts != NULL && pthread_mutex_init(&c->lock, NULL) == 0;
}

void
circuit_release(struct circuit *c)
{
    if (c->hosts == NULL)
        return;
    free(c->hosts);
    c->hosts = NULL;
    pthread_mutex_destroy(&c->lock);
}

static struct circuit_host *
host_find(struct circuit *c, struct str name)
{
    for (size_t i = 0; i < c->count; i++)
        if (str_eq_c(name, c->hosts[i].name))
            return &c->hosts[i];
    return NULL;
}

static struct circuit_host *
host_quiet_longest(struct circuit *c)
{
    struct circuit_host *found = &c->hosts[0];
    for (size_t i = 1; i < c->count; i++)
        if (c->hosts[i].touched_us < found->touched_us)
            found = &c->hosts[i];
    return found;
}

static struct circuit_host *
host_add(struct circuit *c, struct str name)
{
    if (name.len >= CIRCUIT_HOST_BYTES)
        return NULL;
    struct circuit_host *host = c->count < CIRCUIT_HOSTS_MAX ? &c->hosts[c->count++] : host_quiet_longest(c);
    *host = (struct circuit_host){0};
    memcpy(host->name, name.ptr, name.len);
    return host;
}

/* The others wait on: for the probe's answer, or until it must have been lost. */
static void
host_probe(struct circuit_host *host, int64_t now_us)
{
    host->probing = true;
    host->closed_until_us = now_us + LIMIT_FIRST_BYTE_MS * US_PER_MS;
}

int64_t
circuit_wait_ms(struct circuit *c, struct str host_name)
{
    int64_t now_us = clock_monotonic_us(c->clock);
    int64_t wait_ms = 0;
    pthread_mutex_lock(&c->lock);
    struct circuit_host *host = host_find(c, host_name);
    if (host != NULL && host->closed_until_us > 0) {
        if (now_us < host->closed_until_us)
            wait_ms = (host->closed_until_us - now_us) / US_PER_MS + 1;
        else
            host_probe(host, now_us);
    }
    pthread_mutex_unlock(&c->lock);
    return wait_ms;
}

static void
host_failed(struct circuit *c, struct circuit_host *host, int64_t now_us)
{
    host->failures++;
    if (!host->probing && host->failures < CIRCUIT_FAILURES)
        return;
    host->trips++;
    host->failures = 0;
    host->probing = false;
    int64_t pause_ms = CIRCUIT_PAUSE_BASE_MS + backoff_ms(host->trips, CIRCUIT_PAUSE_BASE_MS, LIMIT_BACKOFF_CAP_MS, &c->rng);
    host->closed_until_us = now_us + pause_ms * US_PER_MS;
}

void
circuit_report(struct circuit *c, struct str host_name, bool alive)
{
    int64_t now_us = clock_monotonic_us(c->clock);
    pthread_mutex_lock(&c->lock);
    struct circuit_host *host = host_find(c, host_name);
    if (host == NULL && !alive)
        host = host_add(c, host_name);
    if (host != NULL) {
        host->touched_us = now_us;
        if (alive) {
            host->failures = host->trips = 0;
            host->closed_until_us = 0;
            host->probing = false;
        } else {
            host_failed(c, host, now_us);
        }
    }
    pthread_mutex_unlock(&c->lock);
}
