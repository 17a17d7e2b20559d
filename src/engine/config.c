/*
 * Configurations: merging what a person changes, and keeping them sealed.
 *
 * Walks are bounded by the depth that parsing allowed.
 */
#include "engine/config.h"

#include <xxhash.h>

#include "base/limits.h"
#include "base/log.h"

#define CONFIG_TEXT_BYTES LIMIT_SECRET_BYTES
#define POINTER_BYTES 1024
#define MASK STR("\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2")

struct merge {
    const struct template *template;
    struct arena *arena;
    yyjson_mut_doc *doc;
    yyjson_val *masked;    /* of old; NULL: nothing to compare with */
    struct buf pointer;
};

/* Is this what a reply showed in place of a secret? */
static bool
is_masked_echo(struct merge *m, yyjson_val *value)
{
    struct str text = json_str(value);
    if (m->masked == NULL || !str_starts(text, MASK) || !template_config_is_secret(m->template, buf_str(&m->pointer)))
        return false;
    return str_eq(text, json_str(json_pointer(m->masked, buf_str(&m->pointer))));
}

static yyjson_mut_val *
merge_value(struct merge *m, yyjson_val *old, yyjson_val *patch);

static void
merge_members(struct merge *m, yyjson_mut_val *object, yyjson_val *old, yyjson_val *patch)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(patch, i, count, key, value) {
        struct str name = json_str(key);
        size_t before = m->pointer.len;
        json_pointer_add(&m->pointer, name);
        if (!yyjson_is_null(value))
            yyjson_mut_obj_add(object, yyjson_mut_strncpy(m->doc, name.ptr, name.len),
                               merge_value(m, json_get(old, name), value));
        buf_truncate(&m->pointer, before);
    }
}

static yyjson_mut_val *
merge_value(struct merge *m, yyjson_val *old, yyjson_val *patch)
{
    if (!yyjson_is_obj(patch))
        return yyjson_val_mut_copy(m->doc, old != NULL && is_masked_echo(m, patch) ? old : patch);
    yyjson_mut_val *object = yyjson_mut_obj(m->doc);
    size_t i, count;
    yyjson_val *key, *value;
    if (object != NULL && yyjson_is_obj(old)) {
        yyjson_obj_foreach(old, i, count, key, value) {
            struct str name = json_str(key);
            if (json_get(patch, name) == NULL)
                yyjson_mut_obj_add(object, yyjson_mut_strncpy(m->doc, name.ptr, name.len), yyjson_val_mut_copy(m->doc, value));
        }
    }
    if (object != NULL)
        merge_members(m, object, old, patch);
    return object;
}

yyjson_val *
config_merge(const struct template *t, struct arena *a, yyjson_val *old, yyjson_val *patch)
{
    struct merge m = {.template = t, .arena = a, .doc = json_mut_doc(a)};
    if (m.doc == NULL)
        return NULL;
    if (old != NULL)
        m.masked = template_config_masked(t, a, old);
    buf_init(&m.pointer, POINTER_BYTES);
    yyjson_mut_val *merged = merge_value(&m, old, patch);
    buf_release(&m.pointer);
    return merged == NULL ? NULL : json_freeze(a, merged);
}

static struct seal_place
seal_place_of(const struct config_place *place)
{
    return (struct seal_place){place->tenant_uuid, STR("connection"), place->connection_uuid, place->field};
}

bool
config_seal(struct keyring *k, const struct config_place *place, struct arena *a, yyjson_val *config,
            struct str *text_out, struct err *err)
{
    struct buf b;
    buf_init(&b, CONFIG_TEXT_BYTES);
    struct str sealed = STR_NONE;
    struct seal_place bound = seal_place_of(place);
    bool ok = json_write(&b, config) || err_set(err, E_TOO_LARGE, "The configuration is larger than allowed");
    ok = ok && keyring_seal(k, place->tenant, &bound, buf_str(&b), a, &sealed, err);
    if (b.ptr != NULL)
        explicit_bzero(b.ptr, b.len);
    buf_release(&b);
    if (!ok)
        return false;
    struct str text = str_format(a, "\"%.*s\"", STR_ARG(sealed));
    if (str_is_none(text))
        return err_no_memory(err);
    *text_out = text;
    return true;
}

