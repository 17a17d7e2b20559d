/*
 * PageIncrement: page numbers. The last page is shorter than the page size, or empty (rules 14, 15).
 */
#include "template/plan_priv.h"

static bool
page_compile(struct compiler *c, const struct node *n, struct pager *pager)
{
    const struct node *start = node_get_c(n, "start_from_page"), *inject = node_get_c(n, "inject_on_first_request");
    pager->inject_on_first = inject && inject->type == NODE_BOOL && inject->flag;
    if (!start || start->type == NODE_NULL)
        return true;
    if (!str_to_i64(start->text, INT32_MIN, INT32_MAX, &pager->start))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: start_from_page must be a whole number", start->line);
    return true;
}

static struct value
page_first(const struct pager *p)
{
    return p->inject_on_first ? value_int(p->start) : value_undefined();
}

static bool
page_next(const struct pager *p, struct expr_scope *scope, const struct page_facts *facts, struct value token,
          struct value *next_out, struct err *err)
{
    int64_t size;
    if (!pager_page_size(p, scope, &size, err))
        return false;
    *next_out = value_undefined();
    if (facts->page_size == 0 || (size && (int64_t)facts->page_size < size))
        return true;
    if (!value_is_missing(token) && token.type != VALUE_INT)
        return err_set(err, E_EXPRESSION, "The page number is not a whole number");
    *next_out = value_int((token.type == VALUE_INT ? token.integer : p->start) + 1);
    return true;
}

const struct pager_kind pager_page = {.type = "PageIncrement", .compile = page_compile, .first = page_first, .next = page_next};
