/*
 * AsyncRetriever: from its declaration to a plan.
 *
 * The download is an ordinary read: its requester, decoder and paginator become the stream's own, and so does the
 * record selector, with the download's extractor in the place of its own (which the field's readers do not use).
 */
#include "template/async_priv.h"

/* What the field's readers take for "nothing" in a downloaded table. */
static const char *const table_none[] = {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
                                         "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"};

static bool
optional_requester(struct compiler *c, const struct node *n, const char *field, struct requester *requester, bool *has)
{
    const struct node *r = node_get_c(n, field);
    *has = r && r->type != NODE_NULL;
    return !*has || requester_compile(c, r, requester);
}

/* An extractor alone: only its path matters. */
static bool
path_compile(struct compiler *c, const struct node *extractor, struct selector *selector)
{
    *selector = (struct selector){0};
    if (!node_type_is(extractor, "DpathExtractor"))
        return refuse_component(c, extractor);
    return text_list_field(c, extractor, "field_path", &selector->path, &selector->path_count);
}

static bool
words_compile(struct compiler *c, const struct node *map, const char *field, struct async_words *words)
{
    const struct node *list = node_get_c(map, field);
    *words = (struct async_words){0};
    if (!list || list->type == NODE_NULL)
        return true;
    if (list->type != NODE_LIST)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: %s of status_mapping is a list", list->line, field);
    words->items = ARENA_ARRAY(c->arena, struct str, list->count + 1);
    if (!words->items)
        return compile_full(c);
    for (size_t i = 0; i < list->count; i++) {
        const struct node *item = list->items[i];
        struct str text = item->type == NODE_BOOL ? (item->flag ? STR("True") : STR("False")) : item->text;
        words->items[words->count++] = text.ptr ? text : STR("None");
    }
    return true;
}

static bool
mapping_compile(struct compiler *c, const struct node *map, struct async_plan *p)
{
    static const char *const names[ASYNC_STATUS_COUNT] = {"running", "completed", "failed", "timeout", "skipped"};
    for (size_t i = 0; i < ASYNC_STATUS_COUNT; i++)
        if (!words_compile(c, map, names[i], &p->words[i]))
            return false;
    return true;
}

/* A table that may be packed, whatever its headers say. */
static bool
table_decoder(struct compiler *c, const struct node *extractor, struct template_stream *s)
{
    bool keeps = node_is_true_at(extractor, "preserve_na_values");
    struct decoder *table = ARENA_NEW(c->arena, struct decoder);
    struct str *none = ARENA_ARRAY(c->arena, struct str, ARRAY_LEN(table_none));
    if (!table || !none)
        return compile_full(c);
    size_t count = keeps ? 1 : ARRAY_LEN(table_none);
    for (size_t i = 0; i < count; i++)
        none[i] = str_from_c(table_none[i]);
    *table = (struct decoder){.kind = DECODE_CSV, .delimiter = ',', .none_texts = none, .none_count = count};
    s->decoder = (struct decoder){.kind = DECODE_GZIP, .inner = table};
    return true;
}

static struct node *
whole_body_extractor(struct compiler *c, const struct node *where)
{
    struct node *made = node_map_new(c->arena, 2, where), *path = node_map_new(c->arena, 0, where);
    struct node *type = node_str_new(c->arena, STR("DpathExtractor"), where);
    if (!made || !path || !type)
        return NULL;
    path->type = NODE_LIST;
    node_map_put(made, STR("type"), type);
    node_map_put(made, STR("field_path"), path);
    return made;
}

/* The record selector with the download's extractor. */
static struct node *
download_selector(struct compiler *c, const struct node *selector, struct node *extractor)
{
    struct node *made = node_map_new(c->arena, (selector ? selector->count : 0) + 1, selector);
    for (size_t i = 0; made && selector && selector->type == NODE_MAP && i < selector->count; i++)
        node_map_put(made, selector->keys[i], selector->items[i]);
    if (made && extractor)
        node_map_put(made, STR("extractor"), extractor);
    return made && extractor ? made : NULL;
}

static bool
download_compile(struct compiler *c, const struct node *stream, const struct node *n, struct template_stream *s)
{
    struct node *extractor = node_get_c(n, "download_extractor");
    bool table = node_type_is(extractor, "ResponseToFileExtractor");
    bool none = !extractor || extractor->type == NODE_NULL || table;
    const struct node *selector = node_get_c(n, "record_selector");
    struct node *made = download_selector(c, selector, none ? whole_body_extractor(c, n) : extractor);
    if (!made)
        return compile_full(c);
    return requester_compile(c, node_get_c(n, "download_requester"), &s->requester) &&
           (table ? table_decoder(c, extractor, s) : decoder_compile(c, node_get_c(n, "download_decoder"), &s->decoder)) &&
           selector_compile(c, made, node_get_c(stream, "transformations"), s->info.schema, &s->selector) &&
           pager_compile(c, node_get_c(n, "download_paginator"), &s->pager) &&
           router_compile(c, node_get_c(n, "partition_router"), &s->router);
}

bool
async_compile(struct compiler *c, const struct node *stream, const struct node *n, struct template_stream *s)
{
    const struct node *targets = node_get_c(n, "download_target_extractor");
    struct async_plan *p = s->async = ARENA_NEW(c->arena, struct async_plan);
    if (!p)
        return compile_full(c);
    p->has_targets = targets && targets->type != NODE_NULL;
    if (!requester_compile(c, node_get_c(n, "creation_requester"), &p->create) ||
        !requester_compile(c, node_get_c(n, "polling_requester"), &p->poll) ||
        !optional_requester(c, n, "download_target_requester", &p->targets, &p->has_target_request) ||
        !optional_requester(c, n, "abort_requester", &p->abort, &p->has_abort) ||
        !optional_requester(c, n, "delete_requester", &p->remove, &p->has_remove))
        return false;
    if (p->has_target_request && !p->has_targets)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: download_target_requester needs download_target_extractor", n->line);
    return decoder_compile(c, node_get_c(n, "decoder"), &p->decoder) &&
           path_compile(c, node_get_c(n, "status_extractor"), &p->status) &&
           (!p->has_targets || path_compile(c, targets, &p->target_path)) &&
           mapping_compile(c, node_get_c(n, "status_mapping"), p) &&
           text_field(c, n, "polling_job_timeout", &p->timeout_minutes) &&
           text_field(c, n, "failed_retry_wait_time_in_seconds", &p->retry_wait_s) && download_compile(c, stream, n, s);
}
