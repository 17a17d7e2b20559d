/*
 * CursorPagination: the token is an expression over the answer. The stop condition speaks first; a falsy
 * token ends; headers.link is the parsed Link header (rule 16; RFC 8288 for its form).
 */
#include "template/plan_priv.h"

#define LINKS_MAX 32

static bool
cursor_pager_compile(struct compiler *c, const struct node *n, struct pager *pager)
{
    return text_field(c, n, "cursor_value", &pager->cursor_value) && text_field(c, n, "stop_condition", &pager->stop_condition);
}

static struct str
unquote(struct str s)
{
    s = str_trim(s);
    if (s.len >= 2 && (s.ptr[0] == '"' || s.ptr[0] == '\'') && s.ptr[s.len - 1] == s.ptr[0])
        s = str_slice(s, 1, s.len - 1);
    return s;
}

/* One "<url>; rel=\"next\"; title=..." becomes {"url":..., "rel":...} under the key of its rel (else its url). */
static bool
add_link(struct arena *a, struct value links, struct str url, struct str parameters)
{
    struct value link = value_dict_new(a);
    struct str key = url, part;
    if (link.type != VALUE_DICT || !value_dict_put(a, link, STR("url"), value_str(url)))
        return false;
    while (str_cut(parameters, ';', &part, &parameters) || part.len) {
        struct str name, value;
        bool pair = str_cut(part, '=', &name, &value);
        name = str_trim(name), value = unquote(value);
        if (pair && name.len && !value_dict_put(a, link, name, value_str(value)))
            return false;
        if (pair && str_eq(name, STR("rel")))
            key = value;
        if (str_is_none(parameters))
            break;
    }
    return value_dict_put(a, links, key, link);
}

static bool
parse_links(struct arena *a, struct str header, struct value links)
{
    for (unsigned n = 0; n < LINKS_MAX; n++) {
        ptrdiff_t open = str_find(header, '<'), close = str_find(header, '>');
        if (open < 0 || close < open)
            return true;
        struct str url = str_slice(header, (size_t)open + 1, (size_t)close);
        struct str rest = str_skip(header, (size_t)close + 1);
        ptrdiff_t next = str_find_str(rest, STR(", <"));
        if (next < 0)
            next = str_find_str(rest, STR(",<"));
        struct str parameters = next < 0 ? rest : str_slice(rest, 0, (size_t)next);
        if (!add_link(a, links, url, parameters))
            return false;
        if (next < 0)
            return true;
        header = str_skip(rest, (size_t)next + 1);
    }
    return true;
}

static struct value
headers_value(struct arena *a, const struct http_headers *headers)
{
    struct value dict = value_dict_new(a), links = value_dict_new(a);
    for (size_t i = 0; dict.type == VALUE_DICT && headers && i < headers->count; i++)
        if (!value_dict_put(a, dict, headers->items[i].name, value_str(headers->items[i].value)))
            return value_undefined();
    struct str link = headers ? http_header_get(headers, "link") : STR_NONE;
    if (links.type != VALUE_DICT || (link.ptr && !parse_links(a, link, links)) || !value_dict_put(a, dict, STR("link"), links))
        return value_undefined();
    return dict;
}

static bool
cursor_pager_next(const struct pager *p, struct expr_scope *scope, const struct page_facts *facts, struct value token,
                  struct value *next_out, struct err *err)
{
    bool stop = false;
    (void)token;
    *next_out = value_undefined();
    expr_scope_set(scope, STR("response"), value_from_json(facts->response));
    expr_scope_set(scope, STR("headers"), headers_value(scope->arena, facts->headers));
    expr_scope_set(scope, STR("last_record"), facts->last_record ? value_from_json(facts->last_record) : value_none());
    expr_scope_set(scope, STR("last_page_size"), value_int((int64_t)facts->emitted));
    if (text_given(&p->stop_condition) && !text_bool(&p->stop_condition, scope, &stop, err))
        return false;
    return stop || text_value(&p->cursor_value, scope, next_out, err);
}

const struct pager_kind pager_cursor = {.type = "CursorPagination", .compile = cursor_pager_compile, .next = cursor_pager_next};
