/*
 * What the files of the HighLevel simulation share. Facts from the vendor's OpenAPI files, version 2021-07-28
 * (conversations and calendars 2021-04-15), and its developer pages.
 *
 * Ids are texts of 20 letters and digits. The last eight are the object's number, so a text leads back to its
 * object; the rest is noise from the seed, so that a made-up id finds nothing.
 */
#ifndef TIDEMARK_SANDBOX_HIGHLEVEL_PRIV_H
#define TIDEMARK_SANDBOX_HIGHLEVEL_PRIV_H

#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define HL_ID_BYTES 21
#define HL_LOCATION_DEFAULT "ve9EPM428h8vShlRW1KT"

struct highlevel {
    struct collection *contacts, *conversations, *messages, *calendars, *slots, *locations, *opportunities, *appointments, *webhooks;
};

/* ---- highlevel_world.c */
struct highlevel highlevel_of(struct world *world);
bool highlevel_populate(struct world *world, const struct sandbox_core *core);
/* Returns text. */
const char *highlevel_id(const struct world *world, const struct collection *c, int64_t id, char text[static HL_ID_BYTES]);
/* Whose opportunity or appointment it is. */
uint32_t highlevel_contact_of(struct world *world, const struct object *o);
uint32_t highlevel_find(struct world *world, struct collection *c, struct str id); /* OBJECT_NONE */
/* The world of a location, made when first asked for; it remembers the location's id. */
struct world *highlevel_location(struct sandbox_request *r, struct str location);
struct str highlevel_location_of(struct world *world);
uint32_t highlevel_create_contact(struct world *world, struct collection *c, int64_t now_us);
uint32_t highlevel_create_conversation(struct world *world, struct collection *c, int64_t now_us);
uint32_t highlevel_create_message(struct world *world, struct collection *c, int64_t now_us);
/* At the end of a conversation, whose activity rises. written STR_NONE: made by chance. OBJECT_NONE without memory. */
uint32_t highlevel_add_message(struct world *world, uint32_t conversation, int64_t at_us, bool outbound, struct str written);
void highlevel_touch_conversation(struct world *world, struct collection *c, uint32_t index, int64_t now_us);

/* ---- highlevel.c: answers that all routes give */
void highlevel_error(struct sandbox_reply *reply, int status, const char *words);
yyjson_val *highlevel_body(struct sandbox_request *r, struct sandbox_reply *reply); /* NULL: answered with 400 */
void highlevel_add_id(struct json_writer *w, const char *key, const struct world *world, const struct collection *c, int64_t id);

/* ---- highlevel_contact.c */
void highlevel_write_contact(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
void highlevel_contacts(struct sandbox_request *r, struct sandbox_reply *reply); /* everything below /contacts */

/* ---- highlevel_conversation.c */
void highlevel_write_conversation(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
void highlevel_write_message(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
void highlevel_conversations(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- highlevel_calendar.c */
void highlevel_calendars(struct sandbox_request *r, struct sandbox_reply *reply);
void highlevel_locations(struct sandbox_request *r, struct sandbox_reply *reply);

void highlevel_write_appointment(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);

/* ---- highlevel_opportunity.c */
void highlevel_write_opportunity(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
void highlevel_opportunities(struct sandbox_request *r, struct sandbox_reply *reply);

/*
 * ---- highlevel_webhook.c: POST /_webhooks/TYPE/ID gives a delivery as the vendor would send it, signed; POST /_webhooks {url} is
 * the app's settings page: from then on that address is told of each change
 */
void highlevel_webhook(struct sandbox_request *r, struct sandbox_reply *reply);
void highlevel_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *a);

#endif
