/*
 * Accepting: who is it from, is it true, keep it.
 *
 * Nothing is said to the vendor before the commit (I-20). A delivery is known again within a week (I-21) by the vendor's id of
 * it, else by its bytes where they carry a version or a time. Proven and unproven deliveries are known apart: a stranger who
 * guesses an id must not be able to make the true one a duplicate. Whether it is true: inbox_proof.c.
 */
#include "hook/inbox_priv.h"

#include <string.h>

#include "base/rng.h"
#include "crypt/digest.h"

#define TYPE_BYTES_MAX 200
#define ID_BYTES_MAX 400
#define OVERLOAD_RETRY_MS 10000

struct accept {
    struct inbox_receipt receipt;
    struct inbox *in;
    const struct inbox_request *r;
    struct targets *targets;
    struct webhook_body body;
    struct str account, type, delivery, external_id;
    bool handled, dated;
    struct judgement judged;
    struct str content;
    struct keep *keep;
    int64_t received_us;
    bool duplicate;         /* set by the closure */
};

/* ---- what it says ---- */

static yyjson_val *
parse_body(const struct inbox_request *r, struct err *err)
{
    if (str_trim(r->body).len == 0) {
        err_invalid(err, "", "The body is empty: send the event as JSON");
        return NULL;
    }
    yyjson_val *body = json_parse(r->arena, r->body, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, err);
    if (body == NULL && err->code == E_TOO_LARGE)
        err_invalid(err, "", "The JSON is nested deeper than %d levels", LIMIT_JSON_DEPTH_API);
    if (body != NULL && !yyjson_is_ctn(body)) {
        err_invalid(err, "", "The body must be a JSON object or list");
        return NULL;
    }
    return body;
}

/* Texts that become columns. */
static struct str
column(struct str text, size_t bytes_max)
{
    bool usable = text.len > 0 && text.len <= bytes_max && str_is_utf8(text) && str_find(text, '\0') < 0;
    return usable ? text : STR_NONE;
}

static bool
read_event(struct accept *a, struct err *err)
{
    struct webhook_record *records = NULL;
    size_t count = 0;
    struct str type = webhook_type(&a->body);
    a->type = column(type, TYPE_BYTES_MAX);
    if (str_is_none(a->type))
        return err_invalid(err, "", "The event does not say what type it is");
    a->delivery = column(webhook_delivery(&a->body), ID_BYTES_MAX);
    a->handled = webhook_is_handled(&a->body);
    if (!a->handled)
        return true;
    if (!webhook_records(&a->body, &records, &count, err))
        return false;
    a->dated = webhook_records_are_dated(records, count);
    bool several = str_find(a->account, WEBHOOK_ACCOUNT_SEPARATOR) >= 0; /* then it is not everybody's record */
    a->external_id = count > 0 && !several ? column(records[0].external_id, ID_BYTES_MAX) : STR_NONE;
    return true;
}

/* ---- who it is for ---- */

/* An envelope has a payload; a vendor's own body has not. */
static bool
is_flat(yyjson_val *body)
{
    return !yyjson_is_obj(json_get_c(body, "payload"));
}

/* The template of an envelope, or of a body that only one vendor's table knows. */
static struct str
envelope_source(struct accept *a, yyjson_val *body)
{
    struct str source = json_str(json_get_c(body, "source")), *names = NULL;
    if (!is_flat(body))
        return source;
    size_t count = registry_names(a->in->options.templates, a->r->arena, &names);
    for (size_t i = 0; i < count; i++) {
        struct err ignored = {0};
        struct template *t = registry_get(a->in->options.templates, names[i], &ignored);
        if (t == NULL)
            continue;
        struct webhook_body b = {.block = template_webhooks(t), .body = body, .headers = a->r->headers, .arena = a->r->arena};
        bool is_its = b.block != NULL && json_bool_or(json_get_c(b.block, "flat_source"), false) && webhook_accounts(&b).len > 0 &&
                      webhook_is_handled(&b);
        template_unref(t);
        if (is_its)
            return names[i];
    }
    return source;
}

