/*
 * The texts of a template in other languages (metadata.tidemark.translations).
 *
 * A translation is a sparse copy of what people read: the description, the guides, and under `fields` the titles and descriptions
 * of the connection's form. It is laid over the template's own texts when somebody asks in that language, so what it leaves out
 * stays as the template says it. Only texts are laid over texts, and only where people read: a translation can change no
 * pattern, default or address. What translates nothing, or is not translated, is a warning of `manifest check`.
 */
#include "template/plan_priv.h"

#include "base/limits.h"

#define LABELS "x-tidemark-labels"
#define SPECIFICATION "connection_specification"
#define PLACE_BYTES_MAX 1024

/* Is it a text that people read? `under` is the member that holds it. */
static bool
is_read_by_people(struct str key, struct str under)
{
    return str_eq(key, STR("title")) || str_eq(key, STR("description")) || str_eq(key, STR("instructions")) ||
           str_eq(under, STR(LABELS));
}

/* ---- what is wrong with a translation, when the template is loaded ---- */

struct check {
    struct compiler *c;
    struct str language;
    const char *words;      /* of a text that the first tree has and the second has not */
};

static void
check_note(struct check *check, const struct node *at, const struct node_path *path)
{
    struct buf pointer;
    buf_init(&pointer, PLACE_BYTES_MAX);
    node_path_write(&pointer, path);
    text_note_fault(check->c, at, str_format(check->c->arena, "%.*s%.*s %s", STR_ARG(check->language), STR_ARG(buf_str(&pointer)),
                    check->words));
    buf_release(&pointer);
}

/* Notes each text of `tree` that `other` does not have. */
static void
check_texts(struct check *check, const struct node *tree, const struct node *other, const struct node_path *path, unsigned depth)
{
    for (size_t i = 0; tree->type == NODE_MAP && depth < LIMIT_TEMPLATE_DEPTH && i < tree->count; i++) {
        const struct node *item = tree->items[i], *twin = node_get(other, tree->keys[i]);
        struct node_path here = {path, tree->keys[i], 0};
        if (item->type == NODE_MAP)
            check_texts(check, item, twin, &here, depth + 1);
        else if (item->type == NODE_STR && is_read_by_people(tree->keys[i], path ? path->key : STR_NONE) && node_text(twin).len == 0)
            check_note(check, item, &here);
    }
}

/* What is in a translation and is no text of its kind. */
static void
check_kinds(struct check *check, const struct node *tree, const struct node_path *path, unsigned depth)
{
    for (size_t i = 0; tree->type == NODE_MAP && depth < LIMIT_TEMPLATE_DEPTH && i < tree->count; i++) {
        const struct node *item = tree->items[i];
        struct node_path here = {path, tree->keys[i], 0};
        bool read = item->type == NODE_STR && is_read_by_people(tree->keys[i], path ? path->key : STR_NONE);
        if (item->type == NODE_MAP)
            check_kinds(check, item, &here, depth + 1);
        else if (!read)
            check_note(check, item, &here);
    }
}

static void
put_under(struct node *map, const char *key, struct node *item)
{
    if (item)
        node_map_put(map, str_from_c(key), item);
}

/* The template's own texts, shaped as a translation is. NULL when the arena is full. */
static const struct node *
own_texts(struct compiler *c, const struct node *root, const struct node *block)
{
    struct node *own = node_map_new(c->arena, 4, block), *webhooks = node_map_new(c->arena, 1, block);
    if (!own || !webhooks)
        return NULL;
    struct node *description = node_get_c(block, "description");
    put_under(webhooks, "instructions", node_get_c(node_get_c(block, "webhooks"), "instructions"));
    put_under(own, "description", description ? description : node_get_c(root, "description"));
    put_under(own, "instructions", node_get_c(block, "instructions"));
    put_under(own, "webhooks", webhooks);
    put_under(own, "fields", node_get_c(node_get_c(node_get_c(root, "spec"), SPECIFICATION), "properties"));
    return own;
}

