/*
 * Operations: single calls to the vendor that a template declares.
 *
 * They stand in metadata.tidemark: `actions`, `webhooks`, `writes.<stream>`. A member of such a section that has a
 * `path` or a `url` is one; other members (rules, tables) are somebody else's. Each is the template's own requester
 * (address, authenticator, headers) with its fields laid over it. What they see: `config` and `input`; values keep
 * the types that they have in the input, so that "0012" stays text.
 */
#ifndef TIDEMARK_TEMPLATE_OPERATION_H
#define TIDEMARK_TEMPLATE_OPERATION_H

#include "template/reader.h"

struct template_operation; /* part of its template */

struct operation_info {
    struct str section, name;     /* "actions", "search-locations" */
    struct str title, description;
    struct str method;
    bool safe;                    /* it changes nothing at the vendor: may be repeated. GET, or `safe: true` */
    yyjson_val *input_schema;     /* as written, or NULL */
};

/* section is "actions", "webhooks" or "writes.<stream>". */
bool template_has_operation(const struct template *t, struct str section, struct str name);
const struct template_operation *template_operation_find(const struct template *t, struct str section, struct str name); /* NULL */
size_t template_operation_count(const struct template *t);
const struct template_operation *template_operation_at(const struct template *t, size_t index);
const struct operation_info *template_operation_info(const struct template_operation *o);

/* Fills in the schema's defaults and checks. input NULL: an empty object. E_VALIDATION_FAILED with items. */
MUST_USE bool template_operation_accept(const struct template_operation *o, struct arena *a, yyjson_val *input,
                                        yyjson_val **input_out, struct err *err);

/*
 * A reader that makes this one call. READER_PAGE has one record: the part of the answer that the template names, JSON null
 * where there is none. Of the options template, config and now_us count; input must be accepted and outlive it.
 *
 * A call that may have had an effect is never sent twice: when its answer is lost or the vendor stumbles, READER_FAILED
 * says that it is not known whether it was done (E_VENDOR_UNCERTAIN). 429 and an expired token mean that nothing was
 * done, so those are asked again. E_INVALID_CREDENTIALS (401), E_VENDOR_REFUSED with the vendor's words, E_BAD_PAGE.
 */
struct reader *reader_new_operation(const struct reader_options *options, const struct template_operation *o, yyjson_val *input,
                                    struct err *err);

#endif
