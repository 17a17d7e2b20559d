/*
 * YAML text to nodes, by way of libyaml's events.
 *
 * Manifests are written for a YAML 1.1 reader: `yes` is a boolean, 0755 octal, 1_000 an integer, while
 * 1e5 is text. libyaml gives the scalars as text, and their meaning is decided here. Plain dates stay
 * text on purpose: every field that takes one wants text. Aliases share the node of their anchor, so a
 * "billion laughs" file costs what it weighs.
 */
#include "template/manifest_priv.h"

#include <yaml.h>

#include "base/limits.h"
#include "base/map.h"

#define YAML_NODES_MAX 4000000 /* a manifest of 5 MB has fewer; bounds the time on hostile input */

struct frame {
    struct node *node;
    struct str key;      /* of the map entry whose value comes next */
    bool has_key;
    size_t size;
};

struct reading {
    struct arena *arena;
    struct map anchors;
    struct frame stack[LIMIT_TEMPLATE_DEPTH];
    size_t depth;
    size_t nodes;
    struct node *root;
    struct err *err;
};

static bool
is_digits(struct str s, const char *allowed)
{
    for (size_t i = 0; i < s.len; i++)
        if (!memchr(allowed, s.ptr[i], strlen(allowed)))
            return false;
    return s.len > 0;
}

/* Decimal text of an integer in a base, blanks '_' left out; false when it does not fit 64 bits. */
static bool
int_in_base(struct arena *a, struct str digits, unsigned base, bool negative, struct str *text_out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        if (c == '_')
            continue;
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
        if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *text_out = str_format(a, "%s%llu", negative && value ? "-" : "", (unsigned long long)value);
    return text_out->ptr != NULL;
}

static bool
read_int(struct arena *a, struct str s, struct str *text_out)
{
    bool negative = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        s = str_skip(s, 1);
    if (str_starts(s, STR("0x")))
        return is_digits(str_skip(s, 2), "0123456789abcdefABCDEF_") && int_in_base(a, str_skip(s, 2), 16, negative, text_out);
    if (str_starts(s, STR("0b")))
        return is_digits(str_skip(s, 2), "01_") && int_in_base(a, str_skip(s, 2), 2, negative, text_out);
    if (str_starts(s, STR("0")) && s.len > 1)
        return is_digits(str_skip(s, 1), "01234567_") && int_in_base(a, str_skip(s, 1), 8, negative, text_out);
    return is_digits(s, "0123456789_") && s.ptr[0] != '_' && int_in_base(a, s, 10, negative, text_out);
}

/* 1.5, -2.0e+3, .5 - a dot is required, as YAML 1.1 readers have it. The result is a JSON number. */
static bool
read_float(struct arena *a, struct str s, struct str *text_out)
{
    struct buf b;
    buf_init(&b, 400);
    size_t i = 0, digits = 0;
    bool dot = false, ok = true;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        if (s.ptr[i++] == '-')
            buf_add_char(&b, '-');
    if (i < s.len && s.ptr[i] == '.')
        buf_add_char(&b, '0');
    for (; i < s.len && ok; i++) {
        char c = s.ptr[i];
        if (c >= '0' && c <= '9')
            digits++, buf_add_char(&b, c);
        else if (c == '.' && !dot)
            dot = true, buf_add_c(&b, i + 1 < s.len && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9' ? "." : ".0");
        else if ((c == 'e' || c == 'E') && digits && i + 2 < s.len && (s.ptr[i + 1] == '-' || s.ptr[i + 1] == '+'))
            break;
        else
            ok = c == '_' && digits > 0;
    }
    if (ok && i < s.len) {
        ok = is_digits(str_skip(s, i + 2), "0123456789");
        buf_add_char(&b, 'e'), buf_add(&b, str_skip(s, i + 1));
    }
    ok = ok && dot && digits && buf_ok(&b);
    if (ok)
        *text_out = str_copy(a, buf_str(&b));
    buf_release(&b);
    return ok;
}

static bool
is_one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_eq_c(s, *words))
            return true;
    return false;
}

/* What a plain (unquoted) scalar means in YAML 1.1. */
static void
resolve_plain(struct arena *a, struct node *n)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    static const char *const falses[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
    if (is_one_of(n->text, nulls))
        n->type = NODE_NULL;
    else if (is_one_of(n->text, trues) || is_one_of(n->text, falses))
        n->type = NODE_BOOL, n->flag = is_one_of(n->text, trues);
    else if (read_int(a, n->text, &n->text))
        n->type = NODE_INT;
    else if (read_float(a, n->text, &n->text))
        n->type = NODE_FLOAT;
}

