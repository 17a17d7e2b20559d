/*
 * Ids packed into a few bytes: the difference to the one before, zigzag, seven bits a byte (as LEB128).
 */
#include "store/store_priv.h"

#define VARINT_BYTES_MAX 10

static size_t
put(unsigned char *at, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        at[n++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    at[n++] = (unsigned char)value;
    return n;
}

struct str
ids_pack(struct arena *a, const int64_t *ids, size_t count)
{
    unsigned char *bytes = (unsigned char *)arena_alloc_bytes(a, count * VARINT_BYTES_MAX + 1);
    if (!bytes)
        return STR_NONE;
    size_t len = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t delta = (int64_t)((uint64_t)ids[i] - before);
        before = (uint64_t)ids[i];
        len += put(bytes + len, ((uint64_t)delta << 1) ^ (delta < 0 ? UINT64_MAX : 0));
    }
    return (struct str){(char *)bytes, len};
}

static bool
take(struct str *packed, uint64_t *value_out)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && i < packed->len; i++) {
        unsigned char byte = (unsigned char)packed->ptr[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        *packed = str_skip(*packed, i + 1);
        *value_out = value;
        return true;
    }
    return false;
}

bool
ids_unpack(struct str packed, id_fn *add, void *ctx, struct err *err)
{
    uint64_t id = 0;
    while (packed.len > 0) {
        uint64_t value;
        if (!take(&packed, &value))
            return err_set(err, E_STORE_CORRUPT, "A packed list of ids is damaged");
        id += (value >> 1) ^ (~(value & 1) + 1);
        if (!add(ctx, (int64_t)id))
            return err_no_memory(err);
    }
    return true;
}
