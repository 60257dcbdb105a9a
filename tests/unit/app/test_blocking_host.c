/* SPDX-License-Identifier: MIT
 * All that the host and its extensions offer works from the thread of a blocking endpoint. */
#include "blocking_fixture.h"

#include <csgi/ext/draft/notice.h>
#include <csgi/ext/draft/wait.h>

static pthread_t a_thread;

/* ---- the host's functions ---- */

static void count_call(void *arg)
{
    if (arg) EXPECT(!is_on_loop());
    calls++;
}

ENDPOINT(use_host)
{
    const csgi_host *host = self;
    csgi_scope *derived;
    csgi_event plain = { sizeof plain, 99 }, *copy;
    csgi_arena *child;
    char *bytes;

    (void)receive;
    bytes = host->alloc(scope->arena, 100000, 0);
    EXPECT(bytes);
    memset(bytes, 1, 100000);
    EXPECT(host->arena_open(scope, &child) == CSGI_OK);
    EXPECT(host->alloc(child, 10, 1));
    host->arena_close(child);
    EXPECT(host->arena_open(scope, &child) == CSGI_OK); /* ends with the request */
    EXPECT(host->alloc(child, 10000, 0));
    EXPECT(host->derive(scope, &derived) == CSGI_OK && derived->server == scope->server);
    EXPECT(host->copy_event(scope->arena, &plain, &copy) == CSGI_OK && copy->type == 99);
    EXPECT(host->deadline_ns(scope) == UINT64_MAX);
    EXPECT(host->is_draining(scope) == 0);
    EXPECT(host->now_ns(host) > 0);
    EXPECT(host->alloc(NULL, 1, 1) == NULL);
    EXPECT(host->defer(scope, NULL, NULL) == CSGI_EINVAL);
    EXPECT(host->defer(scope, count_call, scope->server) == CSGI_OK);
    EXPECT(host->defer(scope, count_call, scope->server) == CSGI_OK);
    host->log(host, CSGI_LOG_WARNING, STR("from a thread"));
    return reply(send, 200, "done");
}

static void every_function_of_the_host_works_there(void **state)
{
    static const csgi_endpoint endpoint = ON_THREAD("it", "/it", use_host);

    (void)state;
    open_world(1, 1);
    serve("it", &endpoint, 1);
    assert_string_equal(get(&world, "/it").body, "done");
    assert_int_equal(calls, 2); /* what it deferred, on its thread */
    assert_logged(&world, "[it] from a thread");
    assert_string_equal(get(&world, "/it").body, "done"); /* the only thread is free again */
    close_world();
}

static void defer_more(void *arg)
{
    const csgi_scope *scope = arg;
    const csgi_host *host = &CONTAINER_OF(world.set->instances.next, instance, node)->host;

    EXPECT(pthread_equal(pthread_self(), a_thread));
    if (calls++ < 3) EXPECT(host->defer(scope, defer_more, arg) == CSGI_OK);
}

ENDPOINT(defer_and_note)
{
    const csgi_host *host = self;

    (void)receive;
    a_thread = pthread_self();
    EXPECT(host->defer(scope, defer_more, (void *)(uintptr_t)scope) == CSGI_OK);
    return reply(send, 200, "");
}

static void deferred_functions_run_on_the_thread_and_may_defer(void **state)
{
    static const csgi_endpoint endpoint = ON_THREAD("it", "/it", defer_and_note);

    (void)state;
    open_world(2, 1);
    serve("it", &endpoint, 1);
    assert_int_equal(get(&world, "/it").status, 200);
    assert_int_equal(calls, 4);
    close_world();
}

/* ---- extensions ---- */

static csgi_status run_on_loop(void *arg)
{
    EXPECT(is_on_loop());
    calls++;
    return (csgi_status)(intptr_t)arg;
}

static csgi_status run_job(const csgi_scope *scope, void *arg)
{
    (void)scope;
    return run_on_loop(arg);
}

