#include "template/oauth_priv.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"

#define PATH_MAX_PARTS 8
#define LIFE_MAX_S INT64_C(10000000000)

static yyjson_val *
declared(const struct template *t)
{
    return json_get_c(template_info(t)->tidemark, "oauth");
}

bool
template_has_oauth(const struct template *t)
{
    return yyjson_is_obj(declared(t)) || oauth_is_declared(t);
}

/* ---- the declaration, with this configuration ---- */

struct reading {
    struct arena *arena;
    struct expr_scope scope;
    yyjson_val *oauth;
    struct err *err;
};

static bool
evaluate(struct reading *rd, struct str text, struct str *text_out)
{
    struct expr *e = text.ptr ? expr_compile(rd->arena, text) : NULL;
    *text_out = STR_NONE;
    if (!text.ptr)
        return true;
    rd->scope.steps_left = LIMIT_EXPRESSION_STEPS;
    if (!e)
        return err_no_memory(rd->err);
    return expr_eval_text(e, &rd->scope, text_out, rd->err) || err_prefix(rd->err, "oauth: ");
}

static bool
read_text(struct reading *rd, const char *name, const char *otherwise, struct str *text_out)
{
    struct str text = json_str(json_get_c(rd->oauth, name));
    return evaluate(rd, text.len ? text : otherwise ? str_from_c(otherwise) : STR_NONE, text_out);
}

static bool
read_object(struct reading *rd, const char *name, yyjson_val **object_out)
{
    size_t index, max;
    yyjson_val *key, *item, *given = json_get_c(rd->oauth, name);
    yyjson_mut_doc *doc = json_mut_doc(rd->arena);
    yyjson_mut_val *object = doc ? yyjson_mut_obj(doc) : NULL;
    *object_out = NULL;
    if (!yyjson_is_obj(given))
        return true;
    if (!object)
        return err_no_memory(rd->err);
    yyjson_obj_foreach(given, index, max, key, item) {
        struct str text;
        if (!evaluate(rd, json_str(item), &text))
            return false;
        if (text.len)
            yyjson_mut_obj_add(object, yyjson_val_mut_copy(doc, key), yyjson_mut_strncpy(doc, text.ptr, text.len));
    }
    *object_out = json_freeze(rd->arena, object);
    return *object_out || err_no_memory(rd->err);
}

static bool
read_scope(struct reading *rd, struct str *scope_out)
{
    struct buf b;
    size_t index, max;
    yyjson_val *item, *scopes = json_get_c(rd->oauth, "scopes");
    struct str separator = json_str_or(json_get_c(rd->oauth, "scope_separator"), STR(" "));
    if (!yyjson_is_arr(scopes))
        return evaluate(rd, json_str(scopes), scope_out);
    buf_init(&b, LIMIT_EXPRESSION_BYTES);
    yyjson_arr_foreach(scopes, index, max, item) {
        if (b.len)
            buf_add(&b, separator);
        buf_add(&b, json_str(item));
    }
    *scope_out = str_copy(rd->arena, buf_str(&b));
    buf_release(&b);
    return scope_out->ptr || err_no_memory(rd->err);
}

static struct str
find_missing(struct reading *rd, yyjson_val *config)
{
    size_t index, max;
    yyjson_val *item, *required = json_get_c(rd->oauth, "required");
    yyjson_arr_foreach(required, index, max, item) {
        if (json_str(json_get(config, json_str(item))).len == 0)
            return json_str(item);
    }
    return STR_NONE;
}

