/*
 * What the vendor lists for the streams of a template that are made of such a list (HttpComponentsResolver).
 */
#ifndef TIDEMARK_TEMPLATE_MANIFEST_LISTS_H
#define TIDEMARK_TEMPLATE_MANIFEST_LISTS_H

#include "template/reader.h"

/* A page of a list: adds [record, slice] for each record. False: no memory. */
bool manifest_list_keep(yyjson_mut_doc *doc, yyjson_mut_val *pairs, struct arena *page, const struct reader_event *event);

struct list_source {
    /* Answers event.request; NULL: no answer, the list stays unread. The reply must live until the next call. */
    const struct http_reply *(*fetch)(void *ctx, const struct reader_event *event);
    bool (*wait)(void *ctx, int64_t wait_ms, struct str reason); /* false to stop; NULL: waits count as passed */
    void *ctx;
};

/*
 * The template with the streams of this configuration, after reading the lists that it needs. NULL with the reasons of
 * template_configured. A list that could not be read leaves a refused stream.
 */
struct template *manifest_configured(struct template *t, struct arena *a, yyjson_val *config, int64_t now_us,
                                     const struct list_source *source, struct err *err);

#endif
