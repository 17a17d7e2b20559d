/*
 * States: what is remembered between runs, as rows of ours and as the one value of the field's readers.
 *
 * A stream without partitions has one row, "": {"updated_at": "..."}. A partitioned stream has a row per
 * partition, and a row "" with what belongs to all: the greatest cursor of a finished read ("state"), how
 * long that read took ("lookback_window"), the states of parents ("parent_state"). The one value is
 * {"use_global_cursor", "states": [{"partition", "cursor"}], "state", "lookback_window", "parent_state"}.
 */
#include "template/reader_priv.h"

#include "base/clock.h"
#include "json/writer.h"

static int64_t
cursor_of(const struct reader *r, struct arena *a, yyjson_val *state)
{
    int64_t us;
    yyjson_val *value = json_get(state, r->cursor.field);
    return value && cursor_parse(&r->cursor, a, value, &us) ? us : INT64_MIN;
}

static bool
put_text(struct map *m, struct arena *keep, struct str key, struct str text, struct err *err)
{
    struct str *copy = ARENA_NEW(keep, struct str);
    if (!copy)
        return err_no_memory(err);
    *copy = str_copy(keep, text);
    key = str_copy(keep, key);
    if (!copy->ptr || !key.ptr || !map_put(m, key, copy))
        return err_no_memory(err);
    return true;
}

static bool
take_shared_row(struct reader *r, yyjson_val *row, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *item;
    r->global = row;
    yyjson_val *global = json_get_c(row, "state");
    r->global_us = global && r->has_cursor ? cursor_of(r, &r->keep, global) : INT64_MIN;
    JSON_EACH_MEMBER(json_get_c(row, "parent_state"), index, max, key, item) {
        if (!put_text(&r->parent_states, &r->keep, json_str(key), json_to_text(&r->keep, item), err))
            return false;
    }
    return true;
}

bool
state_take(struct reader *r, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *item;
    r->global_us = r->global_new_us = INT64_MIN;
    JSON_EACH_MEMBER(r->options.state, index, max, key, item) {
        bool shared = r->has_walk && json_str(key).len == 0;
        if (shared ? !take_shared_row(r, item, err)
                   : !put_text(&r->states, &r->keep, json_str(key), json_to_text(&r->keep, item), err))
            return false;
    }
    return true;
}

bool
state_is_global(const struct reader *r)
{
    return r->cursor.plan->global || json_bool_or(json_get_c(r->global, "use_global_cursor"), false);
}

int64_t
state_of_partition(struct reader *r, struct str partition)
{
    struct err ignored = {0};
    if (!r->has_cursor)
        return INT64_MIN;
    const struct str *text = r->cursor.plan->global ? NULL : map_get(&r->states, partition);
    yyjson_val *state = text ? json_parse(&r->partition_arena, *text, JSON_NUMBERS_RAW, 16, &ignored) : NULL;
    if (state)
        return cursor_of(r, &r->partition_arena, state);
    if (r->global_us == INT64_MIN)
        return INT64_MIN;
    int64_t window_s = 0; /* a partition that is new begins where the last read began */
    if (json_to_i64(json_get_c(r->global, "lookback_window"), &window_s) && window_s > 0 && window_s < 365 * 86400)
        return r->global_us - window_s * US_PER_S;
    return r->global_us;
}

/* {"updated_at":"..."} with the members that the state had besides. */
static struct str
cursor_row(struct reader *r, struct arena *a, yyjson_val *before, int64_t us)
{
    struct buf b;
    struct json_writer w;
    size_t index, max;
    yyjson_val *key, *item;
    buf_init(&b, 1 << 20);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    JSON_EACH_MEMBER(before, index, max, key, item) {
        if (str_eq(json_str(key), r->cursor.field))
            continue;
        json_add_key(&w, json_str(key));
        json_add_val(&w, NULL, item);
    }
    json_add_key(&w, r->cursor.field);
    if (r->cursor.plan->count)
        json_add_raw(&w, NULL, cursor_format(&r->cursor, a, us));
    else
        json_add_str(&w, NULL, cursor_format(&r->cursor, a, us));
    json_end_object(&w);
    struct str row = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return row;
}

