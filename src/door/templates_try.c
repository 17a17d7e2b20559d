/*
 * What a person sees before a connection is made, as a ladder: each step stands on the one below it, and the first that breaks
 * says why.
 */
#include "door/door_priv.h"
#include "door/routes_priv.h"
#include "engine/try.h"

#define SECRET_BYTES_MAX (64 * 1024)

enum rung { RUNG_OK, RUNG_WARNING, RUNG_FAILED, RUNG_SKIPPED };

struct rung_of {
    const char *step;
    enum rung rung;
    struct str message;
    int64_t took_us; /* -1: takes no time, or was not tried */
};

static void
write_rung(struct json_writer *w, const struct rung_of *r)
{
    static const char *const names[] = {"ok", "warning", "failed", "skipped"};
    json_begin_object(w, NULL);
    json_add_c(w, "step", r->step);
    json_add_c(w, "status", names[r->rung]);
    json_add_str(w, "message", r->rung == RUNG_SKIPPED ? STR_NONE : r->message);
    if (r->took_us < 0 || r->rung == RUNG_SKIPPED)
        json_add_null(w, "durationMs");
    else
        json_add_i64(w, "durationMs", (r->took_us + US_PER_MS / 2) / US_PER_MS);
    json_end_object(w);
}

/* How far the test came before it failed: 0 the name, 1 the connection, 2 the credential; 3: it went well. */
static int
broken_at(const struct try_result *t)
{
    const struct http_opening *o = &t->probe.opening;
    if (t->code == E_OK)
        return 3;
    if (!t->probe.taken || (o->name_us == 0 && o->connected_us == 0))
        return t->code == E_INVALID_CREDENTIALS ? 2 : 0;
    return o->connected_us == 0 || (t->probe.https && o->tls_us == 0) ? 1 : 2;
}

static enum rung
rung_at(int at, int broken)
{
    return at < broken ? RUNG_OK : at == broken ? RUNG_FAILED : RUNG_SKIPPED;
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

static int64_t
streams_took_us(const struct try_result *t)
{
    int64_t took_us = 0;
    for (size_t i = 0; i < t->stream_count; i++)
        took_us += t->streams[i].took_us;
    return took_us;
}

static int64_t
sample_took_us(const struct try_result *t)
{
    for (size_t i = 0; i < t->stream_count; i++)
        if (str_eq(t->streams[i].name, t->sample_stream))
            return t->streams[i].took_us;
    return -1;
}

static void
write_rungs(struct json_writer *w, const struct try_result *t)
{
    bool warned = t->end_count && t->ends[0].state != ENDS_PLANNED && t->ends[0].state != ENDS_REPLACED, works = t->code == E_OK;
    const struct http_opening *o = &t->probe.opening;
    int broken = broken_at(t);
    int64_t open_us = o->tls_us > o->connected_us ? o->tls_us : o->connected_us;
    struct str why = t->message;
    const struct rung_of rungs[] = {
        {"name", rung_at(0, broken), broken == 0 ? why : STR_NONE, broken == 0 ? t->tested_us : o->name_us},
        {"tls", rung_at(1, broken), broken == 1 ? why : t->probe.https ? STR_NONE : STR("Not encrypted: the address is http"),
         broken == 1 ? t->tested_us - o->name_us : open_us - o->name_us},
        {"credential", rung_at(2, broken), broken == 2 ? why : STR_NONE, t->tested_us - open_us},
        {"streams", works ? rung_of_streams(t) : RUNG_SKIPPED, STR_NONE, streams_took_us(t)},
        {"version", warned ? RUNG_WARNING : RUNG_OK, warned ? t->ends[0].message : STR_NONE, -1},
        {"sample", !works ? RUNG_SKIPPED : t->sample_count ? RUNG_OK : RUNG_WARNING, STR_NONE, sample_took_us(t)},
    };
    json_begin_array(w, "steps");
    for (size_t i = 0; i < ARRAY_LEN(rungs); i++)
        write_rung(w, &rungs[i]);
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

static bool
may_try(void *ctx, struct err *err)
{
    struct request *r = ctx;
    return request_may_try(r, str_format(r->arena, "%lld", (long long)r->tenant.id), err);
}

bool
templates_try(struct request *r, struct err *err)
{
    struct connection_change change;
    struct try_result *t = ARENA_NEW(r->arena, struct try_result);
    if (!t)
        return err_no_memory(err);
    if (!read_change(r, &change, err) ||
        !engine_try(request_parts(r)->engine, r->arena, r->tenant.id, &change, may_try, r, t, err))
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
