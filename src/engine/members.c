#include "engine/members.h"

#include "base/buf.h"

#define NAMES_BYTES_MAX 256

static bool
is_named(struct str key, const char *const *names)
{
    for (; *names != NULL; names++)
        if (str_eq_c(key, *names))
            return true;
    return false;
}

static bool
refuse(struct str key, const char *place, const char *const *names, struct err *err)
{
    struct buf list, pointer;
    buf_init(&list, NAMES_BYTES_MAX);
    buf_init(&pointer, ERR_POINTER_BYTES);
    for (size_t i = 0; names[i] != NULL; i++)
        buf_addf(&list, "%s%s", i == 0 ? "" : names[i + 1] == NULL ? " and " : ", ", names[i]);
    buf_add_c(&pointer, place);
    bool fits = json_pointer_add(&pointer, key);
    err_set(err, E_VALIDATION_FAILED, "%s has no member \"%.*s\": it takes %.*s", place + 1, STR_ARG(str_slice(key, 0, 60)),
            STR_ARG(buf_str(&list)));
    err_add_item(err, fits ? buf_str(&pointer) : str_from_c(place), "%s", err->message);
    buf_release(&list);
    buf_release(&pointer);
    return false;
}

bool
members_check(yyjson_val *object, const char *place, const char *const *names, struct err *err)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, i, count, key, value) {
        (void)value;
        if (!is_named(json_str(key), names))
            return refuse(json_str(key), place, names, err);
    }
    return true;
}
