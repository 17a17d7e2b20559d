/*
 * Does it add up? (I-3; contract, section 1)
 *
 * The worst finding of any stream decides. Reading more rows than the vendor declared is normal (records
 * arrive while we read, pages shift); reading fewer is not.
 */
#include "engine/verdict.h"

#include "base/limits.h"

static int64_t
smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void
declared_page(struct declared *d, int64_t total, bool slice_done)
{
    if (total >= 0) {
        if (d->first < 0)
            d->first = total;
        d->last = total;
    }
    if (!slice_done)
        return;
    if (d->first < 0)
        d->untold = true;
    else
        d->closed += smaller(d->first, d->last);
    d->first = d->last = -1;
}

int64_t
declared_total(const struct declared *d)
{
    if (d->untold)
        return -1;
    if (d->first < 0)
        return d->closed > 0 ? d->closed : -1;
    return d->closed + smaller(d->first, d->last);
}

static bool
counts_add_up(const struct page_counts *c)
{
    return c->received == c->created + c->updated + c->skipped + c->deleted + c->errors;
}

static void
verdict_raise(struct verdict *v, enum run_verdict kind, enum err_code code, struct str reason)
{
    if (kind <= v->kind)
        return;
    *v = (struct verdict){kind, code, str_is_none(reason) ? STR("no memory for the reason") : reason};
}

static void
judge_stream(struct arena *a, const struct verdict_stream *s, struct verdict *v)
{
    const struct page_counts *c = &s->counts;
    if (s->failed != E_OK)
        verdict_raise(v, VERDICT_SUSPICIOUS, s->failed, str_format(a, "%.*s: %.*s", STR_ARG(s->name), STR_ARG(s->message)));
    else if (!s->finished)
        verdict_raise(v, VERDICT_SUSPICIOUS, E_UNRECONCILED,
                      str_format(a, "%.*s was not read to its end", STR_ARG(s->name)));
    if (!counts_add_up(c))
        verdict_raise(v, VERDICT_SUSPICIOUS, E_UNRECONCILED,
                      str_format(a, "%.*s: %lld records were received, but the counts of what became of them differ",
                                 STR_ARG(s->name), (long long)c->received));
    if (s->full && s->declared > c->records_read)
        verdict_raise(v, VERDICT_SUSPICIOUS, E_UNRECONCILED,
                      str_format(a, "%.*s: the vendor declared %lld records, %lld were read", STR_ARG(s->name),
                                 (long long)s->declared, (long long)c->records_read));
    if (s->guarded)
        verdict_raise(v, VERDICT_PARTIAL, E_DELETE_GUARD,
                      str_format(a, "%.*s: more records %s than is believable: a person must confirm the deletes",
                                 STR_ARG(s->name), s->pushed ? "were deleted here" : "vanished"));
    if (c->errors > 0)
        verdict_raise(v, VERDICT_PARTIAL, E_OK,
                      str_format(a, "%.*s: %lld records were rejected", STR_ARG(s->name), (long long)c->errors));
}

bool
verdict_blames_connection(enum err_code code)
{
    switch ((int)code) {
    case E_AUTH_EXPIRED:
    case E_INVALID_CREDENTIALS:
    case E_VENDOR_UNAVAILABLE:
    case E_NETWORK:
    case E_TIMEOUT:
    case E_ADDRESS_REFUSED:
    case E_CRYPT:
    case E_KEY_MISSING: return true;
    default: return false;
    }
}

bool
verdict_is_unbelievable(int64_t deletions, int64_t live)
{
    return deletions > LIMIT_DELETE_GUARD_COUNT && deletions * 100 > live * LIMIT_DELETE_GUARD_PERCENT;
}

void
verdict_of(struct arena *a, const struct verdict_stream *streams, size_t count, struct verdict *verdict_out)
{
    struct verdict v = {VERDICT_COMPLETE, E_OK, STR("")};
    for (size_t i = 0; i < count; i++)
        judge_stream(a, &streams[i], &v);
    /* It adds up; what the vendor itself left out or estimated is said beside it. */
    for (size_t i = 0; v.kind == VERDICT_COMPLETE && i < count; i++)
        if (streams[i].notice.len)
            v.reason = str_format(a, "%.*s%s%.*s: %.*s", STR_ARG(v.reason), v.reason.len ? "; " : "", STR_ARG(streams[i].name),
                                  STR_ARG(streams[i].notice));
    if (str_is_none(v.reason))
        v.reason = STR("");
    *verdict_out = v;
}

void
verdict_lack(enum err_code code, struct str words, struct verdict *v)
{
    verdict_raise(v, VERDICT_PARTIAL, code, words);
}
