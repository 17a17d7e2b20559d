/*
 * How connections and runs look in doors 000 and 003: their words for our states, their members.
 */
#ifndef TIDEMARK_DOOR_VIEWS_PRIV_H
#define TIDEMARK_DOOR_VIEWS_PRIV_H

#include "door/request_priv.h"

/* "connected" for active (003). */
const char *view_connection_status(enum connection_status status);
/* "pending", "in_progress", "paused", "success", "error", "cancelled" (contract, section 1). */
const char *view_run_status(enum run_state state);
/* The bits of RUN_STATE_BIT that a status word means; 0 for an unknown word. */
unsigned view_run_states(struct str word);

/* The members of a connection in a list; the caller opens and closes the object. */
void view_connection(struct json_writer *w, const struct connection *c);
/* Those that only its own page has; config: masked. */
void view_connection_detail(struct json_writer *w, const struct connection *c, yyjson_val *config);
/* `notices`: what will stop working at the vendor, and when. */
MUST_USE bool view_notices(struct request *r, struct json_writer *w, const struct connection *c, struct err *err);
/* Whole, as one object with key NULL. */
MUST_USE bool view_connection_whole(struct request *r, struct json_writer *w, const struct connection *c, struct err *err);

/* `?language=`, in which the texts of templates are wanted (RFC 5646), or STR_NONE: their own. */
MUST_USE bool request_language(struct request *r, struct str *language_out, struct err *err);
/* `streams` of a template; NULL: none. */
void view_template_streams(struct json_writer *w, const struct template *t);

void view_run(struct json_writer *w, const struct run *run, int64_t now_us);

/* E_CONNECTION_NOT_FOUND, in the same words for every id that is not the tenant's (I-32). */
MUST_USE bool find_connection(struct request *r, struct str id, struct connection *connection_out, struct err *err);
MUST_USE bool find_run(struct request *r, struct str id, struct run *run_out, struct err *err);

#endif
