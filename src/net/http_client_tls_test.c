/*
 * F28: every TLS failure is a refusal. The vendor here has a certificate for "localhost" that it signed itself.
 */
#include "net/test_vendor.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

static EVP_PKEY *key;
static X509 *certificate;
static char ca_path[] = "/tmp/tidemark-test-ca-XXXXXX";
static bool cut; /* the vendor ends without TLS's own ending */
static long max_version;

static void
certificate_make(long valid_s)
{
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *file = fopen(ca_path, "w");
    PEM_write_X509(file, certificate);
    fclose(file);
}

static void
certificate_drop(void)
{
    EVP_PKEY_free(key);
    X509_free(certificate);
}

static int
group_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* of the vendor's TLS; the client must not need it */
    int fd = mkstemp(ca_path);
    close(fd);
    return fd < 0;
}

static int
group_teardown(void **state)
{
    (void)state;
    return unlink(ca_path);
}

static int
setup(void **state)
{
    cut = false;
    max_version = 0;
    certificate_make(86400);
    return vendor_setup(state);
}

static int
teardown(void **state)
{
    int result = vendor_teardown(state);
    certificate_drop();
    return result;
}

static void
talk_tls(int fd, int number)
{
    (void)number;
    static const char answer[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsecret";
    char request[4096];
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    if (max_version) {
        SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(context, (int)max_version);
    }
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0) {
        SSL_write(ssl, answer, sizeof(answer) - 1);
        if (!cut)
            SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
}

/* Asks https://host:port/ with or without the vendor's own certificate as an authority. The caller frees the call. */
static struct http_call *
call_tls(const char *host, bool trust)
{
    struct err err = {0};
    struct http_client_options options = {.policy = &policy, .ca_file = trust ? str_from_c(ca_path) : STR_NONE};
    char text[100];
    http_client_free(client);
    client = http_client_new(&options, &err);
    snprintf(text, sizeof(text), "https://%s:%d/", host, vendor.port);
    return start((struct http_request){.url = str_from_c(text)});
}

static void
expect_tls(const char *host, bool trust, enum err_code code, const char *body)
{
    struct http_call *call = call_tls(host, trust);
    const struct http_reply *reply = http_call_wait(call);
    if (reply->code != code)
        fail_msg("%s: %s, expected %s", err_name(reply->code), reply->message, err_name(code));
    assert_true(str_eq_c(reply->body, body));
    http_call_free(call);
}

static void
test_f28_a_trusted_certificate_for_the_right_name_passes(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_tls);
    expect_tls("localhost", true, E_OK, "secret");
}

static void
test_f28_an_unknown_authority_is_refused(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_tls);
    expect_tls("localhost", false, E_NETWORK, "");
}

static void
test_f28_another_name_is_refused(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_tls);
    expect_tls("127.0.0.1", true, E_NETWORK, "");
}

static void
test_f28_an_expired_certificate_is_refused(void **state)
{
    (void)state;
    certificate_drop();
    certificate_make(-3600);
    vendor_start(&vendor, talk_tls);
    expect_tls("localhost", true, E_NETWORK, "");
}

static void
test_f28_an_old_protocol_is_refused(void **state)
{
    (void)state;
    max_version = TLS1_1_VERSION;
    vendor_start(&vendor, talk_tls);
    expect_tls("localhost", true, E_NETWORK, "");
}

static void
test_f28_an_early_end_is_never_a_whole_answer(void **state)
{
    (void)state;
    cut = true; /* whoever cuts the line must not be able to shorten the body */
    vendor_start(&vendor, talk_tls);
    struct http_call *call = call_tls("localhost", true);
    const struct http_reply *reply = http_call_wait(call);
    /* libcurl 7 counts the missing bytes, libcurl 8 tells of the line that broke. */
    assert_true(reply->code == E_BAD_PAGE || reply->code == E_NETWORK);
    assert_true(str_eq_c(reply->body, ""));
    http_call_free(call);
}
