/* SPDX-License-Identifier: MIT
 * Deadlines and shields of the running task.
 */
#include "tasks_fixture.h"

static csgi_deadline *outer, *inner;

ENDPOINT(be_late)
{
    uint64_t began_ns, due_ns;

    learn(self);
    (void)receive;
    began_ns = host->now_ns(host);
    assert_true(host->deadline_ns(scope) == UINT64_MAX);
    assert_int_equal(tasks->deadline_enter(host, 10, &outer), CSGI_OK);
    due_ns = host->deadline_ns(scope);
    assert_in_range(due_ns - began_ns, 8000000, 2000000000);
    assert_int_equal(tasks->sleep_ms(host, 60000), CSGI_ETIMEDOUT);
    assert_true(host->now_ns(host) - began_ns >= 10000000);
    assert_int_equal(tasks->sleep_ms(host, 60000), CSGI_ETIMEDOUT); /* until it is left */
    assert_int_equal(tasks->deadline_leave(host, outer), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK);
    assert_true(host->deadline_ns(scope) == UINT64_MAX);
    return reply(send, 200, "ok");
}

static void a_deadline_ends_waits_until_it_is_left(void **state)
{
    (void)state;
    run(be_late);
}

ENDPOINT(be_in_time)
{
    learn(self);
    (void)scope, (void)receive;
    assert_int_equal(tasks->deadline_enter(host, 60000, &outer), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK);
    assert_int_equal(tasks->deadline_leave(host, outer), CSGI_OK);
    assert_int_equal(tasks->deadline_leave(host, outer), CSGI_ESTATE); /* it is left */
    assert_int_equal(tasks->deadline_leave(host, NULL), CSGI_EINVAL);
    assert_int_equal(tasks->deadline_enter(host, 1, NULL), CSGI_EINVAL);
    return reply(send, 200, "ok");
}

static void who_is_in_time_is_not_disturbed(void **state)
{
    (void)state;
    run(be_in_time);
}

ENDPOINT(nest)
{
    learn(self);
    (void)receive;
    assert_int_equal(tasks->deadline_enter(host, 60000, &outer), CSGI_OK);
    assert_int_equal(tasks->deadline_enter(host, 2, &inner), CSGI_OK);
    assert_true(host->deadline_ns(scope) - host->now_ns(host) < 30000000000);
    assert_int_equal(tasks->sleep_ms(host, 60000), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->deadline_leave(host, inner), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK); /* the outer one has not passed */
    assert_int_equal(tasks->deadline_enter(host, 2, &inner), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 60000), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->deadline_leave(host, outer), CSGI_OK); /* and the inner with it */
    assert_int_equal(tasks->deadline_leave(host, inner), CSGI_ESTATE);

    assert_int_equal(tasks->deadline_enter(host, 2, &outer), CSGI_OK);
    assert_int_equal(tasks->deadline_enter(host, 60000, &inner), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 60000), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->deadline_leave(host, inner), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_ETIMEDOUT); /* the outer one's still */
    assert_int_equal(tasks->deadline_leave(host, outer), CSGI_ETIMEDOUT);
    return reply(send, 200, "ok");
}

static void of_several_deadlines_the_nearest_counts(void **state)
{
    (void)state;
    run(nest);
}

static csgi_status sleep_for_ever(void *arg)
{
    (void)arg;
    return tasks->sleep_ms(host, 60000);
}

static csgi_status keep_sleeping(void *arg)
{
    (void)arg;
    seen[0] = tasks->sleep_ms(host, 60000);
    return tasks->sleep_ms(host, 60000);
}

ENDPOINT(spawn_within)
{
    csgi_task *child, *free_child;
    csgi_group *group;

    learn(self);
    (void)receive;
    assert_int_equal(tasks->spawn(scope, sleep_for_ever, NULL, &free_child), CSGI_OK);
    assert_int_equal(tasks->deadline_enter(host, 5, &outer), CSGI_OK);
    assert_int_equal(tasks->spawn(scope, keep_sleeping, NULL, &child), CSGI_OK);
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, sleep_for_ever, NULL), CSGI_OK);
    assert_int_equal(tasks->group_wait(group), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->deadline_leave(host, outer), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->join(child, &seen[1]), CSGI_OK);
    assert_int_equal(seen[0], CSGI_ETIMEDOUT);
    assert_int_equal(seen[1], CSGI_ETIMEDOUT);
    tasks->cancel(free_child); /* it was spawned before, and has no deadline */
    assert_int_equal(tasks->join(free_child, &seen[1]), CSGI_OK);
    assert_int_equal(seen[1], CSGI_ECANCELED);
    return reply(send, 200, "ok");
}

static void spawned_tasks_inherit_the_deadline(void **state)
{
    (void)state;
    run(spawn_within);
}

ENDPOINT(forget_to_leave)
{
    learn(self);
    (void)scope, (void)receive;
    assert_int_equal(tasks->deadline_enter(host, 60000, &outer), CSGI_OK);
    assert_int_equal(tasks->deadline_enter(host, 1, &inner), CSGI_OK);
    assert_int_equal(tasks->shield_enter(host), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 5), CSGI_OK);
    return reply(send, 200, "ok");
}

static void what_is_left_open_ends_with_the_call(void **state)
{
    (void)state;
    run(forget_to_leave);
}

