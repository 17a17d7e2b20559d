/*
 * The state machine of reading one stream.
 *
 *     START -> NEXT -> SEND -> ASKED -> (page) -> SEND | NEXT
 *                       |  ^     \-> (wait) -> SEND
 *                       v  |
 *                      LOGIN
 *
 * NEXT finds the next slice: the next span of the cursor in the open partition, else the next partition.
 * SEND makes the request of the present page token, after a login where one is needed. The machine never
 * waits and never sends; each of its steps ends with an event for whoever drives it.
 */
#include "template/reader_priv.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "template/operation_priv.h"
#include "template/properties_priv.h"

void
reader_scene(const struct reader *r, struct arena *a, struct value token, struct scene *scene_out)
{
    *scene_out = (struct scene){.arena = a, .config = r->root->config, .now_us = r->options.now_us, .slice = r->slice,
                                .extra_fields = r->extra, .token = token, .input = r->input,
                                .as_reference = r->options.as_reference};
    async_scene(r, scene_out);
    (void)properties_scene(r, scene_out); /* without memory the request cannot be made either */
}

enum reader_step
reader_fail(struct reader *r)
{
    r->phase = PHASE_FAILED;
    return READER_FAILED;
}

/* ---- the end */

static enum reader_step
finish(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    if (!r->has_walk && r->has_cursor && !r->partition_open && r->partition_text.ptr) {
        if (!state_rows(r, page, false, true, event, err))
            return reader_fail(r);
    } else if (r->has_walk && !state_rows(r, page, false, true, event, err)) {
        return reader_fail(r);
    }
    r->phase = PHASE_DONE;
    return READER_DONE;
}

/* ---- SEND */

