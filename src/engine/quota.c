/*
 * What a vendor still allows a credential: arithmetic.
 */
#include "engine/quota.h"

#include <string.h>

#include "base/limits.h"
#include "engine/quota_told.h"

#define RESET_EPOCH_MIN_S INT64_C(1000000000) /* larger: a moment; smaller: seconds from now */
#define RESET_MS_MIN INT64_C(100000000000)    /* larger: milliseconds */
#define STALE_US (30 * US_PER_MINUTE)         /* a window whose end is not known is asked about again after so long */
#define BURST_DEFAULT 20
#define RATE_MICRO_MAX INT64_C(1000000000000)
#define QUOTA_JSON_BYTES 16384

/* In percent of the limit; a small window is not cut up. */
static const int64_t reserve_percent[QUOTA_CLASSES] = {
    [QUOTA_WEBHOOK] = 0, [QUOTA_MANUAL] = 5, [QUOTA_INCREMENTAL] = 10, [QUOTA_BACKFILL] = 20};

int64_t
quota_reserve_percent(enum quota_class class)
{
    return reserve_percent[class];
}

int64_t
quota_reserve(const struct quota_window *w, enum quota_class class)
{
    return w->limit > 0 ? w->limit * reserve_percent[class] / 100 : 0;
}

/* ---- waiting ---- */

/* "rate:orders" is the window "rate" of the stream orders. */
static bool
is_of(const struct quota_window *w, struct str scope)
{
    struct str name = str_from_c(w->name), rest;
    return !str_cut(name, ':', &name, &rest) || str_eq(rest, scope);
}

static int64_t
rate_step_us(const struct quota_window *w)
{
    return US_PER_S * US_PER_S / w->rate_micro;
}

/* Saved up since nothing was left. When all that can be is saved, nothing is known any more that would hold anybody. */
static int64_t
rate_wait(const struct quota_window *w, enum quota_class class, int64_t now_us)
{
    int64_t step_us = rate_step_us(w);
    int64_t needed = class == QUOTA_BACKFILL && w->burst > 1 ? 2 : 1; /* the other one is for whoever is more important */
    int64_t due_us = w->began_us + needed * step_us;
    if (w->remaining < 0 || now_us - w->began_us >= w->burst * step_us)
        return 0;
    return due_us > now_us ? due_us - now_us : 0;
}

static bool
is_stale(const struct quota_window *w, int64_t now_us)
{
    if (w->reset_us != 0)
        return now_us >= w->reset_us;
    int64_t span_us = w->span_us > 0 && w->span_us < STALE_US ? w->span_us : STALE_US;
    return now_us >= w->seen_us + span_us;
}

static int64_t
window_wait(const struct quota_window *w, enum quota_class class, int64_t now_us)
{
    if (w->rate_micro > 0)
        return rate_wait(w, class, now_us);
    if (w->remaining < 0 || is_stale(w, now_us) || w->remaining > quota_reserve(w, class))
        return 0;
    if (w->reset_us != 0)
        return w->reset_us - now_us;
    /* An end that nobody told: with nothing left a while, else not at all, for it may be far. */
    int64_t span_us = w->span_us > 0 && w->span_us < STALE_US ? w->span_us : STALE_US;
    return w->span_us > 0 || w->remaining == 0 ? w->seen_us + span_us - now_us : 0;
}

int64_t
quota_wait_us(const struct quota *q, enum quota_class class, struct str scope, int64_t now_us,
              const struct quota_window **window_out)
{
    int64_t longest = 0;
    for (size_t i = 0; i < q->count; i++) {
        int64_t wait_us = is_of(&q->windows[i], scope) ? window_wait(&q->windows[i], class, now_us) : 0;
        if (wait_us > longest && window_out != NULL)
            *window_out = &q->windows[i];
        longest = wait_us > longest ? wait_us : longest;
    }
    return longest;
}

