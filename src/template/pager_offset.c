/*
 * OffsetIncrement: the offset grows by what was received, not by the page size (rule 15).
 */
#include "template/plan_priv.h"

static bool
offset_compile(struct compiler *c, const struct node *n, struct pager *pager)
{
    (void)c;
    const struct node *inject = node_get_c(n, "inject_on_first_request");
    pager->inject_on_first = inject && inject->type == NODE_BOOL && inject->flag;
    return true;
}

static struct value
offset_first(const struct pager *p)
{
    return p->inject_on_first ? value_int(0) : value_undefined();
}

static bool
offset_next(const struct pager *p, struct expr_scope *scope, const struct page_facts *facts, struct value token,
            struct value *next_out, struct err *err)
{
    int64_t size;
    expr_scope_set(scope, STR("response"), value_from_json(facts->response));
    if (!pager_page_size(p, scope, &size, err))
        return false;
    *next_out = value_undefined();
    if (facts->page_size == 0 || (size && (int64_t)facts->page_size < size))
        return true;
    if (!value_is_missing(token) && token.type != VALUE_INT)
        return err_set(err, E_EXPRESSION, "The offset is not a whole number");
    *next_out = value_int((token.type == VALUE_INT ? token.integer : 0) + (int64_t)facts->page_size);
    return true;
}

const struct pager_kind pager_offset = {
    .type = "OffsetIncrement", .compile = offset_compile, .first = offset_first, .next = offset_next};
