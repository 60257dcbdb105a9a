/* SPDX-License-Identifier: MIT
 * Timers, with the loop's clock replaced, against a plain array of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "loop/core.h"

#define TIMERS 500
#define STEPS  20000

typedef struct test_timer {
    timer timer;
    unsigned calls;
    uint64_t expected_ms; /* 0: not running */
} test_timer;

static loop *world;
static test_timer timers[TIMERS];
static uint64_t last_due_ms, calls;

static int begin(void **state)
{
    loop_options options = { .max_tasks = 10 };

    (void)state;
    last_due_ms = calls = 0;
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    loop_free(world);
    return 0;
}

static void set_clock(uint64_t now_ms)
{
    world->uv.time = now_ms;
}

static uint64_t random_bits(void)
{
    static uint64_t state = 88172645463325252u; /* xorshift64 */

    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void on_due(timer *item)
{
    test_timer *self = CONTAINER_OF(item, test_timer, timer);

    assert_false(timer_is_running(item));
    assert_int_equal(item->due_ms, self->expected_ms);
    assert_true(self->expected_ms <= loop_now_ms(world));
    assert_true(self->expected_ms >= last_due_ms);
    last_due_ms = self->expected_ms;
    self->expected_ms = 0;
    self->calls++;
    calls++;
}

static void start(test_timer *self, uint64_t delay_ms)
{
    timer_start(world, &self->timer, delay_ms);
    assert_true(timer_is_running(&self->timer));
    /* One more than asked, since the clock is cut to milliseconds; but one without a delay is due
     * now, unless all of now has been called. */
    self->expected_ms = loop_now_ms(world) + (delay_ms ? delay_ms + 1 : 0);
    if (delay_ms == 0 && self->timer.due_ms == self->expected_ms + 1) self->expected_ms++;
}

static void step(void)
{
    test_timer *self = &timers[random_bits() % TIMERS];
    unsigned bits = (unsigned)(random_bits() % 36);

    if (random_bits() % 4 == 0) {
        timer_stop(world, &self->timer);
        assert_false(timer_is_running(&self->timer));
        self->expected_ms = 0;
    } else {
        start(self, random_bits() & ((UINT64_C(1) << bits) - 1));
    }
    if (random_bits() % 3) return;
    set_clock(loop_now_ms(world) + (random_bits() & ((UINT64_C(1) << (random_bits() % 30)) - 1)));
    last_due_ms = 0;
    timers_run(world);
    for (size_t i = 0; i < TIMERS; i++)
        assert_true(timers[i].expected_ms == 0 || timers[i].expected_ms > loop_now_ms(world));
}

static void timers_of_all_lengths_are_called_in_order_and_in_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < TIMERS; i++) {
        timer_init(&timers[i].timer, on_due);
        timers[i].expected_ms = 0;
    }
    for (size_t i = 0; i < STEPS; i++)
        step();
    assert_true(calls > STEPS / 10);
    for (size_t i = 0; i < TIMERS; i++)
        timer_stop(world, &timers[i].timer);
    assert_false(uv_is_active((uv_handle_t *)&world->timers.alarm));
}

static void the_alarm_is_never_later_than_the_first_timer(void **state)
{
    test_timer *self = &timers[0];

    (void)state;
    timer_init(&self->timer, on_due);
    for (unsigned bits = 0; bits < 40; bits++) {
        uint64_t due_ms, wakes = 0;

        self->calls = 0;
        start(self, UINT64_C(1) << bits);
        due_ms = self->expected_ms;
        while (self->calls == 0) {
            uint64_t alarm_ms = world->timers.alarm_ms;

            assert_true(alarm_ms <= due_ms);
            set_clock(alarm_ms);
            last_due_ms = 0;
            timers_run(world);
            assert_true(++wakes <= TIMER_LEVELS);
        }
        assert_int_equal(loop_now_ms(world), due_ms);
    }
}

static void timers_due_at_once_are_called_in_the_order_of_their_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        timer_init(&timers[i].timer, on_due);
    set_clock(1000);
    start(&timers[2], 200); /* all are due at 1201 */
    set_clock(1100);
    start(&timers[0], 100);
    set_clock(1199);
    start(&timers[1], 1);
    set_clock(5000);
    timers_run(world);
    assert_int_equal(calls, 3);
}

static timer restarted, victim;
static unsigned restarts;

static void on_victim_due(timer *item)
{
    (void)item;
    fail_msg("a stopped timer was called");
}

/* Stops one that is due at the same time, and begins again. */
static void on_restart(timer *item)
{
    timer_stop(world, &victim);
    if (++restarts < 3) timer_start(world, item, 0);
}

static void a_timer_may_stop_others_and_start_itself_when_it_is_due(void **state)
{
    (void)state;
    restarts = 0;
    timer_init(&restarted, on_restart);
    timer_init(&victim, on_victim_due);
    timer_stop(world, &victim);
    timer_start(world, &restarted, 2);
    timer_start(world, &victim, 2);
    loop_run(world);
    assert_int_equal(restarts, 3);
    assert_false(timer_is_running(&restarted));
}

static void starting_a_running_timer_moves_it(void **state)
{
    test_timer *self = &timers[0];

    (void)state;
    self->calls = 0;
    timer_init(&self->timer, on_due);
    set_clock(1000);
    start(self, 10);
    start(self, 500);
    set_clock(1500);
    timers_run(world);
    assert_int_equal(self->calls, 0);
    set_clock(1501);
    timers_run(world);
    assert_int_equal(self->calls, 1);
}

static void the_longest_delay_does_not_overflow(void **state)
{
    test_timer *self = &timers[0];

    (void)state;
    timer_init(&self->timer, on_due);
    timer_start(world, &self->timer, UINT64_MAX);
    assert_true(self->timer.due_ms > loop_now_ms(world));
    timer_stop(world, &self->timer);
}

static void on_first_due(timer *item)
{
    (void)item;
    calls++;
}

static void a_loop_runs_until_its_last_timer_and_no_longer(void **state)
{
    timer early, stopped;
    uint64_t before_ns = loop_clock_ns();

    (void)state;
    timer_init(&early, on_first_due);
    timer_init(&stopped, on_first_due);
    timer_start(world, &early, 3);
    timer_start(world, &stopped, 3600000);
    timer_stop(world, &stopped);
    loop_run(world);
    assert_int_equal(calls, 1);
    assert_true(loop_clock_ns() - before_ns >= 3000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(timers_of_all_lengths_are_called_in_order_and_in_time),
        TEST(the_alarm_is_never_later_than_the_first_timer),
        TEST(timers_due_at_once_are_called_in_the_order_of_their_start),
        TEST(a_timer_may_stop_others_and_start_itself_when_it_is_due),
        TEST(starting_a_running_timer_moves_it),
        TEST(the_longest_delay_does_not_overflow),
        TEST(a_loop_runs_until_its_last_timer_and_no_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
