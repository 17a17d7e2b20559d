#include "cli/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/out.h"

#define ASK_EVERY_MS 200
#define LINE_EVERY_MS 2000      /* where there is no terminal */
#define BAR_WIDTH 24
#define RATE_KEEP 0.8           /* weight of the past in the smoothed rate */

struct watch {
    bool terminal;
    int columns;
    int64_t began_us, last_us, last_records;
    double rate;                /* records a second, smoothed */
    int64_t printed_us;
};

static int64_t
number(yyjson_val *run, const char *path)
{
    int64_t value = 0;
    return json_to_i64(out_member(run, path), &value) ? value : 0;
}

static struct str
word(yyjson_val *run, const char *path)
{
    return json_str(out_member(run, path));
}

static bool
is_finished(yyjson_val *run)
{
    struct str status = word(run, "status");
    return str_eq(status, STR("success")) || str_eq(status, STR("error")) || str_eq(status, STR("cancelled"));
}

/* What the vendor says it has, as far as it says so; 0: unknown. */
static int64_t
expected_total(yyjson_val *run)
{
    int64_t total = 0;
    size_t index, max;
    yyjson_val *stream, *streams = json_get_c(run, "streams");
    yyjson_arr_foreach(streams, index, max, stream) {
        bool done = str_eq(json_str(json_get_c(stream, "status")), STR("success"));
        int64_t told = number(stream, "total");
        if (!done && told <= 0)
            return 0;
        total += done ? number(stream, "recordsRead") : told;
    }
    return total;
}

/* The stream that is being read now. */
static struct str
present_stream(yyjson_val *run)
{
    size_t index, max;
    yyjson_val *stream, *streams = json_get_c(run, "streams");
    yyjson_arr_foreach(streams, index, max, stream) {
        if (str_eq(json_str(json_get_c(stream, "status")), STR("in_progress")))
            return json_str(json_get_c(stream, "name"));
    }
    return STR("");
}

static void
measure(struct watch *w, int64_t records, int64_t now_us)
{
    int64_t passed_us = now_us - w->last_us;
    if (passed_us < ASK_EVERY_MS * US_PER_MS / 2)
        return;
    double rate = (double)(records - w->last_records) * 1e6 / (double)passed_us;
    w->rate = w->last_us == w->began_us ? rate : w->rate * RATE_KEEP + rate * (1 - RATE_KEEP);
    w->last_us = now_us;
    w->last_records = records;
}

static void
put_bar(int64_t done, int64_t total)
{
    int filled = total > 0 ? (int)(done >= total ? BAR_WIDTH : done * BAR_WIDTH / total) : 0;
    putchar('[');
    for (int i = 0; i < BAR_WIDTH; i++)
        fputs(i < filled ? "█" : "░", stdout);
    printf("] ");
}

static void
put_numbers(const struct watch *w, yyjson_val *run, int64_t records, int64_t total)
{
    char one[OUT_NUMBER_BYTES], two[OUT_NUMBER_BYTES], left[DURATION_TEXT_BYTES];
    if (total > 0)
        printf("%s of %s records", out_number(records, one), out_number(total, two));
    else
        printf("%s records", out_number(records, one));
    printf(", %s pages, %.0f/s", out_number(number(run, "pages"), one), w->rate);
    if (total > records && w->rate >= 1)
        printf(", %s left", duration_format((int64_t)((double)(total - records) / w->rate * 1e6), left));
    struct str stream = present_stream(run), waiting = word(run, "waiting.message");
    if (waiting.len)
        printf(" (waiting: %.*s)", STR_ARG(waiting));
    else if (stream.len)
        printf(" (%.*s)", STR_ARG(stream));
}

static void
show(struct watch *w, yyjson_val *run)
{
    int64_t now_us = clock_monotonic_us(clock_system()), records = number(run, "recordsReceived");
    int64_t total = expected_total(run);
    measure(w, records, now_us);
    if (!w->terminal && now_us - w->printed_us < LINE_EVERY_MS * US_PER_MS)
        return;
    w->printed_us = now_us;
    if (w->terminal) {
        printf("\r\033[K");
        put_bar(records, total);
    }
    put_numbers(w, run, records, total);
    if (!w->terminal)
        putchar('\n');
    fflush(stdout);
}

static void
sleep_ms(int64_t ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

bool
progress_watch(struct client *c, const struct cli *cli, struct arena *a, struct str run_id, struct client_reply *run_out,
               struct err *err)
{
    int64_t now_us = clock_monotonic_us(clock_system());
    struct watch w = {.terminal = isatty(STDOUT_FILENO), .began_us = now_us, .last_us = now_us, .printed_us = now_us};
    struct str path = str_format(a, "/api/v1/sync/runs/%.*s", STR_ARG(run_id));
    for (;;) {
        struct arena_mark mark = arena_mark(a);
        if (!client_call(c, a, "GET", path, STR_NONE, run_out, err))
            return false;
        if (is_finished(run_out->data))
            break;
        if (!cli->json)
            show(&w, run_out->data);
        bool paused = str_eq(word(run_out->data, "status"), STR("paused"));
        if (paused)
            return err_set(err, E_CONFLICT, "The run is paused: tidemark runs resume %.*s", STR_ARG(run_id));
        arena_rewind(a, mark);
        sleep_ms(ASK_EVERY_MS);
    }
    if (!cli->json && w.terminal)
        printf("\r\033[K");
    return true;
}

enum exit_code
progress_exit_code(yyjson_val *run)
{
    if (!str_eq(word(run, "status"), STR("success")))
        return EXIT_CODE_FAILED;
    return str_eq(word(run, "verdict"), STR("complete")) ? EXIT_CODE_OK : EXIT_CODE_PARTIAL;
}

static void
put_counts(yyjson_val *run)
{
    static const struct {
        const char *member, *words;
        bool always;
    } counts[] = {{"recordsCreated", "created", true},   {"recordsUpdated", "updated", true},
                  {"recordsSkipped", "unchanged", true}, {"recordsDeleted", "deleted", false},
                  {"recordsMissing", "gone at the source", false}, {"recordsErrors", "rejected", true}};
    char text[OUT_NUMBER_BYTES];
    const char *separator = "";
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int64_t value = number(run, counts[i].member);
        if (!value && !counts[i].always)
            continue;
        printf("%s%s %s", separator, out_number(value, text), counts[i].words);
        separator = ", ";
    }
}

void
progress_sentence(yyjson_val *run)
{
    char text[OUT_NUMBER_BYTES];
    struct str status = word(run, "status"), verdict = word(run, "verdict"), reason = word(run, "verdictReason");
    struct str name = word(run, "connection.name"), id = word(run, "id");
    printf("%.*s: %s records in %.*s: ", STR_ARG(name), out_number(number(run, "recordsReceived"), text),
           STR_ARG(word(run, "duration").len ? word(run, "duration") : STR("0s")));
    put_counts(run);
    printf(". ");
    if (str_eq(verdict, STR("complete")))
        printf("Complete: it adds up.\n");
    else if (str_eq(status, STR("cancelled")))
        printf("Cancelled; what was committed stays.\n");
    else if (str_eq(status, STR("success")))
        printf("Partial: %.*s\n", STR_ARG(reason));
    else
        printf("Failed: %.*s\n", STR_ARG(word(run, "errorMessage").len ? word(run, "errorMessage") : reason));
    if (number(run, "recordsErrors") > 0)
        printf("See why records were rejected: tidemark rejected \"%.*s\"\n", STR_ARG(name));
    if (str_eq(status, STR("error")))
        printf("See what happened: tidemark logs %.*s\n", STR_ARG(id));
}
