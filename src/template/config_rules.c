/*
 * config_normalization_rules: a configuration of an older shape is brought to the present one, and checked
 * (manifest-format, rule 6).
 *
 * Migrations and transformations run each time a reader is made, on a copy in memory: what a person stored stays as
 * he wrote it. Each step sees what the steps before it made.
 */
#include "template/plan_priv.h"

#include "base/limits.h"
#include "json/schema.h"

struct config_remap {
    struct text *path;
    size_t path_count;
    struct input map;
};

struct config_rule {
    struct transform transform;    /* AddFields of one field, RemoveFields; kind NULL: remap */
    struct config_remap *remap;
};

struct config_check {
    struct text *path;             /* DpathValidator */
    size_t path_count;
    struct text value;             /* PredicateValidator */
    struct schema *schema;         /* owned */
};

struct config_rules {
    struct config_rule *rules;
    size_t count, size;
    struct config_check *checks;
    size_t check_count;
};

/* ---- from the template */

static struct config_rule *
add_rule(struct compiler *c, struct config_rules *r)
{
    if (r->count == r->size) {
        size_t size = r->size ? r->size * 2 : 16;
        struct config_rule *rules = arena_grow(c->arena, r->rules, r->size * sizeof(*rules), size * sizeof(*rules));
        if (!rules) {
            compile_full(c);
            return NULL;
        }
        r->rules = rules, r->size = size;
    }
    r->rules[r->count] = (struct config_rule){0};
    return &r->rules[r->count++];
}

/* The component under another type, with one of its fields exchanged for a list of one item. */
static struct node *
as_transform(struct compiler *c, const struct node *n, const char *type, const char *field, struct node *item)
{
    struct node *made = node_map_new(c->arena, n->count + 2, n), *list = node_map_new(c->arena, 1, n);
    struct node *name = node_str_new(c->arena, str_from_c(type), n);
    if (!made || !list || !name) {
        compile_full(c);
        return NULL;
    }
    for (size_t i = 0; i < n->count; i++)
        node_map_put(made, n->keys[i], n->items[i]);
    node_map_put(made, STR("type"), name);
    if (item) {
        list->type = NODE_LIST, list->count = 1, list->items[0] = item;
        node_map_put(made, str_from_c(field), list);
    }
    return made;
}

static bool
compile_transform(struct compiler *c, struct config_rules *r, struct node *n)
{
    struct node *items[1] = {n}, list = {.type = NODE_LIST, .items = items, .count = 1};
    struct transform *made;
    size_t count;
    struct config_rule *rule = n ? add_rule(c, r) : NULL;
    if (!rule || !transforms_compile(c, &list, &made, &count))
        return false;
    r->rules[r->count - 1].transform = made[0];
    return true;
}

static bool
compile_add(struct compiler *c, struct config_rules *r, const struct node *n)
{
    const struct node *fields = node_get_c(n, "fields");
    for (size_t i = 0; fields && fields->type == NODE_LIST && i < fields->count; i++)
        if (!compile_transform(c, r, as_transform(c, n, "AddFields", "fields", fields->items[i])))
            return false;
    return true;
}

static bool
compile_remap(struct compiler *c, struct config_rules *r, const struct node *n)
{
    struct config_rule *rule = add_rule(c, r);
    struct config_remap *remap = rule ? ARENA_NEW(c->arena, struct config_remap) : NULL;
    if (!remap)
        return rule ? compile_full(c) : false;
    rule->remap = remap;
    return text_list_field(c, n, "field_path", &remap->path, &remap->path_count) &&
           input_compile(c, n, node_get_c(n, "map"), &remap->map);
}

static bool
compile_rule(struct compiler *c, struct config_rules *r, const struct node *n)
{
    if (node_type_is(n, "ConfigAddFields"))
        return compile_add(c, r, n);
    if (node_type_is(n, "ConfigRemoveFields"))
        return compile_transform(c, r, as_transform(c, n, "RemoveFields", NULL, NULL));
    if (node_type_is(n, "ConfigRemapField"))
        return compile_remap(c, r, n);
    return refuse_component(c, n);
}

static bool
compile_list(struct compiler *c, struct config_rules *r, const struct node *list)
{
    for (size_t i = 0; list && list->type == NODE_LIST && i < list->count; i++)
        if (!compile_rule(c, r, list->items[i]))
            return false;
    return true;
}

