/*
 * OAuthAuthenticator: an access token from a refresh token, client credentials or a password grant
 * (manifest-format, rule 42; RFC 6749).
 *
 * A token is used until it expires. What a login gave is handed out to be stored before it is used: for a
 * vendor that rotates refresh tokens (refresh_token_updater) the new pair in the configuration members
 * that the template names, else the token alone under a member of ours, so that the next run need not
 * log in again. Its key there is a digest of the credential: a new credential finds no old token.
 */
#include "template/plan_priv.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"

#define TOKEN_LIFE_DEFAULT_US US_PER_HOUR /* where the vendor does not say */
#define TOKEN_SEARCH_DEPTH 5

struct oauth_plan {
    struct text endpoint, client_id_name, client_id, client_secret_name, client_secret, refresh_name, refresh_token;
    struct text access_name, access_value, expires_name, grant_name, grant, expiry_date;
    struct str expiry_format;
    const struct node *scopes;  /* sent as they are written, as the field's readers do; or NULL */
    struct input body, headers;
    bool as_query, single_use;
    int64_t renew_us;        /* x-tidemark-renew-before: a token that works is changed for a new one so long ahead; 0: none is */
    bool use_assertion;        /* the login sends a token that we sign (RFC 7523) */
    struct auth assertion;
    struct str header;       /* x-tidemark-header: the bare token stands there; empty: Authorization: Bearer */
    struct str new_refresh_name;
    struct str *access_path, *refresh_path, *expiry_path;
    size_t access_count, refresh_count, expiry_count;
};

static bool
path_field(struct compiler *c, const struct node *n, const char *field, const char *otherwise, struct str **path_out, size_t *count_out)
{
    const struct node *list = node_get_c(n, field);
    size_t count = list && list->type == NODE_LIST && list->count ? list->count : 2;
    *path_out = ARENA_ARRAY(c->arena, struct str, count);
    if (!*path_out)
        return compile_full(c);
    *count_out = count;
    for (size_t i = 0; i < count; i++)
        (*path_out)[i] = list && list->type == NODE_LIST && list->count ? list->items[i]->text
                                                                      : i ? str_from_c(otherwise) : STR("credentials");
    return true;
}

static bool
compile_updater(struct compiler *c, const struct node *n, struct oauth_plan *p)
{
    const struct node *updater = node_get_c(n, "refresh_token_updater");
    p->single_use = updater && updater->type == NODE_MAP;
    if (!p->single_use)
        return true;
    p->new_refresh_name = node_text_at(updater, "refresh_token_name");
    if (!p->new_refresh_name.len)
        p->new_refresh_name = STR("refresh_token");
    return path_field(c, updater, "access_token_config_path", "access_token", &p->access_path, &p->access_count) &&
           path_field(c, updater, "refresh_token_config_path", "refresh_token", &p->refresh_path, &p->refresh_count) &&
           path_field(c, updater, "token_expiry_date_config_path", "token_expiry_date", &p->expiry_path, &p->expiry_count);
}

static bool
compile_renewal(struct compiler *c, const struct node *n, struct oauth_plan *p)
{
    struct duration ahead;
    struct str text = node_text_at(n, "x-tidemark-renew-before");
    if (!text.len)
        return true;
    if (!p->single_use || !iso_duration_parse(text, &ahead))
        return refuse(c, "x-tidemark-renew-before is a duration such as P7D, beside a refresh_token_updater");
    p->renew_us = datetime_add(0, ahead, 1);
    return true;
}

static bool
compile_names(struct compiler *c, const struct node *n, struct oauth_plan *p)
{
    const struct {
        const char *field;
        struct text *text;
    } fields[] = {
        {"token_refresh_endpoint", &p->endpoint}, {"client_id_name", &p->client_id_name}, {"client_id", &p->client_id},
        {"client_secret_name", &p->client_secret_name}, {"client_secret", &p->client_secret},
        {"refresh_token_name", &p->refresh_name}, {"refresh_token", &p->refresh_token},
        {"access_token_name", &p->access_name}, {"access_token_value", &p->access_value},
        {"expires_in_name", &p->expires_name}, {"grant_type_name", &p->grant_name}, {"grant_type", &p->grant},
        {"token_expiry_date", &p->expiry_date},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!text_field(c, n, fields[i].field, fields[i].text))
            return false;
    return true;
}

