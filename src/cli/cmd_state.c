/*
 * `tidemark state`, `rejected` and `deletes`: how far a connection was read, and what stands aside.
 */
#include <stdio.h>

#include "cli/commands_priv.h"

static const struct out_column state_columns[] = {
    {"STREAM", "stream", OUT_TEXT, 0}, {"ENTITY", "entityType", OUT_TEXT, 0}, {"RECORDS", "records", OUT_NUMBER, 0},
    {"DELETED", "deleted", OUT_NUMBER, 0}, {"REJECTED", "rejected", OUT_NUMBER, 0},
    {"LAST FULL PASS (UTC)", "lastFullSyncAt", OUT_TIME, 0}, {"CURSORS", "partitions", OUT_TEXT, 60},
    {0},
};

static const struct out_column rejected_columns[] = {
    {"STREAM", "stream", OUT_TEXT, 0}, {"EXTERNAL ID", "externalId", OUT_TEXT, 40}, {"REASON", "reason", OUT_TEXT, 80},
    {"LAST SEEN (UTC)", "lastAt", OUT_TIME, 0}, {"TIMES", "times", OUT_NUMBER, 0},
    {0},
};

static const struct out_column replay_pairs[] = {
    {"Tried", "tried", OUT_NUMBER, 0}, {"Accepted", "accepted", OUT_NUMBER, 0}, {"Rejected again", "rejected", OUT_NUMBER, 0},
    {0},
};

static const struct out_column deletes_columns[] = {
    {"ENTITY", "entityType", OUT_TEXT, 0}, {"EXTERNAL ID", "externalId", OUT_TEXT, 40}, {"WHAT", "title", OUT_TEXT, 60},
    {"HELD SINCE (UTC)", "heldAt", OUT_TIME, 0},
    {0},
};

/* The last positional may be a verb: `state reset NAME` and `state NAME reset` both work. */
static bool
connection_path(struct cli *cli, struct client *c, const char *verb, const char *tail, bool *verb_out, struct str *path_out,
                struct err *err)
{
    yyjson_val *connection;
    bool first = str_eq_c(cli_positional(cli, 0), verb), second = str_eq_c(cli_positional(cli, 1), verb);
    *verb_out = first || second;
    if (cli->positional_count > 1 && !*verb_out)
        return err_set(err, E_USAGE, "\"%.*s\" was not expected: the only action is %s", STR_ARG(cli_positional(cli, 1)),
                       verb);
    if (!client_find_connection(c, cli->arena, cli_positional(cli, first ? 1 : 0), &connection, err))
        return false;
    *path_out = str_format(cli->arena, "/api/v1/sync/connections/%.*s%s",
                           STR_ARG(json_str(json_get_c(connection, "id"))), tail);
    return true;
}

static bool
state(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str path, stream = cli_value(cli, "stream");
    struct client_reply reply;
    bool reset;
    (void)code_out;
    if (!connection_path(cli, c, "reset", "/state", &reset, &path, err))
        return false;
    if (stream.len)
        path = str_format(cli->arena, "%.*s?stream=%.*s", STR_ARG(path), STR_ARG(encoded(cli, stream)));
    if (!client_call(c, cli->arena, reset ? "DELETE" : "GET", path, STR_NONE, &reply, err))
        return false;
    if (reset && !cli->json)
        printf("Reset: the next run is full.\n");
    else if (cli->json)
        reset ? (void)puts("{\"success\":true}") : out_json(&reply);
    else
        out_table(cli->arena, json_get_c(reply.data, "streams"), state_columns, "Nothing was read yet: tidemark sync");
    return true;
}

enum exit_code
cmd_state(struct cli *cli)
{
    return with_client(cli, state);
}

static bool
rejected(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str path, query;
    bool replay;
    if (!connection_path(cli, c, "replay", "/rejected", &replay, &path, err) || !list_query(cli, &query, err))
        return false;
    if (replay) {
        struct client_reply reply;
        int64_t left = 0;
        if (!client_call(c, cli->arena, "POST", str_join2(cli->arena, path, STR("/replay")), STR_NONE, &reply, err))
            return false;
        if (cli->json)
            out_json(&reply);
        else
            out_pairs(cli->arena, reply.data, replay_pairs);
        if (json_to_i64(json_get_c(reply.data, "rejected"), &left) && left > 0)
            *code_out = EXIT_CODE_PARTIAL;
        return true;
    }
    return print_list(cli, c, str_join2(cli->arena, path, query), rejected_columns, "No record was rejected.", err);
}

enum exit_code
cmd_rejected(struct cli *cli)
{
    return with_client(cli, rejected);
}

static bool
deletes(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str query, run = cli_positional(cli, 0);
    bool confirm = str_eq(run, STR("confirm")) || str_eq(cli_positional(cli, 1), STR("confirm"));
    (void)code_out;
    if (str_eq(run, STR("confirm")))
        run = cli_positional(cli, 1);
    if (!run.len || (cli->positional_count > 1 && !confirm))
        return err_set(err, E_USAGE, "Say which run: deletes RUN, or deletes confirm RUN");
    struct str path = str_format(cli->arena, "/api/v1/sync/runs/%.*s/deletes", STR_ARG(encoded(cli, run)));
    static const struct out_column pairs[] = {{"Deleted", "deleted", OUT_NUMBER, 0}, {0}};
    if (confirm)
        return print_one(cli, c, "POST", str_join2(cli->arena, path, STR("/confirm")), STR_NONE, pairs, err);
    return list_query(cli, &query, err) &&
           print_list(cli, c, str_join2(cli->arena, path, query), deletes_columns, "No delete waits for a person.", err);
}

enum exit_code
cmd_deletes(struct cli *cli)
{
    return with_client(cli, deletes);
}
