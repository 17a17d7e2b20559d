/*
 * A template's life: read, resolved, propagated, checked, compiled; then shared and never changed; then freed.
 *
 * A stream that needs what we do not have is refused by name and the others load (partial loading, template_streams.c):
 * the catalogue's manifests with a little Python in them are still of use. A template of which no stream can be read is
 * refused as a whole. Where the configuration decides which streams there are, each configuration gets a template of
 * its own, loaded from the same text.
 */
#include "template/template.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/limits.h"
#include "template/budget_priv.h"
#include "template/load_priv.h"
#include "template/mapping.h"
#include "template/operation_priv.h"
#include "template/webhooks.h"

/* A mapping that cannot be is told now, not by the first run. */
static bool
check_mappings(struct compiler *c, const struct template *t)
{
    for (size_t i = 0; i < t->stream_count; i++)
        if (!mapping_compile(c->arena, t, t->streams[i].info.name, NULL, NULL, c->err))
            return err_prefix(c->err, "metadata.tidemark.entities.%.*s: ", STR_ARG(t->streams[i].info.name));
    return true;
}

/* What is written is made of `fields`: a broken expression is found now. */
static bool
check_writes(struct compiler *c, struct template *t)
{
    size_t index, max;
    yyjson_val *key, *item;
    struct mapping *ignored;
    JSON_EACH_MEMBER(json_get_c(t->info.tidemark, "writes"), index, max, key, item) {
        if (!mapping_compile_write(c->arena, t, json_str(key), &ignored, c->err))
            return false;
        if (json_get_c(item, "match_many") != NULL && json_get_c(item, "match") == NULL)
            return err_set(c->err, E_TEMPLATE_INVALID, "metadata.tidemark.writes.%.*s.match_many needs `match` beside it, "
                           "for those that its answer leaves open", STR_ARG(json_str(key)));
    }
    return true;
}

static bool
check_top(struct compiler *c, const struct node *root)
{
    if (root->type != NODE_MAP)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a template is a map with version, check and streams", root->line);
    struct str type = node_text_at(root, "type");
    if (type.len && !str_eq(type, STR("DeclarativeSource")))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: the template's type must be DeclarativeSource", root->line);
    return true;
}

/* The root's missing type, so that its fields get theirs. */
static bool
add_type(struct compiler *c, struct node **root)
{
    const struct node *bare = *root;
    struct node *typed = node_map_new(c->arena, bare->count + 1, bare);
    struct node *type = node_str_new(c->arena, STR("DeclarativeSource"), bare);
    if (!typed || !type)
        return compile_full(c);
    for (size_t i = 0; i < bare->count; i++)
        node_map_put(typed, bare->keys[i], bare->items[i]);
    node_map_put(typed, STR("type"), type);
    *root = typed;
    return true;
}

static bool
load(struct compiler *c, struct template *t, struct str yaml, struct str name)
{
    t->info.source = str_copy(c->arena, yaml);
    if (yaml.len && !t->info.source.ptr)
        return compile_full(c);
    t->info.source_hash = hash_add(HASH_START, yaml);
    struct node *root = yaml_read(c->arena, yaml, c->err);
    if (!root || !check_top(c, root))
        return false;
    if (!node_get_c(root, "type") && !add_type(c, &root))
        return false;
    root = manifest_resolve(c->arena, root, c->err);
    root = root ? manifest_propagate(c->arena, root, c->err) : NULL;
    t->root = root;
    return root && manifest_validate(root, c->err) && template_read_info(c, t, name) && translations_check(c, root) &&
           budget_compile(c, node_get_c(root, "api_budget"), &t->budget) && template_compile_streams(c, t) &&
           operations_compile(c, t) && check_mappings(c, t) && check_writes(c, t) && template_webhooks_check(t, c->err);
}

static struct template *
template_new(struct err *err)
{
    struct template *t = alloc_zeroed(1, sizeof(*t));
    if (!t) {
        err_no_memory(err);
        return NULL;
    }
    arena_init(&t->arena, LIMIT_TEMPLATE_ARENA_BYTES);
    t->references = 1;
    return t;
}

static struct template *
load_for(struct str yaml, struct str name, yyjson_val *config, int64_t now_us, yyjson_val *lists, struct err *err)
{
    struct template *t = template_new(err);
    if (!t)
        return NULL;
    struct compiler c = {.arena = &t->arena, .owner = t, .err = err, .config = config, .now_us = now_us, .lists = lists};
    if (load(&c, t, yaml, name))
        return t;
    template_unref(t);
    return NULL;
}

struct template *
template_load_any(struct str yaml, struct str name, struct err *err)
{
    return load_for(yaml, name, NULL, 0, NULL, err);
}

struct template *
template_configured(struct template *t, yyjson_val *config, int64_t now_us, yyjson_val *lists, struct err *err)
{
    if (!t->depends_on_config)
        return template_ref(t);
    return load_for(t->info.source, t->info.name, config, now_us, lists, err);
}

