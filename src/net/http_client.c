/*
 * The thread that drives all requests to vendors.
 *
 * Callers put calls into a queue and wake the thread; it hands them to libcurl's multi interface and
 * takes the results back. What libcurl has no deadline for, the first byte and the slow drip, is checked
 * by a look over all active calls a few times a second. A call that is done is its caller's alone: the
 * last thing this thread does with it is to say so, under the call's own lock.
 */
#include "net/http_client.h"

#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/http_client_priv.h"

#define PER_HOST_DEFAULT 16
#define CONNECTIONS_DEFAULT 256
#define LOOK_US_MAX (100 * US_PER_MS)
#define IDLE_POLL_MS 60000
#define CLIENT_STACK_BYTES (1024 * 1024)

/* Bytes of bodies held by calls, of all clients of this process. */
static atomic_llong in_flight;
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_ready;

bool
in_flight_add(struct http_call *call, int64_t bytes)
{
    call->counted_bytes += bytes;
    return atomic_fetch_add(&in_flight, bytes) + bytes <= call->client->in_flight_max;
}

void
in_flight_drop(struct http_call *call)
{
    atomic_fetch_sub(&in_flight, call->counted_bytes);
    call->counted_bytes = 0;
}

static char *
text_copy(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = alloc_bytes(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

static void *
curl_calloc(size_t count, size_t bytes)
{
    return alloc_zeroed(count, bytes);
}

static void
curl_setup(void)
{
    curl_ready = curl_global_init_mem(CURL_GLOBAL_DEFAULT, alloc_bytes, free, alloc_resized, text_copy, curl_calloc) ==
                 CURLE_OK;
}

/* ---- calls begin and end; client thread ---- */

static void
active_add(struct http_client *client, struct http_call *call)
{
    call->prev = NULL;
    call->next = client->active;
    if (call->next)
        call->next->prev = call;
    client->active = call;
}

static void
active_remove(struct http_client *client, struct http_call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        client->active = call->next;
    if (call->next)
        call->next->prev = call->prev;
}

static CURL *
easy_take(struct http_client *client)
{
    return client->spare_count > 0 ? client->spare[--client->spare_count] : curl_easy_init();
}

static void
easy_give(struct http_client *client, CURL *easy)
{
    if (!easy)
        return;
    if (client->spare_count == EASY_SPARE_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL); /* it goes with the call */
    client->spare[client->spare_count++] = easy;
}

/* reply is complete. The call may be gone when this returns. */
static void
call_done(struct http_client *client, struct http_call *call)
{
    easy_give(client, call->easy);
    call->easy = NULL;
    call->reply.duration_us = clock_monotonic_us(clock_system()) - call->begun_us;
    void (*on_done)(void *) = call->on_done;
    void *ctx = call->on_done_ctx;
    pthread_mutex_lock(&call->lock);
    atomic_store(&call->done, true);
    pthread_cond_broadcast(&call->finished);
    pthread_mutex_unlock(&call->lock);
    if (on_done)
        on_done(ctx);
}

static bool
call_send(struct http_client *client, struct http_call *call)
{
    if (!call_prepare(call))
        return false;
    CURLMcode result = curl_multi_add_handle(client->multi, call->easy);
    return result == CURLM_OK || err_set(&call->failure, E_NO_MEMORY, "The request cannot be started");
}

static void
call_begin(struct http_client *client, struct http_call *call)
{
    call->easy = easy_take(client);
    if (!call->easy)
        err_no_memory(&call->failure);
    if (call->easy && call_send(client, call)) {
        active_add(client, call);
        return;
    }
    call_fail(call, E_NO_MEMORY, err_words(E_NO_MEMORY));
    call_done(client, call);
}

/* The transfer is out of the multi handle. */
static void
call_end(struct http_client *client, struct http_call *call)
{
    active_remove(client, call);
    call_done(client, call);
}

static void
call_abort(struct http_client *client, struct http_call *call, enum err_code code, const char *words)
{
    curl_multi_remove_handle(client->multi, call->easy);
    call_fail(call, code, words);
    call_end(client, call);
}

static void
results_take(struct http_client *client)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result; /* the message dies with the handle's removal */
        struct http_call *call = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
        CHECK(call && call->magic == CALL_MAGIC);
        curl_multi_remove_handle(client->multi, easy);
        if (call_conclude(call, result)) {
            if (call_send(client, call))
                continue;
            call_fail(call, E_NO_MEMORY, NULL);
        }
        call_end(client, call);
    }
}