static bool
check_envelope(yyjson_val *body, struct str source, struct err *err)
{
    if (source.len == 0)
        return err_invalid(err, "/source", "source is required: the name of a template");
    if (json_str(json_get_c(body, "type")).len == 0)
        return err_invalid(err, "/type", "type is required: which event it is, e.g. contact.created");
    return true;
}

/* The template's table must be known before the account can be found. */
static bool
read_account(struct accept *a, struct str template_name, struct err *err)
{
    struct err why = {0};
    struct registry *templates = a->in->options.templates;
    struct template *t = a->r->at_once ? registry_loaded(templates, template_name) : registry_get(templates, template_name, &why);
    if (t == NULL && a->r->at_once)
        return false;
    yyjson_val *block = t == NULL ? NULL : template_webhooks(t);
    if (block == NULL) {
        template_unref(t);
        return err_set(err, E_NOT_FOUND, "There is no platform of that name that sends webhooks");
    }
    a->body.block = block;
    a->account = webhook_accounts(&a->body);
    a->body.block = NULL;
    template_unref(t);
    return true;
}

static bool
find_targets(struct accept *a, struct str name, bool fresh, struct err *err)
{
    bool addressed = a->r->address == INBOX_CONNECTION;
    targets_unref(a->targets);
    struct str account = addressed ? STR_NONE : a->account.len > 0 ? a->account : STR("");
    if (!a->r->at_once)
        a->targets = targets_get(a->in, addressed, name, account, fresh, err);
    else
        a->targets = fresh ? NULL : targets_cached(a->in, addressed, name, account);
    if (a->targets == NULL)
        return false;
    a->body.block = a->targets->block;
    if (addressed && a->targets->count == 0)
        return err_set(err, E_CONNECTION_NOT_FOUND, NULL);
    if (a->targets->block == NULL)
        return err_set(err, E_NOT_FOUND, "This platform sends no webhooks");
    if (addressed)
        a->account = webhook_accounts(&a->body);
    return true;
}

/* ---- keeping it ---- */

/* Names the delivery for those that take it as proven, or as a hint. */
static struct str
delivery_key(struct accept *a, bool proven, char key[static INBOX_DELIVERY_BYTES], struct err *err)
{
    struct digest digest;
    struct buf b;
    if (a->delivery.len == 0 && !a->dated)
        return STR_NONE;
    buf_init(&b, LIMIT_BODY_LARGE_BYTES + ID_BYTES_MAX + 2);
    buf_add(&b, proven ? STR("p") : STR("h"));
    buf_add(&b, a->delivery.len > 0 ? STR("i") : STR("b"));
    buf_add(&b, a->delivery.len > 0 ? a->delivery : a->r->body);
    bool ok = buf_ok(&b) && digest_of(DIGEST_SHA256, buf_str(&b), &digest, err);
    buf_release(&b);
    if (!ok)
        return STR_NONE;
    memcpy(key, digest.bytes, INBOX_DELIVERY_BYTES);
    return (struct str){key, INBOX_DELIVERY_BYTES};
}

struct keep {
    struct accept *accept;
    struct keep_row {
        struct inbox_event event;
        struct str delivery;
        char uuid[UUID_TEXT_BYTES];
    } *rows;
    size_t count;
    char keys[2][INBOX_DELIVERY_BYTES];
};

static bool
keep_rows(struct db *db, void *ctx, struct err *err)
{
    struct keep *k = ctx;
    k->accept->duplicate = k->count > 0;
    for (size_t i = 0; i < k->count; i++) {
        bool duplicate;
        if (!store_inbox_add(db, &k->rows[i].event, k->rows[i].delivery, &duplicate, err))
            return false;
        k->accept->duplicate = k->accept->duplicate && duplicate;
    }
    return true;
}

