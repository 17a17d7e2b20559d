/*
 * A welcome message for a new lead, from any endpoint that speaks OpenAI's chat completions (off unless configured).
 *
 * Only what is written in the message leaves the house: name, company, city, country, source; never an e-mail address, a
 * phone number or a custom field. What comes back is kept on the lead as `welcomeMessage`; nothing is sent to anybody. A
 * failure costs the message, never the lead.
 */
#include "engine/errand.h"

#include "engine/page_merge.h"
#include "json/writer.h"
#include "store/store_event.h"
#include "store/store_page.h"
#include "store/store_record.h"

#define ANSWER_BYTES_MAX (1024 * 1024)
#define REQUEST_BYTES_MAX (64 * 1024)
#define WELCOME_BYTES_MAX 4000
#define WELCOME_TOTAL_MS 60000
#define WORDS_BYTES_MAX 200             /* of one field of the lead in the request */

struct welcome {
    struct arena *arena;
    const struct errand *errand;
    struct record record;
    enum row found;
    struct str message;
};

bool
engine_has_ai(const struct engine *e)
{
    return e->options.ai.base_url.len > 0 && e->options.ai.model.len > 0;
}

static bool
read_lead(struct db *db, void *ctx, struct err *err)
{
    struct welcome *w = ctx;
    w->found = store_record_get_by_id(db, w->arena, w->errand->tenant, w->errand->record, &w->record, err);
    return w->found != ROW_FAILED;
}

static void
add_fact(struct buf *b, const char *name, yyjson_val *lead)
{
    struct str value = json_str(json_get_c(lead, name));
    if (value.len > 0)
        buf_addf(b, "%s: %.*s\n", name, STR_ARG(str_slice(value, 0, WORDS_BYTES_MAX)));
}

static void
add_message(struct json_writer *w, const char *role, struct str content)
{
    json_begin_object(w, NULL);
    json_add_c(w, "role", role);
    json_add_str(w, "content", content);
    json_end_object(w);
}

