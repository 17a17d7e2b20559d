/*
 * Lists: records of a tenant by cursor, in both orders, and what a run did to which record.
 */
#include "tests/store/page.h"

/* What each page leaves: created in the first half of the pages, updated in the other, one unchanged, one that is not here. */
static void
write_touched(struct fixture *f, int64_t run, int64_t pages)
{
    begin(f);
    for (int64_t page = 1; page <= pages; page++) {
        enum run_change change = page <= pages / 2 ? RUN_CREATED : RUN_UPDATED;
        struct run_touch touched[] = {{page * 10, change}, {7, RUN_UNCHANGED}, {page * 10 + 1, change}, {0, RUN_DELETED}};
        assert_ok(store_run_records_add(f->db, f->tenant.id, run, page, f->stream.id + page % 2, touched, 4, &f->err), f->err);
    }
    assert_ok(store_run_records_missing(f->db, f->tenant.id, run, f->stream.id, (int64_t[]){5, 6}, 2, &f->err), f->err);
    assert_ok(store_run_records_missing(f->db, f->tenant.id, run, f->stream.id, (int64_t[]){8}, 1, &f->err), f->err);
    commit(f);
}

/* All of them by cursor, `limit` at a time: how many. Each is later than the one before, by (change, page). */
static int64_t
walk_touched(struct fixture *f, int64_t run, struct run_record_filter filter, int64_t *total_out)
{
    int64_t seen = 0;
    struct run_record last = {0};
    do {
        size_t count;
        struct run_record *rows;
        arena_clear(&f->arena);
        assert_ok(store_run_records(f->db, &f->arena, f->tenant.id, run, &filter, &rows, &count, &filter.after, total_out, &f->err),
                  f->err);
        assert_true(count <= filter.limit);
        for (size_t i = 0; i < count; last = rows[i++], seen++)
            assert_true(rows[i].change > last.change || (rows[i].change == last.change && rows[i].page_seq >= last.page_seq));
    } while (filter.after);
    return seen;
}

static void
test_lists_behind_a_runs_counters_are_as_long_as_they_say(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, true);
    enum { PAGES = 150 };        /* more than are read at once */
    int64_t total;
    write_touched(f, run.id, PAGES);
    static const struct {
        struct run_record_filter filter;
        int64_t count;
    } asked[] = {
        {{.limit = 7}, PAGES * 4},
        {{.limit = 500}, PAGES * 4},
        {{.change = RUN_CREATED, .limit = 3}, PAGES},
        {{.change = RUN_UPDATED, .limit = 3}, PAGES},
        {{.change = RUN_UNCHANGED, .limit = 100}, PAGES},
        {{.change = RUN_DELETED, .limit = 1}, PAGES},
        {{.change = RUN_MISSING, .limit = 2}, 3},
        {{.change = RUN_CREATED, .limit = 500, .offset = 149}, 1},
        {{.change = RUN_CREATED, .limit = 500, .offset = 150}, 0},
    };
    begin(f);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        assert_int_equal(walk_touched(f, run.id, asked[i].filter, &total), asked[i].count);
        assert_int_equal(total, asked[i].count + (int64_t)asked[i].filter.offset);
    }
    struct run_record_filter of_stream = {.stream = f->stream.id, .limit = 9}, foreign = {.limit = 9};
    assert_int_equal(walk_touched(f, run.id, of_stream, &total), PAGES * 2);
    assert_int_equal(walk_touched(f, run.id + 1, foreign, &total), 0);
    commit(f);
}

struct walk {
    const struct record *listed; /* what store_record_list gave */
    size_t index, stop_at;
};

static bool
compare_record(void *ctx, const struct record *record, struct err *err)
{
    struct walk *w = ctx;
    const struct record *listed = &w->listed[w->index++];
    assert_true(str_eq(record->uuid, listed->uuid));
    assert_true(record->kind.len > 0 && str_eq(record->kind, listed->kind));
    assert_true(str_eq(record->parent_uuid, listed->parent_uuid));
    assert_true(str_eq(record->data, listed->data));
    assert_int_equal(record->version, listed->version);
    assert_int_equal(record->created_us, listed->created_us);
    assert_int_equal(record->updated_us, listed->updated_us);
    assert_int_equal(record->deleted_us, listed->deleted_us);
    return w->index != w->stop_at || err_set(err, E_TOO_LARGE, "enough");
}

/* The list's page, then the same one by one. */
static struct record_place
compare_page(struct fixture *f, const struct record_filter *filter, size_t expected)
{
    struct record *rows;
    struct record_place next, each_next;
    size_t count, each_count;
    assert_ok(store_record_list(f->db, &f->arena, f->tenant.id, f->stream.collection, filter, &rows, &count, &next, &f->err), f->err);
    struct walk w = {.listed = rows};
    assert_ok(store_record_each(f->db, &f->arena, f->tenant.id, f->stream.collection, filter, compare_record, &w, &each_count,
                                &each_next, &f->err), f->err);
    assert_int_equal(count, expected);
    assert_int_equal(each_count, expected);
    assert_int_equal(w.index, expected);
    assert_int_equal(each_next.id, next.id);
    assert_int_equal(each_next.updated_us, next.updated_us);
    assert_string_equal(each_next.uuid, next.uuid);
    return next;
}

static void
test_records_one_by_one_are_those_of_the_list(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false);
    write_page(f, run_fence(&run), 1, 0);
    assert_ok(db_begin_read(f->db, &f->err), f->err);
    for (int deleted = 0; deleted <= 1; deleted++) { /* each has a statement of its own */
        struct record_filter filter = {.order = RECORD_NEWEST, .limit = 2, .include_deleted = deleted};
        filter.after = compare_page(f, &filter, 2);
        assert_true(filter.after.id > 0);
        filter.limit = 1;
        filter.after = compare_page(f, &filter, 1);
        filter.limit = PAGE_RECORDS;
        assert_int_equal(compare_page(f, &filter, PAGE_RECORDS - 3).id, 0); /* the rest is the last page */
    }
    db_rollback(f->db);
}