static void
fill_rows(struct accept *a, struct keep *k, const struct str keys[static 2])
{
    for (size_t i = 0; i < a->targets->count; i++) {
        if (a->judged.proofs[i] == PROOF_WRONG || a->judged.proofs[i] == PROOF_ELSEWHERE)
            continue;
        const struct inbox_connection *row = &a->targets->rows[i].row;
        struct str trust = str_from_c(trust_of(&a->targets->rows[i], a->judged.proofs[i]));
        bool proven = a->judged.proofs[i] != PROOF_NONE, hint = str_eq_c(trust, "hint");
        int64_t due_us = a->received_us + (hint ? INBOX_JOIN_US : 0);
        k->rows[k->count].delivery = keys[proven];
        k->rows[k->count].event = (struct inbox_event){
            .tenant = row->tenant, .connection = row->id, .uuid = str_from_c(uuid_v7_now(k->rows[k->count].uuid)), .type = a->type,
            .external_id = a->external_id, .delivery = a->delivery, .trust = trust,
            .status = a->handled ? STR("pending") : STR("unhandled"), .due_us = a->handled ? due_us : 0,
            .received_us = a->received_us, .finished_us = a->handled ? 0 : a->received_us, .bytes = (int64_t)a->r->body.len,
            .content = a->content};
        k->count++;
    }
}

static bool
keep_event(struct accept *a, struct err *err)
{
    struct keep *k = ARENA_NEW(a->r->arena, struct keep);
    if (k != NULL)
        k->rows = ARENA_ARRAY(a->r->arena, struct keep_row, a->targets->count + 1);
    if (k == NULL || k->rows == NULL)
        return err_no_memory(err);
    k->accept = a;
    bool proven = a->judged.proven > 0, unproven = a->judged.taken > a->judged.proven;
    struct str keys[2] = {unproven ? delivery_key(a, false, k->keys[0], err) : STR_NONE,
                          proven ? delivery_key(a, true, k->keys[1], err) : STR_NONE};
    a->content = content_pack(a->in, a->r->arena, a->targets, a->r);
    if (err->code != E_OK || str_is_none(a->content))
        return err->code != E_OK ? false : err_no_memory(err);
    fill_rows(a, k, keys);
    a->keep = k;
    if (k->count > 0)
        a->receipt.call = (struct store_call){keep_rows, k};
    return true;
}

static void
wake_workers(const struct accept *a)
{
    const struct keep *k = a->keep;
    if (a->duplicate || !a->handled || k->count == 0)
        return;
    atomic_fetch_add(&a->in->pending, (int64_t)k->count);
    for (size_t i = 0; i < k->count; i++)
        inbox_wake_queue(a->in, k->rows[i].event.connection);
}

/* ---- all of it ---- */

/* What this vendor repeats: some only 429, most only 5xx. */
static bool
overloaded(const struct accept *a, enum err_code otherwise, int64_t wait_ms, const char *words, struct err *err)
{
    int64_t status = 0;
    if (!json_to_i64(json_get_c(a->body.block, "overload"), &status))
        status = 0;
    err_set(err, status == 429 ? E_RATE_LIMITED : status == 503 ? E_UNAVAILABLE : otherwise, "%s", words);
    err->retry_after_ms = wait_ms;
    return false;
}

static bool
check_load(struct accept *a, struct err *err)
{
    if (atomic_load(&a->in->pending) > INBOX_PENDING_MAX)
        return overloaded(a, E_UNAVAILABLE, OVERLOAD_RETRY_MS, "Too many events wait: send it again later", err);
    return store_queue_length(a->in->options.store) <= INBOX_STORE_QUEUE_MAX ||
           overloaded(a, E_UNAVAILABLE, OVERLOAD_RETRY_MS, "The server is busy: send it again later", err);
}

static bool
limit_stranger(struct accept *a, struct err *err)
{
    int64_t wait_ms = 0;
    if (limiter_take(a->in->limiter, a->r->peer, &wait_ms))
        return true;
    atomic_fetch_add(&a->in->limited, 1);
    return overloaded(a, E_RATE_LIMITED, wait_ms, "Too many events without proof from this address: slow down", err);
}

/* Whether what was cached gave a yes that holds. */
static bool
settled(const struct accept *a)
{
    return a->targets->count > 0 && a->judged.proven > 0 && a->judged.wrong == 0;
}

static void
judge(struct accept *a)
{
    struct claim claim = {a->in, a->r, a->account, a->received_us};
    claim_judge(&claim, a->targets, &a->judged);
}