bool
template_oauth(const struct template *t, struct arena *a, yyjson_val *config, int64_t now_us, struct oauth_spec *spec_out,
               struct err *err)
{
    struct reading rd = {.arena = a, .oauth = declared(t), .err = err};
    struct oauth_spec s = {0};
    if (!template_has_oauth(t))
        return err_set(err, E_TEMPLATE_REFUSED, "%.*s has no sign-in: enter its credential instead",
                       STR_ARG(template_info(t)->display_name));
    if (!yyjson_is_obj(rd.oauth))
        return oauth_declared(t, a, config, spec_out, err);
    expr_scope_init(&rd.scope, a, now_us);
    expr_scope_set(&rd.scope, STR("config"), value_from_json(config));
    if (!read_text(&rd, "authorize_url", NULL, &s.authorize_url) || !read_text(&rd, "token_url", NULL, &s.token_url) ||
        !read_text(&rd, "redirect_parameter", "redirect_uri", &s.redirect_parameter) ||
        !read_text(&rd, "client_id", "{{ config['clientId'] }}", &s.client_id) ||
        !read_text(&rd, "client_secret", "{{ config.get('clientSecret') or '' }}", &s.client_secret) || !read_scope(&rd, &s.scope) ||
        !read_object(&rd, "authorize_parameters", &s.authorize_parameters) || !read_object(&rd, "token_parameters", &s.token_parameters))
        return false;
    s.code_parameter = json_str_or(json_get_c(rd.oauth, "code_parameter"), STR("code"));
    s.state_parameter = json_str_or(json_get_c(rd.oauth, "state_parameter"), STR("state"));
    s.error_parameter = json_str_or(json_get_c(rd.oauth, "error_parameter"), STR("error"));
    s.exchange = json_str_or(json_get_c(rd.oauth, "exchange"), STR(""));
    s.store = json_get_c(rd.oauth, "store");
    s.store_parameters = json_get_c(rd.oauth, "store_parameters");
    s.standard_parameters = json_bool_or(json_get_c(rd.oauth, "standard_parameters"), true);
    s.pkce = json_bool_or(json_get_c(rd.oauth, "pkce"), true);
    s.basic = str_eq_c(json_str(json_get_c(rd.oauth, "token_auth")), "basic");
    s.missing = find_missing(&rd, config);
    if (s.authorize_url.len == 0 || s.token_url.len == 0 || yyjson_obj_size(s.store) == 0)
        return err_set(err, E_TEMPLATE_INVALID, "oauth needs authorize_url, token_url and store");
    *spec_out = s;
    return true;
}

/* ---- requests ---- */

static bool
put(struct draft *d, enum inject into, const char *name, struct str value, struct err *err)
{
    return value.len == 0 || draft_put(d, into, str_from_c(name), value_str(value), err);
}

static bool
put_all(struct draft *d, enum inject into, yyjson_val *pairs, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (!pairs)
        return true;
    yyjson_obj_foreach(pairs, index, max, key, item) {
        if (!draft_put(d, into, json_str(key), value_str(json_str(item)), err))
            return false;
    }
    return true;
}

bool
oauth_authorize_url(const struct oauth_spec *spec, struct arena *a, struct str redirect_uri, struct str state, struct str challenge,
                    struct str *url_out, struct err *err)
{
    if (spec->declared)
        return oauth_declared_authorize_url(spec, a, redirect_uri, state, url_out, err);
    struct draft d = {.arena = a, .text = STR_NONE};
    struct http_request request;
    bool standard = spec->standard_parameters;
    char *state_name = str_cstr(a, spec->state_parameter), *redirect_name = str_cstr(a, spec->redirect_parameter);
    if (!state_name || !redirect_name)
        return err_no_memory(err);
    if ((standard && !put(&d, INJECT_QUERY, "response_type", STR("code"), err)) ||
        (standard && !put(&d, INJECT_QUERY, "client_id", spec->client_id, err)) ||
        (standard && !put(&d, INJECT_QUERY, "scope", spec->scope, err)) ||
        !put(&d, INJECT_QUERY, redirect_name, redirect_uri, err) || !put(&d, INJECT_QUERY, state_name, state, err) ||
        !put(&d, INJECT_QUERY, "code_challenge", challenge, err) ||
        (challenge.len && !put(&d, INJECT_QUERY, "code_challenge_method", STR("S256"), err)) ||
        !put_all(&d, INJECT_QUERY, spec->authorize_parameters, err) || !draft_finish(&d, STR("GET"), spec->authorize_url, &request, err))
        return false;
    *url_out = request.url;
    return true;
}

