/*
 * Contacts that become leads, where the template's table says so (engine/lead.h).
 */
#include "engine/lead.h"
#include "hook/inbox_batch.h"
#include "store/store_record.h"

struct contact_read {
    struct drain *drain;
    int64_t record;
    struct record found;
    enum row row;
};

static bool
read_contact(struct db *db, void *ctx, struct err *err)
{
    struct contact_read *c = ctx;
    c->row = store_record_get_by_id(db, &c->drain->arena, c->drain->queue->tenant, c->record, &c->found, err);
    return c->row != ROW_FAILED;
}

/* The contact is committed; killed before this, the event is done again, and the lead is made then. */
static bool
intake_lead(struct drain *d, const struct apply_item *item, struct err *err)
{
    struct contact_read c = {.drain = d, .record = item->record_id};
    if (item->record_id == 0 || item->id.len == 0 || item->result != APPLY_DONE)
        return true;
    if (!store_read(d->in->options.store, read_contact, &c, err))
        return false;
    if (c.row != ROW_FOUND || c.found.deleted_us != 0)
        return true;
    yyjson_val *contact = json_parse(&d->arena, c.found.data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    return contact != NULL && lead_intake(d->in->options.engine, &d->arena, applier_connection(d->applier), item->id,
                                          item->record_id, contact, err);
}

bool
batch_leads(struct drain *d, struct err *err)
{
    for (size_t i = 0; i < d->count; i++) {
        struct work_event *e = &d->events[i];
        for (size_t k = 0; e->lead && e->fate == FATE_OPEN && k < e->count; k++) {
            struct err why = {0};
            if (!e->records[k].lead || e->records[k].deleted || intake_lead(d, &e->items[k], &why))
                continue;
            if (batch_is_ours(&why)) {
                *err = why;
                return false;
            }
            batch_fail(e, &why);
        }
    }
    return true;
}