void
quota_spend(struct quota *q, struct str scope, int64_t now_us)
{
    for (size_t i = 0; i < q->count; i++) {
        struct quota_window *w = &q->windows[i];
        if (!is_of(w, scope) || w->remaining < 0)
            continue;
        if (w->rate_micro == 0)
            w->remaining -= w->remaining > 0 ? 1 : 0;
        else if (now_us - w->began_us >= w->burst * rate_step_us(w))
            w->remaining = -1; /* all saved up again */
        else
            w->began_us += rate_step_us(w);
    }
}

/* ---- learning ---- */

static bool
ends_with(struct str name, const char *end)
{
    struct str tail = str_from_c(end);
    return name.len >= tail.len && str_eq_nocase(str_skip(name, name.len - tail.len), tail);
}

/* "100, 100;w=10" is 100, "12.5" is 12. */
static bool
whole_number(struct str text, int64_t *value_out)
{
    struct str rest;
    str_cut(text, ',', &text, &rest);
    str_cut(text, ';', &text, &rest);
    str_cut(text, '.', &text, &rest);
    return str_to_i64(str_trim(text), 0, INT64_MAX / US_PER_S, value_out);
}

/* The first header whose name ends so. -1: none. */
static int64_t
guessed(const struct http_reply *reply, const char *const *ends, size_t count)
{
    int64_t value;
    for (size_t i = 0; i < reply->headers.count; i++)
        for (size_t k = 0; k < count; k++)
            if (ends_with(reply->headers.items[i].name, ends[k]) && whole_number(reply->headers.items[i].value, &value))
                return value;
    return -1;
}

/* The header that the rule names under that key. -1: none. */
static int64_t
told(const struct http_reply *reply, yyjson_val *rule, const char *key)
{
    struct str name = json_str(json_get_c(rule, key));
    int64_t value;
    for (size_t i = 0; name.len > 0 && i < reply->headers.count; i++)
        if (str_eq_nocase(reply->headers.items[i].name, name) && whole_number(reply->headers.items[i].value, &value))
            return value;
    return -1;
}

/* "0.0167" as 16,700: requests in a million seconds. 0: none. */
static int64_t
told_rate(const struct http_reply *reply, yyjson_val *rule)
{
    struct str name = json_str(json_get_c(rule, "rate")), whole, rest;
    int64_t value = 0, digits = 0;
    for (size_t i = 0; name.len > 0 && i < reply->headers.count; i++) {
        if (!str_eq_nocase(reply->headers.items[i].name, name))
            continue;
        str_cut(str_trim(reply->headers.items[i].value), '.', &whole, &rest);
        if (!str_to_i64(whole, 0, RATE_MICRO_MAX / US_PER_S, &value))
            return 0;
        for (size_t k = 0; k < 6; k++)
            digits = digits * 10 + (k < rest.len && rest.ptr[k] >= '0' && rest.ptr[k] <= '9' ? rest.ptr[k] - '0' : 0);
        return value * US_PER_S + digits;
    }
    return 0;
}

static int64_t
moment_of(int64_t reset, int64_t now_us)
{
    if (reset < 0)
        return 0;
    if (reset >= RESET_MS_MIN)
        return reset * US_PER_MS;
    return reset >= RESET_EPOCH_MIN_S ? reset * US_PER_S : now_us + reset * US_PER_S;
}

static struct quota_window *
window_named(struct quota *q, struct str name, struct str scope)
{
    char text[QUOTA_NAME_BYTES];
    snprintf(text, sizeof(text), "%.*s%s%.*s", STR_ARG(name), scope.len ? ":" : "", STR_ARG(scope));
    for (size_t i = 0; i < q->count; i++)
        if (strcmp(q->windows[i].name, text) == 0)
            return &q->windows[i];
    if (q->count == QUOTA_WINDOWS_MAX) {
        q->count--; /* the one that was told longest ago */
        for (size_t i = 0; i < q->count; i++)
            if (q->windows[i].seen_us < q->windows[q->count].seen_us) {
                struct quota_window other = q->windows[i];
                q->windows[i] = q->windows[q->count];
                q->windows[q->count] = other;
            }
    }
    struct quota_window *w = &q->windows[q->count++];
    *w = (struct quota_window){.limit = -1, .remaining = -1};
    snprintf(w->name, sizeof(w->name), "%s", text);
    return w;
}

