/*
 * What a run asked of its vendor: packed rows of some requests each, beside the run's log.
 *
 * A request is one line: a flag ('!' failed, '.' not), the number of the page that it was made for (0: none), a
 * space, and a JSON object. A row holds consecutive ones; the first has the number `first_number`, counted from
 * 1 over the whole run, whichever workers did it. A run keeps its first LIMIT_RUN_REQUESTS_FIRST and its last
 * LIMIT_RUN_REQUESTS_LAST; what lies between stays counted (runs.requests).
 */
#ifndef TIDEMARK_STORE_STORE_REQUEST_H
#define TIDEMARK_STORE_STORE_REQUEST_H

#include "store/store_page.h"

/* Adds what stands in `requests` (store_page.h). A worker that has lost the run adds nothing, and that is no error. */
MUST_USE bool store_requests_append(struct db *db, const struct page_fence *fence, const struct page_requests *requests,
                                    int64_t now_us, struct err *err);

struct request_chunk {
    int64_t first_number;
    int64_t count, failed;
    struct str packed;       /* log_unpack gives the lines */
};
/* Rows with a number above `after`, in order, at most limit. */
MUST_USE bool store_requests_read(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t after, size_t limit,
                                  struct request_chunk **rows_out, size_t *count_out, struct err *err);
/* The row with the highest numbers. */
enum row store_requests_newest(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct request_chunk *row_out,
                               struct err *err);
/* How many of the run's requests are kept. */
MUST_USE bool store_requests_kept(struct db *db, int64_t tenant, int64_t run, int64_t *kept_out, struct err *err);

/* One line, taken apart. */
struct request_line {
    bool failed;
    int64_t page;
    struct str json;
};
/* The next of a row's lines; false: there is none left, or it is damaged. */
bool request_line_next(struct str *lines, struct request_line *line_out);

#endif
