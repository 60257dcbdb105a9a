/* SPDX-License-Identifier: MIT
 * Bridges: what a thread asks for is performed by its task, functions nest on one thread, threads
 * and queue are bounded, and nobody is lost when a task is cancelled. */
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
#include <unistd.h>

#include "base/str.h"
#include "failing_malloc.h"
#include "loop/bridge.h"
#include "loop/core.h"
#include "stderr_capture.h"

#define MAX_THREADS 2u
#define MAX_QUEUED  2u

static const task_label label = { CSGI_STR("shop"), CSGI_STR("orders") };
static loop *world;
static arena memory;
static pthread_t loop_thread;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned called;
static bool gate;

/* One task with a bridge. */
typedef struct attempt {
    bridge *bridge;
    task_fn fn;
    task *task;
    csgi_status status, result;
    bool may_wait, has_ended;
} attempt;

static int begin(void **state)
{
    const loop_options options = { .max_threads = MAX_THREADS, .max_queued = MAX_QUEUED };

    (void)state;
    called = 0;
    gate = false;
    loop_thread = pthread_self();
    arena_init(&memory, NULL, 0);
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    loop_free(world);
    arena_reset(&memory);
    return 0;
}

static void count_call(void)
{
    pthread_mutex_lock(&lock);
    called++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
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

    self->status =
        bridge_begin(self->bridge, self->may_wait, &label, self->fn, self, &self->result);
    self->has_ended = true;
    return 0;
}

