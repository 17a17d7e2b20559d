/*
 * What an answer means: go on, try again, ignore, wait, give up (manifest-format, rules 17, 19 to 21).
 *
 * A filter matches if any of its codes, its predicate or its message text matches. In a composite the
 * verdicts SUCCESS, RETRY, IGNORE and RESET_PAGINATION end the chain; FAIL and RATE_LIMITED let later
 * handlers speak, and the last verdict stands.
 */
#include "template/plan_priv.h"

static const struct {
    const char *word;
    enum verdict verdict;
} verdict_words[] = {
    {"SUCCESS", VERDICT_SUCCESS}, {"FAIL", VERDICT_FAIL}, {"RETRY", VERDICT_RETRY}, {"IGNORE", VERDICT_IGNORE},
    {"RESET_PAGINATION", VERDICT_RESET}, {"RATE_LIMITED", VERDICT_RATE_LIMITED},
    {"REFRESH_TOKEN_THEN_RETRY", VERDICT_REFRESH},
};

static bool
compile_verdict(struct compiler *c, const struct node *n, struct response_filter *f)
{
    struct str word = node_text_at(n, "action");
    if (!word.len)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(verdict_words); i++)
        if (str_eq_c(word, verdict_words[i].word)) {
            f->verdict = verdict_words[i].verdict, f->has_verdict = true;
            return true;
        }
    return err_set(c->err, E_TEMPLATE_INVALID, "line %u: unknown action %.*s", n->line, STR_ARG(word));
}

static bool
compile_codes(struct compiler *c, const struct node *n, struct response_filter *f)
{
    const struct node *codes = node_get_c(n, "http_codes");
    if (!codes || codes->type != NODE_LIST)
        return true;
    f->codes = ARENA_ARRAY(c->arena, int64_t, codes->count + 1);
    if (!f->codes)
        return compile_full(c);
    for (size_t i = 0; i < codes->count; i++)
        if (str_to_i64(codes->items[i]->text, 100, 599, &f->codes[f->code_count]))
            f->code_count++;
    return true;
}

static bool
compile_part(struct compiler *c, const struct node *n, struct handler_part *part)
{
    const struct node *filters = node_get_c(n, "response_filters");
    if (!filters || filters->type != NODE_LIST)
        return true;
    part->filters = ARENA_ARRAY(c->arena, struct response_filter, filters->count + 1);
    if (!part->filters)
        return compile_full(c);
    part->count = filters->count;
    for (size_t i = 0; i < filters->count; i++) {
        const struct node *f = filters->items[i];
        if (!node_type_is(f, "HttpResponseFilter"))
            return refuse_component(c, f);
        part->filters[i].contains = node_text_at(f, "error_message_contains");
        part->filters[i].auth_expired = node_is_true_at(f, "x-tidemark-auth-expired");
        if (!compile_verdict(c, f, &part->filters[i]) || !compile_codes(c, f, &part->filters[i]) ||
            !text_field(c, f, "predicate", &part->filters[i].predicate) ||
            !text_field(c, f, "error_message", &part->filters[i].message))
            return false;
    }
    return true;
}

static bool
compile_backoff(struct compiler *c, const struct node *n, struct backoff *b)
{
    if (node_type_is(n, "ConstantBackoffStrategy")) {
        b->kind = BACKOFF_CONSTANT;
        return text_field(c, n, "backoff_time_in_seconds", &b->amount);
    }
    if (node_type_is(n, "ExponentialBackoffStrategy")) {
        b->kind = BACKOFF_EXPONENTIAL;
        return text_field(c, n, "factor", &b->amount);
    }
    bool until = node_type_is(n, "WaitUntilTimeFromHeader");
    if (!until && !node_type_is(n, "WaitTimeFromHeader"))
        return refuse_component(c, n);
    b->kind = until ? BACKOFF_UNTIL_HEADER : BACKOFF_HEADER;
    b->per_second = str_eq_c(node_text_at(n, "x-tidemark-unit"), "per_second");
    b->minutes = str_eq_c(node_text_at(n, "x-tidemark-unit"), "minutes");
    return text_field(c, n, "header", &b->header) && text_field(c, n, "regex", &b->regex) &&
           text_field(c, n, "min_wait", &b->amount) && text_field(c, n, "max_waiting_time_in_seconds", &b->cap);
}

