/*
 * The step of a run that pushes: a batch after the other, until nothing is due.
 *
 * A full push first puts every record of the kind into the outbox, a batch at a time with its mark, and then goes on as always: what
 * agrees already costs a look. A record that fails waits by itself; when the vendor fails, the run does.
 */
#include "engine/push.h"

#include "base/alloc.h"
#include "json/writer.h"
#include "store/store_record.h"

#define WALK_ROWS 500
#define BATCH_ARENA_BYTES (256L * 1024 * 1024)
#define WAIT_BASE_MS 5000
#define WAIT_CAP_MS (30 * 60 * 1000)
#define VENDOR_WAIT_BASE_MS 1000

bool
push_new(struct work *w, struct err *err)
{
    struct push *p = ARENA_NEW(w->arena, struct push);
    if (p == NULL)
        return err_no_memory(err);
    arena_init(&p->items, BATCH_ARENA_BYTES);
    arena_init(&p->closure, BATCH_ARENA_BYTES);
    w->push = p;
    return true;
}

void
push_release(struct work *w)
{
    if (w->push == NULL)
        return;
    arena_release(&w->push->items);
    arena_release(&w->push->closure);
    w->push = NULL;
}

static bool
drop_foreign(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    int64_t collections[PUSH_COLLECTIONS_MAX] = {0};
    struct page_fence fence = run_fence(w->run);
    for (size_t i = 0; i < w->stream_count && i < PUSH_COLLECTIONS_MAX; i++)
        collections[i] = w->streams[i].context.stream.collection;
    if (!store_run_renew(db, &fence, store_now(db) + w->engine->options.lease_ms * US_PER_MS, err))
        return false;
    return !str_is_none(w->run->entity) || store_push_drop_foreign(db, w->run->tenant, w->run->connection, collections, err);
}

/* From one platform to another: what the first has. */
static bool
read_source(struct db *db, void *ctx, struct err *err)
{
    struct job job;
    struct work *w = ctx;
    enum row row = store_job_get(db, w->arena, w->run->tenant, w->run->job, &job, err);
    if (row == ROW_FOUND && job.source != 0)
        return store_stream_list(db, w->arena, w->run->tenant, job.source, &w->push->sources, &w->push->source_count, err);
    return row != ROW_FAILED;
}

/* The stream of that platform with most records of the kind; 0: there is none. */
static int64_t
source_of(const struct push *p, int64_t collection)
{
    const struct stream *most = NULL;
    for (size_t i = 0; i < p->source_count; i++)
        if (p->sources[i].collection == collection && (most == NULL || p->sources[i].records > most->records))
            most = &p->sources[i];
    return most == NULL ? 0 : most->id;
}

bool
push_begin(struct work *w, struct err *err)
{
    struct push *p = w->push;
    struct err ignored = {0};
    struct str text = w->account.connection.rules;
    yyjson_val *rules = text.len == 0 ? NULL : json_parse(w->arena, text, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &ignored);
    p->creates = json_bool_or(json_get_c(rules, "pushCreates"), true);
    p->deletes = json_bool_or(json_get_c(rules, "pushDeletes"), false);
    if (!store_read(w->engine->options.store, read_source, w, err))
        return false;
    p->streams = ARENA_ARRAY(w->arena, struct push_stream, w->stream_count);
    if (p->streams == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < w->stream_count; i++) {
        w->streams[i].context.pushing = true;
        if (!push_stream_read(w->arena, w->account.template, w->streams[i].info.name, &p->streams[i], err))
            return false;
    }
    return work_write(w, drop_foreign, w, err);
}

/* ---- everything of the kind */

struct walk {
    struct work *work;
    struct work_stream *stream;
    struct record_place after;
    struct str position;
    bool done;
};