static void start(attempt *self, task_fn fn, bool may_wait)
{
    *self = (attempt){ .fn = fn, .may_wait = may_wait };
    self->bridge = bridge_new(&memory, world, self);
    assert_non_null(self->bridge);
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

static csgi_status wait_for_gate(void *arg)
{
    (void)arg;
    count_call();
    pthread_mutex_lock(&lock);
    while (!gate)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return 7;
}

/* ---- performing ---- */

typedef struct question {
    attempt *of;
    csgi_status answer;
} question;

static void sleep_performed(void *arg)
{
    question *self = arg;

    assert_true(pthread_equal(pthread_self(), loop_thread));
    assert_null(bridge_here());
    assert_ptr_equal(task_current(world), self->of->task);
    self->answer = task_sleep(world, 5);
}

static csgi_status ask_twice(void *arg)
{
    attempt *self = arg;
    question first = { self, 1 }, second = { self, 1 };

    assert_false(pthread_equal(pthread_self(), loop_thread));
    assert_ptr_equal(bridge_here(), self->bridge);
    assert_ptr_equal(bridge_owner(), self);
    assert_ptr_equal(bridge_label(), &label);
    bridge_perform(sleep_performed, &first);
    bridge_perform(sleep_performed, &second);
    return first.answer == 0 && second.answer == 0 ? 3 : 4;
}

static void what_a_thread_asks_for_is_done_by_its_task(void **state)
{
    attempt got;

    (void)state;
    start(&got, ask_twice, true);
    loop_run(world);
    assert_true(got.has_ended);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(got.result, 3);
    assert_true(bridge_has_ended(got.bridge));
    assert_null(bridge_owner());
}

static csgi_status ask_always(void *arg)
{
    question asked = { arg, 0 };

    for (int i = 0; i < 3; i++)
        bridge_perform(sleep_performed, &asked);
    return asked.answer;
}

static void a_cancelled_task_waits_for_what_has_begun_and_begins_nothing(void **state)
{
    attempt waiting, asking;

    (void)state;
    start(&waiting, wait_for_gate, true);
    start(&asking, ask_always, true);
    task_cancel(asking.task); /* before it has begun */
    turn();
    assert_int_equal(asking.status, CSGI_ECANCELED);
    wait_until_called(1);
    task_cancel(waiting.task);
    turn();
    assert_false(waiting.has_ended); /* the thread has its memory */
    open_gate();
    loop_run(world);
    assert_int_equal(waiting.status, CSGI_OK);
    assert_int_equal(waiting.result, 7);
}

static csgi_status ask_after_gate(void *arg)
{
    wait_for_gate(arg);
    return ask_always(arg);
}

static void what_a_cancelled_task_performs_is_cancelled(void **state)
{
    attempt got;

    (void)state;
    start(&got, ask_after_gate, true);
    turn();
    wait_until_called(1);
    task_cancel(got.task);
    open_gate();
    loop_run(world);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(got.result, CSGI_ECANCELED);
}

static csgi_status ask_twice_after_gate(void *arg)
{
    question first = { arg, 0 }, second = { arg, 0 };

    wait_for_gate(arg);
    bridge_perform(sleep_performed, &first);
    bridge_perform(sleep_performed, &second);
    return first.answer == CSGI_ETIMEDOUT && second.answer == CSGI_ECANCELED;
}

static void that_the_time_is_over_is_told_to_the_function_not_to_who_waits_for_it(void **state)
{
    attempt got;

    (void)state;
    start(&got, ask_twice_after_gate, true);
    turn();
    wait_until_called(1);
    task_time_out(got.task);
    turn();
    open_gate();
    loop_run(world);
    assert_int_equal(got.result, 1);
}

/* ---- nesting ---- */

static pthread_t outer_thread;
static csgi_status inner_result;

static csgi_status run_inside(void *arg)
{
    count_call();
    assert_true(pthread_equal(pthread_self(), outer_thread));
    ask_always(arg);
    return 11;
}

static void nest_performed(void *arg)
{
    attempt *self = arg;

    assert_int_equal(bridge_run(self->bridge, &label, run_inside, self, &inner_result), CSGI_OK);
}

static csgi_status nest(void *arg)
{
    outer_thread = pthread_self();
    bridge_perform(nest_performed, arg);
    bridge_perform(nest_performed, arg);
    return inner_result;
}

static void a_function_within_a_function_runs_on_the_same_thread(void **state)
{
    attempt got;

    (void)state;
    start(&got, nest, true);
    loop_run(world);
    assert_int_equal(got.result, 11);
    assert_int_equal(called, 2);
}

static csgi_status inside_for_another(void *arg)
{
    (void)arg;
    assert_true(pthread_equal(pthread_self(), outer_thread));
    return 12;
}

static csgi_status come_late(void *arg)
{
    attempt *of = arg;

    return bridge_run(of->bridge, &label, inside_for_another, of, &inner_result);
}

static csgi_status nothing(void *arg)
{
    (void)arg;
    return 0;
}

static csgi_status late_status;

static csgi_status try_late(void *arg)
{
    late_status = come_late(arg);
    return late_status;
}

static void who_comes_when_the_thread_has_left_is_told(void **state)
{
    attempt got;

    (void)state;
    start(&got, nothing, true);
    loop_run(world);
    assert_int_equal(task_spawn(world, &label, 0, try_late, NULL, &got, NULL), 0);
    loop_run(world);
    assert_int_equal(late_status, CSGI_ESTATE);
}

static csgi_status keep(void *arg)
{
    (void)arg;
    outer_thread = pthread_self();
    bridge_keep();
    return 1;
}

static csgi_status use_kept(void *arg)
{
    attempt *of = arg;

    late_status = come_late(arg);
    bridge_end(of->bridge);
    bridge_end(of->bridge); /* harmless */
    return 0;
}

static void a_thread_that_is_kept_takes_more_until_the_end(void **state)
{
    attempt got;

    (void)state;
    start(&got, keep, true);
    turn();
    while (!got.has_ended)
        turn();
    assert_false(bridge_has_ended(got.bridge));
    assert_int_equal(task_spawn(world, &label, 0, use_kept, NULL, &got, NULL), 0);
    loop_run(world);
    assert_int_equal(late_status, CSGI_OK);
    assert_int_equal(inner_result, 12);
    assert_true(bridge_has_ended(got.bridge));
}

static csgi_status count_for_another(void *arg)
{
    (void)arg;
    count_call();
    return 11;
}

static csgi_status run_for_another_task(void *arg)
{
    attempt *of = arg;

    return bridge_run(of->bridge, &label, count_for_another, of, &inner_result);
}

static void spawn_another(void *arg)
{
    assert_int_equal(task_spawn(world, &label, 0, run_for_another_task, NULL, arg, NULL), 0);
    task_sleep(world, 5);
}

static csgi_status host_another(void *arg)
{
    bridge_perform(spawn_another, arg);
    return 0;
}

static void another_task_uses_the_thread_while_it_waits(void **state)
{
    attempt got;

    (void)state;
    inner_result = 0;
    start(&got, host_another, true);
    loop_run(world);
    assert_int_equal(inner_result, 11);
    assert_int_equal(called, 1);
}

/* ---- limits ---- */

static void threads_and_queue_are_bounded(void **state)
{
    attempt got[MAX_THREADS + MAX_QUEUED + 1], impatient;
    size_t last = COUNT_OF(got) - 1;

    (void)state;
    assert_true(bridge_finds_thread(world));
    for (size_t i = 0; i < MAX_THREADS; i++)
        start(&got[i], wait_for_gate, true);
    turn();
    assert_false(bridge_finds_thread(world));
    start(&impatient, wait_for_gate, false);
    turn();
    assert_int_equal(impatient.status, CSGI_ELIMIT);
    for (size_t i = MAX_THREADS; i <= last; i++)
        start(&got[i], wait_for_gate, true);
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
    start(&impatient, nothing, false); /* and there is room again */
    loop_run(world);
    assert_int_equal(impatient.status, CSGI_OK);
}

static void who_waits_for_a_thread_may_give_up(void **state)
{
    attempt got[MAX_THREADS + 2];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(got); i++)
        start(&got[i], wait_for_gate, true);
    turn();
    wait_until_called(MAX_THREADS);
    bridge_give_up(got[0].bridge, CSGI_EDISCONNECTED); /* it runs: nothing happens */
    bridge_give_up(got[MAX_THREADS].bridge, CSGI_EDISCONNECTED);
    task_cancel(got[MAX_THREADS + 1].task);
    turn();
    assert_false(got[0].has_ended);
    assert_int_equal(got[MAX_THREADS].status, CSGI_EDISCONNECTED);
    assert_int_equal(got[MAX_THREADS + 1].status, CSGI_ECANCELED);
    open_gate();
    loop_run(world);
    assert_int_equal(called, MAX_THREADS);
}

