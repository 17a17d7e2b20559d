/*
 * The first step of a run on this worker: the account opened, streams chosen, mappings compiled, positions read.
 *
 * Everything here can be done again after a restart: rows that exist are found, not made twice. A run keeps
 * the versions it began with as long as they are the same; where template, mapping or configuration changed
 * meanwhile, the streams that are not done begin anew, in full.
 */
#include "engine/work.h"

#include "engine/job.h"
#include "engine/kind.h"
#include "engine/lists.h"
#include "engine/push.h"

#include <xxhash.h>

#include "store/store_delete.h"
#include "store/store_log.h"
#include "store/store_state.h"

struct prepare {
    struct work *work;
    struct arena *arena;
    struct arena_mark mark;
    struct stream *rows;           /* one per work stream */
    struct run_stream *progress;
    size_t progress_count;
    int64_t now_us;
};

static yyjson_val *
parse_option(struct work *w, struct str text)
{
    struct err ignored = {0};
    return text.len == 0 ? NULL : json_parse(w->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &ignored);
}

static bool
names_contain(yyjson_val *names, struct str name)
{
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(names, i, count, item) {
        if (str_eq(json_str(item), name))
            return true;
    }
    return false;
}

/* Does this run read that stream? */
static bool
is_chosen(struct work *w, const struct stream_info *info, yyjson_val *streams)
{
    if (info->refused.len > 0)
        return false;
    if (!str_is_none(w->run->entity))
        return str_eq(info->name, w->run->entity) || str_eq(info->kind, w->run->entity);
    return yyjson_arr_size(streams) > 0 ? names_contain(streams, info->name) : info->synced;
}

/* Some streams are of another product than this connection's. A run that pushes has the streams that can be written to. */
static bool
is_of_run(struct work *w, size_t at, const struct stream_info *info, yyjson_val *streams)
{
    if (w->push != NULL)
        return push_is_written(w->account.template, at, w->account.effective, streams, w->run->entity);
    return is_chosen(w, info, streams) && template_stream_is_for(info, w->account.effective);
}

/* A list could not be read: may a stream that this run was to read be missing? Those that were named are here or not. */
static bool
needs_lists(struct work *w, yyjson_val *streams)
{
    if (w->push != NULL || !str_is_none(w->run->entity))
        return false;
    return yyjson_arr_size(streams) == 0 || w->stream_count < yyjson_arr_size(streams);
}

static bool
choose_streams(struct work *w, struct err *err)
{
    const struct template *t = w->account.template;
    size_t count = template_stream_count(t);
    if (template_info(t)->configure_only)
        return err_set(err, E_TEMPLATE_REFUSED, "This integration type can be configured, not synced");
    yyjson_val *streams = parse_option(w, w->account.connection.streams);
    w->streams = ARENA_ARRAY(w->arena, struct work_stream, count + 1);
    if (w->streams == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct template_stream *plan = template_stream_at(t, i);
        const struct stream_info *info = template_stream_info(plan);
        if (is_of_run(w, i, info, streams))
            w->streams[w->stream_count++] =
                (struct work_stream){.plan = plan, .info = *info, .declared = DECLARED_INIT, .delete_total = -1};
    }
    if (w->stream_count == 0 && w->account.lists_failed.code != E_OK) {
        err_copy(err, &w->account.lists_failed);
        return false;
    }
    w->lacks_streams = w->account.lists_failed.code != E_OK && needs_lists(w, streams);
    if (w->stream_count == 0 && w->push != NULL)
        return err_set(err, E_VALIDATION_FAILED, "This platform cannot be written to: its template has no `writes` for what was asked");
    if (w->stream_count == 0)
        return err_set(err, E_VALIDATION_FAILED, "There is no stream to read: check `streams` of the connection or `entityType`");
    return true;
}

