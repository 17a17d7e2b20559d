/*
 * JwtAuthenticator: a token that we sign ourselves with a key from the configuration.
 *
 * It goes into a header as it is, or to a vendor's login as the assertion of an OAuthAuthenticator
 * (use_profile_assertion). The header of the token is written with sorted members, the claims in the order in which
 * they are declared, because the field's readers do so and signatures are compared.
 */
#include "template/plan_priv.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypt/jwt_make.h"
#include "json/writer.h"

#define TOKEN_LIFE_DEFAULT_S 1200
#define TOKEN_LIFE_S_MAX (366 * 86400)

struct jwt_plan {
    struct text key, passphrase, prefix, kid, typ, cty, iss, sub, aud;
    struct input more_headers, more_claims;
    struct str algorithm;
    int64_t life_s;
    bool encode_key;
    struct request_option *option;
};

static bool
compile_life(struct compiler *c, const struct node *n, struct jwt_plan *p)
{
    const struct node *life = node_get_c(n, "token_duration");
    p->life_s = TOKEN_LIFE_DEFAULT_S;
    if (!life || life->type == NODE_NULL)
        return true;
    return (life->type == NODE_INT && str_to_i64(life->text, 0, TOKEN_LIFE_S_MAX, &p->life_s)) ||
           err_set(c->err, E_TEMPLATE_INVALID, "line %u: token_duration must be a number of seconds", life->line);
}

bool
jwt_compile(struct compiler *c, const struct node *n, struct auth *auth)
{
    struct jwt_plan *p = ARENA_NEW(c->arena, struct jwt_plan);
    const struct node *headers = node_get_c(n, "jwt_headers"), *claims = node_get_c(n, "jwt_payload");
    const struct node *option = node_get_c(n, "request_option");
    if (!p)
        return compile_full(c);
    auth->plan = p;
    p->algorithm = node_text_at(n, "algorithm");
    if (!jwt_can_make(p->algorithm))
        return refuse(c, "needs tokens signed with %.*s, which is not supported", STR_ARG(str_slice(p->algorithm, 0, 20)));
    p->encode_key = node_is_true_at(n, "base64_encode_secret_key");
    return text_field(c, n, "secret_key", &p->key) && text_field(c, n, "passphrase", &p->passphrase) &&
           text_field(c, n, "header_prefix", &p->prefix) && compile_life(c, n, p) &&
           text_field(c, headers, "kid", &p->kid) && text_field(c, headers, "typ", &p->typ) && text_field(c, headers, "cty", &p->cty) &&
           text_field(c, claims, "iss", &p->iss) && text_field(c, claims, "sub", &p->sub) && text_field(c, claims, "aud", &p->aud) &&
           input_compile(c, n, node_get_c(n, "additional_jwt_headers"), &p->more_headers) &&
           input_compile(c, n, node_get_c(n, "additional_jwt_payload"), &p->more_claims) &&
           (!node_is_true(option) || request_option_compile(c, option, &p->option));
}

/* A dict that starts with the template's own members. */
static bool
begin_dict(const struct input *more, struct expr_scope *scope, struct value *dict_out, struct err *err)
{
    *dict_out = value_dict_new(scope->arena);
    if (more->kind == INPUT_MAP && !input_value(more, scope, false, dict_out, err))
        return false;
    return dict_out->type == VALUE_DICT || err_no_memory(err);
}

static bool
put_text(struct value dict, const char *name, const struct text *text, struct expr_scope *scope, struct err *err)
{
    struct str value;
    if (!text_given(text))
        return true;
    return text_str(text, scope, &value, err) &&
           (value_dict_put(scope->arena, dict, str_from_c(name), value_str(value)) || err_no_memory(err));
}

static bool
dict_text(struct value dict, bool sorted, struct arena *a, struct str *text_out, struct err *err)
{
    struct buf b;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *made = doc ? value_to_json(doc, dict) : NULL;
    yyjson_val *json = made ? json_freeze(a, made) : NULL;
    buf_init(&b, LIMIT_RECORD_BYTES);
    bool ok = json && (sorted ? json_write_canonical(&b, json) : json_write(&b, json));
    *text_out = ok ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text_out->ptr || err_no_memory(err);
}

static bool
make_header(const struct jwt_plan *p, struct expr_scope *scope, struct str *text_out, struct err *err)
{
    struct value header;
    if (!begin_dict(&p->more_headers, scope, &header, err) || !put_text(header, "kid", &p->kid, scope, err) ||
        !put_text(header, "cty", &p->cty, scope, err))
        return false;
    if (!value_dict_put(scope->arena, header, STR("typ"), value_str(STR("JWT"))) ||
        !value_dict_put(scope->arena, header, STR("alg"), value_str(p->algorithm)))
        return err_no_memory(err);
    return put_text(header, "typ", &p->typ, scope, err) && dict_text(header, true, scope->arena, text_out, err);
}

static bool
make_claims(const struct jwt_plan *p, struct expr_scope *scope, struct str *text_out, struct err *err)
{
    struct value claims;
    int64_t now_s = scope->now_us / US_PER_S;
    if (!begin_dict(&p->more_claims, scope, &claims, err) || !put_text(claims, "iss", &p->iss, scope, err) ||
        !put_text(claims, "sub", &p->sub, scope, err) || !put_text(claims, "aud", &p->aud, scope, err))
        return false;
    if (!value_dict_put(scope->arena, claims, STR("iat"), value_int(now_s)) ||
        !value_dict_put(scope->arena, claims, STR("exp"), value_int(now_s + p->life_s)) ||
        !value_dict_put(scope->arena, claims, STR("nbf"), value_int(now_s)))
        return err_no_memory(err);
    return dict_text(claims, false, scope->arena, text_out, err);
}

static bool
signing_key(const struct jwt_plan *p, struct expr_scope *scope, struct str *key_out, struct err *err)
{
    struct buf b;
    if (!text_str(&p->key, scope, key_out, err) || !p->encode_key)
        return key_out->ptr || err_set(err, E_VALIDATION_FAILED, "The key that signs tokens is missing");
    buf_init(&b, LIMIT_RECORD_BYTES);
    bool ok = base64_encode(&b, *key_out, BASE64_STANDARD);
    *key_out = ok ? str_copy(scope->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return key_out->ptr || err_no_memory(err);
}

bool
jwt_token(const struct auth *auth, struct expr_scope *scope, struct str *token_out, struct err *err)
{
    const struct jwt_plan *p = auth->plan;
    struct str key = STR_NONE, passphrase, header, claims;
    return signing_key(p, scope, &key, err) && text_str(&p->passphrase, scope, &passphrase, err) &&
           make_header(p, scope, &header, err) && make_claims(p, scope, &claims, err) &&
           jwt_make(p->algorithm, key, passphrase, header, claims, scope->arena, token_out, err);
}

static bool
jwt_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str session, struct err *err)
{
    const struct jwt_plan *p = auth->plan;
    struct str token, prefix;
    (void)session;
    if (!jwt_token(auth, scope, &token, err) || !text_str(&p->prefix, scope, &prefix, err))
        return false;
    if (prefix.len)
        token = str_format(d->arena, "%.*s %.*s", STR_ARG(prefix), STR_ARG(token));
    if (!token.ptr)
        return err_no_memory(err);
    if (p->option)
        return draft_option(d, p->option, scope, value_str(token), err);
    return draft_put(d, INJECT_HEADER, STR("Authorization"), value_str(token), err);
}

const struct auth_kind auth_jwt = {.type = "JwtAuthenticator", .compile = jwt_compile, .apply = jwt_apply};
