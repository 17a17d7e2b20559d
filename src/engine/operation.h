/*
 * Operations: single calls to a vendor that the connection's template declares.
 *
 * metadata.tidemark has sections of them: `actions` (what a person may ask for), `webhooks` (register,
 * remove), `writes` (push). Each is a requester over the template's own address and authenticator, with
 * expressions over `config` and `input`, and says which part of the answer is the result.
 */
#ifndef TIDEMARK_ENGINE_OPERATION_H
#define TIDEMARK_ENGINE_OPERATION_H

#include "engine/engine.h"
#include "template/operation.h"

struct operation_call {
    int64_t tenant;
    struct str connection;   /* uuid */
    struct str section;      /* "actions", "webhooks", "writes.contacts" */
    struct str name;         /* "search-locations", "register" */
    yyjson_val *input;       /* an object, or NULL: none */
    bool repeatable;         /* done twice it is done once, whatever the template says */
};

/*
 * Does it; blocks on the vendor, refreshes a credential where it must, never repeats a call that may have had an
 * effect, and tells the thread's rider of it before it goes out (store_note_call). result_out: the part of the answer that
 * the template names, in a. template_has_operation (template/operation.h) tells whether there is one.
 *
 * E_CONNECTION_NOT_FOUND, E_NOT_FOUND (no such operation; the message lists those there are), E_VALIDATION_FAILED (the input
 * does not fit the operation's schema; items have pointers into the input), E_INVALID_CREDENTIALS, E_VENDOR_REFUSED with the
 * vendor's words, E_VENDOR_RATE_LIMITED with retry_after_ms, E_VENDOR_UNAVAILABLE (nothing was done), E_VENDOR_UNCERTAIN
 * (nobody knows), E_BAD_PAGE, E_PAGE_TOO_LARGE.
 */
MUST_USE bool engine_operation(struct engine *e, struct arena *a, const struct operation_call *call,
                               yyjson_val **result_out, struct err *err);

#endif
