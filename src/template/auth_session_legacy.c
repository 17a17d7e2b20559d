/*
 * The older form of session tokens: one address, a user name and a password.
 *
 * A token that the configuration holds is tried first, at validate_session_url; only when the vendor does not know it
 * (401) are user name and password posted to login_url. Both addresses are written behind the requester's url_base
 * without a slash between, as the field's readers do.
 */
#include "template/plan_priv.h"

#include "base/limits.h"

struct legacy_plan {
    struct text url_base, header, login_url, validate_url, token, token_key, user, password;
};

static bool
legacy_compile(struct compiler *c, const struct node *n, struct auth *auth)
{
    struct legacy_plan *p = ARENA_NEW(c->arena, struct legacy_plan);
    if (!p)
        return compile_full(c);
    auth->plan = p;
    return (!c->requester || text_field(c, c->requester, node_get_c(c->requester, "url") ? "url" : "url_base", &p->url_base)) &&
           text_field(c, n, "header", &p->header) && text_field(c, n, "login_url", &p->login_url) &&
           text_field(c, n, "validate_session_url", &p->validate_url) && text_field(c, n, "session_token", &p->token) &&
           text_field(c, n, "session_token_response_key", &p->token_key) && text_field(c, n, "username", &p->user) &&
           text_field(c, n, "password", &p->password);
}

static bool
legacy_url(const struct legacy_plan *p, const struct text *path, struct expr_scope *scope, struct str *url_out, struct err *err)
{
    struct str base, rest;
    if (!text_str(&p->url_base, scope, &base, err) || !text_str(path, scope, &rest, err))
        return false;
    bool whole = str_starts(rest, STR("https://")) || str_starts(rest, STR("http://"));
    *url_out = whole ? rest : str_join2(scope->arena, base.ptr ? base : STR(""), rest.ptr ? rest : STR(""));
    return url_out->ptr || err_no_memory(err);
}

/* Two authenticators with the same address, user and token are one session. */
static bool
legacy_identity(const struct auth *auth, struct expr_scope *scope, struct str *identity_out, struct err *err)
{
    const struct legacy_plan *p = auth->plan;
    struct str url, user, token, password;
    if (!legacy_url(p, &p->login_url, scope, &url, err) || !text_str(&p->user, scope, &user, err) ||
        !text_str(&p->password, scope, &password, err) || !text_str(&p->token, scope, &token, err))
        return false;
    *identity_out = str_format(scope->arena, "%s\n%.*s\n%.*s\n%.*s\n%.*s", auth->kind->type, STR_ARG(url), STR_ARG(user),
                               STR_ARG(password), STR_ARG(token));
    return identity_out->ptr || err_no_memory(err);
}

static enum auth_need
legacy_need(const struct auth *auth, struct expr_scope *scope, struct auth_session *session, struct err *err)
{
    (void)auth, (void)scope, (void)err;
    return session->token.len && !session->forced ? AUTH_READY : AUTH_LOGIN;
}

/* Is the next request the trial of the token that the configuration holds? */
static bool
legacy_tries(const struct legacy_plan *p, struct expr_scope *scope, const struct auth_session *session, struct str *token_out,
             struct err *err)
{
    *token_out = STR_NONE;
    return session->forced || text_str(&p->token, scope, token_out, err);
}

static bool
legacy_try(const struct legacy_plan *p, struct expr_scope *scope, struct str token, struct http_request *request_out, struct err *err)
{
    struct draft d = {.arena = scope->arena, .text = STR_NONE};
    struct str url, header;
    return legacy_url(p, &p->validate_url, scope, &url, err) && text_str(&p->header, scope, &header, err) &&
           draft_put(&d, INJECT_HEADER, header, value_str(token), err) && draft_finish(&d, STR("GET"), url, request_out, err);
}

static bool
legacy_login(const struct auth *auth, struct expr_scope *scope, const struct auth_session *session,
             struct http_request *request_out, struct err *err)
{
    const struct legacy_plan *p = auth->plan;
    struct draft d = {.arena = scope->arena, .text = STR_NONE};
    struct str given, url, user, password;
    if (!legacy_tries(p, scope, session, &given, err))
        return false;
    if (given.len)
        return legacy_try(p, scope, given, request_out, err);
    if (!text_str(&p->user, scope, &user, err) || !text_str(&p->password, scope, &password, err))
        return false;
    if (!user.len || !password.len)
        return err_set(err, E_AUTH_EXPIRED, "The vendor does not take the session token, and there is no user name and password: "
                                            "give one of them");
    return legacy_url(p, &p->login_url, scope, &url, err) && draft_put(&d, INJECT_JSON, STR("username"), value_str(user), err) &&
           draft_put(&d, INJECT_JSON, STR("password"), value_str(password), err) &&
           draft_finish(&d, STR("POST"), url, request_out, err);
}

static bool
legacy_answer(const struct auth *auth, struct expr_scope *scope, const struct http_reply *reply, struct auth_session *session,
              yyjson_val **patch_out, struct err *err)
{
    const struct legacy_plan *p = auth->plan;
    struct err ignored = {0};
    struct str key, given;
    *patch_out = NULL;
    if (!legacy_tries(p, scope, session, &given, err))
        return false;
    if (given.len && reply->status == 401) {
        session->forced = true;
        return true;
    }
    yyjson_val *body = json_parse(scope->arena, reply->body, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    if (reply->status < 200 || reply->status > 299)
        return auth_login_refused(scope, reply, body, err);
    if (given.len)
        return auth_session_set(session, given, INT64_MAX, err);
    if (!text_str(&p->token_key, scope, &key, err))
        return false;
    struct str token = json_str(json_get(body, key));
    if (!token.len)
        return err_set(err, E_BAD_PAGE, "The vendor's answer to the login holds no %.*s", STR_ARG(str_slice(key, 0, 60)));
    return auth_session_set(session, token, INT64_MAX, err);
}

static bool
legacy_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str token, struct err *err)
{
    const struct legacy_plan *p = auth->plan;
    struct str header;
    return text_str(&p->header, scope, &header, err) && draft_put(d, INJECT_HEADER, header, value_str(token), err);
}

/* A login can be repeated. */
static bool
legacy_single_use(const struct auth *auth)
{
    (void)auth;
    return false;
}

const struct auth_kind auth_session_legacy = {.type = "LegacySessionTokenAuthenticator",
                                              .compile = legacy_compile,
                                              .apply = legacy_apply,
                                              .identity = legacy_identity,
                                              .need = legacy_need,
                                              .login = legacy_login,
                                              .answer = legacy_answer,
                                              .single_use = legacy_single_use};
