/*
 * Declared operations become plans when the template is loaded, so that a fault is found then and not when
 * somebody presses a button.
 *
 * The requester is the first readable stream's (or that of the stream which `stream` names) without what belongs to
 * reading: path, parameters, bodies, error handling. Headers are laid over one by one.
 */
#include "template/operation_priv.h"

#include "base/limits.h"

#define OPERATIONS_MAX 200

static const char *const own_keys[] = {"title", "description", "stream", "safe", "input_schema", "result", "success",
                    "message", "max", "item", NULL};
static const char *const reading_keys[] = {"path", "http_method", "request_parameters", "request_body_json", "request_body_data",
                                           "request_body", "error_handler", "request_headers", "query_properties",
                                           "fetch_properties_from_endpoint", NULL};

static bool
is_named(struct str key, const char *const *names)
{
    for (; *names; names++)
        if (str_eq_c(key, *names))
            return true;
    return false;
}

static bool
is_operation(const struct node *n)
{
    return n && n->type == NODE_MAP && (node_text_at(n, "path").ptr || node_text_at(n, "url").len);
}

/* The stream whose requester is meant; NULL when the template has none that can be read. */
static const struct template_stream *
base_stream(const struct template *t, struct str name)
{
    for (size_t i = 0; i < t->stream_count; i++) {
        const struct template_stream *s = &t->streams[i];
        if (str_is_none(s->info.refused) && (name.len == 0 || str_eq(name, s->info.name)))
            return s;
    }
    return NULL;
}

static struct node *
laid_over(struct compiler *c, struct node *base, struct node *over)
{
    bool maps = base && over && base->type == NODE_MAP && over->type == NODE_MAP;
    if (!maps)
        return over ? over : base;
    struct node *made = node_map_new(c->arena, base->count + over->count, over);
    for (size_t i = 0; made && i < base->count; i++)
        node_map_put(made, base->keys[i], base->items[i]);
    for (size_t i = 0; made && i < over->count; i++)
        node_map_put(made, over->keys[i], over->items[i]);
    return made;
}

/* The requester of the call, or NULL when memory is out. */
static struct node *
requester_of(struct compiler *c, const struct node *base, const struct node *n)
{
    bool has_url = node_text_at(n, "url").len > 0;
    struct node *made = node_map_new(c->arena, (base ? base->count : 0) + n->count + 2, n);
    struct node *headers = laid_over(c, node_get_c(base, "request_headers"), node_get_c(n, "request_headers"));
    if (!made)
        return NULL;
    node_map_put(made, STR("type"), node_str_new(c->arena, STR("HttpRequester"), n));
    for (size_t i = 0; base && i < base->count; i++)
        if (!is_named(base->keys[i], reading_keys) &&
            !(has_url && (str_eq_c(base->keys[i], "url") || str_eq_c(base->keys[i], "url_base"))))
            node_map_put(made, base->keys[i], base->items[i]);
    for (size_t i = 0; i < n->count; i++)
        if (!is_named(n->keys[i], own_keys))
            node_map_put(made, n->keys[i], n->items[i]);
    if (headers)
        node_map_put(made, STR("request_headers"), headers);
    return made;
}

static bool
compile_schema(struct compiler *c, const struct node *n, struct template_operation *o)
{
    struct err inner = {0};
    if (!n)
        return true;
    o->info.input_schema = node_to_json(c->arena, n);
    if (!o->info.input_schema)
        return compile_full(c);
    o->schema = schema_compile(o->info.input_schema, &inner);
    return o->schema || err_set(c->err, inner.code == E_NO_MEMORY ? E_NO_MEMORY : E_TEMPLATE_INVALID, "input_schema: %s", inner.message);
}

