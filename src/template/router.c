/*
 * Partition routers: the list, the parents' records, and the product of several (rules 37, 38).
 *
 * Only the plan and the request options are here; walking over partitions is the reader's work, because
 * parents must be read for it.
 */
#include "template/plan_priv.h"

#define PARENT_DEPTH_MAX 8 /* grandparents of grandparents; a circle would not end */

static bool compile_into(struct compiler *c, const struct node *n, struct router *r);

/* A written list is taken as it stands: its values are texts, numbers too, and no expressions. */
static bool
values_compile(struct compiler *c, const struct node *n, const struct node *values, struct input *values_out)
{
    if (!values || values->type != NODE_LIST)
        return input_compile(c, n, values, values_out);
    yyjson_mut_doc *doc = json_mut_doc(c->arena);
    yyjson_mut_val *list = doc ? yyjson_mut_arr(doc) : NULL;
    for (size_t i = 0; list && i < values->count; i++) {
        const struct node *item = values->items[i];
        struct str text = item->type == NODE_BOOL ? (item->flag ? STR("True") : STR("False")) : item->text;
        if (item->type == NODE_MAP || item->type == NODE_LIST || item->type == NODE_NULL)
            return err_set(c->err, E_TEMPLATE_INVALID, "line %u: values of a ListPartitionRouter must be texts", item->line);
        yyjson_mut_arr_add_strncpy(doc, list, text.ptr ? text.ptr : "", text.len);
    }
    *values_out = (struct input){.kind = INPUT_CONSTANT, .constant = list ? json_freeze(c->arena, list) : NULL};
    return values_out->constant || compile_full(c);
}

static bool
compile_list(struct compiler *c, const struct node *n, struct router *r)
{
    const struct node *values = node_get_c(n, "values");
    r->kind = ROUTER_LIST;
    return text_field(c, n, "cursor_field", &r->cursor_field) && values_compile(c, n, values, &r->values) &&
           request_option_compile(c, node_get_c(n, "request_option"), &r->option);
}

static bool
compile_extra(struct compiler *c, const struct node *n, struct parent_plan *p)
{
    const struct node *list = node_get_c(n, "extra_fields");
    if (!list || list->type != NODE_LIST)
        return true;
    p->extra_paths = ARENA_ARRAY(c->arena, struct text *, list->count + 1);
    p->extra_counts = ARENA_ARRAY(c->arena, size_t, list->count + 1);
    if (!p->extra_paths || !p->extra_counts)
        return compile_full(c);
    p->extra_count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        const struct node *path = list->items[i];
        p->extra_counts[i] = path->type == NODE_LIST ? path->count : 1;
        p->extra_paths[i] = ARENA_ARRAY(c->arena, struct text, p->extra_counts[i] + 1);
        if (!p->extra_paths[i])
            return compile_full(c);
        for (size_t j = 0; j < p->extra_counts[i]; j++)
            if (!text_compile(c, n, path->type == NODE_LIST ? path->items[j] : path, &p->extra_paths[i][j]))
                return false;
    }
    return true;
}

static bool
compile_pointer(struct compiler *c, const struct node *n, struct parent_plan *p)
{
    if (!text_list_field(c, n, "lazy_read_pointer", &p->lazy_path, &p->lazy_count))
        return false;
    for (size_t i = 0; i < p->lazy_count; i++)
        if (str_find_str(p->lazy_path[i].constant, STR("*")) >= 0)
            return refuse(c, "has a lazy_read_pointer with a '*', which is not supported");
    return p->lazy_count <= LIMIT_TEMPLATE_DEPTH || refuse(c, "has a lazy_read_pointer that is too long");
}

static bool
compile_parent(struct compiler *c, const struct node *n, struct parent_plan *p)
{
    struct template_stream *stream = ARENA_NEW(c->arena, struct template_stream);
    if (!node_type_is(n, "ParentStreamConfig"))
        return refuse_component(c, n);
    if (!stream)
        return compile_full(c);
    if (++c->depth > PARENT_DEPTH_MAX)
        return refuse(c, "has more than %d parents above each other", PARENT_DEPTH_MAX);
    bool ok = stream_compile(c, node_get_c(n, "stream"), stream);
    c->depth--;
    p->stream = stream;
    p->incremental = node_is_true_at(n, "incremental_dependency");
    return ok && text_field(c, n, "parent_key", &p->parent_key) && text_field(c, n, "partition_field", &p->partition_field) &&
           request_option_compile(c, node_get_c(n, "request_option"), &p->option) && compile_extra(c, n, p) && compile_pointer(c, n, p);
}

