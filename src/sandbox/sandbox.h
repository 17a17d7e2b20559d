/*
 * The sandbox: simulated vendors on a port of loopback (contract, section 8; docs/sandbox.md).
 *
 * It plays the other side and knows nothing of Tidemark: stateful accounts, paged as the real vendors
 * page, deterministic from a seed, with faults on request and a ledger of everything that was asked and
 * answered. `tidemark serve --sandbox` runs it inside the server, `tidemark sandbox` alone:
 *
 *     struct sandbox_options options;
 *     sandbox_options_init(&options);
 *     if (!sandbox_option_size(&options, STR("contacts=100000"), &err) ||
 *         !sandbox_option_fault(&options, STR("429:after=3:count=2:retry-after=1:path=/contacts"), &err))
 *         return false;
 *     struct sandbox *sandbox = sandbox_new(&options, &err);
 *     ... sandbox_port(sandbox), sandbox_vendor_at(sandbox, 0, &vendor) ...
 *     sandbox_free(sandbox);
 *
 * Any token works but `invalid` (401 at once) and `expired` (401 after some requests).
 */
#ifndef TIDEMARK_SANDBOX_SANDBOX_H
#define TIDEMARK_SANDBOX_SANDBOX_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sandbox;

#define SANDBOX_SIZES_MAX 32
#define SANDBOX_FAULTS_MAX 64
#define SANDBOX_SEED_DEFAULT 2026

struct sandbox_size {
    struct str entity;            /* "contacts", or "chatwoot.contacts" for one vendor only */
    int64_t count;
};

struct sandbox_options {
    uint64_t seed;
    struct str listen;            /* "127.0.0.1:0"; port 0 picks one */
    const struct clock *clock;    /* clock_system(); must outlive the sandbox */
    struct sandbox_size sizes[SANDBOX_SIZES_MAX];
    size_t size_count;
    struct str faults[SANDBOX_FAULTS_MAX]; /* read by sandbox_new */
    size_t fault_count;
    int64_t requests_per_minute;  /* of one vendor; above: 429. 0: no throttle */
    int64_t expired_after;        /* requests that the token `expired` survives */
    bool off_spec;                /* also what real vendors send against their own specification */
};

/* Defaults: a world that syncs in seconds, no faults, no throttle. */
void sandbox_options_init(struct sandbox_options *options);
/*
 * "contacts=100000" or "chatwoot.contacts=50". Entities: contacts, conversations, messages (the mean per
 * conversation), plain (records of the plain list). E_USAGE. The text must outlive sandbox_new.
 */
MUST_USE bool sandbox_option_size(struct sandbox_options *options, struct str text, struct err *err);
/* A fault in the words of docs/sandbox.md; checked here. E_USAGE. The text must outlive sandbox_new. */
MUST_USE bool sandbox_option_fault(struct sandbox_options *options, struct str text, struct err *err);

/* Starts serving. NULL with E_CONFIG, E_UNAVAILABLE (address in use), E_USAGE, E_NO_MEMORY. */
struct sandbox *sandbox_new(const struct sandbox_options *options, struct err *err);
int sandbox_port(const struct sandbox *sandbox);
/* Waits for requests under way, at most 5 s. Accepts NULL. */
void sandbox_free(struct sandbox *sandbox);

/* What a client needs to connect to one of the vendors. All texts live as long as the sandbox. */
struct sandbox_vendor {
    struct str name;              /* "chatwoot": also the name of the template that speaks to it */
    struct str title;             /* "Chatwoot" */
    struct str base_url;          /* "http://127.0.0.1:4010/chatwoot" */
    struct str config;            /* JSON object: credentials that work, base address included */
};
size_t sandbox_vendor_count(const struct sandbox *sandbox);
/* index below sandbox_vendor_count. */
struct sandbox_vendor sandbox_vendor_at(const struct sandbox *sandbox, size_t index);

/* "http://127.0.0.1:4010", as long as the sandbox. */
struct str sandbox_url(const struct sandbox *sandbox);

#endif
