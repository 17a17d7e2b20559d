#include "base/test.h"
static void
test_placeholder(void **state)
{
    (void)state;
}
