/*
 * One interface over two databases.
 *
 * A `struct db` is one connection, used by one thread at a time. Statements are known by number (the
 * enum that the build makes from sql/<noun>.sql) and differ per database there, never in C; where C must
 * know, it asks for a capability. Values are bound, never pasted. What a driver's library says becomes
 * one of our codes in the driver: a unique violation is E_CONFLICT, a lost connection at COMMIT is
 * E_STORE_UNCERTAIN, a full disk is E_STORE_FULL.
 *
 * Other rooms see only `struct db *` (handed to a write or read closure) and `enum row`; they call the
 * nouns (store_run.h and so on), which call these.
 *
 * After an error inside a transaction nothing but db_rollback, or db_savepoint_undo, may follow.
 */
#ifndef TIDEMARK_STORE_DB_H
#define TIDEMARK_STORE_DB_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

/* The three answers to "give me the row". With ROW_FAILED err is set, else it is untouched. */
enum row {
    ROW_FOUND,
    ROW_NONE,
    ROW_FAILED,
};

enum db_capability {
    DB_ARRAYS = 1,        /* whole arrays can be bound: pages go as set statements */
    DB_SKIP_LOCKED = 2,   /* several writers: claims skip rows that others hold */
    DB_SEQUENCE_GAPS = 4, /* ids may commit out of order: readers need a horizon */
    DB_ONE_WRITER = 8,    /* writes are one after another: no lost update, no deadlock */
};

enum db_value_type {
    DB_VALUE_NULL,
    DB_VALUE_I64,
    DB_VALUE_TEXT,
    DB_VALUE_BLOB,
    DB_VALUE_I64_ARRAY,   /* arrays: with DB_ARRAYS only */
    DB_VALUE_TEXT_ARRAY,  /* an item that is STR_NONE is NULL */
    DB_VALUE_BLOB_ARRAY,
};

struct db_value {
    enum db_value_type type;
    int64_t number;
    struct str text;             /* also blob */
    const int64_t *numbers;      /* arrays: count items of the caller, alive during the call */
    const struct str *texts;
    size_t count;
};

#define DB_I(value) ((struct db_value){.type = DB_VALUE_I64, .number = (int64_t)(value)})
/* STR_NONE is NULL; an empty string is an empty text. */
#define DB_T(value) db_text_value(value)
#define DB_B(value) db_blob_value(value)
#define DB_NULL ((struct db_value){.type = DB_VALUE_NULL})
/* 0 becomes NULL: optional ids and times. */
#define DB_I0(value) db_optional_value(value)
#define DB_BOOL(value) DB_I((value) ? 1 : 0)
#define DB_I_ARRAY(items, n) ((struct db_value){.type = DB_VALUE_I64_ARRAY, .numbers = (items), .count = (n)})
#define DB_T_ARRAY(items, n) ((struct db_value){.type = DB_VALUE_TEXT_ARRAY, .texts = (items), .count = (n)})
#define DB_B_ARRAY(items, n) ((struct db_value){.type = DB_VALUE_BLOB_ARRAY, .texts = (items), .count = (n)})

/* Two arguments in one: db_exec(db, SQL_RUN_RELEASE, DB_ARGS(DB_I(run), DB_T(reason)), NULL, err). */
#define DB_ARGS(...)                                                                               \
    (const struct db_value[]){__VA_ARGS__}, sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)
#define DB_NO_ARGS NULL, 0

struct db_value db_text_value(struct str text);
struct db_value db_blob_value(struct str bytes);
struct db_value db_optional_value(int64_t number);

/* One row of the table that the build makes. */
struct db_statement {
    const char *name;            /* "run.fence" */
    const char *sqlite, *postgres;
    unsigned parameters;         /* highest $n */
};

struct db;
struct db_rows;
struct match_tail;
struct seen_tail;

/*
 * What a driver does. Functions follow the public ones below of the same name. `begin` of a reader opens
 * a read-only snapshot. `finish` of rows accepts rows that ended or failed.
 */
