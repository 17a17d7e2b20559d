#include "engine/oauth.h"

#include "base/encode.h"
#include "crypt/digest.h"
#include "crypt/token.h"
#include "engine/account.h"
#include "engine/engine_priv.h"
#include "store/store_account.h"
#include "template/oauth.h"

#define STATE_CHARS 43        /* 256 bits */
#define VERIFIER_CHARS 64     /* RFC 7636: 43 to 128 */
#define STATE_BYTES_MAX 100
#define CHANGE_TRIES 3        /* somebody may change the connection meanwhile */

/* ---- beginning ---- */

struct beginning {
    struct arena *arena;
    const struct oauth_ask *ask;
    struct connection connection;
    struct sign_in sign_in;
    char hash[TOKEN_HASH_BYTES];
};

static bool
find_connection(struct db *db, void *ctx, struct err *err)
{
    struct beginning *b = ctx;
    enum row row = store_connection_get(db, b->arena, b->ask->tenant, b->ask->connection, &b->connection, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_CONNECTION_NOT_FOUND, NULL));
}

static bool
create_row(struct db *db, void *ctx, struct err *err)
{
    struct beginning *b = ctx;
    b->sign_in.created_us = store_now(db);
    b->sign_in.expires_us = b->sign_in.created_us + OAUTH_STATE_MS * US_PER_MS;
    return store_sign_in_create(db, b->ask->tenant, str_from_c(b->hash), &b->sign_in, OAUTH_OPEN_MAX, err);
}

static struct seal_place
verifier_place(struct str tenant_uuid, const char *hash)
{
    return (struct seal_place){tenant_uuid, STR("sign_in"), str_from_c(hash), STR("verifier")};
}

/* The challenge of a fresh verifier, which is sealed into the row. */
static bool
make_verifier(struct beginning *b, const struct account *account, struct str *challenge_out, struct err *err)
{
    struct buf text;
    struct digest digest;
    struct str verifier;
    struct seal_place place = verifier_place(account->tenant.uuid, b->hash);
    if (!random_text(b->arena, STR(""), VERIFIER_CHARS, &verifier, err) || !digest_of(DIGEST_SHA256, verifier, &digest, err) ||
        !keyring_seal(account->engine->options.keys, b->ask->tenant, &place, verifier, b->arena, &b->sign_in.verifier, err))
        return false;
    buf_init(&text, DIGEST_TEXT_BYTES);
    base64_encode(&text, digest_bytes(&digest), BASE64_URL);
    *challenge_out = str_copy(b->arena, buf_str(&text));
    buf_release(&text);
    return challenge_out->ptr || err_no_memory(err);
}

/* "<tenant>-<256 bits>": the tenant is no secret, and says where to look. */
static bool
make_state(struct beginning *b, struct str *state_out, struct err *err)
{
    struct str prefix = str_format(b->arena, "%lld-", (long long)b->ask->tenant);
    return (prefix.ptr || err_no_memory(err)) && random_text(b->arena, prefix, STATE_CHARS, state_out, err) &&
           token_hash(*state_out, b->hash, err);
}

static bool
begin_with(struct beginning *b, const struct account *account, struct str *url_out, struct err *err)
{
    struct oauth_spec spec;
    struct str state, challenge = STR_NONE;
    int64_t now_us = clock_wall_us(account->engine->options.clock);
    if (!template_oauth(account->template, b->arena, account->effective, now_us, &spec, err))
        return false;
    if (spec.missing.len || spec.client_id.len == 0)
        return err_invalid(err, "connectionId", "Fill in %.*s of this connection first: signing in needs it",
                           STR_ARG(spec.missing.len ? spec.missing : STR("the client id")));
    if (!account_check_address(account, err) || !make_state(b, &state, err) || (spec.pkce && !make_verifier(b, account, &challenge, err)))
        return false;
    return oauth_authorize_url(&spec, b->arena, b->ask->redirect_uri, state, challenge, url_out, err);
}

bool
engine_oauth_begin(struct engine *e, struct arena *a, const struct oauth_ask *ask, struct oauth_begun *begun_out, struct err *err)
{
    struct account account = {0};
    struct str url = STR_NONE;
    struct beginning b = {.arena = a, .ask = ask};
    if (!store_read(e->options.store, find_connection, &b, err) || !account_open(e, a, ask->tenant, b.connection.id, &account, err))
        return false;
    b.sign_in = (struct sign_in){.connection = b.connection.id, .asked_by = ask->asked_by, .by_session = ask->by_session,
                                 .redirect_uri = ask->redirect_uri, .return_to = ask->return_to, .verifier = STR_NONE};
    bool ok = begin_with(&b, &account, &url, err);
    account_close(&account);
    if (!ok || !store_write(e->options.store, create_row, &b, err))
        return false;
    *begun_out = (struct oauth_begun){url, b.connection.uuid, b.sign_in.expires_us};
    return true;
}