static bool
compile_substream(struct compiler *c, const struct node *n, struct router *r)
{
    const struct node *list = node_get_c(n, "parent_stream_configs");
    r->kind = ROUTER_SUBSTREAM;
    if (!list || list->type != NODE_LIST || list->count == 0)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: SubstreamPartitionRouter needs parent_stream_configs", n->line);
    r->parents = ARENA_ARRAY(c->arena, struct parent_plan, list->count);
    if (!r->parents)
        return compile_full(c);
    r->parent_count = list->count;
    for (size_t i = 0; i < list->count; i++)
        if (!compile_parent(c, list->items[i], &r->parents[i]))
            return false;
    return true;
}

static bool
compile_product(struct compiler *c, const struct node *list, struct router *r)
{
    r->kind = ROUTER_PRODUCT;
    r->parts = ARENA_ARRAY(c->arena, struct router, list->count + 1);
    if (!r->parts)
        return compile_full(c);
    r->part_count = list->count;
    for (size_t i = 0; i < list->count; i++)
        if (!compile_into(c, list->items[i], &r->parts[i]))
            return false;
    return true;
}

#define GROUP_SIZE_MAX 100000

static bool
compile_groups(struct compiler *c, const struct node *n, struct router *r)
{
    const struct node *unique = node_get_c(n, "deduplicate"), *size = node_get_c(n, "group_size");
    int64_t count;
    r->kind = ROUTER_GROUPS;
    r->group_unique = !(unique && unique->type == NODE_BOOL && !unique->flag);
    if (!size || size->type != NODE_INT || !str_to_i64(size->text, 1, GROUP_SIZE_MAX, &count))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a GroupingPartitionRouter needs a group_size from 1 to %d", n->line,
                       GROUP_SIZE_MAX);
    r->group_size = (size_t)count;
    if (!(r->parts = ARENA_ARRAY(c->arena, struct router, 1)))
        return compile_full(c);
    r->part_count = 1;
    return compile_into(c, node_get_c(n, "underlying_partition_router"), &r->parts[0]);
}

static bool
compile_into(struct compiler *c, const struct node *n, struct router *r)
{
    if (node_type_is(n, "GroupingPartitionRouter"))
        return compile_groups(c, n, r);
    if (node_type_is(n, "ListPartitionRouter"))
        return compile_list(c, n, r);
    if (node_type_is(n, "SubstreamPartitionRouter"))
        return compile_substream(c, n, r);
    return refuse_component(c, n);
}

bool
router_compile(struct compiler *c, const struct node *n, struct router **router_out)
{
    *router_out = NULL;
    if (!n || n->type == NODE_NULL || (n->type == NODE_LIST && n->count == 0))
        return true;
    struct router *r = ARENA_NEW(c->arena, struct router);
    if (!r)
        return compile_full(c);
    *router_out = r;
    if (n->type != NODE_LIST)
        return compile_into(c, n, r);
    r->listed = true;
    return n->count == 1 ? compile_into(c, n->items[0], r) : compile_product(c, n, r);
}

static bool
apply_one(struct draft *d, const struct request_option *o, const struct text *field, struct expr_scope *scope,
          yyjson_val *slice, struct err *err)
{
    struct str name;
    if (!o)
        return true;
    if (!text_str(field, scope, &name, err))
        return false;
    struct value v = value_from_json(json_get(slice, name));
    return !value_is_true(v) || draft_option(d, o, scope, v, err);
}

bool
router_apply(const struct router *r, struct draft *d, struct expr_scope *scope, yyjson_val *slice, struct err *err)
{
    if (r->kind == ROUTER_LIST)
        return apply_one(d, r->option, &r->cursor_field, scope, slice, err);
    for (size_t i = 0; i < r->parent_count; i++)
        if (!apply_one(d, r->parents[i].option, &r->parents[i].partition_field, scope, slice, err))
            return false;
    for (size_t i = 0; r->kind != ROUTER_GROUPS && i < r->part_count; i++) /* groups show in templates only */
        if (!router_apply(&r->parts[i], d, scope, slice, err))
            return false;
    return true;
}
