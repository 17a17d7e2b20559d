/*
 * Values: making them, looking into them, truth and equality as Python has them.
 *
 * What makes it hard: a list of the expression, an array of a JSON document and a tuple are all
 * "sequences" and must behave alike, and 1, 1.0 and True are one key. JSON is looked into, never copied.
 */
#include "template/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "template/value_priv.h"

#define LIST_SIZE_FIRST 8
#define DICT_INDEX_FROM 16 /* entries from which a dict keeps a hash index */

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
value_list_new(struct arena *a)
{
    struct value_list *list = ARENA_NEW(a, struct value_list);
    return list ? (struct value){.type = VALUE_LIST, .list = list} : value_undefined();
}

struct value
value_tuple_new(struct arena *a)
{
    struct value v = value_list_new(a);
    if (v.type == VALUE_LIST)
        v.list->tuple = true;
    return v;
}

struct value
value_dict_new(struct arena *a)
{
    struct value_dict *dict = ARENA_NEW(a, struct value_dict);
    return dict ? (struct value){.type = VALUE_DICT, .dict = dict} : value_undefined();
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

bool
value_list_add(struct arena *a, struct value list, struct value item)
{
    struct value_list *l = list.list;
    if (list.type != VALUE_LIST)
        return false;
    if (l->count == l->size) {
        size_t size = l->size ? l->size * 2 : LIST_SIZE_FIRST;
        struct value *items = arena_grow(a, l->items, l->size * sizeof(item), size * sizeof(item));
        if (!items)
            return false;
        l->items = items;
        l->size = size;
    }
    l->items[l->count++] = item;
    return true;
}

/* ---- dicts ---- */

static uint64_t
hash_bytes(struct str s)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
    return hash ^ (hash >> 29);
}

/* Keys that are equal hash alike: numbers by their double, containers all alike. */
static uint64_t
hash_key(struct value key)
{
    if (key.type == VALUE_STR)
        return hash_bytes(key.text);
    if (!value_is_number(key))
        return (uint64_t)key.type;
    double number = value_to_double(key) + 0.0;
    return hash_bytes((struct str){(const char *)&number, sizeof(number)});
}

static bool
keys_equal(struct value left, struct value right)
{
    if (left.type == VALUE_STR && right.type == VALUE_STR)
        return str_eq(left.text, right.text);
    return value_equal(left, right);
}

/* The slot where the key is, or the empty one where it would go. */
static size_t
slot_of(const struct value_dict *dict, struct value key)
{
    size_t slot = hash_key(key) & (dict->slot_count - 1);
    while (dict->slots[slot] && !keys_equal(dict->entries[dict->slots[slot] - 1].key, key))
        slot = (slot + 1) & (dict->slot_count - 1);
    return slot;
}

static struct value_entry *
find_entry(const struct value_dict *dict, struct value key)
{
    if (dict->slots) {
        uint32_t place = dict->slots[slot_of(dict, key)];
        return place ? &dict->entries[place - 1] : NULL;
    }
    for (size_t i = 0; i < dict->count; i++)
        if (keys_equal(dict->entries[i].key, key))
            return &dict->entries[i];
    return NULL;
}

struct value *
value_dict_find(struct value dict, struct value key)
{
    struct value_entry *entry = dict.type == VALUE_DICT ? find_entry(dict.dict, key) : NULL;
    return entry ? &entry->value : NULL;
}

static bool
rebuild_index(struct arena *a, struct value_dict *dict)
{
    size_t slot_count = dict->size * 2;
    uint32_t *slots = ARENA_ARRAY(a, uint32_t, slot_count);
    if (!slots)
        return false;
    dict->slots = slots;
    dict->slot_count = slot_count;
    for (size_t i = 0; i < dict->count; i++)
        slots[slot_of(dict, dict->entries[i].key)] = (uint32_t)i + 1;
    return true;
}

static bool
dict_grow(struct arena *a, struct value_dict *dict)
{
    size_t size = dict->size ? dict->size * 2 : LIST_SIZE_FIRST;
    struct value_entry *entries =
        arena_grow(a, dict->entries, dict->size * sizeof(*entries), size * sizeof(*entries));
    if (!entries || size > UINT32_MAX / 4)
        return false;
    dict->entries = entries;
    dict->size = size;
    return size <= DICT_INDEX_FROM || rebuild_index(a, dict);
}

