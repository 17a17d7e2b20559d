/*
 * A batch of events on their way: what the files that apply them share. inbox_apply.c takes it from the queue and ends it; in
 * between each step settles what it can, and leaves the rest of an event open for the next one.
 *
 *     apply      (inbox_apply.c)    what came, in one transaction
 *     fetch      (inbox_fetch.c)    what only the vendor can say
 *     lead       (inbox_lead.c)     contacts that become leads
 *     request    (inbox_request.c)  what people ask about their own data
 *
 * A step fails only for a reason of ours (batch_is_ours): then the batch is left as it is, and is due again. What fails for a reason of the
 * event's own is the event's fate.
 */
#ifndef TIDEMARK_HOOK_INBOX_BATCH_H
#define TIDEMARK_HOOK_INBOX_BATCH_H

#include "base/rng.h"
#include "hook/inbox_priv.h"

/* What has become of an event. */
enum fate {
    FATE_OPEN,              /* something of it is still to be done */
    FATE_WRITTEN,           /* its row says so already */
    FATE_APPLIED,
    FATE_FAILED,            /* for good */
    FATE_LATER,
};

struct work_event {
    const struct inbox_event *row;
    struct http_headers headers;
    struct webhook_body body;
    struct webhook_record *records;
    struct apply_item *items;
    size_t count;
    size_t request_count;   /* of records; then nothing is applied: count is 0 */
    bool hint, lead;
    bool rejected;          /* by the closure: what made it fail is written with it, or undone with it */
    enum fate fate;
    struct err err;         /* why it is failed or later */
    struct str words;       /* said with "applied" */
};

/* A queue that is being emptied; its worker alone touches it, and the writer while that waits for it. */
struct drain {
    struct inbox *in;
    struct inbox_worker *worker;
    struct inbox_queue *queue;
    struct applier *applier;
    int64_t opened_us;
    int64_t changed_us;     /* the connection was, when the batch was read */
    struct arena arena;     /* of the batch */
    struct arena page;      /* of one fetch */
    struct arena_mark mark; /* the closure's work begins here */
    struct inbox_event *rows;
    struct work_event *events;
    size_t count;
    size_t careful;         /* so many events go one by one, and are counted first; then in batches again */
    int64_t now_us;
    struct rng rng;
};

/* The store's reasons, and that the inbox stops: nothing an event can help. */
bool batch_is_ours(const struct err *err);
/* Why this event is not applied: for good, or for now. */
void batch_fail(struct work_event *e, const struct err *why);

/* Fetches each record that an open event waits for, once. */
MUST_USE bool batch_fetch(struct drain *d, struct err *err);
/* Contacts of open events that are marked so become leads. */
MUST_USE bool batch_leads(struct drain *d, struct err *err);
/*
 * Does what a person asked the vendor for: his record is erased, everything of the connection is, or those who run this are told that
 * he wants to see what is kept. Only for signed events.
 */
MUST_USE bool batch_requests(struct drain *d, struct err *err);

#endif
