/*
 * What people ask of a vendor about their own data, and the vendor passes on: erase it, show it (LGPD, GDPR).
 *
 * Erasing is the engine's own (engine/edit.h), so it reaches what hangs on the record and what speaks of it, this event
 * among it. A vendor that asks for everything of an account to go has ended with it: the connection is deleted with what
 * only it knew. Nobody can be shown anything by a program: a person is told, once an event, by an alert.
 */
#include "hook/inbox_batch.h"

#include "engine/edit.h"
#include "engine/tell.h"
#include "store/store_history.h"

struct asking {
    struct arena *arena;
    const struct applier *applier;
    const struct webhook_record *request;
    int64_t event;
    struct record record;
    enum row row;
    const char *alert;
    struct str words;
};

static bool
read_record(struct db *db, void *ctx, struct err *err)
{
    struct asking *k = ctx;
    k->row = applier_record(k->applier, db, k->arena, k->request->stream, k->request->external_id, &k->record, err);
    return k->row != ROW_FAILED;
}

static bool
raise_alert(struct db *db, void *ctx, struct err *err)
{
    struct asking *k = ctx;
    const struct connection *c = applier_connection(k->applier);
    int64_t of = k->request->request == WEBHOOK_ERASE_ALL ? 0 : c->id; /* what is told of a connection goes with it */
    return tell_alert(db, c->tenant, of, 0, k->alert, k->words, store_now(db), err);
}

static bool
forget_event(struct db *db, void *ctx, struct err *err)
{
    struct asking *k = ctx;
    return store_erase_event(db, applier_connection(k->applier)->tenant, k->event, err);
}

/* The event is the last to go: whoever is interrupted finds it still there, and does it again. */
static bool
erase_record(struct inbox *in, struct asking *k, struct str *words_out, struct err *err)
{
    struct edit_by by = {.tenant = applier_connection(k->applier)->tenant, .actor = STR("webhook"), .request_id = STR(""),
                         .address = STR(""), .event = k->event};
    *words_out = STR_NONE;
    if (k->row == ROW_FOUND && !edit_erase(in->options.engine, &by, k->record.kind, k->record.uuid, err) && err->code != E_NOT_FOUND)
        return false;
    *err = (struct err){0};
    return inbox_write(in, forget_event, k, err);
}

static bool
tell_of_disclosure(struct inbox *in, struct asking *k, struct str *words_out, struct err *err)
{
    const struct webhook_record *r = k->request;
    k->alert = "data_request";
    if (k->row == ROW_FOUND)
        k->words = str_format(k->arena, "Somebody asked what is kept of him: %.*s %.*s of this connection, here /api/v1/%.*s/%.*s",
                              STR_ARG(r->stream), STR_ARG(r->external_id), STR_ARG(k->record.kind), STR_ARG(k->record.uuid));
    else
        k->words = str_format(k->arena, "Somebody asked what is kept of him: %.*s %.*s of this connection; nothing of that id is kept here",
                              STR_ARG(r->stream), STR_ARG(r->external_id));
    *words_out = k->words;
    return (!str_is_none(k->words) || err_no_memory(err)) && inbox_write(in, raise_alert, k, err);
}

/* The alert first: once the connection goes, nobody else knows of it. */
static bool
erase_everything(struct inbox *in, struct asking *k, struct str *words_out, struct err *err)
{
    const struct connection *c = applier_connection(k->applier);
    k->alert = "account_erased";
    k->words = str_format(k->arena, "The vendor asked that everything of %.*s be erased: connection %.*s is deleted with its records",
                          STR_ARG(c->account), STR_ARG(c->name));
    *words_out = k->words;
    return (!str_is_none(k->words) || err_no_memory(err)) && inbox_write(in, raise_alert, k, err) &&
           engine_connection_delete(in->options.engine, c->tenant, c->uuid, true, err);
}

/* Blocks on the store; may be repeated. words_out: what was done; STR_NONE: the event itself is gone, because it speaks of him too. */
static bool
obey(struct drain *d, const struct work_event *e, const struct webhook_record *request, struct str *words_out, struct err *err)
{
    struct inbox *in = d->in;
    struct asking k = {.arena = &d->arena, .applier = d->applier, .request = request, .event = e->row->id, .row = ROW_NONE};
    if (request->request == WEBHOOK_ERASE_ALL)
        return erase_everything(in, &k, words_out, err);
    if (!store_read(in->options.store, read_record, &k, err))
        return false;
    return request->request == WEBHOOK_ERASE ? erase_record(in, &k, words_out, err) : tell_of_disclosure(in, &k, words_out, err);
}

bool
batch_requests(struct drain *d, struct err *err)
{
    for (size_t i = 0; i < d->count; i++) {
        struct work_event *e = &d->events[i];
        struct err why = {0};
        if (e->request_count > 0 && !str_eq(e->row->trust, STR("signed")))
            batch_fail(e, (err_set(&why, E_UNAUTHORIZED, "Only a signed request is obeyed"), &why));
        for (size_t k = 0; e->fate == FATE_OPEN && k < e->request_count; k++) {
            if (obey(d, e, &e->records[k], &e->words, &why)) {
                e->fate = str_is_none(e->words) ? FATE_WRITTEN : FATE_OPEN;
                continue;
            }
            if (batch_is_ours(&why)) {
                *err = why;
                return false;
            }
            batch_fail(e, &why);
        }
    }
    return true;
}
