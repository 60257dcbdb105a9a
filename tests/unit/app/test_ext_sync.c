/* SPDX-License-Identifier: MIT
 * Events, semaphores and queues between tasks.
 */
#include "tasks_fixture.h"

static const csgi_sync_functions *between;
static csgi_task_event *event;
static csgi_semaphore *semaphore;
static csgi_queue *queue;
static csgi_task *children[4];
static char order[32];

static void begin(void *self)
{
    learn(self);
    between = tasks->sync;
    assert_int_equal(between->size, sizeof *between);
    order[0] = 0;
}

/* One letter more. */
static void note(const char *letter)
{
    size_t len = strlen(order);

    order[len] = *letter;
    order[len + 1] = 0;
}

/* Three tasks of it, "a", "b" and "c", which have begun to wait when this returns. */
static void spawn_three(const csgi_scope *scope, csgi_task_fn fn)
{
    static char names[3][2] = { "a", "b", "c" };

    for (int i = 0; i < 3; i++)
        assert_int_equal(tasks->spawn(scope, fn, names[i], &children[i]), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK);
}

static void join_three(csgi_status expected)
{
    for (int i = 0; i < 3; i++) {
        csgi_status result;

        assert_int_equal(tasks->join(children[i], &result), CSGI_OK);
        assert_int_equal(result, expected);
    }
}

static csgi_status wait_for_event(void *arg)
{
    csgi_status status = between->event_wait(event, CSGI_FOREVER);

    note(arg);
    return status;
}

ENDPOINT(use_event)
{
    begin(self);
    (void)receive;
    assert_int_equal(between->event_new(host, &event), CSGI_OK);
    assert_int_equal(between->event_wait(event, 0), CSGI_ETIMEDOUT);
    assert_int_equal(between->event_wait(event, 2), CSGI_ETIMEDOUT);
    spawn_three(scope, wait_for_event);
    assert_int_equal(between->event_free(event), CSGI_EBUSY);
    between->event_set(event);
    join_three(CSGI_OK);
    assert_string_equal(order, "abc");
    assert_int_equal(between->event_wait(event, CSGI_FOREVER), CSGI_OK); /* as long as it is set */
    between->event_clear(event);
    assert_int_equal(between->event_wait(event, 0), CSGI_ETIMEDOUT);
    spawn_three(scope, wait_for_event);
    for (int i = 0; i < 3; i++)
        tasks->cancel(children[i]);
    join_three(CSGI_ECANCELED);
    assert_int_equal(between->event_free(event), CSGI_OK);
    assert_int_equal(between->event_free(NULL), CSGI_OK);
    return reply(send, 200, "ok");
}

static void an_event_lets_all_go_on(void **state)
{
    (void)state;
    run(use_event);
}

static csgi_status acquire(void *arg)
{
    csgi_status status = between->semaphore_acquire(semaphore, CSGI_FOREVER);

    note(arg);
    return status;
}

ENDPOINT(use_semaphore)
{
    begin(self);
    (void)receive;
    assert_int_equal(between->semaphore_new(host, 2, &semaphore), CSGI_OK);
    assert_int_equal(between->semaphore_acquire(semaphore, 0), CSGI_OK);
    assert_int_equal(between->semaphore_acquire(semaphore, 0), CSGI_OK);
    assert_int_equal(between->semaphore_acquire(semaphore, 0), CSGI_ETIMEDOUT);
    assert_int_equal(between->semaphore_acquire(semaphore, 2), CSGI_ETIMEDOUT);
    spawn_three(scope, acquire);
    assert_int_equal(between->semaphore_free(semaphore), CSGI_EBUSY);
    between->semaphore_release(semaphore);
    assert_int_equal(between->semaphore_acquire(semaphore, 0), CSGI_ETIMEDOUT); /* it is a's */
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK);
    assert_string_equal(order, "a");
    between->semaphore_release(semaphore);
    between->semaphore_release(semaphore);
    join_three(CSGI_OK);
    assert_string_equal(order, "abc");
    between->semaphore_release(semaphore);
    assert_int_equal(between->semaphore_acquire(semaphore, 0), CSGI_OK);
    assert_int_equal(between->semaphore_free(semaphore), CSGI_OK);
    return reply(send, 200, "ok");
}