/* Members that signing in and refreshing bring: what a template stores then, and what came. */
static yyjson_val *
token_members(struct work *w)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_mut_doc *doc = json_mut_doc(w->arena);
    yyjson_mut_val *all = !doc ? NULL : w->account.tokens ? yyjson_val_mut_copy(doc, w->account.tokens) : yyjson_mut_obj(doc);
    yyjson_val *store = json_get_c(json_get_c(template_info(w->account.template)->tidemark, "oauth"), "store");
    yyjson_obj_foreach(all ? store : NULL, i, count, key, value)
        yyjson_mut_obj_put(all, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    return all ? json_freeze(w->arena, all) : w->account.tokens;
}

/* Of everything that decides what a record becomes: another one makes the next run full. */
static bool
stream_version(struct work *w, struct str *version_out, struct err *err)
{
    const struct connection *c = &w->account.connection;
    const struct template_info *info = template_info(w->account.template);
    uint64_t config = 0;
    if (!config_hash(w->account.template, w->arena, w->account.effective, token_members(w), &config, err))
        return false;
    const uint64_t parts[] = {info->source_hash, config, XXH3_64bits(c->mapping.ptr, c->mapping.len),
                              XXH3_64bits(c->rules.ptr, c->rules.len),
                              XXH3_64bits(w->account.tenant.region.ptr, w->account.tenant.region.len)};
    struct str version = str_format(w->arena, "%.*s-%016llx", STR_ARG(info->version),
                                    (unsigned long long)XXH3_64bits(parts, sizeof(parts)));
    if (str_is_none(version))
        return err_no_memory(err);
    *version_out = version;
    return true;
}

static bool
compile_mapping(struct work *w, struct work_stream *s, struct err *err)
{
    yyjson_val *rules = parse_option(w, w->account.connection.rules);
    yyjson_val *mapping = parse_option(w, w->account.connection.mapping);
    struct mapping_options options = {.rules = rules, .region = w->account.tenant.region};
    s->context.mapping = mapping_compile(w->arena, w->account.template, s->info.name, json_get(mapping, s->info.name),
                                         &options, err);
    return s->context.mapping != NULL;
}

static void
fill_context(struct work *w, struct work_stream *s, const struct stream *row)
{
    const struct connection *c = &w->account.connection;
    s->context.tenant = w->run->tenant;
    s->context.connection = c->id;
    s->context.connection_uuid = c->uuid;
    s->context.stream = *row;
    s->context.config = w->account.effective;
    s->context.now_us = w->run->started_us != 0 ? w->run->started_us : w->run->created_us;
    s->context.clock_offset_us = w->clock_offset_us;
    s->context.region = w->account.tenant.region;
    s->context.looks_up = !str_eq_c(c->match, "none");
    s->context.match = str_eq_c(s->info.kind, "contacts") && s->context.looks_up;
    s->context.policy = conflict_policy_from_name(c->conflict_policy);
    s->context.pushes = str_eq_c(c->direction, "both");
    s->context.parents = w->parents;
    for (size_t i = 0; i < w->parent_count; i++)
        if (str_eq(w->parents[i].name, s->info.parent_stream))
            s->context.parent_stream = w->parents[i].stream;
    s->context.parent_count = w->parent_count;
    s->context.packer = w->worker->packer;
    s->context.rng = &w->worker->rng;
    s->context.lease_ms = w->engine->options.lease_ms;
}

static bool
tell_start(struct work *w, struct db *db, int64_t now_us, struct err *err)
{
    struct str how = w->push ? STR("push") : w->run->full ? STR("full") : STR("incremental");
    return w->run->page_seq > 0 || work_log_write(w, db, now_us, "run started", how, err);
}

