/*
 * Loading a template: read, resolve, propagate, check, compile.
 *
 * A stream that needs what we do not have is refused by name and the others load (partial loading): the
 * catalogue's manifests with a little Python in them are still of use. A fault of form, though, is a fault
 * of the whole file, because nobody could say which stream it spoils.
 */
#include "template/template.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "template/budget_priv.h"
#include "template/mapping.h"
#include "template/operation_priv.h"
#include "template/stream_priv.h"
#include "template/webhooks.h"

static uint64_t
hash_text(struct str s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    return h;
}

static bool
stream_fault(struct compiler *c, size_t index, const struct template_stream *s)
{
    char pointer[32];
    struct err inner = *c->err;
    snprintf(pointer, sizeof(pointer), "/streams/%zu", index);
    err_set(c->err, inner.code, "stream %.*s: %s", STR_ARG(s->info.name), inner.message);
    err_add_item(c->err, str_from_c(pointer), "%s", inner.message);
    return false;
}

/* Refusals are kept in the stream; anything else spoils the template. */
bool
template_compile_stream(struct compiler *c, const struct node *n, size_t index, struct template_stream *s)
{
    struct err *outer = c->err, inner = {.items = outer->items};
    s->node = n;
    c->err = &inner;
    bool ok = stream_compile(c, n, s);
    c->err = outer;
    if (ok)
        return true;
    if (inner.code == E_TEMPLATE_REFUSED) {
        s->info.refused = str_copy(c->arena, str_from_c(inner.message));
        s->info.synced = false;
        return s->info.refused.ptr || compile_full(c);
    }
    struct err_item *items = outer->items;
    *outer = inner;
    outer->items = items;
    return stream_fault(c, index, s);
}

/* The declarations of the streams there are: those under a condition that holds, those that the configuration makes. */
struct declared {
    const struct node **nodes;
    size_t count, size;
};

static bool
declare(struct compiler *c, struct declared *d, const struct node *n)
{
    if (n->type != NODE_MAP)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a stream must be a map", n->line);
    if (d->count == d->size) {
        size_t size = d->size ? 2 * d->size : 64;
        void *grown = arena_grow(c->arena, d->nodes, d->size * sizeof(*d->nodes), size * sizeof(*d->nodes));
        if (!grown)
            return compile_full(c);
        d->nodes = grown, d->size = size;
    }
    d->nodes[d->count++] = n;
    return true;
}

static bool
declare_static(struct compiler *c, struct template *t, struct declared *d, const struct node *list)
{
    if (list && list->type != NODE_LIST)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: streams must be a list", list->line);
    for (size_t i = 0; list && i < list->count; i++) {
        const struct node *n = list->items[i], *inner = node_get_c(n, "streams");
        bool holds;
        if (!node_type_is(n, "ConditionalStreams")) {
            if (!declare(c, d, n))
                return false;
            continue;
        }
        t->depends_on_config = true;
        if (!conditional_holds(c, n, &holds))
            return false;
        for (size_t k = 0; holds && inner && inner->type == NODE_LIST && k < inner->count; k++)
            if (!declare(c, d, inner->items[k]))
                return false;
    }
    return true;
}

/* A dynamic declaration that cannot be resolved is a refused stream of its own name. */
static bool
declare_dynamic(struct compiler *c, struct template *t, struct declared *d, struct str *refused)
{
    for (size_t i = 0; i < t->dynamic_count; i++) {
        const struct template_dynamic *one = &t->dynamics[i];
        struct node **made;
        size_t count;
        t->depends_on_config = true;
        refused[i] = one->refused;
        if (!c->config)
            continue;
        if (!dynamic_streams(c, one, i, &made, &count, &refused[i]))
            return false;
        for (size_t k = 0; k < count; k++)
            if (!declare(c, d, made[k]))
                return false;
    }
    return true;
}

