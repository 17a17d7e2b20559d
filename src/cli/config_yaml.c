/*
 * The configuration file. Nested members are joined by dots (`auth: {jwt_secret: ...}` is auth.jwt_secret);
 * a name that no setting has is an error with its line, because a misspelt setting that is silently
 * ignored is found in production.
 */
#include "cli/config_priv.h"

#include <yaml.h>

#include "cli/secret_file.h"

#define DEPTH_MAX 8
#define FILE_BYTES_MAX (1024 * 1024)
#define NAME_BYTES_MAX 256
#define LIST_BYTES_MAX (64 * 1024)
#define BASE_URLS "base_urls"

struct walk {
    struct config *c;
    struct arena *arena;
    struct str file;
    yaml_document_t *document;
    struct err *err;
};

static int
line_of(const yaml_node_t *node)
{
    return (int)node->start_mark.line + 1;
}

static bool
refuse(struct walk *w, const yaml_node_t *node, const char *what, struct str name)
{
    return err_set(w->err, E_CONFIG, "%.*s line %d: %s: %.*s", STR_ARG(w->file), line_of(node), what, STR_ARG(name));
}

/* Of a list or a mapping: none. */
static struct str
scalar(struct arena *a, const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return STR_NONE;
    size_t len = node->data.scalar.length;
    return len ? str_copy(a, (struct str){(const char *)node->data.scalar.value, len}) : STR("");
}

static struct str
origin_of(struct walk *w, const yaml_node_t *node)
{
    return str_format(w->arena, "%.*s line %d", STR_ARG(w->file), line_of(node));
}

/* A list may be written as a YAML sequence too. */
static struct str
list_text(struct walk *w, const yaml_node_t *sequence)
{
    struct buf b;
    buf_init(&b, LIST_BYTES_MAX);
    for (const yaml_node_item_t *i = sequence->data.sequence.items.start; i < sequence->data.sequence.items.top; i++) {
        if (b.len)
            buf_add_char(&b, ',');
        buf_add(&b, scalar(w->arena, yaml_document_get_node(w->document, *i)));
    }
    struct str text = buf_ok(&b) ? str_copy(w->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

static bool
set_leaf(struct walk *w, const yaml_node_t *key, const yaml_node_t *value, struct str name)
{
    if (str_starts(name, STR(BASE_URLS ".")))
        return config_add_base_url(w->c, str_skip(name, sizeof(BASE_URLS)), scalar(w->arena, value), origin_of(w, key),
                                   w->err);
    enum setting_id id = setting_by_name(name);
    if (id == SETTING_COUNT)
        return refuse(w, key, "there is no such setting (see tidemark config show)", name);
    bool is_list = value->type == YAML_SEQUENCE_NODE;
    if (is_list && settings[id].type != SETTING_LIST)
        return refuse(w, key, "this setting takes one value", name);
    struct str text = is_list ? list_text(w, value) : scalar(w->arena, value);
    return config_set(w->c, id, text, origin_of(w, key), w->err);
}

/* The second of two would win without a word. */
static bool
stands_above(struct walk *w, const yaml_node_t *mapping, const yaml_node_pair_t *pair, struct str name)
{
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++)
        if (str_eq(scalar(w->arena, yaml_document_get_node(w->document, p->key)), name))
            return true;
    return false;
}

static bool
walk_mapping(struct walk *w, const yaml_node_t *mapping, struct str prefix, unsigned depth)
{
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < mapping->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(w->document, p->key);
        const yaml_node_t *value = yaml_document_get_node(w->document, p->value);
        struct str name = scalar(w->arena, key);
        if (name.len && stands_above(w, mapping, p, name))
            return refuse(w, key, "stands here twice", name);
        if (name.len && prefix.len)
            name = str_format(w->arena, "%.*s.%.*s", STR_ARG(prefix), STR_ARG(name));
        if (name.len == 0 || name.len > NAME_BYTES_MAX || depth == DEPTH_MAX)
            return refuse(w, key, "not a setting", name);
        bool ok = value->type == YAML_MAPPING_NODE ? walk_mapping(w, value, name, depth + 1)
                                                   : set_leaf(w, key, value, name);
        if (!ok)
            return false;
    }
    return true;
}

static bool
walk_document(struct walk *w)
{
    const yaml_node_t *root = yaml_document_get_root_node(w->document);
    if (!root || (root->type == YAML_SCALAR_NODE && scalar(w->arena, root).len == 0))
        return true; /* an empty file */
    if (root->type != YAML_MAPPING_NODE)
        return err_set(w->err, E_CONFIG, "%.*s must be a YAML mapping of settings", STR_ARG(w->file));
    return walk_mapping(w, root, STR_NONE, 0);
}

static bool
parse_error(struct walk *w, const yaml_parser_t *parser)
{
    return err_set(w->err, E_CONFIG, "%.*s line %d, column %d: %s", STR_ARG(w->file), (int)parser->problem_mark.line + 1,
                   (int)parser->problem_mark.column + 1, parser->problem ? parser->problem : "this is not YAML");
}

bool
config_read_yaml(struct config *c, struct arena *a, struct str path, struct err *err)
{
    struct str text = file_read(a, path, FILE_BYTES_MAX, err);
    if (str_is_none(text))
        return err_set(err, E_CONFIG, "%.*s cannot be read: does it exist?", STR_ARG(path));
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return err_set(err, E_CONFIG, "%.*s cannot be read: out of memory", STR_ARG(path));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    yaml_document_t document;
    struct walk w = {.c = c, .arena = a, .file = path, .document = &document, .err = err};
    bool ok;
    if (yaml_parser_load(&parser, &document)) {
        ok = walk_document(&w);
        yaml_document_delete(&document);
    } else {
        ok = parse_error(&w, &parser);
    }
    yaml_parser_delete(&parser);
    if (ok)
        c->file = path;
    return ok;
}
