/*
 * What an answer means that may be no page: trying again and for how long, giving up, a new token, refusal
 * (manifest-format, rules 17, 19 to 23).
 */
#include "template/reader_priv.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/rng.h"

/* ---- trying again */

static int64_t
default_wait_ms(const struct reader *r, const struct http_reply *reply)
{
    struct rng rng;
    int64_t asked_ms = retry_after_ms(reply, r->root->wall_us);
    if (asked_ms > 0)
        return asked_ms;
    rng_init(&rng, hash_add_whole((uint64_t)r->options.now_us + r->attempt, r->stream->info.name));
    int64_t wait_ms = backoff_ms(r->attempt, LIMIT_BACKOFF_BASE_MS, LIMIT_BACKOFF_CAP_MS, &rng);
    return wait_ms > LIMIT_BACKOFF_BASE_MS ? wait_ms : LIMIT_BACKOFF_BASE_MS;
}

static bool
give_up(struct reader *r, const struct http_reply *reply, bool rate_limited, const char *reason, int64_t wait_ms, struct err *err)
{
    if (rate_limited) {
        err_set(err, E_VENDOR_RATE_LIMITED, "The vendor keeps asking to slow down (%u tries)", r->attempt);
        err->retry_after_ms = wait_ms;
    } else if (reply->code == E_BAD_PAGE) {
        err_set(err, E_BAD_PAGE, "The vendor's answer broke off or is damaged (%u tries): %s", r->attempt, reply->message);
    } else if (reply->status == 0) {
        err_set(err, E_VENDOR_UNAVAILABLE, "The vendor could not be reached (%u tries): %s", r->attempt, reply->message);
    } else {
        err_set(err, E_VENDOR_UNAVAILABLE, "The vendor answered %d (%u tries): %s", reply->status, r->attempt, reason);
    }
    return false;
}

bool
retry_plan(struct reader *r, struct expr_scope *scope, const struct error_handler *h, const struct http_reply *reply,
           bool rate_limited, const char *reason, struct arena *page, struct reader_event *event, struct err *err)
{
    int64_t retries, wait_ms;
    r->attempt++;
    if (!error_handler_max_retries(h, scope, &retries, err) || !backoff_wait(h, scope, reply, r->attempt, &wait_ms, err))
        return false;
    if (wait_ms == 0)
        wait_ms = default_wait_ms(r, reply);
    if ((int64_t)r->attempt > retries)
        return give_up(r, reply, rate_limited, reason, wait_ms, err);
    event->wait_ms = wait_ms;
    event->rate_limited = rate_limited;
    event->attempt = r->attempt;
    event->wait_code = rate_limited ? E_VENDOR_RATE_LIMITED : reply->code == E_BAD_PAGE ? E_BAD_PAGE : E_VENDOR_UNAVAILABLE;
    /* Whoever parks loses our count: what the template says of its own holds there too. */
    event->retries_max = text_given(&h->max_retries) && retries < LIMIT_RETRY_5XX ? retries : LIMIT_RETRY_5XX;
    event->wait_reason = reply->status ? str_format(page, "The vendor answered %d: %s", reply->status, reason)
                                       : str_format(page, "The vendor could not be reached: %s", reply->message);
    return true;
}

enum page_step
page_bad(struct reader *r, struct arena *page, const char *why, struct reader_event *event, struct err *err)
{
    struct rng rng;
    if (++r->parse_attempt > LIMIT_RETRY_PAGE_PARSE) {
        err_set(err, E_BAD_PAGE, "Stream %.*s: %s (%d tries)", STR_ARG(r->stream->info.name), why, LIMIT_RETRY_PAGE_PARSE + 1);
        return PAGE_FAILED;
    }
    rng_init(&rng, hash_add_whole((uint64_t)r->options.now_us + r->parse_attempt, r->stream->info.name));
    event->wait_ms = LIMIT_BACKOFF_BASE_MS + backoff_ms(r->parse_attempt, LIMIT_BACKOFF_BASE_MS, LIMIT_BACKOFF_CAP_MS, &rng);
    event->attempt = r->parse_attempt;
    event->wait_code = E_BAD_PAGE;
    event->retries_max = LIMIT_RETRY_PAGE_PARSE;
    event->wait_reason = str_format(page, "The vendor's answer could not be read: %s", why);
    return PAGE_WAIT;
}

