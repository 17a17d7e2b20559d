/*
 * What a person asks for, read into a job: every member checked, none ignored that would change what happens.
 */
#include "engine/job.h"

#include <string.h>

#include "base/limits.h"
#include "base/rng.h"
#include "engine/members.h"
#include "engine/push.h"
#include "engine/when.h"
#include "json/writer.h"

#define JOB_TEXT_BYTES (64 * 1024)
#define FILTER_ITEMS_MAX 500
#define CONFIGURATION "Invalid job configuration: "

static bool
refuse(struct err *err, const char *member, const char *words)
{
    char place[ERR_POINTER_BYTES];
    snprintf(place, sizeof(place), "/%s", member);
    for (char *dot = place; *dot; dot++)
        if (*dot == '.')
            *dot = '/';
    return err_invalid(err, place, CONFIGURATION "%s %s", member, words);
}

/* Where a filter stands, whose name is the caller's. */
static const char *
filter_place(struct str name, char place[static ERR_POINTER_BYTES])
{
    struct buf b;
    buf_init(&b, ERR_POINTER_BYTES - 1);
    buf_add(&b, STR("/data/filters"));
    bool fits = json_pointer_add(&b, name);
    snprintf(place, ERR_POINTER_BYTES, "%.*s", STR_ARG(fits ? buf_str(&b) : STR("/data/filters")));
    buf_release(&b);
    return place;
}

static bool
is_set(yyjson_val *value)
{
    return value != NULL && !yyjson_is_null(value);
}

/* A text member; missing gives STR_NONE. */
static bool
read_text(yyjson_val *object, const char *key, const char *member, struct str *text_out, struct err *err)
{
    yyjson_val *value = json_get_c(object, key);
    struct str text = is_set(value) ? json_str(value) : STR_NONE;
    if (is_set(value) && (str_is_none(text) || text.len > LIMIT_NAME_BYTES || str_find(text, '\0') >= 0))
        return refuse(err, member, "must be a text of at most 200 characters, without NUL");
    *text_out = text;
    return true;
}

static bool
read_number(yyjson_val *object, const char *key, const char *member, int64_t min, int64_t max, int64_t *number_out, struct err *err)
{
    yyjson_val *value = json_get_c(object, key);
    int64_t number;
    if (!is_set(value))
        return true;
    if (!json_to_i64(value, &number) || number < min || number > max) {
        char words[80];
        snprintf(words, sizeof(words), "must be a whole number from %d to %d", (int)min, (int)max);
        return refuse(err, member, words);
    }
    *number_out = number;
    return true;
}

static struct str
finish_text(struct buf *b, struct arena *a)
{
    struct str text = buf_ok(b) ? str_copy(a, buf_str(b)) : STR_NONE;
    buf_release(b);
    return text;
}

/* ---- name, type, priority ---- */

static bool
read_name(struct str name, struct err *err)
{
    if (name.len == 0)
        return refuse(err, "name", "is required");
    if (name.len > LIMIT_NAME_BYTES)
        return refuse(err, "name", "must have at most 200 characters");
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
            return refuse(err, "name", "must not hold control characters");
    if (uuid_is_valid(name)) /* paths take ids too */
        return refuse(err, "name", "must not look like an id");
    return true;
}

static bool
read_type(const struct job_request *r, struct job *job, struct err *err)
{
    static const char *const types[] = {"full", "incremental", "entity", "scheduled"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq_c(r->type, types[i]))
            job->type = str_from_c(types[i]);
    if (job->type.len == 0)
        return refuse(err, "type", "must be full, incremental, entity or scheduled");
    job->full = str_eq_c(job->type, "full");
    job->priority = PRIORITY_NORMAL;
    if (!str_is_none(r->priority) && !priority_from_name(r->priority, &job->priority))
        return refuse(err, "priority", "must be high, normal or low");
    return true;
}

/* ---- data ---- */

static bool
check_filter_value(yyjson_val *value)
{
    size_t i, count;
    yyjson_val *item;
    if (yyjson_is_str(value) || yyjson_is_bool(value) || json_is_number(value))
        return true;
    if (!yyjson_is_arr(value) || yyjson_arr_size(value) == 0 || yyjson_arr_size(value) > FILTER_ITEMS_MAX)
        return false;
    yyjson_arr_foreach(value, i, count, item) {
        if (!yyjson_is_str(item) && !json_is_number(item))
            return false;
    }
    return true;
}

