/*
 * Syncs as the owner of an account follows them: by a name of their own, in five steps.
 *
 * A sync is a run of the account's connection. Runs that nobody asked for here (scheduled ones) can be followed too;
 * their name is made from the connection's owner and the moment they were queued, as the view sync_progress does.
 */
#ifndef TIDEMARK_ENGINE_ACCOUNT_SYNC_H
#define TIDEMARK_ENGINE_ACCOUNT_SYNC_H

#include "engine/engine.h"

#define ACCOUNT_STEPS 5
#define ACCOUNT_STREAMS_MAX 8

/* Who asks for which platform. */
struct account_owner {
    int64_t tenant;
    struct str template_name;
    struct str user_id;             /* as it stands in names: without the kind of the subject */
    struct str subject;             /* "user:ana" */
    struct str connection;          /* uuid, or STR_NONE: his own, else the only one */
};
/*
 * His connection: the one named, else one that he made, else the only one that is switched on. The names of the streams are
 * those of the steps. ROW_NONE: none (or none that is switched on, unless `any`). E_CONNECTION_AMBIGUOUS.
 */
enum row engine_account_find(struct engine *e, struct arena *a, const struct account_owner *owner, bool any,
                             struct connection *connection_out, struct err *err);
/* "user:ana" -> "ana"; the connection's maker, for the sandbox's own "demo-user". */
struct str account_user_id(struct str subject);
struct str account_maker(const struct connection *connection);

struct account_stream {
    struct str name;
    int64_t count;                  /* records that this sync brought or confirmed */
    bool done, begun;
    struct str error_code, error_message;
};
struct account_sync_view {
    struct str sync_id, user_id;
    struct run run;
    int step;                       /* 1 .. ACCOUNT_STEPS */
    int progress;                   /* 0 .. 100 */
    struct str message;
    struct account_stream streams[ACCOUNT_STREAMS_MAX]; /* as the template orders them */
    size_t stream_count;
};

/*
 * Queues a sync and returns at once; nothing is asked of the vendor here. usual_us_out: how long the connection's last
 * syncs took; 0: there are none. E_NOT_CONNECTED, also while nobody has signed in; E_SYNC_IN_PROGRESS with the
 * other sync's name in err->subject.
 */
MUST_USE bool engine_account_sync_start(struct engine *e, struct arena *a, const struct account_owner *owner, struct str *sync_id_out,
                                        int64_t *usual_us_out, struct err *err);
/* sync_id STR_NONE: the newest of the account. E_SYNC_NOT_FOUND. */
MUST_USE bool engine_account_sync_get(struct engine *e, struct arena *a, const struct account_owner *owner, struct str sync_id,
                                      struct account_sync_view *view_out, struct err *err);
/* Effective between pages; waits up to wait_ms for that. E_SYNC_NOT_FOUND; E_CONFLICT for one that has finished. */
MUST_USE bool engine_account_sync_cancel(struct engine *e, struct arena *a, const struct account_owner *owner, struct str sync_id,
                                         int64_t wait_ms, struct account_sync_view *view_out, struct err *err);

#endif
