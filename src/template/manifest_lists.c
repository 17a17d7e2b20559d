/*
 * Lists of the vendor that streams are made of, read before the streams are known.
 *
 * Each is read by a reader of its own, like a stream nobody sees; its records are kept whole, with the slice they
 * came from, until the template has been compiled anew with them.
 */
#include "template/manifest_lists.h"

#include "base/limits.h"
#include "template/reader_priv.h"

struct listing {
    yyjson_mut_doc *doc;
    yyjson_mut_val *pairs;     /* [[record, slice], ...] */
    struct arena page;
    const struct list_source *source;
};

bool
manifest_list_keep(yyjson_mut_doc *doc, yyjson_mut_val *pairs, struct arena *page, const struct reader_event *event)
{
    struct err ignored = {0};
    yyjson_val *slice = event->slice.len ? json_parse(page, event->slice, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored) : NULL;
    for (size_t i = 0; i < event->record_count; i++) {
        yyjson_mut_val *pair = yyjson_mut_arr(doc);
        if (!str_is_none(event->records[i].rejected))
            continue;
        yyjson_mut_val *record = yyjson_val_mut_copy(doc, event->records[i].value);
        if (!pair || !record)
            return false;
        yyjson_mut_arr_append(pair, record);
        if (slice)
            yyjson_mut_arr_append(pair, yyjson_val_mut_copy(doc, slice));
        yyjson_mut_arr_append(pairs, pair);
    }
    return true;
}

static bool
read_list(struct listing *l, struct reader *r)
{
    struct reader_event event;
    struct err err = {0};
    for (;;) {
        const struct http_reply *reply;
        switch (reader_next(r, &l->page, &event, &err)) {
        case READER_REQUEST:
            if (!(reply = l->source->fetch(l->source->ctx, &event)))
                return false;
            reader_reply(r, reply);
            break;
        case READER_PAGE:
            if (!manifest_list_keep(l->doc, l->pairs, &l->page, &event))
                return false;
            arena_clear(&l->page);
            break;
        case READER_WAIT:
            if (l->source->wait && !l->source->wait(l->source->ctx, event.wait_ms, event.wait_reason))
                return false;
            break;
        case READER_TOKEN: break;
        case READER_DONE: return true;
        case READER_FAILED: return false;
        }
    }
}

static yyjson_mut_val *
list_of(const struct template_dynamic *one, const struct reader_options *options, yyjson_mut_doc *doc, const struct list_source *source)
{
    struct err ignored = {0};
    struct listing l = {.doc = doc, .pairs = yyjson_mut_arr(doc), .source = source};
    struct reader *r = one->list && str_is_none(one->refused) ? reader_new_for(options, one->list, NULL, &ignored) : NULL;
    if (!r)
        return yyjson_mut_null(doc);
    arena_init(&l.page, LIMIT_PAGE_ARENA_BYTES);
    bool ok = l.pairs && read_list(&l, r);
    arena_release(&l.page);
    reader_free(r);
    return ok ? l.pairs : yyjson_mut_null(doc);
}

struct template *
manifest_configured(struct template *t, struct arena *a, yyjson_val *config, int64_t now_us, const struct list_source *source,
                    struct err *err)
{
    struct reader_options options = {.template = t, .config = config, .position = STR_NONE, .updated_since = STR_NONE,
                                     .now_us = now_us, .as_reference = true};
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *lists = doc ? yyjson_mut_arr(doc) : NULL;
    for (size_t i = 0; lists && i < t->dynamic_count; i++)
        yyjson_mut_arr_append(lists, list_of(&t->dynamics[i], &options, doc, source));
    yyjson_val *frozen = lists ? json_freeze(a, lists) : NULL;
    if (!frozen) {
        err_no_memory(err);
        return NULL;
    }
    return template_configured(t, config, now_us, frozen, err);
}
