/*
 * Connections: a tenant's account at a platform.
 *
 * `config` is what the template's schema describes, with its secrets sealed by the caller; this room
 * never sees them clear. `tokens` (OAuth access and refresh token, sealed) stand apart, with a version
 * and a short lock, so that one refresh at a time runs over all nodes and no other update can write an
 * old token back (I-23).
 *
 * JSON texts are the caller's; this room does not look into them.
 */
#ifndef TIDEMARK_STORE_STORE_CONNECTION_H
#define TIDEMARK_STORE_STORE_CONNECTION_H

#include "store/db.h"
#include "store/store_gone.h"

enum connection_status {
    CONNECTION_PENDING,      /* never tested */
    CONNECTION_ACTIVE,
    CONNECTION_ERROR,
    CONNECTION_DISCONNECTED, /* switched off by a person: enabled is false (pending or error and off: never activated, door 002) */
};
const char *connection_status_name(enum connection_status status); /* "pending", ... */
MUST_USE bool connection_status_from_name(struct str name, enum connection_status *status_out);

struct connection {
    int64_t id;              /* small integer: door 002 shows it */
    int64_t tenant;
    struct str uuid;
    struct str template_name, template_version; /* version: what its last run was compiled from, or STR_NONE */
    struct str name;
    bool enabled;
    enum connection_status status;
    struct str error_code;   /* of errors.def, or STR_NONE */
    struct str error_message;
    struct str config;       /* JSON, secrets sealed */
    struct str account;      /* vendor's account, portal, location or shop id, for routing webhooks; or STR_NONE */
    /* What to sync and how; JSON or a word, STR_NONE: the template's default. */
    struct str streams;      /* JSON array of stream names */
    struct str direction;    /* "pull" or STR_NONE, "push", "both" */
    struct str schedule;     /* JSON */
    struct str match;        /* "none" switches linking off */
    struct str conflict_policy;
    struct str rules;        /* JSON */
    struct str webhook_trust;
    struct str webhook_secret; /* sealed */
    struct str mapping;      /* JSON overrides */
    int64_t next_run_us;     /* of the incremental schedule; 0: none */
    int64_t next_full_us;    /* of the nightly full pass; 0: none */
    int64_t last_sync_us;    /* last successful run, display only (D6); 0: never */
    struct str last_sync_status; /* state name of the last finished run */
    int64_t last_tested_us;
    int64_t failures;        /* in a row: tests and runs */
    int64_t reconnect_us;    /* when a connection in error is tested again; 0: not planned */
    bool alerted;            /* the alert of this row of failures was raised */
    bool sandbox;            /* the operator marked it: environment credentials and is_mock */
    int64_t records;         /* records mapped and not deleted, over its streams (counters, not a scan) */
    int64_t created_us, updated_us;
    struct str created_by;   /* user subject, or STR_NONE */
    struct str description;  /* or STR_NONE */
};
/* Are changes noted for it, and sent without being asked for? */
bool connection_pushes(const struct connection *connection);

/* Inserts; fills id, uuid (in a, unless given) and times. E_CONFLICT when a given uuid exists. */
MUST_USE bool store_connection_create(struct db *db, struct arena *a, struct connection *connection, int64_t now_us,
                                      struct err *err);
/* By UUID, or by the integer in text. */
enum row store_connection_get(struct db *db, struct arena *a, int64_t tenant, struct str id, struct connection *connection_out,
                              struct err *err);
enum row store_connection_get_by_id(struct db *db, struct arena *a, int64_t tenant, int64_t connection,
                                    struct connection *connection_out, struct err *err);
/*
 * Nobody else writes to it until the transaction ends: for those who look first and decide, or write the whole row, by what they saw. One
 * that is gone is passed over. One writer: nothing to do.
 */
MUST_USE bool store_connection_hold(struct db *db, int64_t tenant, int64_t connection, struct err *err);
/* Whosever it is: for the operator. */
enum row store_connection_find_any(struct db *db, struct arena *a, struct str id, struct connection *connection_out,
                                   struct err *err);

struct connection_filter {
    struct str template_name; /* STR_NONE: any */
    int enabled;             /* -1 any, 0, 1 */
    int status;              /* -1 any, else enum connection_status */
    int64_t before;          /* keyset: only id < before; 0: from the newest */
    size_t offset, limit;
};
#define CONNECTION_FILTER_ALL ((struct connection_filter){.enabled = -1, .status = -1, .limit = 500})
/* Newest first. total_out (may be NULL): how many match without paging. tenant 0: of all tenants (for the operator). */
MUST_USE bool store_connection_list(struct db *db, struct arena *a, int64_t tenant, const struct connection_filter *filter,
                                    struct connection **rows_out, size_t *count_out, int64_t *total_out, struct err *err);
/*
 * Writes what a person may change: name, enabled, config, account, streams, direction, schedule, match,
 * conflict_policy, rules, webhook_trust, webhook_secret, mapping, next_run_us, next_full_us, sandbox, and
 * description, status as far as `enabled` decides it (switched off: disconnected; on again: pending). E_CONNECTION_NOT_FOUND.
 */
