/*
 * The synced entities out: lists and one (contract, sections 8 and 9). Mapped fields stand at the top, beside
 * id, kind, version and times; a mapped field that has one of our names gives way to ours.
 */
#include "door/entities_priv.h"

#include "base/encode.h"
#include "base/rng.h"
#include "door/routes_priv.h"
#include "store/store_stream.h"

#define LIMIT_OTHERWISE 20
#define HISTORY_MAX 50
#define API_PREFIX "/api/v1/"
#define PLACE_PREFIX "r1:"
#define TEXT_BYTES_MAX 200

static const char *const own_members[] = {"id", "kind", "createdAt", "updatedAt", "deletedAt", "version",
                                          "parentId", "externalIds", "history"};

struct str
entity_kind(const struct request *r)
{
    struct str kind = str_skip(str_from_c(r->match.route->pattern), strlen(API_PREFIX)), rest;
    str_cut(kind, '/', &kind, &rest);
    return kind;
}

static bool
is_own(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(own_members); i++)
        if (str_eq_c(name, own_members[i]))
            return true;
    return false;
}

bool
entity_write(struct json_writer *w, struct arena *a, const struct record *record)
{
    struct err err = {0};
    yyjson_val *data = json_parse(a, record->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
    if (!data)
        return false;
    json_add_str(w, "id", record->uuid);
    json_add_str(w, "kind", record->kind);
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(data, index, max, key, value) {
        if (is_own(json_str(key)))
            continue;
        json_add_key(w, json_str(key));
        json_add_val(w, NULL, value);
    }
    json_add_str(w, "parentId", record->parent_uuid.len ? record->parent_uuid : STR_NONE);
    json_add_time(w, "createdAt", record->created_us);
    json_add_time(w, "updatedAt", record->updated_us);
    json_add_time(w, "deletedAt", record->deleted_us);
    json_add_i64(w, "version", record->version);
    return true;
}

/* ---- lists ---- */

struct list {
    struct request *request;
    struct str kind;
    struct record_filter filter;
    int64_t collection;      /* 0: nothing of that kind was ever synced */
    struct record *rows;
    size_t count;
    struct record_place next;
    int64_t total;
};

static struct str
place_text(struct arena *a, struct record_place place)
{
    struct buf b;
    struct str plain = str_format(a, PLACE_PREFIX "%lld:%lld", (long long)place.updated_us, (long long)place.id);
    buf_init(&b, 128);
    base64_encode(&b, plain, BASE64_URL);
    struct str text = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

static bool
place_parse(struct arena *a, struct str text, struct record_place *place_out)
{
    struct str plain, updated, id;
    if (text.len > 128 || !base64_decode(a, text, BASE64_URL, &plain) || !str_starts(plain, STR(PLACE_PREFIX)) ||
        !str_cut(str_skip(plain, strlen(PLACE_PREFIX)), ':', &updated, &id))
        return false;
    return str_to_i64(updated, 0, INT64_MAX, &place_out->updated_us) && str_to_i64(id, 0, INT64_MAX, &place_out->id);
}

static bool
find_collection(struct db *db, void *ctx, struct err *err)
{
    struct list *l = ctx;
    l->collection = 0;
    return store_collection_find(db, l->request->tenant.id, l->kind, &l->collection, err) != ROW_FAILED;
}

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct list *l = ctx;
    struct request *r = l->request;
    if (!find_collection(db, ctx, err))
        return false;
    if (!l->collection)
        return true;
    return store_record_list(db, r->arena, r->tenant.id, l->collection, &l->filter, &l->rows, &l->count, &l->next, err) &&
           store_record_count(db, r->tenant.id, l->collection, &l->filter, LIMIT_COUNT_EXACT, &l->total, err);
}

/* Who asks for what changed follows along: oldest change first, deleted ones too. */
static bool
read_filter(struct request *r, struct record_filter *filter, struct err *err)
{
    int deleted;
    struct str cursor = request_query(r, "cursor");
    *filter = (struct record_filter){.order = RECORD_NEWEST};
    if (!request_query_time(r, "updatedSince", &filter->updated_since_us, err) ||
        !request_query_bool(r, "includeDeleted", &deleted, err))
        return false;
    if (filter->updated_since_us)
        filter->order = RECORD_UPDATED;
    filter->include_deleted = deleted == 1 || (deleted < 0 && filter->updated_since_us);
    filter->status = request_query(r, "status");
    filter->text = request_query(r, "q");
    if (filter->text.len > TEXT_BYTES_MAX)
        return err_set(err, E_VALIDATION_FAILED, "The parameter q is longer than %d bytes", TEXT_BYTES_MAX);
    if (!str_is_none(cursor) && !place_parse(r->arena, cursor, &filter->after))
        return err_set(err, E_VALIDATION_FAILED,
                       "The parameter cursor is not one that this server gave: take it from meta.nextCursor");
    return true;
}

static bool
has_filter(const struct record_filter *f)
{
    return f->updated_since_us || f->include_deleted || f->status.ptr || f->text.ptr;
}

static void
write_meta(struct request *r, const struct list *l, const struct paging *paging)
{
    struct json_writer *w = &r->w;
    bool at_least = has_filter(&l->filter) && l->total >= LIMIT_COUNT_EXACT;
    json_begin_object(w, "meta");
    json_add_i64(w, "total", l->total);
    if (at_least)
        json_add_bool(w, "totalAtLeast", true);
    if (!l->filter.after.id)
        json_add_i64(w, "page", paging->page);
    json_add_i64(w, "limit", paging->limit);
    json_add_i64(w, "totalPages", (l->total + paging->limit - 1) / paging->limit);
    if (l->next.id)
        json_add_str(w, "nextCursor", place_text(r->arena, l->next));
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

bool
entities_list(struct request *r, struct err *err)
{
    struct paging paging;
    struct list l = {.request = r, .kind = entity_kind(r)};
    if (!read_filter(r, &l.filter, err) || !read_page_and_limit(r, &l, &paging, err))
        return false;
    bool csv = wants(r, "text/csv");
    if (csv || wants(r, "application/x-ndjson")) {
        if (!store_read(request_parts(r)->store, find_collection, &l, err))
            return false;
        return entity_export(r, &l.filter, l.collection, csv, err);
    }
    if (!store_read(request_parts(r)->store, read_list, &l, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < l.count; i++) {
        json_begin_object(w, NULL);
        if (!entity_write(w, r->arena, &l.rows[i]))
            return err_set(err, E_TOO_LARGE, "The page is too large: ask for a smaller one");
        json_end_object(w);
    }
    json_end_array(w);
    write_meta(r, &l, &paging);
    return reply_end(r, err);
}

/* ---- one ---- */

struct one {
    struct request *request;
    struct record record;
    bool found;
    struct record_source *sources;
    struct record_change *changes;
    size_t source_count, change_count;
};

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct one *o = ctx;
    struct request *r = o->request;
    enum row row = store_record_get(db, r->arena, r->tenant.id, entity_kind(r), request_path_param(r, 0), &o->record, err);
    o->found = row == ROW_FOUND;
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    return store_record_sources(db, r->arena, r->tenant.id, o->record.id, &o->sources, &o->source_count, err) &&
           store_record_history(db, r->arena, r->tenant.id, o->record.id, HISTORY_MAX, &o->changes, &o->change_count, err);
}

static void
write_sources(struct json_writer *w, const struct one *o)
{
    json_begin_array(w, "externalIds");
    for (size_t i = 0; i < o->source_count; i++) {
        const struct record_source *s = &o->sources[i];
        json_begin_object(w, NULL);
        json_add_str(w, "provider", s->template_name);
        json_add_str(w, "connectionId", s->connection_uuid);
        json_add_str(w, "stream", s->stream_name);
        json_add_str(w, "externalId", s->external_id);
        if (s->url.len)
            json_add_str(w, "url", s->url);
        json_add_time(w, "deletedAt", s->deleted_us);
        json_end_object(w);
    }
    json_end_array(w);
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
        json_end_object(w);
    }
    json_end_array(w);
}

bool
entities_get(struct request *r, struct err *err)
{
    struct one o = {.request = r};
    if (uuid_is_valid(request_path_param(r, 0)) && !store_read(request_parts(r)->store, read_one, &o, err))
        return false;
    if (!o.found)
        return err_set(err, E_NOT_FOUND, NULL);
    struct json_writer *w = reply_object(r, 200);
    if (!entity_write(w, r->arena, &o.record))
        return err_set(err, E_TOO_LARGE, NULL);
    write_sources(w, &o);
    write_history(w, &o);
    return reply_object_end(r, err);
}
