#include "base/test.h"

#include <semaphore.h>
#include <unistd.h>

#include "net/http_server_priv.h"

static struct http_pool pool;
static sem_t gate;
static atomic_int ran, discarded, inside;


static void
run_counting(struct http_job *job)
{
    (void)job;
    atomic_fetch_add(&ran, 1);
}

static void
run_waiting(struct http_job *job)
{
    (void)job;
    atomic_fetch_add(&inside, 1);
    while (sem_wait(&gate) != 0)
        ;
    atomic_fetch_add(&ran, 1);
}

static void
discard(struct http_job *job)
{
    (void)job;
    atomic_fetch_add(&discarded, 1);
}

static int
setup(void **state)
{
    (void)state;
    sem_init(&gate, 0, 0);
    atomic_store(&ran, 0);
    atomic_store(&discarded, 0);
    atomic_store(&inside, 0);
    return 0;
}

static void
until(atomic_int *counter, int value)
{
    for (int i = 0; i < 60000 && atomic_load(counter) != value; i++)
        usleep(1000);
    if (atomic_load(counter) != value)
        print_error("threads %u, running %u, surplus %u, submitted %llu, taken %llu\n", pool.threads, pool.running, pool.surplus,
                    (unsigned long long)pool.submitted, (unsigned long long)pool.taken);
    assert_int_equal(atomic_load(counter), value);
}

static void
test_jobs_that_block_get_a_thread_each_up_to_the_maximum(void **state)
{
    (void)state;
    struct err err = {0};
    struct http_job jobs[40] = {0};
    assert_ok(http_pool_init(&pool, 16, 1000, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        jobs[i] = (struct http_job){.run = run_waiting, .discard = discard};
        assert_true(http_pool_submit(&pool, &jobs[i]));
    }
    until(&inside, 16);
    assert_int_equal(http_pool_threads(&pool), 16);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        sem_post(&gate);
    until(&ran, ARRAY_LEN(jobs));
    http_pool_stop(&pool);
    assert_int_equal(atomic_load(&discarded), 0);
}

#define IN_LINE 64

static struct http_job line[IN_LINE];
static ptrdiff_t order[IN_LINE + 1]; /* by what had run before; the first is the gate's; of the pool's one thread until it is counted */

static void
run_noting(struct http_job *job)
{
    order[atomic_load(&ran)] = job - line;
    atomic_fetch_add(&ran, 1);
}

/* Who asks again stands behind all that wait: the slowest of many clients waits for one round of the others, no more. */
static void
test_jobs_are_taken_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    struct err err = {0};
    struct http_job first = {.run = run_waiting, .discard = discard};
    assert_ok(http_pool_init(&pool, 1, 1000, &err), err);
    assert_true(http_pool_submit(&pool, &first));
    until(&inside, 1);
    for (size_t i = 0; i < IN_LINE; i++) {
        line[i] = (struct http_job){.run = run_noting, .discard = discard};
        assert_true(http_pool_submit(&pool, &line[i]));
    }
    sem_post(&gate);
    until(&ran, IN_LINE + 1);
    for (size_t i = 0; i < IN_LINE; i++)
        assert_int_equal(order[i + 1], i);
    http_pool_stop(&pool);
}

#define COMPUTING_MAX 16

static atomic_bool enough;

static void
run_computing(struct http_job *job)
{
    (void)job;
    atomic_fetch_add(&inside, 1);
    while (!atomic_load(&enough))
        ;
    atomic_fetch_add(&ran, 1);
}

