/*
 * RecordSelector: filter and transformations of one record, in the order that rule 27 gives.
 *
 * A record that nothing changes is handed on as it stands in the page: no copy is made.
 */
#include "template/plan_priv.h"

#include "base/limits.h"

static bool
compile_normalization(struct compiler *c, const struct node *n, yyjson_val *schema, struct selector *s)
{
    const struct node *how = node_get_c(n, "schema_normalization");
    if (how && how->type == NODE_MAP)
        return refuse_component(c, how);
    if (str_eq(node_text(how), STR("Default")))
        s->normalize = schema;
    return true;
}

bool
selector_compile(struct compiler *c, const struct node *n, const struct node *transformations, yyjson_val *schema,
                 struct selector *selector_out)
{
    const struct node *extractor = node_get_c(n, "extractor"), *filter = node_get_c(n, "record_filter");
    const struct node *first = node_get_c(n, "transform_before_filtering");
    *selector_out = (struct selector){0};
    if (!node_type_is(n, "RecordSelector"))
        return refuse_component(c, n);
    if (!node_type_is(extractor, "DpathExtractor"))
        return refuse_component(c, extractor);
    if (node_is_true_at(extractor, "record_expander"))
        return refuse(c, "needs RecordExpander, which is not supported");
    if (filter && filter->type != NODE_NULL && !node_type_is(filter, "RecordFilter"))
        return refuse_component(c, filter);
    selector_out->transform_first_given = first && first->type == NODE_BOOL;
    selector_out->transform_first = selector_out->transform_first_given && first->flag;
    return text_list_field(c, extractor, "field_path", &selector_out->path, &selector_out->path_count) &&
           extract_extra_compile(c, extractor, &selector_out->extra) &&
           text_field(c, filter, "condition", &selector_out->filter) && compile_normalization(c, n, schema, selector_out) &&
           transforms_compile(c, transformations, &selector_out->transforms, &selector_out->transform_count);
}

static bool
transform(const struct selector *s, struct expr_scope *scope, yyjson_val **record, struct err *err)
{
    if (s->transform_count == 0 || !yyjson_is_obj(*record))
        return true;
    yyjson_mut_doc *doc = json_mut_doc(scope->arena);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, *record) : NULL;
    if (!copy)
        return err_set(err, E_PAGE_TOO_LARGE, "The page does not fit in memory");
    for (size_t i = 0; i < s->transform_count; i++)
        if (!s->transforms[i].kind->apply(&s->transforms[i], doc, copy, scope, err))
            return false;
    *record = json_freeze(scope->arena, copy);
    return *record || err_set(err, E_PAGE_TOO_LARGE, "The page does not fit in memory");
}

static bool
passes(const struct selector *s, struct expr_scope *scope, yyjson_val *record, cursor_filter_fn *first, void *ctx,
       bool *passes_out, struct err *err)
{
    *passes_out = !first || first(ctx, record);
    if (!*passes_out || !text_given(&s->filter))
        return true;
    expr_scope_set(scope, STR("record"), value_from_json(record));
    return text_bool(&s->filter, scope, passes_out, err);
}

bool
selector_apply(const struct selector *s, struct expr_scope *scope, yyjson_val *record, cursor_filter_fn *first, void *ctx,
               yyjson_val **value_out, struct err *err)
{
    bool keep = true, transform_first = s->transform_first_given ? s->transform_first : first != NULL;
    scope->steps_left = LIMIT_EXPRESSION_STEPS;
    if (transform_first && !transform(s, scope, &record, err))
        return false;
    if ((first || text_given(&s->filter)) && !passes(s, scope, record, first, ctx, &keep, err))
        return false;
    if (keep && !transform_first && !transform(s, scope, &record, err))
        return false;
    if (keep && s->normalize && !(record = normalize(scope->arena, s->normalize, record)))
        return err_set(err, E_PAGE_TOO_LARGE, "The page does not fit in memory");
    *value_out = keep ? record : NULL;
    return true;
}