static struct str
partition_row(struct reader *r, struct arena *a)
{
    struct err ignored = {0};
    int64_t us = r->state_us > r->cursor.start_us ? r->state_us : r->cursor.start_us;
    const struct str *text = map_get(&r->states, r->partition_text);
    if (r->recent_us > us)
        us = r->recent_us;
    return cursor_row(r, a, text ? json_parse(a, *text, JSON_NUMBERS_RAW, 16, &ignored) : NULL, us);
}

static void
write_global(struct reader *r, struct arena *a, struct json_writer *w, bool final)
{
    int64_t window_us = r->root->wall_us - r->options.now_us; /* the run began then, also if it was resumed */
    bool fresh = final && r->saw_records && r->global_new_us != INT64_MIN;
    json_add_bool(w, "use_global_cursor", state_is_global(r));
    if (fresh)
        json_add_raw(w, "state", cursor_row(r, a, NULL, r->global_new_us));
    else if (json_get_c(r->global, "state"))
        json_add_val(w, "state", json_get_c(r->global, "state"));
    if (fresh)
        json_add_i64(w, "lookback_window", window_us > 0 ? (window_us + US_PER_S - 1) / US_PER_S : 0);
    else if (json_get_c(r->global, "lookback_window"))
        json_add_val(w, "lookback_window", json_get_c(r->global, "lookback_window"));
}

static struct str
shared_row(struct reader *r, struct arena *a, bool final)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 16 << 20);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    if (r->has_cursor)
        write_global(r, a, &w, final);
    if (r->walk.router->kind == ROUTER_SUBSTREAM && !(r->walk.router->listed && r->options.as_reference)) {
        json_begin_object(&w, "parent_state");
        for (size_t i = 0; i < r->walk.router->parent_count; i++) {
            struct str name = r->walk.router->parents[i].stream->info.name;
            const struct str *blob = map_get(&r->parent_states, name);
            if (!blob || !r->walk.router->parents[i].incremental)
                continue;
            json_add_key(&w, name);
            json_add_raw(&w, NULL, *blob);
        }
        json_end_object(&w);
    }
    const struct router *router = r->walk.router;
    if (router->kind == ROUTER_GROUPS && router->parts[0].kind == ROUTER_SUBSTREAM && !(router->listed && r->options.as_reference)) {
        json_begin_object(&w, "parent_state");
        json_end_object(&w);
    }
    json_end_object(&w);
    struct str row = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return row;
}

bool
state_rows(struct reader *r, struct arena *page, bool partition_changed, bool final, struct reader_event *event, struct err *err)
{
    struct reader_state *rows = ARENA_ARRAY(page, struct reader_state, 2);
    size_t count = 0;
    bool keeps_parents = r->has_walk && r->walk.router->kind == ROUTER_SUBSTREAM;
    if (!rows)
        return err_no_memory(err);
    bool own_row = r->has_cursor && !(r->has_walk && state_is_global(r));
    if (own_row && (partition_changed || (final && !r->has_walk)))
        rows[count++] = (struct reader_state){str_copy(page, r->has_walk ? r->partition_text : STR("")), partition_row(r, page)};
    bool told_often = r->options.as_reference && keeps_parents && partition_changed; /* as the field's readers do */
    if (!own_row && r->root == r && r->parent_states.count == 0)
        told_often = false;
    if (r->has_walk && (r->has_cursor || keeps_parents) && (final || r->parent_states_changed || told_often))
        rows[count++] = (struct reader_state){STR(""), shared_row(r, page, final)};
    for (size_t i = 0; i < count; i++)
        if (!rows[i].state.ptr)
            return err_no_memory(err);
    r->parent_states_changed = false;
    event->states = rows, event->state_count = count;
    return true;
}

static void
blob_members(struct json_writer *w, struct arena *a, struct str shared)
{
    struct err ignored = {0};
    size_t index, max;
    yyjson_val *key, *item, *row = shared.ptr ? json_parse(a, shared, JSON_NUMBERS_RAW, 128, &ignored) : NULL;
    if (!json_get_c(row, "use_global_cursor"))
        json_add_bool(w, "use_global_cursor", false);
    JSON_EACH_MEMBER(row, index, max, key, item) {
        json_add_key(w, json_str(key));
        json_add_val(w, NULL, item);
    }
}