static bool
fail_at(struct reading *r, const yaml_mark_t *mark, const char *what)
{
    return err_set(r->err, E_TEMPLATE_INVALID, "line %zu, column %zu: %s", mark->line + 1, mark->column + 1, what);
}

static struct node *
node_new(struct reading *r, enum node_type type, const yaml_mark_t *mark)
{
    struct node *n = r->nodes++ < YAML_NODES_MAX ? ARENA_NEW(r->arena, struct node) : NULL;
    if (!n) {
        err_set(r->err, E_TOO_LARGE, "The template is too large to hold in memory");
        return NULL;
    }
    n->type = type;
    n->line = (unsigned)mark->line + 1, n->column = (unsigned)mark->column + 1;
    return n;
}

static struct str
copy_name(struct reading *r, const yaml_char_t *name)
{
    return str_copy(r->arena, str_from_c((const char *)name));
}

/* Room for one more entry of the innermost list or map. */
static bool
frame_grow(struct reading *r, struct frame *f)
{
    if (f->node->count < f->size)
        return true;
    size_t size = f->size ? f->size * 2 : 8;
    struct node **items = arena_grow(r->arena, f->node->items, f->size * sizeof(*items), size * sizeof(*items));
    if (!items)
        return err_set(r->err, E_TOO_LARGE, "The template is too large to hold in memory");
    f->node->items = items;
    if (f->node->type == NODE_MAP) {
        struct str *keys = arena_grow(r->arena, f->node->keys, f->size * sizeof(*keys), size * sizeof(*keys));
        if (!keys)
            return err_set(r->err, E_TOO_LARGE, "The template is too large to hold in memory");
        f->node->keys = keys;
    }
    f->size = size;
    return true;
}

static bool
map_add(struct reading *r, struct frame *f, struct str key, struct node *value)
{
    for (size_t i = 0; i < f->node->count; i++)
        if (str_eq(f->node->keys[i], key)) { /* the last of duplicates wins, as in the readers of the field */
            f->node->items[i] = value;
            return true;
        }
    if (!frame_grow(r, f))
        return false;
    f->node->keys[f->node->count] = key;
    f->node->items[f->node->count++] = value;
    return true;
}

/* `<<: *defaults`: entries that the map does not have itself. */
static bool
map_merge(struct reading *r, struct frame *f, const struct node *other)
{
    for (size_t i = 0; other->type == NODE_LIST && i < other->count; i++)
        if (!map_merge(r, f, other->items[i]))
            return false;
    for (size_t i = 0; other->type == NODE_MAP && i < other->count; i++)
        if (!node_get(f->node, other->keys[i]) && !map_add(r, f, other->keys[i], other->items[i]))
            return false;
    return true;
}

/* A finished node goes where the innermost open one wants it: as item, key or value. */
static bool
place(struct reading *r, struct node *n, const yaml_mark_t *mark)
{
    if (r->depth == 0) {
        r->root = n;
        return true;
    }
    struct frame *f = &r->stack[r->depth - 1];
    if (f->node->type == NODE_LIST) {
        if (!frame_grow(r, f))
            return false;
        f->node->items[f->node->count++] = n;
        return true;
    }
    if (!f->has_key) {
        if (n->type == NODE_LIST || n->type == NODE_MAP)
            return fail_at(r, mark, "a key must be a single value");
        f->key = n->type == NODE_BOOL ? (n->flag ? STR("true") : STR("false")) : n->text;
        f->has_key = true;
        return true;
    }
    f->has_key = false;
    return str_eq(f->key, STR("<<")) ? map_merge(r, f, n) : map_add(r, f, f->key, n);
}

static bool
remember_anchor(struct reading *r, const yaml_char_t *anchor, struct node *n)
{
    if (!anchor)
        return true;
    struct str name = copy_name(r, anchor);
    if (name.ptr && map_put(&r->anchors, name, n))
        return true;
    return err_set(r->err, E_TOO_LARGE, "The template is too large to hold in memory");
}

/* `!!int "5"` is a number in spite of its quotes, `!!str 5` a text. */
static bool
is_text(const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;
    if (!tag)
        return event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return strcmp(tag, YAML_BOOL_TAG) != 0 && strcmp(tag, YAML_INT_TAG) != 0 && strcmp(tag, YAML_FLOAT_TAG) != 0 &&
           strcmp(tag, YAML_NULL_TAG) != 0;
}

