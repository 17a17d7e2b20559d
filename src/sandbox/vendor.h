/*
 * A vendor is one file of routes over the common world (world.h): how its answers look, how it pages,
 * what it refuses. Everything else - faults, throttle, ledger, control routes, sending - is common.
 *
 * To add a vendor: write its file with one `const struct vendor`, declare it below, list it in vendors.c.
 */
#ifndef TIDEMARK_SANDBOX_VENDOR_H
#define TIDEMARK_SANDBOX_VENDOR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "json/json.h"
#include "json/writer.h"
#include "net/http.h"
#include "sandbox/world.h"

#define SEGMENTS_MAX 12
#define REPLY_HEADERS_MAX 16
#define REPLY_BYTES_MAX (256L * 1024 * 1024)
#define ENTITIES_MAX 8

struct sandbox_request {
    struct str method;
    struct str path;                    /* as it came, without the vendor's prefix */
    struct str query;
    struct str segments[SEGMENTS_MAX];  /* of the path, decoded */
    size_t segment_count;
    const struct http_pair *pairs;      /* of the query, decoded */
    size_t pair_count;
    const struct http_headers *headers;
    struct str body;
    struct arena *arena;
    struct world *world;                /* of the account asked for; set by the vendor with request_world */
    struct sandbox_core *core;          /* the common store */
    const struct vendor *vendor;
    const struct fault_hit *hit;        /* what strikes this request; the vendor need not look */
    bool loop;                          /* fault: the position in the query is not to be believed */
};

struct reply_header {
    const char *name;
    struct str value;
};

struct sandbox_reply {
    int status;                         /* 0: not answered yet */
    const char *content_type;           /* NULL: none */
    struct buf body;
    struct reply_header headers[REPLY_HEADERS_MAX];
    size_t header_count;
    const char *entity;                 /* what `ids` are, for the ledger; NULL: no objects in it */
    struct buf ids;                     /* "1,2,3" */
};

/* One kind of object, as the control routes handle it. */
struct vendor_entity {
    const char *name;                                        /* the collection's */
    /* What lists show; NULL: every live object. */
    bool (*visible)(struct world *world, struct collection *c, uint32_t index, struct arena *scratch);
    /* One object as the vendor's own list has it. */
    void (*write)(struct world *world, struct collection *c, uint32_t index, struct arena *scratch,
                  struct json_writer *w);
    /* A new object made by chance at now_us (mutate); its index or OBJECT_NONE. NULL: cannot be made so. */
    uint32_t (*create)(struct world *world, struct collection *c, int64_t now_us);
    /* Something happened to it at now_us, after a plain edit: activity rises. NULL: a plain edit is all there is. */
    void (*touch)(struct world *world, struct collection *c, uint32_t index, int64_t now_us);
};

struct vendor {
    const char *name, *title;
    const char *config;                 /* credentials that work; %s is the base URL */
    int64_t account;                    /* of that config */
    struct vendor_entity entities[ENTITIES_MAX]; /* the last one has no name */
    /* Whether a path without the "/<name>" prefix is meant for this vendor. */
    bool (*claims)(struct str path);
    /* The token a request shows; STR_NONE when there is none. */
    struct str (*token)(const struct sandbox_request *request);
    /* Answers, in the vendor's words, what the common part refuses. */
    void (*refuse_token)(struct sandbox_request *request, struct sandbox_reply *reply);
    void (*refuse_rate)(struct sandbox_request *request, struct sandbox_reply *reply);
    /* Fills a new world. False without memory. */
    bool (*populate)(struct world *world, const struct sandbox_core *core);
    /* Answers every other request; called under the lock. */
    void (*handle)(struct sandbox_request *request, struct sandbox_reply *reply);
    /* Adds the headers this vendor sends with everything. */
    void (*finish)(struct sandbox_request *request, struct sandbox_reply *reply);
    /* Tells whoever registered for it of one change, through core->courier. NULL: this vendor announces nothing. */
    void (*announce)(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *arena);
};

extern const struct vendor vendor_amazon;
extern const struct vendor vendor_analytics;
extern const struct vendor vendor_chatwoot;
extern const struct vendor vendor_facebook;
extern const struct vendor vendor_highlevel;
extern const struct vendor vendor_hubspot;
extern const struct vendor vendor_rdstation;
extern const struct vendor vendor_shopify;
extern const struct vendor vendor_zendesk;
extern const struct vendor *const sandbox_vendors[]; /* all of them, vendors.c */
size_t sandbox_vendors_count(void);
const struct vendor_entity *vendor_entity(const struct vendor *vendor, struct str name);

/* The world of that account, made and populated when first asked for. NULL: too many accounts, no memory. */
struct world *request_world(struct sandbox_request *request, int64_t account);
/* The size asked for with sandbox_option_size, else `otherwise`. */
int64_t core_size(const struct sandbox_core *core, const char *vendor, const char *entity, int64_t otherwise);
bool core_off_spec(const struct sandbox_core *core);
int64_t core_accounts(const struct sandbox_core *core, const struct vendor *vendor, int64_t *accounts, size_t max);

/* Reading a request. */
struct str request_param(const struct sandbox_request *request, const char *name);   /* STR_NONE: not there */
/* A whole number within [min, max], else `otherwise`. */
int64_t request_number(const struct sandbox_request *request, const char *name, int64_t min, int64_t max,
                       int64_t otherwise);
/* The page number, 1 or more; always 1 while a loop fault is on. */
int64_t request_page(const struct sandbox_request *request, const char *name);
bool request_day(struct str text, int64_t *us_out);                                      /* 2026-11-22, its midnight in UTC */
bool request_is(const struct sandbox_request *request, const char *method);
struct str request_form_value(const struct sandbox_request *request, const char *name);   /* of a form body */
struct str request_body_value(const struct sandbox_request *request, const char *name);   /* a text, of JSON or of a form */
yyjson_val *request_object(const struct sandbox_request *request);  /* of a JSON body, {} when there is none; NULL: no object */
struct str request_bearer(const struct sandbox_request *request);                         /* STR_NONE: shows none */

/* Building a reply. */
void reply_header(struct sandbox_reply *reply, const char *name, struct str value);
void reply_json(struct sandbox_reply *reply, int status);    /* status and content type; the body is written by w */
void reply_text(struct sandbox_reply *reply, int status, const char *content_type, struct str body);
void reply_served(struct sandbox_reply *reply, const char *entity, int64_t id);
void reply_served_text(struct sandbox_reply *reply, const char *entity, struct str id);

#endif
