/*
 * `tidemark import KIND FILE`: records of a file through the API, one by one.
 *
 * Each line goes with an Idempotency-Key made from the file's name, the line's number and its text, so an import that broke
 * off is repeated without making anything twice (within a day, as long as keys are kept). A line that is refused does not
 * stop the others.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/limits.h"
#include "cli/commands_priv.h"
#include "crypt/digest.h"
#include "engine/kind.h"
#include "json/writer.h"

#define CELLS_MAX 64
#define TOLD_MAX 20          /* lines that are told one by one */
#define SHOW_EVERY 20

struct import {
    struct cli *cli;
    struct client *client;
    const struct kind *kind;
    FILE *file;
    struct str name, path;
    bool csv, dry, bar;
    struct buf record, body;
    int64_t line, lines, bytes, size; /* line: where the record begins */
    int64_t made, repeated, refused;
    struct str head[CELLS_MAX];
    int head_count;
};

/* ---- reading ---- */

/* The next line, or the next CSV record, which may have line breaks inside quotes. False at the end. */
static bool
next_record(struct import *i)
{
    bool quoted = false;
    int c;
    buf_clear(&i->record);
    i->line = i->lines + 1;
    while ((c = getc(i->file)) != EOF) {
        i->bytes++;
        i->lines += c == '\n';
        quoted ^= i->csv && c == '"';
        if (c == '\n' && !quoted)
            return true;
        if (c != '\r' || quoted)
            buf_add_char(&i->record, (char)c);
    }
    i->lines++;
    return buf_str(&i->record).len > 0;
}

static struct str
record_text(const struct import *i)
{
    struct str text = buf_str(&i->record);
    return i->line == 1 && str_starts(text, STR("\xef\xbb\xbf")) ? str_skip(text, 3) : text;
}

/* ---- one record ---- */

static bool
is_written_as_json(const struct kind *kind, struct str name)
{
    const struct kind_field *field = kind_field_find(kind, name);
    return field && (field->type == FIELD_OBJECT || field->type == FIELD_LIST || field->type == FIELD_BOOL);
}

static bool
add_cell(struct import *i, struct json_writer *w, struct str name, struct str cell, struct err *err)
{
    yyjson_val *value = NULL;
    if (is_written_as_json(i->kind, name)) {
        value = json_parse(i->cli->arena, cell, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, err);
        if (!value)
            return false;
    }
    json_add_key(w, name);
    if (value)
        json_add_val(w, NULL, value);
    else
        json_add_str(w, NULL, cell);
    return true;
}

/* An empty cell says nothing. */
static bool
body_of_csv(struct import *i, struct str text, struct err *err)
{
    struct str cells[CELLS_MAX];
    struct json_writer w;
    int count = csv_split(i->cli->arena, text, cells, CELLS_MAX);
    if (count != i->head_count)
        return err_set(err, E_VALIDATION_FAILED, "There are %d cells, and the first line names %d", count, i->head_count);
    json_writer_init(&w, &i->body);
    json_begin_object(&w, NULL);
    for (int k = 0; k < count; k++)
        if (cells[k].len && !add_cell(i, &w, i->head[k], cells[k], err))
            return false;
    json_end_object(&w);
    return true;
}

/* Something of it must be the kind's. */
static bool
check(struct import *i, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_val *object = json_parse(i->cli->arena, buf_str(&i->body), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, err);
    if (!object)
        return false;
    if (!yyjson_is_obj(object))
        return err_set(err, E_VALIDATION_FAILED, "The line is no JSON object");
    yyjson_obj_foreach(object, index, max, key, value) {
        const struct kind_field *field = kind_field_find(i->kind, json_str(key));
        if (field && !(field->flags & FIELD_FIXED) && !yyjson_is_null(value))
            return true;
    }
    return err_set(err, E_VALIDATION_FAILED, "The line has none of the fields of a %s, such as `%s`", i->kind->singular,
                   i->kind->fields[0].name);
}

static bool
key_of(const struct import *i, struct str text, char hash[SHA256_TEXT_BYTES], struct err *err)
{
    struct str whole = str_format(i->cli->arena, "%s\n%.*s\n%lld\n%.*s", i->kind->name, STR_ARG(i->name), (long long)i->line,
                                  STR_ARG(text));
    return whole.ptr ? sha256_hex(whole, hash, err) : err_no_memory(err);
}

static bool
send(struct import *i, struct str text, struct err *err)
{
    struct client_reply reply;
    char hash[SHA256_TEXT_BYTES];
    if (!key_of(i, text, hash, err) ||
        !client_create(i->client, i->cli->arena, i->path, buf_str(&i->body), str_from_c(hash), &reply, err))
        return false;
    i->made += !reply.replayed;
    i->repeated += reply.replayed;
    return true;
}

/* The server says what it would do. */
static bool
try(struct import *i, struct str text, struct err *err)
{
    struct client_reply reply;
    char hash[SHA256_TEXT_BYTES];
    if (!key_of(i, text, hash, err))
        return false;
    struct str path = str_format(i->cli->arena, "%.*s%sdryRun=true&key=%s", STR_ARG(i->path),
                                 str_contains(i->path, STR("?")) ? "&" : "?", hash);
    if (!client_call(i->client, i->cli->arena, "POST", path, buf_str(&i->body), &reply, err))
        return false;
    bool repeats = str_eq_c(json_str(json_get_c(reply.data, "would")), "repeat");
    i->made += !repeats;
    i->repeated += repeats;
    return true;
}

