/*
 * One request on its way through a door, and what handlers need to read it and to answer.
 *
 * The door (door.c, door_admit.c) finds the route, who asks and for which tenant, reads the body, and calls the
 * handler on a pool thread, where it may block. The handler fills r->reply through the functions here,
 * or returns false with err; or it leaves a write behind (request_write) and answers after its commit.
 * Everything lives in the exchange's arena but the reply's buffer, which the door releases. One thread
 * at a time.
 */
#ifndef TIDEMARK_DOOR_REQUEST_PRIV_H
#define TIDEMARK_DOOR_REQUEST_PRIV_H

#include "base/limits.h"
#include "door/door.h"
#include "door/idempotency_priv.h"
#include "door/router_priv.h"
#include "hook/inbox.h"
#include "json/writer.h"
#include "net/http_server.h"
#include "store/store_key.h"
#include "store/store_tenant.h"

#define PAGE_NUMBER_MAX 1000000000
#define REPLY_BYTES_MAX LIMIT_REQUEST_ARENA_BYTES

/* How he proved it. What a browser sends by itself proves less: see origin_may_change. */
enum identity_via {
    VIA_NOTHING,
    VIA_BEARER,               /* the Authorization header */
    VIA_COOKIE,
    VIA_DEMO,                 /* the sandbox's demo-user: no proof at all */
};

/* Who is asking. */
struct identity {
    enum identity_via via;
    bool admin;               /* the operator's role, over all tenants */
    unsigned permissions;     /* of enum permission */
    struct tenant tenant;     /* his own; id 0: none (the local key) */
    struct str subject;       /* "key:<uuid>", "user:<sub>", "local" */
    int64_t api_key;          /* 0: it was none */
    int64_t expires_us;       /* of what he proved it with; 0: never */
    struct str session;       /* the hash of its token; STR_NONE: it was none */
};
/* The part of a subject after its kind: the `sub` of a token, the UUID of a key. */
struct str identity_user_id(const struct identity *who);

struct reply {
    int status;               /* 0: not answered yet */
    const char *type;
    const char *cache, *csp;  /* headers; NULL: kept nowhere, may load nothing */
    struct buf body;
    http_stream_pull_fn *pull;     /* instead of a body */
    http_stream_done_fn *done;
    void *stream;
};

/* What goes on with a request after its commit, as a handler; ok false: it failed with err, nothing was written. */
typedef bool request_then_fn(struct request *r, bool ok, struct err *err);

/* A write that the request waits for. */
struct request_wait {
    struct store_call call;
    request_then_fn *then;    /* NULL: it waits for nothing */
    bool ok;                  /* what came of it */
    struct err err;
};

struct request {
    struct door *door;
    struct http_exchange *x;
    struct arena *arena;
    struct route_match match;
    enum dialect dialect;
    bool as_problem;
    struct str id;            /* of the request; NUL-terminated in the arena */
    struct identity who;
    struct tenant tenant;     /* the one meant; id 0 with ROUTE_NO_TENANT */
    bool audited;             /* the handler wrote its own row of the audit log */
    struct http_pair *query;
    size_t query_count;
    yyjson_val *body;         /* an object, or NULL: none was sent */
    struct err_item items[ERR_ITEMS_MAX];
    struct reply reply;
    struct json_writer w;
    int64_t began_us;         /* monotonic */
    struct idempotency idempotency;
    struct request_wait wait;
    void *left;               /* the handler's, for its `then` */
    bool moves;               /* begins anew on a thread of the pool */
    bool ending;              /* what is waited for is the keeping of the answer */
};

/* What the door was made with; handlers read it. */
struct door_parts {
    struct store *store;
    struct engine *engine;
    struct registry *templates;
    struct inbox *inbox;
    const struct clock *clock;
    struct str public_url;
    bool sandbox;
};
const struct door_parts *request_parts(const struct request *r);
/* On a route that is open to anyone: takes up who is asking, where a valid token came along. r->who is he. */
bool request_identify(struct request *r);
/* Whether it may change something: all but GET and HEAD, and the GETs that do. */
bool request_changes(const struct request *r);

/*
 * The last call of a handler or of a `then`, whose result it is: the closure runs and is committed while no thread waits,
 * then `then` goes on, on some thread of the pool, and answers or writes again. The closure's ctx lives in the request's
 * arena, not on the handler's stack.
 */
bool request_write(struct request *r, struct store_call call, request_then_fn *then);
/*
 * The last call of a handler that runs at once (ROUTE_AT_ONCE) and finds that it would have to wait: nothing of it counts, it is
 * called again, on a thread of the pool.
 */
bool request_to_pool(struct request *r);

/* ---- reading ---- */

/* The :parameters of the route, in order. */
struct str request_path_param(const struct request *r, size_t index);
/* A parameter of the query; STR_NONE when it is missing. */
struct str request_query(const struct request *r, const char *name);
/* E_VALIDATION_FAILED names the parameter. A missing one gives `otherwise`; an empty one is a bad value. */
MUST_USE bool request_query_i64(const struct request *r, const char *name, int64_t min, int64_t max, int64_t otherwise,
                                int64_t *value_out, struct err *err);
