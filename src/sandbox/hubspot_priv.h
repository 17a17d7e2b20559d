/*
 * What the files of the HubSpot simulation share. Facts from the vendor's published API description, version 2026-09
 * (contacts, tickets, owners, account info, OAuth), and its developer pages on limits and errors.
 *
 * An object is an id and a map of texts, its properties; the vendor gives only those that were asked for. Ids are numbers
 * written as text. One account (portal) is played, whatever the token.
 */
#ifndef TIDEMARK_SANDBOX_HUBSPOT_PRIV_H
#define TIDEMARK_SANDBOX_HUBSPOT_PRIV_H

#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define HS_PORTAL 62515
#define HS_NUMBER_COMPANIES 8 /* in world->vendor_numbers: how many there were at the start */
#define HS_PROPERTIES_MAX 96 /* of one object, those a client made up included */

struct hubspot {
    struct collection *contacts, *companies, *deals, *tickets, *owners, *settings, *subscriptions;
};

/* The properties of one object; later ones of a name replace earlier ones. Texts live in the arena. */
struct hs_properties {
    struct arena *arena;
    size_t count;
    struct {
        struct str name, value; /* value STR_NONE: null */
    } items[HS_PROPERTIES_MAX];
};

/* ---- hubspot_world.c */
struct hubspot hubspot_of(struct world *world);
bool hubspot_populate(struct world *world, const struct sandbox_core *core);
uint32_t hubspot_create(struct world *world, struct collection *c, int64_t now_us);
/* "contacts", "contact", "0-1": the collection of that object type, or NULL. */
struct collection *hubspot_type(struct world *world, struct str name);

/* ---- hubspot_properties.c */
void hubspot_read(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct hs_properties *list_out);
void hubspot_set(struct hs_properties *list, struct str name, struct str value); /* past HS_PROPERTIES_MAX: forgotten */
struct str hubspot_value(const struct hs_properties *list, struct str name);     /* STR_NONE: null or unknown */
/* One object with the properties asked for: names and commas, several times; STR_NONE as first: the default ones; NULL: all. */
void hubspot_write(struct world *world, struct collection *c, uint32_t index, struct arena *a, const struct str *wanted,
                   size_t wanted_count, struct json_writer *w);
void hubspot_write_all(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
void hubspot_write_owner(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);

/* ---- hubspot_search.c */
void hubspot_search(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c);

/* ---- hubspot_object.c: everything else about objects */
void hubspot_objects(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, const struct str *rest,
                     size_t rest_count);
void hubspot_owners(struct sandbox_request *r, struct sandbox_reply *reply, const struct str *rest, size_t rest_count);

/* ---- hubspot_webhook.c: POST /_webhooks/TYPE/ID gives a delivery as the vendor would send it, signed */
void hubspot_webhook(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- hubspot_app.c: the webhook settings of an app */
void hubspot_app(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- hubspot.c: answers that all routes give */
void hubspot_error(struct sandbox_request *r, struct sandbox_reply *reply, int status, const char *category, struct str words);
yyjson_val *hubspot_body(struct sandbox_request *r, struct sandbox_reply *reply); /* NULL: answered with 400 */

#endif
