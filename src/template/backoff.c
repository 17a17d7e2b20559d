/*
 * How long to wait before trying again (manifest-format, rules 22, 23).
 *
 * A template's strategy says seconds, and one second more is waited, as the field's readers do. Beyond
 * them we read Retry-After by ourselves, as seconds or as an HTTP date (RFC 9110, section 10.2.3).
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "template/plan_priv.h"

#include <math.h>

#include "base/clock.h"
#include "base/limits.h"

#define WAIT_EXTRA_MS 1000
#define WAIT_MAX_S (7.0 * 24 * 3600) /* no vendor's header parks a run for longer */

/* Digits with an optional fraction, at the beginning and to the end. */
static bool
seconds_from_text(struct arena *a, struct str text, double *seconds_out)
{
    struct value v = value_from_literal(a, str_trim(text));
    if (v.type == VALUE_INT)
        *seconds_out = (double)v.integer;
    else if (v.type == VALUE_FLOAT)
        *seconds_out = v.number;
    else {
        int64_t plain; /* "030" is no Python number, but a header may say so */
        if (!str_to_i64(str_trim(text), INT64_MIN, INT64_MAX, &plain))
            return false;
        *seconds_out = (double)plain;
    }
    return isfinite(*seconds_out);
}

/* What the regular expression matches at the beginning of the text; the text itself where it does not. */
static struct str
match_start(struct arena *a, struct str regex, struct str text)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)regex.ptr, regex.len, PCRE2_UTF, &code, &at, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = compiled ? pcre2_match_data_create(1, NULL) : NULL;
    struct str found = text;
    if (data && limits) {
        pcre2_set_match_limit(limits, LIMIT_REGEX_STEPS);
        pcre2_set_depth_limit(limits, LIMIT_REGEX_DEPTH);
        if (pcre2_match(compiled, (PCRE2_SPTR)text.ptr, text.len, 0, PCRE2_ANCHORED, data, limits) >= 0) {
            PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
            found = str_copy(a, str_slice(text, ends[0], ends[1]));
        }
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    pcre2_code_free(compiled);
    return found;
}

static bool
header_number(const struct backoff *b, struct expr_scope *scope, const struct http_reply *reply, double *number_out,
              bool *found_out, struct err *err)
{
    struct str name, regex;
    *found_out = false;
    if (!text_str(&b->header, scope, &name, err) || !text_str(&b->regex, scope, &regex, err))
        return false;
    char *name_c = str_cstr(scope->arena, name);
    struct str value = name_c ? http_header_get(&reply->headers, name_c) : STR_NONE;
    if (value.len == 0)
        return true;
    if (regex.len)
        value = match_start(scope->arena, regex, value);
    *found_out = seconds_from_text(scope->arena, value, number_out);
    return true;
}

static bool
text_number(const struct text *t, struct expr_scope *scope, double otherwise, double *number_out, struct err *err)
{
    struct str text;
    *number_out = otherwise;
    if (!text_given(t))
        return true;
    if (!text_str(t, scope, &text, err))
        return false;
    if (text.len && !seconds_from_text(scope->arena, text, number_out))
        return err_set(err, E_EXPRESSION, "A waiting time of the template is not a number");
    return true;
}

/* Seconds by a header; -1 where the strategy has nothing to say. */
static bool
wait_from_header(const struct backoff *b, struct expr_scope *scope, const struct http_reply *reply, double *seconds_out, struct err *err)
{
    double number, least, cap;
    bool found;
    *seconds_out = -1;
    if (!header_number(b, scope, reply, &number, &found, err) || !text_number(&b->amount, scope, 0, &least, err) ||
        !text_number(&b->cap, scope, 0, &cap, err))
        return false;
    if (found && b->per_second)
        number = number > 0 ? 1 / number : 0;
    if (found && b->minutes)
        number *= 60;
    if (b->kind == BACKOFF_HEADER)
        *seconds_out = found ? number : -1;
    else if (!found || number == 0)
        *seconds_out = least > 0 ? least : -1;
    else {
        double until = number - (double)scope->now_us / 1e6;
        *seconds_out = least > until ? least : until < 0 ? -1 : until;
    }
    if (cap > 0 && *seconds_out >= cap)
        return err_set(err, E_VENDOR_RATE_LIMITED, "The vendor asks to wait %.0f s, longer than the template allows", *seconds_out);
    return true;
}

static bool
strategy_wait(const struct backoff *b, struct expr_scope *scope, const struct http_reply *reply, unsigned attempt,
              double *seconds_out, struct err *err)
{
    if (b->kind == BACKOFF_HEADER || b->kind == BACKOFF_UNTIL_HEADER)
        return wait_from_header(b, scope, reply, seconds_out, err);
    bool exponential = b->kind == BACKOFF_EXPONENTIAL;
    if (!text_number(&b->amount, scope, exponential ? 5 : 0, seconds_out, err))
        return false;
    if (exponential)
        *seconds_out *= (double)(UINT64_C(1) << (attempt < 20 ? attempt : 20));
    return true;
}

bool
backoff_wait(const struct error_handler *h, struct expr_scope *scope, const struct http_reply *reply, unsigned attempt,
             int64_t *wait_ms_out, struct err *err)
{
    *wait_ms_out = 0;
    for (size_t i = 0; i < h->backoff_count; i++) {
        double seconds;
        if (!strategy_wait(&h->backoffs[i], scope, reply, attempt, &seconds, err))
            return false;
        if (seconds > 0) {
            *wait_ms_out = (int64_t)(fmin(seconds, WAIT_MAX_S) * 1000) + WAIT_EXTRA_MS;
            return true;
        }
    }
    return true;
}

int64_t
retry_after_ms(const struct http_reply *reply, int64_t now_us)
{
    struct str value = str_trim(http_header_get(&reply->headers, "Retry-After"));
    int64_t seconds, when_us;
    if (value.len == 0)
        return 0;
    if (str_to_i64(value, 0, (int64_t)WAIT_MAX_S, &seconds))
        return seconds * 1000 + WAIT_EXTRA_MS;
    if (!datetime_guess(value, &when_us) || when_us <= now_us)
        return 0;
    int64_t wait_ms = (when_us - now_us) / US_PER_MS + WAIT_EXTRA_MS;
    return wait_ms < (int64_t)WAIT_MAX_S * 1000 ? wait_ms : (int64_t)WAIT_MAX_S * 1000;
}
