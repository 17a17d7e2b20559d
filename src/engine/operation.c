/*
 * Operations: single calls to a vendor that the connection's template declares.
 *
 * A call goes the way of a run's requests: the address policy, the circuit of a host that is down, one refresh of a
 * token at a time over all nodes (I-23). What must wait longer than a moment is given back to the caller, who may
 * come again; nothing is sent twice that may have been done.
 */
#include "engine/operation.h"

#include "engine/engine_priv.h"

#define OPERATION_PAGE_BYTES (64L * 1024 * 1024)
#define NOTE_PART_BYTES 50       /* both fit into DB_EFFECT_BYTES */

/* "There is no X; there are a, b, c". */
static bool
no_such(const struct template *t, struct str section, struct str name, struct err *err)
{
    struct buf b;
    buf_init(&b, ERR_MESSAGE_BYTES);
    for (size_t i = 0; i < template_operation_count(t); i++) {
        const struct operation_info *o = template_operation_info(template_operation_at(t, i));
        if (str_eq(o->section, section))
            buf_addf(&b, "%s%.*s", b.len ? ", " : "", STR_ARG(o->name));
    }
    struct str shown = str_slice(name, 0, 64);
    if (b.len)
        err_set(err, E_NOT_FOUND, "%.*s declares no %.*s \"%.*s\"; it has %.*s", STR_ARG(template_info(t)->display_name),
                STR_ARG(section), STR_ARG(shown), STR_ARG(buf_str(&b)));
    else
        err_set(err, E_NOT_FOUND, "%.*s declares no %.*s", STR_ARG(template_info(t)->display_name), STR_ARG(section));
    buf_release(&b);
    return false;
}

/* The reader's failure in the words and codes of an operation; vendors quote credentials back. */
static bool
give_reason(const struct err *why, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, 64 * 1024);
    struct str words = log_redact(&scratch, str_from_c(why->message));
    err_set(err, why->code == E_AUTH_EXPIRED ? E_INVALID_CREDENTIALS : why->code, "%.*s", STR_ARG(words));
    err->retry_after_ms = why->retry_after_ms;
    arena_release(&scratch);
    return false;
}

static bool
must_wait(const struct reader_event *event, struct err *err)
{
    err_set(err, event->rate_limited ? E_VENDOR_RATE_LIMITED : E_VENDOR_UNAVAILABLE, "%.*s", STR_ARG(event->wait_reason));
    err->retry_after_ms = event->wait_ms;
    return false;
}

static bool
keep_result(struct arena *a, const struct reader_event *event, yyjson_val **result_out, struct err *err)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *copy = doc == NULL ? NULL : yyjson_val_mut_copy(doc, event->records[0].value);
    *result_out = copy == NULL ? NULL : json_freeze(a, copy);
    return *result_out != NULL || err_no_memory(err);
}

static bool
drive(struct fetch *f, struct arena *a, yyjson_val **result_out, struct err *err)
{
    struct arena page;
    struct reader_event event;
    bool ok = false;
    arena_init(&page, OPERATION_PAGE_BYTES);
    switch (fetch_next(f, &page, &event, err)) {
    case FETCH_PAGE: ok = keep_result(a, &event, result_out, err); break;
    case FETCH_WAIT: must_wait(&event, err); break;
    case FETCH_STOPPED: err_set(err, E_SHUTTING_DOWN, NULL); break;
    case FETCH_DONE: err_set(err, E_INTERNAL, NULL); break;
    case FETCH_FAILED: break;
    }
    arena_release(&page);
    return ok;
}

/* ---- whoever repeats a request must not repeat its call ---- */

struct call_note {
    struct store *store;
    struct str what;
    bool harmless;
};

static bool
note_call(const struct call_note *n, struct err *err)
{
    if (!n->what.ptr)
        return err_no_memory(err);
    return n->harmless || store_note_call(n->store, n->what, false, err);
}

/* Only what says for sure that the vendor did nothing; after a stop in the middle, or an answer nobody can read, it stays noted. */
static void
note_undone(const struct call_note *n, const struct err *why)
{
    static const enum err_code sure[] = {E_VENDOR_UNAVAILABLE, E_VENDOR_RATE_LIMITED, E_VENDOR_REFUSED, E_INVALID_CREDENTIALS,
                                         E_AUTH_EXPIRED, E_VALIDATION_FAILED, E_EXPRESSION, E_ADDRESS_REFUSED};
    struct err err = {0};
    for (size_t i = 0; !n->harmless && i < ARRAY_LEN(sure); i++)
        if (why->code == sure[i] && !store_note_call(n->store, n->what, true, &err))
            log_err(LOG_WARN, "a call that was not done could not be noted", &err);
}

static bool
operate(struct account *account, struct arena *a, struct str section, struct str name, yyjson_val *input, bool repeatable,
        yyjson_val **result_out, struct err *err)
{
    struct engine *e = account->engine;
    struct err why = {0};
    struct fetch f;
    const struct template_operation *o = template_operation_find(account->template, section, name);
    if (o == NULL)
        return no_such(account->template, section, name, err);
    if (!template_operation_accept(o, a, input, &input, err) || !account_check_address(account, err))
        return false;
    struct reader_options options = {.template = account->template, .config = account->effective,
                                     .now_us = clock_wall_us(e->options.clock), .concurrency = 1};
    struct reader *reader = reader_new_operation(&options, o, input, err);
    if (reader == NULL)
        return false;
    struct str short_section = str_slice(section, 0, NOTE_PART_BYTES), short_name = str_slice(name, 0, NOTE_PART_BYTES);
    struct call_note note = {e->options.store, str_format(a, "%.*s/%.*s", STR_ARG(short_section), STR_ARG(short_name)),
                             template_operation_info(o)->safe || repeatable};
    if (!note_call(&note, err)) {
        reader_free(reader);
        return false;
    }
    fetch_init(&f, account, &e->sender, reader);
    f.numbers = &e->numbers;
    f.circuit = &e->circuit;
    f.quota_class = QUOTA_MANUAL;
    bool ok = drive(&f, a, result_out, &why);
    fetch_release(&f);
    if (!ok)
        note_undone(&note, &why);
    return ok || give_reason(&why, err);
}

struct look_up {
    struct arena *arena;
    const struct operation_call *call;
    struct connection connection;
};

static bool
find_connection(struct db *db, void *ctx, struct err *err)
{
    struct look_up *l = ctx;
    enum row row = store_connection_get(db, l->arena, l->call->tenant, l->call->connection, &l->connection, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_CONNECTION_NOT_FOUND, NULL));
}

bool
engine_operation(struct engine *e, struct arena *a, const struct operation_call *call, yyjson_val **result_out, struct err *err)
{
    struct account account = {0};
    struct look_up l = {.arena = a, .call = call};
    if (!store_read(e->options.store, find_connection, &l, err) || !account_open(e, a, call->tenant, l.connection.id, &account, err))
        return false;
    bool ok = operate(&account, a, call->section, call->name, call->input, call->repeatable, result_out, err);
    account_close(&account);
    return ok;
}
