/*
 * Changes on request of a test: new objects, edits, deletions, chosen by the world's own random source, so
 * that the same seed and the same orders give the same world.
 */
#include "base/check.h"
#include "sandbox/core.h"

#define MUTATE_MAX 10000000

enum verb { VERB_CREATE, VERB_UPDATE, VERB_TOUCH, VERB_DELETE, VERBS };
static const char *const verbs[VERBS] = {"create", "update", "touch", "delete"};
static const char *const verbs_done[VERBS] = {"created", "updated", "touched", "deleted"};

struct job {
    struct world *world;
    struct collection *collection;
    const struct vendor_entity *entity;
    struct arena *arena;
    int64_t at_us;       /* "atOnce": the one moment of all updates, as an import's; 0: each has its own */
};

/* 5, "5" or "1%" of the live ones (rounded up). */
static bool
read_count(yyjson_val *value, size_t live, int64_t *count_out)
{
    struct str text = json_str(value);
    if (json_to_i64(value, count_out))
        return *count_out >= 0 && *count_out <= MUTATE_MAX;
    if (!str_ends(text, STR("%")))
        return str_to_i64(text, 0, MUTATE_MAX, count_out);
    int64_t percent;
    if (!str_to_i64(str_slice(text, 0, text.len - 1), 0, 100, &percent))
        return false;
    *count_out = ((int64_t)live * percent + 99) / 100;
    return true;
}

/* Ids as numbers or texts. */
static uint32_t *
read_ids(const struct job *job, yyjson_val *ids, size_t *count_out, struct err *err)
{
    size_t count = yyjson_arr_size(ids), at, max;
    uint32_t *items = ARENA_ARRAY(job->arena, uint32_t, count + 1);
    if (items == NULL) {
        err_no_memory(err);
        return NULL;
    }
    yyjson_val *item;
    yyjson_arr_foreach(ids, at, max, item) {
        int64_t id;
        bool readable = json_to_i64(item, &id) || str_to_i64(json_str(item), INT64_MIN, INT64_MAX, &id);
        items[at] = readable ? world_find(job->collection, id) : OBJECT_NONE;
        if (items[at] == OBJECT_NONE) {
            err_set(err, E_VALIDATION_FAILED, "Item %zu of the ids is no %s that exists", at, job->entity->name);
            return NULL;
        }
    }
    *count_out = count;
    return items;
}

static uint32_t
create_one(const struct job *job)
{
    return job->entity->create(job->world, job->collection, clock_wall_us(job->world->clock));
}

static void
touch_one(const struct job *job, uint32_t index)
{
    world_edit(job->world, job->collection, index);
    if (job->entity->touch != NULL)
        job->entity->touch(job->world, job->collection, index, clock_wall_us(job->world->clock));
}

static void
update_one(const struct job *job, uint32_t index)
{
    world_edit(job->world, job->collection, index);
    if (job->at_us != 0)
        world_object(job->collection, index)->updated_us = job->at_us;
}

static void
change_one(const struct job *job, enum verb verb, uint32_t index)
{
    if (verb == VERB_UPDATE)
        update_one(job, index);
    else if (verb == VERB_TOUCH)
        touch_one(job, index);
    else
        world_remove(job->world, job->collection, index);
}

static void
write_id(const struct job *job, struct json_writer *w, uint32_t index)
{
    struct str id = str_format(job->arena, "%lld", (long long)world_object(job->collection, index)->id);
    json_add_str(w, NULL, id);
}

static bool
create_many(const struct job *job, int64_t count, struct json_writer *w, struct err *err)
{
    if (job->entity->create == NULL)
        return count == 0 || err_set(err, E_VALIDATION_FAILED, "%s cannot be created here", job->entity->name);
    for (int64_t i = 0; i < count; i++) {
        uint32_t index = create_one(job);
        if (index == OBJECT_NONE)
            return err_no_memory(err);
        write_id(job, w, index);
    }
    return true;
}

/* What each verb is to do: given ids, or a share of one common pick so that no object is taken twice. */
struct orders {
    uint32_t *items[VERBS];
    int64_t counts[VERBS];
};

static bool
read_orders(const struct job *job, yyjson_val *order, struct orders *orders, struct err *err)
{
    bool given[VERBS] = {false};
    int64_t total = 0;
    for (int verb = 0; verb < VERBS; verb++) {
        yyjson_val *value = json_get_c(order, verbs[verb]);
        size_t count = 0;
        given[verb] = value == NULL || yyjson_is_arr(value);
        if (verb != VERB_CREATE && yyjson_is_arr(value)) {
            orders->items[verb] = read_ids(job, value, &count, err);
            if (orders->items[verb] == NULL)
                return false;
            orders->counts[verb] = (int64_t)count;
        } else if (value != NULL && !read_count(value, job->collection->live, &orders->counts[verb])) {
            return err_set(err, E_VALIDATION_FAILED, "\"%s\" is a count, a share such as \"1%%\", or (not for create) "
                           "a list of ids", verbs[verb]);
        }
        total += given[verb] || verb == VERB_CREATE ? 0 : orders->counts[verb];
    }
    size_t picked_count;
    uint32_t *picked = world_pick(job->world, job->collection, (size_t)total, job->arena, &picked_count);
    if (picked == NULL)
        return err_no_memory(err);
    for (int verb = VERB_UPDATE; verb < VERBS; verb++) {
        if (given[verb])
            continue;
        size_t share = (size_t)orders->counts[verb] < picked_count ? (size_t)orders->counts[verb] : picked_count;
        orders->items[verb] = picked;
        orders->counts[verb] = (int64_t)share;
        picked += share;
        picked_count -= share;
    }
    return true;
}

