/*
 * Every limit of the program in one place: name, unit, reason (invariants, section 2).
 */
#ifndef TIDEMARK_BASE_LIMITS_H
#define TIDEMARK_BASE_LIMITS_H

/* Requests that reach us */
#define LIMIT_REQUEST_LINE_BYTES (8 * 1024)          /* longer: 414 */
#define LIMIT_HEADER_BYTES (16 * 1024)               /* longer: 431 */
#define LIMIT_HEADER_FIELDS 100                      /* more: 431 */
#define LIMIT_BODY_BYTES (1024 * 1024)               /* longer: 413 */
#define LIMIT_BODY_LARGE_BYTES (5 * 1024 * 1024)     /* webhooks and templates */
#define LIMIT_HEADER_DEADLINE_MS 10000               /* header block not complete by then: 408 */
#define LIMIT_BODY_BYTES_PER_S 500                   /* slower on average after the first 10 s: 408 */
#define LIMIT_BODY_GRACE_MS 10000
#define LIMIT_KEEP_ALIVE_MS 75000                    /* an idle connection is closed */
#define LIMIT_WRITE_STALL_MS 30000                   /* a reader that takes nothing for so long is closed */
#define LIMIT_JSON_DEPTH_API 64
#define LIMIT_STORE_WAIT_MS 5000                     /* for a busy database or a free connection: then 503 */
#define LIMIT_STORE_IDLE_MS 10000                    /* of a writer inside a transaction (stopped, cut off): it is rolled back */
#define LIMIT_LIST_MAX 500                           /* largest `limit` of a list */
#define LIMIT_COUNT_EXACT 10000                      /* a filtered total is counted no further */
#define LIMIT_REQUEST_ID_BYTES 128
#define LIMIT_IDEMPOTENCY_KEY_BYTES 255
#define LIMIT_REQUEST_ARENA_BYTES (64 * 1024 * 1024) /* one exchange, its answer included */
#define LIMIT_NAME_BYTES 200                         /* connection, job, tenant names */

/* Requests that we send */
#define LIMIT_VENDOR_BODY_BYTES (64 * 1024 * 1024)   /* decompressed page */
#define LIMIT_VENDOR_RATIO 200                       /* decompressed : received, after the first MiB */
#define LIMIT_JSON_DEPTH_VENDOR 128
#define LIMIT_CONNECT_MS 10000
#define LIMIT_FIRST_BYTE_MS 60000
#define LIMIT_TOTAL_MS 300000
#define LIMIT_DRIP_BYTES_PER_S 1024                  /* slower over LIMIT_DRIP_S: dropped */
#define LIMIT_DRIP_S 30
#define LIMIT_VENDOR_HEADER_BYTES (64 * 1024)
#define LIMIT_VENDOR_HEADER_FIELDS 200
#define LIMIT_IN_FLIGHT_BYTES (512L * 1024 * 1024)   /* all vendor bodies in memory together */

/* Trying again */
#define LIMIT_RETRY_5XX 8
#define LIMIT_RETRY_PAGE_PARSE 3
#define LIMIT_BACKOFF_BASE_MS 1000
#define LIMIT_BACKOFF_CAP_MS (5 * 60 * 1000)
#define LIMIT_RETRY_AFTER_MS (60 * 60 * 1000)        /* honoured up to an hour, then released with not_before */
#define LIMIT_POISON_ATTEMPTS 3                      /* a page that kills the process so often is paused */

