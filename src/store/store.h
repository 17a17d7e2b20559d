/*
 * The store: one database, many readers, and writes as closures.
 *
 * A write is a closure that is given a database handle inside a transaction. On SQLite one writer thread
 * takes closures from a queue and groups those that wait into one commit; one that fails undoes itself
 * alone; on PostgreSQL the caller's thread runs it on a connection from the pool, and the whole closure is
 * repeated after a deadlock, a serialization failure or a lost connection whose outcome page_seq decides.
 * Hence the rules for a closure: it touches the database and its own memory only, sets its results anew
 * each time (it may run twice), and blocks on nothing else. Its first statement is its fence, if it has
 * one. Results may be shown to anybody only after the write has returned true: then it is on disk (I-1).
 * On PostgreSQL several run side by side and each statement sees what others have committed by then: a closure
 * that writes by what it has read holds the row before it reads (store_records_hold, store_connection_hold, ...),
 * or says in the statement what must still be so and counts the rows. Records are held in the order of their ids.
 *
 * The times that leases and order of observations use come from the database clock (store_now).
 */
#ifndef TIDEMARK_STORE_STORE_H
#define TIDEMARK_STORE_STORE_H

#include "base/clock.h"
#include "store/db.h"

struct store;

struct store_options {
    struct str url;              /* "postgres://..." or STR_NONE: SQLite in data_dir */
    struct str data_dir;         /* folder of tidemark.db, keys, node id; made with mode 0700 when missing */
    const struct clock *clock;
    unsigned readers_max;        /* 0: 8 */
    unsigned writers_max;        /* PostgreSQL pool; 0: 8 */
    bool migrate;                /* bring the schema up to date (serve); false: E_STORE when it is older (tools) */
    struct db *(*wrap)(struct db *real, void *ctx); /* tests: trace or fail the Nth call (db_trace.h); NULL */
    void *wrap_ctx;
    void (*fatal)(void *ctx);    /* the database file failed twice in a row (F4); NULL: the process ends, non-zero */
    void *fatal_ctx;
};

/*
 * Opens, checks ownership (SQLite: one process), version (E_STORE_NEWER: file untouched) and integrity
 * marks (E_STORE_CORRUPT: file untouched). NULL with err set.
 */
struct store *store_open(const struct store_options *options, struct err *err);
/* Runs what is queued, then closes. Accepts NULL. */
void store_close(struct store *st);

typedef bool store_fn(struct db *db, void *ctx, struct err *err);
typedef void store_done_fn(void *ctx, bool ok, const struct err *err);

/* Blocks until committed. False: rolled back, or E_STORE_UNCERTAIN. */
MUST_USE bool store_write(struct store *st, store_fn *fn, void *ctx, struct err *err);
/*
 * A rider goes along with every store_write and store_write_async of the calling thread until it is taken off (fn NULL):
 * it runs in the same transaction, after a closure that noted an effect (db_note_effect). When it fails the write
 * fails. So a door can tie something to the effect of a handler without every function in between knowing of it.
 */
typedef bool store_rider_fn(struct db *db, void *ctx, struct str effect, struct err *err);
void store_rider_set(store_rider_fn *fn, void *ctx);
/*
 * Before something is asked for outside that cannot be undone: tells the rider of this thread "call:<what>" in a write of its
 * own, so that it stands on the disk before the call goes out; and "no-call:<what>" when it is known that nothing was done.
 * Without a rider nothing is written.
 */
MUST_USE bool store_note_call(struct store *st, struct str what, bool undone, struct err *err);
/*
 * Returns at once; done is called once, on a store thread, and must not block. Short closures (API,
 * webhooks) go before pages: say which.
 */
enum store_lane {
    STORE_SHORT,
    STORE_PAGE,
    STORE_LAZY,  /* goes along with the next commit, or a moment later: nobody waits for it */
};
void store_write_async(struct store *st, enum store_lane lane, store_fn *fn, void *ctx, store_done_fn *done);
/* A write that is ready to be given to one of the two. */
struct store_call {
    store_fn *fn;
    void *ctx;
};
/* Waits until everything that was given to store_write_async is done: when who gives no more stops. */
void store_settle(struct store *st);
/* Whether closures of one lane run in the order in which they were given; else a caller waits for each. */
bool store_keeps_order(const struct store *st);
/* A read-only handle from the pool: one consistent snapshot per call. Blocks up to 5 s: E_STORE_BUSY. */
MUST_USE bool store_read(struct store *st, store_fn *fn, void *ctx, struct err *err);
/*
 * For a thread that must not wait: from now on its reads take a handle that is idle, or fail with E_STORE_BUSY as its
 * store_write does, and store_would_wait tells that this has happened since.
 */
void store_hurry(bool on);
bool store_would_wait(void);
/*
 * Whether a read is answered without asking another process, so that such a thread may try. After one that had to wait, as
 * those do that find nothing in memory, or that computed for long, false for a hundred times as long.
 */
bool store_reads_at_once(const struct store *st);

/* The database clock, microseconds UTC; SQLite: the wall clock handed in. */
int64_t store_now(struct db *db);
/* Wakes whoever waits in store_wait_work when something was queued here (a hint only). */
void store_poke(struct store *st);
/* Blocks until poked, or another node has (LISTEN), or timeout. */
void store_wait_work(struct store *st, int64_t timeout_ms);

struct store_health {
    const char *engine;          /* "sqlite 3.40.1", "postgresql 15.18" */
    bool writable;
    bool disk_full;
    int64_t queue_length;
    int64_t database_bytes;
    int schema_version;
};
void store_health(struct store *st, struct store_health *health_out);
/* Writes that wait for the database: cheap, for those who must not add to a crowd. */
int64_t store_queue_length(struct store *st);
/* Do many wait for their commits at present? Whoever is in no hurry stands back, for a while. */
bool store_is_pressed(struct store *st);
/* Grows with every commit of this process that changes keys or tenants, before anybody hears of it. */
uint64_t store_identity_generation(struct store *st);
/* This node's id: a UUID kept in the data folder. */
struct str store_node_id(const struct store *st);

#endif
