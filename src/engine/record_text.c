/*
 * One text member of a record's data, set.
 */
#include "engine/engine_priv.h"

bool
record_set_text(struct arena *a, struct str data, const char *member, struct str text, struct str *data_out, struct err *err)
{
    yyjson_val *old = json_parse(a, data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    yyjson_mut_doc *doc = json_mut_doc(a);
    if (old == NULL)
        return false;
    yyjson_mut_val *object = doc == NULL ? NULL : yyjson_val_mut_copy(doc, old);
    if (object == NULL)
        return err_no_memory(err);
    yyjson_mut_obj_put(object, yyjson_mut_strcpy(doc, member),
                       str_is_none(text) ? yyjson_mut_null(doc) : yyjson_mut_strncpy(doc, text.ptr, text.len));
    yyjson_val *frozen = json_freeze(a, object);
    struct buf b;
    buf_init(&b, LIMIT_RECORD_BYTES);
    bool ok = frozen != NULL && json_write_canonical(&b, frozen);
    if (ok)
        *data_out = str_copy(a, buf_str(&b));
    buf_release(&b);
    return (ok && !str_is_none(*data_out)) || err_set(err, E_TOO_LARGE, "The record is larger than allowed");
}
