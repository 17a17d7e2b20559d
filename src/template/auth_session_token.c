/*
 * Session tokens: a request of the template's own logs in, its answer holds the token.
 *
 * SessionTokenAuthenticator names a whole requester for the login and says how the token is put into requests.
 * The token lives as long as the reader, or for expiration_duration; nothing of it is stored.
 */
#include "template/plan_priv.h"

#include "base/limits.h"

struct session_plan {
    struct requester login;
    struct decoder decoder;
    struct text *path;             /* to the token in the answer */
    size_t path_count;
    struct text duration;          /* ISO 8601, or absent */
    struct request_option *option; /* NULL: as a bearer token */
    struct text token_template;    /* "Token {{ session_token }}", or absent */
};

static bool
compile_request_auth(struct compiler *c, const struct node *n, struct session_plan *p)
{
    const struct node *how = node_get_c(n, "request_authentication");
    if (node_type_is(how, "Bearer"))
        return true;
    if (!node_type_is(how, "ApiKey"))
        return refuse_component(c, how);
    return request_option_compile(c, node_get_c(how, "inject_into"), &p->option) && text_field(c, how, "api_token", &p->token_template);
}

static bool
session_compile(struct compiler *c, const struct node *n, struct auth *auth)
{
    struct session_plan *p = ARENA_NEW(c->arena, struct session_plan);
    if (!p)
        return compile_full(c);
    auth->plan = p;
    if (!requester_compile(c, node_get_c(n, "login_requester"), &p->login))
        return false;
    if (p->login.auth.kind->need)
        return refuse(c, "needs a login (%s) before the login of its SessionTokenAuthenticator, which is not supported",
                      p->login.auth.kind->type);
    return decoder_compile(c, node_get_c(n, "decoder"), &p->decoder) &&
           text_list_field(c, n, "session_token_path", &p->path, &p->path_count) &&
           text_field(c, n, "expiration_duration", &p->duration) && compile_request_auth(c, n, p);
}

static bool
session_login(const struct auth *auth, struct expr_scope *scope, const struct auth_session *session,
              struct http_request *request_out, struct err *err)
{
    const struct session_plan *p = auth->plan;
    (void)session;
    struct draft d = {.arena = scope->arena, .text = STR_NONE};
    return requester_build(&p->login, &d, scope, STR_NONE, STR_NONE, request_out, err);
}

/* Two authenticators that send the same login are one session. */
static bool
session_identity(const struct auth *auth, struct expr_scope *scope, struct str *identity_out, struct err *err)
{
    struct http_request request;
    if (!session_login(auth, scope, NULL, &request, err))
        return false;
    struct buf b;
    buf_init(&b, LIMIT_RECORD_BYTES);
    buf_addf(&b, "%s\n%.*s\n", auth->kind->type, STR_ARG(request.url));
    for (size_t i = 0; i < request.headers.count; i++)
        buf_add(&b, request.headers.items[i].value), buf_add_char(&b, '\n');
    buf_add(&b, request.body.ptr ? request.body : STR(""));
    *identity_out = buf_ok(&b) ? str_copy(scope->arena, buf_str(&b)) : STR_NONE;
    explicit_bzero(b.ptr, b.ptr ? b.len : 0);
    buf_release(&b);
    return identity_out->ptr || err_no_memory(err);
}

static enum auth_need
session_need(const struct auth *auth, struct expr_scope *scope, struct auth_session *session, struct err *err)
{
    (void)auth, (void)scope, (void)err;
    return session->token.len && !session->forced ? AUTH_READY : AUTH_LOGIN;
}

bool
auth_login_refused(struct expr_scope *scope, const struct http_reply *reply, yyjson_val *body, struct err *err)
{
    struct str words = vendor_message(scope->arena, body);
    return err_set(err, E_AUTH_EXPIRED, "The vendor refused the login (status %d)%s%.*s", reply->status, words.len ? ": " : "",
                   (int)(words.len > 200 ? 200 : words.len), words.ptr ? words.ptr : "");
}

static bool
session_expiry(const struct session_plan *p, struct expr_scope *scope, int64_t *expires_us_out, struct err *err)
{
    struct str text;
    struct duration life;
    *expires_us_out = INT64_MAX;
    if (!text_str(&p->duration, scope, &text, err))
        return false;
    if (!text.len)
        return true;
    if (!iso_duration_parse(text, &life))
        return err_set(err, E_TEMPLATE_INVALID, "expiration_duration must be an ISO 8601 duration such as PT1H");
    *expires_us_out = datetime_add(scope->now_us, life, 1);
    return true;
}

static bool
session_answer(const struct auth *auth, struct expr_scope *scope, const struct http_reply *reply, struct auth_session *session,
               yyjson_val **patch_out, struct err *err)
{
    const struct session_plan *p = auth->plan;
    struct str path[LIMIT_TEMPLATE_DEPTH];
    const char *fault = NULL;
    int64_t expires_us;
    *patch_out = NULL;
    yyjson_val *body = decoder_read(&p->decoder, scope->arena, reply->body, &fault);
    if (reply->status < 200 || reply->status > 299)
        return auth_login_refused(scope, reply, body, err);
    if (p->path_count > LIMIT_TEMPLATE_DEPTH)
        return err_set(err, E_LIMIT, "session_token_path is too long");
    for (size_t i = 0; i < p->path_count; i++)
        if (!text_str(&p->path[i], scope, &path[i], err))
            return false;
    yyjson_val *found = path_find(yyjson_is_arr(body) ? yyjson_arr_get_first(body) : body, path, p->path_count);
    struct str token = yyjson_is_str(found) ? json_str(found) : json_number_text(scope->arena, found);
    if (!token.len)
        return err_set(err, E_BAD_PAGE, "The vendor's answer to the login holds no session token");
    return session_expiry(p, scope, &expires_us, err) && auth_session_set(session, token, expires_us, err);
}

static bool
session_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str token, struct err *err)
{
    const struct session_plan *p = auth->plan;
    struct value value = value_str(token);
    if (!p->option) {
        struct str bearer = str_join2(d->arena, STR("Bearer "), token);
        return (bearer.ptr || err_no_memory(err)) && draft_put(d, INJECT_HEADER, STR("Authorization"), value_str(bearer), err);
    }
    if (text_given(&p->token_template)) {
        struct str made;
        expr_scope_set(scope, STR("session_token"), value);
        if (!text_str(&p->token_template, scope, &made, err))
            return false;
        value = value_str(made);
    }
    return draft_option(d, p->option, scope, value, err);
}

/* A login can be repeated. */
static bool
session_single_use(const struct auth *auth)
{
    (void)auth;
    return false;
}

const struct auth_kind auth_session_token = {.type = "SessionTokenAuthenticator",
                                             .compile = session_compile,
                                             .apply = session_apply,
                                             .identity = session_identity,
                                             .need = session_need,
                                             .login = session_login,
                                             .answer = session_answer,
                                             .single_use = session_single_use};
