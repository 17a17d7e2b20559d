/*
 * Requests to vendors as they may be shown: every secret masked (I-29).
 *
 * Three nets, one behind the other. A header or parameter whose name speaks of a credential has its whole value
 * masked, so that secrets nobody registered (a token just issued, a signature, a password inside base64) do not
 * show. What is left passes the redactor, which knows the stored credentials in all their spellings, under
 * whatever name a template sends them. Only then is it cut to size.
 */
#ifndef TIDEMARK_ENGINE_REQUEST_MASK_H
#define TIDEMARK_ENGINE_REQUEST_MASK_H

#include "net/http.h"

/* Does a header or parameter of this name carry a credential? Case does not matter; paging tokens do not count. */
bool request_mask_is_secret_name(struct str name);
/* Each value behind a secret name in the query part of any address inside `text`, and user:password@; in a. */
struct str request_mask_url(struct arena *a, struct str text);
/* Appends [{"name":...,"value":...}, ...] with values masked and cut; `scratch` is rewound. */
void request_mask_headers(struct buf *json, struct arena *scratch, const struct http_headers *headers);
/* Appends text as a JSON string, redacted, then cut to bytes_max. */
void request_mask_text(struct buf *json, struct arena *scratch, struct str text, size_t bytes_max);

#endif
