/*
 * What a remote job has answered, kept for later: for the expressions of its next requests, and in the position.
 *
 * The answer to the creation names the job, so whoever loses it has to make the job again. What makes it hard is that
 * a position comes back from the store, where it may be old or tampered with: a stage is believed only when all that
 * it needs is there.
 */
#include "template/async_priv.h"

#include "json/writer.h"

/* ---- what expressions see */

static bool
put_copy(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, yyjson_val *value)
{
    return !value || yyjson_mut_obj_put(object, yyjson_mut_str(doc, name), yyjson_val_mut_copy(doc, value));
}

/* extra_fields with the job's answers, and the slice with those inside. */
bool
async_show(struct reader *r, struct err *err)
{
    struct async_job *j = &r->job;
    yyjson_mut_doc *doc = json_mut_doc(&r->slice_arena);
    yyjson_mut_val *extra = doc ? yyjson_val_mut_copy(doc, r->extra) : NULL;
    yyjson_mut_val *slice = extra ? yyjson_val_mut_copy(doc, r->slice) : NULL;
    if (!slice)
        return err_no_memory(err);
    bool ok = put_copy(doc, extra, "creation_response", j->creation) && put_copy(doc, extra, "polling_response", j->polling);
    if (ok && j->stage == ASYNC_DOWNLOAD)
        ok = j->targets ? put_copy(doc, extra, "download_target", yyjson_arr_get(j->targets, j->target))
                        : yyjson_mut_obj_add_str(doc, extra, "download_target", "");
    j->extra = ok ? json_freeze(&r->slice_arena, extra) : NULL;
    if (!j->extra || !yyjson_mut_obj_put(slice, yyjson_mut_str(doc, "extra_fields"), yyjson_val_mut_copy(doc, j->extra)))
        return err_no_memory(err);
    j->slice = json_freeze(&r->slice_arena, slice);
    return j->slice || err_no_memory(err);
}

void
async_scene(const struct reader *r, struct scene *scene)
{
    if (r->job.extra)
        scene->extra_fields = r->job.extra, scene->slice = r->job.slice;
}

/* Names as they came and in lower case: templates write them in one way or the other. */
static bool
add_headers(yyjson_mut_doc *doc, yyjson_mut_val *answer, struct reader *r)
{
    const struct http_headers *from = &r->reply->headers;
    yyjson_mut_val *headers = yyjson_mut_obj(doc);
    for (size_t i = 0; headers && i < from->count; i++) {
        struct str name = from->items[i].name, lower = str_lower(&r->slice_arena, name);
        if (str_eq_nocase(name, STR("Set-Cookie")) || !lower.ptr || !str_is_utf8(from->items[i].value))
            continue;
        struct str value = from->items[i].value;
        yyjson_mut_obj_put(headers, yyjson_mut_strncpy(doc, name.ptr, name.len), yyjson_mut_strncpy(doc, value.ptr, value.len));
        yyjson_mut_obj_put(headers, yyjson_mut_strncpy(doc, lower.ptr, lower.len), yyjson_mut_strncpy(doc, value.ptr, value.len));
    }
    return headers && yyjson_mut_obj_add_val(doc, answer, "headers", headers);
}

/* An answer for later expressions, kept with the slice. */
bool
async_keep_answer(struct reader *r, yyjson_val *body, yyjson_val **kept_out, struct err *err)
{
    yyjson_mut_doc *doc = json_mut_doc(&r->slice_arena);
    yyjson_mut_val *answer = doc ? yyjson_mut_obj(doc) : NULL;
    if (yyjson_is_obj(body) && answer)
        answer = yyjson_val_mut_copy(doc, body);
    if (!answer || (!json_get_c(body, "headers") && !add_headers(doc, answer, r)))
        return err_no_memory(err);
    *kept_out = json_freeze(&r->slice_arena, answer);
    return *kept_out || err_no_memory(err);
}

bool
async_write(const struct reader *r, struct json_writer *w)
{
    const struct async_job *j = &r->job;
    json_begin_object(w, "job");
    json_add_i64(w, "stage", j->stage);
    json_add_i64(w, "tries", j->tries);
    json_add_i64(w, "created", j->created_us);
    if (j->creation)
        json_add_val(w, "creation", j->creation);
    if (j->polling)
        json_add_val(w, "polling", j->polling);
    if (j->targets)
        json_add_val(w, "targets", j->targets);
    json_add_i64(w, "target", (int64_t)j->target);
    json_end_object(w);
    return true;
}

static yyjson_val *
copy_of(struct reader *r, yyjson_val *value)
{
    yyjson_mut_doc *doc = value ? json_mut_doc(&r->slice_arena) : NULL;
    return doc ? json_freeze(&r->slice_arena, yyjson_val_mut_copy(doc, value)) : NULL;
}

static bool
number_at(yyjson_val *json, const char *name, int64_t max, int64_t *out)
{
    return json_to_i64(json_get_c(json, name), out) && *out >= 0 && *out <= max;
}

/* What the stored stage needs is there? A tampered or foreign position begins with a new job. */
static bool
is_sound(const struct async_job *j)
{
    if (j->stage == ASYNC_CREATE)
        return true;
    if (j->stage == ASYNC_POLL)
        return j->creation != NULL;
    return j->stage == ASYNC_DOWNLOAD && j->polling && (!j->targets || j->target < yyjson_arr_size(j->targets));
}

bool
async_restore(struct reader *r, yyjson_val *json, struct err *err)
{
    int64_t stage, tries, created_us, target;
    if (!number_at(json, "stage", ASYNC_REMOVE, &stage) || !number_at(json, "tries", ASYNC_TRIES, &tries) ||
        !number_at(json, "created", INT64_MAX, &created_us) || !number_at(json, "target", INT32_MAX, &target))
        return err_set(err, E_VALIDATION_FAILED, "The stored position does not fit this template: start the run anew");
    struct async_job j = {.stage = (enum async_stage)stage, .tries = (unsigned)tries, .created_us = created_us, .target = (size_t)target};
    j.creation = copy_of(r, json_get_c(json, "creation"));
    j.polling = copy_of(r, json_get_c(json, "polling"));
    j.targets = copy_of(r, json_get_c(json, "targets"));
    snprintf(j.words, sizeof(j.words), "no answer");
    r->job = j;
    if (!is_sound(&j))
        return err_set(err, E_VALIDATION_FAILED, "The stored position does not fit this template: start the run anew");
    return async_show(r, err);
}
