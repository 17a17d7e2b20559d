/*
 * Streams that the configuration decides: declared by it, by a list in the manifest, or by the vendor's answer
 * (dynamic_streams), or there only under a condition (ConditionalStreams).
 *
 * A resolver gives a list of sets of values; each set makes one stream of the stream template by putting
 * values at places in it. A place is a path that may hold globs; what a value comes out as is read as YAML.
 * All this works on the manifest's nodes, before anything is compiled: the streams that come out are like
 * written ones. The template is copied along the changed paths only, the rest of the tree is shared.
 */
#include "template/plan_priv.h"

#include <fnmatch.h>

#include "base/limits.h"

#define DYNAMIC_STREAMS_MAX 1000

struct mapping_rule {
    struct text *path;
    size_t path_count;
    struct text value, condition;
    struct str value_type;
    bool create;
};

struct dynamic {
    struct compiler *c;
    const struct node *definition, *resolver;
    struct mapping_rule *rules;
    size_t rule_count;
    struct node **made;            /* the streams so far */
    size_t made_count;
    yyjson_val *template_json;
};

/* ---- nodes from values */

static struct node *
node_from_json(struct arena *a, yyjson_val *json, unsigned depth)
{
    size_t index, max;
    yyjson_val *key, *item;
    struct node *n = node_map_new(a, yyjson_is_ctn(json) ? yyjson_get_len(json) : 0, NULL);
    if (!n || depth > LIMIT_TEMPLATE_DEPTH)
        return NULL;
    if (yyjson_is_obj(json)) {
        yyjson_obj_foreach(json, index, max, key, item) {
            struct node *child = node_from_json(a, item, depth + 1);
            if (!child)
                return NULL;
            node_map_put(n, json_str(key), child);
        }
        return n;
    }
    if (yyjson_is_arr(json)) {
        n->type = NODE_LIST;
        yyjson_arr_foreach(json, index, max, item)
            if (!(n->items[n->count++] = node_from_json(a, item, depth + 1)))
                return NULL;
        return n;
    }
    n->type = yyjson_is_bool(json) ? NODE_BOOL : yyjson_is_str(json) ? NODE_STR : json_is_number(json) ? NODE_INT : NODE_NULL;
    n->flag = yyjson_is_true(json);
    n->text = n->type == NODE_STR ? json_str(json) : n->type == NODE_INT ? json_number_text(a, json) : STR_NONE;
    if (n->type == NODE_INT && (str_find(n->text, '.') >= 0 || str_find(n->text, 'e') >= 0))
        n->type = NODE_FLOAT;
    return n;
}

/* A text is read as YAML where it can be: "[a, b]" becomes a list. One that is no YAML stays what it is. */
static struct node *
node_of_value(struct compiler *c, struct value v, bool as_yaml)
{
    struct err ignored = {0};
    if (v.type == VALUE_STR || v.type == VALUE_UNDEFINED) {
        struct str text = v.type == VALUE_STR ? v.text : STR("");
        struct node *read = as_yaml && text.len ? yaml_read(c->arena, text, &ignored) : NULL;
        return read ? read : node_str_new(c->arena, text.ptr ? text : STR(""), NULL);
    }
    yyjson_mut_doc *doc = json_mut_doc(c->arena);
    yyjson_mut_val *json = doc ? value_to_json(doc, v) : NULL;
    return json ? node_from_json(c->arena, json_freeze(c->arena, json), 0) : NULL;
}

/* ---- putting a value at a place */

static bool
part_matches(struct str part, struct str name)
{
    char pattern[200], text[200];
    if (str_eq(part, name))
        return true;
    if (str_find(part, '*') < 0 && str_find(part, '?') < 0 && str_find(part, '[') < 0)
        return false;
    int p = snprintf(pattern, sizeof(pattern), "%.*s", STR_ARG(part)), t = snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
    return p > 0 && (size_t)p < sizeof(pattern) && t >= 0 && (size_t)t < sizeof(text) && fnmatch(pattern, text, 0) == 0;
}

