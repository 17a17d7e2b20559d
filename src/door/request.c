#include "door/request_priv.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/rng.h"
#include "door/dialect_priv.h"
#include "door/door_priv.h"

#define CURSOR_PREFIX "t1:"
#define QUERY_WORDS_BYTES 160

struct str
request_path_param(const struct request *r, size_t index)
{
    return index < r->match.param_count ? r->match.params[index] : STR_NONE;
}

struct str
request_query(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->query_count; i++)
        if (str_eq_c(r->query[i].name, name))
            return r->query[i].value.ptr ? r->query[i].value : STR("");
    return STR_NONE;
}

bool
request_fault(struct request *r, struct err *err, const char *pointer, const char *words)
{
    (void)r;
    err_set(err, E_VALIDATION_FAILED, "%s: %s", pointer[0] == '/' ? pointer + 1 : "The request", words);
    err_add_item(err, str_from_c(pointer), "%s", words);
    return false;
}

bool
request_query_fault(const char *name, const char *words, struct err *err)
{
    err_set(err, E_VALIDATION_FAILED, "The parameter %s %s", name, words);
    err_add_item(err, str_from_c(name), "%s", words);
    return false;
}

bool
request_cursor_fault(struct err *err)
{
    return request_query_fault("cursor", "is not one that this server gave: take it from meta.nextCursor", err);
}

bool
request_query_i64(const struct request *r, const char *name, int64_t min, int64_t max, int64_t otherwise,
                  int64_t *value_out, struct err *err)
{
    struct str text = request_query(r, name);
    if (str_is_none(text)) {
        *value_out = otherwise;
        return true;
    }
    if (str_to_i64(text, min, max, value_out))
        return true;
    char words[96];
    snprintf(words, sizeof(words), "must be a whole number from %lld to %lld", (long long)min, (long long)max);
    return request_query_fault(name, words, err);
}

bool
request_query_bool(const struct request *r, const char *name, int *value_out, struct err *err)
{
    struct str text = request_query(r, name);
    if (str_is_none(text))
        *value_out = -1;
    else if (str_eq(text, STR("true")) || str_eq(text, STR("1")))
        *value_out = 1;
    else if (str_eq(text, STR("false")) || str_eq(text, STR("0")))
        *value_out = 0;
    else
        return request_query_fault(name, "must be true or false", err);
    return true;
}

bool
request_query_time(const struct request *r, const char *name, int64_t *us_out, struct err *err)
{
    struct str text = request_query(r, name);
    if (str_is_none(text)) {
        *us_out = 0;
        return true;
    }
    return time_parse(text, us_out) || request_query_fault(name, "must be a time such as 2026-01-31T10:00:00Z", err);
}

/* "must be a, b or c" */
static void
choice_words(const char *const *choices, char words[static QUERY_WORDS_BYTES])
{
    size_t len = (size_t)snprintf(words, QUERY_WORDS_BYTES, "must be %s", choices[0]);
    for (size_t i = 1; choices[i] && len < QUERY_WORDS_BYTES; i++)
        len += (size_t)snprintf(words + len, QUERY_WORDS_BYTES - len, "%s%s", choices[i + 1] ? ", " : " or ", choices[i]);
}

bool
request_query_word(const struct request *r, const char *name, const char *const *choices, struct str *word_out, struct err *err)
{
    char words[QUERY_WORDS_BYTES];
    struct str word = request_query(r, name);
    bool known = str_is_none(word);
    for (size_t i = 0; choices[i] && !known; i++)
        known = str_eq_c(word, choices[i]);
    if (known) {
        *word_out = word;
        return true;
    }
    choice_words(choices, words);
    return request_query_fault(name, words, err);
}

