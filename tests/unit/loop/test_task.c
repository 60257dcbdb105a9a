/* SPDX-License-Identifier: MIT
 * Tasks: their life and their waits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "loop/task.h"
#include "loop/timer.h"

static const task_label label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static loop *world;
static char trace[256]; /* what the tasks of a test note, in order */
static csgi_status last_result;
static char letters[][2] = { "a", "b", "c", "d" };

static int begin(void **state)
{
    loop_options options = { .max_tasks = 100 };

    (void)state;
    trace[0] = '\0';
    last_result = 1;
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    loop_free(world);
    return 0;
}

static void note(const char *what)
{
    strncat(trace, what, sizeof(trace) - strlen(trace) - 1);
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

static csgi_status say(void *arg)
{
    note(arg);
    return 0;
}

static csgi_status say_twice(void *arg)
{
    note(arg);
    assert_int_equal(task_yield(world), 0);
    note(arg);
    return 0;
}

static void tasks_run_in_the_order_they_were_spawned_and_take_turns(void **state)
{
    (void)state;
    spawn(say_twice, letters['a' - 'a']);
    spawn(say_twice, letters['b' - 'a']);
    spawn(say, letters['c' - 'a']);
    assert_string_equal(trace, "");
    assert_int_equal(task_count(world), 3);
    loop_run(world);
    assert_string_equal(trace, "abcab");
    assert_int_equal(task_count(world), 0);
}

static csgi_status check_self(void *arg)
{
    task **self = arg;

    assert_ptr_equal(task_current(world), *self);
    assert_int_equal(task_yield(world), 0);
    assert_ptr_equal(task_current(world), *self);
    return CSGI_EFAIL;
}

static void check_end(void *arg, csgi_status result)
{
    (void)arg;
    assert_null(task_current(world));
    assert_int_equal(task_count(world), 0);
    assert_int_equal(result, CSGI_EFAIL);
    note("end");
}

static void on_end_gets_the_result_on_the_loops_stack_when_the_task_is_gone(void **state)
{
    task *self;

    (void)state;
    assert_int_equal(task_spawn(world, &label, 0, check_self, check_end, &self, &self), 0);
    loop_run(world);
    assert_string_equal(trace, "end");
}

static void spawn_again(void *arg, csgi_status result)
{
    (void)arg;
    assert_int_equal(result, 0);
    spawn(say, letters['b' - 'a']);
}

static void on_end_may_spawn(void **state)
{
    (void)state;
    assert_int_equal(task_spawn(world, &label, 0, say, spawn_again, letters[0], NULL), 0);
    loop_run(world);
    assert_string_equal(trace, "ab");
}

static csgi_status spawn_another(void *arg)
{
    (void)arg;
    note("p");
    spawn(say, letters['c' - 'a']);
    note("q");
    return 0;
}

static void a_task_may_spawn_one_that_runs_later(void **state)
{
    (void)state;
    spawn(spawn_another, NULL);
    loop_run(world);
    assert_string_equal(trace, "pqc");
}

/* ---- waits ---- */

static task_wait shared_wait;

static csgi_status wait_for_shared(void *arg)
{
    csgi_status status;

    task_wait_begin(world, &shared_wait);
    note("w");
    status = task_wait_end(&shared_wait);
    note(arg);
    assert_true(shared_wait.woken);
    return status;
}

static csgi_status wake_shared(void *arg)
{
    (void)arg;
    note("k");
    task_wake(&shared_wait, CSGI_EUNREACH);
    task_wake(&shared_wait, 0);
    note("l");
    return 0;
}

static void a_wait_returns_the_status_of_the_first_wake(void **state)
{
    (void)state;
    spawn(wait_for_shared, letters['d' - 'a']);
    assert_int_equal(task_spawn(world, &label, 0, wake_shared, NULL, NULL, NULL), 0);
    loop_run(world);
    assert_string_equal(trace, "wkld");
    assert_int_equal(last_result, CSGI_EUNREACH);
}

static csgi_status wake_before_wait(void *arg)
{
    task_wait wait;

    (void)arg;
    task_wait_begin(world, &wait);
    task_wake(&wait, CSGI_EPROTO);
    return task_wait_end(&wait);
}

static void a_wake_before_the_wait_is_not_lost(void **state)
{
    (void)state;
    spawn(wake_before_wait, NULL);
    loop_run(world);
    assert_int_equal(last_result, CSGI_EPROTO);
}

typedef struct timed_wake {
    timer timer;
    task_wait wait;
} timed_wake;

static void on_wake_due(timer *item)
{
    task_wake(&CONTAINER_OF(item, timed_wake, timer)->wait, CSGI_ETIMEDOUT);
}

/* Another wait lies between the begin and the end of the first, which is woken meanwhile. */
static csgi_status nest_waits(void *arg)
{
    timed_wake outer;

    (void)arg;
    timer_init(&outer.timer, on_wake_due);
    task_wait_begin(world, &outer.wait);
    timer_start(world, &outer.timer, 1);
    assert_int_equal(task_sleep(world, 5), 0);
    assert_true(outer.wait.woken);
    return task_wait_end(&outer.wait);
}

static void waits_may_be_nested(void **state)
{
    (void)state;
    spawn(nest_waits, NULL);
    loop_run(world);
    assert_int_equal(last_result, CSGI_ETIMEDOUT);
}

static task_wait *place;

static csgi_status wait_at_place(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        assert_null(place);
        assert_int_equal(task_wait_at(world, &place), CSGI_EBUSY);
    }
    assert_null(place);
    note("w");
    return 0;
}

