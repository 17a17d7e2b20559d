/*
 * Numbers of JSON, exactly.
 *
 * A number may be held as int64, uint64, double or as the text it was written as (RAW). What makes it hard: ids above 2^53 and
 * amounts must neither pass through a double nor be taken for different because one says 1.0 and the other 1
 * (I-10). So what cannot be compared as an integer is compared as a decimal: sign, digits, power of ten.
 */
#include "json/json.h"

#include <string.h>

#define DIGITS_MAX 1024           /* longer numbers are compared as texts */
#define EXPONENT_MAX 1000000      /* beyond: likewise */
#define REAL_TEXT_BYTES 64        /* the longest that yyjson writes for a double is 25 */

/* digits have neither leading nor trailing zeros; zero has none at all. value = digits * 10^exponent */
struct decimal {
    char digits[DIGITS_MAX];
    size_t count;
    int64_t exponent;
    bool negative;
};

static struct str
raw_text(yyjson_val *value)
{
    return (struct str){yyjson_get_raw(value), yyjson_get_len(value)};
}

bool
json_is_number(yyjson_val *value)
{
    return yyjson_is_num(value) || yyjson_is_raw(value);
}

struct str
json_number_text(struct arena *a, yyjson_val *value)
{
    if (yyjson_is_raw(value))
        return raw_text(value);
    if (yyjson_is_uint(value))
        return str_format(a, "%llu", (unsigned long long)yyjson_get_uint(value));
    if (yyjson_is_sint(value))
        return str_format(a, "%lld", (long long)yyjson_get_sint(value));
    return yyjson_is_real(value) ? json_to_text(a, value) : STR_NONE;
}

static bool
read_exponent(struct str text, int64_t *exponent_out)
{
    if (text.len && text.ptr[0] == '+')
        text = str_skip(text, 1);
    return str_to_i64(text, -EXPONENT_MAX, EXPONENT_MAX, exponent_out);
}

/* text follows JSON's grammar for numbers: yyjson has checked it. False when it is longer than we look at. */
static bool
decimal_read(struct str text, struct decimal *d)
{
    *d = (struct decimal){.negative = text.len && text.ptr[0] == '-'};
    bool fraction = false;
    for (size_t i = d->negative; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == 'e' || c == 'E') {
            int64_t exponent;
            if (!read_exponent(str_skip(text, i + 1), &exponent))
                return false;
            d->exponent += exponent;
            break;
        }
        if (c == '.') {
            fraction = true;
            continue;
        }
        d->exponent -= fraction;
        if (c == '0' && d->count == 0)
            continue;
        if (d->count == DIGITS_MAX)
            return false;
        d->digits[d->count++] = c;
    }
    for (; d->count && d->digits[d->count - 1] == '0'; d->exponent++)
        d->count--;
    if (d->count == 0)
        d->exponent = d->negative = 0;
    return true;
}

static bool
decimal_equal(const struct decimal *a, const struct decimal *b)
{
    return a->negative == b->negative && a->count == b->count && a->exponent == b->exponent &&
           memcmp(a->digits, b->digits, a->count) == 0;
}

/* Only what has no digit behind the point is whole. 19 digits hold every int64. */
static bool
decimal_to_i64(const struct decimal *d, int64_t *value_out)
{
    char text[24];
    size_t len = 0;
    if (d->exponent < 0 || d->exponent > 19 || d->count + (size_t)d->exponent > 19)
        return false;
    if (d->negative)
        text[len++] = '-';
    if (d->count == 0)
        text[len++] = '0';
    memcpy(text + len, d->digits, d->count);
    memset(text + len + d->count, '0', (size_t)d->exponent);
    return str_to_i64((struct str){text, len + d->count + (size_t)d->exponent}, INT64_MIN, INT64_MAX, value_out);
}

static bool
real_to_i64(double real, int64_t *value_out)
{
    if (!(real >= -9007199254740991.0 && real <= 9007199254740991.0) || real != (double)(int64_t)real)
        return false;
    *value_out = (int64_t)real;
    return true;
}

bool
json_to_i64(yyjson_val *value, int64_t *value_out)
{
    if (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX)
        return false;
    if (yyjson_is_int(value)) {
        *value_out = yyjson_get_sint(value);
        return true;
    }
    if (yyjson_is_real(value))
        return real_to_i64(yyjson_get_real(value), value_out);
    if (!yyjson_is_raw(value))
        return false;
    if (str_to_i64(raw_text(value), INT64_MIN, INT64_MAX, value_out))
        return true;
    struct decimal d;
    return decimal_read(raw_text(value), &d) && decimal_to_i64(&d, value_out);
}

/* The number's text without an arena; text has room for what is not RAW. */
static struct str
text_of(yyjson_val *value, char text[REAL_TEXT_BYTES])
{
    if (yyjson_is_raw(value))
        return raw_text(value);
    int len = yyjson_is_uint(value)   ? snprintf(text, REAL_TEXT_BYTES, "%llu", (unsigned long long)yyjson_get_uint(value))
              : yyjson_is_sint(value) ? snprintf(text, REAL_TEXT_BYTES, "%lld", (long long)yyjson_get_sint(value))
                                      : snprintf(text, REAL_TEXT_BYTES, "%.17g", yyjson_get_real(value));
    return (struct str){text, (size_t)len};
}

/* A double stands for the shortest text that gives it back, so "0.1" read raw equals 0.1 read as a double. */
static bool
equals_real(double real, struct str raw)
{
    char text[DIGITS_MAX];
    yyjson_val number;
    if (raw.len >= sizeof(text))
        return false;
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    return yyjson_read_number(text, &number, 0, NULL, NULL) && yyjson_get_num(&number) == real;
}

bool
json_numbers_equal(yyjson_val *left, yyjson_val *right)
{
    int64_t a, b;
    char left_text[REAL_TEXT_BYTES], right_text[REAL_TEXT_BYTES];
    bool left_whole = json_to_i64(left, &a), right_whole = json_to_i64(right, &b);
    if (left_whole && right_whole)
        return a == b;
    if (yyjson_is_real(left) && yyjson_is_real(right))
        return yyjson_get_real(left) == yyjson_get_real(right);
    if (yyjson_is_real(left) || yyjson_is_real(right)) {
        yyjson_val *real = yyjson_is_real(left) ? left : right, *other = real == left ? right : left;
        return equals_real(yyjson_get_real(real), text_of(other, left_text));
    }
    struct decimal x, y;
    struct str one = text_of(left, left_text), two = text_of(right, right_text);
    return str_eq(one, two) || (decimal_read(one, &x) && decimal_read(two, &y) && decimal_equal(&x, &y));
}
