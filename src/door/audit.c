#include "door/audit_priv.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "door/door_priv.h"
#include "door/routes_priv.h"
#include "store/store_audit.h"

#define LOOKS 4096
#define LOOK_AGAIN_US (10 * US_PER_MINUTE)
#define ROW_ARENA_BYTES (16 * 1024)
#define SUBJECT_BYTES_MAX 200
#define LIMIT_OTHERWISE 50

bool
audit_add(struct db *db, struct request *r, int64_t tenant, const char *action, struct str subject, struct err *err)
{
    struct audit audit = {.tenant = tenant,
                          .actor = r->who.subject,
                          .action = str_from_c(action),
                          .subject = subject,
                          .request_id = r->id,
                          .address = r->x->peer};
    r->audited = true;
    return store_audit_add(db, &audit, store_now(db), err);
}

/* ---- looks ---- */

struct audit_looks {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct look {
        uint64_t key;
        int64_t at_us;           /* monotonic */
    } looks[LOOKS];              /* under lock; two that share a place are written more often, which harms nobody */
};

struct audit_looks *
audit_looks_new(const struct clock *clock)
{
    struct audit_looks *l = alloc_zeroed(1, sizeof(*l));
    if (!l)
        return NULL;
    l->clock = clock;
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void
audit_looks_free(struct audit_looks *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static uint64_t
mix(uint64_t hash, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211); /* FNV-1a */
    return hash;
}

static bool
is_new_look(struct audit_looks *l, const struct request *r)
{
    uint64_t key = mix(UINT64_C(1469598103934665603) ^ (uint64_t)r->tenant.id, r->who.subject);
    key = mix(key, str_from_c(r->match.route->pattern)) | 1; /* 0 is a free place */
    int64_t now_us = clock_monotonic_us(l->clock);
    pthread_mutex_lock(&l->lock);
    struct look *look = &l->looks[key % LOOKS];
    bool is_new = look->key != key || now_us - look->at_us >= LOOK_AGAIN_US;
    if (is_new)
        *look = (struct look){key, now_us};
    pthread_mutex_unlock(&l->lock);
    return is_new;
}

/* ---- requests ---- */

struct audit_row {
    struct arena arena;          /* the texts of audit */
    struct audit audit;
};

static bool
write_row(struct db *db, void *ctx, struct err *err)
{
    struct audit_row *row = ctx;
    return store_audit_add(db, &row->audit, store_now(db), err);
}

static void
row_done(void *ctx, bool ok, const struct err *err)
{
    struct audit_row *row = ctx;
    if (!ok)
        log_err(LOG_ERROR, "a row of the audit log could not be written", err);
    arena_release(&row->arena);
    free(row);
}

static bool
is_due(struct request *r)
{
    if (!r->who.admin || r->audited || !r->match.route)
        return false;
    if (request_changes(r))
        return true;
    return r->tenant.id && r->tenant.id != r->who.tenant.id && is_new_look(r->door->looks, r);
}

void
audit_request(struct request *r)
{
    if (!is_due(r))
        return;
    struct audit_row *row = alloc_zeroed(1, sizeof(*row));
    if (!row)
        return;
    struct arena *a = &row->arena;
    arena_init(a, ROW_ARENA_BYTES);
    struct str subject = request_path_param(r, 0);
    row->audit = (struct audit){.tenant = r->tenant.id,
                                .actor = str_copy(a, r->who.subject),
                                .action = str_format(a, "%.*s %s", STR_ARG(r->x->method), r->match.route->pattern),
                                .subject = subject.len && subject.len <= SUBJECT_BYTES_MAX ? str_copy(a, subject) : STR_NONE,
                                .request_id = str_copy(a, r->id),
                                .address = str_copy(a, r->x->peer),
                                .status = r->reply.status};
    store_write_async(request_parts(r)->store, STORE_LAZY, write_row, row, row_done);
}

/* ---- GET /api/v1/audit ---- */

struct page {
    struct request *request;
    struct audit_filter filter;
    struct audit *rows;
    size_t count;
    int64_t total;
};

static bool
read_page(struct db *db, void *ctx, struct err *err)
{
    struct page *p = ctx;
    return store_audit_list(db, p->request->arena, &p->filter, &p->rows, &p->count, err) &&
           store_audit_total(db, &p->filter, LIMIT_COUNT_EXACT + 1, &p->total, err);
}

static void
write_audit(struct json_writer *w, const struct audit *audit)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "id", audit->id);
    json_add_time(w, "at", audit->at_us);
    json_add_str(w, "actor", audit->actor);
    json_add_str(w, "action", audit->action);
    json_add_str(w, "subject", audit->subject);
    json_add_str(w, "tenantId", audit->tenant_uuid);
    if (audit->status)
        json_add_i64(w, "status", audit->status);
    else
        json_add_null(w, "status");
    json_add_str(w, "address", audit->address);
    json_add_str(w, "requestId", audit->request_id);
    json_add_raw(w, "detail", audit->detail);
    json_end_object(w);
}

/* Of one tenant when one is named, else of all. */
bool
audit_list(struct request *r, struct err *err)
{
    struct paging paging;
    struct tenant tenant = {0};
    struct str named = identity_named_tenant(r);
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err))
        return false;
    if (!str_is_none(named) && !identity_tenant(&r->door->identity, &r->who, r->arena, named, &tenant, err))
        return false;
    struct page p = {.request = r, .filter = {.tenant = tenant.id, .actor = request_query(r, "actor"), .before = paging.after,
                                              .offset = paging.offset, .limit = (size_t)paging.limit}};
    if (!store_read(request_parts(r)->store, read_page, &p, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < p.count; i++)
        write_audit(w, &p.rows[i]);
    json_end_array(w);
    struct str next = p.count == p.filter.limit ? list_cursor_text(r->arena, p.rows[p.count - 1].id) : STR_NONE;
    return reply_end_counted_list(r, &paging, p.total, next, err);
}
