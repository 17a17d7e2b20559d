/*
 * The page transaction (I-2), a store closure.
 *
 * First the fence, last the mark; between them the page's decisions and writes. It may run twice, so it
 * starts by forgetting what an earlier try has decided.
 */
#include "engine/page.h"

#include "base/check.h"
#include "engine/run_log.h"
#include "store/store_log.h"

static void
forget_earlier_try(struct page_batch *b)
{
    arena_rewind(b->arena, b->mark);
    buf_truncate(&b->lines, b->lines_prepared);
    b->line_count = b->lines_prepared_count;
    for (size_t i = 0; i < b->item_count; i++) {
        if (!b->items[i].eager) {
            b->items[i].raw = b->items[i].keys[0] = b->items[i].keys[1] = STR_NONE;
            b->items[i].keys_made = false;
        }
    }
}

static void
count_items(struct page_batch *b)
{
    struct page_counts c = {.skipped = (int64_t)b->duplicates, .errors = (int64_t)b->rejected_count,
                            .records_read = b->records_read};
    for (size_t i = 0; i < b->item_count; i++) {
        switch (b->items[i].action) {
        case PAGE_SKIP: c.skipped++; break;
        case PAGE_CREATE: c.created++; break;
        case PAGE_LINK:
        case PAGE_UPDATE: c.updated++; break;
        case PAGE_TOMBSTONE: c.deleted++; break;
        case PAGE_REJECT: break; /* among the errors already */
        }
    }
    c.received = c.created + c.updated + c.skipped + c.deleted + c.errors;
    b->counts = c;
}

static const enum run_change change_of[] = {[PAGE_SKIP] = RUN_UNCHANGED, [PAGE_CREATE] = RUN_CREATED, [PAGE_LINK] = RUN_UPDATED,
                                            [PAGE_UPDATE] = RUN_UPDATED, [PAGE_TOMBSTONE] = RUN_DELETED};

/* As many as count_items counted, without the errors: what came twice is listed twice. */
static bool
collect_touched(struct page_batch *b, struct run_touch **touched_out, size_t *count_out, struct err *err)
{
    size_t count = 0;
    struct run_touch *touched = ARENA_ARRAY(b->arena, struct run_touch, b->item_count + b->duplicates + 1);
    if (touched == NULL)
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    for (size_t i = 0; i < b->item_count; i++) {
        const struct page_item *item = &b->items[i];
        if (item->action != PAGE_REJECT)
            touched[count++] = (struct run_touch){item->record, change_of[item->action]};
        for (size_t k = 0; k < item->copies; k++)
            touched[count++] = (struct run_touch){item->record, RUN_UNCHANGED};
    }
    CHECK((int64_t)count == b->counts.received - b->counts.errors);
    *touched_out = touched;
    *count_out = count;
    return true;
}

static void
log_page(struct page_batch *b, int64_t now_us)
{
    const struct page_counts *c = &b->counts;
    if (RUN_LOG(&b->lines, now_us, LOG_INFO, STR("page"), LOG_S("stream", b->context->stream.name),
                LOG_I("page", b->fence.page_seq), LOG_I("received", c->received), LOG_I("created", c->created),
                LOG_I("updated", c->updated), LOG_I("skipped", c->skipped), LOG_I("deleted", c->deleted),
                LOG_I("errors", c->errors)))
        b->line_count++;
}

/* The map of the parent that this page ended; 0: there is none. */
static bool
find_visited(struct page_batch *b, struct db *db, int64_t *map_out, struct err *err)
{
    struct map_row row = {0};
    const struct page_context *c = b->context;
    bool wanted = c->full && c->parent_stream != 0 && !str_is_none(b->visited);
    if (wanted && !store_map_lookup(db, b->arena, c->tenant, c->parent_stream, &b->visited, 1, &row, err))
        return false;
    *map_out = row.map;
    return true;
}

static bool
finish(struct page_batch *b, struct db *db, int64_t now_us, struct err *err)
{
    const struct page_context *c = b->context;
    int64_t visited;
    size_t touched_count = 0;
    struct run_touch *touched = NULL;
    if (!find_visited(b, db, &visited, err) || !collect_touched(b, &touched, &touched_count, err))
        return false;
    struct str log = log_pack(b->arena, buf_str(&b->lines));
    if (str_is_none(log))
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    struct page_mark mark = {
        .fence = b->fence,
        .tenant = c->tenant,
        .connection = c->connection,
        .stream = c->stream.id,
        .counts = b->counts,
        .position = b->position,
        .token_hash = b->token_hash,
        .declared_total = b->declared_total,
        .partitions = b->partitions,
        .states = b->states,
        .state_count = b->state_count,
        .log = log,
        .log_lines = b->line_count,
        .requests = b->requests,
        .changed_records = b->changed_records,
        .changed_count = b->changed_count,
        .touched = touched,
        .touched_count = touched_count,
        .seen_maps = b->seen_maps,
        .seen_count = b->seen_count,
        .visited_maps = &visited,
        .visited_count = visited != 0,
        .stream_done = b->stream_done,
        .observed_us = b->observed_us,
        .now_us = now_us,
    };
    return store_page_finish(db, &mark, err);
}

bool
page_commit(struct db *db, void *ctx, struct err *err)
{
    struct page_batch *b = ctx;
    forget_earlier_try(b);
    int64_t now_us = store_now(db);
    if (!store_page_fence(db, &b->fence, now_us + b->context->lease_ms * US_PER_MS, err))
        return false;
    if (!page_decide(b, db, err) || !page_link(b, db, err) || !page_apply(b, db, err) || !page_write(b, db, now_us, err))
        return false;
    count_items(b);
    log_page(b, now_us);
    return finish(b, db, now_us, err);
}