ENDPOINT(use_tasks)
{
    const csgi_host *host = self;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);
    csgi_task *child;
    csgi_group *group;
    csgi_deadline *deadline;
    csgi_status result;

    (void)receive;
    EXPECT(tasks->sleep_ms(host, 1) == CSGI_OK);
    EXPECT(tasks->spawn(scope, run_on_loop, (void *)(intptr_t)5, &child) == CSGI_OK);
    EXPECT(tasks->join(child, &result) == CSGI_OK && result == 5);
    EXPECT(tasks->spawn(scope, run_on_loop, NULL, &child) == CSGI_OK);
    tasks->cancel(child);
    EXPECT(tasks->group_open(scope, &group) == CSGI_OK);
    EXPECT(tasks->group_spawn(group, run_on_loop, NULL) == CSGI_OK);
    EXPECT(tasks->group_spawn(group, run_on_loop, (void *)(intptr_t)CSGI_EFAIL) == CSGI_OK);
    EXPECT(tasks->group_wait(group) == CSGI_EFAIL);
    EXPECT(tasks->group_open(scope, &group) == CSGI_OK);
    tasks->group_cancel(group);
    EXPECT(tasks->group_spawn(group, run_on_loop, NULL) == CSGI_ECANCELED);
    EXPECT(tasks->group_wait(group) == CSGI_OK);
    EXPECT(tasks->deadline_enter(host, 5, &deadline) == CSGI_OK);
    EXPECT(host->deadline_ns(scope) < UINT64_MAX);
    EXPECT(tasks->sleep_ms(host, 10000) == CSGI_ETIMEDOUT);
    EXPECT(tasks->deadline_leave(host, deadline) == CSGI_ETIMEDOUT);
    EXPECT(tasks->sleep_ms(host, 1) == CSGI_OK);
    EXPECT(tasks->shield_enter(host) == CSGI_OK);
    EXPECT(tasks->shield_leave(host) == CSGI_OK);
    EXPECT(tasks->shield_leave(host) == CSGI_ESTATE);
    EXPECT(tasks->start_job(host, STR("job"), 0, run_job, NULL) == CSGI_OK);
    return reply(send, 200, "done");
}

static csgi_status set_event(void *arg)
{
    const csgi_host *host = &CONTAINER_OF(world.set->instances.next, instance, node)->host;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

    tasks->sync->event_set(arg);
    return CSGI_OK;
}

ENDPOINT(use_sync)
{
    const csgi_host *host = self;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);
    const csgi_sync_functions *sync = tasks->sync;
    csgi_task_event *event;
    csgi_semaphore *semaphore;
    csgi_queue *queue;
    csgi_task *child;
    csgi_status result;
    void *item = NULL;

    (void)receive;
    EXPECT(sync->event_new(host, &event) == CSGI_OK);
    EXPECT(tasks->spawn(scope, set_event, event, &child) == CSGI_OK);
    EXPECT(sync->event_wait(event, 5000) == CSGI_OK);
    EXPECT(tasks->join(child, &result) == CSGI_OK);
    sync->event_clear(event);
    EXPECT(sync->event_wait(event, 1) == CSGI_ETIMEDOUT);
    sync->event_set(event);
    EXPECT(sync->event_free(event) == CSGI_OK);
    EXPECT(sync->semaphore_new(host, 1, &semaphore) == CSGI_OK);
    EXPECT(sync->semaphore_acquire(semaphore, 0) == CSGI_OK);
    EXPECT(sync->semaphore_acquire(semaphore, 1) == CSGI_ETIMEDOUT);
    sync->semaphore_release(semaphore);
    EXPECT(sync->semaphore_free(semaphore) == CSGI_OK);
    EXPECT(sync->queue_new(host, 1, &queue) == CSGI_OK);
    EXPECT(sync->queue_put(queue, &item, 0) == CSGI_OK);
    EXPECT(sync->queue_put(queue, &item, 1) == CSGI_ETIMEDOUT);
    EXPECT(sync->queue_get(queue, &item, 0) == CSGI_OK && item == (void *)&item);
    sync->queue_close(queue);
    EXPECT(sync->queue_get(queue, &item, 0) == CSGI_ESTATE);
    EXPECT(sync->queue_free(queue) == CSGI_OK);
    return reply(send, 200, "done");
}

static csgi_status offloaded(void *arg)
{
    EXPECT(pthread_equal(pthread_self(), a_thread));
    (void)arg;
    return 6;
}

