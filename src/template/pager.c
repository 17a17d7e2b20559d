/*
 * DefaultPaginator: where page size and page token go, and which strategy finds the next token.
 */
#include "template/plan_priv.h"

static const struct pager_kind *const pager_kinds[] = {&pager_page, &pager_offset, &pager_cursor};

static bool
compile_strategy(struct compiler *c, const struct node *n, struct pager *p)
{
    for (size_t i = 0; i < ARRAY_LEN(pager_kinds); i++)
        if (node_type_is(n, pager_kinds[i]->type)) {
            p->kind = pager_kinds[i];
            return text_field(c, n, "page_size", &p->page_size) && pager_kinds[i]->compile(c, n, p);
        }
    return refuse_component(c, n);
}

bool
pager_compile(struct compiler *c, const struct node *n, struct pager *pager_out)
{
    *pager_out = (struct pager){0};
    if (!n || n->type == NODE_NULL || node_type_is(n, "NoPagination"))
        return true;
    if (!node_type_is(n, "DefaultPaginator"))
        return refuse_component(c, n);
    const struct node *token = node_get_c(n, "page_token_option");
    pager_out->token_is_path = node_type_is(token, "RequestPath");
    if (!compile_strategy(c, node_get_c(n, "pagination_strategy"), pager_out) ||
        !request_option_compile(c, node_get_c(n, "page_size_option"), &pager_out->size_option) ||
        (!pager_out->token_is_path && !request_option_compile(c, token, &pager_out->token_option)))
        return false;
    if (pager_out->size_option && !text_given(&pager_out->page_size))
        return err_set(c->err, E_TEMPLATE_INVALID,
                       "line %u: page_size_option needs a page_size in the pagination strategy", n->line);
    return true;
}

struct value
pager_first(const struct pager *p)
{
    return p->kind && p->kind->first ? p->kind->first(p) : value_undefined();
}

bool
pager_next(const struct pager *p, struct expr_scope *scope, const struct page_facts *facts, struct value token,
           struct value *next_out, struct err *err)
{
    *next_out = value_undefined();
    if (!p->kind)
        return true;
    struct value next;
    if (!p->kind->next(p, scope, facts, token, &next, err))
        return false;
    *next_out = value_is_true(next) ? next : value_undefined();
    return true;
}

bool
pager_page_size(const struct pager *p, struct expr_scope *scope, int64_t *size_out, struct err *err)
{
    struct str text;
    if (!text_given(&p->page_size)) {
        *size_out = 0;
        return true;
    }
    if (!text_str(&p->page_size, scope, &text, err))
        return false;
    if (!str_to_i64(text, 0, INT32_MAX, size_out))
        return err_set(err, E_EXPRESSION, "The page size \"%.*s\" is not a whole number", (int)(text.len > 100 ? 100 : text.len),
                       text.ptr);
    return true;
}

bool
pager_apply(const struct pager *p, struct draft *d, struct expr_scope *scope, struct value token, struct err *err)
{
    int64_t size = 0;
    if (!p->kind)
        return true;
    if (p->token_option && !value_is_missing(token) && !draft_option(d, p->token_option, scope, token, err))
        return false;
    if (p->size_option && !pager_page_size(p, scope, &size, err))
        return false;
    return size == 0 || draft_option(d, p->size_option, scope, value_int(size), err);
}
