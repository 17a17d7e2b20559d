/*
 * Login with Amazon: the page where a seller consents, and the exchange of tokens.
 *
 * The seller always says yes. A code works once. Any refresh token works but `invalid`; with `expired` the access
 * token dies during a run and no new one follows. Source: the vendor's pages on the authorization code grant.
 */
#include "base/encode.h"
#include "base/limits.h"
#include "sandbox/amazon_priv.h"

#define CODE_BYTES 20
#define TOKEN_LIFE_S 3600

static void
login_error(struct sandbox_reply *reply, int status, const char *error, const char *words)
{
    struct json_writer w;
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "error", error);
    json_add_c(&w, "error_description", words);
    json_end_object(&w);
}

struct str
amazon_token_shown(const struct sandbox_request *r)
{
    struct str refresh = request_form_value(r, "refresh_token");
    return refresh.len ? refresh : STR("code");
}

void
amazon_token_refuse(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    login_error(reply, 400, "invalid_grant",
                "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission.");
}

/* ---- codes ---- */

static struct str
code_text(struct world *world, uint32_t index)
{
    const struct object *code = world_object(amazon_of(world).codes, index);
    return (struct str){code->written, code->written_bytes};
}

static uint32_t
find_code(struct world *world, struct str code)
{
    struct collection *codes = amazon_of(world).codes;
    for (uint32_t i = 0; i < codes->count; i++)
        if (!world_object(codes, i)->deleted && str_eq(code_text(world, i), code))
            return i;
    return OBJECT_NONE;
}

static void
add_encoded(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_addf(b, "%%%02X", (unsigned char)text.ptr[i]);
}

void
amazon_consent(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct buf to;
    struct str back = request_param(r, "redirect_uri"), state = request_param(r, "state");
    if (request_param(r, "application_id").len == 0 || back.len == 0 || state.len == 0) {
        reply_text(reply, 400, "text/html; charset=utf-8", STR("<p>MD1000: application_id, state and redirect_uri are needed.</p>"));
        return;
    }
    struct str code = str_format(r->arena, "RH%016llx", (unsigned long long)rng_next(&r->world->rng));
    if (world_add_written(r->world, amazon_of(r->world).codes, clock_wall_us(r->world->clock), OBJECT_NONE, code) == OBJECT_NONE) {
        reply_text(reply, 500, "text/plain", STR("Out of memory"));
        return;
    }
    buf_init(&to, LIMIT_HEADER_BYTES);
    buf_addf(&to, "%.*s%sspapi_oauth_code=%.*s&selling_partner_id=%s&state=", STR_ARG(back), str_contains(back, STR("?")) ? "&" : "?",
             STR_ARG(code), AMAZON_SELLER);
    add_encoded(&to, state);
    reply_text(reply, 302, "text/html; charset=utf-8", STR(""));
    reply_header(reply, "Location", str_copy(r->arena, buf_str(&to)));
    buf_release(&to);
}

/* ---- tokens ---- */

static void
write_tokens(struct sandbox_request *r, struct sandbox_reply *reply, struct str refresh)
{
    struct json_writer w;
    bool expired = str_eq_c(refresh, "expired");
    struct str access = expired ? refresh : str_format(r->arena, "Atza|%016llx", (unsigned long long)rng_next(&r->world->rng));
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "access_token", access);
    json_add_c(&w, "token_type", "bearer");
    json_add_i64(&w, "expires_in", TOKEN_LIFE_S);
    json_add_str(&w, "refresh_token", refresh);
    json_end_object(&w);
}

static void
exchange_code(struct sandbox_request *r, struct sandbox_reply *reply)
{
    uint32_t code = find_code(r->world, request_form_value(r, "code"));
    if (code == OBJECT_NONE) {
        login_error(reply, 400, "invalid_grant", "The request has an invalid grant parameter : code");
        return;
    }
    world_remove(r->world, amazon_of(r->world).codes, code);
    write_tokens(r, reply, str_format(r->arena, "Atzr|%016llx", (unsigned long long)rng_next(&r->world->rng)));
}

void
amazon_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str client = request_form_value(r, "client_id"), secret = request_form_value(r, "client_secret");
    struct str grant = request_form_value(r, "grant_type");
    if (client.len == 0 || secret.len == 0 || str_eq_c(client, "invalid") || str_eq_c(secret, "invalid"))
        login_error(reply, 401, "invalid_client", "Client authentication failed");
    else if (str_eq_c(grant, "authorization_code"))
        exchange_code(r, reply);
    else if (str_eq_c(grant, "refresh_token") && request_form_value(r, "refresh_token").len)
        write_tokens(r, reply, request_form_value(r, "refresh_token"));
    else
        login_error(reply, 400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server");
}
