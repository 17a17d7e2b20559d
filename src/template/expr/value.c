/*
 * Values: making single ones, their kinds and their truth as Python has them.
 *
 * Numbers of JSON keep what was written: whole ones stay exact at any length, others keep their text. Lists and dicts
 * are in value_container.c, equality and order in value_equal.c, text in value_print.c, JSON in value_json.c.
 */
#include "template/expr/value.h"

#include <math.h>
#include <stdio.h>

#include "template/expr/value_priv.h"

struct value
value_undefined(void)
{
    return (struct value){.type = VALUE_UNDEFINED};
}

struct value
value_none(void)
{
    return (struct value){.type = VALUE_NONE};
}

struct value
value_bool(bool b)
{
    return (struct value){.type = VALUE_BOOL, .flag = b};
}

struct value
value_int(int64_t i)
{
    return (struct value){.type = VALUE_INT, .integer = i};
}

struct value
value_float(double d)
{
    return (struct value){.type = VALUE_FLOAT, .number = d};
}

struct value
value_str(struct str s)
{
    return (struct value){.type = VALUE_STR, .text = s};
}

struct value
value_bigint(struct str digits)
{
    return (struct value){.type = VALUE_BIGINT, .text = digits};
}

/* A number as JSON wrote it: whole ones stay exact, others keep their text beside the double. */
static struct value
from_number_text(struct str text)
{
    int64_t integer;
    if (str_to_i64(text, INT64_MIN, INT64_MAX, &integer))
        return value_int(integer);
    bool whole = str_find(text, '.') < 0 && str_find(text, 'e') < 0 && str_find(text, 'E') < 0;
    if (whole)
        return value_bigint(text);
    struct value v = {.type = VALUE_FLOAT, .text = text};
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (!pytext_read_float(str_skip(text, negative), &v.number))
        return value_undefined();
    v.number = negative ? -v.number : v.number;
    return v;
}

struct value
value_from_json(yyjson_val *json)
{
    switch (yyjson_get_type(json)) {
    case YYJSON_TYPE_NULL: return value_none();
    case YYJSON_TYPE_BOOL: return value_bool(yyjson_get_bool(json));
    case YYJSON_TYPE_STR: return value_str(json_str(json));
    case YYJSON_TYPE_RAW: return from_number_text((struct str){yyjson_get_raw(json), yyjson_get_len(json)});
    case YYJSON_TYPE_ARR:
    case YYJSON_TYPE_OBJ: return (struct value){.type = VALUE_JSON, .json = json};
    default: break;
    }
    if (yyjson_is_real(json))
        return value_float(yyjson_get_real(json));
    if (yyjson_is_int(json)) {
        bool large = yyjson_is_uint(json) && yyjson_get_uint(json) > INT64_MAX;
        if (large) /* no text: the bits of the unsigned number are in `integer` */
            return (struct value){.type = VALUE_BIGINT, .integer = (int64_t)yyjson_get_uint(json)};
        return value_int(yyjson_get_sint(json));
    }
    return value_undefined();
}

struct value
value_integer_from_text(struct arena *a, struct str digits)
{
    int64_t integer;
    bool negative = digits.len > 0 && digits.ptr[0] == '-';
    struct str rest = negative || (digits.len > 0 && digits.ptr[0] == '+') ? str_skip(digits, 1) : digits;
    while (rest.len > 1 && rest.ptr[0] == '0')
        rest = str_skip(rest, 1);
    struct str exact = negative ? str_join2(a, STR("-"), rest) : str_copy(a, rest);
    if (str_is_none(exact))
        return value_undefined();
    return str_to_i64(exact, INT64_MIN, INT64_MAX, &integer) ? value_int(integer) : value_bigint(exact);
}

/* ---- kinds ---- */

bool
value_is_str(struct value v)
{
    return v.type == VALUE_STR;
}

bool
value_is_integer(struct value v)
{
    return v.type == VALUE_INT || v.type == VALUE_BOOL;
}

