/*
 * api_budget: from the manifest to policies, and which of them a request falls under.
 */
#include "template/budget_priv.h"

#include "base/clock.h"

#define BUDGET_POLICIES_MAX BUDGET_METERS_MAX
#define BUDGET_LIMIT_MAX 1000000000
#define BUDGET_SPAN_MAX_US (366 * 24 * US_PER_HOUR)

/* ---- loading */

static bool
fault(struct compiler *c, const struct node *n, const char *words)
{
    return err_set(c->err, E_TEMPLATE_INVALID, "line %u: api_budget: %s", n->line, words);
}

/* Texts of any scalar: {"sandbox": true} is compared as "True", as the field's readers do. */
static bool
scalar_map(struct compiler *c, const struct node *n, yyjson_val **map_out)
{
    yyjson_mut_doc *doc = json_mut_doc(c->arena);
    yyjson_mut_val *map = doc ? yyjson_mut_obj(doc) : NULL;
    if (!n || n->type != NODE_MAP || n->count == 0)
        return true;
    for (size_t i = 0; map && i < n->count; i++) {
        yyjson_val *json = node_to_json(c->arena, n->items[i]);
        struct str text = json ? value_to_python(c->arena, value_from_json(json)) : STR_NONE;
        if (!text.ptr)
            return compile_full(c);
        yyjson_mut_obj_put(map, yyjson_mut_strncpy(doc, n->keys[i].ptr, n->keys[i].len), yyjson_mut_strncpy(doc, text.ptr, text.len));
    }
    *map_out = map ? json_freeze(c->arena, map) : NULL;
    return *map_out || compile_full(c);
}

static bool
compile_matcher(struct compiler *c, const struct node *n, struct budget_matcher *m)
{
    m->method = node_text_at(n, "method");
    m->url_base = node_text_at(n, "url_base");
    while (m->url_base.len && m->url_base.ptr[m->url_base.len - 1] == '/')
        m->url_base.len--;
    m->pattern = node_text_at(n, "url_path_pattern");
    if (m->pattern.len && !(m->path = regex_prepare(c->arena, m->pattern)))
        return fault(c, n, "url_path_pattern is no regular expression, or too long");
    return scalar_map(c, node_get_c(n, "params"), &m->params) && scalar_map(c, node_get_c(n, "headers"), &m->headers) &&
           text_field(c, n, "weight", &m->weight);
}

static bool
compile_matchers(struct compiler *c, const struct node *list, struct budget_plan_policy *p)
{
    if (!list || list->type != NODE_LIST || list->count == 0)
        return true;
    if (!(p->matchers = ARENA_ARRAY(c->arena, struct budget_matcher, list->count)))
        return compile_full(c);
    for (; p->matcher_count < list->count; p->matcher_count++)
        if (!compile_matcher(c, list->items[p->matcher_count], &p->matchers[p->matcher_count]))
            return false;
    return true;
}

static bool
compile_rate(struct compiler *c, const struct node *n, const char *limit, const char *span, struct budget_plan_policy *p)
{
    struct duration length;
    struct str text = node_text_at(n, span);
    if (p->rate_count == BUDGET_RATES_MAX)
        return fault(c, n, "a policy may have four rates");
    if (!iso_duration_parse(text, &length))
        return fault(c, n, "a rate needs an interval such as PT1M");
    int64_t span_us = datetime_add(0, length, 1);
    if (span_us <= 0 || span_us > BUDGET_SPAN_MAX_US)
        return fault(c, n, "an interval is longer than nothing and shorter than a year");
    p->spans_us[p->rate_count] = span_us;
    if (!text_field(c, n, limit, &p->limits[p->rate_count]))
        return false;
    if (!text_given(&p->limits[p->rate_count]))
        return fault(c, n, "a rate needs a limit");
    p->rate_count++;
    return true;
}

