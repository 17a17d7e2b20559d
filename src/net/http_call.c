/*
 * One request to a vendor: what libcurl is told, and what its callbacks make of the answer.
 *
 * Callbacks cannot return words, so the first failure is kept in the call and wins over whatever code
 * libcurl gives for the broken-off transfer. All of it runs on the client's thread, but for copying the
 * request.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/http_client_priv.h"

#define CALL_ARENA_BYTES (512L * 1024 * 1024) /* copies of the request (its body too) and the answer's headers */
#define HEADERS_FIRST 32

/* ---- copying the request ---- */

static bool
breaks_line(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
            return true;
    return false;
}

/* libcurl writes these from the request itself; a second one would let the two sides disagree about its end. */
static bool
is_framing(struct str name)
{
    return str_eq_nocase(name, STR("Content-Length")) || str_eq_nocase(name, STR("Transfer-Encoding")) ||
           str_eq_nocase(name, STR("Connection")) || str_eq_nocase(name, STR("Expect"));
}

static bool
headers_copy(struct http_call *call, const struct http_headers *headers, struct err *err)
{
    call->headers.items = ARENA_ARRAY(&call->arena, struct http_header, headers->count);
    if (!call->headers.items)
        return err_no_memory(err);
    for (size_t i = 0; i < headers->count; i++) {
        struct http_header from = headers->items[i];
        if (!http_is_token(from.name) || breaks_line(from.value))
            return err_set(err, E_VALIDATION_FAILED, "The header \"%.*s\" of the request is not valid",
                           (int)(from.name.len > 64 ? 64 : from.name.len), from.name.ptr ? from.name.ptr : "");
        if (is_framing(from.name))
            continue;
        struct http_header *to = &call->headers.items[call->headers.count++];
        to->name = str_copy(&call->arena, from.name);
        to->value = str_copy(&call->arena, from.value.ptr ? from.value : STR(""));
        if (str_is_none(to->name) || str_is_none(to->value))
            return err_no_memory(err);
    }
    return true;
}

static bool
request_copy(struct http_call *call, const struct http_request *request, struct err *err)
{
    struct str method = request->method.len ? request->method : STR("GET");
    if (!call_url_allowed(call, request->url, err))
        return false;
    if (!http_is_token(method))
        return err_set(err, E_VALIDATION_FAILED, "The method of the request is not valid");
    call->url = str_cstr(&call->arena, request->url);
    call->method.ptr = str_cstr(&call->arena, method);
    call->method.len = method.len;
    if (!call->url || !call->method.ptr)
        return err_no_memory(err);
    if (!str_is_none(request->body)) {
        call->body = str_copy(&call->arena, request->body);
        if (str_is_none(call->body))
            return err_no_memory(err);
    }
    return headers_copy(call, &request->headers, err);
}

struct http_call *
call_new(struct http_client *client, const struct http_request *request, struct err *err)
{
    struct http_call *call = alloc_zeroed(1, sizeof(*call));
    if (!call) {
        err_no_memory(err);
        return NULL;
    }
    call->magic = CALL_MAGIC;
    call->client = client;
    pthread_mutex_init(&call->lock, NULL);
    pthread_cond_init(&call->finished, NULL);
    arena_init(&call->arena, CALL_ARENA_BYTES);
    call->redirects_left = request->redirects_max;
    call->operator_address = request->operator_address;
    call->once = request->once;
    call->body_max = request->body_max ? request->body_max : LIMIT_VENDOR_BODY_BYTES;
    call->total_us = (request->total_ms ? request->total_ms : LIMIT_TOTAL_MS) * US_PER_MS;
    call->on_done = request->on_done;
    call->on_done_ctx = request->on_done_ctx;
    buf_init(&call->body_buf, call->body_max);
    if (request_copy(call, request, err))
        return call;
    call_destroy(call);
    return NULL;
}

void
call_destroy(struct http_call *call)
{
    CHECK(call->magic == CALL_MAGIC);
    in_flight_drop(call);
    if (call->decoding)
        http_decoder_release(&call->decoder);
    curl_slist_free_all(call->header_list);
    buf_release(&call->body_buf);
    arena_release(&call->arena);
    pthread_mutex_destroy(&call->lock);
    pthread_cond_destroy(&call->finished);
    call->magic = 0;
    free(call);
}

/* ---- callbacks of libcurl ---- */

