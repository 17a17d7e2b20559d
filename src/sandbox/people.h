/*
 * People who do not exist: names, addresses and companies made from a number.
 *
 * Nothing is stored: the same (seed, number, revision) gives the same person on every machine, so a
 * vendor with a million contacts costs a row each and no text. About three in four are Brazilian, the
 * rest from English-speaking countries. E-mails and phones are unique among the numbers of one seed and
 * come in no order, as real ones do. Phones are well-formed E.164; domains are those reserved for
 * examples (RFC 2606).
 */
#ifndef TIDEMARK_SANDBOX_PEOPLE_H
#define TIDEMARK_SANDBOX_PEOPLE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define PEOPLE_MAX 8000000 /* more numbers would repeat a phone */

struct person {
    struct str name;         /* "João Conceição" */
    struct str first, last;
    struct str email;        /* lower case ASCII */
    struct str phone;        /* "+5581912345678" */
    struct str city, country, country_code;
    struct str company;
};

/*
 * Fills person_out with texts in `a` (or static). `revision` counts the edits: each one changes the last
 * name and the company, never e-mail and phone. False when the arena is full.
 */
MUST_USE bool person_make(struct arena *a, uint64_t seed, uint64_t number, uint32_t revision,
                          struct person *person_out);

/* A sentence as people write them to a shop; static text. */
struct str people_sentence(uint64_t random, bool from_customer);

/* A well-mixed number from two: the source of every choice in the sandbox. */
uint64_t people_mix(uint64_t left, uint64_t right);

#define PEOPLE_UUID_BYTES 37
/* A version 4 shaped UUID from a number. Returns text. */
const char *people_uuid(uint64_t left, uint64_t right, char text[static PEOPLE_UUID_BYTES]);

#endif
