/*
 * Registering: a connection gets an address that nobody can guess, and the vendor is told of it where programs may do that.
 */
#include "hook/inbox_priv.h"

#include "crypt/token.h"
#include "engine/account.h"
#include "engine/operation.h"

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

/* ---- the vendor's side ---- */

#define SECTION STR("webhooks")

static bool
add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, struct str text)
{
    return text.len == 0 ||
           yyjson_mut_obj_add(object, yyjson_mut_str(doc, name), yyjson_mut_strncpy(doc, text.ptr, text.len));
}

/* What `register` and `remove` see as input: the address, a secret that they may choose, the vendor's id of what is there. */
static yyjson_val *
operation_input(struct setup *s, struct str url, struct str secret)
{
    yyjson_mut_doc *doc = json_mut_doc(s->arena);
    yyjson_mut_val *object = doc == NULL ? NULL : yyjson_mut_obj(doc);
    bool ok = object != NULL && add_text(doc, object, "url", url) && add_text(doc, object, "secret", secret) &&
              add_text(doc, object, "id", s->keys.webhook_id);
    return ok ? json_freeze(s->arena, object) : NULL;
}

static bool
call(struct setup *s, const char *name, yyjson_val *input, bool repeatable, yyjson_val **result_out, struct err *err)
{
    struct operation_call c = {.tenant = s->tenant, .connection = s->connection.uuid, .section = SECTION,
                               .name = str_from_c(name), .input = input, .repeatable = repeatable};
    if (input == NULL)
        return err_no_memory(err);
    return engine_operation(s->in->options.engine, s->arena, &c, result_out, err);
}

/* What was registered before goes first; one that is gone already is none the worse. */
static void
remove_old(struct setup *s, const struct template *t)
{
    struct err why = {0};
    yyjson_val *ignored = NULL;
    if (s->keys.webhook_id.len == 0 || !template_has_operation(t, SECTION, STR("remove")))
        return;
    if (!call(s, "remove", operation_input(s, STR_NONE, STR_NONE), true, &ignored, &why))
        log_err(LOG_WARN, "the webhook that was registered before could not be removed", &why);
}

static struct str
text_of(struct setup *s, yyjson_val *value)
{
    return json_is_number(value) ? json_number_text(s->arena, value) : json_str(value);
}

/* The vendor gives a secret, or takes ours where the template says so (`own_secret`). */
static bool
register_with(struct setup *s, const struct template *t, struct str url, struct err *err)
{
    struct str secret = STR_NONE;
    yyjson_val *result = NULL;
    bool own = json_bool_or(json_get_c(template_webhooks(t), "own_secret"), false);
    if (own && !random_text(s->arena, STR(""), WEBHOOK_TOKEN_CHARS, &secret, err))
        return false;
    remove_old(s, t);
    s->keys.webhook_id = STR_NONE;
    if (!call(s, "register", operation_input(s, url, secret), false, &result, err))
        return false;
    struct str given = text_of(s, json_get_c(result, "secret")), id = text_of(s, json_get_c(result, "id"));
    if (given.len > 0 || own)
        webhook_keys_replace(&s->keys, given.len > 0 ? given : secret, clock_wall_us(s->in->options.clock));
    s->keys.webhook_id = id.len > 0 ? id : STR_NONE;
    return save_keys(s, err);
}

static bool
set_up(struct setup *s, bool look_only, struct inbox_setup *out, struct err *err)
{
    struct inbox *in = s->in;
    struct template *t = registry_get(in->options.templates, s->connection.template_name, err);
    if (t == NULL)
        return false;
    struct str instructions = json_str(json_get_c(json_get_c(template_info(t)->tidemark, "webhooks"), "instructions"));
    *out = (struct inbox_setup){.instructions = instructions.len > 0 ? str_copy(s->arena, instructions) : STR_NONE};
    bool ok = template_webhooks(t) != NULL || err_set(err, E_PLATFORM_NOT_SUPPORTED, "This platform sends no webhooks");
    ok = ok && (look_only || make_token(s, err));
    if (ok)
        out->url = str_format(s->arena, "%.*s/api/v1/webhooks/%.*s?token=%.*s", STR_ARG(in->url), STR_ARG(s->connection.uuid),
                              STR_ARG(s->keys.token));
    ok = ok && (!str_is_none(out->url) || err_no_memory(err));
    out->registered = ok && template_has_operation(t, SECTION, STR("register"));
    ok = ok && (look_only || !out->registered || register_with(s, t, out->url, err));
    template_unref(t);
    out->webhook_id = s->keys.webhook_id;
    return ok;
}

bool
inbox_setup(struct inbox *in, struct arena *a, int64_t tenant, struct str connection, struct inbox_setup *setup_out,
            struct err *err)
{
    struct setup s = {.in = in, .arena = a, .tenant = tenant, .id = connection};
    struct inbox_setup out;
    if (!load_keys(&s, err) || !set_up(&s, false, &out, err))
        return false;
    *setup_out = out;
    return true;
}

bool
inbox_setup_look(struct inbox *in, struct arena *a, int64_t tenant, struct str connection, struct inbox_setup *setup_out,
                 struct err *err)
{
    struct setup s = {.in = in, .arena = a, .tenant = tenant, .id = connection};
    struct inbox_setup out;
    if (!load_keys(&s, err) || !set_up(&s, true, &out, err))
        return false;
    *setup_out = out;
    return true;
}
