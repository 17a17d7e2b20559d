#include "push_desk.h"

#include "engine/edit.h"
#include "store/store_push.h"

#define CALL_BYTES (1 << 20)

struct desk desks[DESKS];
static struct desk_way way;

/* ---- the template */

static const char head[] =
    RIG_DESK_YAML("https://desk{{ config['desk'] }}.example.com")
    "spec:\n"
    "  type: Spec\n"
    "  connection_specification: {type: object, properties: {desk: {type: string}, token: {type: string, airbyte_secret: true}}}\n"
    "metadata:\n"
    "  tidemark:\n"
    "    name: pushdesk\n"
    "    primary_secret: token\n"
    "    entities:\n"
    "      contacts:\n"
    "        kind: contacts\n"
    "        singular: Contact\n"
    "        fields: {name: name, email: mail, phone: phone, timezone: zone}\n";

static const char writes[] =
    "    writes:\n"
    "      contacts:\n"
    "        fields: {name: name, mail: email, phone: phone, zone: timezone}\n"
    "        keys: [email]\n"
    "        match: {path: contacts, request_parameters: {mail: \"{{ input['value'] }}\"}, result: data}\n"
    "        create: {path: contacts, http_method: POST, request_body_json: \"{{ input['fields'] }}\", result: data}\n"
    "        update: {path: \"contacts/{{ input['id'] }}\", http_method: PUT, "
    "request_body_json: \"{{ input['fields'] }}\", result: data}\n";

static const char reads[] =
    "    reads:\n"
    "      contacts: {path: \"contacts/{{ stream_slice['id'] }}\", field_path: [data]}\n";

static const char deletes[] =
    "        delete:\n"
    "          path: \"contacts/{{ input['id'] }}\"\n"
    "          http_method: DELETE\n"
    "          error_handler: {type: DefaultErrorHandler, response_filters: [{type: HttpResponseFilter, http_codes: [404], "
    "action: IGNORE}]}\n";

static const char many[] =
    "        create_many: {max: 10, item: {fields: $}, path: contacts/batch, http_method: POST, "
    "request_body_json: {items: \"{{ input['items'] }}\"}, result: data}\n";

static const char look_many[] =
    "        match_many: {max: 10, item: {value: mail}, path: contacts/look, http_method: POST, safe: true, "
    "request_body_json: {people: \"{{ input['items'] }}\"}, "
    "result: \"{{ {'found': response['data'], 'missing': response['none']} }}\"}\n";

static struct str
template_text(struct arena *a)
{
    return str_format(a, "%s        roles: {email: email, title: name%s}\n%s%s%s%s%s%s", head,
                      way.no_version ? "" : ", version: updated_at",
                      way.no_reads ? "" : reads, writes, way.shows == DESK_SHOWS_ID ? "        answer: id\n" : "",
                      way.deletes ? deletes : "", way.many ? many : "", way.looks ? look_many : "");
}

/* ---- the vendor */

struct call {
    struct http_reply reply;
    struct buf body;
    struct desk *desk;
};

static void
add_member(struct buf *b, const char *name, const char *text)
{
    buf_addf(b, ",\"%s\":", name);
    if (text[0] == '\0')
        buf_add_c(b, "null");
    else
        buf_add_json_str(b, str_from_c(text));
}

static void
add_person(struct buf *b, const struct desk *d, int64_t id)
{
    const struct desk_person *p = &d->people[id - 1];
    char when[TIME_TEXT_BYTES];
    time_format_us(p->updated_us, when);
    buf_addf(b, "{\"id\":%lld", (long long)id);
    add_member(b, "name", p->name);
    add_member(b, "mail", p->mail);
    add_member(b, "phone", p->phone);
    add_member(b, "zone", p->zone);
    if (!way.no_version)
        add_member(b, "updated_at", when);
    buf_add_char(b, '}');
}

static void
take(yyjson_val *body, const char *member, char *text, size_t bytes)
{
    yyjson_val *value = json_get_c(body, member);
    if (value != NULL)
        snprintf(text, bytes, "%.*s", STR_ARG(json_str_or(value, STR(""))));
}

static int64_t
living_with(const struct desk *d, struct str mail)
{
    for (int64_t i = 0; i < d->count; i++)
        if (!d->people[i].gone && mail.len > 0 && str_eq_c(mail, d->people[i].mail))
            return i + 1;
    return 0;
}

