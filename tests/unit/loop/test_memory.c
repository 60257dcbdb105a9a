/* SPDX-License-Identifier: MIT
 * The loop when memory is short, and how little it takes when it is not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "base/str.h"
#include "failing_malloc.h"
#include "loop/task.h"
#include "loop/timer.h"

static const task_label label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static const loop_options options = { .stall_threshold_ms = 1000 };
static loop *world;
static unsigned calls;

static int begin(void **state)
{
    (void)state;
    calls = 0;
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    loop_free(world);
    return 0;
}

static void a_loop_is_made_whole_or_not_at_all(void **state)
{
    csgi_status status;
    loop *made = NULL;
    size_t n = 0;

    (void)state;
    for (;; n++) {
        failing_malloc_after(n);
        status = loop_new(&options, &made);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
        assert_null(made);
    }
    assert_int_equal(status, 0);
    assert_true(n > 0);
    loop_free(made);
}

static csgi_status sleep_and_yield(void *arg)
{
    (void)arg;
    calls++;
    assert_int_equal(task_sleep(world, 1), 0);
    return task_yield(world);
}

static void a_task_that_has_no_memory_is_refused(void **state)
{
    size_t n = 0;

    (void)state;
    for (;; n++) {
        csgi_status status;

        failing_malloc_after(n);
        status = task_spawn(world, &label, 0, sleep_and_yield, NULL, NULL, NULL);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
        assert_int_equal(task_count(world), 0);
    }
    assert_true(n > 0);
    loop_run(world);
    assert_int_equal(calls, 1);
}

static void a_task_costs_no_allocation_once_the_pool_is_warm(void **state)
{
    size_t before;

    (void)state;
    assert_int_equal(task_spawn(world, &label, 0, sleep_and_yield, NULL, NULL, NULL), 0);
    loop_run(world);
    before = failing_malloc_count();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(task_spawn(world, &label, 0, sleep_and_yield, NULL, NULL, NULL), 0);
        loop_run(world);
    }
    assert_int_equal(failing_malloc_count(), before);
    assert_int_equal(calls, 11);
}

static void count_call(void *arg)
{
    (void)arg;
    calls++;
}

static void a_post_that_has_no_memory_does_not_run(void **state)
{
    (void)state;
    failing_malloc_after(0);
    assert_int_equal(loop_post(world, count_call, NULL), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    loop_run(world);
    assert_int_equal(calls, 0);
}

static void on_signal(void *arg, int signum)
{
    (void)arg;
    (void)signum;
}

static void a_watch_that_has_no_memory_is_refused_and_may_be_tried_again(void **state)
{
    (void)state;
    failing_malloc_after(0);
    assert_int_equal(loop_watch_signal(world, SIGUSR1, on_signal, NULL), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    assert_int_equal(loop_watch_signal(world, SIGUSR1, on_signal, NULL), 0);
    loop_close_signals(world);
}

static csgi_status set_error_without_memory(void *arg)
{
    task *self = task_current(world);

    (void)arg;
    task_set_error(self, STR("the one before"));
    failing_malloc_after(0);
    task_set_error(self, STR("no room for this"));
    assert_true(failing_malloc_off());
    assert_int_equal(task_error(self).len, 0);
    calls++;
    return 0;
}

static void an_error_text_without_memory_is_dropped_with_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(task_spawn(world, &label, 0, set_error_without_memory, NULL, NULL, NULL), 0);
    loop_run(world);
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_is_made_whole_or_not_at_all),
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_task_that_has_no_memory_is_refused),
        TEST(a_task_costs_no_allocation_once_the_pool_is_warm),
        TEST(a_post_that_has_no_memory_does_not_run),
        TEST(a_watch_that_has_no_memory_is_refused_and_may_be_tried_again),
        TEST(an_error_text_without_memory_is_dropped_with_the_one_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