static bool
may_connect(struct http_call *call, const struct sockaddr *address)
{
    if (call->operator_address || address_is_allowed(call->client->policy, address))
        return true;
    call->address_refused = true;
    return false;
}

static curl_socket_t
on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_call *call = ctx;
    if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(call, &address->addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/*
 * Just before the request is sent. A kept connection skips on_socket, and it may have been opened by a call
 * that is allowed more than this one, so the address is judged here again.
 */
static int
on_connected(void *ctx, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
    (void)local_ip, (void)peer_port, (void)local_port;
    struct http_call *call = ctx;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_storage address = {0};
    if (inet_pton(AF_INET, peer_ip, &in.sin_addr) == 1)
        memcpy(&address, &in, sizeof(in));
    else if (inet_pton(AF_INET6, peer_ip, &in6.sin6_addr) == 1)
        memcpy(&address, &in6, sizeof(in6));
    if (!may_connect(call, (struct sockaddr *)&address))
        return CURL_PREREQFUNC_ABORT;
    call->address_refused = false;
    call->sent_us = clock_monotonic_us(clock_system());
    call->reply.sent_wall_us = clock_wall_us(clock_system());
    return CURL_PREREQFUNC_OK;
}

static void
head_reset(struct http_call *call)
{
    call->reply.headers.count = 0;
    call->header_bytes = 0;
    call->head_ended = false;
}

static bool
headers_reserve(struct http_call *call)
{
    if (call->reply.headers.count < call->header_room)
        return true;
    size_t room = call->header_room ? call->header_room * 2 : HEADERS_FIRST;
    struct http_header *grown = ARENA_ARRAY(&call->arena, struct http_header, room);
    if (!grown)
        return false;
    if (call->reply.headers.count)
        memcpy(grown, call->reply.headers.items, call->reply.headers.count * sizeof(*grown));
    call->reply.headers.items = grown;
    call->header_room = room;
    return true;
}

static bool
header_add(struct http_call *call, struct str line)
{
    struct str name, value;
    if (!str_cut(line, ':', &name, &value))
        return true; /* not a field: a folded line's rest or nonsense; nothing of ours reads it */
    if (call->reply.headers.count == LIMIT_VENDOR_HEADER_FIELDS)
        return err_set(&call->failure, E_BAD_PAGE, "The answer has more than %d header fields",
                       LIMIT_VENDOR_HEADER_FIELDS);
    if (!headers_reserve(call))
        return err_no_memory(&call->failure);
    struct http_header header = {str_copy(&call->arena, str_trim(name)), str_copy(&call->arena, str_trim(value))};
    if (str_is_none(header.name) || str_is_none(header.value))
        return err_no_memory(&call->failure);
    call->reply.headers.items[call->reply.headers.count++] = header;
    return true;
}

/* An announced length that is too large is refused before its first byte. */
static bool
head_end(struct http_call *call)
{
    int64_t length;
    struct str text = http_header_get(&call->reply.headers, "Content-Length");
    call->head_ended = true;
    call_tls_head(call);
    if (!str_eq(call->method, STR("HEAD")) && text.ptr && str_to_i64(text, 0, INT64_MAX, &length) &&
        length > (int64_t)call->body_max)
        return err_set(&call->failure, E_PAGE_TOO_LARGE, "The answer is larger than %zu bytes", call->body_max);
    return true;
}

static void
bytes_arrived(struct http_call *call, size_t count)
{
    if (call->first_byte_us == 0) {
        call->first_byte_us = clock_monotonic_us(clock_system());
        call->window_us = call->first_byte_us;
    }
    call->window_bytes += (int64_t)count;
}

static size_t
on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    struct http_call *call = ctx;
    struct str line = {bytes, size * count};
    bytes_arrived(call, line.len);
    if (str_starts(line, STR("HTTP/")) && (call->head_ended || call->header_bytes == 0))
        head_reset(call);
    else if (call->head_ended)
        return line.len; /* trailers */
    call->header_bytes += line.len;
    if (call->header_bytes > LIMIT_VENDOR_HEADER_BYTES) {
        err_set(&call->failure, E_BAD_PAGE, "The answer's header block is larger than %d bytes",
                LIMIT_VENDOR_HEADER_BYTES);
        return 0;
    }
    struct str text = str_trim(line);
    bool ok = text.len == 0 ? head_end(call) : str_starts(line, STR("HTTP/")) || header_add(call, text);
    return ok ? line.len : 0;
}

