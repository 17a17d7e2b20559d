/*
 * From a vendor's record to ours, straight into canonical JSON.
 *
 * The target paths are a tree whose members were sorted once, when the mapping was compiled; a record
 * costs one pass over its members and the writing. Expressions are evaluated only for the fields that have
 * them. What cannot be used is not dropped: the record is marked rejected, with the words of the contract.
 */
#include "template/mapping_priv.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "crypt/digest.h"
#include "json/phone.h"
#include "json/writer.h"

#define DIGEST_ID_CHARS 32 /* 128 bits: no two records of one stream meet by chance */

/* A field's value: JSON of the record, or text made for it. */
struct field_value {
    bool present;
    yyjson_val *json;
    struct str text;           /* when json is NULL */
};

struct applying {
    const struct mapping *m;
    struct arena *page;
    yyjson_val *record;
    struct expr_scope *scope;  /* NULL where nothing needs one */
    struct field_value *values;
    yyjson_val *tops[TOPS_MAX]; /* found in one pass over the record */
    struct str fault;          /* why a field could not be made */
};

static struct str
scalar_text(struct arena *a, yyjson_val *v)
{
    if (yyjson_is_str(v))
        return json_str(v);
    if (yyjson_is_bool(v))
        return yyjson_get_bool(v) ? STR("true") : STR("false");
    return json_is_number(v) ? json_number_text(a, v) : STR_NONE;
}

static struct field_value
text_value_of(struct str text)
{
    return (struct field_value){.present = true, .text = text.ptr ? text : STR("")};
}

/* Seconds, or milliseconds where the number is that large; RFC 3339 and what vendors write else. */
static bool
guess_time(struct arena *a, yyjson_val *v, struct str format, int64_t *us_out)
{
    struct str text = scalar_text(a, v);
    if (text.len == 0)
        return false;
    if (format.len)
        return datetime_parse(text, format, us_out);
    struct str whole, fraction;
    int64_t number, micros = 0;
    str_cut(text, '.', &whole, &fraction);
    if (!str_to_i64(whole, 0, INT64_C(100000000000000), &number))
        return datetime_guess(text, us_out);
    if (number > INT64_C(100000000000))
        *us_out = number * US_PER_MS;
    else {
        char digits[7] = "000000";
        memcpy(digits, fraction.ptr ? fraction.ptr : "", fraction.len > 6 ? 6 : fraction.len);
        if (!str_to_i64((struct str){digits, 6}, 0, 999999, &micros))
            micros = 0;
        *us_out = number * US_PER_S + micros;
    }
    return true;
}

static struct field_value
convert(struct applying *ap, const struct source *s, yyjson_val *v)
{
    struct field_value as_is = {.present = true, .json = v};
    char when[TIME_TEXT_BYTES];
    int64_t us;
    struct str text;
    if (yyjson_is_null(v))
        return as_is;
    switch (s->type) {
    case TYPE_TEXT:
    case TYPE_MONEY:
        text = yyjson_is_str(v) ? STR_NONE : scalar_text(ap->page, v);
        return text.ptr ? text_value_of(text) : as_is;
    case TYPE_TIME:
        if (!guess_time(ap->page, v, s->format, &us) || (us == 0 && !yyjson_is_str(v)))
            return (struct field_value){.present = us != 0 || yyjson_is_str(v), .json = v};
        return text_value_of(str_copy(ap->page, str_from_c(time_format_ms(us, when))));
    case TYPE_NUMBER:
    case TYPE_BOOL:
    case TYPE_ANY: break;
    }
    return as_is;
}

static struct field_value
through_map(struct applying *ap, const struct source *s, yyjson_val *v)
{
    struct str key = scalar_text(ap->page, v);
    yyjson_val *mapped = key.ptr ? json_get(s->map, key) : NULL;
    if (mapped)
        return (struct field_value){.present = true, .json = mapped};
    if (s->otherwise)
        return (struct field_value){.present = true, .json = s->otherwise};
    return (struct field_value){.present = true, .json = v};
}

