/*
 * The routes under /_sandbox/: what a test asks the sandbox about itself, and orders it to do. Long lists are
 * in control_list.c.
 */
#include "base/check.h"
#include "base/limits.h"
#include "sandbox/control_priv.h"
#include "sandbox/courier.h"

#define PREFIX "/_sandbox/"

struct call {
    struct sandbox_core *core;
    struct http_exchange *x;
    struct str rest[3]; /* of the path, after the route's name */
    const struct http_pair *pairs;
    size_t pair_count;
};

bool
control_owns(struct str path)
{
    return str_starts(path, STR(PREFIX));
}

static void
reply_err(struct http_exchange *x, const struct err *err)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "error", str_from_c(err->message));
    json_end_object(&w);
    http_reply(x, err_http(err->code), "application/json", buf_str(&b));
    buf_release(&b);
}

static void
reply_written(struct http_exchange *x, struct buf *b)
{
    if (buf_ok(b))
        http_reply(x, 200, "application/json", buf_str(b));
    else
        http_reply(x, 500, "text/plain", STR("The answer does not fit in memory"));
}

static struct str
param(const struct call *call, const char *name)
{
    for (size_t i = call->pair_count; i > 0; i--)
        if (str_eq_c(call->pairs[i - 1].name, name))
            return call->pairs[i - 1].value;
    return STR_NONE;
}

/* ---- the routes ---- */

static const struct vendor *
vendor_named(struct str name)
{
    for (size_t i = 0; i < sandbox_vendors_count(); i++)
        if (str_eq_c(name, sandbox_vendors[i]->name))
            return sandbox_vendors[i];
    return NULL;
}

static int64_t
number_param(const struct call *call, const char *name, int64_t otherwise)
{
    int64_t value;
    return str_to_i64(param(call, name), 0, INT64_MAX, &value) ? value : otherwise;
}

static void
get_ledger(struct call *call)
{
    struct lister l = {.core = call->core, .what = LIST_LEDGER, .position = number_param(call, "since", 0) + 1};
    control_list(call->x, &l);
}

static void
get_of_vendor(struct call *call, enum listing what)
{
    struct lister l = {.core = call->core, .what = what, .vendor = vendor_named(call->rest[0])};
    if (l.vendor != NULL && what == LIST_TRUTH)
        l.entity = vendor_entity(l.vendor, call->rest[1]);
    if (l.vendor == NULL || (what == LIST_TRUTH && l.entity == NULL)) {
        http_reply(call->x, 404, "application/json", STR("{\"error\":\"No such vendor or entity\"}"));
        return;
    }
    l.account = number_param(call, "account", l.vendor->account);
    l.position = number_param(call, "since", -1) + 1;
    l.all = str_eq_c(param(call, "all"), "true");
    l.deleted = str_eq_c(param(call, "deleted"), "true");
    control_list(call->x, &l);
}

static void
get_truth(struct call *call)
{
    get_of_vendor(call, LIST_TRUTH);
}

static void
get_journal(struct call *call)
{
    get_of_vendor(call, LIST_JOURNAL);
}

static void
write_faults(struct sandbox_core *core, struct buf *b)
{
    struct json_writer w;
    json_writer_init(&w, b);
    json_begin_object(&w, NULL);
    fault_plan_write(&core->plan, &w, "faults");
    json_end_object(&w);
}

static void
reply_faults(struct call *call)
{
    struct buf b;
    buf_init(&b, LIMIT_BODY_BYTES);
    pthread_mutex_lock(&call->core->lock);
    write_faults(call->core, &b);
    pthread_mutex_unlock(&call->core->lock);
    reply_written(call->x, &b);
    buf_release(&b);
}

static bool
add_faults(struct sandbox_core *core, yyjson_val *body, struct err *err)
{
    yyjson_val *list = json_get_c(body, "faults"), *item;
    struct str one = json_str(json_get_c(body, "fault"));
    size_t at, max;
    if (!str_is_none(one))
        return fault_plan_add(&core->plan, one, err);
    if (!yyjson_is_arr(list))
        return err_set(err, E_VALIDATION_FAILED, "Send {\"fault\":\"429:count=2\"} or {\"faults\":[...]}");
    yyjson_arr_foreach(list, at, max, item) {
        if (!fault_plan_add(&core->plan, json_str_or(item, STR("")), err))
            return false;
    }
    return true;
}

