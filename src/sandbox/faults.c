/*
 * Reading and counting faults. The tables below are the language: a kind is a row of kind_names, a key is
 * a row of number_keys, or one of the few words in read_word_key.
 */
#include "sandbox/faults.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

static const char *const kind_names[FAULT_KINDS] = {
    [FAULT_STATUS] = "status",
    [FAULT_DRIP] = "drip",
    [FAULT_DELAY] = "delay",
    [FAULT_TRUNCATED_JSON] = "truncated-json",
    [FAULT_SHORT_LENGTH] = "short-length",
    [FAULT_RESET] = "reset",
    [FAULT_CUT_GZIP] = "cut-gzip",
    [FAULT_GZIP_BOMB] = "gzip-bomb",
    [FAULT_HUGE] = "huge",
    [FAULT_DEEP] = "deep",
    [FAULT_HTML] = "html",
    [FAULT_EMPTY] = "empty",
    [FAULT_WRONG_TYPE] = "wrong-type",
    [FAULT_BAD_UTF8] = "bad-utf8",
    [FAULT_LOOP] = "loop",
    [FAULT_SHIFT] = "shift",
};

struct number_key {
    const char *name;
    size_t offset;
    int64_t min, max;
};
#define NUMBER_KEY(key, field, min, max) {key, offsetof(struct fault, field), (min), (max)}
static const struct number_key number_keys[] = {
    NUMBER_KEY("after", after, 0, INT64_C(1000000000)),
    NUMBER_KEY("every", every, 1, INT64_C(1000000000)),
    NUMBER_KEY("at", at_percent, 0, 99),
    NUMBER_KEY("bytes-per-s", bytes_per_s, 1, 1 << 30),
    NUMBER_KEY("ms", ms, 1, 10 * 60 * 1000),
    NUMBER_KEY("mib", mib, 1, 4096),
    NUMBER_KEY("depth", depth, 1, 10000000),
    NUMBER_KEY("objects", objects, 1, 1000000),
};

const char *
fault_kind_name(enum fault_kind kind)
{
    CHECK(kind < FAULT_KINDS);
    return kind_names[kind];
}

static void
set_defaults(struct fault *fault)
{
    fault->every = 1;
    fault->count = 1;
    fault->at_percent = 50;
    fault->bytes_per_s = 100;
    fault->ms = 1000;
    fault->mib = 100;
    fault->depth = 100000;
    fault->objects = 1;
    fault->path = fault->method = fault->vendor = fault->entity = STR_NONE;
}

static bool
read_kind(struct fault *fault, struct str word, struct err *err)
{
    int64_t status;
    if (str_to_i64(word, 400, 599, &status)) {
        fault->kind = FAULT_STATUS;
        fault->status = (int)status;
        return true;
    }
    for (size_t i = FAULT_STATUS + 1; i < FAULT_KINDS; i++) {
        if (!str_eq_c(word, kind_names[i]))
            continue;
        fault->kind = (enum fault_kind)i;
        return true;
    }
    return err_set(err, E_USAGE, "Fault \"%s\": \"%.*s\" is no kind; give a status from 400 to 599, drip, delay, "
                   "truncated-json, short-length, reset, cut-gzip, gzip-bomb, huge, deep, html, empty, wrong-type, "
                   "bad-utf8, loop or shift", fault->text, STR_ARG(word));
}

/* "1", "none", "date", "date+5". */
static bool
read_retry_after(struct fault *fault, struct str value)
{
    if (str_eq_c(value, "none")) {
        fault->retry_after = RETRY_AFTER_NONE;
        return true;
    }
    fault->retry_after = RETRY_AFTER_SECONDS;
    if (str_starts(value, STR("date"))) {
        fault->retry_after = RETRY_AFTER_DATE;
        fault->seconds = 1;
        value = str_skip(value, 4);
        if (value.len == 0)
            return true;
        if (value.ptr[0] != '+')
            return false;
        value = str_skip(value, 1);
    }
    return str_to_i64(value, 0, 7 * 24 * 3600, &fault->seconds);
}

static bool
read_shift(struct fault *fault, struct str value)
{
    static const char *const words[] = {[SHIFT_INSERT] = "insert", [SHIFT_DELETE] = "delete", [SHIFT_TOUCH] = "touch"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_eq_c(value, words[i]))
            continue;
        fault->shift = (enum fault_shift)i;
        return true;
    }
    return false;
}

static bool
read_count(struct fault *fault, struct str value)
{
    fault->count = FAULT_FOREVER;
    return str_eq_c(value, "forever") || str_to_i64(value, 1, INT64_C(1000000000), &fault->count);
}

static bool
read_number_key(struct fault *fault, const struct number_key *key, struct str value)
{
    int64_t number;
    if (!str_to_i64(value, key->min, key->max, &number))
        return false;
    memcpy((char *)fault + key->offset, &number, sizeof(number));
    return true;
}

