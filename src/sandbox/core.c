/*
 * The common part: options, worlds by account, and one request's way through throttle, token, faults,
 * vendor and ledger.
 */
#include "sandbox/core.h"

#include <string.h>

#include "base/check.h"
#include "base/encode.h"

#define WINDOW_US US_PER_MINUTE

static const char *const size_names[] = {
    "contacts", "conversations", "messages", "plain",
    "orders", "inventory", "events", "quota",
    "companies", "deals", "tickets", "users", "organizations", "comments",
    "crm_contacts", "customers", "products", "collections",
    "campaigns", "adsets", "ads", "forms", "report_ms",
};

static size_t
vendor_index(const struct vendor *vendor)
{
    for (size_t i = 0; i < sandbox_vendors_count(); i++)
        if (sandbox_vendors[i] == vendor)
            return i;
    UNREACHABLE("a vendor is one of the list");
}

static void
set_plain(struct sandbox_core *core)
{
    core->plain = (struct plain_settings){
        .records = core_size(core, "plain", "plain", 100000),
        .changed_percent = 100,
    };
}

bool
core_init(struct sandbox_core *core, const struct sandbox_options *options, struct err *err)
{
    *core = (struct sandbox_core){.options = *options};
    pthread_mutex_init(&core->lock, NULL);
    for (size_t i = 0; i < options->fault_count; i++)
        if (!fault_plan_add(&core->plan, options->faults[i], err))
            return false;
    set_plain(core);
    return true;
}

static void
forget(struct sandbox_core *core)
{
    for (size_t i = 0; i < core->world_count; i++)
        world_free(core->worlds[i]);
    core->world_count = 0;
    ledger_release(&core->ledger);
    fault_plan_clear(&core->plan);
}

void
core_release(struct sandbox_core *core)
{
    forget(core);
    pthread_mutex_destroy(&core->lock);
}

void
core_reset(struct sandbox_core *core)
{
    forget(core);
    memset(core->requests, 0, sizeof(core->requests));
    memset(core->expired_uses, 0, sizeof(core->expired_uses));
    memset(core->window_started_us, 0, sizeof(core->window_started_us));
    memset(core->window_requests, 0, sizeof(core->window_requests));
    set_plain(core);
}

/* The list's own text for a plain name, so that it lasts; the caller's for "vendor.name"; else STR_NONE. */
static struct str
size_name(struct str entity)
{
    struct str vendor, name;
    bool has_vendor = str_cut(entity, '.', &vendor, &name);
    if (!has_vendor)
        name = entity;
    for (size_t i = 0; i < ARRAY_LEN(size_names); i++)
        if (str_eq_c(name, size_names[i]))
            return has_vendor ? entity : str_from_c(size_names[i]);
    return STR_NONE;
}

bool
core_set_size(struct sandbox_options *options, struct str entity, int64_t count, struct err *err)
{
    struct str name = size_name(entity);
    if (str_is_none(name))
        return err_set(err, E_USAGE, "\"%.*s\" has no size; docs/sandbox.md lists those that have",
                       STR_ARG(entity));
    size_t at = 0;
    while (at < options->size_count && !str_eq(options->sizes[at].entity, name))
        at++;
    if (at == SANDBOX_SIZES_MAX)
        return err_set(err, E_USAGE, "At most %d sizes", SANDBOX_SIZES_MAX);
    if (at == options->size_count)
        options->sizes[options->size_count++].entity = name;
    options->sizes[at].count = count;
    return true;
}

int64_t
core_size(const struct sandbox_core *core, const char *vendor, const char *entity, int64_t otherwise)
{
    int64_t count = otherwise;
    for (size_t i = 0; i < core->options.size_count; i++) {
        const struct sandbox_size *size = &core->options.sizes[i];
        struct str owner, name;
        bool has_owner = str_cut(size->entity, '.', &owner, &name);
        if (!has_owner)
            name = size->entity;
        if (str_eq_c(name, entity) && (!has_owner || str_eq_c(owner, vendor)))
            count = size->count;
    }
    return count;
}

bool
core_off_spec(const struct sandbox_core *core)
{
    return core->options.off_spec;
}

int64_t
core_accounts(const struct sandbox_core *core, const struct vendor *vendor, int64_t *accounts, size_t max)
{
    int64_t count = 0;
    for (size_t i = 0; i < core->world_count && (size_t)count < max; i++)
        if (core->worlds[i]->vendor == vendor)
            accounts[count++] = core->worlds[i]->account;
    return count;
}

