/*
 * The synced entities out: lists and one (contract, sections 8 and 9). Mapped fields stand at the top, beside
 * id, kind, version and times.
 *
 * Which kinds there are is engine/kind.h's table; a stream that has no kind of its own is shown under
 * /records/:connectionId/:stream by the same code.
 */
#include "door/entities_priv.h"

#include "base/encode.h"
#include "base/rng.h"
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "engine/kind.h"
#include "engine/raw.h"
#include "engine/search.h"
#include "store/store_stream.h"

#define LIMIT_OTHERWISE 20
#define HISTORY_MAX 50
#define API_PREFIX "/api/v1/"
#define PLACE_PREFIX "r1:"
#define TEXT_BYTES_MAX 200
#define LIMIT_AT_ONCE 100       /* rows that the server's own thread may read, and pass by */

struct str
entity_kind(const struct request *r)
{
    struct str kind = str_skip(str_from_c(r->match.route->pattern), strlen(API_PREFIX)), rest;
    str_cut(kind, '/', &kind, &rest);
    return str_eq(kind, STR("records")) ? STR_NONE : kind;
}

/* ---- lists ---- */

struct list {
    struct request *request;
    struct connection connection; /* of /records/:connectionId/:stream; id 0: a kind is meant */
    struct str parent_uuid;
    struct record_filter filter;
    struct stream stream;    /* of the connection */
    int64_t collection;      /* 0: nothing of that kind was ever synced */
    bool nothing;            /* the parent asked for does not exist here */
    size_t count;            /* of the rows in the answer */
    struct record_place next;
    int64_t total;
    bool counted;            /* exactly */
};

struct str
entity_place_text(struct arena *a, struct record_place place)
{
    struct buf b;
    struct str plain = str_format(a, PLACE_PREFIX "%lld:%lld:%s", (long long)place.updated_us, (long long)place.id, place.uuid);
    buf_init(&b, 256);
    base64_encode(&b, plain, BASE64_URL);
    struct str text = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

bool
entity_place_parse(struct arena *a, struct str text, struct record_place *place_out)
{
    struct str plain, updated, id, uuid;
    struct record_place place = {0};
    if (text.len > 200 || !base64_decode(a, text, BASE64_URL, &plain) || !str_starts(plain, STR(PLACE_PREFIX)) ||
        !str_cut(str_skip(plain, strlen(PLACE_PREFIX)), ':', &updated, &id) || !str_cut(id, ':', &id, &uuid))
        return false;
    if (!str_to_i64(updated, 0, INT64_MAX, &place.updated_us) || !str_to_i64(id, 1, INT64_MAX, &place.id) ||
        !uuid_is_valid(uuid))
        return false;
    snprintf(place.uuid, sizeof(place.uuid), "%.*s", STR_ARG(uuid));
    *place_out = place;
    return true;
}

static bool
find_stream(struct db *db, struct list *l, struct err *err)
{
    const struct request *r = l->request;
    enum row row = store_stream_find(db, r->arena, r->tenant.id, l->connection.id, request_path_param(r, 1), &l->stream, err);
    if (row == ROW_NONE)
        return err_set(err, E_NOT_FOUND, "This connection has synced no stream of that name");
    l->collection = l->stream.collection;
    l->filter.stream = l->stream.id;
    return row == ROW_FOUND;
}

static bool
find_parent(struct db *db, struct list *l, struct err *err)
{
    struct record parent;
    if (!l->parent_uuid.len)
        return true;
    enum row row = store_record_get(db, l->request->arena, l->request->tenant.id, STR_NONE, l->parent_uuid, &parent, err);
    if (row == ROW_FOUND)
        l->filter.parent = parent.id;
    l->nothing = row == ROW_NONE;
    return row != ROW_FAILED;
}

static bool
find_collection(struct db *db, void *ctx, struct err *err)
{
    struct list *l = ctx;
    l->collection = 0;
    if (l->connection.id ? !find_stream(db, l, err)
                         : store_collection_find(db, l->request->tenant.id, entity_kind(l->request), &l->collection, err) == ROW_FAILED)
        return false;
    return find_parent(db, l, err);
}

static bool
asks_for_nothing_else(const struct record_filter *f)
{
    return !f->updated_since_us && !f->status.ptr && !f->text.len && !f->parent;
}

/* A stream has a counter of its own, as a kind has; a filtered total is counted to a bound. */
static bool
count_all(struct db *db, struct list *l, struct err *err)
{
    bool plain = asks_for_nothing_else(&l->filter);
    l->counted = plain;
    if (plain && l->stream.id) {
        l->total = l->filter.only_deleted ? l->stream.deleted
                                          : l->stream.records + (l->filter.include_deleted ? l->stream.deleted : 0);
        return true;
    }
    return store_record_count(db, l->request->tenant.id, l->collection, &l->filter, LIMIT_COUNT_EXACT, &l->total, err);
}

/* A first page with nothing behind it is all there is. */
static bool
is_whole(const struct list *l)
{
    return !l->next.id && !l->filter.after.id && l->filter.offset == 0;
}

static bool
write_row(void *ctx, const struct record *record, struct err *err)
{
    struct json_writer *w = ctx;
    json_begin_object(w, NULL);
    if (!entity_write(w, record))
        return err_set(err, E_TOO_LARGE, "The page is too large: ask for a smaller one");
    json_end_object(w);
    return true;
}

/* The rows go into the answer as they are read; where the reading is repeated, so is the answer. */
static bool
write_rows(struct db *db, struct list *l, struct err *err)
{
    struct request *r = l->request;
    struct json_writer *w = reply_begin(r, 200);
    bool ok = true;
    json_begin_array(w, NULL);
    if (l->collection && !l->nothing)
        ok = store_record_each(db, r->arena, r->tenant.id, l->collection, &l->filter, write_row, w, &l->count, &l->next, err);
    json_end_array(w);
    return ok;
}

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct list *l = ctx;
    l->counted = true;
    if (!find_collection(db, ctx, err) || !write_rows(db, l, err))
        return false;
    if (!l->collection || l->nothing)
        return true;
    if (!is_whole(l))
        return count_all(db, l, err);
    l->total = (int64_t)l->count;
    return true;
}

