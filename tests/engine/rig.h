/*
 * A rig for tests of whole runs: the real store, reader and engine, and a vendor that answers from a table.
 *
 * The vendor has contacts and orders, pages of a size, and faults on request. Time is the system's; nothing
 * here sleeps. TIDEMARK_TEST_STORE=postgres with TIDEMARK_TEST_PG runs them on PostgreSQL. Runs are done on the test's
 * own thread by rig_run, so that a test decides when what happens.
 */
#ifndef TIDEMARK_TESTS_ENGINE_RIG_H
#define TIDEMARK_TESTS_ENGINE_RIG_H

#include "base/test.h"

#include <pthread.h>

#include "engine/engine_priv.h"
#include "engine/work.h"
#include "store/store_rejected.h"
#include "store/store_tenant.h"

#define RIG_CONTACTS_MAX 4000
#define RIG_SECRET "a secret for tests only, long enough"

/* A template's beginning, up to its `spec`: one stream of contacts, asked with a token. */
#define RIG_DESK_YAML(url)                                                                                                              \
    "version: 6.0.0\n"                                                                                                                  \
    "type: DeclarativeSource\n"                                                                                                         \
    "check: {type: CheckStream, stream_names: [contacts]}\n"                                                                            \
    "streams:\n"                                                                                                                        \
    "  - type: DeclarativeStream\n"                                                                                                     \
    "    name: contacts\n"                                                                                                              \
    "    primary_key: [id]\n"                                                                                                           \
    "    retriever:\n"                                                                                                                  \
    "      type: SimpleRetriever\n"                                                                                                     \
    "      requester:\n"                                                                                                                \
    "        type: HttpRequester\n"                                                                                                     \
    "        url_base: \"" url "\"\n"                                                                                                   \
    "        path: contacts\n"                                                                                                          \
    "        authenticator: {type: BearerAuthenticator, api_token: \"{{ config['token'] }}\"}\n"                                        \
    "      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}\n"

struct rig_contact {
    int64_t id, updated_s;
    char name[48], email[64], phone[24];
    bool tombstone; /* listed as deleted */
    bool gone;      /* not listed at all */
};

struct rig_order {
    int64_t id, contact_id;
    char total[24];
};

enum rig_fault {
    RIG_FINE,
    RIG_STATUS,       /* fault_status with fault_body */
    RIG_HTML,         /* 200 with a web page */
    RIG_TRUNCATED,    /* 200 with half a page */
    RIG_NETWORK,      /* no answer */
};

struct rig_vendor {
    pthread_mutex_t lock;
    struct rig_contact contacts[RIG_CONTACTS_MAX];
    size_t contact_count;
    struct rig_order orders[64];
    size_t order_count;
    int64_t page_size;
    int64_t declared_extra;   /* told on top of the true total */
    bool cursor_loop;         /* the next cursor is always the same */
    int64_t repeat_at_request; /* the n-th request gets the first page's records in the place of its own. 0: never */
    int64_t insert_after_request; /* the n-th request sees a new contact in front: pages shift. 0: never */
    enum rig_fault fault;
    int64_t fault_from, fault_count; /* requests (from 1) that get it */
    int fault_status;
    const char *fault_body, *fault_retry_after;
    int64_t hold_request;     /* this one is answered only when it is cancelled. 0: none */
    pthread_cond_t cancelled;
    int64_t requests;         /* so far */
    int64_t page_requests[RIG_CONTACTS_MAX]; /* how often page n of contacts was asked for */
    void (*on_request)(void *ctx, int64_t number, struct str url); /* before answering; may be NULL */
    void *on_request_ctx;
};

struct rig {
    char dir[64];
    struct arena arena;
    struct store *store;
    struct seal_master *master;
    struct keyring *keys;
    struct registry *templates;
    struct engine *engine;
    struct rig_vendor vendor;
    struct sender sender;
    int64_t tenant;
    struct connection connection;  /* the first */
    struct db *(*wrap)(struct db *real, void *ctx);
    void *wrap_ctx;
    unsigned store_tries, workers; /* workers 0: two */
    int64_t heartbeat_ms;          /* 0: the engine's own */
    char database[64];             /* PostgreSQL: this rig's own, or "" */
};

