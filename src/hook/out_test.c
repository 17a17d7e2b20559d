/*
 * Outgoing webhooks with a clock that the test moves and a receiver that it plays: the retry ladder, giving up, the lease.
 */
#include "base/test.h"

#include <dirent.h>
#include <unistd.h>

#include "base/rng.h"
#include "hook/out_priv.h"

#define BEGAN INT64_C(1795320000000000) /* 2026-11-22T04:00:00Z */
#define SENT_MAX 64

struct play {
    char folder[64];
    struct arena arena;
    struct clock_manual clock;
    struct store *store;
    struct seal_master *master;
    struct keyring *keys;
    struct out *out;
    struct tenant tenant;
    struct subscription s;
    struct str types;
    /* the receiver */
    int status;
    struct str answer;
    char ids[SENT_MAX][64], bodies[SENT_MAX][400], signatures[SENT_MAX][200];
    unsigned sent;
    struct http_reply reply;
    void (*meanwhile)(struct play *play);
};

static void *
play_start(void *ctx, const struct http_request *request, struct err *err)
{
    struct play *p = ctx;
    (void)err;
    assert_true(p->sent < SENT_MAX);
    assert_int_equal(request->redirects_max, 0);
    assert_false(request->operator_address);
    snprintf(p->ids[p->sent], 64, "%.*s", STR_ARG(http_header_get(&request->headers, "webhook-id")));
    snprintf(p->signatures[p->sent], 200, "%.*s", STR_ARG(http_header_get(&request->headers, "webhook-signature")));
    snprintf(p->bodies[p->sent++], 400, "%.*s", STR_ARG(request->body));
    if (p->meanwhile)
        p->meanwhile(p);
    p->reply = (struct http_reply){.status = p->status, .body = p->answer, .code = p->status ? E_OK : E_NETWORK};
    return p;
}

static const struct http_reply *
play_wait(void *call)
{
    return &((struct play *)call)->reply;
}

static void
play_nothing(void *call)
{
    (void)call;
}

static bool
prepare(struct db *db, void *ctx, struct err *err)
{
    struct play *p = ctx;
    return store_tenant_ensure_default(db, &p->arena, store_now(db), &p->tenant, NULL, err);
}

static bool
subscribe(struct db *db, void *ctx, struct err *err)
{
    struct play *p = ctx;
    return store_subscription_create(db, &p->arena, &p->s, store_now(db), err);
}

static bool
happen(struct db *db, void *ctx, struct err *err)
{
    struct play *p = ctx;
    struct event event = {.tenant = p->tenant.id, .type = STR("run.failed"), .data = STR("{\"runId\":\"r\"}"), .at_us = store_now(db)};
    return store_event_add(db, &event, err);
}

static bool
look(struct db *db, void *ctx, struct err *err)
{
    struct play *p = ctx;
    return store_subscription_get(db, &p->arena, p->tenant.id, p->s.uuid, &p->s, err) == ROW_FOUND;
}

static void
write_to(struct play *p, store_fn *fn)
{
    struct err err = {0};
    if (!store_write(p->store, fn, p, &err))
        fail_msg("%s", err.message);
}

