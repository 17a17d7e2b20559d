/*
 * A driver that wraps another: counts statements, logs their names, and fails the Nth. For tests.
 */
#ifndef TIDEMARK_STORE_DB_TRACE_H
#define TIDEMARK_STORE_DB_TRACE_H

#include <stdatomic.h>

#include "store/db.h"

enum db_trace_at {
    DB_TRACE_STATEMENT,      /* before a statement runs: E_STORE, and the transaction goes on as far as the caller lets it */
    DB_TRACE_COMMIT,         /* before COMMIT: E_STORE, rolled back */
    DB_TRACE_COMMIT_LOST,    /* after COMMIT: E_STORE_UNCERTAIN, and the connection is lost (F9) */
    DB_TRACE_LOST,           /* before a statement runs: E_STORE, and the connection is lost */
};

/* Shared by all connections of a store; set before the calls that are to be counted. */
struct db_trace {
    atomic_int_fast64_t calls;       /* of the kind of `at`, since last set to 0 */
    atomic_int_fast64_t fail_at;     /* the Nth from 1 fails; 0: none */
    enum db_trace_at at;
    bool lasting;                    /* and every later one */
    bool log;                        /* names of statements to the log, at debug level */
    void (*before)(void *ctx, const char *statement); /* each statement, by its name; NULL */
    void *before_ctx;
};

/* As store_options.wrap, with a struct db_trace as wrap_ctx. Takes over `real`; on failure (no memory) returns real itself. */
struct db *db_trace_wrap(struct db *real, void *trace);

#endif
