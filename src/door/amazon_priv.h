/* What the files of door 004 share. */
#ifndef TIDEMARK_DOOR_AMAZON_PRIV_H
#define TIDEMARK_DOOR_AMAZON_PRIV_H

#include "door/routes_priv.h"
#include "engine/account_sync.h"

#define AMAZON_TEMPLATE STR("amazon_sp_api")

/* Whoever asks, and the connection he may name with connectionId in query or body. */
MUST_USE bool amazon_owner(struct request *r, struct account_owner *owner_out, struct err *err);
/* His connection; E_NOT_CONNECTED. any: also one that is switched off. */
MUST_USE bool amazon_connection(struct request *r, bool any, struct account_owner *owner_out, struct connection *connection_out,
                                struct err *err);
/* {"success":true, ... the members follow, then reply_end. */
struct json_writer *amazon_reply(struct request *r);
/* Where one signs in again, or STR_NONE while the public address is not known. */
struct str amazon_sign_in_address(struct request *r);

#endif
