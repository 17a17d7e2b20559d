/*
 * What `tidemark manifest check|requests|replay|read` print: one JSON object per line, or a page for people.
 *
 * No socket is opened here and nothing sleeps. `requests` and `replay` answer from a file of recorded
 * exchanges; `read` asks its caller to fetch. The shape of the lines is a contract: docs/templates.md.
 */
#ifndef TIDEMARK_TEMPLATE_MANIFEST_LINES_H
#define TIDEMARK_TEMPLATE_MANIFEST_LINES_H

#include <stdio.h>

#include "net/http_client.h"

struct manifest_input {
    struct str yaml;      /* the manifest's text */
    struct str name;      /* of the file, without folder and ending */
    struct str config;    /* JSON text; STR_NONE for manifest_check */
    struct str replies;   /* JSON text of REPLIES.json, or STR_NONE */
    struct str state;     /* JSON text of STATE.json, or STR_NONE (manifest_requests only) */
    struct str now;       /* RFC 3339 */
};

/*
 * True (exit 0) when the manifest could be read, also when single streams are refused or fail. Else false
 * (exit 1), and for requests and replay the one line {"stream":null,"refused":"..."} was written. err has
 * the same reason; E_USAGE for input files that are no JSON of the right shape (nothing was written).
 */
MUST_USE bool manifest_requests(const struct manifest_input *in, FILE *out, struct err *err);
MUST_USE bool manifest_replay(const struct manifest_input *in, FILE *out, struct err *err);

/* Lists the streams, what is refused and why, expressions that cannot be read, translations that do not fit. as_json: a line per stream. */
MUST_USE bool manifest_check(const struct manifest_input *in, bool as_json, FILE *out, struct err *err);

struct manifest_fetcher {
    /* Sends and returns the answer, which must live until the next call. NULL with err to stop. */
    const struct http_reply *(*fetch)(void *ctx, const struct http_request *request, struct err *err);
    /* Waits; false to stop. */
    bool (*wait)(void *ctx, int64_t wait_ms, struct str reason);
    void *ctx;
    int64_t (*now_us)(void *ctx); /* wall clock, for the template's budget; NULL: it is not kept */
};

enum manifest_read_form {
    MANIFEST_READ_RECORDS,  /* a record per line */
    MANIFEST_READ_MAPPED,   /* {"externalId","data","rejected",...} per line */
    MANIFEST_READ_AIRBYTE,  /* the ecosystem's protocol: RECORD, STATE, LOG messages */
};

/*
 * Reads one stream and writes it. record_max 0: all. The operator's own address, if the manifest has a base
 * URL member, is given in address (STR_NONE: none). False with the reason when the read failed midway; what
 * was read has been written.
 */
MUST_USE bool manifest_read(const struct manifest_input *in, struct str stream, struct str address, enum manifest_read_form form,
                            size_t record_max, const struct manifest_fetcher *fetcher, FILE *out, struct err *err);

#endif
