/*
 * An account: a connection opened for use, by a run or a test.
 *
 * The configuration and the tokens are sealed in two columns, because tokens are written by refreshes and
 * by nothing else (I-23). A reader sees them merged.
 */
#include "engine/account.h"

#include <xxhash.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/engine_priv.h"

#define REFRESH_LOCK_US (60 * US_PER_S)

struct account_rows {
    struct arena *arena;
    int64_t tenant, connection;
    struct connection connection_row;
    struct tenant tenant_row;
    struct connection_tokens tokens;
    enum row found;
};

static bool
read_rows(struct db *db, void *ctx, struct err *err)
{
    struct account_rows *r = ctx;
    r->found = ROW_NONE;
    if (r->connection != 0) {
        r->found = store_connection_get_by_id(db, r->arena, r->tenant, r->connection, &r->connection_row, err);
        if (r->found != ROW_FOUND)
            return r->found == ROW_NONE;
        if (store_connection_tokens(db, r->arena, r->tenant, r->connection, &r->tokens, err) == ROW_FAILED)
            return false;
    }
    enum row tenant = store_tenant_get(db, r->arena, r->tenant, &r->tenant_row, err);
    if (tenant == ROW_NONE)
        return err_set(err, E_TENANT_NOT_FOUND, NULL);
    return tenant == ROW_FOUND;
}

static struct config_place
place_of(const struct account *acc, struct str field)
{
    return (struct config_place){acc->connection.tenant, acc->tenant.uuid, acc->connection.uuid, field};
}

/*
 * Tokens belong to the credential they were obtained with: a person who enters a new one must not be
 * overruled by tokens of the old. So they are stored with a hash of it.
 */
static bool
credential_hash(struct account *acc, struct str *hash_out, struct err *err)
{
    struct buf b;
    buf_init(&b, LIMIT_SECRET_BYTES);
    bool ok = json_write_canonical(&b, acc->own_config);
    if (ok) {
        *hash_out = str_format(acc->arena, "%016llx", (unsigned long long)XXH3_64bits(b.ptr, b.len));
        explicit_bzero(b.ptr, b.len);
    }
    buf_release(&b);
    return (ok && !str_is_none(*hash_out)) || err_no_memory(err);
}

static bool
merge_tokens(struct account *acc, const struct connection_tokens *tokens, struct err *err)
{
    yyjson_val *stored = NULL;
    struct str hash = STR_NONE;
    struct config_place place = place_of(acc, STR("tokens"));
    if (!config_open(acc->engine->options.keys, &place, acc->arena, tokens->sealed, &stored, err) ||
        !credential_hash(acc, &hash, err))
        return false;
    acc->tokens_version = tokens->version;
    acc->tokens = str_eq(json_str(json_get_c(stored, "for")), hash) ? json_get_c(stored, "tokens") : NULL;
    acc->config = acc->own_config;
    if (acc->tokens == NULL)
        return true;
    acc->config = config_merge(acc->template, acc->arena, acc->own_config, acc->tokens);
    return acc->config != NULL || err_no_memory(err);
}

static bool
add_filters(struct account *acc, struct err *err)
{
    acc->unfiltered = acc->effective;
    yyjson_mut_doc *doc = json_mut_doc(acc->arena);
    yyjson_mut_val *root = doc == NULL ? NULL : yyjson_val_mut_copy(doc, acc->effective);
    if (root == NULL || !yyjson_mut_obj_put(root, yyjson_mut_str(doc, "tidemark_filters"), yyjson_val_mut_copy(doc, acc->filters)))
        return err_no_memory(err);
    acc->effective = json_freeze(acc->arena, root);
    return acc->effective != NULL || err_no_memory(err);
}

static bool
make_effective(struct account *acc, struct err *err)
{
    const struct engine_options *o = &acc->engine->options;
    const struct template_info *info = template_info(acc->template);
    struct str override = o->address_override == NULL ? STR_NONE : o->address_override(o->address_ctx, info->name);
    if (!template_config_effective(acc->template, acc->arena, acc->config, override, &acc->effective,
                                   &acc->operator_address, err))
        return false;
    acc->base_url = json_str(json_get(acc->effective, info->base_url_field));
    if (acc->base_url.len == 0)
        acc->base_url = override;
    return acc->filters == NULL || add_filters(acc, err);
}

