/* SPDX-License-Identifier: MIT
 * Cancellation: sticky, gentle to the loop, kept back by a shield; and the penalty of a task that
 * does not listen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "stderr_capture.h"

static const task_label label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static loop *world;
static csgi_status last_result;

static int begin(void **state)
{
    loop_options options = { .max_tasks = 100 };

    (void)state;
    last_result = 1;
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    loop_free(world);
    return 0;
}

static void keep_result(void *arg, csgi_status result)
{
    (void)arg;
    last_result = result;
}

static task *spawn(task_fn fn, void *arg)
{
    task *self = NULL;

    assert_int_equal(task_spawn(world, &label, 0, fn, keep_result, arg, &self), 0);
    return self;
}

/* A task that cancels another, which has begun to wait by then. */
static csgi_status cancel(void *arg)
{
    task *other = arg;

    assert_false(task_is_cancelled(other));
    task_cancel(other);
    task_cancel(other);
    assert_true(task_is_cancelled(other));
    return 0;
}

static void spawn_cancel(task *other)
{
    assert_int_equal(task_spawn(world, &label, 0, cancel, NULL, other, NULL), 0);
}

static csgi_status wait_for_nothing(void)
{
    task_wait wait;
    csgi_status status;

    task_wait_begin(world, &wait);
    status = task_wait_end(&wait);
    assert_false(wait.woken);
    return status;
}

static csgi_status wait_once(void *arg)
{
    (void)arg;
    return wait_for_nothing();
}

static void cancellation_ends_the_wait_in_progress(void **state)
{
    (void)state;
    spawn_cancel(spawn(wait_once, NULL));
    loop_run(world);
    assert_int_equal(last_result, CSGI_ECANCELED);
}

static void cancellation_before_the_first_step_ends_the_first_wait(void **state)
{
    (void)state;
    task_cancel(spawn(wait_once, NULL));
    loop_run(world);
    assert_int_equal(last_result, CSGI_ECANCELED);
}

static csgi_status wait_thrice(void *arg)
{
    csgi_status *seen = arg;

    for (int i = 0; i < 3; i++)
        seen[i] = wait_for_nothing();
    return CSGI_OK;
}

static csgi_status time_out(void *arg)
{
    task_time_out(arg);
    task_time_out(arg);
    assert_true(task_is_cancelled(arg));
    return CSGI_OK;
}

static void a_task_whose_time_is_over_hears_so_once_and_is_cancelled(void **state)
{
    csgi_status seen[3];

    (void)state;
    assert_int_equal(task_spawn(world, &label, 0, time_out, NULL, spawn(wait_thrice, seen), NULL),
                     0);
    loop_run(world);
    assert_int_equal(seen[0], CSGI_ETIMEDOUT);
    assert_int_equal(seen[1], CSGI_ECANCELED);
    assert_int_equal(seen[2], CSGI_ECANCELED);
}

static csgi_status sleep_shortly(void *arg)
{
    int *well = arg;

    for (int i = 0; i < 8; i++)
        *well += task_sleep(world, 1) == CSGI_OK;
    return CSGI_OK;
}

/* The pauses of one that does not listen are longer than what it sleeps. */
static void a_cancelled_task_never_sleeps_well(void **state)
{
    int well = 0;

    (void)state;
    stderr_begin();
    task_cancel(spawn(sleep_shortly, &well));
    loop_run(world);
    stderr_end();
    assert_int_equal(well, 0);
}

static csgi_status sleep_an_hour(void *arg)
{
    (void)arg;
    return task_sleep(world, 3600000);
}

static void cancellation_ends_a_sleep_and_its_timer(void **state)
{
    (void)state;
    spawn_cancel(spawn(sleep_an_hour, NULL));
    loop_run(world); /* returns: no timer is left */
    assert_int_equal(last_result, CSGI_ECANCELED);
}

static task_wait shared_wait;

static csgi_status wait_for_shared(void *arg)
{
    csgi_status status;

    (void)arg;
    task_wait_begin(world, &shared_wait);
    status = task_wait_end(&shared_wait);
    assert_int_equal(wait_for_nothing(), CSGI_ECANCELED);
    return status;
}

static csgi_status wake_then_cancel(void *arg)
{
    task_wake(&shared_wait, CSGI_EPROTO);
    task_cancel(arg);
    return 0;
}

static csgi_status cancel_then_wake(void *arg)
{
    task_cancel(arg);
    task_wake(&shared_wait, CSGI_EPROTO);
    return 0;
}

static void an_event_that_has_come_is_not_lost_to_a_cancellation(void **state)
{
    static const task_fn orders[] = { wake_then_cancel, cancel_then_wake };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        task *waiter = spawn(wait_for_shared, NULL);

        assert_int_equal(task_spawn(world, &label, 0, orders[i], NULL, waiter, NULL), 0);
        loop_run(world);
        assert_int_equal(last_result, CSGI_EPROTO);
    }
}

