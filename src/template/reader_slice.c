/*
 * Partitions and slices: opening them, and finding the next span of the open partition.
 *
 * A slice is what one walk over pages is for: the partition's members, the bounds of the cursor's span in it, and
 * whatever expressions may see of both. Opening one forgets everything of the one before.
 */
#include "template/reader_priv.h"

#include <string.h>

#include "base/limits.h"
#include "template/properties_priv.h"

static yyjson_val *
empty_object(struct arena *a)
{
    struct err ignored = {0};
    return json_parse(a, STR("{}"), JSON_PLAIN, 4, &ignored);
}

static yyjson_val *
copy_or_empty(struct arena *a, yyjson_val *json)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    if (!yyjson_is_obj(json))
        return empty_object(a);
    return doc ? json_freeze(a, yyjson_val_mut_copy(doc, json)) : NULL;
}

bool
reader_open_partition(struct reader *r, yyjson_val *partition, yyjson_val *extra, struct err *err)
{
    struct buf b;
    arena_clear(&r->partition_arena);
    arena_clear(&r->slice_arena);
    r->slice = r->lent = NULL;
    r->partition = copy_or_empty(&r->partition_arena, partition);
    r->extra = copy_or_empty(&r->partition_arena, extra);
    buf_init(&b, LIMIT_RECORD_BYTES);
    bool ok = r->partition && r->extra && json_write_canonical(&b, r->partition);
    r->partition_text = ok ? str_copy(&r->partition_arena, r->has_walk ? buf_str(&b) : STR("")) : STR_NONE;
    buf_release(&b);
    if (!ok || !r->partition_text.ptr)
        return err_set(err, E_LIMIT, "A partition is too large");
    r->partition_open = true;
    r->recent_us = r->again_us = INT64_MIN;
    r->covered = NULL;
    r->state_us = state_of_partition(r, r->partition_text);
    r->lower_us = r->has_cursor ? cursor_first_lower(&r->cursor, r->state_us) : INT64_MIN;
    return true;
}

/* A counting cursor's bound is a number. */
static bool
slice_bound(yyjson_mut_doc *doc, yyjson_mut_val *slice, struct reader *r, struct str name, int64_t at)
{
    struct str text = cursor_format(&r->cursor, &r->slice_arena, at);
    if (!name.ptr || !text.ptr)
        return false;
    yyjson_mut_val *value = r->cursor.plan->count ? yyjson_mut_rawn(doc, text.ptr, text.len) : yyjson_mut_strncpy(doc, text.ptr, text.len);
    return yyjson_mut_obj_put(slice, yyjson_mut_strncpy(doc, name.ptr, name.len), value);
}

/* The slice as expressions see it: the partition's members, the span's bounds, extra_fields. */
static bool
make_slice(struct reader *r, int64_t start_us, struct err *err)
{
    arena_clear(&r->slice_arena);
    struct arena *a = &r->slice_arena;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *slice = doc ? yyjson_val_mut_copy(doc, r->partition) : NULL;
    bool ok = slice != NULL;
    if (ok && r->has_cursor)
        ok = slice_bound(doc, slice, r, r->cursor.partition_start, start_us != INT64_MIN ? start_us : r->span.start_us) &&
             (r->cursor.plan->count || slice_bound(doc, slice, r, r->cursor.partition_end, r->span.end_us));
    if (ok && yyjson_obj_size(r->extra) > 0 && !yyjson_mut_obj_get(slice, "extra_fields"))
        ok = yyjson_mut_obj_add_val(doc, slice, "extra_fields", yyjson_val_mut_copy(doc, r->extra));
    r->slice = ok ? json_freeze(a, slice) : NULL;
    return r->slice || err_no_memory(err);
}

static void
begin_pages(struct reader *r)
{
    r->pages = 0, r->empty_pages = 0;
    r->attempt = r->parse_attempt = 0, r->refreshed = false;
    r->slice_recent_us = INT64_MIN;
    async_begin(r);
    drift_begin(r);
    properties_page_begin(r);
    r->seen.count = 0;
    if (r->seen.slots)
        memset(r->seen.slots, 0, r->seen.size * sizeof(*r->seen.slots));
}

bool
reader_first_token(struct reader *r, struct err *err)
{
    struct value first = pager_first(&r->stream->pager);
    buf_clear(&r->token);
    return first.type != VALUE_INT || buf_add_i64(&r->token, first.integer) || err_no_memory(err);
}

/* Of its partition. */
static bool
is_first(const struct reader *r, int64_t lower_us)
{
    return lower_us == (r->again_us != INT64_MIN ? r->again_us : cursor_first_lower(&r->cursor, r->state_us));
}

bool
reader_open_slice_at(struct reader *r, struct cursor_slice span, int64_t start_us, struct err *err)
{
    r->span = span;
    begin_pages(r);
    return make_slice(r, start_us, err) && reader_first_token(r, err);
}

bool
reader_open_slice(struct reader *r, int64_t lower_us, struct err *err)
{
    struct cursor_slice span = {.last = true, .next_us = INT64_MIN};
    if (r->has_cursor && !cursor_slice_at(&r->cursor, lower_us, is_first(r, lower_us), &span))
        return err_set(err, E_VALIDATION_FAILED, "The stored position does not fit the configuration: start the run anew");
    reset_begin(r);
    return reader_open_slice_at(r, span, INT64_MIN, err);
}

bool
reader_next_span(struct reader *r, bool *opened_out, struct err *err)
{
    struct cursor_slice span;
    *opened_out = false;
    if (!r->partition_open)
        return true;
    if (r->has_cursor && (r->lower_us == INT64_MIN || !cursor_slice_at(&r->cursor, r->lower_us, is_first(r, r->lower_us), &span))) {
        r->partition_open = false;
        return true;
    }
    if (!r->has_cursor && r->single_partition_done) {
        r->partition_open = false;
        return true;
    }
    if (!reader_open_slice(r, r->lower_us, err))
        return false;
    *opened_out = true;
    return true;
}
