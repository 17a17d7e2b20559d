/*
 * What a webhook says, by the template's table (metadata.tidemark.webhooks).
 *
 * A vendor's event is a body of JSON whose shape the template describes as data. A path is names with dots between them,
 * below the part of the body that is looked at; a number is that item of a list, `*` the first in which the rest is found; `$` alone or in
 * front begins at the whole body; "header:NAME" is a header of the request, "A & B" both texts with a blank between. Where one path may
 * stand a list of them may: the first that is there counts.
 *
 *   verify       how it is signed: a list of schemes (signature.h)
 *   secret_fields members of the connection's configuration that the vendor signs with, too: keys of an app, not of a
 *                connection, so the account must match
 *   account      whose it is: the account, portal, location or shop id, as metadata.tidemark.account names it
 *   each         lists whose items are events of their own, outermost first; "" is the part itself
 *   type         which event it is
 *   delivery_id  the vendor's id of this delivery
 *   handshake    {challenge, token, mode?}: names of query parameters of a GET that the vendor sends at first
 *   flat_source  true: a body without the envelope's `source` at /api/webhook may be this vendor's
 *   overload     503 (default) or 429: what this vendor repeats
 *   events       {TYPE: entry or list of entries}; an entry is
 *     stream     which stream the record is of
 *     record     where the vendor's record stands; without it only its id is known and it is fetched
 *     id         the record's id; default: `id` of the record
 *     set        {member: path}: members added to the record; `drop`: [member] taken out of it
 *     version    the vendor's version of the record; `time`: when it became so
 *     slice      {member: path}: what else a fetch of the record needs (metadata.tidemark.reads, `needs`)
 *     deleted    true: the record is gone
 *     intake     lead: the contact becomes a lead
 *     digest_id  a member of the record: one without an id is named by a digest of itself, which goes there
 *     digest_without  members that the digest leaves out, such as a status that changes
 *   account_suffix  what the vendor puts behind the account there (".example.com"), and the configuration has not
 *   registrations   where `register` makes one webhook for one event: the events, a list of texts, each seen by it as `input.item`; or a
 *                map {by: member of the configuration, VALUE: [..], default: [..]}
 *   register, remove, instructions: see docs/webhooks.md
 */
#ifndef TIDEMARK_TEMPLATE_WEBHOOKS_H
#define TIDEMARK_TEMPLATE_WEBHOOKS_H

#include "net/http.h"
#include "template/template.h"

#define WEBHOOK_RECORDS_MAX 1000 /* in one body */

/* Checks the block when the template is loaded; accepts a template without one. E_TEMPLATE_INVALID names the member. */
MUST_USE bool template_webhooks_check(const struct template *t, struct err *err);
/* The block; NULL: the template takes no webhooks. */
yyjson_val *template_webhooks(const struct template *t);

/* A delivery that is being read. */
struct webhook_body {
    yyjson_val *block;                  /* of template_webhooks */
    yyjson_val *body;                   /* parsed with JSON_NUMBERS_RAW */
    const struct http_headers *headers;
    struct arena *arena;
    bool names_only;                    /* records are named and dated, not made: `record` and `slice` may stay NULL */
    struct str account;                 /* whose events webhook_records is to give; STR_NONE: everybody's */
};

#define WEBHOOK_ACCOUNTS_MAX 16         /* of one delivery; events of more are left to polling */
#define WEBHOOK_ACCOUNT_SEPARATOR '\n'

/*
 * The accounts that it names, each once, with a separator between several: an app has one address, and a vendor may put what it
 * has for many accounts into one body. STR_NONE where none is there. Numbers as they were written.
 */
struct str webhook_accounts(const struct webhook_body *b);
bool webhook_account_is_among(struct str accounts, struct str account);
struct str webhook_type(const struct webhook_body *b);     /* of the first event */
struct str webhook_delivery(const struct webhook_body *b);
/* Does the table know any of its events? */
bool webhook_is_handled(const struct webhook_body *b);
/* Does every record of it carry a version or a time? Then its bytes name the delivery (I-21). */
bool webhook_is_dated(const struct webhook_body *b);

/*
 * An event may be no news but a request: somebody asked the vendor to have his data erased, or shown to him (`request`: erase,
 * erase_all, disclose). Then nothing is applied; the engine's own way of doing it is gone.
 */
enum webhook_request { WEBHOOK_NEWS, WEBHOOK_ERASE, WEBHOOK_ERASE_ALL, WEBHOOK_DISCLOSE, WEBHOOK_REQUESTS };
/* Of an entry of the table. WEBHOOK_REQUESTS: its word is none of them. */
enum webhook_request webhook_request_of(yyjson_val *entry);

/* One record that an event is about; everything lives in the body's arena. */
struct webhook_record {
    struct str type, stream;
    struct str external_id;             /* STR_NONE: the record has it, or a digest will */
    yyjson_val *record;                 /* NULL: only its id is known */
    yyjson_val *slice;                  /* object or NULL */
    struct str version;                 /* or STR_NONE */
    int64_t time_us;                    /* 0: not said */
    bool deleted, lead;
    enum webhook_request request;
};
/* All of them. False: E_TOO_LARGE, E_LIMIT. A type that the table does not have is left out. */
MUST_USE bool webhook_records(const struct webhook_body *b, struct webhook_record **rows_out, size_t *count_out, struct err *err);

/* The same for records that were read already. */
bool webhook_records_are_dated(const struct webhook_record *rows, size_t count);
/* A time as vendors write it: RFC 3339, or seconds or milliseconds since 1970. */
MUST_USE bool webhook_time(struct str text, int64_t *us_out);

#endif
