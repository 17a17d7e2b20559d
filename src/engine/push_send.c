/*
 * One call to the vendor, and what its outcome means for a push.
 *
 * The request goes the way of a run's: the address policy, the circuit of a host that is down, one refresh of a token at a time, and
 * whoever stops the run ends the wait. Nothing is sent twice here; the outbox decides what comes again.
 */
#include "engine/push.h"

#include "engine/match_key.h"

static enum push_answer
answer_of(enum err_code code)
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
    return answer_of(err->code);
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
        return answer_of(err->code);
    struct reader_options options = {.template = w->account.template, .config = w->account.effective, .concurrency = 1,
                                     .now_us = clock_wall_us(w->engine->options.clock)};
    struct reader *reader = reader_new_operation(&options, operation, input, err);
    if (reader == NULL)
        return answer_of(err->code);
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
        return answer_of(err->code);
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

/* ---- looking somebody up */

bool
push_keys_of(struct work *w, struct arena *a, yyjson_val *record, struct mapped *mapped_out, struct str *email_out, struct str *phone_out,
             struct err *err)
{
    const struct page_context *c = &work_stream(w)->context;
    if (!mapping_apply(c->mapping, a, record, NULL, w->account.effective, c->now_us, mapped_out, err))
        return false;
    *email_out = match_key_email(a, mapped_out->email);
    *phone_out = match_key_phone(a, mapped_out->phone, c->region);
    return true;
}

struct candidates {
    struct push_item *item;
    bool by_phone;
    enum push_found found;
    yyjson_val *record;
    struct str id;
};

/* The vendor's search may be generous: only the very key counts. Two people may share a phone, so an e-mail that says otherwise wins. */
static bool
consider(struct work *w, struct arena *a, struct candidates *c, yyjson_val *record, struct err *err)
{
    struct mapped mapped;
    struct str email, phone;
    if (!yyjson_is_obj(record))
        return true;
    if (!push_keys_of(w, a, record, &mapped, &email, &phone, err))
        return false;
    bool is_it = c->by_phone ? str_eq(phone, c->item->key_phone) && (str_is_none(email) || str_is_none(c->item->key_email))
                             : str_eq(email, c->item->key_email);
    if (!is_it || mapped.external_id.len == 0 || mapped.deleted || (c->found != PUSH_FOUND_NONE && str_eq(c->id, mapped.external_id)))
        return true;
    c->found = c->found == PUSH_FOUND_NONE ? PUSH_FOUND_ONE : PUSH_FOUND_SEVERAL;
    c->record = record;
    c->id = mapped.external_id;
    return true;
}

static enum push_answer
look_by(struct work *w, struct candidates *c, int64_t *observed_us_out, int64_t *wait_ms_out, struct err *err)
{
    size_t i, count;
    yyjson_val *result = NULL, *record;
    struct push *p = w->push;
    const struct push_stream *s = &p->streams[w->stream_at];
    struct str key = c->by_phone ? c->item->key_phone : c->item->key_email, ignored, value;
    str_cut(key, ':', &ignored, &value);
    enum push_answer answer = push_call(w, &p->items, s->match, push_input_match(&p->items,
        c->by_phone ? "phone" : "email", value), &result,
                                        observed_us_out, wait_ms_out, err);
    if (answer != PUSH_ANSWERED)
        return answer;
    bool ok = true;
    if (yyjson_is_arr(result)) {
        yyjson_arr_foreach(result, i, count, record)
            ok = ok && consider(w, &p->items, c, record, err);
    } else {
        ok = consider(w, &p->items, c, result, err);
    }
    return ok ? PUSH_ANSWERED : answer_of(err->code);
}

enum push_answer
push_look(struct work *w, struct push_item *item, enum push_found *found_out, yyjson_val **record_out, int64_t *observed_us_out,
          int64_t *wait_ms_out, struct err *err)
{
    const struct push_stream *s = &w->push->streams[w->stream_at];
    struct candidates c = {.item = item};
    enum push_answer answer = PUSH_ANSWERED;
    if (s->by_email && !str_is_none(item->key_email))
        answer = look_by(w, &c, observed_us_out, wait_ms_out, err);
    if (answer == PUSH_ANSWERED && c.found == PUSH_FOUND_NONE && s->by_phone && !str_is_none(item->key_phone)) {
        c.by_phone = true;
        answer = look_by(w, &c, observed_us_out, wait_ms_out, err);
    }
    *found_out = c.found;
    *record_out = c.record;
    return answer;
}