static bool
read_position(struct walk *k, struct err *err)
{
    struct str text = k->stream->reader_position, uuid;
    if (text.len == 0)
        return true;
    yyjson_val *json = json_parse(k->work->arena, text, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    if (json == NULL)
        return false;
    uuid = json_str(json_get_c(json, "uuid"));
    k->done = json_bool_or(json_get_c(json, "queued"), false);
    (void)!json_to_i64(json_get_c(json, "id"), &k->after.id);
    if (uuid.len == sizeof(k->after.uuid) - 1)
        memcpy(k->after.uuid, uuid.ptr, uuid.len);
    return true;
}

static struct str
position_text(struct walk *k)
{
    if (k->done)
        return STR("{\"queued\":true}");
    return str_format(&k->work->push->closure, "{\"id\":%lld,\"uuid\":\"%s\"}", (long long)k->after.id, k->after.uuid);
}

static bool
walk_rows(struct walk *k, struct db *db, int64_t now_us, struct err *err)
{
    struct work *w = k->work;
    struct record *rows;
    size_t count;
    int64_t since_us = 0;
    struct str since = json_str(json_get_c(w->filters, "updatedSince"));
    (void)!(since.len > 0 && time_parse(since, &since_us));
    struct record_filter filter = {.order = RECORD_OLDEST, .updated_since_us = since_us,
                                   .stream = source_of(w->push, k->stream->context.stream.collection),
                                       .status = STR_NONE, .text = STR_NONE,
                                   .after = k->after, .limit = WALK_ROWS};
    if (!store_record_list(db, &w->push->closure, w->run->tenant, k->stream->context.stream.collection, &filter,
        &rows, &count, &k->after, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!store_push_queue_one(db, w->run->tenant, w->run->connection, rows[i].id, now_us, err))
            return false;
    k->done = k->after.id == 0;
    return true;
}

static bool
walk_batch(struct db *db, void *ctx, struct err *err)
{
    struct walk *k = ctx;
    struct work *w = k->work;
    struct page_fence fence = work_fence(w);
    int64_t now_us = store_now(db);
    struct push_waiting waiting;
    arena_clear(&w->push->closure);
    k->after = (struct record_place){0};
    if (!read_position(k, err) || !store_page_fence(db, &fence, now_us + w->engine->options.lease_ms * US_PER_MS, err) ||
        !walk_rows(k, db, now_us, err) || !store_push_count(db, fence.tenant, w->run->connection, now_us, &waiting, err))
        return false;
    k->position = position_text(k);
    struct page_mark mark = {.fence = fence, .tenant = fence.tenant, .connection = w->run->connection,
        .stream = k->stream->context.stream.id,
                             .position = k->position, .declared_total = k->stream->counts.received + waiting.due, .now_us = now_us};
    return store_page_finish(db, &mark, err);
}

/* True: everything is queued. */
static bool
is_queued(struct work *w)
{
    struct walk k = {.work = w, .stream = work_stream(w)};
    struct err ignored = {0};
    return !w->run->full || (read_position(&k, &ignored) && k.done);
}

static enum step_result
queue_all(struct work *w)
{
    struct err err = {0};
    struct walk k = {.work = w, .stream = work_stream(w)};
    if (!work_write(w, walk_batch, &k, &err))
        return work_store_failed(w, &err);
    w->committed_seq++;
    k.stream->reader_position = str_copy(w->arena, k.position);
    return STEP_MORE;
}

/* ---- a batch */

struct batch {
    struct work *work;
    struct push_item *items;
    size_t count;
    struct err err;              /* why the run must stop here */
    enum push_answer stop;       /* PUSH_ANSWERED: it need not */
    int64_t wait_ms;
};

static size_t
batch_size(const struct push_stream *s)
{
    size_t many = s->create_max > s->update_max ? s->create_max : s->update_max;
    return many > PUSH_BATCH ? many : PUSH_BATCH;
}

static bool
take(struct db *db, void *ctx, struct err *err)
{
    struct batch *b = ctx;
    struct work *w = b->work;
    struct push *p = w->push;
    const struct page_context *c = &work_stream(w)->context;
    struct push_row *rows;
    struct push_scene scene = {.arena = &p->items, .stream = &p->streams[w->stream_at], .context = c,
        .creates = p->creates, .deletes = p->deletes};
    arena_clear(&p->items);
    if (!store_push_take(db, &p->items, c->tenant, c->connection, c->stream.collection, c->stream.id, store_now(db),
        batch_size(scene.stream),
                         &rows, &b->count, err))
        return false;
    b->items = ARENA_ARRAY(&p->items, struct push_item, b->count + 1);
    if (b->items == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < b->count; i++) {
        b->items[i] = (struct push_item){.row = rows[i]};
        if (!push_plan(db, &scene, &b->items[i], err))
            return false;
    }
    return true;
}

static struct push_item **
pick(struct batch *b, size_t *count_out, bool (*wanted)(const struct push_item *))
{
    struct push_item **list = ARENA_ARRAY(&b->work->push->items, struct push_item *, b->count + 1);
    *count_out = 0;
    for (size_t i = 0; list != NULL && i < b->count; i++)
        if (wanted(&b->items[i]))
            list[(*count_out)++] = &b->items[i];
    return list;
}

static bool
is_idle(const struct push_item *item)
{
    return item->op == PUSH_NOTHING || item->op == PUSH_REJECT;
}

static bool
is_creation(const struct push_item *item)
{
    return item->op == PUSH_CREATE && item->end == PUSH_END_NONE;
}

static bool
is_update(const struct push_item *item)
{
    return item->op == PUSH_UPDATE && item->end == PUSH_END_NONE;
}

static bool
is_deletion(const struct push_item *item)
{
    return item->op == PUSH_DELETE && item->end == PUSH_END_NONE;
}

/* Keeps them; false: the run must stop. */
static bool
keep(struct batch *b, struct push_item *const *items, size_t count)
{
    if (push_keep(b->work, items, count, &b->err))
        return true;
    b->stop = PUSH_FATAL;
    return false;
}

static bool
keep_one(struct batch *b, struct push_item *item)
{
    return keep(b, &item, 1);
}

static bool
keep_idle(struct batch *b)
{
    size_t count;
    struct push_item **items = pick(b, &count, is_idle);
    for (size_t i = 0; i < count; i++)
        items[i]->end = items[i]->op == PUSH_REJECT ? PUSH_END_REJECTED : PUSH_END_SKIPPED;
    return keep(b, items, count);
}

/* The record waits; too often, and it is rejected. */
static void
put_off(struct batch *b, struct push_item *item, const struct err *why, bool nothing_done)
{
    item->reason = str_copy(&b->work->push->items, str_slice(str_from_c(why->message), 0, PUSH_WORDS_MAX));
    item->end = item->row.tries + 1 >= PUSH_TRIES_MAX ? PUSH_END_REJECTED : PUSH_END_LATER;
    item->nothing_done = nothing_done && item->row.intent_us == 0;
    item->wait_ms = backoff_ms((unsigned)item->row.tries + 1, WAIT_BASE_MS, WAIT_CAP_MS, &b->work->worker->rng);
    if (!item->nothing_done && item->op == PUSH_CREATE && item->wait_ms < PUSH_SETTLE_US / US_PER_MS)
        item->wait_ms = PUSH_SETTLE_US / US_PER_MS;
}

/*
 * What a call that was not answered as hoped means for its record and for the run. False: the run must stop here.
 */
static bool
take_trouble(struct batch *b, struct push_item *item, enum push_answer answer, int64_t wait_ms, const struct err *why)
{
    b->err = *why;
    b->wait_ms = wait_ms;
    b->stop = answer;
    if (answer == PUSH_REFUSED) {
        item->end = PUSH_END_REJECTED;
        item->reason = str_copy(&b->work->push->items, str_slice(str_from_c(why->message), 0, PUSH_WORDS_MAX));
        b->stop = PUSH_ANSWERED;
        return keep_one(b, item);
    }
    if (answer != PUSH_UNKNOWN)
        return false;
    put_off(b, item, why, item->op != PUSH_CREATE);
    b->stop = PUSH_ANSWERED;
    struct err kept = *why;
    if (!keep_one(b, item))
        return false;
    if (++b->work->push->failures < PUSH_FAILURES_MAX)
        return true;
    b->err = kept;
    b->stop = PUSH_UNKNOWN;
    return false;
}

/* ---- creations */

static bool
has_key(const struct batch *b, const struct push_item *item)
{
    const struct push_stream *s = &b->work->push->streams[b->work->stream_at];
    return (s->by_email && !str_is_none(item->key_email)) || (s->by_phone && !str_is_none(item->key_phone));
}

static void
refuse(struct push_item *item, struct str reason)
{
    item->end = PUSH_END_REJECTED;
    item->reason = reason;
}

/* Who has the key is linked; several are nobody. Unset: nobody has it. */
static bool
look(struct batch *b, struct push_item *item)
{
    enum push_found found;
    int64_t wait_ms = 0;
    struct err err = {0};
    yyjson_val *record = NULL;
    enum push_answer answer = push_look(b->work, item, &found, &record, &item->observed_us, &wait_ms, &err);
    if (answer != PUSH_ANSWERED)
        return take_trouble(b, item, answer, wait_ms, &err);
    b->work->push->failures = 0;
    if (found == PUSH_FOUND_NONE)
        return true;
    item->end = PUSH_END_LINKED;
    item->answer = record;
    if (found == PUSH_FOUND_SEVERAL)
        refuse(item, STR("Several records there have the same key: which of them is meant cannot be known"));
    return keep_one(b, item);
}

static bool
look_first(struct batch *b, struct push_item *item)
{
    if (has_key(b, item))
        return look(b, item);
    if (item->row.intent_us == 0)
        return true;
    refuse(item, STR("It is not known whether this record was created there, and it has no key to look for it: look there, then replay it"));
    return keep_one(b, item);
}

/* The vendor may know somebody by a key that the record was not looked for by, or knows since a moment. */
static bool
take_refusal(struct batch *b, struct push_item *item, const struct err *why)
{
    if (has_key(b, item) && !look(b, item))
        return false;
    return item->end != PUSH_END_NONE || take_trouble(b, item, PUSH_REFUSED, 0, why);
}

static bool
create_one(struct batch *b, struct push_item *item)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    struct work *w = b->work;
    enum push_answer answer = push_call(w, &w->push->items, w->push->streams[w->stream_at].create, push_input(&w->push->items, item),
                                        &item->answer, &item->observed_us, &wait_ms, &err);
    if (answer == PUSH_REFUSED)
        return take_refusal(b, item, &err);
    if (answer != PUSH_ANSWERED)
        return take_trouble(b, item, answer, wait_ms, &err);
    w->push->failures = 0;
    item->end = PUSH_END_CREATED;
    return keep_one(b, item);
}

/* ---- many at once */

/* The result that is this item's: by its id, else by its key. */
static bool
is_result_of(struct batch *b, const struct push_item *item, yyjson_val *record)
{
    struct mapped mapped;
    struct str email, phone;
    struct err ignored = {0};
    if (!yyjson_is_obj(record) || !push_keys_of(b->work, &b->work->push->items, record, &mapped, &email, &phone, &ignored))
        return false;
    if (item->row.map != 0)
        return str_eq(mapped.external_id, item->row.external_id);
    return !str_is_none(item->key_email) && str_eq(email, item->key_email);
}

static void
hand_out(struct batch *b, struct push_item *const *items, size_t count, yyjson_val *results, int64_t observed_us, enum push_end end)
{
    size_t at, max;
    yyjson_val *record;
    for (size_t i = 0; i < count; i++) {
        yyjson_arr_foreach(results, at, max, record) {
            if (items[i]->end != PUSH_END_NONE || !is_result_of(b, items[i], record))
                continue;
            items[i]->end = end;
            items[i]->answer = record;
            items[i]->observed_us = observed_us;
        }
    }
}

/* What the answer does not name is left for single calls. False: the run must stop here. */
static bool
call_many(struct batch *b, struct push_item *const *items, size_t count, const struct template_operation *operation, yyjson_val *names,
          enum push_end end)
{
    struct err err = {0};
    int64_t wait_ms = 0, observed_us;
    yyjson_val *results = NULL;
    struct work *w = b->work;
    enum push_answer answer = push_call(w, &w->push->items, operation, push_input_many(&w->push->items, items, count, names), &results,
                                        &observed_us, &wait_ms, &err);
    b->err = err;
    b->wait_ms = wait_ms;
    if (answer == PUSH_REFUSED || answer == PUSH_UNKNOWN)
        return true;
    b->stop = answer;
    if (answer != PUSH_ANSWERED)
        return false;
    w->push->failures = 0;
    hand_out(b, items, count, results, observed_us, end);
    return keep(b, items, count);
}

static bool
many(struct batch *b, struct push_item *const *items, size_t count, const struct template_operation *operation,
                    yyjson_val *names, size_t max,
     enum push_end end)
{
    for (size_t i = 0; operation != NULL && i + 1 < count; i += max) {
        size_t part = count - i < max ? count - i : max;
        if (!call_many(b, items + i, part, operation, names, end))
            return false;
    }
    return true;
}

/* Those without an e-mail could not be told apart in the answer. */
static size_t
keyed_first(struct push_item **items, size_t count)
{
    size_t keyed = 0;
    for (size_t i = 0; i < count; i++) {
        if (str_is_none(items[i]->key_email))
            continue;
        struct push_item *item = items[i];
        items[i] = items[keyed];
        items[keyed++] = item;
    }
    return keyed;
}

/* A creation that stood in a call for many and is not in its answer may have happened all the same. */
static bool
create_left(struct batch *b, struct push_item *item, bool was_sent)
{
    if (item->end != PUSH_END_NONE)
        return true;
    if (was_sent && !look_first(b, item))
        return false;
    return item->end != PUSH_END_NONE || create_one(b, item);
}

static bool
create_all(struct batch *b)
{
    size_t count;
    struct push *p = b->work->push;
    const struct push_stream *s = &p->streams[b->work->stream_at];
    struct push_item **items = pick(b, &count, is_creation);
    for (size_t i = 0; i < count; i++)
        if (!look_first(b, items[i]))
            return false;
    items = pick(b, &count, is_creation);
    if (count == 0)
        return true;
    if (!push_intend(b->work, items, count, &b->err)) {
        b->stop = PUSH_FATAL;
        return false;
    }
    size_t keyed = s->create_many != NULL ? keyed_first(items, count) : 0;
    if (!many(b, items, keyed, s->create_many, s->create_item, s->create_max, PUSH_END_CREATED))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!create_left(b, items[i], i < keyed && keyed > 1))
            return false;
    return true;
}