static struct str
request_body(const struct engine *e, struct arena *a, yyjson_val *lead)
{
    static const char *const facts[] = {"name", "company", "city", "country", "source"};
    struct buf body, about;
    struct json_writer w;
    struct str prompt = e->options.ai.prompt.len > 0 ? e->options.ai.prompt
        : STR("Write a short, friendly welcome message to a new lead, in the language of his country. Answer with the message alone.");
    buf_init(&about, REQUEST_BYTES_MAX);
    buf_init(&body, REQUEST_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        add_fact(&about, facts[i], lead);
    json_writer_init(&w, &body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "model", e->options.ai.model);
    json_begin_array(&w, "messages");
    add_message(&w, "system", prompt);
    add_message(&w, "user", buf_str(&about));
    json_end_array(&w);
    json_end_object(&w);
    struct str text = buf_ok(&body) ? str_copy(a, buf_str(&body)) : STR_NONE;
    buf_release(&about);
    buf_release(&body);
    return text;
}

/* What the answer says, or why it says nothing. */
static bool
read_answer(struct arena *a, const struct http_reply *reply, struct str *message_out, struct err *err)
{
    if (reply->code != E_OK)
        return err_set(err, reply->code == E_SHUTTING_DOWN || reply->code == E_CANCELLED ? E_SHUTTING_DOWN : E_VENDOR_UNAVAILABLE,
                       "The AI endpoint was not reached: %s", reply->message);
    if (reply->status == 429 || reply->status >= 500)
        return err_set(err, E_VENDOR_UNAVAILABLE, "The AI endpoint answered with status %d", reply->status);
    if (reply->status != 200)
        return err_set(err, E_VENDOR_REFUSED, "The AI endpoint refused with status %d", reply->status);
    struct err why = {0};
    yyjson_val *json = json_parse(a, reply->body, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &why);
    yyjson_val *choices = json_get_c(json, "choices");
    struct str text = str_trim(json_str(json_get_c(json_get_c(yyjson_arr_get_first(choices), "message"), "content")));
    if (text.len == 0)
        return err_set(err, E_BAD_PAGE, "The AI endpoint's answer holds no message");
    *message_out = str_slice(text, 0, WELCOME_BYTES_MAX);
    while (message_out->len > 0 && !str_is_utf8(*message_out))
        message_out->len--; /* cut inside a character */
    return true;
}

static bool
ask(struct engine *e, struct arena *a, yyjson_val *lead, struct str *message_out, struct err *err)
{
    struct str base = e->options.ai.base_url, body = request_body(e, a, lead);
    while (str_ends(base, STR("/")))
        base.len--;
    struct str url = str_format(a, "%.*s/chat/completions", STR_ARG(base));
    struct http_header headers[2] = {{STR("Content-Type"), STR("application/json")}};
    struct http_request request = {.method = STR("POST"), .url = url, .body = body, .total_ms = WELCOME_TOTAL_MS,
                                   .body_max = ANSWER_BYTES_MAX, .operator_address = true};
    struct str bearer = str_format(a, "Bearer %.*s", STR_ARG(e->options.ai.api_key));
    if (str_is_none(body) || str_is_none(url) || str_is_none(bearer))
        return err_no_memory(err);
    headers[1] = (struct http_header){STR("Authorization"), bearer};
    request.headers = (struct http_headers){headers, e->options.ai.api_key.len > 0 ? 2 : 1};
    void *call = e->sender.start(e->sender.ctx, &request, err);
    if (call == NULL)
        return false;
    engine_set_errand_call(e, call);
    bool ok = read_answer(a, e->sender.wait(call), message_out, err);
    engine_set_errand_call(e, NULL);
    e->sender.free(call);
    return ok;
}

/* Into the lead as it is now: somebody may have changed it while the endpoint was thinking. */
static bool
save(struct db *db, void *ctx, struct err *err)
{
    struct welcome *w = ctx;
    struct record_write write;
    struct str data, history;
    bool same;
    int64_t now_us = store_now(db);
    if (!store_records_hold(db, w->errand->tenant, &w->errand->record, 1, err)) /* the whole of it is written */
        return false;
    if (!read_lead(db, ctx, err) || w->found != ROW_FOUND || w->record.deleted_us)
        return err->code == E_OK;
    if (!record_set_text(w->arena, w->record.data, "welcomeMessage", w->message, &data, err) ||
        !merge_history(w->arena, w->record.data, data, &history, &same, err))
        return false;
    const struct record *r = &w->record;
    write = (struct record_write){.record = r->id, .data = data, .title = r->title, .status = r->status,
                                  .occurred_us = r->occurred_us, .parent = r->parent, .changed = history};
    struct event event = {.tenant = r->tenant, .type = STR("records.changed"), .kind = r->kind, .records = &r->id,
                          .record_count = 1, .data = STR_NONE, .at_us = now_us};
    return store_records_update(db, r->tenant, r->collection, &write, 1, 0, 0, now_us, err) && store_event_add(db, &event, err);
}

static bool
welcome_run(struct engine *e, struct arena *a, const struct errand *errand, struct err *err)
{
    struct welcome w = {.arena = a, .errand = errand};
    if (!engine_has_ai(e)) /* switched off since */
        return true;
    if (!store_read(e->options.store, read_lead, &w, err))
        return false;
    yyjson_val *lead = w.found == ROW_FOUND && !w.record.deleted_us
                           ? json_parse(a, w.record.data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err) : NULL;
    if (lead == NULL)
        return err->code == E_OK;
    if (json_str(json_get_c(lead, "welcomeMessage")).len > 0)
        return true;
    return ask(e, a, lead, &w.message, err) && store_write(e->options.store, save, &w, err);
}

const struct errand_kind errand_welcome = {.name = "welcome", .run = welcome_run};
