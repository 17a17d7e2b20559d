/*
 * Chatwoot: the routes, who may call them, and what Rails adds to every answer.
 *
 * Each account has a world of its own, made when first asked for. Sources: config/routes.rb,
 * app/controllers/concerns/{access_token_auth_helper,request_exception_handler}.rb,
 * config/initializers/rack_attack.rb.
 */
#include "base/check.h"
#include "base/limits.h"
#include "sandbox/chatwoot_priv.h"

void
chatwoot_error(struct sandbox_reply *reply, int status, const char *words)
{
    struct json_writer w;
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "error", words);
    json_end_object(&w);
}

void
chatwoot_not_found(struct sandbox_reply *reply)
{
    chatwoot_error(reply, 404, "Resource could not be found");
}

void
chatwoot_invalid(struct sandbox_reply *reply, struct str message, struct str attributes)
{
    struct json_writer w;
    reply_json(reply, 422);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "message", message);
    json_begin_array(&w, "attributes");
    while (!str_is_none(attributes)) {
        struct str attribute;
        str_cut(attributes, ',', &attribute, &attributes);
        json_add_str(&w, NULL, attribute);
    }
    json_end_array(&w);
    json_end_object(&w);
}

yyjson_val *
chatwoot_body(struct sandbox_request *r, struct sandbox_reply *reply)
{
    yyjson_val *body = request_object(r);
    if (body != NULL)
        return body;
    reply_text(reply, 400, "application/json; charset=utf-8", STR("{\"status\":400,\"error\":\"Bad Request\"}"));
    return NULL;
}

static bool
claims(struct str path)
{
    return str_eq_c(path, "/api/v1/profile") || str_starts(path, STR("/api/v1/accounts/"));
}

static struct str
token(const struct sandbox_request *r)
{
    return http_header_get(r->headers, "api_access_token");
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str shown = token(r);
    if (str_is_none(shown) || shown.len == 0) {
        reply_text(reply, 401, "application/json; charset=utf-8",
                   STR("{\"errors\":[\"You need to sign in or sign up before continuing.\"]}"));
        return;
    }
    chatwoot_error(reply, 401, "Invalid Access Token");
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    reply_text(reply, 429, "text/plain", STR("Retry later\n"));
}

/* ---- routes below /api/v1/accounts/:account ---- */

static void
contact_route(struct sandbox_request *r, struct sandbox_reply *reply, struct str id_text)
{
    int64_t id;
    struct collection *contacts = chatwoot_of(r->world).contacts;
    uint32_t index = str_to_i64(id_text, 1, INT64_MAX, &id) ? world_find(contacts, id) : OBJECT_NONE;
    bool below = r->segment_count == 7;
    if (index == OBJECT_NONE) {
        chatwoot_not_found(reply);
    } else if (below && request_is(r, "GET") && str_eq_c(r->segments[6], "conversations")) {
        conversations_of_contact(r, reply, index);
    } else if (below || r->segment_count > 7) {
        chatwoot_not_found(reply);
    } else if (request_is(r, "GET")) {
        contacts_show(r, reply, index);
    } else if (request_is(r, "PUT") || request_is(r, "PATCH")) {
        contacts_update(r, reply, index);
    } else if (request_is(r, "DELETE")) {
        world_remove(r->world, contacts, index);
        reply_served(reply, "contacts", id);
        reply->status = 200;
    } else {
        chatwoot_not_found(reply);
    }
}

static void
contacts_route(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str below = r->segment_count > 5 ? r->segments[5] : STR_NONE;
    if (str_is_none(below) && request_is(r, "GET"))
        contacts_list(r, reply);
    else if (str_is_none(below) && request_is(r, "POST"))
        contacts_create(r, reply);
    else if (str_eq_c(below, "search") && request_is(r, "GET"))
        contacts_search(r, reply);
    else if (str_eq_c(below, "filter") && request_is(r, "POST"))
        contacts_filter(r, reply);
    else
        contact_route(r, reply, below);
}

static void
conversation_route(struct sandbox_request *r, struct sandbox_reply *reply, struct str id_text)
{
    int64_t id;
    struct collection *conversations = chatwoot_of(r->world).conversations;
    uint32_t index = str_to_i64(id_text, 1, INT64_MAX, &id) ? world_find(conversations, id) : OBJECT_NONE;
    struct str below = r->segment_count > 6 ? r->segments[6] : STR_NONE;
    if (index == OBJECT_NONE || r->segment_count > 7)
        chatwoot_not_found(reply);
    else if (str_is_none(below) && request_is(r, "GET"))
        conversations_show(r, reply, index);
    else if (str_eq_c(below, "messages") && request_is(r, "GET"))
        messages_list(r, reply, index);
    else if (str_eq_c(below, "messages") && request_is(r, "POST"))
        messages_create(r, reply, index);
    else if (str_eq_c(below, "toggle_status") && request_is(r, "POST"))
        conversations_toggle(r, reply, index);
    else
        chatwoot_not_found(reply);
}

