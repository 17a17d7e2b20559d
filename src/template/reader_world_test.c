/*
 * The reader against a small vendor in memory, whose lists change while they are read.
 */
#include "base/test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "template/reader.h"
#include "template/test_builtin.h"

#define NOW_US INT64_C(1767441600000000) /* 2026-01-03T12:00:00Z */
#define NOW_S INT64_C(1767441600)
#define THINGS_MAX 512
#define PAGE_CONTACTS 15
#define PAGE_CONVERSATIONS 25
#define PAGE_MESSAGES 20

struct thing {
    int id;
    int64_t at_s;       /* last activity */
    unsigned messages;  /* of a conversation */
};

struct world {
    struct thing things[THINGS_MAX];
    size_t count;
    unsigned requests;
    void (*before)(struct world *, unsigned request); /* what happens before the nth request is answered */
};

struct play {
    struct template *template;
    struct arena keep, page, body;
    struct world world;
    struct reader_options options;
    struct err err;
    struct http_reply reply;
    char log[1024][160];       /* paths of the stream's own requests */
    unsigned log_count;
    bool seen[100000];
    unsigned records, duplicates;
    char state[65536];         /* final rows as one JSON object */
};

static void
world_fill(struct world *w, size_t count)
{
    w->count = count;
    for (size_t i = 0; i < count; i++)
        w->things[i] = (struct thing){.id = (int)i + 1, .at_s = NOW_S - 1000 - (int64_t)i * 10, .messages = (unsigned)(i % 47)};
}

static int
newest_first(const void *left, const void *right)
{
    const struct thing *a = left, *b = right;
    return a->at_s != b->at_s ? (a->at_s < b->at_s) - (a->at_s > b->at_s) : (a->id < b->id) - (a->id > b->id);
}

static int64_t
number_after(struct str url, const char *what, int64_t otherwise)
{
    int64_t value = 0;
    ptrdiff_t at = str_find_str(url, str_from_c(what));
    if (at < 0)
        return otherwise;
    for (const char *p = url.ptr + at + strlen(what); p < url.ptr + url.len && *p >= '0' && *p <= '9'; p++)
        value = value * 10 + (*p - '0');
    return value;
}

static void
write_list(struct world *w, struct buf *b, int64_t page, size_t size, bool conversations)
{
    qsort(w->things, w->count, sizeof(*w->things), newest_first);
    buf_addf(b, conversations ? "{\"data\":{\"meta\":{\"all_count\":%zu},\"payload\":[" : "{\"meta\":{\"count\":%zu},\"payload\":[", w->count);
    for (size_t i = ((size_t)page - 1) * size, n = 0; i < w->count && n < size; i++, n++)
        buf_addf(b, "%s{\"id\":%d,\"last_activity_at\":%lld,\"status\":\"open\"}", n ? "," : "", w->things[i].id, (long long)w->things[i].at_s);
    buf_add_c(b, conversations ? "]}}" : "]}");
}

/* Messages of conversation c are numbered c*100+1 .. c*100+n, the newest as old as its last activity. */
static void
write_messages(struct world *w, struct buf *b, int id, int64_t before)
{
    const struct thing *c = NULL;
    for (size_t i = 0; i < w->count; i++)
        if (w->things[i].id == id)
            c = &w->things[i];
    buf_add_c(b, "{\"payload\":[");
    int64_t last = c ? c->id * 100 + (int64_t)c->messages : 0;
    if (c && before && before <= last)
        last = before - 1;
    int64_t first = c && last - PAGE_MESSAGES >= c->id * 100 ? last - PAGE_MESSAGES + 1 : c ? c->id * 100 + 1 : 1;
    for (int64_t m = first; c && m <= last; m++)
        buf_addf(b, "%s{\"id\":%lld,\"conversation_id\":%d,\"message_type\":0,\"created_at\":%lld}", m > first ? "," : "", (long long)m, id,
                 (long long)(c->at_s - (c->id * 100 + (int64_t)c->messages - m)));
    buf_add_c(b, "]}");
}

static const struct http_reply *
serve(struct play *p, struct str url)
{
    struct buf b;
    arena_clear(&p->body);
    buf_init(&b, 1 << 20);
    if (p->world.before)
        p->world.before(&p->world, p->world.requests);
    p->world.requests++;
    if (str_find_str(url, STR("/messages")) >= 0)
        write_messages(&p->world, &b, (int)number_after(url, "conversations/", 0), number_after(url, "before=", 0));
    else if (str_find_str(url, STR("/conversations")) >= 0)
        write_list(&p->world, &b, number_after(url, "page=", 1), PAGE_CONVERSATIONS, true);
    else
        write_list(&p->world, &b, number_after(url, "page=", 1), PAGE_CONTACTS, false);
    p->reply = (struct http_reply){.status = 200, .body = str_copy(&p->body, buf_str(&b)), .sent_wall_us = NOW_US};
    buf_release(&b);
    return &p->reply;
}

