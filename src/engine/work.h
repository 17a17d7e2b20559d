/*
 * A run at work: what a worker knows of the run it does, for files of this room.
 *
 * The steps are `prepare`, then for each stream `begin`, `read` (a page at a time), `deletes` (a batch at a
 * time), `end`, then `finish`. A step answers MORE (call me again), DONE (the next one), or PARK (the run was
 * handed back: state saved, no thread, no connection held). Between any two steps the process may die: the
 * next claim goes on from the rows.
 */
#ifndef TIDEMARK_ENGINE_WORK_H
#define TIDEMARK_ENGINE_WORK_H

#include "engine/account.h"
#include "engine/engine_priv.h"
#include "engine/loop.h"
#include "engine/page.h"
#include "engine/request_log.h"
#include "engine/run_log.h"
#include "engine/verdict.h"

#define WORK_COMMITS 4             /* pages on their way to the disk: those that meet there share one sync */
#define WORK_COMMITS_BYTES (8L * 1024 * 1024) /* of them together; larger pages go one at a time */
#define WORK_PAGES (WORK_COMMITS + 2) /* and one being prepared, one being fetched */
#define WORK_SLICE_US (2 * US_PER_S)
#define WORK_TELL_BYTES (4 * RUN_LOG_LINE_BYTES) /* lines that wait for the next transaction */
#define WORK_STORAGE_WAIT_US (10 * US_PER_S)

enum step_result { STEP_MORE, STEP_DONE, STEP_PARK };

/* Places in the table of run.c. */
enum step_at { STEP_AT_PREPARE, STEP_AT_BEGIN, STEP_AT_READ, STEP_AT_DELETES, STEP_AT_END, STEP_AT_PUSH, STEP_AT_FINISH, STEP_AT_COUNT };

/* Where a stream of the run stands. */
enum stream_phase { PHASE_READ, PHASE_DELETES };

struct work_stream {
    struct page_context context;   /* context.stream is the store's row */
    const struct template_stream *plan;
    struct stream_info info;
    struct str version;            /* of its mapping and configuration */
    bool full;                     /* no state is used, everything is read */
    bool filtered;                 /* something narrows it: totals and deletes mean nothing */
    bool done;
    enum err_code failed;
    struct str failed_message;
    enum stream_phase phase;
    struct str reader_position;    /* STR_NONE: from the start */
    struct str delete_after;       /* PHASE_DELETES: walked up to here */
    int64_t delete_total;          /* candidates found; -1: not counted yet */
    struct declared declared;
    struct page_counts counts;     /* of this stream so far */
    bool guarded;                  /* its deletes wait for a person */
    int64_t distinct;              /* different records that the full pass saw; known once deletes are looked for */
    bool rejects;                  /* a page of this run had some, stored yet or not */
    bool nameless_rejects;         /* a record without id was rejected: absence proves nothing */
    bool moved;                    /* records moved to the end of the list while the pass went on: pages shifted */
    int64_t slice_pages;           /* pages of the present slice so far */
    struct str notice;             /* what the vendor said of its answers' quality; in the run's arena, or STR_NONE */
    bool version_changed;          /* a position of another mapping must not be used */
};

/* A page on its way to the disk. */
struct work_commit {
    struct work_commits *all;
    struct page_batch *batch;
    bool finished, ok;             /* under all->lock */
    struct err err;                /* under all->lock */
};

/* Those on their way, in the order of their marks. Worker's thread, but for what is under lock. */
struct work_commits {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct work_commit ring[WORK_COMMITS];
    unsigned first, count;
    unsigned tries;                /* of the first one */
};

/* What the next transaction takes along. */
struct work_telling {
    struct buf lines;
    int64_t line_count;
    struct page_requests requests; /* in arena */
    struct arena arena;
};

