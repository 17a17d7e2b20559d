/*
 * The rig's vendor: contacts and orders from a table, by page, with faults on request.
 */
#include "rig.h"

#include "json/writer.h"

struct rig_call {
    struct http_reply reply;
    struct http_header header;
    struct buf body;
    struct rig_vendor *vendor;
    bool held, cancelled; /* under the vendor's lock */
};

static struct str
query_value(struct str url, const char *name, char *out, size_t size)
{
    struct http_url parts;
    struct arena a;
    struct http_pair *pairs;
    size_t count;
    struct str found = STR_NONE;
    arena_init(&a, 1 << 16);
    if (http_url_parse(url, &parts) && http_query_parse(&a, parts.query, &pairs, &count))
        for (size_t i = 0; i < count; i++)
            if (str_eq_c(pairs[i].name, name) && pairs[i].value.len < size) {
                memcpy(out, pairs[i].value.ptr, pairs[i].value.len);
                found = (struct str){out, pairs[i].value.len};
            }
    arena_release(&a);
    return found;
}

static int64_t
query_number(struct str url, const char *name, int64_t otherwise)
{
    char text[64];
    int64_t value = otherwise;
    return str_to_i64(query_value(url, name, text, sizeof(text)), INT64_MIN, INT64_MAX, &value) ? value : otherwise;
}

static void
write_contact(struct json_writer *w, const struct rig_contact *c)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "id", c->id);
    json_add_c(w, "name", c->name);
    json_add_c(w, "email", c->email[0] ? c->email : NULL);
    json_add_c(w, "phone", c->phone[0] ? c->phone : NULL);
    json_add_i64(w, "updated_at", c->updated_s);
    if (c->tombstone)
        json_add_bool(w, "deleted", true);
    json_end_object(w);
}

static void
insert_in_front(struct rig_vendor *v)
{
    memmove(&v->contacts[1], &v->contacts[0], v->contact_count * sizeof(v->contacts[0]));
    v->contact_count++;
    v->contacts[0] = (struct rig_contact){.id = 900000 + v->requests, .updated_s = 1700000000};
    snprintf(v->contacts[0].name, sizeof(v->contacts[0].name), "Late %d", (int)v->requests);
    snprintf(v->contacts[0].email, sizeof(v->contacts[0].email), "late%d@example.com", (int)v->requests);
}

/* Cursor n is "page n", from 0. */
static void
answer_contacts(struct rig_vendor *v, struct str url, struct buf *body)
{
    int64_t page = query_number(url, "cursor", 0), since = query_number(url, "since", 0);
    if (v->insert_after_request == v->requests)
        insert_in_front(v);
    if (page < RIG_CONTACTS_MAX)
        v->page_requests[page]++;
    int64_t listed = 0, shown = v->repeat_at_request == v->requests ? 0 : page;
    struct json_writer w;
    json_writer_init(&w, body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "data");
    for (size_t i = 0; i < v->contact_count; i++) {
        const struct rig_contact *c = &v->contacts[i];
        if (c->gone || c->updated_s < since)
            continue;
        if (listed >= shown * v->page_size && listed < (shown + 1) * v->page_size)
            write_contact(&w, c);
        listed++;
    }
    json_end_array(&w);
    json_add_i64(&w, "count", listed + v->declared_extra);
    bool more = (page + 1) * v->page_size < listed;
    if (v->cursor_loop)
        json_add_c(&w, "next", "7");
    else if (more)
        json_add_i64(&w, "next", page + 1);
    else
        json_add_null(&w, "next");
    json_end_object(&w);
}

static void
answer_orders(struct rig_vendor *v, struct buf *body)
{
    struct json_writer w;
    json_writer_init(&w, body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "data");
    for (size_t i = 0; i < v->order_count; i++) {
        json_begin_object(&w, NULL);
        json_add_i64(&w, "id", v->orders[i].id);
        json_add_i64(&w, "contact_id", v->orders[i].contact_id);
        json_add_c(&w, "total", v->orders[i].total);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void
answer_fault(struct rig_vendor *v, struct rig_call *call)
{
    call->reply.status = 200;
    switch (v->fault) {
    case RIG_STATUS:
        call->reply.status = v->fault_status;
        buf_add_c(&call->body, v->fault_body ? v->fault_body : "{}");
        break;
    case RIG_HTML: buf_add_c(&call->body, "<html><body>Down for maintenance</body></html>"); break;
    case RIG_TRUNCATED: buf_add_c(&call->body, "{\"data\":[{\"id\":1,\"na"); break;
    case RIG_NETWORK:
        call->reply.status = 0;
        call->reply.code = E_NETWORK;
        snprintf(call->reply.message, sizeof(call->reply.message), "the connection was reset");
        break;
    case RIG_FINE: break;
    }
    if (v->fault_retry_after != NULL) {
        call->header = (struct http_header){STR("Retry-After"), str_from_c(v->fault_retry_after)};
        call->reply.headers = (struct http_headers){&call->header, 1};
    }
}

static void *
rig_send(void *ctx, const struct http_request *request, struct err *err)
{
    struct rig_vendor *v = ctx;
    struct rig_call *call = calloc(1, sizeof(*call));
    (void)err;
    buf_init(&call->body, 64 << 20);
    call->vendor = v;
    call->reply.sent_wall_us = clock_wall_us(clock_system());
    pthread_mutex_lock(&v->lock);
    int64_t number = ++v->requests;
    pthread_mutex_unlock(&v->lock);
    if (v->on_request != NULL)
        v->on_request(v->on_request_ctx, number, request->url);
    pthread_mutex_lock(&v->lock);
    call->held = number == v->hold_request;
    if (v->fault != RIG_FINE && number >= v->fault_from && number < v->fault_from + v->fault_count)
        answer_fault(v, call);
    else {
        call->reply.status = 200;
        if (str_contains(request->url, STR("/orders")))
            answer_orders(v, &call->body);
        else
            answer_contacts(v, request->url, &call->body);
    }
    pthread_mutex_unlock(&v->lock);
    call->reply.body = buf_str(&call->body);
    return call;
}

static const struct http_reply *
rig_wait(void *ctx)
{
    struct rig_call *call = ctx;
    pthread_mutex_lock(&call->vendor->lock);
    while (call->held && !call->cancelled)
        pthread_cond_wait(&call->vendor->cancelled, &call->vendor->lock);
    if (call->held)
        call->reply.code = E_CANCELLED;
    pthread_mutex_unlock(&call->vendor->lock);
    return &call->reply;
}

static void
rig_cancel(void *ctx)
{
    struct rig_call *call = ctx;
    pthread_mutex_lock(&call->vendor->lock);
    call->cancelled = true;
    pthread_cond_broadcast(&call->vendor->cancelled);
    pthread_mutex_unlock(&call->vendor->lock);
}

static void
rig_call_free(void *call)
{
    if (call != NULL)
        buf_release(&((struct rig_call *)call)->body);
    free(call);
}

struct sender
rig_vendor_sender(struct rig_vendor *vendor)
{
    return (struct sender){rig_send, rig_wait, rig_cancel, rig_call_free, vendor};
}
