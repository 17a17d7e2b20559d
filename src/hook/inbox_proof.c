/*
 * Is it true? What proves that an event is the vendor's, and that it is this connection's.
 *
 * A connection's own secret or address proves which connection is meant. A key that the vendor uses for everybody does not:
 * then the account in the event must be the connection's.
 */
#include "crypt/secret.h"
#include "hook/inbox_priv.h"
#include "template/signature.h"

#define SECRETS_MAX 2

static bool
has_header(const struct claim *c, yyjson_val *scheme)
{
    char *name = str_cstr(c->r->arena, json_str(json_get_c(scheme, "header")));
    return name != NULL && !str_is_none(http_header_get(c->r->headers, name));
}

/* The schemes that count: the vendor's when any of its headers came, else our own. NULL: unsigned. */
static yyjson_val *
schemes_of(const struct claim *c, const struct target *t, bool *public_out)
{
    yyjson_val *lists[] = {t->schemes, c->in->own_schemes}, *scheme;
    size_t index, max;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (lists[i] == NULL)
            continue;
        yyjson_arr_foreach(lists[i], index, max, scheme) {
            if (!has_header(c, scheme))
                continue;
            *public_out = json_get_c(scheme, "public_key") != NULL;
            return lists[i];
        }
    }
    return NULL;
}

static bool
header_is_empty(const struct claim *c, yyjson_val *schemes)
{
    size_t index, max;
    yyjson_val *scheme;
    yyjson_arr_foreach(schemes, index, max, scheme) {
        char *name = str_cstr(c->r->arena, json_str(json_get_c(scheme, "header")));
        struct str value = name == NULL ? STR_NONE : http_header_get(c->r->headers, name);
        if (!str_is_none(value) && str_trim(value).len == 0)
            return true;
    }
    return false;
}

static enum signature_verdict
verify(const struct claim *c, yyjson_val *schemes, const struct str *secrets, size_t count)
{
    struct signature_request request = {.method = c->r->method, .body = c->r->body, .headers = c->r->headers,
                                        .now_us = clock_wall_us(c->in->options.clock)};
    request.url = str_join2(c->r->arena, c->in->url, c->r->path);
    return signature_verify(schemes, &request, secrets, count, c->r->arena);
}

/* The address that was given before a rotation. */
static bool
is_previous_token(const struct claim *c, const struct target *t)
{
    return t->keys.previous_token.len > 0 && c->received_us < t->keys.previous_token_until_us &&
           secret_equal(c->r->token, t->keys.previous_token);
}

/* Signed with what only this connection has, or with what the vendor has for all of an app (*shared_out)? */
static enum proof
signature_proof(const struct claim *c, const struct target *t, bool *shared_out)
{
    bool public_key = false;
    yyjson_val *schemes = schemes_of(c, t, &public_key);
    struct str own[SECRETS_MAX];
    size_t count = 0;
    *shared_out = false;
    if (schemes == NULL)
        return PROOF_NONE;
    if (t->keys.secret.len > 0)
        own[count++] = t->keys.secret;
    if (t->keys.previous.len > 0 && c->received_us < t->keys.previous_until_us)
        own[count++] = t->keys.previous;
    if (!public_key && (count > 0 || header_is_empty(c, schemes)) && verify(c, schemes, own, count) == SIGNATURE_VALID)
        return PROOF_SIGNED;
    *shared_out = true;
    if ((public_key || t->vendor_secret_count > 0) &&
        verify(c, schemes, t->vendor_secrets, t->vendor_secret_count) == SIGNATURE_VALID)
        return PROOF_SIGNED;
    /* Nobody told us what it is signed with: it proves nothing, and nothing is wrong with it. */
    bool checkable = public_key || count + t->vendor_secret_count > 0 || header_is_empty(c, schemes);
    return checkable ? PROOF_WRONG : PROOF_NONE;
}

static enum proof
proof_of(const struct claim *c, const struct target *t)
{
    bool shared, addressed = c->r->address == INBOX_CONNECTION;
    struct str account = t->row.account;
    if (!t->row.enabled || (c->account.len > 0 && account.len > 0 && !webhook_account_is_among(c->account, account)))
        return PROOF_ELSEWHERE;
    bool token = addressed && c->r->token.len > 0;
    bool token_right = token && t->keys.token.len > 0 && (secret_equal(c->r->token, t->keys.token) || is_previous_token(c, t));
    enum proof proof = signature_proof(c, t, &shared);
    if (proof == PROOF_WRONG || (addressed && !str_is_none(c->r->token) && !token_right))
        return PROOF_WRONG;
    if (proof == PROOF_SIGNED && (!shared || (c->account.len > 0 && account.len > 0)))
        return PROOF_SIGNED;
    return token_right ? PROOF_TOKEN : PROOF_NONE;
}

void
claim_judge(const struct claim *c, const struct targets *targets, struct judgement *j)
{
    j->taken = j->proven = j->wrong = 0;
    for (size_t i = 0; i < targets->count; i++) {
        enum proof proof = j->proofs[i] = proof_of(c, &targets->rows[i]);
        j->proven += proof == PROOF_SIGNED || proof == PROOF_TOKEN;
        j->wrong += proof == PROOF_WRONG;
        j->taken += proof != PROOF_WRONG && proof != PROOF_ELSEWHERE;
    }
}

const char *
trust_of(const struct target *t, enum proof proof)
{
    if (proof == PROOF_SIGNED)
        return "signed";
    if (proof == PROOF_TOKEN)
        return "token";
    return str_eq(t->row.trust, STR("payload")) ? "payload" : "hint";
}
