/*
 * What became of each record of a run: the lists behind its counters.
 *
 * A page leaves one row for each kind of change, with the ids of its records packed in their order (store_run_record.c), so
 * that a list is as long as its counter says, costs no index, and goes with the run. A record that a run touched twice stands
 * there twice; 0 stands for one that is not here: a tombstone of what was never read, or what was erased.
 */
#ifndef TIDEMARK_STORE_STORE_RUN_RECORD_H
#define TIDEMARK_STORE_STORE_RUN_RECORD_H

#include "store/db.h"

/* In the database, so never renumbered. */
enum run_change {
    RUN_CHANGE_ANY,
    RUN_CREATED,
    RUN_UPDATED,
    RUN_UNCHANGED,
    RUN_DELETED,             /* the source said so */
    RUN_MISSING,             /* a full pass did not find it */
};

struct run_touch {
    int64_t record;          /* records.id, or 0 */
    enum run_change change;
};

/* In the transaction of a page: those of one stream, in their order. */
MUST_USE bool store_run_records_add(struct db *db, int64_t tenant, int64_t run, int64_t page_seq, int64_t stream,
                                    const struct run_touch *touched, size_t count, struct err *err);
/* Records that went with a pass, or when a person confirmed. */
MUST_USE bool store_run_records_missing(struct db *db, int64_t tenant, int64_t run, int64_t stream, const int64_t *records,
                                        size_t count, struct err *err);

struct run_record {
    int64_t record;          /* 0: not here */
    enum run_change change;
    int64_t stream, page_seq;
};
struct run_record_filter {
    enum run_change change;  /* RUN_CHANGE_ANY: all but RUN_MISSING, which was not received */
    int64_t stream;          /* 0: any */
    int64_t after;           /* a place that a list gave; 0: from the start */
    size_t offset, limit;
};
/*
 * By change, then in the order in which they came. next_out: 0 where there is no more; it stays a place while the run goes on.
 * A page by number walks over what lies before it, 64 rows at a time; one by place does not.
 */
MUST_USE bool store_run_records(struct db *db, struct arena *a, int64_t tenant, int64_t run, const struct run_record_filter *filter,
                                struct run_record **rows_out, size_t *count_out, int64_t *next_out, int64_t *total_out,
                                struct err *err);

/* The records of all runs whose pages were read in a time, in the order of the runs and of their pages. */
struct read_record {
    int64_t record;          /* 0: not here */
    enum run_change change;
    struct str run_uuid, connection_uuid, connection_name, stream_name;
};
/* Rejected ones are not among them. A page of the list walks over what lies before it. */
MUST_USE bool store_run_records_between(struct db *db, struct arena *a, int64_t tenant, int64_t from_us, int64_t to_us, size_t offset,
                                        size_t limit, struct read_record **rows_out, size_t *count_out, int64_t *total_out,
                                        struct err *err);

#endif