/* Rows of streams, and the run's progress in them. */
static bool
make_rows(struct db *db, void *ctx, struct err *err)
{
    struct prepare *p = ctx;
    struct work *w = p->work;
    arena_rewind(p->arena, p->mark);
    p->now_us = store_now(db);
    p->rows = ARENA_ARRAY(p->arena, struct stream, w->stream_count);
    int64_t *ids = ARENA_ARRAY(p->arena, int64_t, w->stream_count);
    if (p->rows == NULL || ids == NULL)
        return err_no_memory(err);
    struct page_fence fence = run_fence(w->run);
    if (!store_run_renew(db, &fence, p->now_us + w->engine->options.lease_ms * US_PER_MS, err))
        return false;
    for (size_t i = 0; i < w->stream_count; i++) {
        const struct stream_info *info = &w->streams[i].info;
        if (!store_stream_ensure(db, p->arena, w->run->tenant, w->run->connection, info->name, info->kind, &p->rows[i], err))
            return false;
        ids[i] = p->rows[i].id;
    }
    return store_run_streams_init(db, &fence, ids, w->stream_count, p->now_us, err) &&
           store_run_streams(db, p->arena, w->run->tenant, w->run->id, &p->progress, &p->progress_count, err) &&
           store_connection_template_version(db, w->run->tenant, w->run->connection,
                                             template_info(w->account.template)->version, err) &&
           store_run_set_template_version(db, &fence, template_info(w->account.template)->version, err) &&
           tell_start(w, db, p->now_us, err);
}

struct parent_rows {
    struct work *work;
    struct stream *rows;
    size_t count;
};

static bool
read_parents(struct db *db, void *ctx, struct err *err)
{
    struct parent_rows *p = ctx;
    return store_stream_list(db, p->work->arena, p->work->run->tenant, p->work->run->connection, &p->rows, &p->count, err);
}

static bool
find_parents(struct work *w, struct err *err)
{
    struct parent_rows p = {.work = w};
    if (!store_read(w->engine->options.store, read_parents, &p, err))
        return false;
    w->parents = ARENA_ARRAY(w->arena, struct page_parent, p.count + 1);
    if (w->parents == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < p.count; i++)
        w->parents[w->parent_count++] = (struct page_parent){p.rows[i].name, p.rows[i].id, kind_owns_children(p.rows[i].kind)};
    return true;
}

static const struct run_stream *
progress_of(const struct prepare *p, int64_t stream)
{
    for (size_t i = 0; i < p->progress_count; i++)
        if (p->progress[i].stream == stream)
            return &p->progress[i];
    return NULL;
}

static bool
read_progress(struct work *w, struct work_stream *s, const struct run_stream *progress, struct err *err)
{
    if (progress == NULL)
        return true;
    s->counts = progress->counts;
    s->done = progress->done;
    if (progress->error_code.len > 0) {
        s->failed = err_from_name(progress->error_code);
        s->failed_message = progress->error_message;
    }
    if (s->done || progress->position.len == 0)
        return true;
    if (w->push != NULL) {
        s->reader_position = progress->position;
        return true;
    }
    return work_position_read(s, w->arena, progress->position, err);
}

/*
 * What a filter leaves out was not read: totals and deletes then mean nothing. Marks are not kept either where they would
 * pass over what was left out: with any filter but updatedSince, and with that one in a full pass.
 */
static void
apply_filters(struct work *w, struct work_stream *s)
{
    yyjson_val *filters = w->filters;
    bool since = json_get_c(filters, "updatedSince") != NULL;
    s->filtered = filters != NULL;
    s->context.forget_states = yyjson_obj_size(filters) > (since ? 1 : 0) || (since && w->run->full);
}

static bool
prepare_stream(struct work *w, struct prepare *p, size_t i, struct str version, struct err *err)
{
    struct work_stream *s = &w->streams[i];
    s->version = version;
    fill_context(w, s, &p->rows[i]);
    apply_filters(w, s);
    return compile_mapping(w, s, err) && read_progress(w, s, progress_of(p, p->rows[i].id), err);
}

struct last_request {
    struct work *work;
    struct request_chunk chunk;
    enum row row;
};

static bool
read_last_request(struct db *db, void *ctx, struct err *err)
{
    struct last_request *l = ctx;
    l->row = store_requests_newest(db, l->work->arena, l->work->run->tenant, l->work->run->id, &l->chunk, err);
    return l->row != ROW_FAILED;
}

/* A run that was parked after a failed request sends it again: then that is told beside it. */
static void
remember_last_request(struct work *w)
{
    struct last_request l = {.work = w};
    struct request_line line, last = {0};
    struct str lines;
    struct err ignored = {0};
    if (w->run->requests == 0 || !store_read(w->engine->options.store, read_last_request, &l, &ignored) || l.row != ROW_FOUND ||
        !log_unpack(w->arena, l.chunk.packed, &lines, &ignored))
        return;
    while (request_line_next(&lines, &line))
        last = line;
    request_log_goes_on(w->requests, w->arena, &last);
}

