/*
 * A mapping as templates and connections write it becomes one that can be applied quickly: paths are cut,
 * expressions compiled, targets sorted into a tree, roles bound to fields.
 */
#include "template/mapping_priv.h"

#include <stdlib.h>

static const char *const our_members[] = {"id", "kind", "parentId", "createdAt", "updatedAt", "deletedAt", "version",
                                         "externalIds", "history"};

struct mapping_compiler {
    struct arena *arena;
    struct mapping *m;
    struct err *err;
};

static bool
full(struct mapping_compiler *c)
{
    return err_set(c->err, E_TOO_LARGE, "The mapping is too large");
}

static bool
split_path(struct mapping_compiler *c, struct str text, struct str *path, size_t size, size_t *count_out)
{
    size_t count = 0;
    for (bool more = true; more;) {
        if (count == size)
            return err_set(c->err, E_TEMPLATE_INVALID, "The path %.*s is too long", STR_ARG(text));
        more = str_cut(text, '.', &path[count++], &text);
    }
    *count_out = count;
    return true;
}

static void
note_top(struct mapping *m, struct source *s)
{
    s->top = 0;
    while (s->top < m->top_count && !str_eq(m->tops[s->top], s->path[0]))
        s->top++;
    if (s->top == m->top_count && m->top_count < TOPS_MAX)
        m->tops[m->top_count++] = s->path[0];
}

static bool
compile_text_source(struct mapping_compiler *c, struct str text, struct source *s)
{
    text = str_copy(c->arena, text);
    if (!text.ptr)
        return full(c);
    if (str_find_str(text, STR("{{")) < 0 && str_find_str(text, STR("{%")) < 0)
        return split_path(c, text, s->path, SOURCE_PATH_MAX, &s->path_count) && (note_top(c->m, s), true);
    s->expr = expr_compile(c->arena, text);
    c->m->needs_scope = true;
    if (!s->expr)
        return full(c);
    const char *fault = expr_syntax_error(s->expr);
    return !fault || err_set(c->err, E_TEMPLATE_INVALID, "The mapping's expression %.*s cannot be read: %s",
                             (int)(text.len > 100 ? 100 : text.len), text.ptr, fault);
}

static bool
compile_type(struct mapping_compiler *c, struct str word, struct source *s)
{
    static const char *const words[] = {"any", "text", "number", "money", "time", "bool"};
    if (!word.len)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(word, words[i])) {
            s->type = (enum field_type)i;
            return true;
        }
    return err_set(c->err, E_TEMPLATE_INVALID, "The mapping knows no type \"%.*s\"", STR_ARG(word));
}

static yyjson_val *
keep_json(struct arena *a, yyjson_val *json)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    return doc && json ? json_freeze(a, yyjson_val_mut_copy(doc, json)) : NULL;
}

static bool
compile_source(struct mapping_compiler *c, yyjson_val *json, struct source *s)
{
    *s = (struct source){0};
    if (yyjson_is_str(json))
        return compile_text_source(c, json_str(json), s);
    if (!yyjson_is_obj(json))
        return err_set(c->err, E_TEMPLATE_INVALID, "A mapped field is a path, an expression or {from, map, default, type}");
    s->map = keep_json(c->arena, json_get_c(json, "map"));
    s->otherwise = keep_json(c->arena, json_get_c(json, "default"));
    s->format = str_copy(c->arena, json_str(json_get_c(json, "format")));
    yyjson_val *from = json_get_c(json, "from"), *sum = json_get_c(json, "sum");
    if (!compile_type(c, json_str(json_get_c(json, "type")), s))
        return false;
    if (sum || yyjson_is_arr(from))
        return mapping_many_compile(c->arena, sum ? sum : from, sum != NULL, &s->many, c->err);
    return !from || compile_text_source(c, json_str(from), s);
}

static ptrdiff_t
find_leaf(const struct mapping *m, struct str target)
{
    for (size_t i = 0; i < m->leaf_count; i++)
        if (str_eq(m->leaves[i].target, target))
            return (ptrdiff_t)i;
    return -1;
}

static bool
compile_fields(struct mapping_compiler *c, yyjson_val *fields, yyjson_val *override)
{
    size_t index, max;
    yyjson_val *key, *item;
    struct mapping *m = c->m;
    m->leaves = ARENA_ARRAY(c->arena, struct leaf, yyjson_obj_size(fields) + yyjson_obj_size(override) + 1);
    if (!m->leaves)
        return full(c);
    JSON_EACH_MEMBER(fields, index, max, key, item) {
        yyjson_val *other = json_get(override, json_str(key));
        if (yyjson_is_null(other))
            continue;
        struct leaf *leaf = &m->leaves[m->leaf_count++];
        leaf->target = str_copy(c->arena, json_str(key));
        if (!compile_source(c, other ? other : item, &leaf->source))
            return err_prefix(c->err, "field %.*s: ", STR_ARG(json_str(key)));
    }
    JSON_EACH_MEMBER(override, index, max, key, item) {
        if (yyjson_is_null(item) || json_get(fields, json_str(key)))
            continue;
        struct leaf *leaf = &m->leaves[m->leaf_count++];
        leaf->target = str_copy(c->arena, json_str(key));
        if (!compile_source(c, item, &leaf->source))
            return err_prefix(c->err, "field %.*s: ", STR_ARG(json_str(key)));
    }
    return true;
}

