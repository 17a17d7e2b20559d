/*
 * What became of a push, kept in one transaction with its removal from the outbox.
 *
 * The vendor's answer goes through the page's own machinery, so that mapping, fingerprint, history and merge are the same as when it
 * is read later; that is why it does not come back as a change. Before that, what was sent becomes the agreement (alias.h): what the
 * vendor spells otherwise is no difference, and what somebody changed here meanwhile still is one.
 */
#include "engine/push.h"

#include "engine/alias.h"
#include "engine/run_log.h"
#include "store/store_history.h"
#include "store/store_log.h"
#include "store/store_record.h"

struct keeping {
    struct work *work;
    struct work_stream *stream;
    const struct push_stream *push;
    struct push_item *const *items;
    size_t count;
    struct arena *arena;
    struct db *db;
    int64_t now_us;
    struct buf lines;
    int64_t line_count;
    struct page_counts counts;
    int64_t unconfirmed;     /* deletions that nobody has looked at */
    int64_t *changed;
    size_t changed_count;
    struct run_touch *touched;     /* one for each that is counted and was not rejected */
    size_t touched_count;
};

/* Counted, and shown behind its number. */
static void
count_touched(struct keeping *k, const struct push_item *item, enum run_change change)
{
    struct page_counts *c = &k->counts;
    int64_t *counter = change == RUN_CREATED ? &c->created : change == RUN_UPDATED ? &c->updated
                     : change == RUN_DELETED ? &c->deleted : &c->skipped;
    (*counter)++;
    k->touched[k->touched_count++] = (struct run_touch){item->row.record, change};
}

static void
say(struct keeping *k, enum log_level level, const char *message, const struct push_item *item, struct str detail)
{
    if (RUN_LOG(&k->lines, k->now_us, level, str_from_c(message), LOG_S("stream", k->stream->info.name),
        LOG_S("recordId", item->row.uuid),
                LOG_S("externalId", item->row.external_id), LOG_S("detail", detail)))
        k->line_count++;
}

/* ---- the vendor's record */

static yyjson_val *
whole_answer(struct keeping *k, const struct push_item *item, struct err *err)
{
    struct str text = STR_NONE;
    struct err why = {0};
    yyjson_val *kept = NULL;
    if (!k->push->partial || item->end != PUSH_END_UPDATED || str_is_none(item->row.raw))
        return item->answer;
    if (raw_unpack(k->arena, item->row.raw, &text, &why))
        kept = json_parse(k->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &why);
    if (!yyjson_is_obj(kept))
        return item->answer;
    yyjson_mut_doc *doc = json_mut_doc(k->arena);
    yyjson_mut_val *merged = doc == NULL ? NULL : yyjson_val_mut_copy(doc, kept);
    if (merged == NULL) {
        err_no_memory(err);
        return NULL;
    }
    json_merge(doc, merged, item->answer);
    yyjson_val *frozen = json_freeze(k->arena, merged);
    if (frozen == NULL)
        err_no_memory(err);
    return frozen;
}

static bool
prepare(struct keeping *k, const struct push_item *item, struct page_batch *b, struct page_context *context, struct err *err)
{
    struct reader_record record = {.value = whole_answer(k, item, err), .rejected = STR_NONE, .cursor_us = INT64_MIN};
    struct reader_event event = {.records = &record, .record_count = 1, .records_read = 1, .declared_total = -1,
                                 .observed_wall_us = item->observed_us};
    *context = k->stream->context;
    context->full = false;
    context->pushing = true;
    return record.value != NULL && page_prepare(b, context, k->arena, &event, false, err);
}

/* ---- what was agreed on */

