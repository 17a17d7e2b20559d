/*
 * Is the manifest well-formed? Every component that a stream can reach is held against one table.
 *
 * The table is ours, written from the format's published facts: which fields a component must have and of
 * what kind they are. Unknown fields pass, as they do elsewhere. Faults are named by JSON pointer and by
 * line, several at once. Components of unknown types pass here: they are refused when they are compiled,
 * and then only their stream is.
 */
#include "template/manifest_priv.h"

#include "base/limits.h"

#define FAULTS_MAX ERR_ITEMS_MAX
#define VALIDATE_STEPS_MAX 2000000

enum kind {
    KIND_TEXT = 1,     /* text, number or boolean: all can be read as text */
    KIND_NUMBER = 2,
    KIND_BOOL = 4,
    KIND_LIST = 8,
    KIND_MAP = 16,
};

struct field_rule {
    const char *component, *field;
    bool required;
    unsigned kinds;
};

static const struct field_rule rules[] = {
    {"AddFields", "fields", true, KIND_LIST},
    {"AddedFieldDefinition", "path", true, KIND_LIST},
    {"AddedFieldDefinition", "value", true, KIND_TEXT},
    {"AddedFieldDefinition", "value_type", false, KIND_TEXT},
    {"ApiKeyAuthenticator", "api_token", false, KIND_TEXT},
    {"ApiKeyAuthenticator", "inject_into", false, KIND_MAP},
    {"AsyncRetriever", "creation_requester", true, KIND_MAP},
    {"AsyncRetriever", "download_requester", true, KIND_MAP},
    {"AsyncRetriever", "polling_requester", true, KIND_MAP},
    {"AsyncRetriever", "record_selector", true, KIND_MAP},
    {"AsyncRetriever", "status_extractor", true, KIND_MAP},
    {"AsyncRetriever", "status_mapping", true, KIND_MAP},
    {"BasicHttpAuthenticator", "username", true, KIND_TEXT},
    {"BearerAuthenticator", "api_token", true, KIND_TEXT},
    {"CheckStream", "stream_names", false, KIND_LIST},
    {"CompositeErrorHandler", "error_handlers", true, KIND_LIST},
    {"ConstantBackoffStrategy", "backoff_time_in_seconds", true, KIND_TEXT},
    {"CursorPagination", "cursor_value", true, KIND_TEXT},
    {"CursorPagination", "stop_condition", false, KIND_TEXT},
    {"DatetimeBasedCursor", "cursor_datetime_formats", false, KIND_LIST},
    {"DatetimeBasedCursor", "cursor_field", true, KIND_TEXT},
    {"DatetimeBasedCursor", "datetime_format", true, KIND_TEXT},
    {"DatetimeBasedCursor", "is_data_feed", false, KIND_BOOL},
    {"DatetimeBasedCursor", "start_datetime", true, KIND_TEXT | KIND_MAP},
    {"DeclarativeSource", "check", true, KIND_MAP},
    {"DeclarativeSource", "definitions", false, KIND_MAP},
    {"DeclarativeSource", "dynamic_streams", false, KIND_LIST},
    {"DeclarativeSource", "metadata", false, KIND_MAP},
    {"DeclarativeSource", "spec", false, KIND_MAP},
    {"DeclarativeSource", "streams", false, KIND_LIST},
    {"DeclarativeSource", "version", true, KIND_TEXT},
    {"DeclarativeStream", "incremental_sync", false, KIND_MAP},
    {"DeclarativeStream", "retriever", true, KIND_MAP},
    {"DeclarativeStream", "transformations", false, KIND_LIST},
    {"DefaultErrorHandler", "backoff_strategies", false, KIND_LIST},
    {"DefaultErrorHandler", "response_filters", false, KIND_LIST},
    {"DefaultPaginator", "page_size_option", false, KIND_MAP},
    {"DefaultPaginator", "page_token_option", false, KIND_MAP},
    {"DefaultPaginator", "pagination_strategy", true, KIND_MAP},
    {"DpathExtractor", "field_path", true, KIND_LIST},
    {"DpathFlattenFields", "field_path", true, KIND_LIST},
    {"HttpRequester", "authenticator", false, KIND_MAP},
    {"HttpRequester", "error_handler", false, KIND_MAP},
    {"HttpRequester", "path", false, KIND_TEXT},
    {"HttpRequester", "request_body_json", false, KIND_MAP | KIND_TEXT},
    {"HttpRequester", "request_headers", false, KIND_MAP | KIND_TEXT},
    {"HttpRequester", "request_parameters", false, KIND_MAP | KIND_TEXT},
    {"HttpRequester", "url", false, KIND_TEXT},
    {"HttpRequester", "url_base", false, KIND_TEXT},
    {"HttpResponseFilter", "action", false, KIND_TEXT},
    {"HttpResponseFilter", "http_codes", false, KIND_LIST},
    {"HttpResponseFilter", "predicate", false, KIND_TEXT},
    {"KeysReplace", "new", true, KIND_TEXT},
    {"KeysReplace", "old", true, KIND_TEXT},
    {"ListPartitionRouter", "cursor_field", true, KIND_TEXT},
    {"ListPartitionRouter", "values", true, KIND_LIST | KIND_TEXT},
    {"MinMaxDatetime", "datetime", true, KIND_TEXT},
    {"ParentStreamConfig", "extra_fields", false, KIND_LIST},
    {"ParentStreamConfig", "parent_key", true, KIND_TEXT},
    {"ParentStreamConfig", "partition_field", true, KIND_TEXT},
    {"ParentStreamConfig", "stream", true, KIND_MAP},
    {"RecordFilter", "condition", false, KIND_TEXT},
    {"RecordSelector", "extractor", true, KIND_MAP},
    {"RemoveFields", "field_pointers", true, KIND_LIST},
    {"RequestOption", "field_path", false, KIND_LIST},
    {"RequestOption", "inject_into", true, KIND_TEXT},
    {"SelectiveAuthenticator", "authenticator_selection_path", true, KIND_LIST},
    {"SelectiveAuthenticator", "authenticators", true, KIND_MAP},
    {"SimpleRetriever", "partition_router", false, KIND_MAP | KIND_LIST},
    {"SimpleRetriever", "record_selector", true, KIND_MAP},
    {"SimpleRetriever", "requester", true, KIND_MAP},
    {"Spec", "connection_specification", true, KIND_MAP},
    {"SubstreamPartitionRouter", "parent_stream_configs", true, KIND_LIST},
    {"WaitTimeFromHeader", "header", true, KIND_TEXT},
    {"WaitUntilTimeFromHeader", "header", true, KIND_TEXT},
};