static bool
carry_out(const struct job *job, const struct orders *orders, struct json_writer *w, struct err *err)
{
    for (int verb = 0; verb < VERBS; verb++) {
        json_begin_array(w, verbs_done[verb]);
        if (verb == VERB_CREATE && !create_many(job, orders->counts[verb], w, err))
            return false;
        for (int64_t i = 0; verb != VERB_CREATE && i < orders->counts[verb]; i++) {
            change_one(job, (enum verb)verb, orders->items[verb][i]);
            write_id(job, w, orders->items[verb][i]);
        }
        json_end_array(w);
    }
    return true;
}

static const struct vendor *
find_vendor(struct str name)
{
    for (size_t i = 0; i < sandbox_vendors_count(); i++)
        if (str_eq_c(name, sandbox_vendors[i]->name))
            return sandbox_vendors[i];
    return NULL;
}

bool
world_mutate(struct sandbox_core *core, yyjson_val *order, struct json_writer *w, struct arena *a, struct err *err)
{
    const struct vendor *vendor = find_vendor(json_str(json_get_c(order, "vendor")));
    if (vendor == NULL)
        return err_set(err, E_VALIDATION_FAILED, "\"vendor\" names none of the sandbox's vendors");
    int64_t account = vendor->account;
    if (json_get_c(order, "account") != NULL && !json_to_i64(json_get_c(order, "account"), &account))
        return err_set(err, E_VALIDATION_FAILED, "\"account\" must be a number");
    struct job job = {.world = core_world(core, vendor, account), .arena = a};
    if (job.world == NULL)
        return err_set(err, E_LIMIT, "At most %d accounts can exist", WORLDS_MAX);
    if (json_bool_or(json_get_c(order, "atOnce"), false))
        job.at_us = clock_wall_us(job.world->clock);
    struct str name = json_str(json_get_c(order, "entity"));
    job.entity = vendor_entity(vendor, name);
    job.collection = world_collection(job.world, name);
    if (job.entity == NULL || job.collection == NULL)
        return err_set(err, E_VALIDATION_FAILED, "\"entity\" names nothing that %s has", vendor->name);

    struct orders orders = {0};
    if (!read_orders(&job, order, &orders, err))
        return false;
    job.world->by = CHANGE_BY_MUTATE;
    bool ok = carry_out(&job, &orders, w, err);
    job.world->by = CHANGE_BY_CLIENT;
    return ok;
}

/* The first of the objects listed last: when one of them goes, the next page starts one too late. */
static uint32_t *
pick_served(const struct job *job, const struct ledger *ledger, int64_t wanted, size_t *count_out)
{
    const struct ledger_entry *entry = ledger_newest(ledger, job->entity->name);
    uint32_t *items = ARENA_ARRAY(job->arena, uint32_t, (size_t)wanted);
    struct str ids = entry ? entry->ids : STR_NONE, text;
    *count_out = 0;
    while (items != NULL && !str_is_none(ids) && (int64_t)*count_out < wanted) {
        int64_t id;
        str_cut(ids, ',', &text, &ids);
        uint32_t index = str_to_i64(text, INT64_MIN, INT64_MAX, &id) ? world_find(job->collection, id) : OBJECT_NONE;
        if (index != OBJECT_NONE)
            items[(*count_out)++] = index;
    }
    return items;
}

void
world_shift(struct sandbox_core *core, struct world *world, const struct vendor_entity *entity,
            const struct fault *shift, struct arena *a)
{
    struct job job = {world, world_collection(world, str_from_c(entity->name)), entity, a, 0};
    size_t count = 0;
    uint32_t *items = NULL;
    if (job.collection == NULL)
        return;
    world->by = CHANGE_BY_FAULT;
    if (shift->shift == SHIFT_INSERT) {
        for (int64_t i = 0; entity->create != NULL && i < shift->objects; i++)
            if (create_one(&job) == OBJECT_NONE)
                break;
    } else if (shift->served) {
        items = pick_served(&job, &core->ledger, shift->objects, &count);
    } else {
        items = world_pick(world, job.collection, (size_t)shift->objects, a, &count);
    }
    for (size_t i = 0; items != NULL && i < count; i++)
        change_one(&job, shift->shift == SHIFT_DELETE ? VERB_DELETE : VERB_TOUCH, items[i]);
    world->by = CHANGE_BY_CLIENT;
}