/* ---- what the answer means */

static enum page_step
refused(struct reader *r, const struct http_reply *reply, yyjson_val *body, struct judgement *j, struct arena *page, struct err *err)
{
    enum err_code code = reply->status == 401 || j->auth_expired ? E_AUTH_EXPIRED : E_VENDOR_REFUSED;
    struct str words = j->message.len ? j->message : vendor_message(page, body);
    if (words.len)
        err_set(err, code, "The vendor refused stream %.*s with status %d: %.*s", STR_ARG(r->stream->info.name), reply->status,
                (int)(words.len > 300 ? 300 : words.len), words.ptr);
    else
        err_set(err, code, "The vendor refused stream %.*s with status %d", STR_ARG(r->stream->info.name), reply->status);
    return PAGE_FAILED;
}

bool
page_may_refresh(struct reader *r, struct expr_scope *scope, const struct http_reply *reply, enum verdict verdict)
{
    struct err ignored = {0};
    const struct auth *auth = auth_choose(&reader_requester(r)->auth, scope, &ignored);
    bool asked = verdict == VERDICT_REFRESH || (verdict == VERDICT_FAIL && reply->status == 401 && !r->options.as_reference);
    if (!auth || !auth->kind->need || !asked || r->refreshed)
        return false;
    for (size_t i = 0; i < r->root->slot_count; i++)
        r->root->slots[i].session.forced = true;
    r->refreshed = true;
    return true;
}

static bool
is_final_code(enum err_code code)
{
    return code == E_ADDRESS_REFUSED || code == E_SHUTTING_DOWN || code == E_CANCELLED || code == E_PAGE_TOO_LARGE;
}

bool
page_is_parked(const struct reader *r)
{
    const struct template *t = r->options.template;
    for (size_t i = 0; i < t->park_count; i++)
        if (t->park[i] == r->reply->status)
            return true;
    return false;
}

enum page_step
page_judge(struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body, bool *empty_out,
           struct reader_event *event, struct err *err)
{
    const struct http_reply *reply = r->reply;
    const struct error_handler *h = &reader_requester(r)->errors;
    struct judgement j;
    if (is_final_code(reply->code)) {
        err_set(err, reply->code, "%s", reply->message[0] ? reply->message : err_words(reply->code));
        return PAGE_FAILED;
    }
    if (reply->code != E_OK && reply->status > 0 && reply->status < 400)
        return retry_plan(r, scope, h, reply, false, reply->message, page, event, err) ? PAGE_WAIT : PAGE_FAILED;
    if (!error_handler_judge(h, scope, reply, body, &j, err))
        return PAGE_FAILED;
    if (page_may_refresh(r, scope, reply, j.verdict))
        return PAGE_AGAIN;
    if (page_is_parked(r) && (j.verdict == VERDICT_FAIL || j.verdict == VERDICT_RETRY))
        j.verdict = VERDICT_RATE_LIMITED;
    struct str words = vendor_message(page, body);
    char reason[160] = "no reason given";
    if (words.len)
        snprintf(reason, sizeof(reason), "%.*s", (int)(words.len > 150 ? 150 : words.len), words.ptr);
    switch (j.verdict) {
    case VERDICT_SUCCESS:
    case VERDICT_IGNORE: *empty_out = reply->status >= 400 || reply->status == 0; return PAGE_READY;
    case VERDICT_RETRY:
    case VERDICT_REFRESH: return retry_plan(r, scope, h, reply, false, reason, page, event, err) ? PAGE_WAIT : PAGE_FAILED;
    case VERDICT_RATE_LIMITED: return retry_plan(r, scope, h, reply, true, reason, page, event, err) ? PAGE_WAIT : PAGE_FAILED;
    case VERDICT_RESET:
        if (r->single || async_is_aside(r))
            break;
        return reset_pages(r, page, err) ? PAGE_AGAIN : PAGE_FAILED;
    case VERDICT_FAIL: break;
    }
    if (r->single && reply->status == 404) { /* the one record does not exist */
        *empty_out = true;
        return PAGE_READY;
    }
    return refused(r, reply, body, &j, page, err);
}
