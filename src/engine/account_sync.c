#include "engine/account_sync.h"

#include <stdlib.h>

#include "engine/engine_priv.h"
#include "engine/oauth.h"
#include "store/store_account.h"
#include "store/store_stream.h"

#define CONNECTIONS_LOOKED_AT 100
#define HISTORY_RUNS 5
#define CANCEL_LOOK_MS 50

/* ---- whose connection ---- */

struct str
account_user_id(struct str subject)
{
    struct str kind, rest;
    return str_cut(subject, ':', &kind, &rest) && rest.len ? rest : subject;
}

struct str
account_maker(const struct connection *connection)
{
    if (connection->created_by.len == 0)
        return connection->sandbox ? STR("demo-user") : STR("local");
    return str_starts(connection->created_by, STR("user:")) || str_starts(connection->created_by, STR("key:"))
               ? account_user_id(connection->created_by) : connection->created_by;
}

struct finding {
    struct arena *arena;
    const struct account_owner *owner;
    bool any;
    struct connection connection;
    enum row found;
};

static bool
fail_ambiguous(const struct connection *rows, size_t count, struct err *err)
{
    err_set(err, E_CONNECTION_AMBIGUOUS, NULL);
    for (size_t i = 0; i < count; i++)
        err_add_item(err, STR("/connectionId"), "%.*s (%.*s)", STR_ARG(rows[i].uuid), STR_ARG(rows[i].name));
    return false;
}

static bool
find_named(struct finding *f, struct db *db, struct err *err)
{
    f->found = store_connection_get(db, f->arena, f->owner->tenant, f->owner->connection, &f->connection, err);
    if (f->found == ROW_FOUND && (!str_eq(f->connection.template_name, f->owner->template_name) || (!f->any && !f->connection.enabled)))
        f->found = ROW_NONE;
    return f->found != ROW_FAILED;
}

static bool
find_connection(struct db *db, void *ctx, struct err *err)
{
    struct finding *f = ctx;
    struct connection_filter filter = CONNECTION_FILTER_ALL;
    struct connection *rows = NULL;
    size_t count = 0, own = 0, first = 0;
    f->found = ROW_NONE;
    if (f->owner->connection.len)
        return find_named(f, db, err);
    filter.template_name = f->owner->template_name;
    filter.enabled = f->any ? -1 : 1;
    filter.limit = CONNECTIONS_LOOKED_AT;
    if (!store_connection_list(db, f->arena, f->owner->tenant, &filter, &rows, &count, NULL, err))
        return false;
    for (size_t i = count; i > 0; i--) /* the newest of his own stands first */
        if (str_eq(rows[i - 1].created_by, f->owner->subject)) {
            own++;
            first = i - 1;
        }
    if (count > 1 && own == 0)
        return fail_ambiguous(rows, count, err);
    if (count > 0) {
        f->connection = rows[first];
        f->found = ROW_FOUND;
    }
    return true;
}

enum row
engine_account_find(struct engine *e, struct arena *a, const struct account_owner *owner, bool any, struct connection *connection_out,
                    struct err *err)
{
    struct finding f = {.arena = a, .owner = owner, .any = any};
    if (!store_read(e->options.store, find_connection, &f, err))
        return ROW_FAILED;
    if (f.found == ROW_FOUND)
        *connection_out = f.connection;
    return f.found;
}

/* ---- names ---- */

static bool
name_of(struct db *db, struct arena *a, const struct connection *connection, const struct run *run, struct account_sync *sync,
        struct err *err)
{
    switch (store_account_sync_of_run(db, a, run->tenant, run->id, sync, err)) {
    case ROW_FOUND: return true;
    case ROW_FAILED: return false;
    case ROW_NONE: break;
    }
    sync->user_id = account_maker(connection);
    sync->run = run->id;
    sync->connection = connection->id;
    sync->sync_id = str_format(a, "sync_%.*s_%lld", STR_ARG(sync->user_id), (long long)(run->created_us / 1000));
    return sync->sync_id.ptr || err_no_memory(err);
}

/* ---- starting ---- */

struct starting {
    struct arena *arena;
    const struct account_owner *owner;
    struct connection connection;
    struct run run;
    struct str sync_id;
    int64_t usual_us;
};

/* A run is in the way: its name, not its id, is what this caller knows. */
static bool
name_the_other(struct starting *s, struct db *db, struct err *err)
{
    struct run other;
    struct account_sync sync = {0};
    struct err why = {0};
    if (store_run_unfinished(db, s->arena, s->owner->tenant, s->connection.id, &other, &why) != ROW_FOUND ||
        !name_of(db, s->arena, &s->connection, &other, &sync, &why))
        return false;
    err_set(err, E_SYNC_IN_PROGRESS, "Sync already in progress (%.*s). Please wait for it to complete or cancel it first.",
            STR_ARG(sync.sync_id));
    snprintf(err->subject, sizeof(err->subject), "%.*s", STR_ARG(sync.sync_id));
    return false;
}