static bool
put_client(const struct oauth_spec *spec, struct draft *d, struct err *err)
{
    struct buf b;
    if (!spec->basic)
        return put(d, INJECT_FORM, "client_id", spec->client_id, err) && put(d, INJECT_FORM, "client_secret", spec->client_secret, err);
    struct str pair = str_format(d->arena, "%.*s:%.*s", STR_ARG(spec->client_id), STR_ARG(spec->client_secret));
    buf_init(&b, LIMIT_EXPRESSION_BYTES);
    buf_add(&b, STR("Basic "));
    base64_encode(&b, pair, BASE64_STANDARD);
    struct str value = pair.ptr && buf_ok(&b) ? str_copy(d->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return value.ptr ? put(d, INJECT_HEADER, "Authorization", value, err) : err_no_memory(err);
}

bool
oauth_token_request(const struct oauth_spec *spec, struct arena *a, struct str redirect_uri, struct str code, struct str verifier,
                    struct http_request *request_out, struct err *err)
{
    struct draft d = {.arena = a, .text = STR_NONE};
    if (spec->declared)
        return oauth_declared_token_request(spec, a, redirect_uri, code, verifier, request_out, err);
    return put(&d, INJECT_FORM, "grant_type", STR("authorization_code"), err) && put(&d, INJECT_FORM, "code", code, err) &&
           put(&d, INJECT_FORM, "redirect_uri", redirect_uri, err) && put(&d, INJECT_FORM, "code_verifier", verifier, err) &&
           put_client(spec, &d, err) && put_all(&d, INJECT_FORM, spec->token_parameters, err) &&
           put(&d, INJECT_HEADER, "Accept", STR("application/json"), err) &&
           draft_finish(&d, STR("POST"), spec->token_url, request_out, err);
}

/* What the first answer brought as its access token. */
static struct str
short_token(const struct oauth_spec *spec, yyjson_val *patch)
{
    size_t index, max;
    yyjson_val *member, *path;
    yyjson_obj_foreach(spec->store, index, max, member, path)
        if (str_eq_c(json_str(path), "access_token"))
            return json_str(json_get(patch, json_str(member)));
    return STR_NONE;
}

bool
oauth_exchange_request(const struct oauth_spec *spec, struct arena *a, yyjson_val *patch, struct http_request *request_out,
                       struct err *err)
{
    struct draft d = {.arena = a, .text = STR_NONE};
    char *parameter = str_cstr(a, spec->exchange);
    if (parameter == NULL)
        return err_no_memory(err);
    return put(&d, INJECT_FORM, "grant_type", spec->exchange, err) && put(&d, INJECT_FORM, parameter, short_token(spec, patch), err) &&
           put_client(spec, &d, err) && put(&d, INJECT_HEADER, "Accept", STR("application/json"), err) &&
           draft_finish(&d, STR("POST"), spec->token_url, request_out, err);
}

/* ---- the answer ---- */

static bool
refuse_answer(struct arena *a, const struct http_reply *reply, yyjson_val *body, struct err *err)
{
    struct str words = json_str(json_get_c(body, "error_description"));
    if (words.len == 0)
        words = body ? vendor_message(a, body) : STR_NONE;
    if (words.len == 0)
        words = json_str(json_get_c(body, "error"));
    return err_set(err, E_VENDOR_REFUSED, "The vendor refused the sign-in with status %d: %.*s", reply->status,
                   words.len ? (int)(words.len > 300 ? 300 : words.len) : 15, words.len ? words.ptr : "no reason given");
}

static yyjson_val *
at_path(yyjson_val *body, struct str path)
{
    struct str parts[PATH_MAX_PARTS];
    size_t count = 0;
    for (bool more = true; more && count < PATH_MAX_PARTS;)
        more = str_cut(path, '.', &parts[count++], &path);
    return path_find(body, parts, count);
}

/* "expires_at" is no member of the answer: it is made from expires_in, for templates that keep access tokens. */
static yyjson_mut_val *
value_for(yyjson_mut_doc *doc, struct arena *a, yyjson_val *body, struct str path, int64_t now_us)
{
    char when[TIME_TEXT_BYTES];
    int64_t seconds;
    yyjson_val *found = at_path(body, path);
    if (found && !yyjson_is_null(found))
        return yyjson_val_mut_copy(doc, found);
    yyjson_val *life = json_get_c(body, "expires_in");
    struct str text = yyjson_is_str(life) ? json_str(life) : life ? json_number_text(a, life) : STR_NONE;
    if (!str_eq_c(path, "expires_at") || !text.ptr || !str_to_i64(text, 0, LIFE_MAX_S, &seconds))
        return NULL;
    return yyjson_mut_strcpy(doc, time_format_ms(now_us + seconds * US_PER_S, when));
}

static bool
add_parameters(const struct oauth_spec *spec, yyjson_mut_doc *doc, yyjson_mut_val *patch, yyjson_val *parameters)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (!spec->store_parameters)
        return true;
    yyjson_obj_foreach(spec->store_parameters, index, max, key, item) {
        struct str value = json_str(json_get(parameters, json_str(item)));
        if (value.len && value.len <= LIMIT_NAME_BYTES &&
            !yyjson_mut_obj_put(patch, yyjson_val_mut_copy(doc, key), yyjson_mut_strncpy(doc, value.ptr, value.len)))
            return false;
    }
    return true;
}

