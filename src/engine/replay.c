/*
 * Replay: rejected records are mapped again, after a rule, a mapping or the record was put right.
 *
 * Each stream's rejected records go through the page machinery as a page of their own, without a run: no
 * fence, no mark, no position. What is accepted leaves the list.
 */
#include "engine/engine_priv.h"

#include "engine/account.h"
#include "engine/kind.h"
#include "engine/page.h"
#include "store/store_push.h"
#include "store/store_rejected.h"

#define REPLAY_ROWS 100

struct replay {
    struct engine *engine;
    struct arena *arena;
    struct account account;
    struct page_parent *parents;
    struct stream *streams;
    size_t stream_count;
    struct rejected *rows;
    size_t row_count, loaded;
    int64_t before, last, stream;
    struct page_batch *batch;
    struct replay_counts counts;
    int64_t requeued;
};

static bool
list_streams(struct db *db, void *ctx, struct err *err)
{
    struct replay *r = ctx;
    const struct connection *c = &r->account.connection;
    return store_stream_list(db, r->arena, c->tenant, c->id, &r->streams, &r->stream_count, err);
}

static bool
list_rejected(struct db *db, void *ctx, struct err *err)
{
    struct replay *r = ctx;
    const struct connection *c = &r->account.connection;
    if (!store_rejected_list(db, r->batch->arena, c->tenant, c->id, r->stream, 0, r->before, 0, REPLAY_ROWS, &r->rows, &r->loaded, NULL,
                             err))
        return false;
    r->last = r->loaded > 0 ? r->rows[r->loaded - 1].id : 0;
    r->row_count = 0;
    for (size_t i = 0; i < r->loaded; i++)
        if (r->rows[i].push_record == 0)
            r->rows[r->row_count++] = r->rows[i];
    return true;
}

/* What was to be sent is sent again; it leaves the list when the vendor has taken it. */
static bool
requeue(struct db *db, void *ctx, struct err *err)
{
    int64_t count = 0;
    struct replay *r = ctx;
    const struct connection *c = &r->account.connection;
    if (!store_push_requeue(db, c->tenant, c->id, r->stream, store_now(db), &count, err))
        return false;
    r->requeued = count;
    return true;
}

/* The page transaction without a run. Rows that have no id of their own leave the list by their number. */
static bool
commit(struct db *db, void *ctx, struct err *err)
{
    struct replay *r = ctx;
    struct page_batch *b = r->batch;
    int64_t now_us = store_now(db);
    arena_rewind(b->arena, b->mark);
    if (!page_decide(b, db, err) || !page_link(b, db, err) || !page_apply(b, db, err) || !page_write(b, db, now_us, err))
        return false;
    for (size_t i = 0; i < r->row_count; i++)
        if (r->rows[i].external_id.len == 0 &&
            !store_rejected_replayed(db, b->context->tenant, r->rows[i].id, true, STR_NONE, now_us, err))
            return false;
    return true;
}

