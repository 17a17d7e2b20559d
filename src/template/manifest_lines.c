/*
 * Manifests as JSON lines: what would be sent, what would come of the answers, what cannot be read.
 *
 * Each stream is read by itself, with memory of its own: tokens, caches and errors of one do not reach the
 * next. Time stands still and waits count as passed, so that two readers can be compared line by line.
 */
#include "template/manifest_lines.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "json/writer.h"
#include "template/exchange.h"
#include "template/manifest_lists.h"
#include "template/mapping.h"
#include "template/reader_priv.h"

#define LINE_BYTES_MAX (1024L * 1024 * 1024)
#define STEPS_MAX 10000000 /* requests of one stream of a replay; its exchanges are fewer */

/* One stream's run: what it sent, gave and remembers. */
struct line {
    struct arena arena;      /* of this stream */
    struct arena page;
    struct buf requests, records;
    size_t request_count, record_count;
    struct map states;       /* partition -> its row */
    struct reader_state **rows; /* in the order in which they first came */
    size_t row_count, row_size;
    struct str error;
    struct str refused;        /* the configuration chose what is not supported */
};

struct lines {
    struct arena arena;
    struct template *template;
    yyjson_val *config, *replies, *state;
    int64_t now_us;
    bool replay;
};

/* ---- input */

static yyjson_val *
read_json(struct arena *a, struct str text, const char *what, struct err *err)
{
    struct err inner = {0};
    yyjson_val *json = json_parse(a, text, JSON_NUMBERS_RAW | JSON_ALLOW_BOM, LIMIT_JSON_DEPTH_VENDOR, &inner);
    if (!yyjson_is_obj(json)) {
        err_set(err, E_USAGE, "The %s is no JSON object%s%s", what, inner.message[0] ? ": " : "", inner.message);
        return NULL;
    }
    return json;
}

static bool
refuse_all(FILE *out, const struct err *err)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 16);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_null(&w, "stream");
    json_add_c(&w, "refused", err->message);
    json_end_object(&w);
    fprintf(out, "%.*s\n", STR_ARG(buf_str(&b)));
    buf_release(&b);
    return false;
}

/* The configuration as it is given, plain numbers understood, completed only where the template names a base URL. */
static bool
take_config(struct lines *l, struct str text, struct err *err)
{
    bool operator_address;
    yyjson_val *config = read_json(&l->arena, text.ptr ? text : STR("{}"), "configuration", err);
    return config && template_config_effective(l->template, &l->arena, config, STR_NONE, &l->config, &operator_address, err);
}

struct load_answers {
    struct exchanges exchanges;
    struct arena *arena;
    int64_t now_us;
};

static const struct http_reply *
answer_load(void *ctx, const struct reader_event *event)
{
    struct load_answers *l = ctx;
    yyjson_val *request = exchange_request_json(l->arena, &event->request);
    /* Lists are kept in a cache by other readers: asked again, the same. */
    return request ? exchanges_answer(&l->exchanges, request, EXCHANGE_TOKEN, l->now_us) : NULL;
}

/* The streams of this configuration. */
static bool
configure(struct lines *l, struct err *err)
{
    struct load_answers answers = {.arena = &l->arena, .now_us = l->now_us};
    struct list_source source = {.fetch = answer_load, .ctx = &answers};
    if (!template_depends_on_config(l->template))
        return true;
    if (!exchanges_init(&answers.exchanges, &l->arena, json_get_c(l->replies, "load"), err))
        return false;
    struct template *configured = manifest_configured(l->template, &l->arena, l->config, l->now_us, &source, err);
    if (!configured)
        return false;
    template_unref(l->template);
    l->template = configured;
    return true;
}

