/*
 * Chatwoot's lists of contacts: sorted, searched, filtered.
 *
 * Sources: app/controllers/api/v1/accounts/contacts_controller.rb, app/models/contact.rb (resolved_contacts:
 * those with an e-mail, a phone or an identifier), app/services/filter_service.rb. Sorting puts missing
 * values last in both directions (order_on_... with NULLS LAST).
 */
#include "sandbox/chatwoot_priv.h"

enum contact_sort { SORT_ID, SORT_NAME, SORT_EMAIL, SORT_PHONE, SORT_ACTIVITY, SORT_CREATED, SORT_COMPANY, SORT_CITY,
                    SORT_COUNTRY, SORTS };
static const char *const sort_names[SORTS] = {
    [SORT_ID] = "", [SORT_NAME] = "name", [SORT_EMAIL] = "email", [SORT_PHONE] = "phone_number",
    [SORT_ACTIVITY] = "last_activity_at", [SORT_CREATED] = "created_at", [SORT_COMPANY] = "company_name",
    [SORT_CITY] = "city", [SORT_COUNTRY] = "country",
};

struct contact_query {
    enum contact_sort sort;
    bool descending;
    bool all;              /* not only resolved ones */
    struct str search;     /* STR_NONE: none */
    yyjson_val *filters;   /* NULL: none */
};

static void
set_key(const struct contact_query *q, const struct object *object, const struct contact_fields *f,
        struct view_key *key)
{
    struct str text = STR_NONE;
    switch (q->sort) {
    case SORT_ID:
        key->number = object->id;
        return;
    case SORT_ACTIVITY:
        key->number = object->activity_us;
        key->missing = object->activity_us == 0;
        return;
    case SORT_CREATED:
        key->number = object->created_us;
        return;
    case SORT_NAME:
        text = f->name;
        break;
    case SORT_EMAIL:
        text = f->email;
        break;
    case SORT_PHONE:
        text = f->phone;
        break;
    case SORT_COMPANY:
        text = f->company;
        break;
    case SORT_CITY:
        text = f->city;
        break;
    case SORT_COUNTRY:
        text = f->country;
        break;
    case SORTS:
        break;
    }
    key->text = text;
    key->missing = text.len == 0;
}

/* ILIKE %part%, ASCII case only. */
static bool
contains_nocase(struct str text, struct str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (str_eq_nocase(str_slice(text, i, i + part.len), part))
            return true;
    return false;
}

static bool
found_by_search(const struct contact_fields *f, struct str search)
{
    int64_t id;
    if (str_to_i64(search, 0, INT64_MAX, &id) && id == f->id)
        return true;
    return contains_nocase(f->name, search) || contains_nocase(f->email, search) ||
        contains_nocase(f->phone, search) || contains_nocase(f->identifier, search);
}

/* A field as text for the filter; false when there is no such attribute. */
static bool
filter_text(const struct contact_fields *f, const struct object *object, struct str key, struct arena *a,
            struct str *text_out)
{
    const struct {
        const char *name;
        struct str text;
    } texts[] = {
        {"name", f->name}, {"email", f->email}, {"phone_number", f->phone}, {"identifier", f->identifier},
        {"city", f->city}, {"company_name", f->company}, {"country", f->country},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!str_eq_c(key, texts[i].name))
            continue;
        *text_out = texts[i].text;
        return true;
    }
    char time[TIME_TEXT_BYTES];
    bool activity = str_eq_c(key, "last_activity_at");
    if (activity || str_eq_c(key, "created_at")) {
        int64_t us = activity ? object->activity_us : object->created_us;
        *text_out = us ? str_copy(a, str_from_c(time_format_ms(us, time))) : STR_NONE;
        return true;
    }
    if (str_eq_c(key, "blocked")) {
        *text_out = f->blocked ? STR("true") : STR("false");
        return true;
    }
    return false;
}

/* Dates compare as the beginning of an ISO time: "2026-10-01" lies before every time of that day. */
static bool
filter_holds(struct str text, struct str operator, yyjson_val *values)
{
    bool any_equal = false, any_contained = false;
    size_t at, max;
    yyjson_val *value;
    yyjson_arr_foreach(values, at, max, value) {
        struct str wanted = json_str_or(value, STR(""));
        any_equal = any_equal || str_eq_nocase(text, wanted);
        any_contained = any_contained || contains_nocase(text, wanted);
    }
    struct str first = json_str_or(yyjson_arr_get_first(values), STR(""));
    if (str_eq_c(operator, "equal_to"))
        return any_equal;
    if (str_eq_c(operator, "not_equal_to"))
        return !any_equal;
    if (str_eq_c(operator, "contains"))
        return any_contained;
    if (str_eq_c(operator, "does_not_contain"))
        return !any_contained;
    if (str_eq_c(operator, "is_greater_than"))
        return text.len > 0 && str_compare(text, first) > 0;
    if (str_eq_c(operator, "is_less_than"))
        return text.len > 0 && str_compare(text, first) < 0;
    return str_eq_c(operator, "is_present") ? text.len > 0 : text.len == 0; /* is_not_present */
}

