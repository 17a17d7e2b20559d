/*
 * Shifting pages: nothing that existed during the whole read may be missed (I-7).
 *
 * Numbered pages are places in a list that changes while we read it. A record that is added or moves to the
 * front pushes others back: they are seen twice, which is harmless, but the one that moved may come from a
 * page not yet read, to one read already. A record that is deleted pulls others forward, from the next page
 * to one read already: those would be missed.
 *
 * Both leave traces. When the last record of one page shows up on the next, something was pushed: a feed
 * (newest activity first) is then read once more from its front, down to where it stood when we began. When
 * the vendor's total falls, something was pulled: as many places back are read again.
 *
 * The total also guards against a page size that the template has wrong: a page shorter than expected is
 * not the end while fewer records were read than the vendor says there are.
 */
#include "base/hash.h"
#include "template/reader_priv.h"

#define STEPS_BACK_MAX 1000 /* in one slice; a vendor whose totals jump about must not hold us for ever */

static bool
is_numbered(const struct reader *r)
{
    return r->stream->pager.kind == &pager_page || r->stream->pager.kind == &pager_offset;
}

static bool
is_watched(const struct reader *r)
{
    return is_numbered(r) && !r->options.as_reference && !r->single && !r->test;
}

void
drift_begin(struct reader *r)
{
    r->drift = (struct drift){.last_total = -1, .cap_us = INT64_MIN};
}

/* Of the record's key where the stream has one, else of the whole record. Never 0. */
static uint64_t
record_hash(const struct reader *r, yyjson_val *record)
{
    struct buf b;
    yyjson_val *key = r->stream->info.primary_key, *first = yyjson_is_arr(key) ? yyjson_arr_get_first(key) : key;
    yyjson_val *id = yyjson_is_str(first) ? json_get(record, json_str(first)) : NULL;
    buf_init(&b, 1 << 20);
    json_write(&b, id ? id : record);
    uint64_t h = hash_add(HASH_START, buf_str(&b));
    buf_release(&b);
    return h ? h : 1;
}

void
drift_watch(struct reader *r, const struct value_span *span, int64_t total)
{
    struct drift *d = &r->drift;
    if (!is_watched(r))
        return;
    for (size_t i = 0; i < span->count && d->tail && !d->shifted; i++)
        d->shifted = record_hash(r, span->items[i]) == d->tail;
    d->tail = span->count ? record_hash(r, span->items[span->count - 1]) : 0;
    d->full_pages += span->count > 0;
    d->read += (int64_t)span->count;
    d->fallen = total >= 0 && d->last_total > total ? d->last_total - total : 0;
    if (total >= 0)
        d->last_total = total;
}

static struct value
step_back(struct reader *r, struct value token, size_t page_size)
{
    struct drift *d = &r->drift;
    int64_t current = token.type == VALUE_INT ? token.integer : r->stream->pager.start, size = page_size ? (int64_t)page_size : 1;
    int64_t first = r->stream->pager.kind == &pager_offset ? 0 : r->stream->pager.start;
    int64_t back = r->stream->pager.kind == &pager_offset ? d->fallen : (d->fallen + size - 1) / size;
    d->steps_back++;
    d->shifted = true;
    d->fallen = 0;
    return value_int(current - back > first ? current - back : first);
}

bool
drift_next(struct reader *r, struct value token, size_t page_size, bool at_end, struct value *next)
{
    struct drift *d = &r->drift;
    bool feed = r->has_cursor && r->stream->cursor->data_feed;
    if (!is_watched(r) || d->sweeping)
        return false;
    if (d->fallen > 0 && !value_is_missing(token) && d->steps_back < STEPS_BACK_MAX) {
        *next = step_back(r, token, page_size);
        return true;
    }
    if (value_is_missing(*next) && !at_end && page_size > 0 && d->read < d->last_total && token.type == VALUE_INT) {
        *next = value_int(token.integer + (r->stream->pager.kind == &pager_offset ? (int64_t)page_size : 1));
        return true;
    }
    if (!value_is_missing(*next) || !feed || !d->shifted || d->full_pages < 2 || r->slice_recent_us == INT64_MIN)
        return false;
    d->sweeping = true;
    d->floor_us = r->slice_recent_us;
    *next = pager_first(&r->stream->pager); /* missing where the first page has no number of its own */
    return true;
}

bool
drift_keeps(const struct reader *r, int64_t cursor_us)
{
    return !r->drift.sweeping || cursor_us == INT64_MIN || cursor_us >= r->drift.floor_us;
}

uint64_t
drift_hash(const struct reader *r)
{
    return (uint64_t)r->drift.steps_back * 2 + r->drift.sweeping;
}
