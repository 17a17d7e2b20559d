/*
 * From a vendor's record to ours, straight into canonical JSON.
 *
 * The target paths become a tree whose members are sorted once, when the mapping is compiled; a record
 * then costs its look-ups and the writing. Expressions are evaluated only for the fields that have them.
 * What cannot be used is not dropped: the record is marked rejected, with the words of the contract.
 */
#include "template/mapping.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "crypt/digest.h"
#include "json/phone.h"
#include "json/writer.h"
#include "template/plan_priv.h"

#define SOURCE_PATH_MAX 12
#define TARGET_DEPTH_MAX 8
#define KEY_PARTS_MAX 16
#define TOPS_MAX 64            /* further ones are searched for */
#define DIGEST_ID_CHARS 32 /* 128 bits: no two records of one stream meet by chance */

enum field_type { TYPE_ANY, TYPE_TEXT, TYPE_NUMBER, TYPE_MONEY, TYPE_TIME, TYPE_BOOL };

struct source {
    struct str path[SOURCE_PATH_MAX];
    size_t path_count;         /* 0 with expr NULL: nothing */
    size_t top;                /* which of the mapping's top members path[0] is */
    struct expr *expr;
    yyjson_val *map;           /* value -> value, or NULL */
    yyjson_val *otherwise;     /* where missing or null, or where the map has no entry */
    enum field_type type;
    struct str format;         /* of TYPE_TIME, or empty: guessed */
};

struct leaf {
    struct str target;         /* "customFields.id" */
    struct source source;
};

struct branch {                /* an object of the target; children sorted by key */
    struct str key;
    ptrdiff_t leaf;            /* index, or -1 for an object */
    struct branch *children;
    size_t count, size;
};

struct role {
    bool given;
    ptrdiff_t leaf;            /* a mapped field, or -1: `source` */
    struct source source;
};

struct mapping {
    const struct template_stream *stream;
    struct str singular;
    struct leaf *leaves;
    size_t leaf_count;
    struct branch root;
    struct role email, phone, title, status, occurred, parent, deleted, version, url;
    struct str parent_stream;
    struct role *identity;
    size_t identity_count;
    struct str tops[TOPS_MAX]; /* the record's members that sources begin with */
    size_t top_count;
    bool mapped, needs_scope, require_email, reject_bad_phone;
    struct str region;
    struct str key_paths[KEY_PARTS_MAX][SOURCE_PATH_MAX];
    size_t key_counts[KEY_PARTS_MAX], key_parts;
};

/* A field's value: JSON of the record, or text made for it. */
struct field_value {
    bool present;
    yyjson_val *json;
    struct str text;           /* when json is NULL */
};

/* ---- compiling */

struct mapping_compiler {
    struct arena *arena;
    struct mapping *m;
    struct err *err;
};

static bool
full(struct mapping_compiler *c)
{
    return err_set(c->err, E_TOO_LARGE, "The mapping is too large");
}

static bool
split_path(struct mapping_compiler *c, struct str text, struct str *path, size_t size, size_t *count_out)
{
    size_t count = 0;
    for (bool more = true; more;) {
        if (count == size)
            return err_set(c->err, E_TEMPLATE_INVALID, "The path %.*s is too long", STR_ARG(text));
        more = str_cut(text, '.', &path[count++], &text);
    }
    *count_out = count;
    return true;
}

static void
note_top(struct mapping *m, struct source *s)
{
    s->top = 0;
    while (s->top < m->top_count && !str_eq(m->tops[s->top], s->path[0]))
        s->top++;
    if (s->top == m->top_count && m->top_count < TOPS_MAX)
        m->tops[m->top_count++] = s->path[0];
}

static bool
compile_text_source(struct mapping_compiler *c, struct str text, struct source *s)
{
    text = str_copy(c->arena, text);
    if (!text.ptr)
        return full(c);
    if (str_find_str(text, STR("{{")) < 0 && str_find_str(text, STR("{%")) < 0)
        return split_path(c, text, s->path, SOURCE_PATH_MAX, &s->path_count) && (note_top(c->m, s), true);
    s->expr = expr_compile(c->arena, text);
    c->m->needs_scope = true;
    if (!s->expr)
        return full(c);
    const char *fault = expr_syntax_error(s->expr);
    return !fault || err_set(c->err, E_TEMPLATE_INVALID, "The mapping's expression %.*s cannot be read: %s",
                             (int)(text.len > 100 ? 100 : text.len), text.ptr, fault);
}

static bool
compile_type(struct mapping_compiler *c, struct str word, struct source *s)
{
    static const char *const words[] = {"any", "text", "number", "money", "time", "bool"};
    if (!word.len)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(word, words[i])) {
            s->type = (enum field_type)i;
            return true;
        }
    return err_set(c->err, E_TEMPLATE_INVALID, "The mapping knows no type \"%.*s\"", STR_ARG(word));
}

