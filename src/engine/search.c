#include "engine/search.h"

#include <pthread.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include "base/limits.h"
#include "engine/kind.h"
#include "json/json.h"
#include "store/store_search.h"

#define BATCH_RECORDS 100
#define BATCH_EVENTS 100         /* those of webhooks are of one record or a few */
#define ROUND_ARENA_BYTES (64L * 1024 * 1024)
#define WHOLE_US (6 * US_PER_DAY)         /* not looked at for so long: events may have aged out meanwhile */
#define CHECKED_EVERY_US (10 * US_PER_MINUTE)
#define PHONE_DIGITS_MIN 3
#define VALUE_BYTES_MAX 1500
#define STATE_ARENA_BYTES 4096

/* ---- folding ---- */

/* Accents are marks of their own after decomposition; they go. */
static int32_t
drop_marks(UChar *text, int32_t len)
{
    int32_t out = 0;
    bool blank = true;
    for (int32_t i = 0; i < len;) {
        UChar32 c;
        U16_NEXT(text, i, len, c);
        int8_t type = u_charType(c);
        if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_FORMAT_CHAR || c == 0)
            continue;
        bool space = u_isUWhiteSpace(c) || type == U_CONTROL_CHAR;
        if (space && blank)
            continue;
        blank = space;
        if (space)
            text[out++] = ' ';
        else
            U16_APPEND_UNSAFE(text, out, c);
    }
    return out > 0 && text[out - 1] == ' ' ? out - 1 : out;
}

static struct str
cut_at_character(struct str text, size_t bytes_max)
{
    if (text.len <= bytes_max)
        return text;
    size_t len = bytes_max;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return (struct str){text.ptr, len};
}

struct str
search_fold(struct arena *a, struct str text, size_t bytes_max)
{
    text = cut_at_character(text, bytes_max);
    if (text.len == 0 || !str_is_utf8(text))
        return STR("");
    int32_t size = (int32_t)text.len * 4 + 16, len = 0, bytes = 0; /* a compatibility form may be longer: what is too long is left out */
    UErrorCode code = U_ZERO_ERROR;
    UChar *wide = ARENA_ARRAY(a, UChar, (size_t)size), *folded = ARENA_ARRAY(a, UChar, (size_t)size);
    char *out = arena_alloc_bytes(a, (size_t)size * 3);
    if (!wide || !folded || !out)
        return STR_NONE;
    const UNormalizer2 *form = unorm2_getNFKDInstance(&code);
    u_strFromUTF8(wide, size, &len, text.ptr, (int32_t)text.len, &code);
    len = u_strFoldCase(folded, size, wide, U_SUCCESS(code) ? len : 0, U_FOLD_CASE_DEFAULT, &code);
    len = unorm2_normalize(form, folded, U_SUCCESS(code) ? len : 0, wide, size, &code);
    if (U_FAILURE(code))
        return STR("");
    len = drop_marks(wide, len);
    u_strToUTF8(out, size * 3, &bytes, wide, len, &code);
    return U_FAILURE(code) ? STR("") : cut_at_character((struct str){out, (size_t)bytes}, bytes_max);
}

static bool
looks_like_phone(struct str text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c >= '0' && c <= '9')
            digits++;
        else if (!strchr("+-(). /", c))
            return false;
    }
    return digits >= PHONE_DIGITS_MIN;
}