bool
value_is_number(struct value v)
{
    return value_is_integer(v) || v.type == VALUE_BIGINT || v.type == VALUE_FLOAT;
}

bool
value_is_mapping(struct value v)
{
    return v.type == VALUE_DICT || (v.type == VALUE_JSON && yyjson_is_obj(v.json));
}

bool
value_is_sequence(struct value v)
{
    return v.type == VALUE_LIST || (v.type == VALUE_JSON && yyjson_is_arr(v.json));
}

bool
value_is_iterable(struct value v)
{
    return v.type == VALUE_STR || v.type == VALUE_UNDEFINED || value_is_sequence(v) || value_is_mapping(v);
}

bool
value_is_hashable(struct value v)
{
    if (v.type == VALUE_LIST && v.list->tuple) {
        for (size_t i = 0; i < v.list->count; i++)
            if (v.list->items[i].type == VALUE_LIST || !value_is_hashable(v.list->items[i]))
                return false; /* a tuple inside a tuple is not worth its recursion */
        return true;
    }
    return !value_is_sequence(v) && !value_is_mapping(v);
}

const char *
value_type_name(struct value v)
{
    switch (v.type) {
    case VALUE_UNDEFINED: return "undefined";
    case VALUE_NONE: return "NoneType";
    case VALUE_BOOL: return "bool";
    case VALUE_INT:
    case VALUE_BIGINT: return "int";
    case VALUE_FLOAT: return "float";
    case VALUE_STR: return "str";
    case VALUE_LIST: return v.list->tuple ? "tuple" : "list";
    case VALUE_DICT: return "dict";
    case VALUE_JSON: return yyjson_is_arr(v.json) ? "list" : "dict";
    case VALUE_DATETIME: return "datetime";
    case VALUE_DATE: return "date";
    case VALUE_DURATION: return "timedelta";
    }
    return "value";
}

int64_t
value_to_integer(struct value v)
{
    return v.type == VALUE_BOOL ? v.flag : v.integer;
}

double
value_to_double(struct value v)
{
    if (v.type == VALUE_FLOAT)
        return v.number;
    if (v.type != VALUE_BIGINT)
        return (double)value_to_integer(v);
    char buffer[BIGINT_TEXT_BYTES];
    struct str text = value_bigint_text(v, buffer);
    bool negative = str_starts(text, STR("-"));
    double number = 0;
    if (!pytext_read_float(str_skip(text, negative), &number))
        return negative ? -HUGE_VAL : HUGE_VAL; /* more digits than any double has */
    return negative ? -number : number;
}

struct str
value_bigint_text(struct value v, char buffer[static BIGINT_TEXT_BYTES])
{
    if (!str_is_none(v.text))
        return v.text;
    int length = snprintf(buffer, BIGINT_TEXT_BYTES, "%llu", (unsigned long long)v.integer);
    return (struct str){buffer, (size_t)length};
}

/* ---- truth ---- */

bool
value_is_true(struct value v)
{
    switch (v.type) {
    case VALUE_UNDEFINED:
    case VALUE_NONE: return false;
    case VALUE_BOOL: return v.flag;
    case VALUE_INT: return v.integer != 0;
    case VALUE_FLOAT: return v.number != 0;
    case VALUE_STR: return v.text.len > 0;
    case VALUE_LIST: return v.list->count > 0;
    case VALUE_DICT: return v.flag || v.dict->count > 0; /* flag: a namespace, which is an object */
    case VALUE_JSON: return yyjson_get_len(v.json) > 0;
    case VALUE_DURATION: return v.integer != 0 || v.months != 0;
    case VALUE_BIGINT:
    case VALUE_DATETIME:
    case VALUE_DATE: break;
    }
    return true;
}

bool
value_is_missing(struct value v)
{
    return v.type == VALUE_UNDEFINED || v.type == VALUE_NONE;
}
