/*
 * The fault plan: which request goes wrong, and how (invariants, section 3).
 *
 * A fault is written as text, on the command line or to the control route:
 *
 *     kind[:key=value]...      429:after=3:count=2:retry-after=1:path=/contacts
 *
 * Each fault counts the requests that match its path, method and vendor; it strikes from the `after`+1st
 * on, every `every`th, `count` times. The first fault that strikes gives the answer; delay, shift and loop
 * strike beside it. docs/sandbox.md lists kinds and keys; the tables in faults.c are what it is made from.
 * Called under the sandbox's lock.
 */
#ifndef TIDEMARK_SANDBOX_FAULTS_H
#define TIDEMARK_SANDBOX_FAULTS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "json/writer.h"

enum fault_kind {
    FAULT_STATUS,         /* an error answer: 429, 500, 401, ... */
    FAULT_DRIP,           /* the body comes in drops */
    FAULT_DELAY,          /* the first byte comes late; beside other faults */
    FAULT_TRUNCATED_JSON, /* a whole answer whose JSON stops in the middle */
    FAULT_SHORT_LENGTH,   /* fewer bytes than Content-Length says */
    FAULT_RESET,          /* a TCP reset inside a chunked body */
    FAULT_CUT_GZIP,       /* a gzip body that stops in the middle */
    FAULT_GZIP_BOMB,
    FAULT_HUGE,           /* a page padded to many MiB */
    FAULT_DEEP,           /* arrays in arrays */
    FAULT_HTML,           /* an error page with status 200 */
    FAULT_EMPTY,          /* status 200 and nothing */
    FAULT_WRONG_TYPE,     /* JSON, but not what was asked for */
    FAULT_BAD_UTF8,
    FAULT_LOOP,           /* the position asked for is ignored: the same page again; beside others */
    FAULT_SHIFT,          /* an object comes, goes or changes before the page is made; beside others */
    FAULT_KINDS
};

enum fault_retry_after { RETRY_AFTER_NONE, RETRY_AFTER_SECONDS, RETRY_AFTER_DATE };
enum fault_shift { SHIFT_INSERT, SHIFT_DELETE, SHIFT_TOUCH };

#define FAULT_TEXT_BYTES 256
#define FAULT_FOREVER INT64_MAX

struct fault {
    char text[FAULT_TEXT_BYTES]; /* as it was given; the slices below point into it */
    enum fault_kind kind;
    struct str path;             /* glob, '*' for anything, found anywhere in "path?query"; none: all */
    struct str method, vendor;   /* none: all */
    int64_t after, every, count;
    int status;
    bool handled;                /* the vendor does what it was asked, then answers the error */
    enum fault_retry_after retry_after;
    int64_t seconds;             /* of retry_after */
    int64_t at_percent;          /* where a body is cut */
    int64_t bytes_per_s;
    int64_t ms;
    int64_t mib;
    int64_t depth;
    enum fault_shift shift;
    struct str entity;           /* of shift; none: the one the request lists */
    int64_t objects;             /* of shift */
    bool served;                 /* shift takes those that were listed last, not any */
    int64_t seen, fired;
};

#define FAULTS_MAX 256

struct fault_plan {
    struct fault *faults[FAULTS_MAX]; /* owned */
    size_t count;
};

#define SHIFTS_MAX 8

/* What strikes one request. Pointers live until the plan changes, so they are copies. */
struct fault_hit {
    bool has_answer;
    struct fault answer;
    int64_t delay_ms;
    bool loop;
    struct fault shifts[SHIFTS_MAX];
    size_t shift_count;
};

/* Checks and adds. E_USAGE says what is wrong with the text; E_LIMIT when the plan is full. */
MUST_USE bool fault_plan_add(struct fault_plan *plan, struct str text, struct err *err);
void fault_plan_clear(struct fault_plan *plan);
/* Counts this request and says what strikes it. hit_out is filled in every case; true when anything does. */
bool fault_plan_strike(struct fault_plan *plan, struct str vendor, struct str method, struct str target,
                       struct fault_hit *hit_out);
void fault_plan_write(const struct fault_plan *plan, struct json_writer *w, const char *key);
/* "429", "drip": for the ledger. Static or inside the fault. */
const char *fault_kind_name(enum fault_kind kind);

#endif
