/*
 * How an integration looks in door 002, and finding one.
 */
#ifndef TIDEMARK_DOOR_INTEGRATIONS_VIEW_PRIV_H
#define TIDEMARK_DOOR_INTEGRATIONS_VIEW_PRIV_H

#include "door/integrations_priv.h"
#include "store/store_template.h"

enum integration_shape {
    INTEGRATION_FOR_ADMIN,   /* secrets as "••••1234" */
    INTEGRATION_FOR_TENANT,  /* without any */
};

/* What several integrations share while they are written. */
struct integration_view {
    struct request *request;
    enum integration_shape shape;
    struct template_row *templates;
    size_t template_count;
    struct str maker;        /* of the last one, and his users.id */
    int64_t maker_id;
};
MUST_USE bool integration_view_init(struct integration_view *v, struct request *r, enum integration_shape shape, struct err *err);
/* The members, inside an object of the caller's. */
MUST_USE bool integration_write(struct integration_view *v, const struct connection *c, struct err *err);
/* One as an admin sees it: the whole answer. */
MUST_USE bool integration_reply(struct request *r, int status, const struct connection *c, struct err *err);

/* The one that the path's first parameter names, whosever it is. E_NOT_FOUND. */
MUST_USE bool find_integration(struct request *r, struct connection *connection_out, struct err *err);
MUST_USE bool find_integration_named(struct request *r, struct str id, struct connection *connection_out, struct err *err);
MUST_USE bool find_integration_template(struct request *r, struct str id, struct template_row *row_out, struct err *err);
/* Into the audit log of its tenant. */
MUST_USE bool integration_audit(struct request *r, const char *action, const struct connection *c, struct err *err);

#endif
