/*
 * A request while it is put together: who adds what, and what comes out as URL, headers and body.
 *
 * Paginator, slicer, authenticator and requester each add fields. The same name twice is the template's
 * fault and an error, except in a JSON body, where maps merge and equal values agree (rule 10). A query
 * value may be a list, which repeats the name; a map may not stand there (rule 11).
 */
#include "template/plan_priv.h"

#include "base/encode.h"

static struct draft_list *
list_of(struct draft *d, enum inject into)
{
    return into == INJECT_QUERY ? &d->query : into == INJECT_HEADER ? &d->headers : &d->form;
}

static bool
twice(struct err *err, struct str name)
{
    return err_set(err, E_TEMPLATE_INVALID, "The template sets \"%.*s\" twice in one request",
                   (int)(name.len > 100 ? 100 : name.len), name.ptr);
}

static bool
list_put(struct draft *d, struct draft_list *list, struct str name, struct value value, struct err *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i].name, name))
            return twice(err, name);
    if (list->count == list->size) {
        size_t size = list->size ? list->size * 2 : 8;
        struct draft_field *items = arena_grow(d->arena, list->items, list->size * sizeof(*items), size * sizeof(*items));
        if (!items)
            return err_no_memory(err);
        list->items = items, list->size = size;
    }
    list->items[list->count++] = (struct draft_field){name, value};
    return true;
}

/* A dict that may be changed: JSON objects are copied one level. */
static bool
own_dict(struct draft *d, struct value *v, struct err *err)
{
    if (v->type == VALUE_DICT)
        return true;
    struct value dict = value_dict_new(d->arena);
    if (dict.type != VALUE_DICT)
        return err_no_memory(err);
    if (v->type == VALUE_JSON && yyjson_is_obj(v->json)) {
        size_t index, max;
        yyjson_val *key, *item;
        JSON_EACH_MEMBER(v->json, index, max, key, item) {
            if (!value_dict_put(d->arena, dict, json_str(key), value_from_json(item)))
                return err_no_memory(err);
        }
    }
    *v = dict;
    return true;
}

static bool
is_map(struct value v)
{
    return v.type == VALUE_DICT || (v.type == VALUE_JSON && yyjson_is_obj(v.json));
}

static bool merge_maps(struct draft *d, struct value into, struct value from, struct err *err);

static bool
merge_entry(struct draft *d, struct value into, struct str key, struct value item, struct err *err)
{
    struct value there = value_get(into, key);
    if (there.type == VALUE_UNDEFINED) {
        if (is_map(item)) { /* a copy: later merges must not reach into the template's own */
            struct value copy = value_dict_new(d->arena);
            if (copy.type != VALUE_DICT || !merge_maps(d, copy, item, err))
                return err_no_memory(err);
            item = copy;
        }
        return value_dict_put(d->arena, into, key, item) || err_no_memory(err);
    }
    if (is_map(there) && is_map(item)) {
        if (!own_dict(d, &there, err) || !value_dict_put(d->arena, into, key, there))
            return false;
        return merge_maps(d, there, item, err);
    }
    return value_equal(there, item) || twice(err, key);
}

static bool
merge_maps(struct draft *d, struct value into, struct value from, struct err *err)
{
    if (!own_dict(d, &from, err))
        return false;
    for (size_t i = 0; i < from.dict->count; i++) {
        struct value key = from.dict->entries[i].key;
        struct str name = key.type == VALUE_STR ? key.text : value_to_python(d->arena, key);
        if (!merge_entry(d, into, name, from.dict->entries[i].value, err))
            return false;
    }
    return true;
}

static bool
json_begin(struct draft *d, struct err *err)
{
    if (d->json.type == VALUE_DICT)
        return true;
    d->json = value_dict_new(d->arena);
    return d->json.type == VALUE_DICT || err_no_memory(err);
}

bool
draft_put(struct draft *d, enum inject into, struct str name, struct value value, struct err *err)
{
    if (into == INJECT_JSON)
        return json_begin(d, err) && merge_entry(d, d->json, name, value, err);
    if (into == INJECT_QUERY && is_map(value))
        return err_set(err, E_TEMPLATE_INVALID, "The query parameter \"%.*s\" cannot be an object",
                       (int)(name.len > 100 ? 100 : name.len), name.ptr);
    return list_put(d, list_of(d, into), name, value, err);
}

