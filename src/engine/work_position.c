/*
 * The position of a stream inside a run: the reader's, and what else must survive a restart.
 *
 *   {"phase":"read","full":true,"since":..,"declared":[closed,first,last],"untold":false,"nameless":false,
 *    "moved":false,"slicePages":3,"version":"..","reader":"..."}
 *   {"phase":"deletes",...,"after":"external id","total":12}
 *
 * It is ours alone; a version of the program that does not understand one begins the stream anew, which the
 * fingerprints make harmless.
 */
#include "engine/work.h"

#include "json/writer.h"

#define POSITION_BYTES (4 * 1024 * 1024)

struct str
work_position(const struct work_stream *s, struct arena *a, struct str reader_position)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, POSITION_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_c(&w, "phase", s->phase == PHASE_DELETES ? "deletes" : "read");
    json_add_bool(&w, "full", s->full);
    json_begin_array(&w, "declared");
    json_add_i64(&w, NULL, s->declared.closed);
    json_add_i64(&w, NULL, s->declared.first);
    json_add_i64(&w, NULL, s->declared.last);
    json_end_array(&w);
    json_add_bool(&w, "untold", s->declared.untold);
    json_add_bool(&w, "nameless", s->nameless_rejects);
    json_add_bool(&w, "moved", s->moved);
    json_add_i64(&w, "slicePages", s->slice_pages);
    json_add_str(&w, "version", s->version);
    if (s->notice.len)
        json_add_str(&w, "notice", s->notice);
    if (s->phase == PHASE_DELETES) {
        json_add_str(&w, "after", s->delete_after);
        json_add_i64(&w, "total", s->delete_total);
    }
    json_add_str(&w, "reader", reader_position);
    json_end_object(&w);
    struct str text = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

static int64_t
number_at(yyjson_val *array, size_t index, int64_t otherwise)
{
    int64_t value = otherwise;
    return json_to_i64(yyjson_arr_get(array, index), &value) ? value : otherwise;
}

bool
work_position_read(struct work_stream *s, struct arena *a, struct str position, struct err *err)
{
    yyjson_val *json = json_parse(a, position, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    if (!yyjson_is_obj(json))
        return err_set(err, E_INTERNAL, "The stored position of a run is not readable");
    if (!str_eq(json_str(json_get_c(json, "version")), s->version)) {
        s->version_changed = true;
        return true;
    }
    yyjson_val *declared = json_get_c(json, "declared");
    s->phase = str_eq_c(json_str(json_get_c(json, "phase")), "deletes") ? PHASE_DELETES : PHASE_READ;
    s->full = json_bool_or(json_get_c(json, "full"), false);
    s->declared = (struct declared){number_at(declared, 0, 0), number_at(declared, 1, -1), number_at(declared, 2, -1),
                                    json_bool_or(json_get_c(json, "untold"), false)};
    s->nameless_rejects = json_bool_or(json_get_c(json, "nameless"), false);
    s->moved = json_bool_or(json_get_c(json, "moved"), false);
    if (!json_to_i64(json_get_c(json, "slicePages"), &s->slice_pages))
        s->slice_pages = 0;
    s->notice = json_str(json_get_c(json, "notice"));
    s->reader_position = json_str(json_get_c(json, "reader"));
    s->delete_after = json_str(json_get_c(json, "after"));
    s->delete_total = -1;
    if (json_get_c(json, "total") != NULL && !json_to_i64(json_get_c(json, "total"), &s->delete_total))
        s->delete_total = -1;
    return true;
}
