/*
 * `tidemark migrate`, `doctor` and `version`: looking after an installation.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli/commands_priv.h"
#include "cli/instance.h"
#include "json/writer.h"
#include "store/store.h"

#define TEXT_BYTES_MAX (64 * 1024)
#define FREE_BYTES_WANTED (INT64_C(1) << 30)

enum exit_code
cmd_version(struct cli *cli)
{
    printf(cli->json ? "{\"version\":\"%s\"}\n" : "tidemark %s\n", TIDEMARK_VERSION);
    return EXIT_CODE_OK;
}

static struct store *
open_store(struct cli *cli, bool migrate, struct err *err)
{
    struct str url = config_text(&cli->config, SETTING_DATABASE);
    struct store_options options = {.url = url.len ? url : STR_NONE,
                                    .data_dir = config_text(&cli->config, SETTING_DATA_DIR),
                                    .clock = clock_system(),
                                    .migrate = migrate};
    return store_open(&options, err);
}

enum exit_code
cmd_migrate(struct cli *cli)
{
    struct err err = {0};
    struct store_health health;
    struct store *st = open_store(cli, true, &err);
    if (!st)
        return cli_fail(cli, &err);
    store_health(st, &health);
    printf(cli->json ? "{\"schemaVersion\":%d}\n" : "The database has schema version %d.\n", health.schema_version);
    store_close(st);
    return EXIT_CODE_OK;
}

/* ---- doctor ---- */

struct finding {
    const char *what;
    bool good;
    struct str words;
};

#define FINDINGS_MAX 16

struct examination {
    struct cli *cli;
    struct finding findings[FINDINGS_MAX];
    size_t count;
};

static void
note(struct examination *e, const char *what, bool good, struct str words)
{
    if (e->count < FINDINGS_MAX)
        e->findings[e->count++] = (struct finding){what, good, words};
}

static void
look_at_folder(struct examination *e)
{
    struct stat status;
    struct statvfs disk;
    struct arena *a = e->cli->arena;
    struct str folder = config_text(&e->cli->config, SETTING_DATA_DIR);
    char *path = str_cstr(a, folder);
    if (!path || stat(path, &status) != 0) {
        note(e, "data folder", false, str_format(a, "%.*s does not exist yet: tidemark serve makes it", STR_ARG(folder)));
        return;
    }
    bool closed = (status.st_mode & 077) == 0;
    note(e, "data folder", closed,
         closed ? folder : str_format(a, "%.*s is open to others: chmod 700 it", STR_ARG(folder)));
    if (statvfs(path, &disk) != 0)
        return;
    int64_t bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    note(e, "disk", bytes > FREE_BYTES_WANTED, str_format(a, "%lld MB free", (long long)(bytes >> 20)));
}

/* The server, or, when none runs, the database itself: opening it checks owner, version and key. */
static void
look_at_server(struct examination *e)
{
    struct err err = {0};
    struct client_reply reply;
    struct arena *a = e->cli->arena;
    struct client *c = client_open(e->cli, &err);
    if (!c) {
        note(e, "database", false, str_copy(a, str_from_c(err.message)));
        return;
    }
    note(e, "server", true, client_is_inside(c) ? STR("none runs; the data folder was opened directly") : client_url(c));
    bool ready = client_call(c, a, "GET", STR("/readyz"), STR_NONE, &reply, &err);
    note(e, "database", ready,
         ready ? str_copy(a, json_str(json_get_c(reply.body, "database"))) : str_copy(a, str_from_c(err.message)));
    if (client_call(c, a, "GET", STR("/api/v1/sync/connections?limit=500"), STR_NONE, &reply, &err)) {
        size_t index, max;
        yyjson_val *item;
        yyjson_arr_foreach(reply.data, index, max, item) {
            if (str_eq(json_str(json_get_c(item, "status")), STR("error")))
                note(e, "connection", false,
                     str_format(a, "\"%.*s\": %.*s", STR_ARG(json_str(json_get_c(item, "name"))),
                                STR_ARG(json_str(json_get_c(item, "errorMessage")))));
        }
    }
    client_close(c);
}

static void
print_findings(const struct examination *e)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, TEXT_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < e->count; i++) {
        const struct finding *f = &e->findings[i];
        json_begin_object(&w, NULL);
        json_add_c(&w, "what", f->what);
        json_add_bool(&w, "good", f->good);
        json_add_str(&w, "words", f->words);
        json_end_object(&w);
        if (!e->cli->json)
            printf("%-5s %-12s %.*s\n", f->good ? "ok" : "LOOK", f->what, STR_ARG(f->words));
    }
    json_end_array(&w);
    if (e->cli->json)
        printf("%.*s\n", STR_ARG(buf_str(&b)));
    buf_release(&b);
}

enum exit_code
cmd_doctor(struct cli *cli)
{
    struct examination e = {.cli = cli};
    bool good = true;
    note(&e, "version", true, STR(TIDEMARK_VERSION));
    note(&e, "settings", true, str_is_none(cli->config.file) ? STR("no file; defaults, variables and flags") : cli->config.file);
    look_at_folder(&e);
    look_at_server(&e);
    print_findings(&e);
    for (size_t i = 0; i < e.count; i++)
        good = good && e.findings[i].good;
    return good ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}