bool
account_set_filters(struct account *acc, yyjson_val *filters, struct err *err)
{
    acc->filters = filters;
    return filters == NULL || add_filters(acc, err);
}

bool
account_check_address(const struct account *account, struct err *err)
{
    const struct template_info *info = template_info(account->template);
    struct str own = json_str(json_get(account->config, info->base_url_field));
    bool is_own = own.len > 0 && !str_eq(own, info->base_url_default);
    if (!account->connection.sandbox || account->operator_address || is_own)
        return true;
    return err_set(err, E_ADDRESS_REFUSED, "%.*s belongs to the simulated vendors, which run only with tidemark serve --sandbox",
                   STR_ARG(account->connection.name));
}

/* By what the person gave: refreshed tokens are the same account. */
static bool
name_credential(struct account *acc, struct err *err)
{
    char text[SHA256_TEXT_BYTES];
    if (!config_credential(acc->template, acc->own_config, acc->base_url, acc->connection.uuid, text, err))
        return false;
    memcpy(acc->credential, text, QUOTA_CREDENTIAL_BYTES - 1);
    acc->credential[QUOTA_CREDENTIAL_BYTES - 1] = '\0';
    return true;
}

static bool
account_template(struct account *acc, struct err *err)
{
    acc->template = registry_get(acc->engine->options.templates, acc->connection.template_name, err);
    return acc->template != NULL;
}

/* Which streams there are may depend on the configuration: the account has its own. */
bool
account_configure(struct account *acc, yyjson_val *lists, struct err *err)
{
    if (!template_depends_on_config(acc->template))
        return true;
    struct template *own = template_configured(acc->template, acc->effective, clock_wall_us(clock_system()), lists, err);
    if (own == NULL)
        return false;
    template_unref(acc->template);
    acc->template = own;
    return true;
}

static struct lists_key
lists_key_of(const struct account *acc)
{
    struct buf b;
    buf_init(&b, LIMIT_RECORD_BYTES);
    uint64_t hash = template_info(acc->template)->source_hash;
    if (json_write_canonical(&b, acc->own_config))
        hash ^= XXH3_64bits(b.ptr, b.len);
    if (b.ptr != NULL)
        explicit_bzero(b.ptr, b.len);
    buf_release(&b);
    hash ^= XXH3_64bits(acc->base_url.ptr ? acc->base_url.ptr : "", acc->base_url.len);
    return (struct lists_key){acc->connection.tenant, acc->connection.id, hash};
}

struct str
account_lists(const struct account *acc, struct lists_note *note_out)
{
    if (!acc->stored || template_list_count(acc->template) == 0)
        return STR_NONE;
    struct lists_key key = lists_key_of(acc);
    return lists_look_up(acc->engine->lists, &key, acc->arena, note_out);
}

yyjson_val *
account_lists_before(const struct account *acc)
{
    struct err ignored = {0};
    struct lists_note note;
    struct str text = account_lists(acc, &note);
    return text.ptr ? json_parse(acc->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR + 4, &ignored) : NULL;
}

void
account_keep_lists(const struct account *acc, struct str text, int64_t run)
{
    if (!acc->stored)
        return;
    struct lists_key key = lists_key_of(acc);
    struct lists_note note = {.read_us = clock_wall_us(acc->engine->options.clock), .failed = acc->lists_failed,
                              .run = acc->lists_failed.code != E_OK ? run : 0};
    lists_keep(acc->engine->lists, &key, text, &note);
}

bool
account_open(struct engine *e, struct arena *a, int64_t tenant, int64_t connection, struct account *account_out,
             struct err *err)
{
    struct account_rows rows = {.arena = a, .tenant = tenant, .connection = connection};
    if (!store_read(e->options.store, read_rows, &rows, err))
        return false;
    if (rows.found == ROW_NONE)
        return err_set(err, E_CONNECTION_NOT_FOUND, NULL);
    struct account acc = {.engine = e, .arena = a, .connection = rows.connection_row, .tenant = rows.tenant_row,
                          .stored = true};
    struct config_place place = place_of(&acc, STR("config"));
    if (!account_template(&acc, err) ||
        !config_open(e->options.keys, &place, a, acc.connection.config, &acc.own_config, err) ||
        !merge_tokens(&acc, &rows.tokens, err) || !make_effective(&acc, err) || !name_credential(&acc, err) ||
        !account_configure(&acc, account_lists_before(&acc), err)) {
        template_unref(acc.template);
        config_wipe(a, acc.own_config);
        return false;
    }
    config_each_secret(acc.template, acc.config, log_secret_add);
    *account_out = acc;
    return true;
}

