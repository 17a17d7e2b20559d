/*
 * Query properties: fields that a request must name, in portions that a vendor bears (QueryProperties, PropertyChunking,
 * PropertiesFromEndpoint).
 *
 * A page is then asked for once per portion, and what the answers tell of one record is laid together by its key. The
 * names stand in the manifest or are asked for, once per read. Between the requests of a page its records wait in a
 * memory of their own, since the page's is cleared with each request; after a restart the page is asked for anew.
 */
#include "template/properties_priv.h"

#include "base/limits.h"

/* ---- loading */

static bool
names_compile(struct compiler *c, const struct node *list, yyjson_val **names_out)
{
    *names_out = NULL;
    if (!list || list->type != NODE_LIST || list->count == 0)
        return true;
    for (size_t i = 0; i < list->count; i++)
        if (!node_text(list->items[i]).ptr)
            return refuse(c, "has a query property at line %u that is no text", list->line);
    *names_out = node_to_json(c->arena, list);
    return *names_out || compile_full(c);
}

/* Slices of a router are nothing to a list of names: other readers leave it out too. */
static bool
source_compile(struct compiler *c, const struct node *n, struct str stream, struct properties_plan *plan)
{
    static const char *const drop_router[] = {"partition_router", NULL};
    const struct node *retriever = node_get_c(n, "retriever");
    struct node *made = node_map_new(c->arena, 3, n), *type = node_str_new(c->arena, STR("DeclarativeStream"), n);
    struct node *name = node_str_new(c->arena, stream, n);
    if (!retriever || retriever->type != NODE_MAP)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: PropertiesFromEndpoint needs a retriever", n->line);
    struct node *bare = node_overlay(c, retriever, NULL, drop_router);
    if (!made || !type || !name || !bare || !(plan->source = ARENA_NEW(c->arena, struct template_stream)))
        return compile_full(c);
    node_map_put(made, STR("type"), type);
    node_map_put(made, STR("name"), name);
    node_map_put(made, STR("retriever"), bare);
    return text_list_field(c, n, "property_field_path", &plan->path, &plan->path_count) && stream_compile(c, made, plan->source);
}

static bool
chunking_compile(struct compiler *c, const struct node *n, struct properties_plan *plan)
{
    const struct node *strategy = node_get_c(n, "record_merge_strategy"), *key = node_get_c(strategy, "key");
    struct str type = node_text_at(n, "property_limit_type");
    if (!n || n->type == NODE_NULL)
        return true;
    plan->chunked = true;
    plan->by_characters = str_eq(type, STR("characters"));
    if (!plan->by_characters && !str_eq(type, STR("property_count")))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: property_limit_type must be characters or property_count", n->line);
    const struct node *limit = node_get_c(n, "property_limit");
    if (limit && limit->type != NODE_NULL && !str_to_i64(limit->text, 0, INT32_MAX, &plan->limit))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: property_limit must be a whole number", limit->line);
    if (strategy && strategy->type != NODE_NULL && !node_type_is(strategy, "GroupByKeyMergeStrategy"))
        return refuse_component(c, strategy);
    if (key && key->type == NODE_LIST)
        return names_compile(c, key, &plan->keys);
    plan->key = node_text(key).len ? node_text(key) : STR("id");
    return true;
}

static bool
plan_compile(struct compiler *c, const struct node *n, struct str stream, struct properties_plan *plan)
{
    const struct node *list = node_get_c(n, "property_list");
    if (node_type_is(n, "PropertiesFromEndpoint"))
        return source_compile(c, n, stream, plan);
    if (!node_type_is(n, "QueryProperties"))
        return refuse_component(c, n);
    if (list && list->type == NODE_MAP) {
        if (!node_type_is(list, "PropertiesFromEndpoint"))
            return refuse_component(c, list);
        if (!source_compile(c, list, stream, plan))
            return false;
    }
    return names_compile(c, list, &plan->names) &&
           names_compile(c, node_get_c(n, "always_include_properties"), &plan->always) &&
           chunking_compile(c, node_get_c(n, "property_chunking"), plan);
}

