/*
 * Values as JSON: json.dumps of Python, byte for byte, and our own documents.
 *
 * What makes it hard: the two differ. json.dumps is text inside an expression, so its blanks, escapes, NaN and the way
 * it makes keys of numbers must be Python's. What leaves the expression as a document is ours: times as ISO 8601,
 * numbers by their text where a double would lose digits (I-10).
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "template/expr/time_priv.h"
#include "template/expr/value_priv.h"

/* ---- json.dumps ---- */

static bool
add_json_character(struct buf *b, uint32_t c, unsigned style)
{
    bool html = (style & JSON_STYLE_HTML) && (c == '<' || c == '>' || c == '&' || c == '\'');
    switch (c) {
    case '"': return buf_add(b, STR("\\\""));
    case '\\': return buf_add(b, STR("\\\\"));
    case '\n': return buf_add(b, STR("\\n"));
    case '\r': return buf_add(b, STR("\\r"));
    case '\t': return buf_add(b, STR("\\t"));
    case '\b': return buf_add(b, STR("\\b"));
    case '\f': return buf_add(b, STR("\\f"));
    default: break;
    }
    if (c >= 0x10000)
        return buf_addf(b, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                        (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
    if (c < 0x20 || c > 0x7e || html)
        return c == 0x7f ? buf_add_char(b, 0x7f) : buf_addf(b, "\\u%04x", (unsigned)c);
    return buf_add_char(b, (char)c);
}

static bool
add_json_text(struct buf *b, struct str s, unsigned style)
{
    buf_add_char(b, '"');
    for (size_t at = 0; at < s.len; at += pytext_step(s, at))
        add_json_character(b, pytext_decode(s, at), style);
    return buf_add_char(b, '"');
}

struct dumps {
    struct buf *b;
    unsigned style;
    const char *bad_type;
};

static bool
dump(struct dumps *d, struct value v, unsigned depth);

/* Keys become text as json.dumps makes it: true, null, 1.5. */
static bool
dump_key(struct dumps *d, struct value key)
{
    if (key.type == VALUE_STR)
        return add_json_text(d->b, key.text, d->style);
    buf_add_char(d->b, '"');
    bool ok = !value_is_sequence(key) && dump(d, key, 0);
    if (!ok && !d->bad_type)
        d->bad_type = value_type_name(key);
    return ok && buf_add_char(d->b, '"');
}

static int
compare_entry_keys(const void *left, const void *right)
{
    const struct value_entry *a = left, *b = right;
    if (a->key.type == VALUE_STR && b->key.type == VALUE_STR)
        return str_compare(a->key.text, b->key.text);
    if (value_is_number(a->key) && value_is_number(b->key))
        return value_compare_numbers(a->key, b->key);
    return (int)a->key.type - (int)b->key.type;
}

/* The entries of a mapping in a heap array, sorted if the style says so; NULL when there is no memory. */
static struct value_entry *
entries_for(const struct dumps *d, struct value v, size_t *count_out)
{
    struct value_iter it;
    size_t size = value_count(v), count = 0;
    struct value_entry *entries = alloc_zeroed(size + 1, sizeof(*entries));
    value_iter_init(&it, v);
    while (entries && count < size && value_iter_next_entry(&it, &entries[count].key, &entries[count].value))
        count++;
    if (entries && (d->style & JSON_STYLE_SORTED))
        qsort(entries, count, sizeof(*entries), compare_entry_keys);
    *count_out = count;
    return entries;
}

static bool
dump_mapping(struct dumps *d, struct value v, unsigned depth)
{
    size_t count;
    struct value_entry *entries = entries_for(d, v, &count);
    bool ok = entries && buf_add_char(d->b, '{');
    for (size_t i = 0; ok && i < count; i++) {
        if (i)
            buf_add(d->b, STR(", "));
        ok = dump_key(d, entries[i].key) && buf_add(d->b, STR(": ")) && dump(d, entries[i].value, depth + 1);
    }
    free(entries);
    return ok && buf_add_char(d->b, '}');
}

static bool
dump_sequence(struct dumps *d, struct value v, unsigned depth)
{
    struct value_iter it;
    struct value item;
    bool first = true;
    buf_add_char(d->b, '[');
    value_iter_init(&it, v);
    for (; value_iter_next(&it, &item); first = false) {
        if (!first)
            buf_add(d->b, STR(", "));
        if (!dump(d, item, depth + 1))
            return false;
    }
    return buf_add_char(d->b, ']');
}

static bool
dump(struct dumps *d, struct value v, unsigned depth)
{
    if (depth > LIMIT_VALUE_DEPTH)
        return !(d->b->failed = true);
    if (value_is_mapping(v) && !(v.type == VALUE_DICT && v.flag))
        return dump_mapping(d, v, depth);
    if (value_is_sequence(v))
        return dump_sequence(d, v, depth);
    if (v.type == VALUE_STR)
        return add_json_text(d->b, v.text, d->style);
    if (v.type == VALUE_NONE)
        return buf_add(d->b, STR("null"));
    if (v.type == VALUE_BOOL)
        return buf_add_c(d->b, v.flag ? "true" : "false");
    if (v.type == VALUE_FLOAT && !isfinite(v.number))
        return buf_add_c(d->b, isnan(v.number) ? "NaN" : v.number > 0 ? "Infinity" : "-Infinity");
    if (value_is_number(v))
        return value_add_str(d->b, v);
    d->bad_type = value_type_name(v);
    return false;
}

bool
value_add_json(struct buf *b, struct value v, unsigned style, const char **bad_type_out)
{
    struct dumps d = {b, style, NULL};
    bool ok = dump(&d, v, 0);
    *bad_type_out = d.bad_type;
    return ok;
}

/* ---- our own ---- */

static yyjson_mut_val *
to_json_at(yyjson_mut_doc *doc, struct value v, unsigned depth);

/* ISO 8601 for times, Python's str() for the other scalars that JSON has no form for. */
static yyjson_mut_val *
text_to_json(yyjson_mut_doc *doc, struct value v, bool raw)
{
    struct buf b;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    bool iso = v.type == VALUE_DATETIME || v.type == VALUE_DATE;
    bool ok = iso ? time_add_iso(&b, v, 'T') : value_add_str(&b, v);
    yyjson_mut_val *json = NULL;
    if (ok && buf_ok(&b))
        json = raw ? yyjson_mut_rawncpy(doc, b.ptr, b.len) : yyjson_mut_strncpy(doc, b.len ? b.ptr : "", b.len);
    buf_release(&b);
    return json;
}

static yyjson_mut_val *
number_to_json(yyjson_mut_doc *doc, struct value v)
{
    if (v.type == VALUE_INT)
        return yyjson_mut_sint(doc, v.integer);
    if (v.type == VALUE_BIGINT)
        return text_to_json(doc, v, true);
    if (!str_is_none(v.text))
        return yyjson_mut_rawncpy(doc, v.text.ptr, v.text.len);
    return isfinite(v.number) ? yyjson_mut_real(doc, v.number) : yyjson_mut_null(doc);
}

static yyjson_mut_val *
mapping_to_json(yyjson_mut_doc *doc, struct value v, unsigned depth)
{
    struct value_iter it;
    struct value key, item;
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    value_iter_init(&it, v);
    while (object && value_iter_next_entry(&it, &key, &item)) {
        yyjson_mut_val *name = key.type == VALUE_STR ? to_json_at(doc, key, depth + 1) : text_to_json(doc, key, false);
        yyjson_mut_val *member = to_json_at(doc, item, depth + 1);
        if (!name || !member || !yyjson_mut_obj_add(object, name, member))
            return NULL;
    }
    return object;
}

static yyjson_mut_val *
sequence_to_json(yyjson_mut_doc *doc, struct value v, unsigned depth)
{
    struct value_iter it;
    struct value item;
    yyjson_mut_val *array = yyjson_mut_arr(doc);
    value_iter_init(&it, v);
    while (array && value_iter_next(&it, &item)) {
        yyjson_mut_val *member = to_json_at(doc, item, depth + 1);
        if (!member || !yyjson_mut_arr_append(array, member))
            return NULL;
    }
    return array;
}

static yyjson_mut_val *
to_json_at(yyjson_mut_doc *doc, struct value v, unsigned depth)
{
    if (depth > LIMIT_VALUE_DEPTH)
        return NULL;
    switch (v.type) {
    case VALUE_UNDEFINED:
    case VALUE_NONE: return yyjson_mut_null(doc);
    case VALUE_BOOL: return yyjson_mut_bool(doc, v.flag);
    case VALUE_INT:
    case VALUE_BIGINT:
    case VALUE_FLOAT: return number_to_json(doc, v);
    case VALUE_STR: return yyjson_mut_strncpy(doc, v.text.len ? v.text.ptr : "", v.text.len);
    case VALUE_JSON: return yyjson_val_mut_copy(doc, v.json);
    case VALUE_LIST: return sequence_to_json(doc, v, depth);
    case VALUE_DICT: return mapping_to_json(doc, v, depth);
    case VALUE_DATETIME:
    case VALUE_DATE:
    case VALUE_DURATION: return text_to_json(doc, v, false);
    }
    return NULL;
}

yyjson_mut_val *
value_to_json(yyjson_mut_doc *doc, struct value v)
{
    return to_json_at(doc, v, 0);
}
