/*
 * One call to the vendor, and what its outcome means for a push.
 *
 * The request goes the way of a run's: the address policy, the circuit of a host that is down, one refresh of a token at a time, and
 * whoever stops the run ends the wait. Nothing is sent twice here; the outbox decides what comes again.
 */
#include "engine/push.h"

enum push_answer
push_answer_of(enum err_code code)
{
    switch ((int)code) {
    case E_VENDOR_REFUSED:
    case E_VALIDATION_FAILED:
    case E_EXPRESSION:
    case E_TEMPLATE_INVALID:
    case E_LIMIT:
    case E_TOO_LARGE: return PUSH_REFUSED;
    case E_VENDOR_RATE_LIMITED: return PUSH_WAIT;
    case E_SHUTTING_DOWN: return PUSH_STOPPED;
    case E_VENDOR_UNAVAILABLE:
    case E_VENDOR_UNCERTAIN:
    case E_NETWORK:
    case E_TIMEOUT:
    case E_BAD_PAGE:
    case E_PAGE_TOO_LARGE: return PUSH_UNKNOWN;
    default: return PUSH_FATAL;
    }
}

static yyjson_val *
keep(struct arena *a, yyjson_val *value)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *copy = doc == NULL ? NULL : yyjson_val_mut_copy(doc, value);
    return copy == NULL ? NULL : json_freeze(a, copy);
}

static enum push_answer
drive(struct work *w, struct arena *a, yyjson_val **result_out, int64_t *observed_us_out, int64_t *wait_ms_out, struct err *err)
{
    struct reader_event event = {0};
    switch (fetch_next(&w->fetch, &w->pages[0], &event, err)) {
    case FETCH_PAGE:
        *observed_us_out = event.observed_wall_us;
        *result_out = event.record_count > 0 ? keep(a, event.records[0].value) : NULL;
        if (event.record_count == 0 || *result_out != NULL)
            return PUSH_ANSWERED;
        err_no_memory(err);
        return PUSH_FATAL;
    case FETCH_WAIT:
        err_set(err, event.rate_limited ? E_VENDOR_RATE_LIMITED : E_VENDOR_UNAVAILABLE, "%.*s", STR_ARG(event.wait_reason));
        *wait_ms_out = event.wait_ms;
        return event.rate_limited ? PUSH_WAIT : PUSH_UNKNOWN;
    case FETCH_STOPPED: return PUSH_STOPPED;
    case FETCH_DONE: return PUSH_ANSWERED;
    case FETCH_FAILED: break;
    }
    *wait_ms_out = err->retry_after_ms;
    return push_answer_of(err->code);
}

enum push_answer
push_call(struct work *w, struct arena *a, const struct template_operation *operation, yyjson_val *input, yyjson_val **result_out,
          int64_t *observed_us_out, int64_t *wait_ms_out, struct err *err)
{
    *result_out = NULL;
    *wait_ms_out = 0;
    *observed_us_out = clock_wall_us(w->engine->options.clock);
    if (input == NULL) {
        err_no_memory(err);
        return PUSH_FATAL;
    }
    if (!template_operation_accept(operation, a, input, &input, err))
        return push_answer_of(err->code);
    struct reader_options options = {.template = w->account.template, .config = w->account.effective, .concurrency = 1,
                                     .now_us = clock_wall_us(w->engine->options.clock)};
    struct reader *reader = reader_new_operation(&options, operation, input, err);
    if (reader == NULL)
        return push_answer_of(err->code);
    request_log_stream(w->requests, work_stream(w)->info.name);
    fetch_reader(&w->fetch, reader);
    enum push_answer answer = drive(w, a, result_out, observed_us_out, wait_ms_out, err);
    fetch_reader(&w->fetch, NULL);
    return answer;
}

/* ---- looking before writing */

enum push_answer
push_read(struct work *w, struct push_item *item, yyjson_val **record_out, int64_t *wait_ms_out, struct err *err)
{
    *record_out = NULL;
    *wait_ms_out = 0;
    struct reader_options options = {.template = w->account.template, .stream = work_stream(w)->info.name, .config = w->account.effective,
                                     .concurrency = 1, .now_us = clock_wall_us(w->engine->options.clock)};
    struct reader *reader = reader_new_single(&options, item->row.external_id, err);
    if (reader == NULL)
        return push_answer_of(err->code);
    request_log_stream(w->requests, work_stream(w)->info.name);
    fetch_reader(&w->fetch, reader);
    enum push_answer answer = drive(w, &w->push->items, record_out, &item->observed_us, wait_ms_out, err);
    fetch_reader(&w->fetch, NULL);
    return answer;
}

bool
push_is_known(struct work *w, const struct push_item *item, yyjson_val *record, bool *known_out, struct err *err)
{
    struct page_batch b = {0};
    struct reader_record one = {.value = record, .rejected = STR_NONE, .cursor_us = INT64_MIN};
    struct reader_event event = {.records = &one, .record_count = 1, .records_read = 1, .declared_total = -1,
        .observed_wall_us = item->observed_us};
    bool ok = page_prepare(&b, &work_stream(w)->context, &w->push->items, &event, false, err);
    *known_out = ok && (b.rejected_count > 0 || b.item_count != 1 ||
                        (item->row.fingerprint.len == FINGERPRINT_BYTES &&
                         memcmp(b.items[0].fingerprint, item->row.fingerprint.ptr, FINGERPRINT_BYTES) == 0));
    page_batch_release(&b);
    return ok;
}
