/*
 * `tidemark contacts`, `orders` and the other kinds: list, show, export. The command's name is the kind.
 */
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "cli/commands_priv.h"
#include "engine/kind.h"

#define EXPORT_PAGE 500
#define EXPORT_ROW_BYTES_MAX (16 * 1024 * 1024)

#define ID {"ID", "id", OUT_TEXT, 0}
#define UPDATED {"UPDATED (UTC)", "updatedAt", OUT_TIME, 0}
#define STATUS {"STATUS", "status", OUT_TEXT, 0}
#define COLUMNS_MAX 7

/* What a list shows of each kind; everything else is under `show`. */
static const struct {
    const char *kind;
    struct out_column columns[COLUMNS_MAX];
} shown[] = {
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
    while (i + 1 < ARRAY_LEN(shown) && strcmp(kind, shown[i].kind) != 0)
        i++;
    return shown[i].columns;
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

static void
csv_member(struct buf *b, struct arena *a, yyjson_val *row, const char *name)
{
    yyjson_val *value = json_get_c(row, name);
    if (value && !yyjson_is_null(value))
        csv_cell(b, yyjson_is_str(value) ? json_str(value) : json_to_text(a, value));
}

static const char *const after_fields[] = {"parentId", "createdAt", "updatedAt", "deletedAt"};
static const char *const beside_fields[] = {"id", "kind", "parentId", "createdAt", "updatedAt", "deletedAt", "version", NULL};

/* As the API's own text/csv. */
static bool
csv_line(struct buf *b, struct arena *a, const struct kind *kind, yyjson_val *row)
{
    csv_member(b, a, row, "id");
    for (const struct kind_field *field = kind->fields; field->name; field++) {
        buf_add_char(b, ',');
        csv_member(b, a, row, field->name);
    }
    for (size_t i = 0; i < ARRAY_LEN(after_fields); i++) {
        buf_add_char(b, ',');
        csv_member(b, a, row, after_fields[i]);
    }
    struct str others;
    if (!kind_other_members(kind, a, row, beside_fields, &others))
        return false;
    buf_add_char(b, ',');
    if (others.len)
        csv_cell(b, others);
    return buf_add_c(b, "\r\n");
}

static void
csv_head(const struct kind *kind)
{
    fputs("id", stdout);
    for (const struct kind_field *field = kind->fields; field->name; field++)
        printf(",%s", field->name);
    for (size_t i = 0; i < ARRAY_LEN(after_fields); i++)
        printf(",%s", after_fields[i]);
    fputs(",otherFields\r\n", stdout);
}

static bool
print_row(struct cli *cli, const struct kind *csv, yyjson_val *row)
{
    struct buf b;
    buf_init(&b, EXPORT_ROW_BYTES_MAX);
    bool ok = csv ? csv_line(&b, cli->arena, csv, row) : buf_add(&b, json_to_text(cli->arena, row)) && buf_add_char(&b, '\n');
    ok = ok && buf_ok(&b);
    struct str text = buf_str(&b);
    ok = ok && fwrite(text.ptr, 1, text.len, stdout) == text.len;
    buf_release(&b);
    return ok;
}

/* Page by page, so that memory stays flat whatever the size of the collection. csv: the kind, or NULL for JSON lines. */
static bool
export_pages(struct cli *cli, struct client *c, struct str path, const struct kind *csv, struct err *err)
{
    struct str cursor = STR("");
    char kept[256];
    for (bool first = true;; first = false) {
        struct arena_mark mark = arena_mark(cli->arena);
        struct client_reply reply;
        size_t index, max;
        yyjson_val *row;
        struct str page = cursor.len ? str_format(cli->arena, "%.*s&cursor=%.*s", STR_ARG(path), STR_ARG(cursor)) : path;
        if (!client_call(c, cli->arena, "GET", page, STR_NONE, &reply, err))
            return false;
        if (first && csv && !cli_has(cli, "no-header"))
            csv_head(csv);
        yyjson_arr_foreach(reply.data, index, max, row) {
            if (!print_row(cli, csv, row))
                return err_set(err, E_USAGE, "The standard output takes no more");
        }
        cursor = json_str(out_member(reply.body, "meta.nextCursor"));
        snprintf(kept, sizeof(kept), "%.*s", STR_ARG(cursor));
        cursor = str_from_c(kept);
        arena_rewind(cli->arena, mark);
        if (!cursor.len)
            return true;
    }
}

static bool
export_all(struct cli *cli, struct client *c, struct str kind, struct err *err)
{
    struct str format = cli_value(cli, "format");
    struct str base = str_format(cli->arena, "/api/v1/%.*s", STR_ARG(encoded(cli, kind)));
    struct str path = str_join2(cli->arena, base, filtered(cli, str_format(cli->arena, "?limit=%d", EXPORT_PAGE)));
    if (format.len && !str_eq(format, STR("csv")) && !str_eq(format, STR("jsonl")))
        return err_set(err, E_USAGE, "--format is csv or jsonl");
    return export_pages(cli, c, path, str_eq(format, STR("csv")) ? kind_find(kind) : NULL, err);
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
        return export_all(cli, c, str_from_c(cli->command->name), err);
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
    return export_all(cli, c, kind, err);
}

enum exit_code
cmd_export(struct cli *cli)
{
    return with_client(cli, export_kind);
}
