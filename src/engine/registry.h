/*
 * The templates in use, by name. Built-in ones are loaded at first use, so that a start costs nothing
 * for platforms nobody connects to. Any thread.
 */
#ifndef TIDEMARK_ENGINE_REGISTRY_H
#define TIDEMARK_ENGINE_REGISTRY_H

#include "template/template.h"

struct registry;

struct registry *registry_new(struct err *err);
void registry_free(struct registry *r);
/* A reference the caller must unref. NULL with E_PLATFORM_NOT_SUPPORTED (the message lists the names there are) or why it does not load. */
struct template *registry_get(struct registry *r, struct str name, struct err *err);
/* The same where it is loaded already; else NULL. Waits for nothing but a lock. */
struct template *registry_loaded(struct registry *r, struct str name);
/* Adds or replaces a template from its text (a user's own). */
MUST_USE bool registry_put(struct registry *r, struct str name, struct str yaml, struct err *err);
/* The same with one that is compiled already, under its own name; takes a reference. */
MUST_USE bool registry_put_template(struct registry *r, struct template *t, struct err *err);
/* A built-in one stays. */
void registry_remove(struct registry *r, struct str name);
/* Called, outside all locks, when a name is asked for that is not there; it may put templates. */
typedef void registry_missing_fn(void *ctx);
void registry_on_missing(struct registry *r, registry_missing_fn *fn, void *ctx);
/*
 * A person's own: every NAME.yaml in the folder is the platform NAME. One that does not load is left out
 * with a warning in the log. A folder that is not there has none. How many were loaded.
 */
size_t registry_load_folder(struct registry *r, const char *path);
/* Names, sorted; in a. */
size_t registry_names(struct registry *r, struct arena *a, struct str **names_out);

#endif
