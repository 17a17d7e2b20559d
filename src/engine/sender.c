/*
 * Who answers a reader's requests: the HTTP client, or a table of a test.
 */
#include "engine/sender.h"

static void *
client_start(void *ctx, const struct http_request *request, struct err *err)
{
    return http_client_start(ctx, request, err);
}

static const struct http_reply *
client_wait(void *call)
{
    return http_call_wait(call);
}

static void
client_cancel(void *call)
{
    http_call_cancel(call);
}

static void
client_free(void *call)
{
    http_call_free(call);
}

struct sender
sender_of_client(struct http_client *client)
{
    return (struct sender){
        .start = client_start, .wait = client_wait, .cancel = client_cancel, .free = client_free, .ctx = client};
}
