/*
 * `tidemark tenants`, `keys`, `users` and `audit`: the operator's.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/commands_priv.h"
#include "json/writer.h"

#define BODY_BYTES_MAX 4096

static const struct out_column tenant_columns[] = {
    {"KEY", "key", OUT_TEXT, 0}, {"NAME", "name", OUT_TEXT, 40}, {"REGION", "region", OUT_TEXT, 0}, {"STATUS", "status", OUT_TEXT, 0},
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
    {"ROLE", "role", OUT_TEXT, 0}, {"ON", "enabled", OUT_BOOL, 0}, {"SEEN (UTC)", "seenAt", OUT_TIME, 0},
    {0},
};
static const struct out_column key_pairs[] = {
    {"Name", "name", OUT_TEXT, 0}, {"Begins", "prefix", OUT_TEXT, 0}, {"Role", "role", OUT_TEXT, 0},
    {"Permissions", "permissions", OUT_TEXT, 0}, {"Created (UTC)", "createdAt", OUT_TIME, 0},
    {"Last used (UTC)", "lastUsedAt", OUT_TIME, 0}, {"Expires (UTC)", "expiresAt", OUT_TIME, 0},
    {"Revoked (UTC)", "revokedAt", OUT_TIME, 0}, {"Id", "id", OUT_TEXT, 0},
    {0},
};
static const struct out_column user_pairs[] = {
    {"Subject", "subject", OUT_TEXT, 0}, {"Name", "name", OUT_TEXT, 0}, {"E-mail", "email", OUT_TEXT, 0},
    {"Role", "role", OUT_TEXT, 0}, {"Permissions", "permissions", OUT_TEXT, 0}, {"On", "enabled", OUT_BOOL, 0},
    {"Created (UTC)", "createdAt", OUT_TIME, 0}, {"Seen (UTC)", "seenAt", OUT_TIME, 0}, {"Id", "id", OUT_TEXT, 0},
    {0},
};
static const struct out_column audit_columns[] = {
    {"WHEN (UTC)", "at", OUT_TIME, 0}, {"WHO", "actor", OUT_TEXT, 44}, {"WHAT", "action", OUT_TEXT, 60},
    {"TO", "subject", OUT_TEXT, 40}, {"STATUS", "status", OUT_NUMBER, 0}, {"FROM", "address", OUT_TEXT, 0},
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

/* first: the member that a positional argument fills; NULL for none. */
static struct str
body_of(struct cli *cli, const char *first, struct str value, const struct member_option *more)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    if (first)
        json_add_str(&w, first, value);
    for (; more && more->member; more++) {
        struct str option = cli_value(cli, more->option);
        if (option.len)
            json_add_str(&w, more->member, option);
    }
    add_permissions(cli, &w);
    json_end_object(&w);
    struct str text = buf_ok(&b) ? str_copy(cli->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

/* What can be done with one of them: a verb, the request it makes, how the answer is shown. */
struct verb {
    const char *name, *method;
    const char *first;               /* the body's member for the name given; NULL: the name stands in the path */
    const char *behind;              /* of the path, after the name */
    bool asks;                       /* nobody does it by mistake: --yes */
    const char *fixed_body;          /* instead of one made of options */
    const struct member_option *options;
    const struct out_column *shown;  /* NULL: `done` is said */
    const char *done;
    const char *name_otherwise;      /* where no name is given; NULL: one must be */
};

struct noun {
    const char *path, *usage, *nothing;
    const struct out_column *columns;
    const struct verb *verbs;
};

static bool
ask(struct cli *cli, struct client *c, const struct noun *noun, const struct verb *verb, struct str name, struct err *err)
{
    struct client_reply reply;
    struct str path = str_from_c(noun->path), body = STR_NONE;
    if (!verb->first)
        path = str_format(cli->arena, "%s/%.*s%s", noun->path, STR_ARG(encoded(cli, name)), verb->behind ? verb->behind : "");
    if (verb->asks && !cli_has(cli, "yes"))
        return err_set(err, E_USAGE, "This takes %.*s and everything of it away for good: say --yes", STR_ARG(name));
    if (verb->fixed_body)
        body = str_from_c(verb->fixed_body);
    else if (verb->first || verb->options)
        body = body_of(cli, verb->first, name, verb->options);
    if (verb->shown)
        return print_one(cli, c, verb->method, path, body, verb->shown, err);
    if (!client_call(c, cli->arena, verb->method, path, body, &reply, err))
        return false;
    puts(cli->json ? "{\"success\":true}" : verb->done);
    return true;
}

static bool
act(struct cli *cli, struct client *c, const struct noun *noun, struct err *err)
{
    struct str verb = cli_positional(cli, 0), name = cli_positional(cli, 1), query;
    for (const struct verb *v = noun->verbs; v && v->name; v++)
        if (str_eq_c(verb, v->name) && (name.len || v->name_otherwise))
            return ask(cli, c, noun, v, name.len ? name : str_from_c(v->name_otherwise), err);
    if (verb.len && (name.len || !str_eq(verb, STR("list"))))
        return err_set(err, E_USAGE, "%s", noun->usage);
    return list_query(cli, &query, err) &&
           print_list(cli, c, str_join2(cli->arena, str_from_c(noun->path), query), noun->columns, noun->nothing, err);
}

static bool
tenants(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    static const struct member_option options[] = {{"name", "name"}, {"region", "region"}, {0}};
    static const struct verb verbs[] = {
        {.name = "create", .method = "POST", .first = "key", .options = options, .shown = tenant_columns},
        {.name = "show", .method = "GET", .shown = tenant_columns},
        {.name = "set", .method = "PATCH", .options = options, .shown = tenant_columns},
        {.name = "disable", .method = "POST", .behind = "/disable", .shown = tenant_columns},
        {.name = "enable", .method = "POST", .behind = "/enable", .shown = tenant_columns},
        {.name = "delete", .method = "DELETE", .asks = true, .shown = tenant_columns},
        {0},
    };
    static const struct noun noun = {"/api/v1/tenants", "Say tenants, tenants create KEY, tenants show KEY, tenants set KEY "
                                     "[--name NAME] [--region BR], tenants disable|enable KEY, or tenants delete KEY --yes",
                                     "No tenants.", tenant_columns, verbs};
    (void)code_out;
    return act(cli, c, &noun, err);
}

enum exit_code
cmd_tenants(struct cli *cli)
{
    return with_client(cli, tenants);
}

/* ---- keys rotate, keys verify ---- */

#define ROTATE_STEPS_MAX 1000000
#define BAR_WIDTH 40

static int64_t
number_of(yyjson_val *data, const char *name)
{
    int64_t value = 0;
    return json_to_i64(json_get_c(data, name), &value) ? value : 0;
}

static int64_t
left_of(yyjson_val *data)
{
    return number_of(data, "dataKeysLeft") + number_of(data, "valuesLeft");
}

/* A bar on a terminal, a line for each step elsewhere. */
static void
show_step(const struct cli *cli, int64_t done, int64_t total)
{
    char bar[BAR_WIDTH + 1];
    if (cli->json)
        return;
    size_t filled = total > 0 ? (size_t)(done * BAR_WIDTH / total) : BAR_WIDTH;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled < BAR_WIDTH ? filled : BAR_WIDTH);
    bar[BAR_WIDTH] = '\0';
    bool terminal = isatty(STDERR_FILENO);
    if (terminal)
        fprintf(stderr, "\r[%s] %lld of %lld", bar, (long long)done, (long long)total);
    else
        fprintf(stderr, "%lld of %lld sealed anew\n", (long long)done, (long long)total);
}

