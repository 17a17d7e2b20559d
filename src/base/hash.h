/*
 * FNV-1a over bytes, 64 bits: the same on every machine and in every version, so that it may be kept.
 *
 * For finding things again and for telling texts apart where nobody gains by a collision. It is no digest
 * (crypt/digest.h is), and whoever chooses the bytes can choose a collision.
 */
#ifndef TIDEMARK_BASE_HASH_H
#define TIDEMARK_BASE_HASH_H

#include "base/str.h"

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* Goes on from `hash`: HASH_START at first. Adding "ab" is adding "a" and then "b". */
uint64_t hash_add(uint64_t hash, struct str bytes);
/* The same with an end behind it that no UTF-8 text holds, so that ("ab", "c") and ("a", "bc") differ. */
uint64_t hash_add_whole(uint64_t hash, struct str text);

#endif