static struct node *
copy_container(struct arena *a, const struct node *n, size_t more)
{
    struct node *copy = node_map_new(a, n->count + more, n);
    if (!copy)
        return NULL;
    copy->type = n->type, copy->count = n->count;
    if (n->count)
        memcpy(copy->items, n->items, n->count * sizeof(struct node *));
    if (n->type == NODE_MAP && n->count)
        memcpy(copy->keys, n->keys, n->count * sizeof(struct str));
    return copy;
}

/* The tree with the value at every place that the path names ("**": at any depth); NULL when memory is out. */
static struct node *
set_at(struct arena *a, struct node *n, const struct str *path, size_t count, struct node *value, size_t *changed)
{
    struct node *copy = NULL;
    char number[24];
    if (count == 0) {
        (*changed)++;
        return value;
    }
    bool deep = str_eq(path[0], STR("**"));
    if (deep && count > 1 && !(n = set_at(a, n, path + 1, count - 1, value, changed)))
        return NULL;
    for (size_t i = 0; (n->type == NODE_MAP || n->type == NODE_LIST) && i < n->count; i++) {
        int len = snprintf(number, sizeof(number), "%zu", i);
        struct str name = n->type == NODE_MAP ? n->keys[i] : (struct str){number, (size_t)len};
        if (!deep && !part_matches(path[0], name))
            continue;
        struct node *made = deep ? set_at(a, n->items[i], path, count, value, changed)
                                 : set_at(a, n->items[i], path + 1, count - 1, value, changed);
        if (!made || (made != n->items[i] && !copy && !(copy = copy_container(a, n, 0))))
            return NULL;
        if (made != n->items[i])
            copy->items[i] = made;
    }
    return copy ? copy : n;
}

/* The same where the place is not there yet: maps are made on the way. */
static struct node *
create_at(struct arena *a, struct node *n, const struct str *path, size_t count, struct node *value)
{
    if (count == 0)
        return value;
    if (n && n->type != NODE_MAP)
        return n;
    struct node *copy = n ? copy_container(a, n, 1) : node_map_new(a, 1, NULL);
    struct node *below = create_at(a, node_get(n, path[0]), path + 1, count - 1, value);
    if (!copy || !below)
        return NULL;
    node_map_put(copy, path[0], below);
    return copy;
}

/* ---- rules */

static bool
rules_compile(struct dynamic *d)
{
    struct compiler *c = d->c;
    const struct node *list = node_get_c(d->resolver, "components_mapping");
    if (!list || list->type != NODE_LIST)
        return refuse(c, "has a resolver without components_mapping");
    if (!(d->rules = ARENA_ARRAY(c->arena, struct mapping_rule, list->count + 1)))
        return compile_full(c);
    for (size_t i = 0; i < list->count; i++) {
        struct mapping_rule *rule = &d->rules[d->rule_count++];
        const struct node *n = list->items[i];
        rule->value_type = node_text_at(n, "value_type");
        rule->create = node_is_true_at(n, "create_or_update");
        if (!text_list_field(c, n, "field_path", &rule->path, &rule->path_count) || !text_field(c, n, "value", &rule->value) ||
            !text_field(c, n, "condition", &rule->condition))
            return false;
        if (rule->path_count == 0 || rule->path_count > LIMIT_TEMPLATE_DEPTH || !text_given(&rule->value))
            return refuse(c, "has a mapping without field_path or value at line %u", n->line);
    }
    return true;
}

static bool
resolver_is(const struct dynamic *d, const char *type)
{
    return node_type_is(d->resolver, type);
}

static bool
apply_rule(struct dynamic *d, const struct mapping_rule *rule, struct expr_scope *scope, struct node **stream)
{
    struct compiler *c = d->c;
    struct str path[LIMIT_TEMPLATE_DEPTH];
    struct value v;
    size_t changed = 0;
    bool wanted = true;
    if (text_given(&rule->condition) && resolver_is(d, "ConfigComponentsResolver") &&
        !text_bool(&rule->condition, scope, &wanted, c->err))
        return false;
    if (!wanted)
        return true;
    if (!text_typed_value(&rule->value, rule->value_type, scope, &v, c->err))
        return false;
    for (size_t i = 0; i < rule->path_count; i++)
        if (!text_str(&rule->path[i], scope, &path[i], c->err))
            return false;
    bool as_yaml = !resolver_is(d, "HttpComponentsResolver") &&
                   !(v.type == VALUE_STR && str_eq(rule->value_type, STR("string")) && resolver_is(d, "ConfigComponentsResolver"));
    struct node *value = node_of_value(c, v, as_yaml);
    struct node *made = value ? set_at(c->arena, *stream, path, rule->path_count, value, &changed) : NULL;
    if (made && changed == 0 && rule->create && node_is_true(value) && !resolver_is(d, "HttpComponentsResolver"))
        made = create_at(c->arena, made, path, rule->path_count, value);
    if (!made)
        return compile_full(c);
    *stream = made;
    return true;
}