/* ---- looking before writing: what somebody changed there meanwhile must not be written over unseen */

/* Nothing is kept yet: what is still so is to be written at once. */
static bool
judge_look(struct batch *b, struct push_item *item, yyjson_val *record)
{
    bool known = false;
    if (record != NULL && !push_is_known(b->work, item, record, &known, &b->err)) {
        b->stop = PUSH_FATAL;
        return false;
    }
    item->looked = known;
    item->looked_us = clock_monotonic_us(b->work->engine->options.clock);
    if (known)
        return true;
    item->answer = record;
    item->end = record != NULL ? PUSH_END_SEEN : PUSH_END_GONE;
    return true;
}

static bool
is_record(yyjson_val *record)
{
    return yyjson_is_obj(record);
}

static bool
look_one(struct batch *b, struct push_item *item)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    yyjson_val *record = NULL;
    enum push_answer answer = push_read(b->work, item, &record, &wait_ms, &err);
    if (answer != PUSH_ANSWERED)
        return take_trouble(b, item, answer, wait_ms, &err);
    b->work->push->failures = 0;
    return judge_look(b, item, is_record(record) ? record : NULL) && (item->end == PUSH_END_NONE || keep_one(b, item));
}

/* Those that the answer does not name are looked at alone. */
static bool
look_many(struct batch *b, struct push_item *const *items, size_t count)
{
    struct err err = {0};
    size_t at, max;
    int64_t wait_ms = 0, observed_us;
    yyjson_val *results = NULL, *record;
    struct work *w = b->work;
    const struct push_stream *s = &w->push->streams[w->stream_at];
    enum push_answer answer = push_call(w, &w->push->items, s->read_many, push_input_many(&w->push->items, items,
        count, s->read_item), &results,
                                        &observed_us, &wait_ms, &err);
    b->err = err;
    b->wait_ms = wait_ms;
    if (answer == PUSH_REFUSED || answer == PUSH_UNKNOWN)
        return true;
    b->stop = answer;
    if (answer != PUSH_ANSWERED)
        return false;
    for (size_t i = 0; i < count; i++) {
        items[i]->observed_us = observed_us;
        yyjson_arr_foreach(results, at, max, record)
            if (items[i]->end == PUSH_END_NONE && !items[i]->looked && is_result_of(b, items[i], record) &&
                !judge_look(b, items[i], record))
                return false;
    }
    return true;
}

