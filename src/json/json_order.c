/*
 * Members in order: the canonical form, equality, and keys that occur twice.
 *
 * An object has no order and may, as text, name a member twice; the last one counts. All three questions come down to
 * its keys sorted by bytes. What makes it hard is that this is asked for every record: small objects are sorted on the
 * stack or compared without sorting, sorted ones are noticed, and only large ones cost memory.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "json/json_priv.h"

#define JSON_SORT_STACK 64  /* keys sorted on the stack; more of them on the heap */
#define JSON_EQUAL_SMALL 16 /* objects up to here are compared without sorting */

/* By bytes; equal keys in the order of the text, where the keys of one object stand one after another. */
static int
compare_keys(const void *left, const void *right)
{
    yyjson_val *const *a = left, *const *b = right;
    int order = str_compare(json_str(*a), json_str(*b));
    return order ? order : (*a > *b) - (*a < *b);
}

/* The member keys of an object, sorted. Small objects use the caller's `few`; NULL when there is no memory. */
static yyjson_val **
sorted_keys(yyjson_val *object, yyjson_val *few[JSON_SORT_STACK])
{
    size_t count = yyjson_obj_size(object), index, max;
    yyjson_val **keys = count <= JSON_SORT_STACK ? few : alloc_bytes(count * sizeof(yyjson_val *));
    if (!keys)
        return NULL;
    yyjson_val *key, *value;
    bool sorted = true;
    yyjson_obj_foreach(object, index, max, key, value) {
        keys[index] = key;
        sorted = sorted && (index == 0 || compare_keys(&keys[index - 1], &keys[index]) <= 0);
    }
    if (!sorted)
        qsort(keys, count, sizeof(*keys), compare_keys);
    return keys;
}

static void
keys_free(yyjson_val **keys, yyjson_val **few)
{
    if (keys != few)
        free(keys);
}

static bool
same_key(yyjson_val *left, yyjson_val *right)
{
    return str_eq(json_str(left), json_str(right));
}

/* False with E_VALIDATION_FAILED or E_NO_MEMORY. Only this object's own members. */
static bool
members_are_unique(yyjson_val *object, struct err *err)
{
    yyjson_val *few[JSON_SORT_STACK], **keys = sorted_keys(object, few);
    if (!keys)
        return err_no_memory(err);
    bool unique = true;
    for (size_t i = 1; unique && i < yyjson_obj_size(object); i++)
        if (same_key(keys[i - 1], keys[i]))
            unique = err_set(err, E_VALIDATION_FAILED, "The member \"%.*s\" occurs twice in one object",
                             STR_ARG(str_slice(json_str(keys[i]), 0, 100)));
    keys_free(keys, few);
    return unique;
}

bool
json_keys_are_unique(yyjson_val *value, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, max, item) {
            if (yyjson_is_ctn(item) && !json_keys_are_unique(item, err))
                return false;
        }
    } else if (yyjson_is_obj(value)) {
        if (!members_are_unique(value, err))
            return false;
        yyjson_obj_foreach(value, index, max, key, item) {
            if (yyjson_is_ctn(item) && !json_keys_are_unique(item, err))
                return false;
        }
    }
    return true;
}

static bool
write_canonical_object(struct buf *b, yyjson_val *object)
{
    size_t count = yyjson_obj_size(object), written = 0;
    yyjson_val *few[JSON_SORT_STACK], **keys = sorted_keys(object, few);
    if (!keys) {
        b->failed = true;
        return false;
    }
    buf_add_char(b, '{');
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && same_key(keys[i], keys[i + 1]))
            continue; /* the last of duplicates is the one that counts */
        if (written++)
            buf_add_char(b, ',');
        buf_add_json_str(b, json_str(keys[i]));
        buf_add_char(b, ':');
        json_write_canonical(b, yyjson_obj_iter_get_val(keys[i]));
    }
    keys_free(keys, few);
    return buf_add_char(b, '}');
}

bool
json_write_canonical(struct buf *b, yyjson_val *value)
{
    if (yyjson_is_obj(value))
        return write_canonical_object(b, value);
    if (!yyjson_is_arr(value))
        return json_write_scalar(b, value);
    size_t index, max;
    yyjson_val *item;
    buf_add_char(b, '[');
    yyjson_arr_foreach(value, index, max, item) {
        if (index)
            buf_add_char(b, ',');
        json_write_canonical(b, item);
    }
    return buf_add_char(b, ']');
}

/* Few members: each is looked up in the other, which costs their product. */
static bool
small_objects_equal(yyjson_val *left, yyjson_val *right)
{
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_obj_foreach(left, index, max, key, item) {
        if (!json_equal(json_get(left, json_str(key)), json_get(right, json_str(key))))
            return false;
    }
    yyjson_obj_foreach(right, index, max, key, item) {
        if (!json_get(left, json_str(key)))
            return false;
    }
    return true;
}

/* The index of the last of equal keys that begin at `at`. */
static size_t
last_of_equal(yyjson_val **keys, size_t count, size_t at)
{
    while (at + 1 < count && same_key(keys[at], keys[at + 1]))
        at++;
    return at;
}

static bool
sorted_objects_equal(yyjson_val **left, size_t left_count, yyjson_val **right, size_t right_count)
{
    size_t i = 0, k = 0;
    for (; i < left_count && k < right_count; i++, k++) {
        i = last_of_equal(left, left_count, i);
        k = last_of_equal(right, right_count, k);
        if (!same_key(left[i], right[k]) ||
            !json_equal(yyjson_obj_iter_get_val(left[i]), yyjson_obj_iter_get_val(right[k])))
            return false;
    }
    return i == left_count && k == right_count;
}

/* Without memory for sorting the slow way gives the same answer. */
static bool
objects_equal(yyjson_val *left, yyjson_val *right)
{
    size_t left_count = yyjson_obj_size(left), right_count = yyjson_obj_size(right);
    if (left_count <= JSON_EQUAL_SMALL && right_count <= JSON_EQUAL_SMALL)
        return small_objects_equal(left, right);
    yyjson_val *few_left[JSON_SORT_STACK], *few_right[JSON_SORT_STACK];
    yyjson_val **left_keys = sorted_keys(left, few_left), **right_keys = sorted_keys(right, few_right);
    bool equal = left_keys && right_keys ? sorted_objects_equal(left_keys, left_count, right_keys, right_count)
                                         : small_objects_equal(left, right);
    keys_free(left_keys, few_left);
    keys_free(right_keys, few_right);
    return equal;
}

bool
json_equal(yyjson_val *left, yyjson_val *right)
{
    if (!left || !right)
        return left == right;
    if (json_is_number(left) && json_is_number(right))
        return json_numbers_equal(left, right);
    if (yyjson_get_type(left) != yyjson_get_type(right))
        return false;
    if (yyjson_is_obj(left))
        return objects_equal(left, right);
    if (yyjson_is_str(left))
        return str_eq(json_str(left), json_str(right));
    if (!yyjson_is_arr(left))
        return yyjson_equals(left, right);
    size_t count = yyjson_arr_size(left), index, max;
    yyjson_val *item, *other = yyjson_arr_get_first(right);
    if (count != yyjson_arr_size(right))
        return false;
    yyjson_arr_foreach(left, index, max, item) {
        if (!json_equal(item, other))
            return false;
        other = unsafe_yyjson_get_next(other);
    }
    return true;
}
