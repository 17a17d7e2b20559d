/*
 * Push with the real store: every send may be lost before or after it was done, every statement may fail, and in the end each record
 * is at the vendor once, as it is here.
 */
#include "rig.h"

#include "engine/edit.h"
#include "engine/push.h"
#include "store/db_trace.h"

#define PEOPLE 2
#define ROUNDS_MAX 12
#define SENDS_MAX 60
#define STATEMENTS_MAX 600

#define PUSH_YAML                                                                                          \
    "version: 6.0.0\n"                                                                                     \
    "type: DeclarativeSource\n"                                                                            \
    "check: {type: CheckStream, stream_names: [contacts]}\n"                                               \
    "streams:\n"                                                                                           \
    "  - type: DeclarativeStream\n"                                                                        \
    "    name: contacts\n"                                                                                 \
    "    primary_key: [id]\n"                                                                              \
    "    retriever:\n"                                                                                     \
    "      type: SimpleRetriever\n"                                                                        \
    "      requester:\n"                                                                                   \
    "        type: HttpRequester\n"                                                                        \
    "        url_base: https://desk.example.com\n"                                                         \
    "        path: contacts\n"                                                                             \
    "        authenticator: {type: BearerAuthenticator, api_token: \"{{ config['token'] }}\"}\n"           \
    "      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}\n" \
    "spec:\n"                                                                                              \
    "  type: Spec\n"                                                                                       \
    "  connection_specification: {type: object, properties: {token: {type: string, airbyte_secret: true}}}\n" \
    "metadata:\n"                                                                                          \
    "  tidemark:\n"                                                                                        \
    "    name: pushdesk\n"                                                                                 \
    "    primary_secret: token\n"                                                                          \
    "    entities:\n"                                                                                      \
    "      contacts:\n"                                                                                    \
    "        kind: contacts\n"                                                                             \
    "        singular: Contact\n"                                                                          \
    "        fields: {name: name, email: mail}\n"                                                          \
    "        roles: {email: email, title: name}\n"                                                         \
    "    reads:\n"                                                                                         \
    "      contacts: {path: \"contacts/{{ stream_slice['id'] }}\", field_path: [data]}\n"                  \
    "    writes:\n"                                                                                        \
    "      contacts:\n"                                                                                    \
    "        fields: {name: name, mail: email}\n"                                                          \
    "        keys: [email]\n"                                                                              \
    "        match: {path: contacts, request_parameters: {mail: \"{{ input['value'] }}\"}, result: data}\n" \
    "        create: {path: contacts, http_method: POST, request_body_json: \"{{ input['fields'] }}\", result: data}\n" \
    "        update: {path: \"contacts/{{ input['id'] }}\", http_method: PUT, request_body_json: \"{{ input['fields'] }}\", result: data}\n"

enum lost { LOST_NEVER, LOST_BEFORE, LOST_AFTER, LOST_500 };

struct person_there {
    char name[64], mail[64];
};

/* The vendor. One thread asks it at a time. */
static struct {
    struct person_there people[64];
    int64_t count, sends, lose_at;
    enum lost how;
    bool twins;           /* it takes the same address twice */
} there;

struct call {
    struct http_reply reply;
    struct buf body;
};

static void
write_person(struct buf *b, int64_t id)
{
    buf_addf(b, "{\"id\":%lld,\"name\":\"%s\",\"mail\":\"%s\"}", (long long)id, there.people[id - 1].name, there.people[id - 1].mail);
}

static void
take(yyjson_val *body, const char *key, char text[64])
{
    struct str value = json_str(json_get_c(body, key));
    if (value.len > 0)
        snprintf(text, 64, "%.*s", STR_ARG(value));
}

static int64_t
with_mail(struct str mail)
{
    for (int64_t i = 0; i < there.count; i++)
        if (str_eq_c(mail, there.people[i].mail))
            return i + 1;
    return 0;
}

static void
answer_list(struct call *c, struct str query)
{
    struct str wanted = str_find_str(query, STR("mail=")) >= 0 ? str_skip(query, (size_t)str_find_str(query, STR("mail=")) + 5) : STR_NONE;
    bool any = false;
    buf_add_c(&c->body, "{\"data\":[");
    for (int64_t id = 1; id <= there.count; id++) {
        char encoded[80];
        struct str mail = str_from_c(there.people[id - 1].mail), head, tail;
        str_cut(mail, '@', &head, &tail);
        snprintf(encoded, sizeof(encoded), "%.*s%%40%.*s", STR_ARG(head), STR_ARG(tail));
        if (!str_is_none(wanted) && !str_eq_c(wanted, encoded) && !str_eq(wanted, mail))
            continue;
        buf_add_c(&c->body, any ? "," : "");
        write_person(&c->body, id);
        any = true;
    }
    buf_add_c(&c->body, "]}");
}

