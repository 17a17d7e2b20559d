/*
 * What Chatwoot tells its webhooks: each change of a contact, a conversation or a message that somebody subscribed to.
 *
 * Bodies are flat: the object's own fields beside `event` and `account`. Sources: app/listeners/webhook_listener.rb,
 * lib/webhooks/trigger.rb (signature over "<time>.<body>", a delivery id), the models' webhook_data.
 */
#include <string.h>

#include "base/limits.h"
#include "crypt/digest.h"
#include "sandbox/chatwoot_priv.h"
#include "sandbox/core.h"
#include "sandbox/courier.h"

#define BODY_BYTES_MAX (1024 * 1024)

struct announce {
    struct sandbox_core *core;
    struct world *world;
    struct arena *arena;
    const char *event;
    struct str body;          /* made when the first subscriber is found */
    const struct change *change;
    uint32_t index;
};

static const char *
event_name(const struct world *world, const struct change *change)
{
    const struct {
        const struct collection *collection;
        const char *created, *updated;
    } names[] = {
        {chatwoot_of((struct world *)(uintptr_t)world).contacts, "contact_created", "contact_updated"},
        {chatwoot_of((struct world *)(uintptr_t)world).conversations, "conversation_created", "conversation_updated"},
        {chatwoot_of((struct world *)(uintptr_t)world).messages, "message_created", "message_updated"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (change->collection == names[i].collection && change->kind != CHANGE_DELETE)
            return change->kind == CHANGE_CREATE ? names[i].created : names[i].updated;
    return NULL; /* deletions are not announced */
}

/* The object as lists have it, to be dressed. */
static yyjson_mut_val *
listed(struct announce *a, yyjson_mut_doc *doc)
{
    struct buf b;
    struct json_writer w;
    struct err ignored = {0};
    struct chatwoot cw = chatwoot_of(a->world);
    struct collection *c = world_collection(a->world, str_from_c(a->change->collection->name));
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    if (c == cw.contacts)
        contact_write_listed(a->world, c, a->index, a->arena, &w);
    else if (c == cw.conversations)
        conversation_write_listed(a->world, c, a->index, a->arena, &w);
    else
        message_write_listed(a->world, c, a->index, a->arena, &w);
    yyjson_val *value = buf_ok(&b) ? json_parse(a->arena, buf_str(&b), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &ignored) : NULL;
    buf_release(&b);
    return value == NULL ? NULL : yyjson_val_mut_copy(doc, value);
}

static void
put_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, struct str text)
{
    yyjson_mut_obj_put(object, yyjson_mut_str(doc, name), yyjson_mut_strncpy(doc, text.ptr, text.len));
}

/* In a webhook a message's type is a word, its time a text, and its conversation an object. */
static void
dress_message(struct announce *a, yyjson_mut_doc *doc, yyjson_mut_val *body)
{
    static const char *const types[] = {"incoming", "outgoing", "activity", "template"};
    char when[TIME_TEXT_BYTES];
    struct chatwoot cw = chatwoot_of(a->world);
    const struct object *message = world_object(cw.messages, a->index);
    put_text(doc, body, "message_type", str_from_c(types[message_type(message)]));
    put_text(doc, body, "created_at", str_from_c(time_format_ms(message->created_us, when)));
    yyjson_mut_val *conversation = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_int(doc, conversation, "id", world_object(cw.conversations, message->parent)->id);
    yyjson_mut_obj_put(body, yyjson_mut_str(doc, "conversation"), conversation);
    yyjson_mut_obj_remove_key(body, "conversation_id");
}

static void
dress_contact(struct announce *a, yyjson_mut_doc *doc, yyjson_mut_val *body)
{
    char when[TIME_TEXT_BYTES];
    const struct object *contact = world_object(chatwoot_of(a->world).contacts, a->index);
    yyjson_mut_obj_remove_key(body, "last_activity_at");
    yyjson_mut_obj_remove_key(body, "created_at");
    if (a->change->kind != CHANGE_UPDATE)
        return;
    yyjson_mut_val *list = yyjson_mut_arr(doc), *changed = yyjson_mut_obj(doc), *values = yyjson_mut_obj(doc);
    put_text(doc, values, "current_value", str_from_c(time_format_us(contact->updated_us, when)));
    yyjson_mut_obj_add(changed, yyjson_mut_str(doc, "updated_at"), values);
    yyjson_mut_arr_append(list, changed);
    yyjson_mut_obj_put(body, yyjson_mut_str(doc, "changed_attributes"), list);
}

static struct str
make_body(struct announce *a)
{
    yyjson_mut_doc *doc = json_mut_doc(a->arena);
    yyjson_mut_val *body = doc == NULL ? NULL : listed(a, doc);
    if (body == NULL)
        return STR_NONE;
    if (a->change->collection == chatwoot_of(a->world).messages)
        dress_message(a, doc, body);
    else if (a->change->collection == chatwoot_of(a->world).contacts)
        dress_contact(a, doc, body);
    yyjson_mut_val *account = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_int(doc, account, "id", a->world->account);
    yyjson_mut_obj_put(body, yyjson_mut_str(doc, "account"), account);
    yyjson_mut_obj_put(body, yyjson_mut_str(doc, "event"), yyjson_mut_str(doc, a->event));
    yyjson_val *frozen = json_freeze(a->arena, body);
    return frozen == NULL ? STR_NONE : json_to_text(a->arena, frozen);
}

static bool
subscribes(yyjson_val *webhook, const char *event)
{
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_get_c(webhook, "subscriptions"), index, max, item) {
        if (str_eq_c(json_str(item), event))
            return true;
    }
    return false;
}

