/*
 * What a run asked of its vendor, with masked headers.
 *
 * Requests lie packed, some to a row, and at most some hundreds of them are kept of a run: so they are walked through, row
 * by row, and only those of the page asked for are copied.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "store/store_log.h"
#include "store/store_request.h"

#define LIMIT_OTHERWISE 100
#define CHUNKS_AT_ONCE 8
#define WALK_ARENA_BYTES (64 * 1024 * 1024)

struct shown {
    int64_t number;
    struct request_line line;
};

struct walk {
    struct request *request;
    struct arena scratch;        /* of some rows */
    int64_t run, after, of_page; /* of_page 0: any */
    bool failed_only;
    size_t skip, limit;
    struct shown *rows;
    size_t count;
    int64_t total, seen;         /* matching ones; the highest number looked at */
};

static bool
walk_line(struct walk *walk, int64_t number, const struct request_line *line, struct err *err)
{
    struct request *r = walk->request;
    if ((walk->failed_only && !line->failed) || (walk->of_page != 0 && line->page != walk->of_page))
        return true;
    walk->total++;
    if (number <= walk->after || walk->total <= (int64_t)walk->skip || walk->count == walk->limit)
        return true;
    struct shown *shown = &walk->rows[walk->count++];
    *shown = (struct shown){number, *line};
    shown->line.json = str_copy(r->arena, line->json);
    return !str_is_none(shown->line.json) || err_no_memory(err);
}

static bool
walk_chunk(struct walk *walk, const struct request_chunk *chunk, struct err *err)
{
    struct str lines;
    struct request_line line;
    int64_t number = chunk->first_number;
    walk->seen = chunk->first_number + chunk->count - 1;
    if (walk->failed_only && chunk->failed == 0)
        return true;
    if (!log_unpack(&walk->scratch, chunk->packed, &lines, err))
        return false;
    for (; request_line_next(&lines, &line); number++)
        if (!walk_line(walk, number, &line, err))
            return false;
    return true;
}

static bool
read_walk(struct db *db, void *ctx, struct err *err)
{
    struct walk *walk = ctx;
    struct request_chunk *chunks;
    size_t count = CHUNKS_AT_ONCE;
    while (count == CHUNKS_AT_ONCE) {
        arena_clear(&walk->scratch);
        if (!store_requests_read(db, &walk->scratch, walk->request->tenant.id, walk->run, walk->seen, CHUNKS_AT_ONCE, &chunks, &count, err))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!walk_chunk(walk, &chunks[i], err))
                return false;
    }
    return true;
}

static void
write_rows(struct json_writer *w, struct arena *a, const struct walk *walk)
{
    json_begin_array(w, NULL);
    for (size_t i = 0; i < walk->count; i++) {
        const struct request_line *line = &walk->rows[i].line;
        struct str page = line->page == 0 ? STR("null") : str_format(a, "%lld", (long long)line->page);
        json_add_raw(w, NULL, str_format(a, "{\"number\":%lld,\"page\":%.*s,\"failed\":%s,%.*s", (long long)walk->rows[i].number,
                                         STR_ARG(page), line->failed ? "true" : "false", STR_ARG(str_skip(line->json, 1))));
    }
    json_end_array(w);
}

static bool
walk_and_reply(struct request *r, struct walk *walk, const struct paging *paging, struct err *err)
{
    walk->rows = ARENA_ARRAY(r->arena, struct shown, walk->limit);
    if (walk->rows == NULL)
        return err_no_memory(err);
    if (!store_read(request_parts(r)->store, read_walk, walk, err))
        return false;
    write_rows(reply_begin(r, 200), r->arena, walk);
    bool more = walk->count == walk->limit;
    struct str next = more ? list_cursor_text(r->arena, walk->rows[walk->count - 1].number) : STR_NONE;
    return reply_end_list(r, paging, walk->total, next, err);
}

bool
runs_requests(struct request *r, struct err *err)
{
    int failed;
    int64_t of_page;
    struct run run;
    struct paging paging;
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err) || !request_query_bool(r, "failed", &failed, err) ||
        !request_query_i64(r, "ofPage", 1, INT64_MAX, 0, &of_page, err) || !find_run(r, request_path_param(r, 0), &run, err))
        return false;
    struct walk walk = {.request = r, .run = run.id, .after = paging.after, .of_page = of_page, .failed_only = failed == 1,
                        .skip = paging.offset, .limit = (size_t)paging.limit};
    arena_init(&walk.scratch, WALK_ARENA_BYTES);
    bool ok = walk_and_reply(r, &walk, &paging, err);
    arena_release(&walk.scratch);
    return ok;
}
