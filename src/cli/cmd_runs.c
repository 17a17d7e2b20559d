/*
 * `tidemark runs` and `tidemark logs`.
 */
#include <stdio.h>
#include <time.h>

#include "base/limits.h"
#include "base/rng.h"
#include "cli/commands_priv.h"
#include "cli/progress.h"

#define FOLLOW_EVERY_MS 300

static const struct out_column run_columns[] = {
    {"RUN", "id", OUT_TEXT, 0},          {"CONNECTION", "connection.name", OUT_TEXT, 28},
    {"STATUS", "status", OUT_TEXT, 0},
    {"VERDICT", "verdict", OUT_TEXT, 0}, {"STARTED (UTC)", "startedAt", OUT_TIME, 0},
    {"TOOK", "duration", OUT_TEXT, 0},   {"SYNCED", "recordsSynced", OUT_NUMBER, 0},
    {"NEW", "recordsCreated", OUT_NUMBER, 0}, {"CHANGED", "recordsUpdated", OUT_NUMBER, 0},
    {"REJECTED", "recordsErrors", OUT_NUMBER, 0}, {"", "errorMessage", OUT_TEXT, 40},
    {0},
};

static const struct out_column run_pairs[] = {
    {"Run", "id", OUT_TEXT, 0},
    {"Connection", "connection.name", OUT_TEXT, 0},
    {"Platform", "connection.platform", OUT_TEXT, 0},
    {"Status", "status", OUT_TEXT, 0},
    {"Verdict", "verdict", OUT_TEXT, 0},
    {"Reason", "verdictReason", OUT_TEXT, 0},
    {"Error", "errorMessage", OUT_TEXT, 0},
    {"Full", "fullSync", OUT_BOOL, 0},
    {"Started (UTC)", "startedAt", OUT_TIME, 0},
    {"Completed (UTC)", "completedAt", OUT_TIME, 0},
    {"Took", "duration", OUT_TEXT, 0},
    {"Pages", "pages", OUT_NUMBER, 0},
    {"Waiting", "waiting.message", OUT_TEXT, 0},
    {0},
};

static const struct out_column count_pairs[] = {
    {"Received", "recordsReceived", OUT_NUMBER, 0}, {"Created", "recordsCreated", OUT_NUMBER, 0},
    {"Updated", "recordsUpdated", OUT_NUMBER, 0},   {"Unchanged", "recordsSkipped", OUT_NUMBER, 0},
    {"Deleted", "recordsDeleted", OUT_NUMBER, 0},   {"Rejected", "recordsErrors", OUT_NUMBER, 0},
    {"Gone at the source", "recordsMissing", OUT_NUMBER, 0},
    {0},
};

static const struct out_column stream_columns[] = {
    {"STREAM", "name", OUT_TEXT, 0}, {"STATUS", "status", OUT_TEXT, 0}, {"PAGES", "pages", OUT_NUMBER, 0},
    {"RECEIVED", "recordsReceived", OUT_NUMBER, 0}, {"VENDOR SAYS", "total", OUT_NUMBER, 0},
    {"", "errorMessage", OUT_TEXT, 60},
    {0},
};

static const struct out_column request_columns[] = {
    {"#", "number", OUT_NUMBER, 0},      {"TIME (UTC)", "time", OUT_TIME, 0}, {"METHOD", "method", OUT_TEXT, 0},
    {"STATUS", "status", OUT_NUMBER, 0}, {"MS", "durationMs", OUT_NUMBER, 0}, {"BYTES", "bytes", OUT_NUMBER, 0},
    {"TRY", "attempt", OUT_NUMBER, 0},   {"STREAM", "stream", OUT_TEXT, 0},   {"URL", "url", OUT_TEXT, 80},
    {"", "error.message", OUT_TEXT, 40}, {"", "retryReason", OUT_TEXT, 40},
    {0},
};

static const struct out_column record_columns[] = {
    {"CHANGE", "change", OUT_TEXT, 0}, {"STREAM", "stream", OUT_TEXT, 0}, {"KIND", "record.kind", OUT_TEXT, 0},
    {"ID", "record.id", OUT_TEXT, 0},  {"NAME", "record.name", OUT_TEXT, 40}, {"", "record.title", OUT_TEXT, 40},
    {"UPDATED (UTC)", "record.updatedAt", OUT_TIME, 0},
    {0},
};

