#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/out.h"

#define ASK_EVERY_MS 200
#define LINE_EVERY_MS 2000      /* where there is no terminal */
#define BAR_WIDTH_MAX 30
#define BAR_WIDTH_MIN 5         /* below it the numbers stand alone */
#define COLUMNS_DEFAULT 80
#define COLUMNS_FOR_WORDS 100   /* a narrower terminal leaves out what can be guessed */
#define LINE_BYTES_MAX 1024
#define RATE_KEEP 0.8           /* weight of the past in the smoothed rate */

struct watch {
    bool terminal;
    int64_t last_us, last_records; /* 0: nothing was seen yet */
    double rate;                   /* records a second, smoothed; 0: not known yet */
    int64_t printed_us;
};

/* What is read now. */
struct stage {
    struct str name;            /* of the stream; empty between two */
    int64_t done, total;        /* total 0: the vendor did not tell */
};

static volatile sig_atomic_t interrupted;

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

static struct stage
present_stage(yyjson_val *run)
{
    size_t index, max;
    yyjson_val *stream, *streams = json_get_c(run, "streams");
    yyjson_arr_foreach(streams, index, max, stream) {
        if (str_eq(json_str(json_get_c(stream, "status")), STR("in_progress")))
            return (struct stage){json_str(json_get_c(stream, "name")), number(stream, "recordsRead"), number(stream, "total")};
    }
    return (struct stage){.done = number(run, "recordsReceived")};
}

static void
measure(struct watch *w, int64_t records, int64_t now_us)
{
    int64_t passed_us = now_us - w->last_us;
    if (w->last_us != 0 && passed_us < ASK_EVERY_MS * US_PER_MS / 2)
        return;
    if (w->last_us != 0) {
        double rate = (double)(records - w->last_records) * 1e6 / (double)passed_us;
        w->rate = w->rate < 1 ? rate : w->rate * RATE_KEEP + rate * (1 - RATE_KEEP);
    }
    w->last_us = now_us;
    w->last_records = records;
}

static void
add_numbers(struct buf *b, const struct watch *w, yyjson_val *run, const struct stage *stage, bool words)
{
    char one[OUT_NUMBER_BYTES], two[OUT_NUMBER_BYTES], left[DURATION_TEXT_BYTES];
    struct str waiting = word(run, "waiting.message");
    buf_add_c(b, out_number(stage->done, one));
    if (stage->total > 0)
        buf_addf(b, " of %s", out_number(stage->total, two));
    buf_add_c(b, words || stage->total <= 0 ? " records" : "");
    buf_addf(b, ", %s pages", out_number(number(run, "pages"), one));
    if (waiting.len) {
        buf_addf(b, ", waiting: %.*s", STR_ARG(waiting));
        return;
    }
    if (w->rate >= 1)
        buf_addf(b, ", %s/s", out_number((int64_t)w->rate, one));
    if (stage->total > stage->done && w->rate >= 1)
        buf_addf(b, ", %s left", duration_format((int64_t)((double)(stage->total - stage->done) / w->rate * 1e6), left));
}

static void
put_bar(const struct stage *stage, int width)
{
    int64_t done = stage->done < stage->total ? stage->done : stage->total;
    putchar('[');
    for (int i = 0; i < width; i++)
        fputs(i < done * width / stage->total ? "█" : "░", stdout);
    fputs("] ", stdout);
}

static int
terminal_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
}

/* One line that never wraps: a wrapped one could not be drawn over. */
static void
draw(const struct stage *stage, struct str numbers, int columns)
{
    int room = columns - 1 - (int)out_width(stage->name) - 1;
    int bar = room - (int)out_width(numbers) - 3;
    printf("\r\033[K");
    out_text(stage->name);
    putchar(' ');
    if (stage->total > 0 && bar >= BAR_WIDTH_MIN)
        put_bar(stage, bar < BAR_WIDTH_MAX ? bar : BAR_WIDTH_MAX);
    while (numbers.len > 0 && (int)out_width(numbers) > room)
        numbers.len--;
    out_text(numbers);
}

static void
show(struct watch *w, yyjson_val *run)
{
    int64_t now_us = clock_monotonic_us(clock_system());
    int columns = terminal_columns();
    struct stage stage = present_stage(run);
    struct buf numbers;
    measure(w, number(run, "recordsReceived"), now_us);
    if (!w->terminal && now_us - w->printed_us < LINE_EVERY_MS * US_PER_MS)
        return;
    w->printed_us = now_us;
    buf_init(&numbers, LINE_BYTES_MAX);
    add_numbers(&numbers, w, run, &stage, !w->terminal || columns >= COLUMNS_FOR_WORDS);
    if (w->terminal) {
        draw(&stage, buf_str(&numbers), columns);
    } else {
        printf("%.*s%s", STR_ARG(stage.name), stage.name.len ? ": " : "");
        out_text(buf_str(&numbers));
        putchar('\n');
    }
    fflush(stdout);
    buf_release(&numbers);
}

static void
note_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* The first Ctrl-C is taken up between two questions; a second one ends the program at once. */
static void
watch_interrupts(void)
{
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool
progress_interrupted(void)
{
    return interrupted != 0;
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
    struct watch w = {.terminal = isatty(STDOUT_FILENO), .printed_us = clock_monotonic_us(clock_system())};
    struct str path = str_format(a, "/api/v1/sync/runs/%.*s", STR_ARG(run_id));
    watch_interrupts();
    for (;;) {
        struct arena_mark mark = arena_mark(a);
        if (!client_call(c, a, "GET", path, STR_NONE, run_out, err))
            return false;
        if (is_finished(run_out->data) || interrupted)
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
progress_sentence(yyjson_val *run, struct str program)
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
        printf("See why records were rejected: %.*s rejected \"%.*s\"\n", STR_ARG(program), STR_ARG(name));
    if (str_eq(status, STR("error")))
        printf("See what happened: %.*s logs %.*s\n", STR_ARG(program), STR_ARG(id));
}
