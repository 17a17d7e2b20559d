/*
 * The templates in use, by name.
 *
 * A list under one lock: there are dozens, and a run looks its template up once. A built-in one is
 * compiled at first use while the lock is held; two callers never compile the same twice. A template that
 * does not load stays unloaded and is tried again, so that its error is told to everyone who asks.
 */
#include "engine/registry.h"

#include <pthread.h>

#include "base/alloc.h"

struct registry_entry {
    char *name;                /* owned */
    struct str builtin;        /* its text, or STR_NONE */
    struct template *template; /* a reference; NULL until first use */
};

struct registry {
    pthread_mutex_t lock;
    struct registry_entry *entries; /* owned; under lock; sorted by name */
    size_t count, size;
    registry_missing_fn *missing;   /* under lock */
    void *missing_ctx;
};

static char *
name_copy(struct str name)
{
    char *copy = alloc_bytes(name.len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, name.ptr, name.len);
    copy[name.len] = '\0';
    return copy;
}

/* The first entry not before name. */
static size_t
entry_place(const struct registry *r, struct str name)
{
    size_t i = 0;
    while (i < r->count && str_compare(str_from_c(r->entries[i].name), name) < 0)
        i++;
    return i;
}

static struct registry_entry *
entry_find(const struct registry *r, struct str name)
{
    size_t i = entry_place(r, name);
    return i < r->count && str_eq_c(name, r->entries[i].name) ? &r->entries[i] : NULL;
}

static bool
registry_grow(struct registry *r)
{
    if (r->count < r->size)
        return true;
    size_t size = r->size == 0 ? 16 : r->size * 2;
    struct registry_entry *entries = alloc_resized(r->entries, size * sizeof(*entries));
    if (entries == NULL)
        return false;
    r->entries = entries;
    r->size = size;
    return true;
}

static struct registry_entry *
entry_add(struct registry *r, struct str name, struct err *err)
{
    char *copy = registry_grow(r) ? name_copy(name) : NULL;
    if (copy == NULL) {
        err_no_memory(err);
        return NULL;
    }
    size_t i = entry_place(r, name);
    memmove(&r->entries[i + 1], &r->entries[i], (r->count - i) * sizeof(*r->entries));
    r->entries[i] = (struct registry_entry){.name = copy};
    r->count++;
    return &r->entries[i];
}

struct registry *
registry_new(struct err *err)
{
    struct registry *r = alloc_zeroed(1, sizeof(*r));
    if (r == NULL || pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        err_no_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < template_builtin_count; i++) {
        struct registry_entry *entry = entry_add(r, str_from_c(template_builtins[i].name), err);
        if (entry == NULL) {
            registry_free(r);
            return NULL;
        }
        entry->builtin = template_builtins[i].yaml;
    }
    return r;
}

void
registry_free(struct registry *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++) {
        template_unref(r->entries[i].template);
        free(r->entries[i].name);
    }
    free(r->entries);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static bool
not_supported(const struct registry *r, struct str name, struct err *err)
{
    char names[256];
    size_t len = 0;
    for (size_t i = 0; i < r->count && len + 2 < sizeof(names); i++) {
        int n = snprintf(names + len, sizeof(names) - len, "%s%s", i == 0 ? "" : ", ", r->entries[i].name);
        len += n > 0 ? (size_t)n : 0;
    }
    names[len < sizeof(names) ? len : sizeof(names) - 1] = '\0';
    return err_set(err, E_PLATFORM_NOT_SUPPORTED, "Platform \"%.*s\" is not currently supported; there are: %s",
                   (int)(name.len < 60 ? name.len : 60), name.ptr ? name.ptr : "", names);
}

/* Another node may have stored it a moment ago. Not under the lock: it puts what it finds. */
static void
ask_for_missing(struct registry *r, struct str name)
{
    pthread_mutex_lock(&r->lock);
    registry_missing_fn *missing = entry_find(r, name) == NULL ? r->missing : NULL;
    void *ctx = r->missing_ctx;
    pthread_mutex_unlock(&r->lock);
    if (missing != NULL)
        missing(ctx);
}

struct template *
registry_get(struct registry *r, struct str name, struct err *err)
{
    struct template *found = NULL;
    ask_for_missing(r, name);
    pthread_mutex_lock(&r->lock);
    struct registry_entry *entry = entry_find(r, name);
    if (entry == NULL) {
        not_supported(r, name, err);
    } else {
        if (entry->template == NULL)
            entry->template = template_load(entry->builtin, name, err);
        if (entry->template != NULL)
            found = template_ref(entry->template);
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

struct template *
registry_loaded(struct registry *r, struct str name)
{
    pthread_mutex_lock(&r->lock);
    struct registry_entry *entry = entry_find(r, name);
    struct template *found = entry != NULL && entry->template != NULL ? template_ref(entry->template) : NULL;
    pthread_mutex_unlock(&r->lock);
    return found;
}

bool
registry_put(struct registry *r, struct str name, struct str yaml, struct err *err)
{
    struct template *loaded = template_load(yaml, name, err);
    if (loaded == NULL)
        return false;
    pthread_mutex_lock(&r->lock);
    struct registry_entry *entry = entry_find(r, name);
    if (entry == NULL)
        entry = entry_add(r, name, err);
    struct template *old = loaded;
    if (entry != NULL) {
        old = entry->template;
        entry->template = loaded;
    }
    pthread_mutex_unlock(&r->lock);
    template_unref(old);
    return entry != NULL;
}

size_t
registry_names(struct registry *r, struct arena *a, struct str **names_out)
{
    pthread_mutex_lock(&r->lock);
    size_t count = r->count;
    struct str *names = ARENA_ARRAY(a, struct str, count == 0 ? 1 : count);
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = str_copy(a, str_from_c(r->entries[i].name));
    pthread_mutex_unlock(&r->lock);
    if (names == NULL)
        return 0;
    *names_out = names;
    return count;
}

bool
registry_put_template(struct registry *r, struct template *t, struct err *err)
{
    pthread_mutex_lock(&r->lock);
    struct registry_entry *entry = entry_find(r, template_info(t)->name);
    if (entry == NULL)
        entry = entry_add(r, template_info(t)->name, err);
    struct template *old = NULL;
    if (entry != NULL) {
        old = entry->template;
        entry->template = template_ref(t);
    }
    pthread_mutex_unlock(&r->lock);
    template_unref(old);
    return entry != NULL;
}

void
registry_remove(struct registry *r, struct str name)
{
    struct template *old = NULL;
    pthread_mutex_lock(&r->lock);
    struct registry_entry *entry = entry_find(r, name);
    if (entry != NULL && str_is_none(entry->builtin)) {
        old = entry->template;
        free(entry->name);
        size_t i = (size_t)(entry - r->entries);
        memmove(&r->entries[i], &r->entries[i + 1], (r->count - i - 1) * sizeof(*r->entries));
        r->count--;
    }
    pthread_mutex_unlock(&r->lock);
    template_unref(old);
}

void
registry_on_missing(struct registry *r, registry_missing_fn *fn, void *ctx)
{
    pthread_mutex_lock(&r->lock);
    r->missing = fn;
    r->missing_ctx = ctx;
    pthread_mutex_unlock(&r->lock);
}