struct work {
    struct engine *engine;
    struct engine_worker *worker;
    struct run *run;
    struct lease *lease;
    struct arena *arena;           /* the run's */
    struct account account;
    yyjson_val *filters;           /* of the run's options, or NULL */
    unsigned concurrency;          /* requests in flight, of the run's options; 1 when they do not say */
    struct work_stream *streams;
    size_t stream_count, stream_at;
    struct page_parent *parents;
    size_t parent_count;
    bool lacks_streams;            /* account.lists_failed left out some that were to be read */
    struct fetch fetch;
    struct request_log *requests;  /* owned: what fetch asked for, until it is stored */
    struct work_telling telling;
    struct loop_guard loop;
    struct id_set *seen, *visited; /* deletes */
    struct arena pages[WORK_PAGES];
    struct page_batch batches[WORK_PAGES];
    unsigned turn;                 /* which of them is fetched into next */
    struct work_commits commits;
    int64_t committed_seq;         /* pages of the run that are on disk */
    bool eager;                    /* the page before was mostly new */
    int64_t clock_offset_us;
    int64_t slice_until_us;        /* monotonic */
    bool yield_due;
    enum step_at step;
    struct push *push;             /* of a run of direction push (push.h), or NULL */
    struct err pending;            /* ends the stream once its last page is committed */
};

/* Hands the run back in one of its ways; each returns STEP_PARK. Failures of the store end in the log: the lease lapses. */
enum step_result work_park(struct work *w, int64_t wait_ms, const char *code, struct str message, bool count_retry);
enum step_result work_stop(struct work *w);   /* what was asked for happens; or the process stops */
enum step_result work_yield(struct work *w);
enum step_result work_finish(struct work *w); /* run_finish.c */
/* The store said this: park where that helps, else end the run. */
enum step_result work_store_failed(struct work *w, const struct err *err);
/* Ends the run at once with this failure. */
enum step_result work_fail(struct work *w, const struct err *err);

/*
 * Waits for all commits on their way; with _room only until this page may follow. False with err: E_FENCED,
 * E_CANCELLED, or what the store said in the end; none is on its way then.
 */
MUST_USE bool work_commit_wait(struct work *w, struct err *err);
MUST_USE bool work_commit_room(struct work *w, const struct page_batch *next, struct err *err);
void work_commit_start(struct work *w, struct page_batch *batch);
/* Writes one closure that carries the fence, with what the run has to tell; repeated while the store is busy. */
MUST_USE bool work_write(struct work *w, store_fn *fn, void *ctx, struct err *err);
struct page_fence work_fence(const struct work *w);
/* The engine's position: the reader's with what else a stream must remember. In a; STR_NONE: the arena is full. */
struct str work_position(const struct work_stream *s, struct arena *a, struct str reader_position);
MUST_USE bool work_position_read(struct work_stream *s, struct arena *a, struct str position, struct err *err);
/* A vendor's words without our secrets; some quote them back (I-29). In the run's arena. */
struct str work_clean(struct work *w, struct str text);

/* ---- what it tells of itself, outside a page (work_tell.c) ---- */

void work_telling_init(struct work_telling *t);
void work_telling_release(struct work_telling *t);
/* One line of the run's log, for the next work_write. What there is no room for is left out. */
void work_log(struct work *w, enum log_level level, const char *message, struct str stream, struct str detail);
/* What was asked of the vendor since the last time, for the next work_write. */
void work_tell_requests(struct work *w);
/* What waits, in a transaction of its own. Failures are of no consequence. */
void work_tell(struct work *w);
/* A line within a transaction of the caller's. */
MUST_USE bool work_log_write(struct work *w, struct db *db, int64_t now_us, const char *message, struct str detail,
                             struct err *err);
/* For work_write: tries once to write fn's effect and what waits together; the end of trying. */
MUST_USE bool work_tell_with(struct work *w, store_fn *fn, void *ctx, struct err *err);
void work_tell_end(struct work *w, const struct err *err);

static inline struct work_stream *
work_stream(struct work *w)
{
    return &w->streams[w->stream_at];
}

/* The steps, each in a file of its own subject. */
enum step_result work_prepare(struct work *w);        /* run_prepare.c */
enum step_result work_stream_begin(struct work *w);   /* run_read.c */
enum step_result work_stream_read(struct work *w);
enum step_result work_stream_deletes(struct work *w); /* deletes.c */
enum step_result work_stream_end(struct work *w);
/* The stream ends here; the others go on unless the trouble is everybody's. */
enum step_result work_stream_failed(struct work *w, const struct err *why);

#endif
