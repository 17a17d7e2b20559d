/*
 * What every test file includes first: cmocka in the order it wants, and words of ours on top.
 */
#ifndef TIDEMARK_BASE_TEST_H
#define TIDEMARK_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

/* What this thread has had of a processor: where a bound of wall time would tell of a busy machine. */
static inline int64_t
computed_us(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * US_PER_S + used.tv_nsec / 1000;
}

#define assert_str(actual, expected_literal)                                                              \
    do {                                                                                                  \
        struct str actual_ = (actual);                                                                    \
        if (!str_eq(actual_, STR(expected_literal)))                                                      \
            fail_msg("expected \"%s\", got \"%.*s\"", expected_literal, STR_ARG(actual_));                \
    } while (0)
#define assert_ok(call, err)                                                                              \
    do {                                                                                                  \
        if (!(call))                                                                                      \
            fail_msg("%s: %s: %s", #call, err_name((err).code), (err).message);                           \
    } while (0)
#define assert_fails_with(call, err, expected_code)                                                       \
    do {                                                                                                  \
        if (call)                                                                                         \
            fail_msg("%s should have failed with %s", #call, #expected_code);                             \
        if ((err).code != (expected_code))                                                                \
            fail_msg("%s: expected %s, got %s: %s", #call, #expected_code, err_name((err).code), (err).message); \
    } while (0)

#endif