static void
send(struct announce *a, yyjson_val *webhook)
{
    struct digest digest;
    struct err ignored = {0};
    char hex[DIGEST_TEXT_BYTES], delivery[PEOPLE_UUID_BYTES];
    struct str secret = json_str(json_get_c(webhook, "secret"));
    struct str at = str_format(a->arena, "%lld", (long long)(clock_wall_us(a->world->clock) / US_PER_S));
    struct str signed_text = str_format(a->arena, "%.*s.%.*s", STR_ARG(at), STR_ARG(a->body));
    if (!digest_hmac(DIGEST_SHA256, secret, signed_text, &digest, &ignored))
        return;
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("X-Chatwoot-Timestamp"), at},
        {STR("X-Chatwoot-Signature"), str_format(a->arena, "sha256=%s", digest_hex(&digest, hex))},
        {STR("X-Chatwoot-Delivery"), str_from_c(people_uuid(rng_next(&a->world->rng), a->world->seed, delivery))},
    };
    struct http_headers list = {headers, ARRAY_LEN(headers)};
    courier_send(a->core->courier, json_str(json_get_c(webhook, "url")), &list, a->body);
}

void
chatwoot_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *arena)
{
    struct announce a = {.core = core, .world = world, .arena = arena, .event = event_name(world, change), .change = change};
    struct collection *webhooks = chatwoot_of(world).webhooks;
    if (a.event == NULL)
        return;
    a.index = world_find(world_collection(world, str_from_c(change->collection->name)), change->object_id);
    for (uint32_t i = 0; a.index != OBJECT_NONE && i < webhooks->count; i++) {
        const struct object *object = world_object(webhooks, i);
        struct err ignored = {0};
        yyjson_val *webhook = object->deleted ? NULL : json_parse(arena, (struct str){object->written, object->written_bytes},
                                                                  JSON_PLAIN, LIMIT_JSON_DEPTH_API, &ignored);
        if (webhook == NULL || !subscribes(webhook, a.event))
            continue;
        if (str_is_none(a.body))
            a.body = make_body(&a);
        if (!str_is_none(a.body))
            send(&a, webhook);
    }
}
