/*
 * Guessing is comparing two addresses: what differs must be one run of digits behind a '='.
 */
#include "engine/fetch_guess.h"

#include <string.h>

#include "base/buf.h"

#define NUMBER_DIGITS_MAX 15

void
guess_init(struct fetch_guess *g, unsigned concurrency)
{
    *g = (struct fetch_guess){.concurrency = concurrency, .total = -1};
}

void
guess_drop(struct fetch_guess *g, const struct sender *sender)
{
    for (unsigned i = 0; i < g->count; i++) {
        sender->cancel(g->calls[i].call);
        sender->free(g->calls[i].call);
    }
    g->misses += g->count;
    g->count = 0;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The run of digits around `at`: a whole value of the query, or nothing. */
static bool
number_around(struct str url, size_t at, size_t *start_out, size_t *end_out)
{
    size_t start = at, end = at;
    while (start > 0 && is_digit(url.ptr[start - 1]))
        start--;
    while (end < url.len && is_digit(url.ptr[end]))
        end++;
    bool whole = start > 0 && url.ptr[start - 1] == '=' && (end == url.len || url.ptr[end] == '&');
    if (!whole || end == start || end - start > NUMBER_DIGITS_MAX || str_find(str_slice(url, 0, start), '?') < 0)
        return false;
    *start_out = start;
    *end_out = end;
    return true;
}

static struct str
last_url(const struct fetch_guess *g)
{
    return (struct str){g->url, g->url_len};
}

/* What the two addresses differ in, when it is one number; `digits` 0 else. */
static void
compare(struct fetch_guess *g, struct str url)
{
    struct str before = last_url(g);
    size_t at = 0, start, end, old_start, old_end;
    int64_t number, old;
    g->digits = 0;
    while (at < url.len && at < before.len && url.ptr[at] == before.ptr[at])
        at++;
    if (!number_around(url, at, &start, &end) || !number_around(before, at, &old_start, &old_end) || start != old_start ||
        !str_eq(str_skip(url, end), str_skip(before, old_end)) ||
        !str_to_i64(str_slice(url, start, end), 0, INT64_MAX, &number) ||
        !str_to_i64(str_slice(before, old_start, old_end), 0, INT64_MAX, &old) || number <= old)
        return;
    g->at = start;
    g->digits = end - start;
    g->number = number;
    g->step = number - old;
}

void
guess_learn(struct fetch_guess *g, const struct http_request *request)
{
    if (g->concurrency <= 1)
        return;
    g->digits = 0;
    if (request->url.len > GUESS_URL_BYTES || request->body.len > 0) {
        g->url_len = 0;
        return;
    }
    if (g->url_len > 0)
        compare(g, request->url);
    memcpy(g->url, request->url.ptr, request->url.len);
    g->url_len = request->url.len;
}

void
guess_page(struct fetch_guess *g, int64_t declared_total, size_t records, int64_t bytes)
{
    g->total = declared_total;
    g->page_records = (int64_t)records;
    g->page_bytes = bytes;
}

static bool
same_but_number(const struct fetch_guess *g, struct str url, int64_t number)
{
    struct str before = last_url(g), rest;
    int64_t found;
    if (url.len < g->at || !str_eq(str_slice(url, 0, g->at), str_slice(before, 0, g->at)))
        return false;
    rest = str_skip(url, g->at);
    size_t digits = 0;
    while (digits < rest.len && is_digit(rest.ptr[digits]))
        digits++;
    return str_to_i64(str_slice(rest, 0, digits), 0, INT64_MAX, &found) && found == number &&
           str_eq(str_skip(rest, digits), str_skip(before, g->at + g->digits));
}

bool
guess_has(const struct fetch_guess *g, const struct http_request *request)
{
    return g->count > 0 && g->digits > 0 && same_but_number(g, request->url, g->calls[0].number);
}

void *
guess_take(struct fetch_guess *g, const struct sender *sender, const struct http_request *request)
{
    if (g->count == 0)
        return NULL;
    if (!guess_has(g, request)) {
        guess_drop(g, sender);
        return NULL;
    }
    void *call = g->calls[0].call;
    g->count--;
    memmove(g->calls, g->calls + 1, g->count * sizeof(*g->calls));
    g->hits++;
    return call;
}

/* Is there a page at this number? Page numbers may begin at 0 or 1: taken for 0, so that none is asked for in vain. */
static bool
has_page(const struct fetch_guess *g, int64_t number)
{
    int64_t first = g->step == 1 ? number * g->page_records : number;
    return first < g->total;
}

static bool
counts_pages(const struct fetch_guess *g)
{
    return g->digits > 0 && g->total > 0 && g->page_records > 0 && (g->step == 1 || g->step == g->page_records);
}

static unsigned
calls_max(const struct fetch_guess *g)
{
    unsigned most = g->concurrency - 1 < GUESS_MAX ? g->concurrency - 1 : GUESS_MAX;
    int64_t fit = g->page_bytes > 0 ? GUESS_BYTES_MAX / g->page_bytes : most;
    return fit < (int64_t)most ? (unsigned)fit : most;
}

static void *
send_one(struct fetch_guess *g, const struct sender *sender, const struct http_request *request, int64_t number)
{
    struct err ignored = {0};
    struct buf url;
    buf_init(&url, GUESS_URL_BYTES + NUMBER_DIGITS_MAX);
    buf_add(&url, str_slice(last_url(g), 0, g->at));
    buf_add_i64(&url, number);
    buf_add(&url, str_skip(last_url(g), g->at + g->digits));
    struct http_request guessed = *request;
    guessed.url = buf_str(&url);
    void *call = buf_ok(&url) ? sender->start(sender->ctx, &guessed, &ignored) : NULL;
    buf_release(&url);
    return call;
}

unsigned
guess_send(struct fetch_guess *g, const struct sender *sender, const struct http_request *request, bool (*may)(void *ctx), void *ctx)
{
    unsigned sent = 0;
    if (g->concurrency <= 1 || !counts_pages(g))
        return 0;
    for (unsigned most = calls_max(g); g->count < most;) {
        int64_t number = g->count > 0 ? g->calls[g->count - 1].number + g->step : g->number + g->step;
        void *call = has_page(g, number) && may(ctx) ? send_one(g, sender, request, number) : NULL;
        if (call == NULL)
            break;
        g->calls[g->count++] = (struct guess_call){call, number};
        sent++;
    }
    return sent;
}
