/*
 * What commands print for people: tables, pairs, and JSON as it came with --json.
 *
 * Text from the server may come from a vendor: control characters are replaced, so that nobody writes
 * escape sequences to somebody's terminal.
 */
#ifndef TIDEMARK_CLI_OUT_H
#define TIDEMARK_CLI_OUT_H

#include "cli/client.h"

enum out_kind {
    OUT_TEXT,
    OUT_NUMBER,      /* thousands separated, to the right */
    OUT_TIME,        /* "2026-11-22 03:40:00" */
    OUT_BOOL,        /* yes, no */
};

struct out_column {
    const char *title, *member;   /* member may be "connection.name" */
    enum out_kind kind;
    unsigned width_max;           /* 0: none; longer texts end in "…" */
};

/* rows: a JSON array. Says `nothing` when it is empty. Columns end with a NULL title. */
void out_table(struct arena *a, yyjson_val *rows, const struct out_column *columns, const char *nothing);
/* One thing, a line per column. Missing and null members are left out. */
void out_pairs(struct arena *a, yyjson_val *thing, const struct out_column *columns);
/* The body as it came, ended by a line break. */
void out_json(const struct client_reply *reply);
/* Text without control characters but tab and line break. */
void out_text(struct str text);
/* "1,234,567" into text. Returns text. */
#define OUT_NUMBER_BYTES 32
const char *out_number(int64_t value, char text[static OUT_NUMBER_BYTES]);
/* Columns that a text takes on a terminal, about. */
size_t out_width(struct str text);
/* A member by its path "a.b", or NULL. */
yyjson_val *out_member(yyjson_val *thing, const char *path);

#endif
