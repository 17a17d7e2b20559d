/*
 * What a person sees before a connection is made, as a ladder: each step stands on the one below it, and the first that breaks
 * says why.
 */
#include "door/routes_priv.h"
#include "engine/try.h"

#define SECRET_BYTES_MAX (64 * 1024)

enum rung { RUNG_OK, RUNG_WARNING, RUNG_FAILED, RUNG_SKIPPED };

static void
write_rung(struct json_writer *w, const char *step, enum rung rung, struct str message)
{
    static const char *const names[] = {"ok", "warning", "failed", "skipped"};
    json_begin_object(w, NULL);
    json_add_c(w, "step", step);
    json_add_c(w, "status", names[rung]);
    json_add_str(w, "message", message);
    json_end_object(w);
}

static bool
is_unreached(enum err_code code)
{
    return code == E_VENDOR_UNAVAILABLE || code == E_ADDRESS_REFUSED || code == E_VENDOR_RATE_LIMITED;
}

static size_t
streams_refused(const struct try_result *t)
{
    size_t refused = 0;
    for (size_t i = 0; i < t->stream_count; i++)
        refused += t->streams[i].code != E_OK;
    return refused;
}

static enum rung
rung_of_streams(const struct try_result *t)
{
    size_t refused = streams_refused(t);
    return refused == 0 ? RUNG_OK : refused == t->stream_count ? RUNG_FAILED : RUNG_WARNING;
}

static void
write_rungs(struct json_writer *w, const struct try_result *t)
{
    bool unreached = t->code != E_OK && is_unreached(t->code), refused = t->code != E_OK && !unreached;
    bool warned = t->end_count && t->ends[0].state != ENDS_PLANNED && t->ends[0].state != ENDS_REPLACED;
    json_begin_array(w, "steps");
    write_rung(w, "fields", RUNG_OK, STR_NONE);
    write_rung(w, "address", unreached ? RUNG_FAILED : RUNG_OK, unreached ? t->message : STR_NONE);
    write_rung(w, "credential", unreached ? RUNG_SKIPPED : refused ? RUNG_FAILED : RUNG_OK, refused ? t->message : STR_NONE);
    write_rung(w, "streams", t->code != E_OK ? RUNG_SKIPPED : rung_of_streams(t), STR_NONE);
    write_rung(w, "version", warned ? RUNG_WARNING : RUNG_OK, warned ? t->ends[0].message : STR_NONE);
    write_rung(w, "sample", t->code != E_OK ? RUNG_SKIPPED : t->sample_count ? RUNG_OK : RUNG_WARNING, STR_NONE);
    json_end_array(w);
}

static void
write_tried(struct json_writer *w, const struct try_result *t)
{
    json_begin_array(w, "streams");
    for (size_t i = 0; i < t->stream_count; i++) {
        const struct try_stream *s = &t->streams[i];
        json_begin_object(w, NULL);
        json_add_str(w, "stream", s->name);
        json_add_str(w, "entityType", s->kind);
        json_add_c(w, "status", s->code == E_OK ? "ok" : "failed");
        json_add_str(w, "message", s->message);
        json_add_i64(w, "records", s->read);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_sample(struct json_writer *w, const struct try_result *t)
{
    json_begin_array(w, "sample");
    for (size_t i = 0; i < t->sample_count; i++) {
        const struct try_record *record = &t->samples[i];
        json_begin_object(w, NULL);
        json_add_str(w, "stream", t->sample_stream);
        json_add_str(w, "externalId", record->external_id);
        json_add_str(w, "title", record->title);
        json_add_str(w, "rejected", record->rejected);
        json_add_raw(w, "data", record->data);
        json_end_object(w);
    }
    json_end_array(w);
}

/* The same two words for one object as where a connection is made. */
static bool
read_change(struct request *r, struct connection_change *change, struct err *err)
{
    yyjson_val *config, *credentials;
    *change = (struct connection_change){.enabled = -1, .provider = request_path_param(r, 0), .created_by = r->who.subject};
    if (!request_body_str(r, "apiKey", SECRET_BYTES_MAX, &change->api_key, err) ||
        !request_body_object(r, "config", &config, err) || !request_body_object(r, "credentials", &credentials, err))
        return false;
    if (config && credentials)
        return request_fault(r, err, "/config", "is the same as \"credentials\": send one of the two");
    change->pointer_prefix = credentials ? STR("/credentials") : STR("/config");
    change->config = credentials ? credentials : config;
    return true;
}

bool
templates_try(struct request *r, struct err *err)
{
    struct connection_change change;
    struct try_result *t = ARENA_NEW(r->arena, struct try_result);
    if (!t)
        return err_no_memory(err);
    if (!read_change(r, &change, err) || !engine_try(request_parts(r)->engine, r->arena, r->tenant.id, &change, t, err))
        return false;
    struct json_writer *w = reply_object(r, 200);
    json_add_bool(w, "ok", t->code == E_OK && rung_of_streams(t) != RUNG_FAILED);
    json_add_c(w, "code", t->code == E_OK ? NULL : err_name(t->code));
    json_add_str(w, "apiVersion", t->api_version.len ? t->api_version : STR_NONE);
    write_rungs(w, t);
    write_tried(w, t);
    write_sample(w, t);
    return reply_object_end(r, err);
}
