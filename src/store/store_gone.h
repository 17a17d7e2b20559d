/*
 * Records that went, for those who must clean up after them in the same closure.
 *
 * A record that is deleted gives its match keys back, and only the engine knows how a key is made from its
 * data. So the functions of the store that delete records tell which went and what stood in them; the
 * caller hands that to match_keys_release() (engine/match_release.h) before its closure ends.
 */
#ifndef TIDEMARK_STORE_STORE_GONE_H
#define TIDEMARK_STORE_STORE_GONE_H

#include "base/arena.h"
#include "base/str.h"

struct record_gone {
    int64_t record, collection;
    struct str data;         /* canonical JSON */
};

/* Set `arena`; a closure that may run twice sets count to 0 when it begins. */
struct gone_list {
    struct arena *arena;
    struct record_gone *rows;
    size_t count, size;
};

#endif
