#include "json/json_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define JSON_TEXT_FIRST_BYTES 2048 /* room for most records at once */
#define JSON_DEPTH_MOST 256 /* no caller allows more */

/* Not zeroed, unlike arena_alloc: yyjson writes what it reads, and a page's tree is megabytes. */
static void *
arena_malloc(void *ctx, size_t size)
{
    return arena_grow(ctx, NULL, 0, size);
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

/* Deepest nesting of brackets outside strings. */
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

/*
 * Whether a tree is nested deeper than that, without recursion: yyjson itself sets no limit. Its values lie one
 * after another, containers before what is in them.
 */
static bool
tree_is_deeper(yyjson_val *root, unsigned depth_max)
{
    const yyjson_val *ends[JSON_DEPTH_MOST], *end = unsafe_yyjson_get_next(root);
    unsigned depth = 0;
    for (yyjson_val *value = root; value < end; value++) {
        while (depth > 0 && value >= ends[depth - 1])
            depth--;
        if (!unsafe_yyjson_is_ctn(value))
            continue;
        if (depth == depth_max)
            return true;
        ends[depth++] = unsafe_yyjson_get_next(value);
    }
    return false;
}

yyjson_val *
json_parse(struct arena *a, struct str text, unsigned flags, unsigned depth_max, struct err *err)
{
    if ((flags & JSON_ALLOW_BOM) && str_starts(text, STR("\xef\xbb\xbf")))
        text = str_skip(text, 3);
    CHECK(depth_max <= JSON_DEPTH_MOST);
    yyjson_alc alc = json_alc(a);
    yyjson_read_flag read = flags & JSON_NUMBERS_RAW ? YYJSON_READ_NUMBER_AS_RAW : YYJSON_READ_BIGNUM_AS_RAW;
    yyjson_read_err fault;
    /* Without INSITU yyjson copies the text into the arena and does not write to ours. */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)(text.ptr ? text.ptr : ""), text.len, read, &alc, &fault);
    if (doc ? tree_is_deeper(doc->root, depth_max) : text_depth(text) > depth_max) {
        err_set(err, E_TOO_LARGE, "The JSON is nested deeper than %u levels", depth_max);
        return NULL;
    }
    if (!doc) {
        if (fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
            err_set(err, E_TOO_LARGE, "The JSON is too large to hold in memory");
        else if (text.len == 0)
            err_set(err, E_VALIDATION_FAILED, "The JSON is empty");
        else
            err_set(err, E_VALIDATION_FAILED, "Not valid JSON at byte %zu: %s", fault.pos, fault.msg);
        return NULL;
    }
    if ((flags & JSON_UNIQUE_KEYS) && !json_keys_are_unique(doc->root, err))
        return NULL;
    return doc->root;
}

yyjson_val *
json_freeze(struct arena *a, const yyjson_mut_val *value)
{
    yyjson_alc alc = json_alc(a);
    yyjson_doc *doc = yyjson_mut_val_imut_copy((yyjson_mut_val *)(uintptr_t)value, &alc);
    return doc ? doc->root : NULL;
}

void
json_merge(yyjson_mut_doc *doc, yyjson_mut_val *into, yyjson_val *from)
{
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_obj_foreach(from, index, max, key, item) {
        yyjson_mut_val *there = yyjson_mut_obj_getn(into, yyjson_get_str(key), yyjson_get_len(key));
        if (yyjson_is_obj(item) && yyjson_mut_is_obj(there))
            json_merge(doc, there, item);
        else
            yyjson_mut_obj_put(into, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
}

yyjson_val *
json_get(yyjson_val *object, struct str wanted)
{
    yyjson_val *found = NULL, *key, *value;
    size_t index, max;
    if (!yyjson_is_obj(object))
        return NULL;
    yyjson_obj_foreach(object, index, max, key, value) {
        if (unsafe_yyjson_get_len(key) == wanted.len &&
            (wanted.len == 0 || memcmp(unsafe_yyjson_get_str(key), wanted.ptr, wanted.len) == 0))
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
json_bool_or(yyjson_val *value, bool otherwise)
{
    return yyjson_is_bool(value) ? yyjson_get_bool(value) : otherwise;
}

/* The next character of an escaped token; -1 at its end, -2 for a broken escape. */
static int
token_next(struct str *token)
{
    if (token->len == 0)
        return -1;
    unsigned char c = (unsigned char)token->ptr[0];
    *token = str_skip(*token, 1);
    if (c != '~')
        return c;
    if (token->len == 0 || (token->ptr[0] != '0' && token->ptr[0] != '1'))
        return -2;
    c = token->ptr[0] == '0' ? '~' : '/';
    *token = str_skip(*token, 1);
    return c;
}

static bool
token_is(struct str token, struct str key)
{
    for (size_t i = 0; i < key.len; i++)
        if (token_next(&token) != (unsigned char)key.ptr[i])
            return false;
    return token_next(&token) == -1;
}

/* Not yyjson's own walker: of duplicate members that one takes the first, and ours is the last. */
static yyjson_val *
step_into(yyjson_val *value, struct str token)
{
    yyjson_val *found = NULL, *key, *item;
    size_t index, max;
    int64_t at;
    if (yyjson_is_arr(value)) {
        if ((token.len > 1 && token.ptr[0] == '0') || !str_to_i64(token, 0, UINT32_MAX, &at))
            return NULL;
        return yyjson_arr_get(value, (size_t)at);
    }
    if (!yyjson_is_obj(value))
        return NULL;
    yyjson_obj_foreach(value, index, max, key, item) {
        if (token_is(token, json_str(key)))
            found = item;
    }
    return found;
}

yyjson_val *
json_pointer(yyjson_val *root, struct str pointer)
{
    if (pointer.len == 0)
        return root;
    if (pointer.ptr[0] != '/')
        return NULL;
    struct str token, rest = str_skip(pointer, 1);
    bool more = true;
    while (root && more) {
        more = str_cut(rest, '/', &token, &rest);
        root = step_into(root, token);
    }
    return root;
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

bool
json_write_scalar(struct buf *b, yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL: return buf_add(b, STR("null"));
    case YYJSON_TYPE_BOOL: return buf_add_c(b, yyjson_get_bool(value) ? "true" : "false");
    case YYJSON_TYPE_STR: return buf_add_json_str(b, json_str(value));
    case YYJSON_TYPE_RAW: return buf_add(b, (struct str){yyjson_get_raw(value), yyjson_get_len(value)});
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
        return json_write_scalar(b, value);
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
    if (a->cap_bytes > JSON_TEXT_FIRST_BYTES && !buf_reserve(&b, JSON_TEXT_FIRST_BYTES))
        return STR_NONE;
    struct str text = json_write(&b, value) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}
