/*
 * What a webhook says, by the template's table. Bodies are strangers' bytes: every walk is bounded by the body's own size
 * and depth, and a member that is missing or of another kind is "not there", never a fault.
 */
#include "template/webhooks.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "crypt/digest.h"
#include "template/expr/datetime.h"
#include "template/manifest_priv.h"

#define PATH_PARTS_MAX 16
#define MS_FROM INT64_C(100000000000) /* a number of seconds as large as this is milliseconds */

/* ---- paths ---- */

struct place {
    const struct webhook_body *b;
    yyjson_val *part;                   /* what paths begin at */
};

static yyjson_val *
walk(yyjson_val *value, struct str path)
{
    for (int parts = 0; value != NULL && !str_is_none(path) && path.len > 0; parts++) {
        struct str name, rest;
        if (parts == PATH_PARTS_MAX)
            return NULL;
        str_cut(path, '.', &name, &rest);
        if (str_eq(name, STR("*"))) {
            size_t index, max;
            yyjson_val *item, *found;
            JSON_EACH_ITEM(value, index, max, item) {
                if ((found = walk(item, rest)) != NULL)
                    return found;
            }
            return NULL;
        }
        int64_t at;
        value = yyjson_is_arr(value) && str_to_i64(name, 0, INT32_MAX, &at) ? yyjson_arr_get(value, (size_t)at) : json_get(value, name);
        path = rest;
    }
    return value;
}

/* NULL also for null. */
static yyjson_val *
json_at(const struct place *at, struct str path)
{
    yyjson_val *value;
    if (str_eq(path, STR("$")))
        value = at->b->body;
    else if (str_starts(path, STR("$.")))
        value = walk(at->b->body, str_skip(path, 2));
    else
        value = walk(at->part, path);
    return yyjson_is_null(value) ? NULL : value;
}

static struct str
scalar(const struct webhook_body *b, yyjson_val *value)
{
    return json_is_number(value) ? json_number_text(b->arena, value) : json_str(value);
}

static struct str
one_text_at(const struct place *at, struct str path)
{
    if (!str_starts(path, STR("header:")))
        return scalar(at->b, json_at(at, path));
    char *name = str_cstr(at->b->arena, str_skip(path, 7));
    return name == NULL ? STR_NONE : http_header_get(at->b->headers, name);
}

/* "a & b": both texts with a blank between them, where both are there. */
static struct str
text_at(const struct place *at, struct str path)
{
    ptrdiff_t between = str_find(path, '&') < 0 ? -1 : str_find_str(path, STR(" & "));
    if (between < 0)
        return one_text_at(at, path);
    struct str left = one_text_at(at, str_slice(path, 0, (size_t)between)), right = one_text_at(at, str_skip(path, (size_t)between + 3));
    return left.len && right.len ? str_format(at->b->arena, "%.*s %.*s", STR_ARG(left), STR_ARG(right)) : STR_NONE;
}

/* The first of some paths that is there and not empty. */
static struct str
first_text(const struct place *at, yyjson_val *paths)
{
    size_t index, max;
    yyjson_val *path;
    if (yyjson_is_str(paths))
        return text_at(at, json_str(paths));
    JSON_EACH_ITEM(paths, index, max, path) {
        struct str text = text_at(at, json_str(path));
        if (text.len > 0)
            return text;
    }
    return STR_NONE;
}

static yyjson_val *
first_value(const struct place *at, yyjson_val *paths)
{
    size_t index, max;
    yyjson_val *path, *value;
    if (yyjson_is_str(paths))
        return json_at(at, json_str(paths));
    JSON_EACH_ITEM(paths, index, max, path) {
        if ((value = json_at(at, json_str(path))) != NULL)
            return value;
    }
    return NULL;
}

/* ---- parts: events of their own in one body ---- */

typedef bool part_fn(void *ctx, const struct place *at);

