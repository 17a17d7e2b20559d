/*
 * Applying records outside a run.
 *
 * Each record is a page of one, inside one transaction with the others: they may be about the same record, in order, and each
 * has its own time. Reading what is known, laying the event over it and mapping happen inside the closure, so that nobody can
 * change the record between.
 */
#include "engine/applier.h"

#include "base/alloc.h"
#include "engine/account.h"
#include "engine/engine_priv.h"
#include "engine/kind.h"
#include "engine/page.h"
#include "engine/page_order.h"
#include "engine/run_log.h"
#include "store/store_event.h"
#include "store/store_inbox.h"
#include "store/store_record.h"
#include "template/webhooks.h"

/* An event whose time cannot be held against the vendor's own versions is believed while it is fresh; what the vendor's clock and
 * ours may differ by is inside. */
#define EVENT_FRESH_US (5 * US_PER_S)
#define EVENT_CLOSE_US (10 * US_PER_MINUTE)

struct applier_stream {
    struct str name;
    struct page_context context;
    bool has_reads;
    int64_t *changed;              /* since applier_begin; in scratch */
    size_t changed_count, changed_size;
};

struct applier {
    struct engine *engine;
    struct arena arena;
    struct account account;
    struct engine_worker tools;
    struct page_parent *parents;
    struct stream *rows;
    size_t row_count;
    int64_t clock_offset_us;
    struct applier_stream *streams;  /* one for each row that the template still has */
    size_t stream_count;
    struct fetch fetch;
    bool fetching;
};

const struct connection *
applier_connection(const struct applier *ap)
{
    return &ap->account.connection;
}

const struct template *
applier_template(const struct applier *ap)
{
    return ap->account.template;
}

/* ---- opening ---- */

/* Streams of this connection that can be applied to have their rows before the first event is. */
static bool
ensure_streams(struct db *db, void *ctx, struct err *err)
{
    struct applier *ap = ctx;
    const struct connection *c = &ap->account.connection;
    const struct template *t = ap->account.template;
    struct stream row;
    for (size_t i = 0; i < template_stream_count(t); i++) {
        const struct stream_info *info = template_stream_info(template_stream_at(t, i));
        if (info->refused.len == 0 && info->synced &&
            !store_stream_ensure(db, &ap->arena, c->tenant, c->id, info->name, info->kind, &row, err))
            return false;
    }
    ap->clock_offset_us = store_now(db) - clock_wall_us(ap->engine->options.clock);
    return store_stream_list(db, &ap->arena, c->tenant, c->id, &ap->rows, &ap->row_count, err);
}

static yyjson_val *
parse_or_null(struct applier *ap, struct str text)
{
    struct err ignored = {0};
    return text.len == 0 ? NULL : json_parse(&ap->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &ignored);
}

static bool
open_stream(struct applier *ap, const struct stream *row, struct applier_stream *s, struct err *err)
{
    const struct connection *c = &ap->account.connection;
    yyjson_val *rules = parse_or_null(ap, c->rules), *mapping = parse_or_null(ap, c->mapping);
    struct mapping_options options = {.rules = rules, .region = ap->account.tenant.region};
    *s = (struct applier_stream){.name = row->name};
    s->context = (struct page_context){
        .tenant = c->tenant, .connection = c->id, .connection_uuid = c->uuid, .stream = *row, .config = ap->account.effective,
        .now_us = clock_wall_us(ap->engine->options.clock), .region = ap->account.tenant.region,
        .match = str_eq_c(row->kind, "contacts") && !str_eq_c(c->match, "none"),
        .policy = conflict_policy_from_name(c->conflict_policy), .pushes = str_eq_c(c->direction, "both"),
        .parents = ap->parents, .parent_count = ap->row_count,
        .packer = ap->tools.packer, .rng = &ap->tools.rng,
        .mapping = mapping_compile(&ap->arena, ap->account.template, row->name, json_get(mapping, row->name), &options, err),
    };
    return s->context.mapping != NULL;
}

