/*
 * What vendors tell of how much they still allow, by connection: the last answer's headers, in this process's memory.
 *
 * Headers as the field uses them: RateLimit-Limit, -Remaining, -Reset with anything in front (X-, a vendor's name), with or
 * without a dash inside, and Retry-After. What a vendor does not tell is not known. Bounded; any thread.
 */
#ifndef TIDEMARK_ENGINE_QUOTA_H
#define TIDEMARK_ENGINE_QUOTA_H

#include "base/clock.h"
#include "net/http_client.h"

struct quota {
    int64_t seen_us;             /* wall clock of the answer; 0: nothing was ever told */
    int64_t limit, remaining;    /* -1: not told */
    int64_t reset_us;            /* when it is full again, as the vendor says; 0: not told */
};

void quota_note(int64_t tenant, int64_t connection, const struct http_reply *reply, int64_t now_us);
void quota_get(int64_t tenant, int64_t connection, struct quota *quota_out);

#endif