static void a_semaphore_is_given_in_turn(void **state)
{
    (void)state;
    run(use_semaphore);
}

ENDPOINT(cancel_one_in_line)
{
    csgi_status result;

    begin(self);
    (void)receive;
    assert_int_equal(between->semaphore_new(host, 0, &semaphore), CSGI_OK);
    spawn_three(scope, acquire);
    tasks->cancel(children[0]);
    assert_int_equal(tasks->join(children[0], &result), CSGI_OK);
    assert_int_equal(result, CSGI_ECANCELED);
    between->semaphore_release(semaphore);
    assert_int_equal(tasks->join(children[1], &result), CSGI_OK);
    assert_int_equal(result, CSGI_OK); /* the cancelled one has left the line */
    tasks->cancel(children[2]);
    between->semaphore_release(semaphore); /* it was given before it could go */
    assert_int_equal(tasks->join(children[2], &result), CSGI_OK);
    assert_int_equal(result, CSGI_OK);
    assert_int_equal(between->semaphore_free(semaphore), CSGI_OK);
    return reply(send, 200, "ok");
}

static void who_is_cancelled_leaves_the_line_and_nothing_is_lost(void **state)
{
    (void)state;
    run(cancel_one_in_line);
}

static csgi_status queue_text(csgi_queue *into, const char *text, uint64_t timeout_ms)
{
    return between->queue_put(into, (void *)(uintptr_t)text, timeout_ms);
}

static csgi_status put(void *arg)
{
    return between->queue_put(queue, arg, CSGI_FOREVER);
}

static csgi_status get_one(void *arg)
{
    void *item = NULL;
    csgi_status status = between->queue_get(queue, &item, CSGI_FOREVER);

    (void)arg;
    if (item) note(item);
    return status;
}

static void take(const char *expected)
{
    void *item = NULL;

    assert_int_equal(between->queue_get(queue, &item, 0), CSGI_OK);
    assert_string_equal(item, expected);
}

ENDPOINT(use_queue)
{
    void *item = NULL;

    begin(self);
    (void)receive;
    assert_int_equal(between->queue_new(host, 2, &queue), CSGI_OK);
    assert_int_equal(between->queue_get(queue, &item, 0), CSGI_ETIMEDOUT);
    assert_int_equal(between->queue_get(queue, &item, 2), CSGI_ETIMEDOUT);
    assert_int_equal(queue_text(queue, "1", 0), CSGI_OK);
    assert_int_equal(queue_text(queue, "2", 0), CSGI_OK);
    assert_int_equal(queue_text(queue, "3", 0), CSGI_ETIMEDOUT); /* it is full */
    assert_int_equal(queue_text(queue, "3", 2), CSGI_ETIMEDOUT);
    spawn_three(scope, put);
    assert_int_equal(between->queue_free(queue), CSGI_EBUSY);
    take("1");
    take("2");
    take("a");
    take("b");
    take("c");
    join_three(CSGI_OK);
    spawn_three(scope, get_one);
    assert_int_equal(between->queue_free(queue), CSGI_EBUSY);
    for (int i = 0; i < 3; i++)
        assert_int_equal(queue_text(queue, &"x\0y\0z"[i * 2], 0), CSGI_OK);
    join_three(CSGI_OK);
    assert_string_equal(order, "xyz");
    assert_int_equal(between->queue_free(queue), CSGI_OK);
    return reply(send, 200, "ok");
}

static void a_queue_hands_over_in_turn(void **state)
{
    (void)state;
    run(use_queue);
}

ENDPOINT(close_queues)
{
    void *item = NULL;

    begin(self);
    (void)receive;
    assert_int_equal(between->queue_new(host, 1, &queue), CSGI_OK);
    spawn_three(scope, get_one);
    between->queue_close(queue);
    join_three(CSGI_ESTATE);
    assert_int_equal(queue_text(queue, "1", 0), CSGI_ESTATE);
    assert_int_equal(between->queue_free(queue), CSGI_OK);

    assert_int_equal(between->queue_new(host, 1, &queue), CSGI_OK);
    assert_int_equal(queue_text(queue, "1", 0), CSGI_OK);
    spawn_three(scope, put);
    between->queue_close(queue);
    join_three(CSGI_ESTATE);
    take("1"); /* what was in it is not lost */
    assert_int_equal(between->queue_get(queue, &item, CSGI_FOREVER), CSGI_ESTATE);
    assert_int_equal(between->queue_free(queue), CSGI_OK);
    return reply(send, 200, "ok");
}

