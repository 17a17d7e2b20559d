/*
 * Who comes in, and where to: route, query, who asks, for which tenant, and whether he may. In this order, so that an unknown
 * address is told from a forbidden one, and nobody learns of a tenant that is not his.
 *
 * The route is found when the head has come, because the size of the body allowed and the thread of the handler hang on it
 * (door_body_max, door_at_once), and kept for the request that follows.
 */
#include "door/door_priv.h"

#include "door/routes_priv.h"

#define AT_ONCE_BODY_BYTES (64 * 1024)   /* a larger one takes so long to read that other connections would wait */

/* ---- when the head has come ---- */

/* What was found then; the exchange's `user`. */
struct head_match {
    enum route_result result;
    struct route_match match;
};

size_t
door_body_max(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct head_match *head = ARENA_NEW(x->arena, struct head_match);
    if (!head)
        return LIMIT_BODY_BYTES;
    head->result = router_match(route_tables, route_table_count, x->arena, x->method, x->path, &head->match);
    x->user = head;
    bool large = head->result == ROUTE_FOUND && (head->match.route->flags & ROUTE_BODY_LARGE);
    return large ? LIMIT_BODY_LARGE_BYTES : LIMIT_BODY_BYTES;
}

/* A token may need a key that must be fetched first; and a request with a key that was begun anew would find it taken. */
static bool
may_read_at_once(const struct door *door, const struct http_exchange *x)
{
    return store_reads_at_once(door->parts.store) && !door->identity.jwks &&
           str_is_none(http_header_get(&x->headers, "Idempotency-Key"));
}

bool
door_at_once(struct http_exchange *x, void *ctx)
{
    const struct door *door = ctx;
    const struct head_match *head = x->user;
    if (!head || head->result != ROUTE_FOUND || x->body.len > AT_ONCE_BODY_BYTES)
        return false;
    unsigned flags = head->match.route->flags;
    return (flags & ROUTE_AT_ONCE) || ((flags & ROUTE_READS_AT_ONCE) && may_read_at_once(door, x));
}

/* ---- the request ---- */

static enum route_result
match_path(struct request *r, struct str path)
{
    return router_match(route_tables, route_table_count, r->arena, r->x->method, path, &r->match);
}

static enum route_result
match_route(struct request *r)
{
    const struct head_match *head = r->x->user;
    if (!head)
        return match_path(r, r->x->path);
    r->match = head->match;
    return head->result;
}

static bool
find_route(struct request *r, struct err *err)
{
    enum route_result result = match_route(r);
    if (result == ROUTE_NO_PATH && root_is_page_address(r))
        result = match_path(r, STR("/"));
    switch (result) {
    case ROUTE_FOUND:
        r->dialect = r->match.route->dialect;
        return true;
    case ROUTE_NO_PATH: return err_set(err, E_NOT_FOUND, "There is nothing at this address");
    case ROUTE_NO_METHOD:
        return err_set(err, E_METHOD_NOT_ALLOWED, "This address takes %s, not %.*s", r->match.allow,
                       STR_ARG(str_slice(r->x->method, 0, 20)));
    case ROUTE_BAD_PATH:
        return err_set(err, E_VALIDATION_FAILED, "The address holds a broken %%-escape, or bytes that are no UTF-8 text, or a NUL");
    case ROUTE_NO_ROOM: break;
    }
    return err_no_memory(err);
}

static const char *
query_name(const struct request *r, size_t index)
{
    const char *name = text_is_storable(r->query[index].name) ? str_cstr(r->arena, r->query[index].name) : NULL;
    return name ? name : "query";
}

static bool
read_query(struct request *r, struct err *err)
{
    if (r->x->query.len == 0)
        return true;
    if (!http_query_parse(r->arena, r->x->query, &r->query, &r->query_count))
        return err_set(err, E_VALIDATION_FAILED, "The query holds a broken %%-escape");
    for (size_t i = 0; i < r->query_count; i++)
        if (!text_is_storable(r->query[i].value))
            return request_query_fault(query_name(r, i), "holds bytes that are no UTF-8 text, or a NUL", err);
    return true;
}

static bool
is_open(const struct request *r)
{
    enum route_access access = r->match.route->access;
    return access == ACCESS_ANYONE || (access == ACCESS_METRICS && r->door->metrics_public) ||
           (access == ACCESS_STATUS && !r->door->status_private);
}