MUST_USE bool store_connection_update(struct db *db, const struct connection *connection, int64_t now_us, struct err *err);
/* Switched off by a person, whatever its status was; an unactivated one too. E_CONNECTION_NOT_FOUND. */
MUST_USE bool store_connection_disconnect(struct db *db, int64_t tenant, int64_t connection, int64_t now_us, struct err *err);
/*
 * The result of a test or of a finished run: status, error, failures, reconnect_us, alerted,
 * last_tested_us where tested. A disconnected connection stays disconnected.
 */
struct connection_result {
    bool tested;             /* moves last_tested_us */
    enum connection_status status; /* CONNECTION_ACTIVE clears the error and the failures */
    struct str error_code, error_message;
    int64_t reconnect_us;
    bool alerted;
};
MUST_USE bool store_connection_result(struct db *db, int64_t tenant, int64_t connection,
                                      const struct connection_result *result, int64_t now_us, struct err *err);
/* Compiled from this template version: shown, and compared by the next run. */
MUST_USE bool store_connection_template_version(struct db *db, int64_t tenant, int64_t connection, struct str version,
                                                struct err *err);

/*
 * Deletes the connection, its runs, state, streams and maps. Synced records stay, unless purge: then
 * records that no other connection maps go too. Works in batches: true with done_out false means call
 * again in another write. The first call marks it: from then on get and list do not see it, and its
 * unfinished run is cancelled under a higher epoch (a worker that has it gets E_FENCED). `purge` of later
 * calls is not looked at. gone (NULL: nobody asks): the records that this batch removed, for match_keys_release
 * in the same closure. E_CONNECTION_NOT_FOUND.
 */
MUST_USE bool store_connection_delete(struct db *db, int64_t tenant, int64_t connection, bool purge, int64_t now_us,
                                      struct gone_list *gone, bool *done_out, struct err *err);
/* Connections whose deletion has begun and not ended (a crash between batches): finish them at start. */
MUST_USE bool store_connection_deleting(struct db *db, struct arena *a, struct connection **rows_out, size_t *count_out,
                                        struct err *err);

/* Schedules: enabled connections (of all tenants) with next_run_us or next_full_us <= now, oldest first. */
struct connection_due {
    int64_t tenant, connection;
    int64_t due_us;          /* the firing */
    bool full;
};
MUST_USE bool store_connection_due(struct db *db, struct arena *a, int64_t now_us, size_t limit,
                                   struct connection_due **rows_out, size_t *count_out, struct err *err);
/*
 * Takes one firing: moves the time from due_us to next_us. fired_out false: another node took it, or a
 * person edited it (I-26). Call it in the closure that creates the run.
 */
MUST_USE bool store_connection_fire(struct db *db, const struct connection_due *due, int64_t next_us, bool *fired_out,
                                    struct err *err);
/* Connections in error whose reconnect_us has come. Take with store_connection_retake. */
MUST_USE bool store_connection_reconnects(struct db *db, struct arena *a, int64_t now_us, size_t limit,
                                          struct connection_due **rows_out, size_t *count_out, struct err *err);
MUST_USE bool store_connection_reconnect_take(struct db *db, const struct connection_due *due, int64_t next_us,
                                              bool *taken_out, struct err *err);

/* Tokens. version grows with each save. */
struct connection_tokens {
    struct str sealed;       /* or STR_NONE */
    int64_t version;
    int64_t expires_us;      /* of the access token; 0: unknown */
    int64_t lock_until_us;   /* somebody is refreshing until then; 0: nobody */
};
enum row store_connection_tokens(struct db *db, struct arena *a, int64_t tenant, int64_t connection,
                                 struct connection_tokens *tokens_out, struct err *err);
/* Takes the refresh lock when version is still the newest and the lock is free. taken_out false: re-read and wait. */
MUST_USE bool store_connection_tokens_lock(struct db *db, int64_t tenant, int64_t connection, int64_t version,
                                           struct str owner, int64_t now_us, int64_t until_us, bool *taken_out,
                                           struct err *err);
/* Saves the new pair and frees the lock. E_FENCED when the lock was lost meanwhile. */
MUST_USE bool store_connection_tokens_save(struct db *db, int64_t tenant, int64_t connection, struct str owner,
                                           int64_t version, struct str sealed, int64_t expires_us, struct err *err);
/* Frees the lock, keeps the pair (the refresh failed). */
MUST_USE bool store_connection_tokens_unlock(struct db *db, int64_t tenant, int64_t connection, struct str owner,
                                             struct err *err);

/* All connections by status, for /metrics and the overview; tenant 0: of all tenants. */
struct connection_counts {
    int64_t total, enabled, pending, active, error, disconnected;
};
MUST_USE bool store_connection_counts(struct db *db, int64_t tenant, struct connection_counts *counts_out, struct err *err);
/* The names of the templates that its connections speak, sorted; connections of the sandbox and disabled ones do not count. */
MUST_USE bool store_connection_templates(struct db *db, struct arena *a, int64_t tenant, size_t limit, struct str **names_out,
                                         size_t *count_out, struct err *err);

#endif