/* Wraps the value into maps along the path, innermost first. */
static bool
put_nested(struct draft *d, const struct request_option *o, struct expr_scope *scope, struct value value, struct err *err)
{
    struct str name = STR_NONE;
    for (size_t i = o->path_count; i-- > 0;) {
        if (!text_str(&o->path[i], scope, &name, err))
            return false;
        if (i == 0)
            break;
        struct value outer = value_dict_new(d->arena);
        if (outer.type != VALUE_DICT || !value_dict_put(d->arena, outer, name, value))
            return err_no_memory(err);
        value = outer;
    }
    return draft_put(d, INJECT_JSON, name, value, err);
}

bool
draft_option(struct draft *d, const struct request_option *o, struct expr_scope *scope, struct value value, struct err *err)
{
    if (o->path_count)
        return put_nested(d, o, scope, value, err);
    struct str name;
    return text_str(&o->name, scope, &name, err) && draft_put(d, o->into, name, value, err);
}

bool
draft_merge(struct draft *d, enum inject into, struct value map, struct err *err)
{
    if (value_is_missing(map) || (map.type == VALUE_STR && map.text.len == 0))
        return true;
    if (map.type == VALUE_STR && into == INJECT_FORM) {
        if (d->form.count)
            return err_set(err, E_TEMPLATE_INVALID, "A body that is one text cannot have fields added to it");
        d->text = map.text;
        return true;
    }
    if (!is_map(map))
        return into == INJECT_QUERY || err_set(err, E_TEMPLATE_INVALID, "Request headers and bodies must be maps");
    if (into == INJECT_JSON)
        return json_begin(d, err) && merge_maps(d, d->json, map, err);
    if (!own_dict(d, &map, err))
        return false;
    for (size_t i = 0; i < map.dict->count; i++) {
        struct value key = map.dict->entries[i].key;
        struct str name = key.type == VALUE_STR ? key.text : value_to_python(d->arena, key);
        if (!draft_put(d, into, name, map.dict->entries[i].value, err))
            return false;
    }
    return true;
}

/* Scheme of an absolute URL ("https:"), or an empty text. */
static struct str
scheme_of(struct str url)
{
    for (size_t i = 0; i < url.len; i++) {
        char c = url.ptr[i];
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        if (c == ':' && i > 0)
            return str_slice(url, 0, i + 1);
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            break;
    }
    return STR("");
}

/* "https://host" of a URL, its path being the rest up to '?' or '#'. */
static struct str
origin_of(struct str url, struct str *path_out)
{
    struct str scheme = scheme_of(url);
    size_t i = scheme.len;
    if (str_starts(str_skip(url, i), STR("//")))
        for (i += 2; i < url.len && !strchr("/?#", url.ptr[i]);)
            i++;
    size_t end = i;
    while (end < url.len && url.ptr[end] != '?' && url.ptr[end] != '#')
        end++;
    *path_out = str_slice(url, i, end);
    return str_slice(url, 0, i);
}

/* "." and ".." segments taken out of a path that starts with '/' (RFC 3986, section 5.2.4). */
static struct str
remove_dots(struct arena *a, struct str path)
{
    if (str_find_str(path, STR("/.")) < 0)
        return path;
    char *out = arena_alloc_bytes(a, path.len + 1);
    size_t len = 0;
    if (!out)
        return STR_NONE;
    for (size_t i = 0; i < path.len;) {
        size_t end = i + 1;
        while (end < path.len && path.ptr[end] != '/')
            end++;
        struct str segment = str_slice(path, i, end);
        bool up = str_eq(segment, STR("/.."));
        if (up)
            while (len > 0 && out[--len] != '/')
                continue;
        if ((up || str_eq(segment, STR("/."))) && end == path.len)
            out[len++] = '/';
        if (!up && !str_eq(segment, STR("/."))) {
            memcpy(out + len, segment.ptr, segment.len);
            len += segment.len;
        }
        i = end;
    }
    return (struct str){out, len};
}

/* "//" in the middle of a joined path is one slash. */
static struct str
remove_empty(struct arena *a, struct str path)
{
    if (str_find_str(path, STR("//")) < 0)
        return path;
    char *out = arena_alloc_bytes(a, path.len + 1);
    size_t len = 0;
    if (!out)
        return STR_NONE;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] != '/' || len == 0 || out[len - 1] != '/')
            out[len++] = path.ptr[i];
    return (struct str){out, len};
}

