/*
 * The ledger: every request the sandbox took and what it answered. Tests hold the product against it.
 *
 * It holds no header and so no credential. Entries are kept up to LEDGER_BYTES_MAX; the oldest go first
 * and are counted. Called under the sandbox's lock.
 */
#ifndef TIDEMARK_SANDBOX_LEDGER_H
#define TIDEMARK_SANDBOX_LEDGER_H

#include "base/arena.h"
#include "base/str.h"
#include "json/writer.h"

#define LEDGER_BYTES_MAX (64L * 1024 * 1024)
#define LEDGER_BODY_BYTES 32768 /* of a request's body, the rest is cut: a call for a hundred records is kept whole */

struct ledger_entry {
    int64_t seq, at_us;
    const char *vendor;   /* static */
    const char *entity;   /* static, or NULL */
    char fault[24];       /* "" or what struck */
    int status;
    int64_t bytes_sent;
    struct str method, target, ids, body; /* in `text` */
    char *text;           /* owned */
    size_t text_bytes;
};

struct ledger {
    struct ledger_entry *entries; /* owned; a ring */
    size_t first, count, size;
    int64_t next_seq;             /* the first is 1 */
    int64_t forgotten;
    size_t bytes;
};

/* Copies what it needs. Without memory the entry is left out and counted as forgotten. */
void ledger_add(struct ledger *ledger, const struct ledger_entry *entry);
void ledger_release(struct ledger *ledger);
/* Entry with that seq, or the next one kept; NULL when there is none. */
const struct ledger_entry *ledger_from(const struct ledger *ledger, int64_t seq);
/* The newest entry that served objects of that kind; NULL when there is none. */
const struct ledger_entry *ledger_newest(const struct ledger *ledger, const char *entity);
/* One line of NDJSON without the line end. */
void ledger_write(const struct ledger_entry *entry, struct json_writer *w);

#endif