/* What one answer says of one window. */
struct lesson {
    int64_t limit, remaining, reset, span_us;
};

static void
take_lesson(struct quota_window *w, const struct lesson *l, int64_t others, int64_t now_us)
{
    int64_t left = l->remaining < 0 ? -1 : l->remaining > others ? l->remaining - others : 0;
    bool anew = w->remaining < 0 || is_stale(w, now_us) || left > w->remaining + others + 1;
    w->span_us = l->span_us > 0 ? l->span_us : w->span_us;
    w->limit = l->limit >= 0 ? l->limit : w->limit;
    if (anew || w->began_us == 0)
        w->began_us = now_us;
    w->remaining = left;
    w->seen_us = now_us;
    w->reset_us = l->reset >= 0 ? moment_of(l->reset, now_us) : w->span_us > 0 && w->span_us < STALE_US ? w->began_us + w->span_us : 0;
}

/* Nothing more for now: whatever is known of the window, it is empty. */
static void
take_rate(struct quota_window *w, int64_t rate_micro, int64_t burst, bool refused, int64_t now_us)
{
    w->rate_micro = rate_micro;
    w->burst = burst;
    w->seen_us = now_us;
    if (!refused)
        return;
    w->remaining = 0;
    w->began_us = now_us;
}

static int64_t
number_or(yyjson_val *rule, const char *key, int64_t otherwise)
{
    int64_t value;
    return json_to_i64(json_get_c(rule, key), &value) && value > 0 ? value : otherwise;
}

static bool
learn_by_rule(struct quota *q, yyjson_val *rule, struct str scope, const struct http_reply *reply, int64_t others, int64_t now_us)
{
    struct str name = json_str_or(json_get_c(rule, "name"), STR("vendor"));
    struct str per = json_bool_or(json_get_c(rule, "per_stream"), false) ? scope : STR("");
    int64_t rate_micro = told_rate(reply, rule);
    if (rate_micro > 0) {
        take_rate(window_named(q, name, per), rate_micro, number_or(rule, "burst", BURST_DEFAULT), reply->status == 429, now_us);
        return true;
    }
    struct lesson l = {.limit = told(reply, rule, "limit"), .remaining = told(reply, rule, "remaining"),
                       .reset = told(reply, rule, "reset"), .span_us = number_or(rule, "seconds", 0) * US_PER_S};
    struct quota_told otherwise;
    if (quota_told(rule, reply, &otherwise))
        l.limit = otherwise.limit, l.remaining = otherwise.remaining, l.reset = otherwise.reset_s;
    int64_t span_ms = told(reply, rule, "milliseconds");
    if (span_ms > 0)
        l.span_us = span_ms * US_PER_MS;
    if (l.limit < 0 && l.remaining < 0)
        return false;
    take_lesson(window_named(q, name, per), &l, others, now_us);
    return true;
}

static bool
learn_by_guess(struct quota *q, const struct http_reply *reply, int64_t others, int64_t now_us)
{
    static const char *const limits[] = {"RateLimit-Limit", "Rate-Limit-Limit", "RateLimit-Max"};
    static const char *const remains[] = {"RateLimit-Remaining", "Rate-Limit-Remaining"};
    static const char *const resets[] = {"RateLimit-Reset", "Rate-Limit-Reset"};
    struct lesson l = {.limit = guessed(reply, limits, ARRAY_LEN(limits)), .remaining = guessed(reply, remains, ARRAY_LEN(remains)),
                       .reset = guessed(reply, resets, ARRAY_LEN(resets))};
    if (l.limit < 0 && l.remaining < 0)
        return false;
    take_lesson(window_named(q, STR("vendor"), STR("")), &l, others, now_us);
    return true;
}

