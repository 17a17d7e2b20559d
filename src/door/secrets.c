/*
 * The keys that secrets are sealed with: changed and checked while the server serves (engine/rotation.h).
 */
#include "door/audit_priv.h"
#include "door/routes_priv.h"
#include "engine/rotation.h"

static bool
show(struct request *r, const struct rotation *rotation, struct err *err)
{
    struct json_writer *w = reply_begin(r, 200);
    json_begin_object(w, NULL);
    json_add_i64(w, "dataKeys", rotation->keys);
    json_add_i64(w, "dataKeysLeft", rotation->keys_left);
    json_add_i64(w, "values", rotation->values);
    json_add_i64(w, "valuesLeft", rotation->values_left);
    json_add_i64(w, "changed", rotation->changed);
    json_add_i64(w, "faults", rotation->faults_total);
    json_begin_array(w, "faultList");
    for (size_t i = 0; i < rotation->fault_count; i++) {
        json_begin_object(w, NULL);
        json_add_c(w, "kind", rotation->faults[i].kind);
        json_add_i64(w, "tenant", rotation->faults[i].tenant);
        json_add_str(w, "id", rotation->faults[i].id);
        json_add_str(w, "reason", rotation->faults[i].reason);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
    return reply_end(r, err);
}

static bool
write_audit(struct db *db, void *ctx, struct err *err)
{
    struct request *r = ctx;
    return audit_add(db, r, 0, "secrets.rotate", STR_NONE, err);
}

bool
secrets_rotate(struct request *r, struct err *err)
{
    struct rotation rotation;
    if (!engine_keys_rotate(request_parts(r)->engine, r->arena, &rotation, err))
        return false;
    if (rotation.changed > 0 && !store_write(request_parts(r)->store, write_audit, r, err))
        return false;
    return show(r, &rotation, err);
}

bool
secrets_verify(struct request *r, struct err *err)
{
    struct rotation rotation;
    return engine_keys_verify(request_parts(r)->engine, r->arena, &rotation, err) && show(r, &rotation, err);
}
