/*
 * Starting and stopping the sandbox, and who answers which path: control routes, the plain list, a vendor.
 */
#include "sandbox/sandbox.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/courier.h"

#define STARTUP_ARENA_BYTES (1024 * 1024)
#define DRAIN_MS 5000
#define EXPIRED_AFTER_DEFAULT 8

#define SANDBOX_MAGIC 0x53414e44u
struct sandbox {
    unsigned magic;
    struct sandbox_core core;
    struct arena arena; /* texts that live as long as the sandbox */
    struct http_server *server;
    struct str url;
    struct sandbox_vendor vendors[VENDORS_MAX];
};

void
sandbox_options_init(struct sandbox_options *options)
{
    *options = (struct sandbox_options){
        .seed = SANDBOX_SEED_DEFAULT,
        .listen = STR("127.0.0.1:0"),
        .clock = clock_system(),
        .expired_after = EXPIRED_AFTER_DEFAULT,
    };
}

bool
sandbox_option_size(struct sandbox_options *options, struct str text, struct err *err)
{
    struct str entity, count_text;
    int64_t count;
    if (!str_cut(text, '=', &entity, &count_text) || !str_to_i64(count_text, 0, SIZE_MAX_OBJECTS, &count))
        return err_set(err, E_USAGE, "A size is written contacts=1000, at most %d: \"%.*s\" is not", SIZE_MAX_OBJECTS,
                       STR_ARG(text));
    return core_set_size(options, entity, count, err);
}

bool
sandbox_option_fault(struct sandbox_options *options, struct str text, struct err *err)
{
    struct fault_plan trial = {0};
    if (!fault_plan_add(&trial, text, err))
        return false;
    fault_plan_clear(&trial);
    if (options->fault_count == SANDBOX_FAULTS_MAX)
        return err_set(err, E_USAGE, "At most %d faults", SANDBOX_FAULTS_MAX);
    options->faults[options->fault_count++] = text;
    return true;
}

static void
handle(struct http_exchange *x, void *ctx)
{
    struct sandbox *sandbox = ctx;
    CHECK(sandbox->magic == SANDBOX_MAGIC);
    struct str path;
    if (plain_owns(x->path)) {
        plain_serve(&sandbox->core, x);
        return;
    }
    if (control_owns(x->path)) {
        control_serve(&sandbox->core, x);
        return;
    }
    const struct vendor *vendor = vendor_for_path(x->path, &path);
    if (vendor != NULL)
        vendor_serve(&sandbox->core, x, vendor, path);
    else
        http_reply(x, 404, "text/plain; charset=utf-8", STR("No simulated vendor has this address.\n"));
}

/* The options with texts of our own, since the caller's may go. */
static bool
keep_options(struct sandbox *sandbox, const struct sandbox_options *options, struct err *err)
{
    struct sandbox_options kept = *options;
    kept.listen = str_copy(&sandbox->arena, options->listen);
    for (size_t i = 0; i < kept.size_count; i++)
        kept.sizes[i].entity = str_copy(&sandbox->arena, options->sizes[i].entity);
    for (size_t i = 0; i < kept.fault_count; i++)
        kept.faults[i] = str_copy(&sandbox->arena, options->faults[i]);
    if (!core_init(&sandbox->core, &kept, err))
        return false;
    sandbox->core.courier = courier_new(kept.seed, err);
    return sandbox->core.courier != NULL;
}

static bool
start_server(struct sandbox *sandbox, struct err *err)
{
    struct http_server_options options = {
        .listen = sandbox->core.options.listen,
        .handler = handle,
        .ctx = sandbox,
    };
    sandbox->server = http_server_new(&options, err);
    return sandbox->server != NULL;
}

/* The address as a client writes it: what was listened on, with the port that was found. */
static bool
describe(struct sandbox *sandbox, struct err *err)
{
    struct str listen = sandbox->core.options.listen;
    ptrdiff_t colon = str_find_last(listen, ':');
    struct str host = colon > 0 ? str_slice(listen, 0, (size_t)colon) : STR("127.0.0.1");
    if (str_eq_c(host, "0.0.0.0"))
        host = STR("127.0.0.1");
    else if (str_eq_c(host, "[::]"))
        host = STR("[::1]");
    sandbox->url = str_format(&sandbox->arena, "http://%.*s:%d", STR_ARG(host), sandbox_port(sandbox));
    for (size_t i = 0; i < sandbox_vendors_count(); i++) {
        const struct vendor *vendor = sandbox_vendors[i];
        struct sandbox_vendor *shown = &sandbox->vendors[i];
        shown->name = str_from_c(vendor->name);
        shown->title = str_from_c(vendor->title);
        shown->base_url = str_format(&sandbox->arena, "%.*s/%s", STR_ARG(sandbox->url), vendor->name);
        struct str before, after;
        str_cut(str_from_c(vendor->config), '%', &before, &after); /* at its %s */
        shown->config = str_format(&sandbox->arena, "%.*s%.*s%.*s", STR_ARG(before), STR_ARG(shown->base_url),
                                   STR_ARG(str_skip(after, 1)));
        if (str_is_none(shown->config))
            return err_no_memory(err);
    }
    return true;
}

struct sandbox *
sandbox_new(const struct sandbox_options *options, struct err *err)
{
    struct sandbox *sandbox = alloc_zeroed(1, sizeof(*sandbox));
    if (sandbox == NULL) {
        err_no_memory(err);
        return NULL;
    }
    sandbox->magic = SANDBOX_MAGIC;
    arena_init(&sandbox->arena, STARTUP_ARENA_BYTES);
    if (keep_options(sandbox, options, err) && start_server(sandbox, err) && describe(sandbox, err))
        return sandbox;
    sandbox_free(sandbox);
    return NULL;
}

void
sandbox_free(struct sandbox *sandbox)
{
    if (sandbox == NULL)
        return;
    if (sandbox->server != NULL)
        http_server_drain(sandbox->server, DRAIN_MS);
    http_server_free(sandbox->server);
    courier_free(sandbox->core.courier);
    core_release(&sandbox->core);
    arena_release(&sandbox->arena);
    free(sandbox);
}

int
sandbox_port(const struct sandbox *sandbox)
{
    return http_server_port(sandbox->server);
}

struct str
sandbox_url(const struct sandbox *sandbox)
{
    return sandbox->url;
}

size_t
sandbox_vendor_count(const struct sandbox *sandbox)
{
    (void)sandbox;
    return sandbox_vendors_count();
}

struct sandbox_vendor
sandbox_vendor_at(const struct sandbox *sandbox, size_t index)
{
    CHECK(index < sandbox_vendors_count());
    return sandbox->vendors[index];
}
