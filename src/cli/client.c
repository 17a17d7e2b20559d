#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "cli/instance.h"
#include "cli/secret_file.h"
#include "net/http_client.h"

#define SERVER_FILE_BYTES_MAX 4096
#define PROBE_MS 30000 /* where none runs the address refuses at once; one that is busy is waited for */
#define REPLY_BYTES_MAX (64 * 1024 * 1024)
#define CONNECTIONS_AT_ONCE 500

struct client {
    const struct cli *cli;
    struct address_policy policy;
    struct http_client *http;
    struct instance *inside;      /* NULL: a server elsewhere */
    struct str url, key, tenant;
};

bool
client_is_inside(const struct client *c)
{
    return c->inside != NULL;
}

struct str
client_url(const struct client *c)
{
    return c->url;
}

void
client_set_tenant(struct client *c, struct str tenant)
{
    c->tenant = tenant;
}

static size_t
add_header(struct http_header *headers, size_t count, const char *name, struct str value)
{
    if (!value.len)
        return count;
    headers[count] = (struct http_header){str_from_c(name), value};
    return count + 1;
}

struct ask {
    const char *method, *accept;
    struct str path, body, key;
    int64_t total_ms;
};

static struct http_call *
start(struct client *c, struct arena *a, const struct ask *ask, struct err *err)
{
    struct http_header headers[6];
    size_t count = add_header(headers, 0, "Authorization", str_format(a, "Bearer %.*s", STR_ARG(c->key)));
    count = add_header(headers, count, "X-Tenant-Id", c->tenant);
    count = add_header(headers, count, "orgid", c->tenant);
    count = add_header(headers, count, "Accept", str_from_c(ask->accept));
    count = add_header(headers, count, "Idempotency-Key", ask->key);
    if (!str_is_none(ask->body))
        count = add_header(headers, count, "Content-Type", STR("application/json"));
    struct http_request request = {.method = str_from_c(ask->method),
                                   .url = str_join2(a, c->url, ask->path),
                                   .headers = {headers, count},
                                   .body = ask->body,
                                   .total_ms = ask->total_ms,
                                   .body_max = REPLY_BYTES_MAX,
                                   .operator_address = true};
    return http_client_start(c->http, &request, err);
}

/* What a person at a terminal can do about it, where the server's words do not say. */
static void
add_advice(struct client *c, const struct ask *ask, struct err *err)
{
    char why[sizeof(err->message)];
    snprintf(why, sizeof(why), "%s", err->message);
    if (err->code == E_UNAUTHORIZED)
        err_set(err, err->code, "%s: %.*s does not take this key. Check --key or TIDEMARK_KEY; where the server runs, "
                "tidemark keys create makes one", why, STR_ARG(c->url));
    else if (err->code == E_RUN_NOT_FOUND)
        err_set(err, err->code, "%s: tidemark runs lists them", why);
    else if (err->code == E_JOB_NOT_FOUND)
        err_set(err, err->code, "%s: tidemark jobs lists them", why);
    else if (err->code == E_NOT_FOUND)
        err_set(err, err->code, "%s: %.*s", why, STR_ARG(ask->path));
}

/* The error that a body tells, in any of the shapes of the doors. */
static bool
error_of(struct client *c, const struct ask *ask, int status, yyjson_val *body, struct err *err)
{
    struct str message = json_str(json_get_c(body, "error")), code = json_str(json_get_c(body, "code"));
    if (json_get_c(body, "statusCode")) { /* doors 001 and 002 */
        message = json_str(json_get_c(body, "message"));
        code = str_from_c(status == 400 ? "VALIDATION_FAILED" : status == 401 ? "UNAUTHORIZED" : status == 403 ? "FORBIDDEN"
                          : status == 404 ? "JOB_NOT_FOUND" : status == 409 ? "CONFLICT" : "INTERNAL");
    }
    size_t index, max;
    yyjson_val *item, *details = json_get_c(body, "details");
    enum err_code known = code.len ? err_from_name(code) : E_INTERNAL;
    err_set(err, known, "%.*s", STR_ARG(message.len ? message : STR("The server answered with an error")));
    if (!message.len)
        err_prefix(err, "%d: ", status);
    add_advice(c, ask, err);
    if (!yyjson_is_arr(details))
        return false;
    yyjson_arr_foreach(details, index, max, item) {
        struct str words = json_str(json_get_c(item, "message"));
        if (words.len)
            err_add_item(err, json_str(json_get_c(item, "pointer")), "%.*s", STR_ARG(words));
    }
    return false;
}

