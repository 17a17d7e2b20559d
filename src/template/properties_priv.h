/*
 * Query properties (properties.c): the plan, and what a reader knows of the page it asks for in portions.
 */
#ifndef TIDEMARK_TEMPLATE_PROPERTIES_PRIV_H
#define TIDEMARK_TEMPLATE_PROPERTIES_PRIV_H

#include "template/reader_priv.h"
#include "template/stream_priv.h"

struct properties_plan {
    struct str parameter;            /* of the query that names them; STR_NONE: expressions do, by stream_slice.extra_fields */
    yyjson_val *names, *always;      /* lists of texts, or NULL */
    struct template_stream *source;  /* asked for the names; or NULL */
    struct text *path;               /* to the name in a record of source */
    size_t path_count;
    bool chunked, by_characters;
    int64_t limit;                   /* of a portion; 0: none */
    struct str key;                  /* records with the same value are one */
    yyjson_val *keys;                /* or of several members; else NULL */
};

/* *bare_out: the requester without them, for requester_compile. *plan_out NULL: there are none. */
bool properties_compile(struct compiler *c, const struct node *requester, struct str stream, struct properties_plan **plan_out,
                        const struct node **bare_out);
/* READER_DONE: the portions are known; else what is needed before. */
enum reader_step properties_next(struct reader *r, struct arena *page, struct reader_event *event, struct err *err);
/* The slice of the request that is due, with its names as extra_fields.query_properties; in the scene's arena. */
bool properties_scene(const struct reader *r, struct scene *scene);
bool properties_apply(const struct reader *r, struct draft *d, struct err *err);
/* Is there another portion of this page? */
bool properties_more(const struct reader *r);
void properties_page_begin(struct reader *r);
/* A record of one answer, filtered and transformed. E_PAGE_TOO_LARGE. */
bool properties_keep(struct reader *r, yyjson_val *record, struct str rejected, struct err *err);
/* All records of the page: [[record, why rejected], ...] of those without a key, and those laid together. Begins the next page. */
bool properties_take(struct reader *r, struct arena *page, yyjson_val **loose_out, yyjson_val **merged_out, struct err *err);

#endif
