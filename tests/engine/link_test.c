/*
 * Linking: one person of several connections (contract, section 3).
 */
#include "rig.h"

#include "engine/edit.h"

static void
test_the_same_email_of_another_connection_is_linked_and_counted_as_updated(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 20);
    rig_run(rig, false);
    snprintf(rig_contact(rig, 3)->email, 64, " Person3@EXAMPLE.com");
    snprintf(rig_contact(rig, 3)->phone, 24, "+5581999990000");
    struct connection second = rig_connect(rig, "second");
    struct run run = rig_run_of(rig, &second, false);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 0, 20, 0, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", true), 20);
    assert_true(str_contains(rig_data(rig, &rig->connection, "contacts", 3), STR("+5581999990000")));
    /* Both see the same afterwards: nothing changes any more. */
    struct str before = rig_content(rig, "contacts");
    run = rig_run_of(rig, &second, true);
    assert_counts(run, 0, 0, 20, 0, 0);
    assert_true(str_eq(before, rig_content(rig, "contacts")));
}

static void
test_fields_changed_on_one_side_only_merge(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    rig_run(rig, false);
    struct connection second = rig_connect(rig, "second");
    rig_run_of(rig, &second, false);
    /* The second connection learns a phone; then the first renames, still without that phone. */
    snprintf(rig_contact(rig, 2)->phone, 24, "+5581988887777");
    rig_contact(rig, 2)->updated_s += 1000;
    struct run run = rig_run_of(rig, &second, true);
    assert_counts(run, 0, 1, 2, 0, 0);
    rig_contact(rig, 2)->phone[0] = '\0';
    snprintf(rig_contact(rig, 2)->name, 48, "Renamed");
    rig_contact(rig, 2)->updated_s += 1000;
    run = rig_run(rig, true);
    assert_counts(run, 0, 1, 2, 0, 0);
    struct str data = rig_data(rig, &rig->connection, "contacts", 2);
    assert_true(str_contains(data, STR("Renamed")));
    assert_true(str_contains(data, STR("+5581988887777")));
}

static void
test_match_none_keeps_them_apart(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 4);
    rig_run(rig, false);
    struct connection_change change = {.enabled = -1, .match = STR("none")};
    struct connection second = rig_connect_with(rig, "second", &change);
    assert_counts(rig_run_of(rig, &second, false), 4, 0, 0, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", true), 8);
}

static void
test_two_of_the_same_connection_with_one_email_stay_two_and_link_nothing_more(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 2);
    snprintf(rig_contact(rig, 2)->email, 64, "person1@example.com");
    assert_counts(rig_run(rig, false), 2, 0, 0, 0, 0);
    rig_contact(rig, 2)->gone = true;
    struct connection second = rig_connect(rig, "second");
    assert_counts(rig_run_of(rig, &second, false), 1, 0, 0, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", true), 3);
}

static void
test_a_phone_links_where_no_email_says_otherwise(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 2);
    rig_contact(rig, 1)->email[0] = '\0';
    snprintf(rig_contact(rig, 1)->phone, 24, "+55 81 99999-0000");
    snprintf(rig_contact(rig, 2)->phone, 24, "+5581911112222");
    rig_run(rig, false);
    struct connection second = rig_connect(rig, "second");
    snprintf(rig_contact(rig, 1)->email, 64, "ana@example.com");
    snprintf(rig_contact(rig, 2)->email, 64, "somebody-else@example.com");
    struct run run = rig_run_of(rig, &second, false);
    assert_counts(run, 1, 1, 0, 0, 0); /* the first is linked, the second has another e-mail */
}

static void
test_a_deleted_contact_is_not_linked_to(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    rig_run(rig, false);
    rig_contact(rig, 2)->gone = true;
    rig_run(rig, true);
    rig_contact(rig, 2)->gone = false;
    struct connection second = rig_connect(rig, "second");
    struct run run = rig_run_of(rig, &second, false);
    assert_counts(run, 1, 2, 0, 0, 0);
}

/* Person 2 goes at the source and a full pass finds it; then a third connection brings the same e-mail twice over. */
static void
test_a_contact_that_a_full_pass_deletes_gives_its_keys_to_the_next(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    rig_run(rig, false);
    rig_contact(rig, 2)->gone = true;
    rig_run(rig, true);
    rig_contact(rig, 2)->gone = false;
    struct connection second = rig_connect(rig, "second"), third = rig_connect(rig, "third");
    assert_counts(rig_run_of(rig, &second, false), 1, 2, 0, 0, 0);
    /* The key is the new contact's now, not ambiguous: the next connection links to it. */
    assert_counts(rig_run_of(rig, &third, false), 0, 3, 0, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 3);
}

