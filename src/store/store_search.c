#include "store/store_search.h"

#include "base/buf.h"
#include "store/store_priv.h"

#define PIECE_CHARS 3
#define PIECES_MAX 64            /* of one question; further ones only narrow */
#define TERMS_BYTES_MAX (64 * 1024)
#define STATE_VERSION "1"        /* another one: what can be found has changed, the index is built anew */
#define STATE_BYTES_MAX 256

/* Bytes of the character that begins here; the text is UTF-8. */
static size_t
char_bytes(struct str s)
{
    unsigned char c = (unsigned char)s.ptr[0];
    size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return bytes <= s.len ? bytes : s.len;
}

/* The piece at the beginning of a word; empty when the word is too short. */
static struct str
piece_of(struct str word)
{
    struct str rest = word;
    for (unsigned i = 0; i < PIECE_CHARS; i++) {
        if (rest.len == 0)
            return STR("");
        rest = str_skip(rest, char_bytes(rest));
    }
    return (struct str){word.ptr, word.len - rest.len};
}

/* FTS5 doubles the quote of a string, a tsquery the apostrophe and the backslash. */
static void
add_quoted(struct buf *b, struct str piece, bool fts)
{
    char quote = fts ? '"' : '\'';
    buf_add_char(b, quote);
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.ptr[i] == quote || (!fts && piece.ptr[i] == '\\'))
            buf_add_char(b, piece.ptr[i]);
        buf_add_char(b, piece.ptr[i]);
    }
    buf_add_char(b, quote);
}

/* Each piece once: those that repeat ("000") are the frequent ones, whose lists are long. */
static void
add_pieces(struct buf *b, struct str word, bool fts, unsigned *count)
{
    struct str whole = word;
    for (struct str piece; *count < PIECES_MAX && (piece = piece_of(word)).len > 0; word = str_skip(word, char_bytes(word))) {
        if (str_find_str(whole, piece) < piece.ptr - whole.ptr)
            continue;
        if ((*count)++)
            buf_add_c(b, fts ? " AND " : " & ");
        add_quoted(b, piece, fts);
    }
}

static struct str
like_of(struct arena *a, struct str word)
{
    struct buf b;
    buf_init(&b, TERMS_BYTES_MAX);
    buf_add_char(&b, '%');
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '%' || word.ptr[i] == '_' || word.ptr[i] == '\\')
            buf_add_char(&b, '\\');
        buf_add_char(&b, word.ptr[i]);
    }
    buf_add_char(&b, '%');
    struct str pattern = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return pattern;
}

bool
store_search_terms(struct db *db, struct arena *a, struct str folded, struct search_terms *terms_out, struct err *err)
{
    struct search_terms terms = {STR_NONE, STR_NONE, {STR(""), STR(""), STR("")}};
    struct buf b;
    unsigned words = 0, pieces = 0;
    buf_init(&b, TERMS_BYTES_MAX);
    for (struct str rest = folded, word; rest.len > 0 && words < SEARCH_WORDS_MAX;) {
        str_cut(rest, ' ', &word, &rest);
        if (word.len == 0)
            continue;
        terms.words[words++] = word;
        add_pieces(&b, word, db_can(db, DB_ONE_WRITER), &pieces);
    }
    bool full = !buf_ok(&b);
    if (pieces > 0 && !full)
        full = str_is_none(terms.match = str_copy(a, buf_str(&b)));
    else if (words > 0 && !full)
        full = str_is_none(terms.like = like_of(a, terms.words[0]));
    buf_release(&b);
    if (full)
        return STORE_ARENA_FULL(err);
    *terms_out = terms;
    return true;
}

/* ---- how far the index is ---- */

static bool
state_parse(struct str text, struct search_state *state_out)
{
    struct search_state s = {0};
    struct str head, rest;
    int64_t *const numbers[] = {&s.place.transaction, &s.place.seq, &s.tenant, &s.record, &s.checked_us};
    if (!str_cut(text, ' ', &head, &rest) || !str_eq_c(head, STATE_VERSION))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        str_cut(rest, ' ', &head, &rest);
        if (!str_to_i64(head, -1, INT64_MAX, numbers[i]))
            return false;
    }
    s.building = s.record >= 0;
    *state_out = s;
    return true;
}

bool
store_search_state_save(struct db *db, const struct search_state *s, struct err *err)
{
    char text[STATE_BYTES_MAX];
    snprintf(text, sizeof(text), STATE_VERSION " %lld %lld %lld %lld %lld", (long long)s->place.transaction,
             (long long)s->place.seq, (long long)s->tenant, (long long)(s->building ? s->record : -1),
             (long long)s->checked_us);
    return db_exec(db, SQL_META_SET, DB_ARGS(DB_T(STR("search")), DB_T(str_from_c(text))), NULL, err);
}

