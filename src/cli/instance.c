#include "cli/instance_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/secret_file.h"
#include "json/writer.h"
#include "store/store_key.h"

#define ARENA_BYTES (1024 * 1024)
#define ENGINE_STOP_MS 9000
#define DRAIN_MS 3000
#define DRAIN_LAST_MS 500
#define LEASE_TO_HEARTBEAT 6
#define SHOWN_CHARS 8
#define SERVER_FILE_BYTES_MAX 4096

struct str
instance_server_file(struct arena *a, const struct config *config)
{
    return str_format(a, "%.*s/server.json", STR_ARG(config_text(config, SETTING_DATA_DIR)));
}

const struct instance_info *
instance_info(const struct instance *i)
{
    return &i->info;
}

/* ---- the store, and what makes it usable ---- */

static bool
open_store(struct instance *i, struct err *err)
{
    const struct config *c = i->options.config;
    struct str url = config_text(c, SETTING_DATABASE);
    struct store_options options = {.url = url.len ? url : STR_NONE,
                                    .data_dir = config_text(c, SETTING_DATA_DIR),
                                    .clock = clock_system(),
                                    .migrate = i->options.migrate};
    i->store = store_open(&options, err);
    return i->store != NULL;
}

static bool
add_old_secrets(struct instance *i, struct err *err)
{
    struct str rest = config_text(i->options.config, SETTING_SECRET_KEYS_OLD), one;
    while (rest.len) {
        str_cut(rest, ',', &one, &rest);
        one = str_trim(one);
        log_secret_add(one);
        if (one.len && !seal_master_add_old(i->master, one, err))
            return false;
    }
    return true;
}

/* A key file made just now for a database whose secrets need another one would only hide what is wrong. */
static bool
open_keys(struct instance *i, struct err *err)
{
    struct str secret, made;
    if (!secret_file_get(i->options.config, SETTING_SECRET_KEY, "secret.key", &i->arena, &secret, &made, err))
        return false;
    log_secret_add(secret);
    i->master = seal_master_new(secret, err);
    struct str format = config_text(i->options.config, SETTING_SECRET_FORMAT);
    bool legacy = str_eq_c(format, "cbc");
    bool ok = i->master && add_old_secrets(i, err);
    if (ok && !legacy && !str_eq_c(format, "gcm"))
        ok = err_set(err, E_CONFIG, "secret_format is gcm or cbc, not \"%.*s\"", STR_ARG(format));
    i->keys = ok ? keyring_new(i->store, i->master, legacy, err) : NULL;
    if (i->keys) {
        i->info.made_secret_file = made;
        return true;
    }
    secret_file_unmake(&i->arena, made);
    if (err->code == E_KEY_MISSING)
        return err_set(err, E_KEY_MISSING,
                       "The secrets in this database were sealed with another key: set API_KEY_ENCRYPTION_SECRET to it, "
                       "or put the file secret.key back into the data folder. Nothing was changed.");
    return false;
}

struct first_start {
    struct instance *instance;
    bool wanted, made;
    struct api_key key;
};

static bool
first_start(struct db *db, void *ctx, struct err *err)
{
    struct first_start *f = ctx;
    struct instance *i = f->instance;
    int64_t keys, now_us = store_now(db);
    f->made = false;
    if (!store_tenant_ensure_default(db, &i->arena, now_us, &i->info.tenant, NULL, err))
        return false;
    if (!f->wanted)
        return true;
    if (!store_key_count(db, now_us, &keys, err))
        return false;
    if (keys > 0)
        return true;
    f->key = (struct api_key){.tenant = i->info.tenant.id, .name = STR("first start"), .role = ROLE_ADMIN,
                              .shown = (struct str){i->first.text, SHOWN_CHARS}};
    f->made = true;
    return store_key_create(db, &i->arena, &f->key, str_from_c(i->first.hash), now_us, err);
}

/* The tenant "default" and, when nobody could get in otherwise, an admin key. */
static bool
make_first(struct instance *i, struct err *err)
{
    struct first_start f = {.instance = i, .wanted = i->options.serve};
    if (!token_new(&i->first, err) || !token_new(&i->local, err) || !store_write(i->store, first_start, &f, err))
        return false;
    i->info.local_key = str_from_c(i->local.text);
    if (f.made)
        i->info.first_key = str_from_c(i->first.text);
    return true;
}

/* ---- the network ---- */

