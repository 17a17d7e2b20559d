/*
 * The page's batches, once per way of writing them: store_page_loop.c steps through cached statements
 * (SQLite: a call is a function call), store_page_set.c binds whole arrays (PostgreSQL: a call is a round
 * trip). store_page.c chooses, and does what is the same for both. SQLite's match keys are store_match.c.
 */
#ifndef TIDEMARK_STORE_STORE_PAGE_PRIV_H
#define TIDEMARK_STORE_STORE_PAGE_PRIV_H

#include "store/store_page.h"

/* How counters move. */
struct moved {
    int64_t live, deleted;
};

struct page_batches {
    bool (*map_lookup)(struct db *db, struct arena *a, int64_t tenant, int64_t stream, const struct str *ids, size_t count,
                       struct map_row *rows_out, struct err *err);
    bool (*match_lookup)(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, size_t count,
                         int64_t *records_out, struct err *err);
    bool (*match_claim)(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                        size_t count, struct err *err);
    bool (*match_release)(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                          size_t count, struct err *err);
    bool (*records_insert)(struct db *db, int64_t tenant, int64_t collection, struct record_write *records, size_t count,
                           int64_t now_us, struct err *err);
    bool (*records_update)(struct db *db, int64_t tenant, const struct record_write *records, size_t count,
                           int64_t connection, int64_t run, int64_t now_us, struct moved *moved, struct err *err);
    bool (*records_load)(struct db *db, struct arena *a, int64_t tenant, const int64_t *records, size_t count,
                         struct record_row *rows_out, struct err *err);
    bool (*maps_write)(struct db *db, int64_t tenant, int64_t stream, struct map_write *maps, size_t count,
                       int64_t observed_us, int64_t now_us, struct moved *moved, struct err *err);
};
extern const struct page_batches page_batches_loop, page_batches_set;

/* A row of what a look-up found; its columns begin at `first`. False: the arena is full. */
bool page_map_read(struct db_rows *rows, int first, struct arena *a, struct map_row *row);
/* Of a struct record_row, from deleted on; see store_priv.h on readers of rows. */
struct row_reader;
void page_record_read(struct row_reader *r, void *item);

/* store_match.c */
bool tail_match_lookup(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, size_t count,
                       int64_t *records_out, struct err *err);
bool tail_match_claim(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                      size_t count, struct err *err);
bool tail_match_release(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                        size_t count, struct err *err);

#endif
