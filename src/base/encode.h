/*
 * Hex and base64 (RFC 4648). Encoding appends to a buffer; decoding gives bytes in an arena, and is
 * strict: no blanks, no foreign characters, correct length. Padding may be left out in the URL form.
 */
#ifndef TIDEMARK_BASE_ENCODE_H
#define TIDEMARK_BASE_ENCODE_H

#include "base/buf.h"
#include "base/str.h"

enum base64_alphabet {
    BASE64_STANDARD, /* with padding */
    BASE64_URL,      /* without padding */
};

bool hex_encode(struct buf *b, struct str bytes); /* lower case */
bool base64_encode(struct buf *b, struct str bytes, enum base64_alphabet alphabet);
MUST_USE bool hex_decode(struct arena *a, struct str text, struct str *bytes_out);
MUST_USE bool base64_decode(struct arena *a, struct str text, enum base64_alphabet alphabet, struct str *bytes_out);
/* %XX and, with plus_is_blank, '+'. False for a broken escape. */
MUST_USE bool percent_decode(struct arena *a, struct str text, bool plus_is_blank, struct str *bytes_out);

#endif
