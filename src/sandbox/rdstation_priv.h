/*
 * What the files of the RD Station simulation share. Two products behind one address, each with tokens of its own at the
 * vendor: Marketing (contacts, by segmentation) and CRM v2. Facts from the vendor's official clients (a Ruby library and a
 * node for a workflow tool) and its documentation pages; there is no published description of the API.
 *
 * Times are written in the vendor's own zone, -03:00, and CRM filters are read in it.
 */
#ifndef TIDEMARK_SANDBOX_RDSTATION_PRIV_H
#define TIDEMARK_SANDBOX_RDSTATION_PRIV_H

#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define RD_ACCOUNT 1
#define RD_STANDARD_SEGMENTATION 1
#define RD_ID_BYTES 40

/* Places in world->vendor_numbers. */
enum { RD_NUMBER_WINDOW, RD_NUMBER_MARKETING, RD_NUMBER_CRM, RD_NUMBER_LOGINS, RD_NUMBER_COMPANIES };

struct rdstation {
    struct collection *contacts, *crm_contacts, *companies, *deals, *webhooks, *crm_webhooks;
};

typedef void rdstation_write_fn(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);

/* ---- rdstation_world.c */
struct rdstation rdstation_of(struct world *world);
bool rdstation_populate(struct world *world, const struct sandbox_core *core);
uint32_t rdstation_create(struct world *world, struct collection *c, int64_t now_us);
void rdstation_convert(struct world *world, struct collection *c, uint32_t index, int64_t now_us); /* one more conversion */
struct str rdstation_uuid(const struct world *world, const struct object *o, struct arena *a);
struct str rdstation_hex(const struct object *o, struct arena *a);                                 /* the CRM's 24 digits */
uint32_t rdstation_find_hex(struct collection *c, struct str hex);

/* ---- rdstation_write.c: objects as the vendor shows them */
rdstation_write_fn rdstation_write_contact, rdstation_write_row, rdstation_write_crm_contact, rdstation_write_company,
    rdstation_write_deal;
struct str rdstation_email(struct world *world, struct collection *c, uint32_t index, struct arena *a);
void rdstation_add_time(struct json_writer *w, struct arena *a, const char *key, int64_t us); /* 0: null */

/* ---- rdstation_contact.c: segmentations, contacts, events */
void rdstation_platform(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- rdstation_crm.c */
void rdstation_crm(struct sandbox_request *r, struct sandbox_reply *reply); /* below /crm/v2 */

/* ---- rdstation_webhook.c */
void rdstation_webhooks(struct sandbox_request *r, struct sandbox_reply *reply);     /* below /integrations/webhooks */
void rdstation_crm_webhooks(struct sandbox_request *r, struct sandbox_reply *reply); /* below /crm/v2/webhooks */
void rdstation_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *arena);

/* ---- rdstation_login.c */
bool rdstation_is_login(const struct sandbox_request *r);
struct str rdstation_login_token(const struct sandbox_request *r);                   /* what is refused when it is "invalid" */
void rdstation_login(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- rdstation.c: answers that all routes give */
void rdstation_error(struct sandbox_reply *reply, int status, const char *type, const char *message);
yyjson_val *rdstation_body(struct sandbox_request *r, struct sandbox_reply *reply); /* NULL: answered with 400 */

#endif
