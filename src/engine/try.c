#include "engine/try.h"

#include "engine/connection_change.h"
#include "engine/engine_priv.h"
#include "template/mapping.h"

#define TRY_PAGE_BYTES (64L * 1024 * 1024)

struct attempt {
    struct engine *engine;
    struct arena *arena;
    struct account account;
    yyjson_val *masked;         /* what a mapping may see of the configuration */
    struct try_result *result;
};

/* Some vendors quote the credential back. */
static struct str
safe_words(struct arena *a, const char *words)
{
    return log_redact(a, str_from_c(words));
}

static struct reader *
stream_reader(struct attempt *t, struct str stream, struct err *err)
{
    struct reader_options o = {.template = t->account.template, .stream = stream, .config = t->account.effective,
                               .now_us = clock_wall_us(t->engine->options.clock), .concurrency = 1};
    return reader_new(&o, err);
}

/* ---- the first records ---- */

static struct str
kept(struct arena *a, struct str text)
{
    return str_is_none(text) ? STR_NONE : str_copy(a, text);
}

static void
take_record(struct attempt *t, const struct mapping *m, struct arena *page, const struct reader_record *record)
{
    struct mapped mapped = {0};
    struct err ignored = {0};
    struct try_record *out = &t->result->samples[t->result->sample_count];
    int64_t now_us = clock_wall_us(t->engine->options.clock);
    if (!str_is_none(record->rejected) || !mapping_apply(m, page, record->value, NULL, t->masked, now_us, &mapped, &ignored))
        return;
    *out = (struct try_record){kept(t->arena, mapped.external_id), kept(t->arena, mapped.title), kept(t->arena, mapped.data),
                               kept(t->arena, mapped.rejected)};
    t->result->sample_count++;
}

static void
take_records(struct attempt *t, struct str stream, struct arena *page, const struct reader_event *event)
{
    struct err ignored = {0};
    struct mapping_options options = {.region = t->account.tenant.region};
    if (t->result->sample_count || !event->record_count)
        return;
    struct mapping *m = mapping_compile(t->arena, t->account.template, stream, NULL, &options, &ignored);
    for (size_t i = 0; m && i < event->record_count && t->result->sample_count < TRY_RECORDS_MAX; i++)
        take_record(t, m, page, &event->records[i]);
    t->result->sample_stream = stream;
}

/* ---- each stream ---- */

static void
read_first_page(struct attempt *t, struct fetch *f, struct try_stream *s)
{
    struct arena page;
    struct reader_event event;
    struct err why = {0};
    arena_init(&page, TRY_PAGE_BYTES);
    enum fetch_result result = fetch_next(f, &page, &event, &why);
    if (result == FETCH_PAGE) {
        s->read = (int64_t)event.record_count;
        take_records(t, s->name, &page, &event);
    } else if (result == FETCH_WAIT) {
        s->code = event.rate_limited ? E_VENDOR_RATE_LIMITED : E_VENDOR_UNAVAILABLE;
        s->message = log_redact(t->arena, event.wait_reason);
    } else if (result != FETCH_DONE) {
        s->code = result == FETCH_STOPPED ? E_SHUTTING_DOWN : why.code;
        s->message = safe_words(t->arena, why.message);
    }
    arena_release(&page);
}

static void
try_stream(struct attempt *t, const struct stream_info *info)
{
    struct err why = {0};
    struct fetch f;
    struct try_stream *s = &t->result->streams[t->result->stream_count++];
    *s = (struct try_stream){.name = str_copy(t->arena, info->name), .kind = str_copy(t->arena, info->kind), .message = STR_NONE};
    struct reader *reader = stream_reader(t, info->name, &why);
    if (!reader) {
        s->code = why.code;
        s->message = safe_words(t->arena, why.message);
        return;
    }
    int64_t began_us = clock_monotonic_us(t->engine->options.clock);
    fetch_init(&f, &t->account, &t->engine->sender, reader);
    f.numbers = &t->engine->numbers;
    read_first_page(t, &f, s);
    s->took_us = clock_monotonic_us(t->engine->options.clock) - began_us;
    fetch_release(&f);
}

static void
try_streams(struct attempt *t)
{
    const struct template *template = t->account.template;
    for (size_t i = 0; i < template_stream_count(template) && t->result->stream_count < TRY_STREAMS_MAX; i++) {
        const struct stream_info *info = template_stream_info(template_stream_at(template, i));
        if (info->synced && !info->refused.len)
            try_stream(t, info);
    }
}

/* ---- all of it ---- */

static bool
try_account(struct attempt *t, struct err *err)
{
    struct err why = {0};
    struct try_result *out = t->result;
    out->message = STR_NONE;
    out->sample_stream = STR_NONE;
    out->api_version = str_copy(t->arena, template_info(t->account.template)->api_version);
    t->masked = template_config_masked(t->account.template, t->arena, t->account.config);
    if (!t->masked)
        return err_no_memory(err);
    if (!ends_of(t->account.template, t->arena, t->account.effective, clock_wall_us(t->engine->options.clock), &out->ends,
                 &out->end_count, err))
        return false;
    int64_t began_us = clock_monotonic_us(t->engine->options.clock);
    t->account.probe = &out->probe;
    bool works = engine_test_account(t->engine, &t->account, false, &why);
    out->tested_us = clock_monotonic_us(t->engine->options.clock) - began_us;
    t->account.probe = NULL;
    if (works) {
        try_streams(t);
        return true;
    }
    if (why.code == E_TEMPLATE_REFUSED)
        return err_set(err, why.code, "%s", why.message);
    out->code = why.code;
    out->message = safe_words(t->arena, why.message);
    return true;
}

bool
engine_try(struct engine *e, struct arena *a, int64_t tenant, const struct connection_change *change,
           bool (*may)(void *ctx, struct err *err), void *ctx, struct try_result *result_out, struct err *err)
{
    struct template *t = registry_get(e->options.templates, change->provider, err);
    if (!t)
        return false;
    struct err why = {0};
    char uuid[UUID_TEXT_BYTES];
    struct try_result result = {0};
    struct attempt attempt = {.engine = e, .arena = a, .result = &result};
    struct connection c = {.tenant = tenant, .enabled = true, .status = CONNECTION_PENDING};
    c.template_name = str_copy(a, template_info(t)->name);
    c.uuid = str_copy(a, str_from_c(uuid_v7_now(uuid)));
    yyjson_val *given = change_config(a, t, change, &why), *config = NULL;
    bool ok = why.code == E_OK || err_no_memory(err);
    if (ok && !given)
        given = json_parse(a, STR("{}"), JSON_PLAIN, 2, err);
    ok = ok && template_config_accept(t, a, given, change->pointer_prefix, &config, err) &&
         account_open_with(e, a, &c, config, &attempt.account, err) && may(ctx, err) && try_account(&attempt, err);
    account_close(&attempt.account);
    template_unref(t);
    if (ok)
        *result_out = result;
    return ok;
}
