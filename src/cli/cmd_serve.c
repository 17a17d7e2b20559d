/*
 * `tidemark serve` and `tidemark sandbox`: until a signal comes.
 *
 * SIGTERM and SIGINT are waited for by a thread of their own, and blocked in all others: the first asks for
 * an orderly stop (I-38), the second ends the process at once, which is safe because everything that
 * matters is in the store.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/commands_priv.h"
#include "cli/instance.h"
#include "json/writer.h"
#include "sandbox/sandbox.h"

#define TEXT_BYTES_MAX (64 * 1024)

static sem_t stop_asked;

static void *
wait_for_signals(void *ctx)
{
    sigset_t *set = ctx;
    int number;
    bool asked = false;
    for (;;) {
        if (sigwait(set, &number) != 0)
            continue;
        if (asked)
            _exit(EXIT_CODE_INTERRUPTED);
        asked = true;
        sem_post(&stop_asked);
    }
    return NULL;
}

/* Before any other thread is made: they inherit the mask. */
static bool
take_signals(struct err *err)
{
    static sigset_t set;
    pthread_t thread;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk: an answer, not an end (F3) */
    sem_init(&stop_asked, 0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || pthread_create(&thread, NULL, wait_for_signals, &set) != 0)
        return err_no_memory(err);
    pthread_detach(thread);
    return true;
}

static void
wait_for_stop(void)
{
    while (sem_wait(&stop_asked) != 0 && errno == EINTR)
        ;
}

/* A core file would hold secrets (I-29). The leak checker of test builds must be able to look at the process. */
static void
forbid_core_files(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef CHECK_SLOW_ON
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

#ifdef TIDEMARK_SANDBOX
static bool
sandbox_options_of(struct cli *cli, struct sandbox_options *options, struct err *err)
{
    struct str text;
    int64_t seed, per_minute, expired_after;
    sandbox_options_init(options);
    if (!cli_number(cli, "seed", 0, INT64_MAX, (int64_t)options->seed, &seed, err) ||
        !cli_number(cli, "rate", 0, 10000000, options->requests_per_minute, &per_minute, err) ||
        !cli_number(cli, "expired-after", 0, INT64_MAX, options->expired_after, &expired_after, err))
        return false;
    options->seed = (uint64_t)seed;
    options->requests_per_minute = per_minute;
    options->expired_after = expired_after;
    options->off_spec = options->off_spec || cli_has(cli, "off-spec");
    for (unsigned n = 0; !str_is_none(text = cli_value_at(cli, "size", n)); n++)
        if (!sandbox_option_size(options, text, err))
            return false;
    for (unsigned n = 0; !str_is_none(text = cli_value_at(cli, "fault", n)); n++)
        if (!sandbox_option_fault(options, text, err))
            return false;
    return true;
}
#endif

static void
print_greeting(struct cli *cli, const struct instance_info *info, struct str syncing)
{
    struct str program = called_as(cli);
    printf("Tidemark %s is ready at %.*s%s\n\n", TIDEMARK_VERSION, STR_ARG(info->url),
           info->sandbox_url.len ? "   (sandbox: simulated vendors, no account needed)" : "");
    if (info->first_key.len)
        printf("  Admin key (shown this once):  %.*s\n", STR_ARG(info->first_key));
    if (info->made_secret_file.len)
        printf("  Stored secrets are sealed with %.*s, made just now: keep a copy in a safe place.\n",
               STR_ARG(info->made_secret_file));
    if (syncing.len)
        printf("  Syncing now: %.*s\n", STR_ARG(syncing));
    printf("%sTry next:\n", info->first_key.len || info->made_secret_file.len || syncing.len ? "\n" : "");
    if (syncing.len) {
        printf("  %.*s runs\n", STR_ARG(program));
        printf("  %.*s contacts --limit 5\n", STR_ARG(program));
        printf("  %.*s sync chatwoot\n", STR_ARG(program));
    } else {
        printf("  %.*s templates\n", STR_ARG(program));
        printf("  %.*s connect chatwoot accountId=1 accessToken=- --name Support\n", STR_ARG(program));
        printf("  %.*s sync Support\n", STR_ARG(program));
    }
    fflush(stdout);
}

static void
print_greeting_json(const struct instance_info *info)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, TEXT_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "url", info->url);
    json_add_str(&w, "adminKey", info->first_key);
    json_add_str(&w, "sandboxUrl", info->sandbox_url);
    json_end_object(&w);
    printf("%.*s\n", STR_ARG(buf_str(&b)));
    fflush(stdout);
    buf_release(&b);
}

