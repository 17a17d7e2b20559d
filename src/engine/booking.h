/*
 * Bookings: appointments of leads, kept here and shown as blocked slots in the vendor's calendar (contract, section 5).
 *
 * A booking is a record of the kind `bookings`. Making or changing one writes an errand beside it; the errand creates, moves
 * or removes the slot through actions that the connection's template declares (create-block-slot, update-block-slot,
 * delete-block-slot). The vendor's failure is shown on the booking (syncStatus, syncError) and tried again; the booking
 * itself never depends on it.
 */
#ifndef TIDEMARK_ENGINE_BOOKING_H
#define TIDEMARK_ENGINE_BOOKING_H

#include "engine/edit.h"

/*
 * fields: the request's members {leadId, integrationId, calendarId, title, startTime, endTime, timezone, status}; others change
 * nothing. E_VALIDATION_FAILED with an item per member; a lead or integration of another tenant is one that is not there.
 */
MUST_USE bool booking_create(struct engine *e, struct arena *a, const struct edit_by *by, yyjson_val *fields,
                             struct record *record_out, struct err *err);
/* id: uuid or records.id in text. E_NOT_FOUND. What changes nothing writes nothing. */
MUST_USE bool booking_change(struct engine *e, struct arena *a, const struct edit_by *by, struct str id, yyjson_val *fields,
                             struct record *record_out, struct err *err);

/* A record of a kind by uuid or integer in text: what door 002's paths take. */
enum row record_by_name(struct db *db, struct arena *a, int64_t tenant, struct str kind, struct str id, struct record *record_out,
                        struct err *err);

#endif
