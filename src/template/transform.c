/*
 * Transformations: AddFields, RemoveFields, DpathFlattenFields, KeysToLower, KeysReplace (manifest-format, rules 30, 31);
 * those that make a record anew are in transform_keys.c.
 */
#include "template/transform_priv.h"

#include <fnmatch.h>

#include "base/limits.h"

struct added_field {
    struct str *path;
    size_t path_count;
    struct text value;
    struct str value_type;
};
struct add_plan {
    struct text condition;
    struct added_field *fields;
    size_t count;
};
struct remove_plan {
    struct text condition;
    struct str **pointers;
    size_t *counts;
    size_t count;
};
struct flatten_plan {
    struct text *path;
    size_t path_count;
    bool delete_origin, replace_record;
    struct text prefix, suffix;
};
struct replace_plan {
    struct text from, to;
};

static bool
path_compile(struct compiler *c, const struct node *list, struct str **path_out, size_t *count_out)
{
    if (!list || list->type != NODE_LIST || list->count == 0 || list->count > LIMIT_TEMPLATE_DEPTH)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a field path must be a list of names", list ? list->line : 0);
    *path_out = ARENA_ARRAY(c->arena, struct str, list->count + 1);
    if (!*path_out)
        return compile_full(c);
    for (size_t i = 0; i < list->count; i++)
        (*path_out)[i] = list->items[i]->text.ptr ? list->items[i]->text : STR("");
    *count_out = list->count;
    return true;
}

static yyjson_mut_val *
key_of(yyjson_mut_doc *doc, struct str name)
{
    return yyjson_mut_strncpy(doc, name.ptr ? name.ptr : "", name.len);
}

static yyjson_mut_val *
mut_get(yyjson_mut_val *object, struct str name)
{
    return yyjson_mut_is_obj(object) ? yyjson_mut_obj_getn(object, name.ptr, name.len) : NULL;
}

static void
mut_put(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str name, yyjson_mut_val *value)
{
    yyjson_mut_val *key = key_of(doc, name);
    if (key && value)
        yyjson_mut_obj_put(object, key, value);
}

/* ---- AddFields */

static bool
add_compile(struct compiler *c, const struct node *n, struct transform *t)
{
    struct add_plan *plan = ARENA_NEW(c->arena, struct add_plan);
    const struct node *fields = node_get_c(n, "fields");
    if (!fields || fields->type != NODE_LIST)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: AddFields needs fields", n->line);
    if (!plan || !(plan->fields = ARENA_ARRAY(c->arena, struct added_field, fields->count + 1)))
        return compile_full(c);
    t->plan = plan, plan->count = fields->count;
    for (size_t i = 0; i < fields->count; i++) {
        const struct node *f = fields->items[i];
        plan->fields[i].value_type = node_text_at(f, "value_type");
        if (!path_compile(c, node_get_c(f, "path"), &plan->fields[i].path, &plan->fields[i].path_count) ||
            !text_field(c, f, "value", &plan->fields[i].value))
            return false;
    }
    return text_field(c, n, "condition", &plan->condition);
}

static bool
put_at(yyjson_mut_doc *doc, yyjson_mut_val *at, const struct str *path, size_t count, yyjson_mut_val *value, struct err *err)
{
    for (size_t i = 0; i + 1 < count; i++) {
        yyjson_mut_val *next = mut_get(at, path[i]);
        if (!next) {
            next = yyjson_mut_obj(doc);
            mut_put(doc, at, path[i], next);
        }
        if (!yyjson_mut_is_obj(next))
            return err_set(err, E_EXPRESSION, "AddFields cannot put a field below \"%.*s\", which is no object", STR_ARG(path[i]));
        at = next;
    }
    mut_put(doc, at, path[count - 1], value);
    return true;
}

static bool
add_one(const struct add_plan *plan, const struct added_field *f, yyjson_mut_doc *doc, yyjson_mut_val *record,
        struct expr_scope *scope, struct err *err)
{
    struct value v;
    bool wanted = true;
    yyjson_val *now = json_freeze(scope->arena, record); /* later fields see earlier ones (rule 30) */
    expr_scope_set(scope, STR("record"), value_from_json(now));
    if (!text_typed_value(&f->value, f->value_type, scope, &v, err))
        return false;
    if (text_given(&plan->condition)) {
        expr_scope_set(scope, STR("value"), v);
        if (!text_bool(&plan->condition, scope, &wanted, err))
            return false;
    }
    yyjson_mut_val *json = wanted ? value_to_json(doc, v) : NULL;
    if (wanted && !json)
        return err_no_memory(err);
    return !wanted || put_at(doc, record, f->path, f->path_count, json, err);
}

