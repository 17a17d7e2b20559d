/*
 * Insights: figures of each ad and day, added up to the level that is asked for; at once (GET) or as a report that is made in
 * its own time (POST, then the report's status, then its rows).
 *
 * Figures come from (seed, ad, day). Those of the newest 28 days still change: an edit of an ad changes them. POST /_reports lets
 * the next reports fail or never end.
 */
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/facebook_priv.h"

#define SETTLED_DAYS 28
#define ROWS_MAX 200000
#define DAYS_MAX 1200
#define ROW_FAILS 1   /* a report's state */
#define ROW_STUCK 2

struct figures {
    int64_t impressions, clicks, reach, leads, spend_cents;
};

struct range {
    int64_t since_us, until_us; /* days, both inside */
};

static bool
parse_range(struct arena *a, struct str text, struct range *range_out)
{
    struct err err = {0};
    yyjson_val *json = json_parse(a, text.len ? text : STR("{}"), JSON_PLAIN, 8, &err);
    return request_day(json_str(json_get_c(json, "since")), &range_out->since_us) &&
           request_day(json_str(json_get_c(json, "until")), &range_out->until_us) && range_out->since_us <= range_out->until_us &&
           (range_out->until_us - range_out->since_us) / US_PER_DAY < DAYS_MAX;
}

static struct figures
figures_of(struct world *world, uint32_t ad, int64_t day_us)
{
    struct collection *ads = facebook_of(world).ads;
    const struct object *o = world_object(ads, ad);
    bool settled = day_us < clock_wall_us(world->clock) - SETTLED_DAYS * US_PER_DAY;
    uint64_t random = people_mix(facebook_random(world, ads, ad), (uint64_t)(day_us / US_PER_DAY));
    if (!settled && o->revision)
        random = people_mix(random, o->revision) | 1;
    if (day_us + US_PER_DAY <= o->created_us || day_us > clock_wall_us(world->clock) || random % 4 == 0)
        return (struct figures){0};
    int64_t impressions = 50 + (int64_t)(random >> 8) % 3000;
    return (struct figures){.impressions = impressions, .clicks = impressions / 40, .reach = impressions * 3 / 4,
                            .leads = impressions / 400, .spend_cents = impressions * 2 + (int64_t)(random >> 40) % 100};
}

static void
add_up(struct figures *sum, struct figures one)
{
    sum->impressions += one.impressions, sum->clicks += one.clicks, sum->reach += one.reach;
    sum->leads += one.leads, sum->spend_cents += one.spend_cents;
}

enum level { LEVEL_ACCOUNT, LEVEL_CAMPAIGN, LEVEL_ADSET, LEVEL_AD };
struct rows {
    struct sandbox_request *r;
    struct json_writer *w;
    struct facebook_span span;
    enum level level;
    size_t seen;
};

static struct collection *
level_objects(struct world *world, enum level level)
{
    struct facebook fb = facebook_of(world);
    return level == LEVEL_AD ? fb.ads : level == LEVEL_ADSET ? fb.adsets : level == LEVEL_CAMPAIGN ? fb.campaigns : NULL;
}

/* The object of that level that an ad belongs to. */
static uint32_t
above(struct world *world, enum level level, uint32_t ad)
{
    struct facebook fb = facebook_of(world);
    uint32_t set = world_object(fb.ads, ad)->parent;
    if (level == LEVEL_AD || level == LEVEL_ACCOUNT)
        return level == LEVEL_AD ? ad : 0;
    if (level == LEVEL_ADSET || set == OBJECT_NONE)
        return set;
    return world_object(fb.adsets, set)->parent;
}