/* A list or dotted text is a path into the answer; a text with braces an expression. */
static bool
compile_result(struct compiler *c, const struct node *spec, struct template_operation *o)
{
    const struct node *n = node_get_c(spec, "result");
    struct str text = node_text(n), head;
    if (!n || (n->type == NODE_STR && str_find_str(text, STR("{{")) >= 0))
        return !n || text_compile(c, spec, n, &o->result);
    size_t most = n->type == NODE_LIST ? n->count : text.len + 1;
    o->path = ARENA_ARRAY(c->arena, struct str, most + 1);
    if (!o->path)
        return compile_full(c);
    for (size_t i = 0; n->type == NODE_LIST && i < n->count; i++)
        o->path[o->path_count++] = n->items[i]->text;
    while (n->type == NODE_STR && text.len) {
        str_cut(text, '.', &head, &text);
        o->path[o->path_count++] = head;
    }
    return n->type == NODE_LIST || n->type == NODE_STR ||
           err_set(c->err, E_TEMPLATE_INVALID, "line %u: result must be a path or an expression", n->line);
}

static bool
compile_operation(struct compiler *c, struct template *t, const struct node *n, struct template_operation *o)
{
    struct str stream = node_text_at(n, "stream");
    const struct template_stream *base = base_stream(t, stream);
    if (stream.len && !base)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: there is no stream %.*s that can be read", n->line, STR_ARG(stream));
    const struct node *requester = base ? node_get_c(node_get_c(base->node, "retriever"), "requester") : NULL;
    struct node *made = requester_of(c, requester, n);
    if (!made)
        return compile_full(c);
    o->info.title = node_text_at(n, "title"), o->info.description = node_text_at(n, "description");
    o->plan.owner = t, o->plan.node = n, o->plan.info.name = o->info.name;
    if (!requester_compile(c, made, &o->plan.requester) || !compile_schema(c, node_get_c(n, "input_schema"), o) ||
        !compile_result(c, n, o) || !text_field(c, n, "success", &o->success) || !text_field(c, n, "message", &o->message))
        return false;
    o->info.method = o->plan.requester.method;
    o->info.safe = str_eq(o->info.method, STR("GET")) || str_eq(o->info.method, STR("HEAD")) || node_is_true_at(n, "safe");
    return true;
}

static bool
add_section(struct compiler *c, struct template *t, const struct node *section, struct str name)
{
    for (size_t i = 0; section && section->type == NODE_MAP && i < section->count; i++) {
        if (!is_operation(section->items[i]))
            continue;
        if (t->operation_count == OPERATIONS_MAX)
            return err_set(c->err, E_TEMPLATE_INVALID, "A template may declare at most %d operations", OPERATIONS_MAX);
        struct template_operation *o = &t->operations[t->operation_count++];
        o->info.section = name, o->info.name = section->keys[i];
        if (compile_operation(c, t, section->items[i], o))
            continue;
        char pointer[ERR_POINTER_BYTES], words[ERR_MESSAGE_BYTES];
        snprintf(pointer, sizeof(pointer), "/metadata/tidemark/%.*s/%.*s", STR_ARG(name), STR_ARG(o->info.name));
        snprintf(words, sizeof(words), "%s", c->err->message);
        err_set(c->err, c->err->code == E_TEMPLATE_REFUSED ? E_TEMPLATE_INVALID : c->err->code, "metadata.tidemark.%.*s.%.*s: %s",
                STR_ARG(name), STR_ARG(o->info.name), words);
        err_add_item(c->err, str_from_c(pointer), "%.150s", words);
        return false;
    }
    return true;
}

bool
operations_compile(struct compiler *c, struct template *t)
{
    const struct node *block = node_get_c(node_get_c(t->root, "metadata"), "tidemark"), *writes = node_get_c(block, "writes");
    if (!block)
        return true;
    t->operations = ARENA_ARRAY(c->arena, struct template_operation, OPERATIONS_MAX);
    if (!t->operations)
        return compile_full(c);
    if (!add_section(c, t, node_get_c(block, "actions"), STR("actions")) ||
        !add_section(c, t, node_get_c(block, "webhooks"), STR("webhooks")))
        return false;
    for (size_t i = 0; writes && writes->type == NODE_MAP && i < writes->count; i++) {
        struct str name = str_join2(c->arena, STR("writes."), writes->keys[i]);
        if (!name.ptr)
            return compile_full(c);
        if (!add_section(c, t, writes->items[i], name))
            return false;
    }
    return true;
}

void
operations_release(struct template *t)
{
    for (size_t i = 0; i < t->operation_count; i++)
        schema_free(t->operations[i].schema);
}
