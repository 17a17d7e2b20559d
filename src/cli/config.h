/*
 * The configuration: defaults, then a YAML file, then variables, then flags; the later wins.
 *
 * Every value remembers where it came from, so that `tidemark config show` can tell. Settings are rows of
 * settings.def. The one thing that is no row: addresses of templates, which are as many as there are
 * templates (`base_urls: {name: ...}` in the file, NAME_BASE_URL as variable).
 *
 * Filled once at start from one thread, then only read. Texts live in the arena given to config_load.
 */
#ifndef TIDEMARK_CLI_CONFIG_H
#define TIDEMARK_CLI_CONFIG_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SETTING(id, ...) SETTING_##id,
enum setting_id {
#include "cli/settings.def"
    SETTING_COUNT
};
#undef SETTING

enum setting_type { SETTING_TEXT, SETTING_NUMBER, SETTING_BOOL, SETTING_DURATION, SETTING_LIST };

struct setting {
    const char *name;
    enum setting_type type;
    const char *fallback;     /* the default, as text */
    int64_t min, max;         /* of a number, a duration in milliseconds, the length of a text; 0, 0: any */
    const char *variable;     /* a further variable, or NULL */
    const char *flag;         /* or NULL */
    bool secret;
    const char *text;
};
extern const struct setting settings[SETTING_COUNT];

struct setting_value {
    struct str text;          /* as given; empty: not set */
    int64_t number;           /* NUMBER; BOOL 0 or 1; DURATION in microseconds */
    struct str origin;        /* "default", "tidemark.yaml line 3", "TIDEMARK_LISTEN", "--listen" */
};

/* One address of a template that the operator set (D27). */
struct base_url {
    struct str template, url, origin;
};

#define CONFIG_BASE_URLS_MAX 256

struct config {
    struct setting_value values[SETTING_COUNT];
    struct base_url base_urls[CONFIG_BASE_URLS_MAX];
    size_t base_url_count;
    struct str file;          /* the file that was read, or STR_NONE */
};

/* What was said on the command line: the flag's setting and its text, in their order. */
struct config_flag {
    enum setting_id id;
    struct str value;
};

struct config_sources {
    struct str file;                 /* --config; must exist. STR_NONE: TIDEMARK_CONFIG, else ./tidemark.yaml where there is one */
    char *const *environment;        /* "NAME=value", NULL at the end; as environ */
    const struct config_flag *flags;
    size_t flag_count;
};

/* E_CONFIG with the place and what to do. On failure *c is of no use. */
MUST_USE bool config_load(struct config *c, struct arena *a, const struct config_sources *sources, struct err *err);

struct str config_text(const struct config *c, enum setting_id id);   /* "" when not set */
int64_t config_number(const struct config *c, enum setting_id id);    /* also milliseconds of a duration: see config_us */
int64_t config_us(const struct config *c, enum setting_id id);
bool config_bool(const struct config *c, enum setting_id id);
bool config_is_set(const struct config *c, enum setting_id id);
/* "127.0.0.1:3000" with the port of the setting `port` where that is given; in a. */
struct str config_listen(const struct config *c, struct arena *a);
/* The operator's address for a template, or STR_NONE. */
struct str config_base_url(const struct config *c, struct str template_name);

/* By name ("listen") or by flag ("port"); SETTING_COUNT when there is none. */
enum setting_id setting_by_name(struct str name);
enum setting_id setting_by_flag(struct str flag);
/* "TIDEMARK_AUTH_JWT_SECRET" for auth.jwt_secret, in a. */
struct str setting_variable(struct arena *a, const struct setting *s);
/* What may be shown: secrets masked, a password inside a URL too. */
struct str setting_shown(struct arena *a, const struct setting *s, struct str text);

/* The whole of docs/configuration.md. */
bool config_reference(struct buf *b);

#endif
