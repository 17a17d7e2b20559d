/*
 * What is left, told in other ways than by a number in a header.
 *
 *   {usage: X-App-Usage}                      a header with JSON in which members say how many percent are used: the largest counts;
 *                                             estimated_time_to_regain_access: minutes until it is free again
 *   {body: propertyQuota.tokensPerHour, most: 40000}  the answer itself, {"remaining": n} at that path
 */
#ifndef TIDEMARK_ENGINE_QUOTA_TOLD_H
#define TIDEMARK_ENGINE_QUOTA_TOLD_H

#include "json/json.h"
#include "net/http_client.h"

struct quota_told {
    int64_t limit, remaining;
    int64_t reset_s;  /* seconds from now; -1: not told */
};

/* rule: one of metadata.tidemark.limits.windows. False: it is of another kind, or this answer says nothing. Untrusted answer. */
bool quota_told(yyjson_val *rule, const struct http_reply *reply, struct quota_told *told_out);

#endif
