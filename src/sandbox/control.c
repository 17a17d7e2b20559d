/*
 * The routes under /_sandbox/: what a test asks the sandbox about itself. They speak NDJSON where a list may
 * be long, and stream it in pieces, so that the truth of a million objects needs no memory.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/limits.h"
#include "sandbox/core.h"

#define PREFIX "/_sandbox/"
#define PIECE_BYTES (256 * 1024) /* of a streamed list; one object more may follow */
#define PIECE_OBJECTS 2000       /* looked at under the lock at a time */

struct call {
    struct sandbox_core *core;
    struct http_exchange *x;
    struct str rest[3]; /* of the path, after the route's name */
    const struct http_pair *pairs;
    size_t pair_count;
};

bool
control_owns(struct str path)
{
    return str_starts(path, STR(PREFIX));
}

static void
reply_err(struct http_exchange *x, const struct err *err)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "error", str_from_c(err->message));
    json_end_object(&w);
    http_reply(x, err_http(err->code), "application/json", buf_str(&b));
    buf_release(&b);
}

static void
reply_written(struct http_exchange *x, struct buf *b)
{
    if (buf_ok(b))
        http_reply(x, 200, "application/json", buf_str(b));
    else
        http_reply(x, 500, "text/plain", STR("The answer does not fit in memory"));
}

static struct str
param(const struct call *call, const char *name)
{
    for (size_t i = call->pair_count; i > 0; i--)
        if (str_eq_c(call->pairs[i - 1].name, name))
            return call->pairs[i - 1].value;
    return STR_NONE;
}

/* ---- streamed lists ---- */

enum listing { LIST_LEDGER, LIST_TRUTH, LIST_JOURNAL };

struct lister {
    struct sandbox_core *core;
    enum listing what;
    const struct vendor *vendor;
    int64_t account;
    const struct vendor_entity *entity;
    bool all, deleted;
    int64_t position; /* seq of ledger and journal, index of the truth */
};

static void
end_line(struct buf *piece)
{
    buf_add_char(piece, '\n');
}

static bool
list_ledger(struct lister *l, struct buf *piece)
{
    struct json_writer w;
    const struct ledger_entry *entry = NULL;
    while (piece->len < PIECE_BYTES && (entry = ledger_from(&l->core->ledger, l->position)) != NULL) {
        json_writer_init(&w, piece);
        ledger_write(entry, &w);
        end_line(piece);
        l->position = entry->seq + 1;
    }
    return entry != NULL;
}

static void
write_change(const struct change *change, struct json_writer *w)
{
    static const char *const kinds[] = {"create", "update", "delete"};
    static const char *const by[] = {"seed", "client", "mutate", "fault"};
    json_begin_object(w, NULL);
    json_add_i64(w, "seq", change->seq);
    json_add_time(w, "at", change->at_us);
    json_add_c(w, "entity", change->collection->name);
    json_add_i64(w, "id", change->object_id);
    json_add_c(w, "change", kinds[change->kind]);
    json_add_c(w, "by", by[change->by]);
    json_end_object(w);
}

static bool
list_journal(struct lister *l, struct buf *piece)
{
    struct world *world = core_world(l->core, l->vendor, l->account);
    struct json_writer w;
    if (world == NULL)
        return false;
    int64_t oldest = world->journal_count - (int64_t)world->journal_size + 1;
    if (l->position < oldest)
        l->position = oldest;
    if (l->position < 1)
        l->position = 1;
    for (; l->position <= world->journal_count && piece->len < PIECE_BYTES; l->position++) {
        json_writer_init(&w, piece);
        write_change(&world->journal[(size_t)(l->position - 1) % world->journal_size], &w);
        end_line(piece);
    }
    return l->position <= world->journal_count;
}

static void
write_deleted(const struct object *object, struct json_writer *w)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "id", object->id);
    json_add_time(w, "deletedAt", object->updated_us);
    json_end_object(w);
}