/* A refusal that says for how long holds everybody who uses the credential. */
static bool
learn_refusal(struct quota *q, const struct http_reply *reply, int64_t now_us)
{
    int64_t seconds;
    if (reply->status != 429 || !whole_number(http_header_get(&reply->headers, "Retry-After"), &seconds) || seconds == 0)
        return false;
    int64_t span_us = seconds * US_PER_S < LIMIT_RETRY_AFTER_MS * US_PER_MS ? seconds * US_PER_S : LIMIT_RETRY_AFTER_MS * US_PER_MS;
    struct quota_window *w = window_named(q, STR("refused"), STR(""));
    *w = (struct quota_window){.name = "refused", .limit = -1, .remaining = 0, .seen_us = now_us, .began_us = now_us,
                               .reset_us = now_us + span_us, .span_us = span_us};
    return true;
}

bool
quota_learn(struct quota *q, yyjson_val *limits, struct str scope, const struct http_reply *reply, int64_t others, int64_t now_us)
{
    bool learnt = false;
    size_t index, max;
    yyjson_val *rule, *rules = json_get_c(limits, "windows");
    if (rules == NULL)
        learnt = learn_by_guess(q, reply, others, now_us);
    yyjson_arr_foreach(rules, index, max, rule)
        learnt |= learn_by_rule(q, rule, scope, reply, others, now_us);
    learnt |= learn_refusal(q, reply, now_us);
    if (learnt)
        q->seen_us = now_us;
    return learnt;
}

/* ---- two views of the same ---- */

static bool
merge_window(struct quota *q, const struct quota_window *other)
{
    struct str name = str_from_c(other->name);
    struct quota_window *w = window_named(q, name, STR(""));
    if (w->seen_us >= other->seen_us)
        return false;
    *w = *other;
    return true;
}

bool
quota_merge(struct quota *q, const struct quota *other)
{
    bool changed = false;
    for (size_t i = 0; i < other->count; i++)
        changed |= merge_window(q, &other->windows[i]);
    q->seen_us = other->seen_us > q->seen_us ? other->seen_us : q->seen_us;
    return changed;
}

const struct quota_window *
quota_tightest(const struct quota *q, int64_t now_us)
{
    const struct quota_window *found = NULL;
    for (size_t i = 0; i < q->count; i++) {
        const struct quota_window *w = &q->windows[i];
        if (w->rate_micro > 0 || w->limit < 0 || (found != NULL && is_stale(w, now_us)))
            continue;
        if (found == NULL || is_stale(found, now_us) || w->remaining * found->limit < found->remaining * w->limit)
            found = w;
    }
    return found;
}

/* ---- as JSON ---- */

static void
add_moment(struct json_writer *w, const char *key, int64_t us, int64_t offset_us)
{
    if (us != 0)
        json_add_i64(w, key, us + offset_us);
}

static void
write_meter(struct json_writer *w, size_t index, const struct budget_meter *m)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "meter", (int64_t)index);
    json_add_i64(w, "span", m->span_us);
    json_add_i64(w, "newest", m->newest);
    add_moment(w, "since", m->since_us, 0);
    add_moment(w, "reset", m->reset_us, 0);
    json_begin_array(w, "used");
    for (size_t i = 0; i < BUDGET_SLOTS; i++)
        json_add_i64(w, NULL, m->counts[i]);
    json_end_array(w);
    json_end_object(w);
}

static void
write_meters(struct json_writer *w, const struct budget_meters *meters, int64_t offset_us)
{
    struct budget_meters moved;
    if (meters == NULL)
        return;
    moved = *meters;
    budget_shift(&moved, offset_us);
    for (size_t i = 0; i < BUDGET_METERS_MAX; i++)
        if (moved.meters[i].span_us != 0)
            write_meter(w, i, &moved.meters[i]);
}

