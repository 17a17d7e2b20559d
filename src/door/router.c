#include "door/router_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/encode.h"

/*
 * Raw segments of the path into params (not yet decoded). Each request asks this of some two hundred patterns, most of which
 * differ after a few characters: so it goes by characters, not by segments.
 */
static bool
pattern_matches(const char *pattern, struct str path, struct str *params, size_t *count_out)
{
    const char *have = path.len ? path.ptr : "", *end = have + path.len;
    size_t count = 0;
    while (*pattern) {
        if (*pattern != ':') {
            if (have == end || *have++ != *pattern++)
                return false;
            continue;
        }
        const char *begin = have;
        while (have < end && *have != '/')
            have++;
        if (have == begin || count == ROUTE_PARAMS_MAX)
            return false;
        params[count++] = (struct str){begin, (size_t)(have - begin)};
        pattern = strchrnul(pattern, '/');
    }
    *count_out = count;
    return have == end;
}

static bool
method_fits(const struct route *route, struct str method, bool *head_out)
{
    *head_out = str_eq(method, STR("HEAD")) && strcmp(route->method, "GET") == 0 && !(route->flags & ROUTE_CHANGES);
    return *head_out || str_eq_c(method, route->method);
}

static void
allow_add(char *allow, const char *method)
{
    size_t len = strlen(allow);
    if (str_contains((struct str){allow, len}, str_from_c(method)))
        return;
    snprintf(allow + len, ROUTE_ALLOW_BYTES - len, "%s%s", len ? ", " : "", method);
}

static void
allow_add_route(char *allow, const struct route *route)
{
    allow_add(allow, route->method);
    if (strcmp(route->method, "GET") == 0 && !(route->flags & ROUTE_CHANGES))
        allow_add(allow, "HEAD");
}

bool
text_is_storable(struct str text)
{
    return str_find(text, '\0') < 0 && str_is_utf8(text);
}

static enum route_result
decode_params(struct arena *a, struct route_match *match)
{
    for (size_t i = 0; i < match->param_count; i++) {
        struct str decoded;
        if (!percent_decode(a, match->params[i], false, &decoded) || !text_is_storable(decoded))
            return ROUTE_BAD_PATH;
        match->params[i] = decoded;
    }
    return ROUTE_FOUND;
}

/* ROUTE_NO_PATH: no row of this table; ROUTE_NO_METHOD: some have the path, and match->allow grew. */
static enum route_result
match_table(const struct route_table *table, struct arena *a, struct str method, struct str path, struct route_match *match)
{
    enum route_result result = ROUTE_NO_PATH;
    for (size_t i = 0; i < table->count; i++) {
        struct str params[ROUTE_PARAMS_MAX];
        size_t count;
        if (!pattern_matches(table->rows[i].pattern, path, params, &count))
            continue;
        struct route_match try = {.route = &table->rows[i], .param_count = count};
        memcpy(try.params, params, count * sizeof(*params));
        result = ROUTE_NO_METHOD;
        allow_add_route(match->allow, &table->rows[i]);
        if (!method_fits(&table->rows[i], method, &try.head))
            continue;
        result = decode_params(a, &try);
        if (result == ROUTE_FOUND)
            *match = try;
        return result;
    }
    return result;
}

/* The address that this thread found last: vendors and dashboards ask for the same one again and again. */
#define LAST_BYTES 160
static _Thread_local struct {
    const struct route_table *const *tables;
    const struct route *route;
    bool head;
    size_t method_len, path_len;
    char text[LAST_BYTES];                  /* method and path */
} last;

static bool
is_last(const struct route_table *const *tables, struct str method, struct str path)
{
    return last.route && last.tables == tables && last.method_len == method.len && last.path_len == path.len &&
           memcmp(last.text, method.ptr, method.len) == 0 && memcmp(last.text + method.len, path.ptr, path.len) == 0;
}

static void
remember(const struct route_table *const *tables, struct str method, struct str path, const struct route_match *match)
{
    if (method.len == 0 || path.len == 0 || method.len + path.len > LAST_BYTES)
        return;
    last.tables = tables;
    last.route = match->route;
    last.head = match->head;
    last.method_len = method.len;
    last.path_len = path.len;
    memcpy(last.text, method.ptr, method.len);
    memcpy(last.text + method.len, path.ptr, path.len);
}

static enum route_result
match_last(struct arena *a, struct str path, struct route_match *match_out)
{
    struct route_match match = {.route = last.route, .head = last.head};
    bool fits = pattern_matches(match.route->pattern, path, match.params, &match.param_count);
    CHECK(fits);
    enum route_result result = decode_params(a, &match);
    *match_out = match;
    return result;
}

enum route_result
router_match(const struct route_table *const *tables, size_t count, struct arena *a, struct str method, struct str path,
             struct route_match *match_out)
{
    if (is_last(tables, method, path))
        return match_last(a, path, match_out);
    struct route_match match = {0};
    enum route_result known = ROUTE_NO_PATH;
    for (size_t i = 0; i < count; i++) {
        enum route_result result = match_table(tables[i], a, method, path, &match);
        if (result == ROUTE_NO_METHOD)
            known = result;
        if (result == ROUTE_NO_PATH || result == ROUTE_NO_METHOD)
            continue;
        if (result == ROUTE_FOUND) {
            remember(tables, method, path, &match);
            *match_out = match;
        }
        return result;
    }
    *match_out = match;
    return known;
}

enum dialect
router_dialect_of(struct str path)
{
    static const struct {
        const char *prefix;
        enum dialect dialect;
    } prefixes[] = {
        {"/api/v1/integrations/amazon/", DIALECT_MESSAGE}, {"/api/sync/", DIALECT_MESSAGE},
        {"/api/v1/", DIALECT_CORE},                        {"/sync/", DIALECT_STATUS},
        {"/api/", DIALECT_STATUS},
    };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts(path, str_from_c(prefixes[i].prefix)))
            return prefixes[i].dialect;
    return str_eq(path, STR("/sync")) ? DIALECT_STATUS : DIALECT_CORE;
}