static bool
lines_init(struct lines *l, const struct manifest_input *in, FILE *out, struct err *err)
{
    arena_init(&l->arena, LIMIT_TEMPLATE_ARENA_BYTES);
    if (!time_parse(in->now, &l->now_us))
        return err_set(err, E_USAGE, "--now must be a time such as 2026-06-15T12:34:56Z");
    if (in->replies.ptr && !(l->replies = read_json(&l->arena, in->replies, "file of replies", err)))
        return false;
    if (in->state.ptr && !(l->state = read_json(&l->arena, in->state, "file of states", err)))
        return false;
    if (!(l->template = template_load_any(in->yaml, in->name, err)))
        return refuse_all(out, err);
    return (take_config(l, in->config, err) && configure(l, err)) || (err->code != E_USAGE && refuse_all(out, err));
}

static void
lines_release(struct lines *l)
{
    template_unref(l->template);
    arena_release(&l->arena);
}

/* ---- one stream */

static void
line_init(struct line *line)
{
    *line = (struct line){0};
    arena_init(&line->arena, LIMIT_RUN_ARENA_BYTES);
    arena_init(&line->page, LIMIT_PAGE_ARENA_BYTES);
    buf_init(&line->requests, LINE_BYTES_MAX);
    buf_init(&line->records, LINE_BYTES_MAX);
    map_init(&line->states, &line->arena);
}

static void
line_release(struct line *line)
{
    buf_release(&line->requests);
    buf_release(&line->records);
    arena_release(&line->page);
    arena_release(&line->arena);
}

static struct reader_state *
row_of(struct line *line, struct str partition)
{
    struct reader_state *row = map_get(&line->states, partition);
    if (row)
        return row;
    if (line->row_count == line->row_size) {
        size_t size = line->row_size ? line->row_size * 2 : 16;
        void *grown = arena_grow(&line->arena, line->rows, line->row_size * sizeof(row), size * sizeof(row));
        if (!grown)
            return NULL;
        line->rows = grown, line->row_size = size;
    }
    struct str key = partition.len ? str_copy(&line->arena, partition) : STR("");
    if (!(row = ARENA_NEW(&line->arena, struct reader_state)) || !key.ptr || !map_put(&line->states, key, row))
        return NULL;
    row->partition = key;
    return line->rows[line->row_count++] = row;
}

static bool
keep_states(struct line *line, const struct reader_event *event)
{
    for (size_t i = 0; i < event->state_count; i++) {
        struct reader_state *row = row_of(line, event->states[i].partition);
        if (row)
            row->state = str_copy(&line->arena, event->states[i].state);
        if (!row || !row->state.ptr)
            return false;
    }
    return true;
}

static bool
keep_page(struct line *line, const struct reader_event *event)
{
    for (size_t i = 0; i < event->record_count; i++) {
        const struct reader_record *r = &event->records[i];
        if (!str_is_none(r->rejected)) {
            line->error = str_copy(&line->arena, r->rejected);
            continue;
        }
        if (line->record_count++)
            buf_add_char(&line->records, ',');
        json_write(&line->records, r->value);
    }
    return keep_states(line, event) && buf_ok(&line->records);
}

static yyjson_val *
keep_request(struct line *line, const struct reader_event *event)
{
    yyjson_val *json = exchange_request_json(&line->arena, &event->request);
    if (!json)
        return NULL;
    if (line->request_count++)
        buf_add_char(&line->requests, ',');
    return json_write(&line->requests, json) ? json : NULL;
}

static struct str
words_of(struct line *line, const struct err *err)
{
    return str_copy(&line->arena, str_from_c(err->message[0] ? err->message : err_name(err->code)));
}

