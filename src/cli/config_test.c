#include "base/test.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/config.h"

static struct arena arena;
static struct config config;
static struct err err;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 4 << 20);
    err = (struct err){0};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* A file with this text; its name in the arena. The caller removes it. */
static struct str
yaml_file(const char *text)
{
    char name[] = "/tmp/tidemark-config-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return str_copy(&arena, str_from_c(name));
}

static bool
load(const char *yaml, const char *const *environment, const struct config_flag *flags, size_t flag_count)
{
    struct str file = yaml ? yaml_file(yaml) : STR_NONE;
    struct config_sources sources = {.file = file,
                                     .environment = (char *const *)(uintptr_t)environment,
                                     .flags = flags,
                                     .flag_count = flag_count};
    bool ok = config_load(&config, &arena, &sources, &err);
    if (file.ptr)
        unlink(str_cstr(&arena, file));
    return ok;
}

static void
test_every_default_is_within_its_own_limits(void **state)
{
    (void)state;
    assert_ok(load(NULL, NULL, NULL, 0), err);
    assert_str(config_text(&config, SETTING_LISTEN), "127.0.0.1:3000");
    assert_int_equal(config_us(&config, SETTING_INTERVAL), 15 * US_PER_MINUTE);
    assert_false(config_is_set(&config, SETTING_PORT));
    assert_str(config.values[SETTING_LISTEN].origin, "default");
}

static void
test_a_port_takes_the_place_of_that_of_the_address(void **state)
{
    (void)state;
    struct config_flag port = {SETTING_PORT, STR("4010")};
    assert_ok(load(NULL, NULL, &port, 1), err);
    assert_str(config_listen(&config, &arena), "127.0.0.1:4010");
    const char *environment[] = {"TIDEMARK_LISTEN=[::1]", NULL};
    assert_ok(load(NULL, environment, &port, 1), err);
    assert_str(config_listen(&config, &arena), "[::1]:4010");
    assert_ok(load(NULL, environment, NULL, 0), err);
    assert_str(config_listen(&config, &arena), "[::1]");
}

static void
test_the_later_source_wins_and_is_named(void **state)
{
    (void)state;
    const char *environment[] = {"TIDEMARK_WORKERS=3", "TIDEMARK_LISTEN=127.0.0.1:5000", NULL};
    struct config_flag flags[] = {{SETTING_LISTEN, STR("127.0.0.1:6000")}};
    assert_ok(load("workers: 2\nlisten: 127.0.0.1:4000\nlog:\n  level: warn\n", environment, flags, 1), err);
    assert_str(config_text(&config, SETTING_LISTEN), "127.0.0.1:6000");
    assert_str(config.values[SETTING_LISTEN].origin, "--listen");
    assert_int_equal(config_number(&config, SETTING_WORKERS), 3);
    assert_str(config.values[SETTING_WORKERS].origin, "TIDEMARK_WORKERS");
    assert_str(config_text(&config, SETTING_LOG_LEVEL), "warn");
    assert_true(str_ends(config.values[SETTING_LOG_LEVEL].origin, STR(" line 4")));
}

static void
test_documented_variables_work_and_ours_win(void **state)
{
    (void)state;
    const char *documented[] = {"API_KEY_ENCRYPTION_SECRET=0123456789abcdef0123", NULL};
    assert_ok(load(NULL, documented, NULL, 0), err);
    assert_str(config_text(&config, SETTING_SECRET_KEY), "0123456789abcdef0123");
    const char *both[] = {"TIDEMARK_SECRET_KEY=ours-0123456789abcdef", "API_KEY_ENCRYPTION_SECRET=0123456789abcdef0123", NULL};
    assert_ok(load(NULL, both, NULL, 0), err);
    assert_str(config_text(&config, SETTING_SECRET_KEY), "ours-0123456789abcdef");
}

