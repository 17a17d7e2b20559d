/*
 * Connections: made, changed, tested, shown, deleted.
 *
 * A credential is tested before it is stored, with the vendor and without a row; what the test refreshed
 * (a rotated token) goes into the row with the rest. Between reading a row and writing it somebody else may
 * have changed it: the configuration is compared inside the writing closure.
 */
#include "engine/connection_change.h"
#include "engine/tell.h"
#include "engine/webhook_keys.h"
#include "queue/schedule.h"


struct creation {
    struct arena *arena;
    const struct connection_change *change;
    struct connection connection;
    struct connection_result result;
    bool has_result;
};

static bool
create_row(struct db *db, void *ctx, struct err *err)
{
    struct creation *c = ctx;
    int64_t now_us = store_now(db);
    c->connection.id = 0;
    if (!store_connection_create(db, c->arena, &c->connection, now_us, err))
        return false;
    if (c->has_result &&
        !store_connection_result(db, c->connection.tenant, c->connection.id, &c->result, now_us, err))
        return false;
    return store_connection_get_by_id(db, c->arena, c->connection.tenant, c->connection.id, &c->connection, err) == ROW_FOUND;
}

/* Active when the vendor took it; pending, and tested again soon, when the vendor was not reached. */
static bool
judge_test(struct engine *e, bool tested, const struct err *why, struct connection_result *result, struct err *err)
{
    struct rng rng;
    rng_init_system(&rng);
    *result = (struct connection_result){.tested = true, .status = CONNECTION_ACTIVE};
    if (tested)
        return true;
    if (why->code != E_VENDOR_UNAVAILABLE && why->code != E_VENDOR_RATE_LIMITED)
        return err_set(err, why->code, "%s", why->message);
    result->tested = false;
    result->status = CONNECTION_PENDING;
    result->error_code = str_from_c(err_name(why->code));
    result->error_message = str_from_c(why->message);
    result->reconnect_us = schedule_reconnect_us(1, clock_wall_us(e->options.clock), &rng);
    return true;
}

/* Seals what the account holds now; a test may have refreshed it. */
static bool
seal_config(struct engine *e, struct arena *a, const struct account *account, struct str *text_out, struct err *err)
{
    struct config_place place = {account->connection.tenant, account->tenant.uuid, account->connection.uuid, STR("config")};
    return config_seal(e->options.keys, &place, a, account->config, text_out, err);
}

/* What the row's webhook keys become; the same where the change says nothing of them. */
static bool
seal_webhook_secret(struct engine *e, struct arena *a, const struct account *account, const struct connection_change *change,
                    struct str *text, struct err *err)
{
    const struct connection *c = &account->connection;
    struct webhook_keys_place place = {c->tenant, account->tenant.uuid, c->uuid};
    if (str_is_none(change->webhook_secret))
        return true;
    return webhook_keys_change(e->options.keys, &place, a, c->webhook_secret, change->webhook_secret,
                               clock_wall_us(e->options.clock), text, err);
}

/* Which account at the vendor this is, for routing webhooks: the member that the template names. */
static struct str
account_of(const struct template *t, yyjson_val *config)
{
    yyjson_val *tidemark = template_info(t)->tidemark;
    return json_str(json_get(config, json_str(json_get_c(tidemark, "account"))));
}

/* Where the address stands in the request that is to be changed. */
static const char *
address_place(const struct template *t, const struct connection_change *change, char place[static ERR_POINTER_BYTES])
{
    snprintf(place, ERR_POINTER_BYTES, "%.*s/%.*s", STR_ARG(change->pointer_prefix), STR_ARG(template_info(t)->base_url_field));
    return place;
}

/* A test says that the address may not be called; here it is known which member that is. */
static bool
tell_address(const struct template *t, const struct connection_change *change, struct err *err)
{
    char place[ERR_POINTER_BYTES];
    if (err->code == E_ADDRESS_REFUSED && err->item_count == 0 && template_info(t)->base_url_field.len > 0)
        err_add_item(err, str_from_c(address_place(t, change, place)), "%s", err->message);
    return false;
}

static bool
create_with(struct engine *e, struct arena *a, const struct template *t, struct creation *c, yyjson_val *config, bool test,
            struct err *err)
{
    struct account account = {0};
    struct err why = {0};
    if (!account_open_with(e, a, &c->connection, config, &account, err))
        return false;
    bool ok = true;
    if (test && !template_info(t)->configure_only) {
        bool tested = engine_test_account(e, &account, false, &why);
        c->has_result = true;
        ok = judge_test(e, tested, &why, &c->result, err) || tell_address(t, c->change, err);
    }
    c->connection.account = account_of(t, account.config);
    ok = ok && seal_config(e, a, &account, &c->connection.config, err) &&
         seal_webhook_secret(e, a, &account, c->change, &c->connection.webhook_secret, err);
    account_close(&account);
    return ok && store_write(e->options.store, create_row, c, err);
}

