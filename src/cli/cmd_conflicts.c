/*
 * `tidemark conflicts`: what a source and somebody here changed differently, and who is right.
 */
#include <stdio.h>

#include "base/limits.h"
#include "cli/commands_priv.h"
#include "json/writer.h"

#define BODY_BYTES_MAX (256 * 1024)
#define USAGE "Say conflicts, conflicts show ID, or conflicts resolve ID source|local|'{\"FIELD\":VALUE}'"

static const struct out_column columns[] = {
    {"WHAT", "title", OUT_TEXT, 40}, {"KIND", "kind", OUT_TEXT, 0}, {"CONNECTION", "connectionName", OUT_TEXT, 30},
    {"STATUS", "status", OUT_TEXT, 0}, {"CHOICE", "choice", OUT_TEXT, 0}, {"CHANGED (UTC)", "updatedAt", OUT_TIME, 0},
    {"ID", "id", OUT_TEXT, 0},
    {0},
};
static const struct out_column pairs[] = {
    {"What", "title", OUT_TEXT, 0}, {"Kind", "kind", OUT_TEXT, 0}, {"Record", "recordId", OUT_TEXT, 0},
    {"Connection", "connectionName", OUT_TEXT, 0}, {"Status", "status", OUT_TEXT, 0}, {"Choice", "choice", OUT_TEXT, 0},
    {"Decided by", "resolvedBy", OUT_TEXT, 0}, {"Opened (UTC)", "createdAt", OUT_TIME, 0}, {"Changed (UTC)", "updatedAt", OUT_TIME, 0},
    {"Fields (base, local, source)", "fields", OUT_TEXT, 0},
    {0},
};

static bool
list(struct cli *cli, struct client *c, struct err *err)
{
    struct str query, status = cli_value(cli, "status");
    if (!list_query(cli, &query, err))
        return false;
    if (status.len)
        query = str_format(cli->arena, "%.*s%sstatus=%.*s", STR_ARG(query), query.len ? "&" : "?", STR_ARG(encoded(cli, status)));
    return print_list(cli, c, str_join2(cli->arena, STR("/api/v1/conflicts"), query), columns, "No conflicts.", err);
}

/* {"choose": ...} of a word, or of an object given as JSON. */
static bool
body_of(struct cli *cli, struct str choice, struct str *body_out, struct err *err)
{
    struct buf b;
    struct json_writer w;
    struct err ignored = {0};
    bool word = str_eq_c(choice, "source") || str_eq_c(choice, "local");
    yyjson_val *values = word ? NULL : json_parse(cli->arena, choice, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &ignored);
    if (!word && !yyjson_is_obj(values))
        return err_set(err, E_USAGE, "%s", USAGE);
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    if (word)
        json_add_str(&w, "choose", choice);
    else
        json_add_val(&w, "choose", values);
    json_end_object(&w);
    *body_out = buf_ok(&b) ? str_copy(cli->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return !str_is_none(*body_out) || err_no_memory(err);
}

static bool
conflicts(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str verb = cli_positional(cli, 0), id = cli_positional(cli, 1), choice = cli_positional(cli, 2), body;
    (void)code_out;
    if (!verb.len || (str_eq_c(verb, "list") && !id.len))
        return list(cli, c, err);
    struct str path = str_format(cli->arena, "/api/v1/conflicts/%.*s", STR_ARG(encoded(cli, id)));
    if (str_eq_c(verb, "show") && id.len && !choice.len)
        return print_one(cli, c, "GET", path, STR_NONE, pairs, err);
    if (!str_eq_c(verb, "resolve") || !id.len || !choice.len)
        return err_set(err, E_USAGE, "%s", USAGE);
    return body_of(cli, choice, &body, err) &&
           print_one(cli, c, "POST", str_join2(cli->arena, path, STR("/resolve")), body, pairs, err);
}

enum exit_code
cmd_conflicts(struct cli *cli)
{
    return with_client(cli, conflicts);
}
