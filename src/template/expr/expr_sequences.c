/*
 * Filters over sequences: map, select, sort, unique, join and their kin.
 *
 * Where Jinja gives a generator, these give a list: it prints better and nothing else differs. Sorting is
 * by merging, so that it is stable and its number of comparisons is known beforehand.
 */
#include "base/limits.h"
#include "template/expr/expr_priv.h"

/* Items of what is piped; fails for what cannot be looped over. */
static bool
begin(struct call *c, struct value_iter *it)
{
    if (!value_is_iterable(c->subject))
        return call_fail_type(c, c->subject, "a list");
    value_iter_init(it, c->subject);
    return true;
}

/* map, select and their kin take anything that is false for an empty list. */
static bool
begin_or_empty(struct call *c, struct value_iter *it)
{
    if (value_is_true(c->subject))
        return begin(c, it);
    value_iter_init(it, value_undefined());
    return true;
}

static bool
next(struct call *c, struct value_iter *it, struct value *item_out, bool *ok)
{
    *ok = value_iter_next(it, item_out);
    return eval_charge(c->ev, 1);
}

static bool
add(struct call *c, struct value list, struct value item)
{
    return value_list_add(c->ev->arena, list, item) || eval_full(c->ev);
}

static bool
new_list(struct call *c, struct value *list_out)
{
    *list_out = value_list_new(c->ev->arena);
    return list_out->type == VALUE_LIST || eval_full(c->ev);
}

/* "a.b.0" of an item, or the item at a number. Missing ones are undefined; so is looking further. */
static bool
get_attribute(struct call *c, struct value item, struct value attribute, struct value *value_out)
{
    struct str path, part;
    if (value_is_integer(attribute))
        return eval_item(c->ev, item, attribute, value_out);
    if (!call_str(c, attribute, &path))
        return false;
    for (bool more = true; more;) {
        int64_t place;
        more = str_cut(path, '.', &part, &path);
        bool numbered = str_to_i64(part, 0, INT32_MAX, &place);
        if (!eval_item(c->ev, item, numbered ? value_int(place) : value_str(part), &item))
            return false;
    }
    *value_out = item;
    return true;
}

static bool
filter_list(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    bool more;
    if (!begin(c, &it) || !new_list(c, value_out))
        return false;
    while (next(c, &it, &item, &more)) {
        if (!more)
            return true;
        if (!add(c, *value_out, item))
            return false;
    }
    return false;
}

static bool
filter_first(struct call *c, struct value *value_out)
{
    struct value_iter it;
    if (!begin(c, &it))
        return false;
    if (!value_iter_next(&it, value_out))
        *value_out = eval_missing(STR("the first item"));
    return true;
}

static bool
filter_last(struct call *c, struct value *value_out)
{
    struct value list;
    if (!filter_list(c, &list))
        return false;
    *value_out = value_count(list) ? value_at(list, value_count(list) - 1) : eval_missing(STR("the last item"));
    return true;
}

static bool
filter_reverse(struct call *c, struct value *value_out)
{
    struct value list;
    struct buf b;
    if (!filter_list(c, &list))
        return false;
    struct value_list *l = list.list;
    for (size_t i = 0, j = l->count; i + 1 < j; i++) {
        struct value swapped = l->items[i];
        l->items[i] = l->items[--j];
        l->items[j] = swapped;
    }
    *value_out = list;
    if (c->subject.type != VALUE_STR)
        return true;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (size_t i = 0; i < l->count; i++)
        buf_add(&b, l->items[i].text);
    return eval_take_buf(c->ev, &b, value_out);
}

static bool
filter_join(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    struct buf b;
    struct str separator = STR("");
    bool more = true, first = true, ok;
    if (!begin(c, &it) || (call_given(c, 0) && !eval_text(c->ev, c->args[0], &separator)))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (ok = next(c, &it, &item, &more); ok && more; ok = ok && next(c, &it, &item, &more), first = false) {
        ok = !call_given(c, 1) || c->args[1].type == VALUE_NONE || get_attribute(c, item, c->args[1], &item);
        ok = ok && (((first || buf_add(&b, separator)) && value_add_str(&b, item)) || eval_full(c->ev));
    }
    if (ok)
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return false;
}

/* ---- map, select, reject ---- */

/* The arguments behind the name of a filter or test, which is the first one. */
static struct arguments
rest_of(const struct call *c, size_t used)
{
    bool any = c->given_count > used;
    return (struct arguments){.positional = any ? c->args + used : NULL, .count = any ? c->given_count - used : 0,
                              .named = c->named, .named_count = c->named_count};
}

static const struct value *
find_named(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->named_count; i++)
        if (str_eq_c(c->named[i].name, name))
            return &c->named[i].value;
    return NULL;
}

static bool
map_item(struct call *c, const struct callable *filter, const struct value *attribute, struct value item, struct value *value_out)
{
    if (!attribute)
        return call_invoke(c->ev, filter, "filter", item, rest_of(c, 1), NULL, value_out);
    if (!get_attribute(c, item, *attribute, value_out))
        return false;
    const struct value *otherwise = find_named(c, "default");
    if (value_out->type == VALUE_UNDEFINED && otherwise)
        *value_out = *otherwise;
    return true;
}