static int
compare_i64(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static bool
usual_duration(struct starting *s, struct db *db, struct err *err)
{
    int64_t durations[HISTORY_RUNS];
    size_t count = 0;
    if (!store_run_durations(db, s->owner->tenant, s->connection.id, s->connection.last_sync_us == 0, HISTORY_RUNS, durations, &count, err))
        return false;
    qsort(durations, count, sizeof(durations[0]), compare_i64);
    s->usual_us = count ? durations[count / 2] : 0;
    return true;
}

static bool
start_sync(struct db *db, void *ctx, struct err *err)
{
    struct starting *s = ctx;
    int64_t now_us = store_now(db), tenant = s->owner->tenant;
    struct run_new ask = {.tenant = tenant, .connection = s->connection.id, .full = s->connection.last_sync_us == 0, .direction = STR_NONE,
                          .entity = STR_NONE, .options = STR_NONE, .trigger = STR("manual"), .created_by = s->owner->subject,
                          .priority = PRIORITY_NORMAL};
    if (!store_run_create(db, s->arena, &ask, now_us, &s->run, err))
        return err->code == E_SYNC_IN_PROGRESS ? name_the_other(s, db, err) : false;
    return store_account_sync_name(db, s->arena, tenant, s->connection.id, s->run.id, s->owner->user_id, now_us, &s->sync_id, err) &&
           usual_duration(s, db, err);
}

bool
engine_account_sync_start(struct engine *e, struct arena *a, const struct account_owner *owner, struct str *sync_id_out,
                          int64_t *usual_us_out, struct err *err)
{
    struct starting s = {.arena = a, .owner = owner};
    switch (engine_account_find(e, a, owner, false, &s.connection, err)) {
    case ROW_FOUND: break;
    case ROW_NONE: return err_set(err, E_NOT_CONNECTED, NULL);
    case ROW_FAILED: return false;
    }
    bool awaited;
    if (!engine_oauth_awaited(e, a, &s.connection, &awaited, err))
        return false;
    if (awaited)
        return err_set(err, E_NOT_CONNECTED, NULL);
    if (!store_write(e->options.store, start_sync, &s, err))
        return false;
    store_poke(e->options.store);
    *sync_id_out = s.sync_id;
    *usual_us_out = s.usual_us;
    return true;
}

/* ---- looking ---- */

struct looking {
    struct arena *arena;
    const struct account_owner *owner;
    struct connection connection;
    struct str sync_id;
    enum row found;
    struct account_sync_view view;
};

/* A name that nobody gave: sync_<owner>_<ms> of a run of this connection. */
static bool
find_unnamed(struct looking *l, struct db *db, int64_t *run_out, struct err *err)
{
    ptrdiff_t at = str_find_last(l->sync_id, '_');
    int64_t ms;
    if (at > 0 && str_to_i64(str_skip(l->sync_id, (size_t)at + 1), 0, INT64_MAX / 2000, &ms))
        switch (store_account_run_at(db, l->owner->tenant, l->connection.id, ms, run_out, err)) {
        case ROW_FOUND: return true;
        case ROW_FAILED: return false;
        case ROW_NONE: break;
        }
    return err_set(err, E_SYNC_NOT_FOUND, NULL);
}

static bool
find_run(struct looking *l, struct db *db, struct err *err)
{
    struct account_sync sync = {0};
    enum row row;
    if (str_is_none(l->sync_id)) {
        row = store_run_newest(db, l->arena, l->owner->tenant, l->connection.id, &l->view.run, err);
        return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_SYNC_NOT_FOUND, "Nothing has been synced yet"));
    }
    row = store_account_sync_find(db, l->arena, l->owner->tenant, l->sync_id, &sync, err);
    if (row == ROW_FAILED || (row == ROW_NONE && !find_unnamed(l, db, &sync.run, err)))
        return false;
    row = store_run_get_by_id(db, l->arena, l->owner->tenant, sync.run, &l->view.run, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_SYNC_NOT_FOUND, NULL));
}

static int
step_of(struct str stream)
{
    return str_eq_c(stream, "claims") ? 2 : str_eq_c(stream, "inventory") ? 3 : 4;
}

/* The same words stand in views/sync_progress.sql. */
static struct str
message_of(struct arena *a, const struct run *run, int step)
{
    static const char *const words[] = {"", "Checking connection...", "Fetching claims...", "Processing inventory...",
                                        "Fetching orders...", "Finishing..."};
    switch (run->state) {
    case RUN_SUCCEEDED: return STR("Sync completed successfully");
    case RUN_CANCELLED: return STR("Sync cancelled");
    case RUN_FAILED: return run->error_message.len ? run->error_message : STR("Sync failed");
    case RUN_PAUSED: return STR("Paused");
    case RUN_WAITING:
        return str_format(a, "Waiting: %.*s", STR_ARG(run->wait_message.len ? run->wait_message : STR("the vendor asked to slow down")));
    case RUN_QUEUED:
    case RUN_RUNNING: break;
    }
    return str_from_c(words[step]);
}

