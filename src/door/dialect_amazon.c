/*
 * Errors in the words of door 004: {"success":false,"message":...,"error":"amazon_not_connected"}.
 */
#include "door/dialect_priv.h"
#include "json/writer.h"

#define NAME_BYTES 64

static const struct {
    enum err_code code;
    const char *error, *message;   /* message NULL: the error's own */
} spelled[] = {
    {E_NOT_CONNECTED, "amazon_not_connected", "Amazon account not connected. Please connect your Amazon account first."},
    {E_UNAUTHORIZED, "unauthorized", "Unauthorized. Please log in."},
    {E_INTERNAL, "internal_server_error", NULL},
};

static struct str
lower_name(enum err_code code, char name[NAME_BYTES])
{
    const char *text = err_name(code);
    size_t len = 0;
    for (; text[len] && len + 1 < NAME_BYTES; len++)
        name[len] = (char)(text[len] >= 'A' && text[len] <= 'Z' ? text[len] - 'A' + 'a' : text[len]);
    return (struct str){name, len};
}

void
dialect_write_message(struct json_writer *w, const struct err *err, const char *words)
{
    char name[NAME_BYTES];
    enum err_code code = dialect_code(err);
    struct str error = lower_name(code, name);
    for (size_t i = 0; i < ARRAY_LEN(spelled); i++) {
        if (spelled[i].code != code)
            continue;
        error = str_from_c(spelled[i].error);
        words = spelled[i].message ? spelled[i].message : words;
    }
    json_begin_object(w, NULL);
    json_add_bool(w, "success", false);
    json_add_c(w, "message", words);
    json_add_str(w, "error", error);
    if (code == E_SYNC_IN_PROGRESS && err->subject[0])
        json_add_c(w, "existingSyncId", err->subject);
    json_end_object(w);
}