static bool
oauth_compile(struct compiler *c, const struct node *n, struct auth *auth)
{
    struct oauth_plan *p = ARENA_NEW(c->arena, struct oauth_plan);
    if (!p)
        return compile_full(c);
    auth->plan = p;
    p->use_assertion = node_is_true_at(n, "use_profile_assertion");
    if (p->use_assertion && !jwt_compile(c, node_get_c(n, "profile_assertion"), &p->assertion))
        return false;
    p->scopes = node_get_c(n, "scopes");
    p->as_query = node_is_true_at(n, "send_refresh_request_as_query_params");
    p->header = node_text_at(n, "x-tidemark-header");
    p->expiry_format = node_text_at(n, "token_expiry_date_format");
    return compile_names(c, n, p) && input_compile(c, n, node_get_c(n, "refresh_request_body"), &p->body) &&
           input_compile(c, n, node_get_c(n, "refresh_request_headers"), &p->headers) && compile_updater(c, n, p) &&
           compile_renewal(c, n, p);
}

static bool
name_or(const struct text *t, const char *otherwise, struct expr_scope *scope, struct str *name_out, struct err *err)
{
    if (!text_str(t, scope, name_out, err))
        return false;
    if (!name_out->len)
        *name_out = str_from_c(otherwise);
    return true;
}

static bool
oauth_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str token, struct err *err)
{
    const struct oauth_plan *p = auth->plan;
    (void)scope;
    if (p->header.len)
        return draft_put(d, INJECT_HEADER, p->header, value_str(token), err);
    struct str value = str_join2(d->arena, STR("Bearer "), token);
    return (value.ptr || err_no_memory(err)) && draft_put(d, INJECT_HEADER, STR("Authorization"), value_str(value), err);
}

/* ---- stored tokens */

static yyjson_val *
config_of(const struct expr_scope *scope)
{
    for (size_t i = 0; i < scope->count; i++)
        if (str_eq(scope->variables[i].name, STR("config")) && scope->variables[i].value.type == VALUE_JSON)
            return scope->variables[i].value.json;
    return NULL;
}

static bool
oauth_identity(const struct auth *auth, struct expr_scope *scope, struct str *identity_out, struct err *err)
{
    const struct oauth_plan *p = auth->plan;
    struct str endpoint, client, grant;
    if (!text_str(&p->endpoint, scope, &endpoint, err) || !text_str(&p->client_id, scope, &client, err) ||
        !name_or(&p->grant, "refresh_token", scope, &grant, err))
        return false;
    *identity_out = str_format(scope->arena, "%.*s\n%.*s\n%.*s", STR_ARG(endpoint), STR_ARG(client), STR_ARG(grant));
    return identity_out->ptr || err_no_memory(err);
}

static bool
token_key(const struct auth *auth, struct expr_scope *scope, struct str *key_out, struct err *err)
{
    const struct oauth_plan *p = auth->plan;
    struct str identity, secret, refresh;
    if (!oauth_identity(auth, scope, &identity, err) || !text_str(&p->client_secret, scope, &secret, err) ||
        !text_str(&p->refresh_token, scope, &refresh, err))
        return false;
    struct str all = str_format(scope->arena, "%.*s\n%.*s\n%.*s", STR_ARG(identity), STR_ARG(secret), STR_ARG(refresh));
    *key_out = str_format(scope->arena, "%016llx", (unsigned long long)hash_add(HASH_START, all));
    return key_out->ptr || err_no_memory(err);
}

static bool
use_stored(struct auth_session *session, struct str token, struct str expires, int64_t ahead_us, struct err *err)
{
    int64_t us;
    if (!token.len || !expires.len || !datetime_guess(expires, &us))
        return true;
    return auth_session_set(session, token, us - ahead_us, err);
}

