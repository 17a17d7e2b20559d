/*
 * Webhooks: what the server acknowledges a second, and what a bare group commit of the same rows can do.
 *
 * usage: hooks send PORT COUNT CLIENTS SECRET     signed Chatwoot events over CLIENTS kept connections, one in flight on each
 *        hooks limit DATABASE COUNT GROUP         the rows of COUNT events, GROUP of them a commit: as many as clients can wait
 *
 * `send` signs and builds every request before the clock starts: the client's own work must not be what is measured. One
 * thread, epoll. Prints JSON. `limit` writes the product's own tables (`tidemark migrate` made them), synchronous=FULL, from
 * contents of the size that the product packs; no HTTP, no signature, no JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rng.h"
#include "crypt/digest.h"

#define CLIENTS_MAX 1024
#define BODY_PAD 500
#define CONTENT_BYTES 480
#define DELIVERY_BYTES 16

static _Noreturn void
die(const char *what, const char *why)
{
    fprintf(stderr, "hooks: %s: %s\n", what, why);
    exit(1);
}

static int64_t
number(const char *text)
{
    int64_t value;
    if (!str_to_i64(str_from_c(text), 0, 100000000, &value))
        die(text, "is no number");
    return value;
}

/* ---- send ---- */

struct client {
    int fd;
    struct str request;
    size_t sent;
    char reply[2048];
    size_t got;
    int64_t began_us;
};

struct sending {
    struct buf *requests;
    int64_t count, next, done, refused;
    int64_t *took_us;
    struct client clients[CLIENTS_MAX];
    int epoll;
};

/* About a kilobyte, as the vendor's are. */
static void
make_request(struct buf *b, int64_t n, const char *secret, struct rng *rng)
{
    char pad[BODY_PAD + 1], hex[DIGEST_TEXT_BYTES], uuid[UUID_TEXT_BYTES], when[TIME_TEXT_BYTES];
    struct buf body, text;
    struct digest digest;
    struct err err = {0};
    int64_t now_us = clock_wall_us(clock_system());
    memset(pad, 'x', BODY_PAD);
    pad[BODY_PAD] = '\0';
    buf_init(&body, 1 << 16);
    buf_init(&text, 1 << 16);
    buf_addf(&body, "{\"account\":{\"id\":1,\"name\":\"Acme Inc\"},\"additional_attributes\":{\"note\":\"%s\"},"
             "\"email\":\"p%lld@example.com\",\"id\":%lld,\"identifier\":null,\"name\":\"Person %lld\",\"phone_number\":null,"
             "\"thumbnail\":\"\",\"event\":\"contact_updated\","
             "\"changed_attributes\":[{\"updated_at\":{\"previous_value\":null,\"current_value\":\"%s\"}}]}",
             pad, (long long)n, (long long)n, (long long)n, time_format_ms(now_us, when));
    buf_addf(&text, "%lld.%.*s", (long long)(now_us / US_PER_S), (int)body.len, body.ptr);
    if (!digest_hmac(DIGEST_SHA256, str_from_c(secret), buf_str(&text), &digest, &err))
        die("sign", err.message);
    uuid_v7(rng, now_us, uuid);
    buf_init(b, 1 << 17);
    buf_addf(b, "POST /api/v1/sync/chatwoot/webhook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "X-Chatwoot-Timestamp: %lld\r\nX-Chatwoot-Signature: sha256=%s\r\nX-Chatwoot-Delivery: %s-%lld\r\nContent-Length: %zu\r\n\r\n",
             (long long)(now_us / US_PER_S), digest_hex(&digest, hex), uuid, (long long)n, body.len);
    buf_add(b, buf_str(&body));
    if (!buf_ok(b))
        die("memory", "the requests do not fit");
    buf_release(&body);
    buf_release(&text);
}

static void
write_more(struct client *c)
{
    while (c->sent < c->request.len) {
        ssize_t n = write(c->fd, c->request.ptr + c->sent, c->request.len - c->sent);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            die("write", strerror(errno));
        c->sent += (size_t)n;
    }
}

static void
begin(struct sending *s, struct client *c)
{
    if (s->next == s->count)
        return;
    c->request = buf_str(&s->requests[s->next++]);
    c->sent = c->got = 0;
    c->began_us = clock_monotonic_us(clock_system());
    write_more(c);
}

/* Is the whole answer there? They are short and have a length. */
static bool
is_whole(const struct client *c)
{
    struct str got = {c->reply, c->got};
    ptrdiff_t head = str_find_str(got, STR("\r\n\r\n"));
    int64_t length = 0;
    if (head < 0)
        return false;
    for (struct str line, rest = str_slice(got, 0, (size_t)head); rest.len > 0;) {
        str_cut(rest, '\n', &line, &rest);
        if (str_starts_nocase(line, STR("content-length:")) &&
            !str_to_i64(str_trim(str_skip(line, 15)), 0, 100000, &length))
            die("reply", "a bad length");
    }
    return c->got >= (size_t)head + 4 + (size_t)length;
}

