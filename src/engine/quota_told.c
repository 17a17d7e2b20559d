#include "engine/quota_told.h"

#include "base/clock.h"
#include "base/limits.h"

#define USAGE_BYTES_MAX (16 * 1024)
#define USAGE_DEPTH 8
#define USAGE_FULL 100
#define BODY_BYTES_MAX (32L * 1024 * 1024)
#define PATH_MAX_PARTS 8

struct usage {
    int64_t percent, minutes; /* the most that is said; -1: nothing */
};

static bool
is_one_of(struct str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_c(name, names[i]))
            return true;
    return false;
}

static void
look_for_usage(yyjson_val *json, struct usage *u, unsigned depth)
{
    static const char *const shares[] = {"call_count", "total_cputime", "total_time", "app_id_util_pct", "acc_id_util_pct"};
    size_t index, max;
    yyjson_val *key, *item;
    int64_t number;
    if (depth > USAGE_DEPTH)
        return;
    if (yyjson_is_arr(json)) {
        yyjson_arr_foreach(json, index, max, item)
            look_for_usage(item, u, depth + 1);
        return;
    }
    yyjson_obj_foreach(yyjson_is_obj(json) ? json : NULL, index, max, key, item) {
        if (yyjson_is_ctn(item))
            look_for_usage(item, u, depth + 1);
        bool share = is_one_of(json_str(key), shares, ARRAY_LEN(shares));
        double real = yyjson_is_num(item) ? yyjson_get_num(item) : -1;
        number = real >= 0 && real < 1e6 ? (int64_t)real : -1;
        if (share && number > u->percent)
            u->percent = number;
        if (str_eq_c(json_str(key), "estimated_time_to_regain_access") && number > u->minutes)
            u->minutes = number;
    }
}

static bool
usage_told(struct str header, const struct http_reply *reply, struct quota_told *told_out)
{
    struct arena a;
    struct err ignored = {0};
    struct usage u = {-1, -1};
    struct str value = STR_NONE;
    for (size_t i = 0; i < reply->headers.count; i++)
        if (str_eq_nocase(reply->headers.items[i].name, header))
            value = reply->headers.items[i].value;
    if (value.len == 0 || value.len > USAGE_BYTES_MAX)
        return false;
    arena_init(&a, 16 * USAGE_BYTES_MAX);
    look_for_usage(json_parse(&a, value, JSON_PLAIN, 2 * USAGE_DEPTH, &ignored), &u, 0);
    arena_release(&a);
    if (u.percent < 0)
        return false;
    *told_out = (struct quota_told){.limit = USAGE_FULL, .remaining = u.percent < USAGE_FULL ? USAGE_FULL - u.percent : 0,
                                    .reset_s = u.minutes > 0 ? u.minutes * 60 : -1};
    return true;
}

static yyjson_val *
at_path(yyjson_val *json, struct str path)
{
    struct str part;
    unsigned parts = 0;
    for (bool more = true; more && json && parts < PATH_MAX_PARTS; parts++) {
        more = str_cut(path, '.', &part, &path);
        json = json_get(json, part);
    }
    return json;
}

/* A vendor that tells in the answer itself, as {"consumed": 2, "remaining": 39998}. */
static bool
body_told(struct str path, int64_t most, const struct http_reply *reply, struct quota_told *told_out)
{
    struct arena a;
    struct err ignored = {0};
    struct str first, rest;
    int64_t remaining = -1;
    str_cut(path, '.', &first, &rest);
    if (reply->status != 200 || (long)reply->body.len > BODY_BYTES_MAX || str_find_str(reply->body, first) < 0)
        return false;
    arena_init(&a, LIMIT_PAGE_ARENA_BYTES);
    yyjson_val *json = json_parse(&a, reply->body, JSON_PLAIN, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    bool ok = json_to_i64(json_get_c(at_path(json, path), "remaining"), &remaining) && remaining >= 0;
    arena_release(&a);
    if (ok)
        *told_out = (struct quota_told){.limit = remaining > most ? remaining : most, .remaining = remaining, .reset_s = -1};
    return ok;
}

bool
quota_told(yyjson_val *rule, const struct http_reply *reply, struct quota_told *told_out)
{
    struct str usage = json_str(json_get_c(rule, "usage")), body = json_str(json_get_c(rule, "body"));
    int64_t most;
    if (usage.len)
        return usage_told(usage, reply, told_out);
    if (!body.len)
        return false;
    return body_told(body, json_to_i64(json_get_c(rule, "most"), &most) ? most : 0, reply, told_out);
}
