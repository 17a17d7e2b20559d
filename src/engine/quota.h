/*
 * What a vendor still allows a credential: arithmetic, without store, lock or clock.
 *
 * A vendor counts in windows ("100 in ten seconds", "200,000 a day") or by rate ("one a minute, twenty at once"), and
 * tells in the headers of its answers where it stands. A template says which headers those are (`limits.windows`); without that
 * the names that the field uses are looked for. Four classes share the budget: the lower ones leave a part of each window to
 * those above, so that a backfill of a million records never keeps a webhook from fetching its one.
 *
 * Times are the caller's wall clock. What was told goes stale when its window has passed: then the vendor is asked anew.
 */
#ifndef TIDEMARK_ENGINE_QUOTA_H
#define TIDEMARK_ENGINE_QUOTA_H

#include "base/clock.h"
#include "json/json.h"
#include "json/writer.h"
#include "net/http_client.h"
#include "template/budget.h"

enum quota_class {
    QUOTA_WEBHOOK,      /* also connection tests: may use everything */
    QUOTA_MANUAL,       /* a person waits */
    QUOTA_INCREMENTAL,  /* runs by schedule */
    QUOTA_BACKFILL,     /* streams that are read from their beginning */
    QUOTA_CLASSES
};

#define QUOTA_WINDOWS_MAX 8
#define QUOTA_NAME_BYTES 48

struct quota_window {
    char name[QUOTA_NAME_BYTES];
    int64_t seen_us;             /* when the vendor told it last */
    int64_t limit, remaining;    /* requests, less those that are on their way; -1: not told */
    int64_t reset_us;            /* when it is full again; 0: not told */
    int64_t span_us;             /* how long it is; 0: not known */
    int64_t began_us;            /* when it was first seen full; by rate: when nothing was left */
    int64_t rate_micro;          /* requests in a million seconds, where the vendor counts by rate; 0: it does not */
    int64_t burst;               /* how many may be saved up then */
};

struct quota {
    int64_t seen_us;             /* of the newest window; 0: nothing was ever told */
    size_t count;
    struct quota_window windows[QUOTA_WINDOWS_MAX];
};

/* In percent: what of a limit a class leaves to those above it. */
int64_t quota_reserve_percent(enum quota_class class);
/* What of a window a class leaves to those above it. */
int64_t quota_reserve(const struct quota_window *w, enum quota_class class);
/*
 * May a request go? 0: yes. Else how many microseconds to wait, and *window_out which window says so (may be NULL).
 * `scope` is the stream, for windows that are counted by stream.
 */
int64_t quota_wait_us(const struct quota *q, enum quota_class class, struct str scope, int64_t now_us,
                      const struct quota_window **window_out);
/* One request goes. */
void quota_spend(struct quota *q, struct str scope, int64_t now_us);
/*
 * An answer. limits: metadata.tidemark.limits of the template, or NULL. `others`: requests of ours that are still on their
 * way. True: something was learnt.
 */
bool quota_learn(struct quota *q, yyjson_val *limits, struct str scope, const struct http_reply *reply, int64_t others,
                 int64_t now_us);
/* Whichever was told later, window by window. True: q has changed. */
bool quota_merge(struct quota *q, const struct quota *other);
/* The tightest one of now: fewest requests left in proportion. NULL: none is known. */
const struct quota_window *quota_tightest(const struct quota *q, int64_t now_us);

/*
 * JSON for the store; offset_us is added to every time (the database's clock less ours), and taken off again. meters: what the
 * template's own budget has counted; NULL: nothing.
 */
bool quota_write(const struct quota *q, const struct budget_meters *meters, int64_t offset_us, struct buf *b);
/* What cannot be read is nothing known. meters_out may be NULL. */
void quota_read(struct str json, int64_t offset_us, struct quota *quota_out, struct budget_meters *meters_out);

#endif
