/*
 * Inside a reader. It owns three memories of its own beside the caller's page arena: `keep` for what lasts
 * as long as the reader, `partition_arena` and `slice_arena` for what lasts as long as those.
 */
#ifndef TIDEMARK_TEMPLATE_READER_PRIV_H
#define TIDEMARK_TEMPLATE_READER_PRIV_H

#include "base/map.h"
#include "template/plan_priv.h"
#include "template/reader.h"

enum phase {
    PHASE_START,   /* nothing evaluated yet */
    PHASE_NEXT,    /* the next slice is wanted */
    PHASE_SEND,    /* a slice is open: its next request is wanted */
    PHASE_ASKED,   /* a request is out */
    PHASE_LOGIN,   /* a token request is out */
    PHASE_STUCK,   /* a reset of the pages got nowhere: fails now */
    PHASE_LOOP,    /* the page before gave a token that was seen: fails now */
    PHASE_DONE,
    PHASE_FAILED,
};

struct seen {                     /* hashes of the page tokens of one slice */
    uint64_t *slots;              /* malloc'd; 0 is empty */
    size_t count, size;
};

/* What is watched for pages that shift (drift.c); of one slice. */
struct drift {
    uint64_t tail;                /* hash of the last record of the page before; 0: none */
    bool shifted;                 /* something was pushed or pulled */
    bool sweeping;                /* the front of a feed is read once more */
    int64_t floor_us;             /* where the sweep ends */
    int64_t last_total, fallen;   /* the vendor's count, -1: not told; by how much it fell */
    int64_t read;                 /* records so far */
    int64_t cap_us;               /* no watermark of this slice lies above; INT64_MIN: not known yet */
    unsigned steps_back, full_pages;
};

/* Walks over the partitions of a router. */
struct walk {
    const struct router *router;
    struct reader *owner;
    struct arena arena;           /* the partitions of one parent page, or all of a list */
    struct arena page;            /* the parent's page while it is looked at */
    yyjson_val *list;             /* JSON array of [partition, extra fields, the child's first page]; in arena */
    size_t index;                 /* next in list */
    bool list_ready;
    /* substream */
    size_t parent_index;
    struct reader *parent;        /* owned; NULL between parents */
    struct buf parent_position;   /* where the parent goes on after the present list */
    bool parent_done;             /* no page after the present list */
    int64_t observed_us;          /* when the parent page was asked for */
    struct buf parent_pending;    /* JSON: the parent's state once the present list is done; empty: none */
    /* product */
    struct walk *parts;           /* owned array; 0 streams, the others are drained into their list first */
    size_t part_count;
    bool parts_ready;
    bool has_head;                /* head is the present partition of part 0; in arena */
    yyjson_val *head;
    size_t combination;
    yyjson_val **lists;           /* per part but the first: what it gave, whole; in arena */
    size_t draining;              /* the part that is being drained */
    yyjson_mut_doc *drain_doc;
    yyjson_mut_val *drained;
};

enum walk_step { WALK_PARTITION, WALK_EVENT, WALK_END };

/* Where a remote job stands (async.c); of one slice. */
enum async_stage { ASYNC_CREATE, ASYNC_POLL, ASYNC_TARGETS, ASYNC_DOWNLOAD, ASYNC_ABORT, ASYNC_REMOVE };
struct async_job {
    enum async_stage stage;
    unsigned tries;               /* jobs made for this slice */
    int64_t created_us, wait_ms;  /* wait_ms: before the next request; 0: none */
    yyjson_val *creation, *polling, *targets; /* the vendor's answers; in slice_arena, or NULL */
    size_t target;                /* the one that is downloaded */
    bool owes_removal;
    yyjson_val *extra, *slice;    /* what expressions see; in slice_arena, NULL: as without a job */
    char words[64];               /* the vendor's last word about it */
};

