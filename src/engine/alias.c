#include "engine/alias.h"

#include "base/buf.h"
#include "base/limits.h"

#define POINTER_BYTES 4096

static bool
too_large(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "A record is larger than allowed");
}

static yyjson_val *
parse(struct arena *a, struct str text, struct err *err)
{
    return json_parse(a, str_is_none(text) ? STR("{}") : text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
}

static bool
is_missing(yyjson_val *v)
{
    return v == NULL || yyjson_is_null(v);
}

/* Null and missing are the same here. */
static bool
same(yyjson_val *a, yyjson_val *b)
{
    return is_missing(a) || is_missing(b) ? is_missing(a) && is_missing(b) : json_equal(a, b);
}

/* One step of a pointer without its escapes. STR_NONE: the arena is full. */
static struct str
unescaped(struct arena *a, struct str part)
{
    char *bytes = arena_alloc_bytes(a, part.len + 1);
    size_t len = 0;
    for (size_t i = 0; bytes != NULL && i < part.len; i++) {
        bool escape = part.ptr[i] == '~' && i + 1 < part.len;
        bytes[len++] = escape ? (part.ptr[i + 1] == '1' ? '/' : '~') : part.ptr[i];
        i += escape;
    }
    return bytes == NULL ? STR_NONE : (struct str){bytes, len};
}

static bool
put_last(yyjson_mut_doc *doc, yyjson_mut_val *at, struct str part, yyjson_val *value)
{
    if (value == NULL) {
        yyjson_mut_obj_remove_keyn(at, part.ptr, part.len);
        return true;
    }
    yyjson_mut_val *name = yyjson_mut_strncpy(doc, part.ptr, part.len);
    return name != NULL && yyjson_mut_obj_put(at, name, yyjson_val_mut_copy(doc, value));
}

bool
alias_put(struct arena *a, yyjson_mut_doc *doc, yyjson_mut_val *root, struct str pointer, yyjson_val *value)
{
    struct str rest = str_skip(pointer, 1), part;
    yyjson_mut_val *at = root;
    while (at != NULL) {
        bool more = str_cut(rest, '/', &part, &rest);
        part = unescaped(a, part);
        if (str_is_none(part))
            return false;
        if (!more)
            return put_last(doc, at, part, value);
        yyjson_mut_val *below = yyjson_mut_obj_getn(at, part.ptr, part.len);
        if (!yyjson_mut_is_obj(below)) {
            if (value == NULL)
                return true;
            below = yyjson_mut_obj(doc);
            yyjson_mut_val *name = yyjson_mut_strncpy(doc, part.ptr, part.len);
            if (below == NULL || name == NULL || !yyjson_mut_obj_put(at, name, below))
                return false;
        }
        at = below;
    }
    return false;
}

static bool
to_text(struct arena *a, yyjson_mut_val *root, struct str *text_out, struct err *err)
{
    struct buf b;
    yyjson_val *frozen = json_freeze(a, root);
    buf_init(&b, LIMIT_RECORD_BYTES);
    struct str text = frozen != NULL && json_write_canonical(&b, frozen) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    if (str_is_none(text))
        return too_large(err);
    *text_out = text;
    return true;
}

bool
alias_translate(struct arena *a, struct str alias, struct str theirs, struct str *theirs_out, struct err *err)
{
    size_t i, count;
    yyjson_val *key, *pair;
    bool any = false;
    *theirs_out = theirs;
    if (str_is_none(alias))
        return true;
    yyjson_val *pairs = parse(a, alias, err), *values = parse(a, theirs, err);
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *root = values == NULL || doc == NULL ? NULL : yyjson_val_mut_copy(doc, values);
    if (pairs == NULL || root == NULL)
        return err->code != E_OK ? false : too_large(err);
    yyjson_obj_foreach(pairs, i, count, key, pair) {
        yyjson_val *ours = yyjson_arr_get(pair, 0);
        if (!same(json_pointer(values, json_str(key)), yyjson_arr_get(pair, 1)))
            continue;
        any = true;
        if (!alias_put(a, doc, root, json_str(key), is_missing(ours) ? NULL : ours))
            return too_large(err);
    }
    return !any || to_text(a, root, theirs_out, err);
}

/* ---- what was agreed on ---- */

struct agreeing {
    struct arena *arena;
    yyjson_mut_doc *doc;
    yyjson_mut_val *base, *alias;
    struct buf pointer;
    bool failed;
};

static void
note(struct agreeing *g, yyjson_val *sent, yyjson_val *theirs)
{
    struct str pointer = str_copy(g->arena, buf_str(&g->pointer));
    yyjson_mut_val *name = str_is_none(pointer) ? NULL : yyjson_mut_strn(g->doc, pointer.ptr, pointer.len);
    bool shown = !is_missing(theirs) || is_missing(sent);
    if (name == NULL || !alias_put(g->arena, g->doc, g->base, pointer, shown && !is_missing(sent) ? sent : NULL)) {
        g->failed = true;
        return;
    }
    yyjson_mut_obj_remove_keyn(g->alias, pointer.ptr, pointer.len);
    if (!shown || same(sent, theirs))
        return;
    yyjson_mut_val *pair = yyjson_mut_arr(g->doc);
    yyjson_mut_val *ours = is_missing(sent) ? yyjson_mut_null(g->doc) : yyjson_val_mut_copy(g->doc, sent);
    g->failed |= pair == NULL || !yyjson_mut_arr_append(pair, ours) || !yyjson_mut_arr_append(pair,
        yyjson_val_mut_copy(g->doc, theirs)) ||
                 !yyjson_mut_obj_put(g->alias, name, pair);
}

static void agree_object(struct agreeing *g, yyjson_val *base, yyjson_val *sent, yyjson_val *theirs);

static void
agree_member(struct agreeing *g, struct str name, yyjson_val *base, yyjson_val *sent, yyjson_val *theirs)
{
    size_t len = g->pointer.len;
    if (same(base, sent))
        return;
    json_pointer_add(&g->pointer, name);
    if (yyjson_is_obj(sent) && (base == NULL || yyjson_is_obj(base)) && (theirs == NULL || yyjson_is_obj(theirs)))
        agree_object(g, base, sent, theirs);
    else
        note(g, sent, theirs);
    buf_truncate(&g->pointer, len);
}

static void
agree_object(struct agreeing *g, yyjson_val *base, yyjson_val *sent, yyjson_val *theirs)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(sent, i, count, key, value)
        agree_member(g, json_str(key), json_get(base, json_str(key)), value, json_get(theirs, json_str(key)));
    yyjson_obj_foreach(base, i, count, key, value)
        if (json_get(sent, json_str(key)) == NULL)
            agree_member(g, json_str(key), value, NULL, json_get(theirs, json_str(key)));
}

