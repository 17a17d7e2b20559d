/*
 * What will stop working at a vendor, and when.
 */
#include "engine/ends.h"

#include <stdlib.h>

#include "base/limits.h"
#include "engine/engine_priv.h"

#define ENDS_MAX 32
#define CONNECTIONS_MAX 200   /* of one template: a warning about so many says enough */
#define TEMPLATES_MAX 512

const char *
ends_state_name(enum ends_state state)
{
    static const char *const names[] = {"planned", "soon", "ended", "replaced"};
    return names[state];
}

/* The member as it is, else as the schema fills it in. */
static struct str
member_of(const struct template *t, yyjson_val *config, struct str name)
{
    yyjson_val *own = json_get(config, name);
    if (own == NULL)
        own = json_get_c(json_get(json_get_c(template_info(t)->config_schema, "properties"), name), "default");
    return json_str(own);
}

static bool
one_of(struct str value, yyjson_val *wanted)
{
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(wanted))
        return str_eq(value, json_str(wanted));
    yyjson_arr_foreach(wanted, index, max, item)
        if (str_eq(value, json_str(item)))
            return true;
    return false;
}

static bool
concerns(const struct template *t, yyjson_val *when, yyjson_val *config)
{
    size_t index, max;
    yyjson_val *name, *wanted;
    if (config == NULL || !yyjson_is_obj(when))
        return true;
    yyjson_obj_foreach(when, index, max, name, wanted)
        if (!one_of(member_of(t, config, json_str(name)), wanted))
            return false;
    return true;
}

static enum ends_state
state_of(yyjson_val *version, int64_t days)
{
    int64_t warn_days = ENDS_WARN_DAYS;
    if (days < 0)
        return json_bool_or(json_get_c(version, "replaced"), false) ? ENDS_REPLACED : ENDS_PAST;
    if (!json_to_i64(json_get_c(version, "warn_days"), &warn_days))
        warn_days = ENDS_WARN_DAYS;
    return days <= warn_days ? ENDS_SOON : ENDS_PLANNED;
}

static struct str
message_of(struct arena *a, const struct ends *n)
{
    struct str subject = n->version.len == 0 ? n->api : str_format(a, "%.*s %.*s", STR_ARG(n->api), STR_ARG(n->version));
    struct str next = n->successor.len == 0 ? STR("") : str_format(a, "; its successor is %.*s", STR_ARG(n->successor));
    switch (n->state) {
    case ENDS_REPLACED:
        return str_format(a, "%.*s ended on %.*s; %.*s is spoken in its place", STR_ARG(subject), STR_ARG(n->date),
                          STR_ARG(n->successor));
    case ENDS_PAST: return str_format(a, "%.*s ended on %.*s%.*s", STR_ARG(subject), STR_ARG(n->date), STR_ARG(next));
    case ENDS_SOON:
    case ENDS_PLANNED: break;
    }
    return str_format(a, "%.*s ends on %.*s%.*s", STR_ARG(subject), STR_ARG(n->date), STR_ARG(next));
}

/* Days are whole: on the day itself it is 0. */
static int64_t
days_until(int64_t ends_us, int64_t now_us)
{
    int64_t today = now_us / US_PER_DAY, day = ends_us / US_PER_DAY;
    return day - today;
}

/* False: it has no date, or concerns others. */
static bool
take(const struct template *t, struct arena *a, yyjson_val *version, yyjson_val *config, int64_t now_us, struct ends *out)
{
    int64_t ends_us;
    struct str date = json_str(json_get_c(version, "ends"));
    if (date.len == 0 || !time_parse(date, &ends_us) || !concerns(t, json_get_c(version, "when"), config))
        return false;
    *out = (struct ends){.api = str_copy(a, json_str_or(json_get_c(version, "api"), STR("API"))),
                         .version = str_copy(a, json_str_or(json_get_c(version, "version"), STR(""))),
                         .successor = str_copy(a, json_str_or(json_get_c(version, "successor"), STR(""))),
                         .date = str_copy(a, date), .days = days_until(ends_us, now_us)};
    yyjson_val *streams = json_get_c(version, "streams");
    yyjson_mut_doc *doc = yyjson_is_arr(streams) ? json_mut_doc(a) : NULL;
    out->streams = doc == NULL ? NULL : json_freeze(a, yyjson_val_mut_copy(doc, streams));
    out->state = state_of(version, out->days);
    out->message = message_of(a, out);
    return true;
}

static int
nearest_first(const void *a, const void *b)
{
    int64_t one = ((const struct ends *)a)->days, other = ((const struct ends *)b)->days;
    return one < other ? -1 : one > other;
}

