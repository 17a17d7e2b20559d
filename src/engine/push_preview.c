/*
 * What a push would send, without sending: the plan of what waits, and for each record the very requests, secrets masked.
 *
 * No request leaves, not even one that only looks: whether somebody has a new record's key is not known then, so both the look-up and
 * the creation are shown. A new token that would have to be asked for first is said, not asked for.
 */
#include "engine/push.h"

#include "engine/push_preview.h"

#define PREVIEW_PAGE_BYTES (32L * 1024 * 1024)

struct preview {
    struct engine *engine;
    struct arena *arena;
    struct push_preview_ask ask;
    struct account account;
    struct page_context context;
    struct push_stream stream;
    struct push_row *rows;
    size_t row_count;
    struct push_item *items;
    struct push_preview *out;
};

/* ---- one request */

static bool
is_credential(struct str name)
{
    static const char *const words[] = {"auth", "token", "key", "secret", "cookie", "session"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        for (size_t at = 0; at + strlen(words[i]) <= name.len; at++)
            if (str_eq_nocase(str_slice(name, at, at + strlen(words[i])), str_from_c(words[i])))
                return true;
    return false;
}

/* "Bearer ••••": the scheme says which credential it would be. */
static struct str
masked(struct arena *a, const struct http_header *h)
{
    struct str scheme, rest;
    if (!is_credential(h->name))
        return log_redact(a, h->value);
    bool two = str_cut(h->value, ' ', &scheme, &rest);
    return str_format(a, "%.*s%s\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2", two ? (int)scheme.len : 0,
        scheme.ptr ? scheme.ptr : "", two ? " " : "");
}

static bool
copy_request(struct arena *a, const struct http_request *from, struct push_preview_request *to, struct err *err)
{
    to->method = str_copy(a, from->method.len ? from->method : STR("GET"));
    to->url = log_redact(a, from->url);
    to->body = from->body.len ? log_redact(a, from->body) : STR_NONE;
    to->headers = ARENA_ARRAY(a, struct http_header, from->headers.count + 1);
    if (to->headers == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < from->headers.count; i++)
        to->headers[to->header_count++] = (struct http_header){str_copy(a, from->headers.items[i].name), masked(a,
            &from->headers.items[i])};
    return true;
}

static bool
make_request(struct preview *p, const struct template_operation *o, yyjson_val *input, struct push_preview_item *item, const char *what,
             struct err *err)
{
    struct arena page;
    struct reader_event event = {0};
    struct push_preview_request *to = &item->requests[item->request_count];
    struct reader_options options = {.template = p->account.template, .config = p->account.effective, .concurrency = 1,
                                     .now_us = clock_wall_us(p->engine->options.clock)};
    if (o == NULL || item->request_count == PUSH_PREVIEW_REQUESTS)
        return true;
    if (input == NULL)
        return err_no_memory(err);
    struct err why = {0};
    if (!template_operation_accept(o, p->arena, input, &input, &why)) {
        item->reason = str_copy(p->arena, str_from_c(why.message));
        return true;
    }
    struct reader *reader = reader_new_operation(&options, o, input, err);
    if (reader == NULL)
        return false;
    arena_init(&page, PREVIEW_PAGE_BYTES);
    bool ok = true;
    if (reader_next(reader, &page, &event, &why) != READER_REQUEST)
        item->reason = str_copy(p->arena, str_from_c(why.message));
    else if (event.purpose == READER_FOR_TOKEN)
        item->needs_token = true;
    else if ((ok = copy_request(p->arena, &event.request, to, err)))
        to->what = what, item->request_count++;
    arena_release(&page);
    reader_free(reader);
    return ok;
}

/* ---- one record */

static bool
make_look_ups(struct preview *p, const struct push_item *from, struct push_preview_item *to, struct err *err)
{
    struct str ignored, value;
    if (p->stream.by_email && !str_is_none(from->key_email)) {
        str_cut(from->key_email, ':', &ignored, &value);
        if (!make_request(p, p->stream.match, push_input_match(p->arena, "email", value), to, "look up", err))
            return false;
    }
    if (p->stream.by_phone && !str_is_none(from->key_phone)) {
        str_cut(from->key_phone, ':', &ignored, &value);
        return make_request(p, p->stream.match, push_input_match(p->arena, "phone", value), to, "look up", err);
    }
    return true;
}

static bool
show(struct preview *p, const struct push_item *from, struct err *err)
{
    static const char *const names[] = {[PUSH_NOTHING] = "none", [PUSH_CREATE] = "create", [PUSH_UPDATE] = "update",
                                        [PUSH_DELETE] = "delete", [PUSH_REJECT] = "reject"};
    struct push_preview_item *to = &p->out->items[p->out->count];
    *to = (struct push_preview_item){.action = names[from->op], .record = from->row.uuid, .stream = p->context.stream.name,
                                     .external_id = from->row.external_id, .reason = from->reason};
    p->out->count++;
    switch (from->op) {
    case PUSH_CREATE:
        return make_look_ups(p, from, to, err) && make_request(p, p->stream.create, push_input(p->arena, from), to,
            "create, when nobody is found", err);
    case PUSH_UPDATE: return make_request(p, p->stream.update, push_input(p->arena, from), to, "update", err);
    case PUSH_DELETE: return make_request(p, p->stream.delete, push_input(p->arena, from), to, "delete", err);
    case PUSH_NOTHING:
    case PUSH_REJECT: break;
    }
    return true;
}

/* ---- the streams */

static bool
read_rows(struct db *db, void *ctx, struct err *err)
{
    struct preview *p = ctx;
    struct stream row;
    const struct connection *c = &p->account.connection;
    struct push_scene scene = {.arena = p->arena, .stream = &p->stream, .context = &p->context, .creates = p->ask.creates,
                               .deletes = p->ask.deletes};
    struct push_guard guard = {0};
    enum row found = store_stream_find(db, p->arena, c->tenant, c->id, p->context.stream.name, &row, err);
    if (found == ROW_FAILED)
        return false;
    if (found == ROW_FOUND)
        p->context.stream = row;
    else if (store_collection_find(db, c->tenant, p->context.stream.kind, &p->context.stream.collection, err) == ROW_FAILED)
        return false;
    if (!store_push_preview(db, p->arena, c->tenant, c->id, p->context.stream.collection, p->context.stream.id, p->ask.full,
                            p->ask.limit - p->out->count, &p->rows, &p->row_count, err))
        return false;
    p->items = ARENA_ARRAY(p->arena, struct push_item, p->row_count + 1);
    if (p->items == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < p->row_count; i++) {
        p->items[i] = (struct push_item){.row = p->rows[i]};
        if (!push_plan(db, &scene, &p->items[i], err) || !push_guard(db, &scene, &guard, &p->items[i], err))
            return false;
    }
    return true;
}

static bool
preview_stream(struct preview *p, const struct stream_info *info, struct err *err)
{
    const struct connection *c = &p->account.connection;
    p->context = (struct page_context){.tenant = c->tenant, .connection = c->id, .config = p->account.effective,
                                       .now_us = clock_wall_us(p->engine->options.clock), .region = p->account.tenant.region,
                                       .match = str_eq_c(info->kind, "contacts") && !str_eq_c(c->match, "none"),
                                       .looks_up = !str_eq_c(c->match, "none"),
                                       .policy = conflict_policy_from_name(c->conflict_policy),
                                       .stream = {.tenant = c->tenant, .connection = c->id, .name = info->name, .kind = info->kind}};
    if (!push_stream_read(p->arena, p->account.template, info->name, &p->stream, err))
        return false;
    if (p->stream.write == NULL)
        return true;
    p->out->writes = true;
    if (!store_read(p->engine->options.store, read_rows, p, err))
        return false;
    for (size_t i = 0; i < p->row_count; i++)
        if (!show(p, &p->items[i], err))
            return false;
    return true;
}

static bool
preview_all(struct preview *p, struct err *err)
{
    struct err ignored = {0};
    struct push_preview_ask *ask = &p->ask;
    const struct template *t = p->account.template;
    struct str text = p->account.connection.rules;
    struct str chosen = p->account.connection.streams;
    yyjson_val *rules = text.len == 0 ? NULL : json_parse(p->arena, text, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &ignored);
    yyjson_val *streams = chosen.len == 0 ? NULL : json_parse(p->arena, chosen, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &ignored);
    ask->creates = json_bool_or(json_get_c(rules, "pushCreates"), true);
    ask->deletes = json_bool_or(json_get_c(rules, "pushDeletes"), false);
    ask->full = ask->full || !connection_pushes(&p->account.connection);   /* as a push that is asked for does */
    p->out->items = ARENA_ARRAY(p->arena, struct push_preview_item, ask->limit + 1);
    if (p->out->items == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < template_stream_count(t) && p->out->count < ask->limit; i++) {
        if (push_is_written(t, i, p->account.effective, streams, ask->stream) &&
            !preview_stream(p, template_stream_info(template_stream_at(t, i)), err))
            return false;
    }
    return p->out->writes || err_invalid(err, str_is_none(ask->stream) ? "" : "stream",
        "This platform cannot be written to: its template has no `writes` for what was asked");
}

bool
engine_push_preview(struct engine *e, struct arena *a, const struct connection *connection, const struct push_preview_ask *ask,
                    struct push_preview *preview_out, struct err *err)
{
    struct push_preview out = {0};
    struct preview p = {.engine = e, .arena = a, .ask = *ask, .out = &out};
    bool ok = account_open(e, a, connection->tenant, connection->id, &p.account, err) && preview_all(&p, err);
    account_close(&p.account);
    if (ok)
        *preview_out = out;
    return ok;
}
