/*
 * Parts of the walk over partitions. For walk.c and walk_group.c.
 */
#ifndef TIDEMARK_TEMPLATE_WALK_PRIV_H
#define TIDEMARK_TEMPLATE_WALK_PRIV_H

#include "template/reader_priv.h"

/* Reads the parts from w->draining on to their end, into w->lists. WALK_PARTITION: done. */
enum walk_step walk_drain(struct walk *w, struct arena *page, enum reader_step *step_out, struct reader_event *event, struct err *err);
/* Is what was drained enough for the first group, where no more is wanted (manifest requests)? */
bool walk_group_suffices(const struct walk *w);
/* The next group of what parts[0] gives. */
enum walk_step walk_group_step(struct walk *w, struct arena *page, yyjson_val **entry_out, enum reader_step *step_out,
                               struct reader_event *event, struct err *err);

#endif
