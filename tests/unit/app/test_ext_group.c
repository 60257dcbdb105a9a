/* SPDX-License-Identifier: MIT
 * Groups of tasks: the first failure cancels the others, and all end before the group.
 */
#include "tasks_fixture.h"

static csgi_group *group, *other_group;
static int ended;

static void begin(void *self)
{
    learn(self);
    ended = 0;
}

static csgi_status nap(void *arg)
{
    csgi_status status = tasks->sleep_ms(host, 2);

    (void)arg;
    ended++;
    return status;
}

static csgi_status sleep_for_ever(void *arg)
{
    csgi_status *result = arg;

    *result = tasks->sleep_ms(host, 60000);
    ended++;
    return *result;
}

static csgi_status fail_soon(void *arg)
{
    (void)arg;
    tasks->sleep_ms(host, 2);
    return (host->fail)(host, CSGI_EPROTO, STR("Paris is silent"));
}

ENDPOINT(wait_for_three)
{
    begin(self);
    (void)receive;
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tasks->group_spawn(group, nap, NULL), CSGI_OK);
    assert_int_equal(tasks->group_wait(group), CSGI_OK);
    assert_int_equal(ended, 3);
    return reply(send, 200, "ok");
}

static void a_group_ends_when_all_have_ended(void **state)
{
    (void)state;
    run(wait_for_three);
}

ENDPOINT(fail_among_others)
{
    csgi_str detail;

    begin(self);
    (void)receive;
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, sleep_for_ever, &seen[0]), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, fail_soon, NULL), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, sleep_for_ever, &seen[1]), CSGI_OK);
    assert_int_equal(tasks->group_wait(group), CSGI_EPROTO);
    host->last_error(host, &detail);
    assert_true(str_eq(detail, STR("Paris is silent")));
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_int_equal(seen[1], CSGI_ECANCELED);
    assert_int_equal(ended, 2);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK); /* the caller is not cancelled */
    return reply(send, 200, "ok");
}

static void the_first_failure_cancels_the_others(void **state)
{
    (void)state;
    run(fail_among_others);
}

ENDPOINT(spawn_after_a_failure)
{
    begin(self);
    (void)receive;
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, fail_soon, NULL), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 5), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, nap, NULL), CSGI_ECANCELED);
    assert_int_equal(tasks->group_wait(group), CSGI_EPROTO);
    return reply(send, 200, "ok");
}

static void a_group_that_failed_takes_no_more(void **state)
{
    (void)state;
    run(spawn_after_a_failure);
}

ENDPOINT(cancel_the_group)
{
    begin(self);
    (void)receive;
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, sleep_for_ever, &seen[0]), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK);
    tasks->group_cancel(group);
    tasks->group_cancel(NULL);
    assert_int_equal(tasks->group_spawn(group, nap, NULL), CSGI_ECANCELED);
    assert_int_equal(tasks->group_wait(group), CSGI_ECANCELED);
    assert_int_equal(ended, 1);
    return reply(send, 200, "ok");
}

static void a_group_is_cancelled_at_will(void **state)
{
    (void)state;
    run(cancel_the_group);
}

ENDPOINT(leave_a_group_open)
{
    begin(self);
    (void)receive;
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, sleep_for_ever, &seen[0]), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK);
    return reply(send, 200, "ok");
}

static void a_group_left_open_is_cancelled_and_waited_for(void **state)
{
    (void)state;
    run(leave_a_group_open);
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_int_equal(ended, 1);
}

static csgi_status wait_inside(void *arg)
{
    const csgi_scope *scope = arg;

    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, sleep_for_ever, &seen[0]), CSGI_OK);
    seen[1] = tasks->group_wait(group);
    seen[2] = ended; /* the inner one had ended by then */
    return seen[1];
}

ENDPOINT(cancel_a_waiter)
{
    csgi_task *waiter;

    begin(self);
    (void)receive;
    assert_int_equal(tasks->spawn(scope, wait_inside, (void *)(uintptr_t)scope, &waiter), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 2), CSGI_OK);
    assert_int_equal(tasks->group_wait(group), CSGI_EBUSY);
    tasks->cancel(waiter);
    assert_int_equal(tasks->join(waiter, &seen[3]), CSGI_OK);
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_int_equal(seen[1], CSGI_ECANCELED);
    assert_int_equal(seen[2], 1);
    return reply(send, 200, "ok");
}

static void a_cancelled_waiter_takes_the_group_with_it(void **state)
{
    (void)state;
    run(cancel_a_waiter);
}

static csgi_status wait_for_own_group(void *arg)
{
    (void)arg;
    return tasks->group_wait(group) == CSGI_EINVAL ? CSGI_OK : CSGI_EFAIL;
}