/* ---- one stream of one set of values */

static bool
add_stream(struct dynamic *d, struct node *stream)
{
    struct compiler *c = d->c;
    const struct node *own = node_get_c(d->definition, "use_parent_parameters");
    bool parents_win = !(own && own->type == NODE_BOOL && !own->flag);
    if (d->made_count == DYNAMIC_STREAMS_MAX)
        return refuse(c, "makes more than %d streams", DYNAMIC_STREAMS_MAX);
    if (!(stream = manifest_propagate_stream(c->arena, stream, parents_win, c->err)))
        return false;
    struct str name = node_text_at(stream, "name");
    if (!name.ptr)
        return refuse(c, "makes a stream whose name is no text");
    for (size_t i = 0; i < d->made_count; i++)
        if (str_eq(node_text_at(d->made[i], "name"), name))
            return refuse(c, "makes two streams of the name \"%.*s\": check the configuration", STR_ARG(name));
    d->made[d->made_count++] = stream;
    return true;
}

static bool
resolve_one(struct dynamic *d, yyjson_val *values, yyjson_val *slice)
{
    struct compiler *c = d->c;
    struct scene scene = {.arena = c->arena, .config = c->config, .now_us = c->now_us, .slice = slice};
    struct expr_scope scope;
    struct node *stream = node_get_c(d->definition, "stream_template");
    scene_scope(&scene, &scope);
    expr_scope_set(&scope, STR("components_values"), value_from_json(values));
    expr_scope_set(&scope, STR("stream_template_config"), value_from_json(d->template_json));
    for (size_t i = 0; i < d->rule_count; i++)
        if (!apply_rule(d, &d->rules[i], &scope, &stream))
            return false;
    return add_stream(d, stream);
}

/* ---- the lists */

/* Follows a path that may hold globs to the first thing there. */
static yyjson_val *
find_first(yyjson_val *at, const struct str *path, size_t count)
{
    size_t index, max;
    yyjson_val *key, *item, *found;
    if (count == 0)
        return at;
    if (yyjson_is_arr(at))
        return find_first(path_find(at, path, 1), path + 1, count - 1);
    JSON_EACH_MEMBER(yyjson_is_obj(at) ? at : NULL, index, max, key, item) {
        if (part_matches(path[0], json_str(key)) && (found = find_first(item, path + 1, count - 1)))
            return found;
    }
    return NULL;
}

/* What one stream_config gives: the configuration's list, or its one value, and the manifest's own. */
static bool
list_of(struct dynamic *d, const struct node *n, yyjson_mut_doc *doc, yyjson_mut_val **list_out)
{
    struct compiler *c = d->c;
    struct scene scene = {.arena = c->arena, .config = c->config, .now_us = c->now_us};
    struct expr_scope scope;
    struct text *path;
    struct str names[LIMIT_TEMPLATE_DEPTH];
    size_t count, index, max;
    yyjson_val *item, *defaults = node_to_json(c->arena, node_get_c(n, "default_values"));
    if (!text_list_field(c, n, "configs_pointer", &path, &count) || count > LIMIT_TEMPLATE_DEPTH)
        return count > LIMIT_TEMPLATE_DEPTH ? refuse(c, "has too long a configs_pointer") : false;
    scene_scope(&scene, &scope);
    for (size_t i = 0; i < count; i++)
        if (!text_str(&path[i], &scope, &names[i], c->err))
            return false;
    yyjson_val *found = find_first(c->config, names, count);
    yyjson_mut_val *list = !doc ? NULL : yyjson_is_arr(found) ? yyjson_val_mut_copy(doc, found) : yyjson_mut_arr(doc);
    if (!list || !defaults)
        return compile_full(c);
    if (found && !yyjson_is_arr(found))
        yyjson_mut_arr_append(list, yyjson_val_mut_copy(doc, found));
    JSON_EACH_ITEM(yyjson_is_arr(defaults) ? defaults : NULL, index, max, item)
        yyjson_mut_arr_append(list, yyjson_val_mut_copy(doc, item));
    *list_out = list;
    return true;
}

