/*
 * The streams of a template: which there are, and each compiled.
 *
 * A list in the manifest is only the beginning: streams under a condition are there when the configuration meets it,
 * dynamic ones are made from the configuration or from what the vendor lists. What makes it hard is partial loading:
 * a stream that needs what we do not have keeps the words of its refusal and the others load, while a fault of form
 * spoils the template. So each stream is compiled with an error of its own, and only a refusal stays in it.
 */
#include "template/load_priv.h"
#include "template/stream_priv.h"

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

static void
add_refused(struct template *t, const struct str *refused)
{
    for (size_t i = 0; i < t->dynamic_count; i++) {
        if (str_is_none(refused[i]))
            continue;
        struct template_stream *s = &t->streams[t->stream_count++];
        s->owner = t, s->node = t->dynamics[i].definition;
        s->info.name = t->dynamics[i].name;
        s->info.refused = refused[i];
    }
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
    add_refused(t, refused);
    return true;
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

static void
refuse_all(struct template *t, struct str why)
{
    for (size_t i = 0; i < t->stream_count; i++)
        if (str_is_none(t->streams[i].info.refused)) {
            t->streams[i].info.refused = why;
            t->streams[i].info.synced = false;
        }
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

/* metadata.tidemark.reads: how a single record of a stream is fetched. */
static bool
compile_reads(struct compiler *c, struct template *t, const struct node *reads)
{
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
    return true;
}

/* metadata.tidemark.test: the request of a connection test, made of the stream it names or of the first that can be read. */
static bool
compile_test(struct compiler *c, struct template *t, const struct node *test)
{
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

bool
template_compile_streams(struct compiler *c, struct template *t)
{
    const struct node *block = node_get_c(node_get_c(t->root, "metadata"), "tidemark");
    struct str refused;
    if (!compile_config_rules(c, t, &refused) || !compile_streams(c, t))
        return false;
    if (!str_is_none(refused))
        refuse_all(t, refused);
    return compile_entities(c, t) && compile_reads(c, t, node_get_c(block, "reads")) && compile_test(c, t, node_get_c(block, "test"));
}
