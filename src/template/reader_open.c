/*
 * Making, opening and freeing readers: of a stream, of one record by its id, of the connection test.
 *
 * The machine itself is in reader.c. A test is a row of readers of which one page each is enough; a read of one record is a
 * stream of its own that the template derives, opened in a slice that holds the id.
 */
#include "template/reader_priv.h"

#include "base/alloc.h"
#include "base/limits.h"

/* ---- making and freeing */

/* A reader without a template of its own (tests) has no rules. */
bool
reader_normal_config(struct reader *r, yyjson_val *config, struct err *err)
{
    const struct template *t = r->stream->owner;
    return config_rules_apply(t ? t->config_rules : NULL, &r->keep, r->options.now_us, config, &r->config, err);
}

static bool
keep_text(struct reader *r, struct str *text, struct err *err)
{
    if (str_is_none(*text))
        return true;
    *text = str_copy(&r->keep, *text);
    return text->ptr || err_no_memory(err);
}

static bool
walk_of(struct reader *r, struct err *err)
{
    r->has_walk = r->stream->router != NULL;
    return !r->has_walk || walk_init(&r->walk, r->stream->router, r, err);
}

struct reader *
reader_new_for(const struct reader_options *options, const struct template_stream *declared, struct reader *root, struct err *err)
{
    struct reader *r = alloc_zeroed(1, sizeof(*r));
    if (!r) {
        err_no_memory(err);
        return NULL;
    }
    r->options = *options, r->stream = declared, r->root = root ? root : r;
    r->config = options->config, r->wall_us = options->now_us;
    arena_init(&r->keep, LIMIT_RUN_ARENA_BYTES);
    arena_init(&r->partition_arena, LIMIT_RUN_ARENA_BYTES);
    arena_init(&r->slice_arena, LIMIT_RUN_ARENA_BYTES);
    arena_init(&r->portions.arena, LIMIT_PAGE_ARENA_BYTES);
    buf_init(&r->token, LIMIT_RECORD_BYTES);
    map_init(&r->states, &r->keep);
    map_init(&r->covers, &r->keep);
    map_init(&r->parent_states, &r->keep);
    r->state_us = r->recent_us = r->again_us = INT64_MIN;
    if ((!root && !reader_normal_config(r, options->config, err)) || !keep_text(r, &r->options.position, err) ||
        !keep_text(r, &r->options.updated_since, err) || !keep_text(r, &r->options.stream, err) ||
        !delegate_choose(r, declared, err) || !walk_of(r, err)) {
        reader_free(r);
        return NULL;
    }
    return r;
}