bool
account_open_with(struct engine *e, struct arena *a, const struct connection *connection, yyjson_val *config,
                  struct account *account_out, struct err *err)
{
    struct account_rows rows = {.arena = a, .tenant = connection->tenant};
    if (!store_read(e->options.store, read_rows, &rows, err))
        return false;
    struct account acc = {.engine = e, .arena = a, .connection = *connection, .tenant = rows.tenant_row,
                          .own_config = config, .config = config};
    if (!account_template(&acc, err) || !make_effective(&acc, err) || !account_configure(&acc, NULL, err)) {
        template_unref(acc.template);
        return false;
    }
    config_each_secret(acc.template, acc.config, log_secret_add);
    *account_out = acc;
    return true;
}

void
account_close(struct account *acc)
{
    if (acc->template == NULL)
        return;
    config_each_secret(acc->template, acc->config, log_secret_drop);
    if (acc->stored) {
        config_wipe(acc->arena, acc->config);
        config_wipe(acc->arena, acc->own_config);
        config_wipe(acc->arena, acc->tokens);
        config_wipe(acc->arena, acc->effective);
        config_wipe(acc->arena, acc->unfiltered);
    }
    template_unref(acc->template);
    *acc = (struct account){0};
}

bool
account_reload_tokens(struct account *acc, bool *changed_out, struct err *err)
{
    *changed_out = false;
    if (!acc->stored)
        return true;
    struct account_rows rows = {.arena = acc->arena, .tenant = acc->connection.tenant, .connection = acc->connection.id};
    if (!store_read(acc->engine->options.store, read_rows, &rows, err))
        return false;
    if (rows.found == ROW_NONE)
        return err_set(err, E_CONNECTION_NOT_FOUND, NULL);
    if (rows.tokens.version == acc->tokens_version)
        return true;
    config_each_secret(acc->template, acc->config, log_secret_drop);
    bool ok = merge_tokens(acc, &rows.tokens, err) && make_effective(acc, err);
    if (acc->config != NULL)
        config_each_secret(acc->template, acc->config, log_secret_add);
    *changed_out = ok;
    return ok;
}

struct refresh {
    struct account *account;
    struct str owner, sealed;
    int64_t expires_us;
    bool taken;
};

static bool
refresh_lock(struct db *db, void *ctx, struct err *err)
{
    struct refresh *r = ctx;
    const struct connection *c = &r->account->connection;
    int64_t now_us = store_now(db);
    return store_connection_tokens_lock(db, c->tenant, c->id, r->account->tokens_version, r->owner, now_us,
                                        now_us + REFRESH_LOCK_US, &r->taken, err);
}

static bool
refresh_save(struct db *db, void *ctx, struct err *err)
{
    struct refresh *r = ctx;
    const struct connection *c = &r->account->connection;
    return store_connection_tokens_save(db, c->tenant, c->id, r->owner, r->account->tokens_version, r->sealed,
                                        r->expires_us, err);
}

static bool
refresh_unlock(struct db *db, void *ctx, struct err *err)
{
    struct refresh *r = ctx;
    const struct connection *c = &r->account->connection;
    return store_connection_tokens_unlock(db, c->tenant, c->id, r->owner, err);
}

/* Who refreshes: this process and this account, so that two threads of ours are two. */
static struct str
refresh_owner(const struct account *acc, struct arena *a)
{
    return str_format(a, "%.*s:%p", STR_ARG(store_node_id(acc->engine->options.store)), (const void *)acc);
}

bool
account_refresh_begin(struct account *acc, bool *taken_out, struct err *err)
{
    struct refresh r = {.account = acc, .owner = refresh_owner(acc, acc->arena), .taken = true};
    if (acc->stored && !store_write(acc->engine->options.store, refresh_lock, &r, err))
        return false;
    *taken_out = r.taken;
    return true;
}

