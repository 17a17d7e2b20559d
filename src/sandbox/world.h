/*
 * The world: what one account of one simulated vendor holds.
 *
 * A world has collections (contacts, messages, ...), a collection has objects in the order of their ids.
 * An object is a small row, not a document: the vendor's file makes the document from the row's `number`
 * and `revision` (see people.h) and lays `written` over it, the fields a client sent. So 100,000 objects
 * cost 10 MB and creating them takes milliseconds. Rows are never taken out: a deleted one is marked, so
 * indexes stay valid and the truth can tell "deleted" from "never was".
 *
 * Everything here is called under the sandbox's lock, one thread at a time. A pointer to an object is
 * valid until the next world_add to the same collection; keep the index instead.
 */
#ifndef TIDEMARK_SANDBOX_WORLD_H
#define TIDEMARK_SANDBOX_WORLD_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"

#define OBJECT_NONE UINT32_MAX
#define OBJECTS_MAX 50000000 /* in one collection: their rows are 5 GB */

struct object {
    int64_t id;
    int64_t created_us;
    int64_t updated_us;
    int64_t activity_us;      /* 0: never */
    char *written;            /* owned; JSON object of the fields a client wrote, or NULL */
    uint32_t written_bytes;
    uint32_t number;          /* what its contents are made from; OBJECT_NONE: nothing but `written` */
    uint32_t revision;        /* edits that were not writes of a client */
    uint32_t parent;          /* index in the parent collection, or OBJECT_NONE */
    uint32_t first_child, last_child, next_sibling, child_count; /* live and deleted ones */
    uint8_t state;            /* the vendor's own */
    bool deleted;
};

/* How a list is sorted and what it leaves out. */
struct view_key {
    struct str text;          /* compared first, bytewise; may be empty */
    int64_t number;           /* then this */
    bool missing;             /* after all that have one, in both directions */
};
struct world;
struct collection;
/* Fills key_out; false leaves the object out. Not called for deleted objects. */
typedef bool view_key_fn(struct world *world, struct collection *c, uint32_t index, struct arena *scratch,
                         const void *ctx, struct view_key *key_out);

#define VIEW_NAME_BYTES 512
struct view {
    char name[VIEW_NAME_BYTES];
    uint32_t *items;          /* owned */
    size_t count;
    int64_t made_at_change;   /* the world's change count when it was made */
};
#define VIEWS_KEPT 8

/* Finds objects by a text that must be unique, e.g. an e-mail; built when first asked for. */
struct unique;
/* The text of one object, STR_NONE when it has none. */
typedef struct str unique_text_fn(struct world *world, struct collection *c, uint32_t index, struct arena *scratch);
#define UNIQUES_MAX 4

struct collection {
    const char *name;         /* "contacts" */
    struct collection *parent;   /* whose deletion takes ours along, or NULL */
    struct collection *children; /* NULL where there are none */
    struct object *objects;   /* owned */
    size_t count, size;
    size_t live;
    int64_t next_id;
    uint32_t next_number;
    struct view views[VIEWS_KEPT];
    unsigned next_view;
    struct unique *uniques[UNIQUES_MAX]; /* owned */
};

enum change_kind { CHANGE_CREATE, CHANGE_UPDATE, CHANGE_DELETE };
enum change_by { CHANGE_BY_SEED, CHANGE_BY_CLIENT, CHANGE_BY_MUTATE, CHANGE_BY_FAULT };
struct change {
    int64_t seq, at_us, object_id;
    const struct collection *collection;
    uint8_t kind, by;
};

#define COLLECTIONS_MAX 12
#define VENDOR_NUMBERS 32
#define JOURNAL_MAX 1000000 /* changes kept; older ones are forgotten */

