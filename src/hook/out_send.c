/*
 * One attempt to deliver an event.
 *
 * The body is made from the feed each time. What comes back is kept short and without secrets: an answer may echo
 * what we sent, but never the key it was signed with.
 */
#include "base/limits.h"
#include "base/log.h"
#include "hook/event_view.h"
#include "hook/out_priv.h"

#define SECRETS_MAX 2
#define EVENT_BYTES_MAX (16 * 1024 * 1024)

static const int64_t ladder_us[OUT_ATTEMPTS - 1] = {
    5 * US_PER_S, 5 * US_PER_MINUTE, 30 * US_PER_MINUTE, 2 * US_PER_HOUR, 5 * US_PER_HOUR, 10 * US_PER_HOUR, 10 * US_PER_HOUR,
};

int64_t
out_retry_us(int64_t attempts)
{
    return attempts >= 1 && attempts < OUT_ATTEMPTS ? ladder_us[attempts - 1] : 0;
}

/* ---- what is sent ---- */

struct body {
    struct arena *arena;
    const struct delivery *delivery;
    struct str text;             /* STR_NONE: the event is no longer kept */
};

static bool
read_body(struct db *db, void *ctx, struct err *err)
{
    struct body *body = ctx;
    struct event event;
    struct json_writer w;
    struct buf b;
    enum row row = store_event_get(db, body->arena, body->delivery->tenant, body->delivery->event, &event, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    buf_init(&b, EVENT_BYTES_MAX);
    json_writer_init(&w, &b);
    bool ok = event_view(db, body->arena, &event, &w, err);
    body->text = ok ? str_copy(body->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return ok && (!str_is_none(body->text) || err_no_memory(err));
}

static bool
sign(struct out *o, struct arena *a, const struct attempt *t, int64_t now_s, struct str body, struct str *signature,
     struct err *err)
{
    const struct subscription *s = t->subscription;
    struct secret opened[SECRETS_MAX] = {0};
    struct str secrets[SECRETS_MAX];
    struct seal_place place = out_secret_place(t->tenant, s->uuid);
    size_t count = 0;
    bool both = s->secret_old.len && s->secret_old_until_us > now_s * US_PER_S;
    bool ok = keyring_open(o->options.keys, s->tenant, &place, s->secret, &opened[count++], err) &&
              (!both || keyring_open(o->options.keys, s->tenant, &place, s->secret_old, &opened[count++], err));
    for (size_t i = 0; i < count; i++)
        secrets[i] = secret_reveal(&opened[i]);
    ok = ok && out_sign(a, t->delivery->uuid, now_s, body, secrets, count, signature, err);
    for (size_t i = 0; i < SECRETS_MAX; i++)
        secret_release(&opened[i]);
    return ok;
}

/* ---- what comes back ---- */

/* Text only, in one line, so that nothing strange is shown later. */
static struct str
short_text(struct arena *a, struct str answer)
{
    struct str text = log_redact(a, str_slice(answer, 0, OUT_RESPONSE_BYTES));
    char *out = arena_alloc_bytes(a, text.len + 1);
    if (!out || text.len == 0)
        return STR_NONE;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        out[i] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
        if (c == '\n' || c == '\r' || c == '\t')
            out[i] = ' ';
    }
    return (struct str){out, text.len};
}

static int64_t
retry_after_us(const struct http_reply *reply)
{
    int64_t seconds;
    struct str text = http_header_get(&reply->headers, "Retry-After");
    bool asked = (reply->status == 429 || reply->status == 503) && str_to_i64(text, 0, LIMIT_RETRY_AFTER_MS / 1000, &seconds);
    return asked ? seconds * US_PER_S : 0;
}

static void
judge(struct arena *a, const struct http_reply *reply, struct attempt *t)
{
    struct delivery *d = t->delivery;
    d->last_status = reply->status;
    d->duration_ms = reply->duration_us / US_PER_MS;
    d->last_response = reply->code == E_OK ? short_text(a, reply->body) : STR_NONE;
    t->delivered = reply->code == E_OK && reply->status >= 200 && reply->status < 300;
    t->gone = reply->code == E_OK && reply->status == 410;
    t->unsent = reply->code == E_CANCELLED || reply->code == E_SHUTTING_DOWN;
    t->retry_after_us = retry_after_us(reply);
    d->last_error = STR_NONE;
    if (reply->code != E_OK)
        d->last_error = str_copy(a, str_from_c(reply->message[0] ? reply->message : err_words(reply->code)));
    else if (reply->status >= 300 && reply->status < 400)
        d->last_error = STR("Redirects are not followed");
    else if (!t->delivered)
        d->last_error = STR("The address did not answer 2xx");
}

static void
failed_before_sending(struct attempt *t, struct arena *a, struct str words)
{
    t->delivery->last_status = 0;
    t->delivery->duration_ms = 0;
    t->delivery->last_response = STR_NONE;
    t->delivery->last_error = str_copy(a, words);
}

static void
set_call(struct out *o, struct out_thread *thread, void *call)
{
    pthread_mutex_lock(&o->lock);
    if (thread)
        thread->call = call;
    if (call && atomic_load(&o->stopping))
        o->options.sender.cancel(call);
    pthread_mutex_unlock(&o->lock);
}

static void
post(struct out *o, struct out_thread *thread, struct arena *a, struct attempt *t, const struct http_request *request)
{
    struct err why = {0};
    void *call = o->options.sender.start(o->options.sender.ctx, request, &why);
    if (!call) {
        t->unsent = why.code == E_SHUTTING_DOWN;
        failed_before_sending(t, a, str_from_c(why.message));
        return;
    }
    set_call(o, thread, call);
    judge(a, o->options.sender.wait(call), t);
    set_call(o, thread, NULL);
    o->options.sender.free(call);
}

bool
out_send(struct out *o, struct out_thread *thread, struct arena *a, struct attempt *t, struct err *err)
{
    struct body body = {a, t->delivery, STR_NONE};
    struct str signature;
    int64_t now_s = clock_wall_us(o->options.clock) / US_PER_S;
    if (!store_read(o->options.store, read_body, &body, err))
        return false;
    if (str_is_none(body.text)) {
        t->gone = false;
        t->delivery->attempts = OUT_ATTEMPTS;
        failed_before_sending(t, a, STR("The event is no longer kept"));
        return true;
    }
    if (!sign(o, a, t, now_s, body.text, &signature, err))
        return false;
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")}, {STR("webhook-id"), t->delivery->uuid},
        {STR("webhook-timestamp"), str_format(a, "%lld", (long long)now_s)}, {STR("webhook-signature"), signature},
    };
    struct http_request request = {.method = STR("POST"), .url = t->subscription->url, .body = body.text,
                                   .headers = {headers, ARRAY_LEN(headers)}, .total_ms = OUT_SEND_MS,
                                   .body_max = OUT_ANSWER_BYTES_MAX};
    post(o, thread, a, t, &request);
    return true;
}