struct str
url_join(struct arena *a, struct str base, struct str path)
{
    if (path.len == 0)
        return base;
    if (scheme_of(path).len)
        return path;
    struct str base_path;
    struct str origin = origin_of(base, &base_path);
    if (str_starts(path, STR("//")))
        return str_join2(a, scheme_of(base), path);
    struct str folder = base_path;
    if (path.ptr[0] == '/')
        folder = STR("");
    else if (!str_ends(folder, STR("/")))
        folder = str_join2(a, folder, STR("/"));
    size_t query = 0;
    while (query < path.len && path.ptr[query] != '?' && path.ptr[query] != '#')
        query++;
    struct str whole = str_join2(a, folder, str_slice(path, 0, query));
    struct str joined = remove_dots(a, path.ptr[0] == '/' ? whole : remove_empty(a, whole));
    return str_join2(a, str_join2(a, origin, joined), str_skip(path, query));
}

static struct str
field_text(struct arena *a, struct value v)
{
    return v.type == VALUE_STR ? v.text : value_to_python(a, v);
}

static bool
add_pair(struct buf *b, struct arena *a, struct str name, struct value v)
{
    if (v.type == VALUE_NONE || v.type == VALUE_UNDEFINED)
        return true;
    return http_query_add(b, name, field_text(a, v));
}

static bool
add_pairs(struct buf *b, struct arena *a, const struct draft_field *field)
{
    struct value v = field->value;
    if (v.type != VALUE_LIST && !(v.type == VALUE_JSON && yyjson_is_arr(v.json)))
        return add_pair(b, a, field->name, v);
    for (size_t i = 0; i < value_count(v); i++)
        if (!add_pair(b, a, field->name, value_at(v, i)))
            return false;
    return true;
}

