/*
 * The vendor's record as it came, kept small beside the mapped one.
 *
 * The first byte says how: 0 plain, 1 zstd. A packer keeps its working memory; any thread may use it.
 */
#ifndef TIDEMARK_ENGINE_RAW_H
#define TIDEMARK_ENGINE_RAW_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "json/json.h"

struct raw_packer;

struct raw_packer *raw_packer_new(struct err *err); /* NULL with E_NO_MEMORY */
void raw_packer_free(struct raw_packer *p);         /* accepts NULL */
/* In a; STR_NONE when it is full. */
struct str raw_pack(struct raw_packer *p, struct arena *a, struct str text);
struct str raw_pack_value(struct raw_packer *p, struct arena *a, yyjson_val *value);
/* Any thread. E_STORE_CORRUPT for bytes that raw_pack did not make, E_TOO_LARGE. */
MUST_USE bool raw_unpack(struct arena *a, struct str packed, struct str *text_out, struct err *err);

#endif
