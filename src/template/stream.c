/*
 * DeclarativeStream: one stream's declaration becomes its plan.
 *
 * Also the two streams that the extension block derives from it: one that reads a single record by its
 * id, one for the connection test. They are the stream's own requester with some fields replaced.
 */
#include "template/stream_priv.h"

#include "template/async_priv.h"
#include "template/properties_priv.h"
#include "template/reader_priv.h"

/* What the vendor tells of its fields is not used here; other readers ask for it, so it can be compared. */
static bool
compile_schema_source(struct compiler *c, const struct node *n, struct template_stream *s)
{
    struct node *retriever = node_get_c(n, "retriever"), *stream = node_map_new(c->arena, 3, n);
    struct node *type = node_str_new(c->arena, STR("DeclarativeStream"), n), *name = node_str_new(c->arena, s->info.name, n);
    if (!retriever)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a DynamicSchemaLoader needs a retriever", n->line);
    if (!stream || !type || !name || !(s->schema_source = ARENA_NEW(c->arena, struct template_stream)))
        return compile_full(c);
    node_map_put(stream, STR("type"), type);
    node_map_put(stream, STR("name"), name);
    node_map_put(stream, STR("retriever"), retriever);
    return stream_compile(c, stream, s->schema_source);
}

static bool
compile_schema(struct compiler *c, const struct node *n, struct template_stream *s)
{
    struct stream_info *info = &s->info;
    if (n && n->type == NODE_LIST) {
        for (size_t i = 0; i < n->count; i++)
            if (!compile_schema(c, n->items[i], s))
                return false;
        return true;
    }
    if (!n || n->type == NODE_NULL || node_type_is(n, "JsonFileSchemaLoader"))
        return true;
    if (node_type_is(n, "DynamicSchemaLoader"))
        return compile_schema_source(c, n, s);
    if (!node_type_is(n, "InlineSchemaLoader"))
        return refuse_component(c, n);
    const struct node *schema = node_get_c(n, "schema");
    if (schema && !info->schema && !(info->schema = node_to_json(c->arena, schema)))
        return compile_full(c);
    return true;
}

static bool
refuse_extras(struct compiler *c, const struct node *n, struct template_stream *s)
{
    const struct node *migrations = node_get_c(n, "state_migrations");
    for (size_t i = 0; migrations && migrations->type == NODE_LIST && i < migrations->count; i++)
        if (!node_type_is(migrations->items[i], "LegacyToPerPartitionStateMigration"))
            return refuse_component(c, migrations->items[i]);
    s->info.leaves_files = node_is_true_at(n, "file_uploader");
    return true;
}

static bool
compile_cursor(struct compiler *c, const struct node *n, struct template_stream *s)
{
    if (!n || n->type == NODE_NULL)
        return true;
    s->cursor = ARENA_NEW(c->arena, struct cursor_plan);
    s->info.incremental = true;
    if (!s->cursor)
        return compile_full(c);
    if (!cursor_compile(c, n, s->cursor))
        return false;
    return !s->cursor->count || !s->router || refuse(c, "has an IncrementingCountCursor beside a partition router");
}

/* The first page of a parent's record is the whole of one slice, so there may be one only. */
static bool
check_lazy(struct compiler *c, struct template_stream *s)
{
    const struct router *r = s->router;
    for (size_t i = 0; r && r->kind == ROUTER_SUBSTREAM && !r->listed && i < r->parent_count; i++)
        s->lazy = s->lazy || r->parents[i].lazy_count > 0;
    if (!s->lazy)
        return true;
    if (s->cursor && (text_given(&s->cursor->step) || text_given(&s->cursor->granularity)))
        return refuse(c, "has a lazy_read_pointer beside a cursor with steps");
    return s->decoder.kind == DECODE_JSON || refuse(c, "has a lazy_read_pointer beside a decoder that is not JSON");
}

