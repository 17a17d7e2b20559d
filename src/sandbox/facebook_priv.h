/*
 * What the files of the Facebook Ads simulation share. Facts from the node specifications of the vendor's SDK generator
 * (AdAccount, Campaign, AdSet, Ad, AdsInsights, AdReportRun, LeadgenForm, Lead, Page), and its pages on rate limits, the
 * status of ad objects, lead retrieval and webhooks.
 *
 * One ad account and one page, whatever ids are asked for. What is deleted is in no list any more, and still answers by its id.
 */
#ifndef TIDEMARK_SANDBOX_FACEBOOK_PRIV_H
#define TIDEMARK_SANDBOX_FACEBOOK_PRIV_H

#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define FB_NAME "facebook_ads"
#define FB_ACCOUNT 1234567890
#define FB_PAGE "153125381133"
#define FB_APP "987654321"
#define FB_APP_SECRET "app-secret"

/* Places in world->vendor_numbers. */
enum { FB_WINDOW, FB_CALLS, FB_REPORTS_FAIL, FB_REPORTS_STUCK, FB_REPORT_MS, FB_SUBSCRIBED };

struct facebook {
    struct collection *campaigns, *adsets, *ads, *forms, *leads, *reports;
};

typedef void facebook_write_fn(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);

/* ---- facebook_world.c */
struct facebook facebook_of(struct world *world);
bool facebook_populate(struct world *world, const struct sandbox_core *core);
uint32_t facebook_create(struct world *world, struct collection *c, int64_t now_us);
uint64_t facebook_random(struct world *world, const struct collection *c, uint32_t index);
struct str facebook_time(struct arena *a, int64_t us); /* "2026-01-03T10:00:00+0000" */
struct str facebook_day(struct arena *a, int64_t us);
facebook_write_fn facebook_write_campaign, facebook_write_adset, facebook_write_ad, facebook_write_form, facebook_write_lead;
struct str facebook_status(const struct object *o);

/* ---- facebook_list.c: lists, one object, `fields` */
void facebook_list(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, facebook_write_fn *write, uint32_t parent);
void facebook_show(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, facebook_write_fn *write, uint32_t index);
/*
 * A page of `count` items. found: their places in a collection, falling, so that a cursor stays right while objects come and
 * go; NULL: the items do not change. The page that the request asks for is [*from, *to). False: answered.
 */
struct facebook_span {
    const uint32_t *found;
    size_t count, from, to;
};
bool facebook_page(struct sandbox_request *r, struct sandbox_reply *reply, struct facebook_span *span);
void facebook_page_end(struct sandbox_request *r, struct json_writer *w, const struct facebook_span *span);
/* A parameter of the query, or of a form in the body. */
struct str facebook_param(const struct sandbox_request *r, const char *name);

/* ---- facebook_insights.c: reports made in their own time */
void facebook_report_create(struct sandbox_request *r, struct sandbox_reply *reply);
void facebook_report_show(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index);
void facebook_report_rows(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index);
void facebook_insights_now(struct sandbox_request *r, struct sandbox_reply *reply);
void facebook_reports_set(struct sandbox_request *r, struct sandbox_reply *reply); /* /_reports?fail=2&stuck=1&ms=0 */

/* ---- facebook_webhook.c: a delivery as the vendor would send it */
void facebook_webhook(struct sandbox_request *r, struct sandbox_reply *reply); /* /_webhooks/leadgen/ID */

/* ---- facebook.c */
void facebook_error(struct sandbox_reply *reply, int status, int code, int subcode, const char *type, const char *message);

#endif
