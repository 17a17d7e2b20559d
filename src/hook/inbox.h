/*
 * Webhooks in: verify, make durable, apply.
 *
 *     inbox_receive      on the request's thread: who is it from, is it true?
 *     its call           on the store's: keep it
 *     inbox_received     after the commit (I-20): the answer
 *     workers            later: what is kept goes through engine/applier.h, in order per connection
 *
 * An event is proven by a signature or by the token of the address, else it is a hint: its ids are fetched again with our
 * own credential before anything is written (D7 to D10). What it says is the template's table (template/webhooks.h).
 *
 * Everything that must survive is in the store (store/store_inbox.h): the process may die at any moment and the next one, or
 * another node, goes on. Functions may be called from any thread.
 */
#ifndef TIDEMARK_HOOK_INBOX_H
#define TIDEMARK_HOOK_INBOX_H

#include "engine/engine.h"
#include "net/http.h"
#include "store/store_inbox.h"

struct inbox;

struct inbox_options {
    struct engine *engine;
    struct store *store;
    struct registry *templates;
    struct keyring *keys;
    const struct clock *clock;
    struct str public_url;        /* what vendors call, without a '/' at the end; copied */
    unsigned workers;             /* 0: 4 */
    int64_t lease_ms;             /* 0: 30 s */
    int64_t hints_per_s;          /* unproven requests taken from one address; 0: 20 */
};

/* NULL with err. Accepts events at once, applies none before inbox_start. */
struct inbox *inbox_new(const struct inbox_options *options, struct err *err);
MUST_USE bool inbox_start(struct inbox *in, struct err *err);
/* No more events are applied; what waits for a vendor is dropped and stays due. Idempotent. */
void inbox_stop(struct inbox *in);
void inbox_free(struct inbox *in); /* stops first; accepts NULL */
/* Where public_url was not given: the address of the server, once it is known. */
void inbox_set_url(struct inbox *in, struct str url);

/* ---- accepting ---- */

enum inbox_address {
    INBOX_TEMPLATE,               /* one address per template; name: the template */
    INBOX_ENVELOPE,               /* {type, source, payload}: `source` is the template */
    INBOX_CONNECTION,             /* an address of its own; name: the connection's uuid */
};

struct inbox_request {
    enum inbox_address address;
    struct str name;
    struct str token;             /* of the address, or STR_NONE */
    struct str method, path;      /* path with query, as it came, for schemes that sign the address */
    struct str body;
    const struct http_headers *headers;
    struct str peer;
    struct arena *arena;          /* of the request */
    bool at_once;                 /* may not wait for the store */
};

struct inbox_answer {
    bool handled;                 /* false: this type of event is kept, nothing else */
    struct str type;
    const char *trust;            /* "signed", "token", "payload", "hint" */
    bool duplicate;
};

/* An event on its way into the store; in the request's arena. */
struct inbox_receipt {
    struct store_call call;       /* the write that keeps it; fn NULL: there is nothing to keep */
    struct inbox_answer answer;   /* after inbox_received */
};
/*
 * Who is it from, is it true? E_UNAUTHORIZED: wrong signature or token; E_NOT_FOUND: no such template, or it takes no webhooks;
 * E_CONNECTION_NOT_FOUND; E_VALIDATION_FAILED: nothing that could be an event; E_RATE_LIMITED and E_UNAVAILABLE with a time; the
 * store's codes. After an error nothing was kept. An account that nobody has connected is answered as a hint is, and only counted.
 * False without an error: the request is at_once and the store would have to be asked; ask again where that may wait.
 * Otherwise the call is to be written, and inbox_received to be called once, whatever came of it.
 */
MUST_USE bool inbox_receive(struct inbox *in, const struct inbox_request *request, struct inbox_receipt **receipt_out,
                            struct err *err);
/* ok: it is committed. Else err is the write's, and becomes what the vendor should hear; false. */
bool inbox_received(struct inbox_receipt *receipt, bool ok, struct err *err);
/* A vendor's GET before it sends anything. *challenge_out: what it wants to hear. E_UNAUTHORIZED, E_VALIDATION_FAILED. */
MUST_USE bool inbox_handshake(struct inbox *in, const struct inbox_request *request, const struct http_pair *query, size_t count,
                              struct str *challenge_out, struct err *err);

/* ---- looking, repeating ---- */

/* What came: the headers that were kept (an object) and the body, in a. */
MUST_USE bool inbox_content(struct arena *a, struct str content, yyjson_val **headers_out, struct str *body_out, struct err *err);
/* Wakes the workers: something was made due again. */
void inbox_wake(struct inbox *in);

/* ---- registering ---- */

struct inbox_setup {
    bool registered;
    struct str url;               /* with its token; shown to whoever set it up */
    struct str webhook_id;        /* or STR_NONE */
    int verified;                 /* the vendor lists it: 1; it does not: 0; it has no list: -1 */
    struct str instructions;      /* where to click when the vendor has no way for programs; or STR_NONE */
};
/*
 * Gives the connection an address with a token, and registers it with the vendor where the template can. Blocks on both. Asked for
 * again it makes no second registration: what stands there already is kept where the vendor lists it, else replaced, and what an
 * interrupted call left behind goes. `rotate`: another token and another registration; the address before stays right for a day.
 */
MUST_USE bool inbox_setup(struct inbox *in, struct arena *a, int64_t tenant, struct str connection, bool rotate,
                          struct inbox_setup *setup_out, struct err *err);
/*
 * Takes back what was registered with the vendor, before the connection is switched off or deleted. Blocks on the vendor. A vendor that
 * does not answer or no longer takes the credential does not keep anybody from leaving: that is logged, no more.
 */
void inbox_unregister(struct inbox *in, struct arena *a, int64_t tenant, struct str connection);

struct inbox_stats {              /* of this process; pending of all */
    int64_t accepted, duplicates, hints, refused, unknown, unhandled, limited, applied, failed, fetches, pending;
};
void inbox_stats(struct inbox *in, struct inbox_stats *stats_out);

/* What inbox_setup said last, from what is kept: nobody is called. */
MUST_USE bool inbox_setup_look(struct inbox *in, struct arena *a, int64_t tenant, struct str connection,
                               struct inbox_setup *setup_out, struct err *err);

#endif