static bool
find_base(struct keeping *k, const struct push_item *item, struct base_row *row_out, bool *found_out, struct err *err)
{
    size_t count;
    struct base_row *rows;
    *found_out = false;
    if (!store_bases_load(k->db, k->arena, k->work->run->tenant, item->row.record, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (rows[i].map == item->row.map) {
            *row_out = rows[i];
            *found_out = true;
        }
    return true;
}

/* Only when nobody has come between: else the three-way merge with what there is now says the same, or finds a conflict. */
static bool
agree_update(struct keeping *k, const struct push_item *item, struct str theirs, struct err *err)
{
    bool found;
    struct base_row now;
    struct agreement agreement;
    struct str data = STR_NONE;
    if (!find_base(k, item, &now, &found, err))
        return false;
    if (!found || !str_eq(now.base, item->row.base))
        return true;
    if (!alias_agree(k->arena, item->row.base, item->sent, theirs, now.alias, &agreement, err))
        return false;
    if (!str_is_none(agreement.alias) && !str_eq(agreement.alias, now.alias))
        say(k, LOG_INFO, "The vendor spells it otherwise", item, agreement.alias);
    if (store_record_data(k->db, k->arena, k->work->run->tenant, item->row.record, &data, err) == ROW_FAILED)
        return false;
    struct str base = str_eq(data, agreement.base) ? STR_NONE : agreement.base; /* empty: the record says so too */
    return store_push_agree(k->db, k->work->run->tenant, item->row.map, base, agreement.alias, err);
}

static bool
agree_creation(struct keeping *k, const struct push_item *item, struct page_item *page, struct err *err)
{
    struct agreement agreement;
    if (item->end != PUSH_END_CREATED)
        return true;
    if (!alias_agree(k->arena, STR_NONE, item->sent, page->mapped.data, STR_NONE, &agreement, err))
        return false;
    page->agreed = agreement.base;
    page->alias = agreement.alias;
    page->alias_set = !str_is_none(agreement.alias);
    return true;
}

/* ---- who it is */

enum owner { OWNER_FREE, OWNER_SELF, OWNER_OTHER, OWNER_FAILED };

static bool
drop_twin(struct keeping *k, const struct push_twin *twin, struct err *err)
{
    struct record record;
    int64_t tenant = k->work->run->tenant;
    if (store_record_get_by_id(k->db, k->arena, tenant, twin->record, &record, err) != ROW_FOUND)
        return err->code == E_OK && err_set(err, E_INTERNAL, NULL);
    struct record_write write = {.record = record.id, .data = record.data, .title = record.title, .status = record.status,
                                 .occurred_us = record.occurred_us, .parent = record.parent, .deleted = true,
                                 .changed = STR("{\"deletedAt\":null}")};
    return store_records_update(k->db, tenant, record.collection, &write, 1, k->work->run->connection, k->work->run->id, k->now_us, err);
}

/*
 * The new id may have been told us by a webhook before the answer came: then a record was made of it that nobody else knows, and
 * this one takes its place.
 */
static enum owner
find_owner(struct keeping *k, const struct push_item *item, struct str external_id, struct err *err)
{
    struct push_twin twin;
    int64_t tenant = k->work->run->tenant;
    enum row row = store_push_twin(k->db, k->arena, tenant, k->stream->context.stream.id, external_id, &twin, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? OWNER_FREE : OWNER_FAILED;
    if (twin.record == item->row.record)
        return OWNER_SELF;
    bool echo = item->row.intent_us != 0 && twin.created_us >= item->row.intent_us && twin.maps == 1 && twin.changes == 0;
    if (item->end != PUSH_END_CREATED || !echo)
        return OWNER_OTHER;
    return drop_twin(k, &twin, err) && store_unlink(k->db, tenant, twin.map, item->row.record, k->now_us,
        err) ? OWNER_SELF : OWNER_FAILED;
}

static bool
rejected(struct keeping *k, struct push_item *item, struct str reason, struct err *err)
{
    bool gone;
    struct str payload = item->fields == NULL ? STR("{}") : json_to_text(k->arena, item->fields);
    struct push_rejection j = {.stream = k->stream->context.stream.id, .run = k->work->run->id, .record = item->row.record,
                               .external_id = item->row.external_id, .reason = work_clean(k->work, reason), .payload = payload};
    if (j.external_id.len == 0)
        j.external_id = STR_NONE;
    if (str_is_none(payload))
        return err_no_memory(err);
    k->counts.errors++;
    say(k, LOG_WARN, "The record was not taken", item, j.reason);
    return store_push_reject(k->db, k->work->run->tenant, &j, k->now_us, err) &&
           store_push_done(k->db, k->work->run->tenant, k->work->run->connection, &item->row, k->now_us, &gone, err);
}

static bool
done(struct keeping *k, const struct push_item *item, struct err *err)
{
    bool gone;
    int64_t tenant = k->work->run->tenant;
    return store_push_done(k->db, tenant, k->work->run->connection, &item->row, k->now_us, &gone, err) &&
           store_push_accept(k->db, tenant, k->stream->context.stream.id, item->row.record, err);
}

/* ---- through the page */

static bool
write_page(struct keeping *k, const struct push_item *item, struct page_batch *b, struct err *err)
{
    struct page_fence fence = run_fence(k->work->run);
    page_ready(b, &fence);
    if (!page_decide(b, k->db, err))
        return false;
    struct page_item *page = &b->items[0];
    if (page->action == PAGE_CREATE) {
        page->action = PAGE_LINK;
        page->record = item->row.record;
        if (!agree_creation(k, item, page, err))
            return false;
    }
    if (!page_apply(b, k->db, err) || !page_write(b, k->db, k->now_us, err))
        return false;
    for (size_t i = 0; i < b->changed_count; i++)
        k->changed[k->changed_count++] = b->changed_records[i];
    return true;
}

static bool
keep_taken(struct keeping *k, struct push_item *item, struct err *err)
{
    if (item->end == PUSH_END_SEEN) {
        say(k, LOG_INFO, "It was changed there meanwhile", item, STR_NONE);
        return store_push_later(k->db, k->work->run->tenant, k->work->run->connection, item->row.record, k->now_us, STR_NONE, true, err);
    }
    if (item->end == PUSH_END_CREATED || item->end == PUSH_END_UPDATED)
        count_touched(k, item, item->end == PUSH_END_CREATED ? RUN_CREATED : RUN_UPDATED);
    if (item->end != PUSH_END_LINKED)
        return done(k, item, err);
    say(k, LOG_INFO, "Linked by its key", item, STR_NONE);
    struct push_row again = item->row;
    again.generation = -1; /* differences go with the next batch */
    bool gone;
    return store_push_done(k->db, k->work->run->tenant, k->work->run->connection, &again, k->now_us, &gone, err);
}

static bool
keep_mapped(struct keeping *k, struct push_item *item, struct page_batch *b, struct err *err)
{
    const struct mapped *m = &b->items[0].mapped;
    if (item->row.map != 0)
        return (item->end == PUSH_END_SEEN || agree_update(k, item, m->data, err)) && write_page(k, item, b, err) &&
            keep_taken(k, item, err);
    switch (find_owner(k, item, m->external_id, err)) {
    case OWNER_FAILED: return false;
    case OWNER_OTHER:
        return rejected(k, item, str_format(k->arena, "At the vendor it is %.*s, which is another record here",
            STR_ARG(m->external_id)), err);
    case OWNER_FREE:
    case OWNER_SELF: break;
    }
    return write_page(k, item, b, err) && keep_taken(k, item, err);
}

static bool
keep_answer(struct keeping *k, struct push_item *item, struct err *err)
{
    struct page_batch b = {0};
    struct page_context context;
    bool ok = prepare(k, item, &b, &context, err);
    if (ok && b.rejected_count > 0)
        ok = rejected(k, item, b.rejected[0].reason, err);
    else if (ok && b.item_count == 1)
        ok = keep_mapped(k, item, &b, err);
    else if (ok)
        ok = err_set(err, E_INTERNAL, "An answer held no record");
    page_batch_release(&b);
    return ok;
}

/* The vendor took it and showed nothing: the agreement is what was sent; the next pull sees the rest. */
static bool
keep_without_answer(struct keeping *k, struct push_item *item, struct err *err)
{
    if (item->row.map == 0)
        return rejected(k, item, STR("The vendor took the record, but does not show it: look there before it is sent again"), err);
    return agree_update(k, item, item->sent, err) && keep_taken(k, item, err);
}

/* The map becomes a tombstone, as if the vendor had told us. */
static bool
keep_deleted(struct keeping *k, struct push_item *item, struct err *err)
{
    struct map_write map = {.map = item->row.map, .record = item->row.record, .external_id = item->row.external_id, .deleted = true};
    bool gone = item->end == PUSH_END_GONE;
    if (!store_maps_write(k->db, k->work->run->tenant, k->stream->context.stream.id, &map, 1, item->observed_us, k->now_us, err))
        return false;
    if (gone)
        return rejected(k, item, STR("The record is no longer there: it was deleted, or merged into another"), err);
    count_touched(k, item, RUN_DELETED);
    k->unconfirmed += !item->confirmed;
    return done(k, item, err);
}

static bool
keep_later(struct keeping *k, const struct push_item *item, struct err *err)
{
    say(k, LOG_WARN, "To be sent again", item, item->reason);
    return store_push_later(k->db, k->work->run->tenant, k->work->run->connection, item->row.record,
        k->now_us + item->wait_ms * US_PER_MS,
                            work_clean(k->work, item->reason), item->nothing_done, err);
}

/*
 * The record was erased while its answer was on the way: nothing is kept of it, but the id that it was just given there is marked,
 * or the next page would bring him back.
 */
static bool
keep_erased(struct keeping *k, const struct push_item *item, struct err *err)
{
    struct page_batch b = {0};
    struct page_context context;
    struct map_row known;
    bool made = (item->end == PUSH_END_CREATED || item->end == PUSH_END_LINKED) && item->row.map == 0 && yyjson_is_obj(item->answer);
    bool ok = !made || prepare(k, item, &b, &context, err);
    if (ok && made && b.item_count == 1) {
        int64_t tenant = k->work->run->tenant, stream = k->stream->context.stream.id;
        struct str id = b.items[0].mapped.external_id;
        ok = store_map_lookup(k->db, k->arena, tenant, stream, &id, 1, &known, err) &&
             (known.map != 0 || store_map_bury(k->db, tenant, stream, item->row.record, id, item->observed_us, k->now_us, err));
    }
    page_batch_release(&b);
    count_touched(k, item, RUN_UNCHANGED);
    return ok && done(k, item, err);
}

static bool
keep_one(struct keeping *k, struct push_item *item, struct err *err)
{
    enum row stands = item->end == PUSH_END_NONE ? ROW_FOUND : store_record_stands(k->db, k->work->run->tenant, item->row.record, err);
    if (stands != ROW_FOUND)
        return stands == ROW_NONE && keep_erased(k, item, err);
    switch (item->end) {
    case PUSH_END_NONE: return true;
    case PUSH_END_SKIPPED:
        count_touched(k, item, RUN_UNCHANGED);
        return done(k, item, err);
    case PUSH_END_CREATED:
    case PUSH_END_UPDATED:
    case PUSH_END_SEEN:
    case PUSH_END_LINKED:
        return yyjson_is_obj(item->answer) ? keep_answer(k, item, err) : keep_without_answer(k, item, err);
    case PUSH_END_GONE:
    case PUSH_END_DELETED: return keep_deleted(k, item, err);
    case PUSH_END_REJECTED: return rejected(k, item, item->reason, err);
    case PUSH_END_LATER: return keep_later(k, item, err);
    }
    return false;
}

/* ---- the transaction */

static void
say_page(struct keeping *k)
{
    const struct page_counts *c = &k->counts;
    if (RUN_LOG(&k->lines, k->now_us, LOG_INFO, STR("pushed"), LOG_S("stream", k->stream->info.name), LOG_I("created", c->created),
                LOG_I("updated", c->updated), LOG_I("skipped", c->skipped), LOG_I("deleted", c->deleted), LOG_I("errors", c->errors)))
        k->line_count++;
}

static bool
finish(struct keeping *k, const struct page_fence *fence, struct err *err)
{
    struct push_waiting waiting;
    struct page_counts *c = &k->counts;
    const struct work_stream *s = k->stream;
    if (!store_push_count(k->db, fence->tenant, k->work->run->connection, k->now_us, &waiting, err))
        return false;
    c->received = c->records_read = c->created + c->updated + c->skipped + c->deleted + c->errors;
    say_page(k);
    struct page_mark mark = {.fence = *fence, .tenant = fence->tenant, .connection = k->work->run->connection,
        .stream = s->context.stream.id,
                             .counts = *c, .position = s->reader_position,
                                 .declared_total = s->counts.received + c->received + waiting.due,
                             .log = log_pack(k->arena, buf_str(&k->lines)), .log_lines = k->line_count, .changed_records = k->changed,
                             .changed_count = k->changed_count, .touched = k->touched, .touched_count = k->touched_count,
                             .now_us = k->now_us};
    if (str_is_none(mark.log))
        return err_no_memory(err);
    return store_page_finish(k->db, &mark, err);
}

/* What an item's base and map say is looked at, and written, one item after the other: an event of the vendor must not come between. */
static bool
hold_records(struct keeping *k, struct err *err)
{
    int64_t *records = ARENA_ARRAY(k->arena, int64_t, k->count);
    if (records == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < k->count; i++)
        records[i] = k->items[i]->row.record;
    return store_records_hold(k->db, k->work->run->tenant, records, k->count, err);
}

static bool
keep_all(struct db *db, void *ctx, struct err *err)
{
    struct keeping *k = ctx;
    struct page_fence fence = work_fence(k->work);
    arena_clear(k->arena);
    buf_truncate(&k->lines, 0);
    k->db = db;
    k->now_us = store_now(db);
    k->line_count = 0;
    k->changed_count = k->touched_count = 0;
    k->unconfirmed = 0;
    k->counts = (struct page_counts){0};
    k->changed = ARENA_ARRAY(k->arena, int64_t, k->count * 2 + 1);
    k->touched = ARENA_ARRAY(k->arena, struct run_touch, k->count + 1);
    if (k->changed == NULL || k->touched == NULL)
        return err_no_memory(err);
    if (!store_push_fence(db, &fence, k->now_us + k->stream->context.lease_ms * US_PER_MS, err) || !hold_records(k, err))
        return false;
    for (size_t i = 0; i < k->count; i++)
        if (!keep_one(k, k->items[i], err))
            return false;
    return push_guard_sent(db, k->arena, fence.tenant, k->stream->context.stream.id, k->unconfirmed, k->now_us, err) &&
           finish(k, &fence, err);
}

static void
take_counts(struct work *w, const struct page_counts *c)
{
    struct page_counts *sum = &work_stream(w)->counts;
    sum->received += c->received, sum->created += c->created, sum->updated += c->updated;
    sum->skipped += c->skipped, sum->deleted += c->deleted, sum->errors += c->errors;
    sum->records_read += c->records_read;
    w->committed_seq++;
    w->run->retries = 0;
    w->engine->pages++;
}

bool
push_keep(struct work *w, struct push_item *const *items, size_t count, struct err *err)
{
    struct keeping k = {.work = w, .stream = work_stream(w), .push = &w->push->streams[w->stream_at], .items = items, .count = count,
                        .arena = &w->push->closure};
    if (count == 0)
        return true;
    buf_init(&k.lines, RUN_LOG_PAGE_BYTES);
    bool ok = work_write(w, keep_all, &k, err);
    if (ok)
        take_counts(w, &k.counts);
    buf_release(&k.lines);
    return ok;
}

struct intending {
    struct work *work;
    struct push_item *const *items;
    size_t count;
    int64_t now_us;
};

static bool
renew(struct db *db, struct intending *n, struct page_fence *fence_out, struct err *err)
{
    *fence_out = run_fence(n->work->run);
    n->now_us = store_now(db);
    return store_run_renew(db, fence_out, n->now_us + n->work->engine->options.lease_ms * US_PER_MS, err);
}

static bool
intend_all(struct db *db, void *ctx, struct err *err)
{
    struct intending *n = ctx;
    struct page_fence fence;
    if (!renew(db, n, &fence, err))
        return false;
    for (size_t i = 0; i < n->count; i++)
        if (!store_push_intend(db, fence.tenant, n->work->run->connection, n->items[i]->row.record, n->items[i]->sent,
                               n->items[i]->op == PUSH_CREATE ? n->now_us : 0, err))
            return false;
    return true;
}

bool
push_intend(struct work *w, struct push_item *const *items, size_t count, struct err *err)
{
    struct intending n = {.work = w, .items = items, .count = count};
    if (count == 0)
        return true;
    if (!work_write(w, intend_all, &n, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (items[i]->op == PUSH_CREATE)
            items[i]->row.intent_us = n.now_us;
    return true;
}

static bool
stay_all(struct db *db, void *ctx, struct err *err)
{
    struct intending *n = ctx;
    struct page_fence fence;
    if (!renew(db, n, &fence, err))
        return false;
    for (size_t i = 0; i < n->count; i++) {
        const struct push_item *item = n->items[i];
        int64_t looked_us = !item->looked ? 0 : item->row.looked_us > 0 ? item->row.looked_us : n->now_us;
        if (!store_push_stayed(db, fence.tenant, n->work->run->connection, &item->row, looked_us, err))
            return false;
    }
    return true;
}

bool
push_stay(struct work *w, struct push_item *const *items, size_t count, struct err *err)
{
    struct intending n = {.work = w, .items = items, .count = count};
    return count == 0 || work_write(w, stay_all, &n, err);
}