/* The entry of request_parameters that stands for the names, or NULL. */
static const struct node *
parameter_of(const struct node *requester, struct str *key_out)
{
    const struct node *parameters = node_get_c(requester, "request_parameters");
    for (size_t i = 0; parameters && parameters->type == NODE_MAP && i < parameters->count; i++)
        if (node_type_is(parameters->items[i], "QueryProperties")) {
            *key_out = parameters->keys[i];
            return parameters->items[i];
        }
    return NULL;
}

static bool
strip(struct compiler *c, const struct node *requester, struct str key, const struct node **bare_out)
{
    static const char *const drop[] = {"query_properties", "fetch_properties_from_endpoint", NULL};
    const struct node *parameters = node_get_c(requester, "request_parameters");
    struct node *bare = node_overlay(c, requester, NULL, drop);
    if (!bare)
        return false;
    *bare_out = bare;
    if (!key.ptr)
        return true;
    const char *const drop_key[] = {str_cstr(c->arena, key), NULL};
    struct node *rest = drop_key[0] ? node_overlay(c, parameters, NULL, drop_key) : NULL;
    if (!rest)
        return compile_full(c);
    for (size_t i = 0; i < bare->count; i++)
        if (str_eq_c(bare->keys[i], "request_parameters"))
            bare->items[i] = rest;
    return true;
}

bool
properties_compile(struct compiler *c, const struct node *requester, struct str stream, struct properties_plan **plan_out,
                   const struct node **bare_out)
{
    struct str key = STR_NONE;
    const struct node *n = parameter_of(requester, &key);
    *plan_out = NULL, *bare_out = requester;
    if (!n && node_is_true_at(requester, "fetch_properties_from_endpoint"))
        n = node_get_c(requester, "fetch_properties_from_endpoint");
    if (!n && node_is_true_at(requester, "query_properties"))
        n = node_get_c(requester, "query_properties");
    if (!n || n->type != NODE_MAP)
        return true;
    if (!(*plan_out = ARENA_NEW(c->arena, struct properties_plan)))
        return compile_full(c);
    (*plan_out)->parameter = key;
    return plan_compile(c, n, stream, *plan_out) && strip(c, requester, key, bare_out);
}

/* ---- the portions */

static bool
add_all(yyjson_mut_doc *doc, yyjson_mut_val *list, yyjson_val *names)
{
    size_t index, max;
    yyjson_val *name;
    JSON_EACH_ITEM(names, index, max, name) {
        if (!yyjson_mut_arr_append(list, yyjson_val_mut_copy(doc, name)))
            return false;
    }
    return true;
}

static int64_t
size_of(const struct properties_plan *plan, yyjson_val *name)
{
    struct str text = json_str(name);
    int64_t characters = 0;
    for (size_t i = 0; i < text.len; i++)
        characters += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return plan->by_characters ? characters + 3 : 1; /* 3: a delimiter, escaped */
}

/* What is always there stands before a portion, and counts nothing; it ends the one portion of a list without a limit. */
static bool
portions(const struct properties_plan *plan, yyjson_val *names, yyjson_mut_doc *doc, yyjson_mut_val *all)
{
    bool limited = plan->chunked && plan->limit > 0, always_last = plan->chunked && !limited;
    yyjson_mut_val *current = yyjson_mut_arr(doc);
    int64_t used = 0;
    size_t index, max;
    yyjson_val *name;
    if (!current || (!always_last && !add_all(doc, current, plan->always)))
        return false;
    JSON_EACH_ITEM(names, index, max, name) {
        int64_t size = size_of(plan, name);
        if (limited && used + size > plan->limit) {
            yyjson_mut_arr_append(all, current);
            used = 0;
            if (!(current = yyjson_mut_arr(doc)) || !add_all(doc, current, plan->always))
                return false;
        }
        if (!yyjson_mut_arr_append(current, yyjson_val_mut_copy(doc, name)))
            return false;
        used += size;
    }
    return (!always_last || add_all(doc, current, plan->always)) && yyjson_mut_arr_append(all, current);
}

static bool
split(struct reader *r, yyjson_val *names, struct err *err)
{
    yyjson_mut_doc *doc = json_mut_doc(&r->keep);
    yyjson_mut_val *all = doc ? yyjson_mut_arr(doc) : NULL;
    if (!all || !portions(r->stream->properties, names, doc, all))
        return err_no_memory(err);
    r->portions.lists = json_freeze(&r->keep, all);
    return r->portions.lists || err_no_memory(err);
}

