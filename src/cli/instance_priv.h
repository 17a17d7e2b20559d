/* The objects of an instance, for the files that build it. */
#ifndef TIDEMARK_CLI_INSTANCE_PRIV_H
#define TIDEMARK_CLI_INSTANCE_PRIV_H

#include "cli/instance.h"
#include "crypt/token.h"
#include "door/door.h"
#include "hook/out.h"
#include "net/address_policy.h"
#include "sandbox/sandbox.h"

struct instance {
    struct instance_options options;
    struct instance_info info;
    struct arena arena;            /* startup: texts and configuration, never changed afterwards */
    struct address_policy policy;
    struct token local;            /* wiped at the end */
    struct token first;
    struct store *store;
    struct seal_master *master;
    struct keyring *keys;
    struct registry *templates;
    struct http_client *client;
    struct engine *engine;
    struct inbox *inbox;
    struct out *out;
    struct jwt_keys *jwt;
    struct jwks *jwks;
    struct str jwt_secret;         /* or STR_NONE */
    struct door *door;
    struct http_server *server;
    struct sandbox *sandbox;
};

/* The address of a template: the operator's, else the simulated vendor's. For engine_options; ctx is the instance. */
struct str instance_base_url(void *ctx, struct str template_name);

#endif
