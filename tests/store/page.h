/*
 * Pages as the engine writes them: a claimed run, and page after page of records with ids, e-mails, maps, marks and all.
 * Included by the test files, which are one program each.
 */
#ifndef TIDEMARK_TESTS_STORE_PAGE_H
#define TIDEMARK_TESTS_STORE_PAGE_H

#include "tests/store/fixture.h"

static struct run
claimed_run(struct fixture *f, bool full)
{
    struct run run;
    begin(f);
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id, .full = full, .priority = PRIORITY_NORMAL};
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &run, &f->err), f->err);
    struct run_claim claim = {STR("node-a/1"), NOW, NOW + 30 * US_PER_S};
    assert_int_equal(store_run_claim(f->db, &f->arena, &claim, &run, &f->err), ROW_FOUND);
    struct page_fence fence = run_fence(&run);
    assert_ok(store_run_streams_init(f->db, &fence, &f->stream.id, 1, NOW, &f->err), f->err);
    commit(f);
    return run;
}

#define PAGE_RECORDS 5

/* One page of records with ids from `first`, e-mails and all, as the engine would write it. */
struct page {
    struct fixture *f;
    struct page_fence fence;
    int first;
    int revision;                /* another one changes every record */
    struct str ids[PAGE_RECORDS], keys[PAGE_RECORDS];
    struct map_row known[PAGE_RECORDS];
    struct record_write records[PAGE_RECORDS];
    struct map_write maps[PAGE_RECORDS];
    int64_t record_ids[PAGE_RECORDS], map_ids[PAGE_RECORDS];
};

static void
page_fill(struct page *p)
{
    struct arena *a = &p->f->arena;
    for (int i = 0; i < PAGE_RECORDS; i++) {
        int n = p->first + i;
        p->ids[i] = str_format(a, "ext-%d", n);
        p->keys[i] = str_format(a, "email:person%d@example.com", n);
        p->records[i] = (struct record_write){.data = str_format(a, "{\"name\":\"Person %d\",\"email\":\"person%d@example.com\","
            "\"customFields\":{\"rev\":%d}}", n, n, p->revision), .title = str_format(a, "Person %d", n)};
        uuid_v7_now(p->records[i].uuid);
        p->maps[i] = (struct map_write){.external_id = p->ids[i], .raw = STR("\x28\xb5raw")};
        memset(p->maps[i].fingerprint, 'a' + p->revision, FINGERPRINT_BYTES);
    }
}

static bool
page_insert(struct page *p, struct db *db, struct page_counts *counts, struct err *err)
{
    struct fixture *f = p->f;
    if (!store_records_insert(db, f->tenant.id, f->stream.collection, p->records, PAGE_RECORDS, NOW, err))
        return false;
    for (int i = 0; i < PAGE_RECORDS; i++)
        p->maps[i].record = p->record_ids[i] = p->records[i].record;
    counts->created = PAGE_RECORDS;
    return store_match_claim(db, f->tenant.id, f->stream.collection, p->keys, p->record_ids, PAGE_RECORDS, err) &&
           store_maps_write(db, f->tenant.id, f->stream.id, p->maps, PAGE_RECORDS, NOW, NOW, err);
}

static bool
page_update(struct page *p, struct db *db, struct page_counts *counts, struct err *err)
{
    struct fixture *f = p->f;
    for (int i = 0; i < PAGE_RECORDS; i++) {
        p->records[i].record = p->maps[i].record = p->record_ids[i] = p->known[i].record;
        p->maps[i].map = p->known[i].map;
        p->records[i].changed = STR("{\"customFields\":{\"rev\":0}}");
    }
    counts->updated = PAGE_RECORDS;
    struct record_row before[PAGE_RECORDS];
    return store_records_load(db, &f->arena, f->tenant.id, p->record_ids, PAGE_RECORDS, before, err) &&
           store_records_update(db, f->tenant.id, f->stream.collection, p->records, PAGE_RECORDS, f->connection.id,
                                p->fence.run, NOW + 1, err) &&
           store_maps_write(db, f->tenant.id, f->stream.id, p->maps, PAGE_RECORDS, NOW, NOW + 1, err);
}

/* A store_fn. */
static bool
page_write(struct db *db, void *ctx, struct err *err)
{
    struct page *p = ctx;
    struct fixture *f = p->f;
    page_fill(p);
    if (!store_page_fence(db, &p->fence, NOW + 60 * US_PER_S, err) ||
        !store_map_lookup(db, &f->arena, f->tenant.id, f->stream.id, p->ids, PAGE_RECORDS, p->known, err))
        return false;
    struct page_counts counts = {.received = PAGE_RECORDS + 1, .errors = 1, .records_read = PAGE_RECORDS + 1};
    if (!(p->known[0].map ? page_update(p, db, &counts, err) : page_insert(p, db, &counts, err)))
        return false;
    for (int i = 0; i < PAGE_RECORDS; i++)
        p->map_ids[i] = p->maps[i].map;
    struct run_touch touched[PAGE_RECORDS];
    for (int i = 0; i < PAGE_RECORDS; i++)
        touched[i] = (struct run_touch){p->record_ids[i], counts.created ? RUN_CREATED : RUN_UPDATED};
    struct rejected_write rejected = {str_format(&f->arena, "bad-%d", p->first), STR("no e-mail"), STR("{}")};
    struct str partition = STR(""), watermark = str_format(&f->arena, "{\"updated\":%d}", p->first);
    struct page_mark mark = {
        .fence = p->fence, .tenant = f->tenant.id, .connection = f->connection.id, .stream = f->stream.id, .counts = counts,
        .position = str_format(&f->arena, "{\"page\":%d}", (int)p->fence.page_seq), .token_hash = 7 + (uint64_t)p->first,
        .declared_total = 100, .partitions = &partition, .states = &watermark, .state_count = 1,
        .log = log_pack(&f->arena, STR("{\"message\":\"page\"}\n")), .log_lines = 1, .changed_records = p->record_ids,
        .changed_count = PAGE_RECORDS, .touched = touched, .touched_count = PAGE_RECORDS, .seen_maps = p->map_ids,
        .seen_count = PAGE_RECORDS, .observed_us = NOW, .now_us = NOW};
    return store_rejected_write(db, f->tenant.id, f->stream.id, p->fence.run, &rejected, 1, NOW, err) &&
           store_rejected_clear(db, f->tenant.id, f->stream.id, p->ids, PAGE_RECORDS, err) &&
           store_page_finish(db, &mark, err);
}

static void
write_page(struct fixture *f, struct page_fence fence, int first, int revision)
{
    struct page page = {.f = f, .fence = fence, .first = first, .revision = revision};
    begin(f);
    assert_ok(page_write(f->db, &page, &f->err), f->err);
    commit(f);
}

#endif
