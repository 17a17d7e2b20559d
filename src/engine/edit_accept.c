/*
 * What a local edit may write: members by the kind's table, each in the form in which it is stored.
 *
 * Whatever the table does not name is passed over, so a request cannot set what is ours. Numbers keep their text
 * (I-10); money is text of a decimal, because a reader's float would round it.
 */
#include "base/limits.h"
#include "engine/edit_priv.h"
#include "json/phone.h"

#define TEXT_BYTES_MAX (256 * 1024)
#define EMAIL_BYTES_MAX 320
#define MONEY_BYTES_MAX 64

struct acceptance {
    struct arena *arena;
    yyjson_mut_doc *doc;
    struct str region;
    struct err *err;
};

static yyjson_mut_val *
refuse(struct acceptance *w, struct str member, const char *words)
{
    struct str pointer = str_format(w->arena, "/%.*s", STR_ARG(member));
    if (w->err->code != E_VALIDATION_FAILED)
        err_set(w->err, E_VALIDATION_FAILED, "%.*s %s", STR_ARG(member), words);
    err_add_item(w->err, pointer, "%s", words);
    return NULL;
}

static yyjson_mut_val *
text_value(struct acceptance *w, struct str text)
{
    return yyjson_mut_strncpy(w->doc, text.ptr ? text.ptr : "", text.len);
}

static bool
has_nul(yyjson_val *value)
{
    if (yyjson_is_str(value))
        return memchr(yyjson_get_str(value), 0, yyjson_get_len(value)) != NULL;
    size_t i, count;
    yyjson_val *key, *item;
    if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, i, count, key, item)
            if (has_nul(key) || has_nul(item)) /* depth is bounded by the parser */
                return true;
    }
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, count, item)
            if (has_nul(item))
                return true;
    }
    return false;
}

static bool
is_decimal(struct str text)
{
    size_t i = text.len && text.ptr[0] == '-' ? 1 : 0, digits = 0, points = 0;
    for (; i < text.len; i++) {
        if (text.ptr[i] == '.' && digits > 0 && points == 0)
            points++;
        else if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            digits++;
        else
            return false;
    }
    return digits > 0 && text.len <= MONEY_BYTES_MAX && text.ptr[text.len - 1] != '.';
}

static yyjson_mut_val *
accept_money(struct acceptance *w, struct str member, yyjson_val *value)
{
    struct str text = json_is_number(value) ? json_number_text(w->arena, value) : str_trim(json_str(value));
    return is_decimal(text) ? text_value(w, text) : refuse(w, member, "must be a decimal number such as \"12.50\"");
}

static yyjson_mut_val *
accept_email(struct acceptance *w, struct str member, yyjson_val *value)
{
    struct str text = str_trim(json_str(value));
    ptrdiff_t at = str_find(text, '@');
    if (at <= 0 || (size_t)at + 1 >= text.len || text.len > EMAIL_BYTES_MAX)
        return refuse(w, member, "must be an e-mail address");
    return text_value(w, text);
}

static yyjson_mut_val *
accept_phone(struct acceptance *w, struct str member, yyjson_val *value)
{
    char e164[PHONE_TEXT_BYTES];
    if (!phone_to_e164(str_trim(json_str(value)), w->region, e164))
        return refuse(w, member, "must be a phone number, with its country code where the tenant has no region");
    return text_value(w, str_from_c(e164));
}

static yyjson_mut_val *
accept_time(struct acceptance *w, struct str member, yyjson_val *value)
{
    char text[TIME_TEXT_BYTES];
    int64_t us;
    if (!time_parse(json_str(value), &us))
        return refuse(w, member, "must be a time such as 2026-11-22T04:00:00Z");
    return text_value(w, str_from_c(time_format_ms(us, text)));
}

static yyjson_mut_val *
accept_copy(struct acceptance *w, bool fits, struct str member, yyjson_val *value, const char *words)
{
    return fits ? yyjson_val_mut_copy(w->doc, value) : refuse(w, member, words);
}