static struct str
run_path(struct cli *cli, struct str id, const char *action)
{
    return str_format(cli->arena, "/api/v1/sync/runs/%.*s%s", STR_ARG(encoded(cli, id)), action);
}

static bool
list(struct cli *cli, struct client *c, struct err *err)
{
    static const char *const times[] = {"from", "to"};
    struct str query, status = cli_value(cli, "status"), name = cli_value(cli, "connection");
    yyjson_val *connection;
    if (!list_query(cli, &query, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        if (cli_value(cli, times[i]).len)
            query = str_format(cli->arena, "%.*s&%s=%.*s", STR_ARG(query), times[i], STR_ARG(encoded(cli, cli_value(cli, times[i]))));
    if (status.len)
        query = str_format(cli->arena, "%.*s&status=%.*s", STR_ARG(query), STR_ARG(encoded(cli, status)));
    if (name.len) {
        if (!client_find_connection(c, cli->arena, name, &connection, err))
            return false;
        query = str_format(cli->arena, "%.*s&connectionId=%.*s", STR_ARG(query),
                           STR_ARG(json_str(json_get_c(connection, "id"))));
    }
    return print_list(cli, c, str_join2(cli->arena, STR("/api/v1/sync/runs"), query), run_columns,
                      "No runs yet: start one with tidemark sync", err);
}

static bool
show(struct cli *cli, struct client *c, struct str id, struct err *err)
{
    struct client_reply reply;
    if (!client_call(c, cli->arena, "GET", run_path(cli, id, ""), STR_NONE, &reply, err))
        return false;
    if (cli->json) {
        out_json(&reply);
        return true;
    }
    out_pairs(cli->arena, reply.data, run_pairs);
    out_pairs(cli->arena, reply.data, count_pairs);
    putchar('\n');
    out_table(cli->arena, json_get_c(reply.data, "streams"), stream_columns, "No stream has begun.");
    return true;
}

static bool
requests(struct cli *cli, struct client *c, struct str id, struct err *err)
{
    struct str query;
    if (!list_query(cli, &query, err))
        return false;
    if (cli_has(cli, "failed"))
        query = str_join2(cli->arena, query, STR("&failed=true"));
    struct str path = str_join2(cli->arena, run_path(cli, id, "/requests"), query);
    return print_list(cli, c, path, request_columns, "No request of this run is kept.", err);
}

/* What a run did to which records. */
static bool
records(struct cli *cli, struct client *c, struct str id, struct err *err)
{
    static const char *const filters[] = {"change", "stream"};
    struct str query;
    if (!list_query(cli, &query, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (cli_value(cli, filters[i]).len)
            query = str_format(cli->arena, "%.*s&%s=%.*s", STR_ARG(query), filters[i], STR_ARG(encoded(cli, cli_value(cli, filters[i]))));
    struct str path = str_join2(cli->arena, run_path(cli, id, "/records"), query);
    return print_list(cli, c, path, record_columns, "This run has none.", err);
}

static bool
runs(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    static const char *const actions[] = {"cancel", "pause", "resume"};
    struct str verb = cli_positional(cli, 0), id = cli_positional(cli, 1);
    (void)code_out;
    if (str_is_none(verb) || str_eq(verb, STR("list")))
        return list(cli, c, err);
    if (str_eq(verb, STR("show")) && id.len)
        return show(cli, c, id, err);
    if (str_eq(verb, STR("requests")) && id.len)
        return requests(cli, c, id, err);
    if (str_eq(verb, STR("records")) && id.len)
        return records(cli, c, id, err);
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_eq_c(verb, actions[i]) && id.len)
            return print_one(cli, c, "POST", run_path(cli, id, str_cstr(cli->arena, str_format(cli->arena, "/%s", actions[i]))),
                             STR_NONE, run_pairs, err);
    if (uuid_is_valid(verb))
        return show(cli, c, verb, err);
    return err_set(err, E_USAGE, "Say runs, runs show RUN, runs records RUN, runs requests RUN, or runs cancel|pause|resume RUN");
}

enum exit_code
cmd_runs(struct cli *cli)
{
    return with_client(cli, runs);
}

/* ---- logs ---- */

/* What a line tells besides its message: " 3 received=15" after the word "page". Zeros say nothing. */
static void
print_members(struct cli *cli, yyjson_val *line)
{
    struct str message = json_str(json_get_c(line, "message"));
    static const char *const shown[] = {"time", "level", "message", "stream"};
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(line, index, max, key, value) {
        bool skip = yyjson_is_null(value);
        for (size_t i = 0; i < ARRAY_LEN(shown); i++)
            skip = skip || str_eq_c(json_str(key), shown[i]);
        struct str name = json_str(key), text = yyjson_is_str(value) ? json_str(value) : json_to_text(cli->arena, value);
        if (skip || text.len == 0 || str_eq(text, STR("0")))
            continue;
        if (str_eq(name, STR("detail")))
            printf(": ");
        else if (str_eq(name, message))
            putchar(' ');
        else
            printf(" %.*s=", STR_ARG(name));
        out_text(text);
    }
}

/* "12:00:01 info  contacts: page 3 received=15" from one line of NDJSON; as it is, where it has no such members. */
static void
print_line(struct cli *cli, struct str line)
{
    struct err err = {0};
    yyjson_val *value = cli->json ? NULL : json_parse(cli->arena, line, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
    struct str message = json_str(json_get_c(value, "message")), time = json_str(json_get_c(value, "time"));
    if (!message.len) {
        fwrite(line.ptr, 1, line.len, stdout);
        putchar('\n');
        return;
    }
    printf("%.*s %-5.*s ", STR_ARG(str_slice(time, 11, 19)), STR_ARG(json_str_or(json_get_c(value, "level"), STR("info"))));
    struct str stream = json_str(json_get_c(value, "stream"));
    if (stream.len)
        printf("%.*s: ", STR_ARG(stream));
    out_text(message);
    print_members(cli, value);
    putchar('\n');
}

static void
print_lines(struct cli *cli, struct str text)
{
    while (text.len) {
        struct str line;
        str_cut(text, '\n', &line, &text);
        if (line.len)
            print_line(cli, line);
    }
    fflush(stdout);
}

static bool
find_newest(struct cli *cli, struct client *c, struct str of, struct str *id_out, struct err *err)
{
    struct client_reply reply;
    struct str path = str_join2(cli->arena, STR("/api/v1/sync/runs?limit=1"), of);
    if (!client_call(c, cli->arena, "GET", path, STR_NONE, &reply, err))
        return false;
    *id_out = json_str(json_get_c(yyjson_arr_get_first(reply.data), "id"));
    return id_out->len || err_set(err, E_RUN_NOT_FOUND, "Nothing has run yet: tidemark sync");
}

/* A run by its id, else the newest run of a connection, or of all. */
static bool
find_run(struct cli *cli, struct client *c, struct str name, struct str *id_out, struct err *err)
{
    yyjson_val *connection;
    struct client_reply reply;
    if (!name.len)
        return find_newest(cli, c, STR(""), id_out, err);
    if (uuid_is_valid(name) && client_call(c, cli->arena, "GET", run_path(cli, name, ""), STR_NONE, &reply, err)) {
        *id_out = name;
        return true;
    }
    if (!client_find_connection(c, cli->arena, name, &connection, err))
        return false;
    struct str of = str_format(cli->arena, "&connectionId=%.*s", STR_ARG(json_str(json_get_c(connection, "id"))));
    return find_newest(cli, c, of, id_out, err);
}

static bool
logs(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str run, after = STR("0");
    char position[32];
    (void)code_out;
    if (!find_run(cli, c, cli_positional(cli, 0), &run, err))
        return false;
    run = str_copy(cli->arena, run);
    for (;;) {
        struct arena_mark mark = arena_mark(cli->arena);
        struct client_reply reply;
        struct str path = str_format(cli->arena, "/api/v1/sync/runs/%.*s/logs?after=%.*s", STR_ARG(run), STR_ARG(after));
        if (!client_get_as(c, cli->arena, path, "application/x-ndjson", &reply, err))
            return false;
        print_lines(cli, reply.text);
        bool nothing = reply.text.len == 0, complete = reply.log_complete;
        snprintf(position, sizeof(position), "%.*s", STR_ARG(reply.log_position));
        after = str_from_c(position);
        arena_rewind(cli->arena, mark);
        if (complete || (nothing && !cli_has(cli, "follow")))
            return true;
        if (nothing)
            nanosleep(&(struct timespec){0, FOLLOW_EVERY_MS * 1000000L}, NULL);
    }
}

enum exit_code
cmd_logs(struct cli *cli)
{
    return with_client(cli, logs);
}
