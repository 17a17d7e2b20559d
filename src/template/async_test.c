/*
 * Reports that a vendor makes in its own time: waits, deadlines, and positions from which a read goes on (I-4).
 */
#include "base/test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "template/reader.h"

#define NOW_US INT64_C(1767441600000000) /* 2026-01-03T12:00:00Z */
#define LOG_MAX 64
#define POSITIONS_MAX 32
#define STEPS_MAX 400

#define REPORT(extra)                                                                                                  \
    "    type: AsyncRetriever\n"                                                                                       \
    "    creation_requester: {type: HttpRequester, url: 'https://api.example.com/make', http_method: POST}\n"          \
    "    polling_requester: {type: HttpRequester, url: \"https://api.example.com/poll/{{ creation_response['id'] }}\"}\n" \
    "    download_requester: {type: HttpRequester, url: \"{{ download_target }}\"}\n"                                  \
    "    download_target_extractor: {type: DpathExtractor, field_path: [files]}\n"                                     \
    "    download_extractor: {type: DpathExtractor, field_path: [rows]}\n"                                             \
    "    status_extractor: {type: DpathExtractor, field_path: [status]}\n"                                             \
    "    status_mapping: {running: [RUNNING], completed: [DONE], failed: [FAILED], timeout: [LATE]}\n"                 \
    "    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}\n" extra
#define HEAD "version: 6.0.0\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [items]}\nstreams:\n"
#define SPEC "spec: {type: Spec, connection_specification: {type: object, properties: {}}}\n"
#define MANIFEST(extra) HEAD "- type: DeclarativeStream\n  name: items\n  primary_key: [id]\n  retriever:\n" REPORT(extra) SPEC
#define ABORT "    abort_requester: {type: HttpRequester, url: \"https://api.example.com/stop/{{ creation_response['id'] }}\"}\n"
#define CHILD                                                                                                          \
    HEAD "- type: DeclarativeStream\n  name: items\n  primary_key: [id]\n  retriever:\n    type: SimpleRetriever\n"    \
    "    requester: {type: HttpRequester, url: \"https://api.example.com/child/{{ stream_partition['up'] }}\"}\n"      \
    "    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [rows]}}\n"             \
    "    partition_router:\n      type: SubstreamPartitionRouter\n      parent_stream_configs:\n"                      \
    "      - {type: ParentStreamConfig, parent_key: id, partition_field: up, stream: '#/streams/1'}\n"                 \
    "- type: DeclarativeStream\n  name: parents\n  primary_key: [id]\n  retriever:\n" REPORT("") SPEC

/* A vendor that needs a few polls for a report. */
struct vendor {
    unsigned polls_needed;      /* of each report; UINT_MAX: never ready */
    const char *then;           /* what it says in the end */
    int gone;                   /* status of the polls of the first report; 0: as others */
    unsigned made, polled, stopped;
    int64_t now_us;
    char log[LOG_MAX][80];
    size_t log_count;
    char body[512];
    struct http_reply reply;
};

struct play {
    struct vendor vendor;
    struct template *template;
    struct arena keep, page;
    struct reader_options options;
    struct err err;
    struct reader_event event;
    unsigned records, waits, tells; /* tells: pages without records */
    int64_t first_wait_ms, last_wait_ms;
    char positions[POSITIONS_MAX][4096];
    size_t position_count;
};

static void
setup(struct play *p, const char *manifest)
{
    *p = (struct play){.vendor = {.polls_needed = 2, .then = "DONE", .now_us = NOW_US}};
    arena_init(&p->keep, 1 << 20);
    arena_init(&p->page, LIMIT_PAGE_ARENA_BYTES);
    p->template = template_load(str_from_c(manifest), STR("async"), &p->err);
    if (!p->template)
        fail_msg("%s", p->err.message);
    p->options = (struct reader_options){.template = p->template, .stream = STR("items"), .now_us = NOW_US,
                                         .config = json_parse(&p->keep, STR("{}"), JSON_PLAIN, 4, &p->err)};
}

static void
teardown(struct play *p)
{
    template_unref(p->template);
    arena_release(&p->page);
    arena_release(&p->keep);
}

