/*
 * Who at the vendor has a record's key: one record at a time, or as many as the vendor's call for many takes.
 *
 * What the vendor finds is mapped as a page's records are, and only the very key counts: a search may be generous. An answer for
 * many may come in any order, name one record for several keys or several for one, and leave some open, where a part of the vendor failed.
 * Nobody is taken for absent because he is not in it: the answer must say so (`missing`). Who is left open is asked for alone.
 */
#include "engine/push.h"

#include "engine/match_key.h"

bool
push_keys_of(struct work *w, struct arena *a, yyjson_val *record, struct mapped *mapped_out, struct str *email_out, struct str *phone_out,
             struct err *err)
{
    const struct page_context *c = &work_stream(w)->context;
    if (!mapping_apply(c->mapping, a, record, NULL, w->account.effective, c->now_us, mapped_out, err))
        return false;
    *email_out = match_key_email(a, mapped_out->email);
    *phone_out = match_key_phone(a, mapped_out->phone, c->region);
    return true;
}

static struct str
value_of(struct str key)
{
    struct str kind, value;
    str_cut(key, ':', &kind, &value);
    return value;
}

/* ---- candidates */

/* Somebody the vendor has shown. */
struct shown {
    yyjson_val *record;
    struct str id, email, phone;
};

struct candidates {
    const struct push_item *item;
    bool by_phone;
    enum push_found found;
    yyjson_val *record;
    struct str id;
};

/* False with E_OK: nobody who counts. */
static bool
read_shown(struct work *w, yyjson_val *record, struct shown *shown_out, struct err *err)
{
    struct mapped mapped;
    struct shown shown = {.record = record};
    if (!yyjson_is_obj(record) || !push_keys_of(w, &w->push->items, record, &mapped, &shown.email, &shown.phone, err))
        return false;
    shown.id = mapped.external_id;
    *shown_out = shown;
    return mapped.external_id.len > 0 && !mapped.deleted;
}

/* Two people may share a phone, so an e-mail that says otherwise wins. */
static bool
is_it(const struct candidates *c, const struct shown *s)
{
    if (!c->by_phone)
        return str_eq(s->email, c->item->key_email);
    return str_eq(s->phone, c->item->key_phone) && (str_is_none(s->email) || str_is_none(c->item->key_email));
}

static void
consider(struct candidates *c, const struct shown *s)
{
    if (!is_it(c, s) || (c->found != PUSH_FOUND_NONE && str_eq(c->id, s->id)))
        return;
    c->found = c->found == PUSH_FOUND_NONE ? PUSH_FOUND_ONE : PUSH_FOUND_SEVERAL;
    c->record = s->record;
    c->id = s->id;
}

/* All of a list, or the one that stands in its place. */
static bool
read_all_shown(struct work *w, yyjson_val *list, struct shown **shown_out, size_t *count_out, struct err *err)
{
    size_t i, max, count = 0;
    yyjson_val *record;
    struct shown *shown = ARENA_ARRAY(&w->push->items, struct shown, yyjson_arr_size(list) + 1);
    if (shown == NULL)
        return err_no_memory(err);
    if (!yyjson_is_arr(list))
        count += read_shown(w, list, &shown[count], err);
    yyjson_arr_foreach(list, i, max, record)
        if (err->code == E_OK)
            count += read_shown(w, record, &shown[count], err);
    *shown_out = shown;
    *count_out = count;
    return err->code == E_OK;
}

/* ---- one */

static enum push_answer
look_by(struct work *w, struct candidates *c, int64_t *observed_us_out, int64_t *wait_ms_out, struct err *err)
{
    size_t count;
    struct shown *shown;
    yyjson_val *result = NULL;
    struct push *p = w->push;
    struct str value = value_of(c->by_phone ? c->item->key_phone : c->item->key_email);
    enum push_answer answer = push_call(w, &p->items, p->streams[w->stream_at].match,
                                        push_input_match(&p->items, c->by_phone ? "phone" : "email", value), &result,
                                        observed_us_out, wait_ms_out, err);
    if (answer != PUSH_ANSWERED)
        return answer;
    if (!read_all_shown(w, result, &shown, &count, err))
        return push_answer_of(err->code);
    for (size_t i = 0; i < count; i++)
        consider(c, &shown[i]);
    return PUSH_ANSWERED;
}

enum push_answer
push_look(struct work *w, struct push_item *item, enum push_found *found_out, yyjson_val **record_out, int64_t *observed_us_out,
          int64_t *wait_ms_out, struct err *err)
{
    const struct push_stream *s = &w->push->streams[w->stream_at];
    struct candidates c = {.item = item};
    enum push_answer answer = PUSH_ANSWERED;
    if (s->by_email && !str_is_none(item->key_email))
        answer = look_by(w, &c, observed_us_out, wait_ms_out, err);
    if (answer == PUSH_ANSWERED && c.found == PUSH_FOUND_NONE && s->by_phone && !str_is_none(item->key_phone)) {
        c.by_phone = true;
        answer = look_by(w, &c, observed_us_out, wait_ms_out, err);
    }
    *found_out = c.found;
    *record_out = c.record;
    return answer;
}

/* ---- many */

/* The vendor says that nobody has it: true for all that it does not show, else a list, or lists in one. */
static bool
is_missing(struct arena *a, yyjson_val *missing, struct str key)
{
    size_t i, max;
    yyjson_val *item;
    if (yyjson_is_bool(missing))
        return yyjson_is_true(missing);
    yyjson_arr_foreach(missing, i, max, item) {
        if (yyjson_is_arr(item) ? is_missing(a, item, key) : str_eq(match_key_email(a, json_str(item)), key))
            return true;
    }
    return false;
}

static enum push_found
judge(struct arena *a, const struct push_item *item, const struct shown *shown, size_t count, yyjson_val *missing,
      yyjson_val **record_out)
{
    struct candidates c = {.item = item};
    for (size_t i = 0; i < count; i++)
        consider(&c, &shown[i]);
    *record_out = c.record;
    return c.found == PUSH_FOUND_NONE && !is_missing(a, missing, item->key_email) ? PUSH_FOUND_UNKNOWN : c.found;
}

enum push_answer
push_look_many(struct work *w, struct push_item *const *items, size_t count, struct push_sight *sights_out, int64_t *wait_ms_out,
               struct err *err)
{
    struct shown *shown;
    size_t shown_count;
    int64_t observed_us;
    yyjson_val *result = NULL;
    struct push *p = w->push;
    const struct push_stream *s = &p->streams[w->stream_at];
    enum push_answer answer = push_call(w, &p->items, s->match_many, push_input_match_many(&p->items, items, count, s->match_item),
                                        &result, &observed_us, wait_ms_out, err);
    if (answer != PUSH_ANSWERED)
        return answer;
    yyjson_val *found = yyjson_is_obj(result) ? json_get_c(result, "found") : result;
    if (!read_all_shown(w, found, &shown, &shown_count, err))
        return push_answer_of(err->code);
    for (size_t i = 0; i < count; i++) {
        items[i]->observed_us = observed_us;
        sights_out[i].found = judge(&p->items, items[i], shown, shown_count, json_get_c(result, "missing"), &sights_out[i].record);
    }
    return PUSH_ANSWERED;
}
