/*
 * Streams that the extension block derives from declared ones.
 */
#ifndef TIDEMARK_TEMPLATE_STREAM_PRIV_H
#define TIDEMARK_TEMPLATE_STREAM_PRIV_H

#include "template/plan_priv.h"

/*
 * `spec` holds fields of a requester (path, http_method, request_parameters ...) and field_path. The result is the
 * stream without pages, partitions and cursor, its requester overlaid by them. As stream_compile.
 */
bool stream_derive(struct compiler *c, const struct node *stream, const struct node *spec, struct template_stream *stream_out);

/* The map with the entries of `over` (or NULL) laid over it, those named in `drop` (ends with NULL) left out. NULL: no memory. */
struct node *node_overlay(struct compiler *c, const struct node *base, const struct node *over, const char *const *drop);

/* The vendor's count of records: a dotted path into the answer, or an expression over `response`. Empty: none. */
bool stream_set_total(struct compiler *c, struct template_stream *s, struct str text);

#endif
