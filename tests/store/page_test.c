/*
 * The page transaction: all or nothing, fenced, counted, and the same on both databases.
 */
#include "tests/store/page.h"

/* Rows of everything that a page writes: what must be unchanged when it fails, and grow together when not. */
static int64_t
everything(struct fixture *f)
{
    char text[1024];
    snprintf(text, sizeof(text), "SELECT (SELECT count(*) FROM records) * 1000000 + (SELECT count(*) FROM entity_map) * 10000"
                         " + (SELECT count(*) FROM raw) * 1000 + (SELECT count(*) FROM run_pages) * 100"
                         " + (SELECT count(*) FROM run_logs) + (SELECT count(*) FROM changes) + (SELECT count(*) FROM cursor_state)"
                         " + (SELECT count(*) FROM rejected_records) + (SELECT count(*) FROM pass_pages) + (SELECT count(*) FROM run_records)"
                         " + (SELECT count(*) FROM match_keys) + %s (SELECT sum(page_seq) + sum(received) FROM runs)"
                         " + (SELECT sum(records) + sum(rejected) FROM streams)",
             on_postgres() ? "" : "(SELECT COALESCE(sum(length(keys)), 0) FROM match_tail) +");
    return sql_number(f, text);
}

/* The first ones of the feed. PostgreSQL shows them when no older transaction of the whole server is open: another test's may be. */
static struct event *
first_events(struct fixture *f, size_t *count_out)
{
    struct event *events = NULL;
    *count_out = 0;
    for (int i = 0; i < 120000 && *count_out == 0; i++) {
        usleep(i == 0 ? 0 : 1000);
        begin(f);
        assert_ok(store_event_read(f->db, &f->arena, f->tenant.id, (struct event_place){0}, 10, &events, count_out, &f->err), f->err);
        commit(f);
    }
    return events;
}

