/*
 * What the server answers by itself: requests that are too large, too slow, or not HTTP.
 *
 * libmicrohttpd reads with larger limits than ours, so that most refusals are made here and speak the
 * dialect of their door. Three ways lead out: as an ordinary answer when the head is known (413 by the
 * announced length costs no body); past libmicrohttpd, written to the socket, when the body grew too
 * large or the deadline passed midway, where it accepts no answer; and, for heads beyond its own memory,
 * a wrong version or a broken length, its own short page with the right status.
 *
 * Source of the syntax rules: RFC 9110 section 5.6.2 (tokens), RFC 9112 sections 3.2, 5.2, 6.1 to 6.3.
 */
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "net/http_server_priv.h"

#define RAW_BYTES_MAX (64 * 1024) /* our own refusals are small */
#define REQUEST_LINE_EXTRA 10     /* two blanks and the version */

struct head_count {
    struct exchange *e;
    size_t fields, bytes, hosts, lengths, encodings;
    bool bad_name, bad_value, folded;
};

static bool
has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
            return true;
    return false;
}

/*
 * A field that goes on in the next line (obs-fold). libmicrohttpd 0.9.75 adds the further line to the field's name, so a proxy that
 * reads it as the value sees another request than we do: "Content-Len: 36", " gth" would swallow the request behind it. It keeps
 * name and value of a field where they came, the value behind the name; a name that has grown stands elsewhere, behind all that came.
 */
static bool
is_folded(const char *name, size_t name_len, const char *value)
{
    return value && (uintptr_t)value <= (uintptr_t)name + name_len;
}

static enum MHD_Result
count_field(void *ctx, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    struct head_count *count = ctx;
    struct str field = {name, name_len};
    count->fields++;
    count->bytes += name_len + value_len + 4; /* colon, blank, line end */
    count->hosts += str_eq_nocase(field, STR("Host"));
    count->lengths += str_eq_nocase(field, STR("Content-Length"));
    count->encodings += str_eq_nocase(field, STR("Transfer-Encoding"));
    count->folded |= is_folded(name, name_len, value);
    count->bad_name |= !http_is_token(field);
    count->bad_value |= value && has_control((struct str){value, value_len});
    return MHD_YES;
}

static enum MHD_Result
copy_field(void *ctx, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    struct exchange *e = ctx;
    struct http_header *header = &e->x.headers.items[e->x.headers.count];
    header->name = str_copy(&e->arena, (struct str){name, name_len});
    header->value = value ? str_trim(str_copy(&e->arena, (struct str){value, value_len})) : STR("");
    if (str_is_none(header->name) || str_is_none(header->value))
        return MHD_NO;
    e->x.headers.count++;
    return MHD_YES;
}

