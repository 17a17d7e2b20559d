/*
 * Writing to a shop: customers by creating, updating and setting them, and webhook subscriptions. What is wrong with the input
 * is told in userErrors with status 200, and nothing is done.
 */
#include "sandbox/shopify_priv.h"
#include "sandbox/written.h"

enum { UNIQUE_EMAIL, UNIQUE_PHONE };

struct outcome {
    yyjson_mut_doc *doc;
    yyjson_mut_val *errors;
    bool coded;            /* this payload's errors have codes */
};

static void
complain(struct outcome *o, const char *member, const char *message, const char *code)
{
    yyjson_mut_val *error = yyjson_mut_obj(o->doc), *field = yyjson_mut_arr(o->doc);
    yyjson_mut_arr_add_str(o->doc, field, "input");
    yyjson_mut_arr_add_str(o->doc, field, member);
    yyjson_mut_obj_add_val(o->doc, error, "field", field);
    yyjson_mut_obj_add_str(o->doc, error, "message", message);
    if (o->coded)
        yyjson_mut_obj_add_str(o->doc, error, "code", code);
    yyjson_mut_arr_append(o->errors, error);
}

static bool
is_email(struct str text)
{
    ptrdiff_t at = str_find(text, '@');
    return at > 0 && str_find(str_skip(text, (size_t)at), '.') > 1;
}

static bool
is_taken(struct world *world, unsigned slot, unique_text_fn *text, struct str value, uint32_t own)
{
    uint32_t found = value.len ? world_find_unique(world, shopify_of(world).customers, slot, text, value) : OBJECT_NONE;
    return found != OBJECT_NONE && found != own;
}

static void
check_customer(struct outcome *o, struct world *world, yyjson_val *input, uint32_t own)
{
    struct str email = json_str(json_get_c(input, "email")), phone = json_str(json_get_c(input, "phone"));
    bool named = json_str(json_get_c(input, "firstName")).len || json_str(json_get_c(input, "lastName")).len;
    if (own == OBJECT_NONE && !email.len && !phone.len && !named)
        complain(o, "email", "Customer must have a name, phone number or email address", "BLANK");
    if (email.len && !is_email(email))
        complain(o, "email", "Email is invalid", "INVALID");
    else if (is_taken(world, UNIQUE_EMAIL, shopify_email, email, own))
        complain(o, "email", "Email has already been taken", "TAKEN");
    if (phone.len && phone.ptr[0] != '+')
        complain(o, "phone", "Enter a valid phone number", "INVALID");
    else if (is_taken(world, UNIQUE_PHONE, shopify_phone, phone, own))
        complain(o, "phone", "Phone has already been taken", "TAKEN");
}

static uint32_t
write_customer(struct shopify_answer *answer, yyjson_val *input, uint32_t index)
{
    struct sandbox_request *r = answer->request;
    struct collection *c = shopify_of(r->world).customers;
    int64_t now_us = clock_wall_us(r->world->clock);
    if (index == OBJECT_NONE)
        return world_add_written(r->world, c, now_us - now_us % US_PER_S, OBJECT_NONE, json_to_text(r->arena, input));
    return written_add(r->world, c, index, input, r->arena) ? index : OBJECT_NONE;
}

/* The one that the identifier, or the input's id, names. */
static uint32_t
identified(struct world *world, const struct graphql_field *f, yyjson_val *input)
{
    struct collection *c = shopify_of(world).customers;
    yyjson_val *by = json_get_c(f->arguments, "identifier");
    struct str email = json_str(json_get_c(by, "email")), phone = json_str(json_get_c(by, "phone")), id = json_str(json_get_c(by, "id"));
    if (email.len)
        return world_find_unique(world, c, UNIQUE_EMAIL, shopify_email, email);
    if (phone.len)
        return world_find_unique(world, c, UNIQUE_PHONE, shopify_phone, phone);
    return shopify_find_gid(c, id.len ? id : json_str(json_get_c(input, "id")));
}

static yyjson_mut_val *
customer(struct shopify_answer *answer, const struct graphql_field *f, struct outcome *o)
{
    struct world *world = answer->request->world;
    yyjson_val *input = json_get_c(f->arguments, "input");
    bool create = str_eq_c(f->name, "customerCreate"), update = str_eq_c(f->name, "customerUpdate");
    uint32_t index = create ? OBJECT_NONE : identified(world, f, input);
    if (update && index == OBJECT_NONE)
        complain(o, "id", "Customer does not exist", "NOT_FOUND");
    check_customer(o, world, input, index);
    if (yyjson_mut_arr_size(o->errors) > 0)
        return yyjson_mut_null(o->doc);
    index = write_customer(answer, input, index);
    if (index == OBJECT_NONE)
        return yyjson_mut_null(o->doc);
    struct collection *c = shopify_of(world).customers;
    reply_served(answer->reply, "customers", world_object(c, index)->id);
    return yyjson_val_mut_copy(o->doc, shopify_whole(answer, shopify_write_customer, c, index));
}