static bool
compile_policy(struct compiler *c, const struct node *n, struct budget_plan_policy *p)
{
    const struct node *rates = node_get_c(n, "rates");
    if (!compile_matchers(c, node_get_c(n, "matchers"), p))
        return false;
    if (node_type_is(n, "UnlimitedCallRatePolicy"))
        return true;
    if (node_type_is(n, "FixedWindowCallRatePolicy")) {
        p->fixed = true;
        return compile_rate(c, n, "call_limit", "period", p);
    }
    if (!node_type_is(n, "MovingWindowCallRatePolicy"))
        return fault(c, n, "a policy is a FixedWindowCallRatePolicy, MovingWindowCallRatePolicy or UnlimitedCallRatePolicy");
    if (!rates || rates->type != NODE_LIST || rates->count == 0)
        return fault(c, n, "a MovingWindowCallRatePolicy needs rates");
    for (size_t i = 0; i < rates->count; i++)
        if (!compile_rate(c, rates->items[i], "limit", "interval", p))
            return false;
    return true;
}

static struct str
name_or(const struct node *n, const char *field, const char *otherwise)
{
    struct str name = node_text_at(n, field);
    return name.len ? name : str_from_c(otherwise);
}

bool
budget_compile(struct compiler *c, const struct node *n, struct budget_plan **plan_out)
{
    const struct node *list = node_get_c(n, "policies"), *hits = node_get_c(n, "status_codes_for_ratelimit_hit");
    *plan_out = NULL;
    if (!n || n->type != NODE_MAP || !list || list->type != NODE_LIST || list->count == 0)
        return true;
    struct budget_plan *plan = ARENA_NEW(c->arena, struct budget_plan);
    if (!plan || !(plan->policies = ARENA_ARRAY(c->arena, struct budget_plan_policy, list->count)))
        return compile_full(c);
    size_t meters = 0;
    for (; plan->count < list->count; plan->count++) {
        if (!compile_policy(c, list->items[plan->count], &plan->policies[plan->count]))
            return false;
        meters += plan->policies[plan->count].rate_count;
    }
    if (meters > BUDGET_METERS_MAX)
        return fault(c, n, "there may be 32 rates");
    plan->remaining_header = name_or(n, "ratelimit_remaining_header", "ratelimit-remaining");
    plan->reset_header = name_or(n, "ratelimit_reset_header", "ratelimit-reset");
    for (size_t i = 0; hits && hits->type == NODE_LIST && i < hits->count && plan->hit_count < BUDGET_HITS_MAX; i++)
        if (str_to_i64(hits->items[i]->text, 100, 599, &plan->hits[plan->hit_count]))
            plan->hit_count++;
    if (plan->hit_count == 0)
        plan->hits[plan->hit_count++] = 429;
    *plan_out = plan;
    return true;
}

/* ---- for one configuration */

static bool
whole(const struct text *t, const char *what, struct expr_scope *scope, int64_t *number_out, struct err *err)
{
    struct str text;
    *number_out = 1;
    if (!text_given(t))
        return true;
    if (!text_str(t, scope, &text, err))
        return false;
    return str_to_i64(str_trim(text), 1, BUDGET_LIMIT_MAX, number_out) ||
           err_set(err, E_EXPRESSION, "api_budget: the %s \"%.*s\" is no whole number above nothing", what,
                   (int)(text.len > 40 ? 40 : text.len), text.ptr);
}

static bool
make_policy(const struct budget_plan_policy *p, struct expr_scope *scope, struct budget_policy *policy, int64_t **weights_out,
            struct err *err)
{
    int64_t *weights = ARENA_ARRAY(scope->arena, int64_t, p->matcher_count + 1);
    if (!weights)
        return err_no_memory(err);
    for (size_t i = 0; i < p->matcher_count; i++)
        if (!whole(&p->matchers[i].weight, "weight", scope, &weights[i], err))
            return false;
    policy->rate_count = p->rate_count, policy->fixed = p->fixed;
    for (size_t i = 0; i < p->rate_count; i++) {
        policy->rates[i].span_us = p->spans_us[i];
        if (!whole(&p->limits[i], "limit", scope, &policy->rates[i].limit, err))
            return false;
    }
    *weights_out = weights;
    return true;
}

