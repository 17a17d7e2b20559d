/*
 * A page on the worker: mapping, fingerprints, duplicates.
 *
 * The fingerprint is XXH3-128 over the canonical mapped bytes, so it covers every mapped field (I-11). What
 * only a changed record needs (packed raw, match keys) is made here when the page before was mostly new
 * ("eager"), else later for the few that need it: an unchanged page costs neither.
 */
#include "engine/page.h"

#include <xxhash.h>

#include "base/limits.h"
#include "base/map.h"
#include "engine/match_key.h"
#include "engine/page_order.h"
#include "engine/run_log.h"

#define REASON_RECORD_TOO_LARGE STR("The record is larger than allowed")

struct prepare {
    struct page_batch *batch;
    const struct reader_event *event;
    yyjson_val *slice;
    struct map by_id;        /* external id -> item */
    XXH64_hash_t content;
    bool eager;
};

void
page_item_keys(const struct page_batch *batch, struct page_item *item)
{
    if (item->keys_made)
        return;
    item->keys_made = true;
    if (!batch->context->match)
        return;
    item->keys[0] = match_key_email(batch->arena, item->mapped.email);
    item->keys[1] = match_key_phone(batch->arena, item->mapped.phone, batch->context->region);
}

bool
page_item_raw(const struct page_batch *batch, struct page_item *item, struct err *err)
{
    if (!str_is_none(item->raw))
        return true;
    item->raw = raw_pack_value(batch->context->packer, batch->arena, item->value);
    return !str_is_none(item->raw) || err_set(err, E_TOO_LARGE, "The page is larger than allowed");
}

/* The parent counts too: a record that moved to another parent has changed. */
static void
take_fingerprint(struct page_item *item)
{
    const struct mapped *m = &item->mapped;
    XXH64_hash_t seed = m->parent_id.len == 0 ? 0 : XXH3_64bits(m->parent_id.ptr, m->parent_id.len);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(m->data.ptr, m->data.len, seed));
    _Static_assert(sizeof(canonical) == FINGERPRINT_BYTES, "the store keeps sixteen bytes");
    memcpy(item->fingerprint, &canonical, FINGERPRINT_BYTES);
}

static void
log_record(struct page_batch *batch, enum log_level level, struct str message, struct str external_id)
{
    const struct page_context *c = batch->context;
    if (RUN_LOG(&batch->lines, batch->observed_us, level, message, LOG_S("stream", c->stream.name),
                LOG_S("externalId", external_id)))
        batch->line_count++;
}

static bool
add_rejected(struct prepare *p, yyjson_val *value, struct str external_id, struct str reason, struct err *err)
{
    struct page_batch *b = p->batch;
    struct str payload = json_to_text(b->arena, value);
    if (str_is_none(payload))
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    b->rejected[b->rejected_count++] = (struct rejected_write){external_id, reason, payload};
    log_record(b, LOG_WARN, reason, external_id);
    return true;
}

/* The same id twice on a page: the newer version stays, the other one is counted as skipped (I-7). */
static void
collapse(struct prepare *p, struct page_item *first, const struct page_item *again)
{
    struct observation later = {again->mapped.version, 0}, known = {first->mapped.version, 0};
    size_t copies = first->rejected ? 0 : first->copies + 1;
    if (!first->rejected)
        p->batch->duplicates++;
    if (first->rejected || !observation_is_older(&later, &known))
        *first = *again;
    first->copies = copies;
}

static bool
add_item(struct prepare *p, const struct page_item *item, struct err *err)
{
    struct page_batch *b = p->batch;
    struct str id = item->mapped.external_id;
    p->content = p->content * 31 + XXH3_64bits(id.ptr, id.len);
    struct page_item *first = map_get(&p->by_id, id);
    if (first != NULL) {
        if (!item->rejected)
            collapse(p, first, item);
        return true;
    }
    b->items[b->item_count] = *item;
    if (!map_put(&p->by_id, id, &b->items[b->item_count]))
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    b->item_count++;
    return true;
}

static bool
prepare_record(struct prepare *p, const struct reader_record *record, struct err *err)
{
    struct page_batch *b = p->batch;
    const struct page_context *c = b->context;
    if (!str_is_none(record->rejected))
        return add_rejected(p, record->value, STR_NONE, record->rejected, err);
    struct page_item item = {.value = record->value};
    if (!mapping_apply(c->mapping, b->arena, record->value, p->slice, c->config, c->now_us, &item.mapped, err))
        return false;
    if (str_is_none(item.mapped.rejected) && item.mapped.data.len > LIMIT_RECORD_BYTES)
        item.mapped.rejected = REASON_RECORD_TOO_LARGE;
    if (!str_is_none(item.mapped.rejected)) {
        item.rejected = true;
        if (!add_rejected(p, record->value, item.mapped.external_id, item.mapped.rejected, err))
            return false;
        return item.mapped.external_id.len == 0 || add_item(p, &item, err);
    }
    if (!str_is_none(item.mapped.warning))
        log_record(b, LOG_WARN, item.mapped.warning, item.mapped.external_id);
    take_fingerprint(&item);
    if (p->eager) {
        item.eager = true;
        page_item_keys(b, &item);
        if (!page_item_raw(b, &item, err))
            return false;
    }
    return add_item(p, &item, err);
}

static bool
copy_states(struct page_batch *b, const struct reader_event *event, struct err *err)
{
    b->state_count = b->context->forget_states ? 0 : event->state_count;
    if (b->state_count == 0)
        return true;
    b->partitions = ARENA_ARRAY(b->arena, struct str, b->state_count);
    b->states = ARENA_ARRAY(b->arena, struct str, b->state_count);
    if (b->partitions == NULL || b->states == NULL)
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    for (size_t i = 0; i < b->state_count; i++) {
        b->partitions[i] = event->states[i].partition;
        b->states[i] = event->states[i].state;
    }
    return true;
}

bool
page_prepare(struct page_batch *batch, const struct page_context *context, struct arena *arena,
             const struct reader_event *event, bool eager, struct err *err)
{
    *batch = (struct page_batch){.context = context, .arena = arena, .records_read = (int64_t)event->records_read,
                                 .observed_us = event->observed_wall_us + context->clock_offset_us,
                                 .token_hash = event->token_hash};
    buf_init(&batch->lines, RUN_LOG_PAGE_BYTES);
    size_t count = event->record_count;
    batch->items = ARENA_ARRAY(arena, struct page_item, count + 1);
    batch->rejected = ARENA_ARRAY(arena, struct rejected_write, count + 1);
    struct prepare p = {.batch = batch, .event = event, .eager = eager};
    map_init(&p.by_id, arena);
    if (batch->items == NULL || batch->rejected == NULL || !copy_states(batch, event, err))
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    if (event->slice.len > 0)
        p.slice = json_parse(arena, event->slice, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    for (size_t i = 0; i < count; i++)
        if (!prepare_record(&p, &event->records[i], err))
            return false;
    batch->content_hash = count == 0 ? 0 : p.content | 1;
    batch->lines_prepared = batch->lines.len;
    batch->lines_prepared_count = batch->line_count;
    return true;
}

void
page_ready(struct page_batch *batch, const struct page_fence *fence)
{
    batch->fence = *fence;
    batch->mark = arena_mark(batch->arena);
    batch->bytes = batch->arena->used_bytes;
}

void
page_batch_release(struct page_batch *batch)
{
    buf_release(&batch->lines);
}
