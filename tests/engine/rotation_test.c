/*
 * Changing the key that secrets are sealed with, while they are in use (I-31, F42, D1-D2).
 */
#include "rig.h"

#include "engine/config.h"
#include "engine/rotation.h"
#include "store/store_subscription.h"

#define NEW_SECRET "the next secret of this test"
#define TENANTS 130 /* more than one step moves */

struct next {
    struct seal_master *master;
    struct keyring *keys;
};

/* A process that was started with the new secret, and the old one beside it or not. */
static bool
open_form(struct rig *rig, bool with_old, bool legacy_form, struct next *next, struct err *err)
{
    next->master = seal_master_new(STR(NEW_SECRET), err);
    assert_non_null(next->master);
    if (with_old)
        assert_ok(seal_master_add_old(next->master, STR(RIG_SECRET), err), *err);
    next->keys = keyring_new(rig->store, next->master, legacy_form, err);
    return next->keys != NULL;
}

static bool
open_next(struct rig *rig, bool with_old, struct next *next, struct err *err)
{
    return open_form(rig, with_old, false, next, err);
}

static void
close_next(struct next *next)
{
    keyring_free(next->keys);
    seal_master_free(next->master);
    *next = (struct next){0};
}

struct made_tenant {
    struct arena *arena;
    struct keyring *keys;
    struct tenant tenant;
};

static bool
make_tenant(struct db *db, void *ctx, struct err *err)
{
    struct made_tenant *m = ctx;
    return store_tenant_create(db, m->arena, &m->tenant, store_now(db), err);
}

/* Tenants with a data key each, because each has sealed something. */
static void
fill_tenants(struct rig *rig)
{
    struct err err = {0};
    for (int i = 0; i < TENANTS; i++) {
        struct str sealed;
        struct made_tenant m = {.arena = &rig->arena, .tenant = {.key = str_format(&rig->arena, "t%d", i), .name = STR("T")}};
        assert_ok(store_write(rig->store, make_tenant, &m, &err), err);
        struct seal_place place = {m.tenant.uuid, STR("connection"), STR("x"), STR("config")};
        assert_ok(keyring_seal(rig->keys, m.tenant.id, &place, STR("secret"), &rig->arena, &sealed, &err), err);
    }
}

static bool
script(struct db *db, void *ctx, struct err *err)
{
    return db_script(db, ctx, err);
}

/* The connection's credentials as the documented software wrote them. */
static void
make_legacy(struct rig *rig)
{
    char sql[1200];
    struct err err = {0};
    struct str sealed;
    assert_ok(seal_legacy(rig->master, STR("{\"token\":\"t-1\",\"baseUrl\":\"https://desk.example.com\"}"), &rig->arena, &sealed, &err), err);
    snprintf(sql, sizeof(sql), "UPDATE connections SET config = '\"%.*s\"' WHERE id = %lld", STR_ARG(sealed), (long long)rig->connection.id);
    assert_ok(store_write(rig->store, script, sql, &err), err);
}

static bool
make_subscription(struct db *db, void *ctx, struct err *err)
{
    struct subscription *s = ctx;
    struct arena a;
    arena_init(&a, 1 << 20);
    bool ok = store_subscription_create(db, &a, s, store_now(db), err);
    arena_release(&a);
    return ok;
}

/* An outgoing webhook whose secrets stand in the older form, the one before too. */
static void
make_legacy_subscription(struct rig *rig)
{
    char sql[600];
    struct err err = {0};
    struct subscription s = {.tenant = rig->tenant, .uuid = STR("01900000-0000-7000-8000-00000000abcd"), .name = STR_NONE,
                             .url = STR("https://example.com/hook"), .enabled = true};
    assert_ok(seal_legacy(rig->master, STR("whsec_now"), &rig->arena, &s.secret, &err), err);
    assert_ok(seal_legacy(rig->master, STR("whsec_before"), &rig->arena, &s.secret_old, &err), err);
    assert_ok(store_write(rig->store, make_subscription, &s, &err), err);
    snprintf(sql, sizeof(sql), "UPDATE webhook_subscriptions SET secret_old = '%.*s'", STR_ARG(s.secret_old));
    assert_ok(store_write(rig->store, script, sql, &err), err);
}

/* The engine as that process has it. */
static struct rotation
step(struct rig *rig, struct next *next)
{
    struct err err = {0};
    struct rotation rotation;
    rig->engine->options.keys = next->keys;
    assert_ok(engine_keys_rotate(rig->engine, &rig->arena, &rotation, &err), err);
    return rotation;
}

