/*
 * Mapping: a vendor's record becomes a record of ours.
 *
 * metadata.tidemark.entities says for a stream which kind it is, where each field comes from (a path or
 * an expression), and which roles fields have. Mapping is data and can be overridden per connection. It
 * writes the mapped record straight into canonical JSON, because the fingerprint is taken over those
 * bytes (I-11). A stream without a mapping keeps the whole record as it came. Compiled once; any thread.
 */
#ifndef TIDEMARK_TEMPLATE_MAPPING_H
#define TIDEMARK_TEMPLATE_MAPPING_H

#include "template/template.h"

struct mapping;

struct mapping_options {
    yyjson_val *rules;       /* the connection's {requireEmail, rejectBadPhone}, each before the template's; or NULL */
    struct str region;       /* default region for phones, "BR"; STR_NONE: international form only */
};

struct mapped {
    struct str external_id;  /* primary key as text; composite: canonical JSON array of texts; none: a digest */
    struct str data;         /* canonical JSON object of the mapped fields */
    struct str title, status;/* for lists: columns; STR_NONE when the kind has none */
    int64_t occurred_us;     /* 0: none */
    struct str parent_stream, parent_id; /* the external id of the parent in this connection, or STR_NONE */
    struct str email, phone; /* as mapped, for linking; STR_NONE: no such role or empty */
    struct str version;      /* the vendor's version or update time, for order of observations; STR_NONE */
    struct str url;          /* where a person sees it at the vendor, or STR_NONE */
    struct str merged;       /* ids that the vendor merged into this record, between ; or , or blanks; STR_NONE */
    bool deleted;            /* a tombstone the vendor sent */
    struct str rejected;     /* why it must be rejected, or STR_NONE: "Contact 123: Email required" */
    struct str warning;      /* for the run log, or STR_NONE */
};

/* Members that a record has at the edge beside its fields (createdAt, id, ...): no field can have such a name. */
bool mapping_is_ours(struct str member);
/*
 * Compiles the mapping of a stream; `override` is the connection's `mapping` member for that stream
 * ({field: path-or-expression, ...}; null removes a field) or NULL. Lives in `a`. NULL with E_TEMPLATE_INVALID.
 */
struct mapping *mapping_compile(struct arena *a, const struct template *t, struct str stream, yyjson_val *override,
                                const struct mapping_options *options, struct err *err);
/*
 * Maps one record. `slice` is the page's slice (JSON object or NULL), visible as stream_slice. Texts live in
 * `page`. False only for E_TOO_LARGE and E_LIMIT of the page as a whole; a record's own fault is in `rejected`.
 */
MUST_USE bool mapping_apply(const struct mapping *m, struct arena *page, yyjson_val *record, yyjson_val *slice,
                            yyjson_val *config, int64_t now_us, struct mapped *mapped_out, struct err *err);

/*
 * The other way round: `writes.<stream>.fields` says what members of a request are made of our record. *mapping_out is NULL
 * where the stream declares none: it cannot be written to. E_TEMPLATE_INVALID.
 */
MUST_USE bool mapping_compile_write(struct arena *a, const struct template *t, struct str stream, struct mapping **mapping_out,
                                    struct err *err);
/*
 * record: ours, an object. old: what was last agreed on with this vendor (expressions see it as `old`), or NULL: nothing yet.
 * *members_out: an object, nested where targets have dots; what the record lacks is left out. *fault_out: why this record cannot be
 * written, or STR_NONE. False only for E_TOO_LARGE and E_LIMIT. In a.
 */
MUST_USE bool mapping_write(const struct mapping *m, struct arena *a, yyjson_val *record, yyjson_val *old, yyjson_val *config,
                            int64_t now_us, yyjson_val **members_out, struct str *fault_out, struct err *err);

#endif
