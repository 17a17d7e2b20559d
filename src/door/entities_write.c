/*
 * One record as an entity: its mapped fields at the top, between our own members.
 *
 * The stored text is JSON already, and parsing it only to write it again takes four times as long as all the rest of a
 * list. So its members are copied as they are written, in one piece as far as it goes: a mapped field that has one of
 * our names gives way to ours. Only the ends of keys and values are looked for on the way.
 */
#include "door/entities_priv.h"

#include "base/clock.h"

#define OWN(text) {(text), sizeof(text) - 1}
static const struct str own_members[] = {OWN("id"), OWN("kind"), OWN("createdAt"), OWN("updatedAt"), OWN("deletedAt"),
                                         OWN("version"), OWN("parentId"), OWN("externalIds"), OWN("history")};

static bool
is_own(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(own_members); i++)
        if (own_members[i].len == len && memcmp(own_members[i].ptr, name, len) == 0)
            return true;
    return false;
}

/* The index behind a string that begins at `from`; 0: it has no end. */
static size_t
string_end(struct str text, size_t from)
{
    for (size_t i = from + 1; i < text.len; i++) {
        const char *quote = memchr(text.ptr + i, '"', text.len - i);
        if (!quote)
            return 0;
        i = (size_t)(quote - text.ptr);
        size_t slashes = 0;
        while (text.ptr[i - 1 - slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return i + 1;
    }
    return 0;
}

/* The index of what follows a value: a comma or the closing brace of the object; 0: there is none. */
static size_t
value_end(struct str text, size_t from)
{
    unsigned depth = 0;
    for (size_t i = from; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"') {
            i = string_end(text, i);
            if (i-- == 0)
                return 0;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == ',' || c == '}') && depth == 0) {
            return i;
        } else if (c == '}' || c == ']') {
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

/* Whole members, commas between them. */
static void
copy_members(struct json_writer *w, struct str members)
{
    if (members.len == 0)
        return;
    if (w->comma)
        buf_add_char(w->buf, ',');
    buf_add(w->buf, members);
    w->comma = true;
}

/* False: it is not the JSON that we store. */
static bool
write_members(struct json_writer *w, struct str data)
{
    if (data.len < 2 || data.ptr[0] != '{')
        return false;
    size_t at = 0, begin = 1; /* of what is copied next */
    if (data.ptr[skip_blanks(data, 1)] == '}')
        return true;
    do {
        size_t key = skip_blanks(data, at + 1), end = 0;
        if (key >= data.len || data.ptr[key] != '"' || !(end = string_end(data, key)))
            return false;
        size_t behind = value_end(data, skip_blanks(data, end) + 1);
        if (!behind)
            return false;
        if (is_own(data.ptr + key + 1, end - key - 2)) {
            copy_members(w, str_slice(data, begin, at > begin ? at : begin));
            begin = behind + 1;
        }
        at = behind;
    } while (data.ptr[at] == ',');
    if (at > begin)
        copy_members(w, str_slice(data, begin, at));
    return true;
}

/* Names of ours, UUIDs and times hold nothing that JSON escapes. */
static void
add_plain(struct json_writer *w, struct str name, struct str value)
{
    if (w->comma)
        buf_add_char(w->buf, ',');
    w->comma = true;
    buf_add(w->buf, name);
    if (value.len == 0) {
        buf_add(w->buf, STR("null"));
        return;
    }
    buf_add_char(w->buf, '"');
    buf_add(w->buf, value);
    buf_add_char(w->buf, '"');
}

static void
add_time(struct json_writer *w, struct str name, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    add_plain(w, name, us ? str_from_c(time_format_ms(us, text)) : STR_NONE);
}

bool
entity_write(struct json_writer *w, const struct record *record)
{
    add_plain(w, STR("\"id\":"), record->uuid);
    json_add_str(w, "kind", record->kind);
    if (!write_members(w, record->data))
        return false;
    add_plain(w, STR("\"parentId\":"), record->parent_uuid);
    add_time(w, STR("\"createdAt\":"), record->created_us);
    add_time(w, STR("\"updatedAt\":"), record->updated_us);
    add_time(w, STR("\"deletedAt\":"), record->deleted_us);
    json_add_i64(w, "version", record->version);
    return true;
}