static bool
read_key(struct fault *fault, struct str key, struct str value)
{
    for (size_t i = 0; i < ARRAY_LEN(number_keys); i++)
        if (str_eq_c(key, number_keys[i].name))
            return read_number_key(fault, &number_keys[i], value);
    if (str_eq_c(key, "count"))
        return read_count(fault, value);
    if (str_eq_c(key, "retry-after"))
        return read_retry_after(fault, value);
    if (str_eq_c(key, "do"))
        return read_shift(fault, value);
    if (str_eq_c(key, "handled")) {
        fault->handled = str_eq_c(value, "yes");
        return fault->handled || str_eq_c(value, "no");
    }
    if (str_eq_c(key, "which")) {
        fault->served = str_eq_c(value, "served");
        return fault->served || str_eq_c(value, "any");
    }
    struct str *text = str_eq_c(key, "path") ? &fault->path
        : str_eq_c(key, "method")            ? &fault->method
        : str_eq_c(key, "vendor")            ? &fault->vendor
        : str_eq_c(key, "entity")            ? &fault->entity
                                             : NULL;
    if (text == NULL || value.len == 0)
        return false;
    *text = value;
    return true;
}

static bool
fault_parse(struct fault *fault, struct str text, struct err *err)
{
    if (text.len == 0 || text.len >= FAULT_TEXT_BYTES)
        return err_set(err, E_USAGE, "A fault is a text of 1 to %d bytes", FAULT_TEXT_BYTES - 1);
    memcpy(fault->text, text.ptr, text.len);
    set_defaults(fault);
    struct str rest = {fault->text, text.len}, part;
    str_cut(rest, ':', &part, &rest);
    if (!read_kind(fault, part, err))
        return false;
    while (!str_is_none(rest)) {
        struct str key, value;
        str_cut(rest, ':', &part, &rest);
        if (!str_cut(part, '=', &key, &value) || !read_key(fault, key, value))
            return err_set(err, E_USAGE, "Fault \"%s\": \"%.*s\" is not understood; see docs/sandbox.md for its keys",
                           fault->text, STR_ARG(part));
    }
    return true;
}

bool
fault_plan_add(struct fault_plan *plan, struct str text, struct err *err)
{
    if (plan->count == FAULTS_MAX)
        return err_set(err, E_LIMIT, "At most %d faults at a time: DELETE /_sandbox/faults first", FAULTS_MAX);
    struct fault *fault = alloc_zeroed(1, sizeof(*fault));
    if (fault == NULL)
        return err_no_memory(err);
    if (!fault_parse(fault, str_trim(text), err)) {
        free(fault);
        return false;
    }
    plan->faults[plan->count++] = fault;
    return true;
}

void
fault_plan_clear(struct fault_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        free(plan->faults[i]);
    plan->count = 0;
}

/* Whether pattern, in which '*' stands for anything, occurs in text. Linear in each piece between stars. */
static bool
glob_found(struct str pattern, struct str text)
{
    while (!str_is_none(pattern)) {
        struct str piece;
        str_cut(pattern, '*', &piece, &pattern);
        ptrdiff_t at = piece.len ? str_find_str(text, piece) : 0;
        if (at < 0)
            return false;
        text = str_skip(text, (size_t)at + piece.len);
    }
    return true;
}

static bool
fault_matches(const struct fault *fault, struct str vendor, struct str method, struct str target)
{
    if (!str_is_none(fault->vendor) && !str_eq(fault->vendor, vendor))
        return false;
    if (!str_is_none(fault->method) && !str_eq_nocase(fault->method, method))
        return false;
    return str_is_none(fault->path) || glob_found(fault->path, target);
}

static bool
fault_strikes(struct fault *fault)
{
    int64_t nth = ++fault->seen - fault->after;
    if (nth < 1 || (nth - 1) % fault->every != 0 || fault->fired >= fault->count)
        return false;
    fault->fired++;
    return true;
}

/* A copy whose slices point into itself would dangle when it is copied on: they point into the plan's own. */
static void
take_hit(struct fault_hit *hit, const struct fault *fault)
{
    if (fault->kind == FAULT_DELAY)
        hit->delay_ms += fault->ms;
    else if (fault->kind == FAULT_LOOP)
        hit->loop = true;
    else if (fault->kind == FAULT_SHIFT && hit->shift_count < SHIFTS_MAX)
        hit->shifts[hit->shift_count++] = *fault;
    else if (fault->kind != FAULT_SHIFT) {
        hit->has_answer = true;
        hit->answer = *fault;
    }
}

bool
fault_plan_strike(struct fault_plan *plan, struct str vendor, struct str method, struct str target,
                  struct fault_hit *hit_out)
{
    *hit_out = (struct fault_hit){0};
    bool struck = false;
    for (size_t i = 0; i < plan->count; i++) {
        struct fault *fault = plan->faults[i];
        if (!fault_matches(fault, vendor, method, target))
            continue;
        bool beside = fault->kind == FAULT_DELAY || fault->kind == FAULT_LOOP || fault->kind == FAULT_SHIFT;
        if (hit_out->has_answer && !beside)
            continue; /* it keeps its turn for the next request */
        if (!fault_strikes(fault))
            continue;
        take_hit(hit_out, fault);
        struck = true;
    }
    return struck;
}

void
fault_plan_write(const struct fault_plan *plan, struct json_writer *w, const char *key)
{
    json_begin_array(w, key);
    for (size_t i = 0; i < plan->count; i++) {
        const struct fault *fault = plan->faults[i];
        json_begin_object(w, NULL);
        json_add_c(w, "fault", fault->text);
        json_add_i64(w, "seen", fault->seen);
        json_add_i64(w, "fired", fault->fired);
        json_add_bool(w, "spent", fault->fired >= fault->count);
        json_end_object(w);
    }
    json_end_array(w);
}
