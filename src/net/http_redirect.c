/*
 * Redirects, followed by us and not by libcurl, so that each hop is judged like a first request (I-33).
 *
 * Credentials do not follow to another origin: since a template may put them into any header, only the few
 * that are known to be harmless go along, and a body is not sent there at all. That an address is the
 * operator's own is true for the origin he named, not for where it points.
 */
#include <string.h>

#include "net/http_client_priv.h"

static const char *const harmless[] = {"Accept", "Accept-Language", "User-Agent"};

bool
call_url_allowed(const struct http_call *call, struct str text, struct err *err)
{
    struct http_url url;
    if (!http_url_parse(text, &url))
        return err_set(err, E_ADDRESS_REFUSED, "The address to call is not a valid http or https URL");
    if (url.has_userinfo)
        return err_set(err, E_ADDRESS_REFUSED, "The address to call must not hold a user name or password");
    if (str_eq_nocase(url.scheme, STR("http")) && !call->operator_address && !call->client->policy->allow_http)
        return err_set(err, E_ADDRESS_REFUSED, "Plain http is not allowed: use https");
    return true;
}

static bool
is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool
same_origin(struct str first, struct str second)
{
    struct http_url a, b;
    return http_url_parse(first, &a) && http_url_parse(second, &b) && str_eq_nocase(a.scheme, b.scheme) &&
           str_eq_nocase(a.host, b.host) && a.port == b.port;
}

/* RFC 3986, section 5: the location may be relative. NULL when it cannot be understood. */
static char *
resolve(struct http_call *call, struct str location)
{
    char *absolute = NULL, *result = NULL;
    char *text = str_cstr(&call->arena, location);
    CURLU *url = text ? curl_url() : NULL;
    if (url && curl_url_set(url, CURLUPART_URL, call->url, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_URL, &absolute, 0) == CURLUE_OK)
        result = str_cstr(&call->arena, str_from_c(absolute));
    curl_free(absolute);
    curl_url_cleanup(url);
    return result;
}

static bool
is_harmless(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        if (str_eq_nocase(name, str_from_c(harmless[i])))
            return true;
    return false;
}

static void
drop_credentials(struct http_call *call)
{
    size_t kept = 0;
    for (size_t i = 0; i < call->headers.count; i++)
        if (is_harmless(call->headers.items[i].name))
            call->headers.items[kept++] = call->headers.items[i];
    call->headers.count = kept;
    call->operator_address = false;
}

static void
drop_body(struct http_call *call)
{
    size_t kept = 0;
    for (size_t i = 0; i < call->headers.count; i++)
        if (!str_starts_nocase(call->headers.items[i].name, STR("Content-")))
            call->headers.items[kept++] = call->headers.items[i];
    call->headers.count = kept;
    call->body = STR_NONE;
    call->method = STR("GET");
}

/* RFC 9110, section 15.4: what becomes of the method. */
static bool
becomes_get(const struct http_call *call)
{
    int status = call->reply.status;
    if (status == 303)
        return !str_eq(call->method, STR("HEAD"));
    return (status == 301 || status == 302) && str_eq(call->method, STR("POST"));
}

bool
call_redirect(struct http_call *call, struct err *err)
{
    struct str location = http_header_get(&call->reply.headers, "Location");
    if (!is_redirect(call->reply.status) || call->redirects_left == 0 || location.len == 0)
        return false;
    char *next = resolve(call, location);
    if (!next)
        return err_set(err, E_BAD_PAGE, "The vendor redirects to something that is not a URL");
    bool same = same_origin(str_from_c(call->url), str_from_c(next));
    bool to_get = becomes_get(call);
    if (!same && !to_get && !str_is_none(call->body))
        return false; /* the caller sees the redirect itself */
    if (!same)
        drop_credentials(call);
    if (!call_url_allowed(call, str_from_c(next), err))
        return err_prefix(err, "The vendor redirects: ");
    if (to_get)
        drop_body(call);
    call->redirects_left--;
    call->url = next;
    return true;
}
