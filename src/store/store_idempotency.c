#include "store/store_idempotency.h"

#include "store/store_priv.h"

struct taken {
    struct str body_hash, owner;
    struct idempotency_answer answer;
};

static void
taken_read(struct row_reader *r, void *item)
{
    struct taken *taken = item;
    taken->body_hash = read_text(r);
    taken->answer.status = read_i64(r);
    taken->answer.headers = read_text(r);
    taken->answer.body = read_text(r);
    taken->answer.effect = read_text(r);
    taken->answer.taken_us = read_i64(r);
    taken->owner = read_text(r);
}

#define NODE_CHARS 37 /* "<node id>/" */

/* Is whoever took the key past answering? An earlier process of this node is; of another node only time can tell. */
static bool
is_gone(const struct taken *taken, const struct idempotency_key *key, int64_t now_us)
{
    if (taken->answer.taken_us <= now_us - IDEMPOTENCY_RUNNING_US)
        return true;
    return taken->owner.len > NODE_CHARS && key->owner.len > NODE_CHARS && !str_eq(taken->owner, key->owner) &&
           str_starts(key->owner, str_slice(taken->owner, 0, NODE_CHARS));
}

/* Somebody had the key before: the same request again, its twin, or a misuse. */
static bool
answer_of(const struct taken *taken, const struct idempotency_key *key, int64_t now_us,
          struct idempotency_answer *answer_out, struct err *err)
{
    if (!str_eq(taken->body_hash, key->body_hash))
        return err_set(err, E_IDEMPOTENCY_CONFLICT, NULL);
    if (taken->answer.status == 0 && (str_is_none(taken->answer.effect) || !is_gone(taken, key, now_us)))
        return err_set(err, E_IDEMPOTENCY_RUNNING, NULL);
    *answer_out = taken->answer;
    answer_out->replay = taken->answer.status != 0;
    return true;
}

bool
store_idempotency_begin(struct db *db, struct arena *a, const struct idempotency_key *key, int64_t now_us,
                        struct idempotency_answer *answer_out, struct err *err)
{
    int64_t inserted;
    if (!db_exec(db, SQL_IDEMPOTENCY_EXPIRE, DB_ARGS(DB_I(key->tenant), DB_T(key->route), DB_T(key->key),
                 DB_I(now_us - IDEMPOTENCY_KEEP_US), DB_I(now_us - IDEMPOTENCY_RUNNING_US), DB_T(key->owner)), NULL, err) ||
        !db_exec(db, SQL_IDEMPOTENCY_TAKE, DB_ARGS(DB_I(key->tenant), DB_T(key->route), DB_T(key->key),
                 DB_T(key->body_hash), DB_I(now_us), DB_T(key->owner)), &inserted, err))
        return false;
    if (inserted == 1) {
        *answer_out = (struct idempotency_answer){.effect = STR_NONE, .taken_us = now_us};
        return true;
    }
    struct taken taken;
    enum row row = store_row(db, SQL_IDEMPOTENCY_GET, DB_ARGS(DB_I(key->tenant), DB_T(key->route), DB_T(key->key)), a,
                             &taken, sizeof(taken), taken_read, err);
    return store_row_must(row, E_IDEMPOTENCY_RUNNING, err) && answer_of(&taken, key, now_us, answer_out, err);
}

bool
store_idempotency_finish(struct db *db, const struct idempotency_key *key, const struct idempotency_answer *answer,
                         int64_t now_us, struct err *err)
{
    (void)now_us; /* the key's day runs from its first use */
    return db_exec_one(db, SQL_IDEMPOTENCY_FINISH, DB_ARGS(DB_I(key->tenant), DB_T(key->route), DB_T(key->key),
                       DB_T(key->body_hash), DB_I(answer->status), DB_T(answer->headers), DB_T(answer->body), DB_I(key->taken_us)),
                       E_CONFLICT, err);
}

bool
store_idempotency_effect(struct db *db, const struct idempotency_key *key, struct str effect, struct err *err)
{
    return db_exec_one(db, SQL_IDEMPOTENCY_EFFECT, DB_ARGS(DB_I(key->tenant), DB_T(key->route), DB_T(key->key),
                       DB_I(key->taken_us), DB_T(effect)), E_IDEMPOTENCY_RUNNING, err);
}

bool
store_idempotency_effect_undone(struct db *db, const struct idempotency_key *key, struct str effect, struct err *err)
{
    return db_exec(db, SQL_IDEMPOTENCY_EFFECT_UNDONE, DB_ARGS(DB_I(key->tenant), DB_T(key->route), DB_T(key->key),
                   DB_I(key->taken_us), DB_T(effect)), NULL, err);
}

bool
store_idempotency_has(struct db *db, const struct idempotency_key *key, bool *has_out, struct err *err)
{
    int64_t count = 0;
    *has_out = false;
    if (db_query_i64(db, SQL_IDEMPOTENCY_HAS, DB_ARGS(DB_I(key->tenant), DB_T(key->route), DB_T(key->key)), &count, err) != ROW_FOUND)
        return false;
    *has_out = count > 0;
    return true;
}

bool
store_idempotency_forget(struct db *db, const struct idempotency_key *key, struct err *err)
{
    return db_exec(db, SQL_IDEMPOTENCY_FORGET, DB_ARGS(DB_I(key->tenant), DB_T(key->route), DB_T(key->key),
                   DB_T(key->body_hash), DB_I(key->taken_us)), NULL, err);
}
