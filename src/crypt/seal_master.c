/*
 * Master keys: from the text of a secret to key bytes, slowly (scrypt) and once.
 *
 * The difficulty is only when: deriving takes tens of milliseconds and 16 MiB, so a start that needs no secret
 * does not pay for it, and threads that need it at the same moment wait for one derivation.
 */
#include "crypt/seal_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/check.h"

#define MASTER_MAGIC 0x5ea1ab1eU
#define MASTER_SALT "tidemark master key 1"
/* The documented derivation: crypto.scryptSync(secret, 'salt', 32) with Node's defaults for N, r, p. */
#define LEGACY_SALT "salt"
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_MEMORY_MAX (UINT64_C(64) * 1024 * 1024)

struct master {
    struct secret text;
    bool has_keys, has_legacy;
    struct master_keys keys;
    unsigned char legacy[SEAL_KEY_BYTES];
};

struct seal_master {
    unsigned magic;
    pthread_mutex_t lock; /* over the derived parts; text and count are immutable once shared */
    size_t count;
    struct master masters[1 + SEAL_OLD_MAX];
};

struct seal_master *
seal_master_new(struct str secret, struct err *err)
{
    if (secret.len == 0) {
        err_set(err, E_KEY_MISSING, "API_KEY_ENCRYPTION_SECRET is empty: give it the secret that stored values were made with");
        return NULL;
    }
    struct seal_master *m = alloc_zeroed(1, sizeof(*m));
    if (!m) {
        err_no_memory(err);
        return NULL;
    }
    m->magic = MASTER_MAGIC;
    m->count = 1;
    pthread_mutex_init(&m->lock, NULL);
    if (secret_set(&m->masters[0].text, secret, err))
        return m;
    seal_master_free(m);
    return NULL;
}

bool
seal_master_add_old(struct seal_master *m, struct str secret, struct err *err)
{
    CHECK(m->magic == MASTER_MAGIC);
    if (secret.len == 0)
        return err_set(err, E_KEY_MISSING, "An old encryption secret is empty");
    if (m->count == ARRAY_LEN(m->masters))
        return err_set(err, E_LIMIT, "At most %d old encryption secrets can be kept", SEAL_OLD_MAX);
    if (!secret_set(&m->masters[m->count].text, secret, err))
        return false;
    m->count++;
    return true;
}

void
seal_master_free(struct seal_master *m)
{
    if (!m)
        return;
    CHECK(m->magic == MASTER_MAGIC);
    for (size_t i = 0; i < ARRAY_LEN(m->masters); i++)
        secret_release(&m->masters[i].text);
    pthread_mutex_destroy(&m->lock);
    OPENSSL_cleanse(m, sizeof(*m));
    free(m);
}

size_t
seal_master_count(const struct seal_master *m)
{
    return m->count;
}

static bool
stretch(const struct secret *text, struct str salt, unsigned char *bytes, size_t count, struct err *err)
{
    if (EVP_PBE_scrypt(text->bytes, text->len, (const unsigned char *)salt.ptr, salt.len, SCRYPT_N, SCRYPT_R, SCRYPT_P,
                       SCRYPT_MEMORY_MAX, bytes, count) != 1)
        return err_no_memory(err);
    return true;
}

/* The first 32 bytes wrap; eight of the next ones, which tell nothing about the first, are the name. */
static bool
derive_keys(struct master *master, struct err *err)
{
    unsigned char bytes[SEAL_KEY_BYTES + 8];
    if (!stretch(&master->text, STR(MASTER_SALT), bytes, sizeof(bytes), err))
        return false;
    memcpy(master->keys.wrap, bytes, SEAL_KEY_BYTES);
    seal_id_format(bytes + SEAL_KEY_BYTES, master->keys.id);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return master->has_keys = true;
}

bool
seal_master_keys(struct seal_master *m, size_t index, struct master_keys *keys_out, struct err *err)
{
    CHECK(m->magic == MASTER_MAGIC);
    CHECK(index < m->count);
    struct master *master = &m->masters[index];
    pthread_mutex_lock(&m->lock);
    bool ok = master->has_keys || derive_keys(master, err);
    if (ok)
        *keys_out = master->keys;
    pthread_mutex_unlock(&m->lock);
    return ok;
}

bool
seal_master_legacy_key(struct seal_master *m, size_t index, unsigned char key[SEAL_KEY_BYTES], struct err *err)
{
    CHECK(m->magic == MASTER_MAGIC);
    CHECK(index < m->count);
    struct master *master = &m->masters[index];
    pthread_mutex_lock(&m->lock);
    if (!master->has_legacy)
        master->has_legacy = stretch(&master->text, STR(LEGACY_SALT), master->legacy, SEAL_KEY_BYTES, err);
    bool ok = master->has_legacy;
    if (ok)
        memcpy(key, master->legacy, SEAL_KEY_BYTES);
    pthread_mutex_unlock(&m->lock);
    return ok;
}

bool
seal_master_id(struct seal_master *m, char id[SEAL_ID_BYTES], struct err *err)
{
    struct master_keys keys;
    if (!seal_master_keys(m, 0, &keys, err))
        return false;
    memcpy(id, keys.id, SEAL_ID_BYTES);
    OPENSSL_cleanse(&keys, sizeof(keys));
    return true;
}
