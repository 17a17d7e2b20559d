/*
 * One record as an entity: its mapped fields at the top, between our own members.
 *
 * The stored text is JSON already, and parsing it only to write it again takes four times as long as all the rest of a
 * list. So its members are copied as they are written, in one piece as far as it goes: a mapped field that has one of
 * our names gives way to ours. Only the ends of keys and values are looked for on the way, quotes eight bytes at a time.
 *
 * A page has up to a thousand of these, so room is made once for each and filled without asking again.
 */
#include "door/entities_priv.h"

#include <endian.h>

#include "base/clock.h"

/* What stands around the fields, but for UUIDs and the kind. */
#define FRAME_BYTES 256

#define OWN(text) {(text), sizeof(text) - 1}
static const struct str own_members[] = {OWN("id"), OWN("kind"), OWN("createdAt"), OWN("updatedAt"), OWN("deletedAt"),
                                         OWN("version"), OWN("parentId"), OWN("externalIds"), OWN("history")};
#define OWN_LENGTHS (1u << 2 | 1u << 4 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 11) /* of these names */
#define OWN_LENGTH_MAX 11

static bool
is_own(const char *name, size_t len)
{
    if (len > OWN_LENGTH_MAX || !(OWN_LENGTHS >> len & 1))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(own_members); i++)
        if (own_members[i].len == len && memcmp(own_members[i].ptr, name, len) == 0)
            return true;
    return false;
}

/* The index of the first quote from `from` on; the text's length: there is none. */
static size_t
find_quote(struct str text, size_t from)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (; from + sizeof(ones) <= text.len; from += sizeof(ones)) {
        uint64_t word;
        memcpy(&word, text.ptr + from, sizeof(word));
        word = le64toh(word) ^ ones * '"';
        uint64_t found = (word - ones) & ~word & ones << 7; /* its lowest bit is the first byte that is none */
        if (found)
            return from + (size_t)__builtin_ctzll(found) / 8;
    }
    while (from < text.len && text.ptr[from] != '"')
        from++;
    return from;
}

/* The index behind a string that begins at `from`; 0: it has no end. */
static size_t
string_end(struct str text, size_t from)
{
    for (size_t i = from + 1; (i = find_quote(text, i)) < text.len; i++) {
        size_t slashes = 0;
        while (text.ptr[i - 1 - slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return i + 1;
    }
    return 0;
}

enum mark { MARK_NONE, MARK_STRING, MARK_OPEN, MARK_COMMA, MARK_CLOSE_OBJECT, MARK_CLOSE_ARRAY };
static const unsigned char marks[256] = {['"'] = MARK_STRING, ['{'] = MARK_OPEN, ['['] = MARK_OPEN, [','] = MARK_COMMA,
                                         ['}'] = MARK_CLOSE_OBJECT, [']'] = MARK_CLOSE_ARRAY};

/* The index of what follows a value: a comma or the closing brace of the object; 0: there is none. */
static size_t
value_end(struct str text, size_t from)
{
    unsigned depth = 0;
    for (size_t i = from; i < text.len; i++) {
        unsigned mark = marks[(unsigned char)text.ptr[i]];
        if (mark == MARK_NONE)
            continue;
        if (mark == MARK_STRING) {
            i = string_end(text, i);
            if (i-- == 0)
                return 0;
        } else if (mark == MARK_OPEN) {
            depth++;
        } else if (depth == 0 && mark != MARK_CLOSE_ARRAY) {
            return i;
        } else if (mark != MARK_COMMA) {
            depth--;
        }
    }
    return 0;
}

static size_t
skip_blanks(struct str text, size_t from)
{
    while (from < text.len && (text.ptr[from] == ' ' || (text.ptr[from] >= '\t' && text.ptr[from] <= '\r')))
        from++;
    return from;
}

/* Without asking for room. */
static inline char *
put(char *to, struct str text)
{
    memcpy(to, text.ptr, text.len);
    return to + text.len;
}

/* Whole members, with a comma behind them. */
static char *
put_members(char *to, struct str members)
{
    if (members.len == 0)
        return to;
    to = put(to, members);
    *to++ = ',';
    return to;
}

/* Each member with a comma behind it. NULL: it is not the JSON that we store. */
static char *
put_fields(char *to, struct str data)
{
    if (data.len < 2 || data.ptr[0] != '{')
        return NULL;
    size_t at = 0, begin = 1; /* of what is copied next */
    if (data.ptr[skip_blanks(data, 1)] == '}')
        return to;
    do {
        size_t key = skip_blanks(data, at + 1), end = 0;
        if (key >= data.len || data.ptr[key] != '"' || !(end = string_end(data, key)))
            return NULL;
        size_t behind = value_end(data, skip_blanks(data, end) + 1);
        if (!behind)
            return NULL;
        if (is_own(data.ptr + key + 1, end - key - 2)) {
            to = put_members(to, str_slice(data, begin, at > begin ? at : begin));
            begin = behind + 1;
        }
        at = behind;
    } while (data.ptr[at] == ',');
    return put_members(to, str_slice(data, begin, at > begin ? at : begin));
}

/* UUIDs hold nothing that JSON escapes. */
static char *
put_uuid(char *to, struct str uuid)
{
    if (uuid.len == 0)
        return put(to, STR("null"));
    *to++ = '"';
    to = put(to, uuid);
    *to++ = '"';
    return to;
}

/* Records come by pages, and those of one page were written at one time. */
static char *
put_time(char *to, int64_t us)
{
    static _Thread_local struct {
        int64_t us;
        char text[TIME_TEXT_BYTES];
        size_t len;
    } last;
    if (us == 0)
        return put(to, STR("null"));
    if (last.us != us) {
        last.len = str_from_c(time_format_ms(us, last.text)).len;
        last.us = us;
    }
    *to++ = '"';
    to = put(to, (struct str){last.text, last.len});
    *to++ = '"';
    return to;
}

/* Names of kinds are words, but for those of a person's own template, which may be anything. */
static bool
is_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] > '~' || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    return text.len > 0;
}

