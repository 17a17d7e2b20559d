/*
 * Which addresses we may connect to.
 *
 * Every address is brought to 16 bytes (IPv4 as ::ffff:a.b.c.d) and compared with two tables: what the
 * operator opened, then what is refused by default. For IPv6 the default is turned round: only global
 * unicast (2000::/3) passes, minus the special ranges in it. 6to4 and NAT64 addresses carry an IPv4
 * address that a gateway would connect to, so that one is judged instead.
 *
 * Source of the ranges: the IANA registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and
 * later entries; 3fff::/20 is RFC 9637).
 */
#include "net/address_policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define ADDRESS_BYTES 16
#define V4_PREFIX_BITS 96

struct range4 {
    unsigned char bytes[4];
    unsigned prefix_bits;
};

static const struct range4 refused4[] = {
    {{0, 0, 0, 0}, 8},       /* this network; 0.0.0.0 reaches loopback on Linux */
    {{10, 0, 0, 0}, 8},      /* private */
    {{100, 64, 0, 0}, 10},   /* shared, carrier-grade NAT */
    {{127, 0, 0, 0}, 8},     /* loopback */
    {{169, 254, 0, 0}, 16},  /* link-local; cloud metadata */
    {{172, 16, 0, 0}, 12},   /* private */
    {{192, 0, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2, 0}, 24},    /* documentation */
    {{192, 88, 99, 0}, 24},  /* 6to4 relays, withdrawn */
    {{192, 168, 0, 0}, 16},  /* private */
    {{198, 18, 0, 0}, 15},   /* benchmarking */
    {{198, 51, 100, 0}, 24}, /* documentation */
    {{203, 0, 113, 0}, 24},  /* documentation */
    {{224, 0, 0, 0}, 4},     /* multicast */
    {{240, 0, 0, 0}, 4},     /* reserved, broadcast */
};

static const struct address_range refused6[] = {
    {{0x20, 0x01, 0x00}, 23},             /* protocol assignments: Teredo, ORCHID, benchmarking */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},       /* documentation */
    {{0x3f, 0xff}, 20},                   /* documentation */
};

static const struct address_range mapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, V4_PREFIX_BITS};
static const struct address_range nat64 = {{0x00, 0x64, 0xff, 0x9b}, V4_PREFIX_BITS};
static const struct address_range sixto4 = {{0x20, 0x02}, 16};
static const struct address_range global_unicast = {{0x20}, 3};

static bool
prefix_matches(const unsigned char *address, const unsigned char *range, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(address, range, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ range[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

static bool
in_range(const unsigned char *address, const struct address_range *range)
{
    return prefix_matches(address, range->bytes, range->prefix_bits);
}

static bool
v4_is_public(const unsigned char *address)
{
    for (size_t i = 0; i < ARRAY_LEN(refused4); i++)
        if (prefix_matches(address, refused4[i].bytes, refused4[i].prefix_bits))
            return false;
    return true;
}

static bool
v6_is_public(const unsigned char *address)
{
    if (in_range(address, &mapped) || in_range(address, &nat64))
        return v4_is_public(address + 12);
    if (in_range(address, &sixto4))
        return v4_is_public(address + 2);
    for (size_t i = 0; i < ARRAY_LEN(refused6); i++)
        if (in_range(address, &refused6[i]))
            return false;
    return in_range(address, &global_unicast);
}

static void
from_v4(const void *four, unsigned char address_out[ADDRESS_BYTES])
{
    memcpy(address_out, mapped.bytes, ADDRESS_BYTES);
    memcpy(address_out + 12, four, 4);
}

static bool
from_sockaddr(const struct sockaddr *address, unsigned char bytes_out[ADDRESS_BYTES])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        from_v4(&in.sin_addr, bytes_out);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof(in6));
    memcpy(bytes_out, &in6.sin6_addr, ADDRESS_BYTES);
    return true;
}

void
address_policy_init(struct address_policy *policy)
{
    *policy = (struct address_policy){0};
}

static bool
has_bits_beyond(const struct address_range *range)
{
    for (unsigned bit = range->prefix_bits; bit < 128; bit++)
        if (range->bytes[bit / 8] & (0x80 >> (bit % 8)))
            return true;
    return false;
}

/* The address alone; `bits_out` is how long its own prefix may be. */
static bool
parse_address(struct str text, struct address_range *range_out, unsigned *bits_out)
{
    char name[INET6_ADDRSTRLEN];
    unsigned char four[4];
    if (text.len == 0 || text.len >= sizeof(name) || memchr(text.ptr, 0, text.len))
        return false;
    memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    if (inet_pton(AF_INET, name, four) == 1) {
        from_v4(four, range_out->bytes);
        *bits_out = 32;
        return true;
    }
    *bits_out = 128;
    return inet_pton(AF_INET6, name, range_out->bytes) == 1;
}

bool
address_policy_allow(struct address_policy *policy, struct str text, struct err *err)
{
    struct address_range range = {0};
    struct str address, prefix;
    unsigned width = 0;
    bool has_prefix = str_cut(text, '/', &address, &prefix);
    if (policy->allowed_count == ADDRESS_RANGES_MAX)
        return err_set(err, E_CONFIG, "At most %d address ranges can be allowed: join some", ADDRESS_RANGES_MAX);
    if (!parse_address(address, &range, &width))
        return err_set(err, E_CONFIG, "\"%.*s\" is not an address range: write one as 10.0.0.0/8 or fd00::/8",
                       STR_ARG(text));
    int64_t bits = width;
    if (has_prefix && !str_to_i64(prefix, 0, width, &bits))
        return err_set(err, E_CONFIG, "\"%.*s\": the prefix length must be 0 to %u", STR_ARG(text), width);
    range.prefix_bits = 128 - width + (unsigned)bits;
    if (has_bits_beyond(&range))
        return err_set(err, E_CONFIG, "\"%.*s\" has bits set behind its prefix: write the first address of the range",
                       STR_ARG(text));
    policy->allowed[policy->allowed_count++] = range;
    return true;
}

bool
address_is_allowed(const struct address_policy *policy, const struct sockaddr *address)
{
    unsigned char bytes[ADDRESS_BYTES];
    if (!from_sockaddr(address, bytes))
        return false;
    for (size_t i = 0; i < policy->allowed_count; i++)
        if (in_range(bytes, &policy->allowed[i]))
            return true;
    return v6_is_public(bytes);
}
