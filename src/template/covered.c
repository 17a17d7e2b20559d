/*
 * What the field's readers remember of a partition while they read it: the spans of its finished slices, merged where
 * they touch. For comparisons alone; a run of ours needs no more than a watermark.
 *
 * Two things come of it. The state is the greatest cursor value of the first span, so what lies beyond a gap does not
 * count: a gap is left where slices are clamped, or where a bound loses more by its format than the granularity makes up
 * for. And a partition that comes a second time is read again from the end of what is covered, but for one whose slices
 * were not there the first time: that one never closes, and is passed over.
 */
#include "template/reader_priv.h"

#include <stdlib.h>

#include "base/clock.h"

struct span {
    int64_t start_us, end_us;
    int64_t recent_us;            /* greatest cursor value; INT64_MIN: none */
};

struct covered {
    struct arena *arena;
    struct span *spans;           /* sorted, none touches the next */
    size_t count, size;
    bool open;                    /* its last slice is still to be read */
};

static int
span_order(const void *left, const void *right)
{
    const struct span *a = left, *b = right;
    if (a->start_us != b->start_us)
        return a->start_us < b->start_us ? -1 : 1;
    return a->end_us < b->end_us ? -1 : a->end_us > b->end_us;
}

static void
merge(struct covered *c, const struct cursor *cursor)
{
    bool granular = cursor->has_granularity && datetime_add(0, cursor->granularity, 1) != 0;
    size_t last = 0;
    qsort(c->spans, c->count, sizeof(*c->spans), span_order);
    for (size_t i = 1; i < c->count; i++) {
        struct span *to = &c->spans[last], *from = &c->spans[i];
        int64_t reach_us = granular ? datetime_add(to->end_us, cursor->granularity, 1) : to->end_us + US_PER_MS;
        if (reach_us < from->start_us) {
            c->spans[++last] = *from;
            continue;
        }
        to->end_us = from->end_us > to->end_us ? from->end_us : to->end_us;
        to->recent_us = from->recent_us > to->recent_us ? from->recent_us : to->recent_us;
    }
    c->count = last + 1;
}

static bool
add(struct covered *c, struct span one)
{
    if (c->count == c->size) {
        size_t size = c->size ? c->size * 2 : 4;
        void *grown = arena_grow(c->arena, c->spans, c->size * sizeof(one), size * sizeof(one));
        if (!grown)
            return false;
        c->spans = grown, c->size = size;
    }
    c->spans[c->count++] = one;
    return true;
}

/* What was there before: as far as the state goes. */
static struct covered *
covered_new(struct reader *r)
{
    int64_t start_us = r->cursor.start_us, end_us = r->state_us > start_us ? r->state_us : start_us;
    struct covered *c = ARENA_NEW(&r->keep, struct covered);
    struct str key = r->partition_text.len ? str_copy(&r->keep, r->partition_text) : STR("");
    if (!c || !key.ptr)
        return NULL;
    *c = (struct covered){.arena = &r->keep, .open = true};
    return add(c, (struct span){start_us, end_us, end_us}) && map_put(&r->covers, key, c) ? c : NULL;
}

/* Read again from the end of what is covered; where one cursor stands for all partitions, from where it was. */
static void
begin_again(struct reader *r)
{
    const struct covered *c = r->covered;
    r->recent_us = c->spans[0].recent_us;
    r->lower_us = r->again_us = cursor_first_lower(&r->cursor, c->spans[c->count - 1].end_us);
}

bool
covered_open(struct reader *r, bool *passed_out, struct err *err)
{
    *passed_out = false;
    if (!r->options.as_reference || !r->has_cursor || r->cursor.plan->count)
        return true;
    r->covered = map_get(&r->covers, r->partition_text);
    if (!r->covered)
        return (r->covered = covered_new(r)) || err_no_memory(err);
    *passed_out = r->covered->open;
    r->covered->open = true;
    if (!*passed_out)
        begin_again(r);
    return true;
}

static bool
bound_of(struct reader *r, int64_t bound_us, int64_t *us_out)
{
    return cursor_parse_text(&r->cursor, cursor_format(&r->cursor, &r->slice_arena, bound_us), us_out);
}

bool
covered_add(struct reader *r, struct err *err)
{
    struct span one = {.recent_us = r->slice_recent_us};
    r->covered->open = !r->span.last;
    if (state_is_global(r))
        return true;
    if (!bound_of(r, r->span.start_us, &one.start_us) || !bound_of(r, r->span.end_us, &one.end_us))
        return err_set(err, E_EXPRESSION, "A slice's bounds are not in the cursor's format");
    if (!add(r->covered, one))
        return err_no_memory(err);
    merge(r->covered, &r->cursor);
    r->recent_us = r->covered->spans[0].recent_us != INT64_MIN ? r->covered->spans[0].recent_us : r->covered->spans[0].start_us;
    return true;
}
