#include "base/test.h"

#include "base/alloc.h"
#include "sandbox/world.h"

#define ARENA_BYTES (64 * 1024 * 1024)

static struct clock_manual manual;
static struct world *world;
static struct collection *parents, *children;
static struct arena arena;

static int
setup(void **state)
{
    (void)state;
    clock_manual_init(&manual, WORLD_NEWEST_US);
    arena_init(&arena, ARENA_BYTES);
    world = world_new(NULL, 1, 5, &manual.clock);
    parents = world_add_collection(world, "parents", NULL);
    children = world_add_collection(world, "children", parents);
    for (int i = 0; i < 10; i++)
        assert_int_equal(world_add(world, parents, i * 10 + 10, i, OBJECT_NONE), i);
    world->by = CHANGE_BY_CLIENT;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    world_free(world);
    arena_release(&arena);
    return 0;
}

static void
test_an_id_is_found_until_its_object_is_removed(void **state)
{
    (void)state;
    assert_int_equal(world_find(parents, 30), 2);
    assert_int_equal(world_find(parents, 31), OBJECT_NONE);
    world_remove(world, parents, 2);
    assert_int_equal(world_find(parents, 30), OBJECT_NONE);
    assert_int_equal(parents->live, 9);
    world_remove(world, parents, 2);
    assert_int_equal(parents->live, 9);
}

static void
test_children_go_with_their_parent_and_can_move(void **state)
{
    (void)state;
    size_t count;
    uint32_t a = world_add(world, children, 0, 1, 0), b = world_add(world, children, 0, 1, 0);
    uint32_t c = world_add(world, children, 0, 1, 0);
    world_move(world, children, b, 1);
    uint32_t *left = world_children(&arena, children, world_object(parents, 0), &count);
    assert_int_equal(count, 2);
    assert_true(left[0] == a && left[1] == c);
    world_move(world, children, a, 1);
    world_remove(world, parents, 1);
    assert_true(world_object(children, a)->deleted && world_object(children, b)->deleted);
    assert_false(world_object(children, c)->deleted);
    assert_int_equal(children->live, 1);
}

static bool
by_created(struct world *w, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx,
           struct view_key *key_out)
{
    (void)w, (void)scratch, (void)ctx;
    key_out->number = world_object(c, index)->created_us / 2; /* pairs are equal */
    key_out->missing = index == 0;
    return index != 5;
}

static void
test_a_view_sorts_leaves_out_and_follows_changes(void **state)
{
    (void)state;
    const struct view *up = world_view(world, parents, STR("up"), by_created, NULL, false);
    assert_int_equal(up->count, 9);
    assert_int_equal(up->items[0], 1);
    assert_int_equal(up->items[8], 0); /* missing: last in both directions */
    const struct view *down = world_view(world, parents, STR("down"), by_created, NULL, true);
    assert_int_equal(down->items[0], 9);
    assert_int_equal(down->items[8], 0);
    assert_ptr_equal(world_view(world, parents, STR("up"), by_created, NULL, false), up);
    world_remove(world, parents, 1);
    assert_int_equal(world_view(world, parents, STR("up"), by_created, NULL, false)->items[0], 2);
}

static struct str
written_of(struct world *w, struct collection *c, uint32_t index, struct arena *scratch)
{
    (void)w, (void)scratch;
    const struct object *object = world_object(c, index);
    return object->written ? (struct str){object->written, object->written_bytes} : STR_NONE;
}

static void
test_a_unique_text_is_found_after_it_moved(void **state)
{
    (void)state;
    assert_true(world_write(world, parents, 3, STR("Ana@x")));
    assert_int_equal(world_find_unique(world, parents, 0, written_of, STR("ana@X")), 3);
    assert_true(world_write(world, parents, 3, STR("new")));
    assert_true(world_write(world, parents, 4, STR("ana@x")));
    assert_int_equal(world_find_unique(world, parents, 0, written_of, STR("ana@x")), 4);
    world_remove(world, parents, 4);
    assert_int_equal(world_find_unique(world, parents, 0, written_of, STR("ana@x")), OBJECT_NONE);
    for (int i = 0; i < 3000; i++) { /* the index grows */
        struct str text = str_format(&arena, "t%d", i);
        assert_int_equal(world_add_written(world, parents, 1, OBJECT_NONE, text), 10 + i);
    }
    for (int i = 0; i < 3000; i += 7) {
        struct str text = str_format(&arena, "T%d", i);
        assert_int_equal(world_find_unique(world, parents, 0, written_of, text), 10 + i);
    }
}

static void
test_picks_are_different_and_follow_the_seed(void **state)
{
    (void)state;
    size_t count;
    bool seen[10] = {false};
    world_remove(world, parents, 7);
    uint32_t *items = world_pick(world, parents, 100, &arena, &count);
    assert_int_equal(count, 9);
    for (size_t i = 0; i < count; i++) {
        assert_false(seen[items[i]]);
        seen[items[i]] = true;
    }
    assert_false(seen[7]);
}

static void
test_the_journal_has_every_change_but_those_of_the_seed(void **state)
{
    (void)state;
    assert_int_equal(world->journal_count, 0);
    world_edit(world, parents, 0);
    world->by = CHANGE_BY_FAULT;
    world_remove(world, parents, 1);
    assert_int_equal(world->journal_count, 2);
    assert_int_equal(world->journal[0].kind, CHANGE_UPDATE);
    assert_int_equal(world->journal[0].object_id, 10);
    assert_int_equal(world->journal[1].kind, CHANGE_DELETE);
    assert_int_equal(world->journal[1].by, CHANGE_BY_FAULT);
}

/* I-37. Adds, writes, sorts and looks up; false as soon as something finds no memory. */
static bool
do_everything(struct world *w)
{
    struct collection *c = world_add_collection(w, "things", NULL);
    w->by = CHANGE_BY_CLIENT;
    for (int i = 0; i < 200; i++)
        if (world_add(w, c, 0, i, OBJECT_NONE) == OBJECT_NONE ||
            world_add_written(w, c, i, OBJECT_NONE, STR("text")) == OBJECT_NONE || !world_write(w, c, 0, STR("more")))
            return false;
    return world_view(w, c, STR("view"), by_created, NULL, true) != NULL &&
        world_find_unique(w, c, 0, written_of, STR("more")) == 0;
}

static void
test_every_allocation_may_fail(void **state)
{
    (void)state;
    bool ok = false;
    for (int64_t nth = 1; !ok && nth < 1000; nth++) {
        alloc_fail_at(nth, 1);
        struct world *w = world_new(NULL, 1, 5, &manual.clock);
        ok = w != NULL && do_everything(w);
        alloc_fail_at(0, 0);
        world_free(w);
    }
    assert_true(ok);
}