static bool
open_client(struct instance *i, struct err *err)
{
    const struct config *c = i->options.config;
    address_policy_init(&i->policy);
    i->policy.allow_http = config_bool(c, SETTING_NETWORK_ALLOW_HTTP);
    struct str rest = config_text(c, SETTING_NETWORK_ALLOW), one;
    while (rest.len) {
        str_cut(rest, ',', &one, &rest);
        one = str_trim(one);
        if (one.len && !address_policy_allow(&i->policy, one, err))
            return err_prefix(err, "network.allow: ");
    }
    struct http_client_options options = {.policy = &i->policy};
    i->client = http_client_new(&options, err);
    return i->client != NULL;
}

/* The simulated vendors have no address of their own when none is started. */
static struct str
sandbox_base_url(const struct instance *i, struct str template_name)
{
#ifdef TIDEMARK_SANDBOX
    for (size_t v = 0; i->sandbox && v < sandbox_vendor_count(i->sandbox); v++) {
        struct sandbox_vendor vendor = sandbox_vendor_at(i->sandbox, v);
        if (str_eq(vendor.name, template_name))
            return vendor.base_url;
    }
#endif
    (void)i, (void)template_name;
    return STR_NONE;
}

struct str
instance_base_url(void *ctx, struct str template_name)
{
    struct instance *i = ctx;
    struct str own = config_base_url(i->options.config, template_name);
    return str_is_none(own) ? sandbox_base_url(i, template_name) : own;
}

static bool
start_sandbox(struct instance *i, struct err *err)
{
    if (!i->options.sandbox)
        return true;
#ifdef TIDEMARK_SANDBOX
    i->sandbox = sandbox_new(i->options.sandbox, err);
    if (i->sandbox)
        i->info.sandbox_url = sandbox_url(i->sandbox);
    return i->sandbox != NULL;
#else
    return err_set(err, E_USAGE, "This program was built without the sandbox");
#endif
}

/* ---- the engine and the doors ---- */

static struct retention
retention_of(const struct config *c)
{
    return (struct retention){
        .run_log_us = config_us(c, SETTING_RETENTION_LOGS),
        .run_us = config_us(c, SETTING_RETENTION_RUNS),
        .event_us = config_us(c, SETTING_RETENTION_EVENTS),
        .history_us = config_us(c, SETTING_RETENTION_HISTORY),
        .conflict_us = config_us(c, SETTING_RETENTION_CONFLICTS),
        .raw_us = config_us(c, SETTING_RETENTION_RAW),
        .audit_us = config_us(c, SETTING_RETENTION_AUDIT),
        .log_bytes_max = config_number(c, SETTING_RETENTION_LOG_MIB) * 1024 * 1024,
        .inbox_us = config_us(c, SETTING_RETENTION_INBOX),
        .inbox_rows_max = LIMIT_INBOX_ROWS,
    };
}

static bool
start_engine(struct instance *i, struct err *err)
{
    const struct config *c = i->options.config;
    int64_t lease_ms = config_number(c, SETTING_LEASE_MS);
    bool heartbeat = config_is_set(c, SETTING_HEARTBEAT_MS);
    struct str ai_key = config_text(c, SETTING_AI_API_KEY);
    if (ai_key.len)
        log_secret_add(ai_key);
    struct engine_options options = {
        .store = i->store,
        .client = i->client,
        .templates = i->templates,
        .keys = i->keys,
        .clock = clock_system(),
        .address_override = instance_base_url,
        .address_ctx = i,
        .ai = {config_text(c, SETTING_AI_BASE_URL), config_text(c, SETTING_AI_MODEL), ai_key,
               config_text(c, SETTING_AI_PROMPT)},
        .workers = (unsigned)config_number(c, SETTING_WORKERS),
        .lease_ms = lease_ms,
        .heartbeat_ms = heartbeat ? config_number(c, SETTING_HEARTBEAT_MS) : lease_ms / LEASE_TO_HEARTBEAT,
        .sweep_ms = config_number(c, SETTING_SWEEP_MS),
        .overlap_ms = config_us(c, SETTING_OVERLAP) / US_PER_MS,
        .interval_ms = config_us(c, SETTING_INTERVAL) / US_PER_MS,
        .full_interval_ms = config_us(c, SETTING_FULL_INTERVAL) / US_PER_MS,
        .retention = retention_of(c),
        .retention_every_ms = config_us(c, SETTING_RETENTION_EVERY) / US_PER_MS,
        .background = i->options.serve,
    };
    i->engine = engine_new(&options, err);
    if (i->engine)
        engine_start(i->engine);
    return i->engine != NULL;
}

/* Outgoing webhooks; tools send none. */
static bool
start_out(struct instance *i, struct err *err)
{
    struct out_options options = {.store = i->store, .keys = i->keys, .sender = sender_of_client(i->client),
                                  .clock = clock_system()};
    if (!i->options.serve)
        return true;
    i->out = out_new(&options, err);
    if (i->out)
        out_start(i->out);
    return i->out != NULL;
}