static bool
evaluated(struct applying *ap, const struct source *s, yyjson_val **json_out, struct err *err)
{
    struct value v;
    struct err inner = {0};
    ap->scope->steps_left = LIMIT_EXPRESSION_STEPS;
    *json_out = NULL;
    if (!expr_eval(s->expr, ap->scope, &v, &inner)) {
        if (inner.code != E_EXPRESSION)
            return err_set(err, inner.code, "%s", inner.message);
        if (!ap->fault.ptr)
            ap->fault = str_copy(ap->page, str_from_c(inner.message));
        return true;
    }
    if (v.type == VALUE_UNDEFINED)
        return true;
    yyjson_mut_doc *doc = json_mut_doc(ap->page);
    yyjson_mut_val *json = doc ? value_to_json(doc, v) : NULL;
    *json_out = json ? json_freeze(ap->page, json) : NULL;
    return *json_out || err_set(err, E_TOO_LARGE, "The page does not fit in memory");
}

static yyjson_val *
path_value(struct applying *ap, const struct source *s)
{
    if (s->path_count == 0)
        return NULL;
    if (s->top >= TOPS_MAX)
        return path_find(ap->record, s->path, s->path_count);
    yyjson_val *v = ap->tops[s->top];
    return s->path_count == 1 ? v : path_find(v, s->path + 1, s->path_count - 1);
}

/* One pass over the record; of duplicate members the last wins (F22). */
static void
find_tops(struct applying *ap)
{
    const struct mapping *m = ap->m;
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_obj_foreach(ap->record, index, max, key, item) {
        const char *name = yyjson_get_str(key);
        size_t len = yyjson_get_len(key);
        for (size_t i = 0; i < m->top_count; i++)
            if (m->tops[i].len == len && memcmp(m->tops[i].ptr, name, len) == 0)
                ap->tops[i] = item;
    }
}

static bool
source_value(struct applying *ap, const struct source *s, struct field_value *value_out, struct err *err)
{
    yyjson_val *v;
    struct many_found many = s->many ? mapping_many_find(s->many, ap->page, ap->record) : (struct many_found){0};
    if (many.bad && !ap->fault.ptr)
        ap->fault = STR("a part of the sum is no number, or it has too many digits");
    if (many.text.ptr && s->type != TYPE_NUMBER) {
        *value_out = text_value_of(many.text);
        return true;
    }
    if (many.text.ptr && !(many.json = json_parse(ap->page, many.text, JSON_NUMBERS_RAW, 1, err)))
        return false;
    if (s->many)
        v = many.json;
    else if (!s->expr)
        v = path_value(ap, s);
    else if (!evaluated(ap, s, &v, err))
        return false;
    if ((!v || yyjson_is_null(v)) && s->otherwise)
        *value_out = (struct field_value){.present = true, .json = s->otherwise};
    else if (!v)
        *value_out = (struct field_value){0};
    else if (s->map && !yyjson_is_null(v))
        *value_out = through_map(ap, s, v);
    else
        *value_out = s->type == TYPE_ANY ? (struct field_value){.present = true, .json = v} : convert(ap, s, v);
    return true;
}

static bool
role_value(struct applying *ap, const struct role *role, struct field_value *value_out, struct err *err)
{
    *value_out = (struct field_value){0};
    if (!role->given)
        return true;
    if (role->leaf < 0)
        return source_value(ap, &role->source, value_out, err);
    *value_out = ap->values[role->leaf];
    return true;
}

/* The role's text, or STR_NONE when it is missing, null or empty. */
static bool
role_text(struct applying *ap, const struct role *role, struct str *text_out, struct err *err)
{
    struct field_value v;
    if (!role_value(ap, role, &v, err))
        return false;
    struct str text = v.json ? scalar_text(ap->page, v.json) : v.text;
    *text_out = v.present && str_trim(text).len ? text : STR_NONE;
    return true;
}

static bool
write_branch(const struct branch *b, const struct field_value *values, struct buf *out)
{
    bool any = false;
    size_t begin = out->len;
    buf_add_char(out, '{');
    for (size_t i = 0; i < b->count; i++) {
        const struct branch *child = &b->children[i];
        size_t before = out->len;
        if (child->leaf >= 0 && !values[child->leaf].present)
            continue;
        if (any)
            buf_add_char(out, ',');
        buf_add_json_str(out, child->key);
        buf_add_char(out, ':');
        bool wrote = true;
        if (child->leaf < 0)
            wrote = write_branch(child, values, out);
        else if (values[child->leaf].json)
            json_write_canonical(out, values[child->leaf].json);
        else
            buf_add_json_str(out, values[child->leaf].text);
        if (!wrote)
            buf_truncate(out, before);
        any = any || wrote;
    }
    if (!any && begin > 0)
        return false;
    buf_add_char(out, '}');
    return true;
}

