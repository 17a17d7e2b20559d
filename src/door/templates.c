/*
 * The templates there are: public, and without any tenant's data (D32).
 */
#include <string.h>

#include "door/routes_priv.h"
#include "door/views_priv.h"

#define LANGUAGE_BYTES_MAX 35   /* RFC 5646, section 4.4.1 */

void
view_template_streams(struct json_writer *w, const struct template *t)
{
    json_begin_array(w, "streams");
    for (size_t i = 0; t && i < template_stream_count(t); i++) {
        const struct stream_info *s = template_stream_info(template_stream_at(t, i));
        json_begin_object(w, NULL);
        json_add_str(w, "name", s->name);
        json_add_str(w, "entityType", s->kind);
        json_add_bool(w, "synced", s->synced);
        json_add_bool(w, "incremental", s->incremental);
        json_add_bool(w, "deletes", s->supports_deletes);
        json_add_str(w, "refused", s->refused.len ? s->refused : STR_NONE);
        json_end_object(w);
    }
    json_end_array(w);
}

/* Where each field of a stream comes from: what a connection's own mapping stands before. */
static void
write_mapping(struct json_writer *w, struct arena *a, const struct template *t)
{
    yyjson_val *entities = json_get_c(template_info(t)->tidemark, "entities");
    json_begin_object(w, "mapping");
    for (size_t i = 0; i < template_stream_count(t); i++) {
        struct str name = template_stream_info(template_stream_at(t, i))->name;
        yyjson_val *fields = json_get_c(json_get(entities, name), "fields");
        const char *key = fields ? str_cstr(a, name) : NULL;
        if (key)
            json_add_val(w, key, fields);
    }
    json_end_object(w);
}

bool
request_language(struct request *r, struct str *language_out, struct err *err)
{
    struct str language = request_query(r, "language");
    bool plain = language.len <= LANGUAGE_BYTES_MAX;
    for (size_t i = 0; plain && i < language.len; i++)
        plain = strchr("-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", language.ptr[i]) && language.ptr[i];
    if (!plain || (!str_is_none(language) && !language.len))
        return request_fault(r, err, "language", "is a language such as pt-BR");
    *language_out = language;
    return true;
}

/* whole: the arena for its details, or NULL: in a list. */
static void
write_template(struct json_writer *w, const struct template *t, const struct template_texts *texts, struct arena *whole)
{
    const struct template_info *info = template_info(t);
    json_begin_object(w, NULL);
    json_add_str(w, "name", info->name);
    json_add_str(w, "displayName", info->display_name);
    json_add_str(w, "description", texts->description);
    json_add_str(w, "language", texts->language);
    json_add_str(w, "category", info->category);
    json_add_str(w, "documentationUrl", info->documentation_url);
    json_add_str(w, "version", info->version);
    json_add_str(w, "apiVersion", info->api_version);
    view_template_streams(w, t);
    if (whole) {
        json_add_str(w, "instructions", texts->instructions);
        json_add_str(w, "webhookInstructions", texts->webhook_instructions.len ? texts->webhook_instructions : STR_NONE);
        json_add_val(w, "configSchema", texts->config_schema);
        write_mapping(w, whole, t);
    }
    json_end_object(w);
}

bool
templates_list(struct request *r, struct err *err)
{
    struct str *names;
    struct paging paging;
    struct str language;
    struct template_texts texts;
    if (!request_paging(r, LIMIT_LIST_MAX, &paging, err) || !request_language(r, &language, err))
        return false;
    struct registry *registry = request_parts(r)->templates;
    size_t count = registry_names(registry, r->arena, &names);
    size_t begin = paging.after ? (size_t)paging.after : paging.offset, end = begin + (size_t)paging.limit;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = begin; i < count && i < end; i++) {
        struct template *t = registry_get(registry, names[i], err);
        if (!t)
            return false;
        bool ok = template_texts(t, r->arena, language, &texts, err);
        if (ok)
            write_template(w, t, &texts, NULL);
        template_unref(t);
        if (!ok)
            return false;
    }
    json_end_array(w);
    struct str next = end < count ? list_cursor_text(r->arena, (int64_t)end) : STR_NONE;
    return reply_end_list(r, &paging, (int64_t)count, next, err);
}

bool
templates_get(struct request *r, struct err *err)
{
    struct str language;
    struct template_texts texts;
    if (!request_language(r, &language, err))
        return false;
    struct template *t = registry_get(request_parts(r)->templates, request_path_param(r, 0), err);
    if (!t)
        return err->code == E_PLATFORM_NOT_SUPPORTED ? err_set(err, E_NOT_FOUND, "There is no template of that name")
                                                     : false;
    bool ok = template_texts(t, r->arena, language, &texts, err);
    if (ok)
        write_template(reply_begin(r, 200), t, &texts, r->arena);
    template_unref(t);
    return ok && reply_end(r, err);
}
