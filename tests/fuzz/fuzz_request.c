/*
 * Fuzzes what the API reads of a request before any handler sees it: the route, the query with its paging, the headers
 * that choose behaviour, and the JSON body with its members. What is accepted must keep its promises, and every refusal
 * must be told as JSON in each dialect.
 *
 * The input is written as a request is: "POST /api/v1/sync?page=1", lines "Name: value", an empty line, the body.
 */
#include "base/check.h"
#include "door/dialect_priv.h"
#include "door/routes_priv.h"
#include "json/json.h"

#define FUZZ_ARENA_BYTES (4 * 1024 * 1024)
#define FUZZ_BODY_BYTES (64 * 1024)
#define HEADERS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The reason of a refusal is JSON, whoever asks, and its status is one of an error. */
static void
check_refusal(const struct err *err, struct arena *a)
{
    struct buf body;
    struct err ignored = {0};
    CHECK(dialect_status(err) >= 400 && dialect_status(err) <= 599);
    for (unsigned way = 0; way < 4; way++) {
        buf_init(&body, FUZZ_BODY_BYTES);
        dialect_write(way < 3 ? (enum dialect)way : DIALECT_CORE, way == 3, err, STR("r-1"), &body);
        CHECK(buf_ok(&body));
        CHECK(json_parse(a, buf_str(&body), JSON_UNIQUE_KEYS, LIMIT_JSON_DEPTH_API, &ignored) != NULL);
        buf_release(&body);
    }
}

static void
read_query(struct request *r, struct err *err)
{
    struct paging paging;
    int64_t us;
    int flag;
    if (!request_paging(r, 20, &paging, err)) {
        check_refusal(err, r->arena);
    } else {
        CHECK(paging.page >= 1 && paging.page <= PAGE_NUMBER_MAX);
        CHECK(paging.limit >= 1 && paging.limit <= LIMIT_LIST_MAX);
        CHECK(paging.after >= 0);
        CHECK(paging.after == 0 || paging.offset == 0);
    }
    if (!request_query_time(r, "updatedSince", &us, err))
        check_refusal(err, r->arena);
    if (!request_query_bool(r, "includeDeleted", &flag, err))
        check_refusal(err, r->arena);
    else
        CHECK(flag >= -1 && flag <= 1);
}

static void
read_headers(struct request *r)
{
    struct str id = request_id_choose(r->arena, http_header_get(&r->x->headers, "X-Request-Id"));
    CHECK(id.len >= 1 && id.len <= LIMIT_REQUEST_ID_BYTES);
    (void)request_wants_problem(http_header_get(&r->x->headers, "Accept"));
    int64_t wait_ms = prefer_wait_ms(http_header_get(&r->x->headers, "Prefer"), 60000);
    CHECK(wait_ms >= -1 && wait_ms <= 60000);
}

static void
read_members(struct request *r, struct err *err)
{
    struct str text;
    yyjson_val *value;
    int flag;
    if (request_body_str(r, "name", 200, &text, err))
        CHECK(text.len <= 200);
    else
        check_refusal(err, r->arena);
    if (!request_body_bool(r, "enabled", &flag, err))
        check_refusal(err, r->arena);
    if (request_body_object(r, "credentials", &value, err))
        CHECK(value == NULL || yyjson_is_obj(value));
    else
        check_refusal(err, r->arena);
    if (request_body_array(r, "streams", &value, err))
        CHECK(value == NULL || yyjson_is_arr(value));
    else
        check_refusal(err, r->arena);
}

static void
read_request(struct request *r, struct err *err)
{
    enum route_result found = router_match(route_tables, route_table_count, r->arena, r->x->method, r->x->path, &r->match);
    (void)router_dialect_of(r->x->path);
    if (!http_query_parse(r->arena, r->x->query, &r->query, &r->query_count))
        return;
    read_query(r, err);
    read_headers(r);
    if (found != ROUTE_FOUND)
        return;
    CHECK(r->match.param_count <= ROUTE_PARAMS_MAX);
    if (!request_read_body(r, err)) {
        check_refusal(err, r->arena);
        return;
    }
    CHECK(r->body == NULL || yyjson_is_obj(r->body));
    read_members(r, err);
}

/* The head's lines; what is left is the body. */
static void
take_apart(struct str text, struct http_exchange *x, struct http_header *headers)
{
    struct str line, target;
    str_cut(text, '\n', &line, &text);
    str_cut(line, ' ', &x->method, &target);
    str_cut(target, '?', &x->path, &x->query);
    x->headers.items = headers;
    while (text.len) {
        str_cut(text, '\n', &line, &text);
        if (line.len == 0)
            break;
        if (x->headers.count < HEADERS_MAX) {
            struct http_header *h = &headers[x->headers.count++];
            str_cut(line, ':', &h->name, &h->value);
            h->value = str_trim(h->value);
        }
    }
    x->body = text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct http_header headers[HEADERS_MAX];
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    if (size > FUZZ_BODY_BYTES)
        return 0;
    arena_init(&a, FUZZ_ARENA_BYTES);
    struct http_exchange x = {.arena = &a};
    struct request r = {.x = &x, .arena = &a};
    take_apart((struct str){(const char *)data, size}, &x, headers);
    read_request(&r, &err);
    arena_release(&a);
    return 0;
}
