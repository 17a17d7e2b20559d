/*
 * Erasing a person's data, and taking apart what was linked wrongly.
 */
#include "engine/edit_priv.h"
#include "engine/raw.h"
#include "json/writer.h"
#include "store/store_conflict.h"
#include "store/store_history.h"
#include "store/store_log.h"
#include "store/store_search.h"

#define ERASE_ARENA_BYTES (64L * 1024 * 1024)
#define ERASE_RECORDS 100   /* a transaction */
#define ERASE_PIECES 100    /* looked into at once */
#define ERASE_ROUNDS_MAX 1000000
#define GONE_AT_ONCE 1000   /* records looked below at once */
#define SETTLE_PAUSE_MS 5
#define SETTLE_PAUSES 1000  /* then whoever is still there is an export; what writes takes a second at most */
#define WORDS_MAX 8
#define NAME_BYTES_MIN 6    /* a full name; less is anybody's */

/*
 * A person is in more places than his record: what hangs on it (conversations and their messages, leads, tickets), events that
 * vendors sent, logs, answers that are kept. What hangs on it goes first, then what speaks of him, the record last: whoever
 * is interrupted finds it still there, and asks again. What came meanwhile is looked through once more at the end, on PostgreSQL
 * when all have ended who were writing while the record went: until then what they write cannot be seen.
 */
struct erasure {
    struct arena arena;
    struct arena words_arena;
    const struct edit_by *by;
    struct str kind, uuid;
    struct record record;
    struct str words[WORDS_MAX];
    size_t word_count;
    size_t below;               /* how many records the last batch took */
    bool gone;                  /* the record is */
    struct arena gone_arena;
    int64_t *gone_ids;          /* of all records that went, some twice */
    size_t gone_count, gone_size, gone_at;
    int64_t seen[ERASE_WHERE_COUNT];
    enum erase_where where;
    struct erase_piece *pieces;
    size_t piece_count;
};

/* The record is gone when the event is read: it carries what was erased. */
static struct str
event_data(struct arena *a, const struct record *record)
{
    return str_format(a, "{\"ids\":[\"%.*s\"],\"erased\":true}", STR_ARG(record->uuid));
}

static bool
note_gone(struct erasure *w, int64_t record, struct err *err)
{
    if (w->gone_count == w->gone_size) {
        size_t size = w->gone_size * 2 + GONE_AT_ONCE;
        int64_t *ids = ARENA_ARRAY(&w->gone_arena, int64_t, size);
        if (!ids)
            return err_no_memory(err);
        if (w->gone_count > 0)
            memcpy(ids, w->gone_ids, w->gone_count * sizeof(*ids));
        w->gone_ids = ids;
        w->gone_size = size;
    }
    w->gone_ids[w->gone_count++] = record;
    return true;
}

static bool
erase_one(struct db *db, struct erasure *w, struct record *old, bool let_go, int64_t now_us, struct err *err)
{
    return (db_can(db, DB_ONE_WRITER) || note_gone(w, old->id, err)) && edit_keys(db, &w->arena, w->by, old, old->data, STR_NONE, err) &&
           store_conflict_erase(db, w->by->tenant, old->id, err) && store_record_erase(db, &w->arena, old, let_go, now_us, err) &&
           edit_tell(db, w->by, old->kind, NULL, 0, event_data(&w->arena, old), now_us, err);
}

static bool
load(struct db *db, void *ctx, struct err *err)
{
    struct erasure *w = ctx;
    arena_clear(&w->words_arena);
    enum row row = store_record_get(db, &w->words_arena, w->by->tenant, w->kind, w->uuid, &w->record, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_NOT_FOUND, NULL));
}

/* ---- what hangs on it ---- */

/* Under their locks: whoever is writing one of them has ended, and all that he wrote is there. */
static bool
erase_these(struct db *db, struct erasure *w, const int64_t *ids, struct err *err)
{
    int64_t now_us = store_now(db);
    if (!store_records_hold(db, w->by->tenant, ids, w->below, err))
        return false;
    for (size_t i = 0; i < w->below; i++) {
        struct record child;
        enum row row = store_record_get_by_id(db, &w->arena, w->by->tenant, ids[i], &child, err);
        if (row == ROW_FAILED || (row == ROW_FOUND && !erase_one(db, w, &child, false, now_us, err)))
            return false;
    }
    return true;
}

