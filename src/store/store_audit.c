#include "store/store_audit.h"

#include "store/store_priv.h"

bool
store_audit_add(struct db *db, const struct audit *audit, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_AUDIT_ADD, DB_ARGS(DB_I(audit->tenant), DB_T(audit->actor), DB_T(audit->action),
                   DB_T(audit->subject), DB_T(audit->detail), DB_T(audit->request_id), DB_T(audit->address), DB_I(now_us),
                   DB_I0(audit->status)), NULL, err);
}

static void
audit_read(struct row_reader *r, void *item)
{
    struct audit *audit = item;
    audit->id = read_i64(r);
    audit->tenant = read_i64(r);
    audit->actor = read_text(r);
    audit->action = read_text(r);
    audit->subject = read_text(r);
    audit->detail = read_text(r);
    audit->request_id = read_text(r);
    audit->address = read_text(r);
    audit->at_us = read_i64(r);
    audit->status = read_i64(r);
    audit->tenant_uuid = read_text(r);
}

bool
store_audit_list(struct db *db, struct arena *a, const struct audit_filter *f, struct audit **rows_out, size_t *count_out,
                 struct err *err)
{
    struct list list = LIST_OF(a, struct audit);
    if (!store_rows(db, SQL_AUDIT_LIST, DB_ARGS(DB_I(f->tenant), DB_I(f->before), DB_T(f->actor), DB_I(f->limit), DB_I(f->offset)), &list,
                    audit_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_audit_total(struct db *db, const struct audit_filter *f, int64_t count_max, int64_t *total_out, struct err *err)
{
    return db_query_i64(db, SQL_AUDIT_TOTAL, DB_ARGS(DB_I(f->tenant), DB_T(f->actor), DB_I(count_max)), total_out, err) == ROW_FOUND;
}