/* The command line comes with the local key; only a server needs to know tokens. */
static bool
open_jwt(struct instance *i, struct err *err)
{
    struct str made;
    if (!i->options.serve)
        return true;
    if (!secret_file_get(i->options.config, SETTING_JWT_SECRET, "jwt.key", &i->arena, &i->jwt_secret, &made, err))
        return false;
    if (made.len)
        log_write(LOG_INFO, "a secret for signing tokens was made", LOG_S("file", made));
    log_secret_add(i->jwt_secret);
    i->jwt = jwt_keys_new();
    return i->jwt ? jwt_keys_add_secret(i->jwt, i->jwt_secret, err) : err_no_memory(err);
}

static bool
read_algorithms(struct str list, unsigned *algorithms_out, struct err *err)
{
    struct str one;
    unsigned algorithms = 0;
    while (list.len) {
        str_cut(list, ',', &one, &list);
        one = str_trim(one);
        enum jwt_algorithm algorithm = jwt_algorithm_from_name(one);
        if (!algorithm || algorithm == JWT_HS256)
            return err_set(err, E_CONFIG, "auth.jwks_algorithms knows RS256, ES256 and EdDSA, not \"%.*s\"", STR_ARG(one));
        algorithms |= algorithm;
    }
    *algorithms_out = algorithms;
    return algorithms || err_set(err, E_CONFIG, "auth.jwks_algorithms is empty");
}

static bool
open_jwks(struct instance *i, struct err *err)
{
    const struct config *c = i->options.config;
    struct jwks_options options = {.client = i->client, .clock = clock_system(), .url = config_text(c, SETTING_JWKS_URL)};
    if (!i->options.serve || !options.url.len)
        return true;
    if (!read_algorithms(config_text(c, SETTING_JWKS_ALGORITHMS), &options.algorithms, err))
        return false;
    i->jwks = jwks_new(&options, err);
    return i->jwks != NULL;
}

/* Accepts events at once; applies them only where schedules run too. */
static bool
start_inbox(struct instance *i, struct err *err)
{
    const struct config *c = i->options.config;
    struct str public_url = config_text(c, SETTING_PUBLIC_URL);
    if (str_ends(public_url, STR("/")))
        public_url.len--;
    struct inbox_options options = {
        .engine = i->engine,
        .store = i->store,
        .templates = i->templates,
        .keys = i->keys,
        .clock = clock_system(),
        .public_url = public_url,
        .workers = (unsigned)config_number(c, SETTING_WEBHOOK_WORKERS),
        .lease_ms = config_number(c, SETTING_LEASE_MS),
        .hints_per_s = config_number(c, SETTING_WEBHOOK_HINT_RATE),
    };
    i->inbox = inbox_new(&options, err);
    return i->inbox && (!i->options.serve || inbox_start(i->inbox, err));
}

static struct str
or_none(struct str text)
{
    return text.len ? text : STR_NONE;
}

static struct str
listen_address(struct instance *i)
{
    return i->options.serve ? config_listen(i->options.config, &i->arena) : STR("127.0.0.1:0");
}

/* The sandbox's demo-user is for this machine alone (D21). */
static bool
listens_on_loopback(struct instance *i)
{
    struct str listen = listen_address(i);
    return str_starts(listen, STR("127.")) || str_starts(listen, STR("localhost:")) || str_starts(listen, STR("[::1]"));
}

static bool
open_door(struct instance *i, struct err *err)
{
    const struct config *c = i->options.config;
    struct str public_url = config_text(c, SETTING_PUBLIC_URL);
    if (str_ends(public_url, STR("/")))
        public_url.len--;
    struct door_options options = {
        .store = i->store,
        .engine = i->engine,
        .templates = i->templates,
        .inbox = i->inbox,
        .keys = i->keys,
        .clock = clock_system(),
        .jwt = i->jwt,
        .jwks = i->jwks,
        .auto_provision = config_bool(c, SETTING_AUTO_PROVISION),
        .session_secret = i->jwt_secret,
        .session_ms = config_us(c, SETTING_SESSION_TTL) / US_PER_MS,
        .cors_origins = or_none(config_text(c, SETTING_CORS_ORIGINS)),
        .demo_user = i->options.sandbox != NULL && listens_on_loopback(i),
        .jwt_issuer = or_none(config_text(c, SETTING_JWT_ISSUER)),
        .jwt_audience = or_none(config_text(c, SETTING_JWT_AUDIENCE)),
        .public_url = or_none(public_url),
        .local_key = i->info.local_key,
        .metrics_public = config_bool(c, SETTING_METRICS_PUBLIC),
        .status_private = !config_bool(c, SETTING_PUBLIC_STATUS),
        .get_changes_off = !config_bool(c, SETTING_GET_CHANGES),
        .sandbox = i->options.sandbox != NULL,
        .policy = &i->policy,
    };
    i->door = door_new(&options, err);
    return i->door != NULL;
}