/* I-2, I-3 */
static void
test_a_page_leaves_records_maps_counters_cursor_log_and_feed_together(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, true);
    write_page(f, run_fence(&run), 1, 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM records"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM entity_map"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM raw"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT sum(live) FROM collection_counts"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT records FROM streams"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT rejected FROM streams"), 1);
    struct run after;
    begin(f);
    assert_int_equal(store_run_get(f->db, &f->arena, f->tenant.id, run.uuid, &after, &f->err), ROW_FOUND);
    assert_int_equal(after.page_seq, 1);
    assert_int_equal(after.counts.received, PAGE_RECORDS + 1);
    assert_int_equal(after.counts.created, PAGE_RECORDS);
    assert_int_equal(after.counts.errors, 1);
    assert_int_equal(after.declared_total, 100);
    assert_int_equal(after.log_lines, 1);
    struct str watermark;
    assert_int_equal(store_state_get(f->db, &f->arena, f->tenant.id, f->stream.id, STR(""), &watermark, &f->err), ROW_FOUND);
    assert_str(watermark, "{\"updated\":1}");
    struct run_stream *streams;
    size_t count;
    assert_ok(store_run_streams(f->db, &f->arena, f->tenant.id, run.id, &streams, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_str(streams[0].position, "{\"page\":1}");
    assert_int_equal(streams[0].pages, 1);
    uint64_t *tokens;
    assert_ok(store_run_tokens(f->db, &f->arena, f->tenant.id, run.id, f->stream.id, &tokens, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_int_equal(tokens[0], 8);
    struct log_chunk *chunks;
    assert_ok(store_log_read(f->db, &f->arena, f->tenant.id, run.id, 0, 10, &chunks, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_str(chunks[0].lines, "{\"message\":\"page\"}\n");
    commit(f);
    struct event *events = first_events(f, &count);
    assert_int_equal(count, 1);
    assert_int_equal(events[0].record_count, PAGE_RECORDS);
    assert_str(events[0].kind, "contacts");
}

static void
test_an_update_raises_versions_and_keeps_what_was_before(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false);
    struct page_fence fence = run_fence(&run);
    write_page(f, fence, 1, 0);
    fence.page_seq++;
    write_page(f, fence, 1, 1);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM records WHERE version = 2"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM record_history WHERE version = 1"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT records FROM streams"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT sum(live) FROM collection_counts"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT times FROM rejected_records"), 2);
    assert_int_equal(sql_number(f, "SELECT rejected FROM streams"), 1);
    begin(f);
    struct map_row row;
    struct str id = STR("ext-1");
    assert_ok(store_map_lookup(f->db, &f->arena, f->tenant.id, f->stream.id, &id, 1, &row, &f->err), f->err);
    assert_int_equal(row.fingerprint[0], 'b');
    assert_false(row.deleted || row.linked || row.erased || row.has_base);
    struct record_change *changes;
    size_t count;
    assert_ok(store_record_history(f->db, &f->arena, f->tenant.id, row.record, 10, &changes, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_int_equal(changes[0].connection, f->connection.id);
    commit(f);
}

/* I-2: whichever statement fails, nothing of the page is there; and the next try works. */
static void
test_a_page_whose_nth_statement_fails_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, true);
    struct page_fence fence = run_fence(&run);
    write_page(f, fence, 1, 0);
    fence.page_seq++;
    struct db_trace trace = {.at = DB_TRACE_STATEMENT};
    f->db = db_trace_wrap(f->db, &trace);
    for (int revision = 0; revision < 2; revision++) { /* a page that creates, one that updates */
        bool failed = true;
        int64_t before = everything(f);
        for (int64_t nth = 1; failed; nth++) {
            struct page page = {.f = f, .fence = fence, .first = revision ? 1 : 100, .revision = revision};
            atomic_store(&trace.calls, 0);
            begin(f);
            atomic_store(&trace.fail_at, nth);
            failed = !page_write(f->db, &page, &f->err);
            atomic_store(&trace.fail_at, 0);
            if (failed)
                db_rollback(f->db);
            else
                commit(f);
            if (failed)
                assert_int_equal(everything(f), before);
            else
                assert_true(nth > 8);
        }
        assert_true(everything(f) != before);
        fence.page_seq++;
    }
}

/* I-14 */
static void
test_a_worker_that_lost_its_run_can_write_nothing(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false), other;
    struct page_fence old = run_fence(&run);
    int64_t later = NOW + 31 * US_PER_S;
    begin(f);
    struct run_claim claim = {STR("node-b/1"), later, later + 30 * US_PER_S};
    assert_int_equal(store_run_claim(f->db, &f->arena, &claim, &other, &f->err), ROW_FOUND);
    commit(f);
    assert_int_equal(other.epoch, run.epoch + 1);
    assert_int_equal(other.crashes, 1);
    struct page page = {.f = f, .fence = old, .first = 1};
    struct run_end end = {.state = RUN_SUCCEEDED, .verdict = VERDICT_COMPLETE};
    enum run_state stopped;
    begin(f);
    assert_fails_with(page_write(f->db, &page, &f->err), f->err, E_FENCED);
    assert_fails_with(store_run_renew(f->db, &old, later, &f->err), f->err, E_FENCED);
    assert_fails_with(store_run_release(f->db, &old, later, &f->err), f->err, E_FENCED);
    assert_fails_with(store_run_yield(f->db, &old, later, &f->err), f->err, E_FENCED);
    assert_fails_with(store_run_park(f->db, &old, later, "RATE_LIMITED", STR_NONE, true, later, &f->err), f->err, E_FENCED);
    assert_fails_with(store_run_finish(f->db, &old, &end, later, &f->err), f->err, E_FENCED);
    assert_fails_with(store_run_stop(f->db, &old, later, &stopped, &f->err), f->err, E_FENCED);
    assert_fails_with(store_run_add_missing(f->db, &old, 1, &f->err), f->err, E_FENCED);
    assert_fails_with(store_run_stream_end(f->db, &old, f->stream.id, STR_NONE, STR_NONE, later, &f->err), f->err, E_FENCED);
    commit(f);
    write_page(f, run_fence(&other), 1, 0);
    assert_int_equal(sql_number(f, "SELECT crashes FROM runs"), 0);
}

/* The same page twice, as after a commit whose outcome was unknown: page_seq decides (F9). */
static void
test_a_page_that_was_committed_is_refused_the_second_time(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false);
    write_page(f, run_fence(&run), 1, 0);
    struct page page = {.f = f, .fence = run_fence(&run), .first = 1};
    begin(f);
    assert_fails_with(page_write(f->db, &page, &f->err), f->err, E_FENCED);
    db_rollback(f->db);
}

/* I-24 */
static void
test_a_page_is_refused_after_a_pause_or_cancel_was_asked_for(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false), after;
    for (enum run_ask ask = RUN_ASK_PAUSE; ask <= RUN_ASK_CANCEL; ask++) {
        struct page page = {.f = f, .fence = run_fence(&run), .first = 1};
        begin(f);
        assert_ok(store_run_ask(f->db, &f->arena, f->tenant.id, run.uuid, ask, NOW, &after, &f->err), f->err);
        if (ask == RUN_ASK_RESUME)
            assert_ok(store_page_fence(f->db, &page.fence, NOW, &f->err), f->err);
        else
            assert_fails_with(page_write(f->db, &page, &f->err), f->err, E_CANCELLED);
        if (ask == RUN_ASK_RESUME)
            db_rollback(f->db);
        else
            commit(f);
        if (ask == RUN_ASK_RESUME) {
            begin(f);
            assert_ok(store_run_ask(f->db, &f->arena, f->tenant.id, run.uuid, ask, NOW, &after, &f->err), f->err);
            commit(f);
        }
    }
    enum run_state stopped;
    struct page_fence fence = run_fence(&run);
    begin(f);
    assert_ok(store_run_stop(f->db, &fence, NOW, &stopped, &f->err), f->err);
    commit(f);
    assert_int_equal(stopped, RUN_CANCELLED);
}

static void
test_match_keys_link_one_record_and_become_ambiguous_with_two(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false);
    write_page(f, run_fence(&run), 1, 0);
    struct str keys[] = {STR("email:person1@example.com"), STR("email:nobody@example.com"), STR("email:person2@example.com")};
    int64_t found[3], collection = f->stream.collection;
    begin(f);
    assert_ok(store_match_lookup(f->db, f->tenant.id, collection, keys, 3, found, &f->err), f->err);
    assert_true(found[0] > 0);
    assert_int_equal(found[1], 0);
    assert_true(found[2] > 0 && found[2] != found[0]);
    int64_t other = found[2];
    assert_ok(store_match_claim(f->db, f->tenant.id, collection, keys, &other, 1, &f->err), f->err);
    assert_ok(store_match_claim(f->db, f->tenant.id, collection, keys + 2, &other, 1, &f->err), f->err);
    assert_ok(store_match_lookup(f->db, f->tenant.id, collection, keys, 3, found, &f->err), f->err);
    assert_int_equal(found[0], -1);
    assert_int_equal(found[2], other);
    assert_ok(store_match_release(f->db, f->tenant.id, collection, keys, &other, 1, &f->err), f->err);
    assert_ok(store_match_release(f->db, f->tenant.id, collection, keys + 2, &other, 1, &f->err), f->err);
    assert_ok(store_match_lookup(f->db, f->tenant.id, collection, keys, 3, found, &f->err), f->err);
    assert_int_equal(found[0], -1); /* stays ambiguous */
    assert_int_equal(found[2], 0);
    commit(f);
    begin(f); /* another collection has keys of its own */
    int64_t elsewhere;
    assert_ok(store_collection_ensure(f->db, f->tenant.id, STR("leads"), &elsewhere, &f->err), f->err);
    assert_ok(store_match_lookup(f->db, f->tenant.id, elsewhere, keys, 3, found, &f->err), f->err);
    assert_int_equal(found[0], 0);
    commit(f);
}