static void
list_object(struct lister *l, struct world *world, struct collection *c, uint32_t index, struct arena *scratch,
            struct buf *piece)
{
    const struct object *object = world_object(c, index);
    if (object->deleted != l->deleted)
        return;
    if (!l->deleted && !l->all && l->entity->visible != NULL && !l->entity->visible(world, c, index, scratch))
        return;
    struct json_writer w;
    json_writer_init(&w, piece);
    if (l->deleted)
        write_deleted(object, &w);
    else
        l->entity->write(world, c, index, scratch, &w);
    end_line(piece);
}

static bool
list_truth(struct lister *l, struct buf *piece)
{
    struct world *world = core_world(l->core, l->vendor, l->account);
    struct collection *c = world ? world_collection(world, str_from_c(l->entity->name)) : NULL;
    if (c == NULL)
        return false;
    struct arena scratch;
    arena_init(&scratch, LIMIT_REQUEST_ARENA_BYTES);
    for (int i = 0; i < PIECE_OBJECTS && l->position < (int64_t)c->count && piece->len < PIECE_BYTES; i++) {
        list_object(l, world, c, (uint32_t)l->position++, &scratch, piece);
        arena_clear(&scratch);
    }
    arena_release(&scratch);
    return l->position < (int64_t)c->count;
}

static enum http_stream_more
pull(void *ctx, struct buf *piece, int64_t *wait_ms)
{
    static bool (*const listers[])(struct lister *, struct buf *) = {list_ledger, list_truth, list_journal};
    struct lister *l = ctx;
    size_t before = piece->len;
    bool more = true;
    (void)wait_ms;
    pthread_mutex_lock(&l->core->lock);
    while (more && piece->len == before) /* a piece must not be empty; the lists end */
        more = listers[l->what](l, piece);
    pthread_mutex_unlock(&l->core->lock);
    return more ? STREAM_MORE : piece->len > before ? STREAM_MORE : STREAM_END;
}

static void
reply_list(struct call *call, const struct lister *what)
{
    struct lister *l = alloc_bytes(sizeof(*l));
    if (l == NULL) {
        http_reply(call->x, 503, "text/plain", STR("out of memory"));
        return;
    }
    *l = *what;
    http_reply_stream(call->x, 200, "application/x-ndjson", pull, free, l);
}

/* ---- the routes ---- */

static const struct vendor *
vendor_named(struct str name)
{
    for (size_t i = 0; i < sandbox_vendors_count(); i++)
        if (str_eq_c(name, sandbox_vendors[i]->name))
            return sandbox_vendors[i];
    return NULL;
}

static int64_t
number_param(const struct call *call, const char *name, int64_t otherwise)
{
    int64_t value;
    return str_to_i64(param(call, name), 0, INT64_MAX, &value) ? value : otherwise;
}

static void
get_ledger(struct call *call)
{
    reply_list(call, &(struct lister){
                         .core = call->core,
                         .what = LIST_LEDGER,
                         .position = number_param(call, "since", 0) + 1,
                     });
}

static void
get_of_vendor(struct call *call, enum listing what)
{
    struct lister l = {.core = call->core, .what = what, .vendor = vendor_named(call->rest[0])};
    if (l.vendor != NULL && what == LIST_TRUTH)
        l.entity = vendor_entity(l.vendor, call->rest[1]);
    if (l.vendor == NULL || (what == LIST_TRUTH && l.entity == NULL)) {
        http_reply(call->x, 404, "application/json", STR("{\"error\":\"No such vendor or entity\"}"));
        return;
    }
    l.account = number_param(call, "account", l.vendor->account);
    l.position = number_param(call, "since", -1) + 1;
    l.all = str_eq_c(param(call, "all"), "true");
    l.deleted = str_eq_c(param(call, "deleted"), "true");
    reply_list(call, &l);
}

static void
get_truth(struct call *call)
{
    get_of_vendor(call, LIST_TRUTH);
}

static void
get_journal(struct call *call)
{
    get_of_vendor(call, LIST_JOURNAL);
}

static void
write_faults(struct sandbox_core *core, struct buf *b)
{
    struct json_writer w;
    json_writer_init(&w, b);
    json_begin_object(&w, NULL);
    fault_plan_write(&core->plan, &w, "faults");
    json_end_object(&w);
}

