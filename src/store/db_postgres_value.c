/*
 * Values on their way to PostgreSQL: scalars as text, arrays in binary with their types named, because a page's
 * arrays are most of the bytes.
 */
#include <endian.h>

#include "store/db_postgres_priv.h"

static bool
add_u32(struct buf *b, uint32_t value)
{
    uint32_t wire = htobe32(value);
    return buf_add(b, (struct str){(const char *)&wire, sizeof(wire)});
}

static bool
add_item(struct buf *b, const struct db_value *value, size_t i)
{
    if (value->type == DB_VALUE_I64_ARRAY) {
        uint64_t wire = htobe64((uint64_t)value->numbers[i]);
        return add_u32(b, sizeof(wire)) && buf_add(b, (struct str){(const char *)&wire, sizeof(wire)});
    }
    struct str text = value->texts[i];
    return str_is_none(text) ? add_u32(b, UINT32_MAX) : add_u32(b, (uint32_t)text.len) && buf_add(b, text);
}

static bool
has_null(const struct db_value *value)
{
    for (size_t i = 0; value->type != DB_VALUE_I64_ARRAY && i < value->count; i++)
        if (str_is_none(value->texts[i]))
            return true;
    return false;
}

/* A one-dimensional array as array_recv reads it: dimensions, NULL flag, item type, then length and lower bound. */
static bool
add_array(struct buf *b, const struct db_value *value, uint32_t item_type)
{
    add_u32(b, value->count ? 1 : 0);
    add_u32(b, has_null(value) ? 1 : 0);
    add_u32(b, item_type);
    if (value->count) {
        add_u32(b, (uint32_t)value->count);
        add_u32(b, 1);
    }
    for (size_t i = 0; i < value->count; i++)
        add_item(b, value, i);
    return buf_ok(b);
}

static void
set_array(struct db_postgres *p, struct parameters *q, size_t i, const struct db_value *value, Oid array, uint32_t item)
{
    q->offsets[i] = p->arrays.len;
    add_array(&p->arrays, value, item);
    q->lengths[i] = (int)(p->arrays.len - q->offsets[i]);
    q->types[i] = array;
    q->formats[i] = 1;
}

/* libpq reads text parameters to their NUL. */
static void
set_text(struct parameters *q, size_t i, struct str text)
{
    q->offsets[i] = q->texts.len;
    buf_add(&q->texts, text);
    buf_add_char(&q->texts, '\0');
}

static void
set_value(struct db_postgres *p, struct parameters *q, size_t i, const struct db_value *value)
{
    switch (value->type) {
    case DB_VALUE_NULL:
        break;
    case DB_VALUE_I64:
        snprintf(q->numbers[i], NUMBER_TEXT_BYTES, "%lld", (long long)value->number);
        q->values[i] = q->numbers[i];
        break;
    case DB_VALUE_TEXT:
        set_text(q, i, value->text);
        break;
    case DB_VALUE_BLOB:
        q->values[i] = value->text.ptr ? value->text.ptr : "";
        q->lengths[i] = (int)value->text.len;
        q->types[i] = OID_BYTEA;
        q->formats[i] = 1;
        break;
    case DB_VALUE_I64_ARRAY:
        set_array(p, q, i, value, OID_INT8_ARRAY, OID_INT8);
        break;
    case DB_VALUE_TEXT_ARRAY:
        set_array(p, q, i, value, OID_TEXT_ARRAY, OID_TEXT);
        break;
    case DB_VALUE_BLOB_ARRAY:
        set_array(p, q, i, value, OID_BYTEA_ARRAY, OID_BYTEA);
        break;
    }
}

bool
fill_parameters(struct db_postgres *p, struct parameters *q, const struct db_value *values, size_t count, struct err *err)
{
    buf_clear(&p->arrays);
    for (size_t i = 0; i < count; i++) {
        if (values[i].type == DB_VALUE_TEXT && str_find(values[i].text, '\0') >= 0)
            return err_set(err, E_VALIDATION_FAILED, "A text with a NUL character cannot be stored");
        set_value(p, q, i, &values[i]);
    }
    if (!buf_ok(&p->arrays) || !buf_ok(&q->texts))
        return err_set(err, E_TOO_LARGE, NULL);
    for (size_t i = 0; i < count; i++) {
        if (values[i].type == DB_VALUE_TEXT)
            q->values[i] = q->texts.ptr + q->offsets[i];
        else if (values[i].type >= DB_VALUE_I64_ARRAY)
            q->values[i] = p->arrays.ptr + q->offsets[i];
    }
    return true;
}
