/*
 * Trying a connection before there is one: does the vendor take this credential, which streams may be read, and what do the first
 * records look like. Nothing is stored.
 */
#ifndef TIDEMARK_ENGINE_TRY_H
#define TIDEMARK_ENGINE_TRY_H

#include "engine/ends.h"
#include "engine/engine.h"
#include "engine/fetch.h"

#define TRY_STREAMS_MAX 12   /* each costs the vendor a request */
#define TRY_RECORDS_MAX 5

struct try_stream {
    struct str name, kind;
    enum err_code code;      /* E_OK: it may be read */
    struct str message;      /* why not, redacted; STR_NONE when it may */
    int64_t read;            /* records on its first page */
    int64_t took_us;
};

struct try_record {
    struct str external_id, title; /* or STR_NONE */
    struct str data;         /* JSON as it would be stored; STR_NONE when rejected */
    struct str rejected;     /* why, or STR_NONE */
};

struct try_result {
    enum err_code code;      /* of the test: E_OK, E_INVALID_CREDENTIALS, E_VENDOR_UNAVAILABLE, E_ADDRESS_REFUSED, ... */
    struct str message;      /* the vendor's words, redacted; STR_NONE when it went well */
    struct str api_version;
    struct fetch_probe probe; /* how its first request went; not taken: none was sent */
    int64_t tested_us;       /* how long the test took, all in all */
    struct try_stream streams[TRY_STREAMS_MAX]; /* none when the test failed */
    size_t stream_count;
    struct str sample_stream;
    struct try_record samples[TRY_RECORDS_MAX]; /* of the first stream that had some */
    size_t sample_count;
    struct ends *ends;       /* what will stop working, nearest first */
    size_t end_count;
};

/*
 * change: provider and configuration. False only for what is wrong with the question itself: E_PLATFORM_NOT_SUPPORTED,
 * E_VALIDATION_FAILED with items, E_TEMPLATE_REFUSED (nothing to read), E_NO_MEMORY. Blocks on the vendor. Texts live in a.
 * `may` is asked once the question is known to be right, before the vendor is: false with err ends it.
 */
MUST_USE bool engine_try(struct engine *e, struct arena *a, int64_t tenant, const struct connection_change *change,
                         bool (*may)(void *ctx, struct err *err), void *ctx, struct try_result *result_out, struct err *err);

#endif
