/*
 * What a full pass did not show (I-9).
 */
#include "rig.h"

#include "store/store_delete.h"

static void
test_a_full_pass_marks_what_is_gone(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 100);
    rig_run(rig, false);
    rig_contact(rig, 5)->gone = rig_contact(rig, 77)->gone = true;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.missing, 2);
    assert_counts(run, 0, 0, 98, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 98);
    assert_int_equal(rig_count(rig, "contacts", true), 100);
    rig_contact(rig, 5)->gone = false;
    run = rig_run(rig, true);
    assert_counts(run, 0, 1, 98, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 99);
}

static void
test_an_incremental_run_deletes_nothing(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 20);
    rig_run(rig, false);
    rig_contact(rig, 5)->gone = true;
    struct run run = rig_run(rig, false);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.missing, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 20);
}

static void
test_more_than_is_believable_waits_for_a_person(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    int64_t deleted = 0;
    rig_fill(rig, 50);
    rig_run(rig, false);
    for (int64_t id = 1; id <= 15; id++)
        rig_contact(rig, id)->gone = true;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.verdict, VERDICT_PARTIAL);
    assert_int_equal(rig_count(rig, "contacts", false), 50);
    /* The connection goes on meanwhile. */
    rig_contact(rig, 15)->gone = false;
    rig_contact(rig, 15)->updated_s += 5000;
    snprintf(rig_contact(rig, 15)->name, 48, "Back again");
    assert_state(rig_run(rig, false), RUN_SUCCEEDED);
    assert_ok(engine_deletes_confirm(rig->engine, rig->tenant, run.uuid, &deleted, &err), err);
    assert_int_equal(deleted, 14);
    assert_int_equal(rig_count(rig, "contacts", false), 36);
}

static void
test_an_empty_source_deletes_nothing(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 8);
    rig_run(rig, false);
    for (int64_t id = 1; id <= 8; id++)
        rig_contact(rig, id)->gone = true;
    struct run run = rig_run(rig, true);
    assert_int_equal(run.missing, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 8);
}

static void
test_a_pass_that_did_not_add_up_deletes_nothing(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 30);
    rig_run(rig, false);
    rig_contact(rig, 3)->gone = true;
    rig->vendor.declared_extra = 5;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_FAILED);
    assert_int_equal(rig_count(rig, "contacts", false), 30);
}

/* A record that cannot be mapped any more still exists. */
static void
test_a_rejected_record_is_not_gone(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 30);
    rig_run(rig, false);
    rig_contact(rig, 9)->email[0] = '\0';
    rig_contact(rig, 9)->updated_s += 5000;
    rig_contact(rig, 3)->gone = true;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.missing, 1);
    assert_counts(run, 0, 0, 28, 0, 1);
    assert_int_equal(rig_count(rig, "contacts", false), 29);
}

/* ---- a template that can fetch one record: each candidate is asked for once more ---- */

#define READS "    reads:\n      contacts: {path: \"contacts/{{ stream_slice['id'] }}\", field_path: []}\n"

struct single {
    struct http_reply reply;
    char body[64];
};

static struct sender pages;
static int64_t still_there, asked;

static void *
send_single(void *ctx, const struct http_request *request, struct err *err)
{
    ptrdiff_t at = str_find_str(request->url, STR("/contacts/"));
    if (at < 0)
        return pages.start(ctx, request, err);
    struct single *s = calloc(1, sizeof(*s));
    int64_t id = 0;
    struct str digits = str_skip(request->url, (size_t)at + 10), rest;
    str_cut(digits, '?', &digits, &rest);
    asked += str_to_i64(digits, 1, INT64_MAX, &id);
    s->reply.status = id == still_there ? 200 : 404;
    s->reply.sent_wall_us = clock_wall_us(clock_system());
    snprintf(s->body, sizeof(s->body), "{\"id\":%d,\"email\":\"x@example.com\"}", (int)id);
    s->reply.body = str_from_c(s->body);
    return s;
}

static bool
is_single(const void *call)
{
    const struct single *s = call;
    return s->reply.body.ptr == s->body;
}

static const struct http_reply *
wait_single(void *call)
{
    return is_single(call) ? &((struct single *)call)->reply : pages.wait(call);
}

static void
cancel_single(void *call)
{
    if (!is_single(call))
        pages.cancel(call);
}

static void
free_single(void *call)
{
    if (call != NULL && is_single(call))
        free(call);
    else
        pages.free(call);
}

static void
test_a_candidate_that_the_vendor_still_has_is_kept(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 60);
    rig_run(rig, false);
    char *yaml = calloc(1, 1 << 16);
    FILE *f = fopen(ENGINE_TESTS "/desk.yaml", "r");
    assert_non_null(f);
    size_t len = fread(yaml, 1, (1 << 16) - sizeof(READS), f);
    fclose(f);
    memcpy(yaml + len, READS, sizeof(READS));
    if (!registry_put(rig->templates, STR("desk"), str_from_c(yaml), &err))
        fail_msg("%s", err.message);
    free(yaml);
    pages = rig->sender;
    asked = 0;
    still_there = 5;
    rig->engine->sender = (struct sender){send_single, wait_single, cancel_single, free_single, pages.ctx};
    rig_contact(rig, 5)->gone = rig_contact(rig, 44)->gone = true;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(asked, 2);
    assert_int_equal(run.missing, 1);
    assert_int_equal(rig_count(rig, "contacts", false), 59);
}

/* ---- an ascending list of a vendor that tells no total: what changes moves to its end and pulls the others over a page's edge ---- */

static void
move_first_to_the_end(void *ctx, int64_t number, struct str url)
{
    struct rig *rig = ctx;
    if (number != 2 || str_find_str(url, STR("contacts")) < 0)
        return;
    struct rig_vendor *v = &rig->vendor;
    struct rig_contact first = v->contacts[0];
    memmove(v->contacts, v->contacts + 1, (v->contact_count - 1) * sizeof(first));
    first.updated_s = clock_wall_us(clock_system()) / US_PER_S;
    v->contacts[v->contact_count - 1] = first;
}

static void
tell_no_total(struct rig *rig)
{
    struct err err = {0};
    char *yaml = calloc(1, 1 << 16);
    FILE *f = fopen(ENGINE_TESTS "/desk.yaml", "r");
    assert_non_null(f);
    (void)fread(yaml, 1, (1 << 16) - 1, f);
    fclose(f);
    char *total = strstr(yaml, "x-tidemark-total: count");
    assert_non_null(total);
    memcpy(total, "x-tidemark-other: count", strlen("x-tidemark-other: count"));
    if (!registry_put(rig->templates, STR("desk"), str_from_c(yaml), &err))
        fail_msg("%s", err.message);
    free(yaml);
}

static void
test_a_record_hidden_by_one_that_moved_to_the_end_is_not_deleted(void **state)
{
    struct rig *rig = *state;
    tell_no_total(rig);
    rig->vendor.page_size = 10;
    rig_fill(rig, 40);
    rig_run(rig, false);
    rig->vendor.requests = 0;
    rig->vendor.on_request = move_first_to_the_end;
    rig->vendor.on_request_ctx = rig;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.missing, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 40);
    /* A pass in peace finds what is really gone. */
    rig->vendor.on_request = NULL;
    rig->vendor.contacts[39].updated_s -= 100;
    rig_contact(rig, 20)->gone = true;
    rig_run(rig, true);
    assert_int_equal(rig_count(rig, "contacts", false), 39);
}