static csgi_status work_shielded(void *arg)
{
    (void)arg;
    assert_int_equal(tasks->shield_enter(host), CSGI_OK);
    assert_int_equal(tasks->shield_enter(host), CSGI_OK);
    seen[0] = tasks->sleep_ms(host, 10);
    seen[1] = tasks->shield_leave(host);
    seen[2] = tasks->sleep_ms(host, 1);
    seen[3] = tasks->shield_leave(host);
    seen[4] = tasks->sleep_ms(host, 1);
    assert_int_equal(tasks->shield_leave(host), CSGI_ESTATE);
    return CSGI_OK;
}

ENDPOINT(cancel_the_shielded)
{
    csgi_task *child;

    learn(self);
    (void)receive;
    assert_int_equal(tasks->shield_leave(host), CSGI_ESTATE);
    assert_int_equal(tasks->spawn(scope, work_shielded, NULL, &child), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 2), CSGI_OK);
    tasks->cancel(child);
    assert_int_equal(tasks->join(child, &seen[5]), CSGI_OK);
    assert_int_equal(seen[0], CSGI_OK);
    assert_int_equal(seen[1], CSGI_OK); /* there is another shield */
    assert_int_equal(seen[2], CSGI_OK);
    assert_int_equal(seen[3], CSGI_ECANCELED);
    assert_int_equal(seen[4], CSGI_ECANCELED);
    return reply(send, 200, "ok");
}

static void a_shield_keeps_cancellation_back_until_it_is_left(void **state)
{
    (void)state;
    run(cancel_the_shielded);
}

ENDPOINT(shield_from_deadlines)
{
    learn(self);
    (void)scope, (void)receive;
    assert_int_equal(tasks->deadline_enter(host, 1, &outer), CSGI_OK);
    assert_int_equal(tasks->shield_enter(host), CSGI_OK);
    assert_true(host->deadline_ns(scope) == UINT64_MAX);
    assert_int_equal(tasks->sleep_ms(host, 5), CSGI_OK);
    assert_int_equal(tasks->deadline_enter(host, 1, &inner), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 60000), CSGI_ETIMEDOUT); /* it stands inside */
    assert_int_equal(tasks->deadline_leave(host, inner), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK);
    assert_int_equal(tasks->shield_leave(host), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->deadline_leave(host, outer), CSGI_ETIMEDOUT);
    return reply(send, 200, "ok");
}

static void a_shield_keeps_back_the_deadlines_outside_of_it(void **state)
{
    (void)state;
    run(shield_from_deadlines);
}

ENDPOINT(no_memory)
{
    csgi_task *child = NULL;

    learn(self);
    (void)receive;
    assert_int_equal(tasks->spawn(scope, sleep_for_ever, NULL, &child), CSGI_OK);
    tasks->cancel(child);
    assert_int_equal(tasks->join(child, &seen[0]), CSGI_OK); /* its struct is used again */
    failing_malloc_after(0);
    assert_int_equal(tasks->deadline_enter(host, 1, &outer), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    assert_int_equal(tasks->deadline_enter(host, 60000, &outer), CSGI_OK);
    failing_malloc_after(0);
    assert_int_equal(tasks->spawn(scope, sleep_for_ever, NULL, &child), CSGI_OK);
    assert_true(failing_malloc_off());
    assert_int_equal(tasks->join(child, &seen[0]), CSGI_OK);
    assert_int_equal(seen[0], CSGI_ENOMEM); /* rather than running for ever */
    return reply(send, 200, "ok");
}

static void without_memory_there_is_no_deadline_and_it_is_told(void **state)
{
    (void)state;
    run(no_memory);
}

ENDPOINT(shield_after_a_shield)
{
    learn(self);
    (void)scope, (void)receive;
    assert_int_equal(tasks->shield_enter(host), CSGI_OK);
    assert_int_equal(tasks->deadline_enter(host, 2, &outer), CSGI_OK);
    assert_int_equal(tasks->shield_leave(host), CSGI_OK);
    assert_int_equal(tasks->shield_enter(host), CSGI_OK); /* after the deadline: inside of it */
    assert_int_equal(tasks->sleep_ms(host, 10), CSGI_OK);
    assert_int_equal(tasks->shield_leave(host), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_ETIMEDOUT);
    assert_int_equal(tasks->deadline_leave(host, outer), CSGI_ETIMEDOUT);
    return reply(send, 200, "ok");
}

static void a_shield_keeps_a_deadline_back_that_was_entered_behind_an_earlier_one(void **state)
{
    (void)state;
    run(shield_after_a_shield);
}

int main(void)
{
    const struct CMUnitTest tests_of_deadlines[] = {
        cmocka_unit_test(a_deadline_ends_waits_until_it_is_left),
        cmocka_unit_test(who_is_in_time_is_not_disturbed),
        cmocka_unit_test(of_several_deadlines_the_nearest_counts),
        cmocka_unit_test(spawned_tasks_inherit_the_deadline),
        cmocka_unit_test(what_is_left_open_ends_with_the_call),
        cmocka_unit_test(a_shield_keeps_cancellation_back_until_it_is_left),
        cmocka_unit_test(a_shield_keeps_back_the_deadlines_outside_of_it),
        cmocka_unit_test(a_shield_keeps_a_deadline_back_that_was_entered_behind_an_earlier_one),
        cmocka_unit_test(without_memory_there_is_no_deadline_and_it_is_told),
    };

    return cmocka_run_group_tests(tests_of_deadlines, NULL, NULL);
}
