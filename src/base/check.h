/*
 * Checks for our own mistakes. They stay on in release builds: a failed one prints the expression, the
 * place and what this thread was doing, then aborts. The lease of its run lapses and another worker
 * goes on, which is why crashing is safe. Bytes from outside never reach a CHECK: they get an error.
 */
#ifndef TIDEMARK_BASE_CHECK_H
#define TIDEMARK_BASE_CHECK_H

#define CHECK(expression) \
    (__builtin_expect(!!(expression), 1) ? (void)0 : check_failed(#expression, __FILE__, __LINE__, __func__))
/* Dear ones: on in test builds (CHECK_SLOW_ON) only. */
#ifdef CHECK_SLOW_ON
#define CHECK_SLOW(expression) CHECK(expression)
#else
#define CHECK_SLOW(expression) ((void)0)
#endif
#define UNREACHABLE(why) check_failed("unreachable: " why, __FILE__, __LINE__, __func__)

_Noreturn void check_failed(const char *expression, const char *file, int line, const char *function);

/*
 * What this thread is working on, printed by a failed check and put on its log lines. The texts must
 * outlive the work; NULL where there is none. Returns nothing; set all three back to NULL when done.
 */
void check_context(const char *request_id, const char *run_id, const char *step);
struct check_context {
    const char *request_id, *run_id, *step;
};
struct check_context check_context_get(void);

#endif
