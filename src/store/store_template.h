/*
 * Templates as rows: what door 002 lists, adds, changes and removes.
 *
 * No tenant's data: everybody may see the list. A row of origin TEMPLATE_OF_SERVER stands for a template that
 * comes with the program or lies in the data folder; its texts are STR_NONE unless a person has set them. Rows
 * of people carry their manifest, or, where it can be configured but not synced, only their schema.
 */
#ifndef TIDEMARK_STORE_STORE_TEMPLATE_H
#define TIDEMARK_STORE_STORE_TEMPLATE_H

#include "store/db.h"

#define TEMPLATE_OF_SERVER STR("server")
#define TEMPLATE_OF_PERSON STR("person")

struct template_row {
    int64_t id;                /* small integer, never given twice */
    struct str uuid, name;     /* name: unique, what connections hold */
    struct str origin;
    struct str display_name, description, category, icon; /* or STR_NONE */
    bool active;
    struct str config_schema;  /* JSON, or STR_NONE: the template's own */
    struct str instructions, webhook_url, api_version;
    struct str manifest;       /* as it came, or STR_NONE */
    int64_t revision;          /* from 1 */
    struct str created_by;     /* subject of who made it, or STR_NONE */
    int64_t created_by_user;   /* users.id of that subject; 0: none */
    int64_t connections;       /* of all tenants that use it */
    int64_t created_us, updated_us;
};

/* Inserts; fills id, uuid and times. E_CONFLICT when the name exists. */
MUST_USE bool store_template_create(struct db *db, struct arena *a, struct template_row *row, int64_t now_us, struct err *err);
/* Sees to it that a name of the server's own has a row. */
MUST_USE bool store_template_ensure(struct db *db, struct arena *a, struct str name, int64_t now_us, struct err *err);
/* By integer in text, UUID or name. */
enum row store_template_get(struct db *db, struct arena *a, struct str id, struct template_row *row_out, struct err *err);
/* Those with id > after, by id, without their manifests. total_out may be NULL. */
MUST_USE bool store_template_list(struct db *db, struct arena *a, int64_t after, size_t offset, size_t limit, bool active_only,
                                  struct template_row **rows_out, size_t *count_out, int64_t *total_out, struct err *err);
/* Writes all but name, origin and maker. E_CONFLICT when the row is no longer at row->revision. */
MUST_USE bool store_template_update(struct db *db, const struct template_row *row, int64_t now_us, struct err *err);
/* E_CONFLICT while a connection uses it, or when it is the server's own. */
MUST_USE bool store_template_delete(struct db *db, int64_t id, struct err *err);
/* Another number after every change of any row. */
MUST_USE bool store_template_mark(struct db *db, int64_t *mark_out, struct err *err);

#endif
