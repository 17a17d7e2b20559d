/*
 * The courier: brings the vendors' webhooks to whoever registered them.
 */
#include "sandbox/courier.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/rng.h"
#include "net/http_client.h"

#define HEADERS_MAX 8
#define TIMEOUT_MS 5000              /* as the vendors wait */
#define RETRY_MS 200
#define REORDER_MS 300               /* another delivery overtakes it meanwhile */
#define ENTRY_ARENA_BYTES (8L * 1024 * 1024)

struct entry {
    struct arena arena;
    struct str url, body;
    struct http_headers headers;
    int64_t due_us;                  /* monotonic */
    int64_t tries;
    struct entry *next;
};

struct courier {
    struct address_policy policy;
    struct http_client *client;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;                   /* under lock, as all below */
    struct entry *first;             /* by due time */
    int64_t queued;
    struct courier_plan plan;
    struct rng rng;
    int64_t sent, failed, lost, repeated, late, reordered, dropped;
};

static int64_t
now_us(void)
{
    return clock_monotonic_us(clock_system());
}

static void
entry_free(struct entry *e)
{
    if (e == NULL)
        return;
    arena_release(&e->arena);
    free(e);
}

static struct entry *
entry_new(struct str url, const struct http_headers *headers, struct str body)
{
    struct entry *e = alloc_zeroed(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    arena_init(&e->arena, ENTRY_ARENA_BYTES);
    e->url = str_copy(&e->arena, url);
    e->body = str_copy(&e->arena, body);
    e->headers.items = ARENA_ARRAY(&e->arena, struct http_header, HEADERS_MAX);
    for (size_t i = 0; e->headers.items != NULL && i < headers->count && i < HEADERS_MAX; i++)
        e->headers.items[e->headers.count++] =
            (struct http_header){str_copy(&e->arena, headers->items[i].name), str_copy(&e->arena, headers->items[i].value)};
    if (e->headers.items != NULL && !str_is_none(e->url) && !str_is_none(e->body))
        return e;
    entry_free(e);
    return NULL;
}

/* Under lock. Equal times keep their order. */
static void
put(struct courier *c, struct entry *e)
{
    struct entry **place = &c->first;
    while (*place != NULL && (*place)->due_us <= e->due_us)
        place = &(*place)->next;
    e->next = *place;
    *place = e;
    c->queued++;
    pthread_cond_signal(&c->wake);
}

static bool
strikes(struct courier *c, int64_t percent, int64_t *counter)
{
    bool hit = percent > 0 && (int64_t)(rng_next(&c->rng) % 100) < percent;
    *counter += hit;
    return hit;
}

static void
put_as_planned(struct courier *c, struct entry *e)
{
    e->due_us = now_us();
    if (strikes(c, c->plan.reordered, &c->reordered))
        e->due_us += REORDER_MS * US_PER_MS;
    if (strikes(c, c->plan.late, &c->late))
        e->due_us += c->plan.late_ms * US_PER_MS;
    put(c, e);
}

void
courier_send(struct courier *c, struct str url, const struct http_headers *headers, struct str body)
{
    struct entry *e = entry_new(url, headers, body), *twin = NULL;
    pthread_mutex_lock(&c->lock);
    if (e == NULL || c->queued >= COURIER_QUEUE_MAX) {
        c->dropped++;
        entry_free(e);
    } else if (strikes(c, c->plan.lost, &c->lost)) {
        entry_free(e);
    } else {
        if (strikes(c, c->plan.repeated, &c->repeated))
            twin = entry_new(url, headers, body);
        put_as_planned(c, e);
        if (twin != NULL)
            put_as_planned(c, twin);
    }
    pthread_mutex_unlock(&c->lock);
}

static bool
deliver(struct courier *c, const struct entry *e)
{
    struct err err = {0};
    struct http_request request = {.method = STR("POST"), .url = e->url, .headers = e->headers, .body = e->body,
                                   .total_ms = TIMEOUT_MS, .operator_address = true};
    struct http_call *call = http_client_start(c->client, &request, &err);
    if (call == NULL)
        return false;
    const struct http_reply *reply = http_call_wait(call);
    bool taken = reply->code == E_OK && reply->status >= 200 && reply->status < 300;
    http_call_free(call);
    return taken;
}

/* Under lock; waits for the next that is due. NULL: the courier stops. */
static struct entry *
take(struct courier *c)
{
    while (!c->stopping) {
        int64_t left_us = c->first == NULL ? US_PER_S : c->first->due_us - now_us();
        if (c->first != NULL && left_us <= 0) {
            struct entry *e = c->first;
            c->first = e->next;
            return e;
        }
        struct timespec until = clock_deadline(left_us);
        pthread_cond_timedwait(&c->wake, &c->lock, &until);
    }
    return NULL;
}

static void *
courier_main(void *arg)
{
    struct courier *c = arg;
    struct entry *e;
    pthread_mutex_lock(&c->lock);
    while ((e = take(c)) != NULL) {
        pthread_mutex_unlock(&c->lock);
        bool taken = deliver(c, e);
        pthread_mutex_lock(&c->lock);
        c->queued--;
        c->sent += taken;
        if (!taken && e->tries++ < c->plan.retries) {
            e->due_us = now_us() + RETRY_MS * US_PER_MS;
            put(c, e);
            continue;
        }
        c->failed += !taken;
        entry_free(e);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

struct courier *
courier_new(uint64_t seed, struct err *err)
{
    struct courier *c = alloc_zeroed(1, sizeof(*c));
    if (c == NULL) {
        err_no_memory(err);
        return NULL;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
    rng_init(&c->rng, seed);
    address_policy_init(&c->policy);
    struct http_client_options options = {.policy = &c->policy, .user_agent = STR("sandbox")};
    c->client = http_client_new(&options, err);
    c->started = c->client != NULL && pthread_create(&c->thread, NULL, courier_main, c) == 0;
    if (c->started)
        return c;
    courier_free(c);
    if (err->code == E_OK)
        err_no_memory(err);
    return NULL;
}

void
courier_free(struct courier *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    if (c->started)
        pthread_join(c->thread, NULL);
    for (struct entry *e = c->first, *next; e != NULL; e = next) {
        next = e->next;
        entry_free(e);
    }
    http_client_free(c->client);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void
courier_set_plan(struct courier *c, const struct courier_plan *plan)
{
    pthread_mutex_lock(&c->lock);
    c->plan = *plan;
    pthread_mutex_unlock(&c->lock);
}

struct courier_plan
courier_plan(struct courier *c)
{
    pthread_mutex_lock(&c->lock);
    struct courier_plan plan = c->plan;
    pthread_mutex_unlock(&c->lock);
    return plan;
}

void
courier_write(struct courier *c, struct json_writer *w)
{
    pthread_mutex_lock(&c->lock);
    json_begin_object(w, "plan");
    json_add_i64(w, "lost", c->plan.lost);
    json_add_i64(w, "repeated", c->plan.repeated);
    json_add_i64(w, "late", c->plan.late);
    json_add_i64(w, "lateMs", c->plan.late_ms);
    json_add_i64(w, "reordered", c->plan.reordered);
    json_add_i64(w, "retries", c->plan.retries);
    json_end_object(w);
    json_add_i64(w, "queued", c->queued);
    json_add_i64(w, "sent", c->sent);
    json_add_i64(w, "failed", c->failed);
    json_add_i64(w, "lost", c->lost);
    json_add_i64(w, "repeated", c->repeated);
    json_add_i64(w, "late", c->late);
    json_add_i64(w, "reordered", c->reordered);
    json_add_i64(w, "dropped", c->dropped);
    pthread_mutex_unlock(&c->lock);
}
