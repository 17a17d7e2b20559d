/*
 * Deletes by full pass, without a write per unchanged row (design, section 5).
 *
 * Each page of a full pass leaves one row with the map ids it saw (page_mark.seen_maps). After the pass
 * ended complete and error-free, they are read into a set of a few bytes per thousand ids
 * (store_delete_seen) and the stream's maps are walked in batches (store_delete_candidates). Rows made or
 * seen by a single fetch since the pass began are no candidates.
 *
 * A pass is (run, stream). Its rows go with store_delete_forget, also when a changed filter, mapping or
 * config voids it.
 */
#ifndef TIDEMARK_STORE_STORE_DELETE_H
#define TIDEMARK_STORE_STORE_DELETE_H

#include "store/store_gone.h"
#include "store/store_page.h"

/* A set of ids >= 0: exact, compact for dense and for sparse ones. On the heap, until id_set_free. */
struct id_set;
struct id_set *id_set_new(void);                             /* NULL: no memory */
void id_set_free(struct id_set *set);                        /* accepts NULL */
MUST_USE bool id_set_add(struct id_set *set, int64_t id);    /* false: no memory */
bool id_set_has(const struct id_set *set, int64_t id);
int64_t id_set_count(const struct id_set *set);

/* Adds what the pages of this pass saw. */
MUST_USE bool store_delete_seen(struct db *db, int64_t tenant, int64_t run, int64_t stream, struct id_set *set,
                                struct err *err);

struct delete_candidate {
    int64_t map, record;
    struct str external_id;
};
/*
 * One batch: walks at most `walk` maps of the stream after external id `after` (STR_NONE: from the start)
 * and gives those that are live, not in seen, and not observed or made since began_us. last_out is
 * the place to go on from, STR_NONE at the end.
 */
MUST_USE bool store_delete_candidates(struct db *db, struct arena *a, int64_t tenant, int64_t stream,
                                      const struct id_set *seen, int64_t began_us, struct str after, size_t walk,
                                      struct delete_candidate **rows_out, size_t *count_out, struct str *last_out,
                                      struct err *err);
/* The parents that this pass of a substream has read to their end: map ids of the parents' stream. */
MUST_USE bool store_delete_visited(struct db *db, int64_t tenant, int64_t run, int64_t stream, struct id_set *set,
                                   struct err *err);
/*
 * Of candidates of a substream, keeps those whose parent was visited by the pass, or is itself gone: the children of a
 * parent that nobody looked at are not known to be gone. rows is compacted, *count lowered.
 */
MUST_USE bool store_delete_of_visited(struct db *db, int64_t tenant, int64_t parent_stream, const struct id_set *visited,
                                      struct delete_candidate *rows, size_t *count, struct err *err);
/* Live maps of the stream: what the guard's percentage is of. */
MUST_USE bool store_delete_live_count(struct db *db, int64_t tenant, int64_t stream, int64_t *count_out, struct err *err);
/*
 * Marks maps deleted, and their records where no live map is left; history and feed row included, the
 * stream's counters too. Rows observed since began_us are left alone. deleted_out: maps marked. Call it
 * after store_page_fence in the same closure, with the fence's own page mark after it. gone (NULL: nobody
 * asks): the records that went are added, for match_keys_release in the same closure.
 */
MUST_USE bool store_delete_apply(struct db *db, int64_t tenant, int64_t stream, int64_t connection, int64_t run,
                                 const struct delete_candidate *rows, size_t count, int64_t began_us, int64_t now_us,
                                 struct gone_list *gone, int64_t *deleted_out, struct err *err);
/* The rows of the pass go. stream 0: of all streams of the run. */
MUST_USE bool store_delete_forget(struct db *db, int64_t tenant, int64_t run, int64_t stream, struct err *err);

/* The guard (I-9): holds candidates back for a person. */
MUST_USE bool store_delete_hold(struct db *db, int64_t tenant, int64_t run, int64_t stream,
                                const struct delete_candidate *rows, size_t count, int64_t began_us, int64_t now_us,
                                struct err *err);
struct delete_held {
    int64_t map;             /* give it back as `after` */
    struct str stream_name, kind, external_id, record_uuid, title;
    int64_t held_us;
};
/* map > after, in order. total_out may be NULL: all that are held of this run. */
MUST_USE bool store_delete_held(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t after, size_t limit,
                                struct delete_held **rows_out, size_t *count_out, int64_t *total_out, struct err *err);
/*
 * A person confirms: one batch is applied (those seen again since are let go). more_out: call again in
 * another write. deleted_out: maps marked by this call; the run's `missing` is raised too. gone: as above.
 */
MUST_USE bool store_delete_confirm(struct db *db, int64_t tenant, int64_t run, int64_t now_us, struct gone_list *gone,
                                   int64_t *deleted_out, bool *more_out, struct err *err);

#endif
