/*
 * What a person may set on a connection: checked, and laid over a row.
 */
#ifndef TIDEMARK_ENGINE_CONNECTION_CHANGE_H
#define TIDEMARK_ENGINE_CONNECTION_CHANGE_H

#include "engine/engine_priv.h"

/* Checks all but the configuration: words, streams, schedule, mapping. E_VALIDATION_FAILED with items. */
MUST_USE bool change_check(struct engine *e, struct arena *a, const struct template *t,
                           const struct connection_change *change, struct err *err);
/* Lays it over the row, all but the configuration; texts live in a. E_NO_MEMORY. */
MUST_USE bool change_apply(struct engine *e, struct arena *a, const struct template *t,
                           const struct connection_change *change, struct connection *connection, struct err *err);
/* config with the api key as its primary secret; NULL when neither was given, or memory is out (err). */
yyjson_val *change_config(struct arena *a, const struct template *t, const struct connection_change *change, struct err *err);
/* Does the change itself bring a new primary secret? The mask of the old one is none. */
bool change_has_secret(const struct template *t, const struct connection_change *change);

#endif
