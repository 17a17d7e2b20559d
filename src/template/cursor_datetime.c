/*
 * DatetimeBasedCursor and IncrementingCountCursor: which spans of time are read, and what is remembered (rules 28, 32 to 36).
 *
 * A read goes from the state (less the look-back and our overlap, but never before the configured start)
 * to the end, in steps where the template gives them. A slice ends one granularity before the next one
 * begins, but for the last. What is remembered is a record's cursor value, never our clock (I-6).
 */
#include "template/plan_priv.h"

#include "base/clock.h"
#include "base/limits.h"

static bool
bound_compile(struct compiler *c, const struct node *cursor, const char *field, struct text *at, struct text *least,
              struct text *most, struct str *format)
{
    const struct node *n = node_get_c(cursor, field);
    if (!n || n->type == NODE_NULL)
        return true;
    if (n->type != NODE_MAP)
        return text_compile(c, cursor, n, at);
    if (!node_type_is(n, "MinMaxDatetime"))
        return refuse_component(c, n);
    *format = node_text_at(n, "datetime_format");
    return text_field(c, n, "datetime", at) && text_field(c, n, "min_datetime", least) && text_field(c, n, "max_datetime", most);
}

static bool
formats_compile(struct compiler *c, const struct node *n, struct cursor_plan *plan)
{
    const struct node *list = node_get_c(n, "cursor_datetime_formats");
    plan->format = node_text_at(n, "datetime_format");
    if (!plan->format.len)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: DatetimeBasedCursor needs datetime_format", n->line);
    if (!list || list->type != NODE_LIST)
        return true;
    plan->formats = ARENA_ARRAY(c->arena, struct str, list->count + 1);
    if (!plan->formats)
        return compile_full(c);
    for (size_t i = 0; i < list->count; i++)
        plan->formats[plan->format_count++] = list->items[i]->text;
    return true;
}

/* Numbers that only grow, such as ids: one slice from the greatest one known, without an end. */
static bool
count_compile(struct compiler *c, const struct node *n, struct cursor_plan *plan)
{
    plan->count = true;
    return text_field(c, n, "cursor_field", &plan->field) && text_field(c, n, "start_value", &plan->start) &&
           request_option_compile(c, node_get_c(n, "start_value_option"), &plan->start_option);
}

bool
cursor_compile(struct compiler *c, const struct node *n, struct cursor_plan *plan_out)
{
    struct cursor_plan *plan = plan_out;
    *plan = (struct cursor_plan){0};
    if (node_type_is(n, "IncrementingCountCursor"))
        return count_compile(c, n, plan);
    if (!node_type_is(n, "DatetimeBasedCursor"))
        return refuse_component(c, n);
    const struct node *clamping = node_get_c(n, "clamping");
    if (node_is_true_at(n, "step") != node_is_true_at(n, "cursor_granularity"))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: step and cursor_granularity must be given together", n->line);
    plan->data_feed = node_is_true_at(n, "is_data_feed");
    plan->client_side = node_is_true_at(n, "is_client_side_incremental");
    plan->global = node_is_true_at(n, "global_substream_cursor");
    plan->has_end = node_is_true_at(n, "end_datetime");
    return bound_compile(c, n, "start_datetime", &plan->start, &plan->start_min, &plan->start_max, &plan->start_format) &&
           bound_compile(c, n, "end_datetime", &plan->end, &plan->end_min, &plan->end_max, &plan->end_format) &&
           formats_compile(c, n, plan) && text_field(c, n, "cursor_field", &plan->field) &&
           text_field(c, n, "lookback_window", &plan->lookback) && text_field(c, n, "step", &plan->step) &&
           text_field(c, n, "cursor_granularity", &plan->granularity) &&
           text_field(c, n, "partition_field_start", &plan->partition_start) &&
           text_field(c, n, "partition_field_end", &plan->partition_end) &&
           text_field(c, clamping, "target", &plan->clamp) &&
           text_field(c, node_get_c(clamping, "target_details"), "weekday", &plan->weekday) &&
           request_option_compile(c, node_get_c(n, "start_time_option"), &plan->start_option) &&
           request_option_compile(c, node_get_c(n, "end_time_option"), &plan->end_option);
}

