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

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "template/operation_priv.h"

void
reader_scene(const struct reader *r, struct arena *a, struct value token, struct scene *scene_out)
{
    *scene_out = (struct scene){.arena = a, .config = r->root->config, .now_us = r->options.now_us, .slice = r->slice,
                                .extra_fields = r->extra, .token = token, .input = r->input,
                                .as_reference = r->options.as_reference};
    async_scene(r, scene_out);
}

enum reader_step
reader_fail(struct reader *r)
{
    r->phase = PHASE_FAILED;
    return READER_FAILED;
}

static yyjson_val *
empty_object(struct arena *a)
{
    struct err ignored = {0};
    return json_parse(a, STR("{}"), JSON_PLAIN, 4, &ignored);
}

static yyjson_val *
copy_or_empty(struct arena *a, yyjson_val *json)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    if (!yyjson_is_obj(json))
        return empty_object(a);
    return doc ? json_freeze(a, yyjson_val_mut_copy(doc, json)) : NULL;
}

/* ---- slices */

bool
reader_open_partition(struct reader *r, yyjson_val *partition, yyjson_val *extra, struct err *err)
{
    struct buf b;
    arena_clear(&r->partition_arena);
    arena_clear(&r->slice_arena);
    r->slice = NULL;
    r->partition = copy_or_empty(&r->partition_arena, partition);
    r->extra = copy_or_empty(&r->partition_arena, extra);
    buf_init(&b, LIMIT_RECORD_BYTES);
    bool ok = r->partition && r->extra && json_write_canonical(&b, r->partition);
    r->partition_text = ok ? str_copy(&r->partition_arena, r->has_walk ? buf_str(&b) : STR("")) : STR_NONE;
    buf_release(&b);
    if (!ok || !r->partition_text.ptr)
        return err_set(err, E_LIMIT, "A partition is too large");
    r->partition_open = true;
    r->recent_us = INT64_MIN;
    r->state_us = state_of_partition(r, r->partition_text);
    r->lower_us = r->has_cursor ? cursor_first_lower(&r->cursor, r->state_us) : INT64_MIN;
    return true;
}

static bool
slice_member(yyjson_mut_doc *doc, yyjson_mut_val *slice, struct str name, struct str value)
{
    return name.ptr && value.ptr &&
           yyjson_mut_obj_put(slice, yyjson_mut_strncpy(doc, name.ptr, name.len), yyjson_mut_strncpy(doc, value.ptr, value.len));
}

/* The slice as expressions see it: the partition's members, the span's bounds, extra_fields. */
static bool
make_slice(struct reader *r, struct err *err)
{
    arena_clear(&r->slice_arena);
    struct arena *a = &r->slice_arena;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *slice = doc ? yyjson_val_mut_copy(doc, r->partition) : NULL;
    bool ok = slice != NULL;
    if (ok && r->has_cursor)
        ok = slice_member(doc, slice, r->cursor.partition_start, cursor_format(&r->cursor, a, r->span.start_us)) &&
             slice_member(doc, slice, r->cursor.partition_end, cursor_format(&r->cursor, a, r->span.end_us));
    if (ok && yyjson_obj_size(r->extra) > 0 && !yyjson_mut_obj_get(slice, "extra_fields"))
        ok = yyjson_mut_obj_add_val(doc, slice, "extra_fields", yyjson_val_mut_copy(doc, r->extra));
    r->slice = ok ? json_freeze(a, slice) : NULL;
    return r->slice || err_no_memory(err);
}

static void
begin_pages(struct reader *r)
{
    r->pages = 0, r->empty_pages = 0;
    r->attempt = r->parse_attempt = 0, r->refreshed = false;
    r->slice_recent_us = INT64_MIN;
    async_begin(r);
    drift_begin(r);
    r->seen.count = 0;
    if (r->seen.slots)
        memset(r->seen.slots, 0, r->seen.size * sizeof(*r->seen.slots));
}

bool
reader_first_token(struct reader *r, struct err *err)
{
    struct value first = pager_first(&r->stream->pager);
    buf_clear(&r->token);
    return first.type != VALUE_INT || buf_add_i64(&r->token, first.integer) || err_no_memory(err);
}

