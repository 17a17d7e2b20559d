/*
 * Which decoder a template wants, and the simple ones: JSON, JSON lines, plain lines.
 */
#include "template/decode_priv.h"

#include <unicode/ucnv.h>

#include "base/alloc.h"
#include "base/limits.h"

#define ENCODING_NAME_BYTES 64

/* ---- from the template */

static bool
compile_inside(struct compiler *c, const struct node *n, const char *field, struct decoder *d)
{
    const struct node *inside = node_get_c(n, field);
    if (c->depth >= LIMIT_TEMPLATE_DEPTH)
        return refuse(c, "nests decoders too deeply");
    d->inner = ARENA_NEW(c->arena, struct decoder);
    if (!d->inner)
        return compile_full(c);
    c->depth++;
    bool ok = decoder_compile(c, inside, d->inner);
    c->depth--;
    return ok;
}

/* "\t" is written with a backslash in YAML's plain texts. */
static bool
compile_delimiter(struct compiler *c, const struct node *n, char *delimiter_out)
{
    struct str text = node_text_at(n, "delimiter");
    *delimiter_out = ',';
    if (!text.len)
        return true;
    if (str_eq(text, STR("\\t")))
        *delimiter_out = '\t';
    else if (text.len == 1 && text.ptr[0] != '"' && text.ptr[0] != '\n' && text.ptr[0] != '\r')
        *delimiter_out = text.ptr[0];
    else
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a CSV delimiter is one character", n->line);
    return true;
}

static bool
compile_csv(struct compiler *c, const struct node *n, struct decoder *d)
{
    const struct node *empty = node_get_c(n, "set_values_to_none");
    if (empty && empty->type == NODE_LIST) {
        d->none_texts = ARENA_ARRAY(c->arena, struct str, empty->count + 1);
        if (!d->none_texts)
            return compile_full(c);
        for (size_t i = 0; i < empty->count; i++)
            d->none_texts[d->none_count++] = empty->items[i]->text.ptr ? empty->items[i]->text : STR("");
    }
    return compile_delimiter(c, n, &d->delimiter);
}

bool
decoder_compile(struct compiler *c, const struct node *n, struct decoder *decoder_out)
{
    static const struct {
        const char *type;
        enum decoder_kind kind;
    } kinds[] = {{"JsonDecoder", DECODE_JSON}, {"JsonlDecoder", DECODE_JSONL}, {"IterableDecoder", DECODE_LINES},
                 {"XmlDecoder", DECODE_XML},   {"CsvDecoder", DECODE_CSV},     {"JsonParser", DECODE_JSON},
                 {"JsonLineParser", DECODE_JSONL}, {"CsvParser", DECODE_CSV}};
    struct decoder d = {.kind = DECODE_JSON, .encoding = node_text_at(n, "encoding")};
    if (!n || n->type == NODE_NULL) {
        *decoder_out = d;
        return true;
    }
    if (node_type_is(n, "CompositeRawDecoder"))
        return decoder_compile(c, node_get_c(n, "parser"), decoder_out);
    bool gzip = node_type_is(n, "GzipDecoder") || node_type_is(n, "GzipParser");
    if (gzip || node_type_is(n, "ZipfileDecoder")) {
        const char *field = node_type_is(n, "GzipParser") ? "inner_parser" : node_get_c(n, "decoder") ? "decoder" : "parser";
        d.kind = gzip ? DECODE_GZIP : DECODE_ZIP;
        *decoder_out = d;
        return compile_inside(c, n, field, decoder_out);
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (node_type_is(n, kinds[i].type)) {
            d.kind = kinds[i].kind;
            *decoder_out = d;
            return d.kind != DECODE_CSV || compile_csv(c, n, decoder_out);
        }
    return refuse_component(c, n);
}

/* ---- bytes to UTF-8 */

static bool
is_utf8_name(struct str name)
{
    return !name.len || str_eq_nocase(name, STR("utf-8")) || str_eq_nocase(name, STR("utf8")) ||
           str_eq_nocase(name, STR("utf-8-sig")) || str_eq_nocase(name, STR("utf_8"));
}

static bool
convert(struct arena *a, struct str bytes, const char *from, struct str *text_out)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t size = bytes.len < INT32_MAX / 4 ? (int32_t)bytes.len * 3 + 8 : 0;
    char *text = size ? arena_alloc_bytes(a, (size_t)size) : NULL;
    if (!text)
        return false;
    int32_t len = ucnv_convert("UTF-8", from, text, size, bytes.ptr, (int32_t)bytes.len, &status);
    *text_out = (struct str){text, U_SUCCESS(status) ? (size_t)len : 0};
    return U_SUCCESS(status);
}

