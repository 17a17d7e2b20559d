/*
 * tidemark: the command line.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/args.h"

#define CLI_ARENA_BYTES (1024L * 1024 * 1024)

static void
print_options(FILE *out, const struct cli_option *options)
{
    for (; options && options->name; options++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        fprintf(out, "  %-24s %s\n", left, options->text);
    }
}

static void
print_help(FILE *out)
{
    fprintf(out, "tidemark %s: keeps your own database in step with the platforms you use\n\n"
                 "Usage: tidemark COMMAND [options]\n\n",
            TIDEMARK_VERSION);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        fprintf(out, "  %-14s %s\n", c->name, c->summary);
    fprintf(out, "\nOptions of every command:\n");
    print_options(out, args_common);
    fprintf(out, "  --data FOLDER            the data folder (./data); other settings have flags too: docs/configuration.md\n");
    fprintf(out, "\nBegin with: tidemark serve --sandbox\nMore about one: tidemark COMMAND --help\n");
}

static void
print_command_help(const struct cli_command *c)
{
    printf("Usage: tidemark %s %s\n\n%s.\n", c->name, c->arguments, c->summary);
    if (c->options && c->options->name) {
        puts("\nOptions:");
        print_options(stdout, c->options);
    }
    if (c->text)
        printf("\n%s", c->text);
    puts("\nOptions of every command: tidemark --help. Exit codes: 0 done, 1 failed, 2 not understood, 3 no server, 4 partial,\n"
         "130 interrupted.");
}

static enum log_level
level_of(struct str name)
{
    static const char *const names[] = {[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i]))
            return (enum log_level)i;
    return LOG_INFO;
}

/* A command's own log lines would stand between its answers: only warnings, unless asked for more. */
static void
set_log_level(const struct cli *cli)
{
    bool serves = strcmp(cli->command->name, "serve") == 0;
    bool chosen = !str_eq(cli->config.values[SETTING_LOG_LEVEL].origin, STR("default"));
    log_set_level(serves || chosen ? level_of(config_text(&cli->config, SETTING_LOG_LEVEL)) : LOG_ERROR);
}

static enum exit_code
run(struct cli *cli, int argc, char **argv)
{
    static struct args args;
    struct err err = {0};
    if (!args_parse(&args, cli, argc, argv, &err)) {
        cli->command = args.command;
        return cli_usage(cli, "%s", err.message);
    }
    if (args.version)
        return puts("tidemark " TIDEMARK_VERSION), EXIT_CODE_OK;
    if (args.help || !args.command) {
        args.command ? print_command_help(args.command) : print_help(args.help ? stdout : stderr);
        return args.help ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
    struct config_sources sources = {.file = args.config_file,
                                     .environment = environ,
                                     .flags = args.flags,
                                     .flag_count = args.flag_count};
    if (!config_load(&cli->config, cli->arena, &sources, &err))
        return cli_fail(cli, &err);
    set_log_level(cli);
    return cli->command->run(cli);
}

int
main(int argc, char **argv)
{
    static struct cli cli;
    struct arena arena;
    alloc_tune();
    arena_init(&arena, CLI_ARENA_BYTES);
    cli.arena = &arena;
    cli.program = argc > 0 ? argv[0] : "tidemark";
    enum exit_code code = run(&cli, argc > 1 ? argc - 1 : 0, argv + (argc > 0));
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    arena_release(&arena);
    return written || code != EXIT_CODE_OK ? (int)code : EXIT_CODE_FAILED;
}