static yyjson_mut_val *
subscribe(struct shopify_answer *answer, const struct graphql_field *f, struct outcome *o)
{
    struct sandbox_request *r = answer->request;
    struct collection *c = shopify_of(r->world).webhooks;
    yyjson_val *input = json_get_c(f->arguments, "webhookSubscription");
    struct str topic = graphql_text(f, "topic"), uri = json_str(json_get_c(input, "uri"));
    if (uri.len == 0)
        uri = json_str(json_get_c(input, "callbackUrl"));
    if (uri.len == 0)
        complain(o, "webhookSubscription", "Address can't be blank", "BLANK");
    for (uint32_t i = 0; i < c->count; i++) {
        yyjson_val *other = world_object(c, i)->deleted ? NULL : written_of(world_object(c, i), r->arena);
        if (other && str_eq(json_str(json_get_c(other, "topic")), topic) && str_eq(json_str(json_get_c(other, "uri")), uri))
            complain(o, "webhookSubscription", "Address for this topic has already been taken", "TAKEN");
    }
    if (yyjson_mut_arr_size(o->errors) > 0)
        return yyjson_mut_null(o->doc);
    yyjson_mut_val *members = yyjson_mut_obj(o->doc);
    yyjson_mut_obj_add_strncpy(o->doc, members, "topic", topic.ptr, topic.len);
    yyjson_mut_obj_add_strncpy(o->doc, members, "uri", uri.ptr, uri.len);
    struct str text = json_to_text(r->arena, json_freeze(r->arena, members));
    uint32_t index = world_add_written(r->world, c, clock_wall_us(r->world->clock), OBJECT_NONE, text);
    return index == OBJECT_NONE ? yyjson_mut_null(o->doc)
                                : yyjson_val_mut_copy(o->doc, shopify_whole(answer, shopify_write_webhook, c, index));
}

static yyjson_mut_val *
unsubscribe(struct shopify_answer *answer, const struct graphql_field *f, struct outcome *o)
{
    struct world *world = answer->request->world;
    struct collection *c = shopify_of(world).webhooks;
    struct str id = graphql_text(f, "id");
    uint32_t index = shopify_find_gid(c, id);
    if (index == OBJECT_NONE) {
        complain(o, "id", "Webhook subscription does not exist", "NOT_FOUND");
        return yyjson_mut_null(o->doc);
    }
    world_remove(world, c, index);
    return yyjson_mut_strncpy(o->doc, id.ptr, id.len);
}

static void
run(struct shopify_answer *answer, const struct graphql_field *f)
{
    static const struct {
        const char *name, *payload, *member;
        yyjson_mut_val *(*run)(struct shopify_answer *, const struct graphql_field *, struct outcome *);
    } mutations[] = {
        {"customerCreate", "CustomerCreatePayload", "customer", customer},
        {"customerUpdate", "CustomerUpdatePayload", "customer", customer},
        {"customerSet", "CustomerSetPayload", "customer", customer},
        {"webhookSubscriptionCreate", "WebhookSubscriptionCreatePayload", "webhookSubscription", subscribe},
        {"webhookSubscriptionDelete", "WebhookSubscriptionDeletePayload", "deletedWebhookSubscriptionId", unsubscribe},
    };
    struct arena *a = answer->request->arena;
    struct outcome o = {.doc = json_mut_doc(a), .coded = str_eq_c(f->name, "customerSet")};
    for (size_t i = 0; o.doc != NULL && i < ARRAY_LEN(mutations); i++) {
        if (!str_eq_c(f->name, mutations[i].name))
            continue;
        o.errors = yyjson_mut_arr(o.doc);
        yyjson_mut_val *payload = yyjson_mut_obj(o.doc), *done = mutations[i].run(answer, f, &o);
        yyjson_mut_obj_add_val(o.doc, payload, mutations[i].member, done);
        yyjson_mut_obj_add_val(o.doc, payload, "userErrors", o.errors);
        shopify_project(answer, f->alias, str_from_c(mutations[i].payload), json_freeze(a, payload), f->first);
        return;
    }
}

void
shopify_mutation(struct shopify_answer *answer, const struct graphql_field *first)
{
    for (const struct graphql_field *f = first; f != NULL; f = f->next) {
        answer->cost += 10;
        run(answer, f);
    }
}