/* Was it seen a moment ago, or does it change each time it is looked at? */
static bool
must_look(const struct batch *b, const struct push_item *item)
{
    int64_t now_us = clock_monotonic_us(b->work->engine->options.clock);
    bool fresh = item->looked && now_us - item->looked_us < PUSH_LOOK_US;
    return item->end == PUSH_END_NONE && !fresh && item->row.tries < PUSH_LOOKS_MAX;
}

/* ---- updates and deletions */

static bool
call_one(struct batch *b, struct push_item *item, const struct template_operation *operation, enum push_end end)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    struct work *w = b->work;
    enum push_answer answer = push_call(w, &w->push->items, operation, push_input(&w->push->items, item),
        &item->answer, &item->observed_us,
                                        &wait_ms, &err);
    if (answer != PUSH_ANSWERED)
        return take_trouble(b, item, answer, wait_ms, &err);
    w->push->failures = 0;
    item->end = end;
    return keep_one(b, item);
}

static size_t
still_open(struct push_item **items, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i]->end == PUSH_END_NONE)
            items[kept++] = items[i];
    return kept;
}

/* Seen together, written together, at once. */
static bool
update_part(struct batch *b, const struct push_stream *s, struct push_item **items, size_t count)
{
    if (s->read_many != NULL && !look_many(b, items, count))
        return false;
    b->stop = PUSH_ANSWERED;
    struct push_item **seen = ARENA_ARRAY(&b->work->push->items, struct push_item *, count + 1);
    if (seen == NULL) {
        b->stop = PUSH_FATAL;
        return err_no_memory(&b->err);
    }
    size_t open, seen_count = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i]->end != PUSH_END_NONE)
            seen[seen_count++] = items[i];
    open = still_open(items, count);
    bool all = true; /* one that could not be seen: then each for itself */
    for (size_t i = 0; i < open; i++)
        all = all && (s->read_many == NULL || items[i]->looked || items[i]->row.tries >= PUSH_LOOKS_MAX);
    return (!all || open < 2 || call_many(b, items, open, s->update_many, s->update_item, PUSH_END_UPDATED)) && keep(b, seen, seen_count);
}

