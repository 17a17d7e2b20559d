/*
 * What the user typed, cut into a command, its options, settings and the rest.
 *
 * Every setting's flag (settings.def) works with every command, before or after its name; so do --set
 * name=value, --config, --url, --key, --tenant, --json and --help. "--name=value" and "--name value" are the
 * same; "--" ends the options.
 */
#ifndef TIDEMARK_CLI_ARGS_H
#define TIDEMARK_CLI_ARGS_H

#include "cli/cli.h"

#define ARGS_FLAGS_MAX 64

struct args {
    const struct cli_command *command; /* NULL: none was named */
    bool help, version;
    struct str config_file;            /* --config, or STR_NONE */
    struct config_flag flags[ARGS_FLAGS_MAX];
    size_t flag_count;
};

extern const struct cli_option args_common[]; /* ended by a NULL name */

/* Fills args and the options and positionals of cli. E_USAGE. argv without the program's name. */
MUST_USE bool args_parse(struct args *args, struct cli *cli, int argc, char *const *argv, struct err *err);

#endif