static yyjson_val *
base_schema(struct compiler *c, const struct node *strategy)
{
    const struct node *n = node_get_c(strategy, "base_schema");
    struct err ignored = {0};
    if (n && n->type == NODE_STR)
        return json_parse(c->arena, n->text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    return n ? node_to_json(c->arena, n) : NULL;
}

static bool
compile_check(struct compiler *c, const struct node *n, struct config_check *check)
{
    const struct node *strategy = node_get_c(n, "validation_strategy");
    struct err inner = {0};
    if (!node_type_is(n, "DpathValidator") && !node_type_is(n, "PredicateValidator"))
        return refuse_component(c, n);
    if (!node_type_is(strategy, "ValidateAdheresToSchema"))
        return refuse_component(c, strategy);
    yyjson_val *schema = base_schema(c, strategy);
    check->schema = schema ? schema_compile(schema, &inner) : NULL;
    if (!check->schema)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: base_schema is no JSON Schema: %s", n->line, inner.message);
    return text_list_field(c, n, "field_path", &check->path, &check->path_count) && text_field(c, n, "value", &check->value);
}

bool
config_rules_compile(struct compiler *c, const struct node *spec, struct config_rules **rules_out)
{
    const struct node *n = node_get_c(spec, "config_normalization_rules");
    const struct node *migrations = node_get_c(n, "config_migrations"), *checks = node_get_c(n, "validations");
    if (!n || n->type != NODE_MAP)
        return true;
    struct config_rules *r = ARENA_NEW(c->arena, struct config_rules);
    size_t check_count = checks && checks->type == NODE_LIST ? checks->count : 0;
    if (!r || !(r->checks = ARENA_ARRAY(c->arena, struct config_check, check_count + 1)))
        return compile_full(c);
    *rules_out = r;
    for (size_t i = 0; migrations && migrations->type == NODE_LIST && i < migrations->count; i++)
        if (!compile_list(c, r, node_get_c(migrations->items[i], "transformations")))
            return false;
    for (size_t i = 0; i < check_count; i++)
        if (!compile_check(c, checks->items[i], &r->checks[r->check_count++]))
            return false;
    return compile_list(c, r, node_get_c(n, "transformations"));
}

void
config_rules_release(struct config_rules *r)
{
    for (size_t i = 0; r && i < r->check_count; i++)
        schema_free(r->checks[i].schema);
}

/* ---- on a configuration */

static void
config_scope(struct arena *a, int64_t now_us, yyjson_val *config, struct expr_scope *scope_out)
{
    struct scene scene = {.arena = a, .config = config, .now_us = now_us, .token = value_undefined()};
    scene_scope(&scene, scope_out);
}

static bool
apply_remap(const struct config_remap *m, yyjson_mut_doc *doc, yyjson_mut_val *config, struct expr_scope *scope, struct err *err)
{
    struct str name = STR("");
    struct value map;
    yyjson_mut_val *at = config, *parent = NULL;
    if (m->map.kind != INPUT_MAP || !input_value(&m->map, scope, false, &map, err))
        return m->map.kind != INPUT_MAP;
    for (size_t i = 0; i < m->path_count; i++) {
        if (!text_str(&m->path[i], scope, &name, err))
            return false;
        parent = at;
        at = yyjson_mut_is_obj(at) ? yyjson_mut_obj_getn(at, name.ptr, name.len) : NULL;
    }
    if (!parent || !yyjson_mut_is_str(at))
        return true;
    struct value to = value_get(map, (struct str){yyjson_mut_get_str(at), yyjson_mut_get_len(at)});
    yyjson_mut_val *made = to.type == VALUE_UNDEFINED ? NULL : value_to_json(doc, to);
    return !made || yyjson_mut_obj_put(parent, yyjson_mut_strncpy(doc, name.ptr, name.len), made);
}

static bool
apply_rule(const struct config_rule *rule, struct arena *a, int64_t now_us, yyjson_val **config, struct err *err)
{
    struct expr_scope scope;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, *config) : NULL;
    if (!copy)
        return err_no_memory(err);
    config_scope(a, now_us, *config, &scope);
    bool ok = rule->remap ? apply_remap(rule->remap, doc, copy, &scope, err)
                          : rule->transform.kind->apply(&rule->transform, doc, copy, &scope, err);
    yyjson_val *made = ok ? json_freeze(a, copy) : NULL;
    if (!made)
        return ok ? err_no_memory(err) : false;
    *config = made;
    return true;
}

static bool
check_value(const struct config_check *check, struct arena *a, yyjson_val *value, struct err *err)
{
    struct err inner = {0};
    (void)a;
    if (schema_validate(check->schema, value, &inner))
        return true;
    return err_set(err, E_VALIDATION_FAILED, "The configuration does not fit the template: %s", inner.message);
}

static bool
apply_check(const struct config_check *check, struct arena *a, int64_t now_us, yyjson_val *config, struct err *err)
{
    struct expr_scope scope;
    struct str path[LIMIT_TEMPLATE_DEPTH];
    struct value v;
    config_scope(a, now_us, config, &scope);
    if (text_given(&check->value)) {
        yyjson_mut_doc *doc = json_mut_doc(a);
        if (!text_value(&check->value, &scope, &v, err))
            return false;
        yyjson_mut_val *json = doc ? value_to_json(doc, v) : NULL;
        return json ? check_value(check, a, json_freeze(a, json), err) : err_no_memory(err);
    }
    for (size_t i = 0; i < check->path_count && i < LIMIT_TEMPLATE_DEPTH; i++)
        if (!text_str(&check->path[i], &scope, &path[i], err))
            return false;
    yyjson_val *found = path_find(config, path, check->path_count);
    return !found || check_value(check, a, found, err);
}

bool
config_rules_apply(const struct config_rules *r, struct arena *a, int64_t now_us, yyjson_val *config, yyjson_val **config_out,
                   struct err *err)
{
    for (size_t i = 0; r && i < r->count; i++)
        if (!apply_rule(&r->rules[i], a, now_us, &config, err))
            return err_prefix(err, "config_normalization_rules: ");
    for (size_t i = 0; r && i < r->check_count; i++)
        if (!apply_check(&r->checks[i], a, now_us, config, err))
            return false;
    *config_out = config;
    return true;
}
