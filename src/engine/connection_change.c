/*
 * What a person may set on a connection: checked, and laid over a row.
 */
#include "engine/connection_change.h"

#include "engine/members.h"
#include "engine/page_merge.h"
#include "engine/webhook_keys.h"
#include "queue/schedule.h"
#include "template/mapping.h"

#define MASK_START STR("\xe2\x80\xa2")

static bool
is_one_of(struct str word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (str_eq_c(word, *words))
            return true;
    return word.len == 0;
}

static bool
check_words(const struct connection_change *c, struct err *err)
{
    static const char *const directions[] = {"pull", "push", "both", NULL};
    static const char *const matches[] = {"none", "email", "phone", "auto", NULL};
    static const char *const trusts[] = {"payload", "hint", NULL};
    if (!is_one_of(c->direction, directions))
        return err_invalid(err, "/direction", "direction is pull, push or both");
    if (!is_one_of(c->match, matches))
        return err_invalid(err, "/match", "match is none or auto");
    if (!is_one_of(c->webhook_trust, trusts))
        return err_invalid(err, "/webhookTrust", "webhookTrust is hint or payload");
    if (c->conflict_policy.len > 0 && !conflict_policy_is_known(c->conflict_policy))
        return err_invalid(err, "/conflictPolicy", "conflictPolicy is last_write_wins, source_wins, local_wins or manual");
    if (c->webhook_secret.len > WEBHOOK_SECRET_BYTES_MAX || (c->webhook_secret.len > 0 && c->webhook_secret.len < WEBHOOK_SECRET_BYTES_MIN))
        return err_invalid(err, "/webhookSecret", "webhookSecret has 4 to 512 characters");
    if (c->name.len > LIMIT_NAME_BYTES)
        return err_invalid(err, "/name", "name is longer than 200 bytes");
    return true;
}

static bool
check_streams(const struct template *t, const struct connection_change *c, struct err *err)
{
    if (c->streams == NULL || yyjson_is_null(c->streams))
        return true;
    if (!yyjson_is_arr(c->streams))
        return err_invalid(err, "/streams", "streams is a list of names");
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(c->streams, i, count, item) {
        const struct template_stream *s = template_stream_find(t, json_str(item));
        if (s != NULL && template_stream_info(s)->refused.len == 0)
            continue;
        if (s == NULL && template_depends_on_config(t)) /* it may be one that the configuration makes */
            continue;
        return err_invalid(err, "/streams", "This platform has no stream \"%.*s\"", STR_ARG(json_str(item)));
    }
    return true;
}

static bool
check_mapping(struct arena *a, const struct template *t, const struct connection_change *c, struct err *err)
{
    if (c->mapping == NULL || yyjson_is_null(c->mapping))
        return true;
    if (!yyjson_is_obj(c->mapping))
        return err_invalid(err, "/mapping", "mapping is an object of streams");
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(c->mapping, i, count, key, value) {
        struct mapping_options options = {0};
        struct err why = {0};
        if (template_stream_find(t, json_str(key)) == NULL)
            return err_invalid(err, "/mapping", "mapping names a stream that this platform does not have");
        if (mapping_compile(a, t, json_str(key), value, &options, &why) == NULL)
            return err_invalid(err, "/mapping", "%s", why.message);
    }
    return true;
}

/* JSON of a member for its column; STR_NONE for null. */
static bool
to_column(struct arena *a, yyjson_val *value, struct str *column, struct err *err)
{
    if (value == NULL)
        return true;
    *column = STR_NONE;
    if (yyjson_is_null(value))
        return true;
    *column = json_to_text(a, value);
    return !str_is_none(*column) || err_no_memory(err);
}

/* The first two stand before the template's own (mapping.h); the others say what a push does (push.h). */
static bool
check_rules(yyjson_val *rules, struct err *err)
{
    static const char *const names[] = {"requireEmail", "rejectBadPhone", "pushCreates", "pushDeletes", NULL};
    char place[48];
    if (rules == NULL || yyjson_is_null(rules))
        return true;
    if (!yyjson_is_obj(rules))
        return err_invalid(err, "/rules", "rules is an object");
    if (!members_check(rules, "/rules", names, err))
        return false;
    for (size_t i = 0; names[i] != NULL; i++) {
        yyjson_val *rule = json_get_c(rules, names[i]);
        snprintf(place, sizeof(place), "/rules/%s", names[i]);
        if (rule != NULL && !yyjson_is_bool(rule))
            return err_invalid(err, place, "rules.%s is true or false", names[i]);
    }
    return true;
}

