/*
 * Idempotency-Key (I-28): the same key and body within 24 hours gives the first answer again.
 *
 * The row is begun before the handler; what the handler makes is noted in the transaction that makes it; the
 * row is finished with the answer. A failure that trying again may mend (a busy connection, a vendor or a
 * database that did not answer) gives the key free, unless something was made; every other answer is kept.
 *
 * A process that dies behind the effect leaves a row with the effect and no answer. The same key then gets the answer
 * made anew from what stands in the database, where the table in idempotency.c knows how, and elsewhere
 * E_IDEMPOTENCY_DONE, which names what was made. It is never made twice.
 *
 * What a vendor is asked to do (a message sent, a contact created) is noted before the call goes out, as "call:<operation>".
 * An answer that says nothing was done takes the note away; every other answer is kept, failures too. Without an answer the
 * same key gets E_VENDOR_UNCERTAIN: nobody knows, and the vendor is not asked again.
 */
#ifndef TIDEMARK_DOOR_IDEMPOTENCY_PRIV_H
#define TIDEMARK_DOOR_IDEMPOTENCY_PRIV_H

#include "engine/keyring.h"
#include "store/store_idempotency.h"

struct request;

struct idempotency {          /* zeroed: no key was sent */
    bool used;                /* a key was sent and the row is begun */
    bool replay;              /* r->reply holds the first answer */
    bool called;              /* a vendor was asked for something that must not be asked for twice */
    struct str effect;        /* what the first request made, whose answer was lost; len 0: go on */
    struct idempotency_key key;
    struct idempotency_answer answer;
};

/* Whether the request has a key that counts: not for a route that creates nothing. */
bool idempotency_is_asked(const struct request *r);
/*
 * Before the handler: leaves a write behind (request_write) whose `then` calls idempotency_begun. E_VALIDATION_FAILED:
 * a key that is empty or too long; the write: E_IDEMPOTENCY_CONFLICT, E_IDEMPOTENCY_RUNNING.
 */
MUST_USE bool idempotency_begin(struct request *r, bool (*then)(struct request *r, bool ok, struct err *err),
                                 struct err *err);
/* Fills r->idempotency from what was found, and r->reply when the first answer is there. */
MUST_USE bool idempotency_begun(struct request *r, struct keyring *keys, struct err *err);
/* The writes of this thread carry the note of their effect from here, or no longer. */
void idempotency_ride(struct request *r);
void idempotency_dismount(void);
/* Instead of the handler, when effect is set: fills r->reply. False with err: E_IDEMPOTENCY_DONE. */
MUST_USE bool idempotency_again(struct request *r, struct err *err);
/*
 * After r->reply is filled, with E_OK or the error it tells: keeps it, or gives the key free when trying again may help.
 * True: a write is left behind for that.
 */
bool idempotency_end(struct request *r, struct keyring *keys, enum err_code code);

#endif