/* ---- deadlines of ours ---- */

static bool
drips(const struct http_client *client, struct http_call *call, int64_t now_us)
{
    if (call->first_byte_us == 0 || now_us - call->window_us < client->drip_us)
        return false;
    bool slow = call->window_bytes < LIMIT_DRIP_BYTES_PER_S * (now_us - call->window_us) / US_PER_S;
    call->window_us = now_us;
    call->window_bytes = 0;
    return slow;
}

static void
look_at(struct http_client *client, struct http_call *call, int64_t now_us)
{
    if (atomic_load(&call->cancelled))
        call_abort(client, call, E_CANCELLED, err_words(E_CANCELLED));
    else if (now_us - call->begun_us > call->total_us)
        call_abort(client, call, E_TIMEOUT, "The answer took too long as a whole");
    else if (call->sent_us && !call->first_byte_us && now_us - call->sent_us > client->first_byte_us)
        call_abort(client, call, E_TIMEOUT, "The vendor did not begin to answer in time");
    else if (drips(client, call, now_us))
        call_abort(client, call, E_TIMEOUT, "The answer arrives too slowly");
}

static void
look_at_all(struct http_client *client, int64_t now_us)
{
    atomic_store(&client->cancels, 0); /* before the look: a later one is seen next time */
    for (struct http_call *call = client->active, *next; call; call = next) {
        next = call->next;
        look_at(client, call, now_us);
    }
}

static int64_t
look_interval_us(const struct http_client *client)
{
    int64_t least = client->first_byte_us < client->drip_us ? client->first_byte_us : client->drip_us;
    least /= 4;
    return least < LOOK_US_MAX ? least : LOOK_US_MAX;
}

/* ---- the thread ---- */

/* False when the client ends. */
static bool
queue_take(struct http_client *client, struct http_call **first_out)
{
    pthread_mutex_lock(&client->lock);
    *first_out = client->queue_head;
    client->queue_head = client->queue_tail = NULL;
    bool stopping = client->stopping;
    pthread_mutex_unlock(&client->lock);
    return !stopping;
}

static void
end_all(struct http_client *client, struct http_call *queued)
{
    while (queued) {
        struct http_call *call = queued;
        queued = call->next;
        call_fail(call, E_SHUTTING_DOWN, err_words(E_SHUTTING_DOWN));
        call_done(client, call);
    }
    while (client->active)
        call_abort(client, client->active, E_SHUTTING_DOWN, err_words(E_SHUTTING_DOWN));
}

static void *
client_run(void *ctx)
{
    struct http_client *client = ctx;
    struct http_call *queued;
    int64_t interval_us = look_interval_us(client), look_us = 0;
    int running;
    while (queue_take(client, &queued)) {
        while (queued) {
            struct http_call *call = queued;
            queued = call->next;
            call_begin(client, call);
        }
        curl_multi_perform(client->multi, &running);
        results_take(client);
        int64_t now_us = clock_monotonic_us(clock_system());
        if (now_us >= look_us || atomic_load(&client->cancels) > 0) {
            look_at_all(client, now_us);
            look_us = now_us + interval_us;
        }
        int wait_ms = client->active ? (int)(interval_us / US_PER_MS) + 1 : IDLE_POLL_MS;
        curl_multi_poll(client->multi, NULL, 0, wait_ms, NULL);
    }
    end_all(client, queued);
    return NULL;
}

static bool
thread_start(struct http_client *client)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, CLIENT_STACK_BYTES);
    sigfillset(&all); /* signals are the main thread's; SIGPIPE of the TLS library nobody's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    client->running = pthread_create(&client->thread, &attributes, client_run, client) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return client->running;
}

/* ---- what callers use ---- */