static bool
page_token(struct reader *r, struct arena *page, struct value *token_out, struct err *err)
{
    *token_out = value_undefined();
    if (r->token.len == 0)
        return true;
    yyjson_val *json = json_parse(page, buf_str(&r->token), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    *token_out = value_from_json(json);
    return json != NULL;
}

static struct str
path_of_token(const struct reader *r, struct arena *page, struct value token)
{
    if (!r->stream->pager.token_is_path || !value_is_true(token))
        return STR_NONE;
    return token.type == VALUE_STR ? token.text : value_to_python(page, token);
}

static bool
build_request(struct reader *r, struct arena *page, struct expr_scope *scope, struct value token, struct str auth_token,
              struct http_request *request_out, struct err *err)
{
    struct draft d = {.arena = page, .text = STR_NONE};
    const struct template_stream *s = r->stream;
    if (s->async)
        return async_request(r, page, scope, token, path_of_token(r, page, token), auth_token, request_out, err);
    bool with_slice = value_is_missing(token) || !s->ignore_slice_on_pages;
    return pager_apply(&s->pager, &d, scope, token, err) &&
           (!with_slice || !s->router || s->slice_unsent || router_apply(s->router, &d, scope, r->slice, err)) &&
           (!with_slice || !r->has_cursor || cursor_apply(&r->cursor, &d, scope, r->slice, err)) &&
           properties_apply(r, &d, err) &&
           requester_build(&s->requester, &d, scope, path_of_token(r, page, token), auth_token, request_out, err);
}

enum reader_step
reader_ask(struct reader *r, struct reader_event *event, enum reader_purpose purpose, enum phase phase)
{
    event->purpose = purpose;
    r->reply = NULL;
    r->root->asked = r;
    r->phase = phase;
    return READER_REQUEST;
}

static enum reader_step
send_next(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct value token;
    struct scene scene;
    struct expr_scope scope;
    struct str auth_token;
    if (async_wait(r, event))
        return READER_WAIT;
    if (!page_token(r, page, &token, err))
        return reader_fail(r);
    reader_scene(r, page, token, &scene);
    scene_scope(&scene, &scope);
    enum reader_step step = reader_log_in(r, &scope, event, &auth_token, err);
    if (step != READER_PAGE)
        return step;
    if (!build_request(r, page, &scope, token, auth_token, &event->request, err) ||
        (r->operation && !operation_request(r, &scope, &event->request, err)))
        return reader_fail(r);
    return reader_ask(r, event, READER_FOR_PAGE, PHASE_ASKED);
}

/* ---- answers */

static void
note_time(struct reader *r)
{
    struct reader *root = r->root;
    int64_t now_us = r->reply->sent_wall_us + r->reply->duration_us;
    if (now_us > root->wall_us)
        root->wall_us = now_us;
}

/* READER_PAGE from here that is no page means: go on. */
#define GO_ON ((enum reader_step)99)

static enum page_step
take_body(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    if (async_is_aside(r))
        return async_take(r, page, event, err);
    return r->operation ? operation_take(r, page, event, err) : page_take(r, page, event, err);
}

static enum reader_step
take_page(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    switch (take_body(r, page, event, err)) {
    case PAGE_READY: return READER_PAGE;
    case PAGE_WAIT: r->phase = PHASE_SEND; return READER_WAIT;
    case PAGE_AGAIN: r->phase = r->phase == PHASE_ASKED ? PHASE_SEND : r->phase; return GO_ON;
    case PAGE_FAILED: break;
    }
    return reader_fail(r);
}

/* The first page came with its parent's record: it is read as an answer is. */
static enum reader_step
take_lent(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct http_reply *reply = ARENA_NEW(page, struct http_reply);
    struct str body = json_to_text(page, r->lent);
    r->lent = NULL;
    *event = (struct reader_event){.declared_total = -1}; /* the parent's page was told in it */
    if (!reply || !body.ptr)
        return err_no_memory(err), reader_fail(r);
    *reply = (struct http_reply){.status = 200, .body = body, .sent_wall_us = r->walk.observed_us};
    r->reply = reply;
    return take_page(r, page, event, err);
}

static enum reader_step
take_answer(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    CHECK(r->reply != NULL); /* reader_next without reader_reply: the driver's mistake */
    note_time(r);
    if (r->phase == PHASE_ASKED)
        return take_page(r, page, event, err);
    enum reader_step step = reader_take_login(r, page, event, err);
    return step == READER_PAGE ? GO_ON : step;
}

/* ---- NEXT */

/* The walk's page may be gone when the partition is read. */
static bool
lend(struct reader *r, yyjson_val *page, struct err *err)
{
    if (!page || yyjson_obj_size(r->options.state) > 0)
        return true;
    yyjson_mut_doc *doc = json_mut_doc(&r->partition_arena);
    r->lent = doc ? json_freeze(&r->partition_arena, yyjson_val_mut_copy(doc, page)) : NULL;
    return r->lent || err_no_memory(err);
}

static enum reader_step
next_slice(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    bool opened;
    if (async_remove(r))
        return GO_ON;
    if (!reader_next_span(r, &opened, err))
        return reader_fail(r);
    if (opened) {
        r->phase = PHASE_SEND;
        return GO_ON;
    }
    if (!r->has_walk) {
        if (r->single_partition_done)
            return finish(r, page, event, err);
        r->single_partition_done = true;
        bool passed;
        if (!reader_open_partition(r, NULL, NULL, err) || !covered_open(r, &passed, err))
            return reader_fail(r);
        if (!r->has_cursor) { /* one slice without bounds */
            if (!reader_open_slice(r, INT64_MIN, err))
                return reader_fail(r);
            r->phase = PHASE_SEND;
        }
        return GO_ON;
    }
    yyjson_val *entry;
    enum reader_step step;
    switch (walk_next(&r->walk, page, &entry, &step, event, err)) {
    case WALK_EVENT:
        if (step == READER_PAGE)
            return async_tell(r, page, event, err);
        return step == READER_FAILED ? reader_fail(r) : step;
    case WALK_END: return finish(r, page, event, err);
    case WALK_PARTITION: break;
    }
    if (r->stuck.code != E_OK) {
        *err = r->stuck;
        return reader_fail(r);
    }
    bool passed;
    if (!reader_open_partition(r, yyjson_arr_get(entry, 0), yyjson_arr_get(entry, 1), err) || !covered_open(r, &passed, err))
        return reader_fail(r);
    /* A partition that comes twice, its parent having been listed twice, has been read to now already. */
    if (passed || (r->has_cursor && !r->covered && !seen_add(&r->partitions, hash_add_whole(HASH_START, r->partition_text)))) {
        r->partition_open = false;
        return walk_partition_done(&r->walk, err) ? GO_ON : reader_fail(r);
    }
    r->single_partition_done = false;
    return lend(r, yyjson_arr_get(entry, 2), err) ? GO_ON : reader_fail(r);
}

/* ---- START */

static int64_t
since_of(const struct reader *r)
{
    int64_t us;
    bool has_state = yyjson_obj_size(r->options.state) > 0;
    return !has_state && r->options.updated_since.len && time_parse(r->options.updated_since, &us) ? us : INT64_MIN;
}

/* The field's readers evaluate a cursor with the first partition, so in comparisons parents are asked before it fails. */
static bool
fails_later(struct reader *r, struct err *err)
{
    if (!r->options.as_reference || !r->has_walk)
        return false;
    r->stuck = *err;
    *err = (struct err){.items = err->items};
    return true;
}

bool
reader_start(struct reader *r, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    reader_scene(r, &r->keep, value_undefined(), &scene);
    scene_scope(&scene, &scope);
    r->has_cursor = r->stream->cursor != NULL && !r->single;
    if (r->has_cursor && !cursor_init(&r->cursor, r->stream->cursor, &scope, &r->keep, r->options.overlap_us, since_of(r), err) &&
        !fails_later(r, err))
        return false;
    if (!state_take(r, err))
        return false;
    r->phase = PHASE_NEXT;
    return str_is_none(r->options.position) || position_restore(r, r->options.position, err);
}

static enum reader_step
loop_found(struct reader *r, struct err *err)
{
    err_set(err, E_CURSOR_LOOP, "The vendor gave the same page token twice while stream %.*s was read",
            STR_ARG(r->stream->info.name));
    return reader_fail(r);
}

/* What the vendor tells of its fields; only other readers need it, so it is asked for in comparisons alone. */
static enum reader_step
ask_schema(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct reader_options options = r->options;
    options.state = NULL, options.position = STR_NONE, options.updated_since = STR_NONE;
    if (!r->schema && !(r->schema = reader_new_for(&options, r->stream->schema_source, r->root, err)))
        return reader_fail(r);
    enum reader_step s = reader_next(r->schema, page, event, err);
    if (s == READER_FAILED)
        return reader_fail(r);
    if (s == READER_REQUEST && event->purpose == READER_FOR_PAGE)
        event->purpose = READER_FOR_SCHEMA;
    if (s != READER_PAGE && s != READER_DONE)
        return s;
    r->schema_asked = true;
    reader_free(r->schema);
    r->schema = NULL;
    *event = (struct reader_event){.declared_total = -1};
    return GO_ON;
}

/* What a request of this stream needs to be known beforehand. */
static enum reader_step
ask_properties(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    enum reader_step s = properties_next(r, page, event, err);
    return s == READER_FAILED ? reader_fail(r) : s == READER_DONE ? GO_ON : s;
}

static enum reader_step
step(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    switch (r->phase) {
    case PHASE_START: return reader_start(r, err) ? GO_ON : reader_fail(r);
    case PHASE_NEXT: return next_slice(r, page, event, err);
    case PHASE_SEND:
        if (r->lent)
            return take_lent(r, page, event, err);
        if (r->stream->schema_source && r->options.as_reference && !r->schema_asked)
            return ask_schema(r, page, event, err);
        if (r->stream->properties && !r->portions.lists)
            return ask_properties(r, page, event, err);
        return send_next(r, page, event, err);
    case PHASE_ASKED:
    case PHASE_LOGIN: return take_answer(r, page, event, err);
    case PHASE_STUCK: *err = r->stuck; return reader_fail(r);
    case PHASE_LOOP: return loop_found(r, err);
    case PHASE_DONE: return READER_DONE;
    case PHASE_FAILED: break;
    }
    if (r->fault.ptr)
        err_set(err, E_EXPRESSION, "%.*s", STR_ARG(r->fault));
    else if (err->code == E_OK)
        err_set(err, E_INTERNAL, "This read has already failed");
    return READER_FAILED;
}

enum reader_step
reader_next(struct reader *r, struct arena *page, struct reader_event *event_out, struct err *err)
{
    *event_out = (struct reader_event){.declared_total = -1};
    if (r->check)
        return reader_check_next(r, page, event_out, err);
    for (;;) {
        enum reader_step s = step(r, page, event_out, err);
        if (s != GO_ON)
            return s;
    }
}

void
reader_reply(struct reader *r, const struct http_reply *reply)
{
    CHECK(r->root->asked != NULL);
    r->root->asked->reply = reply;
}