struct rig *rig_new(void);
/* With a store whose driver is wrapped (db_trace). */
struct rig *rig_new_wrapped(struct db *(*wrap)(struct db *real, void *ctx), void *ctx);
void rig_free(struct rig *rig);
/* Around each test of a file that has no setup or teardown of its own (script/gen-test-main.py). */
int rig_setup(void **state);
int rig_teardown(void **state);
/* Answers requests from the vendor's table; made by rig_open. */
struct sender rig_vendor_sender(struct rig_vendor *vendor);
/* Closes store and engine and opens them again, as a restarted process. */
void rig_restart(struct rig *rig);
void rig_close(struct rig *rig); /* first half of it */
void rig_open(struct rig *rig);

/* In the rig's arena; fails the test when it is no JSON. */
yyjson_val *rig_json(struct rig *rig, const char *text);
/* n contacts with ids from 1. */
void rig_fill(struct rig *rig, size_t count);
struct rig_contact *rig_contact(struct rig *rig, int64_t id);
/* Another connection to the same kind of platform; its own contacts are the same vendor's. */
struct connection rig_connect(struct rig *rig, const char *name);
struct connection rig_connect_with(struct rig *rig, const char *name, const struct connection_change *more);

/* Queues a run of a connection and does it on this thread until it leaves the worker. */
struct run rig_run_of(struct rig *rig, const struct connection *connection, bool full);
struct run rig_run(struct rig *rig, bool full);
/* What somebody else writes meanwhile: on PostgreSQL by a connection of its own, so also from within a transaction of the store's. */
void rig_script_aside(struct rig *rig, const char *script);
struct run rig_start(struct rig *rig, const struct connection *connection, bool full);
/* Does the next ready run on this thread; false when none was ready. */
bool rig_step(struct rig *rig);
struct run rig_look(struct rig *rig, struct str uuid);
/* Makes a parked run due now. */
void rig_make_due(struct rig *rig, const struct run *run);

/* All records of a kind with their sources, as text in a fixed order: for comparing two stores. */
struct str rig_content(struct rig *rig, const char *kind);
size_t rig_count(struct rig *rig, const char *kind, bool deleted_too);
/*
 * How many events of a type there are, of one connection (0: of all). On PostgreSQL an event is told when no older transaction of the
 * whole server is open, and that of another test may be: so many as are `wanted` are waited for.
 */
int64_t rig_events(struct rig *rig, const char *type, int64_t connection, int64_t wanted);
#define assert_events(rig, type, connection, count) assert_int_equal(rig_events((rig), (type), (connection), (count)), (count))
int64_t rig_rejected(struct rig *rig); /* of the first connection */
int64_t rig_rejected_of(struct rig *rig, const struct connection *connection);
/* The record that the connection maps to that id, in the rig's arena; data is STR_NONE: none. */
struct record rig_record(struct rig *rig, const struct connection *connection, const char *stream, int64_t id);
/* data JSON of the record that the first connection maps to that id. STR_NONE: none. */
struct str rig_data(struct rig *rig, const struct connection *connection, const char *stream, int64_t id);

#define assert_state(a_run, expected)                                                                               \
    do {                                                                                                          \
        if ((a_run).state != (expected))                                                                            \
            fail_msg("run is %s, not %s: %.*s %.*s %.*s", run_state_name((a_run).state), run_state_name(expected),  \
                     STR_ARG((a_run).error_code), STR_ARG((a_run).verdict_reason), STR_ARG((a_run).wait_message));      \
    } while (0)
#define assert_counts(a_run, want_created, want_updated, want_skipped, want_deleted, want_errors)                   \
    do {                                                                                                          \
        const struct run run_ = (a_run);                                                                            \
        const struct page_counts *c_ = &run_.counts;                                                              \
        if (c_->created != (want_created) || c_->updated != (want_updated) || c_->skipped != (want_skipped) ||    \
            c_->deleted != (want_deleted) || c_->errors != (want_errors))                                         \
            fail_msg("created %d updated %d skipped %d deleted %d errors %d", (int)c_->created, (int)c_->updated, \
                     (int)c_->skipped, (int)c_->deleted, (int)c_->errors);                                        \
        assert_int_equal(c_->received, c_->created + c_->updated + c_->skipped + c_->deleted + c_->errors);       \
    } while (0)

#endif