bool
value_dict_put_value(struct arena *a, struct value dict, struct value key, struct value item)
{
    if (dict.type != VALUE_DICT)
        return false;
    struct value_dict *d = dict.dict;
    struct value_entry *entry = find_entry(d, key);
    if (entry) {
        entry->value = item;
        return true;
    }
    if (d->count == d->size && !dict_grow(a, d))
        return false;
    if (d->slots)
        d->slots[slot_of(d, key)] = (uint32_t)d->count + 1;
    d->entries[d->count++] = (struct value_entry){key, item};
    return true;
}

bool
value_dict_put(struct arena *a, struct value dict, struct str key, struct value item)
{
    return value_dict_put_value(a, dict, value_str(key), item);
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

/* ---- looking ---- */

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

struct value
value_lookup(struct value container, struct value key)
{
    if (container.type == VALUE_DICT) {
        struct value_entry *entry = find_entry(container.dict, key);
        return entry ? entry->value : value_undefined();
    }
    if (container.type == VALUE_JSON && key.type == VALUE_STR)
        return value_from_json(json_get(container.json, key.text));
    return value_undefined();
}

struct value
value_get(struct value container, struct str key)
{
    return value_lookup(container, value_str(key));
}

size_t
value_count(struct value v)
{
    switch (v.type) {
    case VALUE_LIST: return v.list->count;
    case VALUE_DICT: return v.dict->count;
    case VALUE_JSON: return yyjson_is_arr(v.json) ? yyjson_arr_size(v.json) : yyjson_obj_size(v.json);
    case VALUE_STR: return pytext_count(v.text);
    case VALUE_UNDEFINED:
    case VALUE_NONE:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_BIGINT:
    case VALUE_FLOAT:
    case VALUE_DATETIME:
    case VALUE_DATE:
    case VALUE_DURATION: break;
    }
    return 0;
}

struct value
value_at(struct value v, size_t index)
{
    if (v.type == VALUE_LIST)
        return index < v.list->count ? v.list->items[index] : value_undefined();
    if (v.type == VALUE_JSON)
        return value_from_json(yyjson_arr_get(v.json, index));
    return value_undefined();
}

/* ---- walking ---- */

void
value_iter_init(struct value_iter *it, struct value container)
{
    *it = (struct value_iter){.container = container};
    if (container.type == VALUE_JSON && yyjson_is_arr(container.json))
        it->array = yyjson_arr_iter_with(container.json);
    if (container.type == VALUE_JSON && yyjson_is_obj(container.json))
        it->object = yyjson_obj_iter_with(container.json);
}

static bool
next_character(struct value_iter *it, struct value *item_out)
{
    struct str text = it->container.text;
    if (it->index >= text.len)
        return false;
    size_t step = pytext_step(text, it->index);
    *item_out = value_str(str_slice(text, it->index, it->index + step));
    it->index += step;
    return true;
}

bool
value_iter_next_entry(struct value_iter *it, struct value *key_out, struct value *item_out)
{
    if (it->container.type == VALUE_DICT) {
        if (it->index >= it->container.dict->count)
            return false;
        *key_out = it->container.dict->entries[it->index].key;
        *item_out = it->container.dict->entries[it->index++].value;
        return true;
    }
    yyjson_val *key = it->container.type == VALUE_JSON ? yyjson_obj_iter_next(&it->object) : NULL;
    if (!key)
        return false;
    *key_out = value_str(json_str(key));
    *item_out = value_from_json(yyjson_obj_iter_get_val(key));
    return true;
}

bool
value_iter_next(struct value_iter *it, struct value *item_out)
{
    struct value ignored;
    if (it->container.type == VALUE_STR)
        return next_character(it, item_out);
    if (value_is_mapping(it->container))
        return value_iter_next_entry(it, item_out, &ignored);
    if (it->container.type == VALUE_LIST) {
        if (it->index >= it->container.list->count)
            return false;
        *item_out = it->container.list->items[it->index++];
        return true;
    }
    yyjson_val *item = it->container.type == VALUE_JSON ? yyjson_arr_iter_next(&it->array) : NULL;
    if (item)
        *item_out = value_from_json(item);
    return item != NULL;
}

/* ---- equality ---- */

static int
compare_bigints(struct value a, struct value b)
{
    char left_buffer[BIGINT_TEXT_BYTES], right_buffer[BIGINT_TEXT_BYTES];
    struct str left = value_bigint_text(a, left_buffer), right = value_bigint_text(b, right_buffer);
    bool left_negative = str_starts(left, STR("-")), right_negative = str_starts(right, STR("-"));
    if (left_negative != right_negative)
        return left_negative ? -1 : 1;
    int order = left.len != right.len ? (left.len < right.len ? -1 : 1) : str_compare(left, right);
    return left_negative ? -order : (order > 0) - (order < 0);
}

/* A big integer against one that fits: its sign decides. */
static int
compare_wholes(struct value left, struct value right)
{
    if (left.type == VALUE_BIGINT && right.type == VALUE_BIGINT)
        return compare_bigints(left, right);
    if (left.type == VALUE_BIGINT)
        return str_starts(left.text, STR("-")) ? -1 : 1;
    if (right.type == VALUE_BIGINT)
        return str_starts(right.text, STR("-")) ? 1 : -1;
    int64_t a = value_to_integer(left), b = value_to_integer(right);
    return (a > b) - (a < b);
}

/* An integer against a double, exactly: 2**53 + 1 is not 2.0**53. */
static int
compare_integer_double(int64_t integer, double number)
{
    if (number >= 9223372036854775808.0)
        return -1;
    if (number < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)number;
    if (integer != whole)
        return integer < whole ? -1 : 1;
    double rest = number - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

int
value_compare_numbers(struct value left, struct value right)
{
    if (left.type != VALUE_FLOAT && right.type != VALUE_FLOAT)
        return compare_wholes(left, right);
    double a = value_to_double(left), b = value_to_double(right);
    if (isnan(a) || isnan(b))
        return 2;
    if (value_is_integer(left))
        return compare_integer_double(value_to_integer(left), b);
    if (value_is_integer(right))
        return -compare_integer_double(value_to_integer(right), a);
    return (a > b) - (a < b);
}

static bool
sequences_equal(struct value left, struct value right, unsigned *steps_left, unsigned depth);

static bool
mappings_equal(struct value left, struct value right, unsigned *steps_left, unsigned depth);

static bool
equal_times(struct value left, struct value right)
{
    if (left.type != right.type)
        return false;
    if (left.type == VALUE_DATETIME && left.flag != right.flag)
        return false;
    return left.integer == right.integer && left.months == right.months;
}

static bool
equal_at(struct value left, struct value right, unsigned *steps_left, unsigned depth)
{
    if (*steps_left == 0 || depth > LIMIT_VALUE_DEPTH) {
        *steps_left = 0;
        return false;
    }
    --*steps_left;
    if (value_is_number(left) && value_is_number(right))
        return value_compare_numbers(left, right) == 0;
    if (left.type == VALUE_STR && right.type == VALUE_STR)
        return str_eq(left.text, right.text);
    if (value_is_sequence(left) && value_is_sequence(right))
        return sequences_equal(left, right, steps_left, depth);
    if (value_is_mapping(left) && value_is_mapping(right))
        return mappings_equal(left, right, steps_left, depth);
    if (value_is_missing(left) || value_is_missing(right))
        return left.type == right.type;
    bool times = left.type == VALUE_DATETIME || left.type == VALUE_DATE || left.type == VALUE_DURATION;
    return times && equal_times(left, right);
}

static bool
is_tuple(struct value v)
{
    return v.type == VALUE_LIST && v.list->tuple;
}

static bool
sequences_equal(struct value left, struct value right, unsigned *steps_left, unsigned depth)
{
    if (is_tuple(left) != is_tuple(right) || value_count(left) != value_count(right))
        return false;
    struct value_iter a, b;
    struct value x, y;
    value_iter_init(&a, left);
    value_iter_init(&b, right);
    while (value_iter_next(&a, &x) && value_iter_next(&b, &y))
        if (!equal_at(x, y, steps_left, depth + 1))
            return false;
    return true;
}

static bool
mappings_equal(struct value left, struct value right, unsigned *steps_left, unsigned depth)
{
    if (value_count(left) != value_count(right))
        return false;
    struct value_iter it;
    struct value key, item;
    value_iter_init(&it, left);
    while (value_iter_next_entry(&it, &key, &item)) {
        struct value other = value_lookup(right, key);
        if (other.type == VALUE_UNDEFINED || !equal_at(item, other, steps_left, depth + 1))
            return false;
    }
    return true;
}

bool
value_equal_within(struct value left, struct value right, unsigned *steps_left)
{
    return equal_at(left, right, steps_left, 0);
}

bool
value_equal(struct value left, struct value right)
{
    unsigned steps = LIMIT_EXPRESSION_STEPS * 10;
    return equal_at(left, right, &steps, 0);
}
