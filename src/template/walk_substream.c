/*
 * Walking over the records of parents (manifest-format, rule 37).
 *
 * Parents are read by a reader of their own, one page at a time: its requests come out of walk_next as events. Only the
 * partitions of one parent page are held, so memory does not grow with the number of parents.
 */
#include "template/walk_priv.h"

#include "base/limits.h"

/*
 * The field's readers read parents a little further than the partition they are at. That shows only where a read fails,
 * so it is done in comparisons alone; a product is read there with all of its parents first.
 */
bool
walk_looks_ahead(const struct walk *w)
{
    return w->owner->options.as_reference && !w->owner->options.first_request_only;
}

static bool
parent_open(struct walk *w, struct err *err)
{
    const struct parent_plan *plan = &w->router->parents[w->parent_index];
    struct reader_options options = w->owner->options;
    struct err ignored = {0};
    options.state = NULL;
    options.position = buf_str(&w->parent_position);
    if (options.position.len == 0)
        options.position = STR_NONE;
    if (plan->incremental) {
        const struct str *blob = map_get(&w->owner->parent_states, plan->stream->info.name);
        yyjson_val *json = blob ? json_parse(&w->owner->keep, *blob, JSON_NUMBERS_RAW, 128, &ignored) : NULL;
        options.state = json ? state_unblob(&w->owner->keep, json, plan->stream->router != NULL) : NULL;
    } else {
        options.updated_since = STR_NONE;
    }
    w->parent = reader_new_for(&options, plan->stream, w->owner->root, err);
    return w->parent != NULL;
}

static bool
extra_fields(struct walk *w, const struct parent_plan *plan, yyjson_val *record, yyjson_mut_doc *doc, yyjson_mut_val *extra,
             struct expr_scope *scope, struct err *err)
{
    for (size_t i = 0; i < plan->extra_count; i++) {
        struct str path[16], name = STR("");
        size_t count = plan->extra_counts[i] < ARRAY_LEN(path) ? plan->extra_counts[i] : ARRAY_LEN(path);
        for (size_t j = 0; j < count; j++) {
            if (!text_str(&plan->extra_paths[i][j], scope, &path[j], err))
                return false;
            name = j ? str_format(&w->page, "%.*s.%.*s", STR_ARG(name), STR_ARG(path[j])) : path[j];
        }
        yyjson_val *found = path_find(record, path, count);
        yyjson_mut_obj_add(extra, yyjson_mut_strncpy(doc, name.ptr ? name.ptr : "", name.len),
                           found ? yyjson_val_mut_copy(doc, found) : yyjson_mut_null(doc));
    }
    return true;
}

static bool
path_split(struct str text, struct str *path, size_t size, size_t *count_out)
{
    *count_out = 0;
    for (bool more = true; more;) {
        if (*count_out == size)
            return false;
        more = str_cut(text, '/', &path[*count_out], &text);
        if (path[*count_out].len)
            (*count_out)++;
    }
    return true;
}

/* The child's first page stands in its parent's record (lazy_read_pointer); without the member it is empty. */
static bool
lend_page(const struct parent_plan *plan, yyjson_val *record, yyjson_mut_doc *doc, yyjson_mut_val *entry, struct expr_scope *scope,
          struct err *err)
{
    struct str path[LIMIT_TEMPLATE_DEPTH];
    if (plan->lazy_count == 0)
        return true;
    for (size_t i = 0; i < plan->lazy_count; i++)
        if (!text_str(&plan->lazy_path[i], scope, &path[i], err))
            return false;
    yyjson_val *found = path_find(record, path, plan->lazy_count);
    yyjson_mut_val *page = found && !yyjson_is_null(found) ? yyjson_val_mut_copy(doc, found) : yyjson_mut_arr(doc);
    return (page && yyjson_mut_arr_append(entry, page)) || err_no_memory(err);
}

static bool
add_partition(struct walk *w, const struct parent_plan *plan, yyjson_val *record, yyjson_mut_doc *doc, yyjson_mut_val *list,
              struct expr_scope *scope, struct err *err)
{
    struct str key, field, path[16];
    size_t count;
    if (!text_str(&plan->parent_key, scope, &key, err) || !text_str(&plan->partition_field, scope, &field, err))
        return false;
    yyjson_val *value = path_split(key, path, ARRAY_LEN(path), &count) ? path_find(record, path, count) : NULL;
    if (!value) /* a parent without the key is passed over (rule 37) */
        return true;
    yyjson_mut_val *partition = yyjson_mut_obj(doc), *extra = yyjson_mut_obj(doc);
    yyjson_mut_val *above = w->parent->partition ? yyjson_val_mut_copy(doc, w->parent->partition) : yyjson_mut_obj(doc);
    yyjson_mut_obj_add(partition, yyjson_mut_strncpy(doc, field.ptr ? field.ptr : "", field.len), yyjson_val_mut_copy(doc, value));
    yyjson_mut_obj_add_val(doc, partition, "parent_slice", above);
    if (!extra_fields(w, plan, record, doc, extra, scope, err))
        return false;
    if (!walk_entry_add(doc, list, partition, extra))
        return err_no_memory(err);
    return !w->owner->stream->lazy || lend_page(plan, record, doc, yyjson_mut_arr_get_last(list), scope, err);
}

