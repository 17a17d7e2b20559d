/*
 * The rest of a Chatwoot account: inboxes, agents, the token's profile, webhooks.
 *
 * Sources: app/views/api/v1/models/{_inbox,_agent,_user}.json.jbuilder, app/models/webhook.rb and its
 * controller (the secret is in the answer since 4.12). Chatwoot wraps webhooks in payload.webhooks and
 * payload.webhook, although its OpenAPI file shows bare ones.
 */
#include "base/limits.h"
#include "sandbox/chatwoot_priv.h"

struct inbox {
    const char *name, *channel, *provider;
};
static const struct inbox inboxes[INBOXES] = {
    {"Site", "Channel::WebWidget", NULL},
    {"WhatsApp", "Channel::Whatsapp", "whatsapp_cloud"},
    {"E-mail", "Channel::Email", NULL},
    {"API", "Channel::Api", NULL},
};

const char *
inbox_channel(unsigned inbox)
{
    return inboxes[(inbox - 1) % INBOXES].channel;
}

static void
write_inbox_members(unsigned inbox, struct json_writer *w)
{
    const struct inbox *i = &inboxes[(inbox - 1) % INBOXES];
    json_add_i64(w, "id", inbox);
    json_add_c(w, "avatar_url", "");
    json_add_i64(w, "channel_id", inbox);
    json_add_c(w, "name", i->name);
    json_add_c(w, "channel_type", i->channel);
    json_add_c(w, "provider", i->provider);
}

void
inbox_write_brief(unsigned inbox, struct json_writer *w, const char *key)
{
    json_begin_object(w, key);
    write_inbox_members(inbox, w);
    json_end_object(w);
}

static void
write_working_hours(struct json_writer *w)
{
    json_begin_array(w, "working_hours");
    for (int day = 0; day < 7; day++) {
        bool closed = day == 0 || day == 6;
        json_begin_object(w, NULL);
        json_add_i64(w, "day_of_week", day);
        json_add_bool(w, "closed_all_day", closed);
        json_add_i64(w, "open_hour", 9);
        json_add_i64(w, "open_minutes", 0);
        json_add_i64(w, "close_hour", 17);
        json_add_i64(w, "close_minutes", 0);
        json_add_bool(w, "open_all_day", false);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_inbox(unsigned inbox, struct json_writer *w)
{
    json_begin_object(w, NULL);
    write_inbox_members(inbox, w);
    json_add_bool(w, "greeting_enabled", false);
    json_add_null(w, "greeting_message");
    json_add_bool(w, "working_hours_enabled", false);
    json_add_bool(w, "enable_email_collect", true);
    json_add_bool(w, "csat_survey_enabled", false);
    json_add_bool(w, "enable_auto_assignment", true);
    json_add_raw(w, "auto_assignment_config", STR("{}"));
    json_add_null(w, "out_of_office_message");
    write_working_hours(w);
    json_add_c(w, "timezone", "America/Recife");
    json_add_null(w, "callback_webhook_url");
    json_add_bool(w, "allow_messages_after_resolved", true);
    json_add_bool(w, "lock_to_single_conversation", false);
    json_add_c(w, "sender_name_type", "friendly");
    json_add_null(w, "business_name");
    json_end_object(w);
}

void
inboxes_list(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    (void)r;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "payload");
    for (unsigned i = 1; i <= INBOXES; i++)
        write_inbox(i, &w);
    json_end_array(&w);
    json_end_object(&w);
}

static struct person
agent_person(struct world *world, unsigned agent, struct arena *a)
{
    struct person person = {0};
    if (!person_make(a, world->seed ^ 31, agent, 0, &person))
        person = (struct person){0};
    return person;
}

void
agent_write(struct world *world, unsigned agent, struct arena *a, struct json_writer *w, const char *key)
{
    struct person person = agent_person(world, agent, a);
    json_begin_object(w, key);
    json_add_i64(w, "id", agent);
    json_add_i64(w, "account_id", world->account);
    json_add_c(w, "availability_status", "offline");
    json_add_bool(w, "auto_offline", true);
    json_add_bool(w, "confirmed", true);
    json_add_str(w, "email", person.email);
    json_add_str(w, "available_name", person.first);
    json_add_str(w, "name", person.name);
    json_add_c(w, "role", agent == 1 ? "administrator" : "agent");
    json_add_c(w, "thumbnail", "");
    json_end_object(w);
}

void
agent_write_event(struct world *world, unsigned agent, struct arena *a, struct json_writer *w, const char *key)
{
    struct person person = agent_person(world, agent, a);
    json_begin_object(w, key);
    json_add_i64(w, "id", agent);
    json_add_str(w, "name", person.name);
    json_add_str(w, "available_name", person.first);
    json_add_c(w, "avatar_url", "");
    json_add_c(w, "type", "user");
    json_add_c(w, "availability_status", "offline");
    json_add_c(w, "thumbnail", "");
    json_end_object(w);
}

/* The accounts of the token: those of the documents, and every one that was asked for. */
#define PROFILE_ACCOUNTS_MAX 64

static size_t
list_accounts(struct sandbox_request *r, int64_t accounts[static PROFILE_ACCOUNTS_MAX])
{
    static const int64_t documented[] = {1, 123};
    int64_t opened[PROFILE_ACCOUNTS_MAX];
    size_t count = 0;
    size_t opened_count = (size_t)core_accounts(r->core, r->vendor, opened, PROFILE_ACCOUNTS_MAX - ARRAY_LEN(documented));
    for (size_t i = 0; i < ARRAY_LEN(documented); i++)
        accounts[count++] = documented[i];
    for (size_t i = 0; i < opened_count; i++)
        if (opened[i] != documented[0] && opened[i] != documented[1])
            accounts[count++] = opened[i];
    return count;
}

static void
write_account(int64_t account, struct arena *a, struct json_writer *w)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "id", account);
    json_add_str(w, "name", account == 1 ? STR("Acme Inc") : str_format(a, "Acme %lld", (long long)account));
    json_add_c(w, "status", "active");
    json_add_time(w, "active_at", WORLD_NEWEST_US);
    json_add_c(w, "role", "administrator");
    json_begin_array(w, "permissions");
    json_add_c(w, NULL, "administrator");
    json_end_array(w);
    json_add_c(w, "availability", "online");
    json_add_c(w, "availability_status", "offline");
    json_add_bool(w, "auto_offline", true);
    json_end_object(w);
}

