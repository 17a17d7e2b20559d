/*
 * Reading one stream, page by page, without doing any input or output.
 *
 * A reader is a state machine that asks for requests and is fed replies. The engine, the connection
 * test, the preview, `manifest read`, `manifest requests` and `manifest replay` all drive the same
 * machine; only who answers differs. Calling sequence:
 *
 *     reader_new
 *     reader_next -> READER_REQUEST   send event.request, then reader_reply (or reader_no_reply)
 *                 -> READER_PAGE      one page of records; commit it with event.position
 *                 -> READER_WAIT      come back in event.wait_ms (the run parks when that is long)
 *                 -> READER_TOKEN     a new credential was obtained: store it, then go on
 *                 -> READER_DONE      all slices are read; final states are in event.states
 *                 -> READER_FAILED    err says why; the position of the last page stays valid
 *     reader_free
 *
 * After READER_PAGE reader_next may be called at once, to send the next request while the page is
 * being committed. A reader made from a page's position (and the same template, config and state)
 * goes on with exactly the request that would have followed (I-4). One thread at a time.
 */
#ifndef TIDEMARK_TEMPLATE_READER_H
#define TIDEMARK_TEMPLATE_READER_H

#include "net/http_client.h"
#include "template/template.h"

struct reader;

struct reader_options {
    const struct template *template; /* must outlive the reader */
    struct str stream;
    yyjson_val *config;              /* effective configuration; must outlive the reader */
    yyjson_val *state;               /* the stream's saved states {partition: state, ...}, or NULL: a full read */
    struct str position;             /* where a run goes on, or STR_NONE: from the start */
    struct str updated_since;        /* RFC 3339: a start for a run without state, or STR_NONE */
    int64_t now_us;                  /* what now_utc() says throughout; fixed when the run began */
    int64_t overlap_us;              /* the watermark is read again by this much (I-6); 0 in `manifest replay` */
    unsigned concurrency;            /* requests in flight where paging allows; 0 is 1 */
    bool first_request_only;         /* `manifest requests` */
    bool as_reference;               /* `manifest requests|replay`: no token refresh on 401, no cautious watermark, no loop check */
};

enum reader_step {
    READER_REQUEST,
    READER_PAGE,
    READER_WAIT,
    READER_TOKEN,
    READER_DONE,
    READER_FAILED,
};

enum reader_purpose {
    READER_FOR_PAGE,    /* the stream's own */
    READER_FOR_PARENT,  /* a parent stream's page */
    READER_FOR_TOKEN,   /* login or token refresh: never repeated blindly, one at a time per connection */
    READER_FOR_SCHEMA,  /* a dynamic schema or property list */
};

struct reader_record {
    yyjson_val *value;    /* after filter, transformations, normalisation; in the page arena */
    struct str rejected;  /* why it could not be made, or STR_NONE; then value is the raw record */
    int64_t cursor_us;    /* its cursor value as time, or INT64_MIN */
};

struct reader_state {
    struct str partition; /* canonical JSON of the partition, "" when the stream has none */
    struct str state;     /* JSON as the ecosystem's readers save it */
};

struct reader_event {
    /* READER_REQUEST */
    struct http_request request;
    enum reader_purpose purpose;
    /* READER_PAGE */
    struct reader_record *records;
    size_t record_count;
    size_t records_read;          /* what the vendor's page held, before the template's filters */
    struct str position;          /* JSON; resume here once this page is committed */
    uint64_t token_hash;          /* identity of the next request, for loop detection (I-8); 0: no next page */
    struct str slice;             /* what is being read, for people and for substreams: JSON object or "" */
    int64_t declared_total;       /* the vendor's count of records in this slice; -1: not told */
    int64_t observed_wall_us;     /* when the request was sent */
    size_t slices_done, slices_total; /* total 0: unknown */
    bool slice_done;
    struct str notice;            /* what the vendor's answer says of its own quality, for people; or STR_NONE */
    /* READER_PAGE and READER_DONE: watermarks that may be saved with this page */
    struct reader_state *states;
    size_t state_count;
    /* READER_WAIT */
    int64_t wait_ms;
    struct str wait_reason;
    bool rate_limited;            /* not a failure (F12); else a retry of a failed request */
    bool remote_job;              /* no failure either: the vendor is still at work; the run parks, however short it is */
    unsigned attempt;
    enum err_code wait_code;      /* what it ends as when tried in vain, ... */
    int64_t retries_max;          /* ... so many times, over all readers of this run */
    /* READER_TOKEN: members of the configuration to store before they are used */
    yyjson_val *config_patch;
    int64_t token_expires_us;
};

/* NULL with E_TEMPLATE_REFUSED (the stream cannot be read), E_VALIDATION_FAILED (bad position), E_NO_MEMORY. */
struct reader *reader_new(const struct reader_options *options, struct err *err);
void reader_free(struct reader *r); /* accepts NULL */

/*
 * One step. What the event points to lives in `page` (records, texts) until that arena is cleared; the
 * reader keeps nothing there. err is set for READER_FAILED only: AUTH_EXPIRED, VENDOR_REFUSED,
 * VENDOR_UNAVAILABLE, BAD_PAGE, PAGE_TOO_LARGE, EXPRESSION, LIMIT, ... with words for a person.
 */
enum reader_step reader_next(struct reader *r, struct arena *page, struct reader_event *event_out, struct err *err);
/* Feeds the answer to the last request. The reply must live until the next READER_PAGE, WAIT, DONE or FAILED. */
void reader_reply(struct reader *r, const struct http_reply *reply);
/* Instead of a reply: somebody else has refreshed the token meanwhile; goes on with this configuration. */
void reader_config_replace(struct reader *r, yyjson_val *config);

/*
 * The connection test of the template (CheckStream, or metadata.tidemark.test): a reader over one page of the
 * streams named there. Driven in the same way; READER_DONE means the credential works.
 */
struct reader *reader_new_check(const struct reader_options *options, struct err *err);
/* The vendor's list behind a dynamic declaration (template_dynamic_is_list), read as a stream is. */
struct reader *reader_new_list(const struct reader_options *options, size_t index, struct err *err);
/* One record by its id (metadata.tidemark.reads); READER_PAGE has 0 or 1 records. NULL with E_TEMPLATE_REFUSED without `reads`. */
struct reader *reader_new_single(const struct reader_options *options, struct str external_id, struct err *err);
/*
 * The same where more than the id is known: members of `slice` (an object of texts, or NULL) are seen as stream_slice too.
 * Also for `reads` that name what they need of it (`needs`); E_TEMPLATE_REFUSED when that is missing.
 */
struct reader *reader_new_single_in(const struct reader_options *options, struct str external_id, yyjson_val *slice,
                                    struct err *err);

#endif