static void
answer(struct vendor *v, int status, const char *format, unsigned number)
{
    struct buf b;
    buf_init(&b, sizeof(v->body));
    for (const char *c = format; *c; c++) {
        if (*c == '#')
            buf_add_i64(&b, number);
        else
            buf_add_char(&b, *c);
    }
    memcpy(v->body, b.ptr, b.len);
    v->reply = (struct http_reply){.status = status, .body = {v->body, b.len}, .sent_wall_us = v->now_us};
    buf_release(&b);
}

static const struct http_reply *
serve(struct vendor *v, struct str url)
{
    struct str path = str_skip(url, strlen("https://api.example.com/"));
    assert_true(v->log_count < LOG_MAX);
    snprintf(v->log[v->log_count++], sizeof(v->log[0]), "%.*s", STR_ARG(path));
    if (str_starts(path, STR("make"))) {
        v->made++, v->polled = 0;
        answer(v, 200, "{\"id\":\"r#\"}", v->made);
    } else if (str_starts(path, STR("poll/r1")) && v->gone) {
        answer(v, v->gone, "{\"error\":\"unknown\"}", 0);
    } else if (str_starts(path, STR("poll"))) {
        bool ready = v->polls_needed != UINT32_MAX && ++v->polled > v->polls_needed;
        if (!ready)
            answer(v, 200, "{\"status\":\"RUNNING\"}", 0);
        else if (strcmp(v->then, "DONE") == 0)
            answer(v, 200, "{\"status\":\"DONE\",\"files\":[\"https://api.example.com/file/#a\",\"https://api.example.com/file/#b\"]}", v->made);
        else
            answer(v, 200, "{\"status\":\"ODD\"}", 0);
    } else if (str_starts(path, STR("stop"))) {
        v->stopped++;
        answer(v, 500, "{}", 0);
    } else {
        answer(v, 200, str_starts(path, STR("child")) ? "{\"rows\":[{\"id\":7}]}" : "{\"rows\":[{\"id\":1},{\"id\":2}]}", 0);
    }
    return &v->reply;
}

static void
note_page(struct play *p)
{
    p->records += (unsigned)p->event.record_count;
    p->tells += p->event.record_count == 0;
    assert_true(p->position_count < POSITIONS_MAX && p->event.position.len < sizeof(p->positions[0]));
    snprintf(p->positions[p->position_count++], sizeof(p->positions[0]), "%.*s", STR_ARG(p->event.position));
}

static void
note_wait(struct play *p)
{
    assert_true(p->event.remote_job);
    assert_false(p->event.rate_limited);
    p->vendor.now_us += p->event.wait_ms * US_PER_MS;
    p->first_wait_ms = p->waits++ ? p->first_wait_ms : p->event.wait_ms;
    p->last_wait_ms = p->event.wait_ms;
}

/* To its end, or to the nth page. */
static enum reader_step
play(struct play *p, const char *position, size_t pages_max)
{
    size_t pages = 0;
    struct reader_options options = p->options;
    if (position)
        options.position = str_from_c(position);
    struct reader *r = reader_new(&options, &p->err);
    if (!r)
        fail_msg("%s", p->err.message);
    enum reader_step s = READER_FAILED;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        s = reader_next(r, &p->page, &p->event, &p->err);
        if (s == READER_REQUEST)
            reader_reply(r, serve(&p->vendor, p->event.request.url));
        else if (s == READER_WAIT)
            note_wait(p);
        else if (s == READER_PAGE)
            note_page(p);
        if (s == READER_DONE || s == READER_FAILED || (s == READER_PAGE && ++pages == pages_max))
            break;
    }
    reader_free(r);
    arena_clear(&p->page);
    return s;
}

static void
test_a_report_is_waited_for_in_parks_that_grow(void **state)
{
    struct play p;
    (void)state;
    setup(&p, MANIFEST(""));
    p.vendor.polls_needed = 30;
    assert_int_equal(play(&p, NULL, 0), READER_DONE);
    assert_int_equal(p.records, 4);
    assert_int_equal(p.waits, 30);
    assert_int_equal(p.first_wait_ms, 1000);
    assert_int_equal(p.last_wait_ms, 30000);
    teardown(&p);
}