/* Whether a member of `store` stands in the configuration. */
static bool
brought(const struct oauth_spec *spec, yyjson_val *config, struct str path)
{
    struct str name, rest;
    while (spec->nested && str_cut(path, '.', &name, &rest)) {
        config = json_get(config, name);
        path = rest;
    }
    return json_str(json_get(config, path)).len > 0;
}

bool
engine_oauth_awaited(struct engine *e, struct arena *a, const struct connection *c, bool *awaited_out, struct err *err)
{
    struct account account = {0};
    struct oauth_spec spec;
    size_t index, max;
    yyjson_val *key, *item;
    bool awaited = true, ok = true;
    if (!account_open(e, a, c->tenant, c->id, &account, err))
        return false;
    if (!template_has_oauth(account.template))
        awaited = false;
    else if ((ok = template_oauth(account.template, a, account.effective, clock_wall_us(e->options.clock), &spec, err)))
        yyjson_obj_foreach(spec.store, index, max, key, item)
            awaited = awaited && !brought(&spec, account.effective, json_str(key));
    account_close(&account);
    *awaited_out = awaited;
    return ok;
}

/* ---- coming back ---- */

struct returning {
    struct engine *engine;
    struct arena *arena;
    const struct oauth_callback *callback;
    int64_t tenant;
    char hash[TOKEN_HASH_BYTES];
    struct sign_in sign_in;
    bool taken;
    struct str failed;              /* why it ended, for the row; STR_NONE: it worked */
};

/* The tenant stands in front; whatever else is wrong about the state is found by its hash. */
static bool
read_state(struct returning *rt, struct err *err)
{
    struct str state = json_str(json_get_c(rt->callback->parameters, "state")), tenant, rest;
    if (state.len == 0 || state.len > STATE_BYTES_MAX || !str_cut(state, '-', &tenant, &rest) ||
        !str_to_i64(tenant, 1, INT32_MAX, &rt->tenant))
        return err_set(err, E_SIGN_IN_REFUSED, NULL);
    return token_hash(state, rt->hash, err);
}

static bool
find_sign_in(struct db *db, void *ctx, struct err *err)
{
    struct returning *rt = ctx;
    enum row row = store_sign_in_get(db, rt->arena, rt->tenant, str_from_c(rt->hash), &rt->sign_in, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_SIGN_IN_REFUSED, NULL));
}

static bool
take_sign_in(struct db *db, void *ctx, struct err *err)
{
    struct returning *rt = ctx;
    return store_sign_in_take(db, rt->tenant, str_from_c(rt->hash), store_now(db), &rt->taken, err);
}

static bool
end_sign_in(struct db *db, void *ctx, struct err *err)
{
    struct returning *rt = ctx;
    return store_sign_in_end(db, rt->tenant, str_from_c(rt->hash), rt->failed, err);
}

static bool
refuse_used(const struct returning *rt, struct err *err)
{
    if (str_eq_c(rt->sign_in.state, "exchanging"))
        return err_set(err, E_SIGN_IN_REFUSED, "This sign-in was interrupted: begin again");
    if (!str_eq_c(rt->sign_in.state, "open"))
        return err_set(err, E_SIGN_IN_REFUSED, "This sign-in was used already: begin again");
    return err_set(err, E_SIGN_IN_REFUSED, "This sign-in took too long: begin again");
}

static bool
open_verifier(struct returning *rt, const struct account *account, struct str *verifier_out, struct err *err)
{
    struct secret plain = {0};
    struct seal_place place = verifier_place(account->tenant.uuid, rt->hash);
    *verifier_out = STR_NONE;
    if (rt->sign_in.verifier.len == 0)
        return true;
    if (!keyring_open(rt->engine->options.keys, rt->tenant, &place, rt->sign_in.verifier, &plain, err))
        return false;
    *verifier_out = str_copy(rt->arena, secret_reveal(&plain));
    secret_release(&plain);
    return verifier_out->ptr || err_no_memory(err);
}

static bool
send_token_request(struct returning *rt, const struct account *account, const struct oauth_spec *spec, struct http_request *request,
                   yyjson_val **patch_out, struct err *err)
{
    const struct sender *sender = &rt->engine->sender;
    int64_t now_us = clock_wall_us(rt->engine->options.clock);
    request->operator_address = account_is_operator_url(account, request->url);
    request->once = true;
    void *call = sender->start(sender->ctx, request, err);
    if (!call)
        return false;
    bool ok = oauth_token_answer(spec, rt->arena, sender->wait(call), now_us, rt->callback->parameters, patch_out, err);
    sender->free(call);
    return ok;
}

