/*
 * Positions: where a read goes on, as JSON (I-4).
 *
 * A position says which partition and slice is open, with its page token, or that the next slice is
 * wanted; and where the walk over partitions stands. It is small, but for a substream, which also holds
 * the rest of the parent page it is working on.
 */
#include "template/reader_priv.h"

#include "base/limits.h"
#include "json/writer.h"

#define POSITION_VERSION 1

static void
add_us(struct json_writer *w, const char *key, int64_t us)
{
    if (us != INT64_MIN)
        json_add_i64(w, key, us);
}

static void
write_drift(struct json_writer *w, const struct drift *d)
{
    json_begin_object(w, "drift");
    json_add_i64(w, "tail", (int64_t)d->tail);
    json_add_bool(w, "shifted", d->shifted);
    json_add_bool(w, "sweeping", d->sweeping);
    add_us(w, "floor", d->sweeping ? d->floor_us : INT64_MIN);
    json_add_i64(w, "total", d->last_total);
    add_us(w, "cap", d->cap_us);
    json_add_i64(w, "back", d->steps_back);
    json_add_i64(w, "full", d->full_pages);
    json_add_i64(w, "read", d->read);
    json_end_object(w);
}

static void
write_reset(struct json_writer *w, const struct page_reset *reset)
{
    json_begin_object(w, "reset");
    add_us(w, "start", reset->start_us);
    add_us(w, "recent", reset->recent_us);
    json_add_i64(w, "records", reset->records);
    json_add_i64(w, "same", reset->same);
    json_add_i64(w, "total", reset->total);
    json_end_object(w);
}

static void
write_partition(struct json_writer *w, const struct reader *r)
{
    json_add_val(w, "partition", r->partition);
    json_add_val(w, "extra", r->extra);
    add_us(w, "state", r->state_us);
    add_us(w, "recent", r->recent_us);
    add_us(w, "next", r->lower_us);
    if (r->phase != PHASE_SEND && r->phase != PHASE_LOOP && r->phase != PHASE_STUCK)
        return;
    if (r->reset.records > 0 || r->reset.total > 0)
        write_reset(w, &r->reset);
    add_us(w, "from", r->span.lower_us);
    add_us(w, "sliceRecent", r->slice_recent_us);
    json_add_i64(w, "pages", (int64_t)r->pages);
    json_add_raw(w, "token", buf_str(&r->token));
    write_drift(w, &r->drift);
    if (r->stream->async)
        async_write(r, w);
}

bool
position_write(const struct reader *r, struct buf *b)
{
    struct json_writer w;
    json_writer_init(&w, b);
    json_begin_object(&w, NULL);
    json_add_i64(&w, "v", POSITION_VERSION);
    bool slice = r->phase == PHASE_SEND || r->phase == PHASE_LOOP || r->phase == PHASE_STUCK;
    json_add_c(&w, "phase", r->phase == PHASE_DONE ? "done" : slice ? "slice" : r->partition_open ? "next" : "walk");
    json_add_i64(&w, "slices", (int64_t)r->slices_done);
    add_us(&w, "global", r->global_new_us);
    add_us(&w, "wall", r->root->wall_us);
    if (r->delegated)
        json_add_bool(&w, "delegate", true);
    if (r->saw_records)
        json_add_bool(&w, "saw", true);
    if (r->partition_open)
        write_partition(&w, r);
    if (r->single_partition_done)
        json_add_bool(&w, "over", true);
    if (r->has_walk) {
        struct buf walk;
        buf_init(&walk, LIMIT_RUN_ARENA_BYTES);
        walk_write(&r->walk, &walk);
        json_add_raw(&w, "walk", buf_str(&walk));
        buf_release(&walk);
    }
    size_t parents = 0;
    for (size_t i = 0; i < r->parent_states.size; i++) {
        if (!r->parent_states.entries[i].key.ptr)
            continue;
        if (parents++ == 0)
            json_begin_object(&w, "parents");
        json_add_key(&w, r->parent_states.entries[i].key);
        json_add_raw(&w, NULL, *(const struct str *)r->parent_states.entries[i].value);
    }
    if (parents)
        json_end_object(&w);
    json_end_object(&w);
    return buf_ok(b);
}

static bool
bad(struct err *err)
{
    return err_set(err, E_VALIDATION_FAILED, "The stored position does not fit this template: start the run anew");
}

static int64_t
us_at(yyjson_val *json, const char *member)
{
    int64_t us;
    return json_to_i64(json_get_c(json, member), &us) ? us : INT64_MIN;
}

