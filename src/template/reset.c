/*
 * Pagination reset: a slice's pages begin anew, by a response filter's RESET_PAGINATION or after so many records
 * (PaginationReset, PaginationResetLimits), for vendors that show only the first thousands of a list.
 *
 * With SPLIT_USING_CURSOR the slice then begins at the greatest cursor value seen in it, which the vendor must list in
 * ascending order; else the same slice is read once more. A reset that would ask for what was asked for before gets
 * nowhere, and the read fails.
 */
#include "template/reader_priv.h"

#define RESETS_WITH_CURSOR 1    /* to the same start: there is no point in asking again */
#define RESETS_WITHOUT_CURSOR 2 /* the first one is a try again */

bool
reset_compile(struct compiler *c, const struct node *n, struct template_stream *s)
{
    const struct node *limit = node_get_c(node_get_c(n, "limits"), "number_of_records");
    struct str action = node_text_at(n, "action");
    if (!n || n->type == NODE_NULL)
        return true;
    if (n->type != NODE_MAP || (node_text_at(n, "type").len && !node_type_is(n, "PaginationReset")))
        return refuse_component(c, n);
    s->reset.by_cursor = str_eq(action, STR("SPLIT_USING_CURSOR"));
    if (!s->reset.by_cursor && !str_eq(action, STR("RESET")))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a PaginationReset's action is RESET or SPLIT_USING_CURSOR", n->line);
    if (!limit || limit->type == NODE_NULL)
        return true;
    if (!str_to_i64(limit->text, 1, INT32_MAX, &s->reset.limit))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: number_of_records must be a whole number above nothing", limit->line);
    return !text_given(&s->selector.filter) || refuse(c, "has PaginationResetLimits beside a record filter, which hides what is counted");
}

void
reset_begin(struct reader *r)
{
    r->reset = (struct page_reset){.start_us = INT64_MIN, .recent_us = INT64_MIN};
}

void
reset_observe(struct reader *r, int64_t us)
{
    r->reset.records++;
    if (us > r->reset.recent_us)
        r->reset.recent_us = us;
}

bool
reset_is_due(const struct reader *r)
{
    return r->stream->reset.limit > 0 && r->reset.records >= r->stream->reset.limit;
}

/* Where the slice would begin; the same as before: it gets nowhere. */
static bool
moves(struct reader *r, struct arena *scratch, int64_t *start_us_out)
{
    int64_t before_us = r->reset.start_us != INT64_MIN ? r->reset.start_us : r->span.start_us;
    bool by_cursor = r->stream->reset.by_cursor && r->has_cursor;
    *start_us_out = by_cursor && r->reset.recent_us != INT64_MIN ? r->reset.recent_us : by_cursor ? r->span.start_us : before_us;
    return by_cursor && !str_eq(cursor_format(&r->cursor, scratch, *start_us_out), cursor_format(&r->cursor, scratch, before_us));
}

bool
reset_pages(struct reader *r, struct arena *scratch, struct err *err)
{
    int64_t start_us, cap_us = r->drift.cap_us, recent_us = r->slice_recent_us;
    uint64_t pages = r->pages;
    struct page_reset next = r->reset;
    bool moved = moves(r, scratch, &start_us);
    next.same = moved ? 0 : next.same + 1;
    if (next.same >= (r->stream->reset.by_cursor && r->has_cursor ? RESETS_WITH_CURSOR : RESETS_WITHOUT_CURSOR))
        return err_set(err, E_CURSOR_LOOP, "Stream %.*s: its pages begin anew and the slice is no smaller than before",
                       STR_ARG(r->stream->info.name));
    next.start_us = moved ? start_us : next.start_us;
    next.records = 0;
    next.total++;
    if (!reader_open_slice_at(r, r->span, next.start_us, err))
        return false;
    r->reset = next;
    r->pages = pages;
    r->drift.cap_us = cap_us;
    r->slice_recent_us = recent_us;
    return true;
}
