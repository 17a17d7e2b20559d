/*
 * A person's configuration: accepted, completed, shown.
 *
 * People and documents spell things differently: `apiUrl` for the base URL, `apiKey` for whatever the
 * secret is called, an account id as a number. All of that is put right here, before the schema judges it.
 */
#include "template/template.h"

#include <stdlib.h>

#include "base/limits.h"
#include "net/http.h"
#include "template/plan_priv.h"

#define MASK "\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"
#define MASK_SHOWN_FROM 8 /* shorter secrets are hidden whole */

static bool
out_of_memory(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "The configuration is too large");
}

static yyjson_val *
property(const struct template *t, struct str name)
{
    return json_get(json_get_c(t->info.config_schema, "properties"), name);
}

/* ---- accept */

/* The member that a given name means. */
static struct str
real_name(const struct template *t, yyjson_val *input, struct str given)
{
    struct str alias = json_str(json_get(json_get_c(t->info.tidemark, "aliases"), given));
    struct str real = alias.len ? alias : given;
    if (str_eq(given, STR("apiKey")) && t->info.primary_secret.len && !property(t, given))
        real = t->info.primary_secret;
    /* The right name wins where both were sent. */
    return !str_eq(real, given) && json_get(input, real) ? STR_NONE : real;
}

static bool
wants_text(yyjson_val *schema)
{
    return str_eq(json_str(json_get_c(schema, "type")), STR("string"));
}

static struct str
clean_base_url(const struct template *t, struct str url)
{
    size_t index, max;
    yyjson_val *item;
    url = str_trim(url);
    while (str_ends(url, STR("/")))
        url = str_slice(url, 0, url.len - 1);
    JSON_EACH_ITEM(json_get_c(json_get_c(t->info.tidemark, "base_url"), "strip"), index, max, item) {
        struct str part = json_str(item);
        if (part.len && str_ends(url, part))
            url = str_slice(url, 0, url.len - part.len);
    }
    /* An address that the vendor has given up means the present one. */
    JSON_EACH_ITEM(json_get_c(json_get_c(t->info.tidemark, "base_url"), "former"), index, max, item) {
        if (str_eq(url, json_str(item)))
            return t->info.base_url_default;
    }
    return url;
}

static yyjson_mut_val *
accepted_value(const struct template *t, struct arena *a, yyjson_mut_doc *doc, struct str name, yyjson_val *value)
{
    if (str_eq(name, t->info.base_url_field) && yyjson_is_str(value)) {
        struct str url = clean_base_url(t, json_str(value));
        return yyjson_mut_strncpy(doc, url.ptr ? url.ptr : "", url.len);
    }
    if (json_is_number(value) && wants_text(property(t, name))) {
        struct str text = json_number_text(a, value);
        return yyjson_mut_strncpy(doc, text.ptr ? text.ptr : "", text.len);
    }
    return yyjson_val_mut_copy(doc, value);
}

static bool
schema_judges(const struct template *t, struct str prefix, yyjson_val *config, struct err *err)
{
    struct err_item items[ERR_ITEMS_MAX];
    struct err inner = {.items = items};
    if (schema_validate(t->info.schema, config, &inner))
        return true;
    err_set(err, inner.code, "%s", inner.message);
    for (unsigned i = 0; i < inner.item_count; i++) {
        char pointer[2 * ERR_POINTER_BYTES];
        snprintf(pointer, sizeof(pointer), "%.*s%.*s", STR_ARG(prefix), ERR_POINTER_BYTES - 1, items[i].pointer);
        err_add_item(err, str_from_c(pointer), "%s", items[i].message);
    }
    return false;
}

static bool
base_url_is_sane(const struct template *t, struct str prefix, yyjson_val *config, struct err *err)
{
    struct str url = json_str(json_get(config, t->info.base_url_field));
    struct http_url parts;
    if (!url.len || !t->info.base_url_field.len || str_find(url, '[') >= 0)
        return true;
    if (http_url_parse(url, &parts) && !parts.has_userinfo && parts.host.len)
        return true;
    err_set(err, E_VALIDATION_FAILED, "%.*s must be an address like https://host", STR_ARG(t->info.base_url_field));
    char pointer[2 * ERR_POINTER_BYTES];
    snprintf(pointer, sizeof(pointer), "%.*s/%.*s", STR_ARG(prefix), STR_ARG(t->info.base_url_field));
    err_add_item(err, str_from_c(pointer), "must be an address like https://host");
    return false;
}

