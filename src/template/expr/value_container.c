/*
 * Values that hold others: making lists and dicts, looking into them, walking over them.
 *
 * What makes it hard: a list of the expression, an array of a JSON document and a tuple are all
 * "sequences" and must behave alike, and 1, 1.0 and True are one key. JSON is looked into, never copied.
 */
#include "template/expr/value_priv.h"

#include <string.h>

#include "base/hash.h"

#define LIST_SIZE_FIRST 8
#define DICT_INDEX_FROM 16 /* entries from which a dict keeps a hash index */

struct value
value_list_new(struct arena *a)
{
    struct value_list *list = ARENA_NEW(a, struct value_list);
    return list ? (struct value){.type = VALUE_LIST, .list = list} : value_undefined();
}

struct value
value_tuple_new(struct arena *a)
{
    struct value v = value_list_new(a);
    if (v.type == VALUE_LIST)
        v.list->tuple = true;
    return v;
}

struct value
value_dict_new(struct arena *a)
{
    struct value_dict *dict = ARENA_NEW(a, struct value_dict);
    return dict ? (struct value){.type = VALUE_DICT, .dict = dict} : value_undefined();
}

bool
value_list_add(struct arena *a, struct value list, struct value item)
{
    struct value_list *l = list.list;
    if (list.type != VALUE_LIST)
        return false;
    if (l->count == l->size) {
        size_t size = l->size ? l->size * 2 : LIST_SIZE_FIRST;
        struct value *items = arena_grow(a, l->items, l->size * sizeof(item), size * sizeof(item));
        if (!items)
            return false;
        l->items = items;
        l->size = size;
    }
    l->items[l->count++] = item;
    return true;
}

/* ---- dicts ---- */

static uint64_t
hash_bytes(struct str s)
{
    uint64_t hash = hash_add(HASH_START, s);
    return hash ^ (hash >> 29);
}

/* Keys that are equal hash alike: numbers by their double, containers all alike. */
static uint64_t
hash_key(struct value key)
{
    if (key.type == VALUE_STR)
        return hash_bytes(key.text);
    if (!value_is_number(key))
        return (uint64_t)key.type;
    double number = value_to_double(key) + 0.0;
    return hash_bytes((struct str){(const char *)&number, sizeof(number)});
}

static bool
keys_equal(struct value left, struct value right)
{
    if (left.type == VALUE_STR && right.type == VALUE_STR)
        return str_eq(left.text, right.text);
    return value_equal(left, right);
}

/* The slot where the key is, or the empty one where it would go. */
static size_t
slot_of(const struct value_dict *dict, struct value key)
{
    size_t slot = hash_key(key) & (dict->slot_count - 1);
    while (dict->slots[slot] && !keys_equal(dict->entries[dict->slots[slot] - 1].key, key))
        slot = (slot + 1) & (dict->slot_count - 1);
    return slot;
}

static struct value_entry *
find_entry(const struct value_dict *dict, struct value key)
{
    if (dict->slots) {
        uint32_t place = dict->slots[slot_of(dict, key)];
        return place ? &dict->entries[place - 1] : NULL;
    }
    for (size_t i = 0; i < dict->count; i++)
        if (keys_equal(dict->entries[i].key, key))
            return &dict->entries[i];
    return NULL;
}

struct value *
value_dict_find(struct value dict, struct value key)
{
    struct value_entry *entry = dict.type == VALUE_DICT ? find_entry(dict.dict, key) : NULL;
    return entry ? &entry->value : NULL;
}

static bool
rebuild_index(struct arena *a, struct value_dict *dict)
{
    size_t slot_count = dict->size * 2;
    uint32_t *slots = ARENA_ARRAY(a, uint32_t, slot_count);
    if (!slots)
        return false;
    dict->slots = slots;
    dict->slot_count = slot_count;
    for (size_t i = 0; i < dict->count; i++)
        slots[slot_of(dict, dict->entries[i].key)] = (uint32_t)i + 1;
    return true;
}

static bool
dict_grow(struct arena *a, struct value_dict *dict)
{
    size_t size = dict->size ? dict->size * 2 : LIST_SIZE_FIRST;
    struct value_entry *entries =
        arena_grow(a, dict->entries, dict->size * sizeof(*entries), size * sizeof(*entries));
    if (!entries || size > UINT32_MAX / 4)
        return false;
    dict->entries = entries;
    dict->size = size;
    return size <= DICT_INDEX_FROM || rebuild_index(a, dict);
}