static bool
add_refused(struct compiler *c, struct template *t, const struct str *refused)
{
    (void)c;
    for (size_t i = 0; i < t->dynamic_count; i++) {
        if (str_is_none(refused[i]))
            continue;
        struct template_stream *s = &t->streams[t->stream_count++];
        s->owner = t, s->node = t->dynamics[i].definition;
        s->info.name = t->dynamics[i].name;
        s->info.refused = refused[i];
    }
    return true;
}

static bool
compile_streams(struct compiler *c, struct template *t)
{
    const struct node *list = node_get_c(t->root, "streams"), *dynamic = node_get_c(t->root, "dynamic_streams");
    struct declared d = {0};
    if (!dynamic_compile(c, t, dynamic))
        return false;
    struct str *refused = ARENA_ARRAY(c->arena, struct str, t->dynamic_count + 1);
    if (!refused)
        return compile_full(c);
    if (!declare_static(c, t, &d, list) || !declare_dynamic(c, t, &d, refused))
        return false;
    if (d.count + t->dynamic_count == 0)
        return err_set(c->err, E_TEMPLATE_INVALID, "The template declares no streams");
    t->streams = ARENA_ARRAY(c->arena, struct template_stream, d.count + t->dynamic_count);
    t->reads = ARENA_ARRAY(c->arena, struct template_stream *, d.count + t->dynamic_count);
    if (!t->streams || !t->reads)
        return compile_full(c);
    for (size_t i = 0; i < d.count; i++)
        if (!template_compile_stream(c, d.nodes[i], i, &t->streams[t->stream_count++]))
            return false;
    return add_refused(c, t, refused);
}

/*
 * The rules for the configuration, and the configuration as they leave it. What they need and we do not have is needed by
 * every stream: *refused_out.
 */
static bool
compile_config_rules(struct compiler *c, struct template *t, struct str *refused_out)
{
    struct err *outer = c->err, inner = {.items = outer->items};
    *refused_out = STR_NONE;
    c->err = &inner;
    bool ok = config_rules_compile(c, node_get_c(t->root, "spec"), &t->config_rules);
    c->err = outer;
    if (ok)
        return !c->config || config_rules_apply(t->config_rules, c->arena, c->now_us, c->config, &c->config, c->err);
    if (inner.code != E_TEMPLATE_REFUSED)
        return err_set(outer, inner.code, "spec.config_normalization_rules: %s", inner.message);
    *refused_out = str_copy(c->arena, str_from_c(inner.message));
    return refused_out->ptr || compile_full(c);
}

