/*
 * The webhooks block of a template, when it is loaded: what is wrong in it is named by its member, so that reading a delivery
 * (webhooks.c) meets only what it understands.
 */
#include "template/webhooks.h"

#include <stdio.h>

#include "template/manifest_priv.h"
#include "template/signature.h"

static const char *const requests[WEBHOOK_REQUESTS] = {
    [WEBHOOK_NEWS] = "", [WEBHOOK_ERASE] = "erase", [WEBHOOK_ERASE_ALL] = "erase_all", [WEBHOOK_DISCLOSE] = "disclose"};

enum webhook_request
webhook_request_of(yyjson_val *entry)
{
    struct str word = json_str_or(json_get_c(entry, "request"), STR(""));
    enum webhook_request request = WEBHOOK_NEWS;
    while (request < WEBHOOK_REQUESTS && !str_eq_c(word, requests[request]))
        request++;
    return request;
}

yyjson_val *
template_webhooks(const struct template *t)
{
    yyjson_val *block = json_get_c(template_info(t)->tidemark, "webhooks");
    return yyjson_is_obj(block) && json_get_c(block, "events") != NULL ? block : NULL;
}

static bool
fault(struct err *err, struct str member, const char *words)
{
    return err_set(err, E_TEMPLATE_INVALID, "metadata.tidemark.webhooks.%.*s %s", STR_ARG(member), words);
}

static bool
is_paths(yyjson_val *value)
{
    size_t index, max;
    yyjson_val *item;
    if (value == NULL || yyjson_is_str(value))
        return true;
    if (!yyjson_is_arr(value) || yyjson_arr_size(value) == 0)
        return false;
    JSON_EACH_ITEM(value, index, max, item) {
        if (!yyjson_is_str(item))
            return false;
    }
    return true;
}

static bool
is_path_map(yyjson_val *value)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (value != NULL && !yyjson_is_obj(value))
        return false;
    JSON_EACH_MEMBER(value, index, max, key, item) {
        if (!is_paths(item))
            return false;
    }
    return true;
}

static bool
check_paths(yyjson_val *object, const char *const *members, struct str where, struct err *err)
{
    for (; *members != NULL; members++) {
        if (is_paths(json_get_c(object, *members)))
            continue;
        return err_set(err, E_TEMPLATE_INVALID, "metadata.tidemark.webhooks%.*s.%s must be a path or a list of paths",
                       STR_ARG(where), *members);
    }
    return true;
}

static bool
check_entry(const struct template *t, struct str type, yyjson_val *entry, struct err *err)
{
    static const char *const paths[] = {"record", "id", "version", "time", NULL};
    char where[96];
    snprintf(where, sizeof(where), ".events.%.*s", (int)(type.len > 60 ? 60 : type.len), type.ptr);
    struct str stream = json_str(json_get_c(entry, "stream")), intake = json_str(json_get_c(entry, "intake"));
    if (!yyjson_is_obj(entry) || template_stream_find(t, stream) == NULL)
        return err_set(err, E_TEMPLATE_INVALID, "metadata.tidemark.webhooks%s.stream names no stream of this template", where);
    if (!check_paths(entry, paths, str_from_c(where), err))
        return false;
    if (!is_path_map(json_get_c(entry, "set")) || !is_path_map(json_get_c(entry, "slice")))
        return err_set(err, E_TEMPLATE_INVALID, "metadata.tidemark.webhooks%s: set and slice are maps of paths", where);
    if (json_get_c(entry, "record") == NULL && json_get_c(entry, "id") == NULL)
        return err_set(err, E_TEMPLATE_INVALID, "metadata.tidemark.webhooks%s needs a record or an id", where);
    if (webhook_request_of(entry) == WEBHOOK_REQUESTS)
        return err_set(err, E_TEMPLATE_INVALID, "metadata.tidemark.webhooks%s.request is erase, erase_all or disclose", where);
    return intake.len == 0 || str_eq(intake, STR("lead")) ||
           err_set(err, E_TEMPLATE_INVALID, "metadata.tidemark.webhooks%s.intake can only be lead", where);
}

static bool
check_events(const struct template *t, yyjson_val *events, struct err *err)
{
    size_t index, max, item_index, item_max;
    yyjson_val *key, *entries, *entry;
    if (!yyjson_is_obj(events))
        return fault(err, STR("events"), "must be a map of event types");
    JSON_EACH_MEMBER(events, index, max, key, entries) {
        if (!yyjson_is_arr(entries) && !check_entry(t, json_str(key), entries, err))
            return false;
        JSON_EACH_ITEM(entries, item_index, item_max, entry) {
            if (!check_entry(t, json_str(key), entry, err))
                return false;
        }
    }
    return true;
}

static bool
are_registrations(yyjson_val *value)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (!yyjson_is_obj(value))
        return value == NULL || (yyjson_is_arr(value) && is_paths(value));
    JSON_EACH_MEMBER(value, index, max, key, item) {
        if (str_eq_c(json_str(key), "by") ? !yyjson_is_str(item) : !yyjson_is_arr(item) || !is_paths(item))
            return false;
    }
    return json_get_c(value, "by") != NULL;
}

static bool
check_block(const struct template *t, yyjson_val *block, struct err *err)
{
    static const char *const paths[] = {"account", "type", "delivery_id", NULL};
    yyjson_val *verify = json_get_c(block, "verify"), *each = json_get_c(block, "each"), *overload = json_get_c(block, "overload");
    yyjson_val *handshake = json_get_c(block, "handshake"), *find_items = json_get_c(block, "find_items");
    int64_t status = 503;
    if (!check_paths(block, paths, STR(""), err))
        return false;
    if (verify != NULL && !signature_schemes_check(verify, err))
        return err_prefix(err, "metadata.tidemark.webhooks.");
    if (json_get_c(block, "type") == NULL)
        return fault(err, STR("type"), "is needed: where the kind of event stands");
    if (each != NULL && (!yyjson_is_arr(each) || !is_paths(each)))
        return fault(err, STR("each"), "must be a list of paths");
    if (overload != NULL && (!json_to_i64(overload, &status) || (status != 429 && status != 503)))
        return fault(err, STR("overload"), "is 429 or 503");
    if (!are_registrations(json_get_c(block, "registrations")))
        return fault(err, STR("registrations"), "is a list of texts, or a map of such lists and `by`");
    if (find_items != NULL && (!yyjson_is_arr(find_items) || !is_paths(find_items)))
        return fault(err, STR("find_items"), "is a list of texts");
    if (handshake != NULL && (json_str(json_get_c(handshake, "challenge")).len == 0 || json_str(json_get_c(handshake, "token")).len == 0))
        return fault(err, STR("handshake"), "names the query parameters of the challenge and of the token");
    if (json_get_c(block, "secret_fields") != NULL && !is_paths(json_get_c(block, "secret_fields")))
        return fault(err, STR("secret_fields"), "must be a list of members");
    return check_events(t, json_get_c(block, "events"), err);
}

bool
template_webhooks_check(const struct template *t, struct err *err)
{
    yyjson_val *block = json_get_c(template_info(t)->tidemark, "webhooks");
    if (block == NULL)
        return true;
    if (!yyjson_is_obj(block))
        return err_set(err, E_TEMPLATE_INVALID, "metadata.tidemark.webhooks must be a map");
    /* A block without events only registers; what it needs is checked by whoever reads it. */
    return json_get_c(block, "events") == NULL || check_block(t, block, err);
}
