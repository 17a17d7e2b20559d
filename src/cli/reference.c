/*
 * docs/configuration.md, docs/errors.md and docs/cli.md, from the tables that the program itself goes by.
 */
#include "cli/args.h"

#define ARENA_BYTES (256 * 1024)

static const char *
type_text(enum setting_type type)
{
    switch (type) {
    case SETTING_TEXT: return "text";
    case SETTING_NUMBER: return "whole number";
    case SETTING_BOOL: return "true or false";
    case SETTING_DURATION: return "time, such as 90s, 15m, 1h30m";
    case SETTING_LIST: return "list, separated by commas";
    }
    return "";
}

static void
setting_section(struct buf *b, struct arena *a, const struct setting *s)
{
    buf_addf(b, "### `%s`\n\n%s\n\n", s->name, s->text);
    buf_addf(b, "- Type: %s", type_text(s->type));
    if (s->type == SETTING_NUMBER)
        buf_addf(b, ", %lld to %lld", (long long)s->min, (long long)s->max);
    buf_addf(b, "\n- Default: %s%s%s\n", s->fallback[0] ? "`" : "", s->fallback[0] ? s->fallback : "not set",
             s->fallback[0] ? "`" : "");
    struct str name = setting_variable(a, s);
    buf_addf(b, "- Variable: `%.*s`", STR_ARG(name));
    if (s->variable && !str_eq_c(name, s->variable))
        buf_addf(b, ", or `%s`", s->variable);
    if (s->flag)
        buf_addf(b, "\n- Flag: `--%s`", s->flag);
    buf_addf(b, "\n%s\n", s->secret ? "- Secret: shown masked\n" : "");
}

bool
config_reference(struct buf *b)
{
    struct arena a;
    arena_init(&a, ARENA_BYTES);
    buf_add_c(b,
              "# Configuration\n\n"
              "Made by `tidemark config reference`; do not edit.\n\n"
              "Nothing needs to be configured to begin. A value is taken from, the later winning: the default, a YAML file\n"
              "(`--config FILE`, else the variable `TIDEMARK_CONFIG`, else `./tidemark.yaml` where there is one), a variable, a\n"
              "flag. Any setting can be given on the command line as `--set name=value`. `tidemark config show` prints the\n"
              "result and where each value came from, with secrets masked.\n\n"
              "```yaml\n# tidemark.yaml\nlisten: 127.0.0.1:3000\nauth:\n  jwt_secret: at-least-32-characters-of-your-own\n"
              "network:\n  allow: [10.0.0.0/8]\nbase_urls:\n  chatwoot: https://chat.example.com\n```\n\n"
              "`base_urls`, or a variable `<NAME>_BASE_URL` such as `CHATWOOT_BASE_URL`, sets the address of a platform for\n"
              "all connections that have none of their own.\n\n## Settings\n\n");
    for (int i = 0; i < SETTING_COUNT; i++)
        setting_section(b, &a, &settings[i]);
    arena_release(&a);
    return buf_ok(b);
}

bool
errors_reference(struct buf *b)
{
    static const char *const retries[] = {
        [RETRY_NEVER] = "no: change the request", [RETRY_LATER] = "yes, later", [RETRY_UNKNOWN] = "look first: it may have happened"};
    buf_add_c(b, "# Errors\n\n"
                 "Made by `tidemark config reference errors`; do not edit.\n\n"
                 "Every failure the program can name: the `code` of a reply or of a run, its HTTP status, and whether the same\n"
                 "request may succeed later. Failures of our own machinery (database, sealing, memory) are told to clients as\n"
                 "`INTERNAL` or `UNAVAILABLE`; the log has their own code beside the request's id.\n\n"
                 "A `VALIDATION_FAILED` says where: each item of `details` (of a problem's `errors`) has a `message` and a `pointer`,\n"
                 "which is a JSON pointer into the body (`/schedule/every`; empty: the body as a whole),"
                 " or the name of a query parameter or header.\n"
                 "Doors 001, 002 and 004 have no such list in their own shape: their message names the member, and with\n"
                 "`Accept: application/problem+json` the list is there.\n\n"
                 "| code | status | try again | words |\n|---|---|---|---|\n");
    for (int code = 1; code < E_COUNT; code++)
        buf_addf(b, "| `%s` | %d | %s | %s |\n", err_name((enum err_code)code), err_http((enum err_code)code),
                 retries[err_retry((enum err_code)code)], err_words((enum err_code)code));
    return buf_ok(b);
}

static void
option_rows(struct buf *b, const struct cli_option *options)
{
    if (!options || !options->name)
        return;
    buf_add_c(b, "| option | |\n|---|---|\n");
    for (; options->name; options++)
        buf_addf(b, "| `--%s%s%s` | %s |\n", options->name, options->value ? " " : "",
                 options->value ? options->value : "", options->text);
    buf_add_c(b, "\n");
}

bool
cli_reference(struct buf *b)
{
    buf_add_c(b, "# Command line\n\n"
                 "Made by `tidemark config reference commands`; do not edit.\n\n"
                 "A command finds the running server through the data folder (`server.json`: its address and a key of this\n"
                 "process, mode 0600). With `--url` and `--key` it talks to a server elsewhere. When no server runs, it starts one\n"
                 "inside itself on the data folder for as long as the command takes, so everything works without a server too.\n\n"
                 "| exit code | |\n|---|---|\n| 0 | done |\n| 1 | failed; the reason is on standard error |\n"
                 "| 2 | the command or the configuration was not understood |\n"
                 "| 3 | no server was reached, and there is no data folder |\n"
                 "| 4 | done, but not for every record: rejected records, or deletes that wait for a person |\n"
                 "| 130 | interrupted by Ctrl-C |\n\n"
                 "## Options of every command\n\n");
    option_rows(b, args_common);
    buf_add_c(b, "Besides, the flags of [configuration.md](configuration.md), such as `--data` and `--port`.\n\n");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        buf_addf(b, "## tidemark %s\n\n`tidemark %s%s%s`\n\n%s.\n\n", c->name, c->name, c->arguments[0] ? " " : "",
                 c->arguments, c->summary);
        option_rows(b, c->options);
        if (c->text)
            buf_addf(b, "```text\n%s```\n\n", c->text);
    }
    return buf_ok(b);
}