static bool
compile_backoffs(struct compiler *c, const struct node *n, struct error_handler *h)
{
    const struct node *list = node_get_c(n, "backoff_strategies");
    if (!list || list->type != NODE_LIST || list->count == 0)
        return true;
    struct backoff *all = ARENA_ARRAY(c->arena, struct backoff, h->backoff_count + list->count);
    if (!all)
        return compile_full(c);
    if (h->backoff_count)
        memcpy(all, h->backoffs, h->backoff_count * sizeof(*all));
    h->backoffs = all;
    for (size_t i = 0; i < list->count; i++)
        if (!compile_backoff(c, list->items[i], &all[h->backoff_count++]))
            return false;
    return true;
}

static size_t
count_parts(const struct node *n, unsigned depth)
{
    const struct node *handlers = node_get_c(n, "error_handlers");
    size_t count = 0;
    if (!node_type_is(n, "CompositeErrorHandler") || depth > 8)
        return 1;
    for (size_t i = 0; handlers && handlers->type == NODE_LIST && i < handlers->count; i++)
        count += count_parts(handlers->items[i], depth + 1);
    return count;
}

static bool
add_parts(struct compiler *c, const struct node *n, struct error_handler *h, unsigned depth)
{
    if (node_type_is(n, "DefaultErrorHandler")) {
        if (h->part_count == 0 && !text_field(c, n, "max_retries", &h->max_retries))
            return false;
        return compile_part(c, n, &h->parts[h->part_count++]) && compile_backoffs(c, n, h);
    }
    if (!node_type_is(n, "CompositeErrorHandler") || depth > 8)
        return refuse_component(c, n);
    const struct node *handlers = node_get_c(n, "error_handlers");
    for (size_t i = 0; handlers && handlers->type == NODE_LIST && i < handlers->count; i++)
        if (!add_parts(c, handlers->items[i], h, depth + 1))
            return false;
    return true;
}

bool
error_handler_compile(struct compiler *c, const struct node *n, struct error_handler *handler_out)
{
    *handler_out = (struct error_handler){0};
    if (!n || n->type == NODE_NULL)
        return true;
    handler_out->parts = ARENA_ARRAY(c->arena, struct handler_part, count_parts(n, 0) + 1);
    return handler_out->parts ? add_parts(c, n, handler_out, 0) : compile_full(c);
}

/* A message somewhere in an error body: the words vendors use for the member, first found first. */
static struct str
message_in(struct arena *a, yyjson_val *v, unsigned depth)
{
    static const char *const members[] = {"message", "messages", "error", "errors", "failures", "failure", "detail",
                                          "err", "error_message", "msg", "reason", "status_message", NULL};
    if (yyjson_is_str(v) || depth > 8)
        return json_str(v);
    for (size_t i = 0; yyjson_is_obj(v) && members[i]; i++) {
        yyjson_val *member = json_get_c(v, members[i]);
        if (member && value_is_true(value_from_json(member)))
            return message_in(a, member, depth + 1);
    }
    struct str all = STR_NONE;
    size_t index, max;
    yyjson_val *item;
    JSON_EACH_ITEM(v, index, max, item) {
        struct str one = message_in(a, item, depth + 1);
        if (one.ptr && index < 16)
            all = all.ptr ? str_format(a, "%.*s, %.*s", STR_ARG(all), STR_ARG(one)) : one;
    }
    return all;
}

struct str
vendor_message(struct arena *a, yyjson_val *body)
{
    return body ? message_in(a, body, 0) : STR_NONE;
}