bool
alias_agree(struct arena *a, struct str base, struct str sent, struct str theirs, struct str alias, struct agreement *agreement_out,
            struct err *err)
{
    yyjson_val *old = parse(a, base, err), *ours = parse(a, sent, err), *now = parse(a, theirs, err), *known = parse(a, alias, err);
    struct agreeing g = {.arena = a, .doc = json_mut_doc(a)};
    if (old == NULL || ours == NULL || now == NULL || known == NULL)
        return false;
    g.base = g.doc == NULL ? NULL : yyjson_val_mut_copy(g.doc, old);
    g.alias = g.doc == NULL ? NULL : yyjson_val_mut_copy(g.doc, known);
    if (g.base == NULL || g.alias == NULL)
        return too_large(err);
    buf_init(&g.pointer, POINTER_BYTES);
    agree_object(&g, old, ours, now);
    bool ok = !g.failed && buf_ok(&g.pointer);
    buf_release(&g.pointer);
    struct agreement out = {.alias = STR_NONE};
    if (!ok || !to_text(a, g.base, &out.base, err) || (yyjson_mut_obj_size(g.alias) > 0 && !to_text(a, g.alias, &out.alias, err)))
        return err->code != E_OK ? false : too_large(err);
    *agreement_out = out;
    return true;
}

/* ---- our own write, read before its answer came */

static yyjson_mut_val *
confirm(yyjson_mut_doc *doc, yyjson_val *base, yyjson_val *sent, yyjson_val *theirs)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_mut_val *object = yyjson_val_mut_copy(doc, base);
    yyjson_obj_foreach(sent, i, count, key, value) {
        yyjson_val *old = json_get(base, json_str(key)), *now = json_get(theirs, json_str(key));
        if (yyjson_is_obj(old) && yyjson_is_obj(value) && yyjson_is_obj(now))
            yyjson_mut_obj_put(object, yyjson_val_mut_copy(doc, key), confirm(doc, old, value, now));
        else if (!is_missing(value) && same(value, now))
            yyjson_mut_obj_put(object, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    }
    yyjson_obj_foreach(base, i, count, key, value)
        if (json_get(sent, json_str(key)) == NULL && json_get(theirs, json_str(key)) == NULL)
            yyjson_mut_obj_remove_keyn(object, yyjson_get_str(key), yyjson_get_len(key));
    return object;
}

bool
alias_confirm(struct arena *a, struct str base, struct str sent, struct str theirs, struct str *base_out, struct err *err)
{
    yyjson_val *old = parse(a, base, err), *ours = parse(a, sent, err), *now = parse(a, theirs, err);
    yyjson_mut_doc *doc = json_mut_doc(a);
    if (old == NULL || ours == NULL || now == NULL || doc == NULL)
        return err->code != E_OK ? false : too_large(err);
    return to_text(a, confirm(doc, old, ours, now), base_out, err);
}