static bool
body_take(struct http_call *call, struct str bytes)
{
    if (!call->decoding) {
        struct str encoding = http_header_get(&call->reply.headers, "Content-Encoding");
        if (!http_decoder_init(&call->decoder, encoding, &call->body_buf, &call->failure))
            return false;
        call->decoding = true;
    }
    if (!http_decoder_feed(&call->decoder, bytes, &call->failure))
        return false;
    if (in_flight_add(call, (int64_t)call->body_buf.len - call->counted_bytes))
        return true;
    return err_set(&call->failure, E_UNAVAILABLE, "Too many answers are held in memory at once: try again");
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct http_call *call = ctx;
    bytes_arrived(call, size * count);
    return body_take(call, (struct str){bytes, size * count}) ? size * count : 0;
}

/* ---- telling libcurl ---- */

static bool
header_line(struct http_call *call, struct str name, struct str value)
{
    /* With a semicolon: libcurl's form of an empty value. */
    struct str line = value.len ? str_format(&call->arena, "%.*s: %.*s", STR_ARG(name), STR_ARG(value))
                                : str_format(&call->arena, "%.*s;", STR_ARG(name));
    char *text = line.ptr ? str_cstr(&call->arena, line) : NULL;
    struct curl_slist *list = text ? curl_slist_append(call->header_list, text) : NULL;
    if (!list)
        return err_no_memory(&call->failure);
    call->header_list = list;
    return true;
}

/* A name alone with a colon takes out a header that libcurl would add. */
static bool
header_without(struct http_call *call, const char *name_and_colon)
{
    struct curl_slist *list = curl_slist_append(call->header_list, name_and_colon);
    if (!list)
        return err_no_memory(&call->failure);
    call->header_list = list;
    return true;
}

static bool
headers_build(struct http_call *call)
{
    curl_slist_free_all(call->header_list);
    call->header_list = NULL;
    for (size_t i = 0; i < call->headers.count; i++)
        if (!header_line(call, call->headers.items[i].name, call->headers.items[i].value))
            return false;
    bool ok = header_without(call, "Expect:");
    if (ok && str_is_none(http_header_get(&call->headers, "Content-Type")))
        ok = header_without(call, "Content-Type:"); /* libcurl would call it a form */
    if (ok && str_is_none(http_header_get(&call->headers, "Accept-Encoding")))
        ok = header_line(call, STR("Accept-Encoding"), STR("gzip"));
    if (ok && str_is_none(http_header_get(&call->headers, "User-Agent")))
        ok = header_line(call, STR("User-Agent"), str_from_c(call->client->user_agent));
    return ok;
}

static CURLcode
set_method(struct http_call *call)
{
    CURL *easy = call->easy;
    bool bare = str_is_none(call->body);
    /* Undoes what the last call left behind; POSTFIELDS makes it a POST, so it comes first. */
    CURLcode result = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    result |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    result |= curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (str_eq(call->method, STR("HEAD")))
        return result | curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (bare && str_eq(call->method, STR("GET")))
        return result;
    bool wants_length = str_eq(call->method, STR("POST")) || str_eq(call->method, STR("PUT")) ||
                        str_eq(call->method, STR("PATCH"));
    if (!bare || wants_length) {
        result |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
        result |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        result |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bare ? "" : call->body.ptr);
    }
    return result | curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method.ptr);
}

static CURLcode
set_safety(struct http_call *call)
{
    CURL *easy = call->easy;
    CURLcode result = CURLE_OK;
    result |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    result |= curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not even from the environment */
    result |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    result |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    result |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server must not hold up our end */
    result |= curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    result |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    result |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    result |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    result |= call_tls_setup(call);
    if (call->client->ca_file)
        result |= curl_easy_setopt(easy, CURLOPT_CAINFO, call->client->ca_file);
    result |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    result |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    result |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    return result | curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
}

static CURLcode
set_transfer(struct http_call *call)
{
    CURL *easy = call->easy;
    int64_t left_us = call->total_us - (clock_monotonic_us(clock_system()) - call->begun_us);
    CURLcode result = CURLE_OK;
    result |= curl_easy_setopt(easy, CURLOPT_URL, call->url);
    result |= curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    result |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error_text);
    result |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    result |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, call->once ? 1L : 0L);
    result |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->header_list);
    result |= curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    result |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    result |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    result |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    result |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    result |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->client->connect_ms);
    result |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(left_us > US_PER_MS ? left_us / US_PER_MS : 1));
    return result | curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

