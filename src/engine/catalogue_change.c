/*
 * Templates made, changed and removed by people: checked by loading them before anything is stored.
 */
#include "engine/catalogue.h"

#include "base/limits.h"
#include "engine/engine_priv.h"

#define NAME_BYTES_MAX 64
#define TEMPLATES_MAX 2000

struct edit {
    struct arena *arena;
    struct str id;
    struct template_row row;
    int64_t total;
    enum row found;
};

static bool
refuse(struct err *err, const char *pointer, const char *words)
{
    return err_invalid(err, pointer, "%s %s", pointer + 1, words);
}

static bool
check_name(struct str name, struct err *err)
{
    bool plain = name.len > 0 && name.len <= NAME_BYTES_MAX && name.ptr[0] >= 'a' && name.ptr[0] <= 'z';
    for (size_t i = 0; plain && i < name.len; i++) {
        char c = name.ptr[i];
        plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    return plain || refuse(err, "/name", "must be 1 to 64 lower case letters, digits and '_', such as facebook_ads");
}

/* The YAML as it came; a manifest that came as JSON is written as such, which is YAML too. */
static bool
manifest_text(struct arena *a, yyjson_val *manifest, struct str *text_out, struct err *err)
{
    if (!yyjson_is_str(manifest) && !yyjson_is_obj(manifest))
        return refuse(err, "/manifest", "must be YAML in a string, or an object");
    struct str text = yyjson_is_str(manifest) ? str_copy(a, json_str(manifest)) : json_to_text(a, manifest);
    if (str_is_none(text))
        return err_no_memory(err);
    if (text.len > LIMIT_TEMPLATE_BYTES)
        return err_set(err, E_TOO_LARGE, "The manifest is larger than %d bytes", LIMIT_TEMPLATE_BYTES);
    *text_out = text;
    return true;
}

/* Where a fault lies, seen from the request. */
static bool
template_fault(struct err *err, const struct err *why, const char *pointer)
{
    bool ours = why->code == E_NO_MEMORY || why->code == E_TOO_LARGE;
    err_set(err, ours ? why->code : E_VALIDATION_FAILED, "%s: %s", pointer + 1, why->message);
    err_add_item(err, str_from_c(pointer), "%s", why->message);
    return false;
}

static void
fill_from(struct arena *a, struct str *field, struct str otherwise)
{
    if (field->len == 0 && otherwise.len > 0)
        *field = str_copy(a, otherwise);
}

static bool
check_manifest(struct arena *a, struct template_row *row, struct err *err)
{
    struct err why = {0};
    struct template *t = template_load(row->manifest, row->name, &why);
    if (t == NULL)
        return template_fault(err, &why, "/manifest");
    const struct template_info *info = template_info(t);
    bool ok = str_eq(info->name, row->name) ||
              refuse(err, "/name", "is another name than the manifest's metadata.tidemark.name: make them the same");
    if (ok) {
        fill_from(a, &row->display_name, info->display_name);
        fill_from(a, &row->category, info->category);
        row->config_schema = json_to_text(a, info->config_schema);
        ok = !str_is_none(row->config_schema) || err_no_memory(err);
    }
    template_unref(t);
    return ok;
}

static bool
check_schema(struct template_row *row, struct err *err)
{
    struct err why = {0};
    if (row->config_schema.len == 0)
        return refuse(err, "/configSchema", "is required: a JSON Schema of the configuration, or send a manifest");
    struct template *t = template_new_configurable(row->name, STR(""), row->config_schema, &why);
    if (t == NULL)
        return template_fault(err, &why, "/configSchema");
    template_unref(t);
    return true;
}

/* The row as it would be: does it load, and is what must be there? */
static bool
check_row(struct arena *a, struct template_row *row, struct err *err)
{
    bool ok = row->manifest.len > 0 ? check_manifest(a, row, err) : check_schema(row, err);
    if (ok && row->display_name.len == 0)
        return refuse(err, "/displayName", "is required");
    return ok && (row->category.len > 0 || refuse(err, "/category", "is required, such as CRM or Advertising"));
}

static bool
set_schema(struct arena *a, struct template_row *row, const struct template_change *c, struct err *err)
{
    if (c->manifest != NULL && yyjson_is_null(c->manifest))
        row->manifest = STR_NONE;
    else if (c->manifest != NULL && !manifest_text(a, c->manifest, &row->manifest, err))
        return false;
    if (c->config_schema == NULL)
        return true;
    if (row->manifest.len > 0)
        return refuse(err, "/configSchema", "is the manifest's own spec: leave it out, or remove the manifest with null");
    if (!yyjson_is_obj(c->config_schema))
        return refuse(err, "/configSchema", "must be a JSON Schema, an object");
    row->config_schema = json_to_text(a, c->config_schema);
    return !str_is_none(row->config_schema) || err_no_memory(err);
}

static void
set_text(struct str *field, struct str given)
{
    if (!str_is_none(given))
        *field = given.len > 0 ? given : STR_NONE;
}

static void
set_texts(struct template_row *row, const struct template_change *c)
{
    set_text(&row->display_name, c->display_name);
    set_text(&row->description, c->description);
    set_text(&row->category, c->category);
    set_text(&row->icon, c->icon);
    set_text(&row->instructions, c->instructions);
    set_text(&row->webhook_url, c->webhook_url);
    set_text(&row->api_version, c->api_version);
    if (c->active >= 0)
        row->active = c->active != 0;
}

static void
refresh(struct engine *e)
{
    struct err err = {0};
    if (!catalogue_refresh(e, &err))
        log_err(LOG_WARN, "a changed template will be loaded a little later", &err);
}

static bool
read_edit(struct db *db, void *ctx, struct err *err)
{
    struct edit *s = ctx;
    s->found = store_template_get(db, s->arena, s->id, &s->row, err);
    return s->found != ROW_FAILED;
}

static bool
create_row(struct db *db, void *ctx, struct err *err)
{
    struct edit *s = ctx;
    struct template_row *rows;
    size_t count;
    if (!store_template_list(db, s->arena, 0, 0, 1, false, &rows, &count, &s->total, err))
        return false;
    if (s->total >= TEMPLATES_MAX)
        return err_set(err, E_LIMIT, "There are %d templates already: remove some first", TEMPLATES_MAX);
    return store_template_create(db, s->arena, &s->row, store_now(db), err) && read_edit(db, s, err);
}

bool
engine_template_create(struct engine *e, struct arena *a, const struct template_change *c, struct template_row *row_out,
                       struct err *err)
{
    struct edit s = {.arena = a, .id = c->name, .row = {.name = c->name, .origin = TEMPLATE_OF_PERSON, .active = true,
                                                        .created_by = c->created_by}};
    set_texts(&s.row, c);
    if (!check_name(c->name, err))
        return false;
    if (!set_schema(a, &s.row, c, err) || !check_row(a, &s.row, err) || !store_write(e->options.store, create_row, &s, err))
        return false;
    refresh(e);
    *row_out = s.row;
    return true;
}

static bool
find(struct engine *e, struct edit *s, struct err *err)
{
    if (!store_read(e->options.store, read_edit, s, err))
        return false;
    return s->found == ROW_FOUND || err_set(err, E_NOT_FOUND, "Integration template not found");
}

static bool
update_row(struct db *db, void *ctx, struct err *err)
{
    struct edit *s = ctx;
    return store_template_update(db, &s->row, store_now(db), err);
}

bool
engine_template_change(struct engine *e, struct arena *a, struct str id, const struct template_change *c,
                       struct template_row *row_out, struct err *err)
{
    struct edit s = {.arena = a, .id = id};
    if (!find(e, &s, err))
        return false;
    bool own = str_eq(s.row.origin, TEMPLATE_OF_PERSON);
    if (!own && (c->config_schema != NULL || c->manifest != NULL))
        return err_set(err, E_CONFLICT, "This template comes with the server: make one of another name for another schema or manifest");
    if (c->name.len > 0 && !str_eq(c->name, s.row.name))
        return refuse(err, "/name", "cannot be changed: integrations know the template by it");
    set_texts(&s.row, c);
    if (!set_schema(a, &s.row, c, err) || (own && !check_row(a, &s.row, err)) ||
        !store_write(e->options.store, update_row, &s, err))
        return false;
    refresh(e);
    return find(e, &s, err) && (*row_out = s.row, true);
}

static bool
delete_row(struct db *db, void *ctx, struct err *err)
{
    struct edit *s = ctx;
    return store_template_delete(db, s->row.id, err);
}

bool
engine_template_delete(struct engine *e, struct arena *a, struct str id, struct err *err)
{
    struct edit s = {.arena = a, .id = id};
    if (!find(e, &s, err))
        return false;
    if (!str_eq(s.row.origin, TEMPLATE_OF_PERSON))
        return err_set(err, E_CONFLICT, "This template comes with the server: set isActive to false to hide it");
    if (!store_write(e->options.store, delete_row, &s, err))
        return false;
    refresh(e);
    return true;
}
