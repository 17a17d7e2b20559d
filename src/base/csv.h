/*
 * Comma separated values (RFC 4180). Pure; any thread.
 */
#ifndef TIDEMARK_BASE_CSV_H
#define TIDEMARK_BASE_CSV_H

#include "base/arena.h"
#include "base/buf.h"

/*
 * One cell. Spreadsheets run what begins with "=", "+", "-" or "@" (CSV injection): an apostrophe in front makes it text,
 * where it is no number.
 */
void csv_cell(struct buf *b, struct str text);
/*
 * The cells of a record, without the apostrophe of csv_cell, copied into a. How many; -1: more than cells_max, a quote that
 * does not end, or the arena is full.
 */
int csv_split(struct arena *a, struct str record, struct str *cells, int cells_max);

#endif
