/*
 * Kinds: what contacts, orders and the others are made of, as data.
 *
 * One table says for each kind which members it has, of which type, and which of them are its title, status and
 * time in lists. From it come what a local edit may write, the columns of a CSV export, and what text search reads.
 * A kind that is not in it (a stream of a person's own template) is kept and shown as it is mapped, and cannot be
 * edited here. Pure data; any thread.
 */
#ifndef TIDEMARK_ENGINE_KIND_H
#define TIDEMARK_ENGINE_KIND_H

#include "base/str.h"
#include "json/json.h"

enum field_type {
    FIELD_TEXT,
    FIELD_EMAIL,
    FIELD_PHONE,     /* normalised to E.164 where it can be read */
    FIELD_MONEY,     /* exact decimal text (I-10) */
    FIELD_TIME,      /* RFC 3339 */
    FIELD_OBJECT,    /* merged member by member */
    FIELD_LIST,
    FIELD_BOOL,
    FIELD_NUMBER,    /* text or number, kept as it is written */
};

enum field_flags {
    FIELD_FOUND = 1, /* text search reads it */
    FIELD_FIXED = 2, /* shown, not written by edits: the engine sets it */
};

struct kind_field {
    const char *name;        /* NULL ends the list */
    enum field_type type;
    unsigned flags;
};

#define KIND_FIELDS_MAX 16

struct kind {
    const char *name;        /* the plural of the routes: "contacts" */
    const char *singular;    /* "Contact" */
    const char *title, *status, *occurred; /* members, or NULL */
    const char *parent;      /* the member that names its parent at the edge ("conversationId"), or NULL */
    const char *parent_kind;
    struct kind_field fields[KIND_FIELDS_MAX + 1];
};

extern const struct kind kinds[];
extern const size_t kind_count;

/* NULL: not one of ours. */
const struct kind *kind_find(struct str name);
/* Is what hangs on such a record a part of it, erased with it? A company's contacts and deals are not. Any name. */
bool kind_owns_children(struct str name);
/*
 * The members of a record that are none of the kind's fields, as one JSON text in `a`; STR_NONE: there is none. beside: names that
 * are shown elsewhere, ended by NULL; or NULL. False: the arena is full.
 */
MUST_USE bool kind_other_members(const struct kind *kind, struct arena *a, yyjson_val *data, const char *const *beside,
                                 struct str *text_out);
/* NULL: the kind has no such member. */
const struct kind_field *kind_field_find(const struct kind *kind, struct str name);

#endif
