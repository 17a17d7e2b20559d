/*
 * Fields that both sides changed: which side was later, and what of the side that lost is kept (contract, section 5).
 *
 * A vendor tells when it changed a record, not which field; we know when each field was changed here, from the history. Only a person's
 * own edit is compared: what a page brought has no better time than when it was read, and there the later observation stands. Both
 * clocks are believed; a time in whole seconds counts as the end of that second, so that in doubt the vendor is the later one.
 */
#include "engine/page.h"

#include "base/limits.h"
#include "store/store_history.h"
#include "store/store_record.h"

#define HISTORY_ROWS 50
#define EPOCH_SECONDS_MIN 1000000000LL        /* September 2001: a smaller number is a counter, no time */
#define EPOCH_SECONDS_MAX 100000000000LL
#define EPOCH_MS_MAX (EPOCH_SECONDS_MAX * 1000)

static bool
conflict_memory(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
}

/* 0: it is no time. */
static int64_t
time_of(struct str version)
{
    int64_t us = 0, number = 0;
    struct str whole, rest;
    bool fraction = str_cut(version, '.', &whole, &rest);
    if (str_to_i64(whole, EPOCH_SECONDS_MIN, EPOCH_MS_MAX, &number)) {
        bool seconds = number < EPOCH_SECONDS_MAX;
        us = seconds ? number * US_PER_S : number * US_PER_MS;
        return seconds ? us + US_PER_S - 1 : us;
    }
    if (version.len == 0 || !time_parse(version, &us))
        return 0;
    return fraction ? us : us + US_PER_S - 1;
}

static struct str
top_member(struct str pointer)
{
    struct str first, rest;
    str_cut(str_skip(pointer, 1), '/', &first, &rest);
    return first;
}

/* When a person here last changed the member; 0: it was not a person, or not known. */
static int64_t
edited_us(struct arena *a, const struct record_change *changes, size_t count, struct str member)
{
    for (size_t i = 0; i < count; i++) {
        struct err ignored = {0};
        yyjson_val *old = json_parse(a, changes[i].fields, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
        if (str_eq_c(changes[i].actor, HISTORY_OVERRULED) || json_get(old, member) == NULL)
            continue;
        return changes[i].connection == 0 && changes[i].actor.len > 0 ? changes[i].at_us : 0;
    }
    return 0;
}

bool
page_conflict_newer_here(struct page_batch *b, struct db *db, const struct page_item *item, const struct merged *merged,
                         struct str **pointers_out, size_t *count_out, struct err *err)
{
    size_t i, most, count = 0, change_count = 0;
    yyjson_val *field;
    struct record_change *changes = NULL;
    int64_t theirs_us = time_of(item->mapped.version);
    struct str *pointers = ARENA_ARRAY(b->arena, struct str, yyjson_arr_size(merged->conflict_values) + 1);
    *count_out = 0;
    if (theirs_us == 0)
        return true;
    if (pointers == NULL)
        return conflict_memory(err);
    if (!store_record_history(db, b->arena, b->context->tenant, item->record, HISTORY_ROWS, &changes, &change_count, err))
        return false;
    yyjson_arr_foreach(merged->conflict_values, i, most, field) {
        struct str pointer = json_str(json_get_c(field, "pointer"));
        if (edited_us(b->arena, changes, change_count, top_member(pointer)) > theirs_us)
            pointers[count++] = pointer;
    }
    *pointers_out = pointers;
    *count_out = count;
    return true;
}

/* {"name": "There"}: what they said of fields that stay ours. NULL: memory. */
static yyjson_val *
lost_values(struct arena *a, const struct merged *merged, yyjson_val *outcome)
{
    size_t i, most;
    yyjson_val *field;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *lost = doc == NULL ? NULL : yyjson_mut_obj(doc);
    yyjson_arr_foreach(merged->conflict_values, i, most, field) {
        yyjson_val *theirs = json_get_c(field, "source"), *kept = json_pointer(outcome, json_str(json_get_c(field, "pointer")));
        struct str name = json_str(json_get_c(field, "field"));
        if (lost != NULL && (kept == NULL || !json_equal(theirs, kept)))
            yyjson_mut_obj_add(lost, yyjson_mut_strncpy(doc, name.ptr, name.len), yyjson_val_mut_copy(doc, theirs));
    }
    return lost == NULL ? NULL : json_freeze(a, lost);
}

bool
page_conflict_keep_lost(struct page_batch *b, struct db *db, const struct page_item *item, const struct merged *merged, struct err *err)
{
    const struct page_context *c = b->context;
    if (!c->pushes || c->policy == CONFLICT_MANUAL) /* what a person decides stands in the conflict */
        return true;
    yyjson_val *outcome = json_parse(b->arena, merged->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    yyjson_val *lost = outcome == NULL ? NULL : lost_values(b->arena, merged, outcome);
    if (outcome == NULL || lost == NULL)
        return err->code != E_OK ? false : conflict_memory(err);
    if (yyjson_obj_size(lost) == 0)
        return true;
    struct str fields = json_to_text(b->arena, lost);
    if (str_is_none(fields))
        return conflict_memory(err);
    return store_history_overruled(db, c->tenant, item->record, c->connection, b->fence.run, fields, store_now(db), err);
}