/* The body as JSON; an answer has been sent when it is NULL. No body is an empty object. */
static yyjson_val *
read_body(struct call *call)
{
    struct err err = {0};
    struct str body = call->x->body.len ? call->x->body : STR("{}");
    yyjson_val *value = json_parse(call->x->arena, body, JSON_UNIQUE_KEYS, LIMIT_JSON_DEPTH_API, &err);
    if (value == NULL)
        reply_err(call->x, &err);
    return value;
}

static void
post_faults(struct call *call)
{
    struct err err = {0};
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    pthread_mutex_lock(&call->core->lock);
    bool ok = add_faults(call->core, body, &err);
    pthread_mutex_unlock(&call->core->lock);
    if (ok)
        reply_faults(call);
    else
        reply_err(call->x, &err);
}

static void
delete_faults(struct call *call)
{
    pthread_mutex_lock(&call->core->lock);
    fault_plan_clear(&call->core->plan);
    pthread_mutex_unlock(&call->core->lock);
    http_reply(call->x, 204, NULL, STR_NONE);
}

static void
post_mutate(struct call *call)
{
    struct err err = {0};
    struct buf b;
    struct json_writer w;
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    buf_init(&b, REPLY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    pthread_mutex_lock(&call->core->lock);
    bool ok = world_mutate(call->core, body, &w, call->x->arena, &err);
    core_announce(call->core, call->x->arena);
    pthread_mutex_unlock(&call->core->lock);
    json_end_object(&w);
    if (ok)
        reply_written(call->x, &b);
    else
        reply_err(call->x, &err);
    buf_release(&b);
}

/* sizes is an object. */
static bool
set_sizes(struct sandbox_options *options, yyjson_val *sizes, struct err *err)
{
    yyjson_val *key, *value;
    size_t at, max;
    yyjson_obj_foreach(sizes, at, max, key, value) {
        int64_t number;
        if (!json_to_i64(value, &number) || number < 0 || number > SIZE_MAX_OBJECTS)
            return err_set(err, E_VALIDATION_FAILED, "A size is a whole number from 0 to %d", SIZE_MAX_OBJECTS);
        if (str_find(json_str(key), '.') >= 0) /* its text would not outlive this request */
            return err_set(err, E_VALIDATION_FAILED, "A reset sets sizes for all vendors: leave the vendor's name out");
        if (!core_set_size(options, json_str(key), number, err))
            return false;
    }
    return true;
}

static bool
reset(struct sandbox_core *core, yyjson_val *body, struct err *err)
{
    struct sandbox_options options = core->options;
    yyjson_val *seed = json_get_c(body, "seed"), *sizes = json_get_c(body, "sizes");
    int64_t number = 0;
    if (seed != NULL && (!json_to_i64(seed, &number) || number < 0))
        return err_set(err, E_VALIDATION_FAILED, "\"seed\" must be a whole number, 0 or more");
    if (sizes != NULL && !yyjson_is_obj(sizes))
        return err_set(err, E_VALIDATION_FAILED, "\"sizes\" is an object such as {\"contacts\":100}");
    if (sizes != NULL && !set_sizes(&options, sizes, err))
        return false;
    if (seed != NULL)
        options.seed = (uint64_t)number;
    core->options = options;
    core_reset(core);
    return true;
}

static void
post_reset(struct call *call)
{
    struct err err = {0};
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    pthread_mutex_lock(&call->core->lock);
    bool ok = reset(call->core, body, &err);
    pthread_mutex_unlock(&call->core->lock);
    if (ok)
        http_reply(call->x, 204, NULL, STR_NONE);
    else
        reply_err(call->x, &err);
}

static void
write_world(struct world *world, struct json_writer *w)
{
    const struct vendor *vendor = world->vendor;
    json_begin_object(w, NULL);
    json_add_c(w, "vendor", vendor->name);
    json_add_i64(w, "account", world->account);
    json_add_i64(w, "changes", world->changes);
    json_begin_object(w, "entities");
    for (size_t i = 0; i < world->collection_count; i++) {
        const struct collection *c = &world->collections[i];
        json_begin_object(w, c->name);
        json_add_i64(w, "live", (int64_t)c->live);
        json_add_i64(w, "deleted", (int64_t)(c->count - c->live));
        json_end_object(w);
    }
    json_end_object(w);
    json_end_object(w);
}

static void
write_stats(struct sandbox_core *core, struct json_writer *w)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "seed", (int64_t)core->options.seed);
    json_begin_object(w, "requests");
    for (size_t i = 0; i < sandbox_vendors_count(); i++)
        json_add_i64(w, sandbox_vendors[i]->name, core->requests[i]);
    json_end_object(w);
    json_begin_object(w, "ledger");
    json_add_i64(w, "entries", (int64_t)core->ledger.count);
    json_add_i64(w, "lastSeq", core->ledger.next_seq);
    json_add_i64(w, "forgotten", core->ledger.forgotten);
    json_end_object(w);
    fault_plan_write(&core->plan, w, "faults");
    json_begin_array(w, "worlds");
    for (size_t i = 0; i < core->world_count; i++)
        write_world(core->worlds[i], w);
    json_end_array(w);
    json_end_object(w);
}