struct world {
    int64_t account;
    uint64_t seed;            /* of this account */
    const struct clock *clock;
    struct rng rng;           /* of mutations */
    struct collection collections[COLLECTIONS_MAX];
    size_t collection_count;
    struct change *journal;   /* owned; ring of the newest JOURNAL_MAX changes */
    size_t journal_size;
    int64_t journal_count;    /* ever written to it */
    int64_t announced;        /* of the journal: changes up to here were told to webhooks */
    int64_t changes;          /* made since the start, journalled or not */
    enum change_by by;        /* who is changing things now; BY_SEED (at first) is not journalled */
    const void *vendor;       /* whose world it is: struct vendor, vendor.h */
    int64_t vendor_numbers[VENDOR_NUMBERS]; /* the vendor's own, zero at first: quotas, counters */
};

/* Where generated objects stand in time: fixed, so that a seed gives the same world on every day. */
#define WORLD_NEWEST_US INT64_C(1793491200000000) /* 2026-11-01T00:00:00Z */
#define WORLD_SPAN_US (400 * US_PER_DAY)

/* An empty world. NULL without memory. */
struct world *world_new(const void *vendor, int64_t account, uint64_t seed, const struct clock *clock);
void world_free(struct world *world); /* accepts NULL */

/* parent: a collection of the same world, or NULL. CHECKs that there is room. */
struct collection *world_add_collection(struct world *world, const char *name, struct collection *parent);
struct collection *world_collection(struct world *world, struct str name); /* NULL when unknown */

/* A time as a vendor keeps it that knows nothing finer than grain_us. */
int64_t world_whole(int64_t grain_us, int64_t us);
/* When object i of `count` was created: in order, a little uneven, over the world's span. */
int64_t world_spread(int64_t grain_us, uint64_t seed, int64_t i, int64_t count);
/* Adds `count` objects without parents, spread so. False without memory. */
MUST_USE bool world_fill(struct world *world, int64_t grain_us, struct collection *c, int64_t first_id, int64_t count);

/*
 * Adds an object that is made from the collection's next number. id 0 means the next one; ids only grow.
 * parent is an index in the parent collection or OBJECT_NONE. OBJECT_NONE without memory.
 */
uint32_t world_add(struct world *world, struct collection *c, int64_t id, int64_t created_us, uint32_t parent);
/* The same for an object a client made: its contents are `written` alone. */
uint32_t world_add_written(struct world *world, struct collection *c, int64_t created_us, uint32_t parent,
                           struct str written);
struct object *world_object(struct collection *c, uint32_t index);
/* Live objects only. */
uint32_t world_find(struct collection *c, int64_t id);

/* An edit whose contents the generator makes: revision and updated_us rise. */
void world_edit(struct world *world, struct collection *c, uint32_t index);
/* Replaces `written`. False without memory. */
MUST_USE bool world_write(struct world *world, struct collection *c, uint32_t index, struct str written);
/* Something else about the object changed (its state, its activity): updated_us rises, views are made anew. */
void world_touch(struct world *world, struct collection *c, uint32_t index);
/* The object and everything below it. */
void world_remove(struct world *world, struct collection *c, uint32_t index);
/* Gives a child another parent. */
void world_move(struct world *world, struct collection *c, uint32_t index, uint32_t parent);

/* Live children of a parent, in the order they were added; in the arena. NULL when there are none. */
uint32_t *world_children(struct arena *a, struct collection *children, const struct object *parent, size_t *count_out);

/*
 * The live objects that `key` lets through, sorted by it, equal ones by id (in the same direction). Kept
 * under `name` until something changes; an empty name is not kept for the next call, but valid until it.
 * NULL without memory.
 */
const struct view *world_view(struct world *world, struct collection *c, struct str name, view_key_fn *key,
                              const void *ctx, bool descending);

/* The live object with that text (ASCII case ignored), or OBJECT_NONE. `slot` names the index, below UNIQUES_MAX. */
uint32_t world_find_unique(struct world *world, struct collection *c, unsigned slot, unique_text_fn *text,
                           struct str wanted);

/*
 * Picks `count` live objects, different ones and in no order, by the world's own random source; in the
 * arena. Fewer when there are fewer; NULL without memory.
 */
uint32_t *world_pick(struct world *world, struct collection *c, size_t count, struct arena *a, size_t *count_out);

#endif