struct str
list_cursor_text(struct arena *a, int64_t position)
{
    struct buf b;
    char plain[32];
    int len = snprintf(plain, sizeof(plain), CURSOR_PREFIX "%lld", (long long)position);
    buf_init(&b, 64);
    base64_encode(&b, (struct str){plain, (size_t)len}, BASE64_URL);
    struct str text = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

bool
list_cursor_parse(struct arena *a, struct str text, int64_t *position_out)
{
    struct str plain;
    if (text.len > 64 || !base64_decode(a, text, BASE64_URL, &plain) || !str_starts(plain, STR(CURSOR_PREFIX)))
        return false;
    return str_to_i64(str_skip(plain, strlen(CURSOR_PREFIX)), 1, INT64_MAX, position_out);
}

bool
request_paging(const struct request *r, int64_t limit_otherwise, struct paging *paging_out, struct err *err)
{
    struct paging p = {0};
    if (!request_query_i64(r, "page", 1, PAGE_NUMBER_MAX, 1, &p.page, err) ||
        !request_query_i64(r, "limit", 1, LIMIT_LIST_MAX, limit_otherwise, &p.limit, err))
        return false;
    struct str cursor = request_query(r, "cursor");
    if (!str_is_none(cursor) && !list_cursor_parse(r->arena, cursor, &p.after))
        return request_cursor_fault(err);
    p.offset = p.after ? 0 : (size_t)((p.page - 1) * p.limit);
    *paging_out = p;
    return true;
}

static yyjson_val *
member(const struct request *r, const char *name)
{
    yyjson_val *value = json_get_c(r->body, name);
    return yyjson_is_null(value) ? NULL : value;
}

static bool
member_fault(struct request *r, const char *name, const char *words, struct err *err)
{
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/%s", name);
    return request_fault(r, err, pointer, words);
}

bool
request_body_str(struct request *r, const char *name, size_t len_max, struct str *value_out, struct err *err)
{
    yyjson_val *value = member(r, name);
    struct str text = json_str(value);
    if (value && str_is_none(text))
        return member_fault(r, name, "must be a text", err);
    if (str_find(text, '\0') >= 0)
        return member_fault(r, name, "must not hold the character NUL", err);
    if (text.len > len_max)
        return member_fault(r, name, "is too long", err);
    *value_out = text;
    return true;
}

bool
request_body_removable(struct request *r, const char *name, size_t len_max, struct str *value_out, struct err *err)
{
    if (!request_body_str(r, name, len_max, value_out, err))
        return false;
    if (yyjson_is_null(json_get_c(r->body, name)))
        *value_out = STR("");
    return true;
}

bool
request_body_bool(struct request *r, const char *name, int *value_out, struct err *err)
{
    yyjson_val *value = member(r, name);
    if (value && !yyjson_is_bool(value))
        return member_fault(r, name, "must be true or false", err);
    *value_out = value ? yyjson_get_bool(value) : -1;
    return true;
}

bool
request_body_object(struct request *r, const char *name, yyjson_val **value_out, struct err *err)
{
    yyjson_val *value = member(r, name);
    if (value && !yyjson_is_obj(value))
        return member_fault(r, name, "must be an object", err);
    *value_out = value;
    return true;
}

bool
request_body_removable_object(struct request *r, const char *name, yyjson_val **value_out, struct err *err)
{
    yyjson_val *value = json_get_c(r->body, name);
    if (!yyjson_is_null(value))
        return request_body_object(r, name, value_out, err);
    *value_out = value;
    return true;
}

bool
request_body_array(struct request *r, const char *name, yyjson_val **value_out, struct err *err)
{
    yyjson_val *value = member(r, name);
    if (value && !yyjson_is_arr(value))
        return member_fault(r, name, "must be a list", err);
    *value_out = value;
    return true;
}

static bool
is_json_type(struct str type)
{
    struct str media, parameters;
    str_cut(type, ';', &media, &parameters);
    media = str_trim(media);
    return str_eq_nocase(media, STR("application/json")) ||
           (str_starts_nocase(media, STR("application/")) && str_ends(media, STR("+json")));
}

static bool
is_packed(const struct request *r)
{
    struct str encoding = str_trim(http_header_get(&r->x->headers, "Content-Encoding"));
    return r->x->body.len > 0 && encoding.len > 0 && !str_eq_nocase(encoding, STR("identity"));
}

bool
request_read_body(struct request *r, struct err *err)
{
    unsigned flags = r->match.route->flags;
    if (is_packed(r)) /* RFC 9110, section 15.5.16 */
        return err_set(err, E_UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, without Content-Encoding");
    if (!(flags & (ROUTE_BODY | ROUTE_BODY_OPTIONAL)))
        return true;
    if (r->x->body.len == 0) {
        if (flags & ROUTE_BODY_OPTIONAL)
            return true;
        return err_invalid(err, "", "%s", r->dialect == DIALECT_STATUS ? "Empty Data" : "The body is empty: send a JSON object");
    }
    if (!is_json_type(http_header_get(&r->x->headers, "Content-Type")))
        return err_set(err, E_UNSUPPORTED_MEDIA_TYPE, "Send the body as Content-Type: application/json");
    /* Numbers keep their text: an account id above 2^53 must arrive as it was sent (I-10). */
    r->body = json_parse(r->arena, r->x->body, JSON_NUMBERS_RAW | JSON_UNIQUE_KEYS, LIMIT_JSON_DEPTH_API, err);
    if (!r->body && err->code == E_TOO_LARGE)
        return err_invalid(err, "", "The JSON is nested deeper than %d levels", LIMIT_JSON_DEPTH_API);
    if (r->body && !yyjson_is_obj(r->body))
        return err_invalid(err, "", "The body must be a JSON object");
    if (!r->body && err->code == E_VALIDATION_FAILED)
        err_add_item(err, STR(""), "%s", err->message);
    return r->body != NULL;
}

static bool
is_sane_id(struct str id)
{
    if (id.len == 0 || id.len > LIMIT_REQUEST_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool sane = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                    c == '_' || c == '-';
        if (!sane)
            return false;
    }
    return true;
}

struct str
request_id_choose(struct arena *a, struct str offered)
{
    char fresh[UUID_TEXT_BYTES];
    struct str id = is_sane_id(offered) ? offered : str_from_c(uuid_v7_now(fresh));
    char *text = str_cstr(a, id);
    return text ? str_from_c(text) : STR("");
}

bool
request_wants_problem(struct str accept)
{
    while (accept.len) {
        struct str one, media, parameters;
        str_cut(accept, ',', &one, &accept);
        str_cut(one, ';', &media, &parameters);
        if (str_eq_nocase(str_trim(media), STR(PROBLEM_TYPE)))
            return true;
    }
    return false;
}

int64_t
prefer_wait_ms(struct str prefer, int64_t wait_max_ms)
{
    int64_t wait_ms = -1;
    while (prefer.len) {
        struct str one, name, value;
        str_cut(prefer, ',', &one, &prefer);
        str_cut(str_trim(one), ';', &one, &value);
        bool has_value = str_cut(one, '=', &name, &value);
        int64_t seconds;
        if (str_eq_nocase(str_trim(name), STR("respond-async")))
            return 0;
        if (has_value && str_eq_nocase(str_trim(name), STR("wait")) &&
            str_to_i64(str_trim(value), 0, INT64_C(1000000000), &seconds))
            wait_ms = seconds * 1000 > wait_max_ms ? wait_max_ms : seconds * 1000;
    }
    return wait_ms;
}

struct json_writer *
reply_bare(struct request *r, int status)
{
    r->reply.status = status;
    r->reply.type = JSON_TYPE;
    buf_clear(&r->reply.body);
    json_writer_init(&r->w, &r->reply.body);
    json_begin_object(&r->w, NULL);
    return &r->w;
}

struct json_writer *
reply_begin(struct request *r, int status)
{
    reply_bare(r, status);
    json_add_bool(&r->w, "success", true);
    json_add_key(&r->w, STR("data"));
    return &r->w;
}

bool
reply_end(struct request *r, struct err *err)
{
    json_end_object(&r->w);
    return buf_ok(&r->reply.body) || err_set(err, E_TOO_LARGE, "The answer is too large: ask for a smaller page");
}

static bool
end_list(struct request *r, const struct paging *paging, int64_t total, bool at_least, struct str next, struct err *err)
{
    struct json_writer *w = &r->w;
    json_begin_object(w, "meta");
    json_add_i64(w, "total", total);
    if (at_least)
        json_add_bool(w, "totalAtLeast", true);
    if (!paging->after)
        json_add_i64(w, "page", paging->page);
    json_add_i64(w, "limit", paging->limit);
    json_add_i64(w, "totalPages", (total + paging->limit - 1) / paging->limit);
    bool is_last = !paging->after && !at_least && paging->page * paging->limit >= total;   /* full, and yet the last */
    if (next.len && !is_last)
        json_add_str(w, "nextCursor", next);
    json_end_object(w);
    return reply_end(r, err);
}

bool
reply_end_list(struct request *r, const struct paging *paging, int64_t total, struct str next, struct err *err)
{
    return end_list(r, paging, total, false, next, err);
}

bool
reply_end_counted_list(struct request *r, const struct paging *paging, int64_t counted, struct str next, struct err *err)
{
    bool at_least = counted > LIMIT_COUNT_EXACT;
    return end_list(r, paging, at_least ? LIMIT_COUNT_EXACT : counted, at_least, next, err);
}

struct json_writer *
reply_object(struct request *r, int status)
{
    struct json_writer *w = reply_begin(r, status);
    json_begin_object(w, NULL);
    return w;
}

bool
reply_object_end(struct request *r, struct err *err)
{
    json_end_object(&r->w);
    return reply_end(r, err);
}

bool
reply_empty(struct request *r, int status)
{
    r->reply.status = status;
    r->reply.type = NULL;
    buf_clear(&r->reply.body);
    return true;
}

bool
reply_body(struct request *r, int status, const char *type, struct err *err)
{
    r->reply.status = status;
    r->reply.type = type;
    return buf_ok(&r->reply.body) || err_set(err, E_TOO_LARGE, NULL);
}

void
reply_add_header(struct request *r, const char *name, struct str value)
{
    http_reply_header(r->x, name, value);
}

bool
request_may_try(struct request *r, struct str whose, struct err *err)
{
    int64_t wait_ms;
    if (attempts_add(r->door->tries, whose, &wait_ms))
        return true;
    err_set(err, E_RATE_LIMITED, "Too many credentials were tried: wait before the next");
    err->retry_after_ms = wait_ms;
    return false;
}