bool
config_open(struct keyring *k, const struct config_place *place, struct arena *a, struct str text,
            yyjson_val **config_out, struct err *err)
{
    if (text.len == 0) {
        *config_out = NULL;
        return true;
    }
    yyjson_val *sealed = json_parse(a, text, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    if (sealed == NULL || !yyjson_is_str(sealed))
        return err_set(err, E_CRYPT, NULL);
    struct secret plain = {0};
    struct seal_place bound = seal_place_of(place);
    if (!keyring_open(k, place->tenant, &bound, json_str(sealed), &plain, err))
        return false;
    yyjson_val *config = json_parse(a, secret_reveal(&plain), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, err);
    secret_release(&plain);
    if (config == NULL)
        return err_set(err, E_CRYPT, NULL);
    *config_out = config;
    return true;
}

static void
walk_secrets(const struct template *t, struct buf *pointer, yyjson_val *value, void (*fn)(void *ctx, struct str secret), void *ctx)
{
    if (yyjson_is_str(value) && template_config_is_secret(t, buf_str(pointer)))
        fn(ctx, json_str(value));
    size_t i, count;
    yyjson_val *key, *member;
    if (!yyjson_is_obj(value))
        return;
    yyjson_obj_foreach(value, i, count, key, member) {
        size_t before = pointer->len;
        json_pointer_add(pointer, json_str(key));
        walk_secrets(t, pointer, member, fn, ctx);
        buf_truncate(pointer, before);
    }
}

struct bare_fn {
    void (*fn)(struct str secret);
};

static void
call_bare(void *ctx, struct str secret)
{
    ((const struct bare_fn *)ctx)->fn(secret);
}

void
config_each_secret(const struct template *t, yyjson_val *config, void (*fn)(struct str secret))
{
    struct bare_fn bare = {fn};
    struct buf pointer;
    buf_init(&pointer, POINTER_BYTES);
    walk_secrets(t, &pointer, config, call_bare, &bare);
    buf_release(&pointer);
}

static void
add_secret(void *ctx, struct str secret)
{
    buf_add(ctx, secret);
    buf_add_char(ctx, '\n');
}

bool
config_credential(const struct template *t, yyjson_val *config, struct str address, struct str otherwise, char text[SHA256_TEXT_BYTES],
                  struct err *err)
{
    struct buf pointer, all;
    buf_init(&pointer, POINTER_BYTES);
    buf_init(&all, LIMIT_SECRET_BYTES * 2);
    buf_addf(&all, "credential\n%.*s\n%.*s\n", STR_ARG(template_info(t)->name), STR_ARG(address));
    size_t before = all.len;
    walk_secrets(t, &pointer, config, add_secret, &all);
    if (all.len == before)
        buf_add(&all, otherwise);
    bool ok = buf_ok(&all) ? sha256_hex(buf_str(&all), text, err) : err_no_memory(err);
    if (all.ptr != NULL)
        explicit_bzero(all.ptr, all.len);
    buf_release(&pointer);
    buf_release(&all);
    return ok;
}

static void
wipe_secret(struct str secret)
{
    if (secret.len > 0)
        explicit_bzero((void *)(uintptr_t)secret.ptr, secret.len);
}

void
config_wipe_secrets(const struct template *t, yyjson_val *config)
{
    config_each_secret(t, config, wipe_secret);
}

static void
wipe_text(const struct arena *a, yyjson_val *value)
{
    if (!yyjson_is_str(value) || yyjson_get_len(value) == 0 || !arena_owns(a, yyjson_get_str(value)))
        return;
    explicit_bzero((void *)(uintptr_t)yyjson_get_str(value), yyjson_get_len(value));
}

void
config_wipe(const struct arena *a, yyjson_val *config)
{
    size_t i, count;
    yyjson_val *key, *value;
    if (yyjson_is_obj(config)) {
        yyjson_obj_foreach(config, i, count, key, value)
            config_wipe(a, value);
    } else if (yyjson_is_arr(config)) {
        yyjson_arr_foreach(config, i, count, value)
            config_wipe(a, value);
    } else if (config != NULL) {
        wipe_text(a, config);
    }
}

/* tokens: what refreshes brought there; with it go other members that come and go with a token, such as when it ends. */
static yyjson_mut_val *
without_secrets(const struct template *t, yyjson_mut_doc *doc, struct buf *pointer, yyjson_val *value, yyjson_val *tokens)
{
    if (tokens != NULL && !yyjson_is_obj(tokens))
        return yyjson_mut_null(doc);
    if (!yyjson_is_obj(value))
        return template_config_is_secret(t, buf_str(pointer)) ? yyjson_mut_null(doc) : yyjson_val_mut_copy(doc, value);
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    size_t i, count;
    yyjson_val *key, *member;
    yyjson_obj_foreach(value, i, count, key, member) {
        struct str name = json_str(key);
        size_t before = pointer->len;
        json_pointer_add(pointer, name);
        yyjson_mut_obj_add(object, yyjson_mut_strncpy(doc, name.ptr, name.len), without_secrets(t, doc, pointer, member,
                           json_get(tokens, name)));
        buf_truncate(pointer, before);
    }
    return object;
}

bool
config_hash(const struct template *t, struct arena *a, yyjson_val *config, yyjson_val *tokens, uint64_t *hash_out, struct err *err)
{
    yyjson_mut_doc *doc = json_mut_doc(a);
    struct buf pointer, text;
    buf_init(&pointer, POINTER_BYTES);
    buf_init(&text, CONFIG_TEXT_BYTES);
    yyjson_mut_val *open_part = doc == NULL ? NULL : without_secrets(t, doc, &pointer, config, tokens);
    yyjson_val *frozen = open_part == NULL ? NULL : json_freeze(a, open_part);
    bool ok = frozen != NULL && json_write_canonical(&text, frozen);
    if (ok)
        *hash_out = XXH3_64bits(text.ptr, text.len);
    buf_release(&pointer);
    buf_release(&text);
    return ok || err_no_memory(err);
}
