/*
 * The command line: one table of commands, each with its options, help and function.
 *
 * A command gets what the user typed as a `struct cli`. Almost every command talks HTTP: to the running
 * server that it finds through the data folder, to the one named by --url, or, when none runs, to one that
 * is started inside this process for the duration of the command (client.h). So there is one way to do a
 * thing, and it works on a bare data folder too.
 */
#ifndef TIDEMARK_CLI_CLI_H
#define TIDEMARK_CLI_CLI_H

#include "cli/config.h"

/* What the program exits with; documented in docs/cli.md. */
enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILED = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_UNREACHABLE = 3,   /* no server, or no data folder */
    EXIT_CODE_PARTIAL = 4,       /* it worked, but not for every record */
    EXIT_CODE_INTERRUPTED = 130, /* Ctrl-C, or the second one for a server */
};

struct cli_option {
    const char *name;            /* without dashes */
    const char *value;           /* what its value is called in the help; NULL: a switch */
    const char *text;
};

#define CLI_POSITIONALS_MAX 16
#define CLI_OPTIONS_MAX 128

struct cli_given {
    const struct cli_option *option;
    struct str value;
};

struct cli;
typedef enum exit_code cli_fn(struct cli *cli);

struct cli_command {
    const char *name;
    const char *arguments;       /* "CONNECTION [--full]" */
    const char *summary;         /* one line */
    const char *text;            /* more, with examples; NULL */
    const struct cli_option *options; /* ended by a NULL name; NULL: none of its own */
    unsigned positionals_max;
    cli_fn *run;
};

struct cli {
    const struct cli_command *command;
    const char *program;         /* as it was called, for hints that can be copied */
    struct arena *arena;         /* of the process */
    struct config config;
    struct str positionals[CLI_POSITIONALS_MAX];
    unsigned positional_count;
    struct cli_given given[CLI_OPTIONS_MAX];
    unsigned given_count;
    bool json;                   /* --json */
};

extern const struct cli_command cli_commands[]; /* ended by a NULL name */

/* Options. */
bool cli_has(const struct cli *cli, const char *name);
struct str cli_value(const struct cli *cli, const char *name);              /* the last one given; STR_NONE */
struct str cli_value_at(const struct cli *cli, const char *name, unsigned nth); /* the nth; STR_NONE past the end */
struct str cli_positional(const struct cli *cli, unsigned index);           /* STR_NONE past the end */
/* A whole number of an option; E_USAGE. */
MUST_USE bool cli_number(const struct cli *cli, const char *name, int64_t min, int64_t max, int64_t otherwise,
                         int64_t *value_out, struct err *err);

/* "tidemark: message" on stderr, with --json as {"error":..., "code":...}; and the exit code that fits err. */
enum exit_code cli_fail(const struct cli *cli, const struct err *err);
/* The words of `tidemark COMMAND --help`, after a mistake. */
enum exit_code cli_usage(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);

/* Whole docs/cli.md and docs/errors.md. */
bool cli_reference(struct buf *b);
bool errors_reference(struct buf *b);

#endif
