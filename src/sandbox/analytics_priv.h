/*
 * What the files of the Google Analytics simulation share. Facts from the vendor's interface definition (v1beta) and its page on
 * quotas.
 */
#ifndef TIDEMARK_SANDBOX_ANALYTICS_PRIV_H
#define TIDEMARK_SANDBOX_ANALYTICS_PRIV_H

#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define GA_NAME "google_analytics"
#define GA_PROPERTY 987654321

/* Places in world->vendor_numbers. */
enum { GA_HOUR, GA_TOKENS };

#define GA_TOKENS_PER_HOUR 40000
#define GA_TOKENS_OF_A_REPORT 10

/* ---- analytics_report.c */
void analytics_report(struct sandbox_request *r, struct sandbox_reply *reply);
void analytics_metadata(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- analytics.c */
void analytics_error(struct sandbox_reply *reply, int status, const char *name, const char *message);
int64_t analytics_tokens_left(const struct sandbox_request *r);

#endif
