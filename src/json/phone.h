/*
 * Phone numbers as people type them -> E.164, the form in which two of them can be compared.
 *
 * The numbering plans are libphonenumber's. It takes 14 us a number, so clean E.164 of the commonest plans
 * goes through a table in C that gives the very same answers, and the last few hundred results are kept.
 */
#ifndef TIDEMARK_JSON_PHONE_H
#define TIDEMARK_JSON_PHONE_H

#include <stdbool.h>

#include "base/str.h"

#define PHONE_TEXT_BYTES 20 /* '+', at most 17 digits, NUL */

/*
 * Reads text as a phone number and writes E.164 ("+5511987654321") into e164.
 *
 * region  two upper case letters: where a number without country code is dialled ("BR"); empty or unknown:
 *         only numbers that begin with '+' can be read.
 *
 * False, e164 untouched, when it is no number, has a length that its country does not know, or is longer than
 * PHONE_INPUT_BYTES_MAX. An extension is dropped. The number may still be unassigned: that is not looked at, as
 * plans change faster than tables. Any thread. text is untrusted.
 */
#define PHONE_INPUT_BYTES_MAX 128
MUST_USE bool phone_to_e164(struct str text, struct str region, char e164[PHONE_TEXT_BYTES]);
/* Whether region is a country that phone_to_e164 knows. Any thread. */
bool phone_region_is_known(struct str region);

#endif
