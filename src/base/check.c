#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

static _Thread_local struct check_context context;

void
check_context(const char *request_id, const char *run_id, const char *step)
{
    context = (struct check_context){request_id, run_id, step};
}

struct check_context
check_context_get(void)
{
    return context;
}

void
check_failed(const char *expression, const char *file, int line, const char *function)
{
    fprintf(stderr, "{\"level\":\"fatal\",\"message\":\"check failed\",\"expression\":\"%s\",\"place\":\"%s:%d %s\","
            "\"requestId\":\"%s\",\"runId\":\"%s\",\"step\":\"%s\"}\n", expression, file, line, function,
            context.request_id ? context.request_id : "", context.run_id ? context.run_id : "",
            context.step ? context.step : "");
    abort();
}