static csgi_status count_inside(void *arg)
{
    (void)arg;
    count_call();
    return 1;
}

static void count_performed(void *arg)
{
    attempt *self = arg;

    task_yield(world);
    assert_int_equal(bridge_run(self->bridge, &label, count_inside, self, &self->status), CSGI_OK);
}

static csgi_status count_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        bridge_perform(count_performed, arg);
    return 5;
}

static void under_load_nothing_is_lost(void **state)
{
    attempt got[MAX_THREADS + MAX_QUEUED];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(got); i++)
        start(&got[i], count_many, true);
    loop_run(world);
    for (size_t i = 0; i < COUNT_OF(got); i++)
        assert_int_equal(got[i].result, 5);
    assert_int_equal(called, 200 * COUNT_OF(got));
}

static void without_memory_nothing_is_called(void **state)
{
    attempt got;
    size_t n = 0;

    (void)state;
    for (;; n++) {
        start(&got, count_inside, true);
        failing_malloc_after(n);
        loop_run(world);
        if (!failing_malloc_off() || got.status == CSGI_OK) break;
        assert_int_equal(got.status, CSGI_ENOMEM);
        assert_int_equal(called, 0);
    }
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(called, 1);
    assert_true(n > 0);
}

/* ---- crashes, each in a child ---- */

static volatile unsigned depth_limit = 1000000000;

static unsigned recurse(unsigned depth)
{
    volatile char frame[256];

    frame[0] = (char)depth;
    if (depth < depth_limit) return recurse(depth + 1) + (unsigned)frame[0];
    return 0;
}

static csgi_status overflow(void *arg)
{
    (void)arg;
    return (csgi_status)recurse(0);
}

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
    pid_t child;
    int status;

    stderr_begin();
    child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        signal(SIGSEGV, SIG_DFL); /* in place of cmocka's, and of a sanitizer's */
        if (loop_new(&options, &world) || task_install_crash_report()) _exit(90);
        start(&got, fn, true);
        loop_run(world);
        _exit(92);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_string_equal(stderr_end(), expected);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signum);
}

static void a_crash_there_names_plugin_and_endpoint(void **state)
{
    (void)state;
    check_crash(call_abort, SIGABRT, "CRITICAL: crash in plugin shop, endpoint orders: SIGABRT\n");
    check_crash(overflow, SIGSEGV,
                "CRITICAL: stack overflow in plugin shop, endpoint orders: it needs less on its "
                "stack (large arrays on the heap)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_there_names_plugin_and_endpoint),
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(what_a_thread_asks_for_is_done_by_its_task),
        TEST(a_cancelled_task_waits_for_what_has_begun_and_begins_nothing),
        TEST(what_a_cancelled_task_performs_is_cancelled),
        TEST(that_the_time_is_over_is_told_to_the_function_not_to_who_waits_for_it),
        TEST(a_function_within_a_function_runs_on_the_same_thread),
        TEST(another_task_uses_the_thread_while_it_waits),
        TEST(who_comes_when_the_thread_has_left_is_told),
        TEST(a_thread_that_is_kept_takes_more_until_the_end),
        TEST(threads_and_queue_are_bounded),
        TEST(who_waits_for_a_thread_may_give_up),
        TEST(under_load_nothing_is_lost),
        TEST(without_memory_nothing_is_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
