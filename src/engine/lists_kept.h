/*
 * What vendors listed, kept for a while in memory: by connection, and only for the configuration and template that it was read with.
 */
#ifndef TIDEMARK_ENGINE_LISTS_KEPT_H
#define TIDEMARK_ENGINE_LISTS_KEPT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct lists; /* of all connections. Any thread. */

struct lists_key {
    int64_t tenant, connection;
    uint64_t fingerprint;                 /* of configuration and template */
};

struct lists_note {
    int64_t read_us;
    int64_t run;                          /* that found one unreadable; 0: none did */
    struct err failed;                    /* why it was, E_OK: all were read */
};

struct lists *lists_new(struct err *err);
void lists_free(struct lists *l); /* accepts NULL */

/* Into the arena, however old; STR_NONE: nothing. A list that was never read is null in it. */
struct str lists_look_up(struct lists *l, const struct lists_key *key, struct arena *a, struct lists_note *note_out);
/* In the place of what was kept of that connection. Without memory nothing is kept. */
void lists_keep(struct lists *l, const struct lists_key *key, struct str text, const struct lists_note *note);

#endif
