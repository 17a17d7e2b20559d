/*
 * Notices: what a vendor says of the quality of its own answer (x-tidemark-notices).
 *
 * Records that were added up, left out or estimated are no failure, but whoever works with them must know. A page that matches
 * carries the words; who drives the reader decides where they are shown.
 */
#include "template/reader_priv.h"

#include "base/limits.h"

#define NOTICES_MAX 20

bool
notices_compile(struct compiler *c, const struct node *stream, struct template_stream *s)
{
    const struct node *list = node_get_c(stream, "x-tidemark-notices");
    if (!list || list->type == NODE_NULL)
        return true;
    if (list->type != NODE_LIST || list->count > NOTICES_MAX)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: x-tidemark-notices is a list of at most %d", list->line, NOTICES_MAX);
    s->notices = ARENA_ARRAY(c->arena, struct notice, list->count + 1);
    if (!s->notices)
        return compile_full(c);
    for (size_t i = 0; i < list->count; i++) {
        struct notice *n = &s->notices[s->notice_count++];
        if (!text_field(c, list->items[i], "when", &n->when) || !text_field(c, list->items[i], "text", &n->text))
            return false;
        if (!text_given(&n->when) || !text_given(&n->text))
            return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a notice needs when and text", list->items[i]->line);
    }
    return true;
}

struct str
notice_of(const struct reader *r, struct expr_scope *scope, struct arena *page, yyjson_val *body)
{
    struct str all = STR_NONE;
    const struct template_stream *s = r->stream;
    if (s->notice_count && body)
        expr_scope_set(scope, STR("response"), value_from_json(body));
    for (size_t i = 0; body && i < s->notice_count; i++) {
        bool applies = false;
        struct str words = STR_NONE;
        struct err ignored = {0};
        scope->steps_left = LIMIT_EXPRESSION_STEPS;
        if (!text_bool(&s->notices[i].when, scope, &applies, &ignored) || !applies ||
            !text_str(&s->notices[i].text, scope, &words, &ignored) || !words.len)
            continue;
        all = all.len ? str_format(page, "%.*s; %.*s", STR_ARG(all), STR_ARG(words)) : words;
    }
    return all;
}
