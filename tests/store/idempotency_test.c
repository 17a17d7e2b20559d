/*
 * Idempotency keys: the answer that is kept, the effect that is noted, the process that died in between (I-28).
 */
#include "tests/store/fixture.h"

#define NODE_A "11111111-1111-7111-8111-111111111111/"
#define NODE_B "22222222-2222-7222-8222-222222222222/"

static struct idempotency_key
key_of(struct fixture *f, const char *owner)
{
    return (struct idempotency_key){.tenant = f->tenant.id, .route = STR("POST /y"), .key = STR("k"), .body_hash = STR("h"),
                                    .owner = str_from_c(owner)};
}

/* I-28: the process died between the effect and its answer. */
static void
test_a_key_whose_effect_is_noted_tells_it_and_is_not_given_free(void **state)
{
    struct fixture *f = *state;
    struct idempotency_key first = key_of(f, NODE_A "one"), restarted = key_of(f, NODE_A "two"), elsewhere = key_of(f, NODE_B "x");
    struct idempotency_answer answer;
    begin(f);
    assert_ok(store_idempotency_begin(f->db, &f->arena, &first, NOW, &answer, &f->err), f->err);
    first.taken_us = answer.taken_us;
    assert_ok(store_idempotency_effect(f->db, &first, STR("run:abc"), &f->err), f->err);
    assert_ok(store_idempotency_forget(f->db, &first, &f->err), f->err); /* too late: it is done */
    assert_fails_with(store_idempotency_begin(f->db, &f->arena, &first, NOW, &answer, &f->err), f->err, E_IDEMPOTENCY_RUNNING);
    assert_fails_with(store_idempotency_begin(f->db, &f->arena, &elsewhere, NOW, &answer, &f->err), f->err,
                      E_IDEMPOTENCY_RUNNING);
    assert_ok(store_idempotency_begin(f->db, &f->arena, &restarted, NOW, &answer, &f->err), f->err);
    assert_false(answer.replay);
    assert_str(answer.effect, "run:abc");
    assert_ok(store_idempotency_begin(f->db, &f->arena, &elsewhere, NOW + IDEMPOTENCY_RUNNING_US, &answer, &f->err), f->err);
    assert_str(answer.effect, "run:abc");
    commit(f);
}

static void
test_a_key_without_effect_is_free_when_its_process_died_and_fences_the_late_one(void **state)
{
    struct fixture *f = *state;
    struct idempotency_key first = key_of(f, NODE_A "one"), restarted = key_of(f, NODE_A "two"), elsewhere = key_of(f, NODE_B "x");
    struct idempotency_answer answer;
    begin(f);
    assert_ok(store_idempotency_begin(f->db, &f->arena, &first, NOW, &answer, &f->err), f->err);
    first.taken_us = answer.taken_us;
    assert_fails_with(store_idempotency_begin(f->db, &f->arena, &elsewhere, NOW + 1, &answer, &f->err), f->err,
                      E_IDEMPOTENCY_RUNNING);
    assert_ok(store_idempotency_begin(f->db, &f->arena, &restarted, NOW + 1, &answer, &f->err), f->err);
    assert_true(str_is_none(answer.effect));
    assert_fails_with(store_idempotency_effect(f->db, &first, STR("run:late"), &f->err), f->err, E_IDEMPOTENCY_RUNNING);
    db_rollback(f->db);
}

/* I-28 */
static void
test_an_idempotency_key_answers_again_refuses_another_body_and_frees_itself(void **state)
{
    struct fixture *f = *state;
    struct idempotency_key key = {.tenant = f->tenant.id, .route = STR("POST /x"), .key = STR("k"), .body_hash = STR("hash-1"),
                                  .owner = STR_NONE}, other = key;
    struct idempotency_answer answer, stored = {.status = 201, .body = STR("{\"id\":1}")};
    other.body_hash = STR("hash-2");
    begin(f);
    assert_ok(store_idempotency_begin(f->db, &f->arena, &key, NOW, &answer, &f->err), f->err);
    assert_false(answer.replay);
    assert_fails_with(store_idempotency_begin(f->db, &f->arena, &key, NOW, &answer, &f->err), f->err, E_IDEMPOTENCY_RUNNING);
    assert_ok(store_idempotency_begin(f->db, &f->arena, &key, NOW + IDEMPOTENCY_RUNNING_US, &answer, &f->err), f->err);
    assert_false(answer.replay);
    key.taken_us = answer.taken_us;
    assert_ok(store_idempotency_finish(f->db, &key, &stored, NOW, &f->err), f->err);
    assert_ok(store_idempotency_begin(f->db, &f->arena, &key, NOW + US_PER_HOUR, &answer, &f->err), f->err);
    assert_true(answer.replay);
    assert_int_equal(answer.status, 201);
    assert_str(answer.body, "{\"id\":1}");
    assert_fails_with(store_idempotency_begin(f->db, &f->arena, &other, NOW, &answer, &f->err), f->err, E_IDEMPOTENCY_CONFLICT);
    other.tenant = f->tenant.id + 1;
    assert_ok(store_idempotency_begin(f->db, &f->arena, &other, NOW, &answer, &f->err), f->err);
    assert_ok(store_idempotency_begin(f->db, &f->arena, &key, NOW + 2 * US_PER_DAY, &answer, &f->err), f->err);
    assert_false(answer.replay);
    commit(f);
}
