/*
 * Conflicts that wait for a person, and those that were decided.
 */
#ifndef TIDEMARK_STORE_STORE_CONFLICT_H
#define TIDEMARK_STORE_STORE_CONFLICT_H

#include "store/db.h"

struct conflict {
    int64_t id, connection, record;
    struct str uuid;
    bool open;
    struct str fields;       /* JSON array of {field, pointer, base, source} */
    struct str choice;       /* "source", "local", "values", "agreed"; STR_NONE while it is open */
    struct str resolved_by;
    int64_t created_us, updated_us, resolved_us;
    struct str connection_uuid, connection_name, template_name, record_uuid, title, kind;
    struct str data;         /* of the record now */
};

struct conflict_filter {
    struct str state;        /* "open", "resolved", or STR_NONE: any */
    struct str connection, record; /* uuids, or STR_NONE */
    int64_t after;           /* of a cursor; 0: from the newest */
    size_t offset, limit;
};

/* E_CONFLICT when one is open already. */
MUST_USE bool store_conflict_add(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t record,
                                 struct str fields, int64_t now_us, struct str *uuid_out, struct err *err);
enum row store_conflict_open(struct db *db, struct arena *a, int64_t tenant, int64_t record, int64_t connection,
                             struct conflict *conflict_out, struct err *err);
enum row store_conflict_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct conflict *conflict_out,
                            struct err *err);
MUST_USE bool store_conflict_of_record(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct conflict **rows_out,
                                       size_t *count_out, struct err *err);
MUST_USE bool store_conflict_list(struct db *db, struct arena *a, int64_t tenant, const struct conflict_filter *filter,
                                  struct conflict **rows_out, size_t *count_out, struct err *err);
MUST_USE bool store_conflict_count(struct db *db, int64_t tenant, const struct conflict_filter *filter, int64_t *count_out,
                                   struct err *err);
MUST_USE bool store_conflict_set_fields(struct db *db, int64_t tenant, int64_t conflict, struct str fields, int64_t now_us,
                                        struct err *err);
/* E_CONFLICT when it is not open any more. */
MUST_USE bool store_conflict_resolve(struct db *db, int64_t tenant, int64_t conflict, struct str choice, struct str by, int64_t now_us,
                                     struct err *err);
MUST_USE bool store_conflict_erase(struct db *db, int64_t tenant, int64_t record, struct err *err);

#endif