bool
translations_check(struct compiler *c, const struct node *root)
{
    const struct node *block = node_get_c(node_get_c(root, "metadata"), "tidemark"), *all = node_get_c(block, "translations");
    const struct node *own = all ? own_texts(c, root, block) : NULL;
    if (!all)
        return true;
    if (!own)
        return compile_full(c);
    if (all->type != NODE_MAP)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: translations is a map of languages, such as pt-BR", all->line);
    for (size_t i = 0; i < all->count; i++) {
        struct check check = {c, all->keys[i], "is no text that could be translated"};
        check_kinds(&check, all->items[i], NULL, 0);
        check.words = "translates nothing: the template has no such text";
        check_texts(&check, all->items[i], own, NULL, 0);
        check.words = "is not translated";
        check_texts(&check, own, all->items[i], NULL, 0);
    }
    return true;
}

/* ---- the texts in a language ---- */

static bool
same_language(struct str a, struct str b)
{
    return a.len == b.len && str_starts_nocase(a, b);
}

/* The translation for "pt-BR": its own, else one for the same language elsewhere ("pt", "pt-PT"). NULL: none. */
static yyjson_val *
translation_for(yyjson_val *all, struct str wanted, struct str *language_out)
{
    size_t index, max;
    yyjson_val *key, *item, *near = NULL;
    struct str primary, region;
    str_cut(wanted, '-', &primary, &region);
    JSON_EACH_MEMBER(yyjson_is_obj(all) ? all : NULL, index, max, key, item) {
        struct str language = json_str(key), its_primary, its_region;
        str_cut(language, '-', &its_primary, &its_region);
        bool exact = same_language(language, wanted);
        if (exact || (!near && same_language(its_primary, primary)))
            *language_out = language, near = item;
        if (exact)
            return item;
    }
    return near;
}

static void
lay_over(yyjson_mut_doc *doc, yyjson_mut_val *own, yyjson_val *given, struct str under)
{
    size_t index, max;
    yyjson_val *key, *item;
    JSON_EACH_MEMBER(yyjson_is_obj(given) && yyjson_mut_is_obj(own) ? given : NULL, index, max, key, item) {
        struct str name = json_str(key), text = json_str(item);
        yyjson_mut_val *place = yyjson_mut_obj_getn(own, name.ptr, name.len);
        if (yyjson_is_obj(item))
            lay_over(doc, place, item, name);
        else if (text.len && yyjson_mut_is_str(place) && is_read_by_people(name, under))
            yyjson_mut_set_strn(place, text.ptr, text.len);
    }
}

/* The form in a language. NULL when the arena is full. */
static yyjson_val *
schema_in(struct arena *a, yyjson_val *schema, yyjson_val *fields)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, schema) : NULL;
    if (!copy)
        return NULL;
    lay_over(doc, yyjson_mut_obj_get(copy, "properties"), fields, STR("properties"));
    return json_freeze(a, copy);
}

bool
template_texts(const struct template *t, struct arena *a, struct str language, struct template_texts *texts_out, struct err *err)
{
    const struct template_info *info = &t->info;
    struct str webhooks = json_str(json_get_c(json_get_c(info->tidemark, "webhooks"), "instructions"));
    struct template_texts texts = {STR_NONE, info->description, info->instructions, webhooks, info->config_schema};
    yyjson_val *given = language.len ? translation_for(json_get_c(info->tidemark, "translations"), language, &texts.language) : NULL;
    if (given) {
        texts.description = json_str_or(json_get_c(given, "description"), texts.description);
        texts.instructions = json_str_or(json_get_c(given, "instructions"), texts.instructions);
        texts.webhook_instructions = json_str_or(json_get_c(json_get_c(given, "webhooks"), "instructions"), texts.webhook_instructions);
        texts.config_schema = schema_in(a, info->config_schema, json_get_c(given, "fields"));
        if (!texts.config_schema)
            return err_set(err, E_TOO_LARGE, "The template's form is too large");
    }
    *texts_out = texts;
    return true;
}
