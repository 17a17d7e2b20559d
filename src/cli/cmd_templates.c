/*
 * `tidemark templates`: the platforms there are, and what one of them asks for.
 */
#include <stdio.h>

#include "cli/commands_priv.h"
#include "cli/secret_file.h"
#include "base/limits.h"
#include "json/writer.h"

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

/* The file's name without folder and ending: "my_shop" of "./my_shop.yaml". */
static struct str
name_of_file(struct str path)
{
    ptrdiff_t slash = str_find_last(path, '/');
    struct str name = slash < 0 ? path : str_skip(path, (size_t)slash + 1);
    ptrdiff_t dot = str_find_last(name, '.');
    return dot > 0 ? str_slice(name, 0, (size_t)dot) : name;
}

/* For every node, where a file in the data folder is for one. */
static bool
add_template(struct cli *cli, struct client *c, struct str path, struct err *err)
{
    struct client_reply reply;
    struct buf body;
    struct json_writer w;
    struct str manifest = file_read(cli->arena, path, LIMIT_TEMPLATE_BYTES, err);
    if (str_is_none(manifest))
        return false;
    buf_init(&body, LIMIT_BODY_LARGE_BYTES);
    json_writer_init(&w, &body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "name", name_of_file(path));
    json_add_str(&w, "manifest", manifest);
    json_end_object(&w);
    struct str text = buf_ok(&body) ? str_copy(cli->arena, buf_str(&body)) : STR_NONE;
    buf_release(&body);
    if (str_is_none(text))
        return err_set(err, E_TOO_LARGE, "The template is too large to be sent");
    if (!client_call(c, cli->arena, "POST", STR("/api/admin/integration-templates"), text, &reply, err))
        return false;
    puts(cli->json ? "{\"success\":true}" : "The template was added.");
    return true;
}

static bool
remove_template(struct cli *cli, struct client *c, struct str name, struct err *err)
{
    struct client_reply reply;
    struct str path = str_format(cli->arena, "/api/admin/integration-templates/%.*s", STR_ARG(encoded(cli, name)));
    if (!client_call(c, cli->arena, "DELETE", path, STR_NONE, &reply, err))
        return false;
    puts(cli->json ? "{\"success\":true}" : "The template is gone.");
    return true;
}

static bool
templates(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct client_reply reply;
    struct str name = cli_positional(cli, 0), second = cli_positional(cli, 1);
    (void)code_out;
    if (second.len && str_eq_c(name, "add"))
        return add_template(cli, c, second, err);
    if (second.len && str_eq_c(name, "remove"))
        return remove_template(cli, c, second, err);
    if (second.len && str_eq_c(name, "show"))
        name = second;
    if (!name.len || str_eq_c(name, "list"))
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
