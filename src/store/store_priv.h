/*
 * What the files of this room share: rows to structs, lists, packed ids.
 */
#ifndef TIDEMARK_STORE_STORE_PRIV_H
#define TIDEMARK_STORE_STORE_PRIV_H

#include "sql.h"
#include "store/db.h"
#include "store/store_gone.h"

/* Reads the columns of one row from left to right. */
struct row_reader {
    const struct db_rows *rows;
    struct arena *a;         /* texts are copied here; NULL: they end with the row */
    unsigned column;         /* the next one */
    bool full;               /* the arena had no room for a text */
};
int64_t read_i64(struct row_reader *r);                      /* NULL is 0 */
int64_t read_i64_or(struct row_reader *r, int64_t otherwise);
bool read_bool(struct row_reader *r);
struct str read_text(struct row_reader *r);                  /* NULL is STR_NONE */
struct str read_blob(struct row_reader *r);

/* A row of jobs into a struct job. */
void job_read(struct row_reader *r, void *item);

struct page_counts;
void read_counts(struct row_reader *r, struct page_counts *counts);

/* Fills one item from a row; the item is zeroed before. */
typedef void row_fn(struct row_reader *r, void *item);

/* Items of one size, growing in an arena. */
struct list {
    struct arena *a;
    void *items;
    size_t item_bytes, count, size;
};
#define LIST_OF(arena, type) ((struct list){.a = (arena), .item_bytes = sizeof(type)})
void *list_add(struct list *list);                           /* zeroed; NULL: the arena is full */

/* All rows of a statement into a list. E_TOO_LARGE when the arena is full. */
MUST_USE bool store_rows(struct db *db, unsigned statement, const struct db_value *values, size_t count,
                         struct list *list, row_fn *read, struct err *err);
/* The first row into item_out, which is written on ROW_FOUND only. */
enum row store_row(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct arena *a,
                   void *item_out, size_t item_bytes, row_fn *read, struct err *err);
/* The first row of a statement is `code` when there is none. */
MUST_USE bool store_row_must(enum row row, enum err_code code, struct err *err);

/*
 * What was found by one statement is no longer so for the next: somebody else came between, which happens on PostgreSQL alone. The store
 * repeats the whole closure, which looks anew. Always false, with E_STORE_BUSY.
 */
MUST_USE bool store_look_again(struct db *db, struct err *err);

/* A new UUIDv7 in a. STR_NONE: the arena is full. */
struct str store_new_uuid(struct arena *a);
/*
 * An id as a caller wrote it, either a row's number or its UUID: the other one stays 0 or STR_NONE. ROW_NONE: it is neither, so there is
 * nothing to look for.
 */
enum row store_id_read(struct arena *a, struct str id, int64_t *number_out, struct str *uuid_out, struct err *err);
#define STORE_ARENA_FULL(err) err_set((err), E_TOO_LARGE, "More was asked for than one answer may hold")

/* Ids as deltas in variable length: a byte or two each where they grow in order. */
struct str ids_pack(struct arena *a, const int64_t *ids, size_t count);
/* Calls add for each; false with E_STORE_CORRUPT for bytes that ids_pack did not make, or when add returns false. */
typedef bool id_fn(void *ctx, int64_t id);
MUST_USE bool ids_unpack(struct str packed, id_fn *add, void *ctx, struct err *err);

/* The names of an enum, by its value. */
MUST_USE bool name_find(const char *const *names, size_t count, struct str name, unsigned *index_out);

/* Takes `count` ids of a table that grows by pages (SQLite). Returns the first. */
MUST_USE bool store_take_ids(struct db *db, const char *table, size_t count, int64_t *first_out, struct err *err);

/*
 * Notes a record that went; the row has its collection at `column` and its data behind it. gone NULL: nobody asks.
 * False: the arena is full.
 */
MUST_USE bool gone_add(struct gone_list *gone, int64_t record, struct db_rows *rows, unsigned column);

/* Moves the counters of a collection. */
MUST_USE bool collection_count(struct db *db, int64_t tenant, int64_t collection, int64_t live, int64_t deleted,
                               struct err *err);

/* Virtual time of the next run of a tenant (store_run.c). */
MUST_USE bool run_next_turn(struct db *db, int64_t tenant, int64_t *turn_out, struct err *err);

/* A record goes with its history, keys and conflicts, unless something maps it. After store_search_hold. gone may be NULL. */
struct gone_list;
MUST_USE bool record_purge(struct db *db, int64_t tenant, int64_t record, struct gone_list *gone, struct err *err);
struct row_reader;
void store_tenant_read(struct row_reader *r, void *tenant);

#endif
