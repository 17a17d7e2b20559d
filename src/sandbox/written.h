/*
 * What a client wrote to an object, laid over what the generator makes of its number. For the files of vendors.
 */
#ifndef TIDEMARK_SANDBOX_WRITTEN_H
#define TIDEMARK_SANDBOX_WRITTEN_H

#include "json/json.h"
#include "sandbox/world.h"

/* The members that were written, in a; NULL when there are none. */
yyjson_val *written_of(const struct object *o, struct arena *a);
/* The text of one of them, else `otherwise`; a written null is STR_NONE. */
struct str written_text(yyjson_val *written, const char *name, struct str otherwise);
/* Lays more members over those that were written. False without memory. */
MUST_USE bool written_add(struct world *world, struct collection *c, uint32_t index, yyjson_val *members, struct arena *a);

#endif