struct db_driver {
    const char *name;            /* "sqlite", "postgresql" */
    unsigned capabilities;
    void (*close)(struct db *db);
    bool (*begin)(struct db *db, bool write, struct err *err);
    bool (*commit)(struct db *db, struct err *err);
    void (*rollback)(struct db *db);
    void (*tidy)(struct db *db);  /* NULL: nothing is ever left to do */
    bool (*savepoint)(struct db *db, struct err *err);
    bool (*savepoint_keep)(struct db *db, struct err *err);
    bool (*savepoint_undo)(struct db *db, struct err *err);
    bool (*query)(struct db *db, unsigned statement, const struct db_value *values, size_t count,
                  struct db_rows *rows, struct err *err);
    /* NULL: a statement is run at once. one: E_OK, or the code when not exactly one row changes. */
    bool (*defer)(struct db *db, unsigned statement, const struct db_value *values, size_t count, enum err_code one,
                  struct err *err);
    enum row (*next)(struct db_rows *rows, struct err *err);
    bool (*is_null)(const struct db_rows *rows, unsigned column);
    int64_t (*i64)(const struct db_rows *rows, unsigned column);
    struct str (*text)(const struct db_rows *rows, unsigned column);
    struct str (*blob)(const struct db_rows *rows, unsigned column);
    int64_t (*changed)(const struct db_rows *rows);
    void (*finish)(struct db_rows *rows);
    bool (*script)(struct db *db, const char *text, struct err *err);
    int64_t (*now_us)(struct db *db);
};

/* Opens. NULL with err. `clock` must outlive the connection. */
enum db_sqlite_role {
    DB_SQLITE_WRITER,            /* the one connection that writes and checkpoints */
    DB_SQLITE_READER,
    DB_SQLITE_PROBE,             /* looks at a file without changing it, not even its log */
};
struct db *db_sqlite_open(const char *path, enum db_sqlite_role role, const struct clock *clock, struct err *err);
struct db_postgres_options {
    const char *conninfo;        /* URL or keywords; `tidemark_prepare=off` in front of it: see db_postgres.c */
    bool prepare;                /* false: a pooler without prepared statements stands between */
    const struct clock *clock;
    int lock_wait_ms, idle_ms;   /* 0: LIMIT_STORE_WAIT_MS, LIMIT_STORE_IDLE_MS */
};
struct db *db_postgres_open(const struct db_postgres_options *options, struct err *err);

#define DB_EFFECT_BYTES 128

struct db {
    const struct db_driver *driver;
    const struct clock *clock;   /* of the store */
    bool in_transaction;
    bool truncate_log;           /* SQLite: after the next commit nothing older stays in the log (somebody was erased) */
    bool lost;                   /* the connection is gone or not to be trusted: close it and open another */
    bool try_again;              /* the last failure was a deadlock or the like: the whole closure may be repeated */
    unsigned number;             /* of this connection among those that write: shards counters */
    uint64_t match_secret;       /* of this database: keys the hash of match keys */
    struct match_tail *match_tail; /* owned; SQLite's match keys that are not in their tree yet; NULL: not loaded */
    size_t match_tail_keys;      /* how many it may hold; 0: LIMIT_MATCH_TAIL_KEYS (tests: fewer) */
    struct seen_tail *seen_tail; /* owned; SQLite's known deliveries that are not in their tree yet; NULL: not loaded */
    size_t seen_tail_keys;       /* how many it may hold; 0: LIMIT_SEEN_TAIL_KEYS (tests: fewer) */
    int64_t first_new_record;    /* smallest records.id inserted by this closure; INT64_MAX: none */
    _Atomic uint64_t *identity_generation; /* of the store; NULL: nobody asks */
    bool identity_changed;       /* since the last commit */
    char effect[DB_EFFECT_BYTES]; /* what this closure made, for its rider (store.h); "": nothing noted */
};

/* A result being read. On the caller's stack; always ended by db_finish (db_next does it at the last row). */
struct db_rows {
    struct db *db;
    unsigned statement;
    void *handle;                /* the driver's */
    bool own_handle;             /* not from the cache: finalized at the end */
    int64_t row;                 /* index of the present row, -1 before the first */
    int64_t count;               /* PostgreSQL: rows there are */
    int64_t changed;
};