static bool
erase_below(struct db *db, void *ctx, struct err *err)
{
    struct erasure *w = ctx;
    int64_t *ids;
    arena_clear(&w->arena);
    return store_search_hold(db, err) &&
           store_erase_descendants(db, &w->arena, w->by->tenant, w->record.id, ERASE_RECORDS, &ids, &w->below, err) &&
           erase_these(db, w, ids, err);
}

/* ---- what speaks of it ---- */

static void
add_word(struct erasure *w, struct str word, size_t bytes_min)
{
    if (word.len >= bytes_min && w->word_count < WORDS_MAX)
        w->words[w->word_count++] = word;
}

/* And as it stands in an address that was asked for. */
static void
add_word_encoded(struct erasure *w, struct str word, size_t bytes_min)
{
    struct buf b;
    buf_init(&b, word.len * 3 + 1);
    buf_add_percent(&b, word, "");
    if (buf_ok(&b) && !str_eq(buf_str(&b), word))
        add_word(w, str_copy(&w->words_arena, buf_str(&b)), bytes_min);
    buf_release(&b);
}

/* By what a person is known. A phone stands in payloads with and without its plus. */
static void
find_words(struct erasure *w)
{
    struct err ignored = {0};
    yyjson_val *data = json_parse(&w->words_arena, w->record.data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    struct str phone = json_str(json_get_c(data, "phone")), name = json_str(json_get_c(data, "name"));
    bool person = !str_eq_c(w->record.kind, "companies");
    w->word_count = 0;
    add_word(w, json_str(json_get_c(data, "email")), NAME_BYTES_MIN);
    add_word(w, str_starts(phone, STR("+")) ? str_skip(phone, 1) : phone, NAME_BYTES_MIN);
    add_word_encoded(w, json_str(json_get_c(data, "email")), NAME_BYTES_MIN);
    if (person && str_contains(name, STR(" "))) {
        add_word(w, name, NAME_BYTES_MIN);
        add_word_encoded(w, name, NAME_BYTES_MIN);
    }
}

static bool
speaks_of(const struct erasure *w, struct str text)
{
    for (size_t i = 0; i < w->word_count; i++)
        if (str_contains(text, w->words[i]))
            return true;
    return false;
}

static bool
read_pieces(struct db *db, void *ctx, struct err *err)
{
    struct erasure *w = ctx;
    arena_clear(&w->arena);
    return store_erase_look(db, &w->arena, w->by->tenant, w->where, w->seen[w->where], ERASE_PIECES, &w->pieces, &w->piece_count, err);
}

static struct str
without_words(struct erasure *w, struct str text)
{
    struct buf b;
    buf_init(&b, text.len * 2 + 1024);
    while (text.len > 0) {
        size_t hit = 0;
        for (size_t i = 0; i < w->word_count && !hit; i++)
            hit = str_starts(text, w->words[i]) ? w->words[i].len : 0;
        if (hit)
            buf_add_c(&b, "(erased)");
        else
            buf_add_char(&b, text.ptr[0]);
        text = str_skip(text, hit ? hit : 1);
    }
    struct str out = buf_ok(&b) ? str_copy(&w->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return out;
}

/* One that cannot be read any more tells nobody anything. */
static bool
clean_piece(struct db *db, struct erasure *w, const struct erase_piece *piece, struct err *err)
{
    struct err unreadable = {0};
    struct str text;
    bool ok = w->where == ERASE_INBOX ? raw_unpack(&w->arena, piece->packed, &text, &unreadable)
                                      : log_unpack(&w->arena, piece->packed, &text, &unreadable);
    bool asks = w->where == ERASE_INBOX && piece->id == w->by->event;
    if (!ok || asks || !speaks_of(w, text))
        return true;
    if (w->where == ERASE_INBOX)
        return store_erase_event(db, w->by->tenant, piece->id, err);
    struct str packed = log_pack(&w->arena, without_words(w, text));
    return packed.ptr ? store_erase_lines(db, w->by->tenant, w->where, piece->id, packed, err) : err_no_memory(err);
}

static bool
clean_pieces(struct db *db, void *ctx, struct err *err)
{
    struct erasure *w = ctx;
    for (size_t i = 0; i < w->piece_count; i++)
        if (!clean_piece(db, w, &w->pieces[i], err))
            return false;
    return true;
}

static bool
clean_words(struct db *db, void *ctx, struct err *err)
{
    struct erasure *w = ctx;
    for (size_t i = 0; i < w->word_count; i++)
        if (!store_erase_word(db, w->by->tenant, w->words[i], err))
            return false;
    return true;
}

/* From where the last look ended. */
static bool
clean(struct engine *e, struct erasure *w, struct err *err)
{
    struct store *store = e->options.store;
    bool ok = true;
    if (w->word_count == 0)
        return true;
    for (w->where = ERASE_INBOX; ok && w->where < ERASE_WHERE_COUNT; w->where++) {
        w->piece_count = 1;
        for (int round = 0; ok && w->piece_count > 0 && round < ERASE_ROUNDS_MAX; round++) {
            ok = store_read(store, read_pieces, w, err) && (w->piece_count == 0 || store_write(store, clean_pieces, w, err));
            if (ok && w->piece_count > 0)
                w->seen[w->where] = w->pieces[w->piece_count - 1].id;
        }
    }
    return ok && store_write(store, clean_words, w, err);
}

/* ---- the record ---- */

/* What has come to hang on it since the last look goes first, in another batch. */
static bool
is_alone(struct db *db, struct erasure *w, const struct record *old, struct err *err)
{
    int64_t *ids;
    w->below = 0;
    return !kind_owns_children(old->kind) ||
           store_erase_descendants(db, &w->arena, w->by->tenant, old->id, 1, &ids, &w->below, err);
}

static bool
erase(struct db *db, void *ctx, struct err *err)
{
    struct erasure *w = ctx;
    struct record old;
    int64_t now_us = store_now(db);
    arena_clear(&w->arena);
    w->gone = false;
    if (!store_search_hold(db, err))
        return false;
    enum row row = edit_load(db, &w->arena, w->by->tenant, w->kind, w->uuid, &old, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, NULL) : false;
    if (!is_alone(db, w, &old, err) || w->below > 0)
        return err->code == E_OK;
    w->gone = true;
    return erase_one(db, w, &old, !kind_owns_children(old.kind), now_us, err) &&
           edit_audit(db, w->by, "record.erase", old.uuid, now_us, err);
}

static bool
erase_all_below(struct engine *e, struct erasure *w, struct err *err)
{
    bool ok = true;
    w->below = ERASE_RECORDS;
    while (ok && w->below > 0 && kind_owns_children(w->record.kind))
        ok = store_write(e->options.store, erase_below, w, err);
    return ok;
}

static bool
erase_record(struct engine *e, struct erasure *w, struct err *err)
{
    bool ok = store_write(e->options.store, erase, w, err);
    for (int round = 0; ok && !w->gone && round < ERASE_ROUNDS_MAX; round++)
        ok = erase_all_below(e, w, err) && store_write(e->options.store, erase, w, err);
    return ok;
}

/* ---- what came meanwhile ---- */

struct settling {
    struct erase_horizon horizon;
    bool settled;
};

static bool
read_horizon(struct db *db, void *ctx, struct err *err)
{
    struct settling *s = ctx;
    return store_erase_horizon(db, &s->horizon, err);
}

static bool
look_settled(struct db *db, void *ctx, struct err *err)
{
    struct settling *s = ctx;
    return store_erase_is_settled(db, &s->horizon, &s->settled, err);
}

bool
edit_settle(struct engine *e, bool *others_out, struct err *err)
{
    struct settling s = {.settled = false};
    struct timespec pause = {0, SETTLE_PAUSE_MS * 1000000L};
    if (!store_read(e->options.store, read_horizon, &s, err))
        return false;
    *others_out = s.horizon.others;
    for (int i = 0; i < SETTLE_PAUSES && s.horizon.others && !atomic_load(&e->stopping); i++) {
        if (!store_read(e->options.store, look_settled, &s, err) || s.settled)
            return s.settled;
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool
erase_late(struct db *db, void *ctx, struct err *err)
{
    struct erasure *w = ctx;
    int64_t *ids;
    size_t count = w->gone_count - w->gone_at < GONE_AT_ONCE ? w->gone_count - w->gone_at : GONE_AT_ONCE;
    arena_clear(&w->arena);
    return store_search_hold(db, err) &&
           store_erase_late(db, &w->arena, w->by->tenant, w->gone_ids + w->gone_at, count, ERASE_RECORDS, &ids, &w->below, err) &&
           erase_these(db, w, ids, err);
}

static bool
erase_all_late(struct engine *e, struct erasure *w, struct err *err)
{
    bool ok = true;
    while (ok && w->gone_at < w->gone_count && kind_owns_children(w->record.kind)) {
        ok = store_write(e->options.store, erase_late, w, err);
        w->gone_at += w->below == 0 ? GONE_AT_ONCE : 0;
    }
    return ok;
}

/* What was written by others comes in no order of ids: from the beginning. */
static bool
erase_rest(struct engine *e, struct erasure *w, struct err *err)
{
    bool others;
    if (!edit_settle(e, &others, err))
        return false;
    if (others)
        memset(w->seen, 0, sizeof(w->seen));
    return erase_all_late(e, w, err) && clean(e, w, err);
}

bool
edit_erase(struct engine *e, const struct edit_by *by, struct str kind, struct str uuid, struct err *err)
{
    struct erasure w = {.by = by, .kind = kind, .uuid = uuid};
    if (!uuid_is_valid(uuid))
        return err_set(err, E_NOT_FOUND, NULL);
    arena_init(&w.arena, ERASE_ARENA_BYTES);
    arena_init(&w.words_arena, ERASE_ARENA_BYTES);
    arena_init(&w.gone_arena, ERASE_ARENA_BYTES);
    bool ok = store_read(e->options.store, load, &w, err);
    if (ok)
        find_words(&w);
    ok = ok && erase_all_below(e, &w, err) && clean(e, &w, err) && erase_record(e, &w, err) && erase_rest(e, &w, err);
    arena_release(&w.arena);
    arena_release(&w.words_arena);
    arena_release(&w.gone_arena);
    return ok;
}

/* ---- unlinking ---- */

struct unlinking {
    struct arena *arena;
    const struct edit_by *by;
    const struct unlink_ask *ask;
    struct record *out;
};

/* What the source said last, as a record of its own. */
static void
fill(struct arena *a, const struct record *old, struct str base, struct record_write *write)
{
    struct err err = {0};
    const struct kind *kind = kind_find(old->kind);
    struct str data = str_is_none(base) ? old->data : base;
    yyjson_val *fields = json_parse(a, data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
    struct str title = kind && kind->title ? json_str(json_get_c(fields, kind->title)) : STR_NONE;
    struct str status = kind && kind->status ? json_str(json_get_c(fields, kind->status)) : STR_NONE;
    *write = (struct record_write){.data = data, .title = title.len ? title : old->title,
                                   .status = status.len ? status : old->status, .occurred_us = old->occurred_us,
                                   .parent = old->parent, .deleted = old->deleted_us != 0, .changed = STR("")};
    uuid_v7_now(write->uuid);
}

static bool
split(struct db *db, struct unlinking *u, const struct record *old, const struct unlink_row *map, struct err *err)
{
    const struct edit_by *by = u->by;
    struct record_write write;
    int64_t now_us = store_now(db);
    fill(u->arena, old, map->base, &write);
    if (!store_records_insert(db, by->tenant, old->collection, &write, 1, now_us, err) ||
        !store_unlink(db, by->tenant, map->map, write.record, now_us, err))
        return false;
    struct record made = {.id = write.record, .tenant = by->tenant, .collection = old->collection, .kind = old->kind};
    const int64_t both[] = {old->id, write.record};
    struct str note = str_format(u->arena, "{\"linkedRecord\":\"%s\"}", write.uuid);
    return edit_keys(db, u->arena, by, &made, STR_NONE, write.data, err) &&
           store_history_add(db, by->tenant, old->id, old->version, note, by->actor, now_us, err) &&
           store_history_add(db, by->tenant, write.record, 0, STR("{}"), by->actor, now_us, err) &&
           edit_tell(db, by, old->kind, both, 2, STR_NONE, now_us, err) &&
           edit_audit(db, by, "record.unlink", old->uuid, now_us, err) &&
           store_record_get_by_id(db, u->arena, by->tenant, write.record, u->out, err) == ROW_FOUND;
}

static bool
unlink_one(struct db *db, void *ctx, struct err *err)
{
    struct unlinking *u = ctx;
    struct record old;
    struct unlink_row map;
    enum row row = edit_load(db, u->arena, u->by->tenant, STR_NONE, u->ask->record, &old, err);
    if (row == ROW_FOUND)
        row = store_unlink_find(db, u->arena, u->by->tenant, old.id, u->ask->connection, u->ask->external_id, u->ask->stream,
                                &map, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_NOT_FOUND, NULL) : false;
    if (map.others == 0)
        return err_set(err, E_CONFLICT, "This is the record's only source: there is nothing to take apart");
    return split(db, u, &old, &map, err);
}

bool
edit_unlink(struct engine *e, struct arena *a, const struct edit_by *by, const struct unlink_ask *ask,
            struct record *record_out, struct err *err)
{
    struct unlinking u = {a, by, ask, record_out};
    if (!uuid_is_valid(ask->record))
        return err_set(err, E_NOT_FOUND, NULL);
    return store_write(e->options.store, unlink_one, &u, err);
}
