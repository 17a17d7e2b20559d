#include "cli/out.h"

#include <stdio.h>

#include "base/clock.h"

#define COLUMNS_MAX 16
#define CELL_BYTES_MAX 4096

yyjson_val *
out_member(yyjson_val *thing, const char *path)
{
    struct str rest = str_from_c(path), name;
    while (thing && rest.len) {
        str_cut(rest, '.', &name, &rest);
        thing = json_get(thing, name);
    }
    return thing;
}

const char *
out_number(int64_t value, char text[static OUT_NUMBER_BYTES])
{
    char plain[24];
    int len = snprintf(plain, sizeof(plain), "%lld", (long long)value), at = 0;
    int sign = value < 0;
    for (int i = 0; i < len; i++) {
        if (i > sign && (len - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = plain[i];
    }
    text[at] = '\0';
    return text;
}

size_t
out_width(struct str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return width;
}

/* C1 controls are two bytes in UTF-8 (0xc2 0x80 .. 0x9f) and steer some terminals too. */
static void
put_clean(struct str text, bool one_line)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i], next = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;
        if (c == 0xc2 && next >= 0x80 && next <= 0x9f) {
            putchar('?');
            i++;
        } else if (c == '\t' || c == '\n') {
            putchar(one_line ? ' ' : (int)c);
        } else {
            putchar(c < 0x20 || c == 0x7f ? '?' : (int)c);
        }
    }
}

void
out_text(struct str text)
{
    put_clean(text, false);
}

void
out_json(const struct client_reply *reply)
{
    fwrite(reply->text.ptr, 1, reply->text.len, stdout);
    if (!str_ends(reply->text, STR("\n")))
        putchar('\n');
}

static struct str
time_cell(struct arena *a, yyjson_val *value)
{
    int64_t us;
    if (!time_parse(json_str(value), &us))
        return STR("");
    struct civil c = civil_from_us(us);
    return str_format(a, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

static struct str
shorten(struct arena *a, struct str text, unsigned width_max)
{
    if (!width_max || out_width(text) <= width_max)
        return text;
    size_t at = 0, width = 0;
    while (at < text.len && width < width_max) {
        at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
            at++;
        width++;
        if (width == width_max - 1)
            break;
    }
    return str_format(a, "%.*s…", STR_ARG(str_slice(text, 0, at)));
}

static struct str
cell(struct arena *a, yyjson_val *row, const struct out_column *column)
{
    char text[OUT_NUMBER_BYTES];
    int64_t number;
    yyjson_val *value = out_member(row, column->member);
    if (!value || yyjson_is_null(value))
        return STR("");
    if (column->kind == OUT_TIME)
        return time_cell(a, value);
    if (column->kind == OUT_BOOL)
        return json_bool_or(value, false) ? STR("yes") : STR("no");
    if (column->kind == OUT_NUMBER && json_to_i64(value, &number))
        return str_copy(a, str_from_c(out_number(number, text)));
    struct str plain = yyjson_is_str(value) ? json_str(value) : json_to_text(a, value);
    return shorten(a, plain, column->width_max);
}

static void
pad(size_t count)
{
    for (size_t i = 0; i < count; i++)
        putchar(' ');
}

/* A line break inside a cell would break the table. After the last cell of a row nothing is filled up. */
static void
put_cell(struct str text, size_t width, bool right, bool last)
{
    size_t own = out_width(text), missing = width > own ? width - own : 0;
    if (right)
        pad(missing);
    put_clean(text, true);
    if (!last)
        pad(right ? 2 : missing + 2);
}

static size_t
column_count(const struct out_column *columns)
{
    size_t count = 0;
    while (count < COLUMNS_MAX && columns[count].title)
        count++;
    return count;
}

static void
put_row(const struct out_column *columns, size_t count, const struct str *cells, const size_t *widths)
{
    while (count && !cells[count - 1].len)
        count--;
    for (size_t c = 0; c < count; c++)
        put_cell(cells[c], widths[c], columns[c].kind == OUT_NUMBER, c + 1 == count);
    putchar('\n');
}

void
out_table(struct arena *a, yyjson_val *rows, const struct out_column *columns, const char *nothing)
{
    size_t count = column_count(columns), row_count = yyjson_arr_size(rows), widths[COLUMNS_MAX], index, max;
    struct str *cells = ARENA_ARRAY(a, struct str, (row_count + 1) * count);
    if (row_count == 0 || !cells) {
        puts(nothing);
        return;
    }
    for (size_t c = 0; c < count; c++) {
        cells[c] = str_from_c(columns[c].title);
        widths[c] = out_width(cells[c]);
    }
    yyjson_val *row;
    yyjson_arr_foreach(rows, index, max, row) {
        for (size_t c = 0; c < count; c++) {
            struct str text = cells[(index + 1) * count + c] = cell(a, row, &columns[c]);
            widths[c] = out_width(text) > widths[c] ? out_width(text) : widths[c];
        }
    }
    for (size_t r = 0; r <= row_count; r++)
        put_row(columns, count, &cells[r * count], widths);
}

void
out_pairs(struct arena *a, yyjson_val *thing, const struct out_column *columns)
{
    size_t count = column_count(columns), width = 0;
    for (size_t c = 0; c < count; c++)
        width = out_width(str_from_c(columns[c].title)) > width ? out_width(str_from_c(columns[c].title)) : width;
    for (size_t c = 0; c < count; c++) {
        struct str text = cell(a, thing, &columns[c]);
        if (!text.len)
            continue;
        put_cell(str_from_c(columns[c].title), width, false, false);
        out_text(text);
        putchar('\n');
    }
}