/* `parentId`, or what the kind calls its parent. */
static bool
read_parent(const struct request *r, struct list *l, struct err *err)
{
    const struct kind *kind = kind_find(entity_kind(r));
    l->parent_uuid = request_query(r, "parentId");
    if (str_is_none(l->parent_uuid) && kind && kind->parent)
        l->parent_uuid = request_query(r, kind->parent);
    if (str_is_none(l->parent_uuid) || uuid_is_valid(l->parent_uuid))
        return true;
    return request_query_fault(str_is_none(request_query(r, "parentId")) ? kind->parent : "parentId", "must be the id of a record", err);
}

static bool
read_text_filter(struct request *r, struct record_filter *filter, struct err *err)
{
    struct str text = request_query(r, "q");
    if (str_is_none(text))
        return true;
    if (text.len > TEXT_BYTES_MAX)
        return err_invalid(err, "q", "The parameter q is longer than %d bytes", TEXT_BYTES_MAX);
    filter->text = search_question(r->arena, text);
    if (filter->text.len == 0)
        return request_query_fault("q", "holds nothing to look for", err);
    return true;
}

/* Who asks for what changed follows along: oldest change first, deleted ones too. */
static bool
read_filter(struct request *r, struct list *l, struct err *err)
{
    int deleted, only;
    struct record_filter *filter = &l->filter;
    struct str cursor = request_query(r, "cursor");
    if (!request_query_time(r, "updatedSince", &filter->updated_since_us, err) ||
        !request_query_bool(r, "includeDeleted", &deleted, err) || !request_query_bool(r, "onlyDeleted", &only, err) ||
        !read_text_filter(r, filter, err) || !read_parent(r, l, err))
        return false;
    if (filter->updated_since_us)
        filter->order = RECORD_UPDATED;
    filter->include_deleted = deleted == 1 || (deleted < 0 && filter->updated_since_us);
    filter->only_deleted = only == 1;
    filter->status = request_query(r, "status");
    if (!str_is_none(cursor) && !entity_place_parse(r->arena, cursor, &filter->after))
        return request_cursor_fault(err);
    return true;
}

static void
write_meta(struct request *r, const struct list *l, const struct paging *paging)
{
    struct json_writer *w = &r->w;
    json_begin_object(w, "meta");
    json_add_i64(w, "total", l->total);
    if (!l->counted && l->total >= LIMIT_COUNT_EXACT)
        json_add_bool(w, "totalAtLeast", true);
    if (!l->filter.after.id)
        json_add_i64(w, "page", paging->page);
    json_add_i64(w, "limit", paging->limit);
    json_add_i64(w, "totalPages", (l->total + paging->limit - 1) / paging->limit);
    if (l->next.id)
        json_add_str(w, "nextCursor", entity_place_text(r->arena, l->next));
    json_end_object(w);
}

static bool
read_page_and_limit(struct request *r, struct list *l, struct paging *paging, struct err *err)
{
    *paging = (struct paging){0};
    if (!request_query_i64(r, "page", 1, PAGE_NUMBER_MAX, 1, &paging->page, err) ||
        !request_query_i64(r, "limit", 1, LIMIT_LIST_MAX, LIMIT_OTHERWISE, &paging->limit, err))
        return false;
    l->filter.limit = (size_t)paging->limit;
    l->filter.offset = l->filter.after.id ? 0 : (size_t)((paging->page - 1) * paging->limit);
    return true;
}

static bool
wants(const struct request *r, const char *media_type)
{
    struct str accept = http_header_get(&r->x->headers, "Accept"), one, media, parameters;
    while (accept.len) {
        str_cut(accept, ',', &one, &accept);
        str_cut(one, ';', &media, &parameters);
        if (str_eq_nocase(str_trim(media), str_from_c(media_type)))
            return true;
    }
    return false;
}

