/*
 * KeysToSnakeCase and FlattenFields: transformations that make a record's members anew.
 *
 * Both follow other readers to the letter, odd as some of it is: a flattened member keeps its own name until that name
 * is taken or a list was met, and from then on bears its parents' names before it.
 */
#include "template/transform_priv.h"

#include <unicode/ustring.h>
#include <unicode/utrans.h>

#include "base/alloc.h"
#include "base/limits.h"

#define KEY_UNITS_MAX 4096

struct flatten_all_plan {
    bool lists;
};

static struct str
key_str(yyjson_mut_val *key)
{
    return (struct str){yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
}

static yyjson_mut_val *
new_key(yyjson_mut_doc *doc, struct str name)
{
    return yyjson_mut_strncpy(doc, name.ptr ? name.ptr : "", name.len);
}

/* The members of `made` instead of the record's own. */
static void
become(yyjson_mut_val *record, const yyjson_mut_val *made)
{
    record->tag = made->tag;
    record->uni = made->uni;
}

/* ---- KeysToSnakeCase */

/* Other scripts in Latin letters; what has none stays and parts words. */
static struct str
to_ascii(struct arena *a, struct str key)
{
    static const UChar id[] = u"Any-Latin; Latin-ASCII";
    UErrorCode status = U_ZERO_ERROR;
    UChar units[KEY_UNITS_MAX];
    char *bytes = arena_alloc_bytes(a, KEY_UNITS_MAX * 3);
    int32_t length = 0, written = 0;
    u_strFromUTF8(units, KEY_UNITS_MAX, &length, key.ptr, (int32_t)(key.len < KEY_UNITS_MAX ? key.len : KEY_UNITS_MAX), &status);
    UTransliterator *latin = U_SUCCESS(status) ? utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &status) : NULL;
    int32_t limit = length;
    if (latin)
        utrans_transUChars(latin, units, &length, KEY_UNITS_MAX, 0, &limit, &status);
    if (latin)
        utrans_close(latin);
    if (!bytes || U_FAILURE(status))
        return key;
    u_strToUTF8(bytes, KEY_UNITS_MAX * 3, &written, units, length, &status);
    return U_SUCCESS(status) ? (struct str){bytes, (size_t)written} : key;
}

enum letter { LETTER_UPPER, LETTER_LOWER, LETTER_DIGIT, LETTER_NONE };

static enum letter
letter_of(char c)
{
    return c >= 'A' && c <= 'Z' ? LETTER_UPPER : c >= 'a' && c <= 'z' ? LETTER_LOWER : c >= '0' && c <= '9' ? LETTER_DIGIT : LETTER_NONE;
}

/* Cuts the next token off: capitals with the small letters behind them, small letters, digits, or anything else. */
static struct str
take_token(struct str *rest)
{
    struct str s = *rest;
    enum letter first = letter_of(s.ptr[0]);
    size_t len = 1;
    while (len < s.len && letter_of(s.ptr[len]) == first)
        len++;
    while (first == LETTER_UPPER && len < s.len && letter_of(s.ptr[len]) == LETTER_LOWER)
        len++;
    *rest = str_skip(s, len);
    return first == LETTER_NONE ? STR("") : str_slice(s, 0, len);
}

/* What is no letter parts words, and leaves its mark only at the ends. */
static struct str
snake(struct arena *a, struct str key)
{
    struct buf b;
    struct str rest = str_is_ascii(key) ? key : to_ascii(a, key);
    buf_init(&b, 4 * rest.len + 16);
    if (rest.len && letter_of(rest.ptr[0]) == LETTER_DIGIT)
        buf_add_char(&b, '_');
    for (bool first = true; rest.len; first = false) {
        struct str token = take_token(&rest);
        if (!first && token.len == 0 && rest.len)
            continue;
        if (!first)
            buf_add_char(&b, '_');
        buf_add(&b, token);
    }
    struct str made = str_lower(a, buf_str(&b));
    buf_release(&b);
    return made.ptr ? made : STR("");
}

static yyjson_mut_val *
snake_object(struct arena *a, yyjson_mut_doc *doc, yyjson_mut_val *object, unsigned depth)
{
    size_t index, max;
    yyjson_mut_val *key, *item, *made = yyjson_mut_obj(doc);
    yyjson_mut_obj_foreach(object, index, max, key, item) {
        bool deeper = yyjson_mut_is_obj(item) && depth < LIMIT_JSON_DEPTH_VENDOR;
        yyjson_mut_val *value = deeper ? snake_object(a, doc, item, depth + 1) : yyjson_mut_val_mut_copy(doc, item);
        yyjson_mut_obj_put(made, new_key(doc, snake(a, key_str(key))), value);
    }
    return made;
}

bool
snake_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err)
{
    yyjson_mut_val *made = snake_object(scope->arena, doc, record, 0);
    (void)t;
    if (!made)
        return err_no_memory(err);
    become(record, made);
    return true;
}

/* ---- FlattenFields */

bool
flatten_all_compile(struct compiler *c, const struct node *n, struct transform *t)
{
    const struct node *lists = node_get_c(n, "flatten_lists");
    struct flatten_all_plan *plan = ARENA_NEW(c->arena, struct flatten_all_plan);
    if (!plan)
        return compile_full(c);
    plan->lists = !(lists && lists->type == NODE_BOOL && !lists->flag);
    t->plan = plan;
    return true;
}

/* What is still to be looked at; the last one in is the next one out. */
struct pending {
    struct pending *below;
    yyjson_mut_val *value;
    struct str name;
};

static bool
push(struct arena *a, struct pending **top, yyjson_mut_val *value, struct str name)
{
    struct pending *p = ARENA_NEW(a, struct pending);
    if (!p || !name.ptr)
        return false;
    *p = (struct pending){*top, value, name};
    *top = p;
    return true;
}

static bool
push_members(struct arena *a, struct pending **top, const struct pending *from, yyjson_mut_val *made, bool with_parents)
{
    size_t index, max;
    yyjson_mut_val *key, *item;
    yyjson_mut_obj_foreach(from->value, index, max, key, item) {
        struct str own = key_str(key);
        bool taken = with_parents || yyjson_mut_obj_getn(made, own.ptr, own.len);
        if (!push(a, top, item, taken ? str_format(a, "%.*s.%.*s", STR_ARG(from->name), STR_ARG(own)) : own))
            return false;
    }
    return true;
}

static bool
push_items(struct arena *a, struct pending **top, const struct pending *from)
{
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(from->value, index, max, item)
        if (!push(a, top, item, str_format(a, "%.*s.%zu", STR_ARG(from->name), index)))
            return false;
    return true;
}

bool
flatten_all_apply(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err)
{
    const struct flatten_all_plan *plan = t->plan;
    struct pending *top = NULL;
    yyjson_mut_val *made = yyjson_mut_obj(doc);
    bool ok = made && push(scope->arena, &top, record, STR("_")), with_parents = false;
    while (ok && top) {
        struct pending *p = top;
        top = p->below;
        if (yyjson_mut_is_obj(p->value)) {
            ok = push_members(scope->arena, &top, p, made, with_parents);
        } else if (yyjson_mut_is_arr(p->value) && plan->lists) {
            with_parents = with_parents || yyjson_mut_arr_size(p->value) > 0;
            ok = push_items(scope->arena, &top, p);
        } else {
            ok = yyjson_mut_obj_put(made, new_key(doc, p->name), yyjson_mut_val_mut_copy(doc, p->value));
        }
    }
    if (!ok)
        return err_no_memory(err);
    become(record, made);
    return true;
}
