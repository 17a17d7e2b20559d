/*
 * The common part of the sandbox: what all vendors share. For files of this room.
 *
 * One lock guards everything in `struct sandbox_core` but the options, which do not change. Requests hold
 * it while they are answered (microseconds), never while an answer is sent.
 */
#ifndef TIDEMARK_SANDBOX_CORE_H
#define TIDEMARK_SANDBOX_CORE_H

#include <pthread.h>

#include "net/http_server.h"
#include "sandbox/faults.h"
#include "sandbox/ledger.h"
#include "sandbox/sandbox.h"
#include "sandbox/vendor.h"

#define WORLDS_MAX 64            /* accounts of all vendors together */
#define VENDORS_MAX 16
#define SIZE_MAX_OBJECTS 20000000

struct plain_settings {
    int64_t records;
    int64_t version;             /* 0: as generated */
    int64_t changed_percent;     /* of the records that show `version` */
};

struct sandbox_core {
    pthread_mutex_t lock;
    struct sandbox_options options;
    struct fault_plan plan;
    struct ledger ledger;
    struct world *worlds[WORLDS_MAX]; /* owned */
    size_t world_count;
    struct plain_settings plain;
    struct courier *courier;     /* owned; NULL: webhooks are not delivered. Not under the lock */
    int64_t requests[VENDORS_MAX];
    int64_t expired_uses[VENDORS_MAX];
    int64_t window_started_us[VENDORS_MAX], window_requests[VENDORS_MAX]; /* of the throttle */
};

/* The texts of the options must outlive the core. After a failure core_release is still needed. */
MUST_USE bool core_init(struct sandbox_core *core, const struct sandbox_options *options, struct err *err);
void core_release(struct sandbox_core *core);
/* Sets or replaces a size. E_USAGE for an entity without one. `entity` is kept when it is a vendor's own. */
MUST_USE bool core_set_size(struct sandbox_options *options, struct str entity, int64_t count, struct err *err);
/* Worlds, ledger, faults and counters as at the start. Under the lock. */
void core_reset(struct sandbox_core *core);
/* Tells webhooks of what changed since the last call. Under the lock. */
void core_announce(struct sandbox_core *core, struct arena *a);
/* As request_world, for the control routes. Under the lock. */
struct world *core_world(struct sandbox_core *core, const struct vendor *vendor, int64_t account);

/* The parts of sandbox.c's dispatcher. Each answers the exchange. */
void control_serve(struct sandbox_core *core, struct http_exchange *x);
bool control_owns(struct str path);
void plain_serve(struct sandbox_core *core, struct http_exchange *x);
bool plain_owns(struct str path);
void vendor_serve(struct sandbox_core *core, struct http_exchange *x, const struct vendor *vendor, struct str path);
/* The vendor meant by a path; path_out is the rest without the vendor's name. NULL: nobody's. */
const struct vendor *vendor_for_path(struct str path, struct str *path_out);

/* Sends a reply, spoilt as the hit says, and releases it. */
void reply_deliver(struct http_exchange *x, struct sandbox_reply *reply, const struct fault_hit *hit);
/* Fills the reply of a fault that answers by itself (a status). */
void fault_answer(struct sandbox_request *request, struct sandbox_reply *reply, const struct fault *fault,
                  const struct clock *clock);

void reply_init(struct sandbox_reply *reply);
void reply_release(struct sandbox_reply *reply);

/* Changes made on request of a test. Appends the ids it touched to `w`. E_VALIDATION_FAILED, E_NO_MEMORY. */
MUST_USE bool world_mutate(struct sandbox_core *core, yyjson_val *order, struct json_writer *w, struct arena *a,
                     struct err *err);
/* What a shift fault does to the world before a page is made. */
void world_shift(struct sandbox_core *core, struct world *world, const struct vendor_entity *entity,
                 const struct fault *shift, struct arena *a);

#endif
