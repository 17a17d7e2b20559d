/* Requests of a run: numbered over workers, the first and the last kept, gone with the log. */
#include "tests/store/fixture.h"

#include "base/buf.h"
#include "store/store_request.h"

static struct run
claimed_run(struct fixture *f)
{
    struct run run;
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id};
    struct run_claim claim = {STR("node"), NOW, NOW + US_PER_MINUTE};
    begin(f);
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &run, &f->err), f->err);
    assert_int_equal(store_run_claim(f->db, &f->arena, &claim, &run, &f->err), ROW_FOUND);
    commit(f);
    return run;
}

/* `count` requests of page `page`, every third one failed; `made` of them were sent. */
static void
append(struct fixture *f, const struct run *run, int count, int made, int page)
{
    struct buf lines;
    struct page_requests requests = {.count = count, .made = made};
    struct page_fence fence = run_fence(run);
    buf_init(&lines, 1024 * 1024);
    for (int i = 0; i < count; i++) {
        requests.failed += i % 3 == 2;
        buf_addf(&lines, "%c%d {\"url\":\"%d\"}\n", i % 3 == 2 ? '!' : '.', page, i);
    }
    requests.packed = log_pack(&f->arena, buf_str(&lines));
    begin(f);
    assert_ok(store_requests_append(f->db, &fence, &requests, NOW, &f->err), f->err);
    commit(f);
    buf_release(&lines);
}

static int64_t
kept(struct fixture *f, const struct run *run)
{
    int64_t count = -1;
    assert_ok(store_requests_kept(f->db, f->tenant.id, run->id, &count, &f->err), f->err);
    return count;
}

static void
test_requests_are_numbered_and_read_back_from_anywhere(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f);
    struct request_chunk *chunks, newest;
    struct request_line line;
    struct str lines;
    size_t count;
    append(f, &run, 4, 4, 1);
    append(f, &run, 3, 5, 2); /* two there was no room for */
    append(f, &run, 1, 1, 0);
    assert_ok(store_requests_read(f->db, &f->arena, f->tenant.id, run.id, 0, 10, &chunks, &count, &f->err), f->err);
    assert_int_equal(count, 3);
    assert_int_equal(chunks[0].first_number, 1);
    assert_int_equal(chunks[1].first_number, 5);
    assert_int_equal(chunks[2].first_number, 10);
    assert_int_equal(chunks[1].failed, 1);
    assert_ok(log_unpack(&f->arena, chunks[1].packed, &lines, &f->err), f->err);
    for (int i = 0; i < 3; i++) {
        assert_true(request_line_next(&lines, &line));
        assert_int_equal(line.failed, i == 2);
        assert_int_equal(line.page, 2);
    }
    assert_str(line.json, "{\"url\":\"2\"}");
    assert_false(request_line_next(&lines, &line));
    assert_ok(store_requests_read(f->db, &f->arena, f->tenant.id, run.id, 4, 10, &chunks, &count, &f->err), f->err);
    assert_int_equal(chunks[0].first_number, 5);
    assert_ok(store_requests_read(f->db, &f->arena, f->tenant.id, run.id, 10, 10, &chunks, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    assert_int_equal(store_requests_newest(f->db, &f->arena, f->tenant.id, run.id, &newest, &f->err), ROW_FOUND);
    assert_int_equal(newest.first_number, 10);
    assert_int_equal(store_run_get_by_id(f->db, &f->arena, f->tenant.id, run.id, &run, &f->err), ROW_FOUND);
    assert_int_equal(run.requests, 10);
    assert_int_equal(kept(f, &run), 8);
}

/* I-35 */
static void
test_of_many_requests_the_first_and_the_last_are_kept(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f);
    struct request_chunk *chunks;
    size_t count;
    const int step = 30, steps = 100;
    for (int i = 0; i < steps; i++)
        append(f, &run, step, step, i + 1);
    int64_t most = LIMIT_RUN_REQUESTS_FIRST + LIMIT_RUN_REQUESTS_LAST + 2 * step;
    assert_true(kept(f, &run) <= most && kept(f, &run) >= LIMIT_RUN_REQUESTS_FIRST + LIMIT_RUN_REQUESTS_LAST);
    assert_ok(store_requests_read(f->db, &f->arena, f->tenant.id, run.id, 0, 1000, &chunks, &count, &f->err), f->err);
    int64_t expected = 1, gaps = 0;
    for (size_t i = 0; i < count; i++) {
        gaps += chunks[i].first_number != expected;
        expected = chunks[i].first_number + chunks[i].count;
        assert_true(expected - 1 <= LIMIT_RUN_REQUESTS_FIRST + step || chunks[i].first_number + step > step * steps - LIMIT_RUN_REQUESTS_LAST);
    }
    assert_int_equal(gaps, 1);
    assert_int_equal(expected, step * steps + 1);
}