static enum verdict
default_verdict(int status)
{
    switch (status) {
    case 400: case 401: case 403: case 404: case 405: return VERDICT_FAIL;
    case 429: return VERDICT_RATE_LIMITED;
    default: return status > 0 && status < 400 ? VERDICT_SUCCESS : VERDICT_RETRY;
    }
}

static bool
filter_matches(const struct response_filter *f, struct expr_scope *scope, const struct http_reply *reply, yyjson_val *body,
               bool *matches_out, struct err *err)
{
    *matches_out = false;
    if (reply->status == 0)
        return true;
    for (size_t i = 0; i < f->code_count; i++)
        if (f->codes[i] == reply->status)
            *matches_out = true;
    if (!*matches_out && text_given(&f->predicate) && !text_bool(&f->predicate, scope, matches_out, err))
        return false;
    if (!*matches_out && f->contains.len) {
        struct str message = body ? vendor_message(scope->arena, body) : reply->body;
        *matches_out = message.ptr && str_find_str(message, f->contains) >= 0;
    }
    return true;
}

/* The verdict of one handler: its first matching filter, else the default of the status. */
static bool
judge_part(const struct handler_part *part, struct expr_scope *scope, const struct http_reply *reply, yyjson_val *body,
           struct judgement *out, struct err *err)
{
    *out = (struct judgement){.verdict = default_verdict(reply->status)};
    for (size_t i = 0; i < part->count; i++) {
        const struct response_filter *f = &part->filters[i];
        bool matches;
        if (!filter_matches(f, scope, reply, body, &matches, err))
            return false;
        if (!matches || !f->has_verdict)
            continue;
        out->verdict = f->verdict, out->auth_expired = f->auth_expired;
        return !text_given(&f->message) || text_str(&f->message, scope, &out->message, err);
    }
    return true;
}

static struct value
header_dict(struct arena *a, const struct http_headers *headers)
{
    struct value dict = value_dict_new(a);
    for (size_t i = 0; dict.type == VALUE_DICT && i < headers->count; i++)
        if (!value_dict_put(a, dict, headers->items[i].name, value_str(headers->items[i].value)))
            return value_undefined();
    return dict;
}

static bool
has_predicates(const struct error_handler *h)
{
    for (size_t i = 0; i < h->part_count; i++)
        for (size_t j = 0; j < h->parts[i].count; j++)
            if (text_given(&h->parts[i].filters[j].predicate) || text_given(&h->parts[i].filters[j].message))
                return true;
    return false;
}

bool
error_handler_judge(const struct error_handler *h, struct expr_scope *scope, const struct http_reply *reply,
                    yyjson_val *body, struct judgement *judgement_out, struct err *err)
{
    *judgement_out = (struct judgement){.verdict = default_verdict(reply->status)};
    if (has_predicates(h)) {
        struct value response = body ? value_from_json(body) : value_dict_new(scope->arena);
        expr_scope_set(scope, STR("response"), response);
        expr_scope_set(scope, STR("headers"), header_dict(scope->arena, &reply->headers));
    }
    for (size_t i = 0; i < h->part_count; i++) {
        if (!judge_part(&h->parts[i], scope, reply, body, judgement_out, err))
            return false;
        enum verdict v = judgement_out->verdict;
        if (v == VERDICT_SUCCESS || v == VERDICT_RETRY || v == VERDICT_IGNORE || v == VERDICT_RESET)
            return true;
    }
    return true;
}

#define RETRIES_DEFAULT 5 /* manifest-format, rule 22 */

bool
error_handler_max_retries(const struct error_handler *h, struct expr_scope *scope, int64_t *retries_out, struct err *err)
{
    struct str text;
    *retries_out = RETRIES_DEFAULT;
    if (!text_given(&h->max_retries))
        return true;
    if (!text_str(&h->max_retries, scope, &text, err))
        return false;
    if (text.len && !str_to_i64(text, 0, 1000, retries_out))
        return err_set(err, E_EXPRESSION, "max_retries is not a whole number");
    return true;
}
