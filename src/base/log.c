#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"

#define LOG_LINE_BYTES_MAX 16384
#define LOG_VALUE_BYTES_MAX 2048
#define LOG_SECRETS_MAX 4096
#define LOG_SECRET_FORMS 7
#define LOG_REDACT_ARENA_BYTES (8 * 1024 * 1024)

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char mask[] = "[redacted]";

static atomic_int min_level = LOG_INFO;
static atomic_llong dropped;

/* Under secrets_lock. Forms of one secret stand together; `secret` repeats in each. */
struct secret_form {
    char *text;
    size_t len;
    uint64_t owner; /* hash of the raw secret: what log_secret_drop looks for */
    unsigned users; /* how often it was added and not dropped: the same secret may be in use twice */
};
static pthread_rwlock_t secrets_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct secret_form *forms;
static size_t form_count, form_size;
/* Where some form may begin: one bit for each hash of four bytes. Most texts hold no secret, and this says so at once. */
#define START_BITS 65536
static uint64_t starts[START_BITS / 64];

void
log_set_level(enum log_level level)
{
    atomic_store(&min_level, level);
}

int64_t
log_lines_dropped(void)
{
    return atomic_load(&dropped);
}

static unsigned
start_of(const char *text)
{
    uint32_t bytes;
    memcpy(&bytes, text, sizeof(bytes));
    return (bytes * UINT32_C(2654435761)) >> 16;
}

