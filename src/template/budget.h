/*
 * api_budget: how many requests a template allows itself in a span of time.
 *
 * A budget has policies in their order; the first one whose matchers fit a request counts it, a request that none fits
 * is free. A policy's rates are counted by meters. A meter counts in slots, each a sixteenth of its span, so that it is small,
 * can be stored, and two nodes' countings can be added; for that it is careful: what was spent counts until the whole
 * of its slot has left the span, at most a sixteenth longer than it would have to.
 *
 * Nothing here waits, locks or asks a clock: the engine keeps the meters of a credential in its book (engine/quota_book.h),
 * `manifest read` keeps its own. Times are the caller's wall clock.
 */
#ifndef TIDEMARK_TEMPLATE_BUDGET_H
#define TIDEMARK_TEMPLATE_BUDGET_H

#include "net/http_client.h"
#include "template/template.h"

#define BUDGET_RATES_MAX 4    /* of one policy */
#define BUDGET_METERS_MAX 32  /* rates of all policies */
#define BUDGET_SLOTS 17       /* the one that is being filled, and sixteen before it */

struct budget_rate {
    int64_t limit, span_us;
};

struct budget_policy {
    struct budget_rate rates[BUDGET_RATES_MAX];
    size_t rate_count;        /* 0: unlimited */
    size_t first_meter;       /* the meters of its rates stand side by side */
    bool fixed;               /* FixedWindowCallRatePolicy: the vendor may tell when its window ends */
};

/* What one request costs. policy NULL: nothing. */
struct budget_charge {
    const struct budget_policy *policy;
    int64_t weight;
};

struct budget; /* of one template and configuration; immutable */

/*
 * In a, which must outlive it; *budget_out NULL: the template has none. E_EXPRESSION, E_TEMPLATE_INVALID for a limit that
 * comes out as no number. The template must outlive it too.
 */
MUST_USE bool budget_make(const struct template *t, struct arena *a, yyjson_val *config, int64_t now_us, struct budget **budget_out,
                          struct err *err);
/* b NULL: nothing is charged. */
struct budget_charge budget_charge_of(const struct budget *b, struct arena *scratch, const struct http_request *request);

struct budget_meter {
    int64_t span_us;          /* 0: never used */
    int64_t newest;           /* number of the newest slot: its begin, divided by the slot's length */
    int64_t since_us;         /* what was spent before counts no more */
    int64_t reset_us;         /* when a fixed window ends; 0: not told */
    uint32_t counts[BUDGET_SLOTS];
};
struct budget_meters {
    struct budget_meter meters[BUDGET_METERS_MAX];
};

/*
 * 0: the request may go. Else microseconds, and *rate_out which rate says so (may be NULL). kept: what was spent as it is
 * stored, own: what came since; either may be NULL. percent: of a limit is left to others.
 */
int64_t budget_wait_us(const struct budget_meters *kept, const struct budget_meters *own, struct budget_charge charge, int64_t percent,
                       int64_t now_us, const struct budget_rate **rate_out);
void budget_spend(const struct budget_meters *kept, struct budget_meters *own, struct budget_charge charge, int64_t now_us);
/* An answer: what is left and when it begins anew, as the budget's headers and statuses tell. True: own has changed. */
bool budget_learn(const struct budget *b, const struct budget_meters *kept, struct budget_meters *own, struct budget_charge charge,
                  const struct http_reply *reply, int64_t now_us);
/* Slot by slot; a meter of another span is replaced by that of `from`. */
void budget_add(struct budget_meters *to, const struct budget_meters *from);
/* Takes out what was added; both of one origin. */
void budget_subtract(struct budget_meters *from, const struct budget_meters *what);
/* How a rate stands, by its number from 0. False: there is no such rate. */
struct budget_state {
    struct str method, path;  /* of the requests that its policy's first matcher fits; the policy has `matchers`. In the template */
    size_t matchers;          /* 0: every request */
    int64_t limit, span_us, used;
    int64_t reset_us;         /* when a fixed window ends; 0: it moves, or nobody told */
};
bool budget_look(const struct budget *b, const struct budget_meters *kept, const struct budget_meters *own, size_t index,
                 int64_t now_us, struct budget_state *state_out);
/* The moments of another clock. */
void budget_shift(struct budget_meters *m, int64_t offset_us);

#endif