/* Off is disconnected, but for one that waits for its first test to be switched on. */
static void
status_at_birth(const struct connection_change *change, struct connection *c)
{
    if (!c->enabled && !change->unactivated)
        c->status = CONNECTION_DISCONNECTED;
}

bool
engine_connection_create(struct engine *e, struct arena *a, int64_t tenant, const struct connection_change *change,
                         bool test, struct connection *connection_out, struct err *err)
{
    struct template *t = registry_get(e->options.templates, change->provider, err);
    if (t == NULL)
        return false;
    struct err why = {0};
    char uuid[UUID_TEXT_BYTES];
    struct creation c = {.arena = a, .change = change};
    c.connection = (struct connection){.created_by = change->created_by, .tenant = tenant, .enabled = true, .status = CONNECTION_PENDING};
    c.connection.template_name = str_copy(a, template_info(t)->name);
    c.connection.name = str_copy(a, template_info(t)->display_name);
    c.connection.uuid = str_copy(a, str_from_c(uuid_v7_now(uuid)));
    yyjson_val *given = change_config(a, t, change, &why), *config = NULL;
    bool ok = why.code == E_OK || err_no_memory(err);
    if (ok && given == NULL)
        given = json_parse(a, STR("{}"), JSON_PLAIN, 2, err);
    ok = ok && change_check(e, a, t, change, err) &&
         template_config_accept(t, a, given, change->pointer_prefix, &config, err) &&
         change_apply(e, a, t, change, &c.connection, err) && (status_at_birth(change, &c.connection), true) &&
         create_with(e, a, t, &c, config, test, err);
    template_unref(t);
    if (ok)
        *connection_out = c.connection;
    return ok;
}

/* ---- change ---- */

struct update {
    struct engine *engine;
    struct arena *arena;
    struct template *template;
    const struct connection_change *change;
    struct connection connection;
    struct str config_before, config_after; /* sealed; after STR_NONE: not changed */
    struct str webhook_before, webhook_after; /* sealed; looked at when the change names a secret */
    struct str account;
    struct connection_result result;
    bool has_result;
};

static bool
update_row(struct db *db, void *ctx, struct err *err)
{
    struct update *u = ctx;
    int64_t now_us = store_now(db);
    struct connection row;
    struct tell_status status;
    int64_t tenant = u->connection.tenant, id = u->connection.id;
    /* The whole row is written: from here on nobody else does, be it a person, a schedule that fires, or a key's rotation. */
    if (!tell_status_before(db, tenant, id, NULL, &status, err))
        return false;
    if (store_connection_get_by_id(db, u->arena, tenant, id, &row, err) != ROW_FOUND)
        return err_set(err, E_CONNECTION_NOT_FOUND, NULL);
    if (!str_is_none(u->config_after)) {
        if (!str_eq(row.config, u->config_before))
            return err_set(err, E_CONFLICT, "Somebody else changed this connection at the same time: look at it again");
        row.config = u->config_after;
        row.account = u->account;
    }
    if (!str_is_none(u->change->webhook_secret)) {
        if (!str_eq(row.webhook_secret, u->webhook_before))
            return err_set(err, E_CONFLICT, "Somebody else changed this connection at the same time: look at it again");
        row.webhook_secret = u->webhook_after;
    }
    if (!change_apply(u->engine, u->arena, u->template, u->change, &row, err) ||
        !store_connection_update(db, &row, now_us, err))
        return false;
    if (u->has_result && row.enabled && !store_connection_result(db, tenant, id, &u->result, now_us, err))
        return false;
    if (!tell_status_after(db, &status, 0, now_us, err))
        return false;
    return store_connection_get_by_id(db, u->arena, tenant, id, &u->connection, err) == ROW_FOUND;
}

/* Another address would be sent the stored credential: whoever changes it must know that (D27). */
static bool
check_address(const struct template *t, const struct connection_change *change, yyjson_val *before, yyjson_val *after,
              struct err *err)
{
    struct str field = template_info(t)->base_url_field;
    if (field.len == 0 || json_equal(json_get(before, field), json_get(after, field)) || change_has_secret(t, change))
        return true;
    char place[ERR_POINTER_BYTES];
    return err_invalid(err, address_place(t, change, place), "Changing the address needs the credential again: send both together");
}