static bool
add_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err)
{
    const struct add_plan *plan = t->plan;
    for (size_t i = 0; i < plan->count; i++)
        if (!add_one(plan, &plan->fields[i], doc, record, scope, err))
            return false;
    return true;
}

/* ---- RemoveFields */

static bool
remove_compile(struct compiler *c, const struct node *n, struct transform *t)
{
    struct remove_plan *plan = ARENA_NEW(c->arena, struct remove_plan);
    const struct node *pointers = node_get_c(n, "field_pointers");
    if (!pointers || pointers->type != NODE_LIST)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: RemoveFields needs field_pointers", n->line);
    if (!plan || !(plan->pointers = ARENA_ARRAY(c->arena, struct str *, pointers->count + 1)) ||
        !(plan->counts = ARENA_ARRAY(c->arena, size_t, pointers->count + 1)))
        return compile_full(c);
    t->plan = plan, plan->count = pointers->count;
    for (size_t i = 0; i < pointers->count; i++)
        if (!path_compile(c, pointers->items[i], &plan->pointers[i], &plan->counts[i]))
            return false;
    return text_field(c, n, "condition", &plan->condition);
}

static bool
is_glob(struct str s)
{
    return str_find(s, '*') >= 0 || str_find(s, '?') >= 0 || str_find(s, '[') >= 0;
}

static bool
name_matches(struct arena *a, struct str pattern, struct str name)
{
    if (!is_glob(pattern))
        return str_eq(pattern, name);
    if (pattern.len > 256 || name.len > 4096) /* fnmatch takes its time on long ones */
        return false;
    char *p = str_cstr(a, pattern), *s = str_cstr(a, name);
    return p && s && fnmatch(p, s, 0) == 0;
}

static bool
remove_allows(const struct remove_plan *plan, yyjson_mut_val *value, struct expr_scope *scope, bool *yes_out, struct err *err)
{
    *yes_out = true;
    if (!text_given(&plan->condition))
        return true;
    expr_scope_set(scope, STR("property"), value_from_json(json_freeze(scope->arena, value)));
    return text_bool(&plan->condition, scope, yes_out, err);
}

static bool remove_at(const struct remove_plan *plan, size_t which, size_t depth, yyjson_mut_val *at, struct expr_scope *scope,
                      struct err *err);

/* "**" stands for any number of members: here, and below every member. */
static bool
remove_deep(const struct remove_plan *plan, size_t which, size_t depth, yyjson_mut_val *at, struct expr_scope *scope, struct err *err)
{
    size_t index, max;
    yyjson_mut_val *item, *key;
    if (!remove_at(plan, which, depth + 1, at, scope, err))
        return false;
    if (yyjson_mut_is_arr(at)) {
        yyjson_mut_arr_foreach(at, index, max, item)
            if (!remove_deep(plan, which, depth, item, scope, err))
                return false;
    }
    if (yyjson_mut_is_obj(at)) {
        yyjson_mut_obj_foreach(at, index, max, key, item)
            if (!remove_deep(plan, which, depth, item, scope, err))
                return false;
    }
    return true;
}

static bool
remove_at(const struct remove_plan *plan, size_t which, size_t depth, yyjson_mut_val *at, struct expr_scope *scope, struct err *err)
{
    const struct str pattern = plan->pointers[which][depth];
    bool last = depth + 1 == plan->counts[which], yes;
    size_t index, max;
    yyjson_mut_val *item, *key;
    if (str_eq(pattern, STR("**")) && !last)
        return remove_deep(plan, which, depth, at, scope, err);
    if (yyjson_mut_is_arr(at) && !last) {
        yyjson_mut_arr_foreach(at, index, max, item) {
            struct str number = str_format(scope->arena, "%zu", index);
            if (name_matches(scope->arena, pattern, number) && !remove_at(plan, which, depth + 1, item, scope, err))
                return false;
        }
        return true;
    }
    if (!yyjson_mut_is_obj(at))
        return true;
    yyjson_mut_obj_iter iter;
    yyjson_mut_obj_iter_init(at, &iter);
    while ((key = yyjson_mut_obj_iter_next(&iter))) {
        item = yyjson_mut_obj_iter_get_val(key);
        if (!name_matches(scope->arena, pattern, (struct str){yyjson_mut_get_str(key), yyjson_mut_get_len(key)}))
            continue;
        if (!last && !remove_at(plan, which, depth + 1, item, scope, err))
            return false;
        if (last && !remove_allows(plan, item, scope, &yes, err))
            return false;
        if (last && yes)
            yyjson_mut_obj_iter_remove(&iter);
    }
    return true;
}

