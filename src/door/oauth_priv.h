/* Signing in at vendors: what door 004's own addresses share with those for any template. */
#ifndef TIDEMARK_DOOR_OAUTH_PRIV_H
#define TIDEMARK_DOOR_OAUTH_PRIV_H

#include "door/request_priv.h"
#include "engine/oauth.h"

/*
 * Begins a sign-in that comes back to `path` here. E_VALIDATION_FAILED when nobody knows the address that the vendor shall
 * send the browser back to (public_url), or returnTo is no path of this server.
 */
MUST_USE bool oauth_begin(struct request *r, struct str connection, const char *path, struct oauth_begun *begun_out, struct err *err);
/* Does the caller want to be sent there (a browser) rather than be told where? */
bool oauth_wants_redirect(const struct request *r);
/* Sends the browser on. */
bool oauth_redirect(struct request *r, struct str url, struct err *err);
/* What was begun, for who wants to be told. */
void oauth_write_begun(struct json_writer *w, const struct oauth_begun *begun);
/*
 * Ends one. *answered_out: a browser has its answer, of success or failure: sent back to return_to, or a page with words. Else the
 * caller answers.
 */
MUST_USE bool oauth_finish(struct request *r, bool *answered_out, struct oauth_outcome *outcome_out, struct err *err);

#endif