static void
test_after_a_restart_at_any_page_the_same_report_is_read_I4(void **state)
{
    struct play whole, p;
    (void)state;
    setup(&whole, MANIFEST(""));
    assert_int_equal(play(&whole, NULL, 0), READER_DONE);
    assert_int_equal(whole.position_count, 3); /* it was asked for; two files */
    for (size_t at = 0; at < whole.position_count; at++) {
        setup(&p, MANIFEST(""));
        play(&p, NULL, at + 1);
        unsigned before = p.records;
        assert_int_equal(play(&p, p.positions[at], 0), READER_DONE);
        assert_int_equal(p.vendor.made, 1);
        assert_int_equal(p.records, 4);
        assert_int_equal(before, at * 2);
        teardown(&p);
    }
    teardown(&whole);
}

static void
test_a_report_that_is_late_is_stopped_and_made_anew_three_times_at_most(void **state)
{
    struct play p;
    (void)state;
    setup(&p, MANIFEST(ABORT "    polling_job_timeout: 2\n"));
    p.vendor.polls_needed = UINT32_MAX;
    assert_int_equal(play(&p, NULL, 0), READER_FAILED);
    assert_int_equal(p.err.code, E_VENDOR_REFUSED);
    assert_non_null(strstr(p.err.message, "failed 3 times, at last with \"it was not ready in time\""));
    assert_int_equal(p.vendor.made, 3);
    assert_int_equal(p.vendor.stopped, 3);
    assert_int_equal(p.records, 0);
    teardown(&p);
}

static void
test_tries_are_counted_over_restarts(void **state)
{
    struct play p;
    (void)state;
    setup(&p, MANIFEST("    polling_job_timeout: 2\n"));
    p.vendor.polls_needed = UINT32_MAX;
    enum reader_step s = play(&p, NULL, 1);
    for (unsigned i = 0; s == READER_PAGE && i < 20; i++)
        s = play(&p, p.positions[p.position_count - 1], 1);
    assert_int_equal(s, READER_FAILED);
    assert_int_equal(p.vendor.made, 3);
    teardown(&p);
}

static void
test_a_report_that_the_vendor_has_forgotten_is_made_anew(void **state)
{
    struct play p;
    (void)state;
    setup(&p, MANIFEST(""));
    p.vendor.gone = 404;
    assert_int_equal(play(&p, NULL, 0), READER_DONE);
    assert_int_equal(p.vendor.made, 2);
    assert_int_equal(p.records, 4);
    teardown(&p);
}

static void
test_a_long_absence_is_no_timeout_when_the_report_is_ready(void **state)
{
    struct play p;
    (void)state;
    setup(&p, MANIFEST("    polling_job_timeout: 2\n"));
    p.vendor.polls_needed = 1;
    play(&p, NULL, 1);
    p.vendor.now_us += 3 * US_PER_DAY, p.vendor.polls_needed = 0;
    assert_int_equal(play(&p, p.positions[0], 0), READER_DONE);
    assert_int_equal(p.vendor.made, 1);
    teardown(&p);
}

static void
test_a_status_that_the_template_does_not_know_fails_with_its_name(void **state)
{
    struct play p;
    (void)state;
    setup(&p, MANIFEST(""));
    p.vendor.then = "ODD";
    assert_int_equal(play(&p, NULL, 0), READER_FAILED);
    assert_non_null(strstr(p.err.message, "does not know the report status \"ODD\""));
    teardown(&p);
}

static void
test_a_parents_report_survives_a_restart_too(void **state)
{
    struct play p;
    (void)state;
    setup(&p, CHILD);
    assert_int_equal(play(&p, NULL, 1), READER_PAGE);
    assert_int_equal(p.tells, 1);
    assert_int_equal(play(&p, p.positions[0], 0), READER_DONE);
    assert_int_equal(p.vendor.made, 1);
    assert_int_equal(p.records, 4); /* two parents in each of two files */
    teardown(&p);
}

static void
test_a_position_that_does_not_fit_is_refused(void **state)
{
    struct play p;
    struct err err = {0};
    (void)state;
    setup(&p, MANIFEST(""));
    play(&p, NULL, 1);
    char *stage = strstr(p.positions[0], "\"creation\"");
    assert_non_null(stage);
    memcpy(stage, "\"creatiox\"", 10); /* a job that is polled, and nothing of how it was made */
    p.options.position = str_from_c(p.positions[0]);
    assert_null(reader_new(&p.options, &err));
    assert_int_equal(err.code, E_VALIDATION_FAILED);
    teardown(&p);
}