static csgi_status wake_place_twice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        assert_non_null(place);
        task_wake(place, CSGI_EBUSY);
        assert_int_equal(task_yield(world), 0);
    }
    return 0;
}

static void a_place_holds_a_wait_while_it_lasts(void **state)
{
    (void)state;
    spawn(wait_at_place, NULL);
    spawn(wake_place_twice, NULL);
    loop_run(world);
    assert_string_equal(trace, "w");
}

static csgi_status sleep_for(void *arg)
{
    uint64_t ms = *(const uint64_t *)arg, before_ns = loop_clock_ns();

    assert_int_equal(task_sleep(world, ms), 0);
    assert_true(loop_clock_ns() - before_ns >= ms * 1000000);
    note(ms == 15 ? "c" : ms == 5 ? "b" : "a");
    return 0;
}

static void sleepers_wake_in_the_order_of_their_time_and_never_early(void **state)
{
    static const uint64_t times_ms[] = { 15, 0, 5 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(times_ms); i++)
        spawn(sleep_for, (void *)(uintptr_t)&times_ms[i]);
    loop_run(world);
    assert_string_equal(trace, "abc");
}

static csgi_status yield_for_ever(void *arg)
{
    const bool *must_end = arg;

    while (!*must_end)
        assert_int_equal(task_yield(world), 0);
    return 0;
}

static csgi_status end_the_other(void *arg)
{
    assert_int_equal(task_sleep(world, 2), 0);
    *(bool *)arg = true;
    return 0;
}

static void a_task_that_only_yields_does_not_hold_up_timers(void **state)
{
    bool must_end = false;

    (void)state;
    spawn(yield_for_ever, &must_end);
    spawn(end_the_other, &must_end);
    loop_run(world);
    assert_true(must_end);
}

/* ---- error text, exceptions ---- */

static csgi_status set_errors(void *arg)
{
    task *self = task_current(world);
    char text[] = "no such city";

    (void)arg;
    assert_int_equal(task_error(self).len, 0);
    task_set_error(self, str_from(text));
    text[0] = 'X';
    assert_true(str_eq(task_error(self), STR("no such city")));
    task_set_error(self, STR("another"));
    assert_true(str_eq(task_error(self), STR("another")));
    task_set_error(self, STR(""));
    assert_int_equal(task_error(self).len, 0);
    task_set_error(self, STR("freed at the end"));
    return 0;
}

static void the_error_text_is_a_copy_that_ends_with_the_task(void **state)
{
    (void)state;
    spawn(set_errors, NULL);
    loop_run(world);
    assert_int_equal(last_result, 0);
}

/* Stands for libstdc++'s. */
static struct {
    void *caught;
    unsigned uncaught;
} exceptions;

static void *get_exceptions(void)
{
    return &exceptions;
}

