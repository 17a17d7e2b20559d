/*
 * What will stop working at a vendor, and when: the `versions` of a connection's template.
 *
 * Each says which of the vendor's APIs, versions or credentials ends on which day, and may say whom it concerns (`when`: members of
 * the configuration, as they are or by default). The day is a date in UTC; a warning begins `warn_days` ahead.
 */
#ifndef TIDEMARK_ENGINE_ENDS_H
#define TIDEMARK_ENGINE_ENDS_H

#include "engine/engine.h"

#define ENDS_WARN_DAYS 180

enum ends_state {
    ENDS_PLANNED,       /* further away than the warning */
    ENDS_SOON,
    ENDS_PAST,
    ENDS_REPLACED,      /* past, and the template speaks the successor by itself */
};
const char *ends_state_name(enum ends_state state);

struct ends {
    struct str api, version, successor; /* version and successor may be empty: none */
    struct str date;                    /* "2027-03-27" */
    int64_t days;                       /* until then; negative: since */
    enum ends_state state;
    yyjson_val *streams;                /* those that it concerns, or NULL: all */
    struct str message;                 /* for a person */
};

/*
 * Those that concern this configuration (effective or as stored; NULL: everybody's), nearest first; texts live in a.
 * E_NO_MEMORY. Pure.
 */
MUST_USE bool ends_of(const struct template *t, struct arena *a, yyjson_val *config, int64_t now_us, struct ends **ends_out,
                      size_t *count_out, struct err *err);
/* Of a stored connection. Blocks on the store. A configuration that cannot be opened counts as everybody's. */
MUST_USE bool engine_connection_ends(struct engine *e, struct arena *a, const struct connection *connection, struct ends **ends_out,
                                     size_t *count_out, struct err *err);

struct ends_warning {
    struct connection connection;
    struct ends ends;
};
/* What is soon or past, of a tenant's connections but those of simulated vendors; at most `limit`. Blocks on the store. */
MUST_USE bool engine_ends_warnings(struct engine *e, struct arena *a, int64_t tenant, size_t limit, struct ends_warning **rows_out,
                                   size_t *count_out, struct err *err);

#endif