static void
test_jobs_that_compute_get_no_more_threads_than_there_are_cores(void **state)
{
    (void)state;
    struct err err = {0};
    struct http_job jobs[40] = {0};
    if (access("/proc/thread-self/stat", R_OK) != 0)
        return; /* then nobody knows */
    atomic_store(&enough, false);
    assert_ok(http_pool_init(&pool, COMPUTING_MAX, 1000, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        jobs[i] = (struct http_job){.run = run_computing, .discard = discard};
        assert_true(http_pool_submit(&pool, &jobs[i]));
    }
    for (int i = 0; i < 60000 && atomic_load(&inside) < (int)pool.busy_wanted; i++)
        usleep(1000);
    usleep(100000); /* a hundred looks */
    int many = atomic_load(&inside);
    atomic_store(&enough, true); /* before anything is judged: the threads are not left computing */
    /* On a busy machine one that only waits for a core may look as if it slept; without the rule there are as many as may be. */
    assert_in_range(many, pool.busy_wanted, COMPUTING_MAX - 1);
    until(&ran, ARRAY_LEN(jobs));
    http_pool_stop(&pool);
}

static void
test_threads_that_wake_in_numbers_go_to_rest(void **state)
{
    (void)state;
    struct err err = {0};
    struct http_job waiting[12] = {0}, computing[100] = {0};
    if (access("/proc/thread-self/stat", R_OK) != 0)
        return;
    atomic_store(&enough, false);
    assert_ok(http_pool_init(&pool, 16, 60000, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        waiting[i] = (struct http_job){.run = run_waiting, .discard = discard};
        assert_true(http_pool_submit(&pool, &waiting[i]));
    }
    until(&inside, ARRAY_LEN(waiting));
    atomic_store(&inside, 0);
    for (size_t i = 0; i < ARRAY_LEN(computing); i++) {
        computing[i] = (struct http_job){.run = run_computing, .discard = discard};
        assert_true(http_pool_submit(&pool, &computing[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        sem_post(&gate);
    until(&ran, ARRAY_LEN(waiting)); /* now more of them compute than there are cores */
    unsigned surplus = 0;
    for (int i = 0; i < 60000 && surplus == 0; i++) {
        usleep(1000);
        pthread_mutex_lock(&pool.lock);
        surplus = pool.surplus;
        pthread_mutex_unlock(&pool.lock);
    }
    assert_true(surplus > 0);
    atomic_store(&enough, true);
    until(&ran, ARRAY_LEN(waiting) + ARRAY_LEN(computing));
    http_pool_stop(&pool);
    assert_int_equal(atomic_load(&discarded), 0);
}

static void
test_idle_threads_end_but_one(void **state)
{
    (void)state;
    struct err err = {0};
    struct http_job jobs[8] = {0};
    assert_ok(http_pool_init(&pool, 8, 20, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        jobs[i] = (struct http_job){.run = run_waiting, .discard = discard};
        assert_true(http_pool_submit(&pool, &jobs[i]));
    }
    until(&inside, 8);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        sem_post(&gate);
    for (int i = 0; i < 60000 && http_pool_threads(&pool) > 1; i++)
        usleep(1000);
    assert_int_equal(http_pool_threads(&pool), 1);
    jobs[0].run = run_counting;
    assert_true(http_pool_submit(&pool, &jobs[0])); /* and it still works */
    until(&ran, 9);
    http_pool_stop(&pool);
}

static void
test_stopping_waits_for_what_runs_and_discards_the_rest(void **state)
{
    (void)state;
    struct err err = {0};
    struct http_job jobs[5] = {0};
    assert_ok(http_pool_init(&pool, 1, 1000, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        jobs[i] = (struct http_job){.run = i ? run_counting : run_waiting, .discard = discard};
    assert_true(http_pool_submit(&pool, &jobs[0]));
    until(&inside, 1);
    for (size_t i = 1; i < ARRAY_LEN(jobs); i++)
        assert_true(http_pool_submit(&pool, &jobs[i]));
    sem_post(&gate);
    http_pool_stop(&pool);
    assert_int_equal(atomic_load(&ran) + atomic_load(&discarded), 5);
    assert_true(atomic_load(&ran) >= 1);
    struct http_job late = {.run = run_counting, .discard = discard};
    assert_false(http_pool_submit(&pool, &late));
}