static void
test_who_has_seen_enough_ends_the_reading(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false);
    struct record_filter filter = {.order = RECORD_NEWEST, .limit = 4};
    struct record *rows;
    struct record_place next;
    size_t count;
    write_page(f, run_fence(&run), 1, 0);
    assert_ok(db_begin_read(f->db, &f->err), f->err);
    assert_ok(store_record_list(f->db, &f->arena, f->tenant.id, f->stream.collection, &filter, &rows, &count, &next, &f->err), f->err);
    struct walk w = {.listed = rows, .stop_at = 2};
    assert_false(store_record_each(f->db, &f->arena, f->tenant.id, f->stream.collection, &filter, compare_record, &w, &count, &next,
                                   &f->err));
    db_rollback(f->db);
    assert_int_equal(w.index, 2);
    assert_int_equal(f->err.code, E_TOO_LARGE);
    f->err = (struct err){0};
}

static void
test_records_are_listed_by_cursor_without_loss_or_repetition(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false);
    struct page_fence fence = run_fence(&run);
    for (int i = 0; i < 4; i++, fence.page_seq++)
        write_page(f, fence, 1 + i * PAGE_RECORDS, 0);
    for (enum record_order order = RECORD_NEWEST; order <= RECORD_OLDEST; order++) {
        struct record_filter filter = {.order = order, .limit = 3};
        struct id_set *seen = id_set_new();
        do {
            struct record *rows;
            size_t count;
            assert_ok(db_begin_read(f->db, &f->err), f->err);
            assert_ok(store_record_list(f->db, &f->arena, f->tenant.id, f->stream.collection, &filter, &rows, &count,
                                        &filter.after, &f->err), f->err);
            db_rollback(f->db);
            for (size_t i = 0; i < count; i++) {
                assert_false(id_set_has(seen, rows[i].id));
                assert_true(id_set_add(seen, rows[i].id));
            }
        } while (filter.after.id);
        assert_int_equal(id_set_count(seen), 4 * PAGE_RECORDS);
        id_set_free(seen);
    }
    int64_t count;
    struct record_filter all = {.limit = 1};
    begin(f);
    assert_ok(store_record_count(f->db, f->tenant.id, f->stream.collection, &all, 1000, &count, &f->err), f->err);
    commit(f);
    assert_int_equal(count, 4 * PAGE_RECORDS);
}

/* Twelve records: every third is deleted, every fourth a child of the first. */
static void
write_family(struct fixture *f)
{
    struct record_write records[12] = {0};
    begin(f);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct record_write *r = &records[i];
        *r = (struct record_write){.data = str_format(&f->arena, "{\"n\":%zu}", i), .deleted = i % 3 == 2,
                                   .parent = i % 4 == 3 ? records[0].record : 0};
        uuid_v7_now(r->uuid);
        assert_ok(store_records_insert(f->db, f->tenant.id, f->stream.collection, r, 1, NOW + (int64_t)i, &f->err), f->err);
    }
    commit(f);
}

static void
assert_same_record(const struct record *a, const struct record *b)
{
    assert_int_equal(a->id, b->id);
    assert_true(str_eq(a->uuid, b->uuid) && str_eq(a->kind, b->kind) && str_eq(a->data, b->data));
    assert_true(str_is_none(a->parent_uuid) == str_is_none(b->parent_uuid));
    assert_true(str_is_none(a->parent_uuid) || str_eq(a->parent_uuid, b->parent_uuid));
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->created_us, b->created_us);
    assert_int_equal(a->updated_us, b->updated_us);
    assert_int_equal(a->deleted_us, 0);
}

/* A list that asks for nothing has a statement of its own; it must show what the other one shows of the living. */
static void
test_a_list_of_all_is_the_list_of_the_living(void **state)
{
    struct fixture *f = *state;
    struct record *all, *living[12], *rows;
    struct record_place next;
    size_t count, live = 0;
    write_family(f);
    assert_ok(db_begin_read(f->db, &f->err), f->err);
    struct record_filter filter = {.include_deleted = true, .limit = 12};
    assert_ok(store_record_list(f->db, &f->arena, f->tenant.id, f->stream.collection, &filter, &all, &count, &next, &f->err), f->err);
    assert_int_equal(count, 12);
    for (size_t i = 0; i < count; i++)
        if (!all[i].deleted_us)
            living[live++] = &all[i];
    assert_int_equal(live, 8);
    for (size_t limit = 1; limit < 10; limit++) {
        size_t place = 0;
        for (filter = (struct record_filter){.limit = limit}; place < live; place += count, filter.after = next) {
            assert_ok(store_record_list(f->db, &f->arena, f->tenant.id, f->stream.collection, &filter, &rows, &count, &next, &f->err),
                      f->err);
            assert_int_equal(count, live - place < limit ? live - place : limit);
            assert_true((next.id != 0) == (place + count < live));
            for (size_t i = 0; i < count; i++)
                assert_same_record(&rows[i], living[place + i]);
        }
        filter = (struct record_filter){.limit = limit, .offset = 3};
        assert_ok(store_record_list(f->db, &f->arena, f->tenant.id, f->stream.collection, &filter, &rows, &count, &next, &f->err), f->err);
        assert_int_equal(count, limit < 5 ? limit : 5);
        assert_same_record(&rows[0], living[3]);
    }
    db_rollback(f->db);
}
