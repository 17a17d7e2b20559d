/*
 * How far a run is, and how long it will still take. Pure; any thread.
 */
#ifndef TIDEMARK_ENGINE_PROGRESS_H
#define TIDEMARK_ENGINE_PROGRESS_H

#include "store/store_run.h"

struct progress {
    int percent;              /* 0 .. 99 while unfinished, 100 when finished */
    int64_t records, records_total;   /* total -1: the vendor does not tell */
    int64_t pages;
    size_t streams_done, streams_total;
    double records_per_s;     /* of this run so far; 0: nothing yet */
    int64_t left_us;          /* -1: nothing is known */
};

/*
 * streams: the run's, from store_run_streams. usual_us: how long the connection's last runs of that kind took
 * (store_run_durations), 0: not known; it is used where the vendor tells no totals.
 */
void progress_of(const struct run *run, const struct run_stream *streams, size_t count, int64_t usual_us, int64_t now_us,
                 struct progress *progress_out);

#endif
