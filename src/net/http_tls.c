/*
 * The end of an answer over TLS.
 *
 * An answer without a length ends when the vendor closes. TLS has a farewell (close_notify) that tells an
 * end from a cut line, but libcurl 7.88 takes both for the end, so that anybody on the way could shorten the
 * body (F28). OpenSSL tells us through a callback when the farewell arrives; a body that needs it and did not
 * get it is not whole. All on the client's thread.
 */
#include <openssl/ssl.h>

#include "net/http_client_priv.h"

static void
on_tls_event(const SSL *ssl, int where, int value)
{
    if (where != SSL_CB_READ_ALERT || (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
        return;
    struct http_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    for (struct http_call *call = client->active; call; call = call->next)
        if (call->ssl == ssl)
            call->farewell = true;
}

/* The context is the connection's own; the client outlives it. */
static CURLcode
on_tls_context(CURL *easy, void *context, void *client)
{
    (void)easy;
    SSL_CTX_set_app_data(context, client);
    SSL_CTX_set_info_callback(context, on_tls_event);
    return CURLE_OK;
}

CURLcode
call_tls_setup(struct http_call *call)
{
    call->ssl = NULL;
    call->farewell = false;
    CURLcode result = curl_easy_setopt(call->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    return result | curl_easy_setopt(call->easy, CURLOPT_SSL_CTX_DATA, call->client);
}

void
call_tls_head(struct http_call *call)
{
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(call->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
        info->backend == CURLSSLBACKEND_OPENSSL)
        call->ssl = info->internals;
}

/* Does nothing but the end of the connection say where the body ends? */
static bool
ends_by_closing(struct http_call *call)
{
    long version = CURL_HTTP_VERSION_NONE;
    curl_easy_getinfo(call->easy, CURLINFO_HTTP_VERSION, &version);
    int status = call->reply.status;
    if (version >= CURL_HTTP_VERSION_2_0 || status == 204 || status == 304 || str_eq(call->method, STR("HEAD")))
        return false;
    return str_is_none(http_header_get(&call->reply.headers, "Content-Length")) &&
           str_is_none(http_header_get(&call->reply.headers, "Transfer-Encoding"));
}

bool
call_tls_is_cut(struct http_call *call)
{
    bool packed_whole = call->decoding && call->decoder.packed && call->decoder.ended;
    return call->ssl && !call->farewell && !packed_whole && ends_by_closing(call);
}
