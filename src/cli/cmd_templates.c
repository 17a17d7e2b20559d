/*
 * `tidemark templates`: the platforms there are, and what one of them asks for.
 */
#include <stdio.h>

#include "cli/commands_priv.h"

static const struct out_column list_columns[] = {
    {"NAME", "name", OUT_TEXT, 0}, {"PLATFORM", "displayName", OUT_TEXT, 0}, {"CATEGORY", "category", OUT_TEXT, 0},
    {"", "description", OUT_TEXT, 70},
    {0},
};
static const struct out_column one_pairs[] = {
    {"Name", "name", OUT_TEXT, 0}, {"Platform", "displayName", OUT_TEXT, 0}, {"Version", "version", OUT_TEXT, 0},
    {"API", "apiVersion", OUT_TEXT, 0}, {"Documentation", "documentationUrl", OUT_TEXT, 0}, {"About", "description", OUT_TEXT, 0},
    {0},
};
static const struct out_column stream_columns[] = {
    {"STREAM", "name", OUT_TEXT, 0}, {"ENTITY", "entityType", OUT_TEXT, 0}, {"SYNCED", "synced", OUT_BOOL, 0},
    {"INCREMENTAL", "incremental", OUT_BOOL, 0}, {"FINDS DELETES", "deletes", OUT_BOOL, 0}, {"", "refused", OUT_TEXT, 70},
    {0},
};

/* The members of the schema that a person fills in. */
static void
print_fields(struct cli *cli, yyjson_val *schema)
{
    size_t index, max, at, count;
    yyjson_val *key, *value, *needed, *required = json_get_c(schema, "required");
    puts("\nCredentials for tidemark connect:");
    yyjson_val *properties = json_get_c(schema, "properties");
    yyjson_obj_foreach(properties, index, max, key, value) {
        bool must = false;
        yyjson_arr_foreach(required, at, count, needed) {
            must = must || str_eq(json_str(needed), json_str(key));
        }
        bool secret = json_bool_or(json_get_c(value, "airbyte_secret"), false);
        printf("  %-20.*s %s%s  ", STR_ARG(json_str(key)), must ? "required" : "optional", secret ? ", secret" : "");
        out_text(json_str_or(json_get_c(value, "description"), json_str(json_get_c(value, "title"))));
        putchar('\n');
    }
    (void)cli;
}

static bool
templates(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct client_reply reply;
    struct str name = cli_positional(cli, 0);
    (void)code_out;
    if (!name.len)
        return print_list(cli, c, STR("/api/v1/templates"), list_columns, "No templates.", err);
    struct str path = str_format(cli->arena, "/api/v1/templates/%.*s", STR_ARG(encoded(cli, name)));
    if (!client_call(c, cli->arena, "GET", path, STR_NONE, &reply, err))
        return false;
    if (cli->json) {
        out_json(&reply);
        return true;
    }
    out_pairs(cli->arena, reply.data, one_pairs);
    putchar('\n');
    out_table(cli->arena, json_get_c(reply.data, "streams"), stream_columns, "No streams.");
    print_fields(cli, json_get_c(reply.data, "configSchema"));
    return true;
}

enum exit_code
cmd_templates(struct cli *cli)
{
    return with_client(cli, templates);
}
