/*
 * What the files of the Shopify simulation share: the GraphQL Admin API of one shop. Facts from the vendor's published schema
 * (2026-10), its pages on rate limits, tokens and webhooks, and the fixtures of its own client libraries.
 *
 * Times are in whole seconds, amounts are texts, ids are gid://shopify/TYPE/NUMBER.
 */
#ifndef TIDEMARK_SANDBOX_SHOPIFY_PRIV_H
#define TIDEMARK_SANDBOX_SHOPIFY_PRIV_H

#include "sandbox/graphql.h"
#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define SHOP_ACCOUNT 690933842
#define SHOP_DOMAIN "your-shop.myshopify.com"
#define SHOP_SECRET "hush" /* of the app: what webhooks are signed with */
#define SHOP_LIST_MAX 250

/* Places in world->vendor_numbers. From SHOP_NUMBER_STARTED on: how many of each there were at the start. */
enum { SHOP_NUMBER_POINTS, SHOP_NUMBER_FILLED_US, SHOP_NUMBER_STARTED };

struct shopify {
    struct collection *products, *variants, *collections, *customers, *orders, *webhooks;
};

typedef void shopify_write_fn(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);

/* ---- shopify_world.c */
struct shopify shopify_of(struct world *world);
bool shopify_populate(struct world *world, const struct sandbox_core *core);
uint32_t shopify_create(struct world *world, struct collection *c, int64_t now_us);
uint32_t shopify_create_product(struct world *world, struct collection *c, int64_t now_us);

/* ---- shopify_write.c: whole objects, every member that can be asked for */
shopify_write_fn shopify_write_product, shopify_write_variant, shopify_write_collection, shopify_write_customer,
    shopify_write_order, shopify_write_webhook;
struct str shopify_email(struct world *world, struct collection *c, uint32_t index, struct arena *a);
struct str shopify_phone(struct world *world, struct collection *c, uint32_t index, struct arena *a);
bool shopify_is_in(const struct world *world, const struct object *product, int64_t collection_id);

/* ---- shopify_fields.c: which fields a type has */
struct shopify_type_field {
    const char *type, *field;
    const char *of;          /* the type of what it holds; NULL: a scalar */
    bool list;               /* a connection: first, after, edges, nodes, pageInfo */
};
const struct shopify_type_field *shopify_field(struct str type, struct str field); /* NULL */

/* ---- shopify_check.c: a document against the types, and what it costs */
struct shopify_check {
    struct json_writer *errors;  /* open array */
    struct arena *arena;
    unsigned faults;
};
/* The requested cost of a selection of that type; faults are written. */
int64_t shopify_cost(struct shopify_check *check, struct str type, const struct graphql_field *first, struct str path);

/* ---- shopify_answer.c: the data of an answer */
struct shopify_answer {
    struct sandbox_request *request;
    struct sandbox_reply *reply;
    struct json_writer *w;
    int64_t cost;                /* of what was really there */
    struct str fault;            /* the whole answer is this error, or STR_NONE */
};
void shopify_query(struct shopify_answer *answer, const struct graphql_field *first);
/* One object as the selection asks for it, as the member `key` of what is being written. value NULL or null: null. */
void shopify_project(struct shopify_answer *answer, struct str key, struct str type, yyjson_val *value, const struct graphql_field *first);
yyjson_val *shopify_whole(struct shopify_answer *answer, shopify_write_fn *write, struct collection *c, uint32_t index);
uint32_t shopify_find_gid(struct collection *c, struct str gid); /* gid://shopify/X/1 or the number alone */

/* ---- shopify_mutation.c */
void shopify_mutation(struct shopify_answer *answer, const struct graphql_field *first);

/* ---- shopify_webhook.c */
void shopify_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *arena);

#endif