static struct branch *
child_of(struct mapping_compiler *c, struct branch *b, struct str key)
{
    size_t at = 0;
    while (at < b->count && str_compare(b->children[at].key, key) < 0)
        at++;
    if (at < b->count && str_eq(b->children[at].key, key))
        return &b->children[at];
    if (b->count == b->size) {
        size_t size = b->size ? b->size * 2 : 8;
        struct branch *grown = arena_grow(c->arena, b->children, b->size * sizeof(*grown), size * sizeof(*grown));
        if (!grown)
            return NULL;
        b->children = grown, b->size = size;
    }
    memmove(&b->children[at + 1], &b->children[at], (b->count - at) * sizeof(*b->children));
    b->children[at] = (struct branch){.key = key, .leaf = -1};
    b->count++;
    return &b->children[at];
}

static bool
compile_tree(struct mapping_compiler *c)
{
    c->m->root.leaf = -1;
    for (size_t i = 0; i < c->m->leaf_count; i++) {
        struct str path[TARGET_DEPTH_MAX];
        size_t count = 0;
        struct branch *at = &c->m->root;
        if (!split_path(c, c->m->leaves[i].target, path, TARGET_DEPTH_MAX, &count))
            return false;
        for (size_t j = 0; j < count; j++) {
            if (at->leaf >= 0)
                return err_set(c->err, E_TEMPLATE_INVALID, "The mapping sets %.*s and something below it",
                               STR_ARG(c->m->leaves[at->leaf].target));
            if (!(at = child_of(c, at, path[j])))
                return full(c);
        }
        if (at->count)
            return err_set(c->err, E_TEMPLATE_INVALID, "The mapping sets %.*s and something below it",
                           STR_ARG(c->m->leaves[i].target));
        at->leaf = (ptrdiff_t)i;
    }
    return true;
}

/* What stands around a record's fields at the edge would hide a field of that name for ever. */
static bool
check_targets(struct mapping_compiler *c)
{
    for (size_t i = 0; i < c->m->leaf_count; i++) {
        struct str top, rest;
        (void)str_cut(c->m->leaves[i].target, '.', &top, &rest);
        if (mapping_is_ours(top))
            return err_set(c->err, E_TEMPLATE_INVALID, "field %.*s: every record has a member of this name, which is ours; choose "
                           "another, for example source%c%.*s", STR_ARG(top), top.ptr[0] - 'a' + 'A', (int)top.len - 1, top.ptr + 1);
    }
    return true;
}

/* A role names a mapped field, else it is a source of its own. */
static bool
compile_role(struct mapping_compiler *c, yyjson_val *json, struct role *role)
{
    *role = (struct role){.leaf = -1};
    if (!json || yyjson_is_null(json))
        return true;
    role->given = true;
    role->leaf = yyjson_is_str(json) ? find_leaf(c->m, json_str(json)) : -1;
    return role->leaf >= 0 || compile_source(c, json, &role->source);
}

static bool
compile_roles(struct mapping_compiler *c, yyjson_val *roles)
{
    struct mapping *m = c->m;
    yyjson_val *parent = json_get_c(roles, "parent");
    m->parent_stream = str_copy(c->arena, json_str(json_get_c(parent, "stream")));
    return compile_role(c, json_get_c(roles, "email"), &m->email) && compile_role(c, json_get_c(roles, "phone"), &m->phone) &&
           compile_role(c, json_get_c(roles, "title"), &m->title) && compile_role(c, json_get_c(roles, "status"), &m->status) &&
           compile_role(c, json_get_c(roles, "occurred_at"), &m->occurred) &&
           compile_role(c, json_get_c(parent, "id"), &m->parent) && compile_role(c, json_get_c(roles, "deleted"), &m->deleted) &&
           compile_role(c, json_get_c(roles, "version"), &m->version) && compile_role(c, json_get_c(roles, "url"), &m->url) &&
           compile_role(c, json_get_c(roles, "merged"), &m->merged);
}

