/*
 * HubSpot's search: the only way to ask what changed.
 *
 * Groups of filters are joined by OR, the filters of a group by AND. At most 200 objects a page and 10,000 a query: past
 * that the vendor refuses, and whoever needs more asks again from the last id. Dates may be compared as milliseconds.
 * Source: the descriptions of 2026-09, and the vendor's page on searching the CRM for the limits.
 */
#include <stdlib.h>

#include "sandbox/hubspot_priv.h"

#define LIMIT_DEFAULT 10
#define LIMIT_MAX 200
#define RESULTS_MAX 10000
#define GROUPS_MAX 5
#define FILTERS_MAX 6
#define ASKED_MAX 200

struct search {
    struct sandbox_request *r;
    struct collection *c;
    yyjson_val *groups;
    struct str query;      /* lower case */
    struct str sort;
    bool descending;
    int64_t after, limit;
    struct str wanted[ASKED_MAX];
    size_t wanted_count;
};

struct row {
    uint32_t index;
    int64_t number;
    struct str text;
};

/* ---- one filter */

/* What can be known without making the object. */
static bool
quick_number(const struct search *s, uint32_t index, struct str name, int64_t *number_out)
{
    const struct object *o = world_object(s->c, index);
    if (str_eq_c(name, "hs_object_id"))
        *number_out = o->id;
    else if (str_eq_c(name, "createdate"))
        *number_out = o->created_us / US_PER_MS;
    else if (str_eq_c(name, "lastmodifieddate") || str_eq_c(name, "hs_lastmodifieddate"))
        *number_out = o->updated_us / US_PER_MS;
    else
        return false;
    return true;
}

static bool
number_of(struct str text, int64_t *number_out)
{
    int64_t us;
    if (str_to_i64(text, INT64_MIN, INT64_MAX, number_out))
        return true;
    if (!time_parse(text, &us))
        return false;
    *number_out = us / US_PER_MS;
    return true;
}

static struct str
text_of(struct arena *a, yyjson_val *value)
{
    return json_is_number(value) ? json_number_text(a, value) : json_str(value);
}

static int
compare(struct str left, struct str right)
{
    int64_t a, b;
    if (number_of(left, &a) && number_of(right, &b))
        return (a > b) - (a < b);
    return str_compare(left, right);
}

static bool
is_in(struct arena *a, yyjson_val *values, struct str own)
{
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(values, index, max, item) {
        if (compare(own, text_of(a, item)) == 0)
            return true;
    }
    return false;
}

static struct str
own_value(const struct search *s, uint32_t index, struct str name)
{
    int64_t number;
    struct hs_properties list;
    if (quick_number(s, index, name, &number))
        return str_format(s->r->arena, "%lld", (long long)number);
    hubspot_read(s->r->world, s->c, index, s->r->arena, &list);
    return str_lower(s->r->arena, hubspot_value(&list, name));
}

static bool
passes(const struct search *s, uint32_t index, yyjson_val *filter)
{
    struct arena *a = s->r->arena;
    struct str operator = json_str(json_get_c(filter, "operator")), own = own_value(s, index, json_str(json_get_c(filter, "propertyName")));
    struct str value = str_lower(a, text_of(a, json_get_c(filter, "value"))), high = text_of(a, json_get_c(filter, "highValue"));
    bool there = own.len > 0;
    if (str_eq_c(operator, "HAS_PROPERTY"))
        return there;
    if (str_eq_c(operator, "NOT_HAS_PROPERTY"))
        return !there;
    if (str_eq_c(operator, "NEQ"))
        return !there || compare(own, value) != 0;
    if (str_eq_c(operator, "NOT_IN"))
        return !there || !is_in(a, json_get_c(filter, "values"), own);
    if (str_eq_c(operator, "NOT_CONTAINS_TOKEN"))
        return !there || str_find_str(own, value) < 0;
    if (!there)
        return false;
    if (str_eq_c(operator, "IN"))
        return is_in(a, json_get_c(filter, "values"), own);
    if (str_eq_c(operator, "CONTAINS_TOKEN"))
        return str_find_str(own, str_eq_c(value, "*") ? STR("") : value) >= 0;
    int order = compare(own, value);
    if (str_eq_c(operator, "BETWEEN"))
        return order >= 0 && compare(own, high) <= 0;
    return str_eq_c(operator, "EQ") ? order == 0 : str_eq_c(operator, "GT") ? order > 0 : str_eq_c(operator, "GTE") ? order >= 0
         : str_eq_c(operator, "LT") ? order < 0 : order <= 0;
}

