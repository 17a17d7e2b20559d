/*
 * How far a run is, and how long it will still take.
 *
 * By the vendor's totals where all streams that were begun tell one; else by streams done of streams
 * planned (contract, section 4). Never a made-up constant: without a base the time left is unknown.
 */
#include "engine/progress.h"

static int64_t
stream_total(const struct run_stream *s)
{
    if (s->done)
        return s->counts.records_read;
    int64_t total = s->declared_last >= 0 ? s->declared_last : s->declared_first;
    return total >= 0 && total < s->counts.records_read ? s->counts.records_read : total;
}

static int
percent_of(int64_t part, int64_t whole)
{
    int64_t percent = whole <= 0 ? 0 : part * 100 / whole;
    return percent > 99 ? 99 : (int)percent;
}

static void
add_streams(const struct run_stream *streams, size_t count, struct progress *p)
{
    p->streams_total = count;
    for (size_t i = 0; i < count; i++) {
        int64_t total = stream_total(&streams[i]);
        p->streams_done += streams[i].done;
        p->pages += streams[i].pages;
        p->records += streams[i].counts.records_read;
        p->records_total = p->records_total < 0 || total < 0 ? -1 : p->records_total + total;
    }
}

static int64_t
time_left(const struct progress *p, int64_t elapsed_us, int64_t usual_us)
{
    if (p->records_total > 0 && p->records > 0 && elapsed_us > 0)
        return (int64_t)((double)(p->records_total - p->records) * (double)elapsed_us / (double)p->records);
    if (usual_us > 0)
        return usual_us > elapsed_us ? usual_us - elapsed_us : 0;
    return -1;
}

void
progress_of(const struct run *run, const struct run_stream *streams, size_t count, int64_t usual_us, int64_t now_us,
            struct progress *progress_out)
{
    struct progress p = {.left_us = -1};
    int64_t end_us = run->finished_us != 0 ? run->finished_us : now_us;
    int64_t elapsed_us = run->started_us != 0 ? end_us - run->started_us : 0;
    add_streams(streams, count, &p);
    if (elapsed_us > 0)
        p.records_per_s = (double)p.records * (double)US_PER_S / (double)elapsed_us;
    if (run_state_is_terminal(run->state)) {
        p.percent = 100;
        p.left_us = 0;
    } else {
        p.percent = p.records_total > 0 ? percent_of(p.records, p.records_total)
                                        : percent_of((int64_t)p.streams_done, (int64_t)p.streams_total);
        p.left_us = time_left(&p, elapsed_us, usual_us);
    }
    *progress_out = p;
}