static bool
remove_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err)
{
    const struct remove_plan *plan = t->plan;
    (void)doc;
    for (size_t i = 0; i < plan->count; i++)
        if (!remove_at(plan, i, 0, record, scope, err))
            return false;
    return true;
}

/* ---- DpathFlattenFields */

static bool
flatten_compile(struct compiler *c, const struct node *n, struct transform *t)
{
    struct flatten_plan *plan = ARENA_NEW(c->arena, struct flatten_plan);
    if (!plan)
        return compile_full(c);
    t->plan = plan;
    plan->delete_origin = node_is_true_at(n, "delete_origin_value");
    plan->replace_record = node_is_true_at(n, "replace_record");
    const struct node *keys = node_get_c(n, "key_transformation");
    return text_list_field(c, n, "field_path", &plan->path, &plan->path_count) &&
           (!keys || (text_field(c, keys, "prefix", &plan->prefix) && text_field(c, keys, "suffix", &plan->suffix)));
}

/* The first match of a path; '*' matches any one member. *parent_out and *key_out tell where it hangs. */
static yyjson_mut_val *
mut_find(yyjson_mut_val *at, const struct str *path, size_t count, yyjson_mut_val **parent_out, struct str *key_out)
{
    if (count == 0)
        return at;
    size_t index, max;
    yyjson_mut_val *key, *item;
    yyjson_mut_obj_foreach(at, index, max, key, item) {
        struct str name = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
        if (!str_eq(path[0], name) && !str_eq(path[0], STR("*")))
            continue;
        *parent_out = at, *key_out = name;
        yyjson_mut_val *found = mut_find(item, path + 1, count - 1, parent_out, key_out);
        if (found)
            return found;
    }
    return NULL;
}

static bool
flatten_into(const struct flatten_plan *plan, yyjson_mut_doc *doc, yyjson_mut_val *record, yyjson_mut_val *found,
             yyjson_mut_val *parent, struct str parent_key, struct expr_scope *scope, struct err *err)
{
    struct str prefix, suffix;
    size_t index, max;
    yyjson_mut_val *key, *item, *flat = yyjson_mut_obj(doc);
    bool conflict = false;
    if (!text_str(&plan->prefix, scope, &prefix, err) || !text_str(&plan->suffix, scope, &suffix, err))
        return false;
    yyjson_mut_obj_foreach(found, index, max, key, item) {
        struct str name = str_format(scope->arena, "%.*s%.*s%.*s", STR_ARG(prefix), (int)yyjson_mut_get_len(key),
                                     yyjson_mut_get_str(key), STR_ARG(suffix));
        conflict = conflict || mut_get(record, name);
        mut_put(doc, flat, name, yyjson_mut_val_mut_copy(doc, item));
    }
    bool replace = plan->replace_record && yyjson_mut_obj_size(flat) > 0;
    if (replace)
        yyjson_mut_obj_clear(record);
    else if (conflict)
        return true;
    else if (plan->delete_origin)
        yyjson_mut_obj_remove_keyn(parent, parent_key.ptr, parent_key.len);
    yyjson_mut_obj_foreach(flat, index, max, key, item) {
        mut_put(doc, record, (struct str){yyjson_mut_get_str(key), yyjson_mut_get_len(key)}, yyjson_mut_val_mut_copy(doc, item));
    }
    return true;
}

