/*
 * A run that is interrupted anywhere ends as one that was not (I-2, I-4).
 */
#include "rig.h"

#include "store/db_trace.h"

static void
test_placeholder(void **state)
{
    (void)state;
}
