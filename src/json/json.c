#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define JSON_SORT_STACK 64

static void *
arena_malloc(void *ctx, size_t size)
{
    return arena_alloc_array(ctx, 1, size);
}

static void *
arena_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
    if (size <= old_size)
        return old;
    return arena_grow(ctx, old, old_size, size);
}

static void
arena_free(void *ctx, void *ptr)
{
    (void)ctx, (void)ptr;
}

yyjson_alc
json_alc(struct arena *a)
{
    return (yyjson_alc){arena_malloc, arena_realloc, arena_free, a};
}

yyjson_mut_doc *
json_mut_doc(struct arena *a)
{
    yyjson_alc alc = json_alc(a);
    return yyjson_mut_doc_new(&alc);
}

/* Deepest nesting of brackets outside strings, without recursion: yyjson itself sets no limit. */
static unsigned
text_depth(struct str text)
{
    unsigned depth = 0, deepest = 0;
    bool inside = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (inside) {
            if (c == '\\')
                i++;
            else if (c == '"')
                inside = false;
        } else if (c == '"') {
            inside = true;
        } else if (c == '{' || c == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

static int
compare_keys(const void *left, const void *right)
{
    yyjson_val *const *a = left, *const *b = right;
    return str_compare(json_str(*a), json_str(*b));
}

/* The member keys of an object, sorted; in the arena, or NULL when it is full. */
static yyjson_val **
sorted_keys(struct arena *a, yyjson_val *object)
{
    yyjson_val **keys = ARENA_ARRAY(a, yyjson_val *, yyjson_obj_size(object) + 1);
    if (!keys)
        return NULL;
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value) {
        keys[index] = key;
    }
    qsort(keys, yyjson_obj_size(object), sizeof(*keys), compare_keys);
    return keys;
}

static bool
keys_are_unique(struct arena *a, yyjson_val *value, struct str *duplicate_out)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, max, item) {
            if (yyjson_is_ctn(item) && !keys_are_unique(a, item, duplicate_out))
                return false;
        }
        return true;
    }
    if (!yyjson_is_obj(value))
        return true;
    struct arena_mark mark = arena_mark(a);
    yyjson_val **keys = sorted_keys(a, value);
    for (size_t i = 1; keys && i < yyjson_obj_size(value); i++)
        if (str_eq(json_str(keys[i - 1]), json_str(keys[i]))) {
            *duplicate_out = json_str(keys[i]);
            return false;
        }
    arena_rewind(a, mark);
    yyjson_obj_foreach(value, index, max, key, item) {
        if (yyjson_is_ctn(item) && !keys_are_unique(a, item, duplicate_out))
            return false;
    }
    return keys != NULL;
}

yyjson_val *
json_parse(struct arena *a, struct str text, unsigned flags, unsigned depth_max, struct err *err)
{
    if ((flags & JSON_ALLOW_BOM) && str_starts(text, STR("\xef\xbb\xbf")))
        text = str_skip(text, 3);
    if (text_depth(text) > depth_max) {
        err_set(err, E_TOO_LARGE, "The JSON is nested deeper than %u levels", depth_max);
        return NULL;
    }
    yyjson_alc alc = json_alc(a);
    yyjson_read_flag read = flags & JSON_NUMBERS_RAW ? YYJSON_READ_NUMBER_AS_RAW : YYJSON_READ_BIGNUM_AS_RAW;
    yyjson_read_err fault;
    /* Without INSITU yyjson copies the text into the arena and does not write to ours. */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)(text.ptr ? text.ptr : ""), text.len, read, &alc, &fault);
    if (!doc) {
        if (fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
            err_set(err, E_TOO_LARGE, "The JSON is too large to hold in memory");
        else if (text.len == 0)
            err_set(err, E_VALIDATION_FAILED, "The JSON is empty");
        else
            err_set(err, E_VALIDATION_FAILED, "Not valid JSON at byte %zu: %s", fault.pos, fault.msg);
        return NULL;
    }
    struct str duplicate;
    if ((flags & JSON_UNIQUE_KEYS) && !keys_are_unique(a, doc->root, &duplicate)) {
        err_set(err, E_VALIDATION_FAILED, "The member \"%.*s\" occurs twice in one object",
                (int)(duplicate.len > 100 ? 100 : duplicate.len), duplicate.ptr);
        return NULL;
    }
    return doc->root;
}

yyjson_val *
json_freeze(struct arena *a, const yyjson_mut_val *value)
{
    yyjson_alc alc = json_alc(a);
    yyjson_doc *doc = yyjson_mut_val_imut_copy((yyjson_mut_val *)(uintptr_t)value, &alc);
    return doc ? doc->root : NULL;
}

yyjson_val *
json_get(yyjson_val *object, struct str wanted)
{
    yyjson_val *found = NULL, *key, *value;
    size_t index, max;
    if (!yyjson_is_obj(object))
        return NULL;
    yyjson_obj_foreach(object, index, max, key, value) {
        if (str_eq(json_str(key), wanted))
            found = value;
    }
    return found;
}

yyjson_val *
json_get_c(yyjson_val *object, const char *key)
{
    return json_get(object, str_from_c(key));
}

struct str
json_str(yyjson_val *value)
{
    return yyjson_is_str(value) ? (struct str){yyjson_get_str(value), yyjson_get_len(value)} : STR_NONE;
}

struct str
json_str_or(yyjson_val *value, struct str otherwise)
{
    return yyjson_is_str(value) ? json_str(value) : otherwise;
}

bool
json_is_number(yyjson_val *value)
{
    return yyjson_is_num(value) || yyjson_is_raw(value);
}

