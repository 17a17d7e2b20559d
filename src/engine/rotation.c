#include "engine/rotation.h"

#include "engine/config.h"
#include "engine/engine_priv.h"
#include "store/store_sealed.h"

#define ROWS 200
#define SCRATCH_BYTES (64L * 1024 * 1024)

struct walk {
    struct engine *engine;
    struct arena *arena;       /* of the caller */
    struct arena scratch;      /* one page of rows */
    bool change;
    struct rotation out;
    int64_t after;
    size_t count;
    struct sealed_key *keys;
    struct sealed_connection *connections;
    struct sealed_subscription *subscriptions;
};

static void
note_fault(struct walk *w, const char *kind, int64_t tenant, struct str id, const struct err *why)
{
    if (w->out.faults_total++ >= ROTATION_FAULTS_MAX || w->out.faults == NULL)
        return;
    w->out.faults[w->out.fault_count++] = (struct rotation_fault){
        kind, tenant, str_copy(w->arena, id), str_copy(w->arena, str_from_c(why->message))};
}

static bool
may_change(const struct walk *w)
{
    return w->change && w->out.changed < ROTATION_STEP;
}

/* ---- data keys */

static bool
read_keys(struct db *db, void *ctx, struct err *err)
{
    struct walk *w = ctx;
    arena_clear(&w->scratch);
    return store_sealed_keys(db, &w->scratch, w->after, ROWS, &w->keys, &w->count, err);
}

struct key_write {
    const struct sealed_key *key;
    struct str wrapped;
    bool changed;
};

static bool
write_key(struct db *db, void *ctx, struct err *err)
{
    struct key_write *k = ctx;
    return store_sealed_key_put(db, k->key, k->wrapped, &k->changed, err);
}

static bool
move_key(struct walk *w, const struct sealed_key *key, struct err *err)
{
    struct err why = {0};
    struct key_write write = {.key = key};
    if (!keyring_rewrap(w->engine->options.keys, key->tenant_uuid, key->wrapped, &w->scratch, &write.wrapped, &why)) {
        w->out.keys_left++;
        note_fault(w, "data key", key->tenant, str_format(&w->scratch, "%lld", (long long)key->id), &why);
        return true;
    }
    if (!store_write(w->engine->options.store, write_key, &write, err))
        return false;
    w->out.changed += write.changed; /* not changed: another node was first, which is as good */
    return true;
}

static bool
take_key(struct walk *w, const struct sealed_key *key, struct err *err)
{
    struct err why = {0};
    w->out.keys++;
    if (!w->change && !keyring_unwraps(w->engine->options.keys, key->tenant_uuid, key->wrapped, &why))
        note_fault(w, "data key", key->tenant, str_format(&w->scratch, "%lld", (long long)key->id), &why);
    if (keyring_is_current(w->engine->options.keys, key->wrapped))
        return true;
    if (may_change(w))
        return move_key(w, key, err);
    w->out.keys_left++;
    return true;
}

/* ---- values */

static bool
read_connections(struct db *db, void *ctx, struct err *err)
{
    struct walk *w = ctx;
    arena_clear(&w->scratch);
    return store_sealed_connections(db, &w->scratch, w->after, ROWS, &w->connections, &w->count, err);
}

struct value_write {
    const struct sealed_connection *connection;
    enum sealed_field field;
    struct str sealed;
    bool changed;
};

static bool
write_value(struct db *db, void *ctx, struct err *err)
{
    struct value_write *v = ctx;
    return store_sealed_value_put(db, v->connection, v->field, v->sealed, &v->changed, err);
}

static const char *const field_names[] = {"config", "tokens", "webhooks"};
static const char *const field_words[] = {"credentials", "tokens", "webhook keys"};

static bool
take_value(struct walk *w, const struct sealed_connection *c, enum sealed_field field, struct err *err)
{
    struct err why = {0};
    yyjson_val *clear = NULL;
    struct keyring *k = w->engine->options.keys;
    struct config_place place = {c->tenant, c->tenant_uuid, c->uuid, str_from_c(field_names[field])};
    struct value_write write = {.connection = c, .field = field};
    yyjson_val *text = json_parse(&w->scratch, c->values[field], JSON_PLAIN, LIMIT_JSON_DEPTH_API, &why);
    bool stale = keyring_is_stale(k, c->tenant, json_str(text));
    w->out.values++;
    if (w->change && !stale)
        return true;
    bool opens = config_open(k, &place, &w->scratch, c->values[field], &clear, &why);
    if (!opens)
        note_fault(w, field_words[field], c->tenant, c->uuid, &why);
    if (!stale || !opens || !may_change(w)) {
        w->out.values_left += stale;
        config_wipe(&w->scratch, clear);
        return true;
    }
    bool ok = config_seal(k, &place, &w->scratch, clear, &write.sealed, err);
    config_wipe(&w->scratch, clear);
    if (!ok || !store_write(w->engine->options.store, write_value, &write, err))
        return false;
    w->out.changed += write.changed;
    return true;
}

