/*
 * A driver without a database: it answers from a script. For tests of what a noun does with an answer
 * that a real database gives once a year.
 *
 * The script is a list of expected statements in order, each with what comes back. Another statement
 * than the expected one fails the CHECK of the driver, so a test also proves what was asked.
 */
#ifndef TIDEMARK_STORE_DB_SCRIPT_H
#define TIDEMARK_STORE_DB_SCRIPT_H

#include "store/db.h"

#define DB_SCRIPT_COLUMNS_MAX 64

struct db_script_row {
    struct db_value columns[DB_SCRIPT_COLUMNS_MAX]; /* those not given are NULL */
};
struct db_script_step {
    const char *statement;           /* its name, or "begin", "commit", "rollback" */
    enum err_code fails;             /* E_OK: it answers */
    int64_t changed;
    const struct db_script_row *rows;
    size_t row_count;
};

/* steps end with one whose statement is NULL, and live as long as the connection. NULL: no memory. */
struct db *db_script_new(const struct db_script_step *steps, unsigned capabilities, const struct clock *clock);
/* Were all steps taken? */
bool db_script_is_done(const struct db *db);

#endif
