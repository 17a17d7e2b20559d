/* For tests of this room: a built-in template by its name. */
#ifndef TIDEMARK_TEMPLATE_TEST_BUILTIN_H
#define TIDEMARK_TEMPLATE_TEST_BUILTIN_H

#include "base/test.h"
#include "template/template.h"

static inline struct str
builtin_yaml(const char *name)
{
    for (size_t i = 0; i < template_builtin_count; i++)
        if (strcmp(template_builtins[i].name, name) == 0)
            return template_builtins[i].yaml;
    fail_msg("there is no built-in template %s", name);
    return STR_NONE;
}

#endif
