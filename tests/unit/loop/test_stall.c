/* SPDX-License-Identifier: MIT
 * The stall detector names who holds the loop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "loop/core.h"
#include "stderr_capture.h"

#define HELD \
    "plugin weather, endpoint get_weather has held the loop for over 20 ms; other requests wait"
#define TOTAL "plugin weather, endpoint get_weather held the loop for "

static const task_label label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static loop *world;

static void begin_with(uint64_t threshold_ms)
{
    loop_options options = { .max_tasks = 10, .stall_threshold_ms = threshold_ms };

    assert_int_equal(loop_new(&options, &world), 0);
    stderr_begin();
}

static const char *end(void)
{
    loop_free(world);
    return stderr_end();
}

static void spin_ms(uint64_t ms)
{
    uint64_t before_ns = loop_clock_ns();

    while (loop_clock_ns() - before_ns < ms * 1000000)
        ;
}

/* Holds the loop until the detector has written a line more, however slow the machine; for 10 s at
 * most. */
static void hold_until_told(void)
{
    off_t before = lseek(stderr_capture.file, 0, SEEK_END);
    uint64_t began_ns = loop_clock_ns();

    while (lseek(stderr_capture.file, 0, SEEK_END) == before &&
           loop_clock_ns() - began_ns < UINT64_C(10000000000))
        ;
    spin_ms(30); /* for a second line, if it wrote one */
}

static csgi_status hold_twice(void *arg)
{
    hold_until_told();
    task_yield(world);
    hold_until_told();
    (void)arg;
    return 0;
}

static void who_holds_the_loop_is_named_once_and_then_for_how_long(void **state)
{
    const char *text, *total;

    (void)state;
    begin_with(20);
    assert_int_equal(task_spawn(world, &label, 0, hold_twice, NULL, NULL, NULL), 0);
    loop_run(world);
    text = end();
    assert_int_equal(count_text(text, HELD), 2);
    assert_int_equal(count_text(text, TOTAL), 2);
    assert_int_equal(count_text(text, "\n"), 4);
    total = strstr(text, TOTAL) + strlen(TOTAL);
    assert_true(strtoul(total, NULL, 10) >= 50); /* 20 until told, and 30 */
    assert_true(strtoul(total, NULL, 10) < 10000);
    assert_non_null(strstr(total, " ms in all"));
}

static csgi_status yield_for_250_ms(void *arg)
{
    uint64_t before_ns = loop_clock_ns();

    (void)arg;
    while (loop_clock_ns() - before_ns < 250000000)
        task_yield(world);
    return 0;
}

static void a_busy_task_that_lets_others_have_turns_is_not_named(void **state)
{
    (void)state;
    begin_with(150);
    assert_int_equal(task_spawn(world, &label, 0, yield_for_250_ms, NULL, NULL, NULL), 0);
    loop_run(world);
    assert_string_equal(end(), "");
}

static void on_due(timer *item)
{
    (void)item;
    hold_until_told();
}

static void the_servers_own_work_is_named_too_even_after_a_rest(void **state)
{
    timer item;
    const char *text;

    (void)state;
    begin_with(8);
    timer_init(&item, on_due);
    timer_start(world, &item, 60); /* the detector is asleep by then */
    loop_run(world);
    text = end();
    assert_non_null(strstr(text, "the server's own work has held the loop for over 8 ms"));
    assert_non_null(strstr(text, "the server's own work held the loop for "));
}

static csgi_status hold_100_ms(void *arg)
{
    (void)arg;
    spin_ms(100);
    return 0;
}

static void without_a_threshold_nobody_looks(void **state)
{
    (void)state;
    begin_with(0);
    assert_int_equal(task_spawn(world, &label, 0, hold_100_ms, NULL, NULL, NULL), 0);
    loop_run(world);
    assert_string_equal(end(), "");
}

static bool sleeps_within_10_s(stall *self)
{
    struct timespec pause = { .tv_nsec = 1000000 };

    for (int i = 0; i < 10000 && !atomic_load(&self->is_asleep); i++)
        nanosleep(&pause, NULL);
    return atomic_load(&self->is_asleep);
}

static void the_detector_sleeps_while_the_loop_waits(void **state)
{
    stall self;

    (void)state;
    assert_int_equal(stall_init(&self, 4), 0);
    for (int i = 0; i < 3; i++) {
        stall_begin_round(&self, loop_clock_ns() / 1000000);
        stall_end_round(&self);
        assert_true(sleeps_within_10_s(&self));
    }
    stall_fini(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_holds_the_loop_is_named_once_and_then_for_how_long),
        cmocka_unit_test(a_busy_task_that_lets_others_have_turns_is_not_named),
        cmocka_unit_test(the_servers_own_work_is_named_too_even_after_a_rest),
        cmocka_unit_test(without_a_threshold_nobody_looks),
        cmocka_unit_test(the_detector_sleeps_while_the_loop_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
