/*
 * What the delete guard holds back (I-9): seen by a person, and confirmed by one.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "store/store_delete.h"

#define LIMIT_OTHERWISE 50

struct held {
    struct request *request;
    int64_t run, after;
    size_t limit, skip;          /* skip: rows of the pages before */
    struct delete_held *rows;
    size_t count;
    int64_t total;
};

/* The list is kept by map id; pages by number walk over what lies before. */
static bool
read_held(struct db *db, void *ctx, struct err *err)
{
    struct held *h = ctx;
    struct request *r = h->request;
    int64_t after = h->after;
    size_t skip = h->skip;
    while (skip > 0) {
        size_t step = skip < LIMIT_LIST_MAX ? skip : LIMIT_LIST_MAX;
        struct arena_mark mark = arena_mark(r->arena);
        if (!store_delete_held(db, r->arena, r->tenant.id, h->run, after, step, &h->rows, &h->count, NULL, err))
            return false;
        after = h->count ? h->rows[h->count - 1].map : after;
        skip = h->count < step ? 0 : skip - step;
        arena_rewind(r->arena, mark);
    }
    return store_delete_held(db, r->arena, r->tenant.id, h->run, after, h->limit, &h->rows, &h->count, &h->total, err);
}

bool
deletes_list(struct request *r, struct err *err)
{
    struct paging paging;
    struct run run;
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err) || !find_run(r, request_path_param(r, 0), &run, err))
        return false;
    struct held h = {.request = r, .run = run.id, .after = paging.after, .limit = (size_t)paging.limit,
                     .skip = paging.offset};
    if (!store_read(request_parts(r)->store, read_held, &h, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < h.count; i++) {
        json_begin_object(w, NULL);
        json_add_str(w, "entityType", h.rows[i].kind);
        json_add_str(w, "externalId", h.rows[i].external_id);
        json_add_str(w, "recordId", h.rows[i].record_uuid);
        json_add_str(w, "title", h.rows[i].title);
        json_add_time(w, "heldAt", h.rows[i].held_us);
        json_end_object(w);
    }
    json_end_array(w);
    struct str next = h.count == h.limit ? list_cursor_text(r->arena, h.rows[h.count - 1].map) : STR_NONE;
    return reply_end_list(r, &paging, h.total, next, err);
}

bool
deletes_confirm(struct request *r, struct err *err)
{
    struct run run;
    int64_t deleted;
    if (!find_run(r, request_path_param(r, 0), &run, err) ||
        !engine_deletes_confirm(request_parts(r)->engine, r->tenant.id, run.uuid, &deleted, err))
        return false;
    struct json_writer *w = reply_object(r, 200);
    json_add_str(w, "runId", run.uuid);
    json_add_i64(w, "deleted", deleted);
    return reply_object_end(r, err);
}
