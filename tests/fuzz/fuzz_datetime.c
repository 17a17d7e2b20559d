/* A date and its format, a line each: both from strangers. Also as an ISO date, a guess and a duration. */
#include "template/expr/datetime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct str input = {(const char *)data, size}, text, format;
    struct duration d;
    int64_t us = 0, guessed = 0;
    arena_init(&a, 32 * 1024 * 1024);
    (void)str_cut(input, '\n', &text, &format);
    if (datetime_parse(text, format, &us))
        (void)datetime_format(&a, us, format);
    if (datetime_guess(text, &guessed))
        (void)datetime_format(&a, guessed, format);
    if (iso_duration_parse(text, &d))
        (void)datetime_format(&a, datetime_add(us, d, (int64_t)size - 100), format);
    arena_release(&a);
    return 0;
}
