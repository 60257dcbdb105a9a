/* SPDX-License-Identifier: MIT
 * Blocking functions on the pool of threads: their results, the pool's limits, cancellation, and
 * who is named when one crashes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/str.h"
#include "failing_malloc.h"
#include "loop/core.h"
#include "loop/offload.h"
#include "overflow.h"
#include "stderr_capture.h"

#define MAX_THREADS 2u
#define MAX_QUEUED  3u

static const task_label label = { CSGI_STR("shop"), CSGI_STR("orders") };
static loop *world;

/* Functions that were called, those that run, and most at once; they end when the gate is open. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned called, running, most;
static bool gate;

typedef struct attempt {
    task_fn fn;
    task *task;
    csgi_status status, result;
    bool has_ended;
} attempt;

static int begin(void **state)
{
    const loop_options options = { .max_threads = MAX_THREADS, .max_queued = MAX_QUEUED };

    (void)state;
    called = running = most = 0;
    gate = false;
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    loop_free(world);
    return 0;
}

static csgi_status wait_for_gate(void *arg)
{
    csgi_status *mine = arg;

    pthread_mutex_lock(&lock);
    called++;
    running++;
    if (running > most) most = running;
    pthread_cond_broadcast(&changed);
    while (!gate)
        pthread_cond_wait(&changed, &lock);
    running--;
    pthread_mutex_unlock(&lock);
    *mine = 9; /* the task's stack is there still */
    return 7;
}

static void open_gate(void)
{
    pthread_mutex_lock(&lock);
    gate = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_until_called(unsigned count)
{
    pthread_mutex_lock(&lock);
    while (called < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static csgi_status run_attempt(void *arg)
{
    attempt *self = arg;
    csgi_status on_stack = 0;

    self->status = offload_run(world, self->fn, &on_stack, &self->result);
    if (self->status == CSGI_OK && self->fn == wait_for_gate) assert_int_equal(on_stack, 9);
    self->has_ended = true;
    return 0;
}

static void start(attempt *self, task_fn fn)
{
    *self = (attempt){ .fn = fn };
    assert_int_equal(task_spawn(world, &label, 0, run_attempt, NULL, self, &self->task), 0);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void turn(void)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(loop_post(world, stop_loop, world), 0);
        loop_run(world);
    }
}

static void a_function_runs_elsewhere_and_its_result_comes_back(void **state)
{
    attempt got;

    (void)state;
    start(&got, wait_for_gate);
    turn();
    wait_until_called(1);
    assert_false(got.has_ended); /* and the loop turned meanwhile */
    open_gate();
    loop_run(world);
    assert_true(got.has_ended);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(got.result, 7);
}

static void threads_and_queue_are_bounded(void **state)
{
    attempt got[MAX_THREADS + MAX_QUEUED + 1];
    size_t last = COUNT_OF(got) - 1;

    (void)state;
    for (size_t i = 0; i <= last; i++)
        start(&got[i], wait_for_gate);
    turn();
    assert_true(got[last].has_ended);
    assert_int_equal(got[last].status, CSGI_ELIMIT);
    for (size_t i = 0; i < last; i++)
        assert_false(got[i].has_ended);
    open_gate();
    loop_run(world);
    for (size_t i = 0; i < last; i++)
        assert_int_equal(got[i].result, 7);
    assert_int_equal(called, MAX_THREADS + MAX_QUEUED);
    assert_true(most <= MAX_THREADS);
    start(&got[0], wait_for_gate); /* and there is room again */
    loop_run(world);
    assert_int_equal(got[0].status, CSGI_OK);
}

static void one_in_the_queue_is_cancelled_at_once_and_never_called(void **state)
{
    attempt got[MAX_THREADS + 1];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(got); i++)
        start(&got[i], wait_for_gate);
    turn();
    wait_until_called(MAX_THREADS);
    task_cancel(got[MAX_THREADS].task);
    turn();
    assert_true(got[MAX_THREADS].has_ended);
    assert_int_equal(got[MAX_THREADS].status, CSGI_ECANCELED);
    open_gate();
    loop_run(world);
    assert_int_equal(called, MAX_THREADS);
}

static void one_that_runs_is_waited_for_although_its_task_is_cancelled(void **state)
{
    attempt got;

    (void)state;
    start(&got, wait_for_gate);
    turn();
    wait_until_called(1);
    task_cancel(got.task);
    turn();
    assert_false(got.has_ended);
    open_gate();
    loop_run(world);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(got.result, 7);
}

static csgi_status add_up(void *arg);

static csgi_status offload_again(void *arg)
{
    csgi_status *statuses = arg, result, on_stack;

    for (int i = 0; i < 4; i++)
        statuses[i] = offload_run(world, i == 0 ? wait_for_gate : add_up, &on_stack, &result);
    return 0;
}

/* It was on its way when the time was over, and its task may begin no other. */
static void the_next_one_says_that_the_task_must_end(void **state)
{
    csgi_status statuses[4] = { 0 };
    task *late;

    (void)state;
    assert_int_equal(task_spawn(world, &label, 0, offload_again, NULL, statuses, &late), 0);
    turn();
    wait_until_called(1);
    task_time_out(late);
    turn();
    open_gate();
    loop_run(world);
    assert_int_equal(statuses[0], CSGI_OK);
    assert_int_equal(statuses[1], CSGI_ETIMEDOUT);
    assert_int_equal(statuses[2], CSGI_ECANCELED);
    assert_int_equal(statuses[3], CSGI_ECANCELED);
    assert_int_equal(called, 1);
}

static csgi_status add_up(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    called++;
    pthread_mutex_unlock(&lock);
    return 1;
}

static csgi_status offload_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++) {
        csgi_status result = 0;

        assert_int_equal(offload_run(world, add_up, NULL, &result), CSGI_OK);
        assert_int_equal(result, 1);
    }
    return 0;
}