/* False: there is no room, and the buffer says so. */
static bool
add_kind(struct json_writer *w, struct str kind, size_t room)
{
    struct buf *b = w->buf;
    if (!is_plain(kind)) {
        w->comma = false;
        json_add_str(w, NULL, kind);
        return buf_reserve(b, room);
    }
    char *to = b->ptr + b->len;
    *to++ = '"';
    to = put(to, kind);
    *to++ = '"';
    b->len = (size_t)(to - b->ptr);
    return true;
}

/* With room for the rest of the record behind it. False: there is none, and the buffer says so. */
static bool
add_head(struct json_writer *w, const struct record *record)
{
    struct buf *b = w->buf;
    size_t room = record->data.len + record->parent_uuid.len + FRAME_BYTES;
    if (!buf_reserve(b, record->uuid.len + record->kind.len + room))
        return false;
    char *to = b->ptr + b->len;
    if (w->comma)
        *to++ = ',';
    to = put(to, STR("\"id\":\""));
    to = put(to, record->uuid);
    to = put(to, STR("\",\"kind\":"));
    b->len = (size_t)(to - b->ptr);
    return add_kind(w, record->kind, room);
}

/* What stands behind the kind. NULL: the stored text is not what we store. */
static char *
put_rest(char *to, const struct record *record)
{
    *to++ = ',';
    to = put_fields(to, record->data);
    if (!to)
        return NULL;
    to = put(to, STR("\"parentId\":"));
    to = put_uuid(to, record->parent_uuid);
    to = put(to, STR(",\"createdAt\":"));
    to = put_time(to, record->created_us);
    to = put(to, STR(",\"updatedAt\":"));
    to = put_time(to, record->updated_us);
    to = put(to, STR(",\"deletedAt\":"));
    to = put_time(to, record->deleted_us);
    return put(to, STR(",\"version\":"));
}

bool
entity_write(struct json_writer *w, const struct record *record)
{
    struct buf *b = w->buf;
    if (!add_head(w, record))
        return true; /* who ends the answer sees it */
    char *end = put_rest(b->ptr + b->len, record);
    if (!end)
        return false;
    b->len = (size_t)(end - b->ptr);
    buf_add_i64(b, record->version);
    w->comma = true;
    return true;
}
