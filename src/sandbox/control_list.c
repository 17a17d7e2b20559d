/*
 * The long lists of the control routes, as NDJSON in pieces: the truth of a million objects needs no memory,
 * and the lock is held for a piece at a time. Each piece goes on where the last one stopped.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "sandbox/control_priv.h"

#define PIECE_BYTES (256 * 1024) /* one object more may follow */
#define PIECE_OBJECTS 2000       /* looked at under the lock at a time */

static void
end_line(struct buf *piece)
{
    buf_add_char(piece, '\n');
}

static bool
list_ledger(struct lister *l, struct buf *piece)
{
    struct json_writer w;
    const struct ledger_entry *entry = NULL;
    while (piece->len < PIECE_BYTES && (entry = ledger_from(&l->core->ledger, l->position)) != NULL) {
        json_writer_init(&w, piece);
        ledger_write(entry, &w);
        end_line(piece);
        l->position = entry->seq + 1;
    }
    return entry != NULL;
}

static void
write_change(const struct change *change, struct json_writer *w)
{
    static const char *const kinds[] = {"create", "update", "delete"};
    static const char *const by[] = {"seed", "client", "mutate", "fault"};
    json_begin_object(w, NULL);
    json_add_i64(w, "seq", change->seq);
    json_add_time(w, "at", change->at_us);
    json_add_c(w, "entity", change->collection->name);
    json_add_i64(w, "id", change->object_id);
    json_add_c(w, "change", kinds[change->kind]);
    json_add_c(w, "by", by[change->by]);
    json_end_object(w);
}

static bool
list_journal(struct lister *l, struct buf *piece)
{
    struct world *world = core_world(l->core, l->vendor, l->account);
    struct json_writer w;
    if (world == NULL)
        return false;
    int64_t oldest = world->journal_count - (int64_t)world->journal_size + 1;
    if (l->position < oldest)
        l->position = oldest;
    if (l->position < 1)
        l->position = 1;
    for (; l->position <= world->journal_count && piece->len < PIECE_BYTES; l->position++) {
        json_writer_init(&w, piece);
        write_change(&world->journal[(size_t)(l->position - 1) % world->journal_size], &w);
        end_line(piece);
    }
    return l->position <= world->journal_count;
}

static void
write_deleted(const struct object *object, struct json_writer *w)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "id", object->id);
    json_add_time(w, "deletedAt", object->updated_us);
    json_end_object(w);
}

static void
list_object(struct lister *l, struct world *world, struct collection *c, uint32_t index, struct arena *scratch,
            struct buf *piece)
{
    const struct object *object = world_object(c, index);
    if (object->deleted != l->deleted)
        return;
    if (!l->deleted && !l->all && l->entity->visible != NULL && !l->entity->visible(world, c, index, scratch))
        return;
    struct json_writer w;
    json_writer_init(&w, piece);
    if (l->deleted)
        write_deleted(object, &w);
    else
        l->entity->write(world, c, index, scratch, &w);
    end_line(piece);
}

static bool
list_truth(struct lister *l, struct buf *piece)
{
    struct world *world = core_world(l->core, l->vendor, l->account);
    struct collection *c = world ? world_collection(world, str_from_c(l->entity->name)) : NULL;
    if (c == NULL)
        return false;
    struct arena scratch;
    arena_init(&scratch, LIMIT_REQUEST_ARENA_BYTES);
    for (int i = 0; i < PIECE_OBJECTS && l->position < (int64_t)c->count && piece->len < PIECE_BYTES; i++) {
        list_object(l, world, c, (uint32_t)l->position++, &scratch, piece);
        arena_clear(&scratch);
    }
    arena_release(&scratch);
    return l->position < (int64_t)c->count;
}

static enum http_stream_more
pull(void *ctx, struct buf *piece, int64_t *wait_ms)
{
    static bool (*const listers[])(struct lister *, struct buf *) = {list_ledger, list_truth, list_journal};
    struct lister *l = ctx;
    size_t before = piece->len;
    bool more = true;
    (void)wait_ms;
    pthread_mutex_lock(&l->core->lock);
    while (more && piece->len == before) /* a piece must not be empty; the lists end */
        more = listers[l->what](l, piece);
    pthread_mutex_unlock(&l->core->lock);
    return more ? STREAM_MORE : piece->len > before ? STREAM_MORE : STREAM_END;
}

void
control_list(struct http_exchange *x, const struct lister *what)
{
    struct lister *l = alloc_bytes(sizeof(*l));
    if (l == NULL) {
        http_reply(x, 503, "text/plain", STR("out of memory"));
        return;
    }
    *l = *what;
    http_reply_stream(x, 200, "application/x-ndjson", pull, free, l);
}