static void
test_a_contact_that_comes_back_claims_its_keys_again(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    rig_run(rig, false);
    rig_contact(rig, 2)->gone = true;
    rig_run(rig, true);
    rig_contact(rig, 2)->gone = false;
    rig_contact(rig, 2)->updated_s += 1000;
    assert_counts(rig_run(rig, true), 0, 1, 2, 0, 0);
    struct connection second = rig_connect(rig, "second");
    assert_counts(rig_run_of(rig, &second, false), 0, 3, 0, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", true), 3);
}

static void
test_a_tombstone_gives_its_keys_to_the_next(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    rig_run(rig, false);
    rig_contact(rig, 2)->tombstone = true;
    rig_contact(rig, 2)->updated_s += 1000;
    assert_counts(rig_run(rig, false), 0, 0, 2, 1, 0);
    rig_contact(rig, 2)->tombstone = false;
    struct connection second = rig_connect(rig, "second"), third = rig_connect(rig, "third");
    assert_counts(rig_run_of(rig, &second, false), 1, 2, 0, 0, 0);
    assert_counts(rig_run_of(rig, &third, false), 0, 3, 0, 0, 0);
}

static void
test_deletes_that_a_person_confirms_give_their_keys_back(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    int64_t deleted = 0;
    rig_fill(rig, 20);
    rig_run(rig, false);
    for (int64_t id = 1; id <= 12; id++)
        rig_contact(rig, id)->gone = true;
    struct run held = rig_run(rig, true);
    assert_int_equal(held.verdict, VERDICT_PARTIAL);
    assert_ok(engine_deletes_confirm(rig->engine, rig->tenant, held.uuid, &deleted, &err), err);
    assert_int_equal(deleted, 12);
    for (int64_t id = 1; id <= 12; id++)
        rig_contact(rig, id)->gone = false;
    struct connection second = rig_connect(rig, "second"), third = rig_connect(rig, "third");
    assert_counts(rig_run_of(rig, &second, false), 12, 8, 0, 0, 0);
    assert_counts(rig_run_of(rig, &third, false), 0, 20, 0, 0, 0);
}

static void
test_a_purged_connection_leaves_no_keys(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 3);
    rig_run(rig, false);
    assert_ok(engine_connection_delete(rig->engine, rig->tenant, rig->connection.uuid, true, &err), err);
    assert_int_equal(rig_count(rig, "contacts", true), 0);
    struct connection second = rig_connect(rig, "second"), third = rig_connect(rig, "third");
    assert_counts(rig_run_of(rig, &second, false), 3, 0, 0, 0, 0);
    assert_counts(rig_run_of(rig, &third, false), 0, 3, 0, 0, 0);
}

static void
test_a_changed_email_gives_its_old_key_back(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 2);
    rig_run(rig, false);
    snprintf(rig_contact(rig, 1)->email, 64, "new@example.com");
    rig_contact(rig, 1)->updated_s += 1000;
    rig_run(rig, true);
    /* Somebody else has the old address now. */
    rig->vendor.contact_count = 0;
    rig_fill(rig, 1);
    struct connection second = rig_connect(rig, "second");
    assert_counts(rig_run_of(rig, &second, false), 1, 0, 0, 0, 0);
}

/* ---- the same people of two connections, at the same moment */

#define RACE_ROUNDS 8
#define RACE_PEOPLE 40

static void *
run_one(void *ctx)
{
    struct rig *rig = ctx;
    struct err err = {0};
    bool ran = false;
    if (!engine_run_here(rig->engine, rig->tenant, STR_NONE, &ran, &err))
        ran = false;
    return NULL;
}

/* Two workers, perhaps of two nodes, commit pages with the same people: one of them makes a person, the other one links. */
static void
test_two_connections_that_bring_the_same_people_at_once_make_each_of_them_once(void **state)
{
    struct rig *rig = *state;
    struct connection other = rig_connect_with(rig, "Other", &(struct connection_change){.enabled = -1, .match = STR("auto")});
    for (size_t round = 1; round <= RACE_ROUNDS; round++) {
        pthread_t threads[2];
        rig_fill(rig, RACE_PEOPLE);
        struct run runs[] = {rig_start(rig, &rig->connection, true), rig_start(rig, &other, true)};
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            assert_int_equal(pthread_create(&threads[i], NULL, run_one, rig), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            pthread_join(threads[i], NULL);
        while (rig_step(rig))
            ;
        for (size_t i = 0; i < ARRAY_LEN(runs); i++)
            assert_state(rig_look(rig, runs[i].uuid), RUN_SUCCEEDED);
        assert_int_equal(rig_count(rig, "contacts", false), round * RACE_PEOPLE);
    }
}

/* Not a race: somebody here takes the address of somebody new on the same page. Both stay, and it is told at once, not tried again. */
static void
test_an_address_that_two_of_one_page_have_is_no_race(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 2);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    rig_fill(rig, 1);
    snprintf(rig_contact(rig, 1)->email, 64, "person3@example.com");
    rig_contact(rig, 1)->updated_s += 1000;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 1, 1, 1, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 3);
}

