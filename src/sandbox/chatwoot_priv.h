/*
 * What the files of the Chatwoot simulation share. Facts from its source at commit 1e33bfd (4.16.2) and its
 * OpenAPI file: serializers under app/views/api/v1, finders under app/finders, models under app/models.
 */
#ifndef TIDEMARK_SANDBOX_CHATWOOT_PRIV_H
#define TIDEMARK_SANDBOX_CHATWOOT_PRIV_H

#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define CONTACTS_PER_PAGE 15
#define CONVERSATIONS_PER_PAGE 25
#define AGENTS 6
#define INBOXES 4

enum conversation_status { STATUS_OPEN, STATUS_RESOLVED, STATUS_PENDING, STATUS_SNOOZED, STATUSES };
enum message_type { MESSAGE_INCOMING, MESSAGE_OUTGOING, MESSAGE_ACTIVITY, MESSAGE_TEMPLATE };
#define MESSAGE_TYPE_MASK 3u
#define MESSAGE_PRIVATE 4u

extern const char *const chatwoot_statuses[STATUSES];

/* ---- chatwoot_world.c: what an account holds ---- */

struct chatwoot {
    struct collection *contacts, *conversations, *messages, *webhooks;
};
struct chatwoot chatwoot_of(struct world *world);
bool chatwoot_populate(struct world *world, const struct sandbox_core *core);
uint64_t chatwoot_random(const struct world *world, const struct collection *c, const struct object *object);
/* A message at the end of a conversation, whose activity (and its contact's) rises. Its index or OBJECT_NONE. */
uint32_t chatwoot_add_message(struct world *world, uint32_t conversation, int64_t now_us, enum message_type type,
                              struct str written);
uint32_t chatwoot_create_contact(struct world *world, struct collection *c, int64_t now_us);
uint32_t chatwoot_create_conversation(struct world *world, struct collection *c, int64_t now_us);
uint32_t chatwoot_create_message(struct world *world, struct collection *c, int64_t now_us);
void chatwoot_touch_contact(struct world *world, struct collection *c, uint32_t index, int64_t now_us);
void chatwoot_touch_conversation(struct world *world, struct collection *c, uint32_t index, int64_t now_us);

/* ---- chatwoot_contact.c ---- */

struct contact_fields {
    int64_t id;
    struct str name, email, phone, identifier; /* STR_NONE: null */
    struct str company, city, country;         /* to sort by; empty when unknown */
    bool blocked;
    struct str additional, custom;             /* JSON objects */
    unsigned inbox;                            /* 1.., 0: none */
    struct str source_id;
};
/* Texts in `a`. A full arena leaves fields empty. */
struct contact_fields contact_read(struct world *world, uint32_t index, struct arena *a);
bool contact_resolved(struct world *world, struct collection *c, uint32_t index, struct arena *a);
void contact_write(struct world *world, uint32_t index, struct arena *a, bool with_inboxes, struct json_writer *w,
                   const char *key);
/* As it stands beside messages: the contact's push_event_data. */
void contact_write_event(struct world *world, uint32_t index, struct arena *a, struct json_writer *w, const char *key);
void contact_write_listed(struct world *world, struct collection *c, uint32_t index, struct arena *a,
                          struct json_writer *w);

void contacts_list(struct sandbox_request *r, struct sandbox_reply *reply);
void contacts_search(struct sandbox_request *r, struct sandbox_reply *reply);
void contacts_filter(struct sandbox_request *r, struct sandbox_reply *reply);
void contacts_show(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index);
/* ---- chatwoot_contact_write.c ---- */
void contacts_create(struct sandbox_request *r, struct sandbox_reply *reply);
void contacts_update(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index);
void contacts_merge(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- chatwoot_conversation.c ---- */

void conversation_write_listed(struct world *world, struct collection *c, uint32_t index, struct arena *a,
                               struct json_writer *w);
void message_write_listed(struct world *world, struct collection *c, uint32_t index, struct arena *a,
                          struct json_writer *w);
void conversations_list(struct sandbox_request *r, struct sandbox_reply *reply, bool only_counts);
void conversations_of_contact(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t contact);
void conversations_show(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index);
void conversations_create(struct sandbox_request *r, struct sandbox_reply *reply);
void conversations_toggle(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index);
/* ---- chatwoot_message.c ---- */
void messages_list(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t conversation);
void messages_create(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t conversation);
/* The long form, as it stands inside a conversation: the message's push_event_data. */
void message_write_event(struct world *world, uint32_t index, struct arena *a, struct json_writer *w, const char *key);
enum message_type message_type(const struct object *message);
/* The agent a conversation is assigned to, 1.., or 0. */
unsigned conversation_assignee(struct world *world, uint32_t index);
void conversation_write_labels(struct world *world, uint32_t index, struct json_writer *w);
int64_t conversation_inbox(struct world *world, uint32_t index, struct arena *a);
struct str message_content(struct world *world, uint32_t index, struct arena *a);
int64_t conversation_unread(struct world *world, uint32_t index);

/* ---- chatwoot_account.c: inboxes, agents, profile, webhooks ---- */

const char *inbox_channel(unsigned inbox);
void inbox_write_brief(unsigned inbox, struct json_writer *w, const char *key);
void agent_write(struct world *world, unsigned agent, struct arena *a, struct json_writer *w, const char *key);
void agent_write_event(struct world *world, unsigned agent, struct arena *a, struct json_writer *w, const char *key);
void inboxes_list(struct sandbox_request *r, struct sandbox_reply *reply);
void profile_show(struct sandbox_request *r, struct sandbox_reply *reply);
void webhooks_route(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- chatwoot_announce.c: what its webhooks are told; vendor.h ---- */
void chatwoot_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *arena);

/* ---- chatwoot.c: answers that many need ---- */

void chatwoot_error(struct sandbox_reply *reply, int status, const char *words);
void chatwoot_not_found(struct sandbox_reply *reply);
/* 422 {"message":..., "attributes":[...]}; attributes as "email,phone_number". */
void chatwoot_invalid(struct sandbox_reply *reply, struct str message, struct str attributes);
/* The body as a JSON object; NULL when it is none, the answer is made then. */
yyjson_val *chatwoot_body(struct sandbox_request *r, struct sandbox_reply *reply);

#endif
