/*
 * What the files of the Zendesk simulation share. Facts from the description that the vendor publishes (users, organizations,
 * tickets, incremental exports), recorded exchanges of an open-source client, and the vendor's pages on limits and webhooks.
 *
 * Times are in whole seconds. What is deleted stays in the exports: a ticket with status "deleted", a user who is not active,
 * an organization with deleted_at.
 */
#ifndef TIDEMARK_SANDBOX_ZENDESK_PRIV_H
#define TIDEMARK_SANDBOX_ZENDESK_PRIV_H

#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define ZD_ACCOUNT 21825834
#define ZD_NUMBER_USERS 8 /* in world->vendor_numbers: how many of each there were at the start */

struct zendesk {
    struct collection *users, *organizations, *tickets, *comments, *webhooks;
};

typedef void zendesk_write_fn(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);

/* ---- zendesk_world.c */
struct zendesk zendesk_of(struct world *world);
bool zendesk_populate(struct world *world, const struct sandbox_core *core);
uint32_t zendesk_create(struct world *world, struct collection *c, int64_t now_us);
uint32_t zendesk_create_ticket(struct world *world, struct collection *c, int64_t now_us);
void zendesk_touch_ticket(struct world *world, struct collection *c, uint32_t index, int64_t now_us); /* one more comment */

/* ---- zendesk_write.c: objects as the vendor shows them */
zendesk_write_fn zendesk_write_user, zendesk_write_organization, zendesk_write_ticket, zendesk_write_comment;
struct str zendesk_email(struct world *world, struct collection *c, uint32_t index, struct arena *a);

/* ---- zendesk_list.c: exports, lists, one, writing */
void zendesk_export(struct sandbox_request *r, struct sandbox_reply *reply);
void zendesk_objects(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, const char *singular,
                     zendesk_write_fn *write);

/* ---- zendesk_webhook.c */
void zendesk_webhooks(struct sandbox_request *r, struct sandbox_reply *reply); /* below /api/v2/webhooks */
void zendesk_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *arena);

/* ---- zendesk.c: answers that all routes give */
void zendesk_error(struct sandbox_reply *reply, int status, const char *error, const char *description);
yyjson_val *zendesk_body(struct sandbox_request *r, struct sandbox_reply *reply); /* NULL: answered with 400 */

#endif