bool
change_check(struct engine *e, struct arena *a, const struct template *t, const struct connection_change *c,
             struct err *err)
{
    struct str kept;
    int64_t first_us;
    if (!check_words(c, err) || !check_streams(t, c, err) || !check_mapping(a, t, c, err) || !check_rules(c->rules, err))
        return false;
    if (c->schedule == NULL || yyjson_is_null(c->schedule))
        return true;
    return engine_schedule_accept(a, c->schedule, clock_wall_us(e->options.clock), &kept, &first_us, err);
}

static void
set_text(struct str *field, struct str given)
{
    if (!str_is_none(given))
        *field = given;
}

/* The kept text of a schedule, and when it is due first; an interval's first firing comes one interval from now. */
static bool
set_schedule(struct engine *e, struct arena *a, yyjson_val *given, struct connection *c, int64_t *first_us_out, struct err *err)
{
    yyjson_val *schedule = given;
    *first_us_out = 0;
    if (given != NULL && yyjson_is_null(given)) {
        c->schedule = STR_NONE;
        return true;
    }
    if (given == NULL && c->schedule.len > 0)
        schedule = json_parse(a, c->schedule, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    if (schedule == NULL)
        return c->schedule.len == 0;
    return engine_schedule_accept(a, schedule, clock_wall_us(e->options.clock), &c->schedule, first_us_out, err);
}

/* So late that the documents' create-then-sync never meets a 409. */
static bool
set_times(struct engine *e, const struct template *t, int64_t first_us, struct connection *c, struct err *err)
{
    struct engine_schedule s;
    struct rng rng;
    rng_init_system(&rng);
    if (!engine_schedule_of(e, t, c->schedule, &s, err))
        return false;
    int64_t now_us = clock_wall_us(e->options.clock);
    c->next_run_us = !c->enabled ? 0 : s.repeats ? first_us : s.interval_us > 0 ? schedule_first_us(s.interval_us, now_us) : 0;
    c->next_full_us = c->enabled && s.full_interval_us > 0 ? schedule_first_full_us(s.full_interval_us, now_us, &rng) : 0;
    return true;
}

bool
change_apply(struct engine *e, struct arena *a, const struct template *t, const struct connection_change *change,
             struct connection *c, struct err *err)
{
    bool was_enabled = c->enabled;
    set_text(&c->name, change->name);
    set_text(&c->direction, change->direction);
    set_text(&c->match, change->match);
    set_text(&c->conflict_policy, change->conflict_policy);
    set_text(&c->webhook_trust, change->webhook_trust);
    if (!str_is_none(change->description))
        c->description = change->description.len > 0 ? change->description : STR_NONE;
    if (change->enabled >= 0)
        c->enabled = change->enabled != 0;
    if (!to_column(a, change->streams, &c->streams, err) || !to_column(a, change->rules, &c->rules, err) ||
        !to_column(a, change->mapping, &c->mapping, err))
        return false;
    bool new_times = c->id == 0 || change->schedule != NULL || c->enabled != was_enabled;
    int64_t first_us;
    return !new_times || (set_schedule(e, a, change->schedule, c, &first_us, err) && set_times(e, t, first_us, c, err));
}

yyjson_val *
change_config(struct arena *a, const struct template *t, const struct connection_change *c, struct err *err)
{
    if (c->api_key.len == 0)
        return c->config;
    struct str member = template_info(t)->primary_secret;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *object = NULL;
    if (doc != NULL)
        object = yyjson_is_obj(c->config) ? yyjson_val_mut_copy(doc, c->config) : yyjson_mut_obj(doc);
    if (object != NULL && member.len > 0)
        yyjson_mut_obj_put(object, yyjson_mut_strncpy(doc, member.ptr, member.len),
                           yyjson_mut_strncpy(doc, c->api_key.ptr, c->api_key.len));
    yyjson_val *frozen = object == NULL ? NULL : json_freeze(a, object);
    if (frozen == NULL)
        err_no_memory(err);
    return frozen;
}

bool
change_has_secret(const struct template *t, const struct connection_change *c)
{
    struct str given = json_str(json_get(c->config, template_info(t)->primary_secret));
    if (c->api_key.len > 0)
        return true;
    if (given.len == 0)
        given = json_str(json_get_c(c->config, "apiKey"));
    return given.len > 0 && !str_starts(given, MASK_START);
}
