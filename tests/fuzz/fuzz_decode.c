/* An answer's bytes through a decoder: the first byte chooses it, and whether gzip or zip stands around it. */
#include "template/plan_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum decoder_kind kinds[] = {DECODE_JSON, DECODE_JSONL, DECODE_LINES, DECODE_CSV, DECODE_XML};
    struct str none[] = {STR("N/A"), STR("")};
    struct arena a;
    const char *fault = NULL;
    unsigned choice = size ? data[0] : 0;
    struct decoder inner = {.kind = kinds[choice % 5], .delimiter = choice & 64 ? ';' : ',', .none_texts = none, .none_count = 2};
    struct decoder outer = {.kind = choice & 128 ? DECODE_ZIP : DECODE_GZIP, .inner = &inner};
    struct str bytes = {(const char *)data + (size > 0), size ? size - 1 : 0};
    if (choice & 32)
        inner.encoding = STR("utf-16");
    arena_init(&a, 256 * 1024 * 1024);
    (void)decoder_read(choice & 8 ? &outer : &inner, &a, bytes, &fault);
    arena_release(&a);
    return 0;
}
