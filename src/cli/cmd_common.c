#include "cli/commands_priv.h"

#include <stdio.h>

#define URL_PART_BYTES_MAX (16 * 1024)

enum exit_code
with_client(struct cli *cli, client_fn *fn)
{
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    enum exit_code code = EXIT_CODE_OK;
    struct client *c = client_open(cli, &err);
    bool ok = c && fn(cli, c, &code, &err);
    if (!ok)
        code = cli_fail(cli, &err);
    fflush(stdout);
    client_close(c);
    return code;
}

bool
print_list(struct cli *cli, struct client *c, struct str path, const struct out_column *columns, const char *nothing,
           struct err *err)
{
    struct client_reply reply;
    if (!client_call(c, cli->arena, "GET", path, STR_NONE, &reply, err))
        return false;
    if (cli->json) {
        out_json(&reply);
        return true;
    }
    int64_t total = 0;
    char one[OUT_NUMBER_BYTES], two[OUT_NUMBER_BYTES];
    out_table(cli->arena, reply.data, columns, nothing);
    size_t shown = yyjson_arr_size(reply.data);
    if (json_to_i64(out_member(reply.body, "meta.total"), &total) && (int64_t)shown < total)
        printf("%s of %s; more with --limit and --page\n", out_number((int64_t)shown, one), out_number(total, two));
    return true;
}

bool
print_one(struct cli *cli, struct client *c, const char *method, struct str path, struct str body,
          const struct out_column *columns, struct err *err)
{
    struct client_reply reply;
    if (!client_call(c, cli->arena, method, path, body, &reply, err))
        return false;
    if (cli->json)
        out_json(&reply);
    else
        out_pairs(cli->arena, reply.data, columns);
    return true;
}

bool
list_query(struct cli *cli, struct str *query_out, struct err *err)
{
    int64_t limit, page;
    if (!cli_number(cli, "limit", 1, 500, 20, &limit, err) || !cli_number(cli, "page", 1, 1000000000, 1, &page, err))
        return false;
    *query_out = str_format(cli->arena, "?limit=%lld&page=%lld", (long long)limit, (long long)page);
    return query_out->ptr || err_no_memory(err);
}

struct str
encoded(struct cli *cli, struct str text)
{
    struct buf b;
    buf_init(&b, URL_PART_BYTES_MAX);
    buf_add_percent(&b, text, "");
    struct str result = buf_ok(&b) ? str_copy(cli->arena, buf_str(&b)) : STR("");
    buf_release(&b);
    return result;
}

struct str
called_as(struct cli *cli)
{
    struct str text = str_from_c(cli->program);
    static const enum setting_id ids[] = {SETTING_DATA_DIR, SETTING_DATABASE};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        const struct setting_value *value = &cli->config.values[ids[i]];
        if (str_starts(value->origin, STR("--")) && !settings[ids[i]].secret)
            text = str_format(cli->arena, "%.*s %.*s %.*s", STR_ARG(text), STR_ARG(value->origin), STR_ARG(value->text));
    }
    return text;
}