static bool
compile_rules(struct mapping_compiler *c, yyjson_val *rules, yyjson_val *roles, const struct mapping_options *options)
{
    struct mapping *m = c->m;
    yyjson_val *identity = json_get_c(rules, "identity");
    size_t index, max;
    yyjson_val *item;
    yyjson_val *own = options ? options->rules : NULL;
    m->require_email = json_bool_or(json_get_c(own, "requireEmail"), json_bool_or(json_get_c(rules, "require_email"), false));
    m->reject_bad_phone =
        json_bool_or(json_get_c(own, "rejectBadPhone"), json_bool_or(json_get_c(rules, "reject_bad_phone"), false));
    m->region = options ? str_copy(c->arena, options->region) : STR_NONE;
    m->identity = ARENA_ARRAY(c->arena, struct role, yyjson_arr_size(identity) + 1);
    if (!m->identity)
        return full(c);
    JSON_EACH_ITEM(identity, index, max, item) {
        yyjson_val *role = json_get(roles, json_str(item)); /* the name of a role, or a source */
        if (!compile_role(c, role ? role : item, &m->identity[m->identity_count++]))
            return false;
    }
    return true;
}

static bool
compile_key_part(struct mapping_compiler *c, yyjson_val *part)
{
    struct mapping *m = c->m;
    size_t index, max;
    yyjson_val *item;
    if (m->key_parts == KEY_PARTS_MAX)
        return err_set(c->err, E_TEMPLATE_INVALID, "The primary key has too many parts");
    size_t which = m->key_parts++;
    if (yyjson_is_str(part)) {
        m->key_paths[which][0] = json_str(part), m->key_counts[which] = 1;
        return true;
    }
    JSON_EACH_ITEM(part, index, max, item) {
        if (index < SOURCE_PATH_MAX)
            m->key_paths[which][m->key_counts[which]++] = json_str(item);
    }
    return true;
}

static bool
compile_key(struct mapping_compiler *c, yyjson_val *key)
{
    size_t index, max;
    yyjson_val *item;
    if (yyjson_is_str(key))
        return json_str(key).len == 0 || compile_key_part(c, key);
    JSON_EACH_ITEM(key, index, max, item) {
        if (!compile_key_part(c, item))
            return false;
    }
    return true;
}

static bool
compile(struct mapping_compiler *c, const struct template *t, yyjson_val *override, const struct mapping_options *options)
{
    struct mapping *m = c->m;
    yyjson_val *entity = json_get(json_get_c(t->info.tidemark, "entities"), m->stream->info.name);
    yyjson_val *roles = json_get_c(entity, "roles");
    m->mapped = entity && (yyjson_obj_size(json_get_c(entity, "fields")) > 0 || yyjson_obj_size(override) > 0);
    m->singular = json_str_or(json_get_c(entity, "singular"), m->stream->info.name);
    return compile_key(c, m->stream->info.primary_key) && compile_fields(c, json_get_c(entity, "fields"), override) &&
           check_targets(c) && compile_tree(c) && compile_roles(c, roles) && compile_rules(c, json_get_c(entity, "rules"), roles, options);
}

bool
mapping_is_ours(struct str member)
{
    for (size_t i = 0; i < ARRAY_LEN(our_members); i++)
        if (str_eq_c(member, our_members[i]))
            return true;
    return false;
}

struct mapping *
mapping_compile(struct arena *a, const struct template *t, struct str stream, yyjson_val *override,
                const struct mapping_options *options, struct err *err)
{
    struct mapping *m = ARENA_NEW(a, struct mapping);
    struct mapping_compiler c = {.arena = a, .m = m, .err = err};
    if (!m) {
        err_no_memory(err);
        return NULL;
    }
    m->stream = template_stream_find(t, stream);
    if (!m->stream) {
        err_set(err, E_TEMPLATE_INVALID, "The template has no stream \"%.*s\"", STR_ARG(stream));
        return NULL;
    }
    return compile(&c, t, override, options) ? m : NULL;
}

bool
mapping_compile_write(struct arena *a, const struct template *t, struct str stream, struct mapping **mapping_out, struct err *err)
{
    yyjson_val *fields = json_get_c(json_get(json_get_c(t->info.tidemark, "writes"), stream), "fields");
    struct mapping *m = ARENA_NEW(a, struct mapping);
    struct mapping_compiler c = {.arena = a, .m = m, .err = err};
    *mapping_out = NULL;
    if (!m)
        return err_no_memory(err);
    if (!fields)
        return true;
    m->stream = template_stream_find(t, stream);
    if (!m->stream || !yyjson_is_obj(fields) || yyjson_obj_size(fields) == 0)
        return err_set(err, E_TEMPLATE_INVALID,
            "metadata.tidemark.writes.%.*s: `fields` is an object of request members, for a stream of this template",
                       STR_ARG(stream));
    m->singular = m->stream->info.name;
    m->mapped = true;
    if (!compile_fields(&c, fields, NULL) || !compile_tree(&c))
        return err_prefix(err, "metadata.tidemark.writes.%.*s: ", STR_ARG(stream));
    *mapping_out = m;
    return true;
}
