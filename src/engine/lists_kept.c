/*
 * What vendors listed, kept for a while.
 */
#include "engine/lists_kept.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define LISTS_MAX 256                     /* connections; the one that was read longest ago goes */

struct kept {
    struct lists_key key;
    struct lists_note note;
    char *text;                           /* owned */
    size_t len;
};

struct lists {
    pthread_mutex_t lock;
    struct kept kept[LISTS_MAX];          /* under lock */
    size_t count;
};

struct lists *
lists_new(struct err *err)
{
    struct lists *l = alloc_zeroed(1, sizeof(*l));
    if (l == NULL) {
        err_no_memory(err);
        return NULL;
    }
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void
lists_free(struct lists *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++)
        free(l->kept[i].text);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Under lock. */
static struct kept *
find(struct lists *l, const struct lists_key *key)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->kept[i].key.connection == key->connection && l->kept[i].key.tenant == key->tenant)
            return &l->kept[i];
    return NULL;
}

/* Under lock. An empty place for the connection's lists. */
static struct kept *
place(struct lists *l, const struct lists_key *key)
{
    struct kept *k = find(l, key);
    if (k == NULL && l->count < LISTS_MAX)
        k = &l->kept[l->count++];
    bool has_place = k != NULL;
    for (size_t i = 0; !has_place && i < l->count; i++)
        if (k == NULL || l->kept[i].note.read_us < k->note.read_us)
            k = &l->kept[i];
    free(k->text);
    *k = (struct kept){.key = *key};
    return k;
}

void
lists_keep(struct lists *l, const struct lists_key *key, struct str text, const struct lists_note *note)
{
    char *copy = alloc_bytes(text.len + 1);
    if (copy == NULL)
        return;
    memcpy(copy, text.ptr, text.len);
    pthread_mutex_lock(&l->lock);
    struct kept *k = place(l, key);
    k->note = *note;
    k->text = copy, k->len = text.len;
    pthread_mutex_unlock(&l->lock);
}

struct str
lists_look_up(struct lists *l, const struct lists_key *key, struct arena *a, struct lists_note *note_out)
{
    struct str text = STR_NONE;
    pthread_mutex_lock(&l->lock);
    struct kept *k = find(l, key);
    if (k != NULL && k->key.fingerprint == key->fingerprint && k->text != NULL) {
        text = str_copy(a, (struct str){k->text, k->len});
        *note_out = k->note;
    }
    pthread_mutex_unlock(&l->lock);
    return text;
}
