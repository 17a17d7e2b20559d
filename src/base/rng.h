/*
 * Randomness, handed in so that tests own it. Not for keys: those come from crypt/.
 *
 * A `struct rng` belongs to one thread. The same seed gives the same numbers on every machine.
 */
#ifndef TIDEMARK_BASE_RNG_H
#define TIDEMARK_BASE_RNG_H

#include <stdint.h>

#include "base/str.h"

struct rng {
    uint64_t state;
};

void rng_init(struct rng *rng, uint64_t seed);
void rng_init_system(struct rng *rng);            /* seeded by the operating system */
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* in [0, bound); bound > 0 */

#define UUID_TEXT_BYTES 37
/* UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, the rest random. Grows with time. Returns text. */
const char *uuid_v7(struct rng *rng, int64_t wall_us, char text[static UUID_TEXT_BYTES]);
/* The same with random bits from the operating system; any thread. */
const char *uuid_v7_now(char text[static UUID_TEXT_BYTES]);
/* 8-4-4-4-12 lower or upper case hex digits, any version. */
bool uuid_is_valid(struct str text);

/*
 * Returns how long to wait before retry number `attempt` (1 is the first retry), in milliseconds.
 * Full jitter, so that a thousand connections that failed together do not return together: the result
 * lies in [0, min(cap_ms, base_ms << attempt)]. Cannot fail. Source: contract, section 1.
 */
int64_t backoff_ms(unsigned attempt, int64_t base_ms, int64_t cap_ms, struct rng *rng);

#endif
