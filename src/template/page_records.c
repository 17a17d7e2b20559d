/*
 * The records of a page: picked, transformed, laid together where a page comes in portions, and watched for the cursor
 * (manifest-format, rules 25, 27, 28).
 *
 * The watermark is careful. A record that changes while we read moves: in a feed, newest first, to pages
 * we have already seen; so only the first page of a feed counts, and elsewhere nothing later than the
 * moment the slice was begun, by the vendor's clock where it tells and by ours. What changed since then is
 * newer than the watermark and comes with the next run (I-5, I-6).
 */
#include "template/page_priv.h"

#include "template/properties_priv.h"


int64_t
page_sync_start_us(const struct reader *r)
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
    return us >= page_sync_start_us(r) && (!(r->cursor.plan->has_end || r->options.as_reference) || us <= r->cursor.end_us);
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
bool
page_keep_fault(struct reader *r, struct err *err)
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
        if (page_keep_fault(p->r, err))
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

bool
page_pick(struct picking *p, struct expr_scope *scope, const struct value_span *span, struct err *err)
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