/* -1 when missing. "true", "false", "1", "0". */
MUST_USE bool request_query_bool(const struct request *r, const char *name, int *value_out, struct err *err);
/* One of `choices`, which NULL ends; STR_NONE when missing. */
MUST_USE bool request_query_word(const struct request *r, const char *name, const char *const *choices, struct str *word_out,
                                 struct err *err);
/* E_VALIDATION_FAILED with one item, "The parameter <name> <words>": false. */
bool request_query_fault(const char *name, const char *words, struct err *err);
bool request_cursor_fault(struct err *err);
/* 0 when missing. RFC 3339. */
MUST_USE bool request_query_time(const struct request *r, const char *name, int64_t *us_out, struct err *err);

struct paging {
    int64_t page, limit;
    size_t offset;            /* of page and limit */
    int64_t after;            /* from the cursor; 0: none given */
};
MUST_USE bool request_paging(const struct request *r, int64_t limit_otherwise, struct paging *paging_out, struct err *err);
/* An opaque cursor for the place behind `position` (> 0). */
struct str list_cursor_text(struct arena *a, int64_t position);
MUST_USE bool list_cursor_parse(struct arena *a, struct str text, int64_t *position_out);

/*
 * Members of the body. A missing or null one gives STR_NONE, -1, NULL; another type is
 * E_VALIDATION_FAILED with an item at its pointer.
 */
MUST_USE bool request_body_str(struct request *r, const char *name, size_t len_max, struct str *value_out, struct err *err);
/* Where null and "" both remove what is stored: then an empty text. */
MUST_USE bool request_body_removable(struct request *r, const char *name, size_t len_max, struct str *value_out, struct err *err);
MUST_USE bool request_body_bool(struct request *r, const char *name, int *value_out, struct err *err);
MUST_USE bool request_body_object(struct request *r, const char *name, yyjson_val **value_out, struct err *err);
/* Null removes what is stored, and is given as it is. */
MUST_USE bool request_body_removable_object(struct request *r, const char *name, yyjson_val **value_out, struct err *err);
MUST_USE bool request_body_array(struct request *r, const char *name, yyjson_val **value_out, struct err *err);
/* The list "permissions" as bits of enum permission; 0 when it is missing, null or empty. */
MUST_USE bool request_body_permissions(struct request *r, unsigned *bits_out, struct err *err);
/*
 * May credentials be tried? Each try asks a vendor in whoever's name: nobody guesses with it (D32). `whose` is what the tries are counted
 * for. E_RATE_LIMITED says when again.
 */
MUST_USE bool request_may_try(struct request *r, struct str whose, struct err *err);
/* E_VALIDATION_FAILED with one item: false. */
bool request_fault(struct request *r, struct err *err, const char *pointer, const char *words);

/* Reads the body into r->body as the route's flags want it: 400, 413, 415. */
MUST_USE bool request_read_body(struct request *r, struct err *err);
/* The caller's X-Request-Id when it is sane, else a new one; in the arena, NUL-terminated. */
struct str request_id_choose(struct arena *a, struct str offered);
/* Does an Accept header ask for RFC 9457? */
bool request_wants_problem(struct str accept);

/* RFC 7240: milliseconds to wait; 0 for respond-async, -1 when nothing is said. Capped at wait_max_ms. */
int64_t prefer_wait_ms(struct str prefer, int64_t wait_max_ms);

/* ---- answering ---- */

/* {"success":true,"data": ... then add one value or container with key NULL ... reply_end */
struct json_writer *reply_begin(struct request *r, int status);
bool reply_end(struct request *r, struct err *err);
/* {... where the caller writes all members ... reply_end */
struct json_writer *reply_bare(struct request *r, int status);
/* Instead of reply_end, for lists. next: STR_NONE for none. */
bool reply_end_list(struct request *r, const struct paging *paging, int64_t total, struct str next, struct err *err);
/* The same for a total that was counted no further than LIMIT_COUNT_EXACT + 1: a reader is told when there are more. */
bool reply_end_counted_list(struct request *r, const struct paging *paging, int64_t counted, struct str next, struct err *err);
/* {"success":true,"data":{...}} where the caller writes the members. */
struct json_writer *reply_object(struct request *r, int status);
bool reply_object_end(struct request *r, struct err *err);
bool reply_empty(struct request *r, int status);
/* A body of another kind: append to r->reply.body, then give its type. */
bool reply_body(struct request *r, int status, const char *type, struct err *err);
/* The bit of "content:read" and so on; 0 for another name. */
unsigned permission_from_name(struct str name);
/* "permissions": ["content:read", ...] */
void write_permissions(struct json_writer *w, const char *key, unsigned bits);
void reply_add_header(struct request *r, const char *name, struct str value);

#endif
