/*
 * One declared call to a vendor, made by a reader.
 *
 * The difficulty is what an answer says about what happened. A call that changes nothing can be repeated. One that
 * changes something was done (2xx), was not done (401, 429 and other refusals, a request that never left), or nobody
 * knows: then it is not sent again, and the words say so.
 */
#include "template/operation_priv.h"

#include "base/limits.h"

#define OPERATION_TOTAL_MS 90000 /* somebody waits for the answer */
#define WORDS_MAX 300            /* of the vendor's, in an error */
#define UNKNOWN_WORDS "it is not known whether that was done: look there before you send it again"

/* ---- looking them up */

const struct template_operation *
template_operation_find(const struct template *t, struct str section, struct str name)
{
    for (size_t i = 0; i < t->operation_count; i++)
        if (str_eq(t->operations[i].info.section, section) && str_eq(t->operations[i].info.name, name))
            return &t->operations[i];
    return NULL;
}

bool
template_has_operation(const struct template *t, struct str section, struct str name)
{
    return template_operation_find(t, section, name) != NULL;
}

size_t
template_operation_count(const struct template *t)
{
    return t->operation_count;
}

const struct template_operation *
template_operation_at(const struct template *t, size_t index)
{
    return index < t->operation_count ? &t->operations[index] : NULL;
}

const struct operation_info *
template_operation_info(const struct template_operation *o)
{
    return &o->info;
}

bool
template_operation_accept(const struct template_operation *o, struct arena *a, yyjson_val *input, yyjson_val **input_out,
                          struct err *err)
{
    struct err ignored = {0};
    yyjson_val *given = input ? input : json_parse(a, STR("{}"), JSON_PLAIN, 4, &ignored);
    if (!given)
        return err_no_memory(err);
    if (!yyjson_is_obj(given)) {
        err_set(err, E_VALIDATION_FAILED, "The input must be an object");
        err_add_item(err, STR(""), "must be an object");
        return false;
    }
    if (o->schema && !(given = schema_apply_defaults(o->schema, a, given, err)))
        return false;
    if (o->schema && !schema_validate(o->schema, given, err))
        return false;
    *input_out = given;
    return true;
}

struct reader *
reader_new_operation(const struct reader_options *options, const struct template_operation *o, yyjson_val *input, struct err *err)
{
    struct reader_options own = *options;
    own.state = NULL, own.position = STR_NONE, own.updated_since = STR_NONE, own.stream = o->info.name;
    struct reader *r = reader_new_for(&own, &o->plan, NULL, err);
    if (!r)
        return NULL;
    r->operation = o, r->input = input, r->single_partition_done = true;
    if (!reader_open_partition(r, NULL, NULL, err) || !reader_open_slice(r, INT64_MIN, err)) {
        reader_free(r);
        return NULL;
    }
    r->phase = PHASE_SEND;
    return r;
}

/* ---- the request */

static bool
climbs(struct str path)
{
    for (struct str part; path.len;) {
        str_cut(path, '/', &part, &path);
        if (str_eq(part, STR("..")) || str_eq_nocase(part, STR("%2e%2e")))
            return true;
    }
    return false;
}

/* An id like "https://other.example/" or "../keys" in a path must not lead elsewhere with our credential. */
bool
operation_request(struct reader *r, struct expr_scope *scope, struct http_request *request, struct err *err)
{
    struct str base, path;
    struct http_url from, to;
    const struct requester *q = &r->operation->plan.requester;
    request->once = !r->operation->info.safe;
    request->total_ms = OPERATION_TOTAL_MS;
    if (!text_str(&q->url_base, scope, &base, err) || !text_str(&q->path, scope, &path, err))
        return false;
    if (!base.len && !text_str(&q->url, scope, &base, err))
        return false;
    bool same = http_url_parse(base, &from) && http_url_parse(request->url, &to) && str_eq_nocase(from.scheme, to.scheme) &&
                str_eq_nocase(from.host, to.host) && from.port == to.port && !to.has_userinfo;
    return (same && !climbs(path)) ||
           err_set(err, E_VALIDATION_FAILED, "The input of %.*s would lead to another address", STR_ARG(r->operation->info.name));
}

/* ---- the answer */

static enum page_step
fail_unknown(const struct reader *r, const char *what, struct err *err)
{
    if (r->operation->info.safe)
        err_set(err, E_VENDOR_UNAVAILABLE, "%s", what);
    else
        err_set(err, E_VENDOR_UNCERTAIN, "%s; %s", what, UNKNOWN_WORDS);
    return PAGE_FAILED;
}