static bool
matches_query(const struct search *s, uint32_t index)
{
    static const char *const searched[] = {"firstname", "lastname", "email", "phone", "company", "name", "domain", "dealname", "subject"};
    struct hs_properties list;
    if (s->query.len == 0)
        return true;
    hubspot_read(s->r->world, s->c, index, s->r->arena, &list);
    for (size_t i = 0; i < ARRAY_LEN(searched); i++)
        if (str_find_str(str_lower(s->r->arena, hubspot_value(&list, str_from_c(searched[i]))), s->query) >= 0)
            return true;
    return false;
}

static bool
matches(const struct search *s, uint32_t index)
{
    size_t group_at, group_max, at, max;
    yyjson_val *group, *filter;
    if (world_object(s->c, index)->deleted || !matches_query(s, index))
        return false;
    bool any = yyjson_arr_size(s->groups) == 0;
    yyjson_arr_foreach(s->groups, group_at, group_max, group) {
        bool all = true;
        yyjson_arr_foreach(json_get_c(group, "filters"), at, max, filter) {
            all = all && passes(s, index, filter);
        }
        any = any || all;
    }
    return any;
}

/* ---- what is asked */

static bool
known_operator(struct str name)
{
    static const char *const names[] = {"BETWEEN", "CONTAINS_TOKEN", "EQ", "GT", "GTE", "HAS_PROPERTY", "IN", "LT", "LTE", "NEQ",
                                        "NOT_CONTAINS_TOKEN", "NOT_HAS_PROPERTY", "NOT_IN"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i]))
            return true;
    return false;
}

static bool
groups_are_good(yyjson_val *groups)
{
    size_t group_at, group_max, at, max;
    yyjson_val *group, *filter;
    if (yyjson_arr_size(groups) > GROUPS_MAX)
        return false;
    yyjson_arr_foreach(groups, group_at, group_max, group) {
        yyjson_val *filters = json_get_c(group, "filters");
        if (!yyjson_is_arr(filters) || yyjson_arr_size(filters) > FILTERS_MAX)
            return false;
        yyjson_arr_foreach(filters, at, max, filter) {
            if (json_str(json_get_c(filter, "propertyName")).len == 0 || !known_operator(json_str(json_get_c(filter, "operator"))))
                return false;
        }
    }
    return true;
}

/* "createdate", "-createdate", or {propertyName, direction}. */
static void
read_sort(struct search *s, yyjson_val *sort)
{
    struct str name = yyjson_is_obj(sort) ? json_str(json_get_c(sort, "propertyName")) : json_str(sort);
    s->descending = str_eq_c(json_str(json_get_c(sort, "direction")), "DESCENDING") || str_starts(name, STR("-"));
    s->sort = str_starts(name, STR("-")) ? str_skip(name, 1) : name;
}

static void
read_wanted(struct search *s, yyjson_val *properties)
{
    size_t index, max;
    yyjson_val *item;
    s->wanted[s->wanted_count++] = STR("");
    yyjson_arr_foreach(properties, index, max, item) {
        if (s->wanted_count < ASKED_MAX)
            s->wanted[s->wanted_count++] = json_str(item);
    }
}

