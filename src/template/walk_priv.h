/*
 * Parts of the walk over partitions. For walk.c and walk_*.c.
 */
#ifndef TIDEMARK_TEMPLATE_WALK_PRIV_H
#define TIDEMARK_TEMPLATE_WALK_PRIV_H

#include "template/reader_priv.h"

static inline enum walk_step
walk_fail(enum reader_step *step_out)
{
    *step_out = READER_FAILED;
    return WALK_EVENT;
}

/* The next entry of the list held, or WALK_END. */
enum walk_step walk_list_step(struct walk *w, yyjson_val **entry_out);
bool walk_entry_add(yyjson_mut_doc *doc, yyjson_mut_val *list, yyjson_mut_val *partition, yyjson_mut_val *extra);

/* ---- walk_substream.c */
bool walk_looks_ahead(const struct walk *w);
enum walk_step walk_substream_step(struct walk *w, yyjson_val **entry_out, enum reader_step *step_out, struct reader_event *event,
                                   struct err *err);

/* ---- walk_group.c, walk_drain in walk.c */

/* Reads the parts from w->draining on to their end, into w->lists. WALK_PARTITION: done. */
enum walk_step walk_drain(struct walk *w, struct arena *page, enum reader_step *step_out, struct reader_event *event, struct err *err);
/* Is what was drained enough for the first group, where no more is wanted (manifest requests)? */
bool walk_group_suffices(const struct walk *w);
/* The next group of what parts[0] gives. */
enum walk_step walk_group_step(struct walk *w, struct arena *page, yyjson_val **entry_out, enum reader_step *step_out,
                               struct reader_event *event, struct err *err);

#endif