static yyjson_val *
keep_json(struct arena *a, yyjson_val *json)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    return doc && json ? json_freeze(a, yyjson_val_mut_copy(doc, json)) : NULL;
}

static bool
compile_source(struct mapping_compiler *c, yyjson_val *json, struct source *s)
{
    *s = (struct source){0};
    if (yyjson_is_str(json))
        return compile_text_source(c, json_str(json), s);
    if (!yyjson_is_obj(json))
        return err_set(c->err, E_TEMPLATE_INVALID, "A mapped field is a path, an expression or {from, map, default, type}");
    s->map = keep_json(c->arena, json_get_c(json, "map"));
    s->otherwise = keep_json(c->arena, json_get_c(json, "default"));
    s->format = str_copy(c->arena, json_str(json_get_c(json, "format")));
    yyjson_val *from = json_get_c(json, "from");
    return compile_type(c, json_str(json_get_c(json, "type")), s) &&
           (!from || compile_text_source(c, json_str(from), s));
}

static ptrdiff_t
find_leaf(const struct mapping *m, struct str target)
{
    for (size_t i = 0; i < m->leaf_count; i++)
        if (str_eq(m->leaves[i].target, target))
            return (ptrdiff_t)i;
    return -1;
}

static bool
compile_fields(struct mapping_compiler *c, yyjson_val *fields, yyjson_val *override)
{
    size_t index, max;
    yyjson_val *key, *item;
    struct mapping *m = c->m;
    m->leaves = ARENA_ARRAY(c->arena, struct leaf, yyjson_obj_size(fields) + yyjson_obj_size(override) + 1);
    if (!m->leaves)
        return full(c);
    JSON_EACH_MEMBER(fields, index, max, key, item) {
        yyjson_val *other = json_get(override, json_str(key));
        if (yyjson_is_null(other))
            continue;
        struct leaf *leaf = &m->leaves[m->leaf_count++];
        leaf->target = str_copy(c->arena, json_str(key));
        if (!compile_source(c, other ? other : item, &leaf->source))
            return err_prefix(c->err, "field %.*s: ", STR_ARG(json_str(key)));
    }
    JSON_EACH_MEMBER(override, index, max, key, item) {
        if (yyjson_is_null(item) || json_get(fields, json_str(key)))
            continue;
        struct leaf *leaf = &m->leaves[m->leaf_count++];
        leaf->target = str_copy(c->arena, json_str(key));
        if (!compile_source(c, item, &leaf->source))
            return err_prefix(c->err, "field %.*s: ", STR_ARG(json_str(key)));
    }
    return true;
}

static struct branch *
child_of(struct mapping_compiler *c, struct branch *b, struct str key)
{
    size_t at = 0;
    while (at < b->count && str_compare(b->children[at].key, key) < 0)
        at++;
    if (at < b->count && str_eq(b->children[at].key, key))
        return &b->children[at];
    if (b->count == b->size) {
        size_t size = b->size ? b->size * 2 : 8;
        struct branch *grown = arena_grow(c->arena, b->children, b->size * sizeof(*grown), size * sizeof(*grown));
        if (!grown)
            return NULL;
        b->children = grown, b->size = size;
    }
    memmove(&b->children[at + 1], &b->children[at], (b->count - at) * sizeof(*b->children));
    b->children[at] = (struct branch){.key = key, .leaf = -1};
    b->count++;
    return &b->children[at];
}

static bool
compile_tree(struct mapping_compiler *c)
{
    c->m->root.leaf = -1;
    for (size_t i = 0; i < c->m->leaf_count; i++) {
        struct str path[TARGET_DEPTH_MAX];
        size_t count = 0;
        struct branch *at = &c->m->root;
        if (!split_path(c, c->m->leaves[i].target, path, TARGET_DEPTH_MAX, &count))
            return false;
        for (size_t j = 0; j < count; j++) {
            if (at->leaf >= 0)
                return err_set(c->err, E_TEMPLATE_INVALID, "The mapping sets %.*s and something below it",
                               STR_ARG(c->m->leaves[at->leaf].target));
            if (!(at = child_of(c, at, path[j])))
                return full(c);
        }
        if (at->count)
            return err_set(c->err, E_TEMPLATE_INVALID, "The mapping sets %.*s and something below it",
                           STR_ARG(c->m->leaves[i].target));
        at->leaf = (ptrdiff_t)i;
    }
    return true;
}

/* A role names a mapped field, else it is a source of its own. */
static bool
compile_role(struct mapping_compiler *c, yyjson_val *json, struct role *role)
{
    *role = (struct role){.leaf = -1};
    if (!json || yyjson_is_null(json))
        return true;
    role->given = true;
    role->leaf = yyjson_is_str(json) ? find_leaf(c->m, json_str(json)) : -1;
    return role->leaf >= 0 || compile_source(c, json, &role->source);
}