static bool
perform(struct client *c, struct arena *a, const struct ask *ask, struct client_reply *reply_out, struct err *err)
{
    struct http_call *call = start(c, a, ask, err);
    if (!call)
        return false;
    const struct http_reply *reply = http_call_wait(call);
    if (reply->code != E_OK) {
        err_set(err, E_NETWORK, "No answer from %.*s: is a server running there? (%s)", STR_ARG(c->url), reply->message);
        http_call_free(call);
        return false;
    }
    struct err parse_err = {0};
    struct client_reply out = {.status = reply->status, .text = str_copy(a, reply->body)};
    out.log_position = str_copy(a, http_header_get(&reply->headers, "X-Log-Position"));
    out.replayed = str_eq(http_header_get(&reply->headers, "Idempotency-Replayed"), STR("true"));
    out.log_complete = str_eq(http_header_get(&reply->headers, "X-Log-Complete"), STR("true"));
    struct str type = http_header_get(&reply->headers, "Content-Type");
    bool is_json = str_starts(type, STR("application/json")) || str_starts(type, STR("application/problem+json"));
    http_call_free(call);
    if (is_json && out.text.len)
        out.body = json_parse(a, out.text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &parse_err);
    out.data = json_get_c(out.body, "data");
    if (out.status >= 400)
        return error_of(c, ask, out.status, out.body, err);
    *reply_out = out;
    return true;
}

bool
client_call(struct client *c, struct arena *a, const char *method, struct str path, struct str body,
            struct client_reply *reply_out, struct err *err)
{
    struct ask ask = {.method = method, .path = path, .body = body, .accept = "application/json"};
    return perform(c, a, &ask, reply_out, err);
}

bool
client_create(struct client *c, struct arena *a, struct str path, struct str body, struct str key,
              struct client_reply *reply_out, struct err *err)
{
    struct ask ask = {.method = "POST", .path = path, .body = body, .key = key, .accept = "application/json"};
    return perform(c, a, &ask, reply_out, err);
}

bool
client_get_as(struct client *c, struct arena *a, struct str path, const char *accept, struct client_reply *reply_out,
              struct err *err)
{
    struct ask ask = {.method = "GET", .path = path, .accept = accept};
    return perform(c, a, &ask, reply_out, err);
}

/* ---- which server ---- */

static bool
answers(struct client *c, struct arena *a)
{
    struct err err = {0};
    struct client_reply reply;
    struct ask ask = {.method = "GET", .path = STR("/healthz"), .total_ms = PROBE_MS};
    return perform(c, a, &ask, &reply, &err);
}

/* The server that uses the data folder, if it still runs. */
static bool
find_running(struct client *c)
{
    struct err err = {0};
    struct arena *a = c->cli->arena;
    struct str text = file_read(a, instance_server_file(a, &c->cli->config), SERVER_FILE_BYTES_MAX, &err);
    yyjson_val *file = text.len ? json_parse(a, text, JSON_PLAIN, 4, &err) : NULL;
    c->url = json_str(json_get_c(file, "url"));
    c->key = json_str(json_get_c(file, "key"));
    return c->url.len && c->key.len && answers(c, a);
}

