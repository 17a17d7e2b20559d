/*
 * Parts of making a page. For page.c and page_records.c.
 */
#ifndef TIDEMARK_TEMPLATE_PAGE_PRIV_H
#define TIDEMARK_TEMPLATE_PAGE_PRIV_H

#include "template/reader_priv.h"

struct picking {
    struct reader *r;
    struct arena *page;
    struct reader_event *event;
    yyjson_val *last;
    size_t emitted;      /* by the selector, before a feed's own filter */
};

/* The extracted records into the event: those that the page hands out. */
bool page_pick(struct picking *p, struct expr_scope *scope, const struct value_span *span, struct err *err);
/* From when on records are new to this read. */
int64_t page_sync_start_us(const struct reader *r);
/* The field's readers hand out what stands before a failure; so do comparisons. True: the failure waits in r->fault. */
bool page_keep_fault(struct reader *r, struct err *err);

#endif