struct world *
core_world(struct sandbox_core *core, const struct vendor *vendor, int64_t account)
{
    for (size_t i = 0; i < core->world_count; i++)
        if (core->worlds[i]->vendor == vendor && core->worlds[i]->account == account)
            return core->worlds[i];
    if (core->world_count == WORLDS_MAX)
        return NULL;
    struct world *world = world_new(vendor, account, core->options.seed, core->options.clock);
    if (world == NULL || !vendor->populate(world, core)) {
        world_free(world);
        return NULL;
    }
    world->by = CHANGE_BY_CLIENT;
    core->worlds[core->world_count++] = world;
    return world;
}

void
core_announce(struct sandbox_core *core, struct arena *a)
{
    for (size_t i = 0; core->courier != NULL && i < core->world_count; i++) {
        struct world *world = core->worlds[i];
        const struct vendor *vendor = world->vendor;
        int64_t until = world->journal_count, oldest = until - (int64_t)world->journal_size;
        if (vendor->announce == NULL || until == world->announced)
            continue;
        for (int64_t seq = world->announced > oldest ? world->announced : oldest; seq < until; seq++) {
            struct change change = world->journal[(size_t)seq % world->journal_size];
            struct arena_mark mark = arena_mark(a);
            vendor->announce(core, world, &change, a);
            arena_rewind(a, mark);
        }
        world->announced = until;
    }
}

/* The entity a shift means: the one it names, else the last one that the path names. */
static const struct vendor_entity *
shift_entity(const struct sandbox_request *request, const struct fault *shift)
{
    if (!str_is_none(shift->entity))
        return vendor_entity(request->vendor, shift->entity);
    for (size_t i = request->segment_count; i > 0; i--) {
        const struct vendor_entity *entity = vendor_entity(request->vendor, request->segments[i - 1]);
        if (entity != NULL)
            return entity;
    }
    return NULL;
}

struct world *
request_world(struct sandbox_request *request, int64_t account)
{
    struct world *world = core_world(request->core, request->vendor, account);
    if (world == NULL || request->world == world)
        return world;
    request->world = world;
    for (size_t i = 0; request->hit != NULL && i < request->hit->shift_count; i++) {
        const struct vendor_entity *entity = shift_entity(request, &request->hit->shifts[i]);
        if (entity != NULL)
            world_shift(request->core, world, entity, &request->hit->shifts[i], request->arena);
    }
    return world;
}

void
reply_init(struct sandbox_reply *reply)
{
    *reply = (struct sandbox_reply){0};
    buf_init(&reply->body, REPLY_BYTES_MAX);
    buf_init(&reply->ids, REPLY_BYTES_MAX);
}

void
reply_release(struct sandbox_reply *reply)
{
    buf_release(&reply->body);
    buf_release(&reply->ids);
}

void
reply_header(struct sandbox_reply *reply, const char *name, struct str value)
{
    CHECK(reply->header_count < REPLY_HEADERS_MAX);
    reply->headers[reply->header_count++] = (struct reply_header){name, value};
}

void
reply_json(struct sandbox_reply *reply, int status)
{
    reply->status = status;
    reply->content_type = "application/json; charset=utf-8";
}

void
reply_text(struct sandbox_reply *reply, int status, const char *content_type, struct str body)
{
    reply->status = status;
    reply->content_type = content_type;
    buf_clear(&reply->body);
    buf_add(&reply->body, body);
}

void
reply_served_text(struct sandbox_reply *reply, const char *entity, struct str id)
{
    reply->entity = entity;
    if (reply->ids.len > 0)
        buf_add_char(&reply->ids, ',');
    buf_add(&reply->ids, id);
}

void
reply_served(struct sandbox_reply *reply, const char *entity, int64_t id)
{
    reply_served_text(reply, entity, STR_NONE);
    buf_add_i64(&reply->ids, id);
}

static bool
split_path(struct sandbox_request *request)
{
    struct str rest = str_skip(request->path, 1);
    while (!str_is_none(rest)) {
        struct str part;
        str_cut(rest, '/', &part, &rest);
        if (part.len == 0)
            continue; /* a trailing slash, as routers ignore it */
        if (request->segment_count == SEGMENTS_MAX ||
            !percent_decode(request->arena, part, false, &request->segments[request->segment_count++]))
            return false;
    }
    return true;
}

