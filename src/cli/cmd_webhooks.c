/*
 * `tidemark webhooks`: what platforms sent, what became of it, and once more.
 */
#include "cli/commands_priv.h"
#include "json/json.h"

#define USAGE "Say webhooks, webhooks show EVENT, or webhooks replay EVENT"

static const struct out_column columns[] = {
    {"EVENT", "type", OUT_TEXT, 40}, {"PLATFORM", "platform", OUT_TEXT, 0}, {"STATUS", "status", OUT_TEXT, 0},
    {"ABOUT", "externalId", OUT_TEXT, 30}, {"ERROR", "errorMessage", OUT_TEXT, 40}, {"RECEIVED (UTC)", "receivedAt", OUT_TIME, 0},
    {"ID", "id", OUT_TEXT, 0},
    {0},
};
static const struct out_column pairs[] = {
    {"Event", "type", OUT_TEXT, 0}, {"Platform", "platform", OUT_TEXT, 0}, {"Connection", "connectionId", OUT_TEXT, 0},
    {"Status", "status", OUT_TEXT, 0}, {"About", "externalId", OUT_TEXT, 0}, {"Trust", "trust", OUT_TEXT, 0},
    {"Tries", "attempts", OUT_TEXT, 0}, {"Error", "errorMessage", OUT_TEXT, 0}, {"Delivery", "deliveryId", OUT_TEXT, 0},
    {"Received (UTC)", "receivedAt", OUT_TIME, 0}, {"Next try (UTC)", "dueAt", OUT_TIME, 0},
    {"Finished (UTC)", "finishedAt", OUT_TIME, 0}, {"Payload", "payload", OUT_TEXT, 0},
    {0},
};

static struct str
with(struct cli *cli, struct str query, const char *name, struct str value)
{
    if (!value.len)
        return query;
    return str_format(cli->arena, "%.*s%s%s=%.*s", STR_ARG(query), query.len ? "&" : "?", name, STR_ARG(encoded(cli, value)));
}

static bool
list(struct cli *cli, struct client *c, struct err *err)
{
    struct str query, name = cli_value(cli, "connection");
    yyjson_val *connection;
    if (!list_query(cli, &query, err))
        return false;
    query = with(cli, query, "status", cli_value(cli, "status"));
    query = with(cli, query, "q", cli_value(cli, "search"));
    if (name.len) {
        if (!client_find_connection(c, cli->arena, name, &connection, err))
            return false;
        query = with(cli, query, "connectionId", json_str(json_get_c(connection, "id")));
    }
    return print_list(cli, c, str_join2(cli->arena, STR("/api/v1/webhooks/events"), query), columns, "No events.", err);
}

static bool
webhooks(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str verb = cli_positional(cli, 0), id = cli_positional(cli, 1);
    (void)code_out;
    if (!verb.len || (str_eq_c(verb, "list") && !id.len))
        return list(cli, c, err);
    if (!id.len || (!str_eq_c(verb, "show") && !str_eq_c(verb, "replay")))
        return err_set(err, E_USAGE, "%s", USAGE);
    struct str path = str_format(cli->arena, "/api/v1/webhooks/events/%.*s", STR_ARG(encoded(cli, id)));
    if (str_eq_c(verb, "show"))
        return print_one(cli, c, "GET", path, STR_NONE, pairs, err);
    return print_one(cli, c, "POST", str_join2(cli->arena, path, STR("/replay")), STR_NONE, pairs, err);
}

enum exit_code
cmd_webhooks(struct cli *cli)
{
    return with_client(cli, webhooks);
}