static csgi_status handle_exception(void *arg)
{
    assert_null(exceptions.caught);
    assert_int_equal(exceptions.uncaught, 0);
    exceptions.caught = arg;
    exceptions.uncaught = 7;
    for (int i = 0; i < 3; i++) {
        task_yield(world);
        assert_ptr_equal(exceptions.caught, arg);
        assert_int_equal(exceptions.uncaught, 7);
    }
    exceptions.caught = NULL;
    exceptions.uncaught = 0;
    return 0;
}

static void each_task_has_its_own_exception_globals(void **state)
{
    char a, b;

    (void)state;
    exceptions.caught = &exceptions; /* the loop's own */
    task_set_exception_globals(get_exceptions);
    spawn(handle_exception, &a);
    spawn(handle_exception, &b);
    loop_run(world);
    task_set_exception_globals(NULL);
    assert_ptr_equal(exceptions.caught, &exceptions);
}

static csgi_status use_stack(void *arg)
{
    volatile char bytes[24 * 1024];

    for (size_t i = 0; i < sizeof(bytes); i += 64)
        bytes[i] = (char)i;
    task_yield(world);
    for (size_t i = 0; i < sizeof(bytes); i += 64)
        assert_int_equal(bytes[i], (char)i);
    (void)arg;
    return 0;
}

static void what_a_task_has_on_its_stack_survives_others(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++)
            spawn(use_stack, NULL);
        loop_run(world);
    }
    assert_int_equal(last_result, 0);
}

#define ROOM_SIZE ((size_t)1000)

static bool holds(const char *room, char byte)
{
    for (size_t i = 0; i < ROOM_SIZE; i++)
        if (room[i] != byte) return false;
    return true;
}

static csgi_status use_stack_and_room(void *room)
{
    use_stack(NULL);
    return holds(room, *(char *)room) ? 0 : CSGI_EFAIL;
}

static void look_at_room(void *room, csgi_status result)
{
    char letter[2] = { *(char *)room };

    if (result == 0 && holds(room, letter[0])) note(letter);
}

static void the_room_on_a_stack_lasts_until_on_end_has_returned(void **state)
{
    task *made;
    void *room;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(task_new(world, 0, ROOM_SIZE, &made, &room), 0);
        assert_int_equal((uintptr_t)room % _Alignof(max_align_t), 0);
        memset(room, letters[i][0], ROOM_SIZE);
        task_begin(made, &label, use_stack_and_room, look_at_room, room);
    }
    loop_run(world);
    assert_string_equal(trace, "abcd");
}

static void a_task_that_has_not_begun_may_be_discarded(void **state)
{
    task *made;
    void *room;

    (void)state;
    for (int i = 0; i < 200; i++) { /* of which 100 may be there at once */
        assert_int_equal(task_new(world, 0, ROOM_SIZE, &made, &room), 0);
        memset(room, 'x', ROOM_SIZE);
        task_discard(made);
    }
    assert_int_equal(task_count(world), 0);
    assert_int_equal(task_new(world, 0, 16384, &made, &room), 0);
    task_discard(made);
    assert_int_equal(task_new(world, 0, 16385, &made, &room), CSGI_ENOMEM);
    assert_int_equal(task_count(world), 0);
    loop_run(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(tasks_run_in_the_order_they_were_spawned_and_take_turns),
        TEST(on_end_gets_the_result_on_the_loops_stack_when_the_task_is_gone),
        TEST(on_end_may_spawn),
        TEST(a_task_may_spawn_one_that_runs_later),
        TEST(a_wait_returns_the_status_of_the_first_wake),
        TEST(a_wake_before_the_wait_is_not_lost),
        TEST(waits_may_be_nested),
        TEST(a_place_holds_a_wait_while_it_lasts),
        TEST(sleepers_wake_in_the_order_of_their_time_and_never_early),
        TEST(a_task_that_only_yields_does_not_hold_up_timers),
        TEST(the_error_text_is_a_copy_that_ends_with_the_task),
        TEST(each_task_has_its_own_exception_globals),
        TEST(what_a_task_has_on_its_stack_survives_others),
        TEST(the_room_on_a_stack_lasts_until_on_end_has_returned),
        TEST(a_task_that_has_not_begun_may_be_discarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