/* Drives the reader to its end, or to where no answer is left. */
static void
drive(struct lines *l, struct reader *r, struct exchanges *x, struct line *line)
{
    struct reader_event event;
    struct err err = {0};
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        enum reader_step s = reader_next(r, &line->page, &event, &err);
        if (s == READER_FAILED) {
            if (err.code == E_TEMPLATE_REFUSED && line->request_count == 0)
                line->refused = words_of(line, &err);
            else
                line->error = words_of(line, &err);
            return;
        }
        if (s == READER_DONE) {
            keep_states(line, &event);
            return;
        }
        if (s == READER_PAGE) {
            if (!keep_page(line, &event))
                line->error = STR("out of memory");
            arena_clear(&line->page);
        }
        if (s != READER_REQUEST)
            continue;
        yyjson_val *request = keep_request(line, &event);
        if (!l->replay && event.purpose == READER_FOR_PAGE)
            return;
        enum exchange_repeats repeats = event.purpose == READER_FOR_TOKEN  ? EXCHANGE_TOKEN
                                        : event.purpose == READER_FOR_PAGE ? EXCHANGE_ONCE : EXCHANGE_CACHED;
        const struct http_reply *reply = request ? exchanges_answer(x, request, repeats, l->now_us) : NULL;
        if (!reply)
            return;
        reader_reply(r, reply);
    }
}

static yyjson_val *
final_state(struct line *line, const struct template_stream *s)
{
    size_t count = line->row_count;
    struct reader_state *rows = ARENA_ARRAY(&line->arena, struct reader_state, count + 1);
    for (size_t i = 0; rows && i < count; i++)
        rows[i] = *line->rows[i];
    return rows && s->info.incremental && count ? state_blob(&line->arena, rows, count, s->router != NULL) : NULL;
}

static void
write_line(struct lines *l, const struct template_stream *s, struct line *line, struct str refused, FILE *out)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LINE_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "stream", s->info.name.ptr ? s->info.name : STR(""));
    struct str requests = str_format(&line->arena, "[%.*s]", STR_ARG(buf_str(&line->requests)));
    json_add_raw(&w, "requests", requests);
    if (!str_is_none(refused)) {
        json_add_str(&w, "refused", refused);
    } else if (l->replay) {
        buf_add_c(&b, ",\"records\":[");
        buf_add(&b, buf_str(&line->records));
        buf_add_char(&b, ']');
        json_add_val(&w, "state", final_state(line, s));
    }
    if (line->error.ptr)
        json_add_str(&w, "error", line->error);
    json_end_object(&w);
    if (buf_ok(&b)) {
        fwrite(b.ptr, 1, b.len, out);
        fputc('\n', out);
    }
    buf_release(&b);
}

static yyjson_val *
state_for(struct lines *l, struct line *line, const struct template_stream *s)
{
    yyjson_val *blob = json_get(l->state, s->info.name);
    return blob ? state_unblob(&line->arena, blob, (s->with_state ? s->with_state : s)->router != NULL) : NULL;
}

static void
run_stream(struct lines *l, const struct template_stream *s, FILE *out)
{
    struct line line;
    struct exchanges x;
    struct err err = {0};
    line_init(&line);
    struct str refused = s->info.refused;
    struct reader_options options = {.template = l->template, .stream = s->info.name, .config = l->config, .position = STR_NONE,
                                     .state = state_for(l, &line, s), .updated_since = STR_NONE, .now_us = l->now_us,
                                     .first_request_only = !l->replay, .as_reference = true};
    yyjson_val *list = json_get(json_get_c(l->replies, "streams"), s->info.name);
    struct reader *r = str_is_none(refused) && exchanges_init(&x, &line.arena, list, &err) ? reader_new(&options, &err) : NULL;
    if (r)
        drive(l, r, &x, &line);
    else if (str_is_none(refused))
        line.error = words_of(&line, &err);
    write_line(l, s, &line, line.refused.ptr ? line.refused : refused, out);
    reader_free(r);
    line_release(&line);
}

static bool
wanted(const struct lines *l, const struct template_stream *s)
{
    if (l->replay)
        return json_get(json_get_c(l->replies, "streams"), s->info.name) != NULL;
    return !l->state || json_get(l->state, s->info.name) != NULL;
}

