/*
 * Push: what waits in the outbox goes to a vendor (docs/push.md).
 *
 * A run of direction push takes a batch of records that are due, decides for each what is to be done, sends it, and keeps what the
 * vendor answered in the transaction that removes the record from the outbox. Between sending and keeping the process may die at any
 * moment, and answers get lost, so every step may come again:
 *
 *   an update or deletion    is sent again; it says what shall be
 *   a creation               is looked for first: an intent was committed before it left
 *
 *     push_plan.c    what is to be done with a record, from rows alone
 *     push_send.c    one call to the vendor, and what its outcome means
 *     push_look.c    who at the vendor has a record's key: one record, or many at once
 *     push_keep.c    results, in one transaction each
 *     push.c         the step of the run; with push_batch.h:
 *     push_guard.c   more deletions than is believable
 *     push_walk.c    a full push: everything into the outbox
 *     push_create.c, push_update.c
 *                    what is done with the records of a batch
 *     push_batch.c   what these have in common
 *     push_start.c   runs that begin by themselves
 */
#ifndef TIDEMARK_ENGINE_PUSH_H
#define TIDEMARK_ENGINE_PUSH_H

#include "engine/work.h"
#include "store/store_push.h"
#include "template/operation.h"

#define PUSH_BATCH 50               /* records taken at once where the vendor has no calls for many */
#define PUSH_BATCH_MAX 200
#define PUSH_TRIES_MAX 8            /* of one record in vain; then it is rejected, and waits for a person or the next change */
#define PUSH_FAILURES_MAX 3         /* in a row: the vendor is the trouble, not the record */
#define PUSH_LOOK_US (250 * US_PER_MS) /* what was seen longer ago is looked at again */
#define PUSH_LOOKS_MAX 3            /* a record that changes there each time it is looked at is written at last */
#define PUSH_SETTLE_US (10 * US_PER_S) /* after a lost creation, before it is looked for: search indexes lag */
#define PUSH_LOOKED_US (2 * 60 * US_PER_S) /* so long nobody has a key that nobody had when the vendor wanted to be left alone */
#define PUSH_WORDS_MAX 400

/* Has the template a stream that can be written to, of that name or kind? STR_NONE: any. Another configuration may have others. */
bool push_can_write(const struct template *t, struct str entity);

/* What the template says of a stream that can be written to. */
struct push_stream {
    struct mapping *write;          /* NULL: it cannot */
    struct str section;             /* "writes.contacts" */
    bool by_email, by_phone;        /* what `match` looks for */
    bool partial;                   /* answers hold what changed only */
    bool answers_id;                /* a creation's answer holds the id only: the record is read back */
    const struct template_operation *match, *match_many; /* match_many: only with match, by e-mail */
    const struct template_operation *create, *update, *delete, *create_many, *update_many, *read_many;
    yyjson_val *match_item, *create_item, *update_item, *read_item; /* `item` of those, or NULL */
    size_t match_max, create_max, update_max, read_max;
    bool reads;                     /* one record can be read by its id */
};

enum push_op {
    PUSH_NOTHING,                   /* both sides agree, or it is not for this vendor */
    PUSH_CREATE,
    PUSH_UPDATE,
    PUSH_DELETE,
    PUSH_REJECT,                    /* `reason` says why */
};

/* What became of it. */
enum push_end {
    PUSH_END_NONE,                  /* still to be done */
    PUSH_END_SKIPPED,
    PUSH_END_CREATED,
    PUSH_END_UPDATED,
    PUSH_END_SEEN,                  /* changed there meanwhile: taken in, and decided anew */
    PUSH_END_GONE,                  /* no longer there */
    PUSH_END_LINKED,                /* somebody at the vendor has the key: linked; differences go with the next batch */
    PUSH_END_DELETED,
    PUSH_END_REJECTED,
    PUSH_END_LATER,
};

struct push_item {
    struct push_row row;
    enum push_op op;
    yyjson_val *record;             /* ours as expressions see it */
    struct str sent;                /* ours as it was planned: JSON */
    yyjson_val *fields;             /* members to send */
    struct str key_email, key_phone;/* match keys, or STR_NONE */
    struct str reason;

    enum push_end end;
    yyjson_val *answer;             /* the vendor's record, or NULL */
    int64_t observed_us;            /* when the request was sent, our clock */
    bool looked;                    /* PUSH_UPDATE: the vendor still says what it said last; PUSH_CREATE: nobody has its key, */
    int64_t looked_us;              /* as seen then, monotonic */
    bool unsure;                    /* PUSH_CREATE: it stood in a call for many whose answer does not name it */
    bool nothing_done;              /* PUSH_END_LATER: certainly */
    bool confirmed;                 /* PUSH_DELETE: a person has looked at it */
    int64_t wait_ms;                /* PUSH_END_LATER */
};

struct push {
    struct push_stream *streams;    /* one per work stream */
    struct push_guard *guards;      /* likewise */
    bool creates, deletes;          /* rules of the connection */
    unsigned failures;              /* in a row */
    struct stream *sources;         /* of the platform that the job reads from, or NULL */
    size_t source_count;
    struct arena items, closure;    /* of one batch; of one transaction */
};

/* ---- push_plan.c */

/* Reads `writes` of a stream; write is NULL where it cannot be written to. */
MUST_USE bool push_stream_read(struct arena *a, const struct template *t, struct str stream,
                    struct push_stream *stream_out, struct err *err);

/*
 * Is this stream (by its place in the template) written to? config: effective; chosen: the connection's `streams` or NULL; asked: a
 * stream or kind, or STR_NONE. Of several streams of one kind the first one is: a record waits once for a connection. One that is
 * named, by the connection or who asks, goes before those that are not.
 */
