/* The lists of the control routes: what control.c asks of control_list.c. */
#ifndef TIDEMARK_SANDBOX_CONTROL_PRIV_H
#define TIDEMARK_SANDBOX_CONTROL_PRIV_H

#include "sandbox/core.h"

enum listing { LIST_LEDGER, LIST_TRUTH, LIST_JOURNAL };

struct lister {
    struct sandbox_core *core;
    enum listing what;
    const struct vendor *vendor;
    int64_t account;
    const struct vendor_entity *entity;
    bool all, deleted;
    int64_t position; /* seq of ledger and journal, index of the truth */
};

/* Answers with the list as NDJSON, made while it is sent. `what` is copied. */
void control_list(struct http_exchange *x, const struct lister *what);

#endif