bool
value_dict_put_value(struct arena *a, struct value dict, struct value key, struct value item)
{
    if (dict.type != VALUE_DICT)
        return false;
    struct value_dict *d = dict.dict;
    struct value_entry *entry = find_entry(d, key);
    if (entry) {
        entry->value = item;
        return true;
    }
    if (d->count == d->size && !dict_grow(a, d))
        return false;
    if (d->slots)
        d->slots[slot_of(d, key)] = (uint32_t)d->count + 1;
    d->entries[d->count++] = (struct value_entry){key, item};
    return true;
}

bool
value_dict_put(struct arena *a, struct value dict, struct str key, struct value item)
{
    return value_dict_put_value(a, dict, value_str(key), item);
}

/* ---- looking ---- */

struct value
value_lookup(struct value container, struct value key)
{
    if (container.type == VALUE_DICT) {
        struct value_entry *entry = find_entry(container.dict, key);
        return entry ? entry->value : value_undefined();
    }
    if (container.type == VALUE_JSON && key.type == VALUE_STR)
        return value_from_json(json_get(container.json, key.text));
    return value_undefined();
}

struct value
value_get(struct value container, struct str key)
{
    return value_lookup(container, value_str(key));
}

size_t
value_count(struct value v)
{
    switch (v.type) {
    case VALUE_LIST: return v.list->count;
    case VALUE_DICT: return v.dict->count;
    case VALUE_JSON: return yyjson_is_arr(v.json) ? yyjson_arr_size(v.json) : yyjson_obj_size(v.json);
    case VALUE_STR: return pytext_count(v.text);
    case VALUE_UNDEFINED:
    case VALUE_NONE:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_BIGINT:
    case VALUE_FLOAT:
    case VALUE_DATETIME:
    case VALUE_DATE:
    case VALUE_DURATION: break;
    }
    return 0;
}

struct value
value_at(struct value v, size_t index)
{
    if (v.type == VALUE_LIST)
        return index < v.list->count ? v.list->items[index] : value_undefined();
    if (v.type == VALUE_JSON)
        return value_from_json(yyjson_arr_get(v.json, index));
    return value_undefined();
}

/* ---- walking ---- */

void
value_iter_init(struct value_iter *it, struct value container)
{
    *it = (struct value_iter){.container = container};
    if (container.type == VALUE_JSON && yyjson_is_arr(container.json))
        it->array = yyjson_arr_iter_with(container.json);
    if (container.type == VALUE_JSON && yyjson_is_obj(container.json))
        it->object = yyjson_obj_iter_with(container.json);
}

static bool
next_character(struct value_iter *it, struct value *item_out)
{
    struct str text = it->container.text;
    if (it->index >= text.len)
        return false;
    size_t step = pytext_step(text, it->index);
    *item_out = value_str(str_slice(text, it->index, it->index + step));
    it->index += step;
    return true;
}

bool
value_iter_next_entry(struct value_iter *it, struct value *key_out, struct value *item_out)
{
    if (it->container.type == VALUE_DICT) {
        if (it->index >= it->container.dict->count)
            return false;
        *key_out = it->container.dict->entries[it->index].key;
        *item_out = it->container.dict->entries[it->index++].value;
        return true;
    }
    yyjson_val *key = it->container.type == VALUE_JSON ? yyjson_obj_iter_next(&it->object) : NULL;
    if (!key)
        return false;
    *key_out = value_str(json_str(key));
    *item_out = value_from_json(yyjson_obj_iter_get_val(key));
    return true;
}

bool
value_iter_next(struct value_iter *it, struct value *item_out)
{
    struct value ignored;
    if (it->container.type == VALUE_STR)
        return next_character(it, item_out);
    if (value_is_mapping(it->container))
        return value_iter_next_entry(it, item_out, &ignored);
    if (it->container.type == VALUE_LIST) {
        if (it->index >= it->container.list->count)
            return false;
        *item_out = it->container.list->items[it->index++];
        return true;
    }
    yyjson_val *item = it->container.type == VALUE_JSON ? yyjson_arr_iter_next(&it->array) : NULL;
    if (item)
        *item_out = value_from_json(item);
    return item != NULL;
}
