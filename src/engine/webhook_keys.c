/*
 * The keys of a connection's webhooks: what the vendor signs with, and the token of the registered address.
 */
#include "engine/webhook_keys.h"

#include "engine/config.h"

static struct config_place
place_of(const struct webhook_keys_place *p)
{
    return (struct config_place){p->tenant, p->tenant_uuid, p->connection_uuid, STR("webhooks")};
}

static struct str
member(yyjson_val *json, const char *name)
{
    struct str text = json_str(json_get_c(json, name));
    return text.len > 0 ? text : STR_NONE;
}

bool
webhook_keys_open(struct keyring *k, const struct webhook_keys_place *place, struct arena *a, struct str sealed,
                  struct webhook_keys *keys_out, struct err *err)
{
    yyjson_val *json = NULL;
    struct config_place p = place_of(place);
    if (!config_open(k, &p, a, sealed, &json, err))
        return false;
    struct webhook_keys keys = {.secret = member(json, "secret"), .previous = member(json, "previous"),
                                .token = member(json, "token"), .previous_token = member(json, "previousToken")};
    struct str id = json_str(json_get_c(json, "webhookId"));
    keys.webhook_id = id.len > 0 ? id : STR_NONE;
    if (!json_to_i64(json_get_c(json, "previousUntil"), &keys.previous_until_us))
        keys.previous_until_us = 0;
    if (!json_to_i64(json_get_c(json, "previousTokenUntil"), &keys.previous_token_until_us))
        keys.previous_token_until_us = 0;
    *keys_out = keys;
    return true;
}

static void
add(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, struct str text)
{
    if (text.len > 0)
        yyjson_mut_obj_add(object, yyjson_mut_str(doc, name), yyjson_mut_strncpy(doc, text.ptr, text.len));
}

bool
webhook_keys_seal(struct keyring *k, const struct webhook_keys_place *place, struct arena *a, const struct webhook_keys *keys,
                  struct str *sealed_out, struct err *err)
{
    *sealed_out = STR_NONE;
    if (keys->secret.len + keys->previous.len + keys->token.len + keys->webhook_id.len == 0)
        return true;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *object = doc == NULL ? NULL : yyjson_mut_obj(doc);
    if (object == NULL)
        return err_no_memory(err);
    add(doc, object, "secret", keys->secret);
    add(doc, object, "previous", keys->previous);
    add(doc, object, "token", keys->token);
    add(doc, object, "previousToken", keys->previous_token);
    add(doc, object, "webhookId", keys->webhook_id);
    yyjson_mut_obj_add(object, yyjson_mut_str(doc, "previousTokenUntil"), yyjson_mut_sint(doc, keys->previous_token_until_us));
    yyjson_mut_obj_add(object, yyjson_mut_str(doc, "previousUntil"), yyjson_mut_sint(doc, keys->previous_until_us));
    yyjson_val *json = json_freeze(a, object);
    struct config_place p = place_of(place);
    bool ok = json != NULL ? config_seal(k, &p, a, json, sealed_out, err) : err_no_memory(err);
    config_wipe(a, json);
    return ok;
}

void
webhook_keys_replace(struct webhook_keys *keys, struct str secret, int64_t now_us)
{
    if (secret.len == 0) {
        keys->secret = keys->previous = STR_NONE;
        keys->previous_until_us = 0;
    } else if (!str_eq(keys->secret, secret)) {
        keys->previous = keys->secret;
        keys->previous_until_us = keys->secret.len > 0 ? now_us + WEBHOOK_SECRET_OVERLAP_US : 0;
        keys->secret = secret;
    }
}

void
webhook_keys_replace_token(struct webhook_keys *keys, struct str token, int64_t now_us)
{
    keys->previous_token = keys->token;
    keys->previous_token_until_us = keys->token.len > 0 ? now_us + WEBHOOK_SECRET_OVERLAP_US : 0;
    keys->token = token;
}

bool
webhook_keys_change(struct keyring *k, const struct webhook_keys_place *place, struct arena *a, struct str sealed,
                    struct str secret, int64_t now_us, struct str *sealed_out, struct err *err)
{
    struct webhook_keys keys;
    if (!webhook_keys_open(k, place, a, sealed, &keys, err))
        return false;
    webhook_keys_replace(&keys, secret, now_us);
    return webhook_keys_seal(k, place, a, &keys, sealed_out, err);
}