static bool
update_one(struct batch *b, const struct push_stream *s, struct push_item *item)
{
    if (s->reads && must_look(b, item) && !look_one(b, item))
        return false;
    return item->end != PUSH_END_NONE || call_one(b, item, s->update, PUSH_END_UPDATED);
}

static bool
update_all(struct batch *b)
{
    size_t count;
    const struct push_stream *s = &b->work->push->streams[b->work->stream_at];
    struct push_item **items = pick(b, &count, is_update);
    if (!push_intend(b->work, items, count, &b->err)) {
        b->stop = PUSH_FATAL;
        return false;
    }
    for (size_t i = 0; s->update_many != NULL && i + 1 < count; i += s->update_max)
        if (!update_part(b, s, items + i, count - i < s->update_max ? count - i : s->update_max))
            return false;
    items = pick(b, &count, is_update);
    for (size_t i = 0; i < count; i++)
        if (!update_one(b, s, items[i]))
            return false;
    return true;
}

static bool
delete_all(struct batch *b)
{
    size_t count;
    const struct push_stream *s = &b->work->push->streams[b->work->stream_at];
    struct push_item **items = pick(b, &count, is_deletion);
    for (size_t i = 0; i < count; i++)
        if (!call_one(b, items[i], s->delete, PUSH_END_DELETED))
            return false;
    return true;
}