static bool
start_server(struct instance *i, struct err *err)
{
    const struct config *c = i->options.config;
    struct str listen = listen_address(i);
    struct http_server_options options = {
        .listen = listen,
        .net_threads = i->options.serve ? 0 : 1,
        .handler_threads_max = (unsigned)config_number(c, SETTING_HANDLER_THREADS),
        .connections_max = (unsigned)config_number(c, SETTING_CONNECTIONS),
        .handler = door_handle,
        .refuse = door_refuse,
        .body_max = door_body_max,
        .at_once = door_at_once,
        .ctx = i->door,
    };
    i->server = http_server_new(&options, err);
    if (!i->server)
        return false;
    door_set_server(i->door, i->server);
    ptrdiff_t colon = str_find_last(listen, ':');
    struct str host = colon < 0 ? listen : str_slice(listen, 0, (size_t)colon);
    /* An address for all interfaces is none that can be called. */
    if (str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("[::]")))
        host = STR("127.0.0.1");
    i->info.url = str_format(&i->arena, "http://%.*s:%d", STR_ARG(host), http_server_port(i->server));
    if (i->info.url.ptr)
        inbox_set_url(i->inbox, i->info.url);
    return i->info.url.ptr || err_no_memory(err);
}

/* Where the command line finds this server. */
bool
instance_announce(struct instance *i, struct err *err)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, SERVER_FILE_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "url", i->info.url);
    json_add_str(&w, "key", i->info.local_key);
    json_add_i64(&w, "pid", getpid());
    json_add_c(&w, "version", TIDEMARK_VERSION);
    json_end_object(&w);
    buf_add_char(&b, '\n');
    bool ok = buf_ok(&b) ? file_write(&i->arena, instance_server_file(&i->arena, i->options.config), buf_str(&b), err)
                         : err_no_memory(err);
    buf_release(&b);
    return ok;
}

static bool
open_templates(struct instance *i, struct err *err)
{
    i->templates = registry_new(err);
    struct str own = str_format(&i->arena, "%.*s/templates", STR_ARG(config_text(i->options.config, SETTING_DATA_DIR)));
    if (i->templates && own.ptr)
        registry_load_folder(i->templates, own.ptr);
    return i->templates != NULL;
}

struct instance *
instance_start(const struct instance_options *options, struct err *err)
{
    struct instance *i = alloc_zeroed(1, sizeof(*i));
    if (!i) {
        err_no_memory(err);
        return NULL;
    }
    i->options = *options;
    arena_init(&i->arena, ARENA_BYTES);
    static bool (*const steps[])(struct instance *, struct err *) = {
        open_store, open_keys, make_first, open_client, open_templates,
        start_sandbox, start_engine, start_out, start_inbox, open_jwt, open_jwks, open_door, start_server,
    };
    for (size_t s = 0; s < ARRAY_LEN(steps); s++)
        if (!steps[s](i, err)) {
            instance_stop(i);
            return NULL;
        }
    return i;
}

static void
remove_server_file(struct instance *i)
{
    char *path = i->options.serve && i->server
                     ? str_cstr(&i->arena, instance_server_file(&i->arena, i->options.config))
                     : NULL;
    if (path)
        unlink(path);
}

void
instance_stop(struct instance *i)
{
    if (!i)
        return;
    if (i->door)
        door_stopping(i->door);
    if (i->inbox)
        inbox_stop(i->inbox);
    if (i->engine)
        engine_stop(i->engine, ENGINE_STOP_MS);
    out_stop(i->out);
    if (i->server) {
        http_server_drain(i->server, DRAIN_MS);
        store_settle(i->store); /* a request whose commit takes that long is answered too */
        http_server_drain(i->server, DRAIN_LAST_MS);
    }
    remove_server_file(i);
    http_server_free(i->server);
    door_free(i->door);
    jwks_free(i->jwks);
    jwt_keys_free(i->jwt);
    inbox_free(i->inbox);
    out_free(i->out);
    if (i->engine)
        engine_free(i->engine);
    http_client_free(i->client);
#ifdef TIDEMARK_SANDBOX
    sandbox_free(i->sandbox);
#endif
    if (i->templates)
        registry_free(i->templates);
    keyring_free(i->keys);
    seal_master_free(i->master);
    store_close(i->store);
    token_wipe(&i->local);
    token_wipe(&i->first);
    arena_release(&i->arena);
    free(i);
}