/* Ignores eight cancelled waits; their times show the growing pause: 0 and 0, 1, 2, 4 ... 64. */
static csgi_status ignore_cancellation(void *arg)
{
    uint64_t *times_ns = arg;

    for (int i = 0; i < 9; i++) {
        csgi_status status = i % 3 == 0   ? wait_for_nothing()
                             : i % 3 == 1 ? task_sleep(world, 1000)
                                          : task_yield(world);

        assert_int_equal(status, CSGI_ECANCELED);
        times_ns[i] = loop_clock_ns();
    }
    return 0;
}

static void later_waits_return_the_same_after_a_growing_pause_and_one_line(void **state)
{
    uint64_t times_ns[9];
    const char *text;

    (void)state;
    stderr_begin();
    spawn_cancel(spawn(ignore_cancellation, times_ns));
    loop_run(world);
    text = stderr_end();
    assert_int_equal(last_result, 0);
    for (int i = 4; i < 9; i++)
        assert_true(times_ns[i] - times_ns[i - 1] >= (UINT64_C(1) << (i - 2)) * 1000000);
    assert_true(times_ns[1] - times_ns[0] < 50000000);
    assert_int_equal(count_text(text, "\n"), 1);
    assert_int_equal(count_text(text, "plugin weather, endpoint get_weather ignores"), 1);
    assert_int_equal(count_text(text, "after its cancellation"), 1);
}

static csgi_status wait_twice(void *arg)
{
    (void)arg;
    assert_int_equal(wait_for_nothing(), CSGI_ECANCELED);
    return wait_for_nothing();
}

static void one_wait_more_is_not_worth_a_line(void **state)
{
    (void)state;
    stderr_begin();
    spawn_cancel(spawn(wait_twice, NULL));
    loop_run(world);
    assert_string_equal(stderr_end(), "");
    assert_int_equal(last_result, CSGI_ECANCELED);
}

static csgi_status clean_up_shielded(void *arg)
{
    task *self = task_current(world);

    (void)arg;
    task_shield(self);
    task_shield(self);
    assert_int_equal(task_sleep(world, 2), 0);
    assert_true(task_is_cancelled(self));
    task_unshield(self);
    assert_int_equal(task_yield(world), 0);
    task_unshield(self);
    return wait_for_nothing();
}

static void a_shielded_task_waits_as_if_it_were_not_cancelled(void **state)
{
    (void)state;
    spawn_cancel(spawn(clean_up_shielded, NULL));
    loop_run(world);
    assert_int_equal(last_result, CSGI_ECANCELED);
}

static csgi_status cancel_itself(void *arg)
{
    (void)arg;
    task_cancel(task_current(world));
    return task_yield(world);
}

static void a_task_may_cancel_itself(void **state)
{
    (void)state;
    spawn(cancel_itself, NULL);
    loop_run(world);
    assert_int_equal(last_result, CSGI_ECANCELED);
}

/* ---- penalty ---- */

static csgi_status take_penalties(void *arg)
{
    uint64_t *times_ns = arg;

    for (int i = 0; i < 7; i++) {
        task_penalty(world, "sends after the client is gone");
        times_ns[i] = loop_clock_ns();
    }
    return 0;
}

static void a_penalty_grows_and_is_told_once_and_not_cut_short(void **state)
{
    uint64_t times_ns[7];
    const char *text;

    (void)state;
    stderr_begin();
    spawn_cancel(spawn(take_penalties, times_ns));
    loop_run(world);
    text = stderr_end();
    for (int i = 3; i < 7; i++)
        assert_true(times_ns[i] - times_ns[i - 1] >= (UINT64_C(1) << (i - 1)) * 1000000);
    assert_int_equal(count_text(text, "\n"), 1);
    assert_int_equal(count_text(text, "plugin weather, endpoint get_weather ignores"), 1);
    assert_int_equal(count_text(text, "sends after the client is gone"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(cancellation_ends_the_wait_in_progress),
        TEST(cancellation_before_the_first_step_ends_the_first_wait),
        TEST(cancellation_ends_a_sleep_and_its_timer),
        TEST(a_task_whose_time_is_over_hears_so_once_and_is_cancelled),
        TEST(a_cancelled_task_never_sleeps_well),
        TEST(an_event_that_has_come_is_not_lost_to_a_cancellation),
        TEST(later_waits_return_the_same_after_a_growing_pause_and_one_line),
        TEST(one_wait_more_is_not_worth_a_line),
        TEST(a_shielded_task_waits_as_if_it_were_not_cancelled),
        TEST(a_task_may_cancel_itself),
        TEST(a_penalty_grows_and_is_told_once_and_not_cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
