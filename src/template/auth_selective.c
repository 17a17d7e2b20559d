/*
 * SelectiveAuthenticator: one member of the configuration says which of several authenticators is meant.
 *
 * An alternative that cannot be compiled refuses only when it is the chosen one, which is known at run
 * time; until then its reason is kept.
 */
#include "template/plan_priv.h"

struct selective_plan {
    struct str *path;
    size_t path_count;
    struct str *names;
    struct auth *choices;
    struct str *refused; /* per choice, or STR_NONE */
    size_t count;
};

static bool
compile_choice(struct compiler *c, const struct node *n, struct selective_plan *plan, size_t i)
{
    struct err inner = {0}, *outer = c->err;
    c->err = &inner;
    bool ok = auth_compile(c, n, &plan->choices[i]);
    c->err = outer;
    if (ok)
        return true;
    if (inner.code != E_TEMPLATE_REFUSED)
        return err_set(outer, inner.code, "%s", inner.message);
    plan->refused[i] = str_copy(c->arena, str_from_c(inner.message));
    return plan->refused[i].ptr || compile_full(c);
}

static bool
selective_compile(struct compiler *c, const struct node *n, struct auth *auth)
{
    const struct node *path = node_get_c(n, "authenticator_selection_path"), *choices = node_get_c(n, "authenticators");
    struct selective_plan *plan = ARENA_NEW(c->arena, struct selective_plan);
    if (!path || path->type != NODE_LIST || !choices || choices->type != NODE_MAP)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: SelectiveAuthenticator needs a path and authenticators", n->line);
    if (!plan || !(plan->path = ARENA_ARRAY(c->arena, struct str, path->count + 1)) ||
        !(plan->choices = ARENA_ARRAY(c->arena, struct auth, choices->count + 1)) ||
        !(plan->refused = ARENA_ARRAY(c->arena, struct str, choices->count + 1)))
        return compile_full(c);
    for (size_t i = 0; i < path->count; i++)
        plan->path[i] = path->items[i]->text;
    plan->path_count = path->count;
    plan->names = choices->keys;
    plan->count = choices->count;
    auth->plan = plan;
    for (size_t i = 0; i < choices->count; i++)
        if (!compile_choice(c, choices->items[i], plan, i))
            return false;
    return true;
}

static yyjson_val *
scope_config(const struct expr_scope *scope)
{
    for (size_t i = 0; i < scope->count; i++)
        if (str_eq(scope->variables[i].name, STR("config")) && scope->variables[i].value.type == VALUE_JSON)
            return scope->variables[i].value.json;
    return NULL;
}

const struct auth *
auth_choose(const struct auth *auth, struct expr_scope *scope, struct err *err)
{
    if (auth->kind != &auth_selective)
        return auth;
    const struct selective_plan *plan = auth->plan;
    yyjson_val *chosen = path_find(scope_config(scope), plan->path, plan->path_count);
    for (size_t i = 0; i < plan->count; i++)
        if (json_str(chosen).ptr && str_eq(json_str(chosen), plan->names[i])) {
            if (!str_is_none(plan->refused[i])) {
                err_set(err, E_TEMPLATE_REFUSED, "%.*s", STR_ARG(plan->refused[i]));
                return NULL;
            }
            return auth_choose(&plan->choices[i], scope, err);
        }
    err_set(err, E_VALIDATION_FAILED, "The configuration does not choose one of the template's ways to log in");
    return NULL;
}

static bool
selective_apply(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str token, struct err *err)
{
    const struct auth *chosen = auth_choose(auth, scope, err);
    return chosen && chosen->kind->apply(chosen, d, scope, token, err);
}

const struct auth_kind auth_selective = {
    .type = "SelectiveAuthenticator", .compile = selective_compile, .apply = selective_apply};