int64_t
desk_with_mail(int desk, struct str mail)
{
    return living_with(&desks[desk], mail);
}

int64_t
desk_count(int desk, const char *mail)
{
    int64_t count = 0;
    for (int64_t i = 0; i < desks[desk].count; i++)
        count += !desks[desk].people[i].gone && strcmp(desks[desk].people[i].mail, mail) == 0;
    return count;
}

static bool
is_found(const struct desk *d, int64_t id)
{
    const struct desk_person *p = &d->people[id - 1];
    return p->made_at == 0 || d->sends - p->made_at >= d->lag;
}

static bool
is_meant(const struct desk_person *p, struct str url)
{
    char encoded[160];
    struct str mail = str_from_c(p->mail), name, host;
    if (!str_contains(url, STR("mail=")))
        return true;
    str_cut(mail, '@', &name, &host);
    snprintf(encoded, sizeof(encoded), "mail=%.*s%%40%.*s", STR_ARG(name), STR_ARG(host));
    return str_ends(url, str_from_c(encoded));
}

static void
answer_list(struct call *c, struct str url)
{
    bool any = false, search = str_contains(url, STR("mail="));
    c->desk->looks += search;
    buf_add_c(&c->body, "{\"data\":[");
    for (int64_t id = 1; id <= c->desk->count; id++) {
        const struct desk_person *p = &c->desk->people[id - 1];
        if (p->gone || !is_meant(p, url) || (search && !is_found(c->desk, id)))
            continue;
        buf_add_c(&c->body, any ? "," : "");
        add_person(&c->body, c->desk, id);
        any = true;
    }
    buf_add_c(&c->body, "]}");
}

static void
write_person(struct desk *d, int64_t id, yyjson_val *body)
{
    struct desk_person *p = &d->people[id - 1];
    take(body, "name", p->name, sizeof(p->name));
    take(body, "mail", p->mail, sizeof(p->mail));
    take(body, "phone", p->phone, sizeof(p->phone));
    take(body, "zone", p->zone, sizeof(p->zone));
    p->updated_us = clock_wall_us(clock_system());
    p->writes++;
    d->writes++;
}

static int64_t
make_person(struct desk *d, yyjson_val *body)
{
    assert_true(d->count < DESK_PEOPLE_MAX);
    d->people[d->count++].made_at = d->sends;
    write_person(d, d->count, body);
    return d->count;
}

static void
show(struct call *c, int64_t id, bool made)
{
    enum desk_shows shows = made ? c->desk->shows : DESK_SHOWS_RECORD;
    buf_add_c(&c->body, "{\"data\":");
    switch (shows) {
    case DESK_SHOWS_RECORD: add_person(&c->body, c->desk, id); break;
    case DESK_SHOWS_ID: buf_addf(&c->body, "{\"id\":%lld}", (long long)id); break;
    case DESK_SHOWS_BARE_ID: buf_addf(&c->body, "%lld", (long long)id); break;
    case DESK_SHOWS_NOTHING: buf_add_c(&c->body, "{\"status\":\"ok\"}"); break;
    }
    buf_add_c(&c->body, "}");
}

static void
answer_creation(struct call *c, yyjson_val *body)
{
    if (!c->desk->twins && living_with(c->desk, json_str(json_get_c(body, "mail"))) != 0) {
        c->reply.status = 409;
        buf_add_c(&c->body, "{\"message\":\"taken\"}");
        return;
    }
    if (c->desk->before_write != NULL)
        c->desk->before_write(0);
    if (c->desk->refuses) {
        c->reply.status = 422;
        buf_add_c(&c->body, "{\"message\":\"no\"}");
        return;
    }
    show(c, make_person(c->desk, body), true);
}

static void
answer_batch(struct call *c, yyjson_val *body)
{
    size_t i, count;
    yyjson_val *item;
    bool any = false;
    buf_add_c(&c->body, "{\"data\":[");
    yyjson_arr_foreach(json_get_c(body, "items"), i, count, item) {
        if (!c->desk->twins && living_with(c->desk, json_str(json_get_c(item, "mail"))) != 0)
            continue;
        buf_add_c(&c->body, any ? "," : "");
        add_person(&c->body, c->desk, make_person(c->desk, item));
        any = true;
    }
    buf_add_c(&c->body, "]}");
}