/* The portions of query properties, and what was told of the page that is asked for (properties.c). */
struct portions {
    yyjson_val *lists;            /* in keep; NULL: not known yet */
    size_t index;                 /* the one that is due */
    struct reader *source;        /* owned; asks for the names; NULL before and after */
    yyjson_mut_doc *doc;          /* of names; in keep */
    yyjson_mut_val *names;
    struct arena arena;           /* of one page: what follows */
    yyjson_mut_doc *page;
    yyjson_mut_val *records, *merged;
    struct map by_key;            /* -> yyjson_mut_val of merged */
};

/* How often this slice's pages began anew (reset.c). */
struct page_reset {
    int64_t start_us;             /* where the slice begins now; INT64_MIN: where it began */
    int64_t recent_us;            /* greatest cursor value of the slice */
    int64_t records;              /* since */
    unsigned same, total;         /* resets that did not move the start; all */
};

struct covered;                   /* covered.c */

struct reader {
    struct reader_options options;
    const struct template_stream *stream;
    bool delegated;               /* of a StateDelegatingStream the one with a state */
    struct reader *root;          /* holds configuration and tokens for those below */
    struct arena keep, partition_arena, slice_arena;
    enum phase phase;

    /* root only */
    yyjson_val *config;
    int64_t wall_us;              /* our clock at the last answer */
    struct reader *asked;         /* who waits for an answer */
    struct token_slot {
        uint64_t key;
        struct auth_session session;
    } *slots;
    size_t slot_count;
    struct reader **check;        /* connection test: one reader per stream, owned */
    size_t check_count, check_index;
    bool single, test;            /* reads one record; is the test request */
    const struct template_operation *operation; /* makes one declared call, or NULL */
    yyjson_val *input;            /* of that call; in keep */

    struct reader *schema;        /* reads the stream's schema_source to its first page; owned, or NULL */
    bool schema_asked;
    struct portions portions;
    struct page_reset reset;
    struct err stuck;             /* PHASE_STUCK: fails with it; or with the first partition, in comparisons */

    struct cursor cursor;
    bool has_cursor;
    struct map states;            /* partition -> state JSON (struct str *), as given */
    yyjson_val *global;           /* row "" of a partitioned stream, or NULL */
    int64_t global_us;            /* its cursor, or INT64_MIN */
    int64_t global_new_us;        /* greatest seen in this read, or INT64_MIN */
    bool saw_records;
    struct map parent_states;     /* parent stream -> blob text (struct str *), as far as read */
    bool parent_states_changed;

    struct walk walk;
    bool has_walk, single_partition_done;
    yyjson_val *partition, *extra;  /* in partition_arena; objects */
    yyjson_val *lent;             /* the partition's first page, from its parent's record; in partition_arena, or NULL */
    struct str partition_text;
    int64_t state_us;             /* the partition's state when it was opened, or INT64_MIN */
    int64_t recent_us;            /* greatest cursor value of its finished slices, or INT64_MIN */
    bool partition_open;
    struct map covers;            /* partition -> struct covered *; in comparisons */
    struct covered *covered;      /* of the open partition; else NULL */
    int64_t again_us;             /* where a partition that comes again begins; INT64_MIN: it does not */

    yyjson_val *slice;            /* in slice_arena: partition, bounds, extra_fields */
    struct cursor_slice span;
    struct async_job job;
    int64_t lower_us;
    int64_t slice_recent_us;
    struct buf token;             /* JSON of the page token; empty: none */
    uint64_t pages;               /* read in this slice */
    unsigned empty_pages;         /* in a row */
    struct seen seen;
    struct seen partitions;       /* that have been opened, of a stream with a cursor */
    struct drift drift;
    size_t slices_done;

    unsigned attempt, parse_attempt;
    bool refreshed;               /* a 401 was answered by a new token once for this request */
    const struct http_reply *reply;
    struct str fault;             /* why nothing comes after the page that was handed out; in keep, or none */
};

