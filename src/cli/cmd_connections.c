/*
 * `tidemark connect` and `tidemark connections`.
 */
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/commands_priv.h"
#include "json/writer.h"

#define BODY_BYTES_MAX (256 * 1024)
#define SECRET_LINE_BYTES 4096

static const struct out_column list_columns[] = {
    {"NAME", "name", OUT_TEXT, 40}, {"PLATFORM", "platform", OUT_TEXT, 0}, {"STATUS", "status", OUT_TEXT, 0},
    {"RECORDS", "syncedRecords", OUT_NUMBER, 0}, {"LAST SYNC (UTC)", "lastSyncAt", OUT_TIME, 0},
    {"RESULT", "lastSyncStatus", OUT_TEXT, 0}, {"ID", "id", OUT_TEXT, 0}, {"", "errorMessage", OUT_TEXT, 60},
    {0},
};

static const struct out_column one_pairs[] = {
    {"Connection", "name", OUT_TEXT, 0}, {"Id", "id", OUT_TEXT, 0}, {"Platform", "platform", OUT_TEXT, 0},
    {"Status", "status", OUT_TEXT, 0}, {"Error", "errorMessage", OUT_TEXT, 0}, {"Records", "syncedRecords", OUT_NUMBER, 0},
    {"Last sync (UTC)", "lastSyncAt", OUT_TIME, 0}, {"Last result", "lastSyncStatus", OUT_TEXT, 0},
    {"Next sync (UTC)", "nextSyncAt", OUT_TIME, 0}, {"Next full pass (UTC)", "nextFullSyncAt", OUT_TIME, 0},
    {"Configuration", "config", OUT_TEXT, 0}, {"Streams", "streams", OUT_TEXT, 0}, {"Schedule", "schedule", OUT_TEXT, 0},
    {"Message", "message", OUT_TEXT, 0},
    {0},
};

/* A secret typed where nobody sees it; from a pipe, its first line. */
static struct str
read_secret(struct cli *cli, struct str name)
{
    char line[SECRET_LINE_BYTES];
    struct termios before, silent;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fprintf(stderr, "%.*s: ", STR_ARG(name));
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    char *got = fgets(line, sizeof(line), stdin);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    struct str secret = got ? str_copy(cli->arena, str_trim(str_from_c(line))) : STR_NONE;
    explicit_bzero(line, sizeof(line));
    return secret;
}

/* name=value; "name=-" asks for the value, so that a secret need not stand in the shell's history. */
static bool
add_credentials(struct cli *cli, struct json_writer *w, struct err *err)
{
    json_begin_object(w, "credentials");
    for (unsigned n = 1; n < cli->positional_count; n++) {
        struct str name, value;
        if (!str_cut(cli_positional(cli, n), '=', &name, &value) || !name.len)
            return err_set(err, E_USAGE, "Credentials are given as name=value, e.g. accessToken=- to be asked for it");
        if (str_eq(value, STR("-")))
            value = read_secret(cli, name);
        if (str_is_none(value))
            return err_set(err, E_USAGE, "No value came for %.*s", STR_ARG(name));
        json_add_key(w, name);
        json_add_str(w, NULL, value);
    }
    json_end_object(w);
    return true;
}

static void
add_streams(struct cli *cli, struct json_writer *w)
{
    struct str rest = cli_value(cli, "streams"), one;
    if (!rest.len)
        return;
    json_begin_array(w, "streams");
    while (rest.len) {
        str_cut(rest, ',', &one, &rest);
        json_add_str(w, NULL, str_trim(one));
    }
    json_end_array(w);
}

static bool
connect_body(struct cli *cli, struct str *body_out, struct err *err)
{
    struct buf b;
    struct json_writer w;
    struct str name = cli_value(cli, "name"), every = cli_value(cli, "every");
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "platform", cli_positional(cli, 0));
    if (name.len)
        json_add_str(&w, "name", name);
    add_streams(cli, &w);
    if (every.len) {
        json_begin_object(&w, "schedule");
        json_add_str(&w, "every", every);
        json_end_object(&w);
    }
    bool ok = add_credentials(cli, &w, err);
    json_end_object(&w);
    *body_out = ok && buf_ok(&b) ? str_copy(cli->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return ok && (body_out->ptr || err_no_memory(err));
}

static bool
connect_platform(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str body;
    struct client_reply reply;
    (void)code_out;
    struct str path = cli_has(cli, "no-test") ? STR("/api/v1/sync/connections?test=false") : STR("/api/v1/sync/connections");
    if (!connect_body(cli, &body, err) || !client_call(c, cli->arena, "POST", path, body, &reply, err))
        return false;
    if (cli->json) {
        out_json(&reply);
        return true;
    }
    struct str name = json_str(json_get_c(reply.data, "name")), status = json_str(json_get_c(reply.data, "status"));
    printf("Connected \"%.*s\" (%.*s).\n", STR_ARG(name), STR_ARG(status));
    if (str_eq(status, STR("pending")))
        printf("The platform was not tested or not reached; it is tried again in the background.\n");
    printf("Next: %.*s sync \"%.*s\"\n", STR_ARG(called_as(cli)), STR_ARG(name));
    return true;
}

enum exit_code
cmd_connect(struct cli *cli)
{
    if (!cli_positional(cli, 0).len)
        return cli_usage(cli, "Say which platform: see tidemark templates");
    return with_client(cli, connect_platform);
}

/* ---- connections ---- */

static bool
act(struct cli *cli, struct client *c, struct str verb, struct str path, struct err *err)
{
    struct client_reply reply;
    if (str_eq(verb, STR("show")))
        return print_one(cli, c, "GET", path, STR_NONE, one_pairs, err);
    if (str_eq(verb, STR("test")))
        return print_one(cli, c, "POST", str_join2(cli->arena, path, STR("/test")), STR_NONE, one_pairs, err);
    if (str_eq(verb, STR("enable")) || str_eq(verb, STR("disable")))
        return print_one(cli, c, "PATCH", path,
                         str_eq(verb, STR("enable")) ? STR("{\"enabled\":true}") : STR("{\"enabled\":false}"), one_pairs,
                         err);
    if (!str_eq(verb, STR("delete")))
        return err_set(err, E_USAGE, "There is no action \"%.*s\": show, test, enable, disable, delete", STR_ARG(verb));
    if (cli_has(cli, "purge"))
        path = str_join2(cli->arena, path, STR("?purge=true"));
    if (!client_call(c, cli->arena, "DELETE", path, STR_NONE, &reply, err))
        return false;
    puts(cli->json ? "{\"success\":true}"
                   : cli_has(cli, "purge") ? "Deleted, with its records." : "Deleted. Its records stay.");
    return true;
}

static bool
connections(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    yyjson_val *connection;
    struct str verb = cli_positional(cli, 0), query;
    (void)code_out;
    if (str_is_none(verb) || str_eq(verb, STR("list")))
        return list_query(cli, &query, err) &&
               print_list(cli, c, str_join2(cli->arena, STR("/api/v1/sync/connections"), query), list_columns,
                          "No connections yet: make one with tidemark connect", err);
    if (!client_find_connection(c, cli->arena, cli_positional(cli, 1), &connection, err))
        return false;
    struct str path = str_format(cli->arena, "/api/v1/sync/connections/%.*s", STR_ARG(json_str(json_get_c(connection, "id"))));
    return act(cli, c, verb, path, err);
}

enum exit_code
cmd_connections(struct cli *cli)
{
    return with_client(cli, connections);
}