bool
stream_set_total(struct compiler *c, struct template_stream *s, struct str text)
{
    if (!text.len)
        return true;
    if (str_find_str(text, STR("{{")) < 0) /* a dotted path into the answer */
        text = str_format(c->arena, "{{ response.%.*s }}", STR_ARG(text));
    struct node made = {.type = NODE_STR, .text = text};
    s->total_given = true;
    return text.ptr ? text_compile(c, s->node, &made, &s->total) : compile_full(c);
}

static bool
compile_retriever(struct compiler *c, const struct node *stream, const struct node *n, struct template_stream *s)
{
    if (node_type_is(n, "AsyncRetriever"))
        return async_compile(c, stream, n, s);
    if (!node_type_is(n, "SimpleRetriever"))
        return refuse_component(c, n);
    s->ignore_slice_on_pages = node_is_true_at(n, "ignore_stream_slicer_parameters_on_paginated_requests");
    const struct node *requester;
    return properties_compile(c, node_get_c(n, "requester"), s->info.name, &s->properties, &requester) &&
           requester_compile(c, requester, &s->requester) && decoder_compile(c, node_get_c(n, "decoder"), &s->decoder) &&
           selector_compile(c, node_get_c(n, "record_selector"), node_get_c(stream, "transformations"), s->info.schema, &s->selector) &&
           pager_compile(c, node_get_c(n, "paginator"), &s->pager) &&
           router_compile(c, node_get_c(n, "partition_router"), &s->router) &&
           reset_compile(c, node_get_c(n, "pagination_reset"), s);
}

/* The one member that a record is known by, or STR_NONE. */
static struct str
single_key(yyjson_val *key)
{
    return json_str(yyjson_is_arr(key) && yyjson_arr_size(key) == 1 ? yyjson_arr_get_first(key) : key);
}

/* What the engine must know of a substream before it believes that a child is gone. */
static void
note_parent(struct template_stream *s)
{
    const struct router *r = s->router;
    s->info.parent_stream = s->info.parent_field = STR_NONE;
    s->info.substream = r && r->kind != ROUTER_LIST;
    if (!r || r->kind != ROUTER_SUBSTREAM || r->parent_count != 1)
        return;
    const struct parent_plan *p = &r->parents[0];
    struct str key = p->parent_key.constant, field = p->partition_field.constant;
    if (field.len == 0 || key.len == 0 || !str_eq(key, single_key(p->stream->info.primary_key)))
        return;
    s->info.parent_stream = p->stream->info.name;
    s->info.parent_field = field;
}

bool
template_stream_is_for(const struct stream_info *info, yyjson_val *config)
{
    size_t index, max, item_index, item_max;
    yyjson_val *key, *values, *value;
    JSON_EACH_MEMBER(info->only_for, index, max, key, values) {
        struct str own = json_str(json_get(config, json_str(key)));
        bool found = own.len == 0;
        JSON_EACH_ITEM(values, item_index, item_max, value) {
            found = found || str_eq(own, json_str(value));
        }
        if (!found)
            return false;
    }
    return true;
}

bool
stream_compile(struct compiler *c, const struct node *n, struct template_stream *stream_out)
{
    struct template_stream *s = stream_out;
    if (node_type_is(n, "StateDelegatingStream")) {
        s->owner = c->owner, s->node = n;
        s->info.name = node_text_at(n, "name");
        return delegate_compile(c, n, s);
    }
    const struct node *synced = node_get_c(n, "x-tidemark-synced"), *key = node_get_c(n, "primary_key");
    s->owner = c->owner;
    s->node = n;
    s->info.name = node_text_at(n, "name");
    s->info.synced = !(synced && synced->type == NODE_BOOL && !synced->flag);
    s->records_required = node_is_true_at(n, "x-tidemark-records-required");
    s->info.supports_deletes = node_is_true_at(n, "x-tidemark-full-lists-all");
    const struct node *only_for = node_get_c(n, "x-tidemark-for");
    if (key && node_is_true(key) && !(s->info.primary_key = node_to_json(c->arena, key)))
        return compile_full(c);
    if (only_for && !(s->info.only_for = node_to_json(c->arena, only_for)))
        return compile_full(c);
    if (!node_type_is(n, "DeclarativeStream"))
        return refuse_component(c, n);
    if (!s->info.name.len)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a stream needs a name", n->line);
    return compile_schema(c, node_get_c(n, "schema_loader"), s) && compile_retriever(c, n, node_get_c(n, "retriever"), s) &&
           compile_cursor(c, node_get_c(n, "incremental_sync"), s) && refuse_extras(c, n, s) && check_lazy(c, s) &&
           stream_set_total(c, s, node_text_at(n, "x-tidemark-total")) && notices_compile(c, n, s) &&
           (note_parent(s), true);
}

