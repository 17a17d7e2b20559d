/*
 * `tidemark jobs`: door 001 at a terminal.
 */
#include <stdio.h>

#include "base/limits.h"
#include "cli/commands_priv.h"
#include "json/writer.h"

#define BODY_BYTES_MAX (64 * 1024)

static const struct out_column job_columns[] = {
    {"JOB", "name", OUT_TEXT, 40},      {"STATUS", "status", OUT_TEXT, 0},  {"TYPE", "type", OUT_TEXT, 0},
    {"%", "progress", OUT_NUMBER, 0},   {"PRIORITY", "priority", OUT_TEXT, 0},
    {"QUEUED (UTC)", "queuedAt", OUT_TIME, 0}, {"STARTS (UTC)", "estimatedStart", OUT_TIME, 0},
    {"ENDS (UTC)", "estimatedCompletion", OUT_TIME, 0}, {"", "errorMessage", OUT_TEXT, 40},
    {0},
};
static const struct out_column job_pairs[] = {
    {"Job", "job.name", OUT_TEXT, 0},       {"Id", "job.id", OUT_TEXT, 0},
    {"Status", "job.status", OUT_TEXT, 0},  {"Cancelled", "job.cancelled", OUT_BOOL, 0},
    {"Progress", "job.progress", OUT_NUMBER, 0},
    {"Starts (UTC)", "job.estimatedStart", OUT_TIME, 0}, {"Ends (UTC)", "job.estimatedCompletion", OUT_TIME, 0},
    {0},
};
static const struct out_column purge_pairs[] = {
    {"Completed", "purgedJobs.completed", OUT_NUMBER, 0}, {"Failed", "purgedJobs.failed", OUT_NUMBER, 0},
    {0},
};

/* Door 001 wants its organization named: --tenant, else the token's own, else the only one there is. */
static bool
name_organization(struct cli *cli, struct client *c, struct err *err)
{
    struct client_reply reply;
    if (cli_value(cli, "tenant").len)
        return true;
    if (!client_call(c, cli->arena, "GET", STR("/api/v1/session"), STR_NONE, &reply, err))
        return false;
    struct str key = json_str(json_get_c(reply.data, "tenantKey"));
    if (!key.len) {
        if (!client_call(c, cli->arena, "GET", STR("/api/v1/tenants?limit=2"), STR_NONE, &reply, err))
            return false;
        if (yyjson_arr_size(reply.data) != 1)
            return err_set(err, E_USAGE, "Several tenants exist: name one with --tenant");
        key = json_str(json_get_c(yyjson_arr_get_first(reply.data), "key"));
    }
    client_set_tenant(c, key);
    return true;
}

static bool
print_answer(struct cli *cli, struct client *c, struct str path, struct str body, const struct out_column *pairs, struct err *err)
{
    struct client_reply reply;
    if (!client_call(c, cli->arena, "POST", path, body, &reply, err))
        return false;
    if (cli->json) {
        out_json(&reply);
        return true;
    }
    struct str message = json_str(json_get_c(reply.body, "message"));
    if (message.len) {
        out_text(message);
        putchar('\n');
    }
    out_pairs(cli->arena, reply.body, pairs);
    return true;
}

static void
add_given(struct cli *cli, struct json_writer *w, const char *member, const char *option)
{
    struct str value = cli_value(cli, option);
    if (value.len)
        json_add_str(w, member, value);
}

static void
add_schedule(struct cli *cli, struct json_writer *w)
{
    if (!cli_value(cli, "repeat").len && !cli_value(cli, "at").len)
        return;
    json_begin_object(w, "schedule");
    add_given(cli, w, "startAt", "at");
    add_given(cli, w, "repeat", "repeat");
    add_given(cli, w, "time", "time");
    add_given(cli, w, "timezone", "timezone");
    json_end_object(w);
}

static bool
add_retries(struct cli *cli, struct json_writer *w, struct err *err)
{
    struct str text = cli_value(cli, "retries");
    int64_t retries;
    if (!text.len)
        return true;
    if (!str_to_i64(text, 0, 1000, &retries))
        return err_set(err, E_USAGE, "--retries takes a number");
    json_begin_object(w, "options");
    json_add_bool(w, "retryOnFail", true);
    json_add_i64(w, "maxRetries", retries);
    json_end_object(w);
    return true;
}

static bool
write_job(struct cli *cli, struct json_writer *w, struct str name, struct str source, struct err *err)
{
    const char *type = cli_value(cli, "stream").len ? "entity"
                       : cli_has(cli, "full")       ? "full"
                       : cli_value(cli, "repeat").len || cli_value(cli, "at").len ? "scheduled" : "incremental";
    json_begin_object(w, NULL);
    json_add_str(w, "name", name);
    json_add_c(w, "type", type);
    add_given(cli, w, "priority", "priority");
    json_begin_object(w, "data");
    json_add_str(w, "source", source);
    json_add_c(w, "target", "local");
    add_given(cli, w, "entity", "stream");
    if (cli_value(cli, "since").len) {
        json_begin_object(w, "filters");
        add_given(cli, w, "updatedSince", "since");
        json_end_object(w);
    }
    json_end_object(w);
    add_schedule(cli, w);
    bool ok = add_retries(cli, w, err);
    json_end_object(w);
    return ok;
}

static bool
queue(struct cli *cli, struct client *c, struct str name, struct str source_name, struct err *err)
{
    struct buf b;
    struct json_writer w;
    yyjson_val *connection;
    if (!client_find_connection(c, cli->arena, source_name, &connection, err))
        return false;
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    bool ok = write_job(cli, &w, name, json_str(json_get_c(connection, "id")), err);
    struct str body = ok && buf_ok(&b) ? str_copy(cli->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    if (!ok)
        return false;
    if (str_is_none(body))
        return err_no_memory(err);
    return print_answer(cli, c, STR("/sync/queue"), body, job_pairs, err);
}

static bool
list(struct cli *cli, struct client *c, struct err *err)
{
    struct str query, status = cli_value(cli, "status");
    if (!list_query(cli, &query, err))
        return false;
    if (status.len)
        query = str_format(cli->arena, "%.*s&status=%.*s", STR_ARG(query), STR_ARG(encoded(cli, status)));
    return print_list(cli, c, str_join2(cli->arena, STR("/sync/jobs"), query), job_columns,
                      "No jobs: queue one with tidemark jobs queue NAME CONNECTION", err);
}

static bool
jobs(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    static const char *const actions[] = {"pause", "resume", "cancel"};
    struct str verb = cli_positional(cli, 0), name = cli_positional(cli, 1);
    (void)code_out;
    if (!name_organization(cli, c, err))
        return false;
    if (str_is_none(verb) || str_eq(verb, STR("list")))
        return list(cli, c, err);
    if (str_eq(verb, STR("queue")) && name.len)
        return queue(cli, c, name, cli_positional(cli, 2), err);
    if (str_eq(verb, STR("purge")) && !name.len)
        return print_answer(cli, c, STR("/sync/purge"), STR_NONE, purge_pairs, err);
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_eq_c(verb, actions[i]) && name.len)
            return print_answer(cli, c, str_format(cli->arena, "/sync/%s/%.*s", actions[i], STR_ARG(encoded(cli, name))), STR_NONE,
                                job_pairs, err);
    return err_set(err, E_USAGE, "Say jobs, jobs queue NAME [CONNECTION], jobs pause|resume|cancel NAME, or jobs purge");
}

enum exit_code
cmd_jobs(struct cli *cli)
{
    return with_client(cli, jobs);
}
