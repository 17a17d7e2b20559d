/*
 * Streams and collections: the small integers that stand in millions of rows.
 *
 * A stream is (connection, name); it fills a collection, which is (tenant, kind): "contacts" of a tenant,
 * whichever connection they came from. A stream without an entity mapping has a kind of its own, named
 * "<template>.<stream>". Numbers are given once and never reused.
 */
#ifndef TIDEMARK_STORE_STORE_STREAM_H
#define TIDEMARK_STORE_STORE_STREAM_H

#include "store/db.h"

struct stream {
    int64_t id, tenant, connection, collection;
    struct str name, kind;
    int64_t records;         /* maps that are not tombstones: counted in each page transaction */
    int64_t deleted;         /* tombstones */
    int64_t rejected;        /* rows that stand in rejected_records */
    int64_t last_full_us;    /* end of the last complete, error-free full pass; 0: never */
    int64_t last_run;        /* runs.id that touched it last; 0: none */
    struct str version;      /* of the mapping its rows were made with: another one makes the next run full */
};

/* Finds or makes collection and stream. Safe on several nodes at once. */
MUST_USE bool store_stream_ensure(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct str name,
                                  struct str kind, struct stream *stream_out, struct err *err);
MUST_USE bool store_collection_ensure(struct db *db, int64_t tenant, struct str kind, int64_t *collection_out, struct err *err);
/* Does not make one. */
enum row store_collection_find(struct db *db, int64_t tenant, struct str kind, int64_t *collection_out, struct err *err);
enum row store_stream_find(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct str name,
                           struct stream *stream_out, struct err *err);
enum row store_stream_get(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct stream *stream_out,
                          struct err *err);
/* All of a connection, by id. */
MUST_USE bool store_stream_list(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct stream **rows_out,
                                size_t *count_out, struct err *err);
/* A complete full pass has ended, made with this mapping version. */
MUST_USE bool store_stream_full_done(struct db *db, int64_t tenant, int64_t stream, struct str version, int64_t now_us,
                                     struct err *err);

#endif