bool
ends_of(const struct template *t, struct arena *a, yyjson_val *config, int64_t now_us, struct ends **ends_out, size_t *count_out,
        struct err *err)
{
    size_t index, max, count = 0;
    yyjson_val *version, *versions = json_get_c(template_info(t)->tidemark, "versions");
    struct ends *rows = ARENA_ARRAY(a, struct ends, ENDS_MAX);
    if (rows == NULL)
        return err_no_memory(err);
    yyjson_arr_foreach(versions, index, max, version) {
        if (count < ENDS_MAX && take(t, a, version, config, now_us, &rows[count])) {
            if (str_is_none(rows[count].message))
                return err_no_memory(err);
            count++;
        }
    }
    qsort(rows, count, sizeof(*rows), nearest_first);
    *ends_out = rows;
    *count_out = count;
    return true;
}

bool
engine_connection_ends(struct engine *e, struct arena *a, const struct connection *c, struct ends **ends_out, size_t *count_out,
                       struct err *err)
{
    struct err ignored = {0};
    *count_out = 0;
    struct template *t = registry_get(e->options.templates, c->template_name, &ignored);
    if (t == NULL)
        return true; /* a template that is gone ends nothing */
    yyjson_val *config = json_get_c(template_info(t)->tidemark, "versions") == NULL ? NULL : engine_connection_config(e, a, c, &ignored);
    bool ok = ends_of(t, a, config, clock_wall_us(e->options.clock), ends_out, count_out, err);
    template_unref(t);
    return ok;
}

/* ---- warnings ---- */

struct warnings {
    struct engine *engine;
    struct arena *arena;
    int64_t tenant, now_us;
    struct ends_warning *rows;
    size_t count, limit;
    struct str *names;               /* of the templates that are spoken */
    size_t name_count;
    struct str template_name;        /* of the look-up below */
    struct connection *connections;
    size_t connection_count;
};

static bool
is_due(const struct ends *n)
{
    return n->state == ENDS_SOON || n->state == ENDS_PAST;
}

/* Does it have anything to warn anybody of? Most do not, and then no connection is looked at. */
static bool
template_warns(struct warnings *w, struct str name)
{
    struct err ignored = {0};
    struct ends *ends = NULL;
    size_t count = 0;
    bool due = false;
    struct template *t = registry_get(w->engine->options.templates, name, &ignored);
    if (t == NULL)
        return false;
    if (ends_of(t, w->arena, NULL, w->now_us, &ends, &count, &ignored))
        for (size_t i = 0; i < count; i++)
            due = due || is_due(&ends[i]);
    template_unref(t);
    return due;
}

/* Only these are loaded: compiling a template takes a while, and at the first overview after a start none is. */
static bool
read_templates(struct db *db, void *ctx, struct err *err)
{
    struct warnings *w = ctx;
    return store_connection_templates(db, w->arena, w->tenant, TEMPLATES_MAX, &w->names, &w->name_count, err);
}

static bool
read_connections(struct db *db, void *ctx, struct err *err)
{
    struct warnings *w = ctx;
    struct connection_filter filter = CONNECTION_FILTER_ALL;
    filter.template_name = w->template_name;
    filter.enabled = 1;
    filter.limit = CONNECTIONS_MAX;
    return store_connection_list(db, w->arena, w->tenant, &filter, &w->connections, &w->connection_count, NULL, err);
}

static bool
warn_of(struct warnings *w, const struct connection *c, struct err *err)
{
    struct ends *ends = NULL;
    size_t count = 0;
    if (c->sandbox)
        return true;
    if (!engine_connection_ends(w->engine, w->arena, c, &ends, &count, err))
        return false;
    for (size_t i = 0; i < count && w->count < w->limit; i++)
        if (is_due(&ends[i]))
            w->rows[w->count++] = (struct ends_warning){*c, ends[i]};
    return true;
}

bool
engine_ends_warnings(struct engine *e, struct arena *a, int64_t tenant, size_t limit, struct ends_warning **rows_out,
                     size_t *count_out, struct err *err)
{
    struct warnings w = {.engine = e, .arena = a, .tenant = tenant, .limit = limit, .now_us = clock_wall_us(e->options.clock),
                         .rows = ARENA_ARRAY(a, struct ends_warning, limit)};
    if (w.rows == NULL)
        return err_no_memory(err);
    if (!store_read(e->options.store, read_templates, &w, err))
        return false;
    for (size_t i = 0; i < w.name_count && w.count < limit; i++) {
        w.template_name = w.names[i];
        if (!template_warns(&w, w.names[i]))
            continue;
        if (!store_read(e->options.store, read_connections, &w, err))
            return false;
        for (size_t k = 0; k < w.connection_count && w.count < limit; k++)
            if (!warn_of(&w, &w.connections[k], err))
                return false;
    }
    *rows_out = w.rows;
    *count_out = w.count;
    return true;
}