bool
budget_make(const struct template *t, struct arena *a, yyjson_val *config, int64_t now_us, struct budget **budget_out, struct err *err)
{
    struct scene scene = {.arena = a, .config = config, .now_us = now_us};
    struct expr_scope scope;
    size_t meters = 0;
    *budget_out = NULL;
    if (!t->budget)
        return true;
    struct budget *b = ARENA_NEW(a, struct budget);
    if (!b || !(b->policies = ARENA_ARRAY(a, struct budget_policy, t->budget->count)) ||
        !(b->weights = ARENA_ARRAY(a, int64_t *, t->budget->count)))
        return err_no_memory(err);
    b->plan = t->budget;
    scene_scope(&scene, &scope);
    for (size_t i = 0; i < b->plan->count; i++) {
        b->policies[i].first_meter = meters;
        if (!make_policy(&b->plan->policies[i], &scope, &b->policies[i], &b->weights[i], err))
            return false;
        meters += b->policies[i].rate_count;
    }
    *budget_out = b;
    return true;
}

/* ---- requests */

/* Are all members of `wanted` among the pairs? Of a name that comes twice the last one counts. */
static bool
pairs_hold(yyjson_val *wanted, const struct http_pair *pairs, size_t count)
{
    size_t index, max;
    yyjson_val *key, *value;
    JSON_EACH_MEMBER(wanted, index, max, key, value) {
        struct str found = STR_NONE;
        for (size_t i = 0; i < count; i++)
            if (str_eq(pairs[i].name, json_str(key)) && pairs[i].value.len)
                found = pairs[i].value;
        if (!found.ptr || !str_eq(found, json_str(value)))
            return false;
    }
    return true;
}

static bool
headers_hold(yyjson_val *wanted, const struct http_headers *headers)
{
    size_t index, max;
    yyjson_val *key, *value;
    JSON_EACH_MEMBER(wanted, index, max, key, value) {
        bool found = false;
        for (size_t i = 0; i < headers->count; i++)
            found = found || (str_eq_nocase(headers->items[i].name, json_str(key)) && str_eq(headers->items[i].value, json_str(value)));
        if (!found)
            return false;
    }
    return true;
}

/* Scheme, host and port. */
static struct str
base_of(struct str url, const struct http_url *parts)
{
    struct str rest;
    if (parts->path.len)
        return str_span(url.ptr, parts->path.ptr);
    str_cut(url, '?', &url, &rest);
    str_cut(url, '#', &url, &rest);
    return url;
}

static bool
matches(const struct budget_matcher *m, struct arena *scratch, const struct http_request *request)
{
    struct http_url url;
    struct http_pair *pairs = NULL;
    size_t count = 0;
    struct str method = request->method.len ? request->method : STR("GET");
    if ((m->method.len && !str_eq_nocase(m->method, method)) || !http_url_parse(request->url, &url))
        return false;
    struct str base = base_of(request->url, &url), path = url.path;
    if (m->url_base.len && !str_eq(m->url_base, base))
        return false;
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    if (m->path && !regex_finds(m->path, scratch, path))
        return false;
    if (m->params && url.query.len && !http_query_parse(scratch, url.query, &pairs, &count))
        return false;
    return pairs_hold(m->params, pairs, count) && headers_hold(m->headers, &request->headers);
}

struct budget_charge
budget_charge_of(const struct budget *b, struct arena *scratch, const struct http_request *request)
{
    for (size_t i = 0; b && i < b->plan->count; i++) {
        const struct budget_plan_policy *p = &b->plan->policies[i];
        if (p->matcher_count == 0)
            return (struct budget_charge){&b->policies[i], 1};
        for (size_t k = 0; k < p->matcher_count; k++)
            if (matches(&p->matchers[k], scratch, request))
                return (struct budget_charge){&b->policies[i], b->weights[i][k]};
    }
    return (struct budget_charge){NULL, 0};
}
