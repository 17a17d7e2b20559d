/*
 * Signing in at a vendor: a person is sent there, comes back with a code, and the code becomes a credential.
 *
 *     open --- the callback shows the state, once, in time ---> exchanging ---> done | failed
 *
 * The state is 256 bits that only the browser and the vendor see; its hash is stored, with who asked, for which connection
 * and until when. The credential is sealed into the connection's configuration before anything uses it (I-23); then it is
 * tested. A process that dies in between leaves `exchanging`: the code is spent, the connection stays as it was, and the
 * state answers that the sign-in was interrupted.
 */
#ifndef TIDEMARK_ENGINE_OAUTH_H
#define TIDEMARK_ENGINE_OAUTH_H

#include "engine/engine.h"

#define OAUTH_STATE_MS (15 * 60 * 1000) /* a person at the vendor's page has so long */
#define OAUTH_OPEN_MAX 100              /* sign-ins of one tenant that wait at the same time */

struct oauth_ask {
    int64_t tenant;
    struct str connection;          /* uuid or integer */
    struct str asked_by;            /* subject */
    bool by_session;                /* with a cookie: the callback must come with the same person's */
    struct str redirect_uri;
    struct str return_to;           /* where the browser goes afterwards, or STR_NONE; checked by the caller */
};
struct oauth_begun {
    struct str url;                 /* where to send the browser */
    struct str connection;          /* uuid */
    int64_t expires_us;
};
/*
 * E_CONNECTION_NOT_FOUND, E_TEMPLATE_REFUSED (this platform has no sign-in), E_VALIDATION_FAILED (something must be filled in
 * first), E_RATE_LIMITED. Calls no vendor.
 */
MUST_USE bool engine_oauth_begin(struct engine *e, struct arena *a, const struct oauth_ask *ask, struct oauth_begun *begun_out,
                                 struct err *err);

/*
 * Whether the connection waits for somebody to sign in: its platform has a sign-in, and nothing that one brings is there. Calls no
 * vendor. Those of account_open.
 */
MUST_USE bool engine_oauth_awaited(struct engine *e, struct arena *a, const struct connection *c, bool *awaited_out, struct err *err);

struct oauth_callback {
    yyjson_val *parameters;         /* of the query, an object of texts */
    struct str subject;             /* who shows it, or STR_NONE: nobody */
};
struct oauth_outcome {
    struct str return_to;           /* set as soon as the state is known, also when it fails; or STR_NONE */
    struct str platform;            /* display name */
    struct connection connection;   /* when it worked */
};
/*
 * Blocks on the vendor. E_SIGN_IN_REFUSED: an unknown, used, old or foreign state; a foreign one is not used up.
 * E_VENDOR_REFUSED with the vendor's words, E_VENDOR_UNAVAILABLE, E_BAD_PAGE.
 */
MUST_USE bool engine_oauth_finish(struct engine *e, struct arena *a, const struct oauth_callback *callback,
                                  struct oauth_outcome *outcome_out, struct err *err);

#endif