static void
add_ids(struct rows *rows, enum level level, uint32_t index)
{
    static const char *const names[][2] = {{"account_id", ""}, {"campaign_id", "campaign_name"},
                                           {"adset_id", "adset_name"}, {"ad_id", "ad_name"}};
    struct collection *c = level_objects(rows->r->world, level);
    const struct object *o = c ? world_object(c, index) : NULL;
    if (o == NULL)
        return;
    if (level > LEVEL_CAMPAIGN && o->parent != OBJECT_NONE)
        add_ids(rows, level - 1, o->parent);
    json_add_str(rows->w, names[level][0], str_format(rows->r->arena, "%lld", (long long)o->id));
    json_add_str(rows->w, names[level][1], str_format(rows->r->arena, "%s %u", c->name, o->number + 1));
}

static void
write_row(struct rows *rows, uint32_t index, int64_t day_us, struct figures f)
{
    struct arena *a = rows->r->arena;
    struct json_writer *w = rows->w;
    json_begin_object(w, NULL);
    json_add_str(w, "account_id", str_format(a, "%d", FB_ACCOUNT));
    if (rows->level != LEVEL_ACCOUNT)
        add_ids(rows, rows->level, index);
    json_add_str(w, "impressions", str_format(a, "%lld", (long long)f.impressions));
    json_add_str(w, "clicks", str_format(a, "%lld", (long long)f.clicks));
    json_add_str(w, "reach", str_format(a, "%lld", (long long)f.reach));
    json_add_str(w, "spend", str_format(a, "%lld.%02d", (long long)(f.spend_cents / 100), (int)(f.spend_cents % 100)));
    if (f.leads) {
        json_begin_array(w, "actions");
        json_begin_object(w, NULL);
        json_add_c(w, "action_type", "lead");
        json_add_str(w, "value", str_format(a, "%lld", (long long)f.leads));
        json_end_object(w);
        json_end_array(w);
    }
    json_add_str(w, "date_start", facebook_day(a, day_us));
    json_add_str(w, "date_stop", facebook_day(a, day_us));
    json_end_object(w);
}

static void
one_row(struct rows *rows, uint32_t index, int64_t day_us)
{
    struct figures sum = {0};
    struct world *world = rows->r->world;
    for (uint32_t ad = 0; ad < facebook_of(world).ads->count; ad++)
        if (above(world, rows->level, ad) == index)
            add_up(&sum, figures_of(world, ad, day_us));
    if (sum.impressions == 0)
        return;
    if (rows->w && rows->seen >= rows->span.from && rows->seen < rows->span.to)
        write_row(rows, index, day_us, sum);
    rows->seen++;
}

static void
walk(struct rows *rows, struct range range)
{
    struct collection *c = level_objects(rows->r->world, rows->level);
    size_t count = c ? c->count : 1;
    rows->seen = 0;
    for (int64_t day_us = range.since_us; day_us <= range.until_us && rows->seen < ROWS_MAX; day_us += US_PER_DAY)
        for (uint32_t i = 0; i < count; i++)
            one_row(rows, i, day_us);
}

static enum level
level_of(struct str name)
{
    if (str_eq_c(name, "ad"))
        return LEVEL_AD;
    return str_eq_c(name, "adset") ? LEVEL_ADSET : str_eq_c(name, "campaign") ? LEVEL_CAMPAIGN : LEVEL_ACCOUNT;
}

static void
serve_rows(struct sandbox_request *r, struct sandbox_reply *reply, struct str level, struct range range)
{
    struct json_writer w;
    struct rows rows = {.r = r, .level = level_of(level)};
    walk(&rows, range);
    rows.span.count = rows.seen;
    if (!facebook_page(r, reply, &rows.span))
        return;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "data");
    rows.w = &w;
    walk(&rows, range);
    json_end_array(&w);
    facebook_page_end(r, &w, &rows.span);
    json_end_object(&w);
}

void
facebook_insights_now(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct range range;
    if (!parse_range(r->arena, request_param(r, "time_range"), &range))
        return facebook_error(reply, 400, 100, 0, "OAuthException", "(#100) time_range must have since and until");
    serve_rows(r, reply, request_param(r, "level"), range);
}

/* ---- reports ---- */