static bool
read_filters(struct job_plan *plan, yyjson_val *data, struct err *err)
{
    yyjson_val *filters = json_get_c(data, "filters"), *key, *value;
    char place[ERR_POINTER_BYTES];
    size_t i, count;
    int64_t since_us;
    if (!is_set(filters))
        return true;
    if (!yyjson_is_obj(filters))
        return refuse(err, "data.filters", "must be an object");
    yyjson_obj_foreach(filters, i, count, key, value) {
        if (str_eq_c(json_str(key), "updatedSince") && !time_parse(json_str(value), &since_us))
            return refuse(err, "data.filters.updatedSince", "must be a time such as 2026-01-31T10:00:00Z");
        if (!check_filter_value(value))
            return err_invalid(err, filter_place(json_str(key), place),
                               CONFIGURATION "data.filters.%.*s must be a text, a number, true, false or a list of texts",
                               STR_ARG(str_slice(json_str(key), 0, 60)));
    }
    plan->filters = yyjson_obj_size(filters) > 0 ? filters : NULL;
    return true;
}

static bool
is_local(struct str place)
{
    return str_eq_c(place, "local");
}

/* Vendor to local reads, local to vendor sends, vendor to vendor does both, one after the other. */
static bool
read_direction(struct job_plan *plan, struct str source, struct str target, struct err *err)
{
    if (source.len == 0)
        return refuse(err, "data.source", "is required: a platform's name, a connection's id, or local");
    if (!str_is_none(target) && target.len == 0)
        return refuse(err, "data.target", "must be a platform's name, a connection's id, or local");
    bool to_local = str_is_none(target) || is_local(target);
    if (is_local(source) && to_local)
        return refuse(err, "data.target", "must not be local when the source is local");
    plan->source = is_local(source) ? target : source;
    plan->target = is_local(source) || to_local ? STR_NONE : target;
    plan->job.direction = is_local(source) ? STR("push") : STR_NONE;
    return true;
}

static bool
read_data(struct job_plan *plan, struct arena *a, yyjson_val *data, struct err *err)
{
    struct str source, target;
    struct job *job = &plan->job;
    static const char *const names[] = {"source", "target", "entity", "filters", NULL};
    if (!yyjson_is_obj(data))
        return refuse(err, "data", "is required: an object with source and target");
    if (!members_check(data, "/data", names, err))
        return err_prefix(err, CONFIGURATION);
    if (!read_text(data, "source", "data.source", &source, err) || !read_text(data, "target", "data.target", &target, err) ||
        !read_text(data, "entity", "data.entity", &job->entity, err) || !read_direction(plan, source, target, err) ||
        !read_filters(plan, data, err))
        return false;
    if (str_eq_c(job->type, "entity") && job->entity.len == 0)
        return refuse(err, "data.entity", "is required for type entity");
    if (job->entity.len == 0)
        job->entity = STR_NONE;
    struct buf b;
    buf_init(&b, JOB_TEXT_BYTES);
    if (!json_write(&b, data)) {
        buf_release(&b);
        return refuse(err, "data", "is larger than allowed");
    }
    job->data = finish_text(&b, a);
    return !str_is_none(job->data) || err_no_memory(err);
}

/* ---- options ---- */

static bool
read_options(struct job_plan *plan, struct arena *a, yyjson_val *options, struct err *err)
{
    struct job *job = &plan->job;
    int64_t concurrency = 0, retries = JOB_RETRIES_DEFAULT;
    yyjson_val *retry = json_get_c(options, "retryOnFail");
    static const char *const names[] = {"concurrency", "retryOnFail", "maxRetries", NULL};
    if (is_set(options) && !yyjson_is_obj(options))
        return refuse(err, "options", "must be an object");
    if (!members_check(options, "/options", names, err))
        return err_prefix(err, CONFIGURATION);
    if (is_set(retry) && !yyjson_is_bool(retry))
        return refuse(err, "options.retryOnFail", "must be true or false");
    if (!read_number(options, "concurrency", "options.concurrency", 1, JOB_CONCURRENCY_MAX, &concurrency, err) ||
        !read_number(options, "maxRetries", "options.maxRetries", 0, JOB_RETRIES_MAX, &retries, err))
        return false;
    job->retries_max = json_bool_or(retry, false) ? retries : 0;
    struct buf b;
    struct json_writer w;
    if (is_set(options)) {
        buf_init(&b, JOB_TEXT_BYTES);
        json_writer_init(&w, &b);
        json_begin_object(&w, NULL);
        if (concurrency > 0)
            json_add_i64(&w, "concurrency", concurrency);
        json_add_bool(&w, "retryOnFail", json_bool_or(retry, false));
        json_add_i64(&w, "maxRetries", job->retries_max);
        json_end_object(&w);
        job->options = finish_text(&b, a);
    }
    if (plan->filters == NULL && concurrency == 0)
        return true;
    buf_init(&b, JOB_TEXT_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    if (plan->filters != NULL)
        json_add_val(&w, "filters", plan->filters);
    if (concurrency > 0)
        json_add_i64(&w, "concurrency", concurrency);
    json_end_object(&w);
    job->run_options = finish_text(&b, a);
    return !str_is_none(job->run_options) || err_no_memory(err);
}

/* ---- schedule ---- */

/* The schedule as it is kept. */
static struct str
schedule_text(struct arena *a, const struct when *when)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, JOB_TEXT_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    when_write(&w, when);
    json_end_object(&w);
    return finish_text(&b, a);
}

