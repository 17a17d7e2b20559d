#include "json/writer.h"

#include "base/clock.h"

void
json_writer_init(struct json_writer *w, struct buf *b)
{
    *w = (struct json_writer){.buf = b};
}

static void
begin_value(struct json_writer *w, const char *key)
{
    if (w->comma)
        buf_add_char(w->buf, ',');
    w->comma = true;
    if (key) {
        buf_add_json_str(w->buf, str_from_c(key));
        buf_add_char(w->buf, ':');
    }
}

static void
begin_container(struct json_writer *w, const char *key, char bracket)
{
    begin_value(w, key);
    buf_add_char(w->buf, bracket);
    w->comma = false;
}

static void
end_container(struct json_writer *w, char bracket)
{
    buf_add_char(w->buf, bracket);
    w->comma = true;
}

void
json_begin_object(struct json_writer *w, const char *key)
{
    begin_container(w, key, '{');
}

void
json_end_object(struct json_writer *w)
{
    end_container(w, '}');
}

void
json_begin_array(struct json_writer *w, const char *key)
{
    begin_container(w, key, '[');
}

void
json_end_array(struct json_writer *w)
{
    end_container(w, ']');
}

/* Each byte that belongs to no character becomes U+FFFD. */
static void
add_mended(struct buf *b, struct str s)
{
    struct buf mended;
    buf_init(&mended, s.len * 3 + 1);
    for (size_t i = 0; i < s.len;) {
        size_t len = 1;
        while (len < 4 && i + len <= s.len && !str_is_utf8(str_slice(s, i, i + len)))
            len++;
        bool good = i + len <= s.len && str_is_utf8(str_slice(s, i, i + len));
        buf_add(&mended, good ? str_slice(s, i, i + len) : STR("\xef\xbf\xbd"));
        i += good ? len : 1;
    }
    if (buf_ok(&mended))
        buf_add_json_str(b, buf_str(&mended));
    else
        b->failed = true; /* no memory: half a text must not pass for the whole */
    buf_release(&mended);
}

static void
add_text(struct buf *b, struct str s)
{
    if (str_is_utf8(s))
        buf_add_json_str(b, s);
    else
        add_mended(b, s);
}

void
json_add_str(struct json_writer *w, const char *key, struct str value)
{
    begin_value(w, key);
    if (str_is_none(value))
        buf_add(w->buf, STR("null"));
    else
        add_text(w->buf, value);
}

void
json_add_c(struct json_writer *w, const char *key, const char *value)
{
    json_add_str(w, key, str_from_c(value));
}

void
json_add_i64(struct json_writer *w, const char *key, int64_t value)
{
    begin_value(w, key);
    buf_add_i64(w->buf, value);
}

void
json_add_bool(struct json_writer *w, const char *key, bool value)
{
    begin_value(w, key);
    buf_add_c(w->buf, value ? "true" : "false");
}

void
json_add_null(struct json_writer *w, const char *key)
{
    json_add_str(w, key, STR_NONE);
}

void
json_add_time(struct json_writer *w, const char *key, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    json_add_c(w, key, us ? time_format_ms(us, text) : NULL);
}

void
json_add_val(struct json_writer *w, const char *key, yyjson_val *value)
{
    begin_value(w, key);
    if (value)
        json_write(w->buf, value);
    else
        buf_add(w->buf, STR("null"));
}

void
json_add_raw(struct json_writer *w, const char *key, struct str json)
{
    begin_value(w, key);
    buf_add(w->buf, json.len ? json : STR("null"));
}

void
json_add_key(struct json_writer *w, struct str key)
{
    if (w->comma)
        buf_add_char(w->buf, ',');
    w->comma = false;
    add_text(w->buf, key);
    buf_add_char(w->buf, ':');
}