void
facebook_report_create(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct range range;
    struct json_writer w;
    struct buf b;
    int64_t *numbers = r->world->vendor_numbers;
    struct collection *reports = facebook_of(r->world).reports;
    if (!parse_range(r->arena, facebook_param(r, "time_range"), &range))
        return facebook_error(reply, 400, 100, 0, "OAuthException", "(#100) time_range must have since and until");
    buf_init(&b, LIMIT_RECORD_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "level", facebook_param(r, "level"));
    json_add_str(&w, "range", facebook_param(r, "time_range"));
    json_end_object(&w);
    uint32_t index = world_add_written(r->world, reports, clock_wall_us(r->world->clock), OBJECT_NONE, buf_str(&b));
    buf_release(&b);
    if (index == OBJECT_NONE)
        return facebook_error(reply, 500, 1, 0, "OAuthException", "out of memory");
    struct object *o = world_object(reports, index);
    if (numbers[FB_REPORTS_FAIL] > 0)
        numbers[FB_REPORTS_FAIL]--, o->state = ROW_FAILS;
    else if (numbers[FB_REPORTS_STUCK] > 0)
        numbers[FB_REPORTS_STUCK]--, o->state = ROW_STUCK;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "report_run_id", str_format(r->arena, "%lld", (long long)o->id));
    json_end_object(&w);
    reply_served(reply, "reports", o->id);
}

static int64_t
percent_of(struct world *world, const struct object *o)
{
    int64_t ms = world->vendor_numbers[FB_REPORT_MS], age_ms = (clock_wall_us(world->clock) - o->created_us) / US_PER_MS;
    int64_t percent = ms <= 0 ? 100 : age_ms * 100 / ms;
    percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    return o->state == ROW_STUCK && percent > 73 ? 73 : percent;
}

void
facebook_report_show(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    const struct object *o = world_object(facebook_of(r->world).reports, index);
    int64_t percent = percent_of(r->world, o);
    bool failed = o->state == ROW_FAILS && percent == 100;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "id", str_format(r->arena, "%lld", (long long)o->id));
    json_add_str(&w, "account_id", str_format(r->arena, "%d", FB_ACCOUNT));
    json_add_c(&w, "async_status", failed ? "Job Failed" : percent == 100 ? "Job Completed" : percent == 0 ? "Job Started" : "Job Running");
    json_add_i64(&w, "async_percent_completion", failed ? 0 : percent);
    json_add_bool(&w, "is_running", percent < 100);
    if (failed)
        json_add_c(&w, "error_message", "An unknown error occurred");
    json_end_object(&w);
}

void
facebook_report_rows(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct err err = {0};
    struct range range;
    const struct object *o = world_object(facebook_of(r->world).reports, index);
    yyjson_val *asked = json_parse(r->arena, (struct str){o->written, o->written_bytes}, JSON_PLAIN, 8, &err);
    if (percent_of(r->world, o) < 100 || o->state == ROW_FAILS)
        return facebook_error(reply, 400, 2601, 0, "OAuthException", "(#2601) Error loading async job: the report is not ready");
    if (!parse_range(r->arena, json_str(json_get_c(asked, "range")), &range))
        return facebook_error(reply, 500, 1, 0, "OAuthException", "out of memory");
    serve_rows(r, reply, json_str(json_get_c(asked, "level")), range);
}

void
facebook_reports_set(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t *numbers = r->world->vendor_numbers;
    numbers[FB_REPORTS_FAIL] = request_number(r, "fail", 0, 1000, numbers[FB_REPORTS_FAIL]);
    numbers[FB_REPORTS_STUCK] = request_number(r, "stuck", 0, 1000, numbers[FB_REPORTS_STUCK]);
    numbers[FB_REPORT_MS] = request_number(r, "ms", 0, INT32_MAX, numbers[FB_REPORT_MS]);
    reply_json(reply, 200);
    buf_add(&reply->body, STR("{\"success\":true}"));
}
