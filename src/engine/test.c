/*
 * The connection test: does the vendor take this credential?
 *
 * The template says what is asked. A refusal carries the vendor's words, redacted: some vendors quote the
 * credential back.
 */
#include "engine/engine_priv.h"
#include "engine/lists.h"
#include "engine/tell.h"
#include "queue/schedule.h"

#define TEST_PAGE_BYTES (64L * 1024 * 1024)
#define TEST_PAGES_MAX 50

static bool
is_refusal(enum err_code code)
{
    switch ((int)code) {
    case E_AUTH_EXPIRED:
    case E_INVALID_CREDENTIALS:
    case E_VENDOR_REFUSED:
    case E_VALIDATION_FAILED: return true;
    default: return false;
    }
}

/* The words of a failure, and one of the two codes a test knows. */
static bool
test_failed(const struct err *why, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, 64 * 1024);
    struct str words = log_redact(&scratch, str_from_c(why->message));
    switch ((int)why->code) {
    case E_ADDRESS_REFUSED:
    case E_PLATFORM_NOT_SUPPORTED:
    case E_TEMPLATE_REFUSED:
    case E_SHUTTING_DOWN: err_set(err, why->code, "%.*s", STR_ARG(words)); break;
    default:
        if (is_refusal(why->code))
            err_set(err, E_INVALID_CREDENTIALS, "Connection test failed: %.*s", STR_ARG(words));
        else
            err_set(err, E_VENDOR_UNAVAILABLE, "The vendor could not be reached: %.*s", STR_ARG(words));
    }
    arena_release(&scratch);
    return false;
}

static struct reader *
check_reader(struct engine *e, struct account *account, struct err *err)
{
    struct reader_options o = {.template = account->template, .config = account->effective,
                               .now_us = clock_wall_us(e->options.clock), .concurrency = 1, .first_request_only = false};
    return reader_new_check(&o, err);
}

static bool
drive_check(struct fetch *f, struct err *err)
{
    struct arena page;
    struct reader_event event;
    arena_init(&page, TEST_PAGE_BYTES);
    enum fetch_result result = FETCH_PAGE;
    for (int i = 0; i < TEST_PAGES_MAX && result == FETCH_PAGE; i++)
        result = fetch_next(f, &page, &event, err);
    if (result == FETCH_WAIT)
        err_set(err, event.rate_limited ? E_VENDOR_RATE_LIMITED : E_VENDOR_UNAVAILABLE, "%.*s", STR_ARG(event.wait_reason));
    if (result == FETCH_STOPPED)
        err_set(err, E_SHUTTING_DOWN, NULL);
    arena_release(&page);
    return result == FETCH_DONE || result == FETCH_PAGE;
}

/* The reconnect thread's test ends when the engine stops. */
static void
set_background_fetch(struct engine *e, struct fetch *f)
{
    pthread_mutex_lock(&e->lock);
    e->reconnect_fetch = f;
    if (f != NULL && atomic_load(&e->stopping))
        fetch_stop(f);
    pthread_mutex_unlock(&e->lock);
}

bool
engine_test_account(struct engine *e, struct account *account, bool background, struct err *err)
{
    struct err why = {0};
    struct fetch f;
    if (template_info(account->template)->configure_only)
        return err_set(err, E_TEMPLATE_REFUSED, "Test not implemented for this integration type");
    bool ready = account_check_address(account, &why) && lists_read(account, &(struct lists_ask){0}, &why);
    struct reader *reader = ready ? check_reader(e, account, &why) : NULL;
    if (reader == NULL)
        return test_failed(ready && account->lists_failed.code != E_OK ? &account->lists_failed : &why, err);
    fetch_init(&f, account, &e->sender, reader);
    f.numbers = &e->numbers;
    if (background)
        set_background_fetch(e, &f);
    bool ok = drive_check(&f, &why);
    if (background)
        set_background_fetch(e, NULL);
    fetch_release(&f);
    return ok || test_failed(&why, err);
}

struct test_write {
    int64_t tenant, connection;
    const struct connection *tested;
    struct connection_result result;
    bool alert;
};

static bool
write_result(struct db *db, void *ctx, struct err *err)
{
    struct test_write *t = ctx;
    struct tell_status status;
    int64_t now_us = store_now(db);
    if (!tell_status_before(db, t->tenant, t->connection, t->tested, &status, err))
        return false;
    return status.renewed ||
           (store_connection_result(db, t->tenant, t->connection, &t->result, now_us, err) &&
            tell_status_after(db, &status, 0, now_us, err) &&
            (!t->alert || tell_alert(db, t->tenant, t->connection, 0, "connection_failing", t->result.error_message, now_us, err)));
}

static void
result_of_failure(struct engine *e, const struct connection *c, const struct err *why, struct test_write *t)
{
    struct rng rng;
    rng_init_system(&rng);
    int64_t failures = c->failures + 1;
    t->alert = failures >= RECONNECT_ALERT_FAILURES && !c->alerted;
    t->result.status = CONNECTION_ERROR;
    t->result.error_code = str_from_c(err_name(why->code));
    t->result.error_message = str_from_c(why->message);
    t->result.alerted = c->alerted || t->alert;
    if (c->enabled)
        t->result.reconnect_us = schedule_reconnect_us(failures, clock_wall_us(e->options.clock), &rng);
}

bool
engine_test_connection(struct engine *e, struct arena *a, int64_t tenant, int64_t connection, bool background,
                       struct err *err)
{
    struct account account = {0};
    struct err why = {0}, write_err = {0};
    struct test_write t = {.tenant = tenant, .connection = connection,
                           .result = {.tested = true, .status = CONNECTION_ACTIVE}};
    if (!account_open(e, a, tenant, connection, &account, err))
        return false;
    struct connection before = account.connection;
    t.tested = &before;
    bool ok = engine_test_account(e, &account, background, &why);
    account_close(&account);
    if (!ok && (why.code == E_SHUTTING_DOWN || why.code == E_TEMPLATE_REFUSED)) { /* nothing was learnt of the connection */
        err_set(err, why.code, "%s", why.message);
        return false;
    }
    if (!ok)
        result_of_failure(e, &before, &why, &t);
    if (!store_write(e->options.store, write_result, &t, &write_err)) {
        *err = write_err;
        return false;
    }
    if (!ok)
        err_set(err, why.code, "%s", why.message);
    return ok;
}