static bool
open_streams(struct applier *ap, struct err *err)
{
    ap->parents = ARENA_ARRAY(&ap->arena, struct page_parent, ap->row_count + 1);
    ap->streams = ARENA_ARRAY(&ap->arena, struct applier_stream, ap->row_count + 1);
    if (ap->parents == NULL || ap->streams == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < ap->row_count; i++)
        ap->parents[i] = (struct page_parent){ap->rows[i].name, ap->rows[i].id, kind_owns_children(ap->rows[i].kind)};
    for (size_t i = 0; i < ap->row_count; i++) {
        const struct template_stream *plan = template_stream_find(ap->account.template, ap->rows[i].name);
        if (plan == NULL || template_stream_info(plan)->refused.len > 0)
            continue;
        if (!open_stream(ap, &ap->rows[i], &ap->streams[ap->stream_count], err))
            return false;
        ap->stream_count++;
    }
    return true;
}

static bool
open_all(struct applier *ap, int64_t tenant, int64_t connection, struct err *err)
{
    ap->tools.packer = raw_packer_new(err);
    rng_init_system(&ap->tools.rng);
    if (ap->tools.packer == NULL || !account_open(ap->engine, &ap->arena, tenant, connection, &ap->account, err))
        return false;
    fetch_init(&ap->fetch, &ap->account, &ap->engine->sender, NULL);
    ap->fetch.circuit = &ap->engine->circuit;
    ap->fetch.numbers = &ap->engine->numbers;
    ap->fetching = true;
    return store_write(ap->engine->options.store, ensure_streams, ap, err) && open_streams(ap, err);
}

struct applier *
applier_new(struct engine *e, int64_t tenant, int64_t connection, struct err *err)
{
    struct applier *ap = alloc_zeroed(1, sizeof(*ap));
    if (ap == NULL) {
        err_no_memory(err);
        return NULL;
    }
    ap->engine = e;
    arena_init(&ap->arena, LIMIT_RUN_ARENA_BYTES);
    if (open_all(ap, tenant, connection, err))
        return ap;
    applier_free(ap);
    return NULL;
}

void
applier_free(struct applier *ap)
{
    if (ap == NULL)
        return;
    if (ap->fetching)
        fetch_release(&ap->fetch);
    account_close(&ap->account);
    raw_packer_free(ap->tools.packer);
    arena_release(&ap->arena);
    free(ap);
}

void
applier_stop(struct applier *ap)
{
    fetch_stop(&ap->fetch);
}

/* ---- one record ---- */

struct apply {
    struct applier *ap;
    struct applier_stream *stream;
    struct db *db;
    struct arena *arena;
    struct apply_item *item;
    struct map_row known;
    yyjson_val *record;            /* laid over what is kept */
    int64_t received_us, now_us;
    struct page_batch batch;
};

static struct applier_stream *
stream_named(struct applier *ap, struct str name)
{
    for (size_t i = 0; i < ap->stream_count; i++)
        if (str_eq(ap->streams[i].name, name))
            return &ap->streams[i];
    return NULL;
}

static bool
look_up(struct apply *w, struct err *err)
{
    const struct page_context *c = &w->stream->context;
    return store_map_lookup(w->db, w->arena, c->tenant, c->stream.id, &w->item->id, 1, &w->known, err);
}