static bool
one_bound(const struct text *t, struct expr_scope *scope, struct str format, int64_t *us_out, bool *given_out, struct err *err)
{
    struct str text;
    *given_out = false;
    if (!text_given(t))
        return true;
    if (!text_str(t, scope, &text, err))
        return false;
    *given_out = text.len > 0;
    if (text.len && !datetime_parse(text, format, us_out))
        return err_set(err, E_VALIDATION_FAILED, "\"%.*s\" is not a time of the form %.*s",
                       (int)(text.len > 60 ? 60 : text.len), text.ptr, STR_ARG(format));
    return true;
}

static bool
bound(const struct text *at, const struct text *least, const struct text *most, struct str format, struct expr_scope *scope,
      int64_t *us_out, struct err *err)
{
    int64_t us, limit = 0;
    bool given;
    if (!one_bound(at, scope, format, &us, &given, err))
        return false;
    if (!given)
        return err_set(err, E_VALIDATION_FAILED, "The configuration gives no start for the incremental read");
    if (!one_bound(least, scope, format, &limit, &given, err))
        return false;
    us = given && limit > us ? limit : us;
    if (!one_bound(most, scope, format, &limit, &given, err))
        return false;
    *us_out = given && limit < us ? limit : us;
    return true;
}

static bool
duration_of(const struct text *t, struct expr_scope *scope, bool *given_out, struct duration *duration_out, struct err *err)
{
    struct str text;
    *given_out = false;
    if (!text_given(t))
        return true;
    if (!text_str(t, scope, &text, err))
        return false;
    if (text.len == 0)
        return true;
    *given_out = true;
    return iso_duration_parse(text, duration_out) ||
           err_set(err, E_EXPRESSION, "\"%.*s\" is not an ISO 8601 duration", (int)(text.len > 60 ? 60 : text.len), text.ptr);
}

static bool
name_of(const struct text *t, const char *otherwise, struct expr_scope *scope, struct arena *keep, struct str *name_out, struct err *err)
{
    struct str name;
    if (!text_str(t, scope, &name, err))
        return false;
    *name_out = str_copy(keep, name.len ? name : str_from_c(otherwise));
    return name_out->ptr || err_no_memory(err);
}

static bool
count_init(struct cursor *c, const struct cursor_plan *plan, struct expr_scope *scope, struct arena *keep, struct err *err)
{
    struct str start;
    c->end_us = INT64_MAX, c->overlap_us = 0;
    c->partition_start = STR("start"), c->partition_end = STR("end");
    if (!name_of(&plan->field, "", scope, keep, &c->field, err) || !text_str(&plan->start, scope, &start, err))
        return false;
    return !start.len || str_to_i64(str_trim(start), INT64_MIN + 1, INT64_MAX, &c->start_us) ||
           err_set(err, E_VALIDATION_FAILED, "\"%.*s\" is no number to start from", (int)(start.len > 60 ? 60 : start.len), start.ptr);
}

bool
cursor_init(struct cursor *c, const struct cursor_plan *plan, struct expr_scope *scope, struct arena *keep,
            int64_t overlap_us, int64_t updated_since_us, struct err *err)
{
    *c = (struct cursor){.plan = plan, .overlap_us = overlap_us, .end_us = scope->now_us};
    if (plan->count)
        return count_init(c, plan, scope, keep, err);
    struct str start_format = plan->start_format.len ? plan->start_format : plan->format;
    struct str end_format = plan->end_format.len ? plan->end_format : plan->format;
    if (!name_of(&plan->field, "", scope, keep, &c->field, err) ||
        !name_of(&plan->partition_start, "start_time", scope, keep, &c->partition_start, err) ||
        !name_of(&plan->partition_end, "end_time", scope, keep, &c->partition_end, err) ||
        !bound(&plan->start, &plan->start_min, &plan->start_max, start_format, scope, &c->start_us, err) ||
        (plan->has_end && !bound(&plan->end, &plan->end_min, &plan->end_max, end_format, scope, &c->end_us, err)) ||
        !duration_of(&plan->lookback, scope, &c->has_lookback, &c->lookback, err) ||
        !duration_of(&plan->step, scope, &c->has_step, &c->step, err) ||
        !duration_of(&plan->granularity, scope, &c->has_granularity, &c->granularity, err))
        return false;
    if (c->has_step && datetime_add(0, c->step, 1) <= 0)
        return err_set(err, E_EXPRESSION, "The cursor's step must be longer than nothing");
    if (!clamp_init(c, scope, err))
        return false;
    if (updated_since_us != INT64_MIN && updated_since_us > c->start_us)
        c->start_us = updated_since_us;
    return true;
}