static bool
read_when(yyjson_val *json, int64_t now_us, struct job *job, struct when *when_out, struct err *err)
{
    static const char *const names[] = {"startAt", "repeat", "time", "timezone", NULL};
    bool ok = members_check(json, "/schedule", names, err) && when_read(json, now_us, when_out, err) &&
              (when_out->repeat.len == 0 || when_first(when_out, now_us, &job->next_us, err));
    return ok || err_prefix(err, CONFIGURATION);
}

static bool
plan_schedule(struct job_plan *plan, struct arena *a, yyjson_val *json, int64_t now_us, struct err *err)
{
    struct job *job = &plan->job;
    struct when when;
    job->waiting = true;
    job->start_after_us = now_us;
    if (!is_set(json) && str_eq_c(job->type, "scheduled"))
        return refuse(err, "schedule", "is required for type scheduled");
    if (!is_set(json))
        return true;
    if (!read_when(json, now_us, job, &when, err))
        return false;
    job->waiting = when.repeat.len == 0;
    if (job->waiting && when.start_us > now_us)
        job->start_after_us = when.start_us;
    job->schedule = schedule_text(a, &when);
    return !str_is_none(job->schedule) || err_no_memory(err);
}

bool
job_request_read(struct arena *a, const struct job_request *request, int64_t now_us, struct job_plan *plan_out, struct err *err)
{
    struct job_plan plan = {.job = {.name = request->name, .entity = STR_NONE, .data = STR_NONE, .options = STR_NONE,
                                    .schedule = STR_NONE, .run_options = STR_NONE, .direction = STR_NONE,
                                    .created_by = request->created_by},
                            .target = STR_NONE};
    if (!read_name(request->name, err) || !read_type(request, &plan.job, err) || !read_data(&plan, a, request->data, err) ||
        !read_options(&plan, a, request->options, err) || !plan_schedule(&plan, a, request->schedule, now_us, err))
        return false;
    plan.job.rank = plan.job.start_after_us + (int64_t)plan.job.priority * RUN_AGEING_US; /* its place in line is that of its time */
    *plan_out = plan;
    return true;
}

/* ---- what the template says to it ---- */

/* A push has only the time; what a template declares narrows reading. */
static bool
is_declared(const struct template *t, struct str filter, bool push)
{
    yyjson_val *declared = push ? NULL : json_get_c(template_info(t)->tidemark, "filters");
    return str_eq_c(filter, "updatedSince") || json_get(declared, filter) != NULL;
}

bool
job_request_check_target(const struct template *t, const struct job_plan *plan, struct err *err)
{
    const struct template_info *info = template_info(t);
    if (push_can_write(t, plan->job.entity))
        return true;
    return err_invalid(err, "/data/target", CONFIGURATION "data.target: %.*s cannot be written to%s%.*s",
                       STR_ARG(info->name), str_is_none(plan->job.entity) ? "" : ": its template has no `writes` for ",
                       STR_ARG(plan->job.entity));
}

bool
job_request_check(const struct template *t, const struct job_plan *plan, struct err *err)
{
    const struct template_info *info = template_info(t);
    char place[ERR_POINTER_BYTES];
    size_t i, count;
    yyjson_val *key, *value;
    if (!str_is_none(plan->job.entity) && !template_reads(t, plan->job.entity))
        return err_invalid(err, "/data/entity", CONFIGURATION "data.entity: %.*s has no \"%.*s\"",
                           STR_ARG(info->name), STR_ARG(plan->job.entity));
    bool push = str_eq_c(plan->job.direction, "push");
    if (push && !job_request_check_target(t, plan, err))
        return false;
    if (plan->filters == NULL)
        return true;
    yyjson_obj_foreach(plan->filters, i, count, key, value) {
        (void)value;
        if (!is_declared(t, json_str(key), push))
            return err_invalid(err, filter_place(json_str(key), place), CONFIGURATION "data.filters: %.*s has no filter \"%.*s\"",
                               STR_ARG(info->name), STR_ARG(str_slice(json_str(key), 0, 60)));
    }
    return true;
}
