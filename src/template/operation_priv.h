/*
 * Operations inside this room: their plan, and how a reader makes one call of them.
 */
#ifndef TIDEMARK_TEMPLATE_OPERATION_PRIV_H
#define TIDEMARK_TEMPLATE_OPERATION_PRIV_H

#include "template/operation.h"
#include "template/reader_priv.h"

struct template_operation {
    struct operation_info info;
    struct template_stream plan;  /* only its requester is used */
    struct schema *schema;        /* owned; NULL: any object */
    struct text result;           /* absent: the whole answer, or what `path` leads to */
    struct str *path;
    size_t path_count;
    struct text success, message; /* over response: was it done, and what to say when not */
};

/* ---- operation_compile.c */
/* E_TEMPLATE_INVALID names the operation by its pointer. */
bool operations_compile(struct compiler *c, struct template *t);
void operations_release(struct template *t);

/* ---- operation.c */
/* The request as built may not have left the template's own address. */
bool operation_request(struct reader *r, struct expr_scope *scope, struct http_request *request, struct err *err);
enum page_step operation_take(struct reader *r, struct arena *page, struct reader_event *event, struct err *err);

#endif