static bool
each_part(const struct place *at, yyjson_val *lists, size_t depth, part_fn *fn, void *ctx)
{
    if (depth == yyjson_arr_size(lists))
        return fn(ctx, at);
    yyjson_val *list = json_at(at, json_str(yyjson_arr_get(lists, depth))), *item;
    size_t index, max;
    JSON_EACH_ITEM(list, index, max, item) {
        struct place below = {at->b, item};
        if (!each_part(&below, lists, depth + 1, fn, ctx))
            return false;
    }
    return true;
}

static bool
all_parts(const struct webhook_body *b, part_fn *fn, void *ctx)
{
    struct place whole = {b, b->body};
    return each_part(&whole, json_get_c(b->block, "each"), 0, fn, ctx);
}

struct wanted {
    const char *member;
    struct str found;
};

static bool
find_first(void *ctx, const struct place *at)
{
    struct wanted *w = ctx;
    w->found = first_text(at, json_get_c(at->b->block, w->member));
    return w->found.len == 0;
}

static struct str
first_of(const struct webhook_body *b, const char *member)
{
    struct wanted w = {member, STR_NONE};
    all_parts(b, find_first, &w);
    return w.found.len > 0 ? w.found : STR_NONE;
}

static struct str
bare_account(const struct webhook_body *b, struct str account)
{
    struct str suffix = json_str(json_get_c(b->block, "account_suffix"));
    return suffix.len > 0 && str_ends(account, suffix) ? str_slice(account, 0, account.len - suffix.len) : account;
}

bool
webhook_account_is_among(struct str accounts, struct str account)
{
    struct str one;
    while (accounts.len > 0) {
        str_cut(accounts, WEBHOOK_ACCOUNT_SEPARATOR, &one, &accounts);
        if (str_eq(one, account))
            return true;
    }
    return false;
}

struct naming {
    struct arena *arena;
    struct str found;
    size_t count;
};

static bool
name_account(void *ctx, const struct place *at)
{
    struct naming *n = ctx;
    struct str account = bare_account(at->b, first_text(at, json_get_c(at->b->block, "account")));
    if (account.len == 0 || str_find(account, WEBHOOK_ACCOUNT_SEPARATOR) >= 0 || webhook_account_is_among(n->found, account))
        return true;
    n->found = n->count == 0 ? account
                             : str_format(n->arena, "%.*s%c%.*s", STR_ARG(n->found), WEBHOOK_ACCOUNT_SEPARATOR, STR_ARG(account));
    return ++n->count < WEBHOOK_ACCOUNTS_MAX;
}

struct str
webhook_accounts(const struct webhook_body *b)
{
    struct naming n = {b->arena, STR_NONE, 0};
    all_parts(b, name_account, &n);
    return n.found.len > 0 ? n.found : STR_NONE;
}

struct str
webhook_type(const struct webhook_body *b)
{
    return first_of(b, "type");
}

struct str
webhook_delivery(const struct webhook_body *b)
{
    return first_of(b, "delivery_id");
}

/* The table's entries for this part's event: one, or a list. NULL: not in the table. */
static yyjson_val *
entries_of(const struct place *at, struct str *type_out)
{
    *type_out = first_text(at, json_get_c(at->b->block, "type"));
    return json_get(json_get_c(at->b->block, "events"), *type_out);
}

static bool
is_unhandled(void *ctx, const struct place *at)
{
    struct str type;
    (void)ctx;
    return entries_of(at, &type) == NULL;
}

bool
webhook_is_handled(const struct webhook_body *b)
{
    return !all_parts(b, is_unhandled, NULL);
}

/* ---- records ---- */

bool
webhook_time(struct str text, int64_t *us_out)
{
    struct str whole, fraction;
    int64_t number, micros = 0;
    char digits[7] = "000000";
    str_cut(text, '.', &whole, &fraction);
    if (!str_to_i64(whole, 1, INT64_C(100000000000000), &number))
        return text.len >= 10 && (time_parse(text, us_out) || datetime_guess(text, us_out));
    if (number >= MS_FROM) {
        *us_out = number * US_PER_MS;
        return true;
    }
    if (fraction.len > 0)
        memcpy(digits, fraction.ptr, fraction.len > 6 ? 6 : fraction.len);
    if (!str_to_i64((struct str){digits, 6}, 0, 999999, &micros))
        return false;
    *us_out = number * US_PER_S + micros;
    return true;
}