static bool
read_request(struct sandbox_core *core, struct http_exchange *x, const struct vendor *vendor, struct str path,
             struct sandbox_request *request_out)
{
    *request_out = (struct sandbox_request){
        .method = x->method,
        .path = path,
        .query = x->query,
        .headers = &x->headers,
        .body = x->body,
        .arena = x->arena,
        .core = core,
        .vendor = vendor,
    };
    struct http_pair *pairs = NULL;
    if (!http_query_parse(x->arena, x->query, &pairs, &request_out->pair_count))
        return false;
    request_out->pairs = pairs;
    return split_path(request_out);
}

static bool
throttled(struct sandbox_core *core, size_t index)
{
    int64_t now = clock_wall_us(core->options.clock);
    if (core->options.requests_per_minute == 0)
        return false;
    int64_t window = now - now % WINDOW_US;
    if (core->window_started_us[index] != window) {
        core->window_started_us[index] = window;
        core->window_requests[index] = 0;
    }
    return ++core->window_requests[index] > core->options.requests_per_minute;
}

static bool
token_refused(struct sandbox_core *core, struct sandbox_request *request, size_t index)
{
    struct str token = request->vendor->token(request);
    if (str_is_none(token) || token.len == 0 || str_eq_c(token, "invalid"))
        return true;
    return str_eq_c(token, "expired") && ++core->expired_uses[index] > core->options.expired_after;
}

static void
refuse_rate(struct sandbox_core *core, struct sandbox_request *request, struct sandbox_reply *reply)
{
    int64_t now = clock_wall_us(core->options.clock);
    request->vendor->refuse_rate(request, reply);
    int64_t seconds = (WINDOW_US - now % WINDOW_US + US_PER_S - 1) / US_PER_S;
    reply_header(reply, "Retry-After", str_format(request->arena, "%lld", (long long)seconds));
}

static void
answer(struct sandbox_core *core, struct sandbox_request *request, struct sandbox_reply *reply,
       const struct fault_hit *hit)
{
    size_t index = vendor_index(request->vendor);
    bool failing = hit->has_answer && hit->answer.kind == FAULT_STATUS;
    core->requests[index]++;
    if (!failing || hit->answer.handled) {
        if (throttled(core, index))
            refuse_rate(core, request, reply);
        else if (token_refused(core, request, index))
            request->vendor->refuse_token(request, reply);
        else
            request->vendor->handle(request, reply);
        CHECK(reply->status != 0);
    }
    if (failing)
        fault_answer(request, reply, &hit->answer, core->options.clock);
    request->vendor->finish(request, reply);
}

static void
note(struct sandbox_core *core, const struct sandbox_request *request, const struct sandbox_reply *reply,
     const struct fault_hit *hit, struct str target)
{
    struct ledger_entry entry = {
        .at_us = clock_wall_us(core->options.clock),
        .vendor = request->vendor->name,
        .entity = reply->entity,
        .status = reply->status,
        .bytes_sent = (int64_t)reply->body.len,
        .method = request->method,
        .target = target,
        .ids = buf_str(&reply->ids),
        .body = request->body,
    };
    const char *fault = hit->has_answer ? fault_kind_name(hit->answer.kind)
        : hit->shift_count > 0          ? fault_kind_name(FAULT_SHIFT)
        : hit->loop                     ? fault_kind_name(FAULT_LOOP)
        : hit->delay_ms > 0             ? fault_kind_name(FAULT_DELAY)
                                        : "";
    snprintf(entry.fault, sizeof(entry.fault), "%s", fault);
    ledger_add(&core->ledger, &entry);
}

void
vendor_serve(struct sandbox_core *core, struct http_exchange *x, const struct vendor *vendor, struct str path)
{
    struct sandbox_request request;
    struct sandbox_reply reply;
    struct fault_hit hit;
    reply_init(&reply);
    struct str target = x->query.len ? str_format(x->arena, "%.*s?%.*s", STR_ARG(path), STR_ARG(x->query)) : path;
    bool readable = read_request(core, x, vendor, path, &request);

    pthread_mutex_lock(&core->lock);
    fault_plan_strike(&core->plan, str_from_c(vendor->name), x->method, target, &hit);
    request.loop = hit.loop;
    request.hit = &hit;
    if (readable)
        answer(core, &request, &reply, &hit);
    else
        reply_text(&reply, 400, "text/plain", STR("Bad Request"));
    if (!buf_ok(&reply.body))
        reply_text(&reply, 500, "text/plain", STR("The answer does not fit in memory"));
    note(core, &request, &reply, &hit, target);
    core_announce(core, x->arena);
    pthread_mutex_unlock(&core->lock);

    reply_deliver(x, &reply, &hit);
}