static void
test_a_second_map_of_a_record_makes_both_linked(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, false);
    write_page(f, run_fence(&run), 1, 0);
    begin(f);
    struct connection second = {.tenant = f->tenant.id, .template_name = STR("other"), .name = STR("Other"), .enabled = true};
    assert_ok(store_connection_create(f->db, &f->arena, &second, NOW, &f->err), f->err);
    struct stream stream;
    assert_ok(store_stream_ensure(f->db, &f->arena, f->tenant.id, second.id, STR("people"), STR("contacts"), &stream, &f->err),
              f->err);
    assert_int_equal(stream.collection, f->stream.collection);
    struct str id = STR("ext-1"), theirs = STR("theirs-1");
    struct map_row row;
    assert_ok(store_map_lookup(f->db, &f->arena, f->tenant.id, f->stream.id, &id, 1, &row, &f->err), f->err);
    bool has;
    assert_ok(store_record_has_map_of(f->db, f->tenant.id, row.record, second.id, &has, &f->err), f->err);
    assert_false(has);
    struct map_write map = {.record = row.record, .external_id = theirs};
    assert_ok(store_maps_write(f->db, f->tenant.id, stream.id, &map, 1, NOW, NOW, &f->err), f->err);
    assert_ok(store_record_has_map_of(f->db, f->tenant.id, row.record, second.id, &has, &f->err), f->err);
    assert_true(has);
    assert_ok(store_map_lookup(f->db, &f->arena, f->tenant.id, f->stream.id, &id, 1, &row, &f->err), f->err);
    assert_true(row.linked);
    struct base_row *bases;
    size_t count;
    assert_ok(store_base_save(f->db, f->tenant.id, row.map, STR("{\"name\":\"x\"}"), &f->err), f->err);
    assert_ok(store_bases_load(f->db, &f->arena, f->tenant.id, row.record, &bases, &count, &f->err), f->err);
    assert_int_equal(count, 2);
    assert_str(bases[0].base, "{\"name\":\"x\"}");
    assert_true(str_is_none(bases[1].base));
    struct record_source *sources;
    assert_ok(store_record_sources(f->db, &f->arena, f->tenant.id, row.record, &sources, &count, &f->err), f->err);
    assert_int_equal(count, 2);
    map.deleted = true; /* the other's goes: no longer linked */
    assert_ok(store_maps_write(f->db, f->tenant.id, stream.id, &map, 1, NOW, NOW, &f->err), f->err);
    assert_ok(store_map_lookup(f->db, &f->arena, f->tenant.id, f->stream.id, &id, 1, &row, &f->err), f->err);
    assert_false(row.linked);
    assert_true(row.has_base);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT sum(deleted) FROM streams"), 1);
    assert_int_equal(sql_number(f, "SELECT sum(records) FROM streams"), PAGE_RECORDS);
}

