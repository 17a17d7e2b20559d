/*
 * What the files of the PostgreSQL driver share. For db_postgres*.c alone.
 *
 *     db_postgres.c            transactions, statements, opening
 *     db_postgres_pipeline.c   what is sent and not yet read; errors
 *     db_postgres_value.c      values to the server
 *     db_postgres_column.c     columns from it
 *     db_postgres_copy.c       whole tables, for backups
 */
#ifndef TIDEMARK_STORE_DB_POSTGRES_PRIV_H
#define TIDEMARK_STORE_DB_POSTGRES_PRIV_H

#include <libpq-fe.h>

#include "base/buf.h"
#include "sql.h"
#include "store/db.h"

#define POSTGRES_PARAMETERS_MAX 64
#define POSTGRES_ARRAYS_BYTES_MAX (256L * 1024 * 1024) /* the arrays of one statement */
#define NUMBER_TEXT_BYTES 24
#define SETTINGS_TEXT_BYTES 512

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25, OID_NUMERIC = 1700,
       OID_BYTEA_ARRAY = 1001, OID_TEXT_ARRAY = 1009, OID_INT8_ARRAY = 1016 };

/* Something that was sent and whose result has not been read. */
struct pending {
    enum { PENDING_COMMAND, PENDING_PREPARE, PENDING_CLOCK, PENDING_EXEC, PENDING_EXEC_ONE, PENDING_QUERY, PENDING_COMMIT } kind;
    unsigned statement;
    enum err_code code;           /* PENDING_EXEC_ONE: when not one row changed */
};

#define PENDING_MAX 64

struct db_postgres {
    struct db base;               /* first: a struct db * is a struct db_postgres * */
    PGconn *connection;
    bool prepare;
    bool committing;
    bool prepared[SQL_COUNT];     /* or on its way */
    struct buf arrays;            /* of the statement that is being sent */
    struct pending pending[PENDING_MAX];
    unsigned pending_count;
    uint64_t transactions;        /* begun on this connection */
    char write_settings[SETTINGS_TEXT_BYTES];
    int64_t began_us, began_monotonic_us; /* the database clock at the beginning of this transaction; 0: not known yet */
};

/* What PQexecParams wants, filled from db_values. Texts point into the values, numbers into `numbers`. */
struct parameters {
    Oid types[POSTGRES_PARAMETERS_MAX];
    const char *values[POSTGRES_PARAMETERS_MAX];
    int lengths[POSTGRES_PARAMETERS_MAX], formats[POSTGRES_PARAMETERS_MAX];
    size_t offsets[POSTGRES_PARAMETERS_MAX]; /* of arrays in db_postgres.arrays, which moves while it grows */
    char numbers[POSTGRES_PARAMETERS_MAX][NUMBER_TEXT_BYTES];
    struct buf texts;             /* NUL-terminated copies of texts */
};

static inline struct db_postgres *
own(struct db *db)
{
    return (struct db_postgres *)db;
}

/* ---- db_postgres_pipeline.c ---- */

/* The connection is gone: E_STORE_UNCERTAIN while COMMIT is under way. */
bool fail_lost(struct db_postgres *p, struct err *err);
/* A result that is not good, as one of our codes; `statement` is for the log. */
bool fail_result(struct db_postgres *p, const PGresult *result, const char *statement, struct err *err);
bool result_is_good(const PGresult *result);
int64_t rows_changed(PGresult *result);
/* Reads all that was sent. Without an error query_out is the result of the PENDING_QUERY, if there was one. */
MUST_USE bool drain(struct db_postgres *p, PGresult **query_out, struct err *err);
/* Room for what is to be sent next. */
MUST_USE bool enter_pipeline(struct db_postgres *p, struct err *err);
bool leave_pipeline(struct db_postgres *p, struct err *err);
void note_sent(struct db_postgres *p, struct pending q);
MUST_USE bool send_command(struct db_postgres *p, const char *text, struct pending q, struct err *err);

/* ---- db_postgres_value.c ---- */

/* q->texts is the caller's, initialised. E_VALIDATION_FAILED for a text with NUL, E_TOO_LARGE. */
MUST_USE bool fill_parameters(struct db_postgres *p, struct parameters *q, const struct db_value *values, size_t count,
                              struct err *err);

/* ---- db_postgres_column.c: see struct db_driver ---- */

bool postgres_is_null(const struct db_rows *rows, unsigned column);
struct str postgres_bytes(const struct db_rows *rows, unsigned column);
int64_t postgres_i64(const struct db_rows *rows, unsigned column);

#endif