struct node *
node_overlay(struct compiler *c, const struct node *base, const struct node *over, const char *const *drop)
{
    struct node *made = node_map_new(c->arena, base->count + (over ? over->count : 0) + 1, base);
    for (size_t i = 0; made && i < base->count; i++) {
        bool dropped = false;
        for (const char *const *name = drop; *name; name++)
            dropped = dropped || str_eq_c(base->keys[i], *name);
        if (!dropped)
            node_map_put(made, base->keys[i], base->items[i]);
    }
    for (size_t i = 0; made && over && i < over->count; i++)
        node_map_put(made, over->keys[i], over->items[i]);
    if (!made)
        compile_full(c);
    return made;
}

static struct node *
derived_extractor(struct compiler *c, const struct node *selector, const struct node *spec)
{
    static const char *const drop_path[] = {"field_path", NULL}, *const drop_filter[] = {"record_filter", NULL};
    struct node *path = node_get_c(spec, "field_path"), *filter = node_get_c(spec, "record_filter");
    struct node *empty = node_map_new(c->arena, 0, spec);
    struct node *extractor = node_overlay(c, node_get_c(selector, "extractor"), NULL, drop_path);
    struct node *made = extractor ? node_overlay(c, selector, NULL, drop_filter) : NULL;
    if (!made || !empty)
        return NULL;
    empty->type = NODE_LIST;
    node_map_put(extractor, STR("field_path"), path ? path : empty);
    node_map_put(made, STR("extractor"), extractor);
    if (filter)
        node_map_put(made, STR("record_filter"), filter);
    return made;
}

bool
stream_derive(struct compiler *c, const struct node *stream, const struct node *spec, struct template_stream *stream_out)
{
    static const char *const drop_retriever[] = {"paginator", "partition_router", "decoder", NULL};
    static const char *const drop_stream[] = {"incremental_sync", "state_migrations", NULL};
    static const char *const drop_inputs[] = {"request_parameters", "request_body_json", "request_body_data", "request_body", NULL};
    static const char *const drop_none[] = {NULL};
    static const char *const drop_path[] = {"field_path", "record_filter", "accept", "message", "stream", NULL};
    const struct node *retriever = node_get_c(stream, "retriever"), *requester = node_get_c(retriever, "requester");
    if (!requester || !node_get_c(node_get_c(retriever, "record_selector"), "extractor"))
        return refuse(c, "has no requester to derive from");
    struct node *own = node_overlay(c, spec, NULL, drop_path);
    struct node *bare = own ? node_overlay(c, requester, own, drop_inputs) : NULL;
    struct node *with = bare ? node_overlay(c, bare, own, drop_none) : NULL;
    struct node *selector = with ? derived_extractor(c, node_get_c(retriever, "record_selector"), spec) : NULL;
    struct node *made_retriever = selector ? node_overlay(c, retriever, NULL, drop_retriever) : NULL;
    struct node *made = made_retriever ? node_overlay(c, stream, NULL, drop_stream) : NULL;
    if (!made)
        return false;
    node_map_put(made_retriever, STR("requester"), with);
    node_map_put(made_retriever, STR("record_selector"), selector);
    node_map_put(made, STR("retriever"), made_retriever);
    return stream_compile(c, made, stream_out);
}
