/*
 * Authenticators: the registry, and the kinds that need no request of their own.
 */
#include "template/plan_priv.h"

#include "base/alloc.h"
#include "base/encode.h"

struct auth_plan {
    struct text token, user, password;
    struct request_option *option;
};

static const struct auth_kind *const auth_kinds[] = {&auth_none, &auth_api_key, &auth_bearer, &auth_basic, &auth_oauth,
                                                     &auth_selective, &auth_session_token, &auth_session_legacy, &auth_jwt};

bool
auth_compile(struct compiler *c, const struct node *n, struct auth *auth_out)
{
    *auth_out = (struct auth){.kind = &auth_none};
    if (!n || n->type == NODE_NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(auth_kinds); i++)
        if (node_type_is(n, auth_kinds[i]->type)) {
            auth_out->kind = auth_kinds[i];
            return !auth_kinds[i]->compile || auth_kinds[i]->compile(c, n, auth_out);
        }
    return refuse_component(c, n);
}

void
auth_session_release(struct auth_session *session)
{
    if (session->owned)
        explicit_bzero(session->owned, session->token.len);
    free(session->owned);
    *session = (struct auth_session){0};
}

bool
auth_session_set(struct auth_session *session, struct str token, int64_t expires_us, struct err *err)
{
    if (token.len > AUTH_TOKEN_BYTES_MAX)
        return err_set(err, E_VENDOR_REFUSED, "The vendor's token is longer than %d bytes", AUTH_TOKEN_BYTES_MAX);
    char *copy = alloc_bytes(token.len + 1);
    if (!copy)
        return err_no_memory(err);
    memcpy(copy, token.ptr ? token.ptr : "", token.len);
    auth_session_release(session);
    *session = (struct auth_session){.token = {copy, token.len}, .expires_us = expires_us, .owned = copy};
    return true;
}

static bool
none_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str token, struct err *err)
{
    (void)auth, (void)d, (void)scope, (void)token, (void)err;
    return true;
}

static struct auth_plan *
plan_new(struct compiler *c, struct auth *auth)
{
    struct auth_plan *plan = ARENA_NEW(c->arena, struct auth_plan);
    auth->plan = plan;
    if (!plan)
        compile_full(c);
    return plan;
}

static bool
bearer_compile(struct compiler *c, const struct node *n, struct auth *auth)
{
    struct auth_plan *plan = plan_new(c, auth);
    return plan && text_field(c, n, "api_token", &plan->token);
}

static bool
put_header(struct draft *d, const char *name, const char *scheme, struct str token, struct err *err)
{
    struct str value = str_join2(d->arena, str_from_c(scheme), token);
    return (value.ptr || err_no_memory(err)) && draft_put(d, INJECT_HEADER, str_from_c(name), value_str(value), err);
}

static bool
bearer_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str session, struct err *err)
{
    const struct auth_plan *plan = auth->plan;
    struct str token;
    (void)session;
    return text_str(&plan->token, scope, &token, err) && put_header(d, "Authorization", "Bearer ", token, err);
}

static bool
api_key_compile(struct compiler *c, const struct node *n, struct auth *auth)
{
    struct auth_plan *plan = plan_new(c, auth);
    const struct node *option = node_get_c(n, "inject_into"), *header = node_get_c(n, "header");
    if (!plan || !text_field(c, n, "api_token", &plan->token))
        return false;
    if (node_is_true(option))
        return request_option_compile(c, option, &plan->option);
    if (!node_is_true(header))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: ApiKeyAuthenticator needs inject_into", n->line);
    plan->option = ARENA_NEW(c->arena, struct request_option);
    if (!plan->option)
        return compile_full(c);
    plan->option->into = INJECT_HEADER;
    return text_field(c, n, "header", &plan->option->name);
}

static bool
api_key_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str session, struct err *err)
{
    const struct auth_plan *plan = auth->plan;
    struct str token;
    (void)session;
    return text_str(&plan->token, scope, &token, err) && draft_option(d, plan->option, scope, value_str(token), err);
}

static bool
basic_compile(struct compiler *c, const struct node *n, struct auth *auth)
{
    struct auth_plan *plan = plan_new(c, auth);
    return plan && text_field(c, n, "username", &plan->user) && text_field(c, n, "password", &plan->password);
}

static bool
basic_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str session, struct err *err)
{
    const struct auth_plan *plan = auth->plan;
    struct str user, password;
    (void)session;
    if (!text_str(&plan->user, scope, &user, err) || !text_str(&plan->password, scope, &password, err))
        return false;
    struct str pair = str_format(scope->arena, "%.*s:%.*s", STR_ARG(user), STR_ARG(password));
    struct buf b;
    buf_init(&b, AUTH_TOKEN_BYTES_MAX);
    base64_encode(&b, pair, BASE64_STANDARD);
    struct str encoded = str_copy(scope->arena, buf_str(&b));
    bool ok = pair.ptr && buf_ok(&b) && encoded.ptr;
    buf_release(&b);
    return ok ? put_header(d, "Authorization", "Basic ", encoded, err) : err_no_memory(err);
}

const struct auth_kind auth_none = {.type = "NoAuth", .apply = none_apply};
const struct auth_kind auth_api_key = {.type = "ApiKeyAuthenticator", .compile = api_key_compile, .apply = api_key_apply};
const struct auth_kind auth_bearer = {.type = "BearerAuthenticator", .compile = bearer_compile, .apply = bearer_apply};
const struct auth_kind auth_basic = {.type = "BasicHttpAuthenticator", .compile = basic_compile, .apply = basic_apply};