static void
restore_drift(struct drift *d, yyjson_val *json)
{
    int64_t tail, total, back, full, read;
    d->tail = json_to_i64(json_get_c(json, "tail"), &tail) ? (uint64_t)tail : 0;
    d->shifted = json_bool_or(json_get_c(json, "shifted"), false);
    d->sweeping = json_bool_or(json_get_c(json, "sweeping"), false);
    d->floor_us = us_at(json, "floor");
    d->last_total = json_to_i64(json_get_c(json, "total"), &total) ? total : -1;
    d->cap_us = us_at(json, "cap");
    d->steps_back = json_to_i64(json_get_c(json, "back"), &back) && back >= 0 && back < 1000000 ? (unsigned)back : 0;
    d->read = json_to_i64(json_get_c(json, "read"), &read) && read >= 0 ? read : 0;
    d->full_pages = json_to_i64(json_get_c(json, "full"), &full) && full >= 0 && full < UINT32_MAX ? (unsigned)full : 0;
}

static unsigned
count_at(yyjson_val *json, const char *member)
{
    int64_t count;
    return json_to_i64(json_get_c(json, member), &count) && count >= 0 && count < INT32_MAX ? (unsigned)count : 0;
}

/* The slice may begin elsewhere by now. */
static bool
restore_reset(struct reader *r, yyjson_val *json, struct err *err)
{
    if (!json)
        return true;
    struct page_reset reset = {.start_us = us_at(json, "start"), .recent_us = us_at(json, "recent"),
                               .records = count_at(json, "records"), .same = count_at(json, "same"), .total = count_at(json, "total")};
    if (reset.start_us != INT64_MIN && !reader_open_slice_at(r, r->span, reset.start_us, err))
        return false;
    r->reset = reset;
    return true;
}

static bool
restore_partition(struct reader *r, yyjson_val *json, bool slice, struct err *err)
{
    yyjson_val *partition = json_get_c(json, "partition"), *extra = json_get_c(json, "extra");
    int64_t from_us = us_at(json, "from"), next_us = us_at(json, "next"), pages;
    if (!yyjson_is_obj(partition) || !reader_open_partition(r, partition, extra, err))
        return bad(err);
    r->state_us = us_at(json, "state");
    r->recent_us = us_at(json, "recent");
    r->lower_us = next_us;
    if (!slice)
        return true;
    if ((r->has_cursor && from_us == INT64_MIN) || !json_to_i64(json_get_c(json, "pages"), &pages) || pages < 0)
        return bad(err);
    if (!reader_open_slice(r, from_us, err) || !restore_reset(r, json_get_c(json, "reset"), err))
        return bad(err);
    r->lower_us = next_us;
    r->slice_recent_us = us_at(json, "sliceRecent");
    r->pages = (uint64_t)pages;
    restore_drift(&r->drift, json_get_c(json, "drift"));
    if (r->stream->async && !async_restore(r, json_get_c(json, "job"), err))
        return false;
    yyjson_val *token = json_get_c(json, "token");
    buf_clear(&r->token);
    return !token || yyjson_is_null(token) || json_write(&r->token, token) || err_no_memory(err);
}

static bool
restore_parents(struct reader *r, yyjson_val *parents, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *item;
    JSON_EACH_MEMBER(parents, index, max, key, item) {
        struct str *text = ARENA_NEW(&r->keep, struct str);
        struct str name = str_copy(&r->keep, json_str(key));
        if (text)
            *text = json_to_text(&r->keep, item);
        if (!text || !text->ptr || !name.ptr || !map_put(&r->parent_states, name, text))
            return err_no_memory(err);
    }
    return true;
}

bool
position_restore_json(struct reader *r, yyjson_val *json, struct err *err)
{
    int64_t version, slices;
    struct str phase = json_str(json_get_c(json, "phase"));
    if (!json_to_i64(json_get_c(json, "v"), &version) || version != POSITION_VERSION ||
        !json_to_i64(json_get_c(json, "slices"), &slices) || slices < 0)
        return bad(err);
    r->slices_done = (size_t)slices;
    r->global_new_us = us_at(json, "global");
    if (us_at(json, "wall") > r->root->wall_us)
        r->root->wall_us = us_at(json, "wall");
    r->saw_records = json_bool_or(json_get_c(json, "saw"), false);
    r->single_partition_done = json_bool_or(json_get_c(json, "over"), false);
    if (!restore_parents(r, json_get_c(json, "parents"), err))
        return false;
    if (r->has_walk && !walk_restore(&r->walk, json_get_c(json, "walk"), err))
        return false;
    bool slice = str_eq(phase, STR("slice")), next = str_eq(phase, STR("next"));
    if ((slice || next) && !restore_partition(r, json, slice, err))
        return false;
    r->phase = str_eq(phase, STR("done")) ? PHASE_DONE : slice ? PHASE_SEND : PHASE_NEXT;
    return slice || next || str_eq(phase, STR("walk")) || str_eq(phase, STR("done")) || bad(err);
}

bool
position_restore(struct reader *r, struct str text, struct err *err)
{
    struct err inner = {0};
    yyjson_val *json = json_parse(&r->keep, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &inner);
    return yyjson_is_obj(json) ? position_restore_json(r, json, err) : bad(err);
}
