/*
 * An account: a connection opened for use, by a run or a test.
 *
 * Row, tenant, template and clear configuration in one place. While it is open its secrets are known to
 * the log's redactor. One thread.
 */
#ifndef TIDEMARK_ENGINE_ACCOUNT_H
#define TIDEMARK_ENGINE_ACCOUNT_H

#include "engine/config.h"
#include "engine/engine.h"
#include "engine/lists_kept.h"
#include "engine/quota_book.h"
#include "store/store_tenant.h"

struct account {
    struct engine *engine;
    struct arena *arena;            /* all texts and values below live here */
    struct connection connection;
    struct tenant tenant;
    struct template *template;      /* a reference */
    yyjson_val *config;             /* own_config with tokens merged in; clear */
    yyjson_val *effective;          /* as requests see it */
    bool operator_address;          /* requests to the base address are the operator's own (D27) */
    struct str base_url;            /* effective */
    yyjson_val *own_config;         /* as the person gave it, without tokens; clear */
    yyjson_val *tokens;             /* what refreshes brought, or NULL */
    int64_t tokens_version;         /* of the pair in config; 0: none */
    struct fetch_probe *probe;      /* the caller's: how its first request goes; NULL: nobody wants to know */
    bool stored;                    /* the connection has a row: new tokens go there */
    char credential[QUOTA_CREDENTIAL_BYTES]; /* of its budget; "": none is kept */
    yyjson_val *filters;            /* of the run, or NULL; requests see them as config['tidemark_filters'] */
    yyjson_val *unfiltered;         /* effective without them: wiped with it */
    struct err lists_failed;        /* why a list that streams are made of could not be read (lists.h); E_OK: all were */
};

/* E_CONNECTION_NOT_FOUND, E_PLATFORM_NOT_SUPPORTED, E_CRYPT, E_KEY_MISSING, or the store's. Blocks on the store. */
MUST_USE bool account_open(struct engine *e, struct arena *a, int64_t tenant, int64_t connection,
                           struct account *account_out, struct err *err);
/* Opens one that has no row yet, or a change of one: `connection` and the clear config are the caller's. */
MUST_USE bool account_open_with(struct engine *e, struct arena *a, const struct connection *connection,
                                yyjson_val *config, struct account *account_out, struct err *err);
/*
 * A simulated vendor's connection has no address while no sandbox runs; the template's own would take its made-up
 * credentials, and its data, to the real vendor. E_ADDRESS_REFUSED then. Before the first request of a run or test.
 */
MUST_USE bool account_check_address(const struct account *account, struct err *err);
/* From now on, and after each refresh, requests see these filters. They must live as long as the account. */
MUST_USE bool account_set_filters(struct account *account, yyjson_val *filters, struct err *err);
/* The template with the streams of this account's configuration; lists: what the vendor lists, or NULL. */
MUST_USE bool account_configure(struct account *account, yyjson_val *lists, struct err *err);
/* What its vendor listed the last time (lists.h), into its arena: as text with its note, STR_NONE: nothing; and as JSON, or NULL. */
struct str account_lists(const struct account *account, struct lists_note *note_out);
yyjson_val *account_lists_before(const struct account *account);
/* With account->lists_failed, which that run found; 0: of no run. An account without a row keeps nothing. */
void account_keep_lists(const struct account *account, struct str text, int64_t run);
void account_close(struct account *account); /* wipes; accepts a zeroed struct */

/* Reads the tokens again, when another worker has stored newer ones: *changed_out. */
MUST_USE bool account_reload_tokens(struct account *account, bool *changed_out, struct err *err);
/*
 * One refresh at a time over all nodes (I-23). taken: we may refresh, then save or give up. Not taken: wait
 * a moment and reload. Without a row it is always taken.
 */
MUST_USE bool account_refresh_begin(struct account *account, bool *taken_out, struct err *err);
MUST_USE bool account_refresh_save(struct account *account, yyjson_val *patch, int64_t expires_us, struct err *err);
void account_refresh_give_up(struct account *account);

/*
 * What is known of the budget of a connection's credential, and what its template allows itself. Blocks on the store.
 * E_CONNECTION_NOT_FOUND and those of account_open.
 */
MUST_USE bool account_quota(struct engine *e, int64_t tenant, int64_t connection, struct quota *quota_out, struct quota_own *own_out,
                            struct err *err);

/* May this request go to the operator's own address without the policy's consent? Same origin as the base only. */
bool account_is_operator_url(const struct account *account, struct str url);

#endif
