/*
 * For who writes a template: is it one, what would its streams be, and what becomes of a real record. Nothing is stored,
 * and no vendor is called. A connection's secrets are masked before its mapping may look at the configuration.
 */
#include "base/rng.h"
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "engine/raw.h"
#include "store/store_record.h"
#include "store/store_stream.h"
#include "template/mapping.h"

#define WARNINGS_MAX 100    /* that one answer lists */

static bool
is_about_the_template(enum err_code code)
{
    return code == E_TEMPLATE_INVALID || code == E_TEMPLATE_REFUSED || code == E_EXPRESSION || code == E_VALIDATION_FAILED ||
           code == E_LIMIT;
}

static void
write_faults(struct json_writer *w, const struct err *why)
{
    json_begin_array(w, "faults");
    for (unsigned i = 0; why->items && i < why->item_count; i++) {
        json_begin_object(w, NULL);
        json_add_c(w, "pointer", why->items[i].pointer);
        json_add_c(w, "message", why->items[i].message);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_warnings(struct json_writer *w, const struct template *t)
{
    unsigned line;
    struct str words;
    json_begin_array(w, "warnings");
    for (size_t i = 0; t && i < WARNINGS_MAX && template_fault_at(t, i, &line, &words); i++) {
        json_begin_object(w, NULL);
        json_add_i64(w, "line", line);
        json_add_str(w, "message", words);
        json_end_object(w);
    }
    json_end_array(w);
}

bool
templates_check(struct request *r, struct err *err)
{
    struct err_item items[ERR_ITEMS_MAX];
    struct err why = {.items = items};
    struct str manifest, name;
    if (!request_body_str(r, "manifest", LIMIT_TEMPLATE_BYTES, &manifest, err) ||
        !request_body_str(r, "name", LIMIT_NAME_BYTES, &name, err))
        return false;
    if (!manifest.len)
        return request_fault(r, err, "/manifest", "is required: the text of a template, YAML or JSON");
    struct template *t = template_load(manifest, name.len ? name : STR("template"), &why);
    if (!t && !is_about_the_template(why.code))
        return err_set(err, why.code, "%s", why.message);
    struct json_writer *w = reply_object(r, 200);
    json_add_bool(w, "valid", t != NULL);
    json_add_c(w, "error", t ? NULL : why.message);
    write_faults(w, &why);
    write_warnings(w, t);
    json_add_str(w, "name", t ? template_info(t)->name : STR_NONE);
    json_add_str(w, "instructions", t ? template_info(t)->instructions : STR_NONE);
    json_add_val(w, "configSchema", t ? template_info(t)->config_schema : NULL);
    view_template_streams(w, t);
    template_unref(t);
    return reply_object_end(r, err);
}

/* ---- a mapping on a real record ---- */

struct preview {
    struct request *request;
    struct str connection_id, record_id, stream;
    struct connection connection;    /* id 0: none is meant */
    struct template *template;
    yyjson_val *record, *mapping, *config;
    struct str packed;               /* the raw record of record_id; STR_NONE: not kept */
};

static bool
read_raw(struct db *db, void *ctx, struct err *err)
{
    struct preview *p = ctx;
    struct request *r = p->request;
    struct record record;
    struct record_source *sources;
    size_t count;
    enum row row = store_record_get(db, r->arena, r->tenant.id, STR_NONE, p->record_id, &record, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, "There is no such record") : false;
    if (!store_record_sources(db, r->arena, r->tenant.id, record.id, &sources, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (sources[i].connection == p->connection.id && str_eq(sources[i].stream_name, p->stream))
            return store_record_raw(db, r->arena, r->tenant.id, sources[i].map, &p->packed, err) != ROW_FAILED;
    return true;
}

static bool
find_record(struct preview *p, struct err *err)
{
    struct request *r = p->request;
    struct str text;
    if (p->record)
        return true;
    if (!p->record_id.len || !p->connection.id)
        return request_fault(r, err, "/record", "is required, or recordId with connectionId");
    if (!uuid_is_valid(p->record_id))
        return err_set(err, E_NOT_FOUND, "There is no such record");
    if (!store_read(request_parts(r)->store, read_raw, p, err))
        return false;
    if (!p->packed.len)
        return err_set(err, E_NOT_FOUND, "What the platform sent of this record is not kept: send it as `record`");
    if (!raw_unpack(r->arena, p->packed, &text, err))
        return false;
    p->record = json_parse(r->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    return p->record != NULL;
}

/* The connection's own mapping of the stream, unless the request has one. */
static bool
find_mapping(struct preview *p, struct err *err)
{
    if (p->mapping || !p->connection.mapping.len)
        return true;
    yyjson_val *all = json_parse(p->request->arena, p->connection.mapping, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    p->mapping = json_get(all, p->stream);
    return all != NULL;
}

static bool
find_template(struct preview *p, struct err *err)
{
    struct request *r = p->request;
    struct str manifest, platform;
    if (!request_body_str(r, "manifest", LIMIT_TEMPLATE_BYTES, &manifest, err) ||
        !request_body_str(r, "platform", LIMIT_NAME_BYTES, &platform, err))
        return false;
    if (p->connection_id.len) {
        if (!find_connection(r, p->connection_id, &p->connection, err))
            return false;
        p->config = engine_connection_config(request_parts(r)->engine, r->arena, &p->connection, err); /* masked */
        if (!p->config)
            return false;
        platform = p->connection.template_name;
    }
    if (manifest.len)
        p->template = template_load(manifest, STR("template"), err);
    else if (platform.len)
        p->template = registry_get(request_parts(r)->templates, platform, err);
    else
        return request_fault(r, err, "/connectionId", "is required, or platform, or manifest");
    if (!p->template)
        return false;
    return template_stream_find(p->template, p->stream) ||
           request_fault(r, err, "/stream", "is not a stream of this template");
}

static bool
read_ask(struct preview *p, struct err *err)
{
    struct request *r = p->request;
    if (!request_body_str(r, "connectionId", LIMIT_NAME_BYTES, &p->connection_id, err) ||
        !request_body_str(r, "recordId", LIMIT_NAME_BYTES, &p->record_id, err) ||
        !request_body_str(r, "stream", LIMIT_NAME_BYTES, &p->stream, err) ||
        !request_body_object(r, "record", &p->record, err) || !request_body_object(r, "mapping", &p->mapping, err))
        return false;
    return p->stream.len || request_fault(r, err, "/stream", "is required: which stream of the template");
}

static bool
reply_mapped(struct request *r, const struct mapped *m, struct err *err)
{
    bool accepted = str_is_none(m->rejected);
    struct json_writer *w = reply_object(r, 200);
    json_add_bool(w, "accepted", accepted);
    json_add_str(w, "rejected", m->rejected);
    json_add_str(w, "warning", m->warning);
    json_add_str(w, "externalId", m->external_id);
    json_add_str(w, "title", m->title);
    json_add_str(w, "status", m->status);
    json_add_time(w, "occurredAt", m->occurred_us);
    json_add_str(w, "parentStream", m->parent_stream.len ? m->parent_stream : STR_NONE);
    json_add_str(w, "parentExternalId", m->parent_id.len ? m->parent_id : STR_NONE);
    json_add_str(w, "url", m->url);
    json_add_bool(w, "deleted", m->deleted);
    json_add_raw(w, "data", accepted ? m->data : STR_NONE);
    return reply_object_end(r, err);
}

static bool
preview(struct preview *p, struct err *err)
{
    struct request *r = p->request;
    struct mapping_options options = {.region = r->tenant.region};
    struct mapped mapped = {0};
    if (!find_template(p, err) || !find_record(p, err) || !find_mapping(p, err))
        return false;
    struct mapping *m = mapping_compile(r->arena, p->template, p->stream, p->mapping, &options, err);
    if (!m)
        return false;
    yyjson_val *config = p->config ? p->config : json_parse(r->arena, STR("{}"), JSON_PLAIN, 2, err);
    return config &&
           mapping_apply(m, r->arena, p->record, NULL, config, clock_wall_us(request_parts(r)->clock), &mapped, err) &&
           reply_mapped(r, &mapped, err);
}

bool
templates_preview(struct request *r, struct err *err)
{
    struct preview p = {.request = r};
    bool ok = read_ask(&p, err) && preview(&p, err);
    template_unref(p.template);
    return ok;
}
