/*
 * `tidemark manifest`: developing a template against the real vendor, before it is installed. Needs neither
 * server nor store. The lines are described in docs/templates.md.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "cli/commands_priv.h"
#include "cli/secret_file.h"
#include "template/manifest_lines.h"

#define WAIT_MAX_MS (10 * 60 * 1000) /* a vendor that asks for more is told to people, not waited for */

/* "/a/b/shop.yaml" -> "shop". */
static struct str
name_of(struct str path)
{
    ptrdiff_t slash = str_find_last(path, '/');
    struct str name = slash < 0 ? path : str_skip(path, (size_t)slash + 1);
    ptrdiff_t dot = str_find_last(name, '.');
    return dot > 0 ? str_slice(name, 0, (size_t)dot) : name;
}

static bool
read_option(struct cli *cli, const char *option, bool needed, struct str *text_out, struct err *err)
{
    struct str path = cli_value(cli, option);
    *text_out = STR_NONE;
    if (!path.len)
        return !needed || err_set(err, E_USAGE, "manifest %.*s needs --%s FILE", STR_ARG(cli_positional(cli, 0)), option);
    *text_out = file_read(cli->arena, path, LIMIT_VENDOR_BODY_BYTES, err);
    if (!str_is_none(*text_out))
        return true;
    err->code = E_USAGE;
    return false;
}

/* --config names the user's configuration here, not the server's. */
static bool
read_input(struct cli *cli, bool config_needed, bool replies_needed, struct manifest_input *in, struct err *err)
{
    struct str path = cli_positional(cli, 1), now = cli_value(cli, "now");
    char text[TIME_TEXT_BYTES];
    *in = (struct manifest_input){.name = name_of(path)};
    in->yaml = file_read(cli->arena, path, LIMIT_TEMPLATE_BYTES, err);
    if (str_is_none(in->yaml)) {
        err->code = E_USAGE;
        return false;
    }
    in->now = now.len ? now : str_copy(cli->arena, str_from_c(time_format_us(clock_wall_us(clock_system()), text)));
    return read_option(cli, "config", config_needed, &in->config, err) &&
           read_option(cli, "replies", replies_needed, &in->replies, err) &&
           read_option(cli, "state", false, &in->state, err);
}

/* ---- read: the one that goes out ---- */

struct fetching {
    struct http_client *client;
    struct http_call *call;       /* the last one; its reply lives until the next */
};

static const struct http_reply *
fetch(void *ctx, const struct http_request *request, struct err *err)
{
    struct fetching *f = ctx;
    struct http_request own = *request;
    own.operator_address = true;  /* who runs this command is the operator */
    http_call_free(f->call);
    f->call = http_client_start(f->client, &own, err);
    return f->call ? http_call_wait(f->call) : NULL;
}

static bool
pause_reading(void *ctx, int64_t wait_ms, struct str reason)
{
    (void)ctx;
    if (wait_ms > WAIT_MAX_MS) {
        fprintf(stderr, "tidemark: the vendor asks to wait %lld s (%.*s): stopping\n", (long long)(wait_ms / 1000),
                STR_ARG(reason));
        return false;
    }
    fprintf(stderr, "tidemark: waiting %lld ms: %.*s\n", (long long)wait_ms, STR_ARG(reason));
    nanosleep(&(struct timespec){wait_ms / 1000, wait_ms % 1000 * 1000000}, NULL);
    return true;
}

static int64_t
now_of(void *ctx)
{
    (void)ctx;
    return clock_wall_us(clock_system());
}

static bool
form_of(struct cli *cli, enum manifest_read_form *form_out, struct err *err)
{
    struct str protocol = cli_value(cli, "protocol");
    *form_out = cli_has(cli, "mapped") ? MANIFEST_READ_MAPPED : MANIFEST_READ_RECORDS;
    if (!protocol.len)
        return true;
    *form_out = MANIFEST_READ_AIRBYTE;
    return str_eq(protocol, STR("airbyte")) || err_set(err, E_USAGE, "The only --protocol is airbyte");
}

static bool
read_stream(struct cli *cli, const struct manifest_input *in, struct err *err)
{
    int64_t most;
    enum manifest_read_form form;
    struct str stream = cli_value(cli, "stream"), address = config_base_url(&cli->config, in->name);
    struct address_policy policy;
    address_policy_init(&policy);
    policy.allow_http = true;
    if (!stream.len)
        return err_set(err, E_USAGE, "Say which stream: --stream NAME (tidemark manifest check lists them)");
    if (!cli_number(cli, "limit", 0, INT64_MAX, 0, &most, err) || !form_of(cli, &form, err))
        return false;
    struct http_client_options options = {.policy = &policy};
    struct fetching f = {.client = http_client_new(&options, err)};
    if (!f.client)
        return false;
    struct manifest_fetcher fetcher = {fetch, pause_reading, &f, now_of};
    bool ok = manifest_read(in, stream, address, form, (size_t)most, &fetcher, stdout, err);
    http_call_free(f.call);
    http_client_free(f.client);
    return ok;
}

static bool
manifest(struct cli *cli, struct err *err)
{
    struct manifest_input in;
    struct str verb = cli_positional(cli, 0);
    if (!cli_positional(cli, 1).len)
        return err_set(err, E_USAGE, "Say manifest check|read|requests|replay FILE");
    if (str_eq(verb, STR("check")))
        return read_input(cli, false, false, &in, err) && manifest_check(&in, cli->json, stdout, err);
    if (str_eq(verb, STR("requests")))
        return read_input(cli, true, false, &in, err) && manifest_requests(&in, stdout, err);
    if (str_eq(verb, STR("replay")))
        return read_input(cli, true, true, &in, err) && manifest_replay(&in, stdout, err);
    if (str_eq(verb, STR("read")))
        return read_input(cli, true, false, &in, err) && read_stream(cli, &in, err);
    return err_set(err, E_USAGE, "There is no action \"%.*s\": check, read, requests, replay", STR_ARG(verb));
}

/* A manifest that cannot be read is exit 1, whatever its error's code; a command that cannot be, exit 2. */
enum exit_code
cmd_manifest(struct cli *cli)
{
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    if (manifest(cli, &err))
        return EXIT_CODE_OK;
    enum exit_code code = cli_fail(cli, &err);
    return code == EXIT_CODE_USAGE ? code : EXIT_CODE_FAILED;
}