/* ---- asking for the names */

static bool
take_names(struct reader *r, struct arena *page, const struct reader_event *event, struct err *err)
{
    const struct properties_plan *plan = r->stream->properties;
    struct scene scene;
    struct expr_scope scope;
    struct str path[LIMIT_TEMPLATE_DEPTH];
    reader_scene(r, page, value_undefined(), &scene);
    scene_scope(&scene, &scope);
    for (size_t i = 0; i < plan->path_count && i < ARRAY_LEN(path); i++)
        if (!text_str(&plan->path[i], &scope, &path[i], err))
            return false;
    for (size_t i = 0; i < event->record_count; i++) {
        yyjson_val *name = str_is_none(event->records[i].rejected) ? path_find(event->records[i].value, path, plan->path_count) : NULL;
        struct str text = yyjson_is_str(name) ? json_str(name) : name && json_is_number(name) ? json_number_text(page, name) : STR_NONE;
        if (text.ptr && !yyjson_mut_arr_add_strncpy(r->portions.doc, r->portions.names, text.ptr, text.len))
            return err_no_memory(err);
    }
    return true;
}

/* READER_DONE: all names are known. */
static enum reader_step
ask(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct reader_options options = r->options;
    options.state = NULL, options.position = STR_NONE, options.updated_since = STR_NONE, options.first_request_only = false;
    struct portions *p = &r->portions;
    if (!p->source) {
        p->doc = json_mut_doc(&r->keep);
        p->names = p->doc ? yyjson_mut_arr(p->doc) : NULL;
        if (!p->names)
            return err_no_memory(err), READER_FAILED;
        if (!(p->source = reader_new_for(&options, r->stream->properties->source, r->root, err)))
            return READER_FAILED;
    }
    for (;;) {
        enum reader_step step = reader_next(p->source, page, event, err);
        if (step == READER_REQUEST && event->purpose == READER_FOR_PAGE)
            event->purpose = READER_FOR_SCHEMA;
        if (step != READER_PAGE)
            return step;
        if (!take_names(r, page, event, err))
            return READER_FAILED;
    }
}

enum reader_step
properties_next(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct portions *p = &r->portions;
    const struct properties_plan *plan = r->stream->properties;
    if (!plan || p->lists)
        return READER_DONE;
    if (!plan->source)
        return split(r, plan->names, err) ? READER_DONE : READER_FAILED;
    enum reader_step step = ask(r, page, event, err);
    if (step != READER_DONE)
        return step;
    yyjson_val *names = json_freeze(&r->keep, p->names);
    reader_free(p->source);
    p->source = NULL;
    *event = (struct reader_event){.declared_total = -1};
    if (!names)
        return err_no_memory(err), READER_FAILED;
    return split(r, names, err) ? READER_DONE : READER_FAILED;
}

/* ---- one request */

static yyjson_val *
portion(const struct reader *r)
{
    return yyjson_arr_get(r->portions.lists, r->portions.index);
}