static enum page_step
again(struct reader *r, struct expr_scope *scope, struct arena *page, bool rate_limited, const char *why, struct reader_event *event,
      struct err *err)
{
    const struct error_handler *h = &r->stream->requester.errors;
    return retry_plan(r, scope, h, r->reply, rate_limited, why, page, event, err) ? PAGE_WAIT : PAGE_FAILED;
}

/* No answer, or a broken one. */
static enum page_step
no_answer(struct reader *r, struct expr_scope *scope, struct arena *page, struct reader_event *event, struct err *err)
{
    char words[300];
    const struct http_reply *reply = r->reply;
    bool broken = reply->code == E_NETWORK || reply->code == E_TIMEOUT || reply->code == E_BAD_PAGE;
    if (!broken && (reply->status == 0 || r->operation->info.safe)) { /* refused by us before it left, or stopped */
        err_set(err, reply->code, "%s", reply->message[0] ? reply->message : err_words(reply->code));
        return PAGE_FAILED;
    }
    if (r->operation->info.safe)
        return again(r, scope, page, false, reply->message, event, err);
    if (reply->unsent) {
        err_set(err, E_VENDOR_UNAVAILABLE, "The vendor could not be reached, so nothing was done: %s", reply->message);
        return PAGE_FAILED;
    }
    bool taken = reply->status >= 200 && reply->status < 300;
    snprintf(words, sizeof(words), "%s (%s)", taken ? "The vendor took the request, but its answer broke off" : "The vendor did not answer",
             reply->message);
    return fail_unknown(r, words, err);
}

static struct str
words_of(struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body, const struct judgement *j)
{
    struct str words = STR_NONE;
    struct err ignored = {0};
    if (j && j->message.len)
        return j->message;
    if (!text_given(&r->operation->message) || !text_str(&r->operation->message, scope, &words, &ignored) || !words.len)
        words = vendor_message(page, body);
    return words;
}

static enum page_step
refused(struct reader *r, struct str words, bool auth_expired, struct err *err)
{
    int status = r->reply->status;
    enum err_code code = status == 401 || auth_expired ? E_INVALID_CREDENTIALS : E_VENDOR_REFUSED;
    if (words.len)
        err_set(err, code, "The vendor refused (%d): %.*s", status, (int)(words.len > WORDS_MAX ? WORDS_MAX : words.len), words.ptr);
    else
        err_set(err, code, "The vendor refused with status %d", status);
    return PAGE_FAILED;
}

static enum page_step
stumbled(struct reader *r, struct expr_scope *scope, struct arena *page, struct str words, struct reader_event *event, struct err *err)
{
    char what[400];
    const struct http_reply *reply = r->reply;
    snprintf(what, sizeof(what), "The vendor answered %d%s%.*s", reply->status, words.len ? ": " : "",
             (int)(words.len > WORDS_MAX ? WORDS_MAX : words.len), words.ptr ? words.ptr : "");
    if (r->operation->info.safe)
        return again(r, scope, page, false, what, event, err);
    return fail_unknown(r, what, err);
}

/* PAGE_READY: the vendor did it, or the template says that this answer is as good. */
static enum page_step
judge(struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body, struct reader_event *event, struct err *err)
{
    struct judgement j;
    const struct http_reply *reply = r->reply;
    const struct error_handler *h = &r->stream->requester.errors;
    if (reply->code != E_OK || reply->status == 0)
        return no_answer(r, scope, page, event, err);
    if (!error_handler_judge(h, scope, reply, body, &j, err))
        return PAGE_FAILED;
    if (page_may_refresh(r, scope, reply, j.verdict))
        return PAGE_AGAIN;
    if (page_is_parked(r) && (j.verdict == VERDICT_FAIL || j.verdict == VERDICT_RETRY))
        j.verdict = VERDICT_RATE_LIMITED;
    bool client_fault = reply->status >= 400 && reply->status < 500 && reply->status != 408;
    bool elsewhere = reply->status >= 300 && reply->status < 400; /* nobody follows it with our credential */
    if ((j.verdict == VERDICT_RETRY && client_fault) || (j.verdict == VERDICT_SUCCESS && elsewhere))
        j.verdict = VERDICT_FAIL;
    switch (j.verdict) {
    case VERDICT_SUCCESS:
    case VERDICT_IGNORE: return PAGE_READY;
    case VERDICT_RATE_LIMITED: return again(r, scope, page, true, "slow down", event, err);
    case VERDICT_RETRY:
    case VERDICT_REFRESH: return stumbled(r, scope, page, words_of(r, scope, page, body, &j), event, err);
    case VERDICT_FAIL:
    case VERDICT_RESET: break;
    }
    return refused(r, words_of(r, scope, page, body, &j), j.auth_expired, err);
}

