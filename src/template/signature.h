/*
 * Webhook signatures: did the vendor send this?
 *
 * How a vendor signs is data: its template lists one or more schemes under metadata.tidemark.webhooks.verify, and the
 * first whose header the request carries decides. A scheme is an object:
 *
 *   kind        hmac_sha256, sha256 (secret in front of the signed text), ed25519, rsa_sha256, standard_webhooks
 *   header      the one with the signature; an empty one is a wrong signature
 *   prefix      text before the signature in the header ("sha256="), or nothing
 *   encoding    hex (default) or base64
 *   signed      what is signed, with {body} {timestamp} {method} {url}; default "{body}". A request that lacks one of
 *               them is wrongly signed; a pattern without {body}, or with another name, is refused when it is loaded
 *   timestamp   {header, unit: s | ms | rfc3339}; when given the header must be there
 *   tolerance_s how far it may be off; default 300 when there is a timestamp (I-21)
 *   public_key  PEM, for ed25519 and rsa_sha256; or public_key_field: the member of the configuration that holds it
 *
 * Several secrets may be right at once, while one is being replaced. Comparison takes the same time wherever the bytes
 * differ. The body is the raw one, never parsed and written again. Pure: no I/O, any thread.
 */
#ifndef TIDEMARK_TEMPLATE_SIGNATURE_H
#define TIDEMARK_TEMPLATE_SIGNATURE_H

#include "json/json.h"
#include "net/http.h"

enum signature_verdict {
    SIGNATURE_VALID,
    SIGNATURE_ABSENT,  /* no scheme's header is there: a hint, unless the address token proves the sender */
    SIGNATURE_WRONG,   /* 401 */
};

struct signature_request {
    struct str method, url;            /* url: the public one that the vendor called */
    struct str body;                   /* raw */
    const struct http_headers *headers;
    int64_t now_us;                    /* wall clock */
};

/* Checks a list of schemes when a template is loaded. E_TEMPLATE_INVALID names the member. */
MUST_USE bool signature_schemes_check(yyjson_val *schemes, struct err *err);

/*
 * The first header of a scheme that is there decides; several schemes may share it, and one right one is enough.
 * schemes: an array that signature_schemes_check accepted; NULL or empty: nothing can be verified (ABSENT).
 * secrets: text; empty ones are passed over. Without any secret a keyed scheme is WRONG, never VALID.
 * scratch: for work; fails closed (WRONG) when it is full.
 */
enum signature_verdict signature_verify(yyjson_val *schemes, const struct signature_request *request,
                                        const struct str *secrets, size_t secret_count, struct arena *scratch);

#endif