static bool
refuse_all(struct template *t, struct str why)
{
    for (size_t i = 0; !str_is_none(why) && i < t->stream_count; i++)
        if (str_is_none(t->streams[i].info.refused)) {
            t->streams[i].info.refused = why;
            t->streams[i].info.synced = false;
        }
    return true;
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

static bool
compile_entities(struct compiler *c, struct template *t)
{
    yyjson_val *entities = json_get_c(t->info.tidemark, "entities"), *totals = json_get_c(t->info.tidemark, "totals");
    for (size_t i = 0; i < t->stream_count; i++) {
        struct stream_info *info = &t->streams[i].info;
        yyjson_val *entity = json_get(entities, info->name);
        info->mapped = entity != NULL;
        info->kind = json_str_or(json_get_c(entity, "kind"), info->name);
        if (!stream_set_total(c, &t->streams[i], json_str(json_get(totals, info->name))))
            return false;
    }
    return true;
}

static bool
compile_reads(struct compiler *c, struct template *t)
{
    const struct node *block = node_get_c(node_get_c(t->root, "metadata"), "tidemark");
    const struct node *reads = node_get_c(block, "reads"), *test = node_get_c(block, "test");
    for (size_t i = 0; i < t->stream_count; i++) {
        struct template_stream *s = &t->streams[i];
        const struct node *spec = node_get(reads, s->info.name);
        if (!spec || !str_is_none(s->info.refused))
            continue;
        t->reads[i] = ARENA_NEW(c->arena, struct template_stream);
        if (!t->reads[i])
            return compile_full(c);
        if (!stream_derive(c, s->node, spec, t->reads[i]))
            return err_prefix(c->err, "metadata.tidemark.reads.%.*s: ", STR_ARG(s->info.name));
        s->info.has_reads = node_get_c(spec, "needs") == NULL;
    }
    if (!test || test->type != NODE_MAP || !node_get_c(test, "path"))
        return true;
    struct str name = node_text_at(test, "stream");
    for (size_t i = 0; i < t->stream_count && !t->test; i++) {
        if (!str_is_none(t->streams[i].info.refused) || (name.len && !str_eq(name, t->streams[i].info.name)))
            continue;
        t->test = ARENA_NEW(c->arena, struct template_stream);
        if (!t->test)
            return compile_full(c);
        if (!stream_derive(c, t->streams[i].node, test, t->test) || !text_field(c, test, "accept", &t->test_accept))
            return err_prefix(c->err, "metadata.tidemark.test: ");
    }
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

static bool
load(struct compiler *c, struct template *t, struct str yaml, struct str name)
{
    t->info.source = str_copy(c->arena, yaml);
    if (yaml.len && !t->info.source.ptr)
        return compile_full(c);
    t->info.source_hash = hash_text(yaml);
    struct node *root = yaml_read(c->arena, yaml, c->err);
    if (!root || !check_top(c, root))
        return false;
    if (!node_get_c(root, "type")) { /* the root's missing type, so that its fields get theirs */
        struct node *typed = node_map_new(c->arena, root->count + 1, root);
        struct node *type = node_str_new(c->arena, STR("DeclarativeSource"), root);
        if (!typed || !type)
            return compile_full(c);
        for (size_t i = 0; i < root->count; i++)
            node_map_put(typed, root->keys[i], root->items[i]);
        node_map_put(typed, STR("type"), type);
        root = typed;
    }
    root = manifest_resolve(c->arena, root, c->err);
    root = root ? manifest_propagate(c->arena, root, c->err) : NULL;
    t->root = root;
    struct str refused;
    return root && manifest_validate(root, c->err) && fill_info(c, t, name) && compile_spec(c, t) &&
           budget_compile(c, node_get_c(root, "api_budget"), &t->budget) && compile_config_rules(c, t, &refused) &&
           compile_streams(c, t) && refuse_all(t, refused) && compile_entities(c, t) && compile_reads(c, t) &&
           operations_compile(c, t) && check_writes(c, t) && template_webhooks_check(t, c->err);
}

static struct template *
load_for(struct str yaml, struct str name, yyjson_val *config, int64_t now_us, yyjson_val *lists, struct err *err)
{
    struct template *t = alloc_zeroed(1, sizeof(*t));
    if (!t) {
        err_no_memory(err);
        return NULL;
    }
    arena_init(&t->arena, LIMIT_TEMPLATE_ARENA_BYTES);
    t->references = 1;
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
template_configured_with(struct template *t, yyjson_val *config, int64_t now_us, yyjson_val *lists, struct err *err)
{
    if (!t->depends_on_config)
        return template_ref(t);
    return load_for(t->info.source, t->info.name, config, now_us, lists, err);
}

struct template *
template_configured(struct template *t, yyjson_val *config, int64_t now_us, struct err *err)
{
    return template_configured_with(t, config, now_us, NULL, err);
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
    info->source_hash = hash_text(schema);
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
    struct template *t = alloc_zeroed(1, sizeof(*t));
    if (!t) {
        err_no_memory(err);
        return NULL;
    }
    arena_init(&t->arena, LIMIT_TEMPLATE_ARENA_BYTES);
    t->references = 1;
    if (fill_configurable(t, name, display_name, schema, err))
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

const struct stream_info *
template_stream_info(const struct template_stream *s)
{
    return &s->info;
}
