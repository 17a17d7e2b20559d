/*
 * Keys are released in the order in which pages claim them, per collection, so that two nodes cannot wait for
 * each other in a circle.
 */
#include "engine/match_release.h"

#include "base/limits.h"
#include "engine/match_key.h"
#include "json/json.h"

struct release {
    int64_t collection, record;
    struct str key;
};

struct releases {
    struct arena *scratch;
    struct release *rows;
    size_t count;
};

static int
by_collection_and_key(const void *left, const void *right)
{
    const struct release *a = left, *b = right;
    if (a->collection != b->collection)
        return a->collection < b->collection ? -1 : 1;
    int order = str_compare(a->key, b->key);
    return order != 0 ? order : a->record < b->record ? -1 : a->record > b->record;
}

static void
add(struct releases *r, const struct record_gone *gone, struct str key)
{
    if (!str_is_none(key))
        r->rows[r->count++] = (struct release){gone->collection, gone->record, key};
}

/* Most kinds have neither member: nothing is parsed for them. */
static void
add_keys(struct releases *r, const struct record_gone *gone, struct str region)
{
    struct err why = {0};
    if (!str_contains(gone->data, STR("\"email\":")) && !str_contains(gone->data, STR("\"phone\":")))
        return;
    yyjson_val *fields = json_parse(r->scratch, gone->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &why);
    add(r, gone, match_key_email(r->scratch, json_str(json_get_c(fields, "email"))));
    add(r, gone, match_key_phone(r->scratch, json_str(json_get_c(fields, "phone")), region));
}

static bool
release_collection(struct db *db, int64_t tenant, const struct release *rows, size_t count, struct str *keys,
                   int64_t *records, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        keys[i] = rows[i].key;
        records[i] = rows[i].record;
    }
    return store_match_release(db, tenant, rows[0].collection, keys, records, count, err);
}

bool
match_keys_release(struct db *db, struct arena *scratch, int64_t tenant, struct str region, const struct record_gone *rows,
                   size_t count, struct err *err)
{
    if (count == 0)
        return true;
    struct releases r = {scratch, ARENA_ARRAY(scratch, struct release, count * 2), 0};
    struct str *keys = ARENA_ARRAY(scratch, struct str, count * 2);
    int64_t *records = ARENA_ARRAY(scratch, int64_t, count * 2);
    if (r.rows == NULL || keys == NULL || records == NULL)
        return err_set(err, E_TOO_LARGE, "Too many records go at once");
    for (size_t i = 0; i < count; i++)
        add_keys(&r, &rows[i], region);
    qsort(r.rows, r.count, sizeof(*r.rows), by_collection_and_key);
    for (size_t i = 0, next; i < r.count; i = next) {
        for (next = i + 1; next < r.count && r.rows[next].collection == r.rows[i].collection;)
            next++;
        if (!release_collection(db, tenant, &r.rows[i], next - i, keys, records, err))
            return false;
    }
    return true;
}