ENDPOINT(misuse)
{
    begin(self);
    (void)receive;
    assert_int_equal(tasks->group_open(NULL, &group), CSGI_EINVAL);
    assert_int_equal(tasks->group_open(scope, NULL), CSGI_EINVAL);
    assert_int_equal(tasks->group_wait(NULL), CSGI_EINVAL);
    assert_int_equal(tasks->group_spawn(NULL, nap, NULL), CSGI_EINVAL);
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, NULL, NULL), CSGI_EINVAL);
    assert_int_equal(tasks->group_spawn(group, wait_for_own_group, NULL), CSGI_OK);
    assert_int_equal(tasks->group_wait(group), CSGI_OK);
    return reply(send, 200, "ok");
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    run(misuse);
}

ENDPOINT(many_groups)
{
    const char *next_before = NULL;

    begin(self);
    (void)receive;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
        assert_int_equal(tasks->group_open(scope, &other_group), CSGI_OK);
        assert_int_equal(tasks->group_spawn(group, nap, NULL), CSGI_OK);
        assert_int_equal(tasks->group_wait(group), CSGI_OK);
        assert_int_equal(tasks->group_wait(other_group), CSGI_OK); /* empty */
        if (i) assert_ptr_equal(next_before, scope->arena->next);
        next_before = scope->arena->next;
    }
    return reply(send, 200, "ok");
}

static void groups_give_their_memory_back(void **state)
{
    (void)state;
    run(many_groups);
}

/* Fills the arena's block, then fails where there is no more. */
ENDPOINT(no_memory)
{
    bool failed = true;

    begin(self);
    (void)receive;
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    for (size_t n = 0; failed; n++) {
        csgi_status opened, spawned;

        while (host->alloc(scope->arena, 8, 8) && scope->arena->end - scope->arena->next >= 8)
            continue;
        failing_malloc_after(n);
        opened = tasks->group_open(scope, &other_group);
        spawned = tasks->group_spawn(group, nap, NULL);
        failed = failing_malloc_off();
        if (failed) assert_true(opened == CSGI_ENOMEM || spawned == CSGI_ENOMEM);
        if (opened == CSGI_OK) assert_int_equal(tasks->group_wait(other_group), CSGI_OK);
    }
    assert_int_equal(tasks->group_wait(group), CSGI_OK);
    return reply(send, 200, "ok");
}

static void without_memory_a_group_says_so(void **state)
{
    (void)state;
    run(no_memory);
}

/* ---- who comes in as the last one ends ---- */

static csgi_task_event *signal_to_all;

static csgi_status await_signal(void *arg)
{
    (void)arg;
    ended++;
    return tasks->sync->event_wait(signal_to_all, CSGI_FOREVER);
}

static csgi_status come_late(void *arg)
{
    csgi_status *spawned = arg;

    tasks->sync->event_wait(signal_to_all, CSGI_FOREVER);
    *spawned = tasks->group_spawn(group, nap, NULL);
    return CSGI_OK;
}

static csgi_status give_signal(void *arg)
{
    (void)arg;
    tasks->sync->event_set(signal_to_all);
    return CSGI_OK;
}

/* The last of the group ends, then another joins it, and only then its waiter has its turn. */
ENDPOINT(join_as_the_last_ends)
{
    csgi_task *late, *signaller;
    csgi_status result;

    begin(self);
    (void)receive;
    assert_int_equal(tasks->sync->event_new(host, &signal_to_all), CSGI_OK);
    assert_int_equal(tasks->group_open(scope, &group), CSGI_OK);
    assert_int_equal(tasks->group_spawn(group, await_signal, NULL), CSGI_OK);
    assert_int_equal(tasks->spawn(scope, come_late, &seen[0], &late), CSGI_OK);
    assert_int_equal(tasks->spawn(scope, give_signal, NULL, &signaller), CSGI_OK);
    assert_int_equal(tasks->group_wait(group), CSGI_OK);
    assert_int_equal(seen[0], CSGI_OK);
    assert_int_equal(ended, 2);
    assert_int_equal(tasks->join(late, &result), CSGI_OK);
    assert_int_equal(tasks->join(signaller, &result), CSGI_OK);
    assert_int_equal(tasks->sync->event_free(signal_to_all), CSGI_OK);
    return reply(send, 200, "ok");
}

static void who_joins_a_group_as_its_last_task_ends_is_waited_for(void **state)
{
    (void)state;
    run(join_as_the_last_ends);
}

int main(void)
{
    const struct CMUnitTest tests_of_groups[] = {
        cmocka_unit_test(a_group_ends_when_all_have_ended),
        cmocka_unit_test(who_joins_a_group_as_its_last_task_ends_is_waited_for),
        cmocka_unit_test(the_first_failure_cancels_the_others),
        cmocka_unit_test(a_group_that_failed_takes_no_more),
        cmocka_unit_test(a_group_is_cancelled_at_will),
        cmocka_unit_test(a_group_left_open_is_cancelled_and_waited_for),
        cmocka_unit_test(a_cancelled_waiter_takes_the_group_with_it),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(groups_give_their_memory_back),
        cmocka_unit_test(without_memory_a_group_says_so),
    };

    return cmocka_run_group_tests(tests_of_groups, NULL, NULL);
}