static void
answer_write(struct call *c, int64_t id, struct str text)
{
    struct err err = {0};
    struct arena a;
    arena_init(&a, 1 << 20);
    yyjson_val *body = json_parse(&a, text, JSON_PLAIN, 16, &err);
    if (id == 0 && !there.twins && with_mail(json_str(json_get_c(body, "mail"))) != 0) {
        c->reply.status = 409;
        buf_add_c(&c->body, "{\"message\":\"taken\"}");
    } else {
        if (id == 0)
            id = ++there.count;
        take(body, "name", there.people[id - 1].name);
        take(body, "mail", there.people[id - 1].mail);
        buf_add_c(&c->body, "{\"data\":");
        write_person(&c->body, id);
        buf_add_c(&c->body, "}");
    }
    arena_release(&a);
}

static void
answer(struct call *c, const struct http_request *r)
{
    int64_t id = 0;
    ptrdiff_t slash = str_find_last(r->url, '/');
    (void)!str_to_i64(str_skip(r->url, (size_t)slash + 1), 1, 64, &id);
    c->reply.status = 200;
    if (str_eq_c(r->method, "POST") || str_eq_c(r->method, "PUT"))
        answer_write(c, id, r->body);
    else if (id == 0)
        answer_list(c, r->url);
    else {
        buf_add_c(&c->body, "{\"data\":");
        write_person(&c->body, id);
        buf_add_c(&c->body, "}");
    }
}

static void *
push_send(void *ctx, const struct http_request *request, struct err *err)
{
    (void)ctx, (void)err;
    struct call *c = calloc(1, sizeof(*c));
    buf_init(&c->body, 1 << 20);
    c->reply.sent_wall_us = clock_wall_us(clock_system());
    bool lost = ++there.sends == there.lose_at;
    if (!lost || there.how != LOST_BEFORE)
        answer(c, request);
    if (lost && there.how == LOST_500)
        c->reply.status = 500;
    else if (lost) {
        c->reply = (struct http_reply){.code = E_NETWORK, .sent_wall_us = c->reply.sent_wall_us};
        snprintf(c->reply.message, sizeof(c->reply.message), "connection reset");
    }
    if (c->reply.code == E_OK)
        c->reply.body = buf_str(&c->body);
    return c;
}

static const struct http_reply *
push_wait(void *call)
{
    return &((struct call *)call)->reply;
}

static void
push_cancel(void *call)
{
    (void)call;
}

static void
push_free(void *call)
{
    if (call != NULL)
        buf_release(&((struct call *)call)->body);
    free(call);
}

/* ---- the world */

static struct connection connection;
static struct str records[PEOPLE];

static struct rig *
world(struct db *(*wrap)(struct db *real, void *ctx), void *ctx)
{
    struct err err = {0};
    struct rig *rig = rig_new_wrapped(wrap, ctx);
    struct connection_change change = {.enabled = -1, .provider = STR("pushdesk"), .direction = STR("push")};
    memset(&there, 0, sizeof(there));
    if (!registry_put(rig->templates, STR("pushdesk"), STR(PUSH_YAML), &err))
        fail_msg("%s", err.message);
    rig->engine->sender = (struct sender){push_send, push_wait, push_cancel, push_free, NULL};
    change.config = json_parse(&rig->arena, STR("{\"token\":\"a-secret-token\"}"), JSON_PLAIN, 8, &err);
    assert_ok(engine_connection_create(rig->engine, &rig->arena, rig->tenant, &change, false, &connection, &err), err);
    /* One is there already, under the first one's address. */
    there.people[0] = (struct person_there){"", "p0@example.com"};
    there.count = 1;
    for (int i = 0; i < PEOPLE; i++) {
        struct record made;
        struct edit_by by = {.tenant = rig->tenant, .region = STR_NONE, .actor = STR("local")};
        struct str text = str_format(&rig->arena, "{\"name\":\"Name %d\",\"email\":\"p%d@example.com\"}", i, i);
        yyjson_val *fields = json_parse(&rig->arena, text, JSON_NUMBERS_RAW, 8, &err);
        struct store_call call;
        assert_ok(edit_create(&rig->arena, &by, STR("contacts"), fields, &made, &call, &err), err);
        assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
        records[i] = made.uuid;
    }
    return rig;
}

struct look {
    struct rig *rig;
    struct push_row *rows;
    size_t count;
    struct push_waiting waiting;
    int64_t collection;
};

/* What must wait need not wait for the clock. */
static bool
make_due(struct db *db, void *ctx, struct err *err)
{
    struct look *k = ctx;
    if (store_collection_find(db, k->rig->tenant, STR("contacts"), &k->collection, err) != ROW_FOUND ||
        !store_push_preview(db, &k->rig->arena, k->rig->tenant, connection.id, k->collection, 0, false, 100, &k->rows, &k->count, err))
        return false;
    for (size_t i = 0; i < k->count; i++)
        if (!store_push_later(db, k->rig->tenant, connection.id, k->rows[i].record, 0, STR_NONE, false, err))
            return false;
    return store_push_count(db, k->rig->tenant, connection.id, store_now(db), &k->waiting, err);
}