/* A browser that looks ahead of its person must not pause anything. */
static bool
is_looking_ahead(const struct request *r)
{
    static const char *const headers[] = {"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct str value = http_header_get(&r->x->headers, headers[i]);
        if (str_starts_nocase(value, STR("prefetch")) || str_starts_nocase(value, STR("prerender")))
            return true;
    }
    return false;
}

/* What door 001 adds: its GETs that change something (D16), and a tenant that must be named. */
static bool
check_flags(struct request *r, struct err *err)
{
    unsigned flags = r->match.route->flags;
    bool changes = (flags & ROUTE_CHANGES) != 0;
    snprintf(r->match.allow, sizeof(r->match.allow), "POST"); /* for that answer alone */
    if (changes && r->door->get_changes_off)
        return err_set(err, E_METHOD_NOT_ALLOWED, "Changing something by GET is switched off here: use POST");
    if (changes && (is_looking_ahead(r) || r->who.via != VIA_BEARER))
        return err_set(err, E_FORBIDDEN, "A GET that changes something needs a bearer token and must not be a prefetch: use POST");
    if ((flags & ROUTE_ORGID) && http_header_get(&r->x->headers, "orgid").len == 0)
        return err_invalid(err, "orgid", "The header orgid is required: it names the organization");
    return true;
}

bool
request_changes(const struct request *r)
{
    struct str method = r->x->method;
    return (r->match.route->flags & ROUTE_CHANGES) || !(str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")));
}

bool
request_identify(struct request *r)
{
    struct err ignored = {0};
    return r->who.via != VIA_NOTHING || identity_find(&r->door->identity, r->x, &r->who, &ignored);
}

/* The sandbox lets door 004's documented demo-user in without a token, from this machine alone. */
static bool
is_demo(const struct request *r)
{
    const struct http_headers *headers = &r->x->headers;
    return r->door->demo_user && r->match.route->dialect == DIALECT_MESSAGE && host_is_loopback(r->x) &&
           str_is_none(http_header_get(headers, "Authorization")) &&
           str_is_none(cookie_value(http_header_get(headers, "Cookie"), STR(SESSION_COOKIE)));
}

static bool
find_demo(struct request *r, struct err *err)
{
    struct identity operator = {.admin = true};
    r->who = (struct identity){.via = VIA_DEMO, .permissions = PERMISSIONS_USER, .subject = STR("user:demo-user")};
    return identity_tenant(&r->door->identity, &operator, r->arena, TENANT_DEFAULT_KEY, &r->who.tenant, err);
}

/* Signing out is nobody's harm. */
static bool
check_switch(const struct request *r, struct err *err)
{
    const struct route *route = r->match.route;
    bool leaves = route->access == ACCESS_TOKEN && strcmp(route->method, "DELETE") == 0;
    return !r->who.tenant.disabled_us || leaves || err_set(err, E_TENANT_DISABLED, NULL);
}

/* The operator may look at a tenant that is switched off; nothing of it changes. */
static bool
check_tenant(const struct request *r, struct err *err)
{
    if (!r->tenant.disabled_us || !request_changes(r))
        return true;
    if (r->tenant.deleting_us)
        return err_set(err, E_TENANT_DISABLED, "This tenant is being deleted");
    return err_set(err, E_TENANT_DISABLED, "This tenant is switched off: switch it on first (tidemark tenants enable)");
}

static bool
authorize(struct request *r, struct err *err)
{
    const struct route *route = r->match.route;
    if (is_open(r))
        return true;
    if (!(is_demo(r) ? find_demo(r, err) : identity_find(&r->door->identity, r->x, &r->who, err)) ||
        !check_switch(r, err) || !identity_may(&r->who, route->access, err) || !check_flags(r, err))
        return false;
    if (request_changes(r) && !origin_may_change(&r->door->origins, r->x, r->who.via, err))
        return false;
    if (route->flags & ROUTE_NO_TENANT)
        return true;
    return identity_tenant(&r->door->identity, &r->who, r->arena, identity_named_tenant(r), &r->tenant, err) && check_tenant(r, err);
}

bool
door_admit(struct request *r, struct err *err)
{
    return find_route(r, err) && read_query(r, err) && authorize(r, err);
}