/*
 * Every option is set for every call: handles are used again without curl_easy_reset, which leaves a
 * broken one behind, and does not say so, when an allocation fails in it.
 */
bool
call_prepare(struct http_call *call)
{
    call->sent_us = call->first_byte_us = call->window_us = call->window_bytes = 0;
    call->address_refused = false;
    call->error_text[0] = '\0';
    head_reset(call);
    if (call->decoding)
        http_decoder_release(&call->decoder);
    call->decoding = false;
    buf_clear(&call->body_buf);
    if (!headers_build(call))
        return false;
    if ((set_safety(call) | set_method(call) | set_transfer(call)) != CURLE_OK)
        return err_set(&call->failure, E_NO_MEMORY, "The request cannot be prepared");
    return true;
}

/* ---- what became of it ---- */

/* Broken HTTP, as opposed to a broken connection. */
static bool
is_nonsense(CURLcode result)
{
    return result == CURLE_PARTIAL_FILE || result == CURLE_WEIRD_SERVER_REPLY ||
           result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_BAD_CONTENT_ENCODING ||
           result == CURLE_HTTP2 || result == CURLE_HTTP2_STREAM;
}

static void
fail_with_result(struct http_call *call, CURLcode result)
{
    const char *words = call->error_text[0] ? call->error_text : curl_easy_strerror(result);
    if (call->address_refused)
        call_fail(call, E_ADDRESS_REFUSED, "The host stands for an address that may not be called");
    else if (result == CURLE_OPERATION_TIMEDOUT)
        call_fail(call, E_TIMEOUT, call->sent_us ? "The vendor did not answer in time" : "Connecting took too long");
    else if (result == CURLE_OUT_OF_MEMORY)
        call_fail(call, E_NO_MEMORY, err_words(E_NO_MEMORY));
    else if (is_nonsense(result))
        call_fail(call, E_BAD_PAGE, result == CURLE_PARTIAL_FILE ? "The answer ended too early" : words);
    else
        call_fail(call, E_NETWORK, words);
}

static void
take_status(struct http_call *call)
{
    long status = 0;
    if (call->easy)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    call->reply.status = (int)status;
}

void
call_fail(struct http_call *call, enum err_code code, const char *words)
{
    struct http_reply *reply = &call->reply;
    take_status(call);
    reply->unsent = call->sent_us == 0;
    reply->code = call->failure.code != E_OK ? call->failure.code : code;
    const char *text = call->failure.code != E_OK ? call->failure.message : words;
    size_t len = strnlen(text, sizeof(reply->message) - 1);
    memcpy(reply->message, text, len);
    reply->message[len] = '\0';
    in_flight_drop(call);
    buf_release(&call->body_buf);
    buf_init(&call->body_buf, call->body_max);
    reply->body = STR_NONE;
}

static void
succeed(struct http_call *call)
{
    call->reply.code = E_OK;
    call->reply.body = call->body_buf.ptr ? buf_str(&call->body_buf) : STR("");
}

static void
take_opening(struct http_call *call)
{
    curl_off_t name = 0, connected = 0, tls = 0;
    curl_easy_getinfo(call->easy, CURLINFO_NAMELOOKUP_TIME_T, &name);
    curl_easy_getinfo(call->easy, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(call->easy, CURLINFO_APPCONNECT_TIME_T, &tls);
    call->reply.opening = (struct http_opening){name, connected, tls};
}

bool
call_conclude(struct http_call *call, CURLcode result)
{
    take_status(call);
    take_opening(call);
    if (call->failure.code != E_OK) {
        call_fail(call, call->failure.code, NULL);
        return false;
    }
    if (result != CURLE_OK) {
        fail_with_result(call, result);
        return false;
    }
    if (call_tls_is_cut(call)) {
        call_fail(call, E_BAD_PAGE, "The connection was cut before the answer's end");
        return false;
    }
    if (call->decoding && !http_decoder_finish(&call->decoder, &call->failure)) {
        call_fail(call, E_BAD_PAGE, NULL);
        return false;
    }
    if (call_redirect(call, &call->failure))
        return true;
    if (call->failure.code != E_OK)
        call_fail(call, call->failure.code, NULL);
    else
        succeed(call);
    return false;
}