static bool
on_scalar(struct reading *r, const yaml_event_t *event)
{
    struct node *n = node_new(r, NODE_STR, &event->start_mark);
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (!n)
        return false;
    n->text = text.len ? str_copy(r->arena, text) : STR("");
    if (!n->text.ptr)
        return err_set(r->err, E_TOO_LARGE, "The template is too large to hold in memory");
    if (!str_is_utf8(n->text)) /* "\ud800" */
        return fail_at(r, &event->start_mark, "the text is not valid UTF-8");
    if (!is_text(event))
        resolve_plain(r->arena, n);
    return remember_anchor(r, event->data.scalar.anchor, n) && place(r, n, &event->start_mark);
}

static bool
on_alias(struct reading *r, const yaml_event_t *event)
{
    struct node *n = map_get(&r->anchors, str_from_c((const char *)event->data.alias.anchor));
    if (!n)
        return fail_at(r, &event->start_mark, "this alias names no anchor");
    for (size_t i = 0; i < r->depth; i++)
        if (r->stack[i].node == n)
            return fail_at(r, &event->start_mark, "this alias stands inside its own anchor");
    return place(r, n, &event->start_mark);
}

static bool
on_start(struct reading *r, enum node_type type, const yaml_event_t *event, const yaml_char_t *anchor)
{
    struct node *n = node_new(r, type, &event->start_mark);
    if (!n)
        return false;
    if (r->depth == LIMIT_TEMPLATE_DEPTH)
        return fail_at(r, &event->start_mark, "nested too deeply");
    struct frame *parent = r->depth ? &r->stack[r->depth - 1] : NULL;
    if (parent && parent->node->type == NODE_MAP && !parent->has_key)
        return fail_at(r, &event->start_mark, "a key must be a single value");
    r->stack[r->depth++] = (struct frame){.node = n};
    return remember_anchor(r, anchor, n);
}

static bool
on_end(struct reading *r, const yaml_event_t *event)
{
    struct node *n = r->stack[--r->depth].node;
    return place(r, n, &event->start_mark);
}

static bool
on_event(struct reading *r, const yaml_event_t *event)
{
    switch ((int)event->type) {
    case YAML_SCALAR_EVENT: return on_scalar(r, event);
    case YAML_ALIAS_EVENT: return on_alias(r, event);
    case YAML_SEQUENCE_START_EVENT: return on_start(r, NODE_LIST, event, event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT: return on_start(r, NODE_MAP, event, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_end(r, event);
    default: return true;
    }
}

/* What libyaml found wrong, with its place. */
static bool
syntax_error(struct reading *r, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return err_no_memory(r->err);
    const char *what = parser->problem ? parser->problem : "This is not YAML";
    return fail_at(r, &parser->problem_mark, what);
}

static bool
read_events(struct reading *r, yaml_parser_t *parser)
{
    for (bool done = false; !done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return syntax_error(r, parser);
        done = event.type == YAML_DOCUMENT_END_EVENT || event.type == YAML_STREAM_END_EVENT;
        bool ok = on_event(r, &event);
        yaml_event_delete(&event);
        if (!ok)
            return false;
    }
    return true;
}

static bool
has_control_bytes(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 32 && !memchr("\t\r\n", text.ptr[i], 3))
            return true;
    return false;
}

struct node *
yaml_read(struct arena *a, struct str text, struct err *err)
{
    if (text.len > LIMIT_TEMPLATE_BYTES) {
        err_set(err, E_TOO_LARGE, "The template is larger than %d bytes", LIMIT_TEMPLATE_BYTES);
        return NULL;
    }
    if (!str_is_utf8(text) || has_control_bytes(text)) {
        err_set(err, E_TEMPLATE_INVALID, "The template is not plain UTF-8 text");
        return NULL;
    }
    struct reading *r = ARENA_NEW(a, struct reading);
    yaml_parser_t parser;
    if (!r || !yaml_parser_initialize(&parser)) {
        err_no_memory(err);
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
    r->arena = a, r->err = err;
    map_init(&r->anchors, a);
    bool ok = read_events(r, &parser);
    if (ok && !r->root)
        ok = err_set(err, E_TEMPLATE_INVALID, "The template is empty");
    yaml_parser_delete(&parser);
    return ok ? r->root : NULL;
}
