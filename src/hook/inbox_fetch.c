/*
 * What only the vendor can say is fetched: each record once, however many events of the batch are about it, and what came of it
 * is shared among them.
 */
#include "hook/inbox_batch.h"

static bool
same_record(const struct apply_item *a, const struct webhook_record *ra, const struct apply_item *b, const struct webhook_record *rb)
{
    return str_eq(a->stream, b->stream) && str_eq(a->id, b->id) &&
           (ra->slice == rb->slice || (ra->slice != NULL && rb->slice != NULL && json_equal(ra->slice, rb->slice)));
}

struct fetched {
    struct drain *drain;
    struct apply_item item;
};

static bool
commit_fetched(struct db *db, void *ctx, struct err *err)
{
    struct fetched *f = ctx;
    struct drain *d = f->drain;
    arena_rewind(&d->arena, d->mark);
    return store_inbox_fence(db, d->queue, store_now(db) + d->in->options.lease_ms * US_PER_MS, err) &&
           applier_commit(d->applier, db, &d->arena, &f->item, d->now_us, err);
}

/* Brings one record here. *gone_out: the vendor has none. */
static bool
fetch_record(struct drain *d, const struct apply_item *wanted, const struct webhook_record *r, struct fetched *f, bool *gone_out,
             struct err *err)
{
    yyjson_val *record = NULL;
    int64_t observed = 0;
    arena_clear(&d->page);
    atomic_fetch_add(&d->in->fetches, 1);
    if (!applier_fetch(d->applier, &d->page, wanted->stream, wanted->id, r->slice, &record, &observed, err))
        return false;
    *gone_out = record == NULL;
    if (record == NULL && !wanted->deleted)
        return true; /* absent, and nobody said that it was deleted: the next full pass will look */
    *f = (struct fetched){d, {.stream = wanted->stream, .external_id = wanted->id, .record = record, .whole = true,
                              .deleted = record == NULL, .certain = true, .observed_us = observed}};
    d->mark = arena_mark(&d->arena);
    return inbox_write(d->in, commit_fetched, f, err);
}

/* What came of a fetch, for every event that waited for this record. */
static void
share(struct drain *d, const struct apply_item *wanted, const struct webhook_record *r, const struct fetched *f, bool gone,
      const struct err *err)
{
    struct apply_item key = *wanted;
    for (size_t i = 0; i < d->count; i++) {
        struct work_event *e = &d->events[i];
        for (size_t k = 0; k < e->count; k++) {
            if (e->items[k].result != APPLY_FETCH || !same_record(&e->items[k], &e->records[k], &key, r))
                continue;
            e->items[k].result = APPLY_DONE;
            e->items[k].record_id = f->item.record_id;
            if (err->code != E_OK && e->fate == FATE_OPEN)
                batch_fail(e, err);
            else if (f->item.result == APPLY_REJECTED && e->fate == FATE_OPEN) {
                e->fate = FATE_FAILED;
                err_set(&e->err, E_VALIDATION_FAILED, "%.*s", STR_ARG(f->item.reason));
            } else if (gone && !e->items[k].deleted)
                e->words = STR("The vendor has no such record");
        }
    }
}

static bool
fetch_one(struct drain *d, const struct apply_item *wanted, const struct webhook_record *r, struct err *err)
{
    struct fetched f = {.drain = d};
    bool gone = false;
    struct err why = {0};
    if (wanted->id.len == 0)
        err_set(&why, E_VALIDATION_FAILED, "The event does not say which record it is about");
    else if (!fetch_record(d, wanted, r, &f, &gone, &why) && batch_is_ours(&why)) {
        *err = why;
        return false;
    }
    share(d, wanted, r, &f, gone, &why);
    return true;
}

/* Items of hints have not been looked at yet. */
static void
name_hints(struct drain *d)
{
    for (size_t i = 0; i < d->count; i++)
        for (size_t k = 0; d->events[i].hint && k < d->events[i].count; k++)
            d->events[i].items[k].id = d->events[i].items[k].external_id;
}

bool
batch_fetch(struct drain *d, struct err *err)
{
    name_hints(d);
    for (size_t i = 0; i < d->count; i++) {
        struct work_event *e = &d->events[i];
        for (size_t k = 0; e->fate == FATE_OPEN && k < e->count; k++) {
            if (e->items[k].result != APPLY_FETCH)
                continue;
            if (inbox_is_stopping(d->in))
                return err_set(err, E_SHUTTING_DOWN, NULL);
            if (!fetch_one(d, &e->items[k], &e->records[k], err))
                return false;
        }
    }
    return true;
}
