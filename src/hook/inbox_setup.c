/*
 * Registering: a connection gets an address that nobody can guess, and the vendor is told of it where programs may do that.
 */
#include "hook/inbox_priv.h"

#include "crypt/token.h"
#include "engine/account.h"
#include "engine/config.h"
#include "engine/operation.h"

#define ID_SEPARATOR ' ' /* between the ids of several registrations */

struct setup {
    struct inbox *in;
    struct arena *arena;
    int64_t tenant;
    struct str id;
    struct connection connection;
    struct tenant tenant_row;
    struct webhook_keys keys;
    struct str sealed;
    struct template *template;  /* while it is asked for anything */
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
make_token(struct setup *s, bool rotate, struct err *err)
{
    struct str token = STR_NONE;
    if (s->keys.token.len > 0 && !rotate)
        return true;
    if (!random_text(s->arena, STR("wh_"), WEBHOOK_TOKEN_CHARS, &token, err))
        return false;
    webhook_keys_replace_token(&s->keys, token, clock_wall_us(s->in->options.clock));
    return save_keys(s, err);
}

/* ---- the vendor's side ---- */

#define SECTION STR("webhooks")

static bool
add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, struct str text)
{
    return text.len == 0 ||
           yyjson_mut_obj_add(object, yyjson_mut_str(doc, name), yyjson_mut_strncpy(doc, text.ptr, text.len));
}