static char *
text_from(struct str text)
{
    char *copy = alloc_bytes(text.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static bool
client_setup(struct http_client *client, const struct http_client_options *options)
{
    const struct http_client_test *test = &options->test;
    client->policy = options->policy;
    client->connect_ms = test->connect_ms ? test->connect_ms : LIMIT_CONNECT_MS;
    client->first_byte_us = (test->first_byte_ms ? test->first_byte_ms : LIMIT_FIRST_BYTE_MS) * US_PER_MS;
    client->drip_us = (test->drip_ms ? test->drip_ms : LIMIT_DRIP_S * 1000) * US_PER_MS;
    client->in_flight_max = test->in_flight_bytes ? test->in_flight_bytes : LIMIT_IN_FLIGHT_BYTES;
    client->user_agent = text_from(options->user_agent.len ? options->user_agent : STR("tidemark/" TIDEMARK_VERSION));
    client->ca_file = options->ca_file.len ? text_from(options->ca_file) : NULL;
    client->multi = curl_multi_init();
    if (!client->user_agent || (options->ca_file.len && !client->ca_file) || !client->multi)
        return false;
    long per_host = options->connections_per_host_max ? options->connections_per_host_max : PER_HOST_DEFAULT;
    long all = options->connections_max ? options->connections_max : CONNECTIONS_DEFAULT;
    return curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, all) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, all) == CURLM_OK;
}

struct http_client *
http_client_new(const struct http_client_options *options, struct err *err)
{
    CHECK(options->policy);
    pthread_once(&curl_once, curl_setup);
    struct http_client *client = alloc_zeroed(1, sizeof(*client));
    if (!client || !curl_ready) {
        free(client);
        err_no_memory(err);
        return NULL;
    }
    pthread_mutex_init(&client->lock, NULL);
    if (!client_setup(client, options))
        err_no_memory(err);
    else if (thread_start(client))
        return client;
    else
        err_set(err, E_INTERNAL, "No thread can be started: raise the limit of processes (ulimit -u)");
    http_client_free(client);
    return NULL;
}

void
http_client_free(struct http_client *client)
{
    if (!client)
        return;
    if (client->running) {
        pthread_mutex_lock(&client->lock);
        client->stopping = true;
        pthread_mutex_unlock(&client->lock);
        curl_multi_wakeup(client->multi);
        pthread_join(client->thread, NULL);
    }
    while (client->spare_count > 0)
        curl_easy_cleanup(client->spare[--client->spare_count]);
    if (client->multi)
        curl_multi_cleanup(client->multi);
    pthread_mutex_destroy(&client->lock);
    free(client->user_agent);
    free(client->ca_file);
    free(client);
}

struct http_call *
http_client_start(struct http_client *client, const struct http_request *request, struct err *err)
{
    struct http_call *call = call_new(client, request, err);
    if (!call)
        return NULL;
    call->begun_us = clock_monotonic_us(clock_system());
    pthread_mutex_lock(&client->lock);
    bool stopping = client->stopping;
    if (!stopping) {
        call->next = NULL;
        if (client->queue_tail)
            client->queue_tail->next = call;
        else
            client->queue_head = call;
        client->queue_tail = call;
        curl_multi_wakeup(client->multi); /* under the lock: the client is still there */
    }
    pthread_mutex_unlock(&client->lock);
    if (!stopping)
        return call;
    call_destroy(call);
    err_set(err, E_SHUTTING_DOWN, NULL);
    return NULL;
}

const struct http_reply *
http_call_wait(struct http_call *call)
{
    CHECK(call->magic == CALL_MAGIC);
    pthread_mutex_lock(&call->lock);
    while (!atomic_load(&call->done))
        pthread_cond_wait(&call->finished, &call->lock);
    pthread_mutex_unlock(&call->lock);
    return &call->reply;
}

const struct http_reply *
http_call_poll(const struct http_call *call)
{
    CHECK(call->magic == CALL_MAGIC);
    return atomic_load(&call->done) ? &call->reply : NULL;
}

void
http_call_cancel(struct http_call *call)
{
    CHECK(call->magic == CALL_MAGIC);
    pthread_mutex_lock(&call->lock);
    if (!atomic_load(&call->done)) { /* so the client is there: it needs this lock to end the call */
        atomic_store(&call->cancelled, true);
        atomic_fetch_add(&call->client->cancels, 1);
        curl_multi_wakeup(call->client->multi);
    }
    pthread_mutex_unlock(&call->lock);
}

void
http_call_free(struct http_call *call)
{
    if (!call)
        return;
    http_call_cancel(call);
    http_call_wait(call);
    call_destroy(call);
}
