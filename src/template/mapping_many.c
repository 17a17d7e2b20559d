/*
 * Sources that look at several places: the first that is there, or the exact sum of all.
 *
 *   currency: {from: [total.code, "items.*.price.code"]}          the first of them that is there and not null
 *   amount:   {sum: ["items.*.price.value", "fees.*.value"]}      added as decimals, digit by digit
 *
 * A '*' stands for every item of a list or member of an object. Money is never a binary fraction here: 0.1 and 0.2
 * are 0.3, and the sum has as many decimals as the part that has most.
 */
#include "template/mapping_priv.h"

#include "base/limits.h"

#define MANY_PATHS_MAX 32
#define SUM_SCALE_MAX 18          /* decimals */
#define SUM_DIGITS_MAX 36
#define SUM_TEXT_BYTES (SUM_DIGITS_MAX + 8)

__extension__ typedef __int128 wide;

struct decimal {
    wide value;                   /* times ten to the scale */
    int scale;
};

bool
mapping_many_compile(struct arena *a, yyjson_val *list, bool sum, struct many **many_out, struct err *err)
{
    struct many *many = ARENA_NEW(a, struct many);
    size_t index, max, count = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;
    yyjson_val *item;
    if (count == 0 || count > MANY_PATHS_MAX)
        return err_set(err, E_TEMPLATE_INVALID, "A list of paths has 1 to %d texts", MANY_PATHS_MAX);
    if (!many || !(many->paths = ARENA_ARRAY(a, struct many_path, count)))
        return err_set(err, E_TOO_LARGE, "The mapping is too large");
    many->sum = sum;
    JSON_EACH_ITEM(list, index, max, item) {
        struct many_path *path = &many->paths[many->count++];
        struct str rest = str_copy(a, json_str(item));
        if (rest.len == 0)
            return err_set(err, E_TEMPLATE_INVALID, "A list of paths has 1 to %d texts", MANY_PATHS_MAX);
        for (bool more = true; more;) {
            if (path->count == SOURCE_PATH_MAX)
                return err_set(err, E_TEMPLATE_INVALID, "The path %.*s is too long", STR_ARG(json_str(item)));
            more = str_cut(rest, '.', &path->parts[path->count++], &rest);
        }
    }
    *many_out = many;
    return true;
}

/* ---- decimals ---- */

static bool
add_digit(struct decimal *d, char digit)
{
    return !__builtin_mul_overflow(d->value, (wide)10, &d->value) && !__builtin_add_overflow(d->value, (wide)(digit - '0'), &d->value);
}

static bool
rescale(struct decimal *d, int scale)
{
    for (; d->scale < scale; d->scale++)
        if (__builtin_mul_overflow(d->value, (wide)10, &d->value))
            return false;
    return true;
}

/* "-12.340", "1.5E3". False for what is no number or has more digits than fit. */
static bool
decimal_read(struct str text, struct decimal *out)
{
    struct decimal d = {0};
    bool negative = text.len > 0 && text.ptr[0] == '-', point = false;
    size_t i = negative ? 1 : 0, digits = 0;
    int64_t exponent = 0;
    for (; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        if (text.ptr[i] == '.' && !point)
            point = true;
        else if (text.ptr[i] < '0' || text.ptr[i] > '9' || ++digits > SUM_DIGITS_MAX || !add_digit(&d, text.ptr[i]))
            return false;
        else
            d.scale += point;
    }
    struct str tail = str_skip(text, i + 1);
    if (i < text.len && !str_to_i64(str_starts(tail, STR("+")) ? str_skip(tail, 1) : tail, -SUM_SCALE_MAX, SUM_SCALE_MAX, &exponent))
        return false;
    d.scale -= (int)exponent;
    if (digits == 0 || d.scale > SUM_SCALE_MAX || !rescale(&d, 0))
        return false;
    if (negative)
        d.value = -d.value;
    *out = d;
    return true;
}

static bool
decimal_add(struct decimal *sum, struct decimal d)
{
    int scale = d.scale > sum->scale ? d.scale : sum->scale;
    return rescale(sum, scale) && rescale(&d, scale) && !__builtin_add_overflow(sum->value, d.value, &sum->value);
}

static struct str
decimal_text(struct arena *a, struct decimal d)
{
    char text[SUM_TEXT_BYTES];
    size_t at = sizeof(text);
    bool negative = d.value < 0;
    wide rest = negative ? -d.value : d.value;
    for (int i = 0; i <= d.scale || rest > 0; i++) {
        if (at < 4)
            return STR_NONE;
        if (i == d.scale && i > 0)
            text[--at] = '.';
        text[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (negative)
        text[--at] = '-';
    return str_copy(a, (struct str){text + at, sizeof(text) - at});
}

/* ---- walking ---- */

struct looking {
    const struct many *many;
    struct arena *arena;
    yyjson_val *first;
    struct decimal sum;
    bool any, bad;
};

static void
take(struct looking *l, yyjson_val *v)
{
    if (!v || yyjson_is_null(v))
        return;
    if (!l->many->sum) {
        if (!l->first)
            l->first = v;
        return;
    }
    struct decimal d;
    struct str text = yyjson_is_str(v) ? str_trim(json_str(v)) : json_is_number(v) ? json_number_text(l->arena, v) : STR_NONE;
    l->any = true;
    if (!decimal_read(text, &d) || !decimal_add(&l->sum, d))
        l->bad = true;
}

static void
walk(struct looking *l, yyjson_val *at, const struct many_path *path, size_t depth)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (!at || l->first || l->bad)
        return;
    if (depth == path->count) {
        take(l, at);
        return;
    }
    if (!str_eq_c(path->parts[depth], "*")) {
        walk(l, path_find(at, &path->parts[depth], 1), path, depth + 1);
        return;
    }
    JSON_EACH_ITEM(at, index, max, item) {
        walk(l, item, path, depth + 1);
    }
    JSON_EACH_MEMBER(at, index, max, key, item) {
        walk(l, item, path, depth + 1);
    }
}

struct many_found
mapping_many_find(const struct many *many, struct arena *a, yyjson_val *record)
{
    struct looking l = {.many = many, .arena = a};
    for (size_t i = 0; i < many->count; i++)
        walk(&l, record, &many->paths[i], 0);
    if (!many->sum)
        return (struct many_found){.json = l.first, .present = l.first != NULL};
    struct str text = l.any && !l.bad ? decimal_text(a, l.sum) : STR_NONE;
    return (struct many_found){.text = text, .present = l.any, .bad = l.any && !text.ptr};
}