bool
template_config_accept(const struct template *t, struct arena *a, yyjson_val *input, struct str pointer_prefix,
                       yyjson_val **config_out, struct err *err)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *out = doc ? yyjson_mut_obj(doc) : NULL;
    size_t index, max;
    yyjson_val *key, *item;
    if (!yyjson_is_obj(input)) {
        err_set(err, E_VALIDATION_FAILED, "The credentials must be an object");
        err_add_item(err, pointer_prefix, "must be an object");
        return false;
    }
    JSON_EACH_MEMBER(input, index, max, key, item) {
        struct str name = real_name(t, input, json_str(key));
        if (str_eq(name, STR(AUTH_TOKENS_MEMBER)) || str_is_none(name))
            continue;
        yyjson_mut_val *value = accepted_value(t, a, doc, name, item);
        yyjson_mut_val *copy = yyjson_mut_strncpy(doc, name.ptr, name.len);
        if (!out || !value || !copy || !yyjson_mut_obj_put(out, copy, value))
            return out_of_memory(err);
    }
    yyjson_val *config = json_freeze(a, out);
    config = config ? schema_apply_defaults(t->info.schema, a, config, err) : NULL;
    if (!config)
        return err->code != E_OK ? false : out_of_memory(err);
    if (!schema_judges(t, pointer_prefix, config, err) || !base_url_is_sane(t, pointer_prefix, config, err))
        return false;
    *config_out = config;
    return true;
}

/* ---- effective */

/* "[subdomain]" becomes the member's text. */
static bool
fill_brackets(struct arena *a, struct str pattern, yyjson_val *config, struct str *url_out, struct err *err)
{
    struct buf b;
    buf_init(&b, LIMIT_REQUEST_LINE_BYTES);
    for (ptrdiff_t open; (open = str_find(pattern, '[')) >= 0;) {
        ptrdiff_t close = str_find(pattern, ']');
        if (close < open)
            break;
        struct str name = str_slice(pattern, (size_t)open + 1, (size_t)close);
        struct str value = json_str(json_get(config, name));
        if (!value.len) {
            buf_release(&b);
            return err_set(err, E_VALIDATION_FAILED, "The address needs %.*s", STR_ARG(name));
        }
        buf_add(&b, str_slice(pattern, 0, (size_t)open));
        buf_add_percent(&b, value, "");
        pattern = str_skip(pattern, (size_t)close + 1);
    }
    buf_add(&b, pattern);
    *url_out = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return url_out->ptr || out_of_memory(err);
}

bool
template_config_effective(const struct template *t, struct arena *a, yyjson_val *config, struct str address_override,
                          yyjson_val **config_out, bool *operator_address_out, struct err *err)
{
    struct str field = t->info.base_url_field, own = json_str(json_get(config, field));
    struct str schema_default = json_str(json_get_c(property(t, field), "default")), url;
    *operator_address_out = false;
    *config_out = config;
    if (!field.len)
        return true;
    /* A schema's default was filled in for everyone: it is the template's address, not the person's. */
    bool is_own = own.len && !str_eq(own, schema_default) && !str_eq(own, t->info.base_url_default);
    if (!is_own && address_override.len) {
        url = clean_base_url(t, address_override);
        *operator_address_out = true;
    } else {
        url = own.len ? own : t->info.base_url_default.len ? t->info.base_url_default : schema_default;
    }
    if (!url.len)
        return true;
    if (!fill_brackets(a, url, config, &url, err))
        return false;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, config) : NULL;
    if (!copy || !yyjson_mut_obj_put(copy, yyjson_mut_strncpy(doc, field.ptr, field.len), yyjson_mut_strncpy(doc, url.ptr, url.len)))
        return out_of_memory(err);
    *config_out = json_freeze(a, copy);
    return *config_out || out_of_memory(err);
}