static bool
filter_map(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item, mapped;
    struct str name;
    const struct callable *filter = NULL;
    const struct value *attribute = c->given_count == 0 ? find_named(c, "attribute") : NULL;
    bool more;
    if (!attribute) {
        if (c->given_count == 0 || !call_str(c, c->args[0], &name))
            return eval_fail(c->ev, EXPR_FAILED_TYPE, "map needs the name of a filter, or attribute=");
        if (!(filter = find_filter(name)))
            return eval_fail(c->ev, EXPR_FAILED_UNKNOWN, "there is no filter \"%.*s\"", STR_ARG(name));
    }
    if (++c->ev->depth > LIMIT_VALUE_DEPTH)
        return eval_full(c->ev);
    bool ok = begin_or_empty(c, &it) && new_list(c, value_out);
    while (ok && (ok = next(c, &it, &item, &more)) && more)
        ok = map_item(c, filter, attribute, item, &mapped) && add(c, *value_out, mapped);
    c->ev->depth--;
    return ok;
}

/* Keeps the items for which the test (or their truth) is `wanted`; by_attribute: of their attribute. */
static bool
select_items(struct call *c, bool wanted, bool by_attribute, struct value *value_out)
{
    struct value_iter it;
    struct value item, subject, result;
    struct str name;
    const struct callable *test = NULL;
    bool more;
    if (by_attribute && c->given_count == 0)
        return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s needs the name of an attribute", c->what);
    if (c->given_count > by_attribute) {
        if (!call_str(c, c->args[by_attribute], &name))
            return false;
        if (!(test = find_test(name)))
            return eval_fail(c->ev, EXPR_FAILED_UNKNOWN, "there is no test \"%.*s\"", STR_ARG(name));
    }
    bool ok = begin_or_empty(c, &it) && new_list(c, value_out);
    while (ok && (ok = next(c, &it, &item, &more)) && more) {
        subject = item;
        ok = !by_attribute || get_attribute(c, item, c->args[0], &subject);
        result = subject;
        ok = ok && (!test || call_invoke(c->ev, test, "test", subject, rest_of(c, 1u + by_attribute), NULL, &result));
        if (ok && value_is_true(result) == wanted)
            ok = add(c, *value_out, item);
    }
    return ok;
}

static bool
filter_select(struct call *c, struct value *value_out)
{
    return select_items(c, true, false, value_out);
}

static bool
filter_reject(struct call *c, struct value *value_out)
{
    return select_items(c, false, false, value_out);
}

static bool
filter_selectattr(struct call *c, struct value *value_out)
{
    return select_items(c, true, true, value_out);
}

static bool
filter_rejectattr(struct call *c, struct value *value_out)
{
    return select_items(c, false, true, value_out);
}

/* ---- order ---- */

struct sorted {
    struct value key, item;
};

/* What an item is compared by: its attribute, and text in lower case unless case matters. */
static bool
key_of(struct call *c, struct value item, struct value attribute, bool case_sensitive, struct value *key_out)
{
    *key_out = item;
    if (!value_is_missing(attribute) && !get_attribute(c, item, attribute, key_out))
        return false;
    if (key_out->type == VALUE_STR && !case_sensitive) {
        struct str lower = pytext_lower(c->ev->arena, key_out->text);
        if (str_is_none(lower))
            return eval_full(c->ev);
        *key_out = value_str(lower);
    }
    return true;
}

static bool
merge(struct call *c, const struct sorted *from, struct sorted *to, size_t begin_at, size_t middle, size_t end, int sign)
{
    size_t left = begin_at, right = middle;
    for (size_t i = begin_at; i < end; i++) {
        int order = -1;
        if (left < middle && right < end && !eval_order(c->ev, from[left].key, from[right].key, &order))
            return false;
        bool take_left = left < middle && (right >= end || order * sign <= 0);
        to[i] = take_left ? from[left++] : from[right++];
    }
    return true;
}

static bool
sort_items(struct call *c, struct sorted *items, size_t count, int sign)
{
    struct sorted *other = ARENA_ARRAY(c->ev->arena, struct sorted, count + 1), *from = items, *to = other;
    if (!other)
        return eval_full(c->ev);
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t middle = i + width < count ? i + width : count, end = middle + width < count ? middle + width : count;
            if (!merge(c, from, to, i, middle, end, sign))
                return false;
        }
        struct sorted *swapped = from;
        from = to;
        to = swapped;
    }
    for (size_t i = 0; from != items && i < count; i++)
        items[i] = from[i];
    return true;
}

