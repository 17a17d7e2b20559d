/*
 * Decoders: from the bytes of an answer to the JSON value that records are looked for in.
 *
 * JSON is the rule. The others give a list with one item per line, row or file: the extractor follows its path in
 * each of them, as it does for a JSON body that is a list. gzip and zip wrap another decoder. All of them are fed by
 * strangers: what comes out is bounded by the arena and by the limits of an answer.
 */
#ifndef TIDEMARK_TEMPLATE_DECODE_PRIV_H
#define TIDEMARK_TEMPLATE_DECODE_PRIV_H

#include "template/plan_priv.h"

/* A list under construction. */
struct decoding {
    struct arena *arena;
    const struct decoder *decoder;
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
};

/* Each adds to d->list. False with *fault_out: why the bytes are no such thing; NULL there: no memory. */
bool decode_lines(struct decoding *d, struct str text, const char **fault_out);  /* JSONL, and lines as they are */
bool decode_csv(struct decoding *d, struct str text, const char **fault_out);
bool decode_xml(struct decoding *d, struct str text, const char **fault_out);
/* The unpacked bytes in d->arena. gzip that is none comes back as it is: somebody unpacked it on the way. */
bool unpack_gzip(struct decoding *d, struct str bytes, struct str *bytes_out, const char **fault_out);
/* Calls the decoder inside for each file of the archive. */
bool unpack_zip(struct decoding *d, struct str bytes, const char **fault_out);
/* Dispatches to the kind; used by the wrappers for what is inside. */
bool decode_bytes(struct decoding *d, const struct decoder *decoder, struct str bytes, const char **fault_out);

#endif
