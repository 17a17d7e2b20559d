#include "crypt/seal.h"

#include <string.h>

#include <openssl/crypto.h>

#include "base/check.h"
#include "base/limits.h"
#include "crypt/seal_priv.h"
#include "crypt/token.h"

#define WRAPPED_TAG "tmk1"
#define SEALED_TAG "tms1"
#define PLACE_BYTES_MAX (16 * 1024) /* of associated data; ids and names are far shorter */
#define TEXT_BYTES_MAX (2 * LIMIT_SECRET_BYTES)

/* "tmk1.<master>.<key>.<frame>" in its parts; false when it is not of that form. */
struct wrapped {
    struct str master_id, key_id, frame;
};

static bool
wrapped_split(struct str text, struct wrapped *wrapped_out)
{
    struct str tag, master_id, key_id, rest;
    if (!str_cut(text, '.', &tag, &rest) || !str_eq(tag, STR(WRAPPED_TAG)) ||
        !str_cut(rest, '.', &master_id, &rest) || !str_cut(rest, '.', &key_id, &rest) ||
        !seal_id_is_valid(master_id) || !seal_id_is_valid(key_id))
        return false;
    *wrapped_out = (struct wrapped){master_id, key_id, rest};
    return true;
}

static bool
sealed_split(struct str text, struct str *key_id_out, struct str *frame_out)
{
    struct str tag, key_id, rest;
    if (!str_cut(text, '.', &tag, &rest) || !str_eq(tag, STR(SEALED_TAG)) || !str_cut(rest, '.', &key_id, &rest) ||
        !seal_id_is_valid(key_id))
        return false;
    *key_id_out = key_id;
    *frame_out = rest;
    return true;
}

/* Takes what was built over to the arena and releases the buffer, which held no secret. */
static bool
keep_text(struct buf *text, struct arena *a, struct str *text_out, struct err *err)
{
    struct str kept = buf_ok(text) ? str_copy(a, buf_str(text)) : STR_NONE;
    buf_release(text);
    if (!kept.ptr)
        return err_set(err, E_TOO_LARGE, NULL);
    *text_out = kept;
    return true;
}

/* ---- data keys ---- */

static void
wrap_aad(struct buf *aad, struct str master_id, struct str key_id, struct str tenant)
{
    buf_init(aad, PLACE_BYTES_MAX);
    seal_add_part(aad, STR(WRAPPED_TAG));
    seal_add_part(aad, master_id);
    seal_add_part(aad, key_id);
    seal_add_part(aad, tenant);
}

static bool
wrap(const struct master_keys *master, struct str tenant, const struct seal_key *key, struct arena *a,
     struct str *wrapped_out, struct err *err)
{
    struct buf aad, text;
    wrap_aad(&aad, str_from_c(master->id), str_from_c(key->id), tenant);
    buf_init(&text, TEXT_BYTES_MAX);
    buf_addf(&text, WRAPPED_TAG ".%s.%s.", master->id, key->id);
    bool ok = buf_ok(&aad) ? gcm_seal(master->wrap, buf_str(&aad), (struct str){(const char *)key->bytes, SEAL_KEY_BYTES},
                                      &text, err)
                           : err_set(err, E_TOO_LARGE, NULL);
    buf_release(&aad);
    if (!ok) {
        buf_release(&text);
        return false;
    }
    return keep_text(&text, a, wrapped_out, err);
}

bool
seal_key_new(struct seal_master *m, struct str tenant, struct arena *a, struct seal_key *key_out,
             struct str *wrapped_out, struct err *err)
{
    struct master_keys master = {0};
    struct seal_key key = {0};
    unsigned char id[8];
    bool ok = seal_master_keys(m, 0, &master, err) && random_bytes(id, sizeof(id), err) &&
              random_bytes(key.bytes, sizeof(key.bytes), err);
    if (ok) {
        seal_id_format(id, key.id);
        ok = wrap(&master, tenant, &key, a, wrapped_out, err);
    }
    if (ok)
        *key_out = key;
    OPENSSL_cleanse(&master, sizeof(master));
    seal_key_release(&key);
    return ok;
}

static bool
find_master(struct seal_master *m, struct str id, struct master_keys *keys_out, struct err *err)
{
    for (size_t i = 0; i < seal_master_count(m); i++) {
        if (!seal_master_keys(m, i, keys_out, err))
            return false;
        if (str_eq_c(id, keys_out->id))
            return true;
    }
    OPENSSL_cleanse(keys_out, sizeof(*keys_out));
    return err_set(err, E_KEY_MISSING,
                   "Stored secrets were made with another API_KEY_ENCRYPTION_SECRET (key %.*s): start with that one, "
                   "or name it as an old one", STR_ARG(id));
}