/* Runs until nothing waits; whatever went wrong before. */
static void
go_on(struct rig *rig)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct err err = {0};
        struct look k = {.rig = rig};
        struct run run;
        struct run_request request = {.connection = connection.uuid, .direction = STR("push")};
        if (!engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err)) {
            assert_int_equal(err.code, E_SYNC_IN_PROGRESS);
            run.uuid = str_copy(&rig->arena, str_from_c(err.subject));
        }
        while (rig_step(rig))
            ;
        run = rig_look(rig, run.uuid);
        if (run.state == RUN_WAITING)
            rig_make_due(rig, &run);
        err = (struct err){0};
        assert_ok(store_write(rig->store, make_due, &k, &err), err);
        if (k.waiting.count == 0 && run_state_is_terminal(run.state))
            return;
    }
    fail_msg("something waits for ever");
}

static void
assert_once(struct rig *rig, const char *when, int64_t n)
{
    if (there.count != PEOPLE)
        fail_msg("%s %d: %d there", when, (int)n, (int)there.count);
    for (int i = 0; i < PEOPLE; i++) {
        char mail[64], name[64];
        snprintf(mail, sizeof(mail), "p%d@example.com", i);
        snprintf(name, sizeof(name), "Name %d", i);
        int64_t id = with_mail(str_from_c(mail));
        if (id == 0 || strcmp(there.people[id - 1].name, name) != 0)
            fail_msg("%s %d: %s is %s there", when, (int)n, mail, id ? there.people[id - 1].name : "not");
        assert_false(str_is_none(rig_data(rig, &connection, "contacts", id)));
    }
    assert_int_equal(rig_count(rig, "contacts", true), PEOPLE);
    assert_int_equal(rig_rejected_of(rig, &connection), 0);
}

static void
test_each_is_there_once_and_who_was_there_is_linked(void **state)
{
    (void)state;
    struct rig *rig = world(NULL, NULL);
    go_on(rig);
    assert_once(rig, "quiet", 0);
    int64_t sends = there.sends;
    go_on(rig);
    assert_int_equal(there.sends, sends); /* nothing waits: nothing is asked */
    rig_free(rig);
}

/* With a vendor that takes the same address twice, and (step 1) with one that refuses it too. */
static void
every_send(enum lost how, const char *when, int64_t step)
{
    bool struck = true;
    for (int64_t k = 2; struck && k < 2 * SENDS_MAX; k += step) {
        int64_t n = k / 2;
        struct rig *rig = world(NULL, NULL);
        there.how = how;
        there.twins = k % 2 == 0;
        there.lose_at = n;
        go_on(rig);
        struck = there.sends >= n;
        assert_once(rig, when, n);
        rig_free(rig);
    }
    assert_false(struck);
}

static void
test_every_send_may_be_lost_before_it_arrives(void **state)
{
    (void)state;
    every_send(LOST_BEFORE, "lost before send", 2);
}

static void
test_every_answer_may_be_lost_after_it_was_done(void **state)
{
    (void)state;
    every_send(LOST_AFTER, "lost after send", 1);
}

static void
test_every_answer_may_be_a_500_although_it_was_done(void **state)
{
    (void)state;
    every_send(LOST_500, "500 after send", 2);
}

/* Every 23rd, so that it takes seconds; a statement that fails is one of some dozens, again and again. */
static void
every_statement(enum db_trace_at at, int64_t step)
{
    for (int64_t n = 1; n < STATEMENTS_MAX; n += step) {
        struct db_trace trace = {.at = at};
        struct rig *rig = world(db_trace_wrap, &trace);
        struct err err = {0};
        struct run run;
        struct run_request request = {.connection = connection.uuid, .direction = STR("push")};
        assert_ok(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err), err);
        atomic_store(&trace.calls, 0);
        atomic_store(&trace.fail_at, n);
        bool ran = true;
        (void)!engine_run_here(rig->engine, rig->tenant, STR_NONE, &ran, &err);
        bool struck = atomic_load(&trace.calls) >= n;
        atomic_store(&trace.fail_at, 0);
        rig_restart(rig);
        if (!registry_put(rig->templates, STR("pushdesk"), STR(PUSH_YAML), &err))
            fail_msg("%s", err.message);
        rig->engine->sender = (struct sender){push_send, push_wait, push_cancel, push_free, NULL};
        go_on(rig);
        assert_once(rig, "statement", n);
        rig_free(rig);
        if (!struck)
            return;
    }
}

static void
test_every_statement_may_fail(void **state)
{
    (void)state;
    every_statement(DB_TRACE_STATEMENT, 23);
}

static void
test_every_commit_may_be_lost(void **state)
{
    (void)state;
    every_statement(DB_TRACE_COMMIT_LOST, 2);
}
