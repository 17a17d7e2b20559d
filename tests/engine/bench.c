/*
 * The engine without a network: records a second through reader, mapping, page and store, created, read again
 * unchanged, and all changed. usage: engine_bench [records]
 */
#include "rig.h"

#define PAGE 100
#define FILLER_BYTES 700

struct bench_vendor {
    struct buf *pages;      /* rendered */
    size_t page_count;
    int64_t revision;
};

struct bench_call {
    struct http_reply reply;
};

static struct bench_vendor vendor;

static uint64_t
scatter(uint64_t n)
{
    n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
    return n ^ (n >> 31);
}

static void
render_contact(struct buf *b, int64_t id, bool comma)
{
    buf_addf(b, "%s{\"id\":%d,\"name\":\"Person %d r%d\",\"email\":\"p%016llx@example.com\",\"phone\":null,\"updated_at\":%d,"
             "\"notes\":\"", comma ? "," : "", (int)id, (int)id, (int)vendor.revision,
             (unsigned long long)scatter((uint64_t)id), (int)(1700000000 + vendor.revision));
    uint64_t noise = scatter((uint64_t)id * 7 + (uint64_t)vendor.revision);
    for (int i = 0; i < FILLER_BYTES; i++) {
        if (i % 12 == 0)
            noise = scatter(noise + 1);
        buf_add_char(b, (char)('a' + (noise >> (i % 12 * 5)) % 26));
    }
    buf_add_c(b, "\"}");
}

static void
render(int64_t records)
{
    vendor.page_count = (size_t)((records + PAGE - 1) / PAGE);
    if (vendor.pages == NULL) {
        vendor.pages = calloc(vendor.page_count, sizeof(*vendor.pages));
        for (size_t p = 0; p < vendor.page_count; p++)
            buf_init(&vendor.pages[p], 1 << 20);
    }
    for (size_t p = 0; p < vendor.page_count; p++) {
        struct buf *b = &vendor.pages[p];
        buf_clear(b);
        buf_add_c(b, "{\"data\":[");
        for (int64_t i = 0; i < PAGE && (int64_t)p * PAGE + i < records; i++)
            render_contact(b, (int64_t)p * PAGE + i + 1, i > 0);
        buf_addf(b, "],\"count\":%d", (int)records);
        if (p + 1 < vendor.page_count)
            buf_addf(b, ",\"next\":%d}", (int)p + 1);
        else
            buf_add_c(b, ",\"next\":null}");
    }
}

static void *
bench_start(void *ctx, const struct http_request *request, struct err *err)
{
    struct bench_call *call = calloc(1, sizeof(*call));
    size_t page = 0;
    (void)ctx, (void)err;
    ptrdiff_t at = str_find_str(request->url, STR("cursor="));
    struct str digits = at < 0 ? STR("") : str_skip(request->url, (size_t)at + 7);
    for (size_t i = 0; i < digits.len && digits.ptr[i] >= '0' && digits.ptr[i] <= '9'; i++)
        page = page * 10 + (size_t)(digits.ptr[i] - '0');
    call->reply = (struct http_reply){.status = 200, .sent_wall_us = clock_wall_us(clock_system())};
    call->reply.body = str_contains(request->url, STR("/orders")) ? STR("{\"data\":[]}") : buf_str(&vendor.pages[page]);
    return call;
}

static const struct http_reply *
bench_wait(void *call)
{
    return &((struct bench_call *)call)->reply;
}

static void
bench_cancel(void *call)
{
    (void)call;
}

static void
measure(struct rig *rig, const char *what, int64_t records)
{
    struct timespec cpu_before, cpu_after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_before);
    int64_t began_us = clock_monotonic_us(clock_system());
    struct run run = rig_run(rig, true);
    int64_t took_us = clock_monotonic_us(clock_system()) - began_us;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_after);
    double cpu_us = (double)(cpu_after.tv_sec - cpu_before.tv_sec) * 1e6 + (double)(cpu_after.tv_nsec - cpu_before.tv_nsec) / 1e3;
    printf("%-8s %9.0f records/s  %6.2f us cpu/record  %s  created %d updated %d skipped %d\n", what,
           (double)records * 1e6 / (double)took_us, cpu_us / (double)records, run_state_name(run.state), (int)run.counts.created,
           (int)run.counts.updated, (int)run.counts.skipped);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    int64_t records = 100000;
    if (argc > 1 && !str_to_i64(str_from_c(argv[1]), 1, 10000000, &records))
        return EXIT_FAILURE;
    log_set_level(LOG_WARN);
    struct rig *rig = rig_new();
    rig->engine->sender = (struct sender){bench_start, bench_wait, bench_cancel, free, NULL};
    render(records);
    measure(rig, "create", records);
    measure(rig, "skip", records);
    vendor.revision++;
    render(records);
    measure(rig, "update", records);
    rig_free(rig);
    return EXIT_SUCCESS;
}
