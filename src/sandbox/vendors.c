/* The vendors that the sandbox plays. A new one is its file and a line here. */
#include "sandbox/core.h"

const struct vendor *const sandbox_vendors[] = {
    &vendor_chatwoot,
    &vendor_amazon,
    &vendor_facebook,
    &vendor_analytics,
    &vendor_highlevel,
    &vendor_hubspot,
    &vendor_rdstation,
    &vendor_shopify,
    &vendor_zendesk,
};
_Static_assert(ARRAY_LEN(sandbox_vendors) <= VENDORS_MAX, "the core has counters for each vendor");

size_t
sandbox_vendors_count(void)
{
    return ARRAY_LEN(sandbox_vendors);
}

const struct vendor_entity *
vendor_entity(const struct vendor *vendor, struct str name)
{
    for (size_t i = 0; i < ENTITIES_MAX && vendor->entities[i].name != NULL; i++)
        if (str_eq_c(name, vendor->entities[i].name))
            return &vendor->entities[i];
    return NULL;
}

/* "/chatwoot/api/v1/profile" is the first vendor by name; without a name each is asked. */
const struct vendor *
vendor_for_path(struct str path, struct str *path_out)
{
    struct str name, rest;
    if (path.len < 2 || path.ptr[0] != '/')
        return NULL;
    str_cut(str_skip(path, 1), '/', &name, &rest);
    for (size_t i = 0; i < ARRAY_LEN(sandbox_vendors); i++) {
        if (!str_eq_c(name, sandbox_vendors[i]->name))
            continue;
        *path_out = str_is_none(rest) ? STR("/") : str_skip(path, name.len + 1);
        return sandbox_vendors[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(sandbox_vendors); i++) {
        if (!sandbox_vendors[i]->claims(path))
            continue;
        *path_out = path;
        return sandbox_vendors[i];
    }
    return NULL;
}