bool
properties_scene(const struct reader *r, struct scene *scene)
{
    size_t index, max;
    yyjson_val *key, *item, *names = r->stream->properties ? portion(r) : NULL;
    if (!names)
        return true;
    yyjson_mut_doc *doc = json_mut_doc(scene->arena);
    yyjson_mut_val *slice = doc ? yyjson_mut_obj(doc) : NULL, *extra = doc ? yyjson_mut_obj(doc) : NULL;
    if (!slice || !extra)
        return false;
    JSON_EACH_MEMBER(r->slice, index, max, key, item) {
        if (!str_eq(json_str(key), STR("extra_fields")))
            yyjson_mut_obj_add(slice, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
    JSON_EACH_MEMBER(r->extra, index, max, key, item) {
        yyjson_mut_obj_add(extra, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
    yyjson_mut_obj_put(extra, yyjson_mut_str(doc, "query_properties"), yyjson_val_mut_copy(doc, names));
    yyjson_mut_obj_add_val(doc, slice, "extra_fields", extra);
    scene->slice = json_freeze(scene->arena, slice);
    return scene->slice != NULL;
}

bool
properties_apply(const struct reader *r, struct draft *d, struct err *err)
{
    const struct properties_plan *plan = r->stream->properties;
    struct str text = STR("");
    size_t index, max;
    yyjson_val *name;
    if (!plan || !plan->parameter.ptr)
        return true;
    JSON_EACH_ITEM(portion(r), index, max, name) {
        text = index ? str_format(d->arena, "%.*s,%.*s", STR_ARG(text), STR_ARG(json_str(name))) : json_str(name);
        if (!text.ptr)
            return err_no_memory(err);
    }
    return draft_put(d, INJECT_QUERY, plan->parameter, value_str(text), err);
}

/* ---- what the answers of one page tell */

bool
properties_more(const struct reader *r)
{
    return r->stream->properties && r->portions.index + 1 < yyjson_arr_size(r->portions.lists);
}

void
properties_page_begin(struct reader *r)
{
    struct portions *p = &r->portions;
    p->index = 0;
    p->records = p->merged = NULL;
    p->page = NULL;
    arena_clear(&p->arena);
}

static bool
page_open(struct reader *r)
{
    struct portions *p = &r->portions;
    if (p->page)
        return true;
    map_init(&p->by_key, &p->arena);
    p->page = json_mut_doc(&p->arena);
    p->records = p->page ? yyjson_mut_arr(p->page) : NULL;
    p->merged = p->page ? yyjson_mut_arr(p->page) : NULL;
    return p->records && p->merged;
}

/* A part of a record's key; STR_NONE: missing, or empty. */
static struct str
key_part(struct arena *a, yyjson_val *record, struct str name)
{
    yyjson_val *value = json_get(record, name);
    if (!value || !value_is_true(value_from_json(value)))
        return STR_NONE;
    return yyjson_is_str(value) ? json_str(value) : json_to_text(a, value);
}

static struct str
key_of(const struct properties_plan *plan, struct arena *a, yyjson_val *record)
{
    size_t index, max;
    yyjson_val *name;
    struct str all = STR_NONE;
    if (!plan->chunked)
        return STR_NONE;
    if (!plan->keys)
        return key_part(a, record, plan->key);
    JSON_EACH_ITEM(plan->keys, index, max, name) {
        struct str part = key_part(a, record, json_str(name));
        if (!part.ptr)
            return STR_NONE;
        all = index ? str_format(a, "%.*s,%.*s", STR_ARG(all), STR_ARG(part)) : part;
    }
    return all;
}

/* Entries are [record], or [record, why it was rejected]. */
static bool
keep_loose(struct portions *p, yyjson_val *record, struct str rejected)
{
    yyjson_mut_val *entry = yyjson_mut_arr(p->page);
    return entry && yyjson_mut_arr_append(entry, yyjson_val_mut_copy(p->page, record)) &&
           (str_is_none(rejected) || yyjson_mut_arr_add_strncpy(p->page, entry, rejected.ptr, rejected.len)) &&
           yyjson_mut_arr_append(p->records, entry);
}

bool
properties_keep(struct reader *r, yyjson_val *record, struct str rejected, struct err *err)
{
    struct portions *p = &r->portions;
    bool ok = page_open(r);
    struct str key = ok && str_is_none(rejected) && yyjson_is_obj(record) ? key_of(r->stream->properties, &p->arena, record) : STR_NONE;
    if (ok && str_is_none(key)) {
        ok = keep_loose(p, record, rejected);
    } else if (ok) {
        yyjson_mut_val *there = map_get(&p->by_key, key);
        struct str name = there ? key : str_copy(&p->arena, key);
        if (there)
            json_merge(p->page, there, record);
        else
            ok = (there = yyjson_val_mut_copy(p->page, record)) && name.ptr && map_put(&p->by_key, name, there) &&
                 yyjson_mut_arr_append(p->merged, there);
    }
    return ok || err_set(err, E_PAGE_TOO_LARGE, "The page does not fit in memory");
}

bool
properties_take(struct reader *r, struct arena *page, yyjson_val **loose_out, yyjson_val **merged_out, struct err *err)
{
    struct portions *p = &r->portions;
    if (!page_open(r) || !(*loose_out = json_freeze(page, p->records)) || !(*merged_out = json_freeze(page, p->merged)))
        return err_set(err, E_PAGE_TOO_LARGE, "The page does not fit in memory");
    properties_page_begin(r);
    return true;
}