static void
say_faults(yyjson_val *data)
{
    size_t i, count;
    yyjson_val *fault;
    yyjson_val *list = json_get_c(data, "faultList");
    yyjson_arr_foreach(list, i, count, fault)
        fprintf(stderr, "does not open: %.*s of tenant %lld, %.*s: %.*s\n", STR_ARG(json_str(json_get_c(fault, "kind"))),
                (long long)number_of(fault, "tenant"), STR_ARG(json_str(json_get_c(fault, "id"))),
                STR_ARG(json_str(json_get_c(fault, "reason"))));
}

static bool
rotate(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct client_reply reply;
    int64_t done = 0, left = 0, changed = 1;
    for (int i = 0; i < ROTATE_STEPS_MAX && changed > 0; i++) {
        if (!client_call(c, cli->arena, "POST", STR("/api/v1/secrets/rotate"), STR_NONE, &reply, err))
            return false;
        changed = number_of(reply.data, "changed");
        left = left_of(reply.data);
        done += changed;
        if (changed > 0)
            show_step(cli, done, done + left);
    }
    if (!cli->json && done > 0 && isatty(STDERR_FILENO))
        fputc('\n', stderr);
    say_faults(reply.data);
    if (cli->json)
        printf("{\"success\":%s,\"rotated\":%lld,\"left\":%lld}\n", left == 0 ? "true" : "false", (long long)done, (long long)left);
    else if (left == 0)
        printf("%lld sealed anew, 0 left: older keys are not needed any more.\n", (long long)done);
    else
        printf("%lld sealed anew, %lld could not be: keep the older keys.\n", (long long)done, (long long)left);
    *code_out = left == 0 ? EXIT_CODE_OK : EXIT_CODE_PARTIAL;
    return true;
}

