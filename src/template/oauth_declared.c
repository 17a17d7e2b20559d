/*
 * Signing in as `spec.advanced_auth` declares it: the form that manifests of the field have for it.
 *
 * oauth_connector_input_specification holds an address for the browser, one for the token, and what is sent there, as texts with
 * placeholders: {{ client_id_value }}, {{ {{ redirect_uri_value }} | urlEncoder }}. They are no Jinja: they nest, and know a
 * handful of names and filters. What stands where in the configuration is told by path_in_connector_config.
 */
#include "template/oauth_priv.h"

#include "base/encode.h"
#include "base/limits.h"
#include "crypt/digest.h"
#include "net/http.h"

#define NEST_MAX 8
#define PATH_PARTS_MAX 8

static const struct node *
declaration(const struct template *t)
{
    const struct node *auth = node_get_c(node_get_c(t->root, "spec"), "advanced_auth");
    return node_get_c(auth, "oauth_config_specification");
}

bool
oauth_is_declared(const struct template *t)
{
    const struct node *input = node_get_c(declaration(t), "oauth_connector_input_specification");
    return node_get_c(input, "consent_url") || node_get_c(node_get_c(input, "properties"), "consent_url");
}

/* ---- placeholders ---- */

struct expansion {
    struct arena *arena;
    yyjson_val *variables;
    struct str redirect_uri, state, code; /* STR_NONE: not known here */
    struct err *err;
};

static bool expand_into(struct expansion *x, struct str text, struct buf *out, int depth);

static bool
look_up(struct expansion *x, struct str name, struct str *value_out)
{
    *value_out = json_str(json_get(x->variables, name));
    if (str_eq_c(name, "redirect_uri_value"))
        *value_out = x->redirect_uri;
    else if (str_eq_c(name, "state_value"))
        *value_out = x->state;
    else if (str_eq_c(name, "auth_code_value"))
        *value_out = x->code;
    return value_out->ptr || err_set(x->err, E_TEMPLATE_INVALID, "spec.advanced_auth uses {{ %.*s }}, which nobody fills",
                                     STR_ARG(str_slice(name, 0, 60)));
}

static void
url_encode(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_addf(out, "%%%02X", c);
    }
}

static bool
filter(struct expansion *x, struct str name, struct str text, struct buf *out)
{
    struct digest digest;
    struct str plain;
    if (name.len == 0) {
        buf_add(out, text);
    } else if (str_eq_c(name, "urlEncoder")) {
        url_encode(out, text);
    } else if (str_eq_c(name, "urlDecoder")) {
        if (!percent_decode(x->arena, text, true, &plain))
            return err_set(x->err, E_TEMPLATE_INVALID, "spec.advanced_auth decodes a text that is not percent-encoded");
        buf_add(out, plain);
    } else if (str_eq_c(name, "base64Encoder")) {
        base64_encode(out, text, BASE64_STANDARD);
    } else if (str_eq_c(name, "codeChallengeS256")) {
        if (!digest_of(DIGEST_SHA256, text, &digest, x->err))
            return false;
        base64_encode(out, digest_bytes(&digest), BASE64_URL);
    } else {
        return err_set(x->err, E_TEMPLATE_INVALID, "spec.advanced_auth uses the filter %.*s, which is not known here",
                       STR_ARG(str_slice(name, 0, 60)));
    }
    return true;
}

/* Where the "}}" of the "{{" before `text` stands; len: nowhere. Between them others may stand. */
static size_t
find_end(struct str text)
{
    size_t open = 1;
    for (size_t i = 0; i + 1 < text.len; i++) {
        bool begins = text.ptr[i] == '{' && text.ptr[i + 1] == '{', ends = text.ptr[i] == '}' && text.ptr[i + 1] == '}';
        open += begins;
        if (ends && --open == 0)
            return i;
        i += begins || ends;
    }
    return text.len;
}

/* The last '|' that stands outside of others; len: none. */
static size_t
find_bar(struct str inner)
{
    size_t bar = inner.len, open = 0;
    for (size_t i = 0; i < inner.len; i++) {
        bool two = i + 1 < inner.len && inner.ptr[i] == inner.ptr[i + 1];
        if (two && inner.ptr[i] == '{')
            open++, i++;
        else if (two && inner.ptr[i] == '}')
            open -= open > 0, i++;
        else if (inner.ptr[i] == '|' && open == 0)
            bar = i;
    }
    return bar;
}

