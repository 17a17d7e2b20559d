/*
 * Requests sent before they are asked for: `options.concurrency` of a run.
 *
 * The reader goes page by page, and marks must rise in order. So nothing is read out of order here: while page n
 * is worked on, the requests of pages n+1, n+2, ... are already on their way, and when the reader asks for exactly
 * that request its answer is there. A guess that nobody asks for is dropped; it can cost a request, never
 * a record.
 *
 * What can be guessed: addresses that count. Two requests in a row that differ in one number of the query, which
 * grew by 1 (a page number) or by the records of a page (an offset), and a vendor that told how many records there
 * are, so that nothing beyond the last page is asked for. Cursors and links cannot be guessed, and neither can the
 * first pages of slices: there one request goes after the other. The worker's thread alone.
 */
#ifndef TIDEMARK_ENGINE_FETCH_GUESS_H
#define TIDEMARK_ENGINE_FETCH_GUESS_H

#include "base/arena.h"
#include "engine/sender.h"

#define GUESS_MAX 15                       /* beside the one that is asked for: options.concurrency goes to 16 */
#define GUESS_BYTES_MAX (32L * 1024 * 1024) /* answers that wait for their turn, by the size of the last page */
#define GUESS_URL_BYTES 4096               /* longer addresses are not guessed */

struct guess_call {
    void *call;
    int64_t number;
};

struct fetch_guess {
    unsigned concurrency;        /* 0 and 1: nothing is guessed */
    char url[GUESS_URL_BYTES];   /* of the last request of a page */
    size_t url_len;
    size_t at, digits;           /* where its number stands; digits 0: not known */
    int64_t number, step;
    int64_t total, page_records, page_bytes; /* total -1: not told */
    struct guess_call calls[GUESS_MAX];      /* in the order of their numbers */
    unsigned count;
    int64_t hits, misses;
};

void guess_init(struct fetch_guess *g, unsigned concurrency);
/* Drops what is on its way: the reader waits, fails, or begins another stream. */
void guess_drop(struct fetch_guess *g, const struct sender *sender);
/* The call that is already on its way for this request, now the caller's; NULL: none. Others than the next are dropped. */
void *guess_take(struct fetch_guess *g, const struct sender *sender, const struct http_request *request);
/* Notes a page's request that has just been sent or taken. */
void guess_learn(struct fetch_guess *g, const struct http_request *request);
/* Notes a page: what the vendor said of its total, how many records it held, how large it was. */
void guess_page(struct fetch_guess *g, int64_t declared_total, size_t records, int64_t bytes);
/* Is the answer to this request on its way already? */
bool guess_has(const struct fetch_guess *g, const struct http_request *request);
/* Sends what can be guessed behind this request, as long as `may` allows it. Returns how many were sent. */
unsigned guess_send(struct fetch_guess *g, const struct sender *sender, const struct http_request *request, bool (*may)(void *ctx),
                    void *ctx);

#endif
