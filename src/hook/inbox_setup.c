/*
 * Registering: a connection gets an address that nobody can guess, and the vendor is told of it where programs may do that.
 */
#include "hook/inbox_priv.h"

#include "crypt/token.h"
#include "engine/account.h"

struct setup {
    struct inbox *in;
    struct arena *arena;
    int64_t tenant;
    struct str id;
    struct connection connection;
    struct tenant tenant_row;
    struct webhook_keys keys;
    struct str sealed;
};

static bool
read_connection(struct db *db, void *ctx, struct err *err)
{
    struct setup *s = ctx;
    enum row row = store_connection_get(db, s->arena, s->tenant, s->id, &s->connection, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE && err_set(err, E_CONNECTION_NOT_FOUND, NULL);
    return store_tenant_get(db, s->arena, s->tenant, &s->tenant_row, err) == ROW_FOUND || err_set(err, E_TENANT_NOT_FOUND, NULL);
}

static bool
write_keys(struct db *db, void *ctx, struct err *err)
{
    struct setup *s = ctx;
    return store_inbox_keys_set(db, s->tenant, s->connection.id, s->sealed, s->connection.webhook_secret, err);
}

static struct webhook_keys_place
place_of(const struct setup *s)
{
    return (struct webhook_keys_place){s->tenant, s->tenant_row.uuid, s->connection.uuid};
}

static bool
load_keys(struct setup *s, struct err *err)
{
    if (!store_read(s->in->options.store, read_connection, s, err))
        return false;
    struct webhook_keys_place place = place_of(s);
    return webhook_keys_open(s->in->options.keys, &place, s->arena, s->connection.webhook_secret, &s->keys, err);
}

static bool
save_keys(struct setup *s, struct err *err)
{
    struct webhook_keys_place place = place_of(s);
    if (!webhook_keys_seal(s->in->options.keys, &place, s->arena, &s->keys, &s->sealed, err) ||
        !store_write(s->in->options.store, write_keys, s, err))
        return false;
    s->connection.webhook_secret = s->sealed;
    return true;
}

static bool
make_token(struct setup *s, struct err *err)
{
    if (s->keys.token.len > 0)
        return true;
    return random_text(s->arena, STR("wh_"), WEBHOOK_TOKEN_CHARS, &s->keys.token, err) && save_keys(s, err);
}

bool
inbox_setup(struct inbox *in, struct arena *a, int64_t tenant, struct str connection, struct inbox_setup *setup_out,
            struct err *err)
{
    struct setup s = {.in = in, .arena = a, .tenant = tenant, .id = connection};
    if (!load_keys(&s, err))
        return false;
    struct template *t = registry_get(in->options.templates, s.connection.template_name, err);
    if (t == NULL)
        return false;
    yyjson_val *block = template_webhooks(t);
    struct str instructions = json_str(json_get_c(json_get_c(template_info(t)->tidemark, "webhooks"), "instructions"));
    struct inbox_setup out = {.instructions = instructions.len > 0 ? str_copy(a, instructions) : STR_NONE};
    template_unref(t);
    if (block == NULL)
        return err_set(err, E_PLATFORM_NOT_SUPPORTED, "This platform sends no webhooks");
    if (!make_token(&s, err))
        return false;
    out.url = str_format(a, "%.*s/api/v1/webhooks/%.*s?token=%.*s", STR_ARG(in->url), STR_ARG(s.connection.uuid),
                         STR_ARG(s.keys.token));
    out.webhook_id = s.keys.webhook_id;
    *setup_out = out;
    return !str_is_none(out.url) || err_no_memory(err);
}
