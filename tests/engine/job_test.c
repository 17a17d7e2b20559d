/*
 * Jobs in the engine: what is due, what was missed, what runs after what. Both databases.
 */
#include "rig.h"

#include "engine/job.h"
#include "store/store_job.h"

static struct job_view
queue(struct rig *rig, const char *name, const char *body)
{
    struct err err = {0};
    struct job_queueing *queueing;
    struct str text = str_format(&rig->arena, "{\"source\":\"%.*s\"}", STR_ARG(rig->connection.uuid));
    yyjson_val *data = json_parse(&rig->arena, text, JSON_PLAIN, 8, &err);
    yyjson_val *more = json_parse(&rig->arena, str_from_c(body), JSON_PLAIN, 8, &err);
    struct job_request ask = {.name = str_from_c(name), .type = json_str_or(json_get_c(more, "type"), STR("incremental")),
                              .priority = STR_NONE, .data = data, .options = json_get_c(more, "options"),
                              .schedule = json_get_c(more, "schedule"), .created_by = STR_NONE};
    assert_ok(engine_job_queue(rig->engine, &rig->arena, rig->tenant, &ask, &queueing, &err), err);
    assert_ok(store_write(rig->store, queueing->call.fn, queueing->call.ctx, &err), err);
    engine_job_queued(rig->engine, queueing);
    return queueing->view;
}

struct move {
    int64_t job, by_us;
};

/* As if so much time had passed: the job's next time is moved back. */
static bool
move_back(struct db *db, void *ctx, struct err *err)
{
    struct move *m = ctx;
    char text[160];
    snprintf(text, sizeof(text), "UPDATE jobs SET next_at = %lld WHERE id = %lld", (long long)(store_now(db) - m->by_us),
             (long long)m->job);
    return db_script(db, text, err);
}

static void
miss(struct rig *rig, const struct job_view *v, int64_t by_us)
{
    struct err err = {0};
    struct move m = {v->job.id, by_us};
    assert_ok(store_write(rig->store, move_back, &m, &err), err);
}

static int64_t
round_of(struct rig *rig)
{
    struct err err = {0};
    int64_t started = 0;
    assert_ok(engine_job_round(rig->engine, &started, &err), err);
    return started;
}

static struct job_view
look(struct rig *rig, const char *name)
{
    struct err err = {0};
    struct job_filter all = {.limit = 100};
    struct job_view *rows;
    size_t count;
    assert_ok(engine_job_list(rig->engine, &rig->arena, rig->tenant, &all, &rows, &count, NULL, &err), err);
    for (size_t i = 0; i < count; i++)
        if (str_eq_c(rows[i].job.name, name))
            return rows[i];
    fail_msg("no job %s", name);
    return rows[0];
}

/* Every day, some twelve hours from now: no time that a test looks at goes by meanwhile. */
static struct job_view
queue_daily(struct rig *rig, const char *name)
{
    char body[96];
    int hour = (int)((clock_wall_us(clock_system()) / US_PER_HOUR + 12) % 24);
    snprintf(body, sizeof(body), "{\"type\":\"scheduled\",\"schedule\":{\"repeat\":\"daily\",\"time\":\"%02d:00\"}}", hour);
    return queue(rig, name, body);
}

/* I-27 */
static void
test_a_missed_firing_is_caught_up_once_and_only_within_a_day(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 5);
    struct job_view v = queue_daily(rig, "nightly");
    int64_t next_us = v.job.next_us;
    assert_int_equal(round_of(rig), 0);
    miss(rig, &v, 20 * US_PER_HOUR);
    assert_int_equal(round_of(rig), 1);
    assert_int_equal(round_of(rig), 0);
    assert_true(rig_step(rig));
    assert_int_equal(look(rig, "nightly").job.state, JOB_QUEUED);
    assert_int_equal(look(rig, "nightly").job.next_us, next_us);
    assert_int_equal(round_of(rig), 0);
    assert_false(rig_step(rig));
}