static void
conversations_route(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str below = r->segment_count > 5 ? r->segments[5] : STR_NONE;
    if (str_is_none(below) && request_is(r, "GET"))
        conversations_list(r, reply, false);
    else if (str_is_none(below) && request_is(r, "POST"))
        conversations_create(r, reply);
    else if (str_eq_c(below, "meta") && request_is(r, "GET"))
        conversations_list(r, reply, true);
    else
        conversation_route(r, reply, below);
}

static void
actions_route(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (r->segment_count == 6 && str_eq_c(r->segments[5], "contact_merge") && request_is(r, "POST"))
        contacts_merge(r, reply);
    else
        chatwoot_not_found(reply);
}

static const struct account_route {
    const char *name;
    void (*serve)(struct sandbox_request *r, struct sandbox_reply *reply);
} account_routes[] = {
    {"contacts", contacts_route}, {"conversations", conversations_route}, {"inboxes", inboxes_list},
    {"webhooks", webhooks_route}, {"actions", actions_route},
};

static void
account_route(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t account;
    if (r->segment_count < 5 || !str_to_i64(r->segments[3], 1, INT32_MAX, &account) ||
        request_world(r, account) == NULL) {
        chatwoot_not_found(reply);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(account_routes); i++) {
        if (!str_eq_c(r->segments[4], account_routes[i].name))
            continue;
        account_routes[i].serve(r, reply);
        return;
    }
    chatwoot_not_found(reply);
}

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    bool api = r->segment_count >= 3 && str_eq_c(r->segments[0], "api") && str_eq_c(r->segments[1], "v1");
    if (api && r->segment_count == 3 && str_eq_c(r->segments[2], "profile") && request_is(r, "GET"))
        profile_show(r, reply);
    else if (api && str_eq_c(r->segments[2], "accounts"))
        account_route(r, reply);
    else
        chatwoot_not_found(reply);
}

/* The body's validator, weak as Rack::ETag makes it; a client that has it gets 304 and no body. */
static void
add_etag(struct sandbox_request *r, struct sandbox_reply *reply)
{
    uint64_t left = people_mix(reply->body.len, 1), right = left;
    for (size_t i = 0; i < reply->body.len; i++) {
        left = (left ^ (unsigned char)reply->body.ptr[i]) * UINT64_C(0x100000001b3);
        right = (right + (unsigned char)reply->body.ptr[i]) * UINT64_C(0x9E3779B97F4A7C15);
    }
    struct str etag = str_format(r->arena, "W/\"%016llx%016llx\"", (unsigned long long)left, (unsigned long long)right);
    reply_header(reply, "ETag", etag);
    if (!request_is(r, "GET") || !str_eq(http_header_get(r->headers, "If-None-Match"), etag))
        return;
    reply->status = 304;
    reply->content_type = NULL;
    buf_clear(&reply->body);
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    char uuid[PEOPLE_UUID_BYTES];
    int64_t now_us = clock_wall_us(r->world ? r->world->clock : clock_system());
    if (reply->status == 429)
        return; /* Rack::Attack stands before Rails */
    reply_header(reply, "X-Frame-Options", STR("SAMEORIGIN"));
    reply_header(reply, "X-XSS-Protection", STR("0"));
    reply_header(reply, "X-Content-Type-Options", STR("nosniff"));
    reply_header(reply, "X-Permitted-Cross-Domain-Policies", STR("none"));
    reply_header(reply, "Referrer-Policy", STR("strict-origin-when-cross-origin"));
    reply_header(reply, "Vary", STR("Accept"));
    reply_header(reply, "X-Request-Id",
                 str_copy(r->arena, str_from_c(people_uuid((uint64_t)now_us, (uint64_t)(uintptr_t)r->arena, uuid))));
    reply_header(reply, "X-Runtime", STR("0.012345"));
    reply_header(reply, "Cache-Control", reply->status == 200 ? STR("max-age=0, private, must-revalidate")
                                                              : STR("no-cache"));
    if (reply->status == 200 && reply->body.len > 0)
        add_etag(r, reply);
}

const struct vendor vendor_chatwoot = {
    .name = "chatwoot",
    .title = "Chatwoot",
    .config = "{\"accountId\":\"1\",\"accessToken\":\"your-api-key\",\"baseUrl\":\"%s\"}",
    .account = 1,
    .entities = {
        {"contacts", contact_resolved, contact_write_listed, chatwoot_create_contact, chatwoot_touch_contact},
        {"conversations", NULL, conversation_write_listed, chatwoot_create_conversation, chatwoot_touch_conversation},
        {"messages", NULL, message_write_listed, chatwoot_create_message, NULL},
    },
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = chatwoot_populate,
    .handle = handle,
    .finish = finish,
    .announce = chatwoot_announce,
};
