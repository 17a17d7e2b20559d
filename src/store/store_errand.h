/*
 * Errands: small calls to the outside that must not be forgotten (a lead's welcome message, a booking's slot at the vendor).
 *
 * An errand is written in the transaction of what it is for, taken with a deadline by one node at a time, and goes
 * when it is done. Asked for again while it waits or runs, it is done anew: `round` tells the old result from the
 * new wish. A node that dies in the middle leaves it to be taken again after the deadline.
 */
#ifndef TIDEMARK_STORE_STORE_ERRAND_H
#define TIDEMARK_STORE_STORE_ERRAND_H

#include "store/db.h"

struct errand {
    int64_t id, tenant;
    struct str kind;         /* "welcome", "booking" */
    int64_t record;          /* records.id */
    int64_t connection;      /* 0: none */
    int64_t round, tries;    /* tries of this round, this one included once it is taken */
    int64_t next_us;         /* 0: given up */
    struct str error;        /* of the last try, or STR_NONE */
};

MUST_USE bool store_errand_add(struct db *db, int64_t tenant, struct str kind, int64_t record, int64_t connection, int64_t now_us,
                               struct err *err);
/* Of all tenants, oldest first. */
MUST_USE bool store_errand_due(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct errand **rows_out,
                               size_t *count_out, struct err *err);
/* taken_out false: another node has it, or it was asked for anew. */
MUST_USE bool store_errand_take(struct db *db, struct errand *errand, struct str node, int64_t until_us, bool *taken_out, struct err *err);
/* At start: what this node was doing when it died is due at once. */
MUST_USE bool store_errand_take_back(struct db *db, struct str node, int64_t now_us, struct err *err);
MUST_USE bool store_errand_done(struct db *db, const struct errand *errand, struct err *err);
/* next_us 0: given up; error is kept to be shown. */
MUST_USE bool store_errand_again(struct db *db, const struct errand *errand, int64_t next_us, struct str error, int64_t now_us,
                                 struct err *err);
/* Held until the transaction ends: those who write what a stream maps outside a run wait for each other. */
MUST_USE bool store_stream_lock(struct db *db, int64_t tenant, int64_t stream, struct err *err);

#endif