/* Sorts a list in place. */
static bool
sort_list(struct call *c, struct value list, struct value attribute, bool case_sensitive, bool reverse)
{
    size_t count = value_count(list);
    struct sorted *items = ARENA_ARRAY(c->ev->arena, struct sorted, count + 1);
    if (!items)
        return eval_full(c->ev);
    for (size_t i = 0; i < count; i++) {
        items[i].item = value_at(list, i);
        if (!key_of(c, items[i].item, attribute, case_sensitive, &items[i].key))
            return false;
    }
    if (!sort_items(c, items, count, reverse ? -1 : 1))
        return false;
    for (size_t i = 0; i < count; i++)
        list.list->items[i] = items[i].item;
    return true;
}

static bool
flag(const struct call *c, size_t index)
{
    return call_given(c, index) && value_is_true(c->args[index]);
}

static bool
filter_sort(struct call *c, struct value *value_out)
{
    return filter_list(c, value_out) && sort_list(c, *value_out, c->args[2], flag(c, 1), flag(c, 0));
}

static bool
filter_dictsort(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value key, item;
    struct str by = STR("key");
    if (!value_is_mapping(c->subject))
        return call_fail_type(c, c->subject, "a dict");
    if ((call_given(c, 1) && !call_str(c, c->args[1], &by)) || !new_list(c, value_out))
        return false;
    value_iter_init(&it, c->subject);
    while (value_iter_next_entry(&it, &key, &item)) {
        struct value pair = value_tuple_new(c->ev->arena);
        if (!eval_charge(c->ev, 1) || !add(c, pair, key) || !add(c, pair, item) || !add(c, *value_out, pair))
            return false;
    }
    return sort_list(c, *value_out, value_int(str_eq(by, STR("value"))), flag(c, 0), flag(c, 2));
}

static bool
filter_unique(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item, key, seen = value_dict_new(c->ev->arena);
    bool more, ok = begin(c, &it) && new_list(c, value_out) && (seen.type == VALUE_DICT || eval_full(c->ev));
    while (ok && (ok = next(c, &it, &item, &more)) && more) {
        if (!key_of(c, item, c->args[1], flag(c, 0), &key))
            return false;
        if (!value_is_hashable(key))
            return call_fail_type(c, key, "values that can be told apart");
        if (value_dict_find(seen, key))
            continue;
        ok = (value_dict_put_value(c->ev->arena, seen, key, value_none()) || eval_full(c->ev)) && add(c, *value_out, item);
    }
    return ok;
}

static bool
extreme(struct call *c, int sign, struct value *value_out)
{
    struct value_iter it;
    struct value item, key, best_key = value_none();
    bool more, any = false, ok = begin(c, &it);
    *value_out = eval_missing(STR("an item"));
    while (ok && (ok = next(c, &it, &item, &more)) && more) {
        int order = 1;
        ok = key_of(c, item, c->args[1], flag(c, 0), &key) && (!any || eval_order(c->ev, key, best_key, &order));
        if (ok && (!any || (order != 2 && order * sign > 0))) {
            *value_out = item;
            best_key = key;
        }
        any = true;
    }
    return ok;
}

static bool
filter_max(struct call *c, struct value *value_out)
{
    return extreme(c, 1, value_out);
}

static bool
filter_min(struct call *c, struct value *value_out)
{
    return extreme(c, -1, value_out);
}

static bool
filter_sum(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    bool more, ok = begin(c, &it);
    *value_out = call_given(c, 1) ? c->args[1] : value_int(0);
    while (ok && (ok = next(c, &it, &item, &more)) && more) {
        ok = !call_given(c, 0) || c->args[0].type == VALUE_NONE || get_attribute(c, item, c->args[0], &item);
        ok = ok && eval_arithmetic(c->ev, OPERATOR_ADD, *value_out, item, value_out);
    }
    return ok;
}

const struct callable sequence_filters[] = {
    {.name = "dictsort", .call = filter_dictsort, .parameters = "case_sensitive by reverse"},
    {.name = "first", .call = filter_first, .parameters = ""},
    {.name = "join", .call = filter_join, .parameters = "d attribute"},
    {.name = "last", .call = filter_last, .parameters = ""},
    {.name = "list", .call = filter_list, .parameters = ""},
    {.name = "map", .call = filter_map, .parameters = "", .variadic = true},
    {.name = "max", .call = filter_max, .parameters = "case_sensitive attribute"},
    {.name = "min", .call = filter_min, .parameters = "case_sensitive attribute"},
    {.name = "reject", .call = filter_reject, .parameters = "", .variadic = true},
    {.name = "rejectattr", .call = filter_rejectattr, .parameters = "", .variadic = true},
    {.name = "reverse", .call = filter_reverse, .parameters = ""},
    {.name = "select", .call = filter_select, .parameters = "", .variadic = true},
    {.name = "selectattr", .call = filter_selectattr, .parameters = "", .variadic = true},
    {.name = "sort", .call = filter_sort, .parameters = "reverse case_sensitive attribute"},
    {.name = "sum", .call = filter_sum, .parameters = "attribute start"},
    {.name = "unique", .call = filter_unique, .parameters = "case_sensitive attribute"},
};
const size_t sequence_filter_count = ARRAY_LEN(sequence_filters);