struct reader *
reader_new_list(const struct reader_options *options, size_t index, struct err *err)
{
    return reader_new_for(options, options->template->dynamics[index].list, NULL, err);
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
    reader_free(r->portions.source);
    arena_release(&r->portions.arena);
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

/* ---- opening */

static const struct template_stream *
find_stream(const struct reader_options *options, struct err *err)
{
    const struct template_stream *s = template_stream_find(options->template, options->stream);
    if (!s) {
        err_set(err, E_TEMPLATE_REFUSED, "The template has no stream \"%.*s\"", STR_ARG(options->stream));
        return NULL;
    }
    if (!str_is_none(s->info.refused)) {
        err_set(err, E_TEMPLATE_REFUSED, "Stream %.*s %.*s", STR_ARG(s->info.name), STR_ARG(s->info.refused));
        return NULL;
    }
    return s;
}

/* A bad position is found at once, so that nobody leases a run for it. */
static struct reader *
start_now(struct reader *r, struct err *err)
{
    if (!r || str_is_none(r->options.position) || reader_start(r, err))
        return r;
    reader_free(r);
    return NULL;
}

struct reader *
reader_new(const struct reader_options *options, struct err *err)
{
    const struct template_stream *s = find_stream(options, err);
    return s ? start_now(reader_new_for(options, s, NULL, err), err) : NULL;
}

/* Are all members there that the stream's `reads` needs beside the id? */
static bool
has_needs(const struct template *t, const struct template_stream *s, yyjson_val *slice)
{
    yyjson_val *spec = json_get(json_get_c(t->info.tidemark, "reads"), s->info.name), *name;
    size_t index, max;
    JSON_EACH_ITEM(json_get_c(spec, "needs"), index, max, name) {
        if (json_str(json_get(slice, json_str(name))).len == 0)
            return false;
    }
    return true;
}

static yyjson_val *
single_slice(struct reader *r, struct str external_id, yyjson_val *more)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_mut_doc *doc = json_mut_doc(&r->keep);
    yyjson_mut_val *slice = doc ? yyjson_mut_obj(doc) : NULL;
    if (!slice)
        return NULL;
    JSON_EACH_MEMBER(more, index, max, key, value)
        yyjson_mut_obj_add(slice, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    yyjson_mut_obj_put(slice, yyjson_mut_str(doc, "id"), yyjson_mut_strncpy(doc, external_id.ptr, external_id.len));
    return json_freeze(&r->keep, slice);
}

struct reader *
reader_new_single_in(const struct reader_options *options, struct str external_id, yyjson_val *more, struct err *err)
{
    const struct template_stream *s = find_stream(options, err);
    const struct template *t = options->template;
    struct reader *r = NULL;
    if (!s)
        return NULL;
    if (!t->reads[s - t->streams] || !has_needs(t, s, more)) {
        err_set(err, E_TEMPLATE_REFUSED, "The template cannot read one record of %.*s by its id", STR_ARG(s->info.name));
        return NULL;
    }
    struct reader_options own = *options;
    own.state = NULL, own.position = STR_NONE;
    if (!(r = reader_new_for(&own, t->reads[s - t->streams], NULL, err)))
        return NULL;
    yyjson_val *slice = single_slice(r, external_id, more);
    r->single = true, r->single_partition_done = true;
    if (!slice || !reader_open_partition(r, slice, NULL, err) || !reader_open_slice(r, INT64_MIN, err)) {
        reader_free(r);
        return NULL;
    }
    r->phase = PHASE_SEND;
    return r;
}

struct reader *
reader_new_single(const struct reader_options *options, struct str external_id, struct err *err)
{
    return reader_new_single_in(options, external_id, NULL, err);
}

/* ---- the connection test */

static bool
check_wants(const struct template *t, const struct template_stream *s)
{
    const struct node *names = node_get_c(node_get_c(t->root, "check"), "stream_names");
    if (!names || names->type != NODE_LIST || names->count == 0)
        return s->info.synced;
    for (size_t i = 0; i < names->count; i++)
        if (str_eq(node_text(names->items[i]), s->info.name))
            return true;
    return false;
}

static bool
check_add(struct reader *r, const struct template_stream *s, bool test, struct err *err)
{
    struct reader *one = reader_new_for(&r->options, s, r, err);
    if (!one)
        return false;
    one->test = test;
    r->check[r->check_count++] = one;
    return true;
}

struct reader *
reader_new_check(const struct reader_options *options, struct err *err)
{
    const struct template *t = options->template;
    struct reader_options own = *options;
    own.state = NULL, own.position = STR_NONE;
    if (t->stream_count == 0 && !t->test) {
        err_set(err, E_TEMPLATE_REFUSED, "There is no stream: this template's streams are made by the configuration, which names none");
        return NULL;
    }
    struct reader *r = reader_new_for(&own, t->stream_count ? &t->streams[0] : t->test, NULL, err);
    bool ok = r && (r->check = alloc_zeroed(t->stream_count + 1, sizeof(*r->check)));
    if (r && !ok)
        err_no_memory(err);
    if (ok && t->test)
        ok = check_add(r, t->test, true, err);
    for (size_t i = 0; ok && i < t->stream_count; i++)
        if (!t->test && str_is_none(t->streams[i].info.refused) && check_wants(t, &t->streams[i]))
            ok = check_add(r, &t->streams[i], false, err);
    if (ok && r->check_count == 0)
        ok = err_set(err, E_TEMPLATE_REFUSED, "The template's connection test names no stream that can be read");
    if (ok)
        return r;
    reader_free(r);
    return NULL;
}

enum reader_step
reader_check_next(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    while (r->check_index < r->check_count) {
        struct reader *one = r->check[r->check_index];
        enum reader_step s = reader_next(one, page, event, err);
        if (s != READER_PAGE && s != READER_DONE)
            return s;
        r->check_index++; /* one page was enough: the credential works for this stream */
        *event = (struct reader_event){.declared_total = -1};
    }
    return READER_DONE;
}