bool
reader_open_slice(struct reader *r, int64_t lower_us, struct err *err)
{
    r->span = (struct cursor_slice){.last = true, .next_us = INT64_MIN};
    if (r->has_cursor && !cursor_slice_at(&r->cursor, lower_us, &r->span))
        return err_set(err, E_VALIDATION_FAILED, "The stored position does not fit the configuration: start the run anew");
    begin_pages(r);
    return make_slice(r, err) && reader_first_token(r, err);
}

/* Is there another span in the open partition? Opens it. */
static bool
next_span(struct reader *r, bool *opened_out, struct err *err)
{
    struct cursor_slice span;
    *opened_out = false;
    if (!r->partition_open)
        return true;
    if (r->has_cursor && (r->lower_us == INT64_MIN || !cursor_slice_at(&r->cursor, r->lower_us, &span))) {
        r->partition_open = false;
        return true;
    }
    if (!r->has_cursor && r->single_partition_done) {
        r->partition_open = false;
        return true;
    }
    if (!reader_open_slice(r, r->lower_us, err))
        return false;
    *opened_out = true;
    return true;
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

/* ---- tokens */

static uint64_t
hash_more(uint64_t h, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

/* The session of an authenticator; the same login in a parent and its child is one session. */
static struct auth_session *
session_of(struct reader *r, const struct auth *auth, struct expr_scope *scope, struct err *err)
{
    struct str identity;
    struct reader *root = r->root;
    if (!auth->kind->identity(auth, scope, &identity, err))
        return NULL;
    uint64_t key = hash_more(UINT64_C(0xcbf29ce484222325), identity);
    for (size_t i = 0; i < root->slot_count; i++)
        if (root->slots[i].key == key)
            return &root->slots[i].session;
    struct token_slot *slots = alloc_resized(root->slots, (root->slot_count + 1) * sizeof(*slots));
    if (!slots) {
        err_no_memory(err);
        return NULL;
    }
    root->slots = slots;
    slots[root->slot_count] = (struct token_slot){.key = key};
    return &slots[root->slot_count++].session;
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
           requester_build(&s->requester, &d, scope, path_of_token(r, page, token), auth_token, request_out, err);
}

static enum reader_step
ask(struct reader *r, struct reader_event *event, enum reader_purpose purpose, enum phase phase)
{
    event->purpose = purpose;
    r->reply = NULL;
    r->root->asked = r;
    r->phase = phase;
    return READER_REQUEST;
}

/* READER_PAGE here means: nothing came out, the token is ready. */
static enum reader_step
log_in_if_needed(struct reader *r, struct expr_scope *scope, struct reader_event *event, struct str *token_out, struct err *err)
{
    const struct auth *auth = auth_choose(&reader_requester(r)->auth, scope, err);
    *token_out = STR_NONE;
    if (!auth)
        return reader_fail(r);
    if (!auth->kind->need)
        return READER_PAGE;
    struct auth_session *session = session_of(r, auth, scope, err);
    enum auth_need need = session ? auth->kind->need(auth, scope, session, err) : AUTH_FAILED;
    if (need == AUTH_FAILED)
        return reader_fail(r);
    if (need == AUTH_READY && (session->expires_us > r->root->wall_us || session->expires_us == INT64_MAX)) {
        *token_out = session->token;
        return READER_PAGE;
    }
    if (!auth->kind->login(auth, scope, &event->request, err))
        return reader_fail(r);
    return ask(r, event, READER_FOR_TOKEN, PHASE_LOGIN);
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
    enum reader_step step = log_in_if_needed(r, &scope, event, &auth_token, err);
    if (step != READER_PAGE)
        return step;
    if (!build_request(r, page, &scope, token, auth_token, &event->request, err) ||
        (r->operation && !operation_request(r, &scope, &event->request, err)))
        return reader_fail(r);
    return ask(r, event, READER_FOR_PAGE, PHASE_ASKED);
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

/* Lays the patch over an object, deeply. */
static void
merge_patch(yyjson_mut_doc *doc, yyjson_mut_val *into, yyjson_val *patch)
{
    size_t index, max;
    yyjson_val *key, *item;
    JSON_EACH_MEMBER(patch, index, max, key, item) {
        yyjson_mut_val *there = yyjson_mut_obj_getn(into, yyjson_get_str(key), yyjson_get_len(key));
        if (yyjson_is_obj(item) && yyjson_mut_is_obj(there))
            merge_patch(doc, there, item);
        else
            yyjson_mut_obj_put(into, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
}

/* The configuration as it will be once the patch is stored: the next login needs the new refresh token. */
static bool
patch_config(struct reader *root, yyjson_val *patch, struct err *err)
{
    yyjson_mut_doc *doc = json_mut_doc(&root->keep);
    yyjson_mut_val *config = doc ? yyjson_val_mut_copy(doc, root->config) : NULL;
    if (!config)
        return err_no_memory(err);
    merge_patch(doc, config, patch);
    yyjson_val *frozen = json_freeze(&root->keep, config);
    if (frozen)
        root->config = frozen;
    return frozen || err_no_memory(err);
}

static enum reader_step
take_login(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    reader_scene(r, page, value_undefined(), &scene);
    scene.now_us = r->root->wall_us > scene.now_us ? r->root->wall_us : scene.now_us;
    scene_scope(&scene, &scope);
    const struct http_reply *reply = r->reply;
    const struct auth *auth = auth_choose(&reader_requester(r)->auth, &scope, err);
    struct auth_session *session = auth ? session_of(r, auth, &scope, err) : NULL;
    if (!session)
        return reader_fail(r);
    r->phase = PHASE_SEND;
    if (reply->status == 0 && (auth->kind->single_use(auth) || reply->code == E_CANCELLED || reply->code == E_SHUTTING_DOWN ||
                               reply->code == E_ADDRESS_REFUSED)) {
        /* The vendor may have taken the token that works only once: asking again could burn the next one. */
        enum err_code code = reply->code == E_NETWORK || reply->code == E_TIMEOUT ? E_VENDOR_UNAVAILABLE : reply->code;
        err_set(err, code, "The login at the vendor got no answer: %s", reply->message);
        return reader_fail(r);
    }
    if (reply->status == 429 || reply->status >= 500 || reply->status == 0) {
        static const struct error_handler plain;
        if (retry_plan(r, &scope, &plain, reply, reply->status == 429, "the login did not answer", page, event, err))
            return READER_WAIT;
        return reader_fail(r);
    }
    if (!auth->kind->answer(auth, &scope, reply, session, &event->config_patch, err))
        return reader_fail(r);
    event->token_expires_us = session->expires_us;
    r->attempt = 0;
    if (event->config_patch && !patch_config(r->root, event->config_patch, err))
        return reader_fail(r);
    return event->config_patch ? READER_TOKEN : READER_PAGE;
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

static enum reader_step
take_answer(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    CHECK(r->reply != NULL); /* reader_next without reader_reply: the driver's mistake */
    note_time(r);
    if (r->phase == PHASE_ASKED)
        return take_page(r, page, event, err);
    enum reader_step step = take_login(r, page, event, err);
    return step == READER_PAGE ? GO_ON : step;
}

/* ---- NEXT */

static enum reader_step
next_slice(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    bool opened;
    if (async_remove(r))
        return GO_ON;
    if (!next_span(r, &opened, err))
        return reader_fail(r);
    if (opened) {
        r->phase = PHASE_SEND;
        return GO_ON;
    }
    if (!r->has_walk) {
        if (r->single_partition_done)
            return finish(r, page, event, err);
        r->single_partition_done = true;
        if (!reader_open_partition(r, NULL, NULL, err))
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
    if (!reader_open_partition(r, yyjson_arr_get(entry, 0), yyjson_arr_get(entry, 1), err))
        return reader_fail(r);
    /* A partition that comes twice, its parent having been listed twice, has been read to now already. */
    if (r->has_cursor && !seen_add(&r->partitions, hash_more(UINT64_C(0xcbf29ce484222325), r->partition_text))) {
        r->partition_open = false;
        return walk_partition_done(&r->walk, err) ? GO_ON : reader_fail(r);
    }
    r->single_partition_done = false;
    return GO_ON;
}

/* ---- START */

static int64_t
since_of(const struct reader *r)
{
    int64_t us;
    bool has_state = yyjson_obj_size(r->options.state) > 0;
    return !has_state && r->options.updated_since.len && time_parse(r->options.updated_since, &us) ? us : INT64_MIN;
}

bool
reader_start(struct reader *r, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    reader_scene(r, &r->keep, value_undefined(), &scene);
    scene_scope(&scene, &scope);
    r->has_cursor = r->stream->cursor != NULL && !r->single;
    if (r->has_cursor && !cursor_init(&r->cursor, r->stream->cursor, &scope, &r->keep, r->options.overlap_us, since_of(r), err))
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

static enum reader_step
step(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    switch (r->phase) {
    case PHASE_START: return reader_start(r, err) ? GO_ON : reader_fail(r);
    case PHASE_NEXT: return next_slice(r, page, event, err);
    case PHASE_SEND:
        if (r->stream->schema_source && r->options.as_reference && !r->schema_asked)
            return ask_schema(r, page, event, err);
        return send_next(r, page, event, err);
    case PHASE_ASKED:
    case PHASE_LOGIN: return take_answer(r, page, event, err);
    case PHASE_LOOP: return loop_found(r, err);
    case PHASE_DONE: return READER_DONE;
    case PHASE_FAILED: break;
    }
    if (err->code == E_OK)
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

/* A reader without a template of its own (tests) has no rules. */
static bool
normal_config(struct reader *r, yyjson_val *config, struct err *err)
{
    const struct template *t = r->stream->owner;
    return config_rules_apply(t ? t->config_rules : NULL, &r->keep, r->options.now_us, config, &r->config, err);
}

void
reader_config_replace(struct reader *r, yyjson_val *config)
{
    struct reader *asked = r->root->asked;
    struct err ignored = {0};
    if (!normal_config(r->root, config, &ignored)) /* the one before fitted, and only tokens have changed */
        r->root->config = config;
    for (size_t i = 0; i < r->root->slot_count; i++)
        auth_session_release(&r->root->slots[i].session);
    if (asked && (asked->phase == PHASE_LOGIN || asked->phase == PHASE_ASKED))
        asked->phase = PHASE_SEND;
}

/* ---- making and freeing */

static bool
keep_text(struct reader *r, struct str *text, struct err *err)
{
    if (str_is_none(*text))
        return true;
    *text = str_copy(&r->keep, *text);
    return text->ptr || err_no_memory(err);
}

/* A read that goes on stays with the stream that it began with. */
static const struct template_stream *
delegate(const struct template_stream *stream, const struct reader_options *options)
{
    if (!stream->with_state)
        return stream;
    if (!str_is_none(options->position))
        return str_find_str(options->position, STR("\"delegate\":true")) >= 0 ? stream->with_state : stream;
    return yyjson_obj_size(options->state) > 0 ? stream->with_state : stream;
}

struct reader *
reader_new_for(const struct reader_options *options, const struct template_stream *declared, struct reader *root, struct err *err)
{
    const struct template_stream *stream = delegate(declared, options);
    struct reader *r = alloc_zeroed(1, sizeof(*r));
    if (!r) {
        err_no_memory(err);
        return NULL;
    }
    r->options = *options, r->stream = stream, r->delegated = stream != declared, r->root = root ? root : r;
    r->config = options->config, r->wall_us = options->now_us;
    arena_init(&r->keep, LIMIT_RUN_ARENA_BYTES);
    arena_init(&r->partition_arena, LIMIT_RUN_ARENA_BYTES);
    arena_init(&r->slice_arena, LIMIT_RUN_ARENA_BYTES);
    buf_init(&r->token, LIMIT_RECORD_BYTES);
    map_init(&r->states, &r->keep);
    map_init(&r->parent_states, &r->keep);
    r->state_us = r->recent_us = INT64_MIN;
    r->has_walk = stream->router != NULL;
    if ((!root && !normal_config(r, options->config, err)) || !keep_text(r, &r->options.position, err) ||
        !keep_text(r, &r->options.updated_since, err) ||
        !keep_text(r, &r->options.stream, err) || (r->has_walk && !walk_init(&r->walk, stream->router, r, err))) {
        reader_free(r);
        return NULL;
    }
    return r;
}

void
reader_free(struct reader *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->check_count; i++)
        reader_free(r->check[i]);
    free(r->check);
    reader_free(r->schema);
    walk_release(&r->walk);
    for (size_t i = 0; i < r->slot_count; i++)
        auth_session_release(&r->slots[i].session);
    free(r->slots);
    seen_release(&r->seen);
    seen_release(&r->partitions);
    buf_release(&r->token);
    arena_release(&r->slice_arena);
    arena_release(&r->partition_arena);
    arena_release(&r->keep);
    free(r);
}