static struct str
digits_of(struct arena *a, struct str text)
{
    char *out = arena_alloc_bytes(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < text.len; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            out[len++] = text.ptr[i];
    return out ? (struct str){out, len} : STR_NONE;
}

struct str
search_question(struct arena *a, struct str text)
{
    text = str_trim(text);
    return looks_like_phone(text) ? digits_of(a, text) : search_fold(a, text, SEARCH_TEXT_BYTES_MAX);
}

/* ---- what can be found of a record ---- */

static void
add_text(struct buf *b, struct str text)
{
    if (text.len == 0 || b->len + 1 + text.len > SEARCH_TEXT_BYTES_MAX)
        return;
    if (b->len)
        buf_add_char(b, ' ');
    buf_add(b, text);
}

/* A number is found with and without its signs. */
static void
add_value(struct buf *b, struct arena *a, struct str text)
{
    add_text(b, cut_at_character(text, VALUE_BYTES_MAX));
    if (!looks_like_phone(text))
        return;
    struct str digits = digits_of(a, text);
    if (digits.len != text.len)
        add_text(b, digits);
}

static bool
is_found(const struct kind *kind, struct str member)
{
    const struct kind_field *field = kind ? kind_field_find(kind, member) : NULL;
    return kind == NULL || (field && (field->flags & FIELD_FOUND));
}

static struct str
text_of(struct arena *a, const struct search_record *record)
{
    struct err err = {0};
    const struct kind *kind = kind_find(record->kind);
    yyjson_val *data = json_parse(a, record->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
    struct buf b;
    size_t index, max;
    yyjson_val *key, *value;
    buf_init(&b, SEARCH_TEXT_BYTES_MAX);
    add_value(&b, a, record->title);
    yyjson_obj_foreach(data, index, max, key, value) {
        struct str text = json_str(value);
        if (text.len && !str_eq(text, record->title) && is_found(kind, json_str(key)))
            add_value(&b, a, text);
    }
    struct str folded = search_fold(a, buf_str(&b), SEARCH_TEXT_BYTES_MAX);
    buf_release(&b);
    return folded;
}

/* ---- one batch ---- */

struct round {
    struct arena arena;
    struct search_state state;
    bool more;
};

static bool
put(struct round *r, struct db *db, const struct search_record *record, struct err *err)
{
    struct arena_mark mark = arena_mark(&r->arena);
    struct str text = text_of(&r->arena, record);
    bool ok = !str_is_none(text) ? store_search_put(db, &r->arena, record, text, err)
                                 : err_set(err, E_TOO_LARGE, "A record is too large to be searched");
    arena_rewind(&r->arena, mark);
    return ok;
}

static bool
build_batch(struct round *r, struct db *db, struct err *err)
{
    struct search_record *rows;
    size_t count;
    if (!store_search_walk(db, &r->arena, &r->state, BATCH_RECORDS, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!put(r, db, &rows[i], err))
            return false;
    if (count) {
        r->state.tenant = rows[count - 1].tenant;
        r->state.record = rows[count - 1].id;
    }
    r->state.building = count == BATCH_RECORDS;
    r->more = true;
    return true;
}

static bool
follow_record(struct round *r, struct db *db, int64_t tenant, int64_t id, struct err *err)
{
    struct arena_mark mark = arena_mark(&r->arena);
    struct search_record record;
    enum row row = store_search_record(db, &r->arena, tenant, id, &record, err);
    bool ok = row == ROW_FOUND ? put(r, db, &record, err)
                               : row == ROW_NONE && store_search_remove(db, tenant, id, err);
    arena_rewind(&r->arena, mark);
    return ok;
}

/* Whole events only, as many as make a batch. */
static bool
follow_batch(struct round *r, struct db *db, struct err *err)
{
    struct event *events;
    size_t count, done = 0;
    if (!store_event_read(db, &r->arena, 0, r->state.place, BATCH_EVENTS, &events, &count, err))
        return false;
    for (size_t i = 0; i < count && done < BATCH_RECORDS; i++) {
        for (size_t k = 0; k < events[i].record_count; k++)
            if (!follow_record(r, db, events[i].tenant, events[i].records[k], err))
                return false;
        done += events[i].record_count;
        r->state.place = events[i].place;
        r->more |= i + 1 < count || count == BATCH_EVENTS;
    }
    return true;
}

static bool
same_place(struct event_place a, struct event_place b)
{
    return a.transaction == b.transaction && a.seq == b.seq;
}

static bool
work(struct db *db, void *ctx, struct err *err)
{
    struct round *r = ctx;
    bool taken = false;
    arena_clear(&r->arena);
    r->more = false;
    if (!store_search_state_take(db, &r->arena, &r->state, &taken, err))
        return false;
    if (!taken)
        return true;
    struct search_state before = r->state;
    int64_t now_us = store_now(db);
    if (r->state.checked_us && now_us - r->state.checked_us > WHOLE_US && !r->state.building)
        r->state = (struct search_state){.place = r->state.place, .building = true};
    if (!(r->state.building ? build_batch(r, db, err) : follow_batch(r, db, err)))
        return false;
    bool due = now_us - before.checked_us > CHECKED_EVERY_US;
    if (due)
        r->state.checked_us = now_us;
    bool moved = due || r->state.building != before.building || r->state.record != before.record ||
                 !same_place(r->state.place, before.place);
    return !moved || store_search_state_save(db, &r->state, err);
}

static bool
is_idle(struct db *db, void *ctx, struct err *err)
{
    bool *idle = ctx;
    struct event_place newest;
    struct search_state state;
    struct arena a;
    bool known = false;
    arena_init(&a, STATE_ARENA_BYTES);
    bool ok = store_search_state_read(db, &a, &state, &known, err) && store_event_newest(db, 0, &newest, err);
    *idle = ok && known && !state.building && same_place(state.place, newest) &&
            store_now(db) - state.checked_us <= CHECKED_EVERY_US;
    arena_release(&a);
    return ok;
}

struct submission {
    struct round *round;
    struct err *err;
    bool done, ok;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static bool
work_submitted(struct db *db, void *ctx, struct err *err)
{
    return work(db, ((struct submission *)ctx)->round, err);
}

static void
work_done(void *ctx, bool ok, const struct err *err)
{
    struct submission *s = ctx;
    pthread_mutex_lock(&s->lock);
    if (!ok)
        *s->err = *err;
    s->ok = ok;
    s->done = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

/* Behind short writes, as pages are. */
static bool
write_as_page(struct store *store, struct round *r, struct err *err)
{
    struct submission s = {.round = r, .err = err};
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.wake, NULL);
    store_write_async(store, STORE_PAGE, work_submitted, &s, work_done);
    pthread_mutex_lock(&s.lock);
    while (!s.done)
        pthread_cond_wait(&s.wake, &s.lock);
    pthread_mutex_unlock(&s.lock);
    pthread_cond_destroy(&s.wake);
    pthread_mutex_destroy(&s.lock);
    return s.ok;
}

bool
search_round(struct store *store, bool *more_out, struct err *err)
{
    struct round r = {0};
    bool idle = false;
    *more_out = false;
    if (!store_read(store, is_idle, &idle, err))
        return false;
    if (idle)
        return true;
    arena_init(&r.arena, ROUND_ARENA_BYTES);
    bool ok = write_as_page(store, &r, err);
    arena_release(&r.arena);
    if (ok)
        *more_out = r.more;
    return ok;
}