static struct str
raw_text(yyjson_val *value)
{
    return (struct str){yyjson_get_raw(value), yyjson_get_len(value)};
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
real_to_i64(double real, int64_t *value_out)
{
    if (!(real >= -9007199254740992.0 && real <= 9007199254740992.0) || real != (double)(int64_t)real)
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
    yyjson_val number;
    char text[64];
    struct str raw = raw_text(value);
    if (raw.len >= sizeof(text))
        return false;
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    return yyjson_read_number(text, &number, 0, NULL, NULL) && yyjson_is_real(&number) &&
           real_to_i64(yyjson_get_real(&number), value_out);
}

bool
json_bool_or(yyjson_val *value, bool otherwise)
{
    return yyjson_is_bool(value) ? yyjson_get_bool(value) : otherwise;
}

yyjson_val *
json_pointer(yyjson_val *root, struct str pointer)
{
    return root ? yyjson_ptr_getn(root, pointer.ptr ? pointer.ptr : "", pointer.len) : NULL;
}

bool
json_pointer_add(struct buf *pointer, struct str key)
{
    buf_add_char(pointer, '/');
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] == '~')
            buf_add(pointer, STR("~0"));
        else if (key.ptr[i] == '/')
            buf_add(pointer, STR("~1"));
        else
            buf_add_char(pointer, key.ptr[i]);
    }
    return buf_ok(pointer);
}

static bool
write_scalar(struct buf *b, yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL: return buf_add(b, STR("null"));
    case YYJSON_TYPE_BOOL: return buf_add_c(b, yyjson_get_bool(value) ? "true" : "false");
    case YYJSON_TYPE_STR: return buf_add_json_str(b, json_str(value));
    case YYJSON_TYPE_RAW: return buf_add(b, raw_text(value));
    default: break;
    }
    if (yyjson_is_uint(value))
        return buf_addf(b, "%llu", (unsigned long long)yyjson_get_uint(value));
    if (yyjson_is_sint(value))
        return buf_addf(b, "%lld", (long long)yyjson_get_sint(value));
    size_t len;
    char *text = yyjson_val_write(value, YYJSON_WRITE_INF_AND_NAN_AS_NULL, &len);
    bool ok = text && buf_add(b, (struct str){text, len});
    free(text);
    return ok;
}

bool
json_write(struct buf *b, yyjson_val *value)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_arr(value)) {
        buf_add_char(b, '[');
        yyjson_arr_foreach(value, index, max, item) {
            if (index)
                buf_add_char(b, ',');
            json_write(b, item);
        }
        return buf_add_char(b, ']');
    }
    if (!yyjson_is_obj(value))
        return write_scalar(b, value);
    buf_add_char(b, '{');
    yyjson_obj_foreach(value, index, max, key, item) {
        if (index)
            buf_add_char(b, ',');
        buf_add_json_str(b, json_str(key));
        buf_add_char(b, ':');
        json_write(b, item);
    }
    return buf_add_char(b, '}');
}

struct str
json_to_text(struct arena *a, yyjson_val *value)
{
    struct buf b;
    buf_init(&b, a->cap_bytes);
    struct str text = json_write(&b, value) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

static bool
write_canonical_object(struct buf *b, yyjson_val *object)
{
    yyjson_val *few[JSON_SORT_STACK];
    size_t count = yyjson_obj_size(object), index, max;
    yyjson_val **keys = count <= JSON_SORT_STACK ? few : malloc(count * sizeof(*keys));
    if (!keys)
        return !(b->failed = true);
    yyjson_val *key, *item;
    bool sorted = true;
    yyjson_obj_foreach(object, index, max, key, item) {
        keys[index] = key;
        sorted = sorted && (index == 0 || compare_keys(&keys[index - 1], &keys[index]) <= 0);
    }
    if (!sorted)
        qsort(keys, count, sizeof(*keys), compare_keys);
    buf_add_char(b, '{');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_char(b, ',');
        buf_add_json_str(b, json_str(keys[i]));
        buf_add_char(b, ':');
        json_write_canonical(b, yyjson_obj_iter_get_val(keys[i]));
    }
    if (keys != few)
        free(keys);
    return buf_add_char(b, '}');
}

bool
json_write_canonical(struct buf *b, yyjson_val *value)
{
    if (yyjson_is_obj(value))
        return write_canonical_object(b, value);
    if (!yyjson_is_arr(value))
        return write_scalar(b, value);
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

static bool
numbers_equal(yyjson_val *left, yyjson_val *right)
{
    int64_t a, b;
    if (json_to_i64(left, &a) && json_to_i64(right, &b))
        return a == b;
    if (yyjson_is_raw(left) && yyjson_is_raw(right))
        return str_eq(raw_text(left), raw_text(right));
    return yyjson_is_num(left) && yyjson_is_num(right) && yyjson_get_num(left) == yyjson_get_num(right);
}

bool
json_equal(yyjson_val *left, yyjson_val *right)
{
    if (!left || !right)
        return left == right;
    if (json_is_number(left) && json_is_number(right))
        return numbers_equal(left, right);
    if (yyjson_get_type(left) != yyjson_get_type(right))
        return false;
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_obj(left)) {
        if (yyjson_obj_size(left) != yyjson_obj_size(right))
            return false;
        yyjson_obj_foreach(left, index, max, key, item) {
            if (!json_equal(item, json_get(right, json_str(key))))
                return false;
        }
        return true;
    }
    if (yyjson_is_arr(left)) {
        if (yyjson_arr_size(left) != yyjson_arr_size(right))
            return false;
        yyjson_arr_foreach(left, index, max, item) {
            if (!json_equal(item, yyjson_arr_get(right, index)))
                return false;
        }
        return true;
    }
    return yyjson_is_str(left) ? str_eq(json_str(left), json_str(right)) : yyjson_equals(left, right);
}
