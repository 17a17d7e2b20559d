/* I-33: what may be connected to, judged by the numeric address. */
#include "base/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "net/address_policy.h"

static bool
allows(const struct address_policy *policy, const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return address_is_allowed(policy, (struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return address_is_allowed(policy, (struct sockaddr *)&in6);
}

static void
test_public_addresses_pass(void **state)
{
    (void)state;
    static const char *const good[] = {"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
                                       "126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255",
                                       "192.169.0.0", "223.255.255.255", "198.17.255.255", "198.20.0.0",
                                       "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
                                       "2002:0808:0808::1", "2001:200::1"};
    struct address_policy policy;
    address_policy_init(&policy);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!allows(&policy, good[i]))
            fail_msg("refused: %s", good[i]);
}

static void
test_i33_inner_addresses_are_refused_in_every_form(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1",
        "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1", "64:ff9b::10.1.1.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2001:1ff::1",
        "2002:7f00:0001::1", "2002:0a00:0001::1", "2002:c0a8:0101::1", "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1",
        "fec0::1", "ff02::1", "4000::1", "5f00::1",
    };
    struct address_policy policy;
    address_policy_init(&policy);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (allows(&policy, bad[i]))
            fail_msg("allowed: %s", bad[i]);
}

static void
test_unknown_families_are_refused(void **state)
{
    (void)state;
    struct address_policy policy;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    address_policy_init(&policy);
    assert_false(address_is_allowed(&policy, (struct sockaddr *)&un));
}

static void
test_the_operator_opens_ranges(void **state)
{
    (void)state;
    struct err err = {0};
    struct address_policy policy;
    address_policy_init(&policy);
    assert_ok(address_policy_allow(&policy, STR("10.0.0.0/8"), &err), err);
    assert_ok(address_policy_allow(&policy, STR("127.0.0.1"), &err), err);
    assert_ok(address_policy_allow(&policy, STR("fd00::/8"), &err), err);
    assert_ok(address_policy_allow(&policy, STR("172.16.0.0/13"), &err), err);
    assert_true(allows(&policy, "10.200.3.4"));
    assert_true(allows(&policy, "::ffff:10.200.3.4"));
    assert_true(allows(&policy, "127.0.0.1"));
    assert_true(allows(&policy, "fdff::1"));
    assert_true(allows(&policy, "172.23.255.255"));
    assert_false(allows(&policy, "172.24.0.0"));
    assert_false(allows(&policy, "127.0.0.2"));
    assert_false(allows(&policy, "fc00::1"));
    assert_false(allows(&policy, "192.168.0.1"));
}

static void
test_ranges_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "/8", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8", "::/129",
                                      "fd00::1/8", "localhost", "10.0.0.0/8/8", " 10.0.0.0/8", "010.0.0.0/8"};
    struct address_policy policy;
    address_policy_init(&policy);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        assert_fails_with(address_policy_allow(&policy, str_from_c(bad[i]), &err), err, E_CONFIG);
    }
    assert_int_equal(policy.allowed_count, 0);
    struct err err = {0};
    for (int i = 0; i < ADDRESS_RANGES_MAX; i++)
        assert_ok(address_policy_allow(&policy, STR("10.0.0.0/8"), &err), err);
    assert_fails_with(address_policy_allow(&policy, STR("10.0.0.0/8"), &err), err, E_CONFIG);
}
