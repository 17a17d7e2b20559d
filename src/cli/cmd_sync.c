/*
 * `tidemark sync`: starts a run, and watches it to its end.
 */
#include <stdio.h>

#include "cli/commands_priv.h"
#include "cli/progress.h"
#include "json/writer.h"

#define BODY_BYTES_MAX 4096

static struct str
body_of(struct cli *cli, struct str connection_id)
{
    struct buf b;
    struct json_writer w;
    struct str stream = cli_value(cli, "stream");
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "connectionId", connection_id);
    json_add_bool(&w, "fullSync", cli_has(cli, "full"));
    if (stream.len)
        json_add_str(&w, "entityType", stream);
    if (cli_has(cli, "push"))
        json_add_c(&w, "direction", "push");
    json_end_object(&w);
    struct str text = buf_ok(&b) ? str_copy(cli->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

/* Starts one; a run that is under way already is watched instead. */
static bool
start(struct cli *cli, struct client *c, yyjson_val *connection, struct str *run_out, struct err *err)
{
    struct client_reply reply;
    struct str id = json_str(json_get_c(connection, "id"));
    if (client_call(c, cli->arena, "POST", STR("/api/v1/sync/run"), body_of(cli, id), &reply, err)) {
        *run_out = json_str(json_get_c(reply.data, "runId"));
        return true;
    }
    if (err->code != E_SYNC_IN_PROGRESS)
        return false;
    struct str path = str_format(cli->arena, "/api/v1/sync/runs?connectionId=%.*s&limit=1", STR_ARG(id));
    if (!client_call(c, cli->arena, "GET", path, STR_NONE, &reply, err))
        return false;
    *run_out = json_str(json_get_c(yyjson_arr_get_first(reply.data), "id"));
    if (!cli->json)
        puts(client_is_inside(c) ? "An earlier run was not finished; it goes on." : "A run is under way already; watching it.");
    return run_out->len || err_set(err, E_SYNC_IN_PROGRESS, NULL);
}

/* The user left: what happens to the run depends on who does it. */
static enum exit_code
tell_interrupted(struct cli *cli, struct client *c, struct str name, struct str run)
{
    struct str program = called_as(cli);
    fflush(stdout);
    if (client_is_inside(c))
        fprintf(stderr, "\nStopping between two pages. What was committed stays, and the next sync goes on from there:\n"
                        "  %.*s sync \"%.*s\"\n", STR_ARG(program), STR_ARG(name));
    else
        fprintf(stderr, "\nThe run goes on in the server.\n"
                        "  watch it again: %.*s sync \"%.*s\"\n  stop it:        %.*s runs cancel %.*s\n",
                STR_ARG(program), STR_ARG(name), STR_ARG(program), STR_ARG(run));
    return EXIT_CODE_INTERRUPTED;
}

static void
print_request(yyjson_val *q)
{
    size_t index, max;
    yyjson_val *key, *value;
    struct str method = json_str(json_get_c(q, "method")), url = json_str(json_get_c(q, "url")), body = json_str(json_get_c(q, "body"));
    printf("  # %.*s\n  %.*s %.*s\n", STR_ARG(json_str(json_get_c(q, "what"))), STR_ARG(method), STR_ARG(url));
    yyjson_obj_foreach(json_get_c(q, "headers"), index, max, key, value)
        printf("  %.*s: %.*s\n", STR_ARG(json_str(key)), STR_ARG(json_str(value)));
    if (body.len)
        printf("\n  %.*s\n", STR_ARG(body));
    putchar('\n');
}

static void
print_preview(yyjson_val *item)
{
    size_t index, max;
    yyjson_val *request;
    struct str reason = json_str(json_get_c(item, "reason")), id = json_str(json_get_c(item, "externalId"));
    printf("%.*s %.*s%s%.*s%s%.*s\n", STR_ARG(json_str(json_get_c(item, "action"))), STR_ARG(json_str(json_get_c(item, "recordId"))),
           id.len ? " as " : "", (int)id.len, id.ptr ? id.ptr : "", reason.len ? ": " : "", (int)reason.len, reason.ptr ? reason.ptr : "");
    if (yyjson_is_true(json_get_c(item, "needsToken")))
        puts("  a new token would be asked for first");
    yyjson_arr_foreach(json_get_c(item, "requests"), index, max, request)
        print_request(request);
}

/* What would be sent; nothing is. */
static bool
dry_run(struct cli *cli, struct client *c, yyjson_val *connection, struct err *err)
{
    size_t index, max;
    yyjson_val *item;
    struct client_reply reply;
    struct str stream = cli_value(cli, "stream");
    struct str id = json_str(json_get_c(connection, "id"));
    struct str path = str_format(cli->arena, "/api/v1/sync/connections/%.*s/push?full=%s%s%.*s", STR_ARG(id),
                                 cli_has(cli, "full") ? "true" : "false", stream.len ? "&stream=" : "",
                                 (int)stream.len, stream.ptr ? stream.ptr : "");
    if (!cli_has(cli, "push"))
        return err_set(err, E_USAGE, "--dry-run goes with --push: reading sends nothing");
    if (!client_call(c, cli->arena, "GET", path, STR_NONE, &reply, err))
        return false;
    if (cli->json) {
        out_json(&reply);
        return true;
    }
    yyjson_arr_foreach(reply.data, index, max, item)
        print_preview(item);
    if (yyjson_arr_size(reply.data) == 0)
        puts("Nothing waits to be sent.");
    return true;
}

static bool
sync_one(struct cli *cli, struct client *c, yyjson_val *connection, enum exit_code *code_out, struct err *err)
{
    struct str run;
    struct client_reply reply;
    if (cli_has(cli, "dry-run"))
        return dry_run(cli, c, connection, err);
    if (!start(cli, c, connection, &run, err))
        return false;
    if (cli_has(cli, "no-wait")) {
        printf(cli->json ? "{\"runId\":\"%.*s\"}\n" : "Started run %.*s\n", STR_ARG(run));
        return true;
    }
    if (!cli->json)
        printf("Syncing %.*s (run %.*s)\n", STR_ARG(json_str(json_get_c(connection, "name"))), STR_ARG(run));
    if (!progress_watch(c, cli, cli->arena, run, &reply, err))
        return false;
    if (progress_interrupted()) {
        *code_out = tell_interrupted(cli, c, json_str(json_get_c(connection, "name")), run);
        return true;
    }
    if (cli->json)
        out_json(&reply);
    else
        progress_sentence(reply.data, called_as(cli));
    enum exit_code code = progress_exit_code(reply.data);
    *code_out = code == EXIT_CODE_FAILED || *code_out == EXIT_CODE_OK ? code : *code_out;
    return true;
}

static bool
sync_all(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct client_reply reply;
    size_t index, max;
    yyjson_val *connection;
    if (!client_call(c, cli->arena, "GET", STR("/api/v1/sync/connections?limit=500&enabled=true"), STR_NONE, &reply, err))
        return false;
    if (yyjson_arr_size(reply.data) == 0)
        return err_set(err, E_CONNECTION_NOT_FOUND, "There is no connection that is switched on: make one with tidemark connect");
    yyjson_arr_foreach(reply.data, index, max, connection) {
        if (!sync_one(cli, c, connection, code_out, err))
            return false;
        if (progress_interrupted())
            break;
    }
    return true;
}

static bool
sync(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    yyjson_val *connection;
    if (cli_has(cli, "no-wait") && client_is_inside(c))
        return err_set(err, E_USAGE, "--no-wait needs a running server: start one with tidemark serve");
    if (cli_has(cli, "all"))
        return sync_all(cli, c, code_out, err);
    return client_find_connection(c, cli->arena, cli_positional(cli, 0), &connection, err) &&
           sync_one(cli, c, connection, code_out, err);
}

enum exit_code
cmd_sync(struct cli *cli)
{
    return with_client(cli, sync);
}