/* ---- secrets */

static bool
schema_is_secret(yyjson_val *schema)
{
    return json_bool_or(json_get_c(schema, "airbyte_secret"), false) || json_bool_or(json_get_c(schema, "writeOnly"), false) ||
           str_eq(json_str(json_get_c(schema, "format")), STR("password"));
}

/* Is the member anywhere below this schema secret? All branches are looked at: a doubtful value is hidden. */
static bool
is_secret_below(yyjson_val *schema, struct str pointer, unsigned depth)
{
    static const char *const choices[] = {"oneOf", "anyOf", "allOf"};
    struct str name, rest;
    size_t index, max;
    yyjson_val *item;
    if (!schema || depth > LIMIT_TEMPLATE_DEPTH)
        return false;
    if (schema_is_secret(schema))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        JSON_EACH_ITEM(json_get_c(schema, choices[i]), index, max, item) {
            if (is_secret_below(item, pointer, depth + 1))
                return true;
        }
    }
    if (pointer.len < 2)
        return false;
    str_cut(str_skip(pointer, 1), '/', &name, &rest);
    struct str below = str_is_none(rest) ? STR("") : str_skip(pointer, 1 + name.len);
    return is_secret_below(json_get(json_get_c(schema, "properties"), name), below, depth + 1) ||
           is_secret_below(json_get_c(schema, "items"), below, depth + 1);
}

bool
template_config_is_secret(const struct template *t, struct str pointer)
{
    struct str tokens = STR("/" AUTH_TOKENS_MEMBER);
    if (str_starts(pointer, tokens) && (pointer.len == tokens.len || pointer.ptr[tokens.len] == '/'))
        return true;
    struct str name = str_skip(pointer, 1);
    return (t->info.primary_secret.len && str_eq(name, t->info.primary_secret)) ||
           is_secret_below(t->info.config_schema, pointer, 0);
}

static yyjson_mut_val *
masked_text(yyjson_mut_doc *doc, struct str secret)
{
    char shown[64];
    struct str tail = secret.len >= MASK_SHOWN_FROM ? str_skip(secret, secret.len - 4) : STR("");
    if (!str_is_utf8(tail))
        tail = STR("");
    snprintf(shown, sizeof(shown), "%s%.*s", MASK, STR_ARG(tail));
    return yyjson_mut_strcpy(doc, shown);
}

static yyjson_mut_val *
mask(const struct template *t, struct arena *a, yyjson_mut_doc *doc, struct buf *pointer, yyjson_val *v, unsigned depth)
{
    size_t index, max;
    yyjson_val *key, *item;
    if (pointer->len && template_config_is_secret(t, buf_str(pointer))) {
        if (yyjson_is_null(v))
            return yyjson_mut_null(doc);
        struct str text = yyjson_is_str(v) ? json_str(v) : STR("");
        return yyjson_is_str(v) && text.len == 0 ? yyjson_mut_str(doc, "") : masked_text(doc, text);
    }
    if (!yyjson_is_obj(v) || depth > LIMIT_JSON_DEPTH_API)
        return yyjson_is_arr(v) && depth > LIMIT_JSON_DEPTH_API ? yyjson_mut_null(doc) : yyjson_val_mut_copy(doc, v);
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    JSON_EACH_MEMBER(v, index, max, key, item) {
        size_t len = pointer->len;
        json_pointer_add(pointer, json_str(key));
        if (!str_eq(json_str(key), STR(AUTH_TOKENS_MEMBER)))
            yyjson_mut_obj_add(out, yyjson_val_mut_copy(doc, key), mask(t, a, doc, pointer, item, depth + 1));
        buf_truncate(pointer, len);
    }
    return out;
}

yyjson_val *
template_config_masked(const struct template *t, struct arena *a, yyjson_val *config)
{
    struct buf pointer;
    buf_init(&pointer, LIMIT_BODY_BYTES);
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *masked = doc && config ? mask(t, a, doc, &pointer, config, 0) : NULL;
    buf_release(&pointer);
    return masked ? json_freeze(a, masked) : NULL;
}
