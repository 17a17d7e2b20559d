/*
 * Fetching: drives a reader with a sender until there is a page.
 *
 * The reader says what it needs; this sends it, feeds the answer back, stores new tokens, waits short waits in
 * place, and gives everything longer back to the run, which parks. After a page the next request can be
 * started ahead, while the page is being stored. Whoever stops the run ends a wait here. One thread, but
 * fetch_stop.
 */
#ifndef TIDEMARK_ENGINE_FETCH_H
#define TIDEMARK_ENGINE_FETCH_H

#include <pthread.h>

#include "engine/account.h"
#include "engine/circuit.h"
#include "engine/fetch_guess.h"
#include "engine/quota_book.h"
#include "engine/request_log.h"
#include "engine/sender.h"
#include "queue/lease.h"
#include "template/reader.h"

#define FETCH_WAIT_IN_PLACE_MS 2000   /* longer waits park the run */
#define FETCH_ANSWERS_MAX 64          /* requests between two pages whose answers are kept */
#define FETCH_STEPS_MAX 1000000       /* steps between two pages */
#define FETCH_PAGE_MS (LIMIT_TOTAL_MS + 60000)

enum fetch_result {
    FETCH_PAGE,     /* event is the page */
    FETCH_DONE,     /* event holds the final states */
    FETCH_WAIT,     /* come back in event.wait_ms */
    FETCH_FAILED,   /* err says why */
    FETCH_STOPPED,  /* the lease was lost, or somebody asked for a pause or an end */
};

struct fetch_numbers {
    _Atomic int64_t requests, errors; /* for /metrics */
};

/* How the first request went, over a connection of its own: asked for by who tells a person (try.c). */
struct fetch_probe {
    bool taken;
    bool https;
    struct http_opening opening;
};

struct fetch {
    struct sender sender;
    struct account *account;
    struct circuit *circuit;
    struct fetch_numbers *numbers;
    struct fetch_probe *probe;        /* of the account, or NULL */
    struct request_log *requests;     /* stands before the sender; NULL: nothing is written down */
    struct lease *lease;              /* NULL for tests of connections and tools: nobody stops them */
    struct lease_keeper *keeper;
    struct reader *reader;            /* owned */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    void *call;                       /* on its way; under lock, because fetch_stop cancels it */
    bool stopped;                     /* under lock */

    void *answers[FETCH_ANSWERS_MAX]; /* calls whose replies the reader may still look at */
    size_t answer_count;
    struct http_reply unsent;         /* the answer to a request that could not be sent */
    struct reader_event ahead;        /* taken from the reader already */
    enum reader_step ahead_step;
    struct err ahead_err;
    bool has_ahead;
    struct fetch_guess guess;         /* requests sent before they are asked for */
    struct quota_use *quota;          /* owned; NULL: no budget is kept */
    struct arena budget_arena;
    struct budget *budget;            /* the template's own, in budget_arena; NULL: none */
    struct budget_charge charge;      /* of the request that is due, and of those guessed from it */
    enum quota_class quota_class;
    struct str quota_scope;           /* the stream; the caller's */
    size_t quota_counted;             /* requests that were allowed and not answered yet */
    char quota_words[128];
    bool refreshing;                  /* we hold the refresh lock */
    int64_t bytes;                    /* of answers since the last page */
};

/* Takes the reader over. */
void fetch_init(struct fetch *f, struct account *account, const struct sender *sender, struct reader *reader);
void fetch_release(struct fetch *f);  /* accepts a zeroed struct */
/* Requests are written down from now on; `log` was made for the sender that fetch_init was given, and outlives fetch. */
void fetch_write_down(struct fetch *f, struct request_log *log);
/* Another reader for the next stream; the old one is freed. */
void fetch_reader(struct fetch *f, struct reader *reader);
/* Goes on until there is something to tell. The event lives in `page`, which is cleared on the way. */
enum fetch_result fetch_next(struct fetch *f, struct arena *page, struct reader_event *event_out, struct err *err);
/* After FETCH_PAGE: starts the next request; `page` must be the arena of the next fetch_next. */
void fetch_ahead(struct fetch *f, struct arena *page);
/* A lease_stop_fn: ends what fetch waits for. Any thread. */
void fetch_stop(void *fetch);

#endif