static bool
flatten_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err)
{
    const struct flatten_plan *plan = t->plan;
    struct str path[LIMIT_TEMPLATE_DEPTH], key = STR("");
    yyjson_mut_val *parent = record;
    for (size_t i = 0; i < plan->path_count && i < LIMIT_TEMPLATE_DEPTH; i++)
        if (!text_str(&plan->path[i], scope, &path[i], err))
            return false;
    yyjson_mut_val *found = mut_find(record, path, plan->path_count, &parent, &key);
    if (!yyjson_mut_is_obj(found) || found == record)
        return true;
    return flatten_into(plan, doc, record, found, parent, key, scope, err);
}

/* ---- keys */

static bool
no_plan(struct compiler *c, const struct node *n, struct transform *t)
{
    (void)c, (void)n, (void)t;
    return true;
}

static bool
lower_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err)
{
    size_t index, max;
    yyjson_mut_val *key, *item;
    (void)t, (void)err;
    yyjson_mut_obj_foreach(record, index, max, key, item) {
        struct str name = str_lower(scope->arena, (struct str){yyjson_mut_get_str(key), yyjson_mut_get_len(key)});
        if (name.ptr && doc)
            yyjson_mut_set_strn(key, name.ptr, name.len);
    }
    return true;
}

static bool
replace_compile(struct compiler *c, const struct node *n, struct transform *t)
{
    struct replace_plan *plan = ARENA_NEW(c->arena, struct replace_plan);
    if (!plan)
        return compile_full(c);
    t->plan = plan;
    return text_field(c, n, "old", &plan->from) && text_field(c, n, "new", &plan->to);
}

static struct str
replaced(struct arena *a, struct str name, struct str from, struct str to)
{
    struct str out = STR("");
    for (ptrdiff_t at; from.len && (at = str_find_str(name, from)) >= 0; name = str_skip(name, (size_t)at + from.len))
        out = str_join2(a, str_join2(a, out, str_slice(name, 0, (size_t)at)), to);
    return str_join2(a, out, name);
}

static void
replace_keys(struct arena *a, yyjson_mut_val *at, struct str from, struct str to, unsigned depth)
{
    size_t index, max;
    yyjson_mut_val *key, *item;
    if (!yyjson_mut_is_obj(at) || depth > LIMIT_JSON_DEPTH_VENDOR)
        return;
    yyjson_mut_obj_foreach(at, index, max, key, item) {
        struct str name = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
        if (str_find_str(name, from) >= 0) {
            name = replaced(a, name, from, to);
            yyjson_mut_set_strn(key, name.ptr ? name.ptr : "", name.len);
        }
        replace_keys(a, item, from, to, depth + 1);
    }
}

static bool
replace_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err)
{
    const struct replace_plan *plan = t->plan;
    struct str from, to;
    expr_scope_set(scope, STR("record"), value_from_json(json_freeze(scope->arena, record)));
    if (!text_str(&plan->from, scope, &from, err) || !text_str(&plan->to, scope, &to, err))
        return false;
    if (from.len && doc)
        replace_keys(scope->arena, record, from, to, 0);
    return true;
}

static const struct transform_kind transform_kinds[] = {
    {.type = "KeysToSnakeCase", .compile = no_plan, .apply = snake_apply},
    {.type = "FlattenFields", .compile = flatten_all_compile, .apply = flatten_all_apply},
    {.type = "AddFields", .compile = add_compile, .apply = add_apply},
    {.type = "RemoveFields", .compile = remove_compile, .apply = remove_apply},
    {.type = "DpathFlattenFields", .compile = flatten_compile, .apply = flatten_apply},
    {.type = "KeysToLower", .compile = no_plan, .apply = lower_apply},
    {.type = "KeysReplace", .compile = replace_compile, .apply = replace_apply},
};

bool
transforms_compile(struct compiler *c, const struct node *list, struct transform **transforms_out, size_t *count_out)
{
    *transforms_out = NULL, *count_out = 0;
    if (!list || list->type != NODE_LIST || list->count == 0)
        return true;
    struct transform *all = ARENA_ARRAY(c->arena, struct transform, list->count);
    if (!all)
        return compile_full(c);
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(transform_kinds) && !all[i].kind; k++)
            if (node_type_is(list->items[i], transform_kinds[k].type))
                all[i].kind = &transform_kinds[k];
        if (!all[i].kind)
            return refuse_component(c, list->items[i]);
        if (!all[i].kind->compile(c, list->items[i], &all[i]))
            return false;
    }
    *transforms_out = all, *count_out = list->count;
    return true;
}