/* "\u0000" as a character of its own, not behind a backslash that is itself escaped. */
static bool
holds_nul(struct str json)
{
    for (ptrdiff_t at; (at = str_find_str(json, STR("\\u0000"))) >= 0; json = str_skip(json, (size_t)at + 6)) {
        size_t slashes = 0;
        while (slashes < (size_t)at && json.ptr[(size_t)at - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return true;
    }
    return false;
}

static bool
write_data(struct applying *ap, struct mapped *out, struct err *err)
{
    struct buf b;
    buf_init(&b, LIMIT_RECORD_BYTES);
    if (ap->m->mapped)
        write_branch(&ap->m->root, ap->values, &b);
    else
        json_write_canonical(&b, ap->record);
    if (!buf_ok(&b)) {
        buf_release(&b);
        out->rejected = STR("the record is too large");
        return true;
    }
    out->data = str_copy(ap->page, buf_str(&b));
    buf_release(&b);
    return out->data.ptr || err_set(err, E_TOO_LARGE, "The page does not fit in memory");
}

static bool
digest_id(struct arena *a, struct str data, struct str *id_out, struct err *err)
{
    char hex[SHA256_TEXT_BYTES];
    if (!sha256_hex(data, hex, err))
        return false;
    *id_out = str_copy(a, str_slice(str_from_c(hex), 0, DIGEST_ID_CHARS));
    return id_out->ptr || err_no_memory(err);
}

static bool
find_external_id(struct applying *ap, struct mapped *out)
{
    const struct mapping *m = ap->m;
    struct buf b;
    struct json_writer w;
    if (m->key_parts == 0)
        return true; /* a digest, once the data is written */
    if (m->key_parts == 1) {
        out->external_id = scalar_text(ap->page, path_find(ap->record, m->key_paths[0], m->key_counts[0]));
        return out->external_id.len > 0;
    }
    buf_init(&b, LIMIT_RECORD_BYTES);
    json_writer_init(&w, &b);
    json_begin_array(&w, NULL);
    bool any = false;
    for (size_t i = 0; i < m->key_parts; i++) {
        struct str part = scalar_text(ap->page, path_find(ap->record, m->key_paths[i], m->key_counts[i]));
        json_add_str(&w, NULL, part);
        any = any || part.len;
    }
    json_end_array(&w);
    out->external_id = any && buf_ok(&b) ? str_copy(ap->page, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return out->external_id.len > 0;
}

static bool
apply_roles(struct applying *ap, struct mapped *out, struct err *err)
{
    const struct mapping *m = ap->m;
    struct field_value occurred, deleted;
    if (!role_text(ap, &m->email, &out->email, err) || !role_text(ap, &m->phone, &out->phone, err) ||
        !role_text(ap, &m->title, &out->title, err) || !role_text(ap, &m->status, &out->status, err) ||
        !role_text(ap, &m->parent, &out->parent_id, err) || !role_text(ap, &m->version, &out->version, err) ||
        !role_text(ap, &m->url, &out->url, err) || !role_text(ap, &m->merged, &out->merged, err) ||
        !role_value(ap, &m->occurred, &occurred, err) ||
        !role_value(ap, &m->deleted, &deleted, err))
        return false;
    out->parent_stream = out->parent_id.ptr ? m->parent_stream : STR_NONE;
    int64_t us;
    if (occurred.json ? guess_time(ap->page, occurred.json, STR(""), &us) : occurred.text.len && time_parse(occurred.text, &us))
        out->occurred_us = us;
    out->deleted = deleted.present && (deleted.json ? value_is_true(value_from_json(deleted.json)) : deleted.text.len > 0);
    return true;
}

static struct str
reject_words(struct applying *ap, const struct mapped *out, const char *words)
{
    return str_format(ap->page, "%.*s %.*s: %s", STR_ARG(ap->m->singular), STR_ARG(out->external_id), words);
}

static bool
has_identity(struct applying *ap, bool *has_out, struct err *err)
{
    *has_out = ap->m->identity_count == 0;
    for (size_t i = 0; i < ap->m->identity_count && !*has_out; i++) {
        struct str text;
        if (!role_text(ap, &ap->m->identity[i], &text, err))
            return false;
        *has_out = text.len > 0;
    }
    return true;
}

static bool
apply_rules(struct applying *ap, struct mapped *out, struct err *err)
{
    char e164[PHONE_TEXT_BYTES];
    bool known;
    if (!has_identity(ap, &known, err))
        return false;
    if (!known || (ap->m->require_email && !out->email.len))
        out->rejected = reject_words(ap, out, "Email required");
    if (out->phone.len && phone_to_e164(str_trim(out->phone), ap->m->region, e164)) {
        out->phone = str_copy(ap->page, str_from_c(e164));
    } else if (out->phone.len) {
        out->phone = STR_NONE;
        if (ap->m->reject_bad_phone && !out->rejected.ptr)
            out->rejected = reject_words(ap, out, "Invalid phone format");
        else
            out->warning = reject_words(ap, out, "the phone cannot be read as a number and links nothing");
    }
    return true;
}

static bool
apply_fields(struct applying *ap, struct err *err)
{
    ap->values = ARENA_ARRAY(ap->page, struct field_value, ap->m->leaf_count + 1);
    if (!ap->values)
        return err_set(err, E_TOO_LARGE, "The page does not fit in memory");
    for (size_t i = 0; i < ap->m->leaf_count; i++)
        if (!source_value(ap, &ap->m->leaves[i].source, &ap->values[i], err))
            return false;
    return true;
}

static void
fill_scope(struct expr_scope *scope, struct arena *page, yyjson_val *record, yyjson_val *slice, yyjson_val *config, int64_t now_us)
{
    expr_scope_init(scope, page, now_us);
    expr_scope_set(scope, STR("record"), value_from_json(record));
    expr_scope_set(scope, STR("config"), value_from_json(config));
    expr_scope_set(scope, STR("stream_slice"), slice ? value_from_json(slice) : value_dict_new(page));
    expr_scope_set(scope, STR("parameters"), value_dict_new(page));
}

bool
mapping_apply(const struct mapping *m, struct arena *page, yyjson_val *record, yyjson_val *slice,
              yyjson_val *config, int64_t now_us, struct mapped *mapped_out, struct err *err)
{
    struct expr_scope scope;
    struct applying ap = {.m = m, .page = page, .record = record};
    CHECK(m->top_count <= TOPS_MAX);
    struct mapped out = {0};
    if (m->needs_scope) {
        fill_scope(&scope, page, record, slice, config, now_us);
        ap.scope = &scope;
    }
    if (!yyjson_is_obj(record)) {
        out.rejected = str_format(page, "%.*s: the record is no object", STR_ARG(m->singular));
        *mapped_out = out;
        return out.rejected.ptr || err_no_memory(err);
    }
    find_tops(&ap);
    bool has_id = find_external_id(&ap, &out);
    if (!apply_fields(&ap, err) || !apply_roles(&ap, &out, err) || !write_data(&ap, &out, err))
        return false;
    if (m->key_parts == 0 && !digest_id(page, out.data, &out.external_id, err))
        return false;
    if (!has_id)
        out.rejected = str_format(page, "%.*s: the record has no id", STR_ARG(m->singular));
    else if (ap.fault.ptr)
        out.rejected = reject_words(&ap, &out, str_cstr(page, ap.fault));
    else if (out.rejected.ptr)
        out.rejected = reject_words(&ap, &out, "the record is too large");
    else if (holds_nul(out.data))
        out.rejected = reject_words(&ap, &out, "a text holds a NUL character");
    else if (!out.deleted && !apply_rules(&ap, &out, err))
        return false;
    *mapped_out = out;
    return true;
}

/* ---- the other way round ---- */

bool
mapping_write(const struct mapping *m, struct arena *a, yyjson_val *record, yyjson_val *old, yyjson_val *config, int64_t now_us,
              yyjson_val **members_out, struct str *fault_out, struct err *err)
{
    struct expr_scope scope;
    struct mapped out = {.rejected = STR_NONE};
    struct applying ap = {.m = m, .page = a, .record = record, .fault = STR_NONE};
    if (m->needs_scope) {
        fill_scope(&scope, a, record, NULL, config, now_us);
        expr_scope_set(&scope, STR("old"), old ? value_from_json(old) : value_dict_new(a));
        ap.scope = &scope;
    }
    find_tops(&ap);
    if (!apply_fields(&ap, err) || !write_data(&ap, &out, err))
        return false;
    *fault_out = ap.fault.ptr ? ap.fault : out.rejected.ptr ? out.rejected : STR_NONE;
    *members_out = fault_out->ptr ? NULL : json_parse(a, out.data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    return fault_out->ptr || *members_out;
}
