/*
 * The outbox of push: which records wait to be sent to which connection, and how far each is.
 *
 * A row is written in the transaction of the change. A run of direction push takes what is due, sends it, and removes the row in the
 * transaction that keeps the vendor's answer; a change meanwhile raises the generation, and the row stays.
 */
#ifndef TIDEMARK_STORE_STORE_PUSH_H
#define TIDEMARK_STORE_STORE_PUSH_H

#include "store/store_page.h"

/*
 * As store_page_fence, but a pause or an end that was asked for does not refuse: what was sent has happened, and its answer is kept.
 */
MUST_USE bool store_push_fence(struct db *db, const struct page_fence *fence, int64_t lease_until_us, struct err *err);

/* For all connections of the tenant that push, but `source` (0: none). Twice is once. */
MUST_USE bool store_push_fan_out(struct db *db, int64_t tenant, int64_t source, const int64_t *records, size_t count, int64_t now_us,
                                 struct err *err);
/* A local change: for all that push. */
MUST_USE bool store_push_queue(struct db *db, int64_t tenant, int64_t record, int64_t now_us, struct err *err);
MUST_USE bool store_push_queue_one(struct db *db, int64_t tenant, int64_t connection, int64_t record, int64_t now_us, struct err *err);
/* Does any connection of the tenant push? A page that finds none need not look for each record. */
MUST_USE bool store_push_any(struct db *db, int64_t tenant, bool *any_out, struct err *err);

struct push_row {
    int64_t record, generation, tries;
    int64_t intent_us;       /* a creation has left, or was about to, at that time; 0: none */
    int64_t looked_us;       /* nobody had its key there at that time, and it has not left since; 0: not looked for */
    struct str uuid, data;   /* the record as it is now */
    int64_t version;
    bool deleted;
    int64_t map;             /* of the stream; 0: not known there */
    struct str external_id;
    struct str base, alias;  /* or STR_NONE */
    bool map_deleted, erased;
    struct str raw;          /* packed, or STR_NONE */
    struct str fingerprint;  /* of what the vendor said last, or STR_NONE */
};
/* What is due at now_us and waits since since_us or longer, one row per record; texts live in a. */
MUST_USE bool store_push_take(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t collection, int64_t stream,
                              int64_t now_us, int64_t since_us, size_t limit, struct push_row **rows_out, size_t *count_out,
                              struct err *err);
/* Looks only: what waits, due or not; all: every record that does not agree. */
MUST_USE bool store_push_preview(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t collection, int64_t stream,
                                 bool all, size_t limit, struct push_row **rows_out, size_t *count_out, struct err *err);
/* Drops what the connection cannot write: all but these collections. */
#define PUSH_COLLECTIONS_MAX 4
MUST_USE bool store_push_drop_foreign(struct db *db, int64_t tenant, int64_t connection, const int64_t collections[PUSH_COLLECTIONS_MAX],
                                      struct err *err);
struct push_waiting {
    int64_t count, due;
    int64_t next_us;         /* when the next one is due; 0: at once, or there is none */
};
MUST_USE bool store_push_count(struct db *db, int64_t tenant, int64_t connection, int64_t now_us, struct push_waiting *waiting_out,
                               struct err *err);

/* *gone_out: the row went; else the record was changed meanwhile, and waits anew since now_us. */
MUST_USE bool store_push_done(struct db *db, int64_t tenant, int64_t connection, const struct push_row *row, int64_t now_us,
                              bool *gone_out, struct err *err);
/* Before a record leaves, as `sent`; created_us: now, for a creation; 0. */
MUST_USE bool store_push_intend(struct db *db, int64_t tenant, int64_t connection, int64_t record, struct str sent, int64_t created_us,
                                struct err *err);
/* A creation that certainly did not leave is no longer meant to; looked_us: when nobody had its key there,
 * or 0; forgotten if it was changed meanwhile. */
MUST_USE bool store_push_stayed(struct db *db, int64_t tenant, int64_t connection, const struct push_row *row, int64_t looked_us,
                                struct err *err);
/* As what it left last, and what became of that is not known. ROW_NONE: nothing is on its way. */
enum row store_push_sent(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t record, struct str *sent_out,
                         struct err *err);
/* nothing_done: the vendor has certainly not done it. */
MUST_USE bool store_push_later(struct db *db, int64_t tenant, int64_t connection, int64_t record, int64_t not_before_us, struct str why,
                               bool nothing_done, struct err *err);
/* STR_NONE empties. */
MUST_USE bool store_push_agree(struct db *db, int64_t tenant, int64_t map, struct str base, struct str alias, struct err *err);
MUST_USE bool store_alias_save(struct db *db, int64_t tenant, int64_t map, struct str alias, struct err *err);

/* Rejections of a connection (stream 0: all) are to be sent again: how many. */
MUST_USE bool store_push_requeue(struct db *db, int64_t tenant, int64_t connection, int64_t stream, int64_t now_us, int64_t *count_out,
                                 struct err *err);

struct push_place {
    int64_t tenant, connection;
};
/* Connections for which a run is to be started. */
MUST_USE bool store_push_startable(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct push_place **rows_out,
                                   size_t *count_out, struct err *err);

/* Kept among the rejected records of the stream, one per record. */
struct push_rejection {
    int64_t stream, run, record;
    struct str external_id;  /* or STR_NONE */
    struct str reason, payload;
};
MUST_USE bool store_push_reject(struct db *db, int64_t tenant, const struct push_rejection *rejection, int64_t now_us, struct err *err);
/* Deletions that wait for the connection or were held back, rejected as `held_why`: what the guard judges. */
MUST_USE bool store_push_deletions(struct db *db, int64_t tenant, int64_t connection, int64_t stream, struct str held_why,
                                   int64_t *count_out, struct err *err);
/* Deletions of the stream that were sent of late and that nobody had confirmed, as the guard keeps them; STR_NONE: none. */
MUST_USE bool store_push_deletions_sent(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct str *sent_out,
                                        struct err *err);
MUST_USE bool store_push_deletions_sent_set(struct db *db, int64_t tenant, int64_t stream, struct str sent, struct err *err);
/* Was this one held back so? Then whoever queued it again has confirmed it. */
MUST_USE bool store_push_deletion_held(struct db *db, int64_t tenant, int64_t stream, int64_t record, struct str held_why,
                                       bool *held_out, struct err *err);
/* It was taken after all. */
MUST_USE bool store_push_accept(struct db *db, int64_t tenant, int64_t stream, int64_t record, struct err *err);

/* The map becomes that of `record`; base: what it agreed on, where it says nothing else. */
MUST_USE bool store_map_move(struct db *db, int64_t tenant, int64_t map, int64_t record, struct str base,
                    int64_t now_us, struct err *err);

MUST_USE bool store_record_lives_at(struct db *db, int64_t tenant, int64_t record, int64_t connection, bool *lives_out, struct err *err);

struct push_twin {
    int64_t map, record, created_us, maps, changes;
};
/* Who has that external id. */
enum row store_push_twin(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct str external_id,
                    struct push_twin *twin_out,
                         struct err *err);

#endif