static bool
change_stored_config(struct engine *e, struct update *u, struct account *old, bool test, struct err *err)
{
    struct err why = {0};
    struct arena *a = u->arena;
    yyjson_val *patch = change_config(a, u->template, u->change, &why), *config = NULL;
    if (patch == NULL)
        return why.code == E_OK || err_no_memory(err);
    yyjson_val *merged = config_merge(u->template, a, old->own_config, patch);
    if (merged == NULL)
        return err_no_memory(err);
    if (!template_config_accept(u->template, a, merged, u->change->pointer_prefix, &config, err) ||
        !check_address(u->template, u->change, old->own_config, config, err))
        return false;
    struct account fresh = {0};
    if (!account_open_with(e, a, &u->connection, config, &fresh, err))
        return false;
    bool ok = true;
    if (test && !template_info(u->template)->configure_only) {
        bool tested = engine_test_account(e, &fresh, false, &why);
        u->has_result = true;
        ok = judge_test(e, tested, &why, &u->result, err) || tell_address(u->template, u->change, err);
    }
    u->account = account_of(u->template, fresh.config);
    ok = ok && seal_config(e, a, &fresh, &u->config_after, err);
    account_close(&fresh);
    return ok;
}

struct find {
    struct arena *arena;
    int64_t tenant;
    struct str id;
    struct connection connection;
};

static bool
find_row(struct db *db, void *ctx, struct err *err)
{
    struct find *f = ctx;
    enum row row = store_connection_get(db, f->arena, f->tenant, f->id, &f->connection, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_CONNECTION_NOT_FOUND, NULL));
}

bool
engine_connection_find(struct engine *e, struct arena *a, int64_t tenant, struct str id, struct connection *connection_out,
                       struct err *err)
{
    struct find f = {.arena = a, .tenant = tenant, .id = id};
    if (!store_read(e->options.store, find_row, &f, err))
        return false;
    *connection_out = f.connection;
    return true;
}

bool
engine_connection_change(struct engine *e, struct arena *a, int64_t tenant, struct str id,
                         const struct connection_change *change, bool test, struct connection *connection_out,
                         struct err *err)
{
    struct connection found;
    struct account old = {0};
    if (!engine_connection_find(e, a, tenant, id, &found, err) || !account_open(e, a, tenant, found.id, &old, err))
        return false;
    struct update u = {.engine = e, .arena = a, .template = old.template, .change = change, .connection = old.connection,
                       .config_before = old.connection.config, .webhook_before = old.connection.webhook_secret};
    bool ok = change_check(e, a, old.template, change, err) && change_stored_config(e, &u, &old, test, err) &&
              seal_webhook_secret(e, a, &old, change, &u.webhook_after, err) &&
              store_write(e->options.store, update_row, &u, err);
    account_close(&old);
    if (ok)
        *connection_out = u.connection;
    return ok;
}

/* ---- test, show ---- */

bool
engine_connection_test(struct engine *e, struct arena *a, int64_t tenant, struct str id, struct connection *connection_out,
                       struct err *err)
{
    struct connection found;
    if (!engine_connection_find(e, a, tenant, id, &found, err))
        return false;
    bool ok = engine_test_connection(e, a, tenant, found.id, false, err);
    struct err why = {0};
    if (engine_connection_find(e, a, tenant, id, &found, &why))
        *connection_out = found;
    return ok;
}

struct tenant_read {
    struct arena *arena;
    int64_t id;
    struct tenant tenant;
};

static bool
read_tenant(struct db *db, void *ctx, struct err *err)
{
    struct tenant_read *r = ctx;
    return store_tenant_get(db, r->arena, r->id, &r->tenant, err) == ROW_FOUND || err_set(err, E_TENANT_NOT_FOUND, NULL);
}

yyjson_val *
engine_connection_config(struct engine *e, struct arena *a, const struct connection *c, struct err *err)
{
    struct tenant_read r = {.arena = a, .id = c->tenant};
    yyjson_val *config = NULL, *masked = NULL;
    struct template *t = registry_get(e->options.templates, c->template_name, err);
    if (t == NULL)
        return NULL;
    if (store_read(e->options.store, read_tenant, &r, err)) {
        struct config_place place = {c->tenant, r.tenant.uuid, c->uuid, STR("config")};
        if (config_open(e->options.keys, &place, a, c->config, &config, err) && config != NULL) {
            masked = template_config_masked(t, a, config);
            config_wipe_secrets(t, config);
            if (masked == NULL)
                err_no_memory(err);
        }
    }
    template_unref(t);
    return masked;
}
