/*
 * The budgets of all credentials.
 *
 * Entries hang in a small table of lists, each counted by its uses; one that nobody has used for a while goes when it is
 * written. Two nodes that write the same row go one after the other (the row is locked), and each takes window by window
 * what was told later: the vendor's own words are the truth, whoever heard them.
 */
#include "engine/quota_book.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "store/store_quota.h"

#define BUCKETS 1024
#define IDLE_US (10 * US_PER_MINUTE)   /* unused for so long: out of memory, its row stays */
#define FORGET_US (3 * US_PER_DAY)     /* not told of for so long: its row goes */
#define FORGET_EVERY_US US_PER_HOUR
#define ROW_BYTES 16384
#define FLUSH_MAX 256                  /* credentials in one transaction */

/* What a template's own budget counts: as the row has it, and what is not written yet. */
struct quota_meters {
    struct budget_meters kept, own;
};

struct quota_use {
    struct quota_book *book;
    struct quota_use *next;
    int64_t tenant;
    char credential[QUOTA_CREDENTIAL_BYTES];
    /* under the book's lock */
    struct quota quota;
    struct quota_meters *meters; /* owned; NULL while no template's own budget was charged */
    int64_t uses, in_flight, touched_us;
    bool changed;                /* since it was written */
    bool loaded;
};

struct quota_book {
    struct store *store;
    const struct clock *clock;
    pthread_mutex_t lock;
    struct quota_use *buckets[BUCKETS]; /* under lock */
    pthread_mutex_t flushing;    /* one flush at a time */
    int64_t forgot_us;           /* under flushing */
};

struct quota_book *
quota_book_new(struct store *store, const struct clock *clock, struct err *err)
{
    struct quota_book *book = alloc_zeroed(1, sizeof(*book));
    if (book == NULL) {
        err_no_memory(err);
        return NULL;
    }
    book->store = store;
    book->clock = clock;
    pthread_mutex_init(&book->lock, NULL);
    pthread_mutex_init(&book->flushing, NULL);
    return book;
}

static void
use_free(struct quota_use *use)
{
    free(use->meters);
    free(use);
}