/* What the calls see as input: the address, a secret that they may choose, the vendor's id of what is there, which of several. */
static yyjson_val *
operation_input(struct setup *s, struct str url, struct str secret, struct str id, struct str item)
{
    yyjson_mut_doc *doc = json_mut_doc(s->arena);
    yyjson_mut_val *object = doc == NULL ? NULL : yyjson_mut_obj(doc);
    bool ok = object != NULL && add_text(doc, object, "url", url) && add_text(doc, object, "secret", secret) &&
              add_text(doc, object, "id", id) && add_text(doc, object, "item", item);
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

static struct str
text_of(struct setup *s, yyjson_val *value)
{
    return json_is_number(value) ? json_number_text(s->arena, value) : json_str(value);
}

/* All of what was registered under that id. One that is gone already is none the worse. */
static bool
remove_one(struct setup *s, struct str id)
{
    struct str rest = id;
    bool all = true;
    while (rest.len > 0 && template_has_operation(s->template, SECTION, STR("remove"))) {
        struct err why = {0};
        struct str one;
        yyjson_val *ignored = NULL;
        str_cut(rest, ID_SEPARATOR, &one, &rest);
        if (call(s, "remove", operation_input(s, STR_NONE, STR_NONE, one, STR_NONE), true, &ignored, &why))
            continue;
        log_err(LOG_WARN, "a webhook that was registered before could not be removed", &why);
        all = false;
    }
    return all;
}

/* ---- what stands there */

/* The address of a registration, as vendors call it. */
static struct str
address_of(yyjson_val *registration)
{
    static const char *const names[] = {"url", "uri", "endpoint", "address", "target"};
    struct str address = STR_NONE;
    for (size_t i = 0; i < ARRAY_LEN(names) && address.len == 0; i++)
        address = json_str(json_get_c(registration, names[i]));
    return address;
}

struct standing {
    bool told;                    /* the vendor has lists, and gave them */
    size_t known;                 /* of those we know, how many have the very address */
    bool whole;                   /* one stands for all of them: an app's address */
    bool exact;                   /* all of them */
    struct str secret;            /* that one is signed with, where the list shows it */
};

static bool
has_text(yyjson_val *list, struct str text)
{
    size_t index, max;
    yyjson_val *one;
    yyjson_arr_foreach(list, index, max, one) {
        if (str_eq(json_str(one), text))
            return true;
    }
    return false;
}

/* How many ids are kept; with `id`, whether that is one of them. */
static size_t
count_known(struct setup *s, struct str id)
{
    struct str rest = s->keys.webhook_id, one;
    size_t count = 0;
    while (rest.len > 0) {
        str_cut(rest, ID_SEPARATOR, &one, &rest);
        count += str_is_none(id) || str_eq(one, id);
    }
    return count;
}

/*
 * Ours are those with this connection's address, whatever their token. Those we know stay when their address is right and
 * `keep` says so; all others go: a call that was interrupted, or another token, left them.
 */
static void
look_at(struct setup *s, struct str url, bool keep, yyjson_val *list, struct standing *found)
{
    size_t index, max;
    yyjson_val *one;
    struct str ours, token;
    str_cut(url, '?', &ours, &token);
    yyjson_arr_foreach(list, index, max, one) {
        struct str address = address_of(one), id = text_of(s, json_get_c(one, "id")), path, rest;
        str_cut(address, '?', &path, &rest);
        if (!str_eq(path, ours) || id.len == 0)
            continue;
        bool whole = str_eq(id, s->keys.webhook_id);
        if (!keep || !str_eq(address, url) || (!whole && count_known(s, id) == 0)) {
            (void)remove_one(s, id);
            continue;
        }
        found->known++;
        found->whole = found->whole || whole;
        found->secret = text_of(s, json_get_c(one, "secret"));
    }
}

/* The list, or the one in which this item stands. */
static bool
look_at_list(struct setup *s, struct str url, bool keep, struct str item, struct standing *found)
{
    struct err why = {0};
    yyjson_val *list = NULL;
    if (!call(s, "find", operation_input(s, url, STR_NONE, s->keys.webhook_id, item), true, &list, &why)) {
        log_err(LOG_WARN, "the vendor's list of webhooks could not be read", &why);
        return false;
    }
    if (yyjson_is_str(list)) /* made by statements, which leave text: it is JSON then */
        list = json_parse(s->arena, json_str(list), JSON_PLAIN, LIMIT_JSON_DEPTH_API, &why);
    if (!yyjson_is_arr(list) && !yyjson_is_null(list)) {
        log_write(LOG_WARN, "the vendor's list of webhooks is no list", LOG_S("template", s->connection.template_name));
        return false;
    }
    look_at(s, url, keep, list, found);
    return true;
}

/* items: what this connection has registered, or NULL. Where they stand in several lists, `find_items` has one of each. */
static struct standing
look_what_stands(struct setup *s, struct str url, bool keep, yyjson_val *items)
{
    size_t index, max;
    yyjson_val *item, *lists = json_get_c(template_webhooks(s->template), "find_items");
    struct standing found = {.told = template_has_operation(s->template, SECTION, STR("find"))};
    if (found.told && lists == NULL)
        found.told = look_at_list(s, url, keep, STR_NONE, &found);
    yyjson_arr_foreach(lists, index, max, item) {
        if (found.told && has_text(items, json_str(item)))
            found.told = look_at_list(s, url, keep, json_str(item), &found);
    }
    size_t wanted = items != NULL ? yyjson_arr_size(items) : 1;
    found.exact = found.told && (found.whole || (found.known >= wanted && found.known == count_known(s, STR_NONE)));
    return found;
}

/* ---- registering */

/* One call of `register`, or of `address`. Its id is kept beside those of the calls before it. */
static bool
register_one(struct setup *s, const char *operation, struct str url, struct str own_secret, struct str item, struct err *err)
{
    yyjson_val *result = NULL;
    if (!call(s, operation, operation_input(s, url, own_secret, STR_NONE, item), false, &result, err))
        return false;
    struct str given = text_of(s, json_get_c(result, "secret")), id = text_of(s, json_get_c(result, "id"));
    if (given.len > 0 || own_secret.len > 0)
        webhook_keys_replace(&s->keys, given.len > 0 ? given : own_secret, clock_wall_us(s->in->options.clock));
    if (id.len > 0 && s->keys.webhook_id.len > 0)
        id = str_format(s->arena, "%.*s%c%.*s", STR_ARG(s->keys.webhook_id), ID_SEPARATOR, STR_ARG(id));
    if (id.len > 0)
        s->keys.webhook_id = id;
    return true;
}

static bool
open_configuration(struct setup *s, yyjson_val **config_out, struct err *err)
{
    struct config_place place = {s->tenant, s->tenant_row.uuid, s->connection.uuid, STR("config")};
    return config_open(s->in->options.keys, &place, s->arena, s->connection.config, config_out, err);
}

/* Can this connection's vendor be called for it? Some want more for that than for reading (`needs`); without it there is the guide. */
static bool
can_register(struct setup *s, bool *can_out, struct err *err)
{
    yyjson_val *needs = json_get_c(template_webhooks(s->template), "needs"), *member, *config = NULL;
    size_t index, max;
    *can_out = template_has_operation(s->template, SECTION, STR("register"));
    if (!*can_out || yyjson_arr_size(needs) == 0)
        return true;
    if (!open_configuration(s, &config, err))
        return false;
    yyjson_arr_foreach(needs, index, max, member)
        *can_out = *can_out && text_of(s, json_get(config, json_str(member))).len > 0;
    config_wipe(s->arena, config);
    return true;
}

/* An app has one address for all of its accounts (`shared`): events find their connection by the account. */
static bool
is_shared(struct setup *s)
{
    return json_bool_or(json_get_c(template_webhooks(s->template), "shared"), false);
}

/* Which registrations this connection needs; NULL in *list_out: one, of no name. A map goes by a member of the configuration. */
static bool
read_registrations(struct setup *s, yyjson_val **list_out, struct err *err)
{
    yyjson_val *all = json_get_c(template_webhooks(s->template), "registrations"), *config = NULL;
    *list_out = all;
    if (!yyjson_is_obj(all))
        return true;
    if (!open_configuration(s, &config, err))
        return false;
    struct str by = json_str(json_get(config, json_str(json_get_c(all, "by"))));
    *list_out = by.len > 0 ? json_get(all, by) : json_get_c(all, "default");
    config_wipe(s->arena, config);
    return yyjson_is_arr(*list_out) || err_set(err, E_PLATFORM_NOT_SUPPORTED, "This platform sends no webhooks for such a connection");
}

/*
 * The vendor gives a secret, or takes ours where the template says so (`own_secret`). Of several what was made before one failed
 * stays written down, and goes with the next setup.
 */
static bool
register_new(struct setup *s, struct str url, yyjson_val *list, struct err *err)
{
    struct err why = {0};
    struct str secret = STR_NONE;
    yyjson_val *item = NULL;
    size_t index, max;
    bool own = json_bool_or(json_get_c(template_webhooks(s->template), "own_secret"), false);
    if (own && !random_text(s->arena, STR(""), WEBHOOK_TOKEN_CHARS, &secret, err))
        return false;
    s->keys.webhook_id = STR_NONE;
    bool ok = !template_has_operation(s->template, SECTION, STR("address")) ||
              register_one(s, "address", url, secret, STR_NONE, err);
    ok = ok && (list != NULL || register_one(s, "register", url, secret, STR_NONE, err));
    yyjson_arr_foreach(list, index, max, item)
        ok = ok && register_one(s, "register", url, secret, json_str(item), err);
    bool saved = save_keys(s, ok ? err : &why);
    return ok && saved;
}

/* What the vendor signs with is right, whatever was written here since. */
static bool
keep_secret(struct setup *s, struct str secret, struct err *err)
{
    if (secret.len == 0 || str_eq(secret, s->keys.secret))
        return true;
    webhook_keys_replace(&s->keys, secret, clock_wall_us(s->in->options.clock));
    return save_keys(s, err);
}

static bool
register_with(struct setup *s, struct str url, bool rotate, int *verified_out, struct err *err)
{
    struct str known = s->keys.webhook_id;
    yyjson_val *items = NULL;
    if (!read_registrations(s, &items, err))
        return false;
    struct standing standing = look_what_stands(s, url, !rotate, items);
    *verified_out = standing.told ? 1 : -1;
    if (standing.exact)
        return keep_secret(s, standing.secret, err);
    if (!standing.told || standing.known > 0 || is_shared(s)) /* else it went with the address that it had */
        (void)remove_one(s, known);
    if (!register_new(s, url, items, err))
        return false;
    if (standing.told)
        *verified_out = look_what_stands(s, url, true, items).exact;
    return true;
}

static bool
set_up(struct setup *s, bool look_only, bool rotate, struct inbox_setup *out, struct err *err)
{
    struct inbox *in = s->in;
    s->template = registry_get(in->options.templates, s->connection.template_name, err);
    if (s->template == NULL)
        return false;
    struct str instructions = json_str(json_get_c(json_get_c(template_info(s->template)->tidemark, "webhooks"), "instructions"));
    *out = (struct inbox_setup){.instructions = instructions.len > 0 ? str_copy(s->arena, instructions) : STR_NONE, .verified = -1};
    bool ok = template_webhooks(s->template) != NULL || err_set(err, E_PLATFORM_NOT_SUPPORTED, "This platform sends no webhooks");
    ok = ok && (look_only || make_token(s, rotate, err));
    if (ok)
        out->url = str_format(s->arena, "%.*s/api/v1/webhooks/%.*s?token=%.*s", STR_ARG(in->url), STR_ARG(s->connection.uuid),
                              STR_ARG(s->keys.token));
    ok = ok && (!str_is_none(out->url) || err_no_memory(err));
    ok = ok && can_register(s, &out->registered, err);
    if (ok && out->registered && is_shared(s))
        out->url = str_format(s->arena, "%.*s/api/v1/sync/%.*s/webhook", STR_ARG(in->url), STR_ARG(s->connection.template_name));
    ok = ok && (!str_is_none(out->url) || err_no_memory(err));
    ok = ok && (look_only || !out->registered || register_with(s, out->url, rotate, &out->verified, err));
    template_unref(s->template);
    out->webhook_id = s->keys.webhook_id;
    return ok;
}

bool
inbox_setup(struct inbox *in, struct arena *a, int64_t tenant, struct str connection, bool rotate, struct inbox_setup *setup_out,
            struct err *err)
{
    struct setup s = {.in = in, .arena = a, .tenant = tenant, .id = connection};
    struct inbox_setup out;
    if (!load_keys(&s, err) || !set_up(&s, false, rotate, &out, err))
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
    if (!load_keys(&s, err) || !set_up(&s, true, false, &out, err))
        return false;
    *setup_out = out;
    return true;
}

struct sharing {
    struct setup *setup;
    struct inbox_connection *rows;
    size_t count;
};

static bool
read_sharing(struct db *db, void *ctx, struct err *err)
{
    struct sharing *sh = ctx;
    return store_inbox_connections(db, sh->setup->arena, sh->setup->connection.template_name, STR_NONE, 2, &sh->rows, &sh->count, err);
}

/* An app's address and its subscriptions serve others too: whoever goes last takes them along. */
static bool
others_share(struct setup *s)
{
    struct sharing sharing = {.setup = s};
    struct err err = {0};
    return is_shared(s) && (!store_read(s->in->options.store, read_sharing, &sharing, &err) || sharing.count > 1);
}

void
inbox_unregister(struct inbox *in, struct arena *a, int64_t tenant, struct str connection)
{
    struct setup s = {.in = in, .arena = a, .tenant = tenant, .id = connection};
    struct err err = {0};
    if (!load_keys(&s, &err) || s.keys.webhook_id.len == 0)
        return; /* whoever asked finds out himself what is wrong with the connection */
    s.template = registry_get(in->options.templates, s.connection.template_name, &err);
    if (s.template == NULL)
        return;
    bool removed = others_share(&s) || remove_one(&s, s.keys.webhook_id);
    template_unref(s.template);
    s.keys.webhook_id = STR_NONE;
    if (removed && !save_keys(&s, &err))
        log_err(LOG_WARN, "a removed webhook could not be forgotten", &err);
}
