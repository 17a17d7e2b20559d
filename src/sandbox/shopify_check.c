/*
 * A document against the types, before it is answered: fields that do not exist, lists without a size, and the cost that the
 * vendor charges for it. An object costs one point, a list two and each of the objects it may hold, a mutation ten; nothing in
 * this shop costs more than a thousand at once. Source: the vendor's page on the limits of the GraphQL Admin API.
 */
#include "sandbox/shopify_priv.h"

#define MUTATION_COST 10
#define COST_CEILING (1000 * 1000)

static void
refuse(struct shopify_check *check, struct str path, struct str alias, const char *code, struct str message)
{
    struct json_writer *w = check->errors;
    struct str rest = path, part;
    check->faults++;
    json_begin_object(w, NULL);
    json_add_str(w, "message", message);
    json_begin_array(w, "path");
    for (bool more = true; more;) {
        more = str_cut(rest, '.', &part, &rest);
        json_add_str(w, NULL, part);
    }
    json_add_str(w, NULL, alias);
    json_end_array(w);
    json_begin_object(w, "extensions");
    json_add_c(w, "code", code);
    json_end_object(w);
    json_end_object(w);
}

static int64_t
list_size(struct shopify_check *check, const struct graphql_field *f, struct str path)
{
    int64_t size = graphql_number(f, "first", graphql_number(f, "last", -1));
    if (size < 0)
        refuse(check, path, f->alias, "BAD_REQUEST", STR("you must provide one of first or last"));
    else if (size > SHOP_LIST_MAX)
        refuse(check, path, f->alias, "BAD_REQUEST", str_format(check->arena, "The value provided for `first` (%lld) is over %d",
                                                                (long long)size, SHOP_LIST_MAX));
    return size < 0 || size > SHOP_LIST_MAX ? 0 : size;
}

/* edges { cursor node { ... } }, nodes { ... }, pageInfo: the dearest of what stands for the same objects. */
static int64_t
connection_cost(struct shopify_check *check, struct str type, const struct graphql_field *first, struct str path)
{
    int64_t each = 0;
    for (const struct graphql_field *f = first; f != NULL; f = f->next) {
        struct str below = str_format(check->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(f->alias));
        int64_t cost = 0;
        if (str_eq_c(f->name, "nodes") || str_eq_c(f->name, "node"))
            cost = 1 + shopify_cost(check, type, f->first, below);
        else if (str_eq_c(f->name, "edges"))
            cost = connection_cost(check, type, f->first, below);
        else if (str_eq_c(f->name, "pageInfo"))
            (void)shopify_cost(check, STR("PageInfo"), f->first, below);
        else if (!str_eq_c(f->name, "cursor") && !str_starts(f->name, STR("__")))
            refuse(check, path, f->alias, "undefinedField",
                   str_format(check->arena, "Field '%.*s' doesn't exist on type '%.*sConnection'", STR_ARG(f->name), STR_ARG(type)));
        each = cost > each ? cost : each;
    }
    return each;
}

static int64_t
field_cost(struct shopify_check *check, struct str type, const struct graphql_field *f, struct str path)
{
    const struct shopify_type_field *known = shopify_field(type, f->name);
    struct str below = str_format(check->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(f->alias));
    if (str_eq_c(f->name, "__typename"))
        return 0;
    if (known == NULL) {
        struct str words = str_format(check->arena, "Field '%.*s' doesn't exist on type '%.*s'", STR_ARG(f->name), STR_ARG(type));
        refuse(check, path, f->alias, "undefinedField", words);
        return 0;
    }
    if ((known->of == NULL) != (f->first == NULL)) {
        refuse(check, path, f->alias, "selectionMismatch",
               str_format(check->arena, known->of ? "Field must have selections (field '%.*s' returns %s but has no selections)"
                                                  : "Selections can't be made on scalars (field '%.*s'%s)",
                          STR_ARG(f->name), known->of ? known->of : ""));
        return 0;
    }
    if (known->of == NULL)
        return 0;
    if (known->list)
        return 2 + list_size(check, f, path) * connection_cost(check, str_from_c(known->of), f->first, below);
    int64_t own = str_eq_c(type, "Mutation") ? MUTATION_COST : 1;
    return own + shopify_cost(check, str_from_c(known->of), f->first, below);
}

int64_t
shopify_cost(struct shopify_check *check, struct str type, const struct graphql_field *first, struct str path)
{
    int64_t cost = 0;
    for (const struct graphql_field *f = first; f != NULL && cost < COST_CEILING; f = f->next) {
        if (f->name.len > 0)
            cost += field_cost(check, type, f, path);
        else if (str_is_none(f->on) || str_eq(f->on, type))
            cost += shopify_cost(check, type, f->first, path);
    }
    return cost;
}