static enum auth_need
oauth_need(const struct auth *auth, struct expr_scope *scope, struct auth_session *session, struct err *err)
{
    const struct oauth_plan *p = auth->plan;
    struct str endpoint, access, expires, key;
    yyjson_val *config = config_of(scope);
    if (session->forced)
        return AUTH_LOGIN;
    if (session->token.len)
        return AUTH_READY;
    if (!text_str(&p->endpoint, scope, &endpoint, err) || !text_str(&p->access_value, scope, &access, err) ||
        !text_str(&p->expiry_date, scope, &expires, err) || !token_key(auth, scope, &key, err))
        return AUTH_FAILED;
    bool ok = true;
    if (!endpoint.len && access.len)
        ok = auth_session_set(session, access, INT64_MAX, err);
    else if (p->single_use)
        ok = use_stored(session, json_str(path_find(config, p->access_path, p->access_count)),
                        json_str(path_find(config, p->expiry_path, p->expiry_count)), p->renew_us, err);
    else if (access.len && expires.len)
        ok = use_stored(session, access, expires, 0, err);
    yyjson_val *kept = json_get(json_get_c(config, AUTH_TOKENS_MEMBER), key);
    if (ok && !session->token.len && kept)
        ok = use_stored(session, json_str(json_get_c(kept, "token")), json_str(json_get_c(kept, "expires")), 0, err);
    if (!ok)
        return AUTH_FAILED;
    return session->token.len ? AUTH_READY : AUTH_LOGIN;
}

/* ---- the login */

/*
 * A refresh token that works once: the newest one stands where the updater puts it, whatever the template says of the
 * first one. The field's readers know that place only.
 */
static bool
refresh_token_of(const struct oauth_plan *p, struct expr_scope *scope, struct str *token_out, struct err *err)
{
    struct str stored = p->single_use ? json_str(path_find(config_of(scope), p->refresh_path, p->refresh_count)) : STR_NONE;
    if (stored.len == 0 && !(p->single_use && scope->as_reference))
        return text_str(&p->refresh_token, scope, token_out, err);
    *token_out = stored.len ? stored : STR("");
    return true;
}

static bool
put_field(struct draft *d, const struct oauth_plan *p, struct str name, struct str value, struct err *err)
{
    return draft_put(d, p->as_query ? INJECT_QUERY : INJECT_FORM, name, value_str(value), err);
}

static bool
put_credentials(const struct oauth_plan *p, struct draft *d, struct expr_scope *scope, struct err *err)
{
    struct str id_name, id, secret_name, secret;
    return name_or(&p->client_id_name, "client_id", scope, &id_name, err) && text_str(&p->client_id, scope, &id, err) &&
           name_or(&p->client_secret_name, "client_secret", scope, &secret_name, err) &&
           text_str(&p->client_secret, scope, &secret, err) && put_field(d, p, id_name, id, err) &&
           put_field(d, p, secret_name, secret, err);
}

static bool
put_scopes(const struct oauth_plan *p, struct draft *d, struct expr_scope *scope, struct err *err)
{
    struct value list = value_list_new(scope->arena);
    size_t count = p->scopes && p->scopes->type == NODE_LIST ? p->scopes->count : 0;
    for (size_t i = 0; i < count; i++)
        if (!value_list_add(scope->arena, list, value_str(p->scopes->items[i]->text)))
            return err_no_memory(err);
    return count == 0 || draft_put(d, p->as_query ? INJECT_QUERY : INJECT_FORM, STR("scopes"), list, err);
}

static bool
has_name(const struct draft_list *list, struct str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i].name, name))
            return true;
    return false;
}

/* RFC 7523: nothing but the grant and the token that we signed. */
static bool
put_assertion(const struct oauth_plan *p, struct draft *d, struct expr_scope *scope, struct err *err)
{
    struct str token;
    return jwt_token(&p->assertion, scope, &token, err) && put_field(d, p, STR("assertion"), token, err);
}

/* Fields of the template's own, where the standard ones do not stand already. */
static bool
put_extra(const struct oauth_plan *p, struct draft *d, struct expr_scope *scope, struct err *err)
{
    struct value extra;
    if (p->body.kind != INPUT_MAP)
        return true;
    if (!input_value(&p->body, scope, false, &extra, err))
        return false;
    for (size_t i = 0; i < extra.dict->count; i++) {
        struct str name = extra.dict->entries[i].key.text;
        if (!has_name(p->as_query ? &d->query : &d->form, name) &&
            !draft_put(d, p->as_query ? INJECT_QUERY : INJECT_FORM, name, extra.dict->entries[i].value, err))
            return false;
    }
    return true;
}

