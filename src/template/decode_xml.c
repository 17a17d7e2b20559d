/*
 * XML as the field's readers show it: an element is its text, or an object of its children, attributes ("@name") and
 * text ("#text"); a child that comes several times is a list; an empty element is null. Names keep their prefixes.
 *
 * expat does the reading; it refuses entities that blow up. Elements nest no deeper than JSON may.
 */
#include "template/decode_priv.h"

#include <expat.h>

#include "base/limits.h"

struct element {
    yyjson_mut_val *object;  /* attributes and children; NULL: none yet */
    struct buf text;
};

struct xml {
    struct decoding *d;
    XML_Parser parser;
    struct element stack[LIMIT_JSON_DEPTH_VENDOR];
    size_t depth;
    bool failed, too_deep;
};

static void
fail(struct xml *x, bool too_deep)
{
    x->failed = true, x->too_deep = too_deep;
    XML_StopParser(x->parser, XML_FALSE);
}

static yyjson_mut_val *
object_of(struct xml *x, struct element *e)
{
    if (!e->object)
        e->object = yyjson_mut_obj(x->d->doc);
    return e->object;
}

static void XMLCALL
on_start(void *ctx, const char *name, const char **attributes)
{
    struct xml *x = ctx;
    yyjson_mut_doc *doc = x->d->doc;
    (void)name;
    if (x->depth == LIMIT_JSON_DEPTH_VENDOR) {
        fail(x, true);
        return;
    }
    struct element *e = &x->stack[x->depth++];
    *e = (struct element){0};
    buf_init(&e->text, LIMIT_VENDOR_BODY_BYTES);
    for (size_t i = 0; attributes[i]; i += 2) {
        struct str key = str_format(x->d->arena, "@%s", attributes[i]);
        yyjson_mut_val *object = object_of(x, e);
        yyjson_mut_val *value = yyjson_mut_strcpy(doc, attributes[i + 1]);
        if (!key.ptr || !object || !yyjson_mut_obj_put(object, yyjson_mut_strn(doc, key.ptr, key.len), value))
            fail(x, false);
    }
}

static void XMLCALL
on_text(void *ctx, const char *text, int len)
{
    struct xml *x = ctx;
    if (x->depth && !buf_add(&x->stack[x->depth - 1].text, (struct str){text, (size_t)len}))
        fail(x, false);
}

static yyjson_mut_val *
value_of(struct xml *x, struct element *e)
{
    struct str text = str_trim(buf_str(&e->text));
    yyjson_mut_val *value = text.len ? yyjson_mut_strncpy(x->d->doc, text.ptr, text.len) : NULL;
    if (!e->object)
        return value ? value : yyjson_mut_null(x->d->doc);
    if (value && !yyjson_mut_obj_put(e->object, yyjson_mut_str(x->d->doc, "#text"), value))
        return NULL;
    return e->object;
}

/* Puts the child; the second of a name makes a list. */
static bool
put_child(struct xml *x, yyjson_mut_val *object, const char *name, yyjson_mut_val *value)
{
    yyjson_mut_doc *doc = x->d->doc;
    yyjson_mut_val *there = yyjson_mut_obj_get(object, name);
    if (!there)
        return yyjson_mut_obj_put(object, yyjson_mut_strcpy(doc, name), value);
    if (yyjson_mut_is_arr(there))
        return yyjson_mut_arr_append(there, value);
    yyjson_mut_val *list = yyjson_mut_arr(doc), *first = yyjson_mut_val_mut_copy(doc, there);
    return list && first && yyjson_mut_arr_append(list, first) && yyjson_mut_arr_append(list, value) &&
           yyjson_mut_obj_put(object, yyjson_mut_strcpy(doc, name), list);
}

static void XMLCALL
on_end(void *ctx, const char *name)
{
    struct xml *x = ctx;
    if (x->depth == 0 || x->failed)
        return;
    struct element *e = &x->stack[--x->depth];
    yyjson_mut_val *value = value_of(x, e);
    buf_release(&e->text);
    yyjson_mut_val *object = x->depth ? object_of(x, &x->stack[x->depth - 1]) : yyjson_mut_obj(x->d->doc);
    bool ok = value && object && put_child(x, object, name, value);
    if (ok && x->depth == 0)
        ok = yyjson_mut_arr_append(x->d->list, object);
    if (!ok)
        fail(x, false);
}

bool
decode_xml(struct decoding *d, struct str text, const char **fault_out)
{
    struct xml x = {.d = d, .parser = XML_ParserCreate(NULL)};
    *fault_out = NULL;
    if (!x.parser || text.len > INT32_MAX) {
        XML_ParserFree(x.parser);
        return false;
    }
    XML_SetUserData(x.parser, &x);
    XML_SetElementHandler(x.parser, on_start, on_end);
    XML_SetCharacterDataHandler(x.parser, on_text);
    bool parsed = XML_Parse(x.parser, text.ptr ? text.ptr : "", (int)text.len, XML_TRUE) == XML_STATUS_OK;
    while (x.depth)
        buf_release(&x.stack[--x.depth].text);
    XML_ParserFree(x.parser);
    if (x.failed)
        *fault_out = x.too_deep ? "its elements are nested too deeply" : NULL;
    else if (!parsed)
        *fault_out = "it is not valid XML";
    return parsed && !x.failed;
}