static int
setup(void **state)
{
    struct play *p = calloc(1, sizeof(*p));
    struct err err = {0};
    struct str secret = STR_NONE;
    char uuid[UUID_TEXT_BYTES];
    snprintf(p->folder, sizeof(p->folder), "/tmp/tidemark-out.XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    arena_init(&p->arena, 64L * 1024 * 1024);
    clock_manual_init(&p->clock, BEGAN);
    struct store_options so = {.data_dir = str_from_c(p->folder), .clock = &p->clock.clock, .migrate = true, .readers_max = 2};
    p->store = store_open(&so, &err);
    assert_non_null(p->store);
    p->master = seal_master_new(STR("a master secret for the tests only"), &err);
    p->keys = keyring_new(p->store, p->master, false, &err);
    write_to(p, prepare);
    struct sender sender = {play_start, play_wait, play_nothing, play_nothing, p};
    struct out_options options = {.store = p->store, .keys = p->keys, .sender = sender, .clock = &p->clock.clock};
    p->out = out_new(&options, &err);
    p->s = (struct subscription){.tenant = p->tenant.id, .url = STR("https://example.com/hook"), .enabled = true,
                                 .uuid = str_copy(&p->arena, str_from_c(uuid_v7_now(uuid)))};
    struct seal_place place = out_secret_place(&p->tenant, p->s.uuid);
    assert_true(out_secret_new(&p->arena, &secret, &err));
    assert_true(keyring_seal(p->keys, p->tenant.id, &place, secret, &p->arena, &p->s.secret, &err));
    write_to(p, subscribe);
    p->status = 200;
    *state = p;
    return 0;
}

static int
teardown(void **state)
{
    struct play *p = *state;
    out_free(p->out);
    keyring_free(p->keys);
    seal_master_free(p->master);
    store_close(p->store);
    arena_release(&p->arena);
    DIR *dir = opendir(p->folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[400];
        snprintf(path, sizeof(path), "%s/%s", p->folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(dir);
    rmdir(p->folder);
    free(p);
    return 0;
}

/* Until nothing is left to do now. How many attempts were made. */
static unsigned
work(struct play *p)
{
    struct err err = {0};
    unsigned before = p->sent;
    bool did = true;
    for (unsigned i = 0; did && i < 20; i++)
        if (!out_round(p->out, &did, &err))
            fail_msg("%s: %s", err_name(err.code), err.message);
    assert_false(did);
    return p->sent - before;
}

static void
test_what_fails_is_tried_again_by_the_ladder_and_then_given_up(void **state)
{
    struct play *p = *state;
    static const int64_t waits_s[] = {5, 300, 1800, 7200, 18000, 36000, 36000}; /* contract, section 9 */
    struct err err = {0};
    p->status = 500;
    write_to(p, happen);
    assert_int_equal(work(p), 1);
    for (size_t i = 0; i < ARRAY_LEN(waits_s); i++) {
        clock_manual_advance(&p->clock, waits_s[i] * US_PER_S - 1);
        assert_int_equal(work(p), 0);
        clock_manual_advance(&p->clock, 1);
        assert_int_equal(work(p), 1);
        assert_string_equal(p->ids[p->sent - 1], p->ids[0]);
        assert_string_equal(p->bodies[p->sent - 1], p->bodies[0]);
    }
    clock_manual_advance(&p->clock, 100 * US_PER_DAY);
    assert_int_equal(work(p), 0);
    assert_true(store_read(p->store, look, p, &err));
    assert_false(p->s.enabled);
    assert_true(str_contains(p->s.disabled_reason, STR("more than a day")));
}

static bool
count_alerts(struct db *db, void *ctx, struct err *err)
{
    struct play *p = ctx;
    struct event *rows;
    size_t count;
    if (!store_event_read(db, &p->arena, p->tenant.id, (struct event_place){0}, 100, &rows, &count, err))
        return false;
    p->status = 0;
    for (size_t i = 0; i < count; i++)
        p->status += str_eq_c(rows[i].type, "alert.raised");
    return true;
}

static void
test_giving_up_raises_one_alert(void **state)
{
    struct play *p = *state;
    struct err err = {0};
    p->status = 503;
    write_to(p, happen);
    write_to(p, happen);
    for (int i = 0; i < 40; i++) {
        clock_manual_advance(&p->clock, US_PER_HOUR);
        work(p);
    }
    assert_true(store_read(p->store, count_alerts, p, &err));
    assert_int_equal(p->status, 1);
}

static void
test_a_success_in_between_keeps_it_on(void **state)
{
    struct play *p = *state;
    struct err err = {0};
    p->status = 0; /* no answer at all */
    write_to(p, happen);
    for (int i = 0; i < 60; i++) {
        clock_manual_advance(&p->clock, 30 * US_PER_MINUTE);
        work(p);
        if (i == 30) {
            p->status = 200;
            write_to(p, happen);
            work(p);
            p->status = 0;
        }
    }
    assert_true(store_read(p->store, look, p, &err));
    assert_true(p->s.enabled);
}

static void
test_first_attempts_go_in_the_order_of_events(void **state)
{
    struct play *p = *state;
    for (int i = 0; i < 5; i++) {
        clock_manual_advance(&p->clock, US_PER_S);
        write_to(p, happen);
    }
    assert_int_equal(work(p), 5);
    for (unsigned i = 1; i < 5; i++)
        assert_true(strcmp(p->bodies[i - 1], p->bodies[i]) < 0); /* timestamps grow */
    assert_int_equal(work(p), 0);
}

static bool
steal(struct db *db, void *ctx, struct err *err)
{
    struct play *p = ctx;
    bool taken = false;
    int64_t now_us = store_now(db);
    return look(db, ctx, err) &&
           store_subscription_take(db, &p->s, STR("another node"), now_us + US_PER_S, now_us, &taken, err) && taken;
}

static void
lose_the_lease(struct play *p)
{
    p->meanwhile = NULL;
    clock_manual_advance(&p->clock, OUT_LEASE_US + 1);
    write_to(p, steal);
}

static void
test_who_lost_the_lease_while_sending_changes_nothing_and_it_is_sent_again(void **state)
{
    struct play *p = *state;
    write_to(p, happen);
    p->meanwhile = lose_the_lease;
    assert_int_equal(work(p), 1);
    clock_manual_advance(&p->clock, 2 * US_PER_S);
    assert_int_equal(work(p), 1);
    assert_string_equal(p->ids[0], p->ids[1]);
    assert_int_equal(work(p), 0);
}

static void
test_an_answer_is_kept_short_and_in_plain_characters(void **state)
{
    struct play *p = *state;
    struct err err = {0};
    struct delivery *rows;
    size_t count;
    int64_t total;
    static char answer[5000];
    memset(answer, 'x', sizeof(answer));
    memcpy(answer, "a\x01\n\xffz tm_0123456789012345678901234567890123456789abc", 50);
    p->status = 400;
    p->answer = (struct str){answer, sizeof(answer)};
    write_to(p, happen);
    work(p);
    struct db *db = db_sqlite_open(str_cstr(&p->arena, str_format(&p->arena, "%s/tidemark.db", p->folder)), DB_SQLITE_READER,
                                   &p->clock.clock, &err);
    assert_non_null(db);
    assert_true(db_begin_read(db, &err));
    assert_true(store_delivery_list(db, &p->arena, p->tenant.id, p->s.id, STR_NONE, 0, 0, 10, 100, &rows, &count, &total, &err));
    assert_int_equal(count, 1);
    assert_true(rows[0].last_response.len <= OUT_RESPONSE_BYTES);
    assert_true(str_starts(rows[0].last_response, STR("a? ?z ")));
    assert_false(str_contains(rows[0].last_response, STR("tm_0123")));
    db_rollback(db);
    db_close(db);
}