static bool
serve(struct cli *cli, const struct instance_options *options, struct err *err)
{
    struct str syncing = STR_NONE;
    struct instance *i = instance_start(options, err);
    if (!i)
        return false;
    if ((options->sandbox && !instance_connect_sandbox(i, cli->arena, &syncing, err)) || !instance_announce(i, err)) {
        instance_stop(i);
        return false;
    }
    if (cli->json)
        print_greeting_json(instance_info(i));
    else
        print_greeting(cli, instance_info(i), syncing);
    wait_for_stop();
    log_write(LOG_INFO, "stopping");
    instance_stop(i);
    log_write(LOG_INFO, "stopped");
    return true;
}

enum exit_code
cmd_serve(struct cli *cli)
{
    struct err err = {0};
    struct instance_options options = {.config = &cli->config, .serve = true, .migrate = true};
    forbid_core_files();
    if (!take_signals(&err))
        return cli_fail(cli, &err);
#ifdef TIDEMARK_SANDBOX
    struct sandbox_options sandbox;
    if (!sandbox_options_of(cli, &sandbox, &err))
        return cli_fail(cli, &err);
    options.sandbox = config_bool(&cli->config, SETTING_SANDBOX) ? &sandbox : NULL;
#endif
    return serve(cli, &options, &err) ? EXIT_CODE_OK : cli_fail(cli, &err);
}

#ifdef TIDEMARK_SANDBOX

static void
print_vendors(struct cli *cli, const struct sandbox *sandbox)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, TEXT_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "url", sandbox_url(sandbox));
    json_begin_array(&w, "vendors");
    for (size_t v = 0; v < sandbox_vendor_count(sandbox); v++) {
        struct sandbox_vendor vendor = sandbox_vendor_at(sandbox, v);
        json_begin_object(&w, NULL);
        json_add_str(&w, "name", vendor.name);
        json_add_str(&w, "url", vendor.base_url);
        json_add_raw(&w, "config", vendor.config);
        json_end_object(&w);
        if (!cli->json)
            printf("  %-12.*s %.*s\n", STR_ARG(vendor.name), STR_ARG(vendor.base_url));
    }
    json_end_array(&w);
    json_end_object(&w);
    if (cli->json)
        printf("%.*s\n", STR_ARG(buf_str(&b)));
    fflush(stdout);
    buf_release(&b);
}

enum exit_code
cmd_sandbox(struct cli *cli)
{
    struct err err = {0};
    struct sandbox_options options;
    struct sandbox *sandbox = NULL;
    if (take_signals(&err) && sandbox_options_of(cli, &options, &err)) {
        if (config_is_set(&cli->config, SETTING_PORT) || !str_eq(cli->config.values[SETTING_LISTEN].origin, STR("default")))
            options.listen = config_listen(&cli->config, cli->arena);
        sandbox = sandbox_new(&options, &err);
    }
    if (!sandbox)
        return cli_fail(cli, &err);
    if (!cli->json)
        printf("The simulated vendors are ready at %.*s\n", STR_ARG(sandbox_url(sandbox)));
    print_vendors(cli, sandbox);
    wait_for_stop();
    sandbox_free(sandbox);
    return EXIT_CODE_OK;
}

#endif
