/*
 * Asynchronous streams: reports that the vendor makes in its own time (manifest-format, rule 43).
 *
 * A slice is a remote job: it is created, asked for until it is ready, and then its result is read page by page by
 * the stream's own requester, decoder, paginator and selector (those of the download). What comes before the
 * download, and the clean-up after it, is here.
 */
#ifndef TIDEMARK_TEMPLATE_ASYNC_PRIV_H
#define TIDEMARK_TEMPLATE_ASYNC_PRIV_H

#include "template/reader_priv.h"

#define ASYNC_TRIES 3          /* jobs made for one slice, as the field's readers */

enum async_status { ASYNC_RUNNING, ASYNC_COMPLETED, ASYNC_FAILED, ASYNC_TIMED_OUT, ASYNC_SKIPPED, ASYNC_STATUS_COUNT };

struct async_words {           /* the vendor's words for one status */
    struct str *items;
    size_t count;
};

struct async_plan {
    struct requester create, poll, targets, abort, remove;
    bool has_targets, has_target_request, has_abort, has_remove;
    struct decoder decoder;    /* of the answers before the download */
    struct selector status, target_path;
    struct async_words words[ASYNC_STATUS_COUNT];
    struct text timeout_minutes, retry_wait_s;
};

/* ---- async_compile.c: an AsyncRetriever's plan, and what of the stream is the download's. */
bool async_compile(struct compiler *c, const struct node *stream, const struct node *n, struct template_stream *s);

/* ---- async_answers.c */
/* Gives the expressions of the job's next request the answers there are, in extra_fields and in the slice. */
bool async_show(struct reader *r, struct err *err);
/* A copy of the answer with its headers and address, which lives as long as the slice. */
bool async_keep_answer(struct reader *r, yyjson_val *body, yyjson_val **kept_out, struct err *err);

#endif