void
quota_book_free(struct quota_book *book)
{
    if (book == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (book->buckets[i] != NULL) {
            struct quota_use *use = book->buckets[i];
            book->buckets[i] = use->next;
            use_free(use);
        }
    pthread_mutex_destroy(&book->lock);
    pthread_mutex_destroy(&book->flushing);
    free(book);
}

static struct quota_use **
bucket_of(struct quota_book *book, int64_t tenant, const char *credential)
{
    uint64_t hash = (uint64_t)tenant;
    for (const char *c = credential; *c != '\0'; c++)
        hash = hash * 31 + (unsigned char)*c;
    return &book->buckets[hash % BUCKETS];
}

/* Under lock. */
static struct quota_use *
find_or_add(struct quota_book *book, int64_t tenant, const char *credential)
{
    struct quota_use **bucket = bucket_of(book, tenant, credential), *use = *bucket;
    while (use != NULL && (use->tenant != tenant || strcmp(use->credential, credential) != 0))
        use = use->next;
    if (use != NULL)
        return use;
    use = alloc_zeroed(1, sizeof(*use));
    if (use == NULL)
        return NULL;
    *use = (struct quota_use){.book = book, .tenant = tenant, .next = *bucket};
    snprintf(use->credential, sizeof(use->credential), "%s", credential);
    *bucket = use;
    return use;
}

/* ---- the row ---- */

struct row_read {
    struct arena arena;
    const struct quota_book *book;
    int64_t tenant;
    const char *credential;
    struct quota quota;
    struct budget_meters meters;
};

static bool
read_row(struct db *db, void *ctx, struct err *err)
{
    struct row_read *r = ctx;
    struct str windows;
    if (!store_quota_get(db, &r->arena, r->tenant, str_from_c(r->credential), false, &windows, err))
        return false;
    quota_read(windows, store_now(db) - clock_wall_us(r->book->clock), &r->quota, &r->meters);
    return true;
}

static bool
any_meter(const struct budget_meters *m)
{
    for (size_t i = 0; i < BUDGET_METERS_MAX; i++)
        if (m->meters[i].span_us != 0)
            return true;
    return false;
}

/* Under lock. What was counted in the row; NULL without memory: then it is not counted. */
static void
take_meters(struct quota_use *use, const struct budget_meters *row)
{
    if (use->meters == NULL && any_meter(row))
        use->meters = alloc_zeroed(1, sizeof(*use->meters));
    if (use->meters != NULL)
        use->meters->kept = *row;
}

static void
load(struct quota_use *use)
{
    struct row_read r = {.book = use->book, .tenant = use->tenant, .credential = use->credential};
    struct err err = {0};
    arena_init(&r.arena, ROW_BYTES * 2);
    if (!store_read(use->book->store, read_row, &r, &err))
        log_err(LOG_WARN, "what is known of a platform's limits could not be read", &err);
    arena_release(&r.arena);
    pthread_mutex_lock(&use->book->lock);
    (void)quota_merge(&use->quota, &r.quota);
    take_meters(use, &r.meters);
    use->loaded = true;
    pthread_mutex_unlock(&use->book->lock);
}

struct quota_use *
quota_use_begin(struct quota_book *book, int64_t tenant, const char *credential)
{
    pthread_mutex_lock(&book->lock);
    struct quota_use *use = find_or_add(book, tenant, credential);
    bool loaded = use == NULL || use->loaded;
    if (use != NULL) {
        use->uses++;
        use->touched_us = clock_wall_us(book->clock);
    }
    pthread_mutex_unlock(&book->lock);
    if (!loaded)
        load(use);
    return use;
}

void
quota_use_end(struct quota_use *use)
{
    if (use == NULL)
        return;
    pthread_mutex_lock(&use->book->lock);
    use->uses--;
    use->touched_us = clock_wall_us(use->book->clock);
    pthread_mutex_unlock(&use->book->lock);
}

/* ---- asking ---- */

static void
say_why(const struct quota_window *w, enum quota_class class, char *words, size_t bytes)
{
    static const char *const whom[QUOTA_CLASSES] = {"", "webhooks", "webhooks and people", "webhooks, people and incremental syncs"};
    if (w == NULL || w->rate_micro > 0)
        snprintf(words, bytes, "The vendor's rate is used up (%s)", w == NULL ? "limit" : w->name);
    else if (w->remaining > 0)
        snprintf(words, bytes, "The last %lld of %lld requests (%s) are left for %s", (long long)w->remaining,
                 (long long)w->limit, w->name, whom[class]);
    else
        snprintf(words, bytes, "The vendor allows no more requests for now (%s)", w->name);
}

static void
say_budget(const struct budget_rate *rate, char *words, size_t bytes)
{
    snprintf(words, bytes, "The template allows itself %lld requests in %lld.%03lld s (api_budget)", (long long)rate->limit,
             (long long)(rate->span_us / US_PER_S), (long long)(rate->span_us % US_PER_S / US_PER_MS));
}

/* Under lock. */
static int64_t
budget_wait(struct quota_use *use, enum quota_class class, struct budget_charge charge, int64_t now_us, const struct budget_rate **rate)
{
    if (charge.policy != NULL && use->meters == NULL)
        use->meters = alloc_zeroed(1, sizeof(*use->meters));
    if (use->meters == NULL)
        return 0;
    return budget_wait_us(&use->meters->kept, &use->meters->own, charge, quota_reserve_percent(class), now_us, rate);
}

/* Under lock. */
static void
spend(struct quota_use *use, struct str scope, struct budget_charge charge, int64_t now_us)
{
    quota_spend(&use->quota, scope, now_us);
    use->in_flight++;
    if (use->meters == NULL || charge.policy == NULL || charge.policy->rate_count == 0)
        return;
    budget_spend(&use->meters->kept, &use->meters->own, charge, now_us);
    use->changed = true;
}

int64_t
quota_ask(struct quota_use *use, enum quota_class class, struct str scope, struct budget_charge charge, char *words,
          size_t words_bytes)
{
    struct quota_book *book = use->book;
    const struct quota_window *w = NULL;
    const struct budget_rate *rate = NULL;
    pthread_mutex_lock(&book->lock);
    int64_t now_us = clock_wall_us(book->clock);
    int64_t vendor_us = quota_wait_us(&use->quota, class, scope, now_us, &w), own_us = budget_wait(use, class, charge, now_us, &rate);
    int64_t wait_us = vendor_us > own_us ? vendor_us : own_us;
    use->touched_us = now_us;
    if (wait_us == 0)
        spend(use, scope, charge, now_us);
    else if (own_us > vendor_us)
        say_budget(rate, words, words_bytes);
    else
        say_why(w, class, words, words_bytes);
    pthread_mutex_unlock(&book->lock);
    return wait_us == 0 ? 0 : wait_us / US_PER_MS + 1;
}

void
quota_answered(struct quota_use *use, yyjson_val *limits, struct str scope, const struct budget *budget, struct budget_charge charge,
               const struct http_reply *reply)
{
    struct quota_book *book = use->book;
    pthread_mutex_lock(&book->lock);
    int64_t now_us = clock_wall_us(book->clock);
    use->in_flight -= use->in_flight > 0 ? 1 : 0;
    if (reply != NULL && quota_learn(&use->quota, limits, scope, reply, use->in_flight, now_us))
        use->changed = true;
    if (reply != NULL && use->meters != NULL &&
        budget_learn(budget, &use->meters->kept, &use->meters->own, charge, reply, now_us))
        use->changed = true;
    pthread_mutex_unlock(&book->lock);
}

void
quota_look(struct quota_use *use, struct quota *quota_out)
{
    load(use);
    pthread_mutex_lock(&use->book->lock);
    *quota_out = use->quota;
    pthread_mutex_unlock(&use->book->lock);
}

static void
name_requests(const struct budget_state *state, char words[QUOTA_REQUESTS_BYTES])
{
    if (state->matchers > 0)
        snprintf(words, QUOTA_REQUESTS_BYTES, "%.*s%s%.*s%s", STR_ARG(state->method), state->method.len && state->path.len ? " " : "",
                 STR_ARG(state->path), state->matchers > 1 ? ", and others" : state->method.len || state->path.len ? "" : "some");
}

void
quota_look_own(struct quota_use *use, const struct budget *budget, struct quota_own *own_out)
{
    struct budget_state state;
    int64_t now_us = clock_wall_us(use->book->clock);
    own_out->count = 0;
    pthread_mutex_lock(&use->book->lock);
    const struct budget_meters *kept = use->meters ? &use->meters->kept : NULL, *own = use->meters ? &use->meters->own : NULL;
    while (own_out->count < BUDGET_METERS_MAX && budget_look(budget, kept, own, own_out->count, now_us, &state)) {
        struct quota_allowed *rate = &own_out->rates[own_out->count++];
        *rate = (struct quota_allowed){.limit = state.limit, .used = state.used, .span_us = state.span_us, .reset_us = state.reset_us};
        name_requests(&state, rate->requests);
    }
    pthread_mutex_unlock(&use->book->lock);
}

/* ---- once a second ---- */

/* One credential of a flush: a copy, so that the lock is not held while the store works. */
struct flush_item {
    struct quota_use *use;
    struct quota mine, merged;
    struct quota_meters *meters; /* owned copy, or NULL: of `own`, and what the row then has */
    bool write;
};

struct flush {
    struct quota_book *book;
    struct arena arena;
    struct flush_item *items;
    size_t count;
    bool forget;
};

static bool
flush_one(struct db *db, struct flush *f, struct flush_item *item, int64_t now_us, struct err *err)
{
    int64_t offset_us = now_us - clock_wall_us(f->book->clock);
    struct str credential = str_from_c(item->use->credential), windows;
    struct buf b;
    if (!store_quota_get(db, &f->arena, item->use->tenant, credential, item->write, &windows, err))
        return false;
    quota_read(windows, offset_us, &item->merged, item->meters ? &item->meters->kept : NULL);
    bool news = quota_merge(&item->merged, &item->mine);
    if (item->meters != NULL && item->write)
        budget_add(&item->meters->kept, &item->meters->own);
    if ((!news && item->meters == NULL) || !item->write)
        return true;
    buf_init(&b, ROW_BYTES);
    bool ok = quota_write(&item->merged, item->meters ? &item->meters->kept : NULL, offset_us, &b) || err_no_memory(err);
    ok = ok && store_quota_put(db, item->use->tenant, credential, buf_str(&b), now_us, err);
    buf_release(&b);
    return ok;
}

static bool
flush_rows(struct db *db, void *ctx, struct err *err)
{
    struct flush *f = ctx;
    int64_t now_us = store_now(db);
    for (size_t i = 0; i < f->count; i++) {
        struct arena_mark mark = arena_mark(&f->arena);
        bool ok = flush_one(db, f, &f->items[i], now_us, err);
        arena_rewind(&f->arena, mark);
        if (!ok)
            return false;
    }
    return !f->forget || store_quota_forget(db, now_us - FORGET_US, err);
}

/* Under lock. Without memory for it the next second has its turn. */
static void
collect_one(struct flush *f, struct quota_use *use)
{
    struct flush_item *item = &f->items[f->count];
    *item = (struct flush_item){.use = use, .mine = use->quota, .write = use->changed};
    if (use->meters != NULL && (item->meters = alloc_zeroed(1, sizeof(*item->meters))) == NULL)
        return;
    if (use->meters != NULL)
        item->meters->own = use->meters->own;
    f->count++;
}

/* Under lock: those that were used; the ones that nobody has used for long go. */
static void
collect(struct flush *f, int64_t now_us)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct quota_use **at = &f->book->buckets[i]; *at != NULL;) {
            struct quota_use *use = *at;
            bool idle = use->uses == 0 && now_us - use->touched_us > IDLE_US;
            if (idle && !use->changed) {
                *at = use->next;
                use_free(use);
                continue;
            }
            if ((use->changed || use->uses > 0) && use->loaded && f->count < FLUSH_MAX)
                collect_one(f, use);
            at = &use->next;
        }
    for (size_t i = 0; i < f->count; i++) {
        f->items[i].use->changed = false;
        f->items[i].use->uses++; /* it stays until we are done */
    }
}