/* Shows all who have one of these addresses, the last first; *none: those that nobody has. */
static void
look_among(struct call *c, yyjson_val *people, size_t count, struct buf *none)
{
    bool any = false;
    for (size_t i = count; i > 0; i--) {
        struct str mail = json_str(json_get_c(yyjson_arr_get(people, i - 1), "mail"));
        bool found = false;
        for (int64_t id = 1; id <= c->desk->count; id++) {
            const struct desk_person *p = &c->desk->people[id - 1];
            if (p->gone || !str_eq_c(mail, p->mail) || !is_found(c->desk, id))
                continue;
            buf_add_c(&c->body, any ? "," : "");
            add_person(&c->body, c->desk, id);
            any = found = true;
        }
        if (found)
            continue;
        buf_add_c(none, none->len > 0 ? "," : "");
        buf_add_json_str(none, mail);
    }
}

static void
answer_look(struct call *c, yyjson_val *body)
{
    struct buf none;
    yyjson_val *people = json_get_c(body, "people");
    size_t count = yyjson_arr_size(people);
    c->desk->looks_many++;
    c->desk->looked_for += (int64_t)count;
    if (c->desk->look_how == DESK_LOOKS_NEVER) {
        c->reply.status = 400;
        buf_add_c(&c->body, "{\"message\":\"no\"}");
        return;
    }
    buf_init(&none, CALL_BYTES);
    buf_add_c(&c->body, "{\"data\":[");
    look_among(c, people, c->desk->look_how == DESK_LOOKS_HALF ? count / 2 : count, &none);
    buf_addf(&c->body, "],\"none\":[%.*s]}", STR_ARG(c->desk->look_how == DESK_LOOKS_FOUND ? STR("") : buf_str(&none)));
    buf_release(&none);
}

static void
answer_one(struct call *c, const struct http_request *r, int64_t id, yyjson_val *body)
{
    struct desk_person *p = id <= c->desk->count ? &c->desk->people[id - 1] : NULL;
    bool is_write = str_eq_c(r->method, "PUT"), is_delete = str_eq_c(r->method, "DELETE");
    if (p == NULL || p->gone)
        c->reply.status = 404;
    else if (!is_write && !is_delete && c->desk->unreadable)
        c->reply.status = 500;
    else if (is_delete) {
        p->gone = true;
        c->desk->deletions++;
    } else {
        if (is_write && c->desk->before_write != NULL)
            c->desk->before_write(id);
        if (is_write)
            write_person(c->desk, id, body);
        show(c, id, false);
    }
}

static void
answer(struct call *c, const struct http_request *r)
{
    int64_t id = 0;
    struct err err = {0};
    struct arena a;
    arena_init(&a, CALL_BYTES);
    bool is_post = str_eq_c(r->method, "POST");
    yyjson_val *body = r->body.len > 0 ? json_parse(&a, r->body, JSON_PLAIN, 16, &err) : NULL;
    (void)!str_to_i64(str_skip(r->url, (size_t)str_find_last(r->url, '/') + 1), 1, DESK_PEOPLE_MAX, &id);
    c->reply.status = 200;
    if (is_post && str_ends(r->url, STR("/batch")))
        answer_batch(c, body);
    else if (is_post && str_ends(r->url, STR("/look")))
        answer_look(c, body);
    else if (is_post)
        answer_creation(c, body);
    else if (id != 0)
        answer_one(c, r, id, body);
    else
        answer_list(c, r->url);
    arena_release(&a);
}

static void *
desk_send(void *ctx, const struct http_request *request, struct err *err)
{
    (void)ctx, (void)err;
    struct call *c = calloc(1, sizeof(*c));
    c->desk = &desks[str_contains(request->url, STR("desk1")) ? 1 : 0];
    buf_init(&c->body, CALL_BYTES);
    c->reply.sent_wall_us = clock_wall_us(clock_system());
    bool lost = ++c->desk->sends == c->desk->lose_at;
    if (!lost || c->desk->how != DESK_LOST_BEFORE)
        answer(c, request);
    if (lost && c->desk->how == DESK_LOST_500)
        c->reply.status = 500;
    else if (lost && c->desk->how != DESK_LOST_NEVER) {
        c->reply = (struct http_reply){.code = E_NETWORK, .sent_wall_us = c->reply.sent_wall_us};
        snprintf(c->reply.message, sizeof(c->reply.message), "connection reset");
    }
    if (c->reply.code == E_OK)
        c->reply.body = buf_str(&c->body);
    return c;
}

