/*
 * `tidemark manifest read`: one stream from the real vendor, written as it comes.
 *
 * The caller fetches and waits; here is only what to ask for and how it is written: records, mapped rows, or
 * the messages of the ecosystem's protocol (RECORD, and STATE where the stream has one state).
 */
#include "template/manifest_lines.h"
#include "template/manifest_lists.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "json/writer.h"
#include "template/budget.h"
#include "template/mapping.h"
#include "template/plan_priv.h"
#include "template/reader.h"

#define LINE_BYTES_MAX (1024L * 1024 * 1024)

struct reading {
    struct arena arena;
    struct template *template;
    yyjson_val *config;
    int64_t now_us;
    const struct template_stream *stream;
    enum manifest_read_form form;
    struct mapping *mapping;
    size_t written, record_max;
    FILE *out;
    struct arena page;
    struct budget *budget;        /* api_budget; NULL: none */
    struct budget_meters meters;
};

static void
put_line(struct reading *rd, const struct buf *b)
{
    if (!buf_ok(b))
        return;
    fwrite(b->ptr, 1, b->len, rd->out);
    fputc('\n', rd->out);
}

static void
write_message(struct reading *rd, const char *type, yyjson_val *data, struct str json)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LINE_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_c(&w, "type", type);
    bool record = data != NULL;
    json_begin_object(&w, record ? "record" : "state");
    if (record) {
        json_add_str(&w, "stream", rd->stream->info.name);
        json_add_val(&w, "data", data);
        json_add_i64(&w, "emitted_at", rd->now_us / US_PER_MS);
    } else {
        json_add_c(&w, "type", "STREAM");
        json_begin_object(&w, "stream");
        json_begin_object(&w, "stream_descriptor");
        json_add_str(&w, "name", rd->stream->info.name);
        json_end_object(&w);
        json_add_raw(&w, "stream_state", json);
        json_end_object(&w);
    }
    json_end_object(&w);
    json_end_object(&w);
    put_line(rd, &b);
    buf_release(&b);
}

static bool
write_mapped(struct reading *rd, yyjson_val *record, struct err *err)
{
    struct mapped row;
    struct buf b;
    struct json_writer w;
    if (!mapping_apply(rd->mapping, &rd->page, record, NULL, rd->config, rd->now_us, &row, err))
        return false;
    buf_init(&b, LINE_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "externalId", row.external_id);
    json_add_raw(&w, "data", row.data);
    if (!str_is_none(row.rejected))
        json_add_str(&w, "rejected", row.rejected);
    if (!str_is_none(row.warning))
        json_add_str(&w, "warning", row.warning);
    if (row.deleted)
        json_add_bool(&w, "deleted", true);
    json_end_object(&w);
    put_line(rd, &b);
    buf_release(&b);
    return true;
}

static bool
write_record(struct reading *rd, const struct reader_record *r, struct err *err)
{
    struct buf b;
    if (rd->form == MANIFEST_READ_MAPPED)
        return write_mapped(rd, r->value, err);
    if (rd->form == MANIFEST_READ_AIRBYTE) {
        write_message(rd, "RECORD", r->value, STR_NONE);
        return true;
    }
    buf_init(&b, LINE_BYTES_MAX);
    json_write(&b, r->value);
    put_line(rd, &b);
    buf_release(&b);
    return true;
}

/* True: go on. */
static bool
write_page(struct reading *rd, const struct reader_event *event, struct err *err)
{
    for (size_t i = 0; i < event->record_count; i++) {
        if (rd->record_max && rd->written == rd->record_max)
            return false;
        if (str_is_none(event->records[i].rejected) && !write_record(rd, &event->records[i], err))
            return false;
        rd->written++;
    }
    for (size_t i = 0; i < event->state_count && rd->form == MANIFEST_READ_AIRBYTE && !rd->stream->router; i++)
        write_message(rd, "STATE", NULL, event->states[i].state);
    return true;
}

/* Waits until the template's own budget allows the request. */
static bool
take_turn(struct reading *rd, const struct manifest_fetcher *fetcher, const struct reader_event *event, struct err *err)
{
    struct budget_charge charge = {NULL, 0};
    if (rd->budget && event->purpose != READER_FOR_TOKEN)
        charge = budget_charge_of(rd->budget, &rd->page, &event->request);
    for (;;) {
        int64_t wait_us = charge.policy ? budget_wait_us(NULL, &rd->meters, charge, 0, fetcher->now_us(fetcher->ctx), NULL) : 0;
        if (wait_us == 0)
            break;
        if (!fetcher->wait(fetcher->ctx, wait_us / US_PER_MS + 1, STR("the template's own limit (api_budget)")))
            return err_set(err, E_CANCELLED, NULL);
    }
    if (charge.policy)
        budget_spend(NULL, &rd->meters, charge, fetcher->now_us(fetcher->ctx));
    return true;
}

