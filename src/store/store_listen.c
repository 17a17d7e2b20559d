/*
 * Listens on a connection of its own for the word that another node has queued something.
 *
 * It is a hint: workers look by themselves every few seconds, so nothing depends on this connection, and
 * behind a transaction pooler, which has no LISTEN, it just stays silent.
 */
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "store/store_impl.h"

#define RECONNECT_BASE_MS 500
#define RECONNECT_CAP_MS 30000       /* F7 */

struct listener {
    char *conninfo;                  /* owned */
    listener_fn *heard;
    void *ctx;
    pthread_t thread;
    int stop[2];                     /* a pipe: closing its writing end ends the thread */
};

/* False: the listener is to end. */
static bool
wait_for(const struct listener *l, int fd, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = l->stop[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    poll(fds, fd < 0 ? 1 : 2, timeout_ms);
    return fds[0].revents == 0;
}

static void
hear(struct listener *l, PGconn *connection)
{
    bool any = false;
    PGnotify *notify;
    while ((notify = PQnotifies(connection))) {
        PQfreemem(notify);
        any = true;
    }
    if (any)
        l->heard(l->ctx);
}

static bool
listen_on(struct listener *l, PGconn *connection)
{
    PGresult *result = PQexec(connection, "LISTEN tidemark_work");
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    while (ok) {
        hear(l, connection);
        if (!wait_for(l, PQsocket(connection), -1))
            return false;
        ok = PQconsumeInput(connection) == 1;
    }
    return true;
}

static void *
listener_main(void *arg)
{
    struct listener *l = arg;
    struct rng rng;
    rng_init_system(&rng);
    bool go_on = true;
    for (unsigned attempt = 1; go_on; attempt++) {
        const char *const names[] = {"dbname", "connect_timeout", "application_name", NULL};
        const char *const values[] = {l->conninfo, "10", "tidemark listen", NULL};
        PGconn *connection = PQconnectdbParams(names, values, 1);
        if (PQstatus(connection) == CONNECTION_OK) {
            attempt = 1;
            go_on = listen_on(l, connection);
        }
        PQfinish(connection);
        go_on = go_on && wait_for(l, -1, (int)backoff_ms(attempt, RECONNECT_BASE_MS, RECONNECT_CAP_MS, &rng));
    }
    return NULL;
}

struct listener *
listener_new(const char *conninfo, listener_fn *heard, void *ctx, struct err *err)
{
    struct listener *l = alloc_zeroed(1, sizeof(*l));
    char *copy = alloc_bytes(strlen(conninfo) + 1);
    if (!l || !copy || pipe2(l->stop, O_CLOEXEC) != 0) {
        free(l);
        free(copy);
        err_no_memory(err);
        return NULL;
    }
    memcpy(copy, conninfo, strlen(conninfo) + 1);
    l->conninfo = copy;
    l->heard = heard;
    l->ctx = ctx;
    if (pthread_create(&l->thread, NULL, listener_main, l) == 0)
        return l;
    close(l->stop[0]);
    close(l->stop[1]);
    free(copy);
    free(l);
    err_set(err, E_NO_MEMORY, "The listener's thread could not be started");
    return NULL;
}

void
listener_free(struct listener *l)
{
    if (!l)
        return;
    close(l->stop[1]);
    pthread_join(l->thread, NULL);
    close(l->stop[0]);
    free(l->conninfo);
    free(l);
}
