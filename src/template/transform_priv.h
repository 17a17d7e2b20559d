/*
 * Transformations that make a record anew (transform_keys.c). For transform.c.
 */
#ifndef TIDEMARK_TEMPLATE_TRANSFORM_PRIV_H
#define TIDEMARK_TEMPLATE_TRANSFORM_PRIV_H

#include "template/plan_priv.h"

bool snake_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err);
bool flatten_all_compile(struct compiler *c, const struct node *n, struct transform *t);
bool flatten_all_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err);

#endif
