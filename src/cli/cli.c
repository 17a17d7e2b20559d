#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/args.h"
#include "json/writer.h"

#define LINE_BYTES_MAX (64 * 1024)

bool
cli_has(const struct cli *cli, const char *name)
{
    return !str_is_none(cli_value(cli, name));
}

struct str
cli_value_at(const struct cli *cli, const char *name, unsigned nth)
{
    for (unsigned i = 0; i < cli->given_count; i++)
        if (str_eq_c(str_from_c(cli->given[i].option->name), name) && nth-- == 0)
            return cli->given[i].value.ptr ? cli->given[i].value : STR("");
    return STR_NONE;
}

struct str
cli_value(const struct cli *cli, const char *name)
{
    struct str value = STR_NONE, next;
    for (unsigned n = 0; !str_is_none(next = cli_value_at(cli, name, n)); n++)
        value = next;
    return value;
}

struct str
cli_positional(const struct cli *cli, unsigned index)
{
    return index < cli->positional_count ? cli->positionals[index] : STR_NONE;
}

bool
cli_number(const struct cli *cli, const char *name, int64_t min, int64_t max, int64_t otherwise, int64_t *value_out,
           struct err *err)
{
    struct str text = cli_value(cli, name);
    if (str_is_none(text)) {
        *value_out = otherwise;
        return true;
    }
    return str_to_i64(text, min, max, value_out) ||
           err_set(err, E_USAGE, "--%s must be a whole number from %lld to %lld", name, (long long)min, (long long)max);
}

static enum exit_code
exit_code_of(const struct err *err)
{
    if (err->code == E_USAGE || err->code == E_CONFIG)
        return EXIT_CODE_USAGE;
    if (err->code == E_UNAVAILABLE || err->code == E_NETWORK)
        return EXIT_CODE_UNREACHABLE;
    return EXIT_CODE_FAILED;
}

static void
print_json_error(const struct err *err)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LINE_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_c(&w, "error", err->message);
    json_add_c(&w, "code", err_name(err->code));
    json_end_object(&w);
    fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&b)));
    buf_release(&b);
}

enum exit_code
cli_fail(const struct cli *cli, const struct err *err)
{
    fflush(stdout);
    if (cli->json)
        print_json_error(err);
    else
        fprintf(stderr, "tidemark: %s\n", err->message);
    /* A single fault is often the message itself. */
    bool told = err->items && err->item_count == 1 &&
                str_find_str(str_from_c(err->message), str_from_c(err->items[0].message)) >= 0;
    for (unsigned i = 0; !cli->json && !told && err->items && i < err->item_count; i++)
        fprintf(stderr, "  %s: %s\n", err->items[i].pointer, err->items[i].message);
    return exit_code_of(err);
}

enum exit_code
cli_usage(const struct cli *cli, const char *format, ...)
{
    struct err err = {0};
    va_list args;
    va_start(args, format);
    struct str text = str_vformat(cli->arena, format, args);
    va_end(args);
    err_set(&err, E_USAGE, "%.*s", STR_ARG(text));
    enum exit_code code = cli_fail(cli, &err);
    if (!cli->json && cli->command)
        fprintf(stderr, "Usage: tidemark %s %s\nMore: tidemark %s --help\n", cli->command->name,
                cli->command->arguments, cli->command->name);
    return code;
}