/* One combination's elements as one object; what is no object stands under a made-up name, with its index. */
static void
merge_element(yyjson_mut_doc *doc, yyjson_mut_val *into, size_t nr, size_t at, yyjson_mut_val *element)
{
    size_t index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_obj(element)) {
        yyjson_mut_obj_foreach(element, index, max, key, item)
            yyjson_mut_obj_put(into, yyjson_mut_val_mut_copy(doc, key), yyjson_mut_val_mut_copy(doc, item));
        return;
    }
    char name[40];
    snprintf(name, sizeof(name), "source_config_%zu", nr);
    yyjson_mut_val *pair = yyjson_mut_arr(doc);
    yyjson_mut_arr_add_uint(doc, pair, at);
    yyjson_mut_arr_append(pair, yyjson_mut_val_mut_copy(doc, element));
    if (!yyjson_mut_obj_get(into, name))
        yyjson_mut_obj_put(into, yyjson_mut_strcpy(doc, name), pair);
}

#define STREAM_CONFIGS_MAX 8

static bool
resolve_config(struct dynamic *d)
{
    struct compiler *c = d->c;
    const struct node *own = node_get_c(d->resolver, "stream_config");
    bool is_list = own && own->type == NODE_LIST;
    size_t count = is_list ? own->count : 1, combinations = 1;
    yyjson_mut_val *lists[STREAM_CONFIGS_MAX];
    yyjson_mut_doc *doc = json_mut_doc(c->arena);
    if (!own || count == 0 || count > STREAM_CONFIGS_MAX)
        return refuse(c, "needs one to %d stream_config", STREAM_CONFIGS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!list_of(d, is_list ? own->items[i] : own, doc, &lists[i]))
            return false;
        combinations *= yyjson_mut_arr_size(lists[i]);
        if (combinations > DYNAMIC_STREAMS_MAX)
            return refuse(c, "makes more than %d streams", DYNAMIC_STREAMS_MAX);
    }
    for (size_t i = 0; i < combinations; i++) {
        yyjson_mut_val *merged = yyjson_mut_obj(doc);
        size_t rest = i, span = combinations;
        for (size_t k = 0; merged && k < count; k++) {
            size_t size = yyjson_mut_arr_size(lists[k]);
            span /= size;
            merge_element(doc, merged, k, rest / span, yyjson_mut_arr_get(lists[k], rest / span));
            rest %= span;
        }
        yyjson_val *values = merged ? json_freeze(c->arena, merged) : NULL;
        if (!values)
            return compile_full(c);
        if (!resolve_one(d, values, NULL))
            return false;
    }
    return true;
}

static bool
resolve_parameters(struct dynamic *d)
{
    size_t index, max;
    yyjson_val *values;
    const struct node *list = node_get_c(node_get_c(d->resolver, "stream_parameters"), "list_of_parameters_for_stream");
    yyjson_val *json = node_to_json(d->c->arena, list);
    JSON_EACH_ITEM(yyjson_is_arr(json) ? json : NULL, index, max, values) {
        if (!resolve_one(d, values, NULL))
            return false;
    }
    return json || compile_full(d->c);
}

/* Records that the vendor gave, each with its slice: [[record, slice], ...]. */
static bool
resolve_records(struct dynamic *d, yyjson_val *records)
{
    size_t index, max;
    yyjson_val *pair;
    if (!records)
        return refuse(d->c, "has streams that the vendor lists, and that list was not read");
    JSON_EACH_ITEM(records, index, max, pair) {
        if (!resolve_one(d, yyjson_arr_get(pair, 0), yyjson_arr_get(pair, 1)))
            return false;
    }
    return true;
}