struct validation {
    struct err first;      /* the words of the first fault */
    struct err items;      /* all of them */
    unsigned faults;
    size_t steps;
};

static unsigned
kinds_of(const struct node *n)
{
    switch (n->type) {
    case NODE_STR: return KIND_TEXT;
    case NODE_INT:
    case NODE_FLOAT: return KIND_TEXT | KIND_NUMBER;
    case NODE_BOOL: return KIND_TEXT | KIND_BOOL;
    case NODE_LIST: return KIND_LIST;
    case NODE_MAP: return KIND_MAP;
    case NODE_NULL: break;
    }
    return 0;
}

static const char *
kind_words(unsigned kinds)
{
    switch (kinds) {
    case KIND_TEXT: return "a text";
    case KIND_BOOL: return "true or false";
    case KIND_LIST: return "a list";
    case KIND_MAP: return "a map";
    case KIND_TEXT | KIND_MAP: return "a text or a map";
    case KIND_TEXT | KIND_LIST: return "a text or a list";
    default: return "a map or a list";
    }
}

static void
note(struct validation *v, const struct node_path *path, const struct node *n, const char *words)
{
    struct buf pointer;
    if (v->faults++ == 0)
        manifest_fault(&v->first, path, n, "%s", words);
    buf_init(&pointer, 4096);
    node_path_write(&pointer, path);
    err_add_item(&v->items, buf_str(&pointer), "%s", words);
    buf_release(&pointer);
}

static void
check_fields(struct validation *v, const struct node *n, struct str type, const struct node_path *path)
{
    char words[160];
    for (size_t i = 0; i < ARRAY_LEN(rules) && v->faults < FAULTS_MAX; i++) {
        if (!str_eq_c(type, rules[i].component))
            continue;
        const struct node *value = node_get_c(n, rules[i].field);
        struct node_path here = {.up = path, .key = str_from_c(rules[i].field)};
        if (!value || value->type == NODE_NULL) {
            snprintf(words, sizeof(words), "%s needs %s", rules[i].component, rules[i].field);
            if (rules[i].required)
                note(v, value ? &here : path, n, words);
        } else if (!(kinds_of(value) & rules[i].kinds)) {
            snprintf(words, sizeof(words), "%s must be %s", rules[i].field, kind_words(rules[i].kinds));
            note(v, &here, value, words);
        }
    }
}

/* Schemas and metadata hold maps with a `type` of their own that are no components. */
static bool
is_opaque(struct str type, struct str field)
{
    return str_eq(field, STR("definitions")) || str_eq(field, STR("metadata")) || str_eq(field, STR("schemas")) ||
           str_eq(field, STR("schema")) || str_eq(field, STR("connection_specification")) || str_eq(field, STR("$parameters")) ||
           str_starts(field, STR("request_body")) || str_starts(field, STR("x-")) || str_starts(type, STR("Custom")) ||
           str_eq(field, STR("advanced_auth"));
}

static void
check(struct validation *v, const struct node *n, const struct node_path *path, unsigned depth)
{
    if (depth > 2 * LIMIT_TEMPLATE_DEPTH || v->steps++ > VALIDATE_STEPS_MAX || v->faults >= FAULTS_MAX)
        return;
    struct str type = node_text_at(n, "type");
    if (n->type == NODE_MAP && type.len)
        check_fields(v, n, type, path);
    for (size_t i = 0; i < n->count && (n->type == NODE_LIST || n->type == NODE_MAP); i++) {
        struct node_path here = {.up = path, .key = n->type == NODE_MAP ? n->keys[i] : STR_NONE, .index = i};
        if (n->type == NODE_LIST || !is_opaque(type, n->keys[i]))
            check(v, n->items[i], &here, depth + 1);
    }
}

bool
manifest_validate(const struct node *root, struct err *err)
{
    struct validation v = {.items = {.items = err->items}};
    check(&v, root, NULL, 0);
    if (v.faults == 0)
        return true;
    err_set(err, E_TEMPLATE_INVALID, "%s", v.first.message);
    if (v.faults > 1)
        err_set(err, E_TEMPLATE_INVALID, "%s (and %u more)", v.first.message, v.faults - 1);
    err->item_count = v.items.item_count, err->items_left_out = v.items.items_left_out;
    return false;
}