static bool
check_line(const struct exchange *e, struct err *err)
{
    struct str method = e->x.method, target = e->x.path;
    size_t line_bytes = method.len + target.len + e->x.query.len + (e->x.query.ptr ? 1 : 0) + REQUEST_LINE_EXTRA;
    if (line_bytes > LIMIT_REQUEST_LINE_BYTES)
        return err_set(err, E_URI_TOO_LONG, "The request line is longer than %d bytes", LIMIT_REQUEST_LINE_BYTES);
    if (!http_is_token(method))
        return err_set(err, E_VALIDATION_FAILED, "The method is not valid HTTP");
    if (target.ptr[0] != '/' && !(str_eq(target, STR("*")) && str_eq(method, STR("OPTIONS"))))
        return err_set(err, E_VALIDATION_FAILED, "The address must begin with a slash");
    for (const char *p = target.ptr; p < target.ptr + target.len; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return err_set(err, E_VALIDATION_FAILED, "The address holds a blank or a control character: encode it");
    if (has_control(e->x.query) || str_find(e->x.query, ' ') >= 0)
        return err_set(err, E_VALIDATION_FAILED, "The query holds a blank or a control character: encode it");
    return true;
}

static bool
check_fields(const struct head_count *count, const char *version, struct err *err)
{
    if (count->fields > LIMIT_HEADER_FIELDS)
        return err_set(err, E_HEADERS_TOO_LARGE, "The request has more than %d header fields", LIMIT_HEADER_FIELDS);
    if (count->bytes > LIMIT_HEADER_BYTES)
        return err_set(err, E_HEADERS_TOO_LARGE, "The header block is larger than %d bytes", LIMIT_HEADER_BYTES);
    if (count->folded)
        return err_set(err, E_VALIDATION_FAILED, "A header field goes on in the next line: write it in one");
    if (count->bad_name || count->bad_value)
        return err_set(err, E_VALIDATION_FAILED, "A header field is not valid HTTP");
    if (count->hosts > 1 || (count->hosts == 0 && strcmp(version, "HTTP/1.1") == 0))
        return err_set(err, E_VALIDATION_FAILED, "The request must have one Host header");
    if (count->lengths > 1 || count->encodings > 1 || (count->lengths && count->encodings))
        return err_set(err, E_VALIDATION_FAILED, "The request gives the length of its body in more than one way");
    if (count->encodings && strcmp(version, "HTTP/1.1") < 0)
        return err_set(err, E_VALIDATION_FAILED, "A request of HTTP/1.0 must give the length of its body with Content-Length");
    return true;
}

/* Zero for no body; SIZE_MAX for an unknown length. */
static bool
announced_length(const struct exchange *e, size_t *length_out, struct err *err)
{
    struct str encoding = http_header_get(&e->x.headers, "Transfer-Encoding");
    struct str length = http_header_get(&e->x.headers, "Content-Length");
    int64_t value = 0;
    if (encoding.ptr && !str_eq_nocase(encoding, STR("chunked")))
        return err_set(err, E_VALIDATION_FAILED, "The only transfer encoding understood is chunked");
    if (length.ptr && !str_to_i64(length, 0, INT64_MAX, &value))
        return err_set(err, E_VALIDATION_FAILED, "Content-Length is not a number");
    *length_out = encoding.ptr ? SIZE_MAX : (size_t)value;
    return true;
}

static bool
check_body(struct exchange *e, struct err *err)
{
    const struct http_server_options *options = &e->server->options;
    size_t length = 0;
    if (!announced_length(e, &length, err))
        return false;
    e->x.has_body = length > 0;
    e->body_max = options->body_max ? options->body_max(&e->x, options->ctx) : LIMIT_BODY_BYTES;
    if (length != SIZE_MAX && length > e->body_max)
        return err_set(err, E_TOO_LARGE, "The body is larger than the %zu bytes allowed here", e->body_max);
    if (length == 0 || length == SIZE_MAX)
        return true;
    char *room = arena_alloc_bytes(&e->arena, length); /* untouched pages cost nothing */
    if (!room)
        return err_no_memory(err);
    e->x.body.ptr = room;
    e->body_size = length;
    return true;
}

bool
request_read_head(struct exchange *e, const char *method, const char *version, struct err *err)
{
    struct head_count count = {.e = e};
    e->x.method = str_copy(&e->arena, str_from_c(method));
    MHD_get_connection_values_n(e->connection, MHD_HEADER_KIND, count_field, &count);
    if (str_is_none(e->x.method))
        return err_no_memory(err);
    if (!check_line(e, err) || !check_fields(&count, version, err))
        return false;
    e->x.headers.items = ARENA_ARRAY(&e->arena, struct http_header, count.fields ? count.fields : 1);
    if (!e->x.headers.items)
        return err_no_memory(err);
    MHD_get_connection_values_n(e->connection, MHD_HEADER_KIND, copy_field, e);
    if (e->x.headers.count != count.fields)
        return err_no_memory(err);
    return check_body(e, err);
}

void
refuse_fill(struct exchange *e, const struct err *err)
{
    struct http_server *server = e->server;
    atomic_store(&e->state, EXCHANGE_REFUSING);
    atomic_fetch_add(&server->refused, 1);
    if (server->options.refuse)
        server->options.refuse(&e->x, err, server->options.ctx);
    if (e->answer.status != 0 && !e->answer.stream)
        return;
    struct str text = str_format(&e->arena, "%s\n", err->message);
    e->answer.status = 0;
    http_reply(&e->x, err_http(err->code), "text/plain; charset=utf-8", text.ptr ? text : STR(""));
}

static void
raw_build(struct buf *b, const struct exchange *e)
{
    const struct http_answer *answer = &e->answer;
    buf_addf(b, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n", answer->status,
             MHD_get_reason_phrase_for((unsigned)answer->status), answer->body.len);
    if (answer->content_type)
        buf_addf(b, "Content-Type: %s\r\n", answer->content_type);
    for (const struct reply_header *h = answer->headers; h; h = h->next)
        buf_addf(b, "%s: %s\r\n", h->name, h->value);
    buf_add_c(b, "\r\n");
    if (!str_eq(e->x.method, STR("HEAD")))
        buf_add(b, answer->body);
}

void
refuse_raw(struct http_server *server, struct http_entry *entry, struct exchange *known, const struct err *err)
{
    struct exchange *e = known ? known : exchange_new(server, entry, NULL);
    if (!e)
        return; /* no memory for words: the connection just closes */
    refuse_fill(e, err);
    struct buf b;
    buf_init(&b, RAW_BYTES_MAX);
    raw_build(&b, e);
    /* The socket's buffer is empty here but for a "100 Continue", so one call takes it all. */
    if (buf_ok(&b) && !e->answer.failed)
        (void)!send(entry->fd, b.ptr, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_release(&b);
    if (!known)
        exchange_unref(e);
}