static void under_load_nothing_is_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAX_THREADS + MAX_QUEUED; i++)
        assert_int_equal(task_spawn(world, &label, 0, offload_many, NULL, NULL, NULL), 0);
    loop_run(world);
    assert_int_equal(called, 500 * (MAX_THREADS + MAX_QUEUED));
}

static void without_memory_nothing_is_called(void **state)
{
    attempt got;
    size_t n = 0;

    (void)state;
    for (;; n++) {
        start(&got, add_up);
        failing_malloc_after(n);
        loop_run(world);
        assert_true(got.has_ended);
        if (!failing_malloc_off() || got.status == CSGI_OK) break;
        assert_int_equal(got.status, CSGI_ENOMEM);
        assert_int_equal(called, 0);
    }
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(called, 1);
    assert_true(n > 0);
}

/* ---- crashes, each in a child ---- */

static csgi_status call_abort(void *arg)
{
    (void)arg;
    abort();
}

static void check_crash(task_fn fn, int signum, const char *expected)
{
    const struct rlimit no_core = { 0, 0 };
    const loop_options options = { 0 };
    attempt got;
    const char *text;
    pid_t child;
    int status;

    stderr_begin();
    child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL); /* in place of cmocka's, and of a sanitizer's */
        signal(SIGABRT, SIG_DFL);
        if (loop_new(&options, &world) || task_install_crash_report()) _exit(90);
        start(&got, fn);
        loop_run(world);
        _exit(92);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    text = stderr_end();
    assert_string_equal(text, expected);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signum);
}

static void a_crash_there_names_plugin_and_endpoint(void **state)
{
    (void)state;
    check_crash(call_abort, SIGABRT,
                "CRITICAL: crash in plugin shop, endpoint orders, in a function given to offload: "
                "SIGABRT\n");
    check_crash(overflow, SIGSEGV,
                "CRITICAL: stack overflow in plugin shop, endpoint orders, in a function given to "
                "offload: it needs less on its stack (large arrays on the heap)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_there_names_plugin_and_endpoint),
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_function_runs_elsewhere_and_its_result_comes_back),
        TEST(threads_and_queue_are_bounded),
        TEST(one_in_the_queue_is_cancelled_at_once_and_never_called),
        TEST(one_that_runs_is_waited_for_although_its_task_is_cancelled),
        TEST(the_next_one_says_that_the_task_must_end),
        TEST(under_load_nothing_is_lost),
        TEST(without_memory_nothing_is_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
