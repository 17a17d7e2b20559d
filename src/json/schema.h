/*
 * JSON Schema: is what a person typed what the template asks for?
 *
 * Drafts 4, 6, 7, 2019-09 and 2020-12, by `$schema`; without one, draft-07. A schema comes from a template,
 * so it is untrusted: `$ref` reaches only into the same document, size and depth are capped, patterns run
 * with PCRE2's match limits. `format` is checked. The validator is a C++ library; no exception leaves this
 * room. A compiled schema never changes: any number of threads may validate with it at once.
 */
#ifndef TIDEMARK_JSON_SCHEMA_H
#define TIDEMARK_JSON_SCHEMA_H

#include <stdbool.h>

#include "json/json.h"

struct schema;

/*
 * Compiles once. document: an object or a boolean; need not outlive the call. NULL with E_VALIDATION_FAILED
 * (what is wrong with the schema), E_LIMIT (bigger, deeper or with a longer pattern than allowed), E_NO_MEMORY.
 */
struct schema *schema_compile(yyjson_val *document, struct err *err);
void schema_free(struct schema *schema); /* accepts NULL */

/*
 * True when value is valid. Else E_VALIDATION_FAILED with a message for a person and, if the caller gave
 * err->items, one item per JSON pointer into value (a missing member is named by its own pointer). An item
 * never holds the value itself, which may be a secret. E_LIMIT when a pattern passed its match limit or value is
 * nested deeper than LIMIT_JSON_DEPTH_VENDOR; E_NO_MEMORY.
 */
MUST_USE bool schema_validate(const struct schema *schema, yyjson_val *value, struct err *err);

/*
 * Gives value with every absent member that has a `default` filled in, in the arena; value itself when there is
 * nothing to fill. Only defaults of `properties` that apply to the value count, and `"default": null` fills nothing.
 * Does not say whether the result is valid: validate it. NULL with E_TOO_LARGE, E_LIMIT, E_NO_MEMORY.
 */
yyjson_val *schema_apply_defaults(const struct schema *schema, struct arena *a, yyjson_val *value, struct err *err);

#endif
