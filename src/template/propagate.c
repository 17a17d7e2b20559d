/*
 * Types and $parameters flow down (manifest-format, rules 3 to 5).
 *
 * Only maps with a `type` are components: a missing type is filled from a table keyed by parent type and
 * field. A component's $parameters are its parent's with its own laid over them; each fills the field of
 * its name when what stands there is falsy. The parameter named like a field is withheld below that
 * field. A map whose type is object is a JSON schema and is left alone. Where no parameters flow and no
 * type is missing the node itself is the result, so that shared nodes stay shared.
 */
#include "template/manifest_priv.h"

#include "base/limits.h"

#define PROPAGATE_STEPS_MAX 2000000

struct flow {
    struct arena *arena;
    struct err *err;
    size_t steps;
    bool parents_win;
};

struct place_type {
    const char *place, *type;
};

static const struct place_type type_table[] = {
    {"AddFields.fields", "AddedFieldDefinition"},
    {"CompositeErrorHandler.error_handlers", "DefaultErrorHandler"},
    {"ConfigComponentsResolver.components_mapping", "ComponentMappingDefinition"},
    {"ConfigComponentsResolver.stream_config", "StreamConfig"},
    {"CursorPagination.decoder", "JsonDecoder"},
    {"CustomPartitionRouter.parent_stream_configs", "ParentStreamConfig"},
    {"DatetimeBasedCursor.end_datetime", "MinMaxDatetime"},
    {"DatetimeBasedCursor.end_time_option", "RequestOption"},
    {"DatetimeBasedCursor.start_datetime", "MinMaxDatetime"},
    {"DatetimeBasedCursor.start_time_option", "RequestOption"},
    {"DeclarativeSource.check", "CheckStream"},
    {"DeclarativeSource.spec", "Spec"},
    {"DeclarativeSource.streams", "DeclarativeStream"},
    {"DeclarativeStream.retriever", "SimpleRetriever"},
    {"DeclarativeStream.schema_loader", "JsonFileSchemaLoader"},
    {"DefaultErrorHandler.response_filters", "HttpResponseFilter"},
    {"DefaultPaginator.decoder", "JsonDecoder"},
    {"DefaultPaginator.page_size_option", "RequestOption"},
    {"DpathExtractor.decoder", "JsonDecoder"},
    {"DpathExtractor.record_expander", "RecordExpander"},
    {"DynamicDeclarativeStream.components_resolver", "ConfigComponentResolver"},
    {"DynamicDeclarativeStream.stream_template", "DeclarativeStream"},
    {"DynamicSchemaLoader.retriever", "SimpleRetriever"},
    {"HttpComponentsResolver.components_mapping", "ComponentMappingDefinition"},
    {"HttpComponentsResolver.retriever", "SimpleRetriever"},
    {"HttpRequester.error_handler", "DefaultErrorHandler"},
    {"ListPartitionRouter.request_option", "RequestOption"},
    {"ParentStreamConfig.request_option", "RequestOption"},
    {"ParentStreamConfig.stream", "DeclarativeStream"},
    {"RecordSelector.extractor", "DpathExtractor"},
    {"RecordSelector.record_filter", "RecordFilter"},
    {"SchemaTypeIdentifier.types_map", "TypesMap"},
    {"SimpleRetriever.paginator", "NoPagination"},
    {"SimpleRetriever.record_selector", "RecordSelector"},
    {"SimpleRetriever.requester", "HttpRequester"},
    {"SubstreamPartitionRouter.parent_stream_configs", "ParentStreamConfig"},
};

/* Where class_name is present. */
static const struct place_type custom_table[] = {
    {"CompositeErrorHandler.backoff_strategies", "CustomBackoffStrategy"},
    {"DeclarativeStream.retriever", "CustomRetriever"},
    {"DeclarativeStream.transformations", "CustomTransformation"},
    {"DefaultErrorHandler.backoff_strategies", "CustomBackoffStrategy"},
    {"DefaultPaginator.pagination_strategy", "CustomPaginationStrategy"},
    {"HttpRequester.authenticator", "CustomAuthenticator"},
    {"HttpRequester.error_handler", "CustomErrorHandler"},
    {"RecordSelector.extractor", "CustomRecordExtractor"},
    {"SimpleRetriever.partition_router", "CustomPartitionRouter"},
};