static bool
read_lists(struct work *w, struct err *err)
{
    struct lists_ask ask = {.lease = w->lease, .keeper = w->engine->keeper, .run = w->run->id,
                            .last_try = w->run->retries >= LIMIT_RETRY_5XX};
    return lists_read(&w->account, &ask, err);
}

static bool
prepare_all(struct work *w, struct err *err)
{
    struct str version = STR_NONE;
    if (!account_open(w->engine, w->arena, w->run->tenant, w->run->connection, &w->account, err) ||
        !account_check_address(&w->account, err) || !read_lists(w, err))
        return false;
    fetch_init(&w->fetch, &w->account, &w->engine->sender, NULL);
    w->requests = request_log_new(&w->engine->sender, w->engine->options.clock);
    if (w->requests == NULL)
        return err_no_memory(err);
    fetch_write_down(&w->fetch, w->requests);
    w->fetch.circuit = &w->engine->circuit;
    w->fetch.numbers = &w->engine->numbers;
    w->fetch.lease = w->lease;
    w->fetch.keeper = w->engine->keeper;
    lease_on_stop(w->engine->keeper, w->lease, fetch_stop, &w->fetch);
    yyjson_val *options = parse_option(w, w->run->options);
    w->filters = json_get_c(options, "filters");
    int64_t concurrency = 1;
    w->concurrency = json_to_i64(json_get_c(options, "concurrency"), &concurrency) && concurrency >= 1 &&
                             concurrency <= JOB_CONCURRENCY_MAX
                         ? (unsigned)concurrency : 1;
    if (str_eq_c(w->run->direction, "push") && !push_new(w, err))
        return false;
    if (!choose_streams(w, err) || !stream_version(w, &version, err) || (w->push == NULL &&
        !account_set_filters(&w->account, w->filters, err)))
        return false;
    struct arena *rows = w->arena;
    struct prepare p = {.work = w, .arena = rows, .mark = arena_mark(rows)};
    int64_t wall_us = clock_wall_us(w->engine->options.clock);
    if (!work_write(w, make_rows, &p, err) || !find_parents(w, err))
        return false;
    w->clock_offset_us = p.now_us - wall_us;
    request_log_offset(w->requests, w->clock_offset_us);
    remember_last_request(w);
    for (size_t i = 0; i < w->stream_count; i++)
        if (!prepare_stream(w, &p, i, version, err))
            return false;
    return w->push == NULL || push_begin(w, err);
}

/* The vendor's list of streams is to be asked for later. */
static enum step_result
vendor_waits(struct work *w, const struct err *err)
{
    int64_t wait_ms = err->retry_after_ms < LIMIT_RETRY_AFTER_MS ? err->retry_after_ms : LIMIT_RETRY_AFTER_MS;
    if (err->code == E_VENDOR_RATE_LIMITED)
        return work_park(w, wait_ms, "RATE_LIMITED", str_from_c(err->message), false);
    if (w->run->retries >= LIMIT_RETRY_5XX)
        return work_store_failed(w, err);
    return work_park(w, wait_ms, "RETRY", str_from_c(err->message), true);
}

enum step_result
work_prepare(struct work *w)
{
    struct err err = {0};
    if (!prepare_all(w, &err)) {
        bool vendor = err.code == E_VENDOR_RATE_LIMITED || err.code == E_VENDOR_UNAVAILABLE;
        return vendor && err.retry_after_ms > 0 ? vendor_waits(w, &err) : work_store_failed(w, &err);
    }
    w->committed_seq = w->run->page_seq;
    if (w->run->page_seq == 0 && w->account.lists_failed.code != E_OK)
        work_log(w, LOG_WARN, "Streams are left out: a list could not be read", STR_NONE,
                 work_clean(w, str_from_c(w->account.lists_failed.message)));
    return STEP_DONE;
}
