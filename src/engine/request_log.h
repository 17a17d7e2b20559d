/*
 * What a run asks of its vendor, written down: each request with masked headers, for people (D15).
 *
 * It stands between a fetch and its sender, so nothing that is sent goes past it: pages, parents, tokens, writes,
 * single look-ups, requests sent ahead, also those whose answer nobody wanted in the end. Lines are kept in memory
 * until a page of the run takes them into its transaction, or the run is handed back; a process that dies loses
 * the last REQUEST_LOG_US of them, no more. Bodies are never kept.
 *
 * A request that was sent before without success, since the last page, is a further attempt; why it was needed stands
 * beside it.
 *
 * The worker's thread alone, but for cancel of a call.
 */
#ifndef TIDEMARK_ENGINE_REQUEST_LOG_H
#define TIDEMARK_ENGINE_REQUEST_LOG_H

#include "base/clock.h"
#include "engine/sender.h"
#include "store/store_request.h"
#include "template/reader.h"

#define REQUEST_LOG_COUNT 32           /* so many are worth a row, */
#define REQUEST_LOG_US (1 * US_PER_S)  /* or any, after so long */
#define REQUEST_LOG_COUNT_MAX 1024     /* held in memory; more are only counted */
#define REQUEST_LOG_BYTES_MAX (4 * 1024 * 1024)

struct request_log;

/* NULL: no memory. The sender is copied. offset_us: database clock minus ours. */
struct request_log *request_log_new(const struct sender *sender, const struct clock *clock);
/* Accepts NULL. All calls have been freed by then. */
void request_log_free(struct request_log *log);
/* What to send with instead. */
struct sender request_log_sender(struct request_log *log);
/* Database clock minus ours, for the times of requests. */
void request_log_offset(struct request_log *log, int64_t offset_us);

/* The rest accepts a NULL log. What the next requests are for. */
void request_log_about(struct request_log *log, enum reader_purpose purpose);
/* The stream that is worked on; the caller's until the next call. */
void request_log_stream(struct request_log *log, struct str stream);
/* The last answer was no good for this reason: if it is asked for again, that is why. */
void request_log_wait(struct request_log *log, struct str reason);
/* A page came of what was asked since the last one: it will be the run's number `page`. */
void request_log_page(struct request_log *log, int64_t page);
/* The last line of the run's earlier part: a request that failed there is tried again here. */
void request_log_goes_on(struct request_log *log, struct arena *scratch, const struct request_line *last);

/* Is there enough to store? */
bool request_log_is_due(const struct request_log *log);
/* Packs what there is into a, and forgets it. When the arena is full they count as made and not kept. */
struct page_requests request_log_take(struct request_log *log, struct arena *a);

#endif
