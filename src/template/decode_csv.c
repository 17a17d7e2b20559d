/*
 * CSV (RFC 4180, as Python's csv module reads it): the first row names the columns, each other row is an object of texts.
 *
 * A row that is too short has nulls at its end; what a row has too much is left out. Quotes inside a quoted field are
 * doubled; a line break may stand inside quotes; empty lines are passed over.
 */
#include "template/decode_priv.h"

#define COLUMNS_MAX 10000

struct csv {
    struct decoding *d;
    struct str text;
    size_t at;
    struct buf field;
    struct str *names;
    size_t name_count;
    yyjson_mut_val *row;    /* NULL while the names are read */
    size_t column;
};

static bool
is_none(const struct decoder *decoder, struct str value)
{
    for (size_t i = 0; i < decoder->none_count; i++)
        if (str_eq(decoder->none_texts[i], value))
            return true;
    return false;
}

static bool
put_cell(struct csv *c, struct str value)
{
    yyjson_mut_doc *doc = c->d->doc;
    if (!c->row) {
        struct str *names = c->names;
        if (c->name_count == COLUMNS_MAX)
            return false;
        if (c->name_count % 64 == 0) {
            names = arena_grow(c->d->arena, names, c->name_count * sizeof(*names), (c->name_count + 64) * sizeof(*names));
            if (!names)
                return false;
            c->names = names;
        }
        names[c->name_count++] = str_copy(c->d->arena, value);
        return names[c->name_count - 1].ptr != NULL;
    }
    if (c->column >= c->name_count)
        return true;
    struct str name = c->names[c->column++];
    yyjson_mut_val *key = yyjson_mut_strn(doc, name.ptr, name.len);
    yyjson_mut_val *cell = is_none(c->d->decoder, value) ? yyjson_mut_null(doc)
                                                         : yyjson_mut_strncpy(doc, value.ptr ? value.ptr : "", value.len);
    return key && cell && yyjson_mut_obj_put(c->row, key, cell);
}

/* Reads one field; the cursor stands behind it, on a delimiter, a line's end or the end. */
static bool
read_field(struct csv *c)
{
    const struct str text = c->text;
    bool quoted = c->at < text.len && text.ptr[c->at] == '"', inside = quoted;
    buf_clear(&c->field);
    c->at += quoted;
    while (c->at < text.len) {
        char ch = text.ptr[c->at];
        if (inside && ch == '"' && c->at + 1 < text.len && text.ptr[c->at + 1] == '"')
            c->at++;
        else if (inside && ch == '"') {
            inside = false, c->at++;
            continue;
        } else if (!inside && (ch == c->d->decoder->delimiter || ch == '\n' || ch == '\r'))
            break;
        buf_add_char(&c->field, ch);
        c->at++;
    }
    return buf_ok(&c->field);
}

static bool
skip_line_ends(struct csv *c)
{
    while (c->at < c->text.len && (c->text.ptr[c->at] == '\n' || c->text.ptr[c->at] == '\r'))
        c->at++;
    return c->at < c->text.len;
}

static bool
read_row(struct csv *c)
{
    for (;;) {
        if (!read_field(c) || !put_cell(c, buf_str(&c->field)))
            return false;
        if (c->at >= c->text.len || c->text.ptr[c->at] != c->d->decoder->delimiter)
            return true;
        c->at++;
    }
}

static bool
fill_row(struct csv *c)
{
    yyjson_mut_doc *doc = c->d->doc;
    for (; c->column < c->name_count; c->column++) {
        struct str name = c->names[c->column];
        if (!yyjson_mut_obj_put(c->row, yyjson_mut_strn(doc, name.ptr, name.len), yyjson_mut_null(doc)))
            return false;
    }
    return yyjson_mut_arr_append(c->d->list, c->row);
}

bool
decode_csv(struct decoding *d, struct str text, const char **fault_out)
{
    struct csv c = {.d = d, .text = text};
    buf_init(&c.field, text.len + 1);
    *fault_out = NULL;
    bool ok = !skip_line_ends(&c) || read_row(&c);
    while (ok && skip_line_ends(&c)) {
        c.column = 0;
        c.row = yyjson_mut_obj(d->doc);
        ok = c.row && read_row(&c) && fill_row(&c);
    }
    if (!ok && c.name_count == COLUMNS_MAX)
        *fault_out = "its table has too many columns";
    buf_release(&c.field);
    return ok;
}