/* RFC 6749, section 6: this grant is nothing without its token. */
static bool
lacks_refresh_token(const struct oauth_plan *p, struct str grant, struct str refresh)
{
    return str_eq_c(grant, "refresh_token") && text_given(&p->refresh_token) && !refresh.len && p->body.kind != INPUT_MAP;
}

static bool
oauth_login(const struct auth *auth, struct expr_scope *scope, const struct auth_session *session,
            struct http_request *request_out, struct err *err)
{
    (void)session;
    const struct oauth_plan *p = auth->plan;
    struct draft d = {.arena = scope->arena, .text = STR_NONE};
    struct str endpoint, grant_name, grant, refresh_name, refresh;
    struct value headers;
    if (!text_str(&p->endpoint, scope, &endpoint, err) || !name_or(&p->grant_name, "grant_type", scope, &grant_name, err) ||
        !name_or(&p->grant, "refresh_token", scope, &grant, err) ||
        !name_or(&p->refresh_name, "refresh_token", scope, &refresh_name, err) ||
        !refresh_token_of(p, scope, &refresh, err) || !put_field(&d, p, grant_name, grant, err))
        return false;
    if (!endpoint.len)
        return err_set(err, E_TEMPLATE_INVALID, "OAuthAuthenticator has no token_refresh_endpoint");
    if (lacks_refresh_token(p, grant, refresh)) /* the vendor could only refuse, in words that help nobody */
        return err_set(err, E_AUTH_EXPIRED, "There is no refresh token yet: sign in at the platform, or fill it in");
    if (p->headers.kind == INPUT_MAP &&
        (!input_value(&p->headers, scope, false, &headers, err) || !draft_merge(&d, INJECT_HEADER, headers, err)))
        return false;
    if (p->use_assertion)
        return put_assertion(p, &d, scope, err) && draft_finish(&d, STR("POST"), endpoint, request_out, err);
    if (!has_name(&d.headers, STR("Authorization")) && !put_credentials(p, &d, scope, err))
        return false;
    if ((text_given(&p->refresh_token) || refresh.len) && !put_field(&d, p, refresh_name, refresh, err))
        return false;
    return put_scopes(p, &d, scope, err) && put_extra(p, &d, scope, err) &&
           draft_finish(&d, STR("POST"), endpoint, request_out, err);
}

/* ---- the answer */

static yyjson_val *
find_member(yyjson_val *at, struct str name, unsigned depth)
{
    size_t index, max;
    yyjson_val *key, *item, *found = json_get(at, name);
    if (found || depth == TOKEN_SEARCH_DEPTH)
        return found;
    JSON_EACH_MEMBER(at, index, max, key, item) {
        if ((found = find_member(item, name, depth + 1)))
            return found;
    }
    JSON_EACH_ITEM(at, index, max, item) {
        if ((found = find_member(item, name, depth + 1)))
            return found;
    }
    return NULL;
}

static int64_t
expiry_us(const struct oauth_plan *p, struct arena *a, yyjson_val *value, int64_t now_us)
{
    int64_t us, seconds;
    struct str text = yyjson_is_str(value) ? json_str(value) : json_number_text(a, value);
    if (text.len && p->expiry_format.len && (datetime_parse(text, p->expiry_format, &us) || datetime_guess(text, &us)))
        return us;
    struct str whole, fraction;
    str_cut(text, '.', &whole, &fraction);
    if (text.len && str_to_i64(whole, 0, INT64_C(10000000000), &seconds))
        return now_us + seconds * US_PER_S;
    return now_us + TOKEN_LIFE_DEFAULT_US;
}

static yyjson_mut_val *
put_path(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct str *path, size_t count, struct str text)
{
    yyjson_mut_val *at = root;
    for (size_t i = 0; i + 1 < count; i++) {
        yyjson_mut_val *next = yyjson_mut_obj_getn(at, path[i].ptr, path[i].len);
        if (!next) {
            next = yyjson_mut_obj(doc);
            yyjson_mut_obj_add(at, yyjson_mut_strncpy(doc, path[i].ptr, path[i].len), next);
        }
        at = next;
    }
    yyjson_mut_obj_put(at, yyjson_mut_strncpy(doc, path[count - 1].ptr, path[count - 1].len),
                       yyjson_mut_strncpy(doc, text.ptr ? text.ptr : "", text.len));
    return root;
}

