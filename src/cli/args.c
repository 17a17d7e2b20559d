#include "cli/args.h"

#include <string.h>

const struct cli_option args_common[] = {
    {"config", "FILE", "read this configuration file (else ./tidemark.yaml where there is one)"},
    {"set", "NAME=VALUE", "any setting of docs/configuration.md"},
    {"url", "URL", "the server to talk to (else the one that uses the data folder)"},
    {"key", "KEY", "the API key for it (else TIDEMARK_KEY)"},
    {"tenant", "NAME", "the tenant that is meant, by id or key, where there are several"},
    {"json", NULL, "print JSON instead of text for people"},
    {"help", NULL, "explain the command"},
    {"version", NULL, "print the version"},
    {0},
};

/* What is being read. */
struct reading {
    struct args *args;
    struct cli *cli;
    int argc, at;
    char *const *argv;
    struct err *err;
};

static const struct cli_option *
find_option(const struct cli_option *options, struct str name)
{
    for (; options && options->name; options++)
        if (str_eq_c(name, options->name))
            return options;
    return NULL;
}

static const struct cli_command *
find_command(struct str name)
{
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (str_eq_c(name, c->name))
            return c;
    return NULL;
}

static bool
take_value(struct reading *r, struct str name, bool has_value, struct str inline_value, struct str *value_out)
{
    if (has_value) {
        *value_out = inline_value;
        return true;
    }
    if (r->at + 1 >= r->argc)
        return err_set(r->err, E_USAGE, "--%.*s needs a value", STR_ARG(name));
    *value_out = str_from_c(r->argv[++r->at]);
    return true;
}

static bool
add_flag(struct reading *r, enum setting_id id, struct str value)
{
    if (r->args->flag_count == ARGS_FLAGS_MAX)
        return err_set(r->err, E_USAGE, "More than %d settings on the command line", ARGS_FLAGS_MAX);
    r->args->flags[r->args->flag_count++] = (struct config_flag){id, value};
    return true;
}

static bool
add_setting(struct reading *r, struct str text)
{
    struct str name, value;
    if (!str_cut(text, '=', &name, &value))
        return err_set(r->err, E_USAGE, "--set needs name=value");
    enum setting_id id = setting_by_name(name);
    if (id == SETTING_COUNT)
        return err_set(r->err, E_USAGE, "There is no setting %.*s: see tidemark config show", STR_ARG(name));
    return add_flag(r, id, value);
}

static bool
add_given(struct reading *r, const struct cli_option *option, struct str value)
{
    struct cli *cli = r->cli;
    if (cli->given_count == CLI_OPTIONS_MAX)
        return err_set(r->err, E_USAGE, "More than %d options", CLI_OPTIONS_MAX);
    cli->given[cli->given_count++] = (struct cli_given){option, value};
    return true;
}

static bool
take_common(struct reading *r, const struct cli_option *option, struct str value)
{
    if (str_eq_c(str_from_c(option->name), "set"))
        return add_setting(r, value);
    if (strcmp(option->name, "config") == 0)
        r->args->config_file = value;
    r->args->help |= strcmp(option->name, "help") == 0;
    r->args->version |= strcmp(option->name, "version") == 0;
    r->cli->json |= strcmp(option->name, "json") == 0;
    return add_given(r, option, value);
}

static bool
take_option(struct reading *r, struct str text)
{
    struct str name, value;
    bool has_value = str_cut(text, '=', &name, &value);
    const struct cli_command *command = r->args->command;
    const struct cli_option *own = command ? find_option(command->options, name) : NULL;
    const struct cli_option *option = own ? own : find_option(args_common, name);
    enum setting_id id = option ? SETTING_COUNT : setting_by_flag(name);
    if (!option && id == SETTING_COUNT)
        return err_set(r->err, E_USAGE, "Unknown option --%.*s%s", STR_ARG(name), command ? "" : ": see tidemark --help");
    bool is_switch = option ? option->value == NULL : settings[id].type == SETTING_BOOL;
    if (is_switch && option && has_value)
        return err_set(r->err, E_USAGE, "--%.*s takes no value", STR_ARG(name));
    if (!is_switch && !take_value(r, name, has_value, value, &value))
        return false;
    if (is_switch && !has_value)
        value = STR("true");
    if (!option)
        return add_flag(r, id, value);
    return own ? add_given(r, own, value) : take_common(r, option, value);
}

/* "contact" for contacts, "run" for runs. */
static bool
no_such_command(struct str text, struct err *err)
{
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (text.len >= 3 && (str_starts(str_from_c(c->name), text) || str_starts(text, str_from_c(c->name))))
            return err_set(err, E_USAGE, "There is no command %.*s: did you mean tidemark %s?", STR_ARG(text), c->name);
    return err_set(err, E_USAGE, "There is no command %.*s: see tidemark --help", STR_ARG(text));
}

static bool
take_word(struct reading *r, struct str text)
{
    struct cli *cli = r->cli;
    if (!r->args->command) {
        r->args->command = find_command(text);
        return r->args->command || no_such_command(text, r->err);
    }
    if (cli->positional_count >= r->args->command->positionals_max)
        return err_set(r->err, E_USAGE, "Too many words: \"%.*s\" was not expected", STR_ARG(text));
    cli->positionals[cli->positional_count++] = text;
    return true;
}

/*
 * Options of a command are known only once it is named, so its name is looked for first: the first word
 * that is no option and no value of a common one.
 */
static void
find_command_word(struct reading *r)
{
    for (int i = 0; i < r->argc; i++) {
        struct str text = str_from_c(r->argv[i]), name, value;
        if (!str_starts(text, STR("-"))) {
            r->args->command = find_command(text);
            r->at = i;
            return;
        }
        bool has_value = str_cut(str_skip(text, 2), '=', &name, &value);
        const struct cli_option *option = find_option(args_common, name);
        enum setting_id id = setting_by_flag(name);
        bool takes = option ? option->value != NULL : id != SETTING_COUNT && settings[id].type != SETTING_BOOL;
        i += takes && !has_value;
    }
    r->at = -1;
}

bool
args_parse(struct args *args, struct cli *cli, int argc, char *const *argv, struct err *err)
{
    struct reading r = {.args = args, .cli = cli, .argc = argc, .argv = argv, .err = err};
    *args = (struct args){0};
    find_command_word(&r);
    int command_at = args->command ? r.at : -1;
    bool options_ended = false;
    for (r.at = 0; r.at < argc; r.at++) {
        struct str text = str_from_c(argv[r.at]);
        bool ok = true;
        if (r.at == command_at)
            continue;
        if (!options_ended && str_eq(text, STR("--")))
            options_ended = true;
        else if (!options_ended && str_eq(text, STR("-h")))
            args->help = true;
        else if (!options_ended && str_starts(text, STR("--")))
            ok = take_option(&r, str_skip(text, 2));
        else if (!options_ended && text.len > 1 && text.ptr[0] == '-')
            ok = err_set(err, E_USAGE, "Unknown option %.*s", STR_ARG(text));
        else
            ok = take_word(&r, text);
        if (!ok)
            return false;
    }
    cli->command = args->command;
    return true;
}
