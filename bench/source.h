/*
 * What both bare limits share: fetch a page, parse it, map its records, hash them. One thread.
 */
#ifndef TIDEMARK_BENCH_SOURCE_H
#define TIDEMARK_BENCH_SOURCE_H

#include <curl/curl.h>

#include "base/buf.h"
#include "json/json.h"

#define SOURCE_RECORD_BYTES_MAX 65536
#define SOURCE_HASH_BYTES 16

struct source {
    CURL *curl;
    struct buf body, mapped; /* mapped: the present record, canonical JSON; until the next source_map */
    struct arena arena;      /* of the present page */
};

void source_init(struct source *s);
/* The records of one page: a JSON array, until the next call. Ends the program on failure. */
yyjson_val *source_page(struct source *s, const char *url);
/* Maps a record into s->mapped and hashes it. */
void source_map(struct source *s, yyjson_val *record, unsigned char hash[SOURCE_HASH_BYTES]);
_Noreturn void die(const char *what, const char *why);

#endif