yyjson_val *
state_blob(struct arena *a, const struct reader_state *rows, size_t count, bool partitioned)
{
    struct buf b;
    struct json_writer w;
    struct str shared = STR_NONE;
    struct err ignored = {0};
    if (!partitioned)
        return count ? json_parse(a, rows[0].state, JSON_NUMBERS_RAW, 128, &ignored) : NULL;
    for (size_t i = 0; i < count; i++)
        if (rows[i].partition.len == 0)
            shared = rows[i].state;
    buf_init(&b, 256 << 20);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    bool global = shared.ptr && str_find_str(shared, STR("\"use_global_cursor\":true")) >= 0;
    if (!global) {
        json_begin_array(&w, "states");
        for (size_t i = 0; i < count; i++) {
            if (rows[i].partition.len == 0)
                continue;
            json_begin_object(&w, NULL);
            json_add_raw(&w, "partition", rows[i].partition);
            json_add_raw(&w, "cursor", rows[i].state);
            json_end_object(&w);
        }
        json_end_array(&w);
    }
    blob_members(&w, a, shared);
    json_end_object(&w);
    yyjson_val *blob = buf_ok(&b) ? json_parse(a, buf_str(&b), JSON_NUMBERS_RAW, 128, &ignored) : NULL;
    buf_release(&b);
    return blob;
}

static bool
has_partition(yyjson_val *states, yyjson_val *partition)
{
    size_t index, max;
    yyjson_val *item;
    JSON_EACH_ITEM(states, index, max, item) {
        if (json_equal(json_get_c(item, "partition"), partition))
            return true;
    }
    return false;
}

yyjson_val *
state_blob_over(struct arena *a, yyjson_val *before, yyjson_val *blob)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *out = doc ? yyjson_val_mut_copy(doc, blob) : NULL;
    yyjson_mut_val *states = yyjson_mut_obj_get(out, "states");
    size_t index, max;
    yyjson_val *key, *item;
    JSON_EACH_MEMBER(before, index, max, key, item) {
        if (!json_get(blob, json_str(key)) && !str_eq(json_str(key), STR("states")))
            yyjson_mut_obj_add(out, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
    JSON_EACH_ITEM(json_get_c(before, "states"), index, max, item) {
        if (states && !has_partition(json_get_c(blob, "states"), json_get_c(item, "partition")))
            yyjson_mut_arr_append(states, yyjson_val_mut_copy(doc, item));
    }
    return out ? json_freeze(a, out) : NULL;
}

static bool
add_shared(yyjson_mut_doc *doc, yyjson_mut_val *out, yyjson_val *blob)
{
    yyjson_mut_val *shared = yyjson_mut_obj(doc);
    size_t index, max;
    yyjson_val *key, *item;
    JSON_EACH_MEMBER(blob, index, max, key, item) {
        if (!str_eq(json_str(key), STR("states")))
            yyjson_mut_obj_add(shared, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
    return yyjson_mut_obj_add_val(doc, out, "", shared);
}

/* A state of one cursor that stands for all partitions counts as the shared "state". */
static bool
add_flat(yyjson_mut_doc *doc, yyjson_mut_val *out, yyjson_val *blob)
{
    yyjson_mut_val *shared = yyjson_mut_obj(doc);
    return yyjson_mut_obj_add_val(doc, shared, "state", yyjson_val_mut_copy(doc, blob)) &&
           yyjson_mut_obj_add_val(doc, out, "", shared);
}

yyjson_val *
state_unblob(struct arena *a, yyjson_val *blob, bool partitioned)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *out = doc ? yyjson_mut_obj(doc) : NULL;
    size_t index, max;
    yyjson_val *item;
    if (!out || !yyjson_is_obj(blob))
        return NULL;
    if (!partitioned) {
        yyjson_mut_obj_add_val(doc, out, "", yyjson_val_mut_copy(doc, blob));
        return json_freeze(a, out);
    }
    bool flat = !json_get_c(blob, "states") && !json_get_c(blob, "state") && !json_get_c(blob, "parent_state");
    if (!(flat ? add_flat(doc, out, blob) : add_shared(doc, out, blob)))
        return NULL;
    JSON_EACH_ITEM(json_get_c(blob, "states"), index, max, item) {
        struct buf key;
        buf_init(&key, 1 << 20);
        json_write_canonical(&key, json_get_c(item, "partition"));
        yyjson_mut_obj_add(out, yyjson_mut_strncpy(doc, key.ptr ? key.ptr : "", key.len),
                           yyjson_val_mut_copy(doc, json_get_c(item, "cursor")));
        buf_release(&key);
    }
    return json_freeze(a, out);
}
