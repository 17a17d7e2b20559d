/*
 * What an error looks like: one function per dialect (contract, section 2), and RFC 9457 for whoever asks.
 *
 * Failures of our own machinery (database, sealing, memory) are told in the table's words only, and the
 * internal codes as INTERNAL or UNAVAILABLE: a client can do nothing with more, and a driver's text may
 * hold what it must not see. Pure; any thread.
 */
#ifndef TIDEMARK_DOOR_DIALECT_PRIV_H
#define TIDEMARK_DOOR_DIALECT_PRIV_H

#include "base/buf.h"
#include "door/router_priv.h"
#include "json/writer.h"

#define PROBLEM_TYPE "application/problem+json"
#define JSON_TYPE "application/json; charset=utf-8"

/* The HTTP status of err as the doors show it. */
int dialect_status(const struct err *err);
/* The code that may be shown. */
enum err_code dialect_code(const struct err *err);
/* True when the message may be shown, not only the table's words. */
bool dialect_is_ours_to_tell(const struct err *err);
/* "Bad Request" for 400. */
const char *dialect_reason(int status);

/* Door 004's; dialect_amazon.c. words: what the error may tell. */
void dialect_write_message(struct json_writer *w, const struct err *err, const char *words);

/* Appends the body; returns its content type. request_id: shown in problems. */
const char *dialect_write(enum dialect dialect, bool as_problem, const struct err *err, struct str request_id,
                          struct buf *out);

#endif
