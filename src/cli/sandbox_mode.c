/*
 * `serve --sandbox`: simulated vendors inside this process, connected and synced without anybody's doing.
 *
 * The connections hold no address: the simulated vendors take another port at each start, and the engine
 * asks for the address each time (instance_base_url).
 */
#include "base/limits.h"
#include "cli/instance_priv.h"
#include "json/json.h"

#ifdef TIDEMARK_SANDBOX

struct existing {
    struct instance *instance;
    struct arena *arena;
    struct str template_name;
    struct connection *rows;
    size_t count;
    struct connection *made;
};

static bool
read_existing(struct db *db, void *ctx, struct err *err)
{
    struct existing *e = ctx;
    struct connection_filter filter = CONNECTION_FILTER_ALL;
    filter.template_name = e->template_name;
    return store_connection_list(db, e->arena, e->instance->info.tenant.id, &filter, &e->rows, &e->count, NULL, err);
}

static bool
mark_sandbox(struct db *db, void *ctx, struct err *err)
{
    struct existing *e = ctx;
    e->made->sandbox = true;
    return store_connection_update(db, e->made, store_now(db), err);
}

/*
 * Documented variables of a platform (its template's `environment`: member -> variable) stand in for the made-up
 * credential. Only here: a connection that is not marked as the sandbox's never sees them (D22).
 */
static void
put_environment(yyjson_mut_doc *doc, yyjson_mut_val *config, const struct template *t)
{
    size_t index, max;
    yyjson_val *key, *item, *variables = json_get_c(template_info(t)->tidemark, "environment");
    if (!yyjson_is_obj(variables))
        return;
    yyjson_obj_foreach(variables, index, max, key, item) {
        const char *value = yyjson_is_str(item) ? getenv(yyjson_get_str(item)) : NULL;
        if (value && value[0])
            yyjson_mut_obj_put(config, yyjson_val_mut_copy(doc, key), yyjson_mut_strcpy(doc, value));
    }
}

/* The vendor's credentials without the address. */
static yyjson_val *
config_without_address(struct arena *a, const struct template *t, struct str config, struct err *err)
{
    yyjson_val *whole = json_parse(a, config, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, err);
    yyjson_mut_doc *doc = whole ? json_mut_doc(a) : NULL;
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, whole) : NULL;
    struct str field = template_info(t)->base_url_field;
    if (copy && field.len)
        yyjson_mut_obj_remove_keyn(copy, field.ptr, field.len);
    if (copy)
        put_environment(doc, copy, t);
    yyjson_val *result = copy ? json_freeze(a, copy) : NULL;
    if (whole && !result)
        err_no_memory(err);
    return result;
}

static bool
create(struct instance *i, struct arena *a, const struct sandbox_vendor *vendor, const struct template *t,
       struct connection *connection_out, struct err *err)
{
    struct connection_change change = {.name = str_format(a, "%.*s (simulated)", STR_ARG(vendor->title)),
                                       .provider = vendor->name,
                                       .config = config_without_address(a, t, vendor->config, err),
                                       .enabled = 1};
    if (!change.config ||
        !engine_connection_create(i->engine, a, i->info.tenant.id, &change, true, connection_out, err))
        return false;
    struct existing e = {.instance = i, .arena = a, .made = connection_out};
    return store_write(i->store, mark_sandbox, &e, err);
}

/* The vendor's connection: the one that there is, else a new one. */
static bool
connect_vendor(struct instance *i, struct arena *a, const struct sandbox_vendor *vendor, const struct template *t,
        struct connection *connection_out, struct err *err)
{
    struct existing e = {.instance = i, .arena = a, .template_name = vendor->name};
    if (!store_read(i->store, read_existing, &e, err))
        return false;
    for (size_t c = 0; c < e.count; c++)
        if (e.rows[c].sandbox) {
            *connection_out = e.rows[c];
            return true;
        }
    return create(i, a, vendor, t, connection_out, err);
}

static bool
start_sync(struct instance *i, struct arena *a, const struct connection *connection, struct err *err)
{
    struct run run;
    struct run_request ask = {.connection = connection->uuid, .full = connection->last_sync_us == 0,
                              .trigger = STR("sandbox")};
    if (!connection->enabled || engine_run_start(i->engine, a, i->info.tenant.id, &ask, &run, err))
        return true;
    return err->code == E_SYNC_IN_PROGRESS; /* one that the last process left: it goes on */
}

static struct str
describe(struct arena *a, const struct connection *connection, const struct template *t)
{
    struct str text = connection->name;
    const char *separator = ": ";
    for (size_t s = 0; s < template_stream_count(t); s++) {
        const struct stream_info *info = template_stream_info(template_stream_at(t, s));
        if (!info->synced)
            continue;
        text = str_format(a, "%.*s%s%.*s", STR_ARG(text), separator, STR_ARG(info->name));
        separator = ", ";
    }
    return text;
}

bool
instance_connect_sandbox(struct instance *i, struct arena *a, struct str *names_out, struct err *err)
{
    struct str names = STR("");
    for (size_t v = 0; v < sandbox_vendor_count(i->sandbox); v++) {
        struct sandbox_vendor vendor = sandbox_vendor_at(i->sandbox, v);
        struct connection connection;
        struct template *t = registry_get(i->templates, vendor.name, err);
        if (!t && err->code == E_PLATFORM_NOT_SUPPORTED)
            continue; /* a vendor that only tests speak to */
        bool ok = t && connect_vendor(i, a, &vendor, t, &connection, err) && start_sync(i, a, &connection, err);
        if (ok)
            names = str_format(a, "%.*s%s%.*s", STR_ARG(names), names.len ? "; " : "",
                               STR_ARG(describe(a, &connection, t)));
        template_unref(t);
        if (!ok)
            return false;
    }
    *names_out = names;
    return true;
}

#else

bool
instance_connect_sandbox(struct instance *i, struct arena *a, struct str *names_out, struct err *err)
{
    (void)i, (void)a, (void)names_out;
    return err_set(err, E_USAGE, "This program was built without the sandbox");
}

#endif
