#include "engine/tell.h"

#include "json/writer.h"

#define TELL_ARENA_BYTES (1024 * 1024)
#define TELL_BYTES_MAX (64 * 1024)

static enum row
look(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct connection *c, struct err *err)
{
    return store_connection_get_by_id(db, a, tenant, connection, c, err);
}

bool
tell_status_before(struct db *db, int64_t tenant, int64_t connection, const struct connection *seen, struct tell_status *t,
                   struct err *err)
{
    struct arena a;
    struct connection c;
    if (!store_connection_hold(db, tenant, connection, err))
        return false;
    arena_init(&a, TELL_ARENA_BYTES);
    enum row row = look(db, &a, tenant, connection, &c, err);
    *t = (struct tell_status){.tenant = tenant, .connection = connection, .known = row == ROW_FOUND};
    if (t->known) {
        t->before = c.status;
        t->renewed = seen != NULL && !str_eq(c.config, seen->config);
    }
    arena_release(&a);
    return row != ROW_FAILED;
}

static bool
add(struct db *db, const struct event *event, struct json_writer *w, struct err *err)
{
    struct event whole = *event;
    json_end_object(w);
    whole.data = buf_str(w->buf);
    bool ok = buf_ok(w->buf) ? store_event_add(db, &whole, err) : err_no_memory(err);
    buf_release(w->buf);
    return ok;
}

static bool
write_status(struct db *db, const struct tell_status *t, const struct connection *c, int64_t run, int64_t now_us, struct err *err)
{
    struct buf b;
    struct json_writer w;
    struct event event = {.tenant = t->tenant, .connection = t->connection, .run = run,
                          .type = STR("connection.status_changed"), .at_us = now_us};
    buf_init(&b, TELL_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "connectionId", c->uuid);
    json_add_c(&w, "status", connection_status_name(c->status));
    json_add_c(&w, "previousStatus", connection_status_name(t->before));
    json_add_str(&w, "errorCode", c->error_code.len ? c->error_code : STR_NONE);
    json_add_str(&w, "errorMessage", c->error_message.len ? c->error_message : STR_NONE);
    return add(db, &event, &w, err);
}

bool
tell_status_after(struct db *db, const struct tell_status *t, int64_t run, int64_t now_us, struct err *err)
{
    struct arena a;
    struct connection c;
    if (!t->known)
        return true;
    arena_init(&a, TELL_ARENA_BYTES);
    enum row row = look(db, &a, t->tenant, t->connection, &c, err);
    bool ok = row == ROW_FOUND && c.status != t->before ? write_status(db, t, &c, run, now_us, err) : row != ROW_FAILED;
    arena_release(&a);
    return ok;
}

bool
tell_alert(struct db *db, int64_t tenant, int64_t connection, int64_t run, const char *alert, struct str message,
           int64_t now_us, struct err *err)
{
    struct buf b;
    struct json_writer w;
    struct event event = {.tenant = tenant, .connection = connection, .run = run, .type = STR("alert.raised"), .at_us = now_us};
    buf_init(&b, TELL_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_c(&w, "alert", alert);
    json_add_str(&w, "message", message);
    return add(db, &event, &w, err);
}