static void
reply_faults(struct call *call)
{
    struct buf b;
    buf_init(&b, LIMIT_BODY_BYTES);
    pthread_mutex_lock(&call->core->lock);
    write_faults(call->core, &b);
    pthread_mutex_unlock(&call->core->lock);
    reply_written(call->x, &b);
    buf_release(&b);
}

static bool
add_faults(struct sandbox_core *core, yyjson_val *body, struct err *err)
{
    yyjson_val *list = json_get_c(body, "faults"), *item;
    struct str one = json_str(json_get_c(body, "fault"));
    size_t at, max;
    if (!str_is_none(one))
        return fault_plan_add(&core->plan, one, err);
    if (!yyjson_is_arr(list))
        return err_set(err, E_VALIDATION_FAILED, "Send {\"fault\":\"429:count=2\"} or {\"faults\":[...]}");
    yyjson_arr_foreach(list, at, max, item) {
        if (!fault_plan_add(&core->plan, json_str_or(item, STR("")), err))
            return false;
    }
    return true;
}

/* The body as JSON; an answer has been sent when it is NULL. No body is an empty object. */
static yyjson_val *
read_body(struct call *call)
{
    struct err err = {0};
    struct str body = call->x->body.len ? call->x->body : STR("{}");
    yyjson_val *value = json_parse(call->x->arena, body, JSON_UNIQUE_KEYS, LIMIT_JSON_DEPTH_API, &err);
    if (value == NULL)
        reply_err(call->x, &err);
    return value;
}

static void
post_faults(struct call *call)
{
    struct err err = {0};
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    pthread_mutex_lock(&call->core->lock);
    bool ok = add_faults(call->core, body, &err);
    pthread_mutex_unlock(&call->core->lock);
    if (ok)
        reply_faults(call);
    else
        reply_err(call->x, &err);
}

static void
delete_faults(struct call *call)
{
    pthread_mutex_lock(&call->core->lock);
    fault_plan_clear(&call->core->plan);
    pthread_mutex_unlock(&call->core->lock);
    http_reply(call->x, 204, NULL, STR_NONE);
}

static void
post_mutate(struct call *call)
{
    struct err err = {0};
    struct buf b;
    struct json_writer w;
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    buf_init(&b, REPLY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    pthread_mutex_lock(&call->core->lock);
    bool ok = world_mutate(call->core, body, &w, call->x->arena, &err);
    pthread_mutex_unlock(&call->core->lock);
    json_end_object(&w);
    if (ok)
        reply_written(call->x, &b);
    else
        reply_err(call->x, &err);
    buf_release(&b);
}

static bool
reset(struct sandbox_core *core, yyjson_val *body, struct err *err)
{
    struct sandbox_options options = core->options;
    yyjson_val *seed = json_get_c(body, "seed"), *key, *value;
    size_t at, max;
    int64_t number;
    if (seed != NULL) {
        if (!json_to_i64(seed, &number) || number < 0)
            return err_set(err, E_VALIDATION_FAILED, "\"seed\" must be a whole number, 0 or more");
        options.seed = (uint64_t)number;
    }
    yyjson_val *sizes = json_get_c(body, "sizes");
    yyjson_obj_foreach(sizes, at, max, key, value) {
        if (!json_to_i64(value, &number) || number < 0 || number > SIZE_MAX_OBJECTS)
            return err_set(err, E_VALIDATION_FAILED, "A size is a whole number from 0 to %d", SIZE_MAX_OBJECTS);
        if (str_find(json_str(key), '.') >= 0) /* its text would not outlive this request */
            return err_set(err, E_VALIDATION_FAILED, "A reset sets sizes for all vendors: leave the vendor's name out");
        if (!core_set_size(&options, json_str(key), number, err))
            return false;
    }
    core->options = options;
    core_reset(core);
    return true;
}

static void
post_reset(struct call *call)
{
    struct err err = {0};
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    pthread_mutex_lock(&call->core->lock);
    bool ok = reset(call->core, body, &err);
    pthread_mutex_unlock(&call->core->lock);
    if (ok)
        http_reply(call->x, 204, NULL, STR_NONE);
    else
        reply_err(call->x, &err);
}

static void
write_world(struct world *world, struct json_writer *w)
{
    const struct vendor *vendor = world->vendor;
    json_begin_object(w, NULL);
    json_add_c(w, "vendor", vendor->name);
    json_add_i64(w, "account", world->account);
    json_add_i64(w, "changes", world->changes);
    json_begin_object(w, "entities");
    for (size_t i = 0; i < world->collection_count; i++) {
        const struct collection *c = &world->collections[i];
        json_begin_object(w, c->name);
        json_add_i64(w, "live", (int64_t)c->live);
        json_add_i64(w, "deleted", (int64_t)(c->count - c->live));
        json_end_object(w);
    }
    json_end_object(w);
    json_end_object(w);
}

static void
write_stats(struct sandbox_core *core, struct json_writer *w)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "seed", (int64_t)core->options.seed);
    json_begin_object(w, "requests");
    for (size_t i = 0; i < sandbox_vendors_count(); i++)
        json_add_i64(w, sandbox_vendors[i]->name, core->requests[i]);
    json_end_object(w);
    json_begin_object(w, "ledger");
    json_add_i64(w, "entries", (int64_t)core->ledger.count);
    json_add_i64(w, "lastSeq", core->ledger.next_seq);
    json_add_i64(w, "forgotten", core->ledger.forgotten);
    json_end_object(w);
    fault_plan_write(&core->plan, w, "faults");
    json_begin_array(w, "worlds");
    for (size_t i = 0; i < core->world_count; i++)
        write_world(core->worlds[i], w);
    json_end_array(w);
    json_end_object(w);
}