/* ---- reader.c */
void reader_scene(const struct reader *r, struct arena *a, struct value token, struct scene *scene_out);
enum reader_step reader_fail(struct reader *r);
bool reader_start(struct reader *r, struct err *err); /* evaluates what holds throughout; restores a position */
enum reader_step reader_ask(struct reader *r, struct reader_event *event, enum reader_purpose purpose, enum phase phase);

/* ---- reader_slice.c */
bool reader_open_partition(struct reader *r, yyjson_val *partition, yyjson_val *extra, struct err *err);
bool reader_open_slice(struct reader *r, int64_t lower_us, struct err *err);
/* The slice of that span, begun at start_us; INT64_MIN: where the span begins. */
bool reader_open_slice_at(struct reader *r, struct cursor_slice span, int64_t start_us, struct err *err);
/* Is there another span in the open partition? Opens it. */
bool reader_next_span(struct reader *r, bool *opened_out, struct err *err);
bool reader_first_token(struct reader *r, struct err *err);

/* ---- covered.c */
/* The partition just opened, as it is in comparisons: another time, or passed over. */
bool covered_open(struct reader *r, bool *passed_out, struct err *err);
/* The slice is read to its end: sets r->recent_us. */
bool covered_add(struct reader *r, struct err *err);

/* ---- reader_login.c; READER_PAGE from here means: go on, the token is ready */
enum reader_step reader_log_in(struct reader *r, struct expr_scope *scope, struct reader_event *event, struct str *token_out,
                               struct err *err);
enum reader_step reader_take_login(struct reader *r, struct arena *page, struct reader_event *event, struct err *err);

/* ---- delegate.c: which of a StateDelegatingStream's two streams is read; without one, the stream itself */
bool delegate_choose(struct reader *r, const struct template_stream *declared, struct err *err);

/* ---- reader_open.c */
struct reader *reader_new_for(const struct reader_options *options, const struct template_stream *stream,
                              struct reader *root, struct err *err);
bool reader_normal_config(struct reader *r, yyjson_val *config, struct err *err);
enum reader_step reader_check_next(struct reader *r, struct arena *page, struct reader_event *event, struct err *err);

/* ---- page.c */
/* Makes of the answer a page, a wait, or a failure. GO_ON: send again at once (a new token is wanted). */
enum page_step { PAGE_READY, PAGE_WAIT, PAGE_AGAIN, PAGE_FAILED };
enum page_step page_take(struct reader *r, struct arena *page, struct reader_event *event, struct err *err);
bool page_close(struct reader *r, struct arena *page, struct reader_event *event, struct err *err); /* the slice ends here */
bool page_describe(struct reader *r, struct arena *page, struct reader_event *event, struct err *err);

/* ---- page_errors.c */
/* The wait before try again after a failure of this kind, or false when tries are used up. */
bool retry_plan(struct reader *r, struct expr_scope *scope, const struct error_handler *h, const struct http_reply *reply,
                bool rate_limited, const char *reason, struct arena *page, struct reader_event *event, struct err *err);
/* A token that the vendor does not know any more is got anew, once per request. */
bool page_may_refresh(struct reader *r, struct expr_scope *scope, const struct http_reply *reply, enum verdict verdict);
bool page_is_parked(const struct reader *r); /* the template has this status wait */
/* PAGE_READY: the body is to be read; *empty_out: the answer is an error that the template takes for nothing. */
enum page_step page_judge(struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body, bool *empty_out,
                          struct reader_event *event, struct err *err);
enum page_step page_bad(struct reader *r, struct arena *page, const char *why, struct reader_event *event, struct err *err);

/* ---- seen.c */
bool seen_add(struct seen *seen, uint64_t hash); /* false: it was there */
void seen_release(struct seen *seen);

/* ---- notice.c: what the template says of this answer, or STR_NONE */
struct str notice_of(const struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body);

/* ---- drift.c */
void drift_begin(struct reader *r);
void drift_watch(struct reader *r, const struct value_span *span, int64_t total);
/*
 * May replace what comes next: a step back, one page more, or a sweep of the front. True: it did; a missing *next is
 * then the first page. at_end: a feed has reached what is known already.
 */