/* I-27 */
static void
test_a_firing_missed_by_more_than_a_day_is_left_out(void **state)
{
    struct rig *rig = *state;
    struct job_view v = queue_daily(rig, "nightly");
    int64_t next_us = v.job.next_us;
    miss(rig, &v, 25 * US_PER_HOUR);
    assert_int_equal(round_of(rig), 0);
    assert_int_equal(look(rig, "nightly").job.next_us, next_us);
    assert_false(rig_step(rig));
}

/* I-26: two rounds at once are two nodes. */
static void *
round_main(void *rig)
{
    round_of(rig);
    return NULL;
}

static void
test_many_nodes_that_look_at_once_fire_once(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 5);
    struct job_view v = queue_daily(rig, "nightly");
    for (int i = 0; i < 5; i++) {
        pthread_t threads[4];
        miss(rig, &v, (20 - i) * US_PER_HOUR);
        for (int t = 0; t < 4; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, round_main, rig), 0);
        for (int t = 0; t < 4; t++)
            pthread_join(threads[t], NULL);
        assert_true(rig_step(rig));
        assert_false(rig_step(rig));
    }
}

/* I-4, I-13: a process that dies between the end of a run and the next one cannot lose who waits. */
static void
test_the_line_survives_a_restart(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 5);
    queue(rig, "first", "{}");
    queue(rig, "second", "{}");
    queue(rig, "third", "{}");
    rig_restart(rig);
    for (int i = 0; i < 3; i++) {
        assert_true(rig_step(rig));
        rig_restart(rig);
    }
    assert_int_equal(look(rig, "first").job.state, JOB_COMPLETED);
    assert_int_equal(look(rig, "second").job.state, JOB_COMPLETED);
    assert_int_equal(look(rig, "third").job.state, JOB_COMPLETED);
    assert_int_equal(look(rig, "third").progress, 100);
}

struct line {
    const struct job_view *of;
    int64_t ahead;
};

static bool
count_ahead(struct db *db, void *ctx, struct err *err)
{
    struct line *l = ctx;
    return store_job_ahead(db, &l->of->job, &l->ahead, err);
}

static int64_t
ahead_of(struct rig *rig, const struct job_view *v)
{
    struct err err = {0};
    struct line l = {v, -1};
    assert_ok(store_read(rig->store, count_ahead, &l, &err), err);
    return l.ahead;
}

/* It would stand before all that are asked for until then: none of them could say when it starts, and each end of a run would pass it. */
static void
test_a_job_for_later_takes_its_place_in_line_when_its_time_comes(void **state)
{
    struct rig *rig = *state;
    char tomorrow[TIME_TEXT_BYTES], schedule[100];
    time_format_ms(clock_wall_us(clock_system()) + US_PER_DAY, tomorrow);
    snprintf(schedule, sizeof(schedule), "{\"schedule\":{\"startAt\":\"%s\"}}", tomorrow);
    (void)queue(rig, "for later", schedule);
    (void)queue(rig, "first", "{}");
    struct job_view second = queue(rig, "second", "{}"), later = look(rig, "for later");
    assert_true(later.job.waiting && second.job.waiting);
    assert_int_equal(ahead_of(rig, &second), 0);
    assert_int_equal(ahead_of(rig, &later), 1);
    assert_true(rig_step(rig));
    assert_false(look(rig, "second").job.waiting); /* the end of the first one's run has started it */
}

static void
test_a_job_whose_connection_is_deleted_fails_and_says_so(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    queue(rig, "first", "{}");
    struct job_view second = queue(rig, "second", "{}");
    assert_true(second.job.waiting);
    assert_ok(engine_connection_delete(rig->engine, rig->tenant, rig->connection.uuid, false, &err), err);
    round_of(rig);
    struct job_view after = look(rig, "second");
    assert_int_equal(after.job.state, JOB_FAILED);
    assert_true(str_eq_c(after.job.error_code, "CONNECTION_NOT_FOUND"));
}