/* ---- the step */

static enum step_result
stop_for_vendor(struct work *w, struct batch *b)
{
    unsigned tries = (unsigned)w->run->retries + 1;
    if (tries > LIMIT_RETRY_5XX) {
        b->err.code = E_VENDOR_UNAVAILABLE;
        return work_fail(w, &b->err);
    }
    return work_park(w, backoff_ms(tries, VENDOR_WAIT_BASE_MS, LIMIT_BACKOFF_CAP_MS, &w->worker->rng), "RETRY",
        str_from_c(b->err.message), true);
}

static enum step_result
stop_here(struct work *w, struct batch *b)
{
    int64_t wait_ms = b->wait_ms > 0 ? b->wait_ms : LIMIT_BACKOFF_CAP_MS;
    switch (b->stop) {
    case PUSH_STOPPED: return work_stop(w);
    case PUSH_WAIT:
        return work_park(w, wait_ms < LIMIT_RETRY_AFTER_MS ? wait_ms : LIMIT_RETRY_AFTER_MS, "RATE_LIMITED",
            str_from_c(b->err.message), false);
    case PUSH_UNKNOWN: return stop_for_vendor(w, b);
    case PUSH_FATAL:
    case PUSH_ANSWERED:
    case PUSH_REFUSED: break;
    }
    return work_store_failed(w, &b->err);
}

