#include "base/csv.h"

#include <string.h>

/* A number or a phone number is no formula, although it begins with a sign. */
static bool
is_number(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789+-.,() ", text.ptr[i]) || text.ptr[i] == '\0')
            return false;
    return true;
}

static bool
is_formula(struct str text)
{
    if (text.len == 0 || text.ptr[0] == '\0' || !strchr("=+-@\t\r", text.ptr[0]))
        return false;
    return !((text.ptr[0] == '+' || text.ptr[0] == '-') && is_number(text));
}

void
csv_cell(struct buf *b, struct str text)
{
    bool formula = is_formula(text), plain = !formula;
    for (size_t i = 0; i < text.len && plain; i++)
        plain = !strchr("\",\r\n", text.ptr[i]);
    if (plain) {
        buf_add(b, text);
        return;
    }
    buf_add_char(b, '"');
    if (formula)
        buf_add_char(b, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_add_char(b, '"');
        buf_add_char(b, text.ptr[i]);
    }
    buf_add_char(b, '"');
}

/* The cell at *at into text, which has room for the whole record; *at behind its comma. False: a quote does not end. */
static bool
take_cell(struct str record, size_t *at, char *text, size_t *len)
{
    bool quoted = *at < record.len && record.ptr[*at] == '"';
    size_t i = *at + quoted;
    *len = 0;
    for (; i < record.len; i++) {
        char c = record.ptr[i];
        if (quoted && c == '"' && i + 1 < record.len && record.ptr[i + 1] == '"')
            i++;
        else if (quoted && c == '"') {
            quoted = false;
            continue;
        } else if (!quoted && c == ',')
            break;
        text[(*len)++] = c;
    }
    *at = i + 1;
    return !quoted;
}

int
csv_split(struct arena *a, struct str record, struct str *cells, int cells_max)
{
    int count = 0;
    for (size_t at = 0; at <= record.len; count++) {
        size_t len;
        char *text = arena_alloc(a, record.len - at + 1);
        if (!text || count == cells_max || !take_cell(record, &at, text, &len))
            return -1;
        struct str cell = {text, len};
        cells[count] = len > 1 && text[0] == '\'' && is_formula(str_skip(cell, 1)) ? str_skip(cell, 1) : cell;
    }
    return count;
}