static int
setup(void **state)
{
    struct play *p = calloc(1, sizeof(*p));
    arena_init(&p->keep, 1 << 26);
    arena_init(&p->page, LIMIT_PAGE_ARENA_BYTES);
    arena_init(&p->body, 1 << 26);
    p->template = template_load(builtin_yaml("chatwoot"), STR("t"), &p->err);
    assert_non_null(p->template);
    p->options = (struct reader_options){.template = p->template, .now_us = NOW_US, .overlap_us = 60 * US_PER_S};
    p->options.config = json_parse(&p->keep, STR("{\"accountId\":\"1\",\"accessToken\":\"t\",\"baseUrl\":\"https://c.example.com\"}"), JSON_PLAIN, 8, &p->err);
    *state = p;
    return 0;
}

static int
teardown(void **state)
{
    struct play *p = *state;
    template_unref(p->template);
    arena_release(&p->body);
    arena_release(&p->page);
    arena_release(&p->keep);
    free(p);
    return 0;
}

static void
note_states(struct play *p, const struct reader_event *event)
{
    for (size_t i = 0; i < event->state_count; i++)
        snprintf(p->state + strlen(p->state), sizeof(p->state) - strlen(p->state), "%.*s=%.*s;", STR_ARG(event->states[i].partition),
                 STR_ARG(event->states[i].state));
}

static void
note_records(struct play *p, const struct reader_event *event)
{
    for (size_t i = 0; i < event->record_count; i++) {
        int64_t id;
        assert_true(json_to_i64(json_get_c(event->records[i].value, "id"), &id) && id < (int64_t)ARRAY_LEN(p->seen));
        p->duplicates += p->seen[id];
        p->seen[id] = true;
        p->records++;
    }
}

/* Reads to the end, or until `stop_after` pages; then *position_out is where the next reader goes on. */
static unsigned
run(struct play *p, const char *stream, struct str position, unsigned stop_after, struct str *position_out)
{
    unsigned pages = 0;
    struct reader_event event;
    p->options.stream = str_from_c(stream), p->options.position = position;
    struct reader *r = reader_new(&p->options, &p->err);
    if (!r)
        fail_msg("%s", p->err.message);
    for (unsigned step = 0; step < 100000; step++) {
        switch (reader_next(r, &p->page, &event, &p->err)) {
        case READER_REQUEST:
            if (event.purpose == READER_FOR_PAGE && p->log_count < ARRAY_LEN(p->log))
                snprintf(p->log[p->log_count++], sizeof(p->log[0]), "%.*s", STR_ARG(event.request.url));
            reader_reply(r, serve(p, event.request.url));
            continue;
        case READER_PAGE:
            note_records(p, &event);
            note_states(p, &event);
            pages++;
            if (position_out)
                *position_out = str_copy(&p->keep, event.position);
            arena_clear(&p->page);
            if (pages == stop_after) {
                reader_free(r);
                return pages;
            }
            continue;
        case READER_DONE:
            note_states(p, &event);
            reader_free(r);
            return pages;
        case READER_WAIT:
        case READER_TOKEN:
        case READER_FAILED: break;
        }
        fail_msg("the read failed: %s", p->err.message);
    }
    fail_msg("the read does not end");
    return 0;
}

static void
forget(struct play *p)
{
    memset(p->seen, 0, sizeof(p->seen));
    p->records = p->duplicates = p->log_count = 0;
    p->world.requests = 0;
    p->state[0] = '\0';
}

static void
expect_all_seen(struct play *p)
{
    for (size_t i = 0; i < p->world.count; i++)
        if (!p->seen[p->world.things[i].id])
            fail_msg("record %d was missed", p->world.things[i].id);
}

static void
check_resume_everywhere(struct play *p, const char *stream)
{
    static char whole[1024][160];
    forget(p);
    unsigned pages = run(p, stream, STR_NONE, 0, NULL), requests = p->log_count, records = p->records;
    memcpy(whole, p->log, sizeof(whole));
    assert_true(pages > 2);
    for (unsigned stop = 1; stop < pages; stop++) {
        struct str position;
        forget(p);
        run(p, stream, STR_NONE, stop, &position);
        run(p, stream, position, 0, NULL);
        assert_int_equal(p->log_count, requests);
        assert_memory_equal(whole, p->log, requests * sizeof(whole[0]));
        assert_int_equal(p->records, records);
        assert_int_equal(p->duplicates, 0);
    }
}

