/*
 * From an answer to a page of records (manifest-format, rules 14 to 17, 19 to 28).
 *
 * An answer that is not what a page must be is a BAD_PAGE and is asked for again: a broken or empty body,
 * a body that is no object or list, HTML with status 200. It is never taken for "no records", because a
 * full pass would then believe that everything is gone (F19, F21). Only 204 and 205 are empty.
 *
 * The watermark is careful. A record that changes while we read moves: in a feed, newest first, to pages
 * we have already seen; so only the first page of a feed counts, and elsewhere nothing later than the
 * moment the slice was begun, by the vendor's clock where it tells and by ours. What changed since then is
 * newer than the watermark and comes with the next run (I-5, I-6).
 */
#include "template/reader_priv.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/rng.h"
#include "template/properties_priv.h"

/* ---- hashes of tokens */

static bool
seen_grow(struct seen *seen)
{
    size_t size = seen->size ? seen->size * 2 : 64;
    uint64_t *slots = alloc_zeroed(size, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < seen->size; i++) {
        size_t at = (size_t)seen->slots[i] & (size - 1);
        while (seen->slots[i] && slots[at])
            at = (at + 1) & (size - 1);
        if (seen->slots[i])
            slots[at] = seen->slots[i];
    }
    free(seen->slots);
    seen->slots = slots, seen->size = size;
    return true;
}

bool
seen_add(struct seen *seen, uint64_t hash)
{
    if (hash == 0 || (seen->count * 2 >= seen->size && !seen_grow(seen)))
        return true; /* no memory: the run's other caps still end a loop */
    size_t at = (size_t)hash & (seen->size - 1);
    for (; seen->slots[at]; at = (at + 1) & (seen->size - 1))
        if (seen->slots[at] == hash)
            return false;
    seen->slots[at] = hash;
    seen->count++;
    return true;
}

void
seen_release(struct seen *seen)
{
    free(seen->slots);
    *seen = (struct seen){0};
}

