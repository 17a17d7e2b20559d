/*
 * schema_normalization: Default - values are cast to the types that the stream's JSON schema declares
 * (manifest-format, rule 29).
 *
 * A cast that fails leaves the value as it came, as does a schema that allows several types. Numbers keep their text
 * wherever it is a JSON number (I-10). Python's ideas of text hold: True, None, {'a': 1}.
 */
#include "template/plan_priv.h"

#include "base/limits.h"
#include "template/expr/value_priv.h"

struct normalizing {
    struct arena *arena;
    yyjson_mut_doc *doc;
    yyjson_val *root;      /* of the schema, for $ref */
};

/* The one type beside null, or STR_NONE. *nullable_out: null may stay. */
static struct str
target_type(yyjson_val *schema, bool *nullable_out)
{
    yyjson_val *type = json_get_c(schema, "type"), *item;
    struct str found = STR_NONE;
    size_t index, max, count = 0;
    *nullable_out = str_eq(json_str(type), STR("null"));
    if (!yyjson_is_arr(type))
        return json_str(type);
    yyjson_arr_foreach(type, index, max, item) {
        if (str_eq(json_str(item), STR("null")))
            *nullable_out = true;
        else
            found = json_str(item), count++;
    }
    return count == 1 ? found : STR_NONE;
}

static yyjson_val *
resolved(const struct normalizing *n, yyjson_val *schema)
{
    struct str ref = json_str(json_get_c(schema, "$ref"));
    return str_starts(ref, STR("#")) ? json_pointer(n->root, str_skip(ref, 1)) : schema;
}

static yyjson_mut_val *
raw_number(struct normalizing *n, struct str text)
{
    struct err ignored = {0};
    yyjson_val *json = text.len && text.len < 400 ? json_parse(n->arena, text, JSON_NUMBERS_RAW, 2, &ignored) : NULL;
    return json && json_is_number(json) ? yyjson_val_mut_copy(n->doc, json) : NULL;
}

static yyjson_mut_val *
to_number(struct normalizing *n, struct value v)
{
    if (v.type == VALUE_BOOL)
        return yyjson_mut_int(n->doc, v.flag);
    return v.type == VALUE_STR ? raw_number(n, str_trim(v.text)) : NULL; /* a number is one already */
}

/* Whole numbers as they are, fractions cut off, texts only when they are whole. */
static yyjson_mut_val *
to_integer(struct normalizing *n, struct value v)
{
    int64_t whole;
    if (v.type == VALUE_BOOL)
        return yyjson_mut_int(n->doc, v.flag);
    if (v.type == VALUE_FLOAT && v.number > -9e18 && v.number < 9e18)
        return yyjson_mut_sint(n->doc, (int64_t)v.number);
    if (v.type != VALUE_STR)
        return NULL;
    struct value literal = value_from_literal(n->arena, str_trim(v.text));
    if (literal.type == VALUE_INT && str_to_i64(str_trim(v.text), INT64_MIN, INT64_MAX, &whole))
        return yyjson_mut_sint(n->doc, whole);
    return literal.type == VALUE_BIGINT || literal.type == VALUE_INT ? value_to_json(n->doc, literal) : NULL;
}

static yyjson_mut_val *
to_bool(struct normalizing *n, struct value v)
{
    static const char *const words[] = {"y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0"};
    if (v.type != VALUE_STR)
        return yyjson_mut_bool(n->doc, value_is_true(v));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(v.text, str_from_c(words[i])))
            return yyjson_mut_bool(n->doc, i < ARRAY_LEN(words) / 2);
    return NULL;
}

static yyjson_mut_val *
to_text(struct normalizing *n, yyjson_val *raw, struct value v)
{
    struct str text = json_is_number(raw) ? json_number_text(n->arena, raw) : value_to_python(n->arena, v);
    return text.ptr ? yyjson_mut_strncpy(n->doc, text.ptr, text.len) : NULL;
}

static bool
is_simple_type(struct str name)
{
    static const char *const names[] = {"string", "number", "integer", "boolean", "null"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i]))
            return true;
    return false;
}