static bool
state_begin(struct db *db, struct search_state *state, struct err *err)
{
    *state = (struct search_state){.building = true};
    return store_event_newest(db, 0, &state->place, err) && store_search_state_save(db, state, err);
}

static void
text_read(struct row_reader *r, void *item)
{
    *(struct str *)item = read_text(r);
}

bool
store_search_state_take(struct db *db, struct arena *a, struct search_state *state_out, bool *taken_out, struct err *err)
{
    struct str text = STR_NONE;
    int64_t there = 0;
    *taken_out = false;
    enum row row = store_row(db, SQL_SEARCH_STATE_TAKE, DB_NO_ARGS, a, &text, sizeof(text), text_read, err);
    if (row == ROW_FAILED)
        return false;
    if (row == ROW_NONE && db_query_i64(db, SQL_SEARCH_STATE_COUNT, DB_NO_ARGS, &there, err) == ROW_FAILED)
        return false;
    if (row == ROW_NONE && there)
        return true;
    if (!(row == ROW_FOUND && state_parse(text, state_out)) && !state_begin(db, state_out, err))
        return false;
    *taken_out = true;
    return true;
}

bool
store_search_hold(struct db *db, struct err *err)
{
    return db_can(db, DB_ONE_WRITER) || db_exec(db, SQL_SEARCH_STATE_HOLD, DB_NO_ARGS, NULL, err);
}

bool
store_search_state_read(struct db *db, struct arena *a, struct search_state *state_out, bool *known_out, struct err *err)
{
    struct str text = STR_NONE;
    enum row row = store_row(db, SQL_META_GET, DB_ARGS(DB_T(STR("search"))), a, &text, sizeof(text), text_read, err);
    *known_out = row == ROW_FOUND && state_parse(text, state_out);
    return row != ROW_FAILED;
}

/* ---- records ---- */

static void
search_record_read(struct row_reader *r, void *item)
{
    struct search_record *record = item;
    record->id = read_i64(r);
    record->tenant = read_i64(r);
    record->collection = read_i64(r);
    record->kind = read_text(r);
    record->title = read_text(r);
    record->data = read_text(r);
}

bool
store_search_walk(struct db *db, struct arena *a, const struct search_state *state, size_t limit,
                  struct search_record **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct search_record);
    if (!store_rows(db, SQL_SEARCH_WALK, DB_ARGS(DB_I(state->tenant), DB_I(state->record), DB_I(limit)), &list,
                    search_record_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

enum row
store_search_record(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct search_record *record_out,
                    struct err *err)
{
    return store_row(db, SQL_SEARCH_RECORD, DB_ARGS(DB_I(tenant), DB_I(record)), a, record_out, sizeof(*record_out),
                     search_record_read, err);
}

static bool
put_fts(struct db *db, const struct search_record *record, struct str folded, struct err *err)
{
    int64_t same = 0;
    enum row row = db_query_i64(db, SQL_SEARCH_SAME, DB_ARGS(DB_I(record->id), DB_T(folded)), &same, err);
    if (row == ROW_FAILED || same)
        return row != ROW_FAILED;
    if (row == ROW_FOUND && !store_search_remove(db, record->tenant, record->id, err))
        return false;
    return db_exec(db, SQL_SEARCH_INSERT, DB_ARGS(DB_I(record->tenant), DB_I(record->id), DB_T(folded)), NULL, err);
}

static bool
put_vector(struct db *db, struct arena *scratch, const struct search_record *record, struct str folded, struct err *err)
{
    struct str *pieces = ARENA_ARRAY(scratch, struct str, folded.len + 1);
    size_t count = 0;
    if (!pieces)
        return STORE_ARENA_FULL(err);
    for (struct str rest = folded, word; rest.len > 0;) {
        str_cut(rest, ' ', &word, &rest);
        for (struct str piece; (piece = piece_of(word)).len > 0; word = str_skip(word, char_bytes(word)))
            pieces[count++] = piece;
    }
    return db_exec(db, SQL_SEARCH_PUT, DB_ARGS(DB_I(record->tenant), DB_I(record->id), DB_I(record->collection),
                   DB_T(folded), DB_T_ARRAY(pieces, count)), NULL, err);
}

bool
store_search_put(struct db *db, struct arena *scratch, const struct search_record *record, struct str folded, struct err *err)
{
    if (folded.len == 0)
        return store_search_remove(db, record->tenant, record->id, err);
    return db_can(db, DB_ONE_WRITER) ? put_fts(db, record, folded, err) : put_vector(db, scratch, record, folded, err);
}

bool
store_search_remove(struct db *db, int64_t tenant, int64_t record, struct err *err)
{
    return db_exec(db, SQL_SEARCH_REMOVE, DB_ARGS(DB_I(tenant), DB_I(record)), NULL, err);
}
