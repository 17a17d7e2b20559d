/*
 * Whole tables out of and into PostgreSQL, for backups. The rows are COPY's text, which every version reads.
 */
#include "store/db_postgres_priv.h"
#include "store/store_dump_priv.h"

static bool
copy_begin(struct db_postgres *p, const char *command, ExecStatusType wanted, struct err *err)
{
    if (!leave_pipeline(p, err))
        return false;
    PGresult *result = PQexec(p->connection, command);
    bool ok = PQresultStatus(result) == wanted || fail_result(p, result, "copy", err);
    PQclear(result);
    return ok;
}

/* What the server says of the whole command. */
static bool
copy_end(struct db_postgres *p, struct err *err)
{
    bool ok = true;
    PGresult *result;
    while ((result = PQgetResult(p->connection)) != NULL) {
        ok = ok && (result_is_good(result) || fail_result(p, result, "copy", err));
        PQclear(result);
    }
    return ok;
}

bool
db_postgres_copy_out(struct db *db, const char *command, dump_bytes_fn *take, void *ctx, struct err *err)
{
    struct db_postgres *p = own(db);
    if (!copy_begin(p, command, PGRES_COPY_OUT, err))
        return false;
    char *bytes;
    int len;
    bool ok = true;
    while ((len = PQgetCopyData(p->connection, &bytes, 0)) > 0) {
        ok = ok && take(ctx, (struct str){bytes, (size_t)len}, err); /* after a failure the rest is only swallowed */
        PQfreemem(bytes);
    }
    if (len == -2 && ok)
        ok = fail_lost(p, err);
    struct err ignored;
    return copy_end(p, ok ? err : &ignored) && ok;
}

bool
db_postgres_copy_in(struct db *db, const char *command, dump_give_fn *give, void *ctx, struct err *err)
{
    struct db_postgres *p = own(db);
    if (!copy_begin(p, command, PGRES_COPY_IN, err))
        return false;
    struct str bytes;
    bool ok = true;
    while (ok && (ok = give(ctx, &bytes, err)) && bytes.len > 0)
        ok = PQputCopyData(p->connection, bytes.ptr, (int)bytes.len) == 1 || fail_lost(p, err);
    if (PQputCopyEnd(p->connection, ok ? NULL : "the file is damaged") != 1 && ok)
        ok = fail_lost(p, err);
    struct err ignored;
    return copy_end(p, ok ? err : &ignored) && ok;
}