/* The kept record with the event's members over it, top level only: a member that is an object is replaced whole. */
static bool
lay_over(struct apply *w, struct err *err)
{
    struct str packed = STR_NONE, text = STR_NONE;
    struct err why = {0};
    w->record = w->item->record;
    if (w->item->whole || w->known.map == 0)
        return true;
    enum row row = store_record_raw(w->db, w->arena, w->stream->context.tenant, w->known.map, &packed, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    yyjson_val *kept = raw_unpack(w->arena, packed, &text, &why)
                           ? json_parse(w->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &why) : NULL;
    if (!yyjson_is_obj(kept))
        return why.code != E_NO_MEMORY || err_no_memory(err);
    yyjson_mut_doc *doc = json_mut_doc(w->arena);
    yyjson_mut_val *merged = doc == NULL ? NULL : yyjson_val_mut_copy(doc, kept);
    size_t index, max;
    yyjson_val *key, *value;
    if (merged == NULL)
        return err_no_memory(err);
    yyjson_obj_foreach(w->item->record, index, max, key, value)
        yyjson_mut_obj_put(merged, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    w->record = json_freeze(w->arena, merged);
    return w->record != NULL || err_no_memory(err);
}

/* May the event be applied or passed over as it is, or must the vendor be asked? */
static bool
is_undecided(const struct apply *w)
{
    const struct apply_item *item = w->item;
    struct str version = w->batch.item_count == 1 ? w->batch.items[0].mapped.version : item->version;
    if (item->certain)
        return false;
    if (item->observed_us == 0)
        return true;
    if (w->known.map == 0 || observation_versions_compare(version, w->known.version) || str_eq(version, w->known.version))
        return false;
    bool late = w->received_us - item->observed_us > EVENT_FRESH_US;
    bool close = item->observed_us <= w->known.observed_us && w->known.observed_us - item->observed_us < EVENT_CLOSE_US;
    return late ? item->observed_us > w->known.observed_us - EVENT_CLOSE_US : close;
}

static bool
prepare(struct apply *w, struct err *err)
{
    struct reader_record record = {.value = w->record, .cursor_us = INT64_MIN};
    struct reader_event event = {.records = &record, .record_count = 1, .records_read = 1, .declared_total = -1,
                                 .observed_wall_us = w->item->observed_us};
    if (!page_prepare(&w->batch, &w->stream->context, w->arena, &event, false, err))
        return false;
    if (w->batch.item_count != 1)
        return true;
    struct mapped *m = &w->batch.items[0].mapped;
    if (m->version.len == 0)
        m->version = w->item->version;
    m->deleted = m->deleted || w->item->deleted;
    return true;
}

/* A page without a record of the vendor's: `deleted`, or the empty one that a deletion of something unknown needs. */
static bool
prepare_bare(struct apply *w, bool deleted, struct err *err)
{
    w->batch = (struct page_batch){.context = &w->stream->context, .arena = w->arena, .observed_us = w->item->observed_us};
    buf_init(&w->batch.lines, RUN_LOG_PAGE_BYTES);
    w->batch.items = ARENA_ARRAY(w->arena, struct page_item, 1);
    yyjson_mut_doc *doc = json_mut_doc(w->arena);
    yyjson_mut_val *object = doc == NULL ? NULL : yyjson_mut_obj(doc);
    if (w->batch.items == NULL || object == NULL)
        return err_no_memory(err);
    w->batch.items[0] = (struct page_item){.value = json_freeze(w->arena, object),
        .mapped = {.external_id = w->item->id, .data = STR("{}"), .version = w->item->version, .deleted = deleted}};
    w->batch.item_count = 1;
    return w->batch.items[0].value != NULL || err_no_memory(err);
}

/* Several events of one record are one change to whoever reads the feed. */
static bool
is_noted(const struct applier_stream *s, int64_t record)
{
    for (size_t i = s->changed_count; i > 0; i--)
        if (s->changed[i - 1] == record)
            return true;
    return false;
}

static bool
note_changed(struct apply *w, struct err *err)
{
    struct applier_stream *s = w->stream;
    if (s->changed_count + w->batch.changed_count > s->changed_size) {
        size_t size = (s->changed_size + w->batch.changed_count) * 2 + 16;
        int64_t *grown = ARENA_ARRAY(w->arena, int64_t, size);
        if (grown == NULL)
            return err_no_memory(err);
        if (s->changed_count > 0)
            memcpy(grown, s->changed, s->changed_count * sizeof(*grown));
        s->changed = grown;
        s->changed_size = size;
    }
    for (size_t i = 0; i < w->batch.changed_count; i++)
        if (!is_noted(s, w->batch.changed_records[i]))
            s->changed[s->changed_count++] = w->batch.changed_records[i];
    return true;
}

/* The page transaction without a run. */
static bool
write_page(struct apply *w, struct err *err)
{
    struct page_batch *b = &w->batch;
    struct page_fence none = {.tenant = w->stream->context.tenant};
    b->clear_rejected = w->stream->context.stream.rejected > 0;
    page_ready(b, &none);
    if (!page_decide(b, w->db, err) || !page_link(b, w->db, err) || !page_apply(b, w->db, err) ||
        !page_write(b, w->db, w->now_us, err))
        return false;
    if (b->item_count == 1) {
        w->item->record_id = b->items[0].record;
        w->item->data = b->items[0].data;
    }
    return note_changed(w, err);
}

/* Seen as it is known: it is so at this time, and an event from before must not change it. */
static bool
refresh_observed(struct apply *w, struct err *err)
{
    const struct page_context *c = &w->stream->context;
    const struct page_item *item = &w->batch.items[0];
    if (!w->item->whole || w->batch.item_count != 1 || item->action != PAGE_SKIP || w->item->observed_us <= item->known->observed_us)
        return true;
    return store_map_observed(w->db, c->tenant, c->stream.id, w->item->id, w->item->observed_us, err);
}

static bool
apply_deleted(struct apply *w, struct err *err)
{
    struct str version = w->item->version;
    if (w->known.map == 0) {
        if (!prepare_bare(w, false, err) || !write_page(w, err))
            return false;
        page_batch_release(&w->batch);
    }
    w->item->version = version;
    return prepare_bare(w, true, err) && write_page(w, err);
}

/* What an event that changes nothing costs is looking its record up: a way to PostgreSQL and back. It is not done twice. */
static bool
know_item(struct apply *w, struct err *err)
{
    if (w->batch.item_count != 1)
        return true;
    struct str id = w->batch.items[0].mapped.external_id;
    if (w->item->id.len == 0) {
        w->item->id = id;
        if (!look_up(w, err))
            return false;
    }
    w->batch.looked_up = str_eq(id, w->item->id) ? &w->known : NULL;
    return true;
}

static bool
apply_record(struct apply *w, struct err *err)
{
    if (!prepare(w, err) || !know_item(w, err))
        return false;
    if (w->batch.item_count == 1 && w->batch.rejected_count == 0 && is_undecided(w)) {
        w->item->result = APPLY_FETCH;
        return true;
    }
    if (w->batch.rejected_count > 0) {
        w->item->result = APPLY_REJECTED;
        w->item->reason = w->batch.rejected[0].reason;
        w->stream->context.stream.rejected++;
    }
    return write_page(w, err) && refresh_observed(w, err);
}

static bool
apply_known(struct apply *w, struct err *err)
{
    bool bare = w->item->record == NULL;
    if (!bare && !w->item->deleted)
        return lay_over(w, err) && apply_record(w, err);
    if (!w->item->deleted || w->item->id.len == 0 || is_undecided(w)) {
        w->item->result = APPLY_FETCH;
        return true;
    }
    return apply_deleted(w, err);
}

static bool
apply_one(struct apply *w, struct err *err)
{
    struct apply_item *item = w->item;
    item->result = APPLY_DONE;
    item->reason = item->data = STR_NONE;
    item->record_id = 0;
    item->id = item->external_id;
    w->stream = stream_named(w->ap, item->stream);
    if (w->stream == NULL) {
        item->result = APPLY_REJECTED;
        item->reason = STR("The template does not sync this stream");
        return true;
    }
    bool ok = (item->id.len == 0 || look_up(w, err)) && apply_known(w, err);
    page_batch_release(&w->batch);
    return ok;
}

static bool
write_feed(struct applier *ap, struct db *db, int64_t now_us, struct err *err)
{
    for (size_t i = 0; i < ap->stream_count; i++) {
        struct applier_stream *s = &ap->streams[i];
        struct event event = {.tenant = s->context.tenant, .connection = s->context.connection, .type = STR("records.changed"),
                              .records = s->changed, .record_count = s->changed_count, .at_us = now_us};
        if (s->changed_count > 0 && !store_event_add_of_stream(db, &event, s->context.stream.id, err))
            return false;
    }
    return true;
}

void
applier_begin(struct applier *ap)
{
    for (size_t i = 0; i < ap->stream_count; i++) {
        ap->streams[i].changed = NULL;
        ap->streams[i].changed_count = ap->streams[i].changed_size = 0;
    }
}

bool
applier_apply(struct applier *ap, struct db *db, struct arena *scratch, struct apply_item *items, size_t count,
              int64_t received_us, struct err *err)
{
    int64_t now_us = store_now(db);
    for (size_t i = 0; i < count; i++) {
        struct apply w = {.ap = ap, .db = db, .arena = scratch, .item = &items[i], .now_us = now_us,
                          .received_us = received_us != 0 ? received_us : now_us};
        if (!apply_one(&w, err))
            return false;
    }
    return true;
}

bool
applier_end(struct applier *ap, struct db *db, struct err *err)
{
    return write_feed(ap, db, store_now(db), err);
}

bool
applier_commit(struct applier *ap, struct db *db, struct arena *scratch, struct apply_item *item, int64_t received_us, struct err *err)
{
    applier_begin(ap);
    return applier_apply(ap, db, scratch, item, 1, received_us, err) && applier_end(ap, db, err);
}

/* ---- fetching ---- */

static struct reader *
reader_for(const struct applier *ap, struct str stream, struct str external_id, yyjson_val *slice, struct err *err)
{
    struct reader_options o = {.template = ap->account.template, .stream = stream, .config = ap->account.effective,
                               .now_us = clock_wall_us(ap->engine->options.clock), .concurrency = 1};
    return reader_new_single_in(&o, external_id, slice, err);
}

enum row
applier_record(const struct applier *ap, struct db *db, struct arena *a, struct str stream, struct str external_id,
               struct record *record_out, struct err *err)
{
    for (size_t i = 0; i < ap->row_count; i++)
        if (str_eq(ap->rows[i].name, stream))
            return store_record_by_external(db, a, ap->account.connection.tenant, ap->rows[i].id, external_id, record_out, err);
    return ROW_NONE;
}

bool
applier_can_fetch(const struct applier *ap, struct str stream, yyjson_val *slice)
{
    struct err ignored = {0};
    struct reader *r = reader_for(ap, stream, STR("1"), slice, &ignored);
    reader_free(r);
    return r != NULL;
}

bool
applier_fetch(struct applier *ap, struct arena *page, struct str stream, struct str external_id, yyjson_val *slice,
              yyjson_val **record_out, int64_t *observed_out, struct err *err)
{
    struct reader_event event = {0};
    if (!account_check_address(&ap->account, err))
        return false;
    struct reader *reader = reader_for(ap, stream, external_id, slice, err);
    if (reader == NULL)
        return false;
    fetch_reader(&ap->fetch, reader);
    int64_t asked_us = clock_wall_us(ap->engine->options.clock);
    switch (fetch_next(&ap->fetch, page, &event, err)) {
    case FETCH_PAGE: break;
    case FETCH_DONE: event.record_count = 0; break;
    case FETCH_WAIT:
        err_set(err, event.wait_code != E_OK ? event.wait_code : E_VENDOR_RATE_LIMITED, "%.*s", STR_ARG(event.wait_reason));
        err->retry_after_ms = event.wait_ms;
        return false;
    case FETCH_STOPPED: return err_set(err, E_SHUTTING_DOWN, NULL);
    case FETCH_FAILED: return false;
    }
    bool usable = event.record_count > 0 && str_is_none(event.records[0].rejected);
    *record_out = usable ? event.records[0].value : NULL;
    *observed_out = (event.observed_wall_us > 0 ? event.observed_wall_us : asked_us) + ap->clock_offset_us;
    return true;
}
