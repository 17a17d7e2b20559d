/*
 * What a person sees first: what needs him, how fresh the data is, what the last day brought.
 */
#ifndef TIDEMARK_STORE_STORE_OVERVIEW_H
#define TIDEMARK_STORE_STORE_OVERVIEW_H

#include "store/store_page.h"

struct overview_need {
    int64_t rank;                /* from 1: the most harmful first */
    struct str kind;             /* "connection_error", "delete_guard", ... */
    struct str connection_uuid, name, run_uuid, subscription_uuid; /* or STR_NONE */
    int64_t count, since_us;     /* since 0: unknown */
    struct str message;          /* or STR_NONE */
};
/* overdue_us: schedules that should have fired before are told. */
MUST_USE bool store_overview_needs(struct db *db, struct arena *a, int64_t tenant, int64_t overdue_us, size_t limit,
                                   struct overview_need **rows_out, size_t *count_out, struct err *err);

struct overview_stream {
    struct str connection_uuid, connection_name, template_name, name, kind;
    int64_t records, deleted, rejected;
    int64_t last_full_us, last_page_us; /* 0: never */
};
MUST_USE bool store_overview_streams(struct db *db, struct arena *a, int64_t tenant, size_t limit,
                                     struct overview_stream **rows_out, size_t *count_out, struct err *err);

struct overview_hour {
    int64_t at_us;
    struct page_counts counts;   /* records_read is not filled */
};
/* From pages since since_us; hours without any are left out. */
MUST_USE bool store_overview_hours(struct db *db, struct arena *a, int64_t tenant, int64_t since_us,
                                   struct overview_hour **rows_out, size_t *count_out, struct err *err);
MUST_USE bool store_overview_runs(struct db *db, int64_t tenant, int64_t since_us, int64_t *succeeded_out, int64_t *failed_out,
                                  struct err *err);

/* What each connection did lately, for its row in a list. */
struct overview_activity {
    struct str connection_uuid;
    int64_t at_us;               /* the hour's beginning */
    int64_t received, errors;
};
MUST_USE bool store_overview_activity(struct db *db, struct arena *a, int64_t tenant, int64_t since_us, size_t limit,
                                      struct overview_activity **rows_out, size_t *count_out, struct err *err);
struct overview_newest {
    struct str connection_uuid, run_uuid, state, verdict, verdict_reason; /* the last two may be STR_NONE */
};
MUST_USE bool store_overview_newest_runs(struct db *db, struct arena *a, int64_t tenant, size_t limit,
                                         struct overview_newest **rows_out, size_t *count_out, struct err *err);

struct overview_parked {
    struct str run_uuid;
    int64_t until_us;
    struct str code, message;
};
enum row store_overview_parked(struct db *db, struct arena *a, int64_t tenant, int64_t connection,
                               struct overview_parked *parked_out, struct err *err);

#endif