/* The conditions from left to right, each joined by the query_operator of the one before, AND first as in SQL. */
static bool
found_by_filters(const struct contact_fields *f, const struct object *object, yyjson_val *filters, struct arena *a)
{
    bool any = false, all = true;
    size_t at, max;
    yyjson_val *filter;
    yyjson_arr_foreach(filters, at, max, filter) {
        struct str text = STR_NONE;
        (void)filter_text(f, object, json_str(json_get_c(filter, "attribute_key")), a, &text);
        all = all && filter_holds(text, json_str(json_get_c(filter, "filter_operator")), json_get_c(filter, "values"));
        if (!str_eq_nocase(json_str(json_get_c(filter, "query_operator")), STR("OR")))
            continue;
        any = any || all;
        all = true;
    }
    return any || all;
}

static bool
contact_key(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx,
            struct view_key *key_out)
{
    const struct contact_query *q = ctx;
    const struct object *object = world_object(c, index);
    struct contact_fields f = contact_read(world, index, scratch);
    bool resolved = f.email.len > 0 || f.phone.len > 0 || f.identifier.len > 0;
    if (!q->all && !resolved)
        return false;
    if (!str_is_none(q->search) && !found_by_search(&f, q->search))
        return false;
    if (q->filters != NULL && !found_by_filters(&f, object, q->filters, scratch))
        return false;
    set_key(q, object, &f, key_out);
    return true;
}

static void
read_sort(struct sandbox_request *r, struct contact_query *q)
{
    struct str sort = request_param(r, "sort");
    q->descending = str_starts(sort, STR("-"));
    if (q->descending)
        sort = str_skip(sort, 1);
    for (size_t i = 1; i < SORTS; i++)
        if (str_eq_c(sort, sort_names[i]))
            q->sort = (enum contact_sort)i;
    if (q->sort == SORT_ID)
        q->descending = false;
}

static void
write_page(struct sandbox_request *r, struct sandbox_reply *reply, const struct view *view, bool has_more)
{
    struct json_writer w;
    size_t from = (size_t)(request_page(r, "page") - 1) * CONTACTS_PER_PAGE;
    size_t to = from + CONTACTS_PER_PAGE < view->count ? from + CONTACTS_PER_PAGE : view->count;
    struct str page = request_param(r, "page");
    bool with_inboxes = !str_eq_c(request_param(r, "include_contact_inboxes"), "false");
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "meta");
    json_add_i64(&w, "count", has_more ? (int64_t)(from < to ? to - from : 0) : (int64_t)view->count);
    if (str_is_none(page) || page.len == 0)
        json_add_i64(&w, "current_page", 1);
    else
        json_add_str(&w, "current_page", page); /* the parameter, as it came: a text */
    if (has_more)
        json_add_bool(&w, "has_more", to < view->count);
    json_end_object(&w);
    json_begin_array(&w, "payload");
    for (size_t i = from; i < to; i++) {
        contact_write(r->world, view->items[i], r->arena, with_inboxes, &w, NULL);
        reply_served(reply, "contacts", world_object(chatwoot_of(r->world).contacts, view->items[i])->id);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void
list(struct sandbox_request *r, struct sandbox_reply *reply, struct contact_query *q, struct str name, bool has_more)
{
    read_sort(r, q);
    name = str_format(r->arena, "%.*s:%s%s", STR_ARG(name), q->descending ? "-" : "", sort_names[q->sort]);
    const struct view *view =
        world_view(r->world, chatwoot_of(r->world).contacts, name, contact_key, q, q->descending);
    if (view == NULL)
        chatwoot_error(reply, 500, "Out of memory");
    else
        write_page(r, reply, view, has_more);
}

void
contacts_list(struct sandbox_request *r, struct sandbox_reply *reply)
{
    list(r, reply, &(struct contact_query){.search = STR_NONE}, STR("list"), false);
}

void
contacts_search(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str search = str_trim(request_param(r, "q"));
    if (search.len == 0) {
        chatwoot_error(reply, 422, "Specify search string with parameter q");
        return;
    }
    list(r, reply, &(struct contact_query){.all = true, .search = search},
         str_format(r->arena, "search:%.*s", STR_ARG(search)), true);
}

/* What FilterService refuses: an attribute or an operator that it does not know. */
static bool
filters_valid(struct sandbox_reply *reply, yyjson_val *filters, struct arena *a)
{
    static const char *const operators[] = {"equal_to", "not_equal_to", "contains", "does_not_contain", "is_present",
                                            "is_not_present", "is_greater_than", "is_less_than"};
    const struct contact_fields none = {0};
    const struct object no_object = {0};
    size_t at, max;
    yyjson_val *filter;
    yyjson_arr_foreach(filters, at, max, filter) {
        struct str text, operator = json_str(json_get_c(filter, "filter_operator"));
        if (!filter_text(&none, &no_object, json_str(json_get_c(filter, "attribute_key")), a, &text)) {
            chatwoot_error(reply, 422, "Invalid attribute key");
            return false;
        }
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(operators); i++)
            known = known || str_eq_c(operator, operators[i]);
        if (!known) {
            chatwoot_error(reply, 422, "Invalid operator");
            return false;
        }
    }
    return true;
}

void
contacts_filter(struct sandbox_request *r, struct sandbox_reply *reply)
{
    yyjson_val *body = chatwoot_body(r, reply);
    if (body == NULL)
        return;
    yyjson_val *filters = json_get_c(body, "payload");
    if (!yyjson_is_arr(filters)) {
        chatwoot_error(reply, 422, "param is missing or the value is empty: payload");
        return;
    }
    if (filters_valid(reply, filters, r->arena))
        list(r, reply, &(struct contact_query){.all = true, .search = STR_NONE, .filters = filters},
             str_format(r->arena, "filter:%.*s", STR_ARG(r->body)), false);
}
