/*
 * An event as people and programs outside see it: in the stream and in deliveries alike.
 *
 *     {"type":"run.succeeded","timestamp":"2026-11-22T04:00:00.000Z","data":{...}}
 *
 * data of records.changed has the kind, the connection and run where there were any, and the ids; the others have what
 * the engine wrote.
 */
#ifndef TIDEMARK_HOOK_EVENT_VIEW_H
#define TIDEMARK_HOOK_EVENT_VIEW_H

#include "json/writer.h"
#include "store/store_event.h"

#define EVENT_TYPES_BYTES_MAX 500

/* The types there are, NULL at the end. */
extern const char *const event_types[];
bool event_type_is_known(struct str type);
/* types: "a,b", or STR_NONE: all. */
bool event_type_is_wanted(struct str types, struct str type);

/* Writes the object into w. Reads what records are called; E_TOO_LARGE. */
MUST_USE bool event_view(struct db *db, struct arena *a, const struct event *event, struct json_writer *w, struct err *err);

#endif
