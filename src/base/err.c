#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERR(code, http, retry, words) [E_##code] = {#code, http, retry, words},
static const struct {
    const char *name;
    int http;
    enum err_retry retry;
    const char *words;
} table[E_COUNT] = {
    [E_OK] = {"OK", 200, RETRY_NEVER, "No error"},
#include "base/errors.def"
};
#undef ERR

const char *
err_name(enum err_code code)
{
    return table[code].name;
}

enum err_code
err_from_name(struct str name)
{
    for (unsigned i = 0; i < E_COUNT; i++)
        if (str_eq_c(name, table[i].name))
            return (enum err_code)i;
    return E_INTERNAL;
}

int
err_http(enum err_code code)
{
    return table[code].http;
}

enum err_retry
err_retry(enum err_code code)
{
    return table[code].retry;
}

const char *
err_words(enum err_code code)
{
    return table[code].words;
}

/* vsnprintf may cut a UTF-8 character in two: take its first bytes away again. */
static void
trim_cut_character(char *text, size_t size, int wanted)
{
    if (wanted < 0 || (size_t)wanted < size)
        return;
    size_t len = strlen(text);
    while (len > 0 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
        len--;
    if (len > 0 && ((unsigned char)text[len - 1] & 0x80))
        len--;
    struct str whole = str_from_c(text);
    if (!str_is_utf8(whole))
        text[len] = '\0';
}

bool
err_set(struct err *err, enum err_code code, const char *format, ...)
{
    struct err_item *items = err->items;
    *err = (struct err){.code = code, .items = items};
    if (!format) {
        snprintf(err->message, sizeof(err->message), "%s", table[code].words);
        return false;
    }
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    trim_cut_character(err->message, sizeof(err->message), wanted);
    return false;
}

bool
err_invalid(struct err *err, const char *place, const char *format, ...)
{
    char words[ERR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    trim_cut_character(words, sizeof(words), wanted);
    err_set(err, E_VALIDATION_FAILED, "%s", words);
    err_add_item(err, str_from_c(place), "%s", words);
    return false;
}

bool
err_prefix(struct err *err, const char *format, ...)
{
    char rest[ERR_MESSAGE_BYTES];
    memcpy(rest, err->message, sizeof(rest));
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(err->message)) {
        int wanted = snprintf(err->message + used, sizeof(err->message) - (size_t)used, "%s", rest);
        used += wanted;
    }
    trim_cut_character(err->message, sizeof(err->message), used);
    return false;
}

void
err_add_item(struct err *err, struct str pointer, const char *format, ...)
{
    if (!err->items || err->item_count == ERR_ITEMS_MAX) {
        err->items_left_out++;
        return;
    }
    struct err_item *item = &err->items[err->item_count++];
    int wanted = snprintf(item->pointer, sizeof(item->pointer), "%.*s", STR_ARG(pointer));
    trim_cut_character(item->pointer, sizeof(item->pointer), wanted);
    va_list args;
    va_start(args, format);
    wanted = vsnprintf(item->message, sizeof(item->message), format, args);
    va_end(args);
    trim_cut_character(item->message, sizeof(item->message), wanted);
}

void
err_copy(struct err *to, const struct err *from)
{
    struct err_item *items = to->items;
    *to = *from;
    to->items = items;
}

bool
err_no_memory(struct err *err)
{
    return err_set(err, E_NO_MEMORY, NULL);
}