bool
template_fault_at(const struct template *t, size_t index, unsigned *line_out, struct str *words_out)
{
    const struct template_fault *f = t->faults;
    for (; f && index; index--)
        f = f->next;
    if (!f)
        return false;
    *line_out = f->line, *words_out = f->words;
    return true;
}

size_t
template_dynamic_count(const struct template *t)
{
    return t->dynamic_count;
}

struct str
template_dynamic_name(const struct template *t, size_t index)
{
    return t->dynamics[index].name;
}

bool
template_dynamic_is_list(const struct template *t, size_t index)
{
    return t->dynamics[index].list && str_is_none(t->dynamics[index].refused);
}

size_t
template_list_count(const struct template *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->dynamic_count; i++)
        count += template_dynamic_is_list(t, i);
    return count;
}

bool
template_depends_on_config(const struct template *t)
{
    return t->depends_on_config;
}

static bool
any_readable(const struct template *t)
{
    for (size_t i = 0; i < t->stream_count; i++)
        if (str_is_none(t->streams[i].info.refused))
            return true;
    for (size_t i = 0; i < t->dynamic_count; i++)
        if (str_is_none(t->dynamics[i].refused))
            return true;
    return false;
}

struct template *
template_load(struct str yaml, struct str name, struct err *err)
{
    struct template *t = template_load_any(yaml, name, err);
    if (!t || any_readable(t))
        return t;
    const struct stream_info *first = t->stream_count ? &t->streams[0].info : NULL;
    err_set(err, E_TEMPLATE_REFUSED, "No stream of this template can be read: %.*s %.*s",
            STR_ARG(first ? first->name : STR("")), STR_ARG(first ? first->refused : STR("there is none")));
    template_unref(t);
    return NULL;
}

/* The member that `apiKey` fills: of that name, else the first secret one. */
static struct str
guess_secret(const struct template *t, yyjson_val *schema)
{
    size_t index, max;
    yyjson_val *key, *item, *properties = json_get_c(schema, "properties");
    if (json_get_c(properties, "apiKey"))
        return STR("apiKey");
    char pointer[80];
    JSON_EACH_MEMBER(properties, index, max, key, item) {
        int len = snprintf(pointer, sizeof(pointer), "/%.*s", STR_ARG(json_str(key)));
        if (len > 0 && (size_t)len < sizeof(pointer) && template_config_is_secret(t, (struct str){pointer, (size_t)len}))
            return json_str(key);
    }
    return STR_NONE;
}

static bool
fill_configurable(struct template *t, struct str name, struct str display_name, struct str schema, struct err *err)
{
    struct template_info *info = &t->info;
    info->configure_only = true;
    info->source_hash = hash_add(HASH_START, schema);
    info->source = STR("");
    info->version = STR("1");
    info->name = str_copy(&t->arena, name);
    info->display_name = str_copy(&t->arena, display_name);
    info->config_schema = json_parse(&t->arena, schema, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    if (!info->config_schema || !info->name.ptr || !info->display_name.ptr)
        return info->config_schema ? err_no_memory(err) : false;
    info->schema = schema_compile(info->config_schema, err);
    info->primary_secret = guess_secret(t, info->config_schema);
    return info->schema != NULL;
}

struct template *
template_new_configurable(struct str name, struct str display_name, struct str schema, struct err *err)
{
    struct template *t = template_new(err);
    if (!t || fill_configurable(t, name, display_name, schema, err))
        return t;
    template_unref(t);
    return NULL;
}

struct template *
template_ref(struct template *t)
{
    __atomic_add_fetch(&t->references, 1, __ATOMIC_RELAXED);
    return t;
}

void
template_unref(struct template *t)
{
    if (!t || __atomic_sub_fetch(&t->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    schema_free(t->info.schema);
    operations_release(t);
    config_rules_release(t->config_rules);
    arena_release(&t->arena);
    free(t);
}

const struct template_info *
template_info(const struct template *t)
{
    return &t->info;
}

size_t
template_stream_count(const struct template *t)
{
    return t->stream_count;
}

const struct template_stream *
template_stream_at(const struct template *t, size_t index)
{
    return index < t->stream_count ? &t->streams[index] : NULL;
}

const struct template_stream *
template_stream_find(const struct template *t, struct str name)
{
    for (size_t i = 0; i < t->stream_count; i++)
        if (str_eq(t->streams[i].info.name, name))
            return &t->streams[i];
    return NULL;
}

bool
template_reads(const struct template *t, struct str stream_or_kind)
{
    for (size_t i = 0; i < t->stream_count; i++) {
        const struct stream_info *info = &t->streams[i].info;
        if (info->refused.len == 0 && (str_eq(info->name, stream_or_kind) || str_eq(info->kind, stream_or_kind)))
            return true;
    }
    return false;
}

const struct stream_info *
template_stream_info(const struct template_stream *s)
{
    return &s->info;
}