/* ---- somebody is made here while a platform brings the same people */

static void
make_here(struct rig *rig, int64_t id, struct str *uuid_out)
{
    struct err err = {0};
    struct arena arena;
    struct record made;
    struct store_call call;
    arena_init(&arena, 1024L * 1024);
    struct edit_by by = {.tenant = rig->tenant, .region = STR_NONE, .actor = STR("local")};
    struct str text = str_format(&arena, "{\"name\":\"Made here\",\"phone\":null,\"email\":\"PERSON%lld@example.com\"}", (long long)id);
    yyjson_val *fields = json_parse(&arena, text, JSON_NUMBERS_RAW, 8, &err);
    assert_ok(edit_create(&arena, &by, STR("contacts"), fields, &made, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
    if (uuid_out)
        *uuid_out = str_format(&rig->arena, "%.*s", STR_ARG(made.uuid));
    arena_release(&arena);
}

/* What is said here is said; what is left out here stays as it came. */
static void
test_who_is_made_here_and_a_platform_has_brought_is_one_person(void **state)
{
    struct str uuid;
    struct rig *rig = *state;
    rig_fill(rig, 3);
    snprintf(rig_contact(rig, 1)->phone, 24, "+5581999990000");
    rig_run(rig, true);
    make_here(rig, 1, &uuid);
    assert_int_equal(rig_count(rig, "contacts", true), 3);
    struct str data = rig_data(rig, &rig->connection, "contacts", 1);
    assert_true(str_contains(data, STR("Made here")));
    assert_true(str_contains(data, STR("+5581999990000")));
    /* The keys are his alone: whoever else brings him is linked. */
    struct connection second = rig_connect(rig, "second");
    assert_counts(rig_run_of(rig, &second, false), 0, 3, 0, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", true), 3);
}

/* While the fourth page is asked for: the first person may be here by then, the last one is not. */
static void
make_first_and_last(void *ctx, int64_t number, struct str url)
{
    (void)url;
    if (number != 4)
        return;
    make_here(ctx, 1, NULL);
    make_here(ctx, 6, NULL);
}

static void
test_who_is_made_here_during_a_first_sync_is_who_that_brings_whoever_comes_first(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 6);
    rig->vendor.page_size = 1;
    rig->vendor.on_request = make_first_and_last;
    rig->vendor.on_request_ctx = rig;
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    rig->vendor.on_request = NULL;
    assert_int_equal(rig_count(rig, "contacts", true), 6);
    struct connection second = rig_connect(rig, "second");
    rig_run_of(rig, &second, false);
    assert_int_equal(rig_count(rig, "contacts", true), 6);
}

static void
test_two_that_are_made_here_with_one_email_stay_two(void **state)
{
    struct str one, two;
    make_here(*state, 1, &one);
    make_here(*state, 1, &two);
    assert_false(str_eq(one, two));
    assert_int_equal(rig_count(*state, "contacts", true), 2);
}

static void *
make_all(void *ctx)
{
    struct rig *rig = ctx;
    size_t last = rig->vendor.contact_count;
    for (size_t i = last; i > last - RACE_PEOPLE; i--)
        make_here(rig, (int64_t)i, NULL);
    return NULL;
}

/* At the same moment, perhaps on another node. */
static void
test_people_that_are_made_here_and_come_at_once_are_there_once(void **state)
{
    struct rig *rig = *state;
    rig->vendor.page_size = 2;
    for (size_t round = 1; round <= RACE_ROUNDS; round++) {
        pthread_t threads[2];
        rig_fill(rig, RACE_PEOPLE);
        struct run run = rig_start(rig, &rig->connection, true);
        assert_int_equal(pthread_create(&threads[0], NULL, run_one, rig), 0);
        assert_int_equal(pthread_create(&threads[1], NULL, make_all, rig), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            pthread_join(threads[i], NULL);
        while (rig_step(rig))
            ;
        assert_state(rig_look(rig, run.uuid), RUN_SUCCEEDED);
        assert_int_equal(rig_count(rig, "contacts", false), round * RACE_PEOPLE);
    }
}