static void
test_addresses_of_templates_come_from_variables_and_file(void **state)
{
    (void)state;
    const char *environment[] = {"CHATWOOT_BASE_URL=https://chat.example.com", "ZENDESK_BASE_URL=https://[subdomain].example.com", NULL};
    assert_ok(load("base_urls:\n  chatwoot: https://other.example.com\n  hubspot: https://hub.example.com\n", environment, NULL, 0), err);
    assert_str(config_base_url(&config, STR("chatwoot")), "https://chat.example.com");
    assert_str(config_base_url(&config, STR("zendesk")), "https://[subdomain].example.com");
    assert_str(config_base_url(&config, STR("hubspot")), "https://hub.example.com");
    assert_true(str_is_none(config_base_url(&config, STR("shopify"))));
}

static void
test_lists_may_be_yaml_sequences(void **state)
{
    (void)state;
    assert_ok(load("network:\n  allow: [10.0.0.0/8, 192.168.7.4]\n", NULL, NULL, 0), err);
    assert_str(config_text(&config, SETTING_NETWORK_ALLOW), "10.0.0.0/8,192.168.7.4");
}

static void
test_doubled_quotes_are_one(void **state)
{
    (void)state;
    assert_ok(load("secret_key: '0123456789''abcdef0123'''\n", NULL, NULL, 0), err);
    assert_str(config_text(&config, SETTING_SECRET_KEY), "0123456789'abcdef0123'");
}

static void
expect_refusal(const char *yaml, const char *part)
{
    assert_fails_with(load(yaml, NULL, NULL, 0), err, E_CONFIG);
    if (!str_contains(str_from_c(err.message), str_from_c(part)))
        fail_msg("\"%s\" should say \"%s\"", err.message, part);
}

static void
test_mistakes_are_named_with_their_place(void **state)
{
    (void)state;
    expect_refusal("listen: a\nwokers: 3\n", "line 2");
    expect_refusal("wokers: 3\n", "wokers");
    expect_refusal("workers: many\n", "whole number from 0 to 256");
    expect_refusal("workers: 257\n", "whole number from 0 to 256");
    expect_refusal("interval: soon\n", "90s, 15m or 1h30m");
    expect_refusal("interval: 1s\nlog: [\n", "line 3");
    expect_refusal("- a\n", "mapping");
    expect_refusal("workers: 1\nworkers: 2\n", "twice");
    expect_refusal("&a log: *a\n", "line 1");
    expect_refusal("log: &a\n  level: *a\n", "log");
    expect_refusal("log:\n  level: loud\n", "debug, info, warn or error");
    expect_refusal("workers: [1, 2]\n", "one value");
    expect_refusal("lease_ms: 1000\nheartbeat_ms: 500\n", "a third");
}

static void
test_a_short_secret_is_refused_without_being_repeated(void **state)
{
    (void)state;
    expect_refusal("auth:\n  jwt_secret: too-short\n", "32 to 4096 characters");
    assert_false(str_contains(str_from_c(err.message), STR("too-short")));
}

static void
test_an_empty_file_changes_nothing(void **state)
{
    (void)state;
    assert_ok(load("", NULL, NULL, 0), err);
    assert_ok(load("# only a comment\n", NULL, NULL, 0), err);
}

static void
test_secrets_are_shown_masked(void **state)
{
    (void)state;
    assert_str(setting_shown(&arena, &settings[SETTING_JWT_SECRET], STR("0123456789abcdefghij")), "••••ghij");
    assert_str(setting_shown(&arena, &settings[SETTING_JWT_SECRET], STR("short")), "••••");
    assert_str(setting_shown(&arena, &settings[SETTING_DATABASE], STR("postgres://tide:pass@db/x")), "postgres://tide:••••@db/x");
    assert_str(setting_shown(&arena, &settings[SETTING_LISTEN], STR("127.0.0.1:1")), "127.0.0.1:1");
    assert_str(setting_variable(&arena, &settings[SETTING_JWT_SECRET]), "TIDEMARK_AUTH_JWT_SECRET");
}