static void a_closed_queue_takes_no_more_and_gives_what_it_has(void **state)
{
    (void)state;
    run(close_queues);
}

static csgi_status get_though_cancelled(void *arg)
{
    void *item;

    (void)arg;
    tasks->sleep_ms(host, 60000);
    seen[0] = between->queue_get(queue, &item, 0);
    seen[1] = queue_text(queue, "2", 0);
    seen[2] = between->event_wait(event, 0);
    return between->semaphore_acquire(semaphore, 0);
}

ENDPOINT(cancelled_consumer)
{
    csgi_status result;

    begin(self);
    (void)receive;
    assert_int_equal(between->queue_new(host, 2, &queue), CSGI_OK);
    assert_int_equal(between->event_new(host, &event), CSGI_OK);
    assert_int_equal(between->semaphore_new(host, 1, &semaphore), CSGI_OK);
    assert_int_equal(queue_text(queue, "1", 0), CSGI_OK);
    between->event_set(event);
    assert_int_equal(tasks->spawn(scope, get_though_cancelled, NULL, &children[0]), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 1), CSGI_OK);
    tasks->cancel(children[0]);
    assert_int_equal(tasks->join(children[0], &result), CSGI_OK);
    assert_int_equal(result, CSGI_ECANCELED);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen[i], CSGI_ECANCELED);
    between->event_free(event);
    between->semaphore_free(semaphore);
    between->queue_free(queue);
    return reply(send, 200, "ok");
}

static void a_cancelled_task_hears_of_it_even_if_it_need_not_wait(void **state)
{
    (void)state;
    run(cancelled_consumer);
}

ENDPOINT(misuse)
{
    void *item;

    begin(self);
    (void)scope, (void)receive;
    assert_int_equal(between->event_new(host, NULL), CSGI_EINVAL);
    assert_int_equal(between->semaphore_new(host, 1, NULL), CSGI_EINVAL);
    assert_int_equal(between->queue_new(host, 1, NULL), CSGI_EINVAL);
    assert_int_equal(between->queue_new(host, 0, &queue), CSGI_EINVAL);
    assert_int_equal(between->queue_new(host, SIZE_MAX, &queue), CSGI_ENOMEM);
    assert_int_equal(between->queue_get(NULL, &item, 0), CSGI_EINVAL);
    assert_int_equal(queue_text(NULL, "1", 0), CSGI_EINVAL);
    assert_int_equal(between->event_wait(NULL, 0), CSGI_EINVAL);
    assert_int_equal(between->semaphore_acquire(NULL, 0), CSGI_EINVAL);
    between->event_set(NULL);
    between->event_clear(NULL);
    between->semaphore_release(NULL);
    between->queue_close(NULL);
    failing_malloc_after(0);
    assert_int_equal(between->event_new(host, &event), CSGI_ENOMEM);
    assert_int_equal(between->semaphore_new(host, 1, &semaphore), CSGI_ENOMEM);
    assert_int_equal(between->queue_new(host, 1, &queue), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    return reply(send, 200, "ok");
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    run(misuse);
}

int main(void)
{
    const struct CMUnitTest tests_of_sync[] = {
        cmocka_unit_test(an_event_lets_all_go_on),
        cmocka_unit_test(a_semaphore_is_given_in_turn),
        cmocka_unit_test(who_is_cancelled_leaves_the_line_and_nothing_is_lost),
        cmocka_unit_test(a_queue_hands_over_in_turn),
        cmocka_unit_test(a_closed_queue_takes_no_more_and_gives_what_it_has),
        cmocka_unit_test(a_cancelled_task_hears_of_it_even_if_it_need_not_wait),
        cmocka_unit_test(what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests_of_sync, NULL, NULL);
}
