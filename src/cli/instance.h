/*
 * One running Tidemark: every object, built in order and stopped in reverse.
 *
 * `serve` runs one for long; a command that finds no server runs one for the length of the command
 * (client.h), on a free port of loopback and without schedules. One thread builds and stops it.
 */
#ifndef TIDEMARK_CLI_INSTANCE_H
#define TIDEMARK_CLI_INSTANCE_H

#include "cli/config.h"
#include "store/store_tenant.h"

struct instance;
struct sandbox_options;

struct instance_options {
    const struct config *config;   /* outlives the instance */
    bool serve;                    /* schedules, first key, server.json; false: for one command */
    const struct sandbox_options *sandbox; /* start the simulated vendors; NULL: none */
    bool migrate;                  /* bring the schema up to date */
};

/* What start found out; texts live as long as the instance. */
struct instance_info {
    struct str url;                /* "http://127.0.0.1:3000" */
    struct str local_key;          /* the admin's role, for this process only */
    struct str first_key;          /* the admin key made at first start, shown once; or STR_NONE */
    struct str made_secret_file;   /* the key file that was made just now; or STR_NONE */
    struct str sandbox_url;        /* or STR_NONE */
    struct tenant tenant;          /* the default one */
};

/* NULL with err. Serves requests when it returns. */
struct instance *instance_start(const struct instance_options *options, struct err *err);
const struct instance_info *instance_info(const struct instance *i);
/* Writes the file through which the command line finds this server: when it is ready for callers. */
MUST_USE bool instance_announce(struct instance *i, struct err *err);
/*
 * Orderly stop (I-38): no new work, pages finish within their time, leases are released, requests are
 * answered. Accepts NULL. At most INSTANCE_STOP_MS.
 */
#define INSTANCE_STOP_MS 13000
void instance_stop(struct instance *i);

/* "DATA/server.json": where a running server tells its address and local key, mode 0600. */
struct str instance_server_file(struct arena *a, const struct config *config);

/*
 * Connects to each simulated vendor that is not connected yet, and starts a sync of all of them. names_out: what
 * is being synced, for people. Blocks on the simulated vendors.
 */
MUST_USE bool instance_connect_sandbox(struct instance *i, struct arena *a, struct str *names_out, struct err *err);

#endif
