/*
 * The catalogue: templates as rows, beside those that come with the program (contract, section 5).
 *
 * A person adds a template with a manifest, which then works like a built-in one, or with nothing but the JSON
 * Schema of its configuration: connections of that kind can be kept here, neither tested nor synced. Rows are for
 * all nodes: each loads what it does not have when a name is asked for that it does not know, and looks once a
 * second for what changed.
 */
#ifndef TIDEMARK_ENGINE_CATALOGUE_H
#define TIDEMARK_ENGINE_CATALOGUE_H

#include "engine/engine.h"
#include "store/store_template.h"

/* What a person may set. STR_NONE, NULL, -1: not given. An empty text removes what was there. */
struct template_change {
    struct str name;           /* creation only */
    struct str display_name, description, category, icon, instructions, webhook_url, api_version;
    int active;
    yyjson_val *config_schema; /* an object; not beside a manifest */
    yyjson_val *manifest;      /* YAML in a string, or an object; JSON null removes it */
    struct str created_by;
};

/* E_CONFLICT (the name exists), E_VALIDATION_FAILED, E_TEMPLATE_INVALID, E_TEMPLATE_REFUSED, each with items. */
MUST_USE bool engine_template_create(struct engine *e, struct arena *a, const struct template_change *change,
                                     struct template_row *row_out, struct err *err);
/* id: integer, UUID or name. E_NOT_FOUND; E_CONFLICT for schema or manifest of one that comes with the server. */
MUST_USE bool engine_template_change(struct engine *e, struct arena *a, struct str id, const struct template_change *change,
                                     struct template_row *row_out, struct err *err);
/* E_NOT_FOUND; E_CONFLICT while connections use it, or when it comes with the server. */
MUST_USE bool engine_template_delete(struct engine *e, struct arena *a, struct str id, struct err *err);

struct catalogue;
struct catalogue *catalogue_new(void); /* NULL: memory is out */
void catalogue_free(struct catalogue *c);
/* Brings the registry in line with the rows where they changed. */
MUST_USE bool catalogue_refresh(struct engine *e, struct err *err);
/* Gives every template of the server's own its row. */
MUST_USE bool catalogue_ensure(struct engine *e, struct err *err);

#endif