/* Rows are locked in one order on all nodes. */
static int
by_row(const void *a, const void *b)
{
    const struct quota_use *one = ((const struct flush_item *)a)->use, *other = ((const struct flush_item *)b)->use;
    if (one->tenant != other->tenant)
        return one->tenant < other->tenant ? -1 : 1;
    return strcmp(one->credential, other->credential);
}

static void
give_back(struct flush *f, bool ok)
{
    for (size_t i = 0; i < f->count; i++) {
        struct flush_item *item = &f->items[i];
        item->use->uses--;
        if (ok)
            (void)quota_merge(&item->use->quota, &item->merged);
        else
            item->use->changed = item->use->changed || item->write;
        if (ok && item->meters != NULL) {
            item->use->meters->kept = item->meters->kept;
            if (item->write)
                budget_subtract(&item->use->meters->own, &item->meters->own);
        }
        free(item->meters);
    }
}

static bool
any_written(const struct flush *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].write)
            return true;
    return f->forget;
}

bool
quota_book_flush(struct quota_book *book, struct err *err)
{
    struct flush f = {.book = book, .items = alloc_zeroed(FLUSH_MAX, sizeof(*f.items))};
    if (f.items == NULL)
        return err_no_memory(err);
    pthread_mutex_lock(&book->flushing);
    int64_t now_us = clock_wall_us(book->clock);
    arena_init(&f.arena, ROW_BYTES * 4);
    pthread_mutex_lock(&book->lock);
    collect(&f, now_us);
    pthread_mutex_unlock(&book->lock);
    qsort(f.items, f.count, sizeof(*f.items), by_row);
    f.forget = f.count > 0 && now_us - book->forgot_us > FORGET_EVERY_US;
    bool ok = f.count == 0 || (any_written(&f) ? store_write(book->store, flush_rows, &f, err)
                                               : store_read(book->store, flush_rows, &f, err));
    if (ok && f.forget)
        book->forgot_us = now_us;
    pthread_mutex_lock(&book->lock);
    give_back(&f, ok);
    pthread_mutex_unlock(&book->lock);
    pthread_mutex_unlock(&book->flushing);
    arena_release(&f.arena);
    free(f.items);
    return ok;
}
