#include "hook/event_view.h"

#include "base/limits.h"

const char *const event_types[] = {"run.succeeded", "run.failed", "connection.status_changed", "records.changed",
                                   "conflict.opened", "alert.raised", NULL};

bool
event_type_is_known(struct str type)
{
    for (const char *const *known = event_types; *known; known++)
        if (str_eq_c(type, *known))
            return true;
    return false;
}

bool
event_type_is_wanted(struct str types, struct str type)
{
    struct str one, rest = types;
    if (str_is_none(types))
        return true;
    while (rest.len) {
        str_cut(rest, ',', &one, &rest);
        if (str_eq(one, type))
            return true;
    }
    return false;
}

static bool
write_ids(struct db *db, struct arena *a, const struct event *event, struct json_writer *w, struct err *err)
{
    struct str *uuids;
    size_t count;
    if (!store_event_uuids(db, a, event, &uuids, &count, err))
        return false;
    json_begin_array(w, "ids");
    for (size_t i = 0; i < count; i++)
        json_add_str(w, NULL, uuids[i]);
    json_end_array(w);
    return true;
}

/* What the engine wrote comes first; what the row itself knows is added where it is missing. */
static bool
write_data(struct db *db, struct arena *a, const struct event *event, struct json_writer *w, struct err *err)
{
    size_t index, count;
    yyjson_val *key, *value, *data = NULL;
    if (event->data.len && !(data = json_parse(a, event->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, err)))
        return false;
    yyjson_obj_foreach(data, index, count, key, value) {
        json_add_key(w, json_str(key));
        json_add_val(w, NULL, value);
    }
    bool changed = str_eq_c(event->type, "records.changed");
    if (changed && !json_get_c(data, "kind"))
        json_add_str(w, "kind", event->kind);
    if (!json_get_c(data, "connectionId") && (changed || event->connection_uuid.len))
        json_add_str(w, "connectionId", event->connection_uuid);
    if (!json_get_c(data, "runId") && (changed || event->run_uuid.len))
        json_add_str(w, "runId", event->run_uuid);
    return !changed || json_get_c(data, "ids") || write_ids(db, a, event, w, err);
}

bool
event_view(struct db *db, struct arena *a, const struct event *event, struct json_writer *w, struct err *err)
{
    json_begin_object(w, NULL);
    json_add_str(w, "type", event->type);
    json_add_time(w, "timestamp", event->at_us);
    json_begin_object(w, "data");
    if (!write_data(db, a, event, w, err))
        return false;
    json_end_object(w);
    json_end_object(w);
    return buf_ok(w->buf) || err_set(err, E_TOO_LARGE, "An event is too large to be shown");
}