/* A scalar where a list of scalars is wanted becomes a list of one. */
static yyjson_mut_val *
to_list(struct normalizing *n, yyjson_val *schema, yyjson_val *raw)
{
    yyjson_val *types = json_get_c(json_get_c(schema, "items"), "type"), *item;
    size_t index, max;
    if (yyjson_is_ctn(raw) || yyjson_is_str(types))
        return NULL;
    JSON_EACH_ITEM(types, index, max, item) {
        if (!is_simple_type(json_str(item)))
            return NULL;
    }
    yyjson_mut_val *list = yyjson_mut_arr(n->doc);
    return list && yyjson_mut_arr_append(list, yyjson_val_mut_copy(n->doc, raw)) ? list : NULL;
}

/* NULL: stays as it is. */
static yyjson_mut_val *
convert(struct normalizing *n, yyjson_val *schema, yyjson_val *raw)
{
    bool nullable;
    struct str type = target_type(schema, &nullable);
    struct value v = value_from_json(raw);
    if (str_is_none(type) || (yyjson_is_null(raw) && nullable))
        return NULL;
    if (str_eq(type, STR("string")))
        return yyjson_is_str(raw) ? NULL : to_text(n, raw, v);
    if (str_eq(type, STR("number")))
        return to_number(n, v);
    if (str_eq(type, STR("integer")))
        return to_integer(n, v);
    if (str_eq(type, STR("boolean")))
        return yyjson_is_bool(raw) ? NULL : to_bool(n, v);
    return str_eq(type, STR("array")) ? to_list(n, schema, raw) : NULL;
}

static yyjson_mut_val *cast(struct normalizing *n, yyjson_val *schema, yyjson_val *value, unsigned depth);

static yyjson_mut_val *
cast_members(struct normalizing *n, yyjson_val *schema, yyjson_val *object, unsigned depth)
{
    yyjson_val *properties = json_get_c(schema, "properties"), *key, *item;
    yyjson_mut_val *out = yyjson_mut_obj(n->doc);
    size_t index, max;
    yyjson_obj_foreach(object, index, max, key, item) {
        yyjson_val *below = json_get(properties, json_str(key));
        yyjson_mut_val *made = below ? cast(n, resolved(n, below), item, depth + 1) : yyjson_val_mut_copy(n->doc, item);
        if (!out || !made || !yyjson_mut_obj_add(out, yyjson_val_mut_copy(n->doc, key), made))
            return NULL;
    }
    return out;
}

static yyjson_mut_val *
cast_items(struct normalizing *n, yyjson_val *schema, yyjson_val *list, unsigned depth)
{
    yyjson_val *below = resolved(n, json_get_c(schema, "items")), *item;
    yyjson_mut_val *out = yyjson_mut_arr(n->doc);
    size_t index, max;
    yyjson_arr_foreach(list, index, max, item) {
        yyjson_mut_val *made = yyjson_is_obj(below) ? cast(n, below, item, depth + 1) : yyjson_val_mut_copy(n->doc, item);
        if (!out || !made || !yyjson_mut_arr_append(out, made))
            return NULL;
    }
    return out;
}

static yyjson_mut_val *
cast(struct normalizing *n, yyjson_val *schema, yyjson_val *value, unsigned depth)
{
    yyjson_mut_val *made = convert(n, schema, value);
    if (made || depth > LIMIT_JSON_DEPTH_VENDOR)
        return made ? made : yyjson_val_mut_copy(n->doc, value);
    if (yyjson_is_obj(value) && json_get_c(schema, "properties"))
        return cast_members(n, schema, value, depth);
    if (yyjson_is_arr(value) && yyjson_is_obj(json_get_c(schema, "items")))
        return cast_items(n, schema, value, depth);
    return yyjson_val_mut_copy(n->doc, value);
}

yyjson_val *
normalize(struct arena *a, yyjson_val *schema, yyjson_val *record)
{
    struct normalizing n = {.arena = a, .doc = json_mut_doc(a), .root = schema};
    if (!yyjson_is_obj(record) || !yyjson_is_obj(json_get_c(schema, "properties")))
        return record;
    yyjson_mut_val *made = n.doc ? cast_members(&n, schema, record, 0) : NULL;
    return made ? json_freeze(a, made) : NULL;
}