bool
quota_write(const struct quota *q, const struct budget_meters *meters, int64_t offset_us, struct buf *b)
{
    struct json_writer w;
    json_writer_init(&w, b);
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < q->count; i++) {
        const struct quota_window *one = &q->windows[i];
        json_begin_object(&w, NULL);
        json_add_c(&w, "name", one->name);
        add_moment(&w, "seen", one->seen_us, offset_us);
        add_moment(&w, "reset", one->reset_us, offset_us);
        add_moment(&w, "began", one->began_us, offset_us);
        json_add_i64(&w, "limit", one->limit);
        json_add_i64(&w, "remaining", one->remaining);
        json_add_i64(&w, "span", one->span_us);
        json_add_i64(&w, "rate", one->rate_micro);
        json_add_i64(&w, "burst", one->burst);
        json_end_object(&w);
    }
    write_meters(&w, meters, offset_us);
    json_end_array(&w);
    return buf_ok(b);
}

static int64_t
number_at(yyjson_val *window, const char *key, int64_t offset_us)
{
    int64_t value;
    return json_to_i64(json_get_c(window, key), &value) && value != 0 ? value - offset_us : 0;
}

static void
read_meter(yyjson_val *json, struct budget_meters *meters)
{
    int64_t at, count;
    size_t index, max;
    yyjson_val *item;
    if (!json_to_i64(json_get_c(json, "meter"), &at) || at < 0 || at >= BUDGET_METERS_MAX)
        return;
    struct budget_meter m = {.span_us = number_at(json, "span", 0), .newest = number_at(json, "newest", 0),
                             .since_us = number_at(json, "since", 0), .reset_us = number_at(json, "reset", 0)};
    yyjson_arr_foreach(json_get_c(json, "used"), index, max, item) {
        if (index < BUDGET_SLOTS && json_to_i64(item, &count) && count > 0 && count <= UINT32_MAX)
            m.counts[index] = (uint32_t)count;
    }
    if (m.span_us > 0 && m.newest > 0)
        meters->meters[at] = m;
}

void
quota_read(struct str json, int64_t offset_us, struct quota *quota_out, struct budget_meters *meters_out)
{
    struct arena a;
    struct err ignored = {0};
    size_t index, max;
    yyjson_val *window;
    *quota_out = (struct quota){0};
    if (meters_out != NULL)
        *meters_out = (struct budget_meters){0};
    arena_init(&a, QUOTA_JSON_BYTES * 8);
    yyjson_val *windows = json_parse(&a, json, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &ignored);
    yyjson_arr_foreach(windows, index, max, window) {
        struct str name = json_str(json_get_c(window, "name"));
        if (meters_out != NULL && json_get_c(window, "meter") != NULL)
            read_meter(window, meters_out);
        if (quota_out->count == QUOTA_WINDOWS_MAX || name.len == 0 || name.len >= QUOTA_NAME_BYTES)
            continue;
        struct quota_window *w = &quota_out->windows[quota_out->count++];
        *w = (struct quota_window){
            .seen_us = number_at(window, "seen", offset_us), .reset_us = number_at(window, "reset", offset_us),
            .began_us = number_at(window, "began", offset_us), .limit = number_at(window, "limit", 0),
            .remaining = number_at(window, "remaining", 0), .span_us = number_at(window, "span", 0),
            .rate_micro = number_at(window, "rate", 0), .burst = number_at(window, "burst", 0)};
        memcpy(w->name, name.ptr, name.len);
        quota_out->seen_us = w->seen_us > quota_out->seen_us ? w->seen_us : quota_out->seen_us;
    }
    if (meters_out != NULL)
        budget_shift(meters_out, -offset_us);
    arena_release(&a);
}