static bool
find_and_judge(struct accept *a, struct str name, struct err *err)
{
    if (!find_targets(a, name, false, err))
        return false;
    judge(a);
    if (settled(a))
        return true;
    if (!find_targets(a, name, true, err))
        return false;
    judge(a);
    return true;
}

static bool
take(struct accept *a, struct str name, struct err *err)
{
    if (!find_and_judge(a, name, err))
        return false;
    if (a->judged.proven == 0 && !limit_stranger(a, err))
        return false;
    if (a->judged.proven == 0 && a->judged.wrong > 0) {
        atomic_fetch_add(&a->in->refused, 1);
        return err_set(err, E_UNAUTHORIZED, "The signature or the token is wrong, or its time is more than 5 minutes off");
    }
    return read_event(a, err) && check_load(a, err) && keep_event(a, err);
}

static void
fill_answer(struct accept *a)
{
    struct inbox_answer *answer = &a->receipt.answer;
    *answer = (struct inbox_answer){.handled = a->handled, .type = a->type, .trust = "hint", .duplicate = a->duplicate};
    for (size_t i = 0; i < a->targets->count; i++)
        if (a->judged.proofs[i] != PROOF_WRONG && a->judged.proofs[i] != PROOF_ELSEWHERE && strcmp(answer->trust, "hint") == 0)
            answer->trust = trust_of(&a->targets->rows[i], a->judged.proofs[i]);
}

static void
count(const struct accept *a, const struct inbox_answer *answer)
{
    struct inbox *in = a->in;
    atomic_fetch_add(a->judged.taken == 0 ? &in->unknown : answer->duplicate ? &in->duplicates : &in->accepted, 1);
    if (a->judged.taken > 0 && !answer->duplicate) {
        atomic_fetch_add(&in->hints, strcmp(answer->trust, "hint") == 0);
        atomic_fetch_add(&in->unhandled, !a->handled);
    }
}

/* Where the store has no room or time for it, the vendor hears it in the words it repeats on. */
static bool
failed(const struct accept *a, struct err *err)
{
    int64_t status = 0, wait_ms = err->retry_after_ms > 0 ? err->retry_after_ms : OVERLOAD_RETRY_MS;
    bool ours = err_http(err->code) == 503;
    if (ours && json_to_i64(json_get_c(a->body.block, "overload"), &status) && status == 429)
        return overloaded(a, E_RATE_LIMITED, wait_ms, "The server cannot keep this event now: send it again later", err);
    return false;
}

static bool
judge_request(struct accept *a, struct err *err)
{
    struct str name = a->r->name;
    yyjson_val *body = parse_body(a->r, err);
    if (body == NULL)
        return false;
    a->body = (struct webhook_body){.body = body, .headers = a->r->headers, .arena = a->r->arena,
                                     .names_only = true};
    if (a->r->address == INBOX_ENVELOPE) {
        if (a->r->at_once && is_flat(body))
            return false; /* every template is asked, and some are not loaded yet */
        name = envelope_source(a, body);
        if (!check_envelope(body, name, err))
            return false;
    }
    return (a->r->address == INBOX_CONNECTION || read_account(a, name, err)) && take(a, name, err);
}

bool
inbox_receive(struct inbox *in, const struct inbox_request *r, struct inbox_receipt **receipt_out, struct err *err)
{
    struct accept *a = ARENA_NEW(r->arena, struct accept);
    if (a == NULL)
        return err_no_memory(err);
    *a = (struct accept){.in = in, .r = r, .received_us = inbox_now(in)};
    if (judge_request(a, err)) {
        *receipt_out = &a->receipt;
        return true;
    }
    failed(a, err);
    targets_unref(a->targets);
    return false;
}

bool
inbox_received(struct inbox_receipt *receipt, bool ok, struct err *err)
{
    struct accept *a = (struct accept *)receipt; /* its first member */
    if (ok) {
        fill_answer(a);
        wake_workers(a);
        count(a, &receipt->answer);
    } else {
        failed(a, err);
    }
    targets_unref(a->targets);
    return ok;
}