static void
start_note(const char *text)
{
    unsigned bit = start_of(text);
    starts[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool
may_start(struct str s)
{
    if (s.len < LOG_SECRET_BYTES_MIN)
        return false;
    unsigned bit = start_of(s.ptr);
    return (starts[bit / 64] >> bit % 64 & 1) != 0;
}

static void
form_add(struct str text, uint64_t owner)
{
    if (text.len < LOG_SECRET_BYTES_MIN || form_count >= LOG_SECRETS_MAX * LOG_SECRET_FORMS)
        return;
    for (size_t i = 0; i < form_count; i++)
        if (forms[i].owner == owner && str_eq((struct str){forms[i].text, forms[i].len}, text))
            return;
    if (form_count == form_size) {
        size_t size = form_size ? form_size * 2 : 64;
        struct secret_form *grown = alloc_resized(forms, size * sizeof(*forms));
        if (!grown)
            return;
        forms = grown;
        form_size = size;
    }
    char *copy = alloc_bytes(text.len);
    if (!copy)
        return;
    memcpy(copy, text.ptr, text.len);
    start_note(copy);
    forms[form_count++] = (struct secret_form){copy, text.len, owner, 1};
}

/* Base64 of a secret inside a longer text starts at one of three offsets; only whole triples are safe to match. */
static void
forms_add(struct str secret, uint64_t owner, struct buf *scratch)
{
    form_add(secret, owner);
    buf_clear(scratch);
    base64_encode(scratch, secret, BASE64_STANDARD);
    form_add(str_slice(buf_str(scratch), 0, secret.len / 3 * 4), owner);
    buf_clear(scratch);
    base64_encode(scratch, secret, BASE64_URL);
    form_add(str_slice(buf_str(scratch), 0, secret.len / 3 * 4), owner);
    buf_clear(scratch);
    hex_encode(scratch, secret);
    form_add(buf_str(scratch), owner);
    buf_clear(scratch);
    buf_add_percent(scratch, secret, "");
    form_add(buf_str(scratch), owner);
    buf_clear(scratch);
    buf_add_json_str(scratch, secret);
    form_add(str_slice(buf_str(scratch), 1, scratch->len - 1), owner);
}

/* Lock held. True when it is known already; then it has one user more. */
static bool
secret_used_again(uint64_t owner)
{
    bool known = false;
    for (size_t i = 0; i < form_count; i++)
        if (forms[i].owner == owner) {
            forms[i].users++;
            known = true;
        }
    return known;
}

void
log_secret_add(struct str secret)
{
    if (secret.len < LOG_SECRET_BYTES_MIN)
        return;
    struct buf scratch;
    buf_init(&scratch, secret.len * 6 + 16);
    pthread_rwlock_wrlock(&secrets_lock);
    if (!secret_used_again(hash_add(HASH_START, secret)))
        forms_add(secret, hash_add(HASH_START, secret), &scratch);
    pthread_rwlock_unlock(&secrets_lock);
    explicit_bzero(scratch.ptr ? scratch.ptr : (char *)&scratch, scratch.ptr ? scratch.size : 0);
    buf_release(&scratch);
}

void
log_secret_drop(struct str secret)
{
    uint64_t owner = hash_add(HASH_START, secret);
    pthread_rwlock_wrlock(&secrets_lock);
    size_t kept = 0;
    memset(starts, 0, sizeof(starts));
    for (size_t i = 0; i < form_count; i++) {
        if (forms[i].owner != owner || forms[i].users > 1) {
            forms[i].users -= forms[i].owner == owner;
            start_note(forms[i].text);
            forms[kept++] = forms[i];
            continue;
        }
        explicit_bzero(forms[i].text, forms[i].len);
        free(forms[i].text);
    }
    form_count = kept;
    pthread_rwlock_unlock(&secrets_lock);
}

/* The length of a token of ours ("tm_" and at least 16 of its alphabet) or registered secret at s, or 0. */
static size_t
secret_at(struct str s)
{
    for (size_t i = 0; may_start(s) && i < form_count; i++)
        if (forms[i].len <= s.len && forms[i].text[0] == s.ptr[0] && memcmp(forms[i].text, s.ptr, forms[i].len) == 0)
            return forms[i].len;
    if (!str_starts(s, STR("tm_")) && !str_starts(s, STR("whsec_")))
        return 0;
    size_t len = 3;
    while (len < s.len && (s.ptr[len] == '_' || s.ptr[len] == '-' || (s.ptr[len] >= '0' && s.ptr[len] <= '9') ||
                           (s.ptr[len] >= 'A' && s.ptr[len] <= 'Z') || (s.ptr[len] >= 'a' && s.ptr[len] <= 'z')))
        len++;
    return len >= 16 ? len : 0;
}

static void
add_redacted(struct buf *b, struct str text)
{
    pthread_rwlock_rdlock(&secrets_lock);
    size_t shown = 0;
    for (size_t i = 0; i < text.len;) {
        size_t hidden = secret_at(str_skip(text, i));
        if (hidden) {
            buf_add(b, str_slice(text, shown, i));
            buf_add_c(b, mask);
            shown = i + hidden;
        }
        i += hidden ? hidden : 1;
    }
    buf_add(b, str_skip(text, shown));
    pthread_rwlock_unlock(&secrets_lock);
}

struct str
log_redact(struct arena *a, struct str text)
{
    struct buf b;
    buf_init(&b, LOG_REDACT_ARENA_BYTES);
    add_redacted(&b, text);
    struct str result = buf_ok(&b) ? str_copy(a, buf_str(&b)) : str_copy(a, STR("[redacted: too long]"));
    buf_release(&b);
    return result;
}

/* Redacts first, cuts afterwards: a cut secret would no longer be recognised (I-29). */
static void
add_value(struct buf *line, struct str text)
{
    struct buf clean;
    buf_init(&clean, LOG_REDACT_ARENA_BYTES);
    add_redacted(&clean, text);
    struct str value = str_slice(buf_str(&clean), 0, LOG_VALUE_BYTES_MAX);
    while (value.len && !str_is_utf8(value) && clean.len > LOG_VALUE_BYTES_MAX && value.len > LOG_VALUE_BYTES_MAX - 4)
        value.len--;
    buf_add_json_str(line, str_is_utf8(value) ? value : STR("[not UTF-8]"));
    buf_release(&clean);
}

static void
add_field(struct buf *line, const struct log_field *field)
{
    buf_addf(line, ",\"%s\":", field->name);
    if (field->type == LOG_FIELD_I64)
        buf_add_i64(line, field->number);
    else if (field->type == LOG_FIELD_BOOL)
        buf_add_c(line, field->number ? "true" : "false");
    else
        add_value(line, field->text);
}

static void
add_context(struct buf *line)
{
    struct check_context context = check_context_get();
    if (context.request_id)
        add_field(line, &LOG_C("requestId", context.request_id));
    if (context.run_id)
        add_field(line, &LOG_C("runId", context.run_id));
    if (context.step)
        add_field(line, &LOG_C("step", context.step));
}

/* The sink may be a pipe nobody reads: one write, and a line that does not fit is dropped. */
static void
write_line(struct str line)
{
    ssize_t wrote;
    do
        wrote = write(STDERR_FILENO, line.ptr, line.len);
    while (wrote < 0 && errno == EINTR);
    if (wrote != (ssize_t)line.len)
        atomic_fetch_add(&dropped, 1);
}

void
log_write_fields(enum log_level level, const char *message, const struct log_field *fields)
{
    if ((int)level < atomic_load(&min_level))
        return;
    char time_text[TIME_TEXT_BYTES];
    struct buf line;
    buf_init(&line, LOG_LINE_BYTES_MAX);
    buf_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":",
             time_format_ms(clock_wall_us(clock_system()), time_text), level_names[level]);
    add_value(&line, str_from_c(message));
    add_context(&line);
    for (; fields && fields->name; fields++)
        add_field(&line, fields);
    buf_add_c(&line, "}\n");
    if (buf_ok(&line)) {
        write_line(buf_str(&line));
    } else {
        atomic_fetch_add(&dropped, 1);
    }
    buf_release(&line);
}

void
log_err(enum log_level level, const char *message, const struct err *err)
{
    log_write(level, message, LOG_C("code", err_name(err->code)), LOG_C("error", err->message));
}
