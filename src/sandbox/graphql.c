#include "sandbox/graphql.h"

#include <string.h>

struct definition {
    struct str name;
    struct graphql_field *first;
    struct definition *next;
};

struct reading {
    struct arena *arena;
    struct str rest;
    yyjson_val *variables;
    yyjson_mut_doc *doc;
    yyjson_mut_val *defaults;          /* of this operation's variables; a null is a variable without a value */
    struct definition *fragments;
    unsigned fields;
    bool passing;                      /* this operation is not the one that is meant */
    struct err *err;
};

static bool
fault(struct reading *p, const char *words)
{
    struct str near = str_slice(p->rest, 0, p->rest.len < 24 ? p->rest.len : 24);
    return err_set(p->err, E_VALIDATION_FAILED, "syntax error, %s at \"%.*s\"", words, STR_ARG(near));
}

static bool
is_name_char(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

static void
skip_blanks(struct reading *p)
{
    while (p->rest.len > 0) {
        char c = p->rest.ptr[0];
        if (c == '#') {
            ptrdiff_t end = str_find(p->rest, '\n');
            p->rest = str_skip(p->rest, end < 0 ? p->rest.len : (size_t)end);
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') {
            p->rest = str_skip(p->rest, 1);
        } else {
            return;
        }
    }
}

static char
peek(struct reading *p)
{
    skip_blanks(p);
    return p->rest.len > 0 ? p->rest.ptr[0] : '\0';
}

static bool
take(struct reading *p, char c)
{
    if (peek(p) != c)
        return false;
    p->rest = str_skip(p->rest, 1);
    return true;
}

static bool
take_dots(struct reading *p)
{
    skip_blanks(p);
    if (!str_starts(p->rest, STR("...")))
        return false;
    p->rest = str_skip(p->rest, 3);
    return true;
}

/* Empty where no name stands. */
static struct str
take_name(struct reading *p)
{
    size_t len = 0;
    skip_blanks(p);
    while (len < p->rest.len && is_name_char(p->rest.ptr[len], len == 0))
        len++;
    struct str name = str_slice(p->rest, 0, len);
    p->rest = str_skip(p->rest, len);
    return name;
}

/* ---- values ---- */

static yyjson_mut_val *read_value(struct reading *p, unsigned depth);

static yyjson_mut_val *
none(struct reading *p, const char *words)
{
    fault(p, words);
    return NULL;
}

static yyjson_mut_val *
read_variable(struct reading *p)
{
    struct str name = take_name(p);
    yyjson_val *given = json_get(p->variables, name);
    yyjson_mut_val *otherwise = yyjson_mut_obj_getn(p->defaults, name.ptr ? name.ptr : "", name.len);
    if (given != NULL)
        return yyjson_val_mut_copy(p->doc, given);
    return otherwise != NULL ? yyjson_mut_val_mut_copy(p->doc, otherwise) : none(p, "a variable that is not declared");
}

static yyjson_mut_val *
read_string(struct reading *p)
{
    struct err ignored = {0};
    bool block = str_starts(p->rest, STR("\"\"\""));
    size_t end = block ? 3 : 1;
    if (block) {
        ptrdiff_t close = str_find_str(str_skip(p->rest, 3), STR("\"\"\""));
        if (close < 0)
            return none(p, "a text without an end");
        struct str text = str_slice(p->rest, 3, 3 + (size_t)close);
        p->rest = str_skip(p->rest, (size_t)close + 6);
        return yyjson_mut_strncpy(p->doc, text.ptr, text.len);
    }
    while (end < p->rest.len && p->rest.ptr[end] != '"')
        end += p->rest.ptr[end] == '\\' ? 2 : 1;
    if (end >= p->rest.len)
        return none(p, "a text without an end");
    yyjson_val *value = json_parse(p->arena, str_slice(p->rest, 0, end + 1), JSON_PLAIN, 2, &ignored);
    if (value == NULL)
        return none(p, "a broken text");
    p->rest = str_skip(p->rest, end + 1);
    return yyjson_val_mut_copy(p->doc, value);
}

static yyjson_mut_val *
read_number(struct reading *p)
{
    size_t len = 0;
    while (len < p->rest.len && memchr("+-.0123456789eE", p->rest.ptr[len], 15) != NULL)
        len++;
    yyjson_mut_val *value = yyjson_mut_rawncpy(p->doc, p->rest.ptr, len);
    p->rest = str_skip(p->rest, len);
    return value;
}

static yyjson_mut_val *
read_list(struct reading *p, unsigned depth)
{
    yyjson_mut_val *list = yyjson_mut_arr(p->doc);
    while (list != NULL && peek(p) != ']') {
        yyjson_mut_val *item = p->rest.len > 0 ? read_value(p, depth + 1) : none(p, "a list without an end");
        if (item == NULL)
            return NULL;
        yyjson_mut_arr_append(list, item);
    }
    return take(p, ']') ? list : NULL;
}

static yyjson_mut_val *
read_members(struct reading *p, char end, unsigned depth)
{
    yyjson_mut_val *object = yyjson_mut_obj(p->doc);
    while (object != NULL && peek(p) != end) {
        struct str name = take_name(p);
        if (name.len == 0 || !take(p, ':'))
            return none(p, "expected a name and a colon");
        yyjson_mut_val *item = read_value(p, depth + 1);
        if (item == NULL)
            return NULL;
        yyjson_mut_obj_put(object, yyjson_mut_strncpy(p->doc, name.ptr, name.len), item);
    }
    return take(p, end) ? object : NULL;
}

static yyjson_mut_val *
read_word(struct reading *p)
{
    struct str name = take_name(p);
    if (name.len == 0)
        return none(p, "expected a value");
    if (str_eq_c(name, "null"))
        return yyjson_mut_null(p->doc);
    if (str_eq_c(name, "true") || str_eq_c(name, "false"))
        return yyjson_mut_bool(p->doc, name.ptr[0] == 't');
    return yyjson_mut_strncpy(p->doc, name.ptr, name.len);
}

static yyjson_mut_val *
read_value(struct reading *p, unsigned depth)
{
    char c = peek(p);
    if (depth > GRAPHQL_DEPTH_MAX)
        return none(p, "too deep");
    if (take(p, '$'))
        return read_variable(p);
    if (take(p, '['))
        return read_list(p, depth);
    if (take(p, '{'))
        return read_members(p, '}', depth);
    if (c == '"')
        return read_string(p);
    return c == '-' || (c >= '0' && c <= '9') ? read_number(p) : read_word(p);
}

/* (a: 1, b: $b); NULL in *out where there are none. */
static bool
read_arguments(struct reading *p, yyjson_val **out)
{
    *out = NULL;
    if (!take(p, '('))
        return true;
    yyjson_mut_val *object = read_members(p, ')', 0);
    *out = object ? json_freeze(p->arena, object) : NULL;
    return *out != NULL || p->err->code != E_OK || err_no_memory(p->err);
}

/* ---- fields ---- */

static bool read_selection(struct reading *p, struct graphql_field **first_out, unsigned depth);

/* @include(if:) and @skip(if:); others change nothing. */
static bool
read_directives(struct reading *p, bool *wanted_out)
{
    *wanted_out = true;
    while (take(p, '@')) {
        yyjson_val *arguments;
        struct str name = take_name(p);
        if (!read_arguments(p, &arguments))
            return false;
        bool yes = json_bool_or(json_get_c(arguments, "if"), false);
        if ((str_eq_c(name, "include") && !yes) || (str_eq_c(name, "skip") && yes))
            *wanted_out = false;
    }
    return true;
}

static bool
read_fragment(struct reading *p, struct graphql_field *f, bool *wanted, unsigned depth)
{
    struct str name = take_name(p);
    if (str_eq_c(name, "on"))
        f->on = take_name(p);
    else if (name.len > 0)
        f->spread = name;
    f->name = STR("");
    return read_directives(p, wanted) && (name.len > 0 && !str_eq_c(name, "on") ? true : read_selection(p, &f->first, depth + 1));
}

static bool
read_field(struct reading *p, struct graphql_field *f, bool *wanted, unsigned depth)
{
    f->alias = f->name = take_name(p);
    if (f->name.len == 0)
        return fault(p, "expected a field");
    if (take(p, ':') && (f->name = take_name(p)).len == 0)
        return fault(p, "expected a field after its alias");
    return read_arguments(p, &f->arguments) && read_directives(p, wanted) &&
           (peek(p) != '{' || read_selection(p, &f->first, depth + 1));
}

static bool
read_selection(struct reading *p, struct graphql_field **first_out, unsigned depth)
{
    struct graphql_field **end = first_out;
    if (depth > GRAPHQL_DEPTH_MAX || !take(p, '{'))
        return fault(p, "expected {");
    while (peek(p) != '}') {
        bool wanted = true;
        struct graphql_field *f = ARENA_NEW(p->arena, struct graphql_field);
        if (f == NULL)
            return err_no_memory(p->err);
        *f = (struct graphql_field){.on = STR_NONE, .spread = STR_NONE};
        if (++p->fields > GRAPHQL_FIELDS_MAX)
            return fault(p, "too many fields");
        if (!(take_dots(p) ? read_fragment(p, f, &wanted, depth) : read_field(p, f, &wanted, depth)))
            return false;
        if (wanted)
            *end = f, end = &f->next;
    }
    return take(p, '}') && (*first_out != NULL || fault(p, "nothing is asked for"));
}

/* ---- definitions ---- */

static bool
read_type(struct reading *p, bool *required_out)
{
    if (take(p, '[')) {
        if (!read_type(p, required_out) || !take(p, ']'))
            return fault(p, "expected a type");
    } else if (take_name(p).len == 0) {
        return fault(p, "expected a type");
    }
    *required_out = take(p, '!');
    return true;
}

/* ($first: Int!, $after: String = null) */
static bool
read_variables(struct reading *p)
{
    p->defaults = yyjson_mut_obj(p->doc);
    if (!take(p, '('))
        return true;
    while (!take(p, ')')) {
        bool required = false;
        if (!take(p, '$'))
            return fault(p, "expected a variable");
        struct str name = take_name(p);
        if (!take(p, ':') || !read_type(p, &required))
            return fault(p, "expected a type");
        yyjson_mut_val *value = take(p, '=') ? read_value(p, 0) : yyjson_mut_null(p->doc);
        if (value == NULL)
            return false;
        yyjson_val *given = json_get(p->variables, name);
        if (required && !p->passing && yyjson_mut_is_null(value) && (given == NULL || yyjson_is_null(given)))
            return err_set(p->err, E_VALIDATION_FAILED, "Variable $%.*s was provided invalid value", STR_ARG(name));
        yyjson_mut_obj_put(p->defaults, yyjson_mut_strncpy(p->doc, name.ptr, name.len), value);
    }
    return true;
}

static bool
read_definition(struct reading *p, struct str wanted, struct graphql_operation *out, unsigned *found)
{
    struct graphql_field *first = NULL;
    bool ignored;
    struct str word = peek(p) == '{' ? STR("query") : take_name(p), name = take_name(p);
    if (str_eq_c(word, "fragment")) {
        struct definition *d = ARENA_NEW(p->arena, struct definition);
        struct str on = take_name(p), type = take_name(p);
        if (d == NULL || !str_eq_c(on, "on") || type.len == 0 || !read_selection(p, &first, 0))
            return d == NULL ? err_no_memory(p->err) : p->err->code != E_OK ? false : fault(p, "a broken fragment");
        *d = (struct definition){name, first, p->fragments};
        p->fragments = d;
        return true;
    }
    if (!str_eq_c(word, "query") && !str_eq_c(word, "mutation"))
        return fault(p, "expected a query");
    p->passing = wanted.len > 0 && !str_eq(name, wanted);
    if (!read_variables(p) || !read_directives(p, &ignored) || !read_selection(p, &first, 0))
        return false;
    if (p->passing)
        return true;
    *out = (struct graphql_operation){str_eq_c(word, "mutation"), first};
    (*found)++;
    return true;
}

static bool
resolve(struct reading *p, struct graphql_field *list, unsigned depth)
{
    for (struct graphql_field *f = list; f != NULL; f = f->next) {
        struct definition *d = p->fragments;
        while (f->spread.len > 0 && d != NULL && !str_eq(d->name, f->spread))
            d = d->next;
        if (f->spread.len > 0 && d == NULL)
            return err_set(p->err, E_VALIDATION_FAILED, "Fragment %.*s was used, but not defined", STR_ARG(f->spread));
        if (f->spread.len > 0)
            f->first = d->first;
        if (depth > GRAPHQL_DEPTH_MAX)
            return err_set(p->err, E_VALIDATION_FAILED, "The query is too deep");
        if (!resolve(p, f->first, depth + 1))
            return false;
    }
    return true;
}

bool
graphql_read(struct arena *a, struct str document, struct str name, yyjson_val *variables,
             struct graphql_operation *operation_out, struct err *err)
{
    struct reading p = {.arena = a, .rest = document, .variables = variables, .doc = json_mut_doc(a), .err = err};
    unsigned found = 0;
    if (p.doc == NULL)
        return err_no_memory(err);
    while (peek(&p) != '\0')
        if (!read_definition(&p, name, operation_out, &found))
            return err->code != E_OK ? false : err_no_memory(err);
    if (found != 1)
        return err_set(err, E_VALIDATION_FAILED, "An operation name is required");
    return resolve(&p, operation_out->first, 0);
}

struct str
graphql_text(const struct graphql_field *field, const char *argument)
{
    return json_str(json_get_c(field->arguments, argument));
}

int64_t
graphql_number(const struct graphql_field *field, const char *argument, int64_t otherwise)
{
    int64_t number;
    return json_to_i64(json_get_c(field->arguments, argument), &number) ? number : otherwise;
}