/*
 * Notes what this closure makes on somebody's request: kind and UUID. The first note of a closure counts. Whoever adds a
 * function that a creating POST ends in calls it there, so that its Idempotency-Key finds the thing after a crash.
 */
void db_note_effect(struct db *db, const char *kind, struct str uuid);

/* Notes that this closure changes who may come in, or a tenant: what is remembered of those is forgotten at the commit. */
void db_note_identity(struct db *db);

void db_close(struct db *db);                    /* accepts NULL */
bool db_can(const struct db *db, enum db_capability capability);

MUST_USE bool db_begin_write(struct db *db, struct err *err);
MUST_USE bool db_begin_read(struct db *db, struct err *err);
/* E_STORE_UNCERTAIN: nobody knows. Any other failure: rolled back. */
MUST_USE bool db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db);                 /* also after a failure; never fails */
/* Outside a transaction: what the commits before left to be done and nobody waits for. Else the next db_begin_write does it. */
void db_tidy(struct db *db);
/* What is noted of one closure is forgotten: another one begins in the same transaction. */
void db_closure_begins(struct db *db);
/* One level of savepoint inside a transaction. */
MUST_USE bool db_savepoint(struct db *db, struct err *err);
MUST_USE bool db_savepoint_keep(struct db *db, struct err *err);
MUST_USE bool db_savepoint_undo(struct db *db, struct err *err);

/* Runs a statement to its end. changed_out: rows inserted, updated or deleted; may be NULL. */
MUST_USE bool db_exec(struct db *db, unsigned statement, const struct db_value *values, size_t count, int64_t *changed_out,
                      struct err *err);
/* The same, and exactly one row must change: else `code` with the table's words. */
MUST_USE bool db_exec_one(struct db *db, unsigned statement, const struct db_value *values, size_t count,
                          enum err_code code, struct err *err);
/*
 * The same two for a caller that does not need to know now: where a round trip is dear the statement is sent and its
 * result read later; its failure then is that of a later call, COMMIT at the latest. Inside a write transaction only.
 */
MUST_USE bool db_defer(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct err *err);
MUST_USE bool db_defer_one(struct db *db, unsigned statement, const struct db_value *values, size_t count, enum err_code code,
                           struct err *err);
/* Begins reading. Values must live until db_finish. After true: db_next until it is not ROW_FOUND, or db_finish. */
MUST_USE bool db_query(struct db *db, unsigned statement, const struct db_value *values, size_t count,
                       struct db_rows *rows, struct err *err);
enum row db_next(struct db_rows *rows, struct err *err);
void db_finish(struct db_rows *rows);
/* Query and first row in one. After ROW_FOUND read columns, then db_finish; otherwise it is finished. */
enum row db_query_row(struct db *db, unsigned statement, const struct db_value *values, size_t count,
                      struct db_rows *rows, struct err *err);
/* The first column of the first row; ROW_NONE also when it is NULL. */
enum row db_query_i64(struct db *db, unsigned statement, const struct db_value *values, size_t count, int64_t *value_out,
                      struct err *err);

/* Columns of the present row, from 0. Texts live until the next db_next or db_finish; NULL gives 0 and STR_NONE. */
bool db_column_is_null(const struct db_rows *rows, unsigned column);
int64_t db_column_i64(const struct db_rows *rows, unsigned column);
bool db_column_bool(const struct db_rows *rows, unsigned column);
struct str db_column_text(const struct db_rows *rows, unsigned column);
struct str db_column_blob(const struct db_rows *rows, unsigned column);
/* A copy in a; NULL stays STR_NONE, and so does a copy for which the arena has no room (check with db_column_is_null). */
struct str db_column_text_copy(const struct db_rows *rows, unsigned column, struct arena *a);

/* Several statements in plain text without values: migrations, pragmas, tests. */
MUST_USE bool db_script(struct db *db, const char *text, struct err *err);

#endif
