/*
 * Fetching: drives a reader with a sender until there is a page.
 *
 * Answers are kept until the reader has come to a page, a wait or an end, because it may still look at
 * them (a parent's page while its children are read).
 */
#include "engine/fetch.h"

#include "engine/engine_priv.h"

#define QUOTA_WAIT_IN_PLACE_MS 500 /* a budget that is used up holds no worker for longer */
#define BUDGET_BYTES_MAX (1024 * 1024)
#define REFRESH_POLL_MS 200
#define REFRESH_POLLS_MAX 450 /* longer than the refresh lock lasts */

/* A budget that this configuration makes no sense of holds nobody: the vendor's own words still do. */
static void
budget_begin(struct fetch *f)
{
    struct err err = {0};
    const struct account *account = f->account;
    arena_init(&f->budget_arena, BUDGET_BYTES_MAX);
    if (f->quota != NULL && !budget_make(account->template, &f->budget_arena, account->effective,
                                         clock_wall_us(account->engine->options.clock), &f->budget, &err))
        log_err(LOG_WARN, "a template's own budget is not kept", &err);
}

void
fetch_init(struct fetch *f, struct account *account, const struct sender *sender, struct reader *reader)
{
    *f = (struct fetch){.sender = *sender, .account = account, .reader = reader, .probe = account->probe};
    guess_init(&f->guess, 1);
    if (account->stored && account->credential[0] != '\0')
        f->quota = quota_use_begin(account->engine->quotas, account->connection.tenant, account->credential);
    budget_begin(f);
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &attr);
    pthread_condattr_destroy(&attr);
}

void
fetch_write_down(struct fetch *f, struct request_log *log)
{
    f->requests = log;
    f->sender = request_log_sender(log);
}

static void *
call_take(struct fetch *f)
{
    pthread_mutex_lock(&f->lock);
    void *call = f->call;
    f->call = NULL;
    pthread_mutex_unlock(&f->lock);
    return call;
}

/* Requests that were allowed and then dropped have no answer. */
static void
quota_settle(struct fetch *f)
{
    size_t on_way = (f->call != NULL) + f->guess.count;
    for (; f->quota_counted > on_way; f->quota_counted--)
        quota_answered(f->quota, NULL, f->quota_scope, NULL, f->charge, NULL);
}

static void
answers_forget(struct fetch *f)
{
    for (size_t i = 0; i < f->answer_count; i++)
        f->sender.free(f->answers[i]);
    f->answer_count = 0;
}

static void
refresh_give_up(struct fetch *f)
{
    if (f->refreshing)
        account_refresh_give_up(f->account);
    f->refreshing = false;
}

void
fetch_reader(struct fetch *f, struct reader *reader)
{
    f->sender.free(call_take(f));
    guess_drop(&f->guess, &f->sender);
    guess_init(&f->guess, f->guess.concurrency);
    quota_settle(f);
    refresh_give_up(f);
    reader_free(f->reader);
    answers_forget(f);
    f->reader = reader;
    f->has_ahead = false;
}

void
fetch_release(struct fetch *f)
{
    if (f->account == NULL)
        return;
    fetch_reader(f, NULL);
    quota_use_end(f->quota);
    arena_release(&f->budget_arena);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    *f = (struct fetch){0};
}

