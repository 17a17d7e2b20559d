/*
 * The names of permissions, read and written.
 */
#include "door/request_priv.h"

static const struct {
    unsigned bit;
    const char *name;
} names[] = {{PERMISSION_READ, "content:read"}, {PERMISSION_UPDATE, "content:update"}, {PERMISSION_DELETE, "content:delete"}};

unsigned
permission_from_name(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i].name))
            return names[i].bit;
    return 0;
}

void
write_permissions(struct json_writer *w, const char *key, unsigned bits)
{
    json_begin_array(w, key);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bits & names[i].bit)
            json_add_c(w, NULL, names[i].name);
    json_end_array(w);
}

bool
request_body_permissions(struct request *r, unsigned *bits_out, struct err *err)
{
    yyjson_val *list, *item;
    size_t index, max;
    unsigned bits = 0;
    if (!request_body_array(r, "permissions", &list, err))
        return false;
    yyjson_arr_foreach(list, index, max, item) {
        unsigned bit = permission_from_name(json_str(item));
        if (!bit)
            return request_fault(r, err, "/permissions", "knows content:read, content:update and content:delete");
        bits |= bit;
    }
    *bits_out = bits;
    return true;
}
