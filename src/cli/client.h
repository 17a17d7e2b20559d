/*
 * The command line as a client of the API.
 *
 * Which server: --url, else the one that the data folder names (server.json), else one started inside this
 * process on a free port of loopback, for the length of the command. Calls block. One thread.
 */
#ifndef TIDEMARK_CLI_CLIENT_H
#define TIDEMARK_CLI_CLIENT_H

#include "cli/cli.h"
#include "json/json.h"

#define DATABASE_FILE "tidemark.db" /* in the data folder */

struct client;

/* NULL with err; E_UNAVAILABLE when there is neither server nor data folder, with what to do. */
struct client *client_open(const struct cli *cli, struct err *err);
void client_close(struct client *c); /* accepts NULL; stops the server inside, which lets its page finish */
/* Is it a server of its own, which ends with this command? */
bool client_is_inside(const struct client *c);
/* Calls from now on are about this tenant; the text must live as long. */
void client_set_tenant(struct client *c, struct str tenant);
/* Its address. */
struct str client_url(const struct client *c);

struct client_reply {
    int status;
    struct str text;             /* the body as it came; in the arena */
    yyjson_val *body;            /* parsed, when it is JSON; else NULL */
    yyjson_val *data;            /* the member "data" */
    struct str log_position;     /* header X-Log-Position */
    bool log_complete;
    bool replayed;               /* header Idempotency-Replayed: it was made before */
};
/*
 * One call. body: JSON text, or STR_NONE. False with err: no answer (E_NETWORK), or an answer that is an error:
 * then the code, message and items of its body.
 */
MUST_USE bool client_call(struct client *c, struct arena *a, const char *method, struct str path, struct str body,
                          struct client_reply *reply_out, struct err *err);
/* A POST that makes something, with its Idempotency-Key. */
MUST_USE bool client_create(struct client *c, struct arena *a, struct str path, struct str body, struct str key,
                            struct client_reply *reply_out, struct err *err);
/* The same with an Accept header, for exports. */
MUST_USE bool client_get_as(struct client *c, struct arena *a, struct str path, const char *accept,
                            struct client_reply *reply_out, struct err *err);

/*
 * The connection that a person means: by id, by name (any case), or by platform when only one has it. name
 * STR_NONE: the only one there is. E_CONNECTION_NOT_FOUND and E_CONNECTION_AMBIGUOUS list what there is.
 */
MUST_USE bool client_find_connection(struct client *c, struct arena *a, struct str name, yyjson_val **connection_out,
                                     struct err *err);

#endif
