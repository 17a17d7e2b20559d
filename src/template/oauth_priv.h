/* Signing in: what oauth.c (metadata.tidemark.oauth) and oauth_declared.c (spec.advanced_auth) share. */
#ifndef TIDEMARK_TEMPLATE_OAUTH_PRIV_H
#define TIDEMARK_TEMPLATE_OAUTH_PRIV_H

#include "template/oauth.h"
#include "template/plan_priv.h"

bool oauth_is_declared(const struct template *t);
MUST_USE bool oauth_declared(const struct template *t, struct arena *a, yyjson_val *config, struct oauth_spec *spec_out, struct err *err);
MUST_USE bool oauth_declared_authorize_url(const struct oauth_spec *spec, struct arena *a, struct str redirect_uri, struct str state,
                                           struct str *url_out, struct err *err);
MUST_USE bool oauth_declared_token_request(const struct oauth_spec *spec, struct arena *a, struct str redirect_uri, struct str code,
                                           struct str state, struct http_request *request_out, struct err *err);

#endif