static void
test_a_rotation_reaches_zero_in_steps_and_the_old_key_can_go(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct next next, alone;
    struct rotation rotation;
    fill_tenants(rig);
    make_legacy(rig);
    assert_false(open_next(rig, false, &alone, &err)); /* F42: the old key is still needed */
    assert_int_equal(err.code, E_KEY_MISSING);
    close_next(&alone);
    assert_true(open_next(rig, true, &next, &err));
    rotation = step(rig, &next);
    assert_int_equal(rotation.changed, ROTATION_STEP);
    assert_true(rotation.keys_left > 0);
    assert_int_equal(rotation.values_left, 1);
    /* Killed here: half is under either key, and neither alone is let in. */
    close_next(&next);
    err = (struct err){0};
    assert_false(open_next(rig, false, &alone, &err));
    assert_int_equal(err.code, E_KEY_MISSING);
    close_next(&alone);
    assert_true(open_next(rig, true, &next, &err));
    for (int i = 0; i < 5; i++)
        rotation = step(rig, &next);
    assert_int_equal(rotation.keys_left + rotation.values_left, 0);
    assert_int_equal(rotation.changed, 0);
    assert_true(rotation.keys >= TENANTS);
    close_next(&next);
    err = (struct err){0};
    assert_true(open_next(rig, false, &alone, &err));
    rig->engine->options.keys = alone.keys;
    assert_ok(engine_keys_verify(rig->engine, &rig->arena, &rotation, &err), err);
    assert_int_equal(rotation.faults_total, 0);
    rig_fill(rig, 3);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    rig->engine->options.keys = rig->keys;
    close_next(&alone);
}

static void
rotated_and_alone(struct rig *rig, bool legacy_form)
{
    struct err err = {0};
    struct next next, alone;
    struct rotation rotation;
    make_legacy(rig);
    make_legacy_subscription(rig);
    assert_true(open_form(rig, true, legacy_form, &next, &err));
    rig->engine->options.keys = next.keys;
    assert_ok(engine_keys_verify(rig->engine, &rig->arena, &rotation, &err), err);
    assert_int_equal(rotation.values, 3);
    assert_int_equal(rotation.values_left, 3);
    rotation = step(rig, &next);
    assert_int_equal(rotation.values_left + rotation.keys_left, 0);
    assert_int_equal(step(rig, &next).changed, 0);
    close_next(&next);
    assert_true(open_form(rig, false, legacy_form, &alone, &err));
    rig->engine->options.keys = alone.keys;
    assert_ok(engine_keys_verify(rig->engine, &rig->arena, &rotation, &err), err);
    assert_int_equal(rotation.values, 3);
    assert_int_equal(rotation.faults_total + rotation.values_left + rotation.keys_left, 0);
    rig->engine->options.keys = rig->keys;
    close_next(&alone);
}

static void
test_secrets_of_outgoing_webhooks_are_moved_and_verified_too(void **state)
{
    rotated_and_alone(*state, false);
}

/* secret_format = "cbc": the older form depends on the key itself. */
static void
test_where_the_older_form_is_written_it_is_written_anew_under_the_new_key(void **state)
{
    rotated_and_alone(*state, true);
}

static void
test_what_does_not_open_is_named_and_left_alone(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct rotation rotation;
    char sql[200];
    snprintf(sql, sizeof(sql), "UPDATE connections SET config = '\"%032d:%032d\"' WHERE id = %lld", 1, 2, (long long)rig->connection.id);
    assert_ok(store_write(rig->store, script, sql, &err), err);
    assert_ok(engine_keys_verify(rig->engine, &rig->arena, &rotation, &err), err);
    assert_int_equal(rotation.faults_total, 1);
    assert_string_equal(rotation.faults[0].kind, "credentials");
    assert_true(str_eq(rotation.faults[0].id, rig->connection.uuid));
    assert_ok(engine_keys_rotate(rig->engine, &rig->arena, &rotation, &err), err);
    assert_int_equal(rotation.changed, 0);
    assert_int_equal(rotation.values_left, 1);
}

struct node {
    struct rig *rig;
    struct engine engine;
    struct next next;
    int64_t changed;
};

static void *
rotate_all(void *ctx)
{
    struct node *n = ctx;
    struct arena a;
    struct rotation rotation = {.changed = 1};
    struct err err = {0};
    arena_init(&a, 1 << 22);
    for (int i = 0; i < 20 && rotation.changed + rotation.keys_left + rotation.values_left > 0; i++) {
        arena_clear(&a);
        assert_ok(engine_keys_rotate(&n->engine, &a, &rotation, &err), err);
        n->changed += rotation.changed;
    }
    arena_release(&a);
    return NULL;
}

static void
test_two_nodes_rotate_at_once_and_nothing_is_done_twice(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct node nodes[2] = {0};
    pthread_t threads[2];
    struct rotation rotation;
    fill_tenants(rig);
    make_legacy(rig);
    for (int i = 0; i < 2; i++) {
        nodes[i].rig = rig;
        assert_true(open_next(rig, true, &nodes[i].next, &err));
        nodes[i].engine.options = rig->engine->options;
        nodes[i].engine.options.keys = nodes[i].next.keys;
        pthread_create(&threads[i], NULL, rotate_all, &nodes[i]);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct next alone;
    assert_true(open_next(rig, false, &alone, &err));
    rig->engine->options.keys = alone.keys;
    assert_ok(engine_keys_verify(rig->engine, &rig->arena, &rotation, &err), err);
    assert_int_equal(rotation.faults_total, 0);
    assert_int_equal(nodes[0].changed + nodes[1].changed, rotation.keys + 1);
    rig->engine->options.keys = rig->keys;
    close_next(&alone);
    close_next(&nodes[0].next);
    close_next(&nodes[1].next);
}