/* I-9's mechanism: what a full pass did not see, in batches, and nothing that was touched since. */
static void
test_a_full_pass_finds_what_it_did_not_see(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f, true);
    struct page_fence fence = run_fence(&run);
    write_page(f, fence, 1, 0);
    fence.page_seq++;
    write_page(f, fence, 50, 0);
    struct run_end end = {.state = RUN_SUCCEEDED, .verdict = VERDICT_COMPLETE, .moves_last_sync = true};
    begin(f);
    assert_ok(store_run_finish(f->db, &fence, &end, NOW, &f->err), f->err);
    commit(f);
    int64_t began = NOW + 10 * US_PER_S;
    struct run second = claimed_run(f, true);
    fence = run_fence(&second);
    write_page(f, fence, 50, 0);
    begin(f);
    struct id_set *seen = id_set_new();
    assert_ok(store_delete_seen(f->db, f->tenant.id, second.id, f->stream.id, seen, &f->err), f->err);
    assert_int_equal(id_set_count(seen), PAGE_RECORDS);
    struct str after = STR_NONE;
    struct delete_candidate gone[20];
    size_t total = 0;
    do {
        struct delete_candidate *rows;
        size_t count;
        assert_ok(store_delete_candidates(f->db, &f->arena, f->tenant.id, f->stream.id, seen, began, after, 3, &rows, &count,
                                          &after, &f->err), f->err);
        for (size_t i = 0; i < count; i++)
            gone[total++] = rows[i];
    } while (!str_is_none(after));
    assert_int_equal(total, PAGE_RECORDS);
    int64_t live, deleted;
    assert_ok(store_delete_live_count(f->db, f->tenant.id, f->stream.id, &live, &f->err), f->err);
    assert_int_equal(live, 2 * PAGE_RECORDS);
    assert_ok(store_delete_apply(f->db, f->tenant.id, f->stream.id, f->connection.id, second.id, gone, 2, began, NOW,
                                 NULL, &deleted, &f->err), f->err);
    assert_int_equal(deleted, 2);
    assert_ok(store_delete_hold(f->db, f->tenant.id, second.id, f->stream.id, gone + 2, 3, began, NOW, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM records WHERE deleted_at IS NOT NULL"), 2);
    assert_int_equal(sql_number(f, "SELECT records FROM streams"), 2 * PAGE_RECORDS - 2);
    assert_int_equal(sql_number(f, "SELECT sum(deleted) FROM collection_counts"), 2);
    struct delete_held *held;
    size_t count;
    bool more = true;
    begin(f);
    assert_ok(store_delete_held(f->db, &f->arena, f->tenant.id, second.id, 0, 10, &held, &count, &live, &f->err), f->err);
    assert_int_equal(count, 3);
    assert_int_equal(live, 3);
    while (more)
        assert_ok(store_delete_confirm(f->db, f->tenant.id, second.id, NOW + US_PER_S, NULL, &deleted, &more, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM records WHERE deleted_at IS NOT NULL"), PAGE_RECORDS);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM delete_holds"), 0);
    id_set_free(seen);
}