static bool
to_utf8(struct decoding *d, struct str encoding, struct str bytes, struct str *text_out, const char **fault_out)
{
    char name[ENCODING_NAME_BYTES];
    if (str_starts(bytes, STR("\xef\xbb\xbf")))
        bytes = str_skip(bytes, 3);
    *text_out = bytes;
    if (is_utf8_name(encoding)) {
        *fault_out = "it is no UTF-8 text";
        return str_is_utf8(bytes);
    }
    snprintf(name, sizeof(name), "%.*s", STR_ARG(str_slice(encoding, 0, ENCODING_NAME_BYTES - 1)));
    *fault_out = "it is not in the encoding that the template names";
    return convert(d->arena, bytes, name, text_out);
}

/* ---- lines */

static bool
add_line(struct decoding *d, struct str line, const char **fault_out)
{
    struct err ignored = {0};
    yyjson_mut_val *item;
    if (d->decoder->kind == DECODE_JSONL) {
        yyjson_val *json = json_parse(d->arena, line, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
        *fault_out = "one of its lines is not valid JSON";
        if (!json)
            return false;
        item = yyjson_val_mut_copy(d->doc, json);
    } else {
        item = yyjson_mut_obj(d->doc);
        if (item && !yyjson_mut_obj_add_strncpy(d->doc, item, "record", line.ptr, line.len))
            item = NULL;
    }
    *fault_out = NULL;
    return item && yyjson_mut_arr_append(d->list, item);
}

bool
decode_lines(struct decoding *d, struct str text, const char **fault_out)
{
    while (text.len) {
        struct str line, rest;
        if (!str_cut(text, '\n', &line, &rest))
            rest = STR("");
        text = rest;
        if (str_ends(line, STR("\r")))
            line.len--;
        bool blank = str_trim(line).len == 0;
        if (!(blank && d->decoder->kind == DECODE_JSONL) && !add_line(d, line, fault_out))
            return false;
    }
    return true;
}

/* ---- all of them */

static bool
decode_json(struct decoding *d, struct str bytes, const char **fault_out)
{
    struct err ignored = {0};
    yyjson_val *json = json_parse(d->arena, bytes, JSON_NUMBERS_RAW | JSON_ALLOW_BOM, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    size_t index, max;
    yyjson_val *item;
    *fault_out = "it is not valid JSON";
    if (!json)
        return false;
    *fault_out = NULL;
    if (!yyjson_is_arr(json))
        return yyjson_mut_arr_append(d->list, yyjson_val_mut_copy(d->doc, json));
    yyjson_arr_foreach(json, index, max, item) {
        if (!yyjson_mut_arr_append(d->list, yyjson_val_mut_copy(d->doc, item)))
            return false;
    }
    return true;
}

bool
decode_bytes(struct decoding *d, const struct decoder *decoder, struct str bytes, const char **fault_out)
{
    struct str text;
    struct decoding inside = *d;
    inside.decoder = decoder;
    switch (decoder->kind) {
    case DECODE_GZIP:
        return unpack_gzip(&inside, bytes, &text, fault_out) && decode_bytes(d, decoder->inner, text, fault_out);
    case DECODE_ZIP: return unpack_zip(&inside, bytes, fault_out);
    case DECODE_JSON: return decode_json(&inside, bytes, fault_out);
    case DECODE_XML: return decode_xml(&inside, bytes, fault_out);
    case DECODE_JSONL:
    case DECODE_LINES:
    case DECODE_CSV: break;
    }
    if (!to_utf8(&inside, decoder->encoding, bytes, &text, fault_out))
        return false;
    return decoder->kind == DECODE_CSV ? decode_csv(&inside, text, fault_out) : decode_lines(&inside, text, fault_out);
}

yyjson_val *
decoder_read(const struct decoder *decoder, struct arena *a, struct str bytes, const char **fault_out)
{
    struct err ignored = {0};
    *fault_out = NULL;
    if (decoder->kind == DECODE_JSON)
        return json_parse(a, bytes, JSON_NUMBERS_RAW | JSON_ALLOW_BOM, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    struct decoding d = {.arena = a, .decoder = decoder, .doc = json_mut_doc(a)};
    d.list = d.doc ? yyjson_mut_arr(d.doc) : NULL;
    if (!d.list || !decode_bytes(&d, decoder, bytes, fault_out))
        return NULL;
    if (decoder->kind == DECODE_XML) /* one document is one body, not a list of one */
        return json_freeze(a, yyjson_mut_arr_get_first(d.list));
    return json_freeze(a, d.list);
}
