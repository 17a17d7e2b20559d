/*
 * Which addresses we may connect to (I-33, D27).
 *
 * A URL in a connection or a template comes from a tenant; without a policy it would reach the
 * operator's own network. Judged is the numeric address that is connected to, at every hop. Refused by
 * default: loopback, private, link-local, shared (100.64/10), multicast, unspecified, documentation and
 * reserved ranges of IPv4 and IPv6, the same embedded in IPv6 (mapped, 6to4, NAT64), and plain http.
 */
#ifndef TIDEMARK_NET_ADDRESS_POLICY_H
#define TIDEMARK_NET_ADDRESS_POLICY_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define ADDRESS_RANGES_MAX 64

struct address_range {
    unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned prefix_bits;    /* of the 128 */
};

struct address_policy {
    bool allow_http;         /* plain http to allowed addresses */
    struct address_range allowed[ADDRESS_RANGES_MAX]; /* private ranges that the operator opened */
    size_t allowed_count;
};

void address_policy_init(struct address_policy *policy);
/* "10.0.0.0/8", "fd00::/8", "127.0.0.1". False with E_CONFIG for anything else or too many. */
MUST_USE bool address_policy_allow(struct address_policy *policy, struct str range, struct err *err);
/* May this address be connected to? Unknown families may not. */
bool address_is_allowed(const struct address_policy *policy, const struct sockaddr *address);

#endif