bool
cursor_parse_text(const struct cursor *c, struct str text, int64_t *us_out)
{
    if (!text.ptr)
        return false;
    if (c->plan->count)
        return str_to_i64(str_trim(text), INT64_MIN + 1, INT64_MAX, us_out);
    for (size_t i = 0; i < c->plan->format_count; i++)
        if (datetime_parse(text, c->plan->formats[i], us_out))
            return true;
    return datetime_parse(text, c->plan->format, us_out);
}

bool
cursor_parse(const struct cursor *c, struct arena *a, yyjson_val *value, int64_t *us_out)
{
    return cursor_parse_text(c, yyjson_is_str(value) ? json_str(value) : json_number_text(a, value), us_out);
}

struct str
cursor_format(const struct cursor *c, struct arena *a, int64_t us)
{
    return c->plan->count ? str_format(a, "%lld", (long long)us) : datetime_format(a, us, c->plan->format);
}

/* "updated_at", or "meta.updated_at" where no member has the dotted name. */
bool
cursor_record_us(const struct cursor *c, struct arena *a, yyjson_val *record, int64_t *us_out)
{
    yyjson_val *value = json_get(record, c->field);
    return value && cursor_parse(c, a, value, us_out);
}

int64_t
cursor_first_lower(const struct cursor *c, int64_t state_us)
{
    if (state_us == INT64_MIN || state_us < c->start_us)
        state_us = c->start_us;
    int64_t lower = c->has_lookback ? datetime_add(state_us, c->lookback, -1) : state_us;
    lower -= c->overlap_us;
    return lower > c->start_us ? lower : c->start_us;
}

/* Where slices are clamped only one that is the first and the last ends beyond the end. */
static bool
clamped_slice(const struct cursor *c, int64_t lower_us, bool first, struct cursor_slice *slice_out)
{
    int64_t upper = c->has_step ? datetime_add(lower_us, c->step, 1) : c->end_us;
    bool reached = upper >= c->end_us || upper <= lower_us, single = first && reached;
    upper = reached ? c->end_us : upper;
    int64_t start = clamp_ceiling(c, lower_us), end = single || !reached ? clamp_ceiling(c, upper) : upper;
    if (lower_us >= c->end_us || (!single && start >= end))
        return false;
    *slice_out = (struct cursor_slice){.lower_us = lower_us, .start_us = start, .end_us = end, .next_us = end, .last = reached};
    if (!reached && c->has_granularity)
        slice_out->end_us = datetime_add(end, c->granularity, -1);
    return true;
}

bool
cursor_slice_at(const struct cursor *c, int64_t lower_us, bool first, struct cursor_slice *slice_out)
{
    struct cursor_slice next;
    if (c->clamp != CLAMP_NONE) {
        if (!clamped_slice(c, lower_us, first, slice_out))
            return false;
        slice_out->last = slice_out->last || !clamped_slice(c, slice_out->next_us, false, &next);
        return true;
    }
    if (lower_us >= c->end_us)
        return false;
    int64_t upper = c->has_step ? datetime_add(lower_us, c->step, 1) : c->end_us;
    if (upper <= lower_us || upper >= c->end_us)
        upper = c->end_us;
    bool last = upper >= c->end_us;
    *slice_out = (struct cursor_slice){.lower_us = lower_us, .start_us = lower_us, .end_us = upper, .next_us = upper, .last = last};
    if (!last && c->has_granularity)
        slice_out->end_us = datetime_add(upper, c->granularity, -1);
    return true;
}

static bool
apply_bound(struct draft *d, const struct request_option *o, struct str name, struct expr_scope *scope, yyjson_val *slice, struct err *err)
{
    yyjson_val *value = json_get(slice, name);
    return !o || !value || draft_option(d, o, scope, value_from_json(value), err);
}

bool
cursor_apply(const struct cursor *c, struct draft *d, struct expr_scope *scope, yyjson_val *slice, struct err *err)
{
    return apply_bound(d, c->plan->start_option, c->partition_start, scope, slice, err) &&
           apply_bound(d, c->plan->end_option, c->partition_end, scope, slice, err);
}
