#include "door/dialect_priv.h"

#include "json/writer.h"

/* How codes that only we understand are shown. Those not listed are shown as they are. */
enum err_code
dialect_code(const struct err *err)
{
    switch ((int)err->code) {
    case E_STORE:
    case E_STORE_BUSY:
    case E_STORE_FULL:
    case E_STORE_UNCERTAIN:
    case E_NO_MEMORY: return E_UNAVAILABLE;
    case E_OK:
    case E_STORE_CORRUPT:
    case E_STORE_NEWER:
    case E_STORE_LOCKED:
    case E_CRYPT:
    case E_KEY_MISSING:
    case E_CONFIG:
    case E_RUN_LIMIT: return E_INTERNAL;
    case E_FENCED: return E_CONFLICT;
    default: return err->code;
    }
}

int
dialect_status(const struct err *err)
{
    return err_http(dialect_code(err));
}

bool
dialect_is_ours_to_tell(const struct err *err)
{
    return dialect_code(err) == err->code && err->code != E_INTERNAL;
}

static const char *
words(const struct err *err)
{
    return dialect_is_ours_to_tell(err) && err->message[0] ? err->message : err_words(dialect_code(err));
}

const char *
dialect_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
        {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {413, "Payload Too Large"},
        {414, "URI Too Long"}, {415, "Unsupported Media Type"}, {422, "Unprocessable Entity"},
        {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
        {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

/* A connection to choose from; the engine's words are "<uuid> (<name>)". */
static void
write_choice(struct json_writer *w, struct str words)
{
    struct str id, name;
    bool named = str_cut(words, ' ', &id, &name) && str_starts(name, STR("(")) && str_ends(name, STR(")"));
    json_add_str(w, "connectionId", id);
    json_add_str(w, "name", named ? str_slice(name, 1, name.len - 1) : STR_NONE);
}

static void
write_item(struct json_writer *w, const struct err *err, const struct err_item *item)
{
    json_begin_object(w, NULL);
    if (err->code == E_CONNECTION_AMBIGUOUS) {
        write_choice(w, str_from_c(item->message));
    } else {
        json_add_c(w, "pointer", item->pointer);
        json_add_c(w, "message", item->message);
    }
    json_end_object(w);
}

static void
write_details(struct json_writer *w, const char *key, const struct err *err)
{
    json_begin_array(w, key);
    if (err->code == E_SYNC_IN_PROGRESS && err->subject[0]) {
        json_begin_object(w, NULL);
        json_add_c(w, "runId", err->subject);
        json_end_object(w);
    }
    for (unsigned i = 0; err->items && i < err->item_count; i++)
        write_item(w, err, &err->items[i]);
    if (err->items_left_out && err->item_count) {
        json_begin_object(w, NULL);
        json_add_i64(w, "leftOut", err->items_left_out);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_core(struct json_writer *w, const struct err *err)
{
    json_begin_object(w, NULL);
    json_add_bool(w, "success", false);
    json_add_c(w, "error", words(err));
    json_add_c(w, "code", err_name(dialect_code(err)));
    write_details(w, "details", err);
    json_end_object(w);
}

static void
write_status(struct json_writer *w, const struct err *err)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "statusCode", dialect_status(err));
    json_add_c(w, "message", words(err));
    json_add_c(w, "error", dialect_reason(dialect_status(err)));
    json_end_object(w);
}

static void
write_problem(struct json_writer *w, const struct err *err, struct str request_id)
{
    char type[96];
    enum err_code code = dialect_code(err);
    snprintf(type, sizeof(type), "urn:tidemark:error:%s", err_name(code));
    json_begin_object(w, NULL);
    json_add_c(w, "type", type);
    json_add_c(w, "title", err_words(code));
    json_add_i64(w, "status", dialect_status(err));
    json_add_c(w, "detail", words(err));
    json_add_c(w, "code", err_name(code));
    json_add_str(w, "requestId", request_id);
    write_details(w, "errors", err);
    json_end_object(w);
}

const char *
dialect_write(enum dialect dialect, bool as_problem, const struct err *err, struct str request_id, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    if (as_problem)
        return write_problem(&w, err, request_id), PROBLEM_TYPE;
    switch (dialect) {
    case DIALECT_CORE: write_core(&w, err); break;
    case DIALECT_STATUS: write_status(&w, err); break;
    case DIALECT_MESSAGE: dialect_write_message(&w, err, words(err)); break;
    }
    return JSON_TYPE;
}
