/*
 * FNV-1a as its authors give it (isthe.com/chongo/tech/comp/fnv): xor the byte, then multiply.
 */
#include "base/hash.h"

#define FNV_PRIME UINT64_C(0x100000001b3)

uint64_t
hash_add(uint64_t hash, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * FNV_PRIME;
    return hash;
}

uint64_t
hash_add_whole(uint64_t hash, struct str text)
{
    return (hash_add(hash, text) ^ 0xff) * FNV_PRIME;
}