void
profile_show(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    int64_t accounts[PROFILE_ACCOUNTS_MAX];
    size_t count = list_accounts(r, accounts);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "access_token", "your-api-key"); /* the same for every token: none is repeated back */
    json_add_i64(&w, "account_id", accounts[0]);
    json_add_c(&w, "available_name", "Sandbox");
    json_add_c(&w, "avatar_url", "");
    json_add_bool(&w, "confirmed", true);
    json_add_null(&w, "display_name");
    json_add_null(&w, "message_signature");
    json_add_c(&w, "email", "sandbox@example.com");
    json_add_i64(&w, "id", 1);
    json_add_null(&w, "inviter_id");
    json_add_c(&w, "name", "Sandbox");
    json_add_c(&w, "provider", "email");
    json_add_c(&w, "pubsub_token", "sandbox-pubsub");
    json_add_c(&w, "role", "administrator");
    json_add_raw(&w, "ui_settings", STR("{}"));
    json_add_c(&w, "uid", "sandbox@example.com");
    json_add_null(&w, "type");
    json_begin_array(&w, "accounts");
    for (size_t i = 0; i < count; i++)
        write_account(accounts[i], r->arena, &w);
    json_end_array(&w);
    json_end_object(&w);
}

/* ---- webhooks: objects that are all `written` ---- */

static const char *const events[] = {
    "conversation_status_changed", "conversation_updated", "conversation_created", "contact_created",
    "contact_updated", "message_created", "message_updated", "webwidget_triggered", "inbox_created",
    "inbox_updated", "conversation_typing_on", "conversation_typing_off",
};

static yyjson_val *
webhook_read(struct sandbox_request *r, uint32_t index)
{
    struct err err = {0};
    const struct object *object = world_object(chatwoot_of(r->world).webhooks, index);
    return json_parse(r->arena, (struct str){object->written, object->written_bytes}, JSON_PLAIN,
                      LIMIT_JSON_DEPTH_API, &err);
}

static void
webhook_write(struct sandbox_request *r, uint32_t index, struct json_writer *w, const char *key)
{
    yyjson_val *written = webhook_read(r, index);
    json_begin_object(w, key);
    json_add_i64(w, "id", world_object(chatwoot_of(r->world).webhooks, index)->id);
    json_add_str(w, "name", json_str(json_get_c(written, "name")));
    json_add_str(w, "url", json_str(json_get_c(written, "url")));
    json_add_i64(w, "account_id", r->world->account);
    json_add_val(w, "subscriptions", json_get_c(written, "subscriptions"));
    json_add_str(w, "secret", json_str(json_get_c(written, "secret")));
    json_end_object(w);
}

static void
webhooks_list(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct collection *webhooks = chatwoot_of(r->world).webhooks;
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "payload");
    json_begin_array(&w, "webhooks");
    for (uint32_t i = 0; i < webhooks->count; i++)
        if (!world_object(webhooks, i)->deleted)
            webhook_write(r, i, &w, NULL);
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
}

