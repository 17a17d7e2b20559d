#include "sandbox/written.h"

#include "base/limits.h"

yyjson_val *
written_of(const struct object *o, struct arena *a)
{
    struct err err = {0};
    struct str text = {o->written, o->written_bytes};
    return o->written == NULL ? NULL : json_parse(a, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
}

struct str
written_text(yyjson_val *written, const char *name, struct str otherwise)
{
    yyjson_val *value = json_get_c(written, name);
    return value == NULL ? otherwise : json_str(value);
}

bool
written_add(struct world *world, struct collection *c, uint32_t index, yyjson_val *members, struct arena *a)
{
    size_t at, max;
    yyjson_val *key, *item, *old = written_of(world_object(c, index), a);
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *root = doc == NULL ? NULL : old ? yyjson_val_mut_copy(doc, old) : yyjson_mut_obj(doc);
    if (root == NULL)
        return false;
    yyjson_obj_foreach(members, at, max, key, item) {
        yyjson_mut_obj_put(root, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
    yyjson_val *frozen = json_freeze(a, root);
    return frozen != NULL && world_write(world, c, index, json_to_text(a, frozen));
}