static void
get_stats(struct call *call)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_writer_init(&w, &b);
    pthread_mutex_lock(&call->core->lock);
    write_stats(call->core, &w);
    pthread_mutex_unlock(&call->core->lock);
    reply_written(call->x, &b);
    buf_release(&b);
}

/* {"records":N,"version":V,"changed":PERCENT}: what the plain list shows from now on. */
static void
post_plain(struct call *call)
{
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    pthread_mutex_lock(&call->core->lock);
    struct plain_settings *plain = &call->core->plain;
    const struct {
        const char *name;
        int64_t *value;
    } members[] = {
        {"records", &plain->records}, {"version", &plain->version}, {"changed", &plain->changed_percent}};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        int64_t number;
        if (json_to_i64(json_get_c(body, members[i].name), &number) && number >= 0)
            *members[i].value = number;
    }
    pthread_mutex_unlock(&call->core->lock);
    http_reply(call->x, 204, NULL, STR_NONE);
}

static void
get_webhooks(struct call *call)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    courier_write(call->core->courier, &w);
    json_end_object(&w);
    reply_written(call->x, &b);
    buf_release(&b);
}

/* {"lost":PERCENT,"repeated":..,"late":..,"lateMs":..,"reordered":..,"retries":N}: how webhooks travel from now on. */
static void
post_webhooks(struct call *call)
{
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    struct courier_plan plan = courier_plan(call->core->courier);
    const struct {
        const char *name;
        int64_t *value, max;
    } members[] = {{"lost", &plan.lost, 100},           {"repeated", &plan.repeated, 100},
                   {"late", &plan.late, 100},           {"lateMs", &plan.late_ms, 3600000},
                   {"reordered", &plan.reordered, 100}, {"retries", &plan.retries, COURIER_RETRIES_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        int64_t number;
        if (json_to_i64(json_get_c(body, members[i].name), &number) && number >= 0 && number <= members[i].max)
            *members[i].value = number;
    }
    courier_set_plan(call->core->courier, &plan);
    get_webhooks(call);
}

static const struct route {
    const char *method, *name;
    void (*serve)(struct call *call);
} routes[] = {
    {"GET", "ledger", get_ledger},     {"GET", "truth", get_truth},          {"GET", "journal", get_journal},
    {"GET", "stats", get_stats},       {"GET", "faults", reply_faults},      {"POST", "faults", post_faults},
    {"DELETE", "faults", delete_faults}, {"POST", "mutate", post_mutate},    {"POST", "reset", post_reset},
    {"POST", "plain", post_plain},     {"GET", "webhooks", get_webhooks},    {"POST", "webhooks", post_webhooks},
};

void
control_serve(struct sandbox_core *core, struct http_exchange *x)
{
    struct call call = {.core = core, .x = x};
    struct http_pair *pairs = NULL;
    struct str name, rest = str_skip(x->path, sizeof(PREFIX) - 1);
    str_cut(rest, '/', &name, &rest);
    for (size_t i = 0; i < ARRAY_LEN(call.rest); i++)
        str_cut(rest, '/', &call.rest[i], &rest);
    if (!http_query_parse(x->arena, x->query, &pairs, &call.pair_count)) {
        http_reply(x, 400, "application/json", STR("{\"error\":\"The query has a broken escape\"}"));
        return;
    }
    call.pairs = pairs;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!str_eq_c(name, routes[i].name) || !str_eq_c(x->method, routes[i].method))
            continue;
        routes[i].serve(&call);
        return;
    }
    http_reply(x, 404, "application/json", STR("{\"error\":\"No such control route; see docs/sandbox.md\"}"));
}