static struct node *propagate(struct flow *f, struct node *n, struct str parent_type, struct str field,
                              struct node *parameters, unsigned depth);

static bool
place_is(const char *place, struct str parent_type, struct str field)
{
    struct str type, name;
    return str_cut(str_from_c(place), '.', &type, &name) && str_eq(type, parent_type) && str_eq(name, field);
}

static const char *
missing_type(const struct node *n, struct str parent_type, struct str field)
{
    bool custom = node_get_c(n, "class_name") != NULL;
    size_t count = custom ? ARRAY_LEN(custom_table) : ARRAY_LEN(type_table);
    for (size_t i = 0; i < count; i++) {
        const char *place = custom ? custom_table[i].place : type_table[i].place;
        if (place_is(place, parent_type, field))
            return custom ? custom_table[i].type : type_table[i].type;
    }
    return NULL;
}

static bool
is_json_schema(const struct node *type)
{
    if (!type)
        return false;
    if (type->type == NODE_LIST)
        return type->count == 2 && str_eq(node_text(type->items[0]), STR("null")) &&
               str_eq(node_text(type->items[1]), STR("object"));
    return str_eq(node_text(type), STR("object"));
}

static struct node *
full(struct flow *f)
{
    err_set(f->err, E_TOO_LARGE, "The template is too large once its parameters have flowed down");
    return NULL;
}

/* The parent's parameters with a component's own laid over them, or under them. */
static struct node *
join_parameters(struct flow *f, struct node *parent, struct node *own)
{
    if (!own || own->type != NODE_MAP || own->count == 0)
        return parent;
    if (!parent || parent->count == 0)
        return own;
    struct node *both = node_map_new(f->arena, parent->count + own->count, own);
    if (!both)
        return full(f);
    const struct node *weak = f->parents_win ? own : parent, *strong = f->parents_win ? parent : own;
    for (size_t i = 0; i < weak->count; i++)
        node_map_put(both, weak->keys[i], weak->items[i]);
    for (size_t i = 0; i < strong->count; i++)
        node_map_put(both, strong->keys[i], strong->items[i]);
    return both;
}

static struct node *
without(struct flow *f, struct node *parameters, struct str key)
{
    if (!node_get(parameters, key))
        return parameters;
    struct node *rest = node_map_new(f->arena, parameters->count, parameters);
    if (!rest)
        return full(f);
    for (size_t i = 0; i < parameters->count; i++)
        if (!str_eq(parameters->keys[i], key))
            node_map_put(rest, parameters->keys[i], parameters->items[i]);
    return rest;
}

static struct node *
propagate_list(struct flow *f, struct node *list, struct str type, struct str field, struct node *parameters, unsigned depth)
{
    struct node *copy = NULL;
    for (size_t i = 0; i < list->count; i++) {
        struct node *item = list->items[i];
        struct node *made = item->type == NODE_MAP ? propagate(f, item, type, field, parameters, depth) : item;
        if (!made)
            return NULL;
        if (made == item)
            continue;
        if (!copy) {
            if (!(copy = node_map_new(f->arena, list->count, list)))
                return full(f);
            copy->type = NODE_LIST, copy->count = list->count;
            memcpy(copy->items, list->items, list->count * sizeof(struct node *));
        }
        copy->items[i] = made;
    }
    return copy ? copy : list;
}

/* A plain map (request parameters, say) may hold components one level down. */
static struct node *
propagate_plain(struct flow *f, struct node *n, struct str parent_type, struct str field, struct node *parameters, unsigned depth)
{
    struct node *copy = NULL;
    for (size_t i = 0; i < n->count; i++) {
        if (n->items[i]->type != NODE_MAP || !node_is_true_at(n->items[i], "type"))
            continue;
        struct node *made = propagate(f, n->items[i], parent_type, field, parameters, depth);
        if (!made)
            return NULL;
        if (made == n->items[i])
            continue;
        if (!copy) {
            if (!(copy = node_map_new(f->arena, n->count, n)))
                return full(f);
            copy->count = n->count;
            memcpy(copy->items, n->items, n->count * sizeof(struct node *));
            memcpy(copy->keys, n->keys, n->count * sizeof(struct str));
        }
        copy->items[i] = made;
    }
    return copy ? copy : n;
}