static yyjson_mut_val *
accept_value(struct acceptance *w, const struct kind_field *field, struct str member, yyjson_val *value)
{
    if (yyjson_is_null(value))
        return yyjson_mut_null(w->doc);
    if (has_nul(value))
        return refuse(w, member, "must not hold NUL characters");
    bool is_text = yyjson_is_str(value);
    if (is_text && yyjson_get_len(value) == 0 && field->type != FIELD_TEXT)
        return yyjson_mut_null(w->doc);
    switch (field->type) {
    case FIELD_TEXT: return accept_copy(w, is_text && yyjson_get_len(value) <= TEXT_BYTES_MAX, member, value, "must be a text");
    case FIELD_EMAIL: return accept_email(w, member, value);
    case FIELD_PHONE: return accept_phone(w, member, value);
    case FIELD_MONEY: return accept_money(w, member, value);
    case FIELD_TIME: return accept_time(w, member, value);
    case FIELD_OBJECT: return accept_copy(w, yyjson_is_obj(value), member, value, "must be an object");
    case FIELD_LIST: return accept_copy(w, yyjson_is_arr(value), member, value, "must be a list");
    case FIELD_BOOL: return accept_copy(w, yyjson_is_bool(value), member, value, "must be true or false");
    case FIELD_NUMBER: return accept_copy(w, is_text || json_is_number(value), member, value, "must be a number");
    }
    return NULL;
}

static bool
accept_parent(struct acceptance *w, const struct kind *kind, yyjson_val *fields, struct str *parent_out)
{
    struct str member = STR("parentId");
    yyjson_val *value = kind->parent_kind ? json_get(fields, member) : NULL;
    if (!value && kind->parent && kind->parent_kind) {
        member = str_from_c(kind->parent);
        value = json_get(fields, member);
    }
    *parent_out = STR_NONE;
    if (!value)
        return true;
    if (yyjson_is_null(value)) {
        *parent_out = STR("");
        return true;
    }
    if (!uuid_is_valid(json_str(value))) {
        refuse(w, member, "must be the id of a record");
        return false;
    }
    *parent_out = json_str(value);
    return true;
}

bool
edit_accept(struct arena *a, const struct kind *kind, struct str region, yyjson_val *fields, yyjson_val **accepted_out,
            struct str *parent_out, struct err *err)
{
    struct acceptance w = {a, json_mut_doc(a), region, err};
    yyjson_mut_val *object = w.doc ? yyjson_mut_obj(w.doc) : NULL;
    bool ok = object && accept_parent(&w, kind, fields, parent_out);
    for (const struct kind_field *field = kind->fields; object && field->name; field++) {
        yyjson_val *value = field->flags & FIELD_FIXED ? NULL : json_get_c(fields, field->name);
        yyjson_mut_val *accepted = value ? accept_value(&w, field, str_from_c(field->name), value) : NULL;
        ok &= !value || accepted != NULL;
        if (accepted)
            yyjson_mut_obj_add_val(w.doc, object, field->name, accepted);
    }
    if (!ok)
        return err->code != E_OK ? false : err_set(err, E_TOO_LARGE, "The request is too large");
    *accepted_out = json_freeze(a, object);
    return *accepted_out || err_set(err, E_TOO_LARGE, "The request is too large");
}

/* ---- merging (RFC 7396) ---- */

static yyjson_mut_val *
merge(yyjson_mut_doc *doc, yyjson_val *target, yyjson_val *patch)
{
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    size_t i, count;
    yyjson_val *key, *value;
    if (yyjson_is_obj(target)) {
        yyjson_obj_foreach(target, i, count, key, value)
            if (!json_get(patch, json_str(key)))
                yyjson_mut_obj_add(object, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    }
    yyjson_obj_foreach(patch, i, count, key, value) {
        if (yyjson_is_null(value))
            continue;
        yyjson_val *old = json_get(target, json_str(key));
        yyjson_mut_val *merged = yyjson_is_obj(value) ? merge(doc, old, value) : yyjson_val_mut_copy(doc, value);
        yyjson_mut_obj_add(object, yyjson_val_mut_copy(doc, key), merged);
    }
    return object;
}

bool
edit_merge(struct arena *a, struct str data, yyjson_val *accepted, struct str *merged_out, struct err *err)
{
    yyjson_val *old = NULL;
    if (!str_is_none(data) && !(old = json_parse(a, data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err)))
        return false;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *object = doc ? merge(doc, old, accepted) : NULL;
    yyjson_val *frozen = object ? json_freeze(a, object) : NULL;
    struct buf b;
    buf_init(&b, LIMIT_RECORD_BYTES);
    struct str text = frozen && json_write_canonical(&b, frozen) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    if (str_is_none(text))
        return err_set(err, E_TOO_LARGE, "The record would be larger than allowed");
    *merged_out = text;
    return true;
}