static void
read_more(struct sending *s, struct client *c)
{
    ssize_t n = read(c->fd, c->reply + c->got, sizeof(c->reply) - c->got);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("read", n == 0 ? "the server closed a connection" : strerror(errno));
    c->got += (size_t)n;
    if (!is_whole(c))
        return;
    s->refused += !str_starts((struct str){c->reply, c->got}, STR("HTTP/1.1 200"));
    s->took_us[s->done++] = clock_monotonic_us(clock_system()) - c->began_us;
    begin(s, c);
}

static void
connect_client(struct sending *s, struct client *c, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static int
by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void
bench_send(int port, int64_t count, int clients, const char *secret)
{
    static struct sending s;
    struct rng rng;
    rng_init_system(&rng);
    s.count = count;
    s.epoll = epoll_create1(0);
    s.requests = calloc((size_t)count, sizeof(*s.requests));
    s.took_us = calloc((size_t)count, sizeof(*s.took_us));
    if (!s.requests || !s.took_us || clients > CLIENTS_MAX)
        die("memory", "too many");
    for (int64_t n = 0; n < count; n++)
        make_request(&s.requests[n], n + 1, secret, &rng);
    for (int i = 0; i < clients; i++)
        connect_client(&s, &s.clients[i], port);
    int64_t began_us = clock_monotonic_us(clock_system());
    for (int i = 0; i < clients; i++)
        begin(&s, &s.clients[i]);
    while (s.done < count) {
        struct epoll_event events[64];
        int n = epoll_wait(s.epoll, events, 64, 10000);
        if (n <= 0)
            die("wait", "the server does not answer");
        for (int i = 0; i < n; i++)
            read_more(&s, events[i].data.ptr);
    }
    double seconds = (double)(clock_monotonic_us(clock_system()) - began_us) / (double)US_PER_S;
    qsort(s.took_us, (size_t)count, sizeof(*s.took_us), by_size);
    printf("{\"acks_per_second\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"refused\":%lld}\n", (double)count / seconds,
           (double)s.took_us[count / 2] / 1000, (double)s.took_us[count * 99 / 100] / 1000, (long long)s.refused);
}

/* ---- limit ---- */

static void
run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sql, sqlite3_errmsg(db));
}

static void
step(sqlite3 *db, sqlite3_stmt *s)
{
    if (sqlite3_step(s) != SQLITE_DONE)
        die("step", sqlite3_errmsg(db));
    sqlite3_reset(s);
}

static void
bench_limit(const char *path, int64_t count, int64_t group)
{
    sqlite3 *db;
    sqlite3_stmt *deliver, *add;
    struct rng rng;
    char content[CONTENT_BYTES], uuid[UUID_TEXT_BYTES];
    rng_init_system(&rng);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        die(path, sqlite3_errmsg(db));
    run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=1000");
    if (sqlite3_prepare_v3(db, "INSERT INTO inbox_deliveries (tenant, connection, delivery, received_at) VALUES (1, 1, ?1, ?2)"
                           " ON CONFLICT DO NOTHING", -1, SQLITE_PREPARE_PERSISTENT, &deliver, NULL) != SQLITE_OK ||
        sqlite3_prepare_v3(db, "INSERT INTO inbox_events (tenant, uuid, connection, type, external_id, delivery, trust, status, due_at,"
                           " received_at, bytes, content) VALUES (1, ?1, 1, 'contact_updated', '12345', ?1, 'signed', 'pending', ?2, ?2,"
                           " 900, ?3)", -1, SQLITE_PREPARE_PERSISTENT, &add, NULL) != SQLITE_OK)
        die("prepare", sqlite3_errmsg(db));
    int64_t began_us = clock_monotonic_us(clock_system());
    for (int64_t n = 0; n < count;) {
        run(db, "BEGIN IMMEDIATE");
        for (int64_t i = 0; i < group && n < count; i++, n++) {
            int64_t now_us = clock_wall_us(clock_system());
            for (size_t k = 0; k < sizeof(content); k += 8) {
                uint64_t word = rng_next(&rng);
                memcpy(content + k, &word, 8);
            }
            sqlite3_bind_blob(deliver, 1, content, DELIVERY_BYTES, SQLITE_STATIC);
            sqlite3_bind_int64(deliver, 2, now_us);
            step(db, deliver);
            sqlite3_bind_text(add, 1, uuid_v7(&rng, now_us, uuid), -1, SQLITE_STATIC);
            sqlite3_bind_int64(add, 2, now_us);
            sqlite3_bind_blob(add, 3, content, sizeof(content), SQLITE_STATIC);
            step(db, add);
        }
        run(db, "COMMIT");
    }
    double seconds = (double)(clock_monotonic_us(clock_system()) - began_us) / (double)US_PER_S;
    printf("{\"rows_per_second\":%.0f}\n", (double)count / seconds);
    sqlite3_finalize(deliver);
    sqlite3_finalize(add);
    sqlite3_close(db);
}

int
main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "send") == 0)
        bench_send((int)number(argv[2]), number(argv[3]), (int)number(argv[4]), argv[5]);
    else if (argc == 5 && strcmp(argv[1], "limit") == 0)
        bench_limit(argv[2], number(argv[3]), number(argv[4]));
    else
        die("usage", "hooks send PORT COUNT CLIENTS SECRET | hooks limit DATABASE COUNT GROUP");
    return 0;
}
