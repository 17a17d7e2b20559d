/*
 * Between the files of backups: the file of a dump, and whole tables out of and into PostgreSQL.
 *
 * A dump is one zstd stream with a checksum. Inside stand lines; what follows "rows" are that many bytes:
 *
 *     tidemark-dump 1 <schema version>
 *     table <name> <column>,<column>,...
 *     rows <bytes>                        COPY's text; again and again until the next line of another kind
 *     sequence <name> <last value>
 *     end                                 without it the file is cut
 */
#ifndef TIDEMARK_STORE_STORE_DUMP_PRIV_H
#define TIDEMARK_STORE_STORE_DUMP_PRIV_H

#include "store/db.h"

/* ---- store_backup.c ---- */

/* Data first, then its name: after a power cut there is a whole file or none. */
MUST_USE bool backup_publish(const char *half, const char *to, struct err *err);

/* ---- store_dump_file.c ---- */

struct dump_writer;
struct dump_writer *dump_writer_new(const char *path, struct err *err);
MUST_USE bool dump_write_line(struct dump_writer *w, struct err *err, const char *format, ...) PRINTF_LIKE(3, 4);
MUST_USE bool dump_write_rows(struct dump_writer *w, struct str bytes, struct err *err);
/* Writes what is left. */
MUST_USE bool dump_writer_finish(struct dump_writer *w, struct err *err);
void dump_writer_free(struct dump_writer *w);                /* accepts NULL */

struct dump_reader;
struct dump_reader *dump_reader_new(const char *path, struct err *err);
/* The next line without its end; lives until the next call. E_STORE_CORRUPT at the end of the file. */
MUST_USE bool dump_read_line(struct dump_reader *r, struct str *line_out, struct err *err);
/* The bytes behind a "rows" line; live until the next call. */
MUST_USE bool dump_read_rows(struct dump_reader *r, size_t bytes, struct str *rows_out, struct err *err);
void dump_reader_free(struct dump_reader *r);                /* accepts NULL */

/* ---- db_postgres_copy.c: inside a transaction ---- */

typedef bool dump_bytes_fn(void *ctx, struct str bytes, struct err *err);
/* Gives the next bytes, or none at the end. */
typedef bool dump_give_fn(void *ctx, struct str *bytes_out, struct err *err);
MUST_USE bool db_postgres_copy_out(struct db *db, const char *command, dump_bytes_fn *take, void *ctx, struct err *err);
MUST_USE bool db_postgres_copy_in(struct db *db, const char *command, dump_give_fn *give, void *ctx, struct err *err);

#endif