/* The payloads as the event of a reader. A payload that is no JSON stays rejected. */
static bool
make_event(struct replay *r, struct reader_event *event, struct err *err)
{
    struct arena *a = r->batch->arena;
    *event = (struct reader_event){.declared_total = -1, .observed_wall_us = clock_wall_us(r->engine->options.clock)};
    event->records = ARENA_ARRAY(a, struct reader_record, r->row_count + 1);
    if (event->records == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < r->row_count; i++) {
        yyjson_val *value = json_parse(a, r->rows[i].payload, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
        if (value == NULL)
            return false;
        event->records[event->record_count++] = (struct reader_record){.value = value, .cursor_us = INT64_MIN};
    }
    event->records_read = event->record_count;
    return true;
}

static bool
replay_page(struct replay *r, const struct page_context *context, struct arena *page, struct err *err)
{
    struct reader_event event;
    struct page_batch batch = {0};
    struct arena rows;
    arena_init(&rows, LIMIT_PAGE_ARENA_BYTES);
    batch.arena = &rows;
    r->batch = &batch;
    bool ok = store_read(r->engine->options.store, list_rejected, r, err) && make_event(r, &event, err);
    if (ok && r->row_count > 0) {
        ok = page_prepare(&batch, context, page, &event, true, err);
        if (ok) {
            struct page_fence none = {.tenant = context->tenant};
            batch.clear_rejected = true;
            page_ready(&batch, &none);
            ok = store_write(r->engine->options.store, commit, r, err);
        }
        if (ok) {
            r->counts.tried += (int64_t)r->row_count;
            r->counts.rejected += (int64_t)batch.rejected_count;
            r->counts.accepted += (int64_t)(r->row_count - batch.rejected_count);
        }
        page_batch_release(&batch);
    }
    r->before = r->last;
    r->batch = NULL;
    arena_release(&rows);
    return ok;
}

static bool
fill_context(struct replay *r, const struct stream *stream, struct engine_worker *tools, struct page_context *c,
             struct err *err)
{
    const struct connection *row = &r->account.connection;
    yyjson_val *rules = row->rules.len == 0 ? NULL : json_parse(r->arena, row->rules, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    yyjson_val *mapping =
        row->mapping.len == 0 ? NULL : json_parse(r->arena, row->mapping, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    struct mapping_options options = {.rules = rules, .region = r->account.tenant.region};
    *c = (struct page_context){
        .tenant = row->tenant, .connection = row->id, .connection_uuid = row->uuid, .stream = *stream,
        .config = r->account.effective, .now_us = clock_wall_us(r->engine->options.clock),
        .region = r->account.tenant.region, .match = str_eq_c(stream->kind, "contacts") && !str_eq_c(row->match, "none"),
        .policy = conflict_policy_from_name(row->conflict_policy), .pushes = str_eq_c(row->direction, "both"), .parents = r->parents,
        .parent_count = r->stream_count, .packer = tools->packer, .rng = &tools->rng,
        .mapping = mapping_compile(r->arena, r->account.template, stream->name, json_get(mapping, stream->name), &options, err),
    };
    return c->mapping != NULL;
}

static bool
replay_stream(struct replay *r, const struct stream *stream, struct engine_worker *tools, struct err *err)
{
    struct page_context context;
    struct arena page;
    bool ok = fill_context(r, stream, tools, &context, err);
    r->stream = stream->id;
    r->before = 0;
    r->loaded = REPLAY_ROWS;
    ok = ok && store_write(r->engine->options.store, requeue, r, err);
    r->counts.tried += r->requeued;
    r->counts.accepted += r->requeued;
    arena_init(&page, LIMIT_PAGE_ARENA_BYTES);
    while (ok && r->loaded == REPLAY_ROWS) {
        ok = replay_page(r, &context, &page, err);
        arena_clear(&page);
    }
    arena_release(&page);
    return ok;
}

static bool
replay_all(struct replay *r, struct str only, struct engine_worker *tools, struct err *err)
{
    if (!store_read(r->engine->options.store, list_streams, r, err))
        return false;
    r->parents = ARENA_ARRAY(r->arena, struct page_parent, r->stream_count + 1);
    if (r->parents == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < r->stream_count; i++)
        r->parents[i] = (struct page_parent){r->streams[i].name, r->streams[i].id, kind_owns_children(r->streams[i].kind)};
    for (size_t i = 0; i < r->stream_count; i++) {
        bool wanted = only.len == 0 || str_eq(r->streams[i].name, only) || str_eq(r->streams[i].kind, only);
        if (wanted && !replay_stream(r, &r->streams[i], tools, err))
            return false;
    }
    return true;
}

bool
engine_rejected_replay(struct engine *e, int64_t tenant, struct str connection, struct str stream,
                       struct replay_counts *counts_out, struct err *err)
{
    struct arena arena;
    arena_init(&arena, LIMIT_RUN_ARENA_BYTES);
    struct connection found;
    struct replay r = {.engine = e, .arena = &arena};
    struct engine_worker tools = {.packer = raw_packer_new(err)};
    rng_init_system(&tools.rng);
    bool ok = tools.packer != NULL && engine_connection_find(e, &arena, tenant, connection, &found, err) &&
              account_open(e, &arena, tenant, found.id, &r.account, err) && replay_all(&r, stream, &tools, err);
    account_close(&r.account);
    raw_packer_free(tools.packer);
    arena_release(&arena);
    if (ok)
        *counts_out = r.counts;
    return ok;
}
