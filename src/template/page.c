/*
 * From an answer to a page of records (manifest-format, rules 14 to 17, 25, 26).
 *
 * An answer that is not what a page must be is a BAD_PAGE and is asked for again: a broken or empty body,
 * a body that is no object or list, HTML with status 200. It is never taken for "no records", because a
 * full pass would then believe that everything is gone (F19, F21). Only 204 and 205 are empty.
 */
#include "template/page_priv.h"

#include "base/hash.h"
#include "base/limits.h"
#include "template/properties_priv.h"

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

/* ---- the next page */

static bool
feed_is_past(struct picking *p)
{
    int64_t us;
    const struct reader *r = p->r;
    if (!r->has_cursor || !r->cursor.plan->data_feed || !p->last || !cursor_record_us(&r->cursor, p->page, p->last, &us))
        return false;
    return us < page_sync_start_us(r) || !drift_keeps(r, us);
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
    return hash_add_whole(hash_add_whole(HASH_START, r->partition_text), buf_str(&r->token)) + r->slices_done +
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
    if (!test_accepts(r, scope, body, err) || !page_pick(&p, scope, &span, err))
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
        return page_keep_fault(r, err) ? end_badly(r, page, event, err) : PAGE_FAILED;
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