static void
read_streams(struct account_sync_view *v, const struct run_stream *rows, size_t count)
{
    int step = count ? ACCOUNT_STEPS : 1;
    int64_t thousandths = 0;
    for (size_t i = 0; i < count; i++) {
        const struct run_stream *s = &rows[i];
        bool ended = s->done || s->error_code.len;
        if (!ended && step_of(s->stream_name) < step)
            step = step_of(s->stream_name);
        int64_t read = s->counts.records_read, most = s->declared_last;
        thousandths += s->done ? 1000 : most <= 0 ? 0 : read >= most ? 1000 : read * 1000 / most;
        if (v->stream_count < ACCOUNT_STREAMS_MAX)
            v->streams[v->stream_count++] = (struct account_stream){
                .name = s->stream_name, .count = s->counts.created + s->counts.updated + s->counts.skipped, .done = s->done,
                .begun = s->pages > 0, .error_code = s->error_code, .error_message = s->error_message};
    }
    int64_t percent = count ? thousandths / (10 * (int64_t)count) : 0;
    v->step = v->run.state == RUN_SUCCEEDED ? ACCOUNT_STEPS : step;
    v->progress = v->run.state == RUN_SUCCEEDED ? 100 : percent > 99 ? 99 : (int)percent;
}

static bool
look(struct db *db, void *ctx, struct err *err)
{
    struct looking *l = ctx;
    struct account_sync sync = {0};
    struct run_stream *rows = NULL;
    size_t count = 0;
    l->view = (struct account_sync_view){0};
    if (!find_run(l, db, err) || !name_of(db, l->arena, &l->connection, &l->view.run, &sync, err) ||
        !store_run_streams(db, l->arena, l->owner->tenant, l->view.run.id, &rows, &count, err))
        return false;
    if (l->view.run.connection != l->connection.id)
        return err_set(err, E_SYNC_NOT_FOUND, NULL);
    l->view.sync_id = sync.sync_id;
    l->view.user_id = sync.user_id;
    read_streams(&l->view, rows, count);
    l->view.message = message_of(l->arena, &l->view.run, l->view.step);
    return true;
}

/* The account that a name was given for; ROW_NONE: nobody gave it. */
static bool
find_by_name(struct db *db, void *ctx, struct err *err)
{
    struct looking *l = ctx;
    struct account_sync sync = {0};
    l->found = store_account_sync_find(db, l->arena, l->owner->tenant, l->sync_id, &sync, err);
    if (l->found == ROW_FOUND)
        l->found = store_connection_get_by_id(db, l->arena, l->owner->tenant, sync.connection, &l->connection, err);
    return l->found != ROW_FAILED;
}

/* The account of a named sync is the one it ran for, whichever is the caller's own now. */
static bool
open_look(struct engine *e, struct looking *l, struct err *err)
{
    if (!str_is_none(l->sync_id) && !store_read(e->options.store, find_by_name, l, err))
        return false;
    if (!str_is_none(l->sync_id) && l->found == ROW_FOUND)
        return true;
    switch (engine_account_find(e, l->arena, l->owner, true, &l->connection, err)) {
    case ROW_FOUND: return true;
    case ROW_NONE: return err_set(err, E_SYNC_NOT_FOUND, NULL);
    case ROW_FAILED: break;
    }
    return false;
}

bool
engine_account_sync_get(struct engine *e, struct arena *a, const struct account_owner *owner, struct str sync_id,
                        struct account_sync_view *view_out, struct err *err)
{
    struct looking l = {.arena = a, .owner = owner, .sync_id = sync_id};
    if (!open_look(e, &l, err) || !store_read(e->options.store, look, &l, err))
        return false;
    *view_out = l.view;
    return true;
}

bool
engine_account_sync_cancel(struct engine *e, struct arena *a, const struct account_owner *owner, struct str sync_id, int64_t wait_ms,
                           struct account_sync_view *view_out, struct err *err)
{
    struct run ended;
    struct looking l = {.arena = a, .owner = owner, .sync_id = sync_id};
    if (!open_look(e, &l, err) || !store_read(e->options.store, look, &l, err))
        return false;
    if (l.view.run.state == RUN_SUCCEEDED || l.view.run.state == RUN_FAILED)
        return err_set(err, E_CONFLICT, "This sync has already finished");
    if (!engine_run_cancel(e, a, owner->tenant, l.view.run.uuid, &ended, err))
        return false;
    int64_t until_us = clock_monotonic_us(clock_system()) + wait_ms * US_PER_MS;
    do {
        if (!store_read(e->options.store, look, &l, err))
            return false;
        if (run_state_is_terminal(l.view.run.state))
            break;
        engine_wait_change(e, CANCEL_LOOK_MS);
    } while (!atomic_load(&e->stopping) && clock_monotonic_us(clock_system()) < until_us);
    *view_out = l.view;
    return true;
}
