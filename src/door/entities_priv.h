/* What lists, one entity and exports share. */
#ifndef TIDEMARK_DOOR_ENTITIES_PRIV_H
#define TIDEMARK_DOOR_ENTITIES_PRIV_H

#include "door/request_priv.h"
#include "store/store_record.h"

/* "contacts" of "/api/v1/contacts/:id"; STR_NONE of "/api/v1/records/...": any. */
struct str entity_kind(const struct request *r);
/* The cursor of a list of records, and back. */
struct str entity_place_text(struct arena *a, struct record_place place);
MUST_USE bool entity_place_parse(struct arena *a, struct str text, struct record_place *place_out);
/* The members of an entity: ours first, then its mapped fields. False when the stored text is no object. */
MUST_USE bool entity_write(struct json_writer *w, const struct record *record);
/* One with its external ids and history, as GET shows it. kind STR_NONE: any. E_NOT_FOUND. */
MUST_USE bool entity_reply(struct request *r, int status, struct str kind, struct str uuid, struct err *err);
/* Fills r->reply with a stream of the whole collection: NDJSON or CSV. */
MUST_USE bool entity_export(struct request *r, const struct record_filter *filter, int64_t collection, bool csv,
                            struct err *err);

#endif