ENDPOINT(use_waits)
{
    const csgi_host *host = self;
    const csgi_wait_extension *waits = host->extension(host, CSGI_WAIT_EXTENSION);
    csgi_addresses found = { NULL, 0 };
    csgi_status result = 0;
    csgi_str content;
    uint32_t ready = 0;
    int ends[2];

    (void)receive;
    a_thread = pthread_self();
    EXPECT(pipe(ends) == 0);
    EXPECT(waits->fd(host, ends[0], CSGI_READABLE, 1, &ready) == CSGI_ETIMEDOUT);
    EXPECT(waits->fd(host, ends[1], CSGI_WRITABLE, 1000, &ready) == CSGI_OK);
    EXPECT(ready == CSGI_WRITABLE);
    close(ends[0]);
    close(ends[1]);
    EXPECT(waits->offload(host, offloaded, NULL, &result) == CSGI_OK && result == 6);
    EXPECT(waits->offload(host, NULL, NULL, &result) == CSGI_EINVAL);
    /* By a thread of the functions' pool: that of the endpoints has none left. */
    EXPECT(waits->read_file(host, scope->arena, STR("/proc/self/comm"), 100, &content) == CSGI_OK);
    EXPECT(content.len > 0);
    EXPECT(waits->resolve(host, scope->arena, STR("127.0.0.1"), &found) == CSGI_OK);
    EXPECT(found.count == 1);
    return reply(send, 200, "done");
}

static void ignore_draining(void *arg, uint32_t why)
{
    (void)arg;
    (void)why;
}

ENDPOINT(use_notices)
{
    const csgi_host *host = self;
    const csgi_notice_extension *table = host->extension(host, CSGI_NOTICE_EXTENSION);
    csgi_notice *gone, *draining;

    (void)receive;
    EXPECT(table->on_disconnect(scope, count_call, NULL, &gone) == CSGI_OK);
    EXPECT(table->on_draining(scope, ignore_draining, NULL, &draining) == CSGI_OK);
    table->forget(draining);
    return reply(send, 200, "done");
}

static void every_extension_works_there(void **state)
{
    static const csgi_endpoint endpoints[] = {
        ON_THREAD("tasks", "/tasks", use_tasks),
        ON_THREAD("sync", "/sync", use_sync),
        ON_THREAD("waits", "/waits", use_waits),
        ON_THREAD("notices", "/notices", use_notices),
    };

    (void)state;
    open_world(1, 1);
    serve("it", endpoints, COUNT_OF(endpoints));
    world.set->takes_jobs = true;
    assert_string_equal(get(&world, "/tasks").body, "done");
    assert_int_equal(calls, 5); /* the cancelled one had not been called, or had */
    assert_string_equal(get(&world, "/sync").body, "done");
    assert_string_equal(get(&world, "/waits").body, "done");
    assert_string_equal(get(&world, "/notices").body, "done");
    close_world();
}

/* ---- no memory ---- */

static void without_memory_it_is_a_503_or_a_failure_and_leaks_nothing(void **state)
{
    static const csgi_endpoint endpoint = ON_THREAD("it", "/it", defer_and_note);
    size_t n = 0;

    (void)state;
    open_world(1, 1);
    serve("it", &endpoint, 1);
    for (;; n++) {
        const memory_request request = { .raw_path = CSGI_STR("/it") };
        answer got;
        bool has_failed;

        calls = 3; /* it defers no more */
        ask_begin(&world, &got, &request);
        failing_malloc_after(n);
        loop_run(world.loop);
        has_failed = failing_malloc_off();
        assert_int_equal(got.times, 1);
        if (!has_failed) break;
        if (got.result == CSGI_OK) /* else not even that could be said */
            assert_true(got.status == 200 || got.status == 500 || got.status == 503);
    }
    assert_true(n > 0);
    wrong[0] = '\0'; /* defer without memory */
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_of_the_host_works_there),
        cmocka_unit_test(deferred_functions_run_on_the_thread_and_may_defer),
        cmocka_unit_test(every_extension_works_there),
        cmocka_unit_test(without_memory_it_is_a_503_or_a_failure_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