/* Is this name already in the URL's query with the same value? Then it is not repeated (rule 9). */
static bool
url_has(struct arena *a, struct str query, const struct draft_field *field)
{
    struct http_pair *pairs;
    size_t count;
    if (query.len == 0 || !http_query_parse(a, query, &pairs, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (str_eq(pairs[i].name, field->name))
            return str_eq(pairs[i].value, field_text(a, field->value));
    return false;
}

/* Brackets may stand around a host's address and not behind it. */
static void
add_head(struct buf *b, struct str head)
{
    ptrdiff_t scheme = str_find_str(head, STR("://"));
    size_t at = scheme < 0 ? 0 : (size_t)scheme + 3;
    while (at < head.len && head.ptr[at] != '/')
        at++;
    buf_add_percent(b, (struct str){head.ptr, at}, "%:/[]@!$&'()*+,;=");
    buf_add_percent(b, (struct str){head.ptr + at, head.len - at}, "%:/@!$&'()*+,;=");
}

/* The URL with unsafe bytes escaped, and its query (without '?') cut off. */
static bool
write_url(struct buf *b, struct arena *a, struct draft *d, struct str url)
{
    struct str head = url, query = STR(""), fragment;
    str_cut(url, '#', &head, &fragment);
    str_cut(head, '?', &head, &query);
    add_head(b, head);
    char separator = '?';
    if (query.len) {
        buf_add_char(b, separator);
        buf_add_percent(b, query, "%:/?[]@!$&'()*+,;=");
        separator = '&';
    }
    struct buf pairs;
    buf_init(&pairs, 1 << 20);
    for (size_t i = 0; i < d->query.count; i++)
        if (!url_has(a, query, &d->query.items[i]))
            add_pairs(&pairs, a, &d->query.items[i]);
    if (pairs.len)
        buf_add_char(b, separator), buf_add(b, buf_str(&pairs));
    bool ok = buf_ok(&pairs) && buf_ok(b);
    buf_release(&pairs);
    return ok;
}

static bool
has_header(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->headers.count; i++)
        if (str_eq_nocase(d->headers.items[i].name, str_from_c(name)))
            return true;
    return false;
}

/* In a form a blank is a plus. A percent sign of the data is escaped, so every %20 is one. */
static void
blanks_to_plus(struct buf *b)
{
    size_t to = 0;
    for (size_t i = 0; i < b->len; i++) {
        bool blank = b->len - i >= 3 && memcmp(b->ptr + i, "%20", 3) == 0;
        b->ptr[to++] = blank ? '+' : b->ptr[i];
        i += blank ? 2 : 0;
    }
    buf_truncate(b, to);
}

static bool
write_body(struct draft *d, struct buf *b, const char **content_type_out)
{
    if (value_count(d->json) > 0 && d->json.type == VALUE_DICT) {
        yyjson_mut_doc *doc = json_mut_doc(d->arena);
        yyjson_mut_val *json = doc ? value_to_json(doc, d->json) : NULL;
        yyjson_val *frozen = json ? json_freeze(d->arena, json) : NULL;
        *content_type_out = "application/json";
        return frozen && json_write(b, frozen);
    }
    if (d->text.ptr)
        return buf_add(b, d->text);
    *content_type_out = d->form.count ? "application/x-www-form-urlencoded" : NULL;
    for (size_t i = 0; i < d->form.count; i++)
        add_pairs(b, d->arena, &d->form.items[i]);
    if (buf_ok(b))
        blanks_to_plus(b);
    return buf_ok(b);
}

static bool
write_headers(struct draft *d, const char *content_type, struct http_headers *headers_out, struct err *err)
{
    struct http_header *items = ARENA_ARRAY(d->arena, struct http_header, d->headers.count + 1);
    size_t count = 0;
    if (!items)
        return err_no_memory(err);
    for (size_t i = 0; i < d->headers.count; i++) {
        struct str value = field_text(d->arena, d->headers.items[i].value);
        for (size_t j = 0; j < value.len; j++)
            if (value.ptr[j] == '\r' || value.ptr[j] == '\n' || value.ptr[j] == '\0')
                return err_set(err, E_VALIDATION_FAILED, "The request header %.*s would hold a line break",
                               STR_ARG(d->headers.items[i].name));
        items[count++] = (struct http_header){d->headers.items[i].name, value};
    }
    if (content_type && !has_header(d, "Content-Type"))
        items[count++] = (struct http_header){STR("Content-Type"), str_from_c(content_type)};
    *headers_out = (struct http_headers){items, count};
    return true;
}

/* Other schemes are refused by whoever sends. */
static bool
has_host(struct str url)
{
    struct str scheme, rest;
    ptrdiff_t at = str_find_str(url, STR("://"));
    if (at <= 0)
        return false;
    scheme = (struct str){url.ptr, (size_t)at};
    rest = str_skip(url, (size_t)at + 3);
    bool none = rest.len == 0 || rest.ptr[0] == '/' || rest.ptr[0] == '?' || rest.ptr[0] == '#';
    return !none && str_find_str(scheme, STR("/")) < 0 && str_find_str(scheme, STR("?")) < 0;
}

bool
draft_finish(struct draft *d, struct str method, struct str url, struct http_request *request_out, struct err *err)
{
    struct buf b, body;
    const char *content_type = NULL;
    buf_init(&b, 1 << 20);
    buf_init(&body, 8 << 20);
    bool takes_body = str_eq(method, STR("GET")) || str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) ||
                      str_eq(method, STR("PATCH"));
    struct http_request request = {.method = method};
    if (!has_host(url))
        return err_set(err, E_ADDRESS_REFUSED, "The request's address does not begin with http:// or https:// and a host: "
                                               "look at the template, and at addresses in the configuration");
    if (takes_body && value_count(d->json) > 0 && (d->form.count || d->text.ptr))
        return err_set(err, E_TEMPLATE_INVALID, "The request would have two bodies, JSON and form data: the template may give one");
    bool ok = write_url(&b, d->arena, d, url) && (!takes_body || write_body(d, &body, &content_type));
    if (ok) {
        request.url = str_copy(d->arena, buf_str(&b));
        request.body = body.len ? str_copy(d->arena, buf_str(&body)) : STR_NONE;
        ok = request.url.ptr && (!body.len || request.body.ptr);
    }
    if (!ok)
        err_set(err, E_TOO_LARGE, "The request to the vendor is too large");
    ok = ok && write_headers(d, body.len ? content_type : NULL, &request.headers, err);
    buf_release(&b);
    buf_release(&body);
    if (ok)
        *request_out = request;
    return ok;
}