static bool
compile_roles(struct mapping_compiler *c, yyjson_val *roles)
{
    struct mapping *m = c->m;
    yyjson_val *parent = json_get_c(roles, "parent");
    m->parent_stream = str_copy(c->arena, json_str(json_get_c(parent, "stream")));
    return compile_role(c, json_get_c(roles, "email"), &m->email) && compile_role(c, json_get_c(roles, "phone"), &m->phone) &&
           compile_role(c, json_get_c(roles, "title"), &m->title) && compile_role(c, json_get_c(roles, "status"), &m->status) &&
           compile_role(c, json_get_c(roles, "occurred_at"), &m->occurred) &&
           compile_role(c, json_get_c(parent, "id"), &m->parent) && compile_role(c, json_get_c(roles, "deleted"), &m->deleted) &&
           compile_role(c, json_get_c(roles, "version"), &m->version) && compile_role(c, json_get_c(roles, "url"), &m->url);
}

static bool
compile_rules(struct mapping_compiler *c, yyjson_val *rules, yyjson_val *roles, const struct mapping_options *options)
{
    struct mapping *m = c->m;
    yyjson_val *identity = json_get_c(rules, "identity");
    size_t index, max;
    yyjson_val *item;
    m->require_email = (options && options->require_email) || json_bool_or(json_get_c(rules, "require_email"), false);
    m->reject_bad_phone = (options && options->reject_bad_phone) || json_bool_or(json_get_c(rules, "reject_bad_phone"), false);
    m->region = options ? str_copy(c->arena, options->region) : STR_NONE;
    m->identity = ARENA_ARRAY(c->arena, struct role, yyjson_arr_size(identity) + 1);
    if (!m->identity)
        return full(c);
    JSON_EACH_ITEM(identity, index, max, item) {
        yyjson_val *role = json_get(roles, json_str(item)); /* the name of a role, or a source */
        if (!compile_role(c, role ? role : item, &m->identity[m->identity_count++]))
            return false;
    }
    return true;
}

static bool
compile_key_part(struct mapping_compiler *c, yyjson_val *part)
{
    struct mapping *m = c->m;
    size_t index, max;
    yyjson_val *item;
    if (m->key_parts == KEY_PARTS_MAX)
        return err_set(c->err, E_TEMPLATE_INVALID, "The primary key has too many parts");
    size_t which = m->key_parts++;
    if (yyjson_is_str(part)) {
        m->key_paths[which][0] = json_str(part), m->key_counts[which] = 1;
        return true;
    }
    JSON_EACH_ITEM(part, index, max, item) {
        if (index < SOURCE_PATH_MAX)
            m->key_paths[which][m->key_counts[which]++] = json_str(item);
    }
    return true;
}

static bool
compile_key(struct mapping_compiler *c, yyjson_val *key)
{
    size_t index, max;
    yyjson_val *item;
    if (yyjson_is_str(key))
        return json_str(key).len == 0 || compile_key_part(c, key);
    JSON_EACH_ITEM(key, index, max, item) {
        if (!compile_key_part(c, item))
            return false;
    }
    return true;
}

static bool
compile(struct mapping_compiler *c, const struct template *t, yyjson_val *override, const struct mapping_options *options)
{
    struct mapping *m = c->m;
    yyjson_val *entity = json_get(json_get_c(t->info.tidemark, "entities"), m->stream->info.name);
    yyjson_val *roles = json_get_c(entity, "roles");
    m->mapped = entity && (yyjson_obj_size(json_get_c(entity, "fields")) > 0 || yyjson_obj_size(override) > 0);
    m->singular = json_str_or(json_get_c(entity, "singular"), m->stream->info.name);
    return compile_key(c, m->stream->info.primary_key) && compile_fields(c, json_get_c(entity, "fields"), override) &&
           compile_tree(c) && compile_roles(c, roles) && compile_rules(c, json_get_c(entity, "rules"), roles, options);
}

struct mapping *
mapping_compile(struct arena *a, const struct template *t, struct str stream, yyjson_val *override,
                const struct mapping_options *options, struct err *err)
{
    struct mapping *m = ARENA_NEW(a, struct mapping);
    struct mapping_compiler c = {.arena = a, .m = m, .err = err};
    if (!m) {
        err_no_memory(err);
        return NULL;
    }
    m->stream = template_stream_find(t, stream);
    if (!m->stream) {
        err_set(err, E_TEMPLATE_INVALID, "The template has no stream \"%.*s\"", STR_ARG(stream));
        return NULL;
    }
    return compile(&c, t, override, options) ? m : NULL;
}

/* ---- applying */

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
    if (!s->expr)
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
        !role_text(ap, &m->url, &out->url, err) || !role_value(ap, &m->occurred, &occurred, err) ||
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
