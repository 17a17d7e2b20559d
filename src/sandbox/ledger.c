/* The ledger: a ring of entries, each with its texts in one block. */
#include "sandbox/ledger.h"

#include <string.h>

#include "base/alloc.h"

static void
forget_oldest(struct ledger *ledger)
{
    struct ledger_entry *oldest = &ledger->entries[ledger->first];
    ledger->bytes -= oldest->text_bytes + sizeof(*oldest);
    free(oldest->text);
    ledger->first = (ledger->first + 1) % ledger->size;
    ledger->count--;
    ledger->forgotten++;
}

static bool
grow(struct ledger *ledger)
{
    size_t size = ledger->size ? ledger->size * 2 : 1024;
    struct ledger_entry *grown = alloc_bytes(size * sizeof(*grown));
    if (grown == NULL)
        return false;
    for (size_t i = 0; i < ledger->count; i++)
        grown[i] = ledger->entries[(ledger->first + i) % ledger->size];
    free(ledger->entries);
    ledger->entries = grown;
    ledger->first = 0;
    ledger->size = size;
    return true;
}

static struct str
place(char **at, struct str text)
{
    struct str copy = {*at, text.len};
    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

void
ledger_add(struct ledger *ledger, const struct ledger_entry *entry)
{
    int64_t seq = ++ledger->next_seq;
    struct str body = str_slice(entry->body, 0, LEDGER_BODY_BYTES);
    size_t bytes = entry->method.len + entry->target.len + entry->ids.len + body.len;
    char *text = alloc_bytes(bytes + 1);
    if (text == NULL || (ledger->count == ledger->size && !grow(ledger))) {
        free(text);
        ledger->forgotten++;
        return;
    }
    struct ledger_entry *added = &ledger->entries[(ledger->first + ledger->count) % ledger->size];
    char *at = text;
    *added = *entry;
    added->seq = seq;
    added->text = text;
    added->text_bytes = bytes;
    added->method = place(&at, entry->method);
    added->target = place(&at, entry->target);
    added->ids = place(&at, entry->ids);
    added->body = place(&at, body);
    ledger->count++;
    ledger->bytes += bytes + sizeof(*added);
    while (ledger->bytes > LEDGER_BYTES_MAX && ledger->count > 1)
        forget_oldest(ledger);
}

void
ledger_release(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++)
        free(ledger->entries[(ledger->first + i) % ledger->size].text);
    free(ledger->entries);
    *ledger = (struct ledger){0};
}

const struct ledger_entry *
ledger_from(const struct ledger *ledger, int64_t seq)
{
    /* Sequence numbers may have gaps where memory was short: search. */
    size_t low = 0, high = ledger->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ledger->entries[(ledger->first + middle) % ledger->size].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ledger->count ? &ledger->entries[(ledger->first + low) % ledger->size] : NULL;
}

const struct ledger_entry *
ledger_newest(const struct ledger *ledger, const char *entity)
{
    for (size_t i = ledger->count; i > 0; i--) {
        const struct ledger_entry *entry = &ledger->entries[(ledger->first + i - 1) % ledger->size];
        if (entry->ids.len > 0 && str_eq_c(str_from_c(entry->entity), entity))
            return entry;
    }
    return NULL;
}

static void
write_ids(struct json_writer *w, struct str ids)
{
    json_begin_array(w, "ids");
    while (!str_is_none(ids) && ids.len > 0) {
        struct str id;
        str_cut(ids, ',', &id, &ids);
        json_add_str(w, NULL, id);
    }
    json_end_array(w);
}

void
ledger_write(const struct ledger_entry *entry, struct json_writer *w)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "seq", entry->seq);
    json_add_time(w, "at", entry->at_us);
    json_add_c(w, "vendor", entry->vendor);
    json_add_str(w, "method", entry->method);
    json_add_str(w, "target", entry->target);
    json_add_i64(w, "status", entry->status);
    json_add_c(w, "fault", entry->fault[0] ? entry->fault : NULL);
    json_add_i64(w, "bytes", entry->bytes_sent);
    if (entry->entity != NULL) {
        json_add_c(w, "entity", entry->entity);
        write_ids(w, entry->ids);
    }
    if (entry->body.len > 0)
        json_add_str(w, "body", entry->body);
    json_end_object(w);
}
