#include "cli/config.h"

#include <unistd.h>

#include "base/clock.h"
#include "cli/config_priv.h"

#define VARIABLE_PREFIX "TIDEMARK_"
#define DEFAULT_FILE "tidemark.yaml"
#define MASK_VISIBLE 4      /* characters at the end of a masked secret that stay readable */
#define MASK_LENGTH_MIN 12  /* shorter secrets show nothing */

#define SETTING(id, name, type, fallback, min, max, variable, flag, secret, text) \
    [SETTING_##id] = {name, SETTING_##type, fallback, min, max, variable, flag, secret, text},
const struct setting settings[SETTING_COUNT] = {
#include "cli/settings.def"
};
#undef SETTING

enum setting_id
setting_by_name(struct str name)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (str_eq_c(name, settings[i].name))
            return (enum setting_id)i;
    return SETTING_COUNT;
}

enum setting_id
setting_by_flag(struct str flag)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (settings[i].flag && str_eq_c(flag, settings[i].flag))
            return (enum setting_id)i;
    return SETTING_COUNT;
}

struct str
setting_variable(struct arena *a, const struct setting *s)
{
    struct str name = str_join2(a, STR(VARIABLE_PREFIX), str_from_c(s->name));
    char *text = (char *)(uintptr_t)name.ptr; /* just made, ours */
    for (size_t i = 0; text && i < name.len; i++) {
        if (text[i] == '.')
            text[i] = '_';
        else if (text[i] >= 'a' && text[i] <= 'z')
            text[i] = (char)(text[i] - 'a' + 'A');
    }
    return name;
}

static bool
is_bool(struct str text, int64_t *number_out)
{
    static const char *const yes[] = {"true", "yes", "on", "1", ""};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_eq_c(text, yes[i]))
            return *number_out = 1, true;
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (str_eq_c(text, no[i]))
            return *number_out = 0, true;
    return false;
}

static bool
check_number(const struct setting *s, struct str text, struct setting_value *value, struct err *err)
{
    if (str_to_i64(text, s->min, s->max, &value->number))
        return true;
    return err_set(err, E_CONFIG, "%s must be a whole number from %lld to %lld, not \"%.*s\"", s->name,
                   (long long)s->min, (long long)s->max, STR_ARG(text));
}

static bool
check_duration(const struct setting *s, struct str text, struct setting_value *value, struct err *err)
{
    bool none = s->min == 0 && (str_eq(text, STR("0")) || str_eq(text, STR("0s")));
    value->number = 0;
    if (!none && !duration_parse(text, &value->number))
        return err_set(err, E_CONFIG, "%s must be a time such as 90s, 15m or 1h30m, not \"%.*s\"", s->name,
                       STR_ARG(text));
    if (value->number < s->min * US_PER_MS || value->number > s->max * US_PER_MS)
        return err_set(err, E_CONFIG, "%s is outside its limits (%lld to %lld ms)", s->name, (long long)s->min,
                       (long long)s->max);
    return true;
}

/* Lengths only: the value may be a secret, so no message holds it. */
static bool
check_text(const struct setting *s, struct str text, struct err *err)
{
    if (s->max && (text.len < (size_t)s->min || text.len > (size_t)s->max))
        return err_set(err, E_CONFIG, "%s must have %lld to %lld characters, this one has %zu", s->name,
                       (long long)s->min, (long long)s->max, text.len);
    return true;
}

static bool
check_value(const struct setting *s, struct str text, struct setting_value *value, struct err *err)
{
    switch (s->type) {
    case SETTING_NUMBER: return check_number(s, text, value, err);
    case SETTING_DURATION: return check_duration(s, text, value, err);
    case SETTING_BOOL:
        return is_bool(text, &value->number) ||
               err_set(err, E_CONFIG, "%s must be true or false, not \"%.*s\"", s->name, STR_ARG(text));
    case SETTING_TEXT:
    case SETTING_LIST: return check_text(s, text, err);
    }
    return false;
}

bool
config_set(struct config *c, enum setting_id id, struct str text, struct str origin, struct err *err)
{
    struct setting_value value = {.text = text, .origin = origin};
    bool unset = text.len == 0 && settings[id].type != SETTING_BOOL;
    if (!unset && !check_value(&settings[id], text, &value, err))
        return err_prefix(err, "%.*s: ", STR_ARG(origin));
    c->values[id] = value;
    return true;
}

bool
config_add_base_url(struct config *c, struct str template_name, struct str url, struct str origin, struct err *err)
{
    for (size_t i = 0; i < c->base_url_count; i++)
        if (str_eq(c->base_urls[i].template, template_name)) {
            c->base_urls[i] = (struct base_url){template_name, url, origin};
            return true;
        }
    if (c->base_url_count == CONFIG_BASE_URLS_MAX)
        return err_set(err, E_CONFIG, "More than %d template addresses are set", CONFIG_BASE_URLS_MAX);
    c->base_urls[c->base_url_count++] = (struct base_url){template_name, url, origin};
    return true;
}

static bool
set_defaults(struct config *c, struct err *err)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (!config_set(c, (enum setting_id)i, str_from_c(settings[i].fallback), STR("default"), err))
            return false;
    return true;
}

static struct str
variable(char *const *environment, struct str name)
{
    for (size_t i = 0; environment && environment[i]; i++) {
        struct str head, tail;
        if (str_cut(str_from_c(environment[i]), '=', &head, &tail) && str_eq(head, name))
            return tail;
    }
    return STR_NONE;
}