static void
webhooks_show(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "payload");
    webhook_write(r, index, &w, "webhook");
    json_end_object(&w);
    json_end_object(&w);
    reply_served(reply, "webhooks", world_object(chatwoot_of(r->world).webhooks, index)->id);
}

static bool
subscriptions_valid(yyjson_val *subscriptions)
{
    size_t at, max;
    yyjson_val *item;
    yyjson_arr_foreach(subscriptions, at, max, item) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(events); i++)
            known = known || str_eq_c(json_str(item), events[i]);
        if (!known)
            return false;
    }
    return yyjson_arr_size(subscriptions) > 0;
}

static bool
url_taken(struct sandbox_request *r, struct str url, uint32_t self)
{
    struct collection *webhooks = chatwoot_of(r->world).webhooks;
    for (uint32_t i = 0; i < webhooks->count; i++)
        if (i != self && !world_object(webhooks, i)->deleted &&
            str_eq(json_str(json_get_c(webhook_read(r, i), "url")), url))
            return true;
    return false;
}

/* The webhook as it will be stored, checked; STR_NONE when the answer is made already. */
static struct str
webhook_compose(struct sandbox_request *r, struct sandbox_reply *reply, yyjson_val *body, uint32_t self)
{
    yyjson_val *old = self == OBJECT_NONE ? NULL : webhook_read(r, self);
    yyjson_val *inner = json_get_c(body, "webhook");
    if (yyjson_is_obj(inner)) /* Rails wraps parameters, both forms arrive */
        body = inner;
    struct http_url parts;
    char secret[PEOPLE_UUID_BYTES];
    struct str url = json_str_or(json_get_c(body, "url"), json_str(json_get_c(old, "url")));
    yyjson_val *subscriptions = json_get_c(body, "subscriptions");
    if (subscriptions == NULL)
        subscriptions = json_get_c(old, "subscriptions");
    if (url_taken(r, url, self)) {
        chatwoot_invalid(reply, STR("Url has already been taken"), STR("url"));
        return STR_NONE;
    }
    if (!http_url_parse(url, &parts)) {
        chatwoot_invalid(reply, STR("Url is invalid"), STR("url"));
        return STR_NONE;
    }
    if (!subscriptions_valid(subscriptions)) {
        chatwoot_invalid(reply, STR("Subscriptions Invalid events"), STR("subscriptions"));
        return STR_NONE;
    }
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "name", json_str_or(json_get_c(body, "name"), json_str(json_get_c(old, "name"))));
    json_add_str(&w, "url", url);
    json_add_val(&w, "subscriptions", subscriptions);
    json_add_str(&w, "secret", json_str_or(json_get_c(old, "secret"),
                 str_from_c(people_uuid(rng_next(&r->world->rng), r->world->seed, secret))));
    json_end_object(&w);
    struct str text = buf_ok(&b) ? str_copy(r->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    if (str_is_none(text))
        chatwoot_error(reply, 500, "Out of memory");
    return text;
}

static void
webhooks_save(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct collection *webhooks = chatwoot_of(r->world).webhooks;
    yyjson_val *body = chatwoot_body(r, reply);
    struct str text = body ? webhook_compose(r, reply, body, index) : STR_NONE;
    if (str_is_none(text))
        return;
    if (index == OBJECT_NONE)
        index = world_add_written(r->world, webhooks, clock_wall_us(r->world->clock), OBJECT_NONE, text);
    else if (!world_write(r->world, webhooks, index, text))
        index = OBJECT_NONE;
    if (index == OBJECT_NONE)
        chatwoot_error(reply, 500, "Out of memory");
    else
        webhooks_show(r, reply, index);
}

void
webhooks_route(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t id;
    bool has_id = r->segment_count == 6;
    if (!has_id && request_is(r, "GET")) {
        webhooks_list(r, reply);
        return;
    }
    if (!has_id && request_is(r, "POST")) {
        webhooks_save(r, reply, OBJECT_NONE);
        return;
    }
    uint32_t index = has_id && str_to_i64(r->segments[5], 1, INT64_MAX, &id)
        ? world_find(chatwoot_of(r->world).webhooks, id)
        : OBJECT_NONE;
    if (index == OBJECT_NONE) {
        chatwoot_not_found(reply);
    } else if (request_is(r, "PATCH") || request_is(r, "PUT")) {
        webhooks_save(r, reply, index);
    } else if (request_is(r, "DELETE")) {
        world_remove(r->world, chatwoot_of(r->world).webhooks, index);
        reply->status = 200;
    } else {
        chatwoot_not_found(reply);
    }
}
