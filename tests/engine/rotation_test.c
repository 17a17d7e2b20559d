/*
 * Changing the key that secrets are sealed with, while they are in use (I-31, F42, D1-D2).
 */
#include "rig.h"

#include "engine/config.h"
#include "engine/rotation.h"

#define NEW_SECRET "the next secret of this test"
#define TENANTS 130 /* more than one step moves */

struct next {
    struct seal_master *master;
    struct keyring *keys;
};

/* A process that was started with the new secret, and the old one beside it or not. */
static bool
open_next(struct rig *rig, bool with_old, struct next *next, struct err *err)
{
    next->master = seal_master_new(STR(NEW_SECRET), err);
    assert_non_null(next->master);
    if (with_old)
        assert_ok(seal_master_add_old(next->master, STR(RIG_SECRET), err), *err);
    next->keys = keyring_new(rig->store, next->master, false, err);
    return next->keys != NULL;
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