/* The documented name first, so that ours, which is written with us in mind, wins. */
static bool
set_from_variables(struct config *c, struct arena *a, char *const *environment, struct err *err)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        struct str names[] = {str_from_c(settings[i].variable), setting_variable(a, &settings[i])};
        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            struct str value = names[n].len ? variable(environment, names[n]) : STR_NONE;
            if (value.len && !config_set(c, (enum setting_id)i, value, names[n], err))
                return false;
        }
    }
    return true;
}

/* NAME_BASE_URL: every variable that ends so names a template. */
static bool
set_base_urls(struct config *c, struct arena *a, char *const *environment, struct err *err)
{
    for (size_t i = 0; environment && environment[i]; i++) {
        struct str name, value;
        if (!str_cut(str_from_c(environment[i]), '=', &name, &value) || value.len == 0)
            continue;
        if (!str_ends(name, STR("_BASE_URL")) || name.len == strlen("_BASE_URL"))
            continue;
        struct str template = str_lower(a, str_slice(name, 0, name.len - strlen("_BASE_URL")));
        if (str_is_none(template))
            return err_no_memory(err);
        if (!config_add_base_url(c, template, value, name, err))
            return false;
    }
    return true;
}

static bool
set_from_flags(struct config *c, struct arena *a, const struct config_sources *sources, struct err *err)
{
    for (size_t i = 0; i < sources->flag_count; i++) {
        const struct config_flag *flag = &sources->flags[i];
        const struct setting *s = &settings[flag->id];
        struct str origin = s->flag ? str_join2(a, STR("--"), str_from_c(s->flag))
                                    : str_join2(a, STR("--set "), str_from_c(s->name));
        if (!config_set(c, flag->id, flag->value, origin, err))
            return false;
    }
    return true;
}

static bool
check_together(const struct config *c, struct err *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        known = known || str_eq_c(config_text(c, SETTING_LOG_LEVEL), levels[i]);
    if (!known)
        return err_set(err, E_CONFIG, "log.level must be debug, info, warn or error");
    if (!config_is_set(c, SETTING_HEARTBEAT_MS))
        return true;
    if (config_number(c, SETTING_HEARTBEAT_MS) * 3 > config_number(c, SETTING_LEASE_MS))
        return err_set(err, E_CONFIG, "heartbeat_ms must be at most a third of lease_ms");
    return true;
}

static bool
read_file(struct config *c, struct arena *a, const struct config_sources *sources, struct err *err)
{
    struct str file = sources->file;
    if (str_is_none(file))
        file = variable(sources->environment, STR(VARIABLE_PREFIX "CONFIG"));
    if (file.len)
        return config_read_yaml(c, a, file, err);
    if (access(DEFAULT_FILE, R_OK) != 0)
        return true;
    return config_read_yaml(c, a, STR(DEFAULT_FILE), err);
}

bool
config_load(struct config *c, struct arena *a, const struct config_sources *sources, struct err *err)
{
    *c = (struct config){0};
    return set_defaults(c, err) && read_file(c, a, sources, err) &&
           set_from_variables(c, a, sources->environment, err) && set_base_urls(c, a, sources->environment, err) &&
           set_from_flags(c, a, sources, err) && check_together(c, err);
}

struct str
config_text(const struct config *c, enum setting_id id)
{
    struct str text = c->values[id].text;
    return text.ptr ? text : STR("");
}

int64_t
config_number(const struct config *c, enum setting_id id)
{
    return c->values[id].number;
}

int64_t
config_us(const struct config *c, enum setting_id id)
{
    return c->values[id].number;
}

bool
config_bool(const struct config *c, enum setting_id id)
{
    return c->values[id].number != 0;
}

bool
config_is_set(const struct config *c, enum setting_id id)
{
    return c->values[id].text.len > 0;
}

struct str
config_listen(const struct config *c, struct arena *a)
{
    struct str listen = config_text(c, SETTING_LISTEN);
    if (!config_is_set(c, SETTING_PORT))
        return listen;
    ptrdiff_t colon = str_find_last(listen, ':');
    bool bracket = str_ends(listen, STR("]"));
    struct str host = colon < 0 || bracket ? listen : str_slice(listen, 0, (size_t)colon);
    return str_format(a, "%.*s:%lld", STR_ARG(host), (long long)config_number(c, SETTING_PORT));
}

struct str
config_base_url(const struct config *c, struct str template_name)
{
    for (size_t i = 0; i < c->base_url_count; i++)
        if (str_eq(c->base_urls[i].template, template_name))
            return c->base_urls[i].url;
    return STR_NONE;
}

/* postgres://user:password@host/name loses its password; other secrets all but their end. */
static struct str
mask(struct arena *a, struct str text)
{
    ptrdiff_t scheme = str_find_str(text, STR("://")), at = str_find_last(text, '@');
    if (scheme > 0 && at > scheme) {
        struct str user = str_slice(text, (size_t)scheme + 3, (size_t)at), head, tail;
        str_cut(user, ':', &head, &tail);
        return str_format(a, "%.*s%.*s:••••%.*s", STR_ARG(str_slice(text, 0, (size_t)scheme + 3)), STR_ARG(head),
                          STR_ARG(str_skip(text, (size_t)at)));
    }
    if (scheme > 0)
        return text;
    if (text.len < MASK_LENGTH_MIN)
        return STR("••••");
    return str_format(a, "••••%.*s", STR_ARG(str_skip(text, text.len - MASK_VISIBLE)));
}

struct str
setting_shown(struct arena *a, const struct setting *s, struct str text)
{
    return s->secret && text.len ? mask(a, text) : text;
}