/* The code for the tokens, where need be the token for a longer one; each is sent once, whatever becomes of it. */
static bool
exchange(struct returning *rt, const struct account *account, const struct oauth_spec *spec, yyjson_val **patch_out, struct err *err)
{
    struct http_request request;
    struct str verifier;
    struct str code = json_str(json_get(rt->callback->parameters, spec->code_parameter));
    if (code.len == 0)
        return err_set(err, E_VALIDATION_FAILED, "The vendor sent nobody's code back: begin again");
    if (!open_verifier(rt, account, &verifier, err))
        return false;
    if (spec->declared)
        verifier = json_str(json_get_c(rt->callback->parameters, "state"));
    if (!oauth_token_request(spec, rt->arena, rt->sign_in.redirect_uri, code, verifier, &request, err))
        return false;
    if (!send_token_request(rt, account, spec, &request, patch_out, err))
        return false;
    return spec->exchange.len == 0 || (oauth_exchange_request(spec, rt->arena, *patch_out, &request, err) &&
                                       send_token_request(rt, account, spec, &request, patch_out, err));
}

static bool
refused_by_vendor(struct returning *rt, const struct oauth_spec *spec, struct err *err)
{
    struct str error = json_str(json_get(rt->callback->parameters, spec->error_parameter));
    struct str words = json_str(json_get_c(rt->callback->parameters, "error_description"));
    if (error.len == 0)
        return true;
    struct str shown = str_slice(words.len ? words : error, 0, 300);
    return err_set(err, E_VENDOR_REFUSED, "The vendor did not let you in: %.*s", STR_ARG(shown));
}

/* Sealed into the row, then used: the old credential stays until then. */
static bool
keep_credential(struct returning *rt, const struct account *account, yyjson_val *patch, struct connection *connection_out, struct err *err)
{
    struct connection_change change = {.config = patch, .enabled = 1};
    for (int i = 0; i < CHANGE_TRIES; i++) {
        struct err why = {.items = err->items};
        if (engine_connection_change(rt->engine, rt->arena, rt->tenant, account->connection.uuid, &change, false, connection_out, &why))
            return true;
        *err = why;
        if (why.code != E_CONFLICT)
            return false;
    }
    return false;
}

static bool
finish_with(struct returning *rt, const struct account *account, struct connection *connection_out, struct err *err)
{
    struct oauth_spec spec;
    yyjson_val *patch = NULL;
    int64_t now_us = clock_wall_us(rt->engine->options.clock);
    return template_oauth(account->template, rt->arena, account->effective, now_us, &spec, err) && account_check_address(account, err) &&
           refused_by_vendor(rt, &spec, err) && exchange(rt, account, &spec, &patch, err) &&
           keep_credential(rt, account, patch, connection_out, err);
}

/* Vendors quote what was sent to them. */
static void
redact(struct returning *rt, struct err *err)
{
    struct str clean = log_redact(rt->arena, str_from_c(err->message));
    enum err_code code = err->code;
    if (clean.ptr)
        err_set(err, code, "%.*s", STR_ARG(clean));
}

bool
engine_oauth_finish(struct engine *e, struct arena *a, const struct oauth_callback *callback, struct oauth_outcome *outcome,
                    struct err *err)
{
    struct account account = {0};
    struct returning rt = {.engine = e, .arena = a, .callback = callback};
    *outcome = (struct oauth_outcome){.return_to = STR_NONE, .platform = STR_NONE};
    if (!read_state(&rt, err) || !store_read(e->options.store, find_sign_in, &rt, err))
        return false;
    if (rt.sign_in.by_session && !str_eq(rt.sign_in.asked_by, callback->subject))
        return err_set(err, E_SIGN_IN_REFUSED, "Somebody else began this sign-in: sign in here as that person, or begin again");
    outcome->return_to = rt.sign_in.return_to;
    if (!store_write(e->options.store, take_sign_in, &rt, err))
        return false;
    if (!rt.taken) /* maybe by one who came at the same moment: what is it now? */
        return store_read(e->options.store, find_sign_in, &rt, err) && refuse_used(&rt, err);
    bool ok = account_open(e, a, rt.tenant, rt.sign_in.connection, &account, err);
    if (ok) {
        outcome->platform = str_copy(a, template_info(account.template)->display_name);
        ok = finish_with(&rt, &account, &outcome->connection, err);
        if (!ok)
            redact(&rt, err);
        account_close(&account);
    }
    struct err why = {0};
    rt.failed = ok ? STR_NONE : str_from_c(err->message);
    if (!store_write(e->options.store, end_sign_in, &rt, &why))
        log_err(LOG_WARN, "the end of a sign-in could not be noted", &why);
    why = (struct err){0};
    if (ok && !engine_connection_test(e, a, rt.tenant, outcome->connection.uuid, &outcome->connection, &why))
        log_err(LOG_INFO, "the connection does not work after the sign-in", &why);
    return ok;
}