static bool
resolve(struct dynamic *d, yyjson_val *records)
{
    struct compiler *c = d->c;
    const struct node *stream_template = node_get_c(d->definition, "stream_template");
    if (!stream_template || stream_template->type != NODE_MAP)
        return refuse(c, "has no stream_template");
    d->template_json = node_to_json(c->arena, stream_template);
    d->made = ARENA_ARRAY(c->arena, struct node *, DYNAMIC_STREAMS_MAX);
    if (!d->template_json || !d->made)
        return compile_full(c);
    if (!rules_compile(d))
        return false;
    if (resolver_is(d, "ConfigComponentsResolver"))
        return resolve_config(d);
    if (resolver_is(d, "ParametrizedComponentsResolver"))
        return resolve_parameters(d);
    if (resolver_is(d, "HttpComponentsResolver"))
        return resolve_records(d, records);
    return refuse_component(c, d->resolver);
}

/* ---- */

static struct str
name_of(struct arena *a, const struct node *definition, size_t index)
{
    struct str name = node_text_at(definition, "name");
    return name.len ? name : str_format(a, "dynamic_stream_%zu", index);
}

bool
dynamic_compile(struct compiler *c, struct template *t, const struct node *list)
{
    size_t count = list && list->type == NODE_LIST ? list->count : 0;
    t->dynamics = ARENA_ARRAY(c->arena, struct template_dynamic, count + 1);
    if (!t->dynamics)
        return compile_full(c);
    for (size_t i = 0; i < count; i++) {
        struct template_dynamic *one = &t->dynamics[t->dynamic_count++];
        const struct node *resolver = node_get_c(list->items[i], "components_resolver");
        *one = (struct template_dynamic){.definition = list->items[i], .name = name_of(c->arena, list->items[i], i), .refused = STR_NONE};
        if (!one->name.ptr)
            return compile_full(c);
        if (!node_type_is(resolver, "HttpComponentsResolver"))
            continue;
        if (!(one->list = ARENA_NEW(c->arena, struct template_stream)))
            return compile_full(c);
        struct node *stream = node_map_new(c->arena, 4, resolver);
        struct node *type = node_str_new(c->arena, STR("DeclarativeStream"), resolver);
        struct node *name = node_str_new(c->arena, one->name, resolver);
        struct node *retriever = node_get_c(resolver, "retriever");
        if (!stream || !type || !name)
            return compile_full(c);
        node_map_put(stream, STR("type"), type);
        node_map_put(stream, STR("name"), name);
        if (retriever)
            node_map_put(stream, STR("retriever"), retriever);
        if (!template_compile_stream(c, stream, i, one->list))
            return false;
        one->list->slice_unsent = true; /* partitions of a list show in paths only, as in the field's readers */
        one->refused = one->list->info.refused;
    }
    return true;
}

/* A refusal spoils one dynamic declaration only: it stands in the list under its own name. */
bool
dynamic_streams(struct compiler *c, const struct template_dynamic *one, size_t index, struct node ***streams_out, size_t *count_out,
                struct str *refused_out)
{
    struct err *outer = c->err, inner = {0};
    struct dynamic d = {.c = c, .definition = one->definition, .resolver = node_get_c(one->definition, "components_resolver")};
    yyjson_val *records = c->lists ? yyjson_arr_get(c->lists, index) : NULL;
    c->err = &inner;
    bool ok = str_is_none(one->refused) && resolve(&d, yyjson_is_arr(records) ? records : NULL);
    c->err = outer;
    *streams_out = d.made, *count_out = ok ? d.made_count : 0;
    *refused_out = STR_NONE;
    if (ok)
        return true;
    *refused_out = str_is_none(one->refused) ? str_copy(c->arena, str_from_c(inner.message)) : one->refused;
    return refused_out->ptr || compile_full(c);
}

bool
conditional_holds(struct compiler *c, const struct node *n, bool *holds_out)
{
    struct text condition;
    struct scene scene = {.arena = c->arena, .config = c->config, .now_us = c->now_us};
    struct expr_scope scope;
    *holds_out = true;
    if (!c->config || !text_field(c, n, "condition", &condition) || !text_given(&condition))
        return c->err->code == E_OK;
    scene_scope(&scene, &scope);
    return text_bool(&condition, &scope, holds_out, c->err);
}