static yyjson_val *
null_value(struct arena *a)
{
    struct err ignored = {0};
    return json_parse(a, STR("null"), JSON_PLAIN, 4, &ignored);
}

/* The part of the answer that the template names. */
static bool
find_result(struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body, yyjson_val **result_out, struct err *err)
{
    const struct template_operation *o = r->operation;
    yyjson_val *found = o->path_count ? path_find(body, o->path, o->path_count) : body;
    if (text_given(&o->result)) {
        struct value v;
        if (!text_value(&o->result, scope, &v, err))
            return false;
        yyjson_mut_doc *doc = json_mut_doc(page);
        yyjson_mut_val *made = doc ? value_to_json(doc, v) : NULL;
        found = made ? json_freeze(page, made) : NULL;
        if (!found)
            return err_no_memory(err);
    }
    *result_out = found ? found : null_value(page);
    return *result_out || err_no_memory(err);
}

static bool
was_done(struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body, struct err *err)
{
    bool done = true;
    const struct template_operation *o = r->operation;
    if (!text_given(&o->success))
        return true;
    if (!text_bool(&o->success, scope, &done, err))
        return false;
    return done || refused(r, words_of(r, scope, page, body, NULL), false, err) != PAGE_FAILED;
}

static enum page_step
deliver(struct reader *r, struct arena *page, yyjson_val *result, struct reader_event *event, struct err *err)
{
    event->records = ARENA_NEW(page, struct reader_record);
    if (!event->records) {
        err_no_memory(err);
        return PAGE_FAILED;
    }
    event->records[0] = (struct reader_record){.value = result, .rejected = STR_NONE, .cursor_us = INT64_MIN};
    event->record_count = event->records_read = 1;
    event->observed_wall_us = r->reply->sent_wall_us;
    r->phase = PHASE_DONE;
    return PAGE_READY;
}

/* What the answer's body is, for expressions: JSON, or a text that is none, or null. */
static yyjson_val *
read_body(struct reader *r, struct arena *page)
{
    struct err ignored = {0};
    struct str text = str_trim(r->reply->body);
    yyjson_val *body = text.len ? json_parse(page, text, JSON_NUMBERS_RAW | JSON_ALLOW_BOM, LIMIT_JSON_DEPTH_VENDOR, &ignored) : NULL;
    if (body || !text.len || text.ptr[0] == '<' || !str_is_utf8(text))
        return body;
    yyjson_mut_doc *doc = json_mut_doc(page);
    yyjson_mut_val *made = doc ? yyjson_mut_strncpy(doc, text.ptr, text.len) : NULL;
    return made ? json_freeze(page, made) : NULL;
}

static struct value
header_values(struct arena *a, const struct http_headers *headers)
{
    struct value dict = value_dict_new(a);
    for (size_t i = 0; dict.type == VALUE_DICT && i < headers->count; i++)
        if (!value_dict_put(a, dict, str_lower(a, headers->items[i].name), value_str(headers->items[i].value)))
            return value_undefined();
    return dict;
}

static void
see_answer(struct expr_scope *scope, struct arena *page, const struct http_reply *reply, yyjson_val *body)
{
    expr_scope_set(scope, STR("response"), body ? value_from_json(body) : value_none());
    expr_scope_set(scope, STR("headers"), header_values(page, &reply->headers));
    scope->steps_left = LIMIT_EXPRESSION_STEPS;
}

enum page_step
operation_take(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    yyjson_val *result = NULL, *body = read_body(r, page);
    const struct http_reply *reply = r->reply;
    reader_scene(r, page, value_undefined(), &scene);
    scene_scope(&scene, &scope);
    see_answer(&scope, page, reply, body);
    enum page_step verdict = judge(r, &scope, page, body, event, err);
    if (verdict != PAGE_READY)
        return verdict;
    if (reply->status >= 400)
        body = NULL;
    else if (!body && str_trim(reply->body).len)
        return fail_unknown(r, "The vendor's answer is a web page or cannot be read", err);
    see_answer(&scope, page, reply, body);
    if (reply->status < 400 && !was_done(r, &scope, page, body, err))
        return PAGE_FAILED;
    scope.steps_left = LIMIT_EXPRESSION_STEPS;
    if (!find_result(r, &scope, page, body, &result, err))
        return PAGE_FAILED;
    return deliver(r, page, result, event, err);
}
