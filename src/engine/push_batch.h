/*
 * A batch of records on their way to a vendor: shared by the files of the push.
 *
 * Each function that returns bool for "go on" leaves in the batch why the run must stop here: `stop`, `err`, `wait_ms`. Worker's thread.
 */
#ifndef TIDEMARK_ENGINE_PUSH_BATCH_H
#define TIDEMARK_ENGINE_PUSH_BATCH_H

#include "engine/push.h"

struct push_batch {
    struct work *work;
    struct push_item *items;
    size_t count;
    struct err err;              /* why the run must stop here */
    enum push_answer stop;       /* PUSH_ANSWERED: it need not */
    int64_t wait_ms;
};

/* ---- push_batch.c */

/* In push->items; NULL with a count of 0: memory. */
struct push_item **push_batch_pick(struct push_batch *b, size_t *count_out, bool (*wanted)(const struct push_item *));
/* Keeps what became of them, in one transaction. False: the run must stop. */
bool push_batch_keep(struct push_batch *b, struct push_item *const *items, size_t count);
bool push_batch_keep_one(struct push_batch *b, struct push_item *item);
void push_batch_refuse(struct push_item *item, struct str reason);
/* What a call that was not answered as hoped means for its record and for the run. False: the run must stop here. */
bool push_batch_trouble(struct push_batch *b, struct push_item *item, enum push_answer answer, int64_t wait_ms, const struct err *why);
/* Is this result the item's: by its id, else by its key? */
bool push_batch_is_result(struct push_batch *b, const struct push_item *item, yyjson_val *record);
/* One call for all of them. What the answer does not name is left for single calls. False: the run must stop here. */
bool push_batch_call_many(struct push_batch *b, struct push_item *const *items, size_t count,
                          const struct template_operation *operation, yyjson_val *names, enum push_end end);

/* ---- push_walk.c */

/* True: everything of the stream is in the outbox, or need not be. */
bool push_is_queued(struct work *w);
enum step_result push_queue_all(struct work *w);

/* ---- push_create.c, push_update.c: all of the batch that is to be. False: the run must stop here. */

bool push_create_all(struct push_batch *b);
bool push_update_all(struct push_batch *b);
bool push_delete_all(struct push_batch *b);

#endif
