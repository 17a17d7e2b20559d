/* What world.c and world_view.c share. */
#ifndef TIDEMARK_SANDBOX_WORLD_PRIV_H
#define TIDEMARK_SANDBOX_WORLD_PRIV_H

#include "sandbox/world.h"

MUST_USE bool set_written(struct object *object, struct str written);

/* A unique text of this object may be new: the indexes that exist learn it. */
void unique_added(struct world *world, struct collection *c, uint32_t index);
void unique_free(struct unique *unique); /* accepts NULL */

#endif