static bool
read_search(struct search *s, yyjson_val *body, struct sandbox_reply *reply)
{
    struct str after = text_of(s->r->arena, json_get_c(body, "after"));
    s->limit = LIMIT_DEFAULT;
    s->groups = json_get_c(body, "filterGroups");
    s->query = str_lower(s->r->arena, json_str(json_get_c(body, "query")));
    read_sort(s, yyjson_arr_get_first(json_get_c(body, "sorts")));
    read_wanted(s, json_get_c(body, "properties"));
    bool good = groups_are_good(s->groups) && (after.len == 0 || str_to_i64(after, 0, INT32_MAX, &s->after)) &&
                (json_get_c(body, "limit") == NULL || (json_to_i64(json_get_c(body, "limit"), &s->limit) && s->limit >= 0));
    if (good && s->limit <= LIMIT_MAX && s->after + s->limit <= RESULTS_MAX)
        return true;
    hubspot_error(s->r, reply, 400, "VALIDATION_ERROR",
                  !good ? STR("There was a problem with the request.")
                  : s->limit > LIMIT_MAX ? STR("The limit must be at most 200")
                                         : STR("The total number of results that can be paged through is limited to 10000"));
    return false;
}

/* ---- the answer */

static int
by_key(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = a->number != b->number ? (a->number > b->number) - (a->number < b->number) : str_compare(a->text, b->text);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static struct row *
find_rows(const struct search *s, size_t *count_out)
{
    struct row *rows = ARENA_ARRAY(s->r->arena, struct row, s->c->count + 1);
    bool sorted = s->sort.len > 0 && !str_eq_c(s->sort, "hs_object_id");
    *count_out = 0;
    for (uint32_t i = 0; rows != NULL && i < s->c->count; i++) {
        struct arena_mark mark = arena_mark(s->r->arena);
        bool found = matches(s, i);
        arena_rewind(s->r->arena, mark);
        if (!found)
            continue;
        struct row row = {.index = i, .text = STR("")};
        if (sorted && !quick_number(s, i, s->sort, &row.number))
            row.text = own_value(s, i, s->sort);
        rows[(*count_out)++] = row;
    }
    if (rows != NULL && sorted)
        qsort(rows, *count_out, sizeof(*rows), by_key);
    for (size_t i = 0; rows != NULL && s->descending && i < *count_out / 2; i++) {
        struct row other = rows[i];
        rows[i] = rows[*count_out - 1 - i], rows[*count_out - 1 - i] = other;
    }
    return rows;
}

static void
answer(const struct search *s, struct sandbox_reply *reply, const struct row *rows, size_t count)
{
    struct json_writer w;
    size_t from = s->r->loop ? 0 : (size_t)s->after, end = from + (size_t)s->limit;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_i64(&w, "total", (int64_t)count);
    json_begin_array(&w, "results");
    for (size_t i = from; i < end && i < count; i++) {
        hubspot_write(s->r->world, s->c, rows[i].index, s->r->arena, s->wanted, s->wanted_count, &w);
        reply_served(reply, s->c->name, world_object(s->c, rows[i].index)->id);
    }
    json_end_array(&w);
    if (end < count) {
        json_begin_object(&w, "paging");
        json_begin_object(&w, "next");
        json_add_str(&w, "after", str_format(s->r->arena, "%zu", end));
        json_end_object(&w);
        json_end_object(&w);
    }
    json_end_object(&w);
}

/* A loop fault forgets where the last page ended, in whichever way that was said. */
static void
forget_position(struct search *s)
{
    if (s->r->loop && s->after == 0 && str_eq_c(s->sort, "hs_object_id"))
        s->groups = NULL;
}

void
hubspot_search(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c)
{
    struct search s = {.r = r, .c = c};
    size_t count;
    yyjson_val *body = hubspot_body(r, reply);
    if (body == NULL || !read_search(&s, body, reply))
        return;
    forget_position(&s);
    const struct row *rows = find_rows(&s, &count);
    if (rows == NULL)
        return hubspot_error(r, reply, 500, "INTERNAL_ERROR", STR("internal error"));
    answer(&s, reply, rows, count);
}
