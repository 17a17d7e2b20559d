/*
 * Templates: a connector as data, compiled once into an immutable plan.
 *
 * A template is a low-code manifest (YAML) plus our extension block under metadata.tidemark
 * (docs/templates.md). Loading reads the text, resolves references, fills parameters and types, checks
 * everything, compiles every expression, and keeps the byte-for-byte source. A stream that needs what we
 * do not have is refused by name with its reason; the others load. After loading nothing changes: a
 * template is shared by threads and released when its last user is done.
 */
#ifndef TIDEMARK_TEMPLATE_TEMPLATE_H
#define TIDEMARK_TEMPLATE_TEMPLATE_H

#include "json/json.h"
#include "json/schema.h"

struct template;
struct template_stream;

/*
 * Compiles a template. `name` is used where metadata.tidemark.name is missing (a file's name without
 * ending). NULL with E_TEMPLATE_INVALID: the message has line and column, the items have JSON pointers;
 * E_TEMPLATE_REFUSED when no stream at all can be read; E_TOO_LARGE. Holds one reference.
 */
struct template *template_load(struct str yaml, struct str name, struct err *err);
/*
 * A template without a manifest, from the JSON Schema of its configuration alone: connections can be configured, not
 * tested nor synced (info.configure_only). E_VALIDATION_FAILED: no JSON, or no valid schema; E_LIMIT; E_NO_MEMORY.
 */
struct template *template_new_configurable(struct str name, struct str display_name, struct str schema, struct err *err);
struct template *template_ref(struct template *t);
void template_unref(struct template *t); /* accepts NULL */

struct template_info {
    struct str name;          /* "my_shop": lower case, digits, '_' */
    struct str display_name, description, category, icon, documentation_url;
    struct str instructions;  /* Markdown for the person who connects */
    struct str api_version;   /* of the vendor's API that the template speaks by default */
    struct str version;       /* of the template itself; a change makes the next run full */
    struct str source;        /* the YAML as it came */
    uint64_t source_hash;
    yyjson_val *config_schema;          /* spec.connection_specification */
    struct schema *schema;              /* the same, compiled */
    struct str base_url_field;          /* the config member with the address, or STR_NONE */
    struct str base_url_default;        /* may contain "[subdomain]"-like parts named after config members */
    struct str primary_secret;          /* the member that a request's `apiKey` fills */
    yyjson_val *tidemark;               /* metadata.tidemark, or NULL */
    int64_t interval_us, full_interval_us; /* default schedule; 0: not given */
    bool configure_only;                /* no streams: can be configured, neither tested nor synced */
};
const struct template_info *template_info(const struct template *t);

/*
 * What people read of it in a language ("pt-BR"; STR_NONE: its own): from its translation, else its own words. What is made for
 * that lives in the arena. language: that of the translation, as the template writes it; STR_NONE: there is none.
 */
struct template_texts {
    struct str language;
    struct str description, instructions, webhook_instructions;
    yyjson_val *config_schema;
};
MUST_USE bool template_texts(const struct template *t, struct arena *a, struct str language, struct template_texts *texts_out,
                             struct err *err);

/* What is wrong with it and does not keep it from loading: which line says what. False: there are not so many. */
bool template_fault_at(const struct template *t, size_t index, unsigned *line_out, struct str *words_out);

size_t template_stream_count(const struct template *t);
const struct template_stream *template_stream_at(const struct template *t, size_t index);
const struct template_stream *template_stream_find(const struct template *t, struct str name); /* NULL */
/* Is there a stream of that name or kind that can be read? */
bool template_reads(const struct template *t, struct str stream_or_kind);

struct stream_info {
    struct str name;
    struct str kind;          /* the plural of the routes it maps to ("contacts"), or the stream's name */
    struct str refused;       /* why it cannot be read, or STR_NONE */
    bool mapped;              /* metadata.tidemark.entities has it */
    bool synced;              /* read by a run that names no streams (false: only parents, or refused) */
    bool incremental;
    bool leaves_files;        /* its records have files elsewhere (FileUploader), which are not fetched */
    bool supports_deletes;    /* a full pass lists everything that exists: absence means gone */
    bool has_reads;           /* one record can be fetched by its id */
    bool substream;           /* read parent by parent: what was not visited was not looked at */
    /* Of a substream whose slices name its parent by the parent's own id: which stream, under which member. Else STR_NONE. */
    struct str parent_stream, parent_field;
    yyjson_val *primary_key, *schema;
    yyjson_val *only_for;     /* x-tidemark-for: {member of the configuration: [its values]}, or NULL: for every connection */
};
const struct stream_info *template_stream_info(const struct template_stream *s);
/* Is it for a connection of that configuration? A member that is not there leaves it open. */
bool template_stream_is_for(const struct stream_info *info, yyjson_val *config);

/*
 * What a person sent (credentials and config, already one object) becomes the configuration: aliases
 * renamed (`apiUrl` is the base URL member, `apiKey` the primary secret), numbers given for text members
 * turned to text, defaults filled, base URL cut of a trailing '/' and of the API prefix, checked by the
 * schema. E_VALIDATION_FAILED with one item per JSON pointer under `pointer_prefix` ("/credentials").
 */
MUST_USE bool template_config_accept(const struct template *t, struct arena *a, yyjson_val *input,
                                     struct str pointer_prefix, yyjson_val **config_out, struct err *err);
/*
 * The configuration as requests see it: base URL from the connection's own, else `address_override` (the
 * operator's <NAME>_BASE_URL, or STR_NONE), else the template's default, bracketed parts filled in.
 * *operator_address_out tells whether the operator's own address was used (D27).
 */
MUST_USE bool template_config_effective(const struct template *t, struct arena *a, yyjson_val *config,
                                        struct str address_override, yyjson_val **config_out,
                                        bool *operator_address_out, struct err *err);
/* Is the member at this JSON pointer of the configuration a secret (airbyte_secret, writeOnly, format password)? */
bool template_config_is_secret(const struct template *t, struct str pointer);
/* A copy with every secret shown as "••••1234" (fewer than 8 characters: "••••"). NULL when the arena is full. */
yyjson_val *template_config_masked(const struct template *t, struct arena *a, yyjson_val *config);

/*
 * Which streams there are may depend on the configuration (dynamic_streams, ConditionalStreams). The template with those
 * of this (effective) configuration: a new one, or another reference to t when it depends on nothing. Without it such a
 * template has its static streams only; a dynamic declaration that cannot be resolved is in the list as a refused stream.
 */
struct template *template_configured(struct template *t, yyjson_val *config, int64_t now_us, yyjson_val *lists, struct err *err);
bool template_depends_on_config(const struct template *t);
size_t template_dynamic_count(const struct template *t);
struct str template_dynamic_name(const struct template *t, size_t index);
/* Is it made of a list that the vendor gives, and can that be read? */
bool template_dynamic_is_list(const struct template *t, size_t index);
size_t template_list_count(const struct template *t); /* how many are */

/* The built-in templates, embedded at build time. */
struct template_builtin {
    const char *name;
    struct str yaml;
};
extern const struct template_builtin template_builtins[];
extern const size_t template_builtin_count;

#endif
