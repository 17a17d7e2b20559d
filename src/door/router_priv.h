/*
 * Routes as data, and finding one.
 *
 * A pattern is a path whose segments may be parameters (":id"). The first row that matches wins, so a
 * fixed segment stands above a parameter. Parameters are percent-decoded after the path was cut, so an
 * encoded slash stays inside its parameter. Pure: no I/O, any thread.
 */
#ifndef TIDEMARK_DOOR_ROUTER_PRIV_H
#define TIDEMARK_DOOR_ROUTER_PRIV_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define ROUTE_PARAMS_MAX 4
#define ROUTE_ALLOW_BYTES 64

struct request;
/* True: r->reply is filled. False: err, which the door turns into its dialect. */
typedef bool route_fn(struct request *r, struct err *err);

enum dialect {
    DIALECT_CORE,       /* 000, 003 and everything new */
    DIALECT_STATUS,     /* 001, 002 */
    DIALECT_MESSAGE,    /* 004 */
};

enum route_access {
    ACCESS_ANYONE,
    ACCESS_TOKEN,       /* whoever has a valid token, whatever it may do */
    ACCESS_READ,        /* content:read, and so on */
    ACCESS_UPDATE,
    ACCESS_DELETE,
    ACCESS_ADMIN,       /* the operator */
    ACCESS_METRICS,     /* the operator, or anyone when so configured */
    ACCESS_STATUS,      /* content:read, or anyone unless otherwise configured */
};

enum route_flags {
    ROUTE_BODY = 1,          /* takes a JSON object, which must be there */
    ROUTE_BODY_OPTIONAL = 2, /* takes one, or nothing */
    ROUTE_CREATES = 4,       /* honours Idempotency-Key */
    ROUTE_BODY_LARGE = 8,    /* body up to LIMIT_BODY_LARGE_BYTES */
    ROUTE_NO_TENANT = 16,    /* is about no tenant in particular */
    ROUTE_CHANGES = 32,      /* a GET that changes state: no HEAD, a bearer token only, never ahead of time (D16) */
    ROUTE_SECRET = 64,       /* the answer holds a secret: kept sealed for Idempotency-Key */
    ROUTE_RAW = 256,         /* takes bytes as they come, which must be there; the handler reads them */
    ROUTE_AT_ONCE = 512,     /* runs on the server's own thread: short, and waits by request_write or goes to the pool (request_to_pool) */
    ROUTE_READS_AT_ONCE = 1024, /* the same where the store is a file: it reads little, writes by request_write, and may be begun anew */
    ROUTE_ORGID = 128,       /* the tenant must be named by the header orgid */
};

struct route {
    const char *method;
    const char *pattern;
    enum route_access access;
    enum dialect dialect;
    unsigned flags;
    route_fn *handle;
};

/* The addresses of one area. */
struct route_table {
    const struct route *rows;
    size_t count;
};

struct route_match {
    const struct route *route;              /* NULL unless ROUTE_FOUND */
    struct str params[ROUTE_PARAMS_MAX];    /* decoded, in their order in the pattern */
    size_t param_count;
    bool head;                              /* a HEAD that is served by the GET route */
    char allow[ROUTE_ALLOW_BYTES];          /* ROUTE_NO_METHOD: for the Allow header */
};

enum route_result {
    ROUTE_FOUND,
    ROUTE_NO_PATH,     /* 404 */
    ROUTE_NO_METHOD,   /* 405 */
    ROUTE_BAD_PATH,    /* 400: a broken escape, or bytes that are no text */
    ROUTE_NO_ROOM,     /* the arena is full */
};

enum route_result router_match(const struct route_table *const *tables, size_t count, struct arena *a, struct str method,
                               struct str path, struct route_match *match_out);
/* Text that the store takes: UTF-8 without NUL. */
bool text_is_storable(struct str text);
/* Whose words an address without a route is answered in: by the beginning of the path. */
enum dialect router_dialect_of(struct str path);

#endif