static bool
take(struct import *i, struct str text, struct err *err)
{
    buf_clear(&i->body);
    if (!buf_ok(&i->record))
        return err_set(err, E_TOO_LARGE, "The line is longer than %d bytes", LIMIT_BODY_BYTES);
    if (i->csv ? !body_of_csv(i, text, err) : !buf_add(&i->body, text))
        return err->code != E_OK ? false : err_no_memory(err);
    if (!check(i, err))
        return false;
    return i->dry ? try(i, text, err) : send(i, text, err);
}

/* ---- all of them ---- */

/* Is it this record's fault? Else the next one would fare no better. */
static bool
is_of_the_record(enum err_code code)
{
    return code == E_VALIDATION_FAILED || code == E_CONFLICT || code == E_TOO_LARGE || code == E_IDEMPOTENCY_DONE;
}

static void
show(const struct import *i)
{
    if (i->bar)
        fprintf(stderr, "\r%3d%%  %lld imported, %lld there already, %lld refused ",
                i->size > 0 ? (int)(i->bytes * 100 / i->size) : 0, (long long)i->made, (long long)i->repeated, (long long)i->refused);
}

static void
tell(struct import *i, const struct err *err)
{
    if (++i->refused > TOLD_MAX)
        return;
    fprintf(stderr, "%s%.*s:%lld: %s\n", i->bar ? "\r\x1b[K" : "", STR_ARG(i->name), (long long)i->line, err->message);
    for (size_t k = 0; k < err->item_count; k++)
        fprintf(stderr, "    %s: %s\n", err->items[k].pointer, err->items[k].message);
}

static bool
take_all(struct import *i, struct err *err)
{
    struct err_item items[ERR_ITEMS_MAX];
    for (int64_t count = 0; next_record(i); count++) {
        struct err why = {.items = items};
        struct str text = record_text(i);
        if (buf_ok(&i->record) && str_trim(text).len == 0)
            continue;
        struct arena_mark mark = arena_mark(i->cli->arena);
        bool ok = take(i, text, &why);
        arena_rewind(i->cli->arena, mark);
        if (!ok && !is_of_the_record(why.code))
            return err_set(err, why.code, "Line %lld: %s. The same command again goes on from here", (long long)i->line, why.message);
        if (!ok)
            tell(i, &why);
        if (count % SHOW_EVERY == 0)
            show(i);
    }
    return !ferror(i->file) || err_set(err, E_USAGE, "%.*s cannot be read", STR_ARG(i->name));
}

static bool
read_head(struct import *i, struct err *err)
{
    if (!i->csv)
        return true;
    struct str text = next_record(i) ? str_copy(i->cli->arena, record_text(i)) : STR("");
    i->head_count = csv_split(i->cli->arena, text, i->head, CELLS_MAX);
    for (int k = 0; k < i->head_count; k++)
        if (kind_field_find(i->kind, i->head[k]))
            return true;
    return err_set(err, E_USAGE, "The first line of %.*s names no field of a %s, such as `%s`", STR_ARG(i->name), i->kind->singular,
                   i->kind->fields[0].name);
}

static void
sum_up(const struct import *i)
{
    if (i->bar)
        fputs("\r\x1b[K", stderr);
    if (i->refused > TOLD_MAX)
        fprintf(stderr, "and %lld more lines were refused\n", (long long)(i->refused - TOLD_MAX));
    if (i->cli->json)
        printf("{\"imported\":%lld,\"alreadyThere\":%lld,\"refused\":%lld,\"dryRun\":%s}\n", (long long)i->made,
               (long long)i->repeated, (long long)i->refused, i->dry ? "true" : "false");
    else
        printf("%lld %s, %lld were there already, %lld refused\n", (long long)i->made, i->dry ? "would be created" : "imported",
               (long long)i->repeated, (long long)i->refused);
}

static bool
open_file(struct import *i, struct err *err)
{
    struct str format = cli_value(i->cli, "format");
    if (format.len && !str_eq(format, STR("csv")) && !str_eq(format, STR("jsonl")))
        return err_set(err, E_USAGE, "--format is csv or jsonl");
    i->csv = format.len ? str_eq(format, STR("csv")) : str_ends(i->name, STR(".csv"));
    i->dry = cli_has(i->cli, "dry-run");
    i->bar = isatty(STDERR_FILENO) && !i->cli->json;
    i->file = str_eq(i->name, STR("-")) ? stdin : fopen(str_cstr(i->cli->arena, i->name), "rb");
    if (!i->file)
        return err_set(err, E_USAGE, "%.*s cannot be opened", STR_ARG(i->name));
    if (i->file != stdin && fseek(i->file, 0, SEEK_END) == 0) {
        i->size = ftell(i->file);
        rewind(i->file);
    }
    return true;
}

static bool
import_kind(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct import i = {.cli = cli, .client = c, .name = cli_positional(cli, 1)};
    i.kind = kind_find(cli_positional(cli, 0));
    if (!i.kind || !i.name.len)
        return err_set(err, E_USAGE, "Say which kind and which file: tidemark import contacts contacts.csv");
    i.path = str_format(cli->arena, "/api/v1/%s", i.kind->name);
    buf_init(&i.record, LIMIT_BODY_BYTES);
    buf_init(&i.body, LIMIT_BODY_BYTES);
    bool ok = open_file(&i, err) && read_head(&i, err) && take_all(&i, err);
    if (ok || i.made + i.repeated + i.refused > 0)
        sum_up(&i);
    if (i.file && i.file != stdin)
        fclose(i.file);
    buf_release(&i.record);
    buf_release(&i.body);
    *code_out = i.refused > 0 ? EXIT_CODE_PARTIAL : EXIT_CODE_OK;
    return ok;
}

enum exit_code
cmd_import(struct cli *cli)
{
    return with_client(cli, import_kind);
}
