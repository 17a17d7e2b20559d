/*
 * Match keys: the form in which two e-mail addresses or two phone numbers are the same person's.
 *
 * "email:" and the address trimmed, in NFC and case-folded; "phone:" and E.164. Pure; any thread.
 */
#ifndef TIDEMARK_ENGINE_MATCH_KEY_H
#define TIDEMARK_ENGINE_MATCH_KEY_H

#include "base/arena.h"
#include "base/str.h"

#define MATCH_KEY_BYTES_MAX 512  /* longer addresses link nothing */

/* STR_NONE: nothing to link by (empty, no '@', too long, not UTF-8, or the arena is full). */
struct str match_key_email(struct arena *a, struct str email);
/* region: the tenant's default, or STR_NONE. STR_NONE: not a number. */
struct str match_key_phone(struct arena *a, struct str phone, struct str region);

#endif