static bool
make_patch(const struct auth *auth, struct expr_scope *scope, yyjson_val *body, struct str token, int64_t expires_us,
           yyjson_val **patch_out, struct err *err)
{
    const struct oauth_plan *p = auth->plan;
    yyjson_mut_doc *doc = json_mut_doc(scope->arena);
    yyjson_mut_val *root = doc ? yyjson_mut_obj(doc) : NULL;
    char when[TIME_TEXT_BYTES];
    struct str expires = str_from_c(time_format_ms(expires_us, when)), key;
    if (!root)
        return err_no_memory(err);
    if (p->single_use) {
        struct str refresh = json_str(find_member(body, p->new_refresh_name, 0));
        put_path(doc, root, p->access_path, p->access_count, token);
        put_path(doc, root, p->expiry_path, p->expiry_count, expires);
        if (refresh.len)
            put_path(doc, root, p->refresh_path, p->refresh_count, refresh);
    } else {
        if (!token_key(auth, scope, &key, err))
            return false;
        struct str token_path[] = {STR(AUTH_TOKENS_MEMBER), key, STR("token")};
        struct str expires_path[] = {STR(AUTH_TOKENS_MEMBER), key, STR("expires")};
        put_path(doc, root, token_path, 3, token);
        put_path(doc, root, expires_path, 3, expires);
    }
    *patch_out = json_freeze(scope->arena, root);
    return *patch_out || err_no_memory(err);
}

static bool
oauth_answer(const struct auth *auth, struct expr_scope *scope, const struct http_reply *reply, struct auth_session *session,
             yyjson_val **patch_out, struct err *err)
{
    const struct oauth_plan *p = auth->plan;
    struct err ignored = {0};
    struct str access_name, expires_name;
    yyjson_val *body = json_parse(scope->arena, reply->body, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    if (!name_or(&p->access_name, "access_token", scope, &access_name, err) ||
        !name_or(&p->expires_name, "expires_in", scope, &expires_name, err))
        return false;
    if (reply->status != 200 && reply->status != 201 && p->renew_us > 0) {
        *patch_out = NULL; /* the old one goes on, and the vendor's own answers say when it is dead */
        return auth_session_set(session, json_str(path_find(config_of(scope), p->access_path, p->access_count)), INT64_MAX, err);
    }
    if (reply->status != 200 && reply->status != 201) {
        struct str words = vendor_message(scope->arena, body);
        struct str more = json_str(json_get_c(body, "error_description")); /* RFC 6749, section 5.2: for people */
        return err_set(err, E_AUTH_EXPIRED, "The vendor refused to give a new token (status %d): %.*s%s%.*s", reply->status,
                       (int)(words.len > 200 ? 200 : words.len), words.ptr ? words.ptr : "", more.len ? ": " : "",
                       (int)(more.len > 200 ? 200 : more.len), more.ptr ? more.ptr : "");
    }
    struct str token = json_str(find_member(body, access_name, 0));
    if (!token.len)
        return err_set(err, E_BAD_PAGE, "The vendor's answer to the login holds no %.*s", STR_ARG(access_name));
    yyjson_val *life = find_member(body, expires_name, 0);
    int64_t expires_us = expiry_us(p, scope->arena, life, scope->now_us);
    if (!life && p->renew_us > 0) /* it does not say: looked at again after as long */
        expires_us = scope->now_us + 2 * p->renew_us;
    return make_patch(auth, scope, body, token, expires_us, patch_out, err) &&
           auth_session_set(session, token, expires_us - (expires_us - p->renew_us > scope->now_us ? p->renew_us : 0), err);
}

static bool
oauth_single_use(const struct auth *auth)
{
    const struct oauth_plan *p = auth->plan;
    return p->single_use;
}

const struct auth_kind auth_oauth = {.type = "OAuthAuthenticator",
                                     .compile = oauth_compile,
                                     .apply = oauth_apply,
                                     .identity = oauth_identity,
                                     .need = oauth_need,
                                     .login = oauth_login,
                                     .answer = oauth_answer,
                                     .single_use = oauth_single_use};
