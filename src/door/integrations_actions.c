/*
 * Actions (002, chapter 4): one call to the vendor that the template declares, asked for by a person; and the
 * registering of webhooks (chapter 6).
 */
#include "door/integrations_view_priv.h"
#include "door/routes_priv.h"
#include "engine/operation.h"
#include "hook/inbox.h"

bool
integrations_action(struct request *r, struct err *err)
{
    struct connection c;
    yyjson_val *result = NULL;
    if (!find_integration(r, &c, err))
        return false;
    struct operation_call call = {.tenant = c.tenant, .connection = c.uuid, .section = STR("actions"),
                                  .name = request_path_param(r, 1), .input = r->body};
    if (!engine_operation(request_parts(r)->engine, r->arena, &call, &result, err))
        return false;
    struct json_writer *w = reply_bare(r, 200);
    json_add_bool(w, "success", true);
    json_add_str(w, "action", call.name);
    json_add_val(w, "data", result);
    return reply_end(r, err);
}

static bool
reply_setup(struct request *r, const struct inbox_setup *setup, struct err *err)
{
    struct json_writer *w = reply_bare(r, 200);
    json_add_bool(w, "success", true);
    json_add_bool(w, "registered", setup->registered);
    json_add_str(w, "webhookUrl", setup->url);
    if (setup->webhook_id.len)
        json_add_str(w, "webhookId", setup->webhook_id);
    if (setup->verified >= 0)
        json_add_bool(w, "verified", setup->verified == 1);
    if (setup->instructions.len && !setup->registered)
        json_add_str(w, "instructions", setup->instructions);
    return reply_end(r, err);
}

bool
integrations_setup_webhook(struct request *r, struct err *err)
{
    struct connection c;
    struct inbox_setup setup;
    int rotate;
    return request_query_bool(r, "rotate", &rotate, err) && find_integration(r, &c, err) &&
           inbox_setup(request_parts(r)->inbox, r->arena, c.tenant, c.uuid, rotate == 1, &setup, err) &&
           integration_audit(r, "integration.setup-webhook", &c, err) && reply_setup(r, &setup, err);
}

bool
integrations_setup_webhook_again(struct request *r, struct str nothing, struct err *err)
{
    struct connection c;
    struct inbox_setup setup;
    (void)nothing;
    return find_integration(r, &c, err) &&
           inbox_setup_look(request_parts(r)->inbox, r->arena, c.tenant, c.uuid, &setup, err) && reply_setup(r, &setup, err);
}