/* The component with its type, its parameters as fields, and without $parameters. */
static struct node *
fill_fields(struct flow *f, struct node *n, const char *added_type, struct node *parameters)
{
    size_t extra = parameters ? parameters->count : 0;
    struct node *copy = node_map_new(f->arena, n->count + extra + 2, n);
    struct node *type = added_type ? node_str_new(f->arena, str_from_c(added_type), n) : NULL;
    if (!copy || (added_type && !type))
        return full(f);
    for (size_t i = 0; i < n->count; i++)
        if (!str_eq(n->keys[i], STR("$parameters")))
            node_map_put(copy, n->keys[i], n->items[i]);
    if (type)
        node_map_put(copy, STR("type"), type);
    for (size_t i = 0; i < extra; i++)
        if (!node_is_true(node_get(copy, parameters->keys[i])))
            node_map_put(copy, parameters->keys[i], parameters->items[i]);
    return copy;
}

static struct node *
propagate_fields(struct flow *f, struct node *n, struct node *parameters, unsigned depth)
{
    struct str type = node_text_at(n, "type");
    struct node *copy = n;
    for (size_t i = 0; i < n->count; i++) {
        struct node *item = n->items[i];
        if (item->type != NODE_MAP && item->type != NODE_LIST)
            continue;
        struct node *rest = parameters ? without(f, parameters, n->keys[i]) : NULL;
        if (parameters && !rest)
            return NULL;
        struct node *made = item->type == NODE_MAP ? propagate(f, item, type, n->keys[i], rest, depth + 1)
                                                   : propagate_list(f, item, type, n->keys[i], rest, depth + 1);
        if (!made)
            return NULL;
        if (made != item && copy == n && !(copy = fill_fields(f, n, NULL, NULL)))
            return NULL;
        if (made != item)
            node_map_put(copy, n->keys[i], made);
    }
    return copy;
}

static struct node *
propagate(struct flow *f, struct node *n, struct str parent_type, struct str field, struct node *parameters, unsigned depth)
{
    if (f->steps++ > PROPAGATE_STEPS_MAX || depth > 2 * LIMIT_TEMPLATE_DEPTH)
        return full(f);
    const char *added = node_get_c(n, "type") ? NULL : missing_type(n, parent_type, field);
    struct node *own = node_get_c(n, "$parameters");
    struct node *joined = join_parameters(f, parameters, own);
    if (!joined && (parameters || node_is_true(own)))
        return NULL;
    if (is_json_schema(node_get_c(n, "type")))
        return own ? fill_fields(f, n, NULL, NULL) : n;
    if (!added && !node_get_c(n, "type"))
        return propagate_plain(f, n, parent_type, field, joined, depth + 1);
    bool has_parameters = joined && joined->count > 0;
    struct node *filled = added || own || has_parameters ? fill_fields(f, n, added, joined) : n;
    struct node *done = filled ? propagate_fields(f, filled, has_parameters ? joined : NULL, depth) : NULL;
    if (done && has_parameters) {
        if (done == n && !(done = fill_fields(f, n, NULL, NULL)))
            return NULL;
        struct node *with = node_map_new(f->arena, done->count + 1, done);
        if (!with)
            return full(f);
        for (size_t i = 0; i < done->count; i++)
            node_map_put(with, done->keys[i], done->items[i]);
        node_map_put(with, STR("$parameters"), joined);
        return with;
    }
    return done;
}

struct node *
manifest_propagate(struct arena *a, struct node *root, struct err *err)
{
    struct flow f = {.arena = a, .err = err};
    return propagate(&f, root, STR(""), STR(""), NULL, 0);
}

struct node *
manifest_propagate_stream(struct arena *a, struct node *stream, bool parents_win, struct err *err)
{
    struct flow f = {.arena = a, .err = err, .parents_win = parents_win};
    return propagate(&f, stream, STR("DeclarativeSource"), STR("streams"), NULL, 0);
}
