/*
 * What a vendor makes of what we send: it trims, lowers, formats. The agreement is then two spellings of one value.
 *
 * A map keeps them as {pointer: [ours, theirs]}. What the vendor says later is read in our spelling before it is compared, so its
 * "+55 81 9999-0000" is no change of our "81 99990000", and is not sent again; another value is one. Pure; values live in the arena.
 */
#ifndef TIDEMARK_ENGINE_ALIAS_H
#define TIDEMARK_ENGINE_ALIAS_H

#include "json/json.h"

/* theirs with our spelling where it is known. alias may be STR_NONE. E_TOO_LARGE. */
MUST_USE bool alias_translate(struct arena *a, struct str alias, struct str theirs, struct str *theirs_out, struct err *err);

struct agreement {
    struct str base;       /* what both agree on from now, in our spelling */
    struct str alias;      /* STR_NONE: nothing is spelled otherwise */
};
/*
 * After sending: fields in which `sent` differs from `base` (STR_NONE: there was nothing) were sent, and `theirs` is what the
 * vendor made of them. One that it does not show at all is not agreed on, and goes again with the next change.
 */
MUST_USE bool alias_agree(struct arena *a, struct str base, struct str sent, struct str theirs, struct str alias,
                          struct agreement *agreement_out, struct err *err);

/*
 * theirs was read while the answer to `sent` was on its way, or lost: fields in which it says what was sent are our own write, and agreed
 * on. *base_out: base with them. Without it an edit made here meanwhile would seem to meet a change of theirs.
 */
MUST_USE bool alias_confirm(struct arena *a, struct str base, struct str sent, struct str theirs, struct str *base_out, struct err *err);

/* Sets what a pointer (RFC 6901) names; objects on the way are made; NULL removes. False: memory. */
MUST_USE bool alias_put(struct arena *a, yyjson_mut_doc *doc, yyjson_mut_val *root, struct str pointer, yyjson_val *value);

#endif