/* Runs */
#define LIMIT_PAGE_ARENA_BYTES (512L * 1024 * 1024)  /* one page, parsed and mapped */
#define LIMIT_RUN_ARENA_BYTES (256L * 1024 * 1024)
#define LIMIT_RUN_PAGES 10000000
#define LIMIT_RUN_BYTES (INT64_C(4) << 40)           /* of vendor answers, by one process */
#define LIMIT_RUN_HOURS 168                          /* one process on one run */
#define LIMIT_PAGES_WITHOUT_PROGRESS 1000            /* empty or all-seen pages in a row */
#define LIMIT_SAME_PAGES 10                          /* with exactly the records of the page before, in a row */
#define LIMIT_RUN_LOG_LINES 100000
#define LIMIT_RUN_REQUESTS_FIRST 500                 /* vendor requests of a run that are kept: the first ... */
#define LIMIT_RUN_REQUESTS_LAST 500                  /* ... and the last; between them they are counted only */
#define LIMIT_REQUEST_KEPT_URL_BYTES 2048            /* of a kept request's address, after masking */
#define LIMIT_REQUEST_KEPT_HEADER_BYTES 512          /* of one of its headers' values, likewise */
#define LIMIT_REQUEST_KEPT_HEADERS 64                /* of each side */
#define LIMIT_RECORD_BYTES (4 * 1024 * 1024)         /* one mapped record */
#define LIMIT_ERROR_MESSAGES 100                     /* in a reply; all are under rejected */
#define LIMIT_MATCH_TAIL_KEYS 131072                 /* changed match keys in memory, 24 bytes each (SQLite) */
#define LIMIT_SEEN_TAIL_KEYS 32768                   /* known deliveries in memory, 48 bytes each, before their tree (SQLite) */
#define LIMIT_DELETE_GUARD_PERCENT 20
#define LIMIT_DELETE_GUARD_COUNT 10
#define LIMIT_PUSH_GUARD_HOURS 24                    /* deletions sent so long ago count as sent at once: a trickle is no way around */
#define LIMIT_UNSEEN_PERCENT 1 /* of a declared total: records that came and went while a full pass was read */

/* Kept for a while */
#define LIMIT_INBOX_ROWS 2000000                     /* webhook events that are done; the oldest go first */

/* Templates: untrusted input */
#define LIMIT_TEMPLATE_BYTES (5 * 1024 * 1024)
#define LIMIT_TEMPLATE_ARENA_BYTES (512L * 1024 * 1024)
#define LIMIT_TEMPLATE_DEPTH 128
#define LIMIT_EXPRESSION_BYTES (64 * 1024)
#define LIMIT_EXPRESSION_DEPTH 64
#define LIMIT_EXPRESSION_TREE_DEPTH 200              /* of the parsed tree: `a + b + c ...` is one level each */
#define LIMIT_EXPRESSION_STEPS 100000
#define LIMIT_EXPRESSION_MEMORY_BYTES (64 * 1024 * 1024) /* arena bytes one evaluation may take */
#define LIMIT_VALUE_DEPTH 128                        /* nesting of a value that is printed, compared or read */
#define LIMIT_DATETIME_FORMAT_BYTES 512              /* of a date format, and of a date that is read by one */
#define LIMIT_DATETIME_STEPS 10000                   /* tries of one datetime_parse: formats are untrusted */
#define LIMIT_EXPRESSION_RESULT_BYTES (8 * 1024 * 1024)
#define LIMIT_REGEX_STEPS 1000000
#define LIMIT_REGEX_DEPTH 1000
#define LIMIT_SCHEMA_BYTES (1024 * 1024)             /* a schema, written compactly */
#define LIMIT_SCHEMA_STEPS 200000                    /* keywords tried in one validation */
#define LIMIT_SCHEMA_DEPTH 1000                      /* of nested keywords: stops a $ref that goes in circles */
#define LIMIT_REGEX_BYTES (16 * 1024)                /* one pattern */
#define LIMIT_REGEX_HEAP_KIB (16 * 1024)             /* what one match may take to remember where it could go back */

/* Secrets */
#define LIMIT_SECRET_BYTES (1024 * 1024)             /* one sealed value, a whole credential object */

/* Who may try a password how often */
#define LIMIT_AUTH_FAILURES 10
#define LIMIT_AUTH_WINDOW_S 300
#define LIMIT_TRIES 20                               /* of credentials: of new ones per tenant, of a connection's per connection */
#define LIMIT_TRIES_WINDOW_S 60

/* Keys that an identity provider publishes (JWKS) */
#define LIMIT_JWKS_FRESH_S 600                       /* older ones are fetched anew, while they still serve */
#define LIMIT_JWKS_RETRY_S 30                        /* between two tries: unknown key ids must not make us a flood */
#define LIMIT_JWKS_STALE_S (24 * 60 * 60)            /* how long old ones serve while the address fails */
#define LIMIT_JWKS_FETCH_MS 5000
#define LIMIT_JWKS_WAITING 16                        /* requests that wait for a fetch; others get 503: threads are for all */

#endif
