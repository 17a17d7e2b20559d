/*
 * `tidemark contacts`, `orders` and the other kinds: list, show, export. The command's name is the kind.
 */
#include <stdio.h>
#include <string.h>

#include "cli/commands_priv.h"

#define EXPORT_PAGE 500

#define ID {"ID", "id", OUT_TEXT, 0}
#define UPDATED {"UPDATED (UTC)", "updatedAt", OUT_TIME, 0}
#define STATUS {"STATUS", "status", OUT_TEXT, 0}
#define COLUMNS_MAX 7

/* What a list shows of each kind; everything else is under `show`. */
static const struct {
    const char *kind;
    struct out_column columns[COLUMNS_MAX];
} kinds[] = {
    {"contacts", {{"NAME", "name", OUT_TEXT, 32}, {"E-MAIL", "email", OUT_TEXT, 40}, {"PHONE", "phone", OUT_TEXT, 20}, UPDATED, ID}},
    {"conversations", {STATUS, UPDATED, {"METADATA", "metadata", OUT_TEXT, 60}, ID}},
    {"messages",
     {{"SENT (UTC)", "sentAt", OUT_TIME, 0}, {"DIRECTION", "direction", OUT_TEXT, 0}, {"CONTENT", "content", OUT_TEXT, 60}, ID}},
    {"leads", {{"NAME", "name", OUT_TEXT, 32}, {"E-MAIL", "email", OUT_TEXT, 40}, STATUS, UPDATED, ID}},
    {"companies", {{"NAME", "name", OUT_TEXT, 32}, {"DOMAIN", "domain", OUT_TEXT, 32}, UPDATED, ID}},
    {"deals", {{"NAME", "name", OUT_TEXT, 32}, STATUS, {"AMOUNT", "amount", OUT_TEXT, 0}, {"", "currency", OUT_TEXT, 0}, UPDATED, ID}},
    {"tickets", {{"SUBJECT", "subject", OUT_TEXT, 48}, STATUS, {"PRIORITY", "priority", OUT_TEXT, 0}, UPDATED, ID}},
    {"products", {{"TITLE", "title", OUT_TEXT, 40}, {"SKU", "sku", OUT_TEXT, 24}, {"PRICE", "price", OUT_TEXT, 0}, UPDATED, ID}},
    {"orders",
     {{"NUMBER", "number", OUT_TEXT, 24}, STATUS, {"TOTAL", "total", OUT_TEXT, 0}, {"", "currency", OUT_TEXT, 0}, UPDATED, ID}},
    {"customers", {{"NAME", "name", OUT_TEXT, 32}, {"E-MAIL", "email", OUT_TEXT, 40}, {"PHONE", "phone", OUT_TEXT, 20}, UPDATED, ID}},
};

static const struct out_column *
columns_of(const char *kind)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(kinds) && strcmp(kind, kinds[i].kind) != 0)
        i++;
    return kinds[i].columns;
}

/* The filters that lists and exports share. */
static struct str
filtered(struct cli *cli, struct str query)
{
    static const struct {
        const char *option, *parameter;
    } filters[] = {{"search", "q"}, {"status", "status"}, {"updated-since", "updatedSince"}};
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct str value = cli_value(cli, filters[i].option);
        if (value.len)
            query = str_format(cli->arena, "%.*s&%s=%.*s", STR_ARG(query), filters[i].parameter,
                               STR_ARG(encoded(cli, value)));
    }
    if (cli_has(cli, "deleted"))
        query = str_join2(cli->arena, query, STR("&includeDeleted=true"));
    return query;
}

static void
print_entity(struct cli *cli, yyjson_val *entity)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(entity, index, max, key, value) {
        struct str text = yyjson_is_str(value) ? json_str(value) : json_to_text(cli->arena, value);
        if (yyjson_is_null(value))
            continue;
        printf("%-14.*s ", STR_ARG(json_str(key)));
        out_text(text);
        putchar('\n');
    }
}

