/*
 * GraphQL documents, as far as a simulated vendor must read them: one operation, its fields with aliases and arguments,
 * fragments, @include and @skip. Variables are put in while it is read, so arguments are plain JSON afterwards (enum values as
 * texts). It knows no types: whose fields there are says the vendor's file.
 */
#ifndef TIDEMARK_SANDBOX_GRAPHQL_H
#define TIDEMARK_SANDBOX_GRAPHQL_H

#include "base/arena.h"
#include "json/json.h"

#define GRAPHQL_DEPTH_MAX 24
#define GRAPHQL_FIELDS_MAX 2000

struct graphql_field {
    struct str alias;                /* what the answer calls it; the name where none is given */
    struct str name;                 /* "" for a fragment: its fields stand below */
    struct str on;                   /* of a fragment: the type it is for, or STR_NONE: any */
    struct str spread;               /* of a named fragment */
    yyjson_val *arguments;           /* an object, or NULL */
    struct graphql_field *first, *next;
};

struct graphql_operation {
    bool mutation;
    struct graphql_field *first;
};

/*
 * Reads a document and picks the operation called `name` (STR_NONE: the only one). variables: an object or NULL. False with
 * E_VALIDATION_FAILED and words for whoever wrote the document, or E_NO_MEMORY. All in a.
 */
MUST_USE bool graphql_read(struct arena *a, struct str document, struct str name, yyjson_val *variables,
                           struct graphql_operation *operation_out, struct err *err);

struct str graphql_text(const struct graphql_field *field, const char *argument);                    /* STR_NONE */
int64_t graphql_number(const struct graphql_field *field, const char *argument, int64_t otherwise);

#endif
