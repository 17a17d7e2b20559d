/*
 * `tidemark config`: what holds and where it came from; and the reference pages of docs/, which are made
 * from the tables, so that they cannot be wrong.
 */
#include <stdio.h>

#include "cli/commands_priv.h"
#include "door/door.h"
#include "json/writer.h"

#define TEXT_BYTES_MAX (1024 * 1024)

static void
show_json(struct cli *cli)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, TEXT_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_value *value = &cli->config.values[i];
        json_begin_object(&w, settings[i].name);
        json_add_str(&w, "value", setting_shown(cli->arena, &settings[i], config_text(&cli->config, (enum setting_id)i)));
        json_add_str(&w, "origin", value->origin);
        json_end_object(&w);
    }
    json_begin_object(&w, "base_urls");
    for (size_t i = 0; i < cli->config.base_url_count; i++) {
        json_add_key(&w, cli->config.base_urls[i].template);
        json_add_str(&w, NULL, cli->config.base_urls[i].url);
    }
    json_end_object(&w);
    json_end_object(&w);
    printf("%.*s\n", STR_ARG(buf_str(&b)));
    buf_release(&b);
}

static void
show_text(struct cli *cli)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        struct str text = setting_shown(cli->arena, &settings[i], config_text(&cli->config, (enum setting_id)i));
        printf("%-24s %-32.*s %.*s\n", settings[i].name, STR_ARG(text.len ? text : STR("-")),
               STR_ARG(cli->config.values[i].origin));
    }
    for (size_t i = 0; i < cli->config.base_url_count; i++) {
        const struct base_url *url = &cli->config.base_urls[i];
        printf("base_urls.%-14.*s %-32.*s %.*s\n", STR_ARG(url->template), STR_ARG(url->url), STR_ARG(url->origin));
    }
}

static enum exit_code
print_page(struct cli *cli, bool (*page)(struct buf *b))
{
    struct buf b;
    buf_init(&b, TEXT_BYTES_MAX);
    bool ok = page(&b);
    fwrite(b.ptr, 1, b.len, stdout);
    buf_release(&b);
    struct err err = {0};
    return ok ? EXIT_CODE_OK : (err_no_memory(&err), cli_fail(cli, &err));
}

enum exit_code
cmd_config(struct cli *cli)
{
    struct str verb = cli_positional(cli, 0), what = cli_positional(cli, 1);
    if (!verb.len || str_eq(verb, STR("show"))) {
        cli->json ? show_json(cli) : show_text(cli);
        return EXIT_CODE_OK;
    }
    if (!str_eq(verb, STR("reference")))
        return cli_usage(cli, "There is no action \"%.*s\": show, reference", STR_ARG(verb));
    if (!what.len || str_eq(what, STR("settings")))
        return print_page(cli, config_reference);
    if (str_eq(what, STR("errors")))
        return print_page(cli, errors_reference);
    if (str_eq(what, STR("commands")))
        return print_page(cli, cli_reference);
    if (str_eq(what, STR("routes")))
        return print_page(cli, door_routes_text);
    return cli_usage(cli, "There is a reference of settings, errors, commands and routes");
}