static void
test_a_run_may_stop_after_any_page_and_goes_on_with_the_same_requests_I4(void **state)
{
    struct play *p = *state;
    world_fill(&p->world, 63);
    check_resume_everywhere(p, "contacts");
    check_resume_everywhere(p, "conversations");
    check_resume_everywhere(p, "messages");
}

static void
test_a_run_stopped_after_every_page_ends_like_one_undisturbed_I4(void **state)
{
    struct play *p = *state;
    struct str position = STR_NONE;
    static char undisturbed[65536];
    world_fill(&p->world, 30);
    run(p, "messages", STR_NONE, 0, NULL);
    memcpy(undisturbed, p->state, sizeof(undisturbed));
    unsigned records = p->records;
    forget(p);
    for (struct str next = STR_NONE; run(p, "messages", position, 1, &next) == 1; position = next)
        continue;
    assert_int_equal(p->records, records);
    assert_string_equal(strrchr(p->state, '='), strrchr(undisturbed, '='));
}

static void
move_unread_to_the_front(struct world *w, unsigned request)
{
    for (size_t i = 0; request == 2 && i < w->count; i++)
        if (w->things[i].id == 55)
            w->things[i].at_s = NOW_S + 5;
}

static void
test_a_record_that_moves_to_a_page_already_read_is_not_missed_I7(void **state)
{
    struct play *p = *state;
    world_fill(&p->world, 60);
    p->world.before = move_unread_to_the_front;
    run(p, "contacts", STR_NONE, 0, NULL);
    expect_all_seen(p);
}

static void
delete_read_ones(struct world *w, unsigned request)
{
    for (size_t i = 0; request == 2 && i < w->count; i++)
        if (w->things[i].id == 3 || w->things[i].id == 4)
            w->things[i] = w->things[--w->count];
}

static void
test_a_record_deleted_from_a_page_already_read_pulls_none_out_of_sight_I7(void **state)
{
    struct play *p = *state;
    world_fill(&p->world, 60);
    p->world.before = delete_read_ones;
    run(p, "contacts", STR_NONE, 0, NULL);
    expect_all_seen(p);
}

static void
test_an_undisturbed_read_fetches_no_page_twice(void **state)
{
    struct play *p = *state;
    world_fill(&p->world, 60);
    run(p, "contacts", STR_NONE, 0, NULL);
    assert_int_equal(p->log_count, 5); /* four full pages, one empty */
    assert_int_equal(p->duplicates, 0);
}

static yyjson_val *
rows(struct play *p, const char *json)
{
    return json_parse(&p->keep, str_from_c(json), JSON_NUMBERS_RAW, 32, &p->err);
}

static void
test_the_next_run_reads_what_is_new_and_the_overlap_I6(void **state)
{
    struct play *p = *state;
    world_fill(&p->world, 60);
    p->options.state = rows(p, "{\"\":{\"last_activity_at\":\"1767440600\"}}"); /* the newest one's */
    p->world.things[50].at_s = NOW_S - 10;
    run(p, "contacts", STR_NONE, 0, NULL);
    assert_true(p->seen[51]);
    assert_true(p->seen[1] && p->seen[7]); /* within 60 s of the mark: read again */
    assert_false(p->seen[8]);
    assert_int_equal(p->log_count, 1);
    assert_true(strstr(p->state, "1767441590") != NULL);
}

static void
test_messages_of_unchanged_conversations_are_not_visited_again(void **state)
{
    struct play *p = *state;
    world_fill(&p->world, 60);
    p->options.overlap_us = 0;
    p->options.state = rows(p, "{\"\":{\"use_global_cursor\":false,\"state\":{\"created_at\":\"1767440600\"},\"lookback_window\":0,"
                               "\"parent_state\":{\"conversations\":{\"last_activity_at\":\"1767440601\"}}},"
                               "\"{\\\"conversation_id\\\":51,\\\"parent_slice\\\":{}}\":{\"created_at\":\"1767440100\"}}");
    p->world.things[50].at_s = NOW_S - 10, p->world.things[50].messages = 5;
    run(p, "messages", STR_NONE, 0, NULL);
    assert_int_equal(p->log_count, 1);
    assert_string_equal(p->log[0], "https://c.example.com/api/v1/accounts/1/conversations/51/messages");
    assert_true(p->seen[5105]);
}

static void
test_the_watermark_stays_below_what_changes_while_reading_I5(void **state)
{
    struct play *p = *state;
    world_fill(&p->world, 60);
    p->world.before = move_unread_to_the_front;
    run(p, "contacts", STR_NONE, 0, NULL);
    char *last = strrchr(p->state, '{');
    assert_true(last && strstr(last, "1767440600")); /* the newest when the read began, not NOW + 5 */
}
