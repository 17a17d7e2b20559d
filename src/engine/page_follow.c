/*
 * Merges at the vendor: two records there become one, and what other platforms have of the one that lost follows.
 *
 * The id that lost becomes a tombstone which leads to the winner's record. Maps of other connections go over where the winner's record
 * has none of that connection (two records of one connection are never joined by us); the record that has no map left goes, and
 * what only it said fills what the winner leaves blank. What cannot go over stays with its own record, as it was.
 */
#include "engine/page.h"

#include "engine/match_release.h"
#include "engine/run_log.h"
#include "store/store_push.h"
#include "store/store_record.h"

struct follow {
    struct page_batch *batch;
    struct db *db;
    int64_t now_us;
    const struct page_item *item; /* the winner */
    struct record loser;
    size_t left;                  /* living maps that stay with it */
};

size_t
page_merged_ids(struct str merged, struct str ids[PAGE_MERGED_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < merged.len && count < PAGE_MERGED_MAX; at++) {
        size_t begin = at;
        while (at < merged.len && strchr(";, []\"", merged.ptr[at]) == NULL)
            at++;
        if (at > begin)
            ids[count++] = str_slice(merged, begin, at);
    }
    return count;
}

static bool
has_merged(const struct page_item *item)
{
    bool written = item->action == PAGE_CREATE || item->action == PAGE_LINK || item->action == PAGE_UPDATE;
    return written && item->mapped.merged.len > 0;
}

size_t
page_follow_most(const struct page_batch *b)
{
    size_t most = 0;
    for (size_t i = 0; i < b->item_count; i++)
        most += b->items[i].mapped.merged.len > 0 ? PAGE_MERGED_MAX + 1 : 0;
    return most;
}

/* The id is the winner's now; the tombstone says so. */
static bool
bury(struct follow *f, struct str id, const struct map_row *row, struct err *err)
{
    const struct page_context *c = f->batch->context;
    struct map_write map = {.map = row->map, .record = f->item->record, .external_id = id, .version = row->version, .deleted = true};
    memcpy(map.fingerprint, row->fingerprint, FINGERPRINT_BYTES);
    return store_maps_write(f->db, c->tenant, c->stream.id, &map, 1, f->batch->observed_us, f->now_us, err);
}

static bool
move_maps(struct follow *f, int64_t lost_map, struct err *err)
{
    size_t count;
    struct record_source *rows;
    const struct page_context *c = f->batch->context;
    if (!store_record_sources(f->db, f->batch->arena, c->tenant, f->loser.id, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        bool has = true;
        if (rows[i].map == lost_map || rows[i].deleted_us != 0)
            continue;
        if (!store_record_lives_at(f->db, c->tenant, f->item->record, rows[i].connection, &has, err))
            return false;
        f->left += has;
        if (!has && !store_map_move(f->db, c->tenant, rows[i].map, f->item->record, f->loser.data, f->now_us, err))
            return false;
    }
    return true;
}

static bool
save_bases(struct follow *f, struct str data, struct err *err)
{
    size_t count;
    struct base_row *rows;
    int64_t tenant = f->batch->context->tenant;
    if (!store_bases_load(f->db, f->batch->arena, tenant, f->item->record, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (str_is_none(rows[i].base) && !store_base_save(f->db, tenant, rows[i].map, data, err))
            return false;
    return true;
}

/* Blanks only: what the winner says stays. */
static bool
fill_blanks(struct follow *f, struct err *err)
{
    bool same;
    struct merged merged;
    struct str history;
    struct record winner;
    const struct page_context *c = f->batch->context;
    if (store_record_get_by_id(f->db, f->batch->arena, c->tenant, f->item->record, &winner, err) != ROW_FOUND)
        return err->code == E_OK && err_set(err, E_INTERNAL, NULL);
    if (!merge_records(f->batch->arena, STR_NONE, winner.data, f->loser.data, CONFLICT_LOCAL_WINS, &merged, err) ||
        !merge_history(f->batch->arena, winner.data, merged.data, &history, &same, err))
        return false;
    if (same)
        return true;
    struct record_write write = {.record = winner.id, .data = merged.data, .title = winner.title, .status = winner.status,
                                 .occurred_us = winner.occurred_us, .parent = winner.parent,
                                     .deleted = winner.deleted_us != 0, .changed = history};
    return save_bases(f, winner.data, err) &&
           store_records_update(f->db, c->tenant, winner.collection, &write, 1, c->connection, f->batch->fence.run, f->now_us, err);
}

static bool
remove_loser(struct follow *f, struct err *err)
{
    const struct record *r = &f->loser;
    const struct page_context *c = f->batch->context;
    struct record_gone gone = {.record = r->id, .collection = r->collection, .data = r->data};
    struct record_write write = {.record = r->id, .data = r->data, .title = r->title, .status = r->status, .occurred_us = r->occurred_us,
                                 .parent = r->parent, .deleted = true, .changed = STR("{\"deletedAt\":null}")};
    if (r->deleted_us != 0)
        return true;
    f->batch->changed_records[f->batch->changed_count++] = r->id;
    return store_records_update(f->db, c->tenant, r->collection, &write, 1, c->connection, f->batch->fence.run, f->now_us, err) &&
           match_keys_release(f->db, f->batch->arena, c->tenant, c->region, &gone, 1, err);
}

static void
say(struct follow *f, struct str id)
{
    struct page_batch *b = f->batch;
    if (RUN_LOG(&b->lines, b->observed_us, LOG_INFO, STR("Merged there: what was linked to it follows"),
        LOG_S("stream", b->context->stream.name),
                LOG_S("externalId", id), LOG_S("into", f->item->mapped.external_id), LOG_I("stayed", (int64_t)f->left)))
        b->line_count++;
}

static bool
follow_one(struct follow *f, struct str id, const struct map_row *row, struct err *err)
{
    const struct page_context *c = f->batch->context;
    if (row->record == f->item->record)
        return row->deleted || bury(f, id, row, err);
    enum row found = store_record_get_by_id(f->db, f->batch->arena, c->tenant, row->record, &f->loser, err);
    if (found != ROW_FOUND)
        return found == ROW_NONE;
    f->left = 0;
    if (!move_maps(f, row->map, err) || !bury(f, id, row, err))
        return false;
    say(f, id);
    if (f->left == 0 && (!fill_blanks(f, err) || !remove_loser(f, err)))
        return false;
    return store_push_fan_out(f->db, c->tenant, 0, &f->item->record, 1, f->now_us, err);
}

static bool
follow_item(struct follow *f, struct err *err)
{
    struct map_row row;
    struct str ids[PAGE_MERGED_MAX];
    const struct page_context *c = f->batch->context;
    size_t count = page_merged_ids(f->item->mapped.merged, ids);
    for (size_t i = 0; i < count; i++) {
        if (!store_map_lookup(f->db, f->batch->arena, c->tenant, c->stream.id, &ids[i], 1, &row, err))
            return false;
        if (row.map != 0 && !row.erased && !str_eq(ids[i], f->item->mapped.external_id) && !follow_one(f, ids[i], &row, err))
            return false;
    }
    return true;
}

bool
page_follow(struct page_batch *batch, struct db *db, int64_t now_us, struct err *err)
{
    for (size_t i = 0; i < batch->item_count; i++) {
        struct follow f = {.batch = batch, .db = db, .now_us = now_us, .item = &batch->items[i]};
        if (has_merged(&batch->items[i]) && !follow_item(&f, err))
            return false;
    }
    return true;
}