static bool
unwrap(const struct master_keys *master, const struct wrapped *parts, struct str tenant, struct seal_key *key_out,
       struct err *err)
{
    struct buf aad;
    struct secret plain = {0};
    wrap_aad(&aad, parts->master_id, parts->key_id, tenant);
    bool ok = buf_ok(&aad) ? gcm_open(master->wrap, buf_str(&aad), parts->frame, &plain, err) : seal_fault(err);
    buf_release(&aad);
    if (ok && plain.len != SEAL_KEY_BYTES)
        ok = seal_fault(err);
    if (ok) {
        memcpy(key_out->id, parts->key_id.ptr, parts->key_id.len);
        key_out->id[parts->key_id.len] = '\0';
        memcpy(key_out->bytes, plain.bytes, SEAL_KEY_BYTES);
    }
    secret_release(&plain);
    return ok;
}

bool
seal_key_unwrap(struct seal_master *m, struct str tenant, struct str wrapped, struct seal_key *key_out, struct err *err)
{
    struct wrapped parts;
    struct master_keys master = {0};
    if (!wrapped_split(wrapped, &parts))
        return seal_fault(err);
    bool ok = find_master(m, parts.master_id, &master, err) && unwrap(&master, &parts, tenant, key_out, err);
    OPENSSL_cleanse(&master, sizeof(master));
    return ok;
}

bool
seal_key_rewrap(struct seal_master *m, struct str tenant, struct str wrapped, struct arena *a, struct str *wrapped_out,
                struct err *err)
{
    struct seal_key key = {0};
    struct master_keys master = {0};
    bool ok = seal_key_unwrap(m, tenant, wrapped, &key, err) && seal_master_keys(m, 0, &master, err) &&
              wrap(&master, tenant, &key, a, wrapped_out, err);
    OPENSSL_cleanse(&master, sizeof(master));
    seal_key_release(&key);
    return ok;
}

bool
seal_key_is_current(struct seal_master *m, struct str wrapped)
{
    struct wrapped parts;
    char id[SEAL_ID_BYTES];
    struct err ignored = {0};
    return wrapped_split(wrapped, &parts) && seal_master_id(m, id, &ignored) && str_eq_c(parts.master_id, id);
}

bool
seal_master_knows(struct seal_master *m, struct str wrapped)
{
    struct wrapped parts;
    struct err ignored = {0};
    if (!wrapped_split(wrapped, &parts))
        return false;
    bool known = false;
    for (size_t i = 0; i < seal_master_count(m) && !known; i++) {
        struct master_keys keys;
        known = seal_master_keys(m, i, &keys, &ignored) && str_eq_c(parts.master_id, keys.id);
        OPENSSL_cleanse(&keys, sizeof(keys));
    }
    return known;
}

void
seal_key_release(struct seal_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

/* ---- values ---- */

static void
value_aad(struct buf *aad, const struct seal_key *key, const struct seal_place *place)
{
    buf_init(aad, PLACE_BYTES_MAX);
    seal_add_part(aad, STR(SEALED_TAG));
    seal_add_part(aad, str_from_c(key->id));
    seal_add_part(aad, place->tenant);
    seal_add_part(aad, place->kind);
    seal_add_part(aad, place->id);
    seal_add_part(aad, place->field);
}

bool
seal(const struct seal_key *key, const struct seal_place *place, struct str plain, struct arena *a,
     struct str *sealed_out, struct err *err)
{
    CHECK(seal_id_is_valid(str_from_c(key->id)));
    struct buf aad, text;
    value_aad(&aad, key, place);
    buf_init(&text, TEXT_BYTES_MAX);
    buf_addf(&text, SEALED_TAG ".%s.", key->id);
    bool ok = buf_ok(&aad) ? gcm_seal(key->bytes, buf_str(&aad), plain, &text, err) : err_set(err, E_TOO_LARGE, NULL);
    buf_release(&aad);
    if (!ok) {
        buf_release(&text);
        return false;
    }
    return keep_text(&text, a, sealed_out, err);
}

bool
seal_open(const struct seal_key *key, const struct seal_place *place, struct str sealed, struct secret *plain_out,
          struct err *err)
{
    struct str key_id, frame;
    if (!sealed_split(sealed, &key_id, &frame) || !str_eq_c(key_id, key->id))
        return seal_fault(err);
    struct buf aad;
    value_aad(&aad, key, place);
    bool ok = buf_ok(&aad) ? gcm_open(key->bytes, buf_str(&aad), frame, plain_out, err) : seal_fault(err);
    buf_release(&aad);
    return ok;
}

bool
seal_key_id(struct str sealed, struct str *id_out)
{
    struct str frame;
    return sealed_split(sealed, id_out, &frame);
}
