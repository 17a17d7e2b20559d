/*
 * Who an event is for: the connections of an address, with their keys opened.
 *
 * What was loaded is used again for a second, because a vendor's burst asks the same thing a thousand times. It is only good
 * for saying yes: whoever finds no proof, or nobody, asks once more for what the store says now.
 */
#include "hook/inbox_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/config.h"

#define SLOTS 1024
#define KEEP_US (1 * US_PER_S)
#define KEY_BYTES 512
#define TARGETS_ARENA_BYTES (8L * 1024 * 1024)

struct target_cache {
    pthread_mutex_t lock;
    struct targets *slots[SLOTS];   /* under lock; each is a reference */
};

struct target_cache *
target_cache_new(void)
{
    struct target_cache *c = alloc_zeroed(1, sizeof(*c));
    if (c != NULL)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

void
target_cache_free(struct target_cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        targets_unref(c->slots[i]);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void
wipe(struct str s)
{
    if (s.len > 0)
        explicit_bzero((char *)(uintptr_t)s.ptr, s.len);
}

void
targets_unref(struct targets *t)
{
    if (t == NULL || atomic_fetch_sub(&t->references, 1) != 1)
        return;
    for (size_t i = 0; i < t->count; i++) {
        wipe(t->rows[i].keys.secret);
        wipe(t->rows[i].keys.previous);
        wipe(t->rows[i].keys.token);
        wipe(t->rows[i].keys.previous_token);
        for (size_t k = 0; k < t->rows[i].vendor_secret_count; k++)
            wipe(t->rows[i].vendor_secrets[k]);
    }
    template_unref(t->template);
    arena_release(&t->arena);
    free(t);
}

/* ---- loading ---- */

struct load {
    struct targets *targets;
    bool by_uuid;
    struct str name, account;
    struct inbox_connection *rows;
    size_t count;
};

/* Of all accounts that the delivery names. */
static bool
read_rows_of_accounts(struct db *db, struct load *l, struct err *err)
{
    struct arena *a = &l->targets->arena;
    struct str one, rest = l->account;
    l->rows = ARENA_ARRAY(a, struct inbox_connection, INBOX_CONNECTIONS_MAX);
    if (l->rows == NULL)
        return err_no_memory(err);
    while (rest.len > 0 && l->count < INBOX_CONNECTIONS_MAX) {
        struct inbox_connection *rows = NULL;
        size_t count = 0;
        str_cut(rest, WEBHOOK_ACCOUNT_SEPARATOR, &one, &rest);
        if (!store_inbox_connections(db, a, l->name, one, INBOX_CONNECTIONS_MAX - l->count, &rows, &count, err))
            return false;
        for (size_t i = 0; i < count; i++)
            l->rows[l->count++] = rows[i];
    }
    return true;
}

static bool
read_rows(struct db *db, void *ctx, struct err *err)
{
    struct load *l = ctx;
    struct arena *a = &l->targets->arena;
    if (!l->by_uuid && str_find(l->account, WEBHOOK_ACCOUNT_SEPARATOR) >= 0)
        return read_rows_of_accounts(db, l, err);
    if (!l->by_uuid)
        return store_inbox_connections(db, a, l->name, l->account, INBOX_CONNECTIONS_MAX, &l->rows, &l->count, err);
    l->rows = ARENA_NEW(a, struct inbox_connection);
    if (l->rows == NULL)
        return err_no_memory(err);
    enum row row = store_inbox_connection(db, a, l->name, l->rows, err);
    l->count = row == ROW_FOUND;
    return row != ROW_FAILED;
}

/* Headers that any path of the block names. */
static void
collect_headers(struct targets *t, yyjson_val *value)
{
    size_t index, max;
    yyjson_val *key, *item;
    struct str text = json_str(value);
    if (str_starts(text, STR("header:")) && t->header_count < INBOX_HEADERS_MAX)
        t->headers[t->header_count++] = str_skip(text, 7);
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, max, item)
            collect_headers(t, item);
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, index, max, key, item)
            collect_headers(t, item);
    }
}

static bool
take_secrets(struct targets *t, struct target *row, yyjson_val *config, struct err *err)
{
    yyjson_val *fields = json_get_c(t->block, "secret_fields"), *field;
    size_t index, max;
    if (yyjson_arr_size(fields) == 0)
        return true;
    row->vendor_secrets = ARENA_ARRAY(&t->arena, struct str, yyjson_arr_size(fields));
    if (row->vendor_secrets == NULL)
        return err_no_memory(err);
    yyjson_arr_foreach(fields, index, max, field) {
        struct str secret = json_str(json_get(config, json_str(field)));
        if (secret.len > 0)
            row->vendor_secrets[row->vendor_secret_count++] = str_copy(&t->arena, secret);
    }
    return true;
}

/* Schemes whose key the person gives; those whose key is not there are left out. */
static bool
take_schemes(struct targets *t, struct target *row, yyjson_val *config, struct err *err)
{
    yyjson_val *verify = json_get_c(t->block, "verify"), *scheme;
    yyjson_mut_doc *doc = json_mut_doc(&t->arena);
    yyjson_mut_val *list = doc == NULL ? NULL : yyjson_mut_arr(doc);
    size_t index, max;
    if (list == NULL)
        return err_no_memory(err);
    yyjson_arr_foreach(verify, index, max, scheme) {
        struct str field = json_str(json_get_c(scheme, "public_key_field")), pem = json_str(json_get(config, field));
        yyjson_mut_val *copy = yyjson_val_mut_copy(doc, scheme);
        if (field.len > 0 && pem.len == 0)
            continue;
        if (field.len > 0)
            yyjson_mut_obj_put(copy, yyjson_mut_str(doc, "public_key"), yyjson_mut_strncpy(doc, pem.ptr, pem.len));
        yyjson_mut_arr_append(list, copy);
    }
    row->schemes = json_freeze(&t->arena, list);
    return row->schemes != NULL || err_no_memory(err);
}