static void
get_stats(struct call *call)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_writer_init(&w, &b);
    pthread_mutex_lock(&call->core->lock);
    write_stats(call->core, &w);
    pthread_mutex_unlock(&call->core->lock);
    reply_written(call->x, &b);
    buf_release(&b);
}

/* {"records":N,"version":V,"changed":PERCENT}: what the plain list shows from now on. */
static void
post_plain(struct call *call)
{
    yyjson_val *body = read_body(call);
    if (body == NULL)
        return;
    pthread_mutex_lock(&call->core->lock);
    struct plain_settings *plain = &call->core->plain;
    (void)(json_to_i64(json_get_c(body, "records"), &plain->records) || true);
    (void)(json_to_i64(json_get_c(body, "version"), &plain->version) || true);
    (void)(json_to_i64(json_get_c(body, "changed"), &plain->changed_percent) || true);
    pthread_mutex_unlock(&call->core->lock);
    http_reply(call->x, 204, NULL, STR_NONE);
}

static const struct route {
    const char *method, *name;
    void (*serve)(struct call *call);
} routes[] = {
    {"GET", "ledger", get_ledger},     {"GET", "truth", get_truth},          {"GET", "journal", get_journal},
    {"GET", "stats", get_stats},       {"GET", "faults", reply_faults},      {"POST", "faults", post_faults},
    {"DELETE", "faults", delete_faults}, {"POST", "mutate", post_mutate},    {"POST", "reset", post_reset},
    {"POST", "plain", post_plain},
};

void
control_serve(struct sandbox_core *core, struct http_exchange *x)
{
    struct call call = {.core = core, .x = x};
    struct http_pair *pairs = NULL;
    struct str name, rest = str_skip(x->path, sizeof(PREFIX) - 1);
    str_cut(rest, '/', &name, &rest);
    for (size_t i = 0; i < ARRAY_LEN(call.rest); i++)
        str_cut(rest, '/', &call.rest[i], &rest);
    if (!http_query_parse(x->arena, x->query, &pairs, &call.pair_count)) {
        http_reply(x, 400, "application/json", STR("{\"error\":\"The query has a broken escape\"}"));
        return;
    }
    call.pairs = pairs;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!str_eq_c(name, routes[i].name) || !str_eq_c(x->method, routes[i].method))
            continue;
        routes[i].serve(&call);
        return;
    }
    http_reply(x, 404, "application/json", STR("{\"error\":\"No such control route; see docs/sandbox.md\"}"));
}