static bool
print_all(const struct manifest_input *in, bool replay, FILE *out, struct err *err)
{
    struct lines l = {.replay = replay};
    bool ok = lines_init(&l, in, out, err);
    for (size_t i = 0; ok && i < template_stream_count(l.template); i++)
        if (wanted(&l, template_stream_at(l.template, i)))
            run_stream(&l, template_stream_at(l.template, i), out);
    lines_release(&l);
    return ok;
}

bool
manifest_requests(const struct manifest_input *in, FILE *out, struct err *err)
{
    return print_all(in, false, out, err);
}

bool
manifest_replay(const struct manifest_input *in, FILE *out, struct err *err)
{
    return print_all(in, true, out, err);
}

/* ---- check */

static void
check_json(const struct stream_info *info, FILE *out)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "stream", info->name.ptr ? info->name : STR(""));
    if (!str_is_none(info->refused))
        json_add_str(&w, "refused", info->refused);
    json_add_str(&w, "kind", info->kind);
    json_add_bool(&w, "mapped", info->mapped);
    json_add_bool(&w, "synced", info->synced);
    json_add_bool(&w, "incremental", info->incremental);
    json_add_bool(&w, "supportsDeletes", info->supports_deletes);
    json_add_bool(&w, "hasReads", info->has_reads);
    json_add_val(&w, "primaryKey", info->primary_key);
    json_end_object(&w);
    fprintf(out, "%.*s\n", STR_ARG(buf_str(&b)));
    buf_release(&b);
}

static void
check_text(const struct stream_info *info, FILE *out)
{
    if (!str_is_none(info->refused)) {
        fprintf(out, "  refused  %-28.*s %.*s\n", STR_ARG(info->name), STR_ARG(info->refused));
        return;
    }
    fprintf(out, "  ok       %-28.*s %s%s%s%s%s\n", STR_ARG(info->name), info->incremental ? "incremental" : "full",
            info->mapped ? ", mapped" : "", info->supports_deletes ? ", finds deletes" : "",
            info->has_reads ? ", reads single records" : "", info->leaves_files ? ", without the files that belong to records" : "");
}

static void
check_dynamic(const struct template_dynamic *one, bool as_json, FILE *out)
{
    const char *how = one->list ? "made of a list that the vendor gives" : "made by the configuration";
    if (!str_is_none(one->refused))
        return; /* stands among the refused streams */
    if (as_json)
        fprintf(out, "{\"dynamic\":\"%.*s\",\"streams\":\"%s\"}\n", STR_ARG(one->name), how);
    else
        fprintf(out, "  dynamic  %-28.*s %s\n", STR_ARG(one->name), how);
}

static void
check_faults(const struct template *t, FILE *out)
{
    for (const struct template_fault *f = t->faults; f; f = f->next)
        fprintf(out, "  warning  line %u: %.*s\n", f->line, STR_ARG(f->words));
}

bool
manifest_check(const struct manifest_input *in, bool as_json, FILE *out, struct err *err)
{
    size_t readable = 0;
    struct template *t = template_load_any(in->yaml, in->name, err);
    if (!t)
        return as_json ? refuse_all(out, err) : false;
    const struct template_info *info = template_info(t);
    for (size_t i = 0; i < t->stream_count; i++)
        readable += str_is_none(t->streams[i].info.refused);
    if (!as_json && t->dynamic_count)
        fprintf(out, "%.*s (version %.*s): %zu of %zu streams can be read, others are made by the configuration\n",
                STR_ARG(info->display_name), STR_ARG(info->version), readable, t->stream_count);
    else if (!as_json)
        fprintf(out, "%.*s (version %.*s): %zu of %zu streams can be read\n", STR_ARG(info->display_name), STR_ARG(info->version),
                readable, t->stream_count);
    for (size_t i = 0; i < t->stream_count; i++)
        (as_json ? check_json : check_text)(&t->streams[i].info, out);
    for (size_t i = 0; i < t->dynamic_count; i++)
        check_dynamic(&t->dynamics[i], as_json, out);
    if (!as_json)
        check_faults(t, out);
    template_unref(t);
    return true;
}
