/*
 * What json.c and json_order.c have of each other.
 */
#ifndef TIDEMARK_JSON_JSON_PRIV_H
#define TIDEMARK_JSON_JSON_PRIV_H

#include "json/json.h"

/* Anything but an object or an array. False: the buffer is full. */
bool json_write_scalar(struct buf *b, yyjson_val *value);
/* In every object of the tree. False with E_VALIDATION_FAILED or E_NO_MEMORY. */
bool json_keys_are_unique(yyjson_val *value, struct err *err);

#endif