/* An index finds the rows and they are few; what looks for some among many, or streams, is for the pool. */
static bool
is_short(const struct list *l)
{
    return asks_for_nothing_else(&l->filter) && !l->filter.only_deleted && !l->parent_uuid.len && l->filter.limit <= LIMIT_AT_ONCE &&
           l->filter.offset <= LIMIT_AT_ONCE;
}

static bool
list(struct request *r, struct list *l, struct err *err)
{
    struct paging paging;
    if (!read_filter(r, l, err) || !read_page_and_limit(r, l, &paging, err))
        return false;
    bool csv = wants(r, "text/csv"), stream = csv || wants(r, "application/x-ndjson");
    if (r->x->at_once && (stream || !is_short(l)))
        return request_to_pool(r);
    if (stream) {
        if (!store_read(request_parts(r)->store, find_collection, l, err))
            return false;
        return entity_export(r, &l->filter, l->nothing ? 0 : l->collection, csv, err);
    }
    if (!store_read(request_parts(r)->store, read_list, l, err))
        return false;
    write_meta(r, l, &paging);
    return reply_end(r, err);
}

bool
entities_list(struct request *r, struct err *err)
{
    struct list l = {.request = r};
    return list(r, &l, err);
}

bool
entities_list_stream(struct request *r, struct err *err)
{
    struct list l = {.request = r};
    return find_connection(r, request_path_param(r, 0), &l.connection, err) && list(r, &l, err);
}

/* ---- one ---- */

struct one {
    struct request *request;
    struct str kind, uuid;
    struct record record;
    bool found;
    struct record_source *sources;
    struct str *raws;        /* of each source, packed; STR_NONE: not kept */
    struct record_change *changes;
    size_t source_count, change_count;
};

static bool
read_raws(struct db *db, struct one *o, struct err *err)
{
    struct request *r = o->request;
    o->raws = ARENA_ARRAY(r->arena, struct str, o->source_count + 1);
    if (!o->raws)
        return err_no_memory(err);
    for (size_t i = 0; i < o->source_count; i++)
        if (store_record_raw(db, r->arena, r->tenant.id, o->sources[i].map, &o->raws[i], err) == ROW_FAILED)
            return false;
    return true;
}

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct one *o = ctx;
    struct request *r = o->request;
    enum row row = store_record_get(db, r->arena, r->tenant.id, o->kind, o->uuid, &o->record, err);
    o->found = row == ROW_FOUND;
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    return store_record_sources(db, r->arena, r->tenant.id, o->record.id, &o->sources, &o->source_count, err) &&
           store_record_history(db, r->arena, r->tenant.id, o->record.id, HISTORY_MAX, &o->changes, &o->change_count, err) &&
           read_raws(db, o, err);
}

static bool
write_sources(struct json_writer *w, const struct one *o, struct err *err)
{
    json_begin_array(w, "externalIds");
    for (size_t i = 0; i < o->source_count; i++) {
        const struct record_source *s = &o->sources[i];
        struct str raw = STR_NONE;
        if (o->raws[i].len && !raw_unpack(o->request->arena, o->raws[i], &raw, err))
            return false;
        json_begin_object(w, NULL);
        json_add_str(w, "provider", s->template_name);
        json_add_str(w, "connectionId", s->connection_uuid);
        json_add_str(w, "stream", s->stream_name);
        json_add_str(w, "externalId", s->external_id);
        if (s->url.len)
            json_add_str(w, "url", s->url);
        json_add_time(w, "deletedAt", s->deleted_us);
        json_add_raw(w, "raw", raw);
        json_end_object(w);
    }
    json_end_array(w);
    return true;
}

static void
write_history(struct json_writer *w, const struct one *o)
{
    json_begin_array(w, "history");
    for (size_t i = 0; i < o->change_count; i++) {
        const struct record_change *c = &o->changes[i];
        json_begin_object(w, NULL);
        json_add_i64(w, "version", c->version);
        json_add_time(w, "at", c->at_us);
        json_add_raw(w, "oldValues", c->fields);
        json_add_str(w, "connectionId", c->connection_uuid);
        json_add_str(w, "runId", c->run_uuid);
        json_add_str(w, "actor", c->actor);
        json_end_object(w);
    }
    json_end_array(w);
}

bool
entity_reply(struct request *r, int status, struct str kind, struct str uuid, struct err *err)
{
    struct one o = {.request = r, .kind = kind, .uuid = uuid};
    if (uuid_is_valid(uuid) && !store_read(request_parts(r)->store, read_one, &o, err))
        return false;
    if (!o.found)
        return err_set(err, E_NOT_FOUND, NULL);
    struct json_writer *w = reply_object(r, status);
    if (!entity_write(w, &o.record))
        return err_set(err, E_TOO_LARGE, NULL);
    if (!write_sources(w, &o, err))
        return false;
    write_history(w, &o);
    return reply_object_end(r, err);
}

bool
entities_get(struct request *r, struct err *err)
{
    return entity_reply(r, 200, entity_kind(r), request_path_param(r, 0), err);
}