static bool
expand_one(struct expansion *x, struct str inner, struct buf *out, int depth)
{
    size_t bar = find_bar(inner);
    struct str base = str_trim(str_slice(inner, 0, bar)), name = bar < inner.len ? str_trim(str_skip(inner, bar + 1)) : STR("");
    struct str value;
    if (!str_contains(base, STR("{{")))
        return look_up(x, base, &value) && filter(x, name, value, out);
    struct buf text;
    buf_init(&text, LIMIT_EXPRESSION_BYTES);
    bool ok = expand_into(x, base, &text, depth + 1) && filter(x, name, buf_str(&text), out);
    buf_release(&text);
    return ok;
}

static bool
expand_into(struct expansion *x, struct str text, struct buf *out, int depth)
{
    if (depth > NEST_MAX)
        return err_set(x->err, E_TEMPLATE_INVALID, "The placeholders of spec.advanced_auth stand too deep in each other");
    for (;;) {
        ptrdiff_t begin = -1;
        for (size_t i = 0; begin < 0 && i + 1 < text.len; i++)
            if (text.ptr[i] == '{' && text.ptr[i + 1] == '{')
                begin = (ptrdiff_t)i;
        if (begin < 0) {
            buf_add(out, text);
            return true;
        }
        buf_add(out, str_slice(text, 0, (size_t)begin));
        text = str_skip(text, (size_t)begin + 2);
        size_t end = find_end(text);
        if (end == text.len)
            return err_set(x->err, E_TEMPLATE_INVALID, "A placeholder of spec.advanced_auth has no end");
        if (!expand_one(x, str_slice(text, 0, end), out, depth))
            return false;
        text = str_skip(text, end + 2);
    }
}