bool push_is_written(const struct template *t, size_t at, yyjson_val *config, yyjson_val *chosen, struct str asked);

struct push_scene {                 /* what a plan is made from */
    struct arena *arena;
    const struct push_stream *stream;
    const struct page_context *context;
    bool creates, deletes;
};
/* Inside a read. Sets op and what belongs to it. E_TOO_LARGE, E_LIMIT, the store's. */
MUST_USE bool push_plan(struct db *db, const struct push_scene *scene, struct push_item *item, struct err *err);
/* The input of a call: {id?, fields, record}, or {items: [...]}. NULL: memory. */
yyjson_val *push_input(struct arena *a, const struct push_item *item);
yyjson_val *push_input_many(struct arena *a, struct push_item *const *items, size_t count, yyjson_val *names);
yyjson_val *push_input_match(struct arena *a, const char *by, struct str value);
/* {by: "email", items: [...]}: each e-mail once, under the name that `names` gives it. */
yyjson_val *push_input_match_many(struct arena *a, struct push_item *const *items, size_t count, yyjson_val *names);
/* members of `new` that are not so in `old` (null: gone); in a. NULL: memory. */
yyjson_val *push_difference(struct arena *a, yyjson_val *old, yyjson_val *new);
/* members that are not blank. */
yyjson_val *push_given(struct arena *a, yyjson_val *members);

/* ---- push_guard.c */

/* Why a deletion is held back: kept as rejected, and sent when somebody replays it. */
#define PUSH_GUARD_WORDS "More records were deleted here than is believable: replay this one to delete it there too"

struct push_guard {
    bool known, closed;             /* of a stream and a batch: deletions wait for a person */
    bool held;                      /* some did */
};
/* Inside a read, after the plan: a deletion that nobody believes becomes a rejection. */
MUST_USE bool push_guard(struct db *db, const struct push_scene *scene, struct push_guard *guard, struct push_item *item, struct err *err);

/* So many that nobody had confirmed are sent: in the transaction that keeps them. a: scratch. */
MUST_USE bool push_guard_sent(struct db *db, struct arena *a, int64_t tenant, int64_t stream, int64_t deletions, int64_t now_us,
                              struct err *err);

/* ---- push_send.c */

enum push_answer {
    PUSH_ANSWERED,
    PUSH_REFUSED,                   /* this record will not do; err says why */
    PUSH_UNKNOWN,                   /* not known whether it was done, or certainly not: `err` */
    PUSH_WAIT,                      /* the vendor wants to be left alone for *wait_ms_out */
    PUSH_FATAL,                     /* the connection does not work */
    PUSH_STOPPED,
};
/* One call; blocks. result_out in a. */
enum push_answer push_call(struct work *w, struct arena *a, const struct template_operation *operation, yyjson_val *input,
                           yyjson_val **result_out, int64_t *observed_us_out, int64_t *wait_ms_out, struct err *err);

/* The record as it is there now; NULL: it is gone. In p->items. */
enum push_answer push_read(struct work *w, struct push_item *item, yyjson_val **record_out, int64_t *wait_ms_out, struct err *err);
/* Is this what the vendor said last? */
MUST_USE bool push_is_known(struct work *w, const struct push_item *item, yyjson_val *record, bool *known_out, struct err *err);
/* What a call's failure means for who made it. */
enum push_answer push_answer_of(enum err_code code);

/* ---- push_look.c */

enum push_found {
    PUSH_FOUND_NONE,
    PUSH_FOUND_ONE,
    PUSH_FOUND_SEVERAL,
    PUSH_FOUND_UNKNOWN,             /* of many: the answer does not say */
};
/* Who at the vendor has the item's key. */
enum push_answer push_look(struct work *w, struct push_item *item, enum push_found *found_out, yyjson_val **record_out,
                           int64_t *observed_us_out, int64_t *wait_ms_out, struct err *err);
struct push_sight {
    enum push_found found;
    yyjson_val *record;             /* in p->items; or NULL */
};
/*
 * The same by e-mail, in one call of `match_many`: items have key_email, and are at most match_max. One sight and observed_us for
 * each, where it is PUSH_ANSWERED.
 */
enum push_answer push_look_many(struct work *w, struct push_item *const *items, size_t count, struct push_sight *sights_out,
                                int64_t *wait_ms_out, struct err *err);
/* The match key that the vendor's record has, as ours are made. */
MUST_USE bool push_keys_of(struct work *w, struct arena *a, yyjson_val *record, struct mapped *mapped_out, struct str *email_out,
                           struct str *phone_out, struct err *err);

/* ---- push_keep.c */

/* Keeps what became of these items, in one transaction. False: the store's codes, E_FENCED. */
MUST_USE bool push_keep(struct work *w, struct push_item *const *items, size_t count, struct err *err);
/* Creations that the vendor did not want yet, and that were certainly not made: what was looked for is not looked for again. */
MUST_USE bool push_stay(struct work *w, struct push_item *const *items, size_t count, struct err *err);
/* Before they leave. */
MUST_USE bool push_intend(struct work *w, struct push_item *const *items, size_t count, struct err *err);

/* ---- push.c */

MUST_USE bool push_new(struct work *w, struct err *err);   /* before the streams are chosen */
MUST_USE bool push_begin(struct work *w, struct err *err); /* once they are prepared */
void push_release(struct work *w);
enum step_result work_push(struct work *w);

/* ---- push_start.c */

/* One look at what waits: how many runs were started. For the schedule thread and tests. */
MUST_USE bool engine_push_round(struct engine *e, int64_t *started_out, struct err *err);

#endif
