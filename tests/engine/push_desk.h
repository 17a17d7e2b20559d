/*
 * Platforms that can be written to, for tests of pushes: two of them, told apart by their address, each with people in a table.
 *
 * They take what is sent, and lose requests or answers, answer without the record, or show late in their search what was made, when a
 * test wants it. One thread asks at a time.
 */
#ifndef TIDEMARK_TESTS_ENGINE_PUSH_DESK_H
#define TIDEMARK_TESTS_ENGINE_PUSH_DESK_H

#include "rig.h"

#include "engine/push.h"
#include "store/db_trace.h"

#define DESKS 2
#define DESK_PEOPLE_MAX 200
#define DESK_ROUNDS_MAX 16

enum desk_lost { DESK_LOST_NEVER, DESK_LOST_BEFORE, DESK_LOST_AFTER, DESK_LOST_500 };

/* What a creation answers with. */
enum desk_shows { DESK_SHOWS_RECORD, DESK_SHOWS_ID, DESK_SHOWS_BARE_ID, DESK_SHOWS_NOTHING };

/* How it answers when many are looked for at once. */
enum desk_looks {
    DESK_LOOKS_ALL,        /* in the other order, with whom it does not have */
    DESK_LOOKS_HALF,       /* the second half is named nowhere: a part of it failed */
    DESK_LOOKS_FOUND,      /* only whom it has */
    DESK_LOOKS_NEVER,      /* it refuses */
};

struct desk_person {
    char name[64], mail[64], phone[32], zone[64];
    bool gone;
    int64_t updated_us;
    int64_t made_at;       /* the send that made it */
    int64_t writes;        /* by us */
};

struct desk {
    struct desk_person people[DESK_PEOPLE_MAX];
    int64_t count, sends, writes, deletions;
    int64_t lose_at;       /* this send; 0: none */
    enum desk_lost how;
    enum desk_shows shows;
    bool twins;            /* it takes the same address twice */
    bool refuses;          /* it takes nobody new */
    int64_t lag;           /* the search finds somebody so many sends later */
    bool unreadable;       /* one record by its id: 500 */
    enum desk_looks look_how;
    int64_t looks, looks_many, looked_for; /* searches for one; calls for many, and for how many in all */
    void (*before_write)(int64_t id); /* somebody slips in; 0: somebody new is made; may be NULL */
};

extern struct desk desks[DESKS];

struct desk_way {
    enum desk_shows shows;
    bool many;             /* with calls for many */
    bool looks;            /* and one that looks for many: ten */
    bool deletes;          /* with `delete` */
    bool no_reads;
    bool no_version;       /* it tells no times */
};

/* Forgets everything; a rig whose engine talks to the desks, with the template `pushdesk`. */
struct rig *desk_world(const struct desk_way *way, struct db *(*wrap)(struct db *real, void *ctx), void *ctx);
/* Once more after rig_restart. */
void desk_attach(struct rig *rig);
struct connection desk_connect(struct rig *rig, int desk, const char *direction, const struct connection_change *more);

/* The id of a new person; somebody out there made it. */
int64_t desk_put(int desk, const char *name, const char *mail, const char *phone, const char *zone);
/* Somebody out there changes them; NULL: as it was. */
void desk_change(int desk, int64_t id, const char *name, const char *phone, const char *zone);
/* 0: nobody. */
int64_t desk_with_mail(int desk, struct str mail);
/* All of them with that address. */
int64_t desk_count(int desk, const char *mail);

/* A person here makes, changes, or deletes a record. */
struct str desk_record(struct rig *rig, const char *fields);
void desk_edit(struct rig *rig, struct str uuid, const char *fields);
void desk_delete(struct rig *rig, struct str uuid);
/* The record that a connection has under this id. */
struct str desk_uuid(struct rig *rig, const struct connection *connection, int64_t id);
/* A text member of the record; "": none. */
const char *desk_here(struct rig *rig, struct str uuid, const char *member);

/* Pushes until nothing waits, whatever went wrong before; without waiting for clocks. The last run. */
struct run desk_push(struct rig *rig, const struct connection *connection, bool full);
/* A push whose Nth statement or commit (trace->at) fails, and the process begins again. False: it has fewer. */
bool desk_push_dies(struct rig *rig, const struct connection *connection, struct db_trace *trace, int64_t n);
/* One full pass that must succeed. */
struct run desk_pull(struct rig *rig, const struct connection *connection);

#endif