static bool
show(struct cli *cli, struct client *c, struct str path, struct err *err)
{
    struct client_reply reply;
    if (!client_call(c, cli->arena, "GET", path, STR_NONE, &reply, err))
        return false;
    if (cli->json)
        out_json(&reply);
    else
        print_entity(cli, reply.data);
    return true;
}

/* The rows of a CSV page without its head. */
static struct str
without_head(struct str text)
{
    struct str head, rest;
    str_cut(text, '\n', &head, &rest);
    return rest;
}

/* Page by page, so that memory stays flat whatever the size of the collection. */
static bool
export_ndjson(struct cli *cli, struct client *c, struct str path, struct err *err)
{
    struct str cursor = STR("");
    char kept[256];
    for (;;) {
        struct arena_mark mark = arena_mark(cli->arena);
        struct client_reply reply;
        size_t index, max;
        yyjson_val *row;
        struct str page = cursor.len ? str_format(cli->arena, "%.*s&cursor=%.*s", STR_ARG(path), STR_ARG(cursor)) : path;
        if (!client_call(c, cli->arena, "GET", page, STR_NONE, &reply, err))
            return false;
        yyjson_arr_foreach(reply.data, index, max, row) {
            struct str text = json_to_text(cli->arena, row);
            fwrite(text.ptr, 1, text.len, stdout);
            putchar('\n');
        }
        cursor = json_str(out_member(reply.body, "meta.nextCursor"));
        snprintf(kept, sizeof(kept), "%.*s", STR_ARG(cursor));
        cursor = str_from_c(kept);
        arena_rewind(cli->arena, mark);
        if (!cursor.len)
            return true;
    }
}

/* One streamed answer, as large as the client may hold. */
static bool
export_csv(struct cli *cli, struct client *c, struct str path, struct err *err)
{
    struct client_reply reply;
    if (!client_get_as(c, cli->arena, path, "text/csv", &reply, err))
        return false;
    struct str text = cli_has(cli, "no-header") ? without_head(reply.text) : reply.text;
    fwrite(text.ptr, 1, text.len, stdout);
    return true;
}

static bool
export_all(struct cli *cli, struct client *c, struct str base, struct err *err)
{
    struct str format = cli_value(cli, "format");
    struct str path = str_join2(cli->arena, base, filtered(cli, str_format(cli->arena, "?limit=%d", EXPORT_PAGE)));
    if (format.len && !str_eq(format, STR("csv")) && !str_eq(format, STR("jsonl")))
        return err_set(err, E_USAGE, "--format is csv or jsonl");
    return str_eq(format, STR("csv")) ? export_csv(cli, c, path, err) : export_ndjson(cli, c, path, err);
}

static bool
entities(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str verb = cli_positional(cli, 0), query;
    struct str base = str_format(cli->arena, "/api/v1/%s", cli->command->name);
    (void)code_out;
    if (str_eq(verb, STR("show")))
        return show(cli, c, str_format(cli->arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(encoded(cli, cli_positional(cli, 1)))),
                    err);
    if (str_eq(verb, STR("export")))
        return export_all(cli, c, base, err);
    if (verb.len && !str_eq(verb, STR("list")))
        return err_set(err, E_USAGE, "There is no action \"%.*s\": list, show ID, export", STR_ARG(verb));
    return list_query(cli, &query, err) &&
           print_list(cli, c, str_join2(cli->arena, base, filtered(cli, query)), columns_of(cli->command->name),
                      "None are here yet: tidemark sync", err);
}

enum exit_code
cmd_entities(struct cli *cli)
{
    return with_client(cli, entities);
}

static bool
export_kind(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str kind = cli_positional(cli, 0);
    (void)code_out;
    if (!kind.len)
        return err_set(err, E_USAGE, "Say which kind: contacts, conversations, messages, leads, companies, deals, tickets, products, "
                       "orders or customers");
    return export_all(cli, c, str_format(cli->arena, "/api/v1/%.*s", STR_ARG(encoded(cli, kind))), err);
}

enum exit_code
cmd_export(struct cli *cli)
{
    return with_client(cli, export_kind);
}
