/*
 * StateDelegatingStream: two streams under one name, the one that lists everything, and the one that is read once there
 * is a state.
 *
 * A vendor that tells changes often forgets them after a time (`api_retention_period`). A state older than that would
 * miss what was forgotten, so everything is listed anew. A state that cannot be read counts as too old.
 */
#include "template/reader_priv.h"

#include "base/limits.h"

bool
delegate_compile(struct compiler *c, const struct node *n, struct template_stream *s)
{
    const struct node *full = node_get_c(n, "full_refresh_stream"), *later = node_get_c(n, "incremental_stream");
    struct str name = node_text_at(n, "name");
    if (!name.len || !str_eq(node_text_at(full, "name"), name) || !str_eq(node_text_at(later, "name"), name))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: a StateDelegatingStream and its two streams have one name", n->line);
    if (!(s->with_state = ARENA_NEW(c->arena, struct template_stream)))
        return compile_full(c);
    if (!stream_compile(c, full, s) || !stream_compile(c, later, s->with_state) ||
        !text_field(c, n, "api_retention_period", &s->retention))
        return false;
    bool counts = (s->cursor && s->cursor->count) || (s->with_state->cursor && s->with_state->cursor->count);
    if (counts && text_given(&s->retention))
        return refuse(c, "needs api_retention_period beside IncrementingCountCursor, whose numbers have no age");
    s->info.incremental = s->info.incremental || s->with_state->info.incremental;
    return true;
}

/* When the state was true, as this stream's cursor reads it. A finished read without a cursor has no age. */
static bool
state_time(const struct template_stream *s, yyjson_val *state, struct expr_scope *scope, int64_t now_us, int64_t *us_out,
           struct err *err)
{
    struct cursor cursor = {.plan = s->cursor};
    *us_out = INT64_MIN;
    if (!s->cursor) {
        if (json_bool_or(json_get_c(state, "__ab_no_cursor_state_message"), false))
            *us_out = now_us;
        return true;
    }
    if (!text_str(&s->cursor->field, scope, &cursor.field, err))
        return false;
    yyjson_val *shared = s->router ? json_get_c(state, "state") : state, *value = json_get(shared, cursor.field);
    int64_t us;
    if (value && cursor_parse(&cursor, scope->arena, value, &us))
        *us_out = us;
    return true;
}

static bool
is_too_old(const struct template_stream *s, yyjson_val *state, struct expr_scope *scope, int64_t now_us, bool *old_out, struct err *err)
{
    struct str period;
    struct duration keeps;
    int64_t us;
    *old_out = false;
    if (!text_str(&s->retention, scope, &period, err))
        return false;
    if (period.len == 0)
        return true;
    if (!iso_duration_parse(period, &keeps))
        return err_set(err, E_VALIDATION_FAILED, "api_retention_period: \"%.*s\" is no duration such as P30D", STR_ARG(period));
    if (!state_time(s, state, scope, now_us, &us, err) ||
        (us == INT64_MIN && !state_time(s->with_state, state, scope, now_us, &us, err)))
        return false;
    *old_out = us < datetime_add(now_us, keeps, -1);
    return true;
}

/* A read that goes on stays with the stream that it began with. */
static bool
wants_everything(struct reader *r, const struct template_stream *s, bool *everything_out, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    *everything_out = str_find_str(r->options.position, STR("\"delegate\":true")) < 0;
    if (!str_is_none(r->options.position) || yyjson_obj_size(r->options.state) == 0)
        return true;
    reader_scene(r, &r->keep, value_undefined(), &scene);
    scene_scope(&scene, &scope);
    return is_too_old(s, json_get(r->options.state, STR("")), &scope, r->options.now_us, everything_out, err);
}

bool
delegate_choose(struct reader *r, const struct template_stream *declared, struct err *err)
{
    bool everything = true;
    r->stream = declared;
    if (!declared->with_state)
        return true;
    if (!wants_everything(r, declared, &everything, err))
        return false;
    if (everything)
        r->options.state = NULL; /* of an earlier read, and too old */
    else
        r->stream = declared->with_state;
    r->delegated = !everything;
    return true;
}