/* ---- secrets of outgoing webhooks */

static bool
read_subscriptions(struct db *db, void *ctx, struct err *err)
{
    struct walk *w = ctx;
    arena_clear(&w->scratch);
    return store_sealed_subscriptions(db, &w->scratch, w->after, ROWS, &w->subscriptions, &w->count, err);
}

struct secret_write {
    const struct sealed_subscription *subscription;
    enum sealed_secret which;
    struct str sealed;
    bool changed;
};

static bool
write_secret(struct db *db, void *ctx, struct err *err)
{
    struct secret_write *s = ctx;
    return store_sealed_secret_put(db, s->subscription, s->which, s->sealed, &s->changed, err);
}

static bool
take_secret(struct walk *w, const struct sealed_subscription *s, enum sealed_secret which, struct err *err)
{
    struct err why = {0};
    struct secret clear = {0};
    struct keyring *k = w->engine->options.keys;
    struct seal_place place = keyring_subscription_place(s->tenant_uuid, s->uuid);
    struct secret_write write = {.subscription = s, .which = which};
    bool stale = keyring_is_stale(k, s->tenant, s->secrets[which]);
    w->out.values++;
    if (w->change && !stale)
        return true;
    bool opens = keyring_open(k, s->tenant, &place, s->secrets[which], &clear, &why);
    if (!opens)
        note_fault(w, "webhook secret", s->tenant, s->uuid, &why);
    if (!stale || !opens || !may_change(w)) {
        w->out.values_left += stale;
        secret_release(&clear);
        return true;
    }
    bool ok = keyring_seal(k, s->tenant, &place, secret_reveal(&clear), &w->scratch, &write.sealed, err);
    secret_release(&clear);
    if (!ok || !store_write(w->engine->options.store, write_secret, &write, err))
        return false;
    w->out.changed += write.changed;
    return true;
}

/* ---- all of it */

static bool
walk_keys(struct walk *w, struct err *err)
{
    for (w->after = 0, w->count = ROWS; w->count == ROWS;) {
        if (!store_read(w->engine->options.store, read_keys, w, err))
            return false;
        for (size_t i = 0; i < w->count; i++)
            if (!take_key(w, &w->keys[i], err))
                return false;
        if (w->count > 0)
            w->after = w->keys[w->count - 1].id;
    }
    return true;
}

static bool
walk_connections(struct walk *w, struct err *err)
{
    for (w->after = 0, w->count = ROWS; w->count == ROWS;) {
        if (!store_read(w->engine->options.store, read_connections, w, err))
            return false;
        for (size_t i = 0; i < w->count; i++)
            for (enum sealed_field f = 0; f < SEALED_FIELDS; f++)
                if (w->connections[i].values[f].len > 0 && !take_value(w, &w->connections[i], f, err))
                    return false;
        if (w->count > 0)
            w->after = w->connections[w->count - 1].id;
    }
    return true;
}

static bool
walk_subscriptions(struct walk *w, struct err *err)
{
    for (w->after = 0, w->count = ROWS; w->count == ROWS;) {
        if (!store_read(w->engine->options.store, read_subscriptions, w, err))
            return false;
        for (size_t i = 0; i < w->count; i++)
            for (enum sealed_secret s = 0; s < SEALED_SECRETS; s++)
                if (w->subscriptions[i].secrets[s].len > 0 && !take_secret(w, &w->subscriptions[i], s, err))
                    return false;
        if (w->count > 0)
            w->after = w->subscriptions[w->count - 1].id;
    }
    return true;
}

static bool
walk_all(struct engine *e, struct arena *a, bool change, struct rotation *rotation_out, struct err *err)
{
    struct walk w = {.engine = e, .arena = a, .change = change};
    arena_init(&w.scratch, SCRATCH_BYTES);
    w.out.faults = ARENA_ARRAY(a, struct rotation_fault, ROTATION_FAULTS_MAX);
    bool ok = (w.out.faults != NULL || err_no_memory(err)) && walk_keys(&w, err) && walk_connections(&w, err) &&
              walk_subscriptions(&w, err);
    arena_release(&w.scratch);
    if (ok)
        *rotation_out = w.out;
    return ok;
}

bool
engine_keys_rotate(struct engine *e, struct arena *a, struct rotation *rotation_out, struct err *err)
{
    return walk_all(e, a, true, rotation_out, err);
}

bool
engine_keys_verify(struct engine *e, struct arena *a, struct rotation *rotation_out, struct err *err)
{
    return walk_all(e, a, false, rotation_out, err);
}