static bool
names_key_fields(yyjson_val *verify)
{
    size_t index, max;
    yyjson_val *scheme;
    if (!yyjson_is_arr(verify))
        return false;
    yyjson_arr_foreach(verify, index, max, scheme) {
        if (json_get_c(scheme, "public_key_field") != NULL)
            return true;
    }
    return false;
}

/* What the vendor signs with that stands in the configuration: an app's secret, a public key. */
static bool
open_vendor_keys(struct inbox *in, struct targets *t, struct target *row, struct err *err)
{
    yyjson_val *verify = json_get_c(t->block, "verify"), *config = NULL;
    bool key_fields = names_key_fields(verify);
    row->schemes = verify;
    if (!key_fields && yyjson_arr_size(json_get_c(t->block, "secret_fields")) == 0)
        return true;
    struct config_place place = {row->row.tenant, row->row.tenant_uuid, row->row.uuid, STR("config")};
    bool ok = config_open(in->options.keys, &place, &t->arena, row->row.config, &config, err) &&
              take_secrets(t, row, config, err) && (!key_fields || take_schemes(t, row, config, err));
    config_wipe(&t->arena, config);
    return ok;
}

/* A connection whose keys cannot be opened takes no events; the others do. */
static void
open_rows(struct inbox *in, struct targets *t, const struct load *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct target *row = &t->rows[t->count];
        struct err err = {0};
        *row = (struct target){.row = l->rows[i]};
        struct webhook_keys_place place = {row->row.tenant, row->row.tenant_uuid, row->row.uuid};
        if (webhook_keys_open(in->options.keys, &place, &t->arena, row->row.keys, &row->keys, &err) &&
            open_vendor_keys(in, t, row, &err))
            t->count++;
        else
            log_err(LOG_ERROR, "the webhook keys of a connection cannot be opened", &err);
    }
}

static bool
load(struct inbox *in, struct load *l, struct err *err)
{
    struct targets *t = l->targets;
    struct err why = {0};
    if (!store_read(in->options.store, read_rows, l, err))
        return false;
    struct str name = l->by_uuid ? (l->count > 0 ? l->rows[0].template_name : STR("")) : l->name;
    t->template = name.len > 0 ? registry_get(in->options.templates, name, &why) : NULL;
    t->block = t->template == NULL ? NULL : template_webhooks(t->template);
    collect_headers(t, t->block);
    t->rows = ARENA_ARRAY(&t->arena, struct target, l->count + 1);
    if (t->rows == NULL)
        return err_no_memory(err);
    open_rows(in, t, l);
    return true;
}

/* ---- keeping ---- */

static size_t
slot_of(struct str key)
{
    uint64_t hash = UINT64_C(1469598103934665603); /* FNV-1a */
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.ptr[i]) * UINT64_C(1099511628211);
    return hash % SLOTS;
}

static struct targets *
find(struct inbox *in, struct str key)
{
    struct targets *found = NULL;
    int64_t now = clock_monotonic_us(in->options.clock);
    pthread_mutex_lock(&in->cache->lock);
    struct targets *t = in->cache->slots[slot_of(key)];
    if (t != NULL && str_eq(t->key, key) && now - t->loaded_us < KEEP_US) {
        atomic_fetch_add(&t->references, 1);
        found = t;
    }
    pthread_mutex_unlock(&in->cache->lock);
    return found;
}

static void
keep(struct inbox *in, struct targets *t)
{
    atomic_fetch_add(&t->references, 1);
    pthread_mutex_lock(&in->cache->lock);
    struct targets **slot = &in->cache->slots[slot_of(t->key)], *old = *slot;
    *slot = t;
    pthread_mutex_unlock(&in->cache->lock);
    targets_unref(old);
}

/* Too long a name is not kept. */
static struct str
key_of(char text[static KEY_BYTES], bool by_uuid, struct str name, struct str account)
{
    if (name.len + account.len + 3 > KEY_BYTES)
        return STR("");
    char *at = text;
    *at++ = by_uuid ? 'c' : 't';
    at = mempcpy(at, name.ptr ? name.ptr : "", name.len);
    *at++ = '/';
    *at++ = str_is_none(account) ? '0' : '1';
    at = mempcpy(at, account.ptr ? account.ptr : "", account.len);
    return (struct str){text, (size_t)(at - text)};
}

struct targets *
targets_cached(struct inbox *in, bool by_uuid, struct str name, struct str account)
{
    char text[KEY_BYTES];
    struct str key = key_of(text, by_uuid, name, account);
    return key.len > 0 ? find(in, key) : NULL;
}

struct targets *
targets_get(struct inbox *in, bool by_uuid, struct str name, struct str account, bool fresh, struct err *err)
{
    char text[KEY_BYTES];
    struct str key = key_of(text, by_uuid, name, account);
    struct targets *t = fresh || key.len == 0 ? NULL : find(in, key);
    if (t != NULL)
        return t;
    t = alloc_zeroed(1, sizeof(*t));
    if (t == NULL) {
        err_no_memory(err);
        return NULL;
    }
    arena_init(&t->arena, TARGETS_ARENA_BYTES);
    atomic_store(&t->references, 1);
    t->loaded_us = clock_monotonic_us(in->options.clock);
    t->key = str_copy(&t->arena, key);
    struct load l = {.targets = t, .by_uuid = by_uuid, .name = name, .account = account};
    if (!load(in, &l, err)) {
        targets_unref(t);
        return NULL;
    }
    if (t->count > 0 && t->key.len > 0)
        keep(in, t);
    return t;
}