static const struct http_reply *
desk_wait(void *call)
{
    return &((struct call *)call)->reply;
}

static void
desk_cancel(void *call)
{
    (void)call;
}

static void
desk_free(void *call)
{
    if (call != NULL)
        buf_release(&((struct call *)call)->body);
    free(call);
}

/* ---- out there */

int64_t
desk_put(int desk, const char *name, const char *mail, const char *phone, const char *zone)
{
    struct desk *d = &desks[desk];
    struct desk_person *p = &d->people[d->count++];
    snprintf(p->name, sizeof(p->name), "%s", name);
    snprintf(p->mail, sizeof(p->mail), "%s", mail);
    snprintf(p->phone, sizeof(p->phone), "%s", phone);
    snprintf(p->zone, sizeof(p->zone), "%s", zone);
    p->updated_us = clock_wall_us(clock_system());
    return d->count;
}

void
desk_change(int desk, int64_t id, const char *name, const char *phone, const char *zone)
{
    struct desk_person *p = &desks[desk].people[id - 1];
    if (name != NULL)
        snprintf(p->name, sizeof(p->name), "%s", name);
    if (phone != NULL)
        snprintf(p->phone, sizeof(p->phone), "%s", phone);
    if (zone != NULL)
        snprintf(p->zone, sizeof(p->zone), "%s", zone);
    p->updated_us = clock_wall_us(clock_system());
}

/* ---- the world */

void
desk_attach(struct rig *rig)
{
    struct err err = {0};
    if (!registry_put(rig->templates, STR("pushdesk"), template_text(&rig->arena), &err))
        fail_msg("%s", err.message);
    rig->engine->sender = (struct sender){desk_send, desk_wait, desk_cancel, desk_free, NULL};
}

struct rig *
desk_world(const struct desk_way *wanted, struct db *(*wrap)(struct db *real, void *ctx), void *ctx)
{
    struct rig *rig = rig_new_wrapped(wrap, ctx);
    memset(desks, 0, sizeof(desks));
    way = *wanted;
    for (int i = 0; i < DESKS; i++)
        desks[i].shows = way.shows;
    desk_attach(rig);
    return rig;
}

struct connection
desk_connect(struct rig *rig, int desk, const char *direction, const struct connection_change *more)
{
    struct err err = {0};
    struct connection made;
    struct connection_change change = more != NULL ? *more : (struct connection_change){0};
    struct str config = str_format(&rig->arena, "{\"desk\":\"%d\",\"token\":\"a-secret-token\"}", desk);
    change.enabled = -1;
    change.provider = STR("pushdesk");
    change.direction = str_from_c(direction);
    change.config = json_parse(&rig->arena, config, JSON_PLAIN, 8, &err);
    assert_ok(engine_connection_create(rig->engine, &rig->arena, rig->tenant, &change, false, &made, &err), err);
    return made;
}

/* ---- here */

static struct edit_by
somebody(const struct rig *rig)
{
    return (struct edit_by){.tenant = rig->tenant, .region = STR_NONE, .actor = STR("user:ana"),
                            .request_id = STR("r"), .address = STR("")};
}

static yyjson_val *
parse(struct rig *rig, const char *text)
{
    struct err err = {0};
    yyjson_val *value = json_parse(&rig->arena, str_copy(&rig->arena, str_from_c(text)), JSON_NUMBERS_RAW, 8, &err);
    assert_non_null(value);
    return value;
}