static bool
take_parent_states(struct walk *w, struct reader_event *event, struct err *err)
{
    const struct parent_plan *plan = &w->router->parents[w->parent_index];
    if (plan->incremental && !plan->stream->cursor && w->owner->options.as_reference && w->parent_pending.len == 0)
        return buf_add_c(&w->parent_pending, "{\"__ab_no_cursor_state_message\":true}") || err_no_memory(err);
    if (!plan->incremental || event->state_count == 0)
        return true;
    struct err ignored = {0};
    const struct str *known = map_get(&w->owner->parent_states, plan->stream->info.name);
    struct str before = w->parent_pending.len ? str_copy(&w->page, buf_str(&w->parent_pending)) : known ? *known : STR("{}");
    yyjson_val *blob = state_blob(&w->page, event->states, event->state_count, plan->stream->router != NULL);
    if (blob && plan->stream->router) /* only what changed was told */
        blob = state_blob_over(&w->page, json_parse(&w->page, before, JSON_NUMBERS_RAW, 128, &ignored), blob);
    buf_clear(&w->parent_pending);
    if (!blob || !json_write(&w->parent_pending, blob))
        return err_no_memory(err);
    return true;
}

/* What is left of the page before stays in front of this one. */
static bool
keep_rest(const struct walk *w, yyjson_mut_doc *doc, yyjson_mut_val *list)
{
    bool ok = true;
    for (size_t i = w->index; ok && i < yyjson_arr_size(w->list); i++)
        ok = yyjson_mut_arr_append(list, yyjson_val_mut_copy(doc, yyjson_arr_get(w->list, i)));
    return ok;
}

static bool
take_parent_page(struct walk *w, struct reader_event *event, struct err *err)
{
    const struct parent_plan *plan = &w->router->parents[w->parent_index];
    struct scene scene;
    struct expr_scope scope;
    w->observed_us = event->observed_wall_us;
    reader_scene(w->owner, &w->page, value_undefined(), &scene);
    scene.slice = scene.extra_fields = NULL;
    scene_scope(&scene, &scope);
    yyjson_mut_doc *doc = json_mut_doc(&w->page);
    yyjson_mut_val *list = doc ? yyjson_mut_arr(doc) : NULL;
    if (!list || !keep_rest(w, doc, list))
        return err_no_memory(err);
    arena_clear(&w->arena);
    w->list = NULL, w->index = 0;
    for (size_t i = 0; list && i < event->record_count; i++)
        if (str_is_none(event->records[i].rejected) && yyjson_is_obj(event->records[i].value) &&
            !add_partition(w, plan, event->records[i].value, doc, list, &scope, err))
            return false;
    w->list = list ? json_freeze(&w->arena, list) : NULL;
    buf_clear(&w->parent_position);
    if (!w->list || !buf_add(&w->parent_position, event->position))
        return err_no_memory(err);
    return take_parent_states(w, event, err);
}

static bool
store_parent_state(struct walk *w, struct err *err)
{
    if (w->parent_pending.len == 0)
        return true;
    struct reader *r = w->owner;
    struct str *text = ARENA_NEW(&r->keep, struct str);
    struct str name = w->router->parents[w->parent_index].stream->info.name;
    if (text)
        *text = str_copy(&r->keep, buf_str(&w->parent_pending));
    if (!text || !text->ptr || !map_put(&r->parent_states, name, text))
        return err_no_memory(err);
    r->parent_states_changed = true;
    buf_clear(&w->parent_pending);
    return true;
}

/* Asks the parent's reader for its next page. True: look at the list again; false: *step_out says what came. */
static bool
parent_step(struct walk *w, struct reader_event *event, enum reader_step *step_out, struct err *err)
{
    *step_out = READER_FAILED;
    if (!w->parent && !parent_open(w, err))
        return false;
    arena_clear(&w->page);
    enum reader_step step = reader_next(w->parent, &w->page, event, err);
    if (step == READER_REQUEST && event->purpose == READER_FOR_PAGE)
        event->purpose = READER_FOR_PARENT;
    if (step != READER_PAGE && step != READER_DONE) {
        *step_out = step;
        return false;
    }
    if (step == READER_DONE) {
        if (!take_parent_states(w, event, err) || !store_parent_state(w, err))
            return false;
        reader_free(w->parent);
        w->parent = NULL, w->parent_index++;
        buf_clear(&w->parent_position);
        return true;
    }
    bool told = async_must_tell(w->parent, event);
    if (!take_parent_page(w, event, err))
        return false;
    *step_out = READER_PAGE;
    return !told;
}

/*
 * A parent's record counts once the next one has come, or its slice has ended; where there is a cursor, one later still,
 * and one more where the reader is a parent itself.
 */
static bool
wants_more_first(const struct walk *w)
{
    const struct reader *owner = w->owner;
    size_t left = yyjson_arr_size(w->list) - w->index, ahead = 1 + (owner->stream->cursor != NULL) + (owner->root != owner);
    enum phase phase = w->parent ? w->parent->phase : PHASE_DONE;
    bool in_slice = phase == PHASE_SEND || phase == PHASE_ASKED || phase == PHASE_LOGIN || phase == PHASE_FAILED;
    return left > 0 && w->parent_index < w->router->parent_count && (left < ahead || (left == ahead && in_slice));
}

enum walk_step
walk_substream_step(struct walk *w, yyjson_val **entry_out, enum reader_step *step_out, struct reader_event *event, struct err *err)
{
    for (;;) {
        bool ahead = walk_looks_ahead(w) && wants_more_first(w);
        if (!ahead && walk_list_step(w, entry_out) == WALK_PARTITION)
            return WALK_PARTITION;
        if (!ahead && !walk_partition_done(w, err)) /* an empty parent page may carry a state too */
            return walk_fail(step_out);
        if (w->parent_index >= w->router->parent_count)
            return WALK_END;
        if (!parent_step(w, event, step_out, err))
            return WALK_EVENT;
    }
}

bool
walk_partition_done(struct walk *w, struct err *err)
{
    return w->router->kind != ROUTER_SUBSTREAM || w->index < yyjson_arr_size(w->list) || store_parent_state(w, err);
}