static bool
expand(struct expansion *x, struct str text, struct str *text_out)
{
    struct buf b;
    buf_init(&b, LIMIT_EXPRESSION_BYTES);
    bool ok = expand_into(x, text, &b, 0);
    *text_out = ok && buf_ok(&b) ? str_copy(x->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return ok && (text_out->ptr || err_no_memory(x->err));
}

/* ---- reading ---- */

struct reading {
    struct arena *arena;
    yyjson_val *specification, *input, *config;
    yyjson_mut_doc *doc;
    yyjson_mut_val *variables, *store;
    struct str missing;
};

static void
put(struct reading *rd, yyjson_mut_val *object, struct str name, struct str value)
{
    yyjson_mut_obj_put(object, yyjson_mut_strncpy(rd->doc, name.ptr, name.len),
                       yyjson_mut_strncpy(rd->doc, value.ptr ? value.ptr : "", value.len));
}

/* path_in_connector_config of a property, as "credentials.client_id"; its own name without one. */
static struct str
path_of(struct reading *rd, yyjson_val *property, const char *member, struct str otherwise)
{
    size_t index, max;
    yyjson_val *item, *path = json_get_c(property, member);
    struct buf b;
    if (!yyjson_is_arr(path) || yyjson_arr_size(path) == 0)
        return otherwise;
    buf_init(&b, LIMIT_NAME_BYTES * PATH_PARTS_MAX);
    yyjson_arr_foreach(path, index, max, item) {
        if (index)
            buf_add_char(&b, '.');
        buf_add(&b, json_str(item));
    }
    struct str text = buf_ok(&b) ? str_copy(rd->arena, buf_str(&b)) : otherwise;
    buf_release(&b);
    return text;
}

static struct str
config_at(const struct reading *rd, struct str path)
{
    struct str part;
    yyjson_val *at = rd->config;
    for (bool more = true; more;) {
        more = str_cut(path, '.', &part, &path);
        at = json_get(at, part);
    }
    return json_str(at);
}

/* A value of the configuration becomes a placeholder; without it nobody can sign in yet. */
static void
put_from_config(struct reading *rd, const char *section, struct str property, struct str placeholder, bool needed)
{
    yyjson_val *properties = json_get_c(json_get_c(rd->specification, section), "properties");
    struct str path = path_of(rd, json_get(properties, property), "path_in_connector_config", property);
    struct str value = config_at(rd, path);
    if (value.len == 0 && needed && rd->missing.len == 0)
        rd->missing = path;
    put(rd, rd->variables, placeholder, value);
}

static void
put_keys(struct reading *rd)
{
    static const char *const keys[][2] = {
        {"client_id_key", "client_id"}, {"client_secret_key", "client_secret"}, {"redirect_uri_key", "redirect_uri"},
        {"state_key", "state"}, {"scope_key", "scope"}, {"auth_code_key", "code"}, {"access_token_key", "access_token"},
        {"refresh_token_key", "refresh_token"},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        put(rd, rd->variables, str_from_c(keys[i][0]), json_str_or(json_get_c(rd->input, keys[i][0]), str_from_c(keys[i][1])));
}

/* `scopes`, a list of {scope}, stands before the text `scope`. */
static struct str
scope_of(struct reading *rd)
{
    size_t index, max;
    yyjson_val *item, *scopes = json_get_c(rd->input, "scopes");
    struct str join = json_str(json_get_c(rd->input, "scopes_join_strategy"));
    struct buf b;
    if (yyjson_arr_size(scopes) == 0)
        return json_str_or(json_get_c(rd->input, "scope"), STR(""));
    buf_init(&b, LIMIT_EXPRESSION_BYTES);
    yyjson_arr_foreach(scopes, index, max, item) {
        if (index)
            buf_add_char(&b, str_eq_c(join, "comma") ? ',' : str_eq_c(join, "plus") ? '+' : ' ');
        buf_add(&b, json_str(json_get_c(item, "scope")));
    }
    struct str text = buf_ok(&b) ? str_copy(rd->arena, buf_str(&b)) : STR("");
    buf_release(&b);
    return text;
}

static void
put_user_inputs(struct reading *rd)
{
    static const char section[] = "oauth_user_input_from_connector_config_specification";
    yyjson_val *given = json_get_c(rd->specification, section), *properties = json_get_c(given, "properties");
    size_t index, max;
    yyjson_val *key, *item;
    if (!yyjson_is_obj(properties))
        return;
    yyjson_obj_foreach(properties, index, max, key, item)
        put_from_config(rd, section, json_str(key), json_str(key), true);
}

/* Where in the answer: path_in_oauth_response, else the entry of extract_output that ends with its name, else its name. */
static struct str
source_of(struct reading *rd, struct str name, yyjson_val *property)
{
    size_t index, max;
    yyjson_val *item, *outputs = json_get_c(rd->input, "extract_output");
    struct str path = path_of(rd, property, "path_in_oauth_response", STR_NONE), dotted = str_format(rd->arena, ".%.*s", STR_ARG(name));
    yyjson_arr_foreach(outputs, index, max, item) {
        struct str output = json_str(item);
        bool ends = dotted.ptr && output.len > dotted.len && str_eq(str_skip(output, output.len - dotted.len), dotted);
        if (!path.ptr && (ends || str_eq(output, name)))
            path = output;
    }
    if (!path.ptr && str_eq_c(json_str(json_get_c(property, "format")), "date-time"))
        return STR("expires_at");
    return path.ptr ? path : name;
}

static void
put_store(struct reading *rd)
{
    yyjson_val *properties = json_get_c(json_get_c(rd->specification, "complete_oauth_output_specification"), "properties");
    size_t index, max;
    yyjson_val *key, *item;
    if (!yyjson_is_obj(properties))
        return;
    yyjson_obj_foreach(properties, index, max, key, item)
        put(rd, rd->store, path_of(rd, item, "path_in_connector_config", json_str(key)), source_of(rd, json_str(key), item));
}

static bool
read_all(struct reading *rd, const struct template *t, struct err *err)
{
    rd->specification = node_to_json(rd->arena, declaration(t));
    rd->input = json_get_c(rd->specification, "oauth_connector_input_specification");
    if (yyjson_is_obj(json_get_c(rd->input, "properties")))
        rd->input = json_get_c(rd->input, "properties");
    rd->doc = json_mut_doc(rd->arena);
    rd->variables = rd->doc ? yyjson_mut_obj(rd->doc) : NULL;
    rd->store = rd->doc ? yyjson_mut_obj(rd->doc) : NULL;
    if (!rd->specification || !rd->variables || !rd->store)
        return err_no_memory(err);
    put_keys(rd);
    put_from_config(rd, "complete_oauth_server_output_specification", STR("client_id"), STR("client_id_value"), true);
    put_from_config(rd, "complete_oauth_server_output_specification", STR("client_secret"), STR("client_secret_value"), false);
    put(rd, rd->variables, STR("scope_value"), scope_of(rd));
    put_user_inputs(rd);
    put_store(rd);
    return true;
}

bool
oauth_declared(const struct template *t, struct arena *a, yyjson_val *config, struct oauth_spec *spec_out, struct err *err)
{
    struct reading rd = {.arena = a, .config = config, .missing = STR_NONE};
    if (!read_all(&rd, t, err))
        return false;
    struct oauth_spec s = {.declared = rd.input, .missing = rd.missing, .error_parameter = STR("error"), .nested = true};
    s.authorize_url = json_str(json_get_c(rd.input, "consent_url"));
    s.token_url = json_str(json_get_c(rd.input, "access_token_url"));
    s.variables = json_freeze(a, rd.variables);
    s.store = json_freeze(a, rd.store);
    if (!s.variables || !s.store)
        return err_no_memory(err);
    s.client_id = json_str(json_get_c(s.variables, "client_id_value"));
    s.code_parameter = json_str(json_get_c(s.variables, "auth_code_key"));
    s.state_parameter = json_str(json_get_c(s.variables, "state_key"));
    if (s.authorize_url.len == 0 || s.token_url.len == 0 || yyjson_obj_size(s.store) == 0)
        return err_set(err, E_TEMPLATE_INVALID, "spec.advanced_auth needs consent_url, access_token_url and "
                       "complete_oauth_output_specification");
    *spec_out = s;
    return true;
}

/* ---- requests ---- */

bool
oauth_declared_authorize_url(const struct oauth_spec *spec, struct arena *a, struct str redirect_uri, struct str state,
                             struct str *url_out, struct err *err)
{
    struct http_url parts;
    struct expansion x = {a, spec->variables, redirect_uri, state, STR_NONE, err};
    if (!expand(&x, spec->authorize_url, url_out))
        return false;
    /* A browser is sent there: nothing but the web. */
    return http_url_parse(*url_out, &parts) || err_set(err, E_TEMPLATE_INVALID, "consent_url of spec.advanced_auth is no address");
}

static bool
put_pairs(struct expansion *x, struct draft *d, enum inject into, yyjson_val *pairs)
{
    size_t index, max;
    yyjson_val *key, *item;
    struct str name, value;
    if (!yyjson_is_obj(pairs))
        return true;
    yyjson_obj_foreach(pairs, index, max, key, item) {
        if (!expand(x, json_str(key), &name) || !expand(x, json_str(item), &value) ||
            !draft_put(d, into, name, value_str(value), x->err))
            return false;
    }
    return true;
}

static bool
wants_json(yyjson_val *headers)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (!yyjson_is_obj(headers))
        return false;
    yyjson_obj_foreach(headers, index, max, key, item)
        if (str_eq_nocase(json_str(key), STR("Content-Type")) && str_contains(json_str(item), STR("json")))
            return true;
    return false;
}

bool
oauth_declared_token_request(const struct oauth_spec *spec, struct arena *a, struct str redirect_uri, struct str code, struct str state,
                             struct http_request *request_out, struct err *err)
{
    struct draft d = {.arena = a, .text = STR_NONE};
    struct expansion x = {a, spec->variables, redirect_uri, state, code, err};
    struct str url;
    yyjson_val *headers = json_get_c(spec->declared, "access_token_headers");
    return expand(&x, spec->token_url, &url) && put_pairs(&x, &d, INJECT_HEADER, headers) &&
           put_pairs(&x, &d, wants_json(headers) ? INJECT_JSON : INJECT_FORM, json_get_c(spec->declared, "access_token_params")) &&
           draft_finish(&d, STR("POST"), url, request_out, err);
}