bool drift_next(struct reader *r, struct value token, size_t page_size, bool at_end, struct value *next);
bool drift_keeps(const struct reader *r, int64_t cursor_us); /* false: known already, while sweeping */
uint64_t drift_hash(const struct reader *r);

/* ---- walk.c */
bool walk_init(struct walk *w, const struct router *router, struct reader *owner, struct err *err);
void walk_release(struct walk *w);
enum walk_step walk_next(struct walk *w, struct arena *page, yyjson_val **entry_out, enum reader_step *step_out,
                         struct reader_event *event, struct err *err);
/* The present partition was the last of its parent page: the parent's state may move. */
bool walk_partition_done(struct walk *w, struct err *err);
bool walk_write(const struct walk *w, struct buf *b);
bool walk_restore(struct walk *w, yyjson_val *json, struct err *err);
size_t walk_total(const struct walk *w); /* 0: unknown */

/* ---- async.c; all but the first three are for streams with a remote job */
const struct requester *reader_requester(const struct reader *r); /* of the request that is due */
bool async_is_aside(const struct reader *r);   /* the request due is not for a page of the stream */
uint64_t async_salt(const struct reader *r);   /* tells one download's page tokens from another's */
void async_begin(struct reader *r);
void async_scene(const struct reader *r, struct scene *scene);
bool async_wait(struct reader *r, struct reader_event *event); /* true: a wait comes before the next request */
bool async_request(struct reader *r, struct arena *page, struct expr_scope *scope, struct value token, struct str path_token,
                   struct str auth_token, struct http_request *request_out, struct err *err);
enum page_step async_take(struct reader *r, struct arena *page, struct reader_event *event, struct err *err);
/* A download is read to its end: is there another place to read from? */
bool async_next_target(struct reader *r, bool *more_out, struct err *err);
bool async_remove(struct reader *r);           /* true: a request cleans up after the slice before */
struct json_writer;
bool async_write(const struct reader *r, struct json_writer *w);
bool async_restore(struct reader *r, yyjson_val *json, struct err *err);
/* A parent has made a job: its child tells that by a page without records, so that it survives. */
bool async_must_tell(const struct reader *parent, const struct reader_event *event);
enum reader_step async_tell(struct reader *r, struct arena *page, struct reader_event *event, struct err *err);

/* ---- reset.c */
bool reset_compile(struct compiler *c, const struct node *n, struct template_stream *s);
void reset_begin(struct reader *r);                /* a new slice */
void reset_observe(struct reader *r, int64_t us);  /* a record, with its cursor value or INT64_MIN */
bool reset_is_due(const struct reader *r);
/* The slice's pages begin anew; E_CURSOR_LOOP: they have before, and nothing would be different. */
bool reset_pages(struct reader *r, struct arena *scratch, struct err *err);

/* ---- position.c */
bool position_write(const struct reader *r, struct buf *b);
bool position_restore(struct reader *r, struct str text, struct err *err);
bool position_restore_json(struct reader *r, yyjson_val *json, struct err *err);

/* ---- state.c */
/* The states that may be saved with a page: rows in `page`. `final` adds what only the end of a read allows. */
bool state_rows(struct reader *r, struct arena *page, bool partition_changed, bool final, struct reader_event *event, struct err *err);
/* Rows as one JSON value, as the field's readers save it, and back. `partitioned`: the stream has a router. */
yyjson_val *state_blob(struct arena *a, const struct reader_state *rows, size_t count, bool partitioned);
/* A newer value over an older one: partitions and members that the newer does not name stay. */
yyjson_val *state_blob_over(struct arena *a, yyjson_val *before, yyjson_val *blob);
yyjson_val *state_unblob(struct arena *a, yyjson_val *blob, bool partitioned);
/* Reads options.state into the reader. */
bool state_take(struct reader *r, struct err *err);
int64_t state_of_partition(struct reader *r, struct str partition);
bool state_is_global(const struct reader *r);  /* one cursor stands for all partitions */

#endif
