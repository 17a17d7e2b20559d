/*
 * `tidemark tenants`, `keys` and `users`: the operator's.
 */
#include <stdio.h>

#include "cli/commands_priv.h"
#include "json/writer.h"

#define BODY_BYTES_MAX 4096

static const struct out_column tenant_columns[] = {
    {"KEY", "key", OUT_TEXT, 0}, {"NAME", "name", OUT_TEXT, 40}, {"REGION", "region", OUT_TEXT, 0},
    {"CREATED (UTC)", "createdAt", OUT_TIME, 0}, {"ID", "id", OUT_TEXT, 0},
    {0},
};
static const struct out_column key_columns[] = {
    {"KEY", "prefix", OUT_TEXT, 0}, {"NAME", "name", OUT_TEXT, 40}, {"ROLE", "role", OUT_TEXT, 0},
    {"CREATED (UTC)", "createdAt", OUT_TIME, 0}, {"LAST USED (UTC)", "lastUsedAt", OUT_TIME, 0},
    {"EXPIRES (UTC)", "expiresAt", OUT_TIME, 0}, {"REVOKED (UTC)", "revokedAt", OUT_TIME, 0}, {"ID", "id", OUT_TEXT, 0},
    {0},
};
static const struct out_column new_key_pairs[] = {
    {"Key (shown this once)", "key", OUT_TEXT, 0}, {"Name", "name", OUT_TEXT, 0}, {"Role", "role", OUT_TEXT, 0},
    {"Permissions", "permissions", OUT_TEXT, 0}, {"Expires (UTC)", "expiresAt", OUT_TIME, 0}, {"Id", "id", OUT_TEXT, 0},
    {0},
};
static const struct out_column user_columns[] = {
    {"SUBJECT", "subject", OUT_TEXT, 40}, {"NAME", "name", OUT_TEXT, 40}, {"E-MAIL", "email", OUT_TEXT, 40},
    {"ROLE", "role", OUT_TEXT, 0}, {"SEEN (UTC)", "seenAt", OUT_TIME, 0},
    {0},
};

/* {"member": option's value, ...} of those options that were given. */
struct member_option {
    const char *member, *option;
};

static void
add_permissions(struct cli *cli, struct json_writer *w)
{
    struct str rest = cli_value(cli, "permissions"), one;
    if (!rest.len)
        return;
    json_begin_array(w, "permissions");
    while (rest.len) {
        str_cut(rest, ',', &one, &rest);
        json_add_str(w, NULL, str_trim(one));
    }
    json_end_array(w);
}

static struct str
body_of(struct cli *cli, const char *first_member, struct str first, const struct member_option *more, size_t count)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, first_member, first);
    for (size_t i = 0; i < count; i++) {
        struct str value = cli_value(cli, more[i].option);
        if (value.len)
            json_add_str(&w, more[i].member, value);
    }
    add_permissions(cli, &w);
    json_end_object(&w);
    struct str text = buf_ok(&b) ? str_copy(cli->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

static bool
tenants(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    static const struct member_option options[] = {{"name", "name"}, {"region", "region"}};
    struct str verb = cli_positional(cli, 0), key = cli_positional(cli, 1), query;
    (void)code_out;
    if (str_eq(verb, STR("create")) && key.len)
        return print_one(cli, c, "POST", STR("/api/v1/tenants"), body_of(cli, "key", key, options, ARRAY_LEN(options)),
                         tenant_columns, err);
    if (verb.len && !str_eq(verb, STR("list")))
        return err_set(err, E_USAGE, "Say tenants, or tenants create KEY [--name NAME] [--region BR]");
    return list_query(cli, &query, err) &&
           print_list(cli, c, str_join2(cli->arena, STR("/api/v1/tenants"), query), tenant_columns, "No tenants.", err);
}

enum exit_code
cmd_tenants(struct cli *cli)
{
    return with_client(cli, tenants);
}

static bool
keys(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    static const struct member_option options[] = {{"role", "role"}, {"expiresAt", "expires"}};
    struct client_reply reply;
    struct str verb = cli_positional(cli, 0), what = cli_positional(cli, 1), query;
    (void)code_out;
    if (str_eq(verb, STR("create")))
        return print_one(cli, c, "POST", STR("/api/v1/keys"),
                         body_of(cli, "name", what.len ? what : STR("command line"), options, ARRAY_LEN(options)),
                         new_key_pairs, err);
    if (str_eq(verb, STR("revoke")) && what.len) {
        struct str path = str_join2(cli->arena, STR("/api/v1/keys/"), encoded(cli, what));
        if (!client_call(c, cli->arena, "DELETE", path, STR_NONE, &reply, err))
            return false;
        puts(cli->json ? "{\"success\":true}" : "Revoked.");
        return true;
    }
    if (verb.len && !str_eq(verb, STR("list")))
        return err_set(err, E_USAGE, "Say keys, keys create [NAME] [--role admin], or keys revoke ID");
    return list_query(cli, &query, err) &&
           print_list(cli, c, str_join2(cli->arena, STR("/api/v1/keys"), query), key_columns, "No keys.", err);
}

enum exit_code
cmd_keys(struct cli *cli)
{
    return with_client(cli, keys);
}

static bool
users(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str query;
    (void)code_out;
    return list_query(cli, &query, err) &&
           print_list(cli, c, str_join2(cli->arena, STR("/api/v1/users"), query), user_columns,
                      "No users: they appear when their tokens are first used.", err);
}

enum exit_code
cmd_users(struct cli *cli)
{
    return with_client(cli, users);
}