/* I-14 */
static void
test_a_worker_that_has_lost_the_run_adds_nothing(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f);
    append(f, &run, 2, 2, 1);
    run.epoch--;
    append(f, &run, 5, 5, 1);
    run.epoch++;
    assert_int_equal(kept(f, &run), 2);
    assert_int_equal(sql_number(f, "SELECT requests FROM runs"), 2);
    append(f, &run, 1, 1, 1);
    assert_int_equal(sql_number(f, "SELECT max(first_number) FROM run_requests"), 3);
}

static void
finish(struct fixture *f, const struct run *run)
{
    struct page_fence fence = run_fence(run);
    struct run_end end = {.state = RUN_SUCCEEDED, .verdict = VERDICT_COMPLETE};
    begin(f);
    assert_ok(store_run_finish(f->db, &fence, &end, NOW, &f->err), f->err);
    commit(f);
}

static void
sweep(struct fixture *f, const struct retention *keep, int64_t now_us)
{
    int64_t removed = 1;
    for (int i = 0; i < 20 && removed > 0; i++) {
        begin(f);
        assert_ok(store_retention_sweep(f->db, keep, now_us, &removed, &f->err), f->err);
        commit(f);
    }
}

static void
test_requests_go_with_the_log(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f);
    struct retention keep = {.run_log_us = US_PER_DAY};
    append(f, &run, 2, 2, 1);
    sweep(f, &keep, NOW + 2 * US_PER_DAY);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM run_requests"), 1); /* the run is not finished */
    finish(f, &run);
    sweep(f, &keep, NOW + US_PER_DAY / 2);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM run_requests"), 1);
    sweep(f, &keep, NOW + 2 * US_PER_DAY);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM run_requests"), 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM runs"), 1);
}

static void
test_requests_count_among_the_bytes_of_logs_and_go_before_younger_ones(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f);
    append(f, &run, 2, 2, 1);
    begin(f);
    assert_ok(store_log_append(f->db, &f->arena, f->tenant.id, run.id, STR("{}\n"), 1, NOW, &f->err), f->err);
    assert_ok(store_log_append(f->db, &f->arena, f->tenant.id, run.id, STR("{}\n"), 1, NOW + 2, &f->err), f->err);
    commit(f);
    finish(f, &run);
    struct run second = claimed_run(f);
    begin(f);
    assert_ok(store_log_append(f->db, &f->arena, f->tenant.id, second.id, STR("{}\n"), 1, NOW + 3, &f->err), f->err);
    commit(f);
    int64_t bytes = sql_number(f, "SELECT CAST(sum(bytes) AS BIGINT) FROM run_logs");
    struct retention keep = {.log_bytes_max = bytes + 1}; /* without the requests they would fit */
    sweep(f, &keep, NOW + US_PER_DAY);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM run_logs"), 1);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM run_requests"), 0);
}

static void
test_requests_go_with_their_run(void **state)
{
    struct fixture *f = *state;
    struct run run = claimed_run(f);
    append(f, &run, 2, 2, 1);
    finish(f, &run);
    struct retention keep = {.run_us = US_PER_DAY};
    sweep(f, &keep, NOW + 2 * US_PER_DAY);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM runs"), 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM run_requests"), 0);
}