struct str
desk_record(struct rig *rig, const char *fields)
{
    struct err err = {0};
    struct record made;
    struct store_call call;
    struct edit_by by = somebody(rig);
    assert_ok(edit_create(&rig->arena, &by, STR("contacts"), parse(rig, fields), &made, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
    return str_copy(&rig->arena, made.uuid);
}

void
desk_edit(struct rig *rig, struct str uuid, const char *fields)
{
    struct err err = {0};
    struct record changed;
    struct store_call call;
    struct edit_by by = somebody(rig);
    assert_ok(edit_change(&rig->arena, &by, STR("contacts"), uuid, 0, parse(rig, fields), &changed, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
}

void
desk_delete(struct rig *rig, struct str uuid)
{
    struct err err = {0};
    struct store_call call;
    struct edit_by by = somebody(rig);
    assert_ok(edit_delete(&rig->arena, &by, STR("contacts"), uuid, &call, &err), err);
    assert_ok(store_write(rig->store, call.fn, call.ctx, &err), err);
}

struct find {
    struct rig *rig;
    const struct connection *connection;
    struct str uuid, external_id;
    struct record record;
    struct push_waiting waiting;
    enum row row;
};

static bool
find_by_external(struct db *db, void *ctx, struct err *err)
{
    struct find *f = ctx;
    struct stream stream;
    f->row = store_stream_find(db, &f->rig->arena, f->rig->tenant, f->connection->id, STR("contacts"), &stream, err);
    if (f->row == ROW_FOUND)
        f->row = store_record_by_external(db, &f->rig->arena, f->rig->tenant, stream.id, f->external_id, &f->record, err);
    return f->row != ROW_FAILED;
}

struct str
desk_uuid(struct rig *rig, const struct connection *connection, int64_t id)
{
    struct err err = {0};
    struct find f = {.rig = rig, .connection = connection, .external_id = str_format(&rig->arena, "%d", (int)id)};
    assert_ok(store_read(rig->store, find_by_external, &f, &err), err);
    return f.row == ROW_FOUND ? f.record.uuid : STR_NONE;
}

static bool
find_by_uuid(struct db *db, void *ctx, struct err *err)
{
    struct find *f = ctx;
    return store_record_get(db, &f->rig->arena, f->rig->tenant, STR("contacts"), f->uuid, &f->record, err) == ROW_FOUND;
}

const char *
desk_here(struct rig *rig, struct str uuid, const char *member)
{
    struct err err = {0};
    struct find f = {.rig = rig, .uuid = uuid};
    assert_ok(store_read(rig->store, find_by_uuid, &f, &err), err);
    yyjson_val *data = json_parse(&rig->arena, f.record.data, JSON_NUMBERS_RAW, 16, &err);
    return str_cstr(&rig->arena, json_str_or(json_get_c(data, member), STR("")));
}

/* ---- runs */

/* What must wait need not wait for the clock. */
static bool
make_due(struct db *db, void *ctx, struct err *err)
{
    struct find *f = ctx;
    size_t count;
    int64_t collection;
    struct push_row *rows;
    struct rig *rig = f->rig;
    if (store_collection_find(db, rig->tenant, STR("contacts"), &collection, err) != ROW_FOUND ||
        !store_push_preview(db, &rig->arena, rig->tenant, f->connection->id, collection, 0, false, DESK_PEOPLE_MAX, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!store_push_later(db, rig->tenant, f->connection->id, rows[i].record, 0, STR_NONE, false, err))
            return false;
    return store_push_count(db, rig->tenant, f->connection->id, store_now(db), &f->waiting, err);
}

struct run
desk_push(struct rig *rig, const struct connection *connection, bool full)
{
    for (int round = 0; round < DESK_ROUNDS_MAX; round++) {
        struct err err = {0};
        struct run run;
        struct find f = {.rig = rig, .connection = connection};
        struct run_request request = {.connection = connection->uuid, .direction = STR("push"), .full = full};
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
        assert_ok(store_write(rig->store, make_due, &f, &err), err);
        if (f.waiting.count == 0 && run_state_is_terminal(run.state))
            return run;
        full = false;
    }
    fail_msg("something waits for ever");
    return (struct run){0};
}

bool
desk_push_dies(struct rig *rig, const struct connection *connection, struct db_trace *trace, int64_t n)
{
    struct err err = {0};
    struct run run;
    struct run_request request = {.connection = connection->uuid, .direction = STR("push")};
    assert_ok(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err), err);
    atomic_store(&trace->calls, 0);
    atomic_store(&trace->fail_at, n);
    bool ran = true;
    (void)!engine_run_here(rig->engine, rig->tenant, STR_NONE, &ran, &err);
    bool struck = atomic_load(&trace->calls) >= n;
    atomic_store(&trace->fail_at, 0);
    rig_restart(rig);
    desk_attach(rig);
    return struck;
}

struct run
desk_pull(struct rig *rig, const struct connection *connection)
{
    struct run run = rig_run_of(rig, connection, true);
    assert_state(run, RUN_SUCCEEDED);
    return run;
}
