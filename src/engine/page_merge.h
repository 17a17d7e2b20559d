/*
 * Three-way merge of a record that several sources write (design, section 5; contract, section 5).
 *
 * base   what this source and the record last agreed on; NULL at linking: they never did
 * ours   the record as it is stored
 * theirs what the source says now
 *
 * Fields changed on one side only always merge. A field changed on both sides since they agreed is a
 * conflict, and the policy decides. Without a base, blanks are filled first. Objects merge member by
 * member, everything else is one value. Pure; values live in the arena.
 */
#ifndef TIDEMARK_ENGINE_PAGE_MERGE_H
#define TIDEMARK_ENGINE_PAGE_MERGE_H

#include "json/json.h"

enum conflict_policy {
    CONFLICT_LAST_WRITE_WINS, /* theirs, unless a person here wrote later than they did (page_conflict.c) */
    CONFLICT_SOURCE_WINS,
    CONFLICT_LOCAL_WINS,
    CONFLICT_MANUAL,          /* ours stays, the conflict is listed */
};
/* STR_NONE or an unknown word: last_write_wins. */
enum conflict_policy conflict_policy_from_name(struct str name);
bool conflict_policy_is_known(struct str name);

struct merged {
    struct str data;       /* canonical JSON of the outcome */
    bool changed;          /* it differs from ours */
    bool agrees;           /* it equals theirs: the base may be empty */
    unsigned conflicts;    /* fields that both sides changed */
    struct str conflict_fields; /* their names, comma-separated */
    yyjson_val *conflict_values; /* array of {field, pointer, base, source}; NULL: none */
};

/* base_text may be STR_NONE. E_TOO_LARGE when the arena is full, E_INTERNAL when a stored text is no object. */
MUST_USE bool merge_records(struct arena *a, struct str base_text, struct str ours_text, struct str theirs_text,
                            enum conflict_policy policy, struct merged *merged_out, struct err *err);
/* The same, but of the fields in conflict those that these pointers name keep what ours says. */
MUST_USE bool merge_records_keeping(struct arena *a, struct str base_text, struct str ours_text, struct str theirs_text,
                                    enum conflict_policy policy, const struct str *pointers, size_t count, struct merged *merged_out,
                                    struct err *err);
/*
 * What the history keeps of an update: an object of the top members that differ, with their old values
 * (null where there was none). *same_out: nothing differs; then the text is empty.
 */
MUST_USE bool merge_history(struct arena *a, struct str old_text, struct str new_text, struct str *history_out,
                            bool *same_out, struct err *err);

#endif