static uint64_t
hash_text(uint64_t h, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

/* ---- trying again */

static int64_t
default_wait_ms(const struct reader *r, const struct http_reply *reply)
{
    struct rng rng;
    int64_t asked_ms = retry_after_ms(reply, r->root->wall_us);
    if (asked_ms > 0)
        return asked_ms;
    rng_init(&rng, hash_text((uint64_t)r->options.now_us + r->attempt, r->stream->info.name));
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
    rng_init(&rng, hash_text((uint64_t)r->options.now_us + r->parse_attempt, r->stream->info.name));
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

/* ---- the body */

static const char *
body_fault(const struct reader *r, yyjson_val *body, const char *decode_fault)
{
    struct str text = str_trim(r->reply->body);
    enum decoder_kind kind = r->stream->decoder.kind;
    bool may_be_empty = kind == DECODE_CSV || kind == DECODE_JSONL || kind == DECODE_LINES || kind == DECODE_GZIP;
    if (text.len == 0 && !may_be_empty)
        return "the body is empty";
    if (text.len && text.ptr[0] == '<' && kind != DECODE_XML)
        return "it is a web page, not JSON";
    if (!body && decode_fault)
        return decode_fault;
    if (!body)
        return "it is not valid JSON";
    return yyjson_is_ctn(body) ? NULL : "it is neither an object nor a list";
}

static bool
path_is_there(const struct reader *r, struct expr_scope *scope, yyjson_val *body)
{
    struct str path[LIMIT_TEMPLATE_DEPTH];
    struct err ignored = {0};
    size_t count;
    if (!r->stream->records_required || !selector_path(&r->stream->selector, scope, path, &count, &ignored))
        return true;
    for (size_t i = 0; i < count; i++)
        if (str_eq(path[i], STR("*")))
            return true;
    return path_find(body, path, count) != NULL;
}

/* ---- records */

struct picking {
    struct reader *r;
    struct arena *page;
    struct reader_event *event;
    yyjson_val *last;
    size_t emitted;      /* by the selector, before a feed's own filter */
};

static int64_t
sync_start_us(const struct reader *r)
{
    int64_t start_us = r->state_us > r->cursor.start_us ? r->state_us : r->cursor.start_us;
    int64_t lower_us = cursor_first_lower(&r->cursor, r->state_us);
    bool cautious = r->options.overlap_us > 0; /* read again what the overlap reaches back to */
    return cautious && lower_us < start_us ? lower_us : start_us;
}

/* Is the record within what this read is for? One without a readable cursor value is. */
static bool
is_wanted(void *ctx, yyjson_val *record)
{
    struct picking *p = ctx;
    const struct reader *r = p->r;
    int64_t us;
    if (!cursor_record_us(&r->cursor, p->page, record, &us))
        return true;
    return us >= sync_start_us(r) && (!(r->cursor.plan->has_end || r->options.as_reference) || us <= r->cursor.end_us);
}

static void
observe(struct reader *r, int64_t us)
{
    bool feed = r->cursor.plan->data_feed;
    if (us == INT64_MIN)
        return;
    r->saw_records = true;
    if (!r->options.as_reference) {
        if (feed && r->pages > 0)
            return;
        if (!feed && us > r->drift.cap_us && !r->cursor.plan->count)
            us = r->drift.cap_us;
    }
    if (us > r->slice_recent_us)
        r->slice_recent_us = us;
    if ((r->cursor.plan->global || r->options.as_reference) && us > r->global_new_us)
        r->global_new_us = us;
}

/* What the resets of the slice's pages go by: every record, whatever becomes of it. */
static void
watch_reset(struct picking *p, yyjson_val *value)
{
    int64_t us = INT64_MIN;
    if (p->r->has_cursor && !cursor_record_us(&p->r->cursor, p->page, value, &us))
        us = INT64_MIN;
    reset_observe(p->r, us);
}

static void
add_record(struct picking *p, yyjson_val *value, struct str rejected)
{
    struct reader_record *record = &p->event->records[p->event->record_count];
    *record = (struct reader_record){.value = value, .rejected = rejected, .cursor_us = INT64_MIN};
    if (p->r->stream->reset.by_cursor || p->r->stream->reset.limit > 0)
        watch_reset(p, value);
    if (p->r->has_cursor && str_is_none(rejected)) {
        int64_t us = INT64_MIN;
        if (!cursor_record_us(&p->r->cursor, p->page, value, &us))
            us = INT64_MIN;
        record->cursor_us = p->r->cursor.plan->count ? INT64_MIN : us; /* a number is no time */
        if (p->r->cursor.plan->data_feed && (!is_wanted(p, value) || !drift_keeps(p->r, record->cursor_us)))
            return;
        observe(p->r, us);
    }
    p->event->record_count++;
}

/* A record for this page: at once, or once all portions of the page are there. */
static bool
give(struct picking *p, yyjson_val *value, struct str rejected, struct err *err)
{
    if (p->r->stream->properties)
        return properties_keep(p->r, value, rejected, err);
    p->last = str_is_none(rejected) ? value : p->last, p->emitted++;
    add_record(p, value, rejected);
    return true;
}

/* The field's readers hand out what stands before a failure; so do comparisons. */
static bool
keep_fault(struct reader *r, struct err *err)
{
    if (!r->options.as_reference || err->code != E_EXPRESSION)
        return false;
    r->fault = str_copy(&r->keep, str_from_c(err->message));
    *err = (struct err){.items = err->items};
    return r->fault.ptr != NULL;
}

/* They end at what is no object, once it is theirs to hand out. */
static bool
is_no_record(const struct picking *p, yyjson_val *value)
{
    struct reader *r = p->r;
    if (!r->options.as_reference || r->root != r || yyjson_is_obj(value))
        return false;
    r->fault = STR("a record is no object");
    return true;
}

static bool
pick_one(struct picking *p, struct expr_scope *scope, yyjson_val *raw, bool plain, struct err *err)
{
    const struct selector *s = &p->r->stream->selector;
    yyjson_val *value = raw;
    bool client_side = p->r->has_cursor && p->r->cursor.plan->client_side && !p->r->cursor.plan->data_feed;
    if (!plain && !selector_apply(s, scope, raw, client_side ? is_wanted : NULL, p, &value, err)) {
        if (err->code != E_EXPRESSION)
            return false;
        if (keep_fault(p->r, err))
            return true;
        struct str why = str_copy(p->page, str_from_c(err->message));
        *err = (struct err){.items = err->items};
        return give(p, raw, why.ptr ? why : STR("the template's expression failed"), err);
    }
    return !value || is_no_record(p, value) || give(p, value, STR_NONE, err);
}

static bool
records_begin(struct picking *p, size_t most, struct err *err)
{
    p->event->records = ARENA_ARRAY(p->page, struct reader_record, most + 1);
    return p->event->records || err_set(err, E_PAGE_TOO_LARGE, "The page does not fit in memory");
}

/* What the portions of this page told, laid together. */
static bool
pick_portions(struct picking *p, struct err *err)
{
    yyjson_val *loose, *merged, *item;
    size_t index, max;
    if (!properties_take(p->r, p->page, &loose, &merged, err) ||
        !records_begin(p, yyjson_arr_size(loose) + yyjson_arr_size(merged), err))
        return false;
    yyjson_arr_foreach(loose, index, max, item) {
        struct str rejected = json_str(yyjson_arr_get(item, 1));
        p->last = rejected.ptr ? p->last : yyjson_arr_get(item, 0), p->emitted++;
        add_record(p, yyjson_arr_get(item, 0), rejected);
    }
    yyjson_arr_foreach(merged, index, max, item) {
        p->last = item, p->emitted++;
        add_record(p, item, STR_NONE);
    }
    return true;
}

static bool
pick_all(struct picking *p, struct expr_scope *scope, const struct value_span *span, struct err *err)
{
    const struct selector *s = &p->r->stream->selector;
    bool client_side = p->r->has_cursor && p->r->cursor.plan->client_side;
    bool plain = s->transform_count == 0 && !s->normalize && !text_given(&s->filter) && !client_side;
    if (!p->r->stream->properties && !records_begin(p, span->count, err))
        return false;
    for (size_t i = 0; i < span->count && !p->r->fault.ptr; i++)
        if (!pick_one(p, scope, span->items[i], plain, err))
            return false;
    p->event->records_read = span->count;
    return !p->r->stream->properties || properties_more(p->r) || pick_portions(p, err);
}

/* ---- the next page */

static bool
feed_is_past(struct picking *p)
{
    int64_t us;
    const struct reader *r = p->r;
    if (!r->has_cursor || !r->cursor.plan->data_feed || !p->last || !cursor_record_us(&r->cursor, p->page, p->last, &us))
        return false;
    return us < sync_start_us(r) || !drift_keeps(r, us);
}

/* When the slice was begun: by our clock, or by the vendor's where that is behind. */
static void
set_cap(struct reader *r)
{
    int64_t vendor_us;
    struct str date = http_header_get(&r->reply->headers, "Date");
    if (r->drift.cap_us != INT64_MIN)
        return;
    r->drift.cap_us = r->options.now_us;
    if (date.len && datetime_guess(date, &vendor_us) && vendor_us < r->drift.cap_us)
        r->drift.cap_us = vendor_us;
}

/* Identity of the request that is due. */
static uint64_t
token_hash(const struct reader *r)
{
    return hash_text(hash_text(UINT64_C(0xcbf29ce484222325), r->partition_text), buf_str(&r->token)) + r->slices_done +
           (drift_hash(r) + (uint64_t)r->reset.total * 0x10001) * UINT64_C(0x9e3779b97f4a7c15) + async_salt(r);
}

static bool
store_token(struct reader *r, struct arena *page, struct value next, struct err *err)
{
    yyjson_mut_doc *doc = json_mut_doc(page);
    yyjson_mut_val *json = doc ? value_to_json(doc, next) : NULL;
    yyjson_val *frozen = json ? json_freeze(page, json) : NULL;
    buf_clear(&r->token);
    if (!frozen || !json_write(&r->token, frozen))
        return err_set(err, E_LIMIT, "The vendor's page token is too large");
    return true;
}

/* The page is good; that its pages cannot begin anew is told when they are wanted. */
static bool
begin_anew(struct picking *p)
{
    struct reader *r = p->r;
    r->pages++;
    r->phase = PHASE_SEND;
    if (!reset_pages(r, p->page, &r->stuck))
        r->phase = PHASE_STUCK;
    p->event->token_hash = token_hash(r);
    return true;
}

/* Sets the phase for what comes after this page. */
static bool
find_next(struct picking *p, struct expr_scope *scope, yyjson_val *body, size_t raw_count, bool ended, struct err *err)
{
    struct reader *r = p->r;
    struct value token = value_undefined(), next = value_undefined();
    if (r->token.len) {
        yyjson_val *json = json_parse(p->page, buf_str(&r->token), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
        token = value_from_json(json);
    }
    struct page_facts facts = {.response = yyjson_is_arr(body) ? yyjson_arr_get_first(body) : body,
                               .headers = &r->reply->headers, .page_size = raw_count, .emitted = p->emitted, .last_record = p->last};
    if (!ended && reset_is_due(r))
        return begin_anew(p);
    bool past = feed_is_past(p);
    if (!ended && !past && !pager_next(&r->stream->pager, scope, &facts, token, &next, err))
        return false;
    bool first_again = !ended && drift_next(r, token, raw_count, past, &next) && value_is_missing(next);
    r->attempt = r->parse_attempt = 0, r->refreshed = false;
    r->pages++;
    r->phase = PHASE_NEXT;
    if (value_is_missing(next) && !first_again)
        return true;
    buf_clear(&r->token);
    if (!first_again && !store_token(r, p->page, next, err))
        return false;
    r->empty_pages = raw_count ? 0 : r->empty_pages + 1;
    if (r->empty_pages > LIMIT_PAGES_WITHOUT_PROGRESS || r->pages > LIMIT_RUN_PAGES)
        return err_set(err, E_RUN_LIMIT, "Stream %.*s: %u empty pages in a row", STR_ARG(r->stream->info.name), r->empty_pages);
    p->event->token_hash = token_hash(r);
    r->phase = PHASE_SEND;
    if (!r->options.as_reference && !seen_add(&r->seen, p->event->token_hash))
        r->phase = PHASE_LOOP;
    return true;
}

/* The slice is read to its end: its greatest cursor value may be remembered. */
bool
page_close(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    event->slice_done = true;
    r->slices_done++;
    if (r->covered && !covered_add(r, err))
        return false;
    if (r->has_cursor && !r->covered && r->slice_recent_us > r->recent_us)
        r->recent_us = r->slice_recent_us;
    r->lower_us = r->has_cursor && !r->span.last ? r->span.next_us : INT64_MIN;
    bool partition_done = !r->has_cursor || r->span.last;
    if (r->has_cursor && partition_done && !state_is_global(r)) {
        int64_t base_us = r->state_us > r->cursor.start_us ? r->state_us : r->cursor.start_us;
        int64_t last_us = r->recent_us > base_us ? r->recent_us : base_us;
        if (last_us > r->global_new_us)
            r->global_new_us = last_us;
    }
    if (partition_done) {
        if (!r->has_cursor)
            r->single_partition_done = true;
        if (r->has_walk && !walk_partition_done(&r->walk, err))
            return false;
    }
    if (!state_rows(r, page, r->has_cursor, false, event, err))
        return false;
    if (partition_done)
        r->partition_open = false;
    return true;
}

bool
page_describe(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct buf b;
    buf_init(&b, LIMIT_RUN_ARENA_BYTES);
    bool ok = position_write(r, &b);
    event->position = ok ? str_copy(page, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    event->observed_wall_us = r->reply->sent_wall_us;
    event->slices_done = r->slices_done;
    event->slices_total = r->has_walk && !r->has_cursor ? walk_total(&r->walk) : 0;
    event->slice = r->slice && yyjson_obj_size(r->slice) > 0 ? json_to_text(page, r->slice) : STR("");
    if (!ok || !event->position.ptr || !event->slice.ptr)
        return err_set(err, E_PAGE_TOO_LARGE, "The place in the stream does not fit in memory");
    return true;
}

static int64_t
declared_total(const struct reader *r, struct expr_scope *scope, yyjson_val *body)
{
    struct value total;
    struct err ignored = {0};
    if (!r->stream->total_given || !body)
        return -1;
    expr_scope_set(scope, STR("response"), value_from_json(body));
    scope->steps_left = LIMIT_EXPRESSION_STEPS;
    return text_value(&r->stream->total, scope, &total, &ignored) && total.type == VALUE_INT && total.integer >= 0 ? total.integer : -1;
}

static bool
test_accepts(struct reader *r, struct expr_scope *scope, yyjson_val *body, struct err *err)
{
    const struct text *accept = &r->options.template->test_accept;
    bool accepted = true;
    if (!r->test || !text_given(accept))
        return true;
    expr_scope_set(scope, STR("response"), value_from_json(body));
    if (!text_bool(accept, scope, &accepted, err))
        return false;
    struct str words = json_str(json_get_c(json_get_c(r->options.template->info.tidemark, "test"), "message"));
    if (words.len)
        return accepted || err_set(err, E_VENDOR_REFUSED, "%.*s", STR_ARG(words));
    return accepted || err_set(err, E_VENDOR_REFUSED, "The credential does not fit the configuration");
}

/* A download may go on at another place. */
static bool
end_of_pages(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    bool more = false;
    if (r->stream->async && !async_next_target(r, &more, err))
        return false;
    if (!more)
        return page_close(r, page, event, err);
    r->phase = PHASE_SEND;
    return reader_first_token(r, err);
}

/* The page is handed out as far as it was read, and nothing comes after it. */
static enum page_step
end_badly(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    r->phase = PHASE_FAILED;
    return page_describe(r, page, event, err) ? PAGE_READY : PAGE_FAILED;
}

static enum page_step
make_page(struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body, bool ended,
          struct reader_event *event, struct err *err)
{
    struct value_span span = {0};
    struct picking p = {.r = r, .page = page, .event = event};
    if (!ended && !selector_extract(&r->stream->selector, scope, body, &span, err))
        return PAGE_FAILED;
    set_cap(r);
    event->declared_total = declared_total(r, scope, ended ? NULL : body);
    event->notice = notice_of(r, scope, page, ended ? NULL : body);
    bool more = properties_more(r);
    if (!more)
        drift_watch(r, &span, event->declared_total);
    if (!test_accepts(r, scope, body, err) || !pick_all(&p, scope, &span, err))
        return PAGE_FAILED;
    if (r->fault.ptr)
        return end_badly(r, page, event, err);
    if (more) {
        r->portions.index++;
        r->attempt = r->parse_attempt = 0, r->refreshed = false;
        return PAGE_AGAIN;
    }
    if (r->drift.sweeping) /* seen before, all but these: they must not count twice against the vendor's total */
        event->records_read = event->record_count;
    scope->steps_left = LIMIT_EXPRESSION_STEPS;
    if (!find_next(&p, scope, body, span.count, ended, err))
        return keep_fault(r, err) ? end_badly(r, page, event, err) : PAGE_FAILED;
    if (r->phase == PHASE_NEXT && !end_of_pages(r, page, event, err))
        return PAGE_FAILED;
    return page_describe(r, page, event, err) ? PAGE_READY : PAGE_FAILED;
}

static bool
wants_body(const struct reader *r)
{
    int status = r->reply->status;
    return status == 0 ? false : status < 400 || r->reply->body.len < (1 << 20);
}

/* An error's body is looked at as JSON, whatever pages come in. */
static yyjson_val *
read_body(const struct reader *r, struct arena *page, const char **fault_out, struct err *err)
{
    const struct decoder *decoder = &r->stream->decoder;
    if (decoder->kind != DECODE_JSON && r->reply->status < 400)
        return decoder_read(decoder, page, r->reply->body, fault_out);
    if (r->reply->body.len == 0)
        return NULL;
    return json_parse(page, r->reply->body, JSON_NUMBERS_RAW | JSON_ALLOW_BOM, LIMIT_JSON_DEPTH_VENDOR, err);
}

enum page_step
page_take(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    struct err parse_err = {0};
    struct value token = value_undefined();
    bool ended = false, no_content = r->reply->status == 204 || r->reply->status == 205;
    if (r->token.len)
        token = value_from_json(json_parse(page, buf_str(&r->token), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &parse_err));
    yyjson_val *body = NULL;
    const char *decode_fault = NULL;
    if (wants_body(r))
        body = read_body(r, page, &decode_fault, &parse_err);
    reader_scene(r, page, token, &scene);
    scene_scope(&scene, &scope);
    enum page_step verdict = page_judge(r, &scope, page, body, &ended, event, err);
    if (verdict != PAGE_READY)
        return verdict;
    if (!ended && no_content && !body)
        body = json_parse(page, STR("{}"), JSON_PLAIN, 4, &parse_err);
    if (!ended && !body && parse_err.code == E_TOO_LARGE) { /* asked again it would be no smaller */
        err_set(err, E_PAGE_TOO_LARGE, "Stream %.*s: %s", STR_ARG(r->stream->info.name), parse_err.message);
        return PAGE_FAILED;
    }
    if (!ended) {
        const char *fault = no_content ? NULL : body_fault(r, body, decode_fault);
        if (!fault && !no_content && !path_is_there(r, &scope, body))
            fault = "the member that holds the records is missing";
        if (fault)
            return page_bad(r, page, fault, event, err);
    }
    return make_page(r, &scope, page, body, ended, event, err);
}
