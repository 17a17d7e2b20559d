/*
 * Door 002's answers: bare objects with the fields of that document's models, lists as {data, meta}.
 */
#ifndef TIDEMARK_DOOR_INTEGRATIONS_PRIV_H
#define TIDEMARK_DOOR_INTEGRATIONS_PRIV_H

#include "door/request_priv.h"

/* {"data":[...] then the items, then bare_list_end, which writes the meta. total -1: not counted. */
struct json_writer *bare_list(struct request *r);
bool bare_list_end(struct request *r, const struct paging *paging, int64_t total, struct str next, struct err *err);

/* An id of the body: an integer, or a text. STR_NONE: not given. */
MUST_USE bool body_id(struct request *r, const char *name, struct str *id_out, struct err *err);

/* The tenant with this integer, UUID or key. E_NOT_FOUND with words that name the sub-account. */
MUST_USE bool find_sub_account(struct request *r, struct str id, struct tenant *tenant_out, struct err *err);

#endif