static const struct http_reply *
fetch_in_turn(struct reading *rd, const struct manifest_fetcher *fetcher, const struct reader_event *event, struct err *err)
{
    if (!take_turn(rd, fetcher, event, err))
        return NULL;
    const struct http_reply *reply = fetcher->fetch(fetcher->ctx, &event->request, err);
    if (reply && rd->budget)
        budget_learn(rd->budget, NULL, &rd->meters, budget_charge_of(rd->budget, &rd->page, &event->request), reply,
                     fetcher->now_us(fetcher->ctx));
    return reply;
}

static bool
read_all(struct reading *rd, struct reader *r, const struct manifest_fetcher *fetcher, struct err *err)
{
    struct reader_event event;
    for (;;) {
        const struct http_reply *reply;
        switch (reader_next(r, &rd->page, &event, err)) {
        case READER_REQUEST:
            if (!(reply = fetch_in_turn(rd, fetcher, &event, err)))
                return false;
            reader_reply(r, reply);
            break;
        case READER_PAGE:
            if (!write_page(rd, &event, err))
                return err->code == E_OK;
            arena_clear(&rd->page);
            break;
        case READER_WAIT:
            if (!fetcher->wait(fetcher->ctx, event.wait_ms, event.wait_reason))
                return err_set(err, E_CANCELLED, NULL);
            break;
        case READER_TOKEN: break;
        case READER_DONE: return write_page(rd, &event, err);
        case READER_FAILED: return false;
        }
    }
}

struct list_fetching {
    const struct manifest_fetcher *fetcher;
    struct err *err;
};

static const struct http_reply *
fetch_list(void *ctx, const struct reader_event *event)
{
    const struct list_fetching *f = ctx;
    return f->fetcher->fetch(f->fetcher->ctx, &event->request, f->err);
}

static bool
wait_for_list(void *ctx, int64_t wait_ms, struct str reason)
{
    const struct list_fetching *f = ctx;
    return f->fetcher->wait(f->fetcher->ctx, wait_ms, reason);
}

/* The streams of this configuration, some of them of lists that the vendor gives. */
static bool
configure(struct reading *rd, const struct manifest_fetcher *fetcher, struct err *err)
{
    struct err unread = {0}; /* a list that cannot be read leaves a refused stream */
    struct list_fetching own = {fetcher, &unread};
    struct list_source source = {fetch_list, wait_for_list, &own};
    if (!template_depends_on_config(rd->template))
        return true;
    struct template *configured = manifest_configured(rd->template, &rd->arena, rd->config, rd->now_us, &source, err);
    if (!configured)
        return false;
    template_unref(rd->template);
    rd->template = configured;
    return true;
}

static bool
read_stream(struct reading *rd, const struct manifest_input *in, struct str stream, struct str address,
            const struct manifest_fetcher *fetcher, struct err *err)
{
    bool operator_address;
    yyjson_val *config;
    if (!time_parse(in->now, &rd->now_us))
        return err_set(err, E_USAGE, "The time must be like 2026-06-15T12:34:56Z");
    rd->template = template_load(in->yaml, in->name, err);
    yyjson_val *given = NULL;
    if (rd->template)
        given = json_parse(&rd->arena, in->config, JSON_NUMBERS_RAW | JSON_ALLOW_BOM, LIMIT_JSON_DEPTH_API, err);
    if (rd->template && !given)
        return err_prefix(err, "The configuration: ");
    if (!given || !template_config_accept(rd->template, &rd->arena, given, STR(""), &config, err) ||
        !template_config_effective(rd->template, &rd->arena, config, address, &rd->config, &operator_address, err))
        return false;
    if (!configure(rd, fetcher, err) ||
        (fetcher->now_us && !budget_make(rd->template, &rd->arena, rd->config, rd->now_us, &rd->budget, err)))
        return false;
    struct reader_options options = {.template = rd->template, .stream = stream, .config = rd->config, .position = STR_NONE,
                                     .updated_since = STR_NONE, .now_us = rd->now_us};
    struct reader *r = reader_new(&options, err);
    if (!r)
        return false;
    rd->stream = template_stream_find(rd->template, stream);
    rd->mapping = mapping_compile(&rd->arena, rd->template, stream, NULL, NULL, err);
    bool ok = rd->mapping && read_all(rd, r, fetcher, err);
    reader_free(r);
    return ok;
}

bool
manifest_read(const struct manifest_input *in, struct str stream, struct str address, enum manifest_read_form form,
              size_t record_max, const struct manifest_fetcher *fetcher, FILE *out, struct err *err)
{
    struct reading rd = {.form = form, .record_max = record_max, .out = out};
    arena_init(&rd.arena, LIMIT_TEMPLATE_ARENA_BYTES);
    arena_init(&rd.page, LIMIT_PAGE_ARENA_BYTES);
    bool ok = read_stream(&rd, in, stream, address, fetcher, err);
    template_unref(rd.template);
    arena_release(&rd.page);
    arena_release(&rd.arena);
    return ok;
}
