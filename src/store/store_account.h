/*
 * Accounts at vendors, as their owners see them: syncs by name, rows of one connection, sign-ins.
 */
#ifndef TIDEMARK_STORE_STORE_ACCOUNT_H
#define TIDEMARK_STORE_STORE_ACCOUNT_H

#include "store/db.h"

/* ---- syncs ---- */

struct account_sync {
    struct str sync_id, user_id;
    int64_t run, connection;
};
/*
 * Names a run "sync_<user>_<epoch ms>"; where the name is taken, the next free millisecond. Call it in the closure
 * that creates the run. Forgets names whose runs are gone.
 */
MUST_USE bool store_account_sync_name(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t run,
                                      struct str user_id, int64_t now_us, struct str *sync_id_out, struct err *err);
enum row store_account_sync_find(struct db *db, struct arena *a, int64_t tenant, struct str sync_id,
                                 struct account_sync *sync_out, struct err *err);
enum row store_account_sync_of_run(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct account_sync *sync_out,
                                   struct err *err);
/* The run of that connection that was queued in that millisecond: for names that nobody gave. */
enum row store_account_run_at(struct db *db, int64_t tenant, int64_t connection, int64_t ms, int64_t *run_out, struct err *err);

/* ---- rows ---- */

struct account_row {
    int64_t id;              /* records.id: a place in the list */
    struct str uuid, data;
    int64_t occurred_us, synced_us;
};
struct account_row_filter {
    int64_t collection, stream;
    struct str status, title; /* exact, or STR_NONE */
    int64_t from_us, to_us;   /* of the time it happened; 0: any */
    int64_t synced_since_us;  /* 0: any */
    int64_t parent;           /* records.id, 0: any */
    int64_t after;            /* keyset: a row's id; 0: from the newest */
    size_t offset, limit;
};
/* Newest first. Deleted ones are not shown. */
MUST_USE bool store_account_rows(struct db *db, struct arena *a, int64_t tenant, const struct account_row_filter *filter,
                                 struct account_row **rows_out, size_t *count_out, struct err *err);
/* Counts no further than `most`. */
MUST_USE bool store_account_row_count(struct db *db, int64_t tenant, const struct account_row_filter *filter, int64_t most,
                                      int64_t *count_out, struct err *err);

/* ---- sign-ins ---- */

struct sign_in {
    int64_t connection;
    struct str asked_by;      /* subject */
    bool by_session;          /* with a cookie: the callback must show the same person's */
    struct str redirect_uri, return_to, verifier; /* verifier: sealed, or STR_NONE */
    struct str state;         /* "open", "exchanging", "done", "failed" */
    struct str error_message;
    int64_t created_us, expires_us, used_us;
};
/* E_RATE_LIMITED when `most` of the tenant are open. Old ones are forgotten. */
MUST_USE bool store_sign_in_create(struct db *db, int64_t tenant, struct str hash, const struct sign_in *sign_in, int64_t most,
                                   struct err *err);
enum row store_sign_in_get(struct db *db, struct arena *a, int64_t tenant, struct str hash, struct sign_in *sign_in_out, struct err *err);
/* Takes an open one that has not run out: once. taken_out false: it was used, or is too old. */
MUST_USE bool store_sign_in_take(struct db *db, int64_t tenant, struct str hash, int64_t now_us, bool *taken_out, struct err *err);
/* error_message STR_NONE: it worked. */
MUST_USE bool store_sign_in_end(struct db *db, int64_t tenant, struct str hash, struct str error_message, struct err *err);
enum row store_sign_in_newest(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct sign_in *sign_in_out,
                              struct err *err);

#endif