struct collecting {
    struct arena *arena;
    struct str account;     /* whose events are wanted; STR_NONE: everybody's */
    struct webhook_record *rows;
    size_t count, size;
    struct err *err;
};

static struct webhook_record *
next_row(struct collecting *c)
{
    if (c->count == c->size) {
        size_t size = c->size * 2 + 4;
        struct webhook_record *grown = ARENA_ARRAY(c->arena, struct webhook_record, size);
        if (grown == NULL)
            return NULL;
        if (c->count > 0)
            memcpy(grown, c->rows, c->count * sizeof(*grown));
        c->rows = grown;
        c->size = size;
    }
    return &c->rows[c->count++];
}

static bool
names(yyjson_val *list, yyjson_val *key)
{
    size_t index, max;
    yyjson_val *item;
    JSON_EACH_ITEM(list, index, max, item) {
        if (str_eq(json_str(item), json_str(key)))
            return true;
    }
    return false;
}

/* A record with what the entry adds and takes out; the same one where it does neither. */
static yyjson_val *
dressed(const struct place *at, yyjson_val *entry, yyjson_val *record)
{
    yyjson_val *set = json_get_c(entry, "set"), *drop = json_get_c(entry, "drop"), *key, *value;
    size_t index, max;
    if (!yyjson_is_obj(record) || (set == NULL && drop == NULL))
        return record;
    yyjson_mut_doc *doc = json_mut_doc(at->b->arena);
    yyjson_mut_val *made = doc == NULL ? NULL : yyjson_mut_obj(doc);
    if (made == NULL)
        return NULL;
    JSON_EACH_MEMBER(record, index, max, key, value) {
        if (!names(drop, key))
            yyjson_mut_obj_add(made, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    }
    JSON_EACH_MEMBER(set, index, max, key, value) {
        yyjson_val *found = first_value(at, value);
        if (found != NULL)
            yyjson_mut_obj_put(made, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, found));
    }
    return json_freeze(at->b->arena, made);
}

static yyjson_val *
slice_of(const struct place *at, yyjson_val *entry)
{
    yyjson_val *members = json_get_c(entry, "slice"), *key, *path;
    size_t index, max;
    yyjson_mut_doc *doc = members == NULL ? NULL : json_mut_doc(at->b->arena);
    yyjson_mut_val *made = doc == NULL ? NULL : yyjson_mut_obj(doc);
    if (made == NULL)
        return NULL;
    JSON_EACH_MEMBER(members, index, max, key, path) {
        struct str text = first_text(at, path);
        if (text.len > 0)
            yyjson_mut_obj_put(made, yyjson_val_mut_copy(doc, key), yyjson_mut_strncpy(doc, text.ptr, text.len));
    }
    return json_freeze(at->b->arena, made);
}

/* The record without some members, and with one more where `more` is not NULL. NULL: the arena is full. */
static yyjson_val *
altered(const struct webhook_body *b, yyjson_val *record, yyjson_val *without, const char *more, struct str text)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_mut_doc *doc = json_mut_doc(b->arena);
    yyjson_mut_val *copy = doc ? yyjson_mut_obj(doc) : NULL;
    JSON_EACH_MEMBER(record, index, max, key, value) {
        if (copy && !names(without, key))
            yyjson_mut_obj_add(copy, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    }
    if (copy && more)
        yyjson_mut_obj_put(copy, yyjson_mut_strcpy(doc, more), yyjson_mut_strncpy(doc, text.ptr, text.len));
    return copy ? json_freeze(b->arena, copy) : NULL;
}

static bool
digest_id(const struct webhook_body *b, yyjson_val *whole, yyjson_val *without, struct str *id_out)
{
    char hex[SHA256_TEXT_BYTES];
    yyjson_val *record = altered(b, whole, without, NULL, STR_NONE);
    if (!record)
        return false;
    struct buf text;
    struct err ignored = {0};
    buf_init(&text, LIMIT_BODY_LARGE_BYTES * 2);
    bool ok = json_write_canonical(&text, record) && sha256_hex(buf_str(&text), hex, &ignored);
    buf_release(&text);
    *id_out = ok ? str_copy(b->arena, str_slice(str_from_c(hex), 0, 32)) : STR_NONE;
    return !str_is_none(*id_out);
}