static bool
data_folder_exists(const struct cli *cli)
{
    struct stat status;
    char *path = str_cstr(cli->arena, config_text(&cli->config, SETTING_DATA_DIR));
    return path && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* An embedded database that nobody made yet is made by whoever comes first; an older one only by serve and migrate. */
static bool
is_new_database(const struct cli *cli)
{
    struct str folder = config_text(&cli->config, SETTING_DATA_DIR);
    char *path = str_cstr(cli->arena, str_format(cli->arena, "%.*s/" DATABASE_FILE, STR_ARG(folder)));
    return !config_is_set(&cli->config, SETTING_DATABASE) && path && access(path, F_OK) != 0;
}

static bool
start_inside(struct client *c, struct err *err)
{
    const struct cli *cli = c->cli;
    if (!data_folder_exists(cli) && !config_is_set(&cli->config, SETTING_DATABASE))
        return err_set(err, E_UNAVAILABLE,
                       "No server runs and there is no data folder %.*s. Start one with tidemark serve (--sandbox needs "
                       "no account), name the folder with --data, or a server with --url and --key",
                       STR_ARG(config_text(&cli->config, SETTING_DATA_DIR)));
    struct instance_options options = {.config = &cli->config, .migrate = is_new_database(cli)};
    c->inside = instance_start(&options, err);
    if (!c->inside)
        return false;
    c->url = instance_info(c->inside)->url;
    c->key = instance_info(c->inside)->local_key;
    return true;
}

static struct str
key_given(const struct cli *cli)
{
    struct str key = cli_value(cli, "key");
    return key.len ? key : str_from_c(getenv("TIDEMARK_KEY"));
}

static bool
choose_server(struct client *c, struct err *err)
{
    const struct cli *cli = c->cli;
    struct str url = cli_value(cli, "url");
    if (url.len) {
        if (str_ends(url, STR("/")))
            url.len--;
        c->url = url;
        c->key = key_given(cli);
        return c->key.len || err_set(err, E_USAGE, "--url needs --key, or the variable TIDEMARK_KEY");
    }
    return find_running(c) || start_inside(c, err);
}

struct client *
client_open(const struct cli *cli, struct err *err)
{
    struct client *c = alloc_zeroed(1, sizeof(*c));
    if (!c) {
        err_no_memory(err);
        return NULL;
    }
    c->cli = cli;
    c->tenant = cli_value(cli, "tenant");
    address_policy_init(&c->policy);
    c->policy.allow_http = true;
    struct http_client_options options = {.policy = &c->policy};
    c->http = http_client_new(&options, err);
    if (!c->http || !choose_server(c, err)) {
        client_close(c);
        return NULL;
    }
    return c;
}

void
client_close(struct client *c)
{
    if (!c)
        return;
    http_client_free(c->http);
    instance_stop(c->inside);
    free(c);
}

/* ---- connections by name ---- */

static bool
list_known(struct arena *a, yyjson_val *list, struct str name, enum err_code code, struct err *err)
{
    struct str names = STR("");
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) {
        names = str_format(a, "%.*s%s\"%.*s\"", STR_ARG(names), index ? ", " : "",
                           STR_ARG(json_str(json_get_c(item, "name"))));
        if (index == 9)
            break;
    }
    if (!names.len)
        return err_set(err, E_CONNECTION_NOT_FOUND, "There is no connection yet: make one with tidemark connect");
    if (code == E_CONNECTION_NOT_FOUND)
        return err_set(err, code, "There is no connection \"%.*s\". There are: %.*s", STR_ARG(name), STR_ARG(names));
    if (!name.len)
        return err_set(err, code, "Say which connection. There are: %.*s", STR_ARG(names));
    return err_set(err, code, "Several connections fit \"%.*s\": name one by its id (tidemark connections)", STR_ARG(name));
}

static bool
fits(yyjson_val *connection, struct str name, const char *member)
{
    return str_eq_nocase(json_str(json_get_c(connection, member)), name);
}

bool
client_find_connection(struct client *c, struct arena *a, struct str name, yyjson_val **connection_out, struct err *err)
{
    static const char *const members[] = {"id", "name", "platform"};
    struct client_reply reply;
    struct str path = str_format(a, "/api/v1/sync/connections?limit=%d", CONNECTIONS_AT_ONCE);
    if (!client_call(c, a, "GET", path, STR_NONE, &reply, err))
        return false;
    for (size_t m = 0; m < ARRAY_LEN(members); m++) {
        size_t index, max, found = 0;
        yyjson_val *item, *last = NULL;
        yyjson_arr_foreach(reply.data, index, max, item) {
            if (str_is_none(name) || fits(item, name, members[m])) {
                last = item;
                found++;
            }
        }
        if (found > 1)
            return list_known(a, reply.data, name, E_CONNECTION_AMBIGUOUS, err);
        if (found == 1) {
            *connection_out = last;
            return true;
        }
    }
    return list_known(a, reply.data, name, E_CONNECTION_NOT_FOUND, err);
}
