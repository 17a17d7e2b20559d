/*
 * The tail of SQLite's known deliveries, in memory: those that are not in their tree yet.
 *
 * A delivery is known by a digest, which may lie anywhere in its tree: a page of the log for each of them, while events
 * wait for their answer. So the newest wait here, and in a table that only grows at its end. When there are many they turn old:
 * sorted, they go into the tree a few at a time, many to a page, while the next ones gather. store_inbox_seen.c reads and
 * writes the table that this is a copy of. No SQL here. One thread.
 *
 * What was put since a mark can be undone, as its row in the table is. Where more than puts happened since, the
 * whole copy must be dropped and read anew.
 */
#ifndef TIDEMARK_STORE_SEEN_TAIL_H
#define TIDEMARK_STORE_SEEN_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_DELIVERY_BYTES 16

struct seen_entry {
    int64_t tenant, connection;
    unsigned char delivery[SEEN_DELIVERY_BYTES];
    int64_t received_us;
};

struct seen_mark {
    size_t young_count, merged_count;
    int64_t last_id;
    bool reshaped;                   /* since: not to be undone by counting back */
};

struct seen_tail {
    struct seen_entry *young;        /* owned; in the order of their arrival */
    size_t young_count, young_size;
    uint32_t *slots;                 /* owned; place in young + 1, by hash; a power of two, at most half full */
    size_t slot_count;
    struct seen_entry *old;          /* owned; sorted as the tree is; NULL: nothing is being merged */
    size_t old_count, merged_count;  /* of old: so many are in the tree */
    int64_t last_id, old_last_id;    /* newest row of the table; newest of old */
    int64_t trim_id;                 /* rows up to this one are in the tree and may go; 0: none */
    struct seen_mark transaction, savepoint;
};

struct seen_tail *seen_tail_new(void);           /* empty; NULL: no memory */
void seen_tail_free(struct seen_tail *tail);     /* accepts NULL */
/* NULL: the tree says. Valid until the next put or turn. */
struct seen_entry *seen_tail_find(struct seen_tail *tail, const struct seen_entry *key);
/* Adds one that is not there. False: no memory, nothing changed. */
bool seen_tail_put(struct seen_tail *tail, const struct seen_entry *entry);
/* What is young turns old. Nothing may be old. */
void seen_tail_turn(struct seen_tail *tail);
void seen_tail_drop_old(struct seen_tail *tail);
/* More than puts is being done: what was marked cannot be gone back to. */
void seen_tail_reshape(struct seen_tail *tail);

void seen_tail_mark(struct seen_tail *tail, struct seen_mark *mark);
/* Back to the mark. False: it cannot; drop the tail. */
bool seen_tail_undo(struct seen_tail *tail, const struct seen_mark *mark);

#endif
