/*
 * The configuration file. Nested members are joined by dots (`auth: {jwt_secret: ...}` is auth.jwt_secret);
 * a name that no setting has is an error with its line, because a misspelt setting that is silently
 * ignored is found in production.
 */
#include "cli/config_priv.h"

#include <libfyaml.h>

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
    struct err *err;
};

static bool
refuse(struct walk *w, struct fy_node *node, const char *what, struct str name)
{
    struct fy_token *token = fy_node_is_scalar(node) ? fy_node_get_scalar_token(node) : NULL;
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    return err_set(w->err, E_CONFIG, "%.*s%s%.0d: %s: %.*s", STR_ARG(w->file), mark ? " line " : "",
                   mark ? mark->line + 1 : 0, what, STR_ARG(name));
}

static struct str
scalar(struct arena *a, struct fy_node *node)
{
    size_t len = 0;
    const char *text = fy_node_get_scalar(node, &len);
    if (!text)
        return STR_NONE;
    return len ? str_copy(a, (struct str){text, len}) : STR("");
}

static struct str
origin_of(struct walk *w, struct fy_node *node)
{
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    if (!mark)
        return w->file;
    return str_format(w->arena, "%.*s line %d", STR_ARG(w->file), mark->line + 1);
}

/* A list may be written as a YAML sequence too. */
static struct str
list_text(struct walk *w, struct fy_node *sequence)
{
    struct buf b;
    buf_init(&b, LIST_BYTES_MAX);
    void *at = NULL;
    for (struct fy_node *item; (item = fy_node_sequence_iterate(sequence, &at));) {
        if (b.len)
            buf_add_char(&b, ',');
        buf_add(&b, scalar(w->arena, item));
    }
    struct str text = buf_ok(&b) ? str_copy(w->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

static bool
set_leaf(struct walk *w, struct fy_node *key, struct fy_node *value, struct str name)
{
    if (str_starts(name, STR(BASE_URLS ".")))
        return config_add_base_url(w->c, str_skip(name, sizeof(BASE_URLS)), scalar(w->arena, value), origin_of(w, key),
                                   w->err);
    enum setting_id id = setting_by_name(name);
    if (id == SETTING_COUNT)
        return refuse(w, key, "there is no such setting (see tidemark config show)", name);
    if (fy_node_is_sequence(value) && settings[id].type != SETTING_LIST)
        return refuse(w, key, "this setting takes one value", name);
    struct str text = fy_node_is_sequence(value) ? list_text(w, value) : scalar(w->arena, value);
    return config_set(w->c, id, text, origin_of(w, key), w->err);
}

static bool
walk_mapping(struct walk *w, struct fy_node *mapping, struct str prefix, unsigned depth)
{
    void *at = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(mapping, &at));) {
        struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
        struct str name = scalar(w->arena, key);
        if (prefix.len)
            name = str_format(w->arena, "%.*s.%.*s", STR_ARG(prefix), STR_ARG(name));
        if (name.len == 0 || name.len > NAME_BYTES_MAX || depth == DEPTH_MAX)
            return refuse(w, key, "not a setting", name);
        bool ok = value && fy_node_is_mapping(value) ? walk_mapping(w, value, name, depth + 1)
                                                     : set_leaf(w, key, value, name);
        if (!ok)
            return false;
    }
    return true;
}

static bool
set_parse_error(struct walk *w, struct fy_diag *diag)
{
    void *at = NULL;
    struct fy_diag_error *fault = fy_diag_errors_iterate(diag, &at);
    if (!fault)
        return true; /* no document at all: an empty file */
    return err_set(w->err, E_CONFIG, "%.*s line %d, column %d: %s", STR_ARG(w->file), fault->line, fault->column,
                   fault->msg);
}

static bool
walk_document(struct walk *w, struct fy_document *document)
{
    struct fy_node *root = fy_document_root(document);
    if (!root || (fy_node_is_scalar(root) && scalar(w->arena, root).len == 0))
        return true; /* an empty file */
    if (!fy_node_is_mapping(root))
        return err_set(w->err, E_CONFIG, "%.*s must be a YAML mapping of settings", STR_ARG(w->file));
    return walk_mapping(w, root, STR_NONE, 0);
}

/* The library would print its errors besides collecting them. */
static void
print_nothing(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag, (void)user, (void)text, (void)len;
}

bool
config_read_yaml(struct config *c, struct arena *a, struct str path, struct err *err)
{
    struct str text = file_read(a, path, FILE_BYTES_MAX, err);
    if (str_is_none(text))
        return err_set(err, E_CONFIG, "%.*s cannot be read: does it exist?", STR_ARG(path));
    struct walk w = {.c = c, .arena = a, .file = path, .err = err};
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = print_nothing;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_PARSE, .diag = diag};
    struct fy_document *document = fy_document_build_from_string(&cfg, text.ptr, text.len);
    bool ok = document ? walk_document(&w, document) : set_parse_error(&w, diag);
    fy_document_destroy(document);
    fy_diag_destroy(diag);
    if (ok)
        c->file = path;
    return ok;
}
