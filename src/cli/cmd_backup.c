/*
 * `tidemark backup` and `restore`, of whichever database the settings name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/commands_priv.h"
#include "store/store.h"
#include "store/store_backup.h"
#include "store/store_run.h"

#define LOCK_FILE "tidemark.lock"

static struct str
in_data(struct cli *cli, const char *name)
{
    return str_format(cli->arena, "%.*s/%s", STR_ARG(config_text(&cli->config, SETTING_DATA_DIR)), name);
}

static bool
is_embedded(struct cli *cli)
{
    return !config_is_set(&cli->config, SETTING_DATABASE);
}

static bool
save(struct cli *cli, struct str file, struct err *err)
{
    if (is_embedded(cli))
        return store_backup_file(cli->arena, in_data(cli, DATABASE_FILE), file, err);
    return store_dump(cli->arena, config_text(&cli->config, SETTING_DATABASE), file, clock_system(), err);
}

enum exit_code
cmd_backup(struct cli *cli)
{
    struct err err = {0};
    struct str file = cli_positional(cli, 0);
    if (!file.len)
        err_set(&err, E_USAGE, "Say which file");
    if (!file.len || !save(cli, file, &err))
        return cli_fail(cli, &err);
    if (cli->json)
        printf("{\"file\":\"%.*s\"}\n", STR_ARG(file));
    else
        printf("Saved to %.*s. The key of stored secrets is not in it: keep %.*s too.\n", STR_ARG(file),
               STR_ARG(in_data(cli, "secret.key")));
    return EXIT_CODE_OK;
}

/* ---- restore ---- */

/* The owner's lock, held while files are moved: no server can start meanwhile. -1 with err. */
static int
lock_folder(struct cli *cli, struct err *err)
{
    char *path = str_cstr(cli->arena, in_data(cli, LOCK_FILE));
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        err_set(err, E_UNAVAILABLE, "The data folder cannot be written");
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    err_set(err, E_STORE_LOCKED, "A server uses this data folder: stop it before restoring");
    return -1;
}

/* What was there stays, under another name, until a person removes it. */
static bool
move_aside(struct cli *cli, struct str *aside_out, struct err *err)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char *database = str_cstr(cli->arena, in_data(cli, DATABASE_FILE));
    *aside_out = STR_NONE;
    if (!database)
        return err_no_memory(err);
    if (access(database, F_OK) != 0)
        return true;
    *aside_out = str_format(cli->arena, "%s.before-restore-%lld", database,
                            (long long)(clock_wall_us(clock_system()) / US_PER_S));
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char *from = str_cstr(cli->arena, str_format(cli->arena, "%s%s", database, endings[i]));
        char *to = str_cstr(cli->arena, str_format(cli->arena, "%.*s%s", STR_ARG(*aside_out), endings[i]));
        if (!from || !to)
            return err_no_memory(err);
        if (rename(from, to) != 0 && errno != ENOENT)
            return err_set(err, E_UNAVAILABLE, "%s cannot be moved aside", from);
    }
    return true;
}

static bool
raise_epochs(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    return store_run_raise_epochs(db, store_now(db), err);
}

/* Brought up to date, and every run taken away from workers of before (I-40). */
static bool
open_restored(struct cli *cli, struct err *err)
{
    struct store_options options = {.data_dir = config_text(&cli->config, SETTING_DATA_DIR),
                                    .clock = clock_system(),
                                    .migrate = true};
    struct store *st = store_open(&options, err);
    bool ok = st && store_write(st, raise_epochs, NULL, err);
    store_close(st);
    return ok;
}

static bool
restore(struct cli *cli, struct str *aside_out, struct err *err)
{
    struct str file = cli_positional(cli, 0), fresh = in_data(cli, DATABASE_FILE ".restoring");
    char *fresh_path = str_cstr(cli->arena, fresh), *database = str_cstr(cli->arena, in_data(cli, DATABASE_FILE));
    if (!fresh_path || !database)
        return err_no_memory(err);
    int lock = lock_folder(cli, err);
    if (lock < 0)
        return false;
    unlink(fresh_path);
    /* Copied and checked first: a bad file leaves everything as it was. */
    bool ok = store_backup_file(cli->arena, file, fresh, err) && move_aside(cli, aside_out, err);
    ok = ok && (rename(fresh_path, database) == 0 || err_set(err, E_UNAVAILABLE, "The database cannot be put in place"));
    unlink(fresh_path);
    close(lock);
    return ok && open_restored(cli, err);
}

enum exit_code
cmd_restore(struct cli *cli)
{
    struct err err = {0};
    struct str aside = STR_NONE;
    struct str file = cli_positional(cli, 0);
    bool ok = file.len ? is_embedded(cli) ? restore(cli, &aside, &err)
                                          : store_dump_load(cli->arena, config_text(&cli->config, SETTING_DATABASE), file,
                                                            clock_system(), &err)
                       : err_set(&err, E_USAGE, "Say which file");
    if (!ok)
        return cli_fail(cli, &err);
    if (cli->json)
        puts("{\"success\":true}");
    else
        printf("Restored.%s%.*s%s\n", aside.len ? " What was there before is " : "", STR_ARG(aside),
               aside.len ? "; remove it when all is well." : "");
    return EXIT_CODE_OK;
}