void
fetch_stop(void *ctx)
{
    struct fetch *f = ctx;
    pthread_mutex_lock(&f->lock);
    f->stopped = true;
    if (f->call != NULL)
        f->sender.cancel(f->call);
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

static bool
is_stopped(struct fetch *f)
{
    pthread_mutex_lock(&f->lock);
    bool stopped = f->stopped;
    pthread_mutex_unlock(&f->lock);
    return stopped || (f->lease != NULL && lease_is_stopped(f->lease));
}

/* False: stopped meanwhile. */
static bool
wait_in_place(struct fetch *f, int64_t ms)
{
    struct timespec until = clock_deadline(ms * US_PER_MS);
    pthread_mutex_lock(&f->lock);
    while (!f->stopped && pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&f->lock);
    return !is_stopped(f);
}

static struct str
host_of(struct str url)
{
    struct http_url parts;
    return http_url_parse(url, &parts) ? parts.host : STR("");
}

static void
page_deadline(struct fetch *f)
{
    if (f->lease != NULL)
        lease_page_begin(f->keeper, f->lease, FETCH_PAGE_MS);
}

/* Which of the template's policies counts the request that is due. */
static void
budget_charge(struct fetch *f, const struct http_request *request)
{
    struct arena_mark mark = arena_mark(&f->budget_arena);
    f->charge = budget_charge_of(f->budget, &f->budget_arena, request);
    arena_rewind(&f->budget_arena, mark);
}

/* 0: the request may go, and is counted. */
static int64_t
quota_wait(struct fetch *f)
{
    int64_t wait_ms = f->quota == NULL ? 0 : quota_ask(f->quota, f->quota_class, f->quota_scope, f->charge, f->quota_words,
                                                       sizeof(f->quota_words));
    if (f->quota != NULL && wait_ms == 0)
        f->quota_counted++;
    return wait_ms;
}

static bool
quota_allows(void *ctx)
{
    return quota_wait(ctx) == 0;
}

/* With this page's request on its way, those of the pages behind it follow. */
static void
guess_more(struct fetch *f, const struct http_request *request)
{
    guess_learn(&f->guess, request);
    unsigned sent = guess_send(&f->guess, &f->sender, request, quota_allows, f);
    if (f->numbers != NULL)
        f->numbers->requests += sent;
}

/* Puts the request on its way. False: it cannot be sent, and the reader was told why. */
static bool
start_call(struct fetch *f, const struct reader_event *event)
{
    struct http_request request = event->request;
    request.operator_address = account_is_operator_url(f->account, request.url);
    request.once = request.once || (f->probe != NULL && !f->probe->taken);
    struct err err = {0};
    page_deadline(f);
    if (f->numbers != NULL)
        f->numbers->requests++;
    bool page = event->purpose == READER_FOR_PAGE;
    request_log_about(f->requests, event->purpose);
    void *call = page ? guess_take(&f->guess, &f->sender, &request) : NULL;
    if (call == NULL)
        call = f->sender.start(f->sender.ctx, &request, &err);
    if (call == NULL) {
        f->unsent = (struct http_reply){.code = err.code, .sent_wall_us = clock_wall_us(f->account->engine->options.clock)};
        snprintf(f->unsent.message, sizeof(f->unsent.message), "%.180s", err.message);
        quota_settle(f);
        reader_reply(f->reader, &f->unsent);
        return false;
    }
    pthread_mutex_lock(&f->lock);
    f->call = call;
    if (f->stopped)
        f->sender.cancel(call);
    pthread_mutex_unlock(&f->lock);
    if (page)
        guess_more(f, &request);
    return true;
}

static bool
host_is_alive(const struct http_reply *reply)
{
    if (reply->code == E_NETWORK || reply->code == E_TIMEOUT)
        return false;
    return reply->status < 500;
}

static void
quota_note(struct fetch *f, const struct reader_event *event, const struct http_reply *reply)
{
    if (f->quota == NULL || event->purpose == READER_FOR_TOKEN || f->quota_counted == 0)
        return;
    f->quota_counted--;
    quota_answered(f->quota, json_get_c(template_info(f->account->template)->tidemark, "limits"), f->quota_scope, f->budget,
                   f->charge, reply);
}

static void
probe_note(struct fetch_probe *probe, const struct reader_event *event, const struct http_reply *reply)
{
    if (probe != NULL && !probe->taken)
        *probe = (struct fetch_probe){.taken = true, .opening = reply->opening,
                                      .https = str_starts_nocase(event->request.url, STR("https:"))};
}

/* Waits for the call and feeds the reader. False: stopped. */
static bool
finish_call(struct fetch *f, const struct reader_event *event)
{
    const struct http_reply *reply = f->sender.wait(f->call);
    void *call = call_take(f);
    if (reply->code == E_CANCELLED || reply->code == E_SHUTTING_DOWN || is_stopped(f)) {
        f->sender.free(call);
        quota_settle(f);
        return false;
    }
    if (f->numbers != NULL && (reply->code != E_OK || reply->status >= 400))
        f->numbers->errors++;
    if (f->circuit != NULL)
        circuit_report(f->circuit, host_of(event->request.url), host_is_alive(reply));
    f->bytes += (int64_t)reply->body.len;
    quota_note(f, event, reply);
    probe_note(f->probe, event, reply);
    reader_reply(f->reader, reply);
    f->answers[f->answer_count++] = call;
    return true;
}

enum answer { ANSWERED, ANSWER_STOPPED, ANSWER_WAIT, ANSWER_AGAIN, ANSWER_FAILED };

/* The lock of the refresh, or what somebody else's refresh brought. */
static enum answer
token_turn(struct fetch *f, struct err *err)
{
    for (int i = 0; i < REFRESH_POLLS_MAX; i++) {
        bool changed = false, taken = false;
        if (!account_reload_tokens(f->account, &changed, err))
            return ANSWER_FAILED;
        if (changed) {
            reader_config_replace(f->reader, f->account->effective);
            return ANSWER_AGAIN;
        }
        if (!account_refresh_begin(f->account, &taken, err))
            return ANSWER_FAILED;
        if (taken) {
            f->refreshing = true;
            return ANSWERED;
        }
        page_deadline(f);
        if (!wait_in_place(f, REFRESH_POLL_MS))
            return ANSWER_STOPPED;
    }
    err_set(err, E_UNAVAILABLE, "Somebody else refreshes this connection's token and does not finish");
    return ANSWER_FAILED;
}

/* A host that is down: wait_ms_out says for how long it is left alone. */
static bool
circuit_is_open(struct fetch *f, const struct reader_event *event, int64_t *wait_ms_out)
{
    if (f->circuit == NULL)
        return false;
    *wait_ms_out = circuit_wait_ms(f->circuit, host_of(event->request.url));
    return *wait_ms_out > 0;
}

/* The budget of the credential: a moment is waited for here, more parks. */
static enum answer
quota_turn(struct fetch *f, struct reader_event *event)
{
    if (event->purpose == READER_FOR_TOKEN || (event->purpose == READER_FOR_PAGE && guess_has(&f->guess, &event->request)))
        return ANSWERED;
    budget_charge(f, &event->request);
    for (int64_t wait_ms; (wait_ms = quota_wait(f)) > 0;) {
        if (wait_ms > QUOTA_WAIT_IN_PLACE_MS) {
            event->wait_ms = wait_ms;
            event->wait_reason = str_from_c(f->quota_words);
            event->rate_limited = true;
            return ANSWER_WAIT;
        }
        page_deadline(f);
        if (!wait_in_place(f, wait_ms))
            return ANSWER_STOPPED;
    }
    return ANSWERED;
}

static enum answer
answer_request(struct fetch *f, struct reader_event *event, struct err *err)
{
    if (f->answer_count == FETCH_ANSWERS_MAX) {
        err_set(err, E_LIMIT, "The template asks for more than %d requests before it comes to a page", FETCH_ANSWERS_MAX);
        return ANSWER_FAILED;
    }
    if (f->call == NULL) {
        if (event->purpose == READER_FOR_TOKEN && !f->refreshing) {
            enum answer turn = token_turn(f, err);
            if (turn != ANSWERED)
                return turn;
        }
        if (circuit_is_open(f, event, &event->wait_ms)) {
            event->wait_reason = STR("The vendor does not answer: left alone for a while");
            event->rate_limited = false;
            event->wait_code = E_VENDOR_UNAVAILABLE;
            event->retries_max = LIMIT_RETRY_5XX;
            return ANSWER_WAIT;
        }
        enum answer turn = quota_turn(f, event);
        if (turn != ANSWERED)
            return turn;
        if (!start_call(f, event))
            return ANSWERED;
    }
    return finish_call(f, event) ? ANSWERED : ANSWER_STOPPED;
}

static enum reader_step
next_step(struct fetch *f, struct arena *page, struct reader_event *event, struct err *err)
{
    if (!f->has_ahead) {
        arena_clear(page);
        *event = (struct reader_event){0};
        return reader_next(f->reader, page, event, err);
    }
    f->has_ahead = false;
    *event = f->ahead;
    if (f->ahead_step == READER_FAILED)
        *err = f->ahead_err;
    return f->ahead_step;
}

static bool
save_token(struct fetch *f, const struct reader_event *event, struct err *err)
{
    guess_drop(&f->guess, &f->sender); /* they carry the old one */
    bool ok = account_refresh_save(f->account, event->config_patch, event->token_expires_us, err);
    if (ok)
        f->refreshing = false;
    return ok;
}

/* What a step means; -1: go on. */
static int
take_step(struct fetch *f, enum reader_step step, struct reader_event *event, struct err *err)
{
    switch (step) {
    case READER_REQUEST:
        switch (answer_request(f, event, err)) {
        case ANSWERED:
        case ANSWER_AGAIN: return -1;
        case ANSWER_STOPPED: return FETCH_STOPPED;
        case ANSWER_WAIT: return FETCH_WAIT;
        case ANSWER_FAILED: return FETCH_FAILED;
        }
        return FETCH_FAILED;
    case READER_TOKEN:
        return save_token(f, event, err) ? -1 : FETCH_FAILED;
    case READER_WAIT:
        request_log_wait(f->requests, event->wait_reason);
        guess_drop(&f->guess, &f->sender); /* the vendor wants to be left alone */
        refresh_give_up(f);
        answers_forget(f);
        if (event->wait_ms > FETCH_WAIT_IN_PLACE_MS || event->remote_job)
            return FETCH_WAIT;
        page_deadline(f);
        return wait_in_place(f, event->wait_ms) ? -1 : FETCH_STOPPED;
    case READER_PAGE: return FETCH_PAGE;
    case READER_DONE: return FETCH_DONE;
    case READER_FAILED: return FETCH_FAILED;
    }
    return FETCH_FAILED;
}

enum fetch_result
fetch_next(struct fetch *f, struct arena *page, struct reader_event *event_out, struct err *err)
{
    for (int i = 0; i < FETCH_STEPS_MAX; i++) {
        if (is_stopped(f))
            return FETCH_STOPPED;
        struct reader_event event = {0};
        enum reader_step step = next_step(f, page, &event, err);
        int result = take_step(f, step, &event, err);
        if (result < 0)
            continue;
        if (result == FETCH_PAGE)
            guess_page(&f->guess, event.declared_total, event.records_read, f->bytes);
        refresh_give_up(f);
        answers_forget(f);
        *event_out = event;
        return (enum fetch_result)result;
    }
    err_set(err, E_RUN_LIMIT, "The template takes too many steps without coming to a page");
    return FETCH_FAILED;
}

void
fetch_ahead(struct fetch *f, struct arena *page)
{
    if (is_stopped(f))
        return;
    arena_clear(page);
    f->ahead = (struct reader_event){0};
    f->ahead_err = (struct err){0};
    f->ahead_step = reader_next(f->reader, page, &f->ahead, &f->ahead_err);
    f->has_ahead = true;
    int64_t wait_ms = 0;
    if (f->ahead_step != READER_REQUEST || f->ahead.purpose == READER_FOR_TOKEN || circuit_is_open(f, &f->ahead, &wait_ms))
        return;
    bool guessed = f->ahead.purpose == READER_FOR_PAGE && guess_has(&f->guess, &f->ahead.request);
    if (!guessed)
        budget_charge(f, &f->ahead.request);
    if (!guessed && !quota_allows(f))
        return; /* fetch_next waits for its turn */
    /* A request that cannot even be sent was answered with its reason: the reader goes on from there. */
    if (!start_call(f, &f->ahead))
        f->has_ahead = false;
}