static bool
verify(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct client_reply reply;
    if (!client_call(c, cli->arena, "GET", STR("/api/v1/secrets/verify"), STR_NONE, &reply, err))
        return false;
    int64_t faults = number_of(reply.data, "faults"), left = left_of(reply.data);
    say_faults(reply.data);
    if (cli->json)
        printf("%.*s\n", STR_ARG(reply.text));
    else
        printf("%lld data keys and %lld values: %lld do not open, %lld still need an older key.\n",
               (long long)number_of(reply.data, "dataKeys"), (long long)number_of(reply.data, "values"), (long long)faults,
               (long long)left);
    *code_out = faults > 0 ? EXIT_CODE_FAILED : EXIT_CODE_OK;
    return true;
}

static bool
keys(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct str verb = cli_positional(cli, 0);
    if (str_eq_c(verb, "rotate") && !cli_positional(cli, 1).len)
        return rotate(cli, c, code_out, err);
    if (str_eq_c(verb, "verify") && !cli_positional(cli, 1).len)
        return verify(cli, c, code_out, err);

    static const struct member_option options[] = {{"role", "role"}, {"expiresAt", "expires"}, {0}};
    static const struct verb verbs[] = {
        {.name = "create", .method = "POST", .first = "name", .options = options, .shown = new_key_pairs,
         .name_otherwise = "command line"},
        {.name = "show", .method = "GET", .shown = key_pairs},
        {.name = "revoke", .method = "DELETE", .done = "Revoked."},
        {0},
    };
    static const struct noun noun = {"/api/v1/keys",
                                     "Say keys, keys create [NAME] [--role admin], keys show ID, keys revoke ID, keys rotate, or "
                                     "keys verify",
                                     "No keys.", key_columns, verbs};
    (void)code_out;
    return act(cli, c, &noun, err);
}

enum exit_code
cmd_keys(struct cli *cli)
{
    return with_client(cli, keys);
}

static bool
users(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    static const struct member_option options[] = {{"name", "name"}, {"email", "email"}, {"role", "role"}, {0}};
    static const struct verb verbs[] = {
        {.name = "add", .method = "POST", .first = "subject", .options = options, .shown = user_pairs},
        {.name = "show", .method = "GET", .shown = user_pairs},
        {.name = "set", .method = "PATCH", .options = options, .shown = user_pairs},
        {.name = "revoke", .method = "DELETE", .done = "Switched off: tokens of this user are refused, sessions have ended."},
        {.name = "restore", .method = "PATCH", .fixed_body = "{\"enabled\":true}", .shown = user_pairs},
        {0},
    };
    static const struct noun noun = {"/api/v1/users", "Say users, users add SUBJECT, users show|revoke|restore USER, or users set USER "
                                     "[--role admin] [--permissions A,B]",
                                     "No users: they appear when their tokens are first used.", user_columns, verbs};
    (void)code_out;
    return act(cli, c, &noun, err);
}

enum exit_code
cmd_users(struct cli *cli)
{
    return with_client(cli, users);
}

static bool
audit(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    int64_t limit;
    (void)code_out;
    if (!cli_number(cli, "limit", 1, 500, 20, &limit, err))
        return false;
    struct str actor = cli_value(cli, "actor");
    struct str path = str_format(cli->arena, "/api/v1/audit?limit=%lld%s%.*s", (long long)limit, actor.len ? "&actor=" : "",
                                 STR_ARG(encoded(cli, actor)));
    return print_list(cli, c, path, audit_columns, "Nothing yet.", err);
}

enum exit_code
cmd_audit(struct cli *cli)
{
    return with_client(cli, audit);
}
