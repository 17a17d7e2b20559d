/*
 * The old footguns become compile errors. Forced into every file of ours by the build. strtoul is banned too,
 * but libpq's header names it in a macro, which poisoning would refuse; script/lint looks for it instead.
 */
#ifndef TIDEMARK_BASE_BANNED_H
#define TIDEMARK_BASE_BANNED_H

#ifndef __cplusplus
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok strtok_r sscanf atoi atol atoll atof
#pragma GCC poison strtol strtoll strtoull gmtime localtime asctime ctime
#endif

#endif
