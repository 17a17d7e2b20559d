/*
 * Outgoing webhooks (Standard Webhooks): events to the addresses that people subscribed.
 *
 * Nothing is kept here: a subscription has its place in the feed and its deliveries in the store. A few threads each
 * take the lease of one subscription that has something to do, turn what comes after its place into deliveries, send
 * those that are due one after the other, and give the lease back. A node that dies while sending loses its lease,
 * and another one sends again under the same webhook-id: at least once.
 *
 *   pending ──2xx──▶ delivered
 *      │ ▲
 *      │ └── fails: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h later
 *      └── the last one failed, or 410 ──▶ failed (replay makes it pending again)
 *
 * A subscription of which nothing has succeeded for a day when a delivery fails for good is switched off, and
 * alert.raised says so.
 */
#ifndef TIDEMARK_HOOK_OUT_H
#define TIDEMARK_HOOK_OUT_H

#include "engine/keyring.h"
#include "engine/sender.h"
#include "store/store_delivery.h"
#include "store/store_tenant.h"

struct out;

struct out_options {
    struct store *store;
    struct keyring *keys;
    struct sender sender;        /* who sends; its addresses are judged by the client's policy (I-33) */
    const struct clock *clock;
    unsigned threads;            /* deliveries under way at the same time; 0: OUT_THREADS */
};
#define OUT_THREADS 4
#define OUT_ATTEMPTS 8           /* the first and seven more */
#define OUT_SECRET_OVERLAP_US US_PER_DAY /* after a new secret was made the old one signs too */

/* NULL with E_NO_MEMORY. Nothing is sent before out_start. */
struct out *out_new(const struct out_options *options, struct err *err);
void out_start(struct out *o);
/* What is under way is cancelled: it is sent again later. Accepts NULL. */
void out_stop(struct out *o);
void out_free(struct out *o);    /* accepts NULL; stops first */

/* One subscription that is free, on this thread: tests. *did_out false: none had anything to do. */
MUST_USE bool out_round(struct out *o, bool *did_out, struct err *err);

/* ---- secrets ---- */

/* "whsec_" and 32 random bytes in base64; wipe it. */
MUST_USE bool out_secret_new(struct arena *a, struct str *secret_out, struct err *err);
struct seal_place out_secret_place(const struct tenant *tenant, struct str subscription_uuid);

/*
 * The header webhook-signature: "v1,<base64>" for each secret ("whsec_..."), separated by blanks. In a.
 * E_CRYPT: a secret that is none.
 */
MUST_USE bool out_sign(struct arena *a, struct str id, int64_t timestamp_s, struct str body, const struct str *secrets,
                       size_t secret_count, struct str *signature_out, struct err *err);

#endif
