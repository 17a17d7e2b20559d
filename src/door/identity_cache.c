/*
 * Who came in a moment ago: keys by their hash, tenants by a name.
 *
 * Nearly every request asks the same two questions of the database. What is remembered here is used for a second at most, and
 * not at all once this process has committed a change of a key or a tenant: the store counts such commits before anybody hears
 * of them, so a revoked key stops working with the answer to its revocation. Another node of the same database notices when
 * the second is over. Only what was found is remembered.
 */
#include <pthread.h>

#include "base/alloc.h"
#include "base/check.h"
#include "door/identity_priv.h"

#define SLOTS 256
#define KEEP_US (1 * US_PER_S)
#define ENTRY_BYTES_MAX (16 * 1024)

struct slot {
    struct arena arena;          /* the texts; no name: the slot is free */
    enum identity_question question;
    struct str name;
    struct identity_found found;
    uint64_t generation;
    int64_t loaded_us;           /* monotonic */
};

struct identity_cache {
    struct store *store;
    const struct clock *clock;
    pthread_mutex_t lock;
    struct slot slots[SLOTS];    /* under lock */
};

struct identity_cache *
identity_cache_new(struct store *store, const struct clock *clock)
{
    struct identity_cache *c = alloc_zeroed(1, sizeof(*c));
    if (!c)
        return NULL;
    c->store = store;
    c->clock = clock;
    pthread_mutex_init(&c->lock, NULL);
    for (size_t i = 0; i < SLOTS; i++)
        arena_init(&c->slots[i].arena, ENTRY_BYTES_MAX);
    return c;
}

void
identity_cache_free(struct identity_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        arena_release(&c->slots[i].arena);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct slot *
slot_of(struct identity_cache *c, enum identity_question question, struct str name)
{
    uint64_t hash = UINT64_C(1469598103934665603) + (uint64_t)question; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * UINT64_C(1099511628211);
    return &c->slots[hash % SLOTS];
}

static bool
copy_text(struct arena *a, struct str *text)
{
    if (str_is_none(*text))
        return true;
    *text = str_copy(a, *text);
    return !str_is_none(*text);
}

static bool
copy_found(struct arena *a, const struct identity_found *from, struct identity_found *to)
{
    *to = *from;
    struct str *texts[] = {&to->key.uuid, &to->key.name, &to->key.shown, &to->tenant.uuid, &to->tenant.key, &to->tenant.name,
                           &to->tenant.region};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!copy_text(a, texts[i]))
            return false;
    return true;
}

uint64_t
identity_cache_begin(struct identity_cache *c)
{
    return store_identity_generation(c->store);
}

bool
identity_cache_find(struct identity_cache *c, enum identity_question question, struct str name, struct arena *a,
                    struct identity_found *found_out)
{
    struct slot *s = slot_of(c, question, name);
    uint64_t generation = store_identity_generation(c->store);
    int64_t now_us = clock_monotonic_us(c->clock);
    pthread_mutex_lock(&c->lock);
    bool known = s->name.ptr && s->question == question && str_eq(s->name, name) && s->generation == generation &&
                 now_us - s->loaded_us < KEEP_US && copy_found(a, &s->found, found_out);
    pthread_mutex_unlock(&c->lock);
    return known;
}

void
identity_cache_keep(struct identity_cache *c, enum identity_question question, struct str name, uint64_t generation,
                    const struct identity_found *found)
{
    struct slot *s = slot_of(c, question, name);
    pthread_mutex_lock(&c->lock);
    arena_clear(&s->arena);
    s->name = name;
    bool whole = copy_text(&s->arena, &s->name) && copy_found(&s->arena, found, &s->found);
    if (!whole || !s->name.ptr)
        s->name = STR_NONE;
    s->question = question;
    s->generation = generation;
    s->loaded_us = clock_monotonic_us(c->clock);
    pthread_mutex_unlock(&c->lock);
}