/* "a.b" where members are paths: {"a": {"b": value}}, beside what is there. */
static void
put_member(yyjson_mut_doc *doc, yyjson_mut_val *object, bool nested, struct str path, yyjson_mut_val *value)
{
    struct str name = path, rest;
    while (nested && str_cut(path, '.', &name, &rest)) {
        yyjson_mut_val *inner = yyjson_mut_obj_getn(object, name.ptr, name.len);
        if (!yyjson_mut_is_obj(inner)) {
            inner = yyjson_mut_obj(doc);
            yyjson_mut_obj_put(object, yyjson_mut_strncpy(doc, name.ptr, name.len), inner);
        }
        object = inner;
        name = path = rest;
    }
    yyjson_mut_obj_put(object, yyjson_mut_strncpy(doc, name.ptr, name.len), value);
}

static bool
make_patch(const struct oauth_spec *spec, struct arena *a, yyjson_val *body, int64_t now_us, yyjson_val *parameters,
           yyjson_val **patch_out, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *patch = doc ? yyjson_mut_obj(doc) : NULL;
    if (!patch)
        return err_no_memory(err);
    yyjson_obj_foreach(spec->store, index, max, key, item) {
        yyjson_mut_val *value = value_for(doc, a, body, json_str(item), now_us);
        if (!value && str_eq_c(json_str(item), "expires_at"))
            continue; /* a token that does not end, or a vendor that does not say */
        if (!value)
            return err_set(err, E_BAD_PAGE, "The vendor's answer to the sign-in has no %.*s", STR_ARG(json_str(item)));
        put_member(doc, patch, spec->nested, json_str(key), value);
    }
    *patch_out = add_parameters(spec, doc, patch, parameters) ? json_freeze(a, patch) : NULL;
    return *patch_out || err_no_memory(err);
}

bool
oauth_token_answer(const struct oauth_spec *spec, struct arena *a, const struct http_reply *reply, int64_t now_us, yyjson_val *parameters,
                   yyjson_val **patch_out, struct err *err)
{
    struct err ignored = {0};
    if (reply->status == 0 || reply->status >= 500)
        return err_set(err, E_VENDOR_UNAVAILABLE, "The vendor did not answer the sign-in: %s",
                       reply->status ? "it failed" : reply->message);
    yyjson_val *body = json_parse(a, reply->body, JSON_NUMBERS_RAW | JSON_ALLOW_BOM, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    if (reply->status >= 400)
        return refuse_answer(a, reply, body, err);
    if (!yyjson_is_obj(body))
        return err_set(err, E_BAD_PAGE, "The vendor's answer to the sign-in could not be read");
    if (json_str(json_get_c(body, "error")).len) /* some say so with status 200 */
        return refuse_answer(a, reply, body, err);
    return make_patch(spec, a, body, now_us, parameters, patch_out, err);
}
