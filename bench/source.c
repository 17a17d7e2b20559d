#include "source.h"

#include <xxhash.h>

#define PAGE_ARENA_BYTES (64L * 1024 * 1024)

void
die(const char *what, const char *why)
{
    fprintf(stderr, "limit: %s: %s\n", what, why);
    exit(1);
}

static size_t
receive(char *data, size_t size, size_t count, void *ctx)
{
    return buf_add(ctx, (struct str){data, size * count}) ? size * count : 0;
}

void
source_init(struct source *s)
{
    arena_init(&s->arena, PAGE_ARENA_BYTES);
    buf_init(&s->body, PAGE_ARENA_BYTES);
    buf_init(&s->mapped, SOURCE_RECORD_BYTES_MAX);
    s->curl = curl_easy_init();
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, &s->body);
}

yyjson_val *
source_page(struct source *s, const char *url)
{
    struct err err = {0};
    buf_clear(&s->body);
    arena_clear(&s->arena);
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    CURLcode code = curl_easy_perform(s->curl);
    if (code != CURLE_OK)
        die(url, curl_easy_strerror(code));
    yyjson_val *root = json_parse(&s->arena, buf_str(&s->body), JSON_NUMBERS_RAW, 64, &err);
    if (!root)
        die(url, err.message);
    return json_get_c(root, "data");
}

static void
add_field(struct buf *b, const char *name, yyjson_val *value)
{
    buf_addf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
    if (value)
        json_write_canonical(b, value);
    else
        buf_add_c(b, "null");
}

/* The fields of bench/plain.yaml, in canonical order. */
void
source_map(struct source *s, yyjson_val *record, unsigned char hash[SOURCE_HASH_BYTES])
{
    buf_clear(&s->mapped);
    buf_add_char(&s->mapped, '{');
    add_field(&s->mapped, "city", json_get_c(record, "city"));
    add_field(&s->mapped, "company", json_get_c(record, "company"));
    add_field(&s->mapped, "customFields", json_get_c(record, "custom_fields"));
    add_field(&s->mapped, "email", json_get_c(record, "email"));
    add_field(&s->mapped, "name", json_get_c(record, "name"));
    add_field(&s->mapped, "phone", json_get_c(record, "phone_number"));
    add_field(&s->mapped, "tags", json_get_c(record, "tags"));
    add_field(&s->mapped, "version", json_get_c(record, "version"));
    buf_add_char(&s->mapped, '}');
    XXH128_canonicalFromHash((XXH128_canonical_t *)hash, XXH3_128bits(s->mapped.ptr, s->mapped.len));
}
