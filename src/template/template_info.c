/*
 * What a template says of itself: the extension block's name, version, schedule and limits, and the form of its
 * configuration.
 *
 * Most manifests have no extension block, so each of these has a place of its own to fall back to; only a name that
 * is given and unfit is a fault. The form is compiled here, too, because a broken one must be known on load and not
 * when the first person fills it in.
 */
#include "base/clock.h"
#include "template/load_priv.h"

/* ---- the extension block */

static struct str
member(const struct template_info *info, const char *name)
{
    return json_str(json_get_c(info->tidemark, name));
}

static int64_t
schedule_of(const struct template_info *info, const char *name)
{
    int64_t us = 0;
    struct str text = json_str(json_get_c(json_get_c(info->tidemark, "schedule"), name));
    return text.ptr && duration_parse(text, &us) ? us : 0;
}

static bool
name_is_plain(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || (name.ptr[i] >= '0' && name.ptr[i] <= '9') || name.ptr[i] == '_'))
            return false;
    return name.len > 0 && name.len <= 64;
}

/* "Source-Acme API" becomes "source_acme_api". */
static struct str
plain_name(struct arena *a, struct str name)
{
    struct str lower = str_lower(a, str_slice(name, 0, 64));
    char *bytes = lower.len ? arena_alloc_bytes(a, lower.len) : NULL;
    for (size_t i = 0; bytes && i < lower.len; i++) {
        bool plain = name_is_plain(str_slice(lower, i, i + 1));
        bytes[i] = plain ? lower.ptr[i] : '_';
    }
    return bytes ? (struct str){bytes, lower.len} : STR("template");
}

static void
take_limits(struct template *t)
{
    size_t index, max;
    yyjson_val *item;
    JSON_EACH_ITEM(json_get_c(json_get_c(t->info.tidemark, "limits"), "park"), index, max, item) {
        if (t->park_count < ARRAY_LEN(t->park) && json_to_i64(item, &t->park[t->park_count]))
            t->park_count++;
    }
}

/* A text or a number. */
static struct str
version_of(struct compiler *c, const struct template_info *info)
{
    yyjson_val *version = json_get_c(info->tidemark, "version");
    return json_is_number(version) ? json_number_text(c->arena, version) : json_str(version);
}

static bool
fill_info(struct compiler *c, struct template *t, struct str name)
{
    struct template_info *info = &t->info;
    const struct node *block = node_get_c(node_get_c(t->root, "metadata"), "tidemark");
    if (block && block->type == NODE_MAP && !(info->tidemark = node_to_json(c->arena, block)))
        return compile_full(c);
    info->name = member(info, "name").len ? member(info, "name") : plain_name(c->arena, name);
    if (!name_is_plain(info->name))
        return err_set(c->err, E_TEMPLATE_INVALID, "metadata.tidemark.name must be lower case letters, digits and '_'");
    info->display_name = member(info, "display_name").len ? member(info, "display_name") : info->name;
    info->description = member(info, "description").ptr ? member(info, "description") : node_text_at(t->root, "description");
    info->category = member(info, "category"), info->icon = member(info, "icon");
    info->instructions = member(info, "instructions"), info->api_version = member(info, "api_version");
    info->version = version_of(c, info);
    if (!info->version.len)
        info->version = node_text_at(t->root, "version");
    info->primary_secret = member(info, "primary_secret");
    info->documentation_url = node_text_at(node_get_c(t->root, "spec"), "documentation_url");
    yyjson_val *base = json_get_c(info->tidemark, "base_url");
    info->base_url_field = json_str(json_get_c(base, "field"));
    info->base_url_default = json_str(json_get_c(base, "default"));
    take_limits(t);
    info->interval_us = schedule_of(info, "every");
    info->full_interval_us = schedule_of(info, "full_every");
    return true;
}

static bool
compile_spec(struct compiler *c, struct template *t)
{
    const struct node *spec = node_get_c(node_get_c(t->root, "spec"), "connection_specification");
    if (!spec || spec->type != NODE_MAP)
        spec = node_map_new(c->arena, 0, NULL);
    t->info.config_schema = spec ? node_to_json(c->arena, spec) : NULL;
    if (!t->info.config_schema)
        return compile_full(c);
    struct err inner = {0};
    t->info.schema = schema_compile(t->info.config_schema, &inner);
    if (t->info.schema)
        return true;
    err_set(c->err, inner.code == E_NO_MEMORY ? E_NO_MEMORY : E_TEMPLATE_INVALID, "spec.connection_specification: %s", inner.message);
    err_add_item(c->err, STR("/spec/connection_specification"), "%s", inner.message);
    return false;
}

bool
template_read_info(struct compiler *c, struct template *t, struct str name)
{
    return fill_info(c, t, name) && compile_spec(c, t);
}
