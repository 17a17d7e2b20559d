/*
 * Applying records outside a run: what webhooks bring.
 *
 * A record goes through the page's own machinery, so mapping, linking, merging, history, match keys and rejected records are
 * the same as in a run; there is no mark and no position. An event's record may be partial: it is laid over the vendor's
 * record that is kept, so that what the event leaves out stays as it was. What is newer is decided as everywhere: by the
 * vendor's version, else by time; and where neither can decide, the record must be fetched (I-22).
 *
 *     applier_new                the connection opened, its mappings compiled
 *     applier_begin              inside a write closure,
 *     applier_apply                  any number of times, each for the records of one event,
 *     applier_end                and what changed goes into the feed once, however many events it were
 *     applier_fetch              one record from the vendor (blocks), which then goes through applier_commit: the three for one record
 *     applier_free
 *
 * One thread, but applier_stop.
 */
#ifndef TIDEMARK_ENGINE_APPLIER_H
#define TIDEMARK_ENGINE_APPLIER_H

#include "engine/engine.h"
#include "store/store_record.h"

struct applier;

/* E_CONNECTION_NOT_FOUND (also for one that is being deleted), E_PLATFORM_NOT_SUPPORTED, E_CRYPT, ... Blocks on the store. */
struct applier *applier_new(struct engine *e, int64_t tenant, int64_t connection, struct err *err);
void applier_free(struct applier *ap); /* accepts NULL */
const struct connection *applier_connection(const struct applier *ap);
const struct template *applier_template(const struct applier *ap);
/* Ends what applier_fetch waits for, now and from now on. Any thread. */
void applier_stop(struct applier *ap);

enum apply_result {
    APPLY_DONE,              /* written, or known already, or older than what is known */
    APPLY_FETCH,             /* only the vendor can say: nothing was written */
    APPLY_REJECTED,          /* the mapping refuses it: kept among the rejected records */
};

struct apply_item {
    struct str stream;
    struct str external_id;  /* STR_NONE: the record has it */
    yyjson_val *record;      /* the vendor's; NULL: only gone, or to be fetched */
    bool whole;              /* else it is laid over the record that is kept */
    bool deleted;
    bool certain;            /* observed_us decides even without a version: fetched, or trusted by order of a person */
    struct str version;      /* where the record has none itself; STR_NONE */
    int64_t observed_us;     /* database clock; 0: not known, then it is to be fetched */
    /* results, set anew by each applier_apply */
    enum apply_result result;
    struct str reason;       /* of APPLY_REJECTED; in the applier's scratch arena */
    struct str id;           /* its external id */
    int64_t record_id;       /* records.id; 0: none */
    struct str data;         /* the mapped record: JSON, or STR_NONE */
};

void applier_begin(struct applier *ap);
/*
 * Inside a write closure; `scratch` must live until the results are read and the closure ends, and is rewound to where it stood
 * when the closure runs again. received_us: when the event came, by the database clock. False: the store's codes, E_TOO_LARGE,
 * E_LIMIT; the transaction must be given up.
 */
MUST_USE bool applier_apply(struct applier *ap, struct db *db, struct arena *scratch, struct apply_item *items, size_t count,
                            int64_t received_us, struct err *err);
MUST_USE bool applier_end(struct applier *ap, struct db *db, struct err *err);
/* All three, for one record. */
MUST_USE bool applier_commit(struct applier *ap, struct db *db, struct arena *scratch, struct apply_item *item, int64_t received_us,
                             struct err *err);

/* The record of that external id, whatever became of it. Inside a read or write closure. */
enum row applier_record(const struct applier *ap, struct db *db, struct arena *a, struct str stream, struct str external_id,
                        struct record *record_out, struct err *err);

/* Can this record be fetched, with that slice (or NULL)? */
bool applier_can_fetch(const struct applier *ap, struct str stream, yyjson_val *slice);
/*
 * Asks the vendor for one record; blocks. *record_out: NULL: it does not exist. Lives in page. *observed_out: when the request was
 * sent, by the database clock. False: err, retry_after_ms where the vendor wants to be left alone.
 */
MUST_USE bool applier_fetch(struct applier *ap, struct arena *page, struct str stream, struct str external_id, yyjson_val *slice,
                            yyjson_val **record_out, int64_t *observed_out, struct err *err);

#endif