/* {"for":hash,"tokens":{...}}: what is stored of all refreshes so far. */
static yyjson_val *
tokens_document(struct account *acc, struct str hash, yyjson_val *tokens)
{
    yyjson_mut_doc *doc = json_mut_doc(acc->arena);
    yyjson_mut_val *root = doc == NULL ? NULL : yyjson_mut_obj(doc);
    if (root == NULL)
        return NULL;
    yyjson_mut_obj_add(root, yyjson_mut_str(doc, "for"), yyjson_mut_strn(doc, hash.ptr, hash.len));
    yyjson_mut_obj_add(root, yyjson_mut_str(doc, "tokens"), yyjson_val_mut_copy(doc, tokens));
    return json_freeze(acc->arena, root);
}

static bool
store_tokens(struct account *acc, yyjson_val *tokens, int64_t expires_us, struct err *err)
{
    struct refresh r = {.account = acc, .owner = refresh_owner(acc, acc->arena), .expires_us = expires_us};
    struct config_place place = place_of(acc, STR("tokens"));
    struct str hash = STR_NONE;
    if (!credential_hash(acc, &hash, err))
        return false;
    yyjson_val *document = tokens_document(acc, hash, tokens);
    if (document == NULL)
        return err_no_memory(err);
    if (!config_seal(acc->engine->options.keys, &place, acc->arena, document, &r.sealed, err) ||
        !store_write(acc->engine->options.store, refresh_save, &r, err))
        return false;
    acc->tokens_version++;
    return true;
}

bool
account_refresh_save(struct account *acc, yyjson_val *patch, int64_t expires_us, struct err *err)
{
    /* The patch lives in the page's arena: merging copies what is kept. */
    yyjson_val *tokens = config_merge(acc->template, acc->arena, acc->tokens, patch);
    yyjson_val *config = tokens == NULL ? NULL : config_merge(acc->template, acc->arena, acc->own_config, tokens);
    if (config == NULL)
        return err_no_memory(err);
    if (acc->stored && !store_tokens(acc, tokens, expires_us, err))
        return false;
    config_each_secret(acc->template, acc->config, log_secret_drop);
    acc->tokens = tokens;
    acc->config = config;
    config_each_secret(acc->template, acc->config, log_secret_add);
    return make_effective(acc, err);
}

void
account_refresh_give_up(struct account *acc)
{
    struct refresh r = {.account = acc, .owner = refresh_owner(acc, acc->arena)};
    struct err err = {0};
    if (acc->stored && !store_write(acc->engine->options.store, refresh_unlock, &r, &err))
        log_err(LOG_WARN, "the refresh lock could not be given back; it lapses by itself", &err);
}

bool
account_is_operator_url(const struct account *acc, struct str url)
{
    struct http_url base, target;
    if (!acc->operator_address || !http_url_parse(acc->base_url, &base) || !http_url_parse(url, &target))
        return false;
    return str_eq_nocase(base.scheme, target.scheme) && str_eq_nocase(base.host, target.host) && base.port == target.port;
}

/* One that this configuration makes no sense of is none, as for its requests. */
static void
look_own(const struct account *acc, struct arena *a, struct quota_use *use, struct quota_own *own_out)
{
    struct err ignored = {0};
    struct budget *budget = NULL;
    if (!budget_make(acc->template, a, acc->effective, clock_wall_us(acc->engine->options.clock), &budget, &ignored))
        budget = NULL;
    quota_look_own(use, budget, own_out);
}

bool
account_quota(struct engine *e, int64_t tenant, int64_t connection, struct quota *quota_out, struct quota_own *own_out, struct err *err)
{
    struct arena a;
    struct account acc = {0};
    arena_init(&a, LIMIT_RUN_ARENA_BYTES);
    bool ok = account_open(e, &a, tenant, connection, &acc, err);
    struct quota_use *use = ok ? quota_use_begin(e->quotas, tenant, acc.credential) : NULL;
    if (ok && use == NULL)
        ok = err_no_memory(err);
    if (ok) {
        quota_look(use, quota_out);
        look_own(&acc, &a, use, own_out);
    }
    quota_use_end(use);
    account_close(&acc);
    arena_release(&a);
    return ok;
}
