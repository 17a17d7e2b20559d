/*
 * The catalogue: templates as rows, beside those that come with the program.
 *
 * What is in the registry because of a row is remembered with the row's revision, so that a look costs one
 * number while nothing changes, and one row for each that did. A template that does not load (written by a newer
 * version, say) is left out with a warning and tried again when its row changes.
 */
#include "engine/catalogue.h"

#include <pthread.h>

#include "base/alloc.h"
#include "engine/engine_priv.h"

#define LIST_ROWS LIMIT_LIST_MAX
#define REFRESH_ARENA_BYTES (64L * 1024 * 1024)
#define TEMPLATE_NAME_BYTES 64
#define TEMPLATES_MAX 2000         /* rows of people: each is compiled and kept in memory */

struct loaded {
    int64_t id, revision;
    char name[TEMPLATE_NAME_BYTES + 1];
    bool seen;
};

struct catalogue {
    pthread_mutex_t lock;
    int64_t mark;                  /* under lock; of the rows that were looked at last */
    struct loaded *items;          /* owned; under lock */
    size_t count, size;
};

struct catalogue *
catalogue_new(void)
{
    struct catalogue *c = alloc_zeroed(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->mark = -1;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void
catalogue_free(struct catalogue *c)
{
    if (c == NULL)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c->items);
    free(c);
}

/* ---- rows to the registry ---- */

struct look {
    struct arena *arena;
    int64_t mark;
    struct template_row *rows;
    size_t count;
    struct str id;
    struct template_row row;
    enum row found;
};

static bool
read_mark(struct db *db, void *ctx, struct err *err)
{
    struct look *l = ctx;
    return store_template_mark(db, &l->mark, err);
}

static bool
read_rows(struct db *db, void *ctx, struct err *err)
{
    struct look *l = ctx;
    return store_template_mark(db, &l->mark, err) &&
           store_template_list(db, l->arena, 0, 0, TEMPLATES_MAX, false, &l->rows, &l->count, NULL, err);
}

static bool
read_row(struct db *db, void *ctx, struct err *err)
{
    struct look *l = ctx;
    l->found = store_template_get(db, l->arena, l->id, &l->row, err);
    return l->found != ROW_FAILED;
}

static struct loaded *
loaded_find(struct catalogue *c, int64_t id)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->items[i].id == id)
            return &c->items[i];
    return NULL;
}

static struct loaded *
loaded_add(struct catalogue *c)
{
    if (c->count == c->size) {
        size_t size = c->size == 0 ? 16 : c->size * 2;
        struct loaded *items = alloc_resized(c->items, size * sizeof(*items));
        if (items == NULL)
            return NULL;
        c->items = items;
        c->size = size;
    }
    c->items[c->count] = (struct loaded){0};
    return &c->items[c->count++];
}

/* A reference; NULL with err. */
static struct template *
compile_row(const struct template_row *row, struct err *err)
{
    if (row->manifest.len > 0)
        return template_load(row->manifest, row->name, err);
    struct str shown = row->display_name.len > 0 ? row->display_name : row->name;
    return template_new_configurable(row->name, shown, row->config_schema, err);
}

static void
put_row(struct engine *e, struct arena *a, const struct template_row *listed)
{
    struct err err = {0};
    struct look l = {.arena = a, .id = listed->uuid};
    if (!store_read(e->options.store, read_row, &l, &err) || l.found != ROW_FOUND)
        return;
    struct template *t = compile_row(&l.row, &err);
    if (t == NULL || !registry_put_template(e->options.templates, t, &err))
        log_write(LOG_WARN, "a stored template was left out", LOG_S("template", listed->name), LOG_C("code", err_name(err.code)),
                  LOG_C("reason", err.message));
    template_unref(t);
}

static bool
take_row(struct engine *e, struct arena *a, const struct template_row *row)
{
    struct catalogue *c = e->catalogue;
    struct loaded *loaded = loaded_find(c, row->id);
    if (loaded == NULL && (loaded = loaded_add(c)) == NULL)
        return false;
    loaded->seen = true;
    if (loaded->revision == row->revision)
        return true;
    put_row(e, a, row);
    loaded->id = row->id;
    loaded->revision = row->revision;
    snprintf(loaded->name, sizeof(loaded->name), "%.*s", STR_ARG(row->name));
    return true;
}

static void
drop_unseen(struct engine *e)
{
    struct catalogue *c = e->catalogue;
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i].seen)
            c->items[kept++] = c->items[i];
        else
            registry_remove(e->options.templates, str_from_c(c->items[i].name));
    }
    c->count = kept;
}

static bool
refresh_locked(struct engine *e, struct arena *a, struct err *err)
{
    struct catalogue *c = e->catalogue;
    struct look l = {.arena = a};
    if (!store_read(e->options.store, read_mark, &l, err))
        return false;
    if (l.mark == c->mark)
        return true;
    if (!store_read(e->options.store, read_rows, &l, err))
        return false;
    for (size_t i = 0; i < c->count; i++)
        c->items[i].seen = false;
    for (size_t i = 0; i < l.count; i++) {
        struct arena_mark before = arena_mark(a);
        if (str_eq(l.rows[i].origin, TEMPLATE_OF_PERSON) && !take_row(e, a, &l.rows[i]))
            return err_no_memory(err);
        arena_rewind(a, before);
    }
    drop_unseen(e);
    c->mark = l.mark;
    return true;
}

bool
catalogue_refresh(struct engine *e, struct err *err)
{
    struct arena a;
    arena_init(&a, REFRESH_ARENA_BYTES);
    pthread_mutex_lock(&e->catalogue->lock);
    bool ok = refresh_locked(e, &a, err);
    pthread_mutex_unlock(&e->catalogue->lock);
    arena_release(&a);
    return ok;
}

/* ---- the server's own ---- */

struct ensure {
    struct arena *arena;
    struct str *names;
    size_t count;
};

static bool
ensure_rows(struct db *db, void *ctx, struct err *err)
{
    struct ensure *s = ctx;
    for (size_t i = 0; i < s->count; i++)
        if (!store_template_ensure(db, s->arena, s->names[i], store_now(db), err))
            return false;
    return true;
}

static bool
is_listed(const struct look *l, struct str name)
{
    for (size_t i = 0; i < l->count; i++)
        if (str_eq(l->rows[i].name, name))
            return true;
    return false;
}

bool
catalogue_ensure(struct engine *e, struct err *err)
{
    struct arena a;
    arena_init(&a, REFRESH_ARENA_BYTES);
    struct ensure s = {.arena = &a};
    struct look l = {.arena = &a};
    size_t count = registry_names(e->options.templates, &a, &s.names);
    bool ok = store_read(e->options.store, read_rows, &l, err);
    for (size_t i = 0; ok && i < count; i++)
        if (!is_listed(&l, s.names[i]))
            s.names[s.count++] = s.names[i];
    if (ok && s.count > 0)
        ok = store_write(e->options.store, ensure_rows, &s, err);
    arena_release(&a);
    return ok;
}
