/*
 * Columns of a result, in binary.
 */
#include "store/db_postgres_priv.h"

#include "base/check.h"

bool
postgres_is_null(const struct db_rows *rows, unsigned column)
{
    return PQgetisnull(rows->handle, (int)rows->row, (int)column);
}

struct str
postgres_bytes(const struct db_rows *rows, unsigned column)
{
    if (postgres_is_null(rows, column))
        return STR_NONE;
    return (struct str){PQgetvalue(rows->handle, (int)rows->row, (int)column),
                        (size_t)PQgetlength(rows->handle, (int)rows->row, (int)column)};
}

static uint64_t
big_endian(struct str bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | (unsigned char)bytes.ptr[i];
    return value;
}

/* The whole part of a numeric: sums of bigint come as such. Base 10,000 digits; weight is that of the first. */
static int64_t
numeric_to_i64(struct str bytes)
{
    CHECK(bytes.len >= 8);
    size_t digits = (size_t)big_endian(str_slice(bytes, 0, 2));
    int weight = (int16_t)big_endian(str_slice(bytes, 2, 4));
    bool negative = big_endian(str_slice(bytes, 4, 6)) == 0x4000;
    int64_t value = 0;
    for (int place = 0; place <= weight; place++) {
        size_t at = 8 + 2 * (size_t)place;
        value = value * 10000 + ((size_t)place < digits ? (int64_t)big_endian(str_slice(bytes, at, at + 2)) : 0);
    }
    return negative ? -value : value;
}

int64_t
postgres_i64(const struct db_rows *rows, unsigned column)
{
    struct str bytes = postgres_bytes(rows, column);
    if (str_is_none(bytes))
        return 0;
    switch (PQftype(rows->handle, (int)column)) {
    case OID_BOOL: return (int64_t)big_endian(bytes);
    case OID_INT2: return (int16_t)big_endian(bytes);
    case OID_INT4: return (int32_t)big_endian(bytes);
    case OID_INT8: return (int64_t)big_endian(bytes);
    case OID_NUMERIC: return numeric_to_i64(bytes);
    default: UNREACHABLE("a column that is read as a number has another type");
    }
}