static bool
end_stream(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    struct page_fence fence = run_fence(w->run);
    return store_run_stream_end(db, &fence, work_stream(w)->context.stream.id, STR_NONE, STR_NONE, store_now(db), err);
}

struct look_ahead {
    struct work *work;
    struct push_waiting waiting;
    int64_t now_us;
};

static bool
look_ahead(struct db *db, void *ctx, struct err *err)
{
    struct look_ahead *k = ctx;
    k->now_us = store_now(db);
    return store_push_count(db, k->work->run->tenant, k->work->run->connection, k->now_us, &k->waiting, err);
}

/* Who asked for this run wants to know how it ends: what must wait is waited for. One that began by itself comes again. */
static bool
must_wait(struct work *w, int64_t *wait_ms_out, struct err *err)
{
    struct look_ahead k = {.work = w};
    *wait_ms_out = 0;
    if (str_eq_c(w->run->trigger, "push"))
        return true;
    if (!store_read(w->engine->options.store, look_ahead, &k, err))
        return false;
    if (k.waiting.count > 0 && k.waiting.due == 0)
        *wait_ms_out = (k.waiting.next_us - k.now_us) / US_PER_MS + 1;
    return true;
}

static enum step_result
next_stream(struct work *w)
{
    struct err err = {0};
    int64_t wait_ms;
    if (!must_wait(w, &wait_ms, &err))
        return work_store_failed(w, &err);
    if (wait_ms > 0)
        return work_park(w, wait_ms, "RETRY", STR("Some records are to be sent again"), false);
    if (!work_write(w, end_stream, w, &err))
        return work_store_failed(w, &err);
    work_stream(w)->done = true;
    w->stream_at++;
    return STEP_MORE;
}

enum step_result
work_push(struct work *w)
{
    struct batch b = {.work = w};
    struct err err = {0};
    while (w->stream_at < w->stream_count && work_stream(w)->done)
        w->stream_at++;
    if (w->stream_at == w->stream_count)
        return STEP_DONE;
    if (lease_is_stopped(w->lease))
        return work_stop(w);
    if (!is_queued(w))
        return queue_all(w);
    if (!store_read(w->engine->options.store, take, &b, &err))
        return work_store_failed(w, &err);
    if (b.count == 0)
        return next_stream(w);
    bool on = keep_idle(&b) && update_all(&b) && create_all(&b) && delete_all(&b);
    return on ? STEP_MORE : stop_here(w, &b);
}