static void
date_record(const struct place *at, yyjson_val *entry, struct webhook_record *row)
{
    int64_t us;
    row->version = first_text(at, json_get_c(entry, "version"));
    struct str time = first_text(at, json_get_c(entry, "time"));
    if ((time.len > 0 && webhook_time(time, &us)) || (row->version.len > 0 && webhook_time(row->version, &us)))
        row->time_us = us;
}

static bool
add_record(struct collecting *c, const struct place *at, struct str type, yyjson_val *entry)
{
    if (c->count == WEBHOOK_RECORDS_MAX)
        return err_set(c->err, E_LIMIT, "More than %d records in one event", WEBHOOK_RECORDS_MAX);
    yyjson_val *paths = json_get_c(entry, "record"), *ids = json_get_c(entry, "id");
    yyjson_val *record = paths == NULL ? NULL : first_value(at, paths);
    struct place inside = {at->b, record};
    struct webhook_record row = {.type = type, .stream = json_str(json_get_c(entry, "stream")),
                                 .deleted = json_bool_or(json_get_c(entry, "deleted"), false),
                                 .lead = str_eq(json_str(json_get_c(entry, "intake")), STR("lead")), .request = webhook_request_of(entry)};
    row.external_id = ids != NULL ? first_text(at, ids) : text_at(&inside, STR("id"));
    if (row.external_id.len == 0)
        row.external_id = STR_NONE;
    struct str digest = json_str(json_get_c(entry, "digest_id"));
    bool made = !at->b->names_only || (str_is_none(row.external_id) && digest.len > 0);
    row.slice = at->b->names_only ? NULL : slice_of(at, entry);
    date_record(at, entry, &row);
    row.record = made && yyjson_is_obj(record) ? dressed(at, entry, record) : NULL;
    if (str_is_none(row.external_id) && row.record != NULL && digest.len > 0) {
        char member[64];
        if (!digest_id(at->b, row.record, json_get_c(entry, "digest_without"), &row.external_id))
            return err_set(c->err, E_TOO_LARGE, NULL);
        snprintf(member, sizeof(member), "%.*s", STR_ARG(digest));
        row.record = altered(at->b, row.record, NULL, member, row.external_id);
    }
    struct webhook_record *place = next_row(c);
    if (place == NULL)
        return err_set(c->err, E_TOO_LARGE, NULL);
    *place = row;
    return true;
}

static bool
add_part(void *ctx, const struct place *at)
{
    struct collecting *c = ctx;
    struct str type, own = STR_NONE;
    yyjson_val *entries = entries_of(at, &type), *entry;
    size_t index, max;
    if (c->account.len > 0)
        own = bare_account(at->b, first_text(at, json_get_c(at->b->block, "account")));
    if (own.len > 0 && !str_eq(c->account, own))
        return true; /* another account's event in the same delivery */
    if (yyjson_is_obj(entries))
        return add_record(c, at, type, entries);
    JSON_EACH_ITEM(entries, index, max, entry) {
        if (!add_record(c, at, type, entry))
            return false;
    }
    return true;
}

bool
webhook_records(const struct webhook_body *b, struct webhook_record **rows_out, size_t *count_out, struct err *err)
{
    struct collecting c = {.arena = b->arena, .account = b->account, .err = err};
    if (!all_parts(b, add_part, &c))
        return false;
    *rows_out = c.rows;
    *count_out = c.count;
    return true;
}

bool
webhook_records_are_dated(const struct webhook_record *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].version.len == 0 && rows[i].time_us == 0)
            return false;
    return count > 0;
}

bool
webhook_is_dated(const struct webhook_body *b)
{
    struct webhook_record *rows = NULL;
    size_t count = 0;
    struct err ignored = {0};
    return webhook_records(b, &rows, &count, &ignored) && webhook_records_are_dated(rows, count);
}
