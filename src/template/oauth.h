/*
 * Signing in at a vendor (OAuth 2.0, authorization code): what a template declares under metadata.tidemark.oauth, else what
 * spec.advanced_auth of its manifest declares.
 *
 * docs/templates.md, section "Signing in", explains each member. Texts are expressions over `config`.
 */
#ifndef TIDEMARK_TEMPLATE_OAUTH_H
#define TIDEMARK_TEMPLATE_OAUTH_H

#include "net/http_client.h"
#include "template/template.h"

bool template_has_oauth(const struct template *t);

/* One sign-in with one configuration. Texts live in the arena they were asked for in. */
struct oauth_spec {
    struct str authorize_url, token_url, client_id, client_secret, scope;
    struct str redirect_parameter;  /* what the authorize address calls where to come back to */
    struct str code_parameter, state_parameter, error_parameter; /* of the callback */
    yyjson_val *authorize_parameters, *token_parameters;         /* objects of texts, evaluated; or NULL */
    yyjson_val *store;              /* member of the configuration -> path in the token's answer */
    yyjson_val *store_parameters;   /* member of the configuration -> parameter of the callback; or NULL */
    struct str exchange;            /* a grant that changes the token that came for one that lives longer; or STR_NONE */
    bool standard_parameters;       /* response_type, client_id, scope are sent to the authorize address */
    bool pkce, basic;               /* S256; the client's credential stands in Authorization */
    yyjson_val *declared, *variables; /* of spec.advanced_auth (oauth_declared.c); NULL: metadata.tidemark.oauth says it all */
    bool nested;                    /* members of `store` are paths: "credentials.refresh_token" */
    struct str missing;             /* a member of the configuration that must be filled first, or STR_NONE */
};

/* config: effective. E_TEMPLATE_REFUSED when the template has no sign-in, E_EXPRESSION, E_TEMPLATE_INVALID. */
MUST_USE bool template_oauth(const struct template *t, struct arena *a, yyjson_val *config, int64_t now_us,
                             struct oauth_spec *spec_out, struct err *err);
/* The address the browser is sent to. challenge STR_NONE without PKCE. */
MUST_USE bool oauth_authorize_url(const struct oauth_spec *spec, struct arena *a, struct str redirect_uri, struct str state,
                                  struct str challenge, struct str *url_out, struct err *err);
/* The request that changes a code for tokens. verifier STR_NONE without PKCE; the state
 * where `declared` is set, which may make its challenge of it. */
MUST_USE bool oauth_token_request(const struct oauth_spec *spec, struct arena *a, struct str redirect_uri, struct str code,
                                  struct str verifier, struct http_request *request_out, struct err *err);
/* The same for `exchange`: the grant's name is also the parameter's in which the token of the first answer stands. */
MUST_USE bool oauth_exchange_request(const struct oauth_spec *spec, struct arena *a, yyjson_val *patch, struct http_request *request_out,
                                     struct err *err);
/*
 * What the answer brings for the configuration, as a merge patch. parameters: those of the callback, an object.
 * E_VENDOR_REFUSED with the vendor's words, E_BAD_PAGE when a token is missing.
 */
MUST_USE bool oauth_token_answer(const struct oauth_spec *spec, struct arena *a, const struct http_reply *reply, int64_t now_us,
                                 yyjson_val *parameters, yyjson_val **patch_out, struct err *err);

#endif
