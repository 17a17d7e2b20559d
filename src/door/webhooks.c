/*
 * Webhooks in, as vendors see them: three addresses, one answer.
 *
 * The body is taken raw, whatever its content type says: signatures are over bytes. Replies are bare objects, as the documents
 * print them, not wrapped in success and data.
 */
#include "door/routes_priv.h"
#include "hook/inbox.h"

static bool
fill_request(struct request *r, enum inbox_address address, struct inbox_request *out, struct err *err)
{
    *out = (struct inbox_request){.address = address, .token = request_query(r, "token"), .method = r->x->method,
                                  .path = r->x->path, .body = r->x->body, .headers = &r->x->headers, .peer = r->x->peer,
                                  .arena = r->arena, .at_once = r->x->at_once};
    out->name = address == INBOX_ENVELOPE ? STR_NONE : request_path_param(r, 0);
    if (r->x->query.len > 0)
        out->path = str_format(r->arena, "%.*s?%.*s", STR_ARG(r->x->path), STR_ARG(r->x->query));
    return !str_is_none(out->path) || err_no_memory(err);
}

/* A hint is only accepted, not believed: 202 says so. */
static bool
answer(struct request *r, const struct inbox_answer *a, struct err *err)
{
    bool hint = str_eq_c(str_from_c(a->trust), "hint");
    struct json_writer *w = reply_bare(r, hint && a->handled ? 202 : 200);
    if (a->handled) {
        json_add_c(w, "status", "accepted");
        json_add_c(w, "trust", a->trust);
    } else {
        json_add_c(w, "status", "unhandled");
        json_add_str(w, "message", str_format(r->arena, "Type %.*s not implemented", STR_ARG(a->type)));
    }
    if (a->duplicate)
        json_add_bool(w, "duplicate", true);
    return reply_end(r, err);
}

/* Nothing is said to the vendor before the commit (I-20). */
static bool
kept(struct request *r, bool ok, struct err *err)
{
    struct inbox_receipt *receipt = r->left;
    return inbox_received(receipt, ok, err) && answer(r, &receipt->answer, err);
}

static bool
receive(struct request *r, enum inbox_address address, struct err *err)
{
    struct inbox_request *in = ARENA_NEW(r->arena, struct inbox_request);
    struct inbox_receipt *receipt;
    if (!in)
        return err_no_memory(err);
    if (!fill_request(r, address, in, err))
        return false;
    if (!inbox_receive(request_parts(r)->inbox, in, &receipt, err))
        return err->code == E_OK ? request_to_pool(r) : false;
    r->left = receipt;
    return receipt->call.fn ? request_write(r, receipt->call, kept) : kept(r, true, err);
}

bool
webhook_of_template(struct request *r, struct err *err)
{
    return receive(r, INBOX_TEMPLATE, err);
}

bool
webhook_of_connection(struct request *r, struct err *err)
{
    return receive(r, INBOX_CONNECTION, err);
}

bool
webhook_envelope(struct request *r, struct err *err)
{
    return receive(r, INBOX_ENVELOPE, err);
}

/* ---- a vendor's greeting ---- */

static bool
greet(struct request *r, enum inbox_address address, struct err *err)
{
    struct inbox_request in;
    struct str challenge;
    if (!fill_request(r, address, &in, err) ||
        !inbox_handshake(request_parts(r)->inbox, &in, r->query, r->query_count, &challenge, err))
        return false;
    buf_add(&r->reply.body, challenge);
    return reply_body(r, 200, "text/plain; charset=utf-8", err);
}

bool
webhook_greet_template(struct request *r, struct err *err)
{
    return greet(r, INBOX_TEMPLATE, err);
}

bool
webhook_greet_connection(struct request *r, struct err *err)
{
    return greet(r, INBOX_CONNECTION, err);
}

bool
webhook_greet_envelope(struct request *r, struct err *err)
{
    snprintf(r->match.allow, sizeof(r->match.allow), "POST"); /* for the 405, which is all there is here */
    return greet(r, INBOX_ENVELOPE, err);
}

/* ---- registering ---- */

bool
webhook_setup(struct request *r, struct err *err)
{
    struct inbox_setup setup;
    int rotate;
    if (!request_query_bool(r, "rotate", &rotate, err) ||
        !inbox_setup(request_parts(r)->inbox, r->arena, r->tenant.id, request_path_param(r, 0), rotate == 1, &setup, err))
        return false;
    struct json_writer *w = reply_bare(r, 200);
    json_add_bool(w, "success", true);
    json_add_bool(w, "registered", setup.registered);
    json_add_str(w, "webhookUrl", setup.url);
    if (setup.webhook_id.len > 0)
        json_add_str(w, "webhookId", setup.webhook_id);
    if (setup.verified >= 0)
        json_add_bool(w, "verified", setup.verified == 1);
    if (setup.instructions.len > 0 && !setup.registered)
        json_add_str(w, "instructions", setup.instructions);
    return reply_end(r, err);
}
