/* SPDX-License-Identifier: MIT
 * Notices: who is told that the client has gone, or that the server drains, and when not. */
#include "fixture.h"

#include <csgi/ext/draft/notice.h>

static fixture world;
static answer got;
static timer later;
static char trace[256];
static char gone[] = "gone", draining[] = "draining";
static char first_word[] = "first", second_word[] = "second", third_word[] = "third";
static csgi_status seen[4];

static void note(void *arg)
{
    size_t len = strlen(trace);

    assert_null(task_current(world.loop)); /* on the loop, between tasks */
    snprintf(trace + len, sizeof trace - len, "%s ", (const char *)arg);
}

static void note_draining(void *arg, uint32_t why)
{
    assert_int_equal(why, CSGI_DRAINING_STOP);
    note(arg);
}

static const csgi_notice_extension *notices_of(const csgi_host *host)
{
    const csgi_notice_extension *table = host->extension(host, CSGI_NOTICE_EXTENSION);

    assert_non_null(table);
    assert_int_equal(table->size, sizeof *table);
    return table;
}

static csgi_status sleep_ms(const csgi_host *host, uint64_t ms)
{
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

    return tasks->sleep_ms(host, ms);
}

static csgi_status watch_both(const csgi_host *host, const csgi_scope *scope)
{
    const csgi_notice_extension *table = notices_of(host);

    assert_int_equal(table->on_disconnect(scope, note, gone, NULL), CSGI_OK);
    return table->on_draining(scope, note_draining, draining, NULL);
}

/* Serves the call, lets on_later happen 5 ms later, and runs until all is over. */
static void play(csgi_status (*call)(void *, const csgi_scope *, csgi_receive *, csgi_send *),
                 void (*on_later)(timer *due))
{
    const memory_request request = { .raw_path = CSGI_STR("/it") };

    trace[0] = '\0';
    memset(seen, 0x7f, sizeof seen);
    fixture_open(&world, NULL);
    fixture_serve(&world, call);
    ask_begin(&world, &got, &request);
    timer_init(&later, on_later);
    timer_start(world.loop, &later, 5);
    loop_run(world.loop);
}

static void leave(timer *due)
{
    (void)due;
    ask_abandon(&got);
}

static void drain(timer *due)
{
    (void)due;
    app_set_drain(world.set);
}

static void nothing(timer *due)
{
    (void)due;
}

ENDPOINT(watch_and_sleep)
{
    (void)receive;
    assert_int_equal(watch_both(self, scope), CSGI_OK);
    seen[0] = sleep_ms(self, 30);
    return reply(send, 200, "done");
}

static void a_client_that_goes_away_is_told_at_once_and_once(void **state)
{
    (void)state;
    play(watch_and_sleep, leave);
    assert_string_equal(trace, "gone ");
    fixture_close(&world);
}

static void draining_is_told_to_calls_that_run(void **state)
{
    (void)state;
    play(watch_and_sleep, drain);
    assert_string_equal(trace, "draining ");
    assert_int_equal(got.status, 200);
    fixture_close(&world);
}

static void nothing_is_told_when_nothing_happens(void **state)
{
    (void)state;
    play(watch_and_sleep, nothing);
    assert_string_equal(trace, "");
    assert_int_equal(got.status, 200);
    app_set_drain(world.set); /* the call is over */
    loop_run(world.loop);
    assert_string_equal(trace, "");
    fixture_close(&world);
}

ENDPOINT(complete_and_sleep)
{
    (void)receive;
    assert_int_equal(watch_both(self, scope), CSGI_OK);
    assert_int_equal(reply(send, 200, "done"), CSGI_OK);
    return sleep_ms(self, 20);
}

static void after_a_complete_response_nobody_goes_away(void **state)
{
    (void)state;
    play(complete_and_sleep, nothing);
    assert_string_equal(trace, "");
    assert_int_equal(got.status, 200);
    fixture_close(&world);
}

ENDPOINT(watch_too_late)
{
    const csgi_event *event;

    (void)send;
    do {
        assert_int_equal(receive->call(receive, &event), CSGI_OK);
    } while (event->type != CSGI_HTTP_DISCONNECT);
    app_set_drain(world.set);
    assert_int_equal(watch_both(self, scope), CSGI_OK);
    assert_string_equal(trace, ""); /* not within the call */
    sleep_ms(self, 5);
    assert_string_equal(trace, "gone draining ");
    return CSGI_EDISCONNECTED;
}

static void what_has_happened_already_is_told_soon(void **state)
{
    (void)state;
    play(watch_too_late, leave);
    assert_string_equal(trace, "gone draining ");
    fixture_close(&world);
}

ENDPOINT(watch_and_forget)
{
    const csgi_notice_extension *table = notices_of(self);
    csgi_notice *first, *second, *third;

    (void)receive;
    assert_int_equal(table->on_disconnect(scope, note, first_word, &first), CSGI_OK);
    assert_int_equal(table->on_disconnect(scope, note, second_word, &second), CSGI_OK);
    assert_int_equal(table->on_draining(scope, note_draining, third_word, &third), CSGI_OK);
    table->forget(first);
    table->forget(first);
    table->forget(NULL);
    sleep_ms(self, 20);
    table->forget(second); /* it was told */
    table->forget(third);
    return reply(send, 200, "done");
}

static void what_is_forgotten_is_not_told(void **state)
{
    (void)state;
    play(watch_and_forget, leave);
    assert_string_equal(trace, "second ");
    fixture_close(&world);
}

static void note_deferred(void *arg)
{
    (void)arg;
    app_set_drain(world.set);
    task_sleep(world.loop, 5);
}

ENDPOINT(watch_and_return)
{
    const csgi_host *host = self;

    (void)receive;
    assert_int_equal(watch_both(host, scope), CSGI_OK);
    assert_int_equal(host->defer(scope, note_deferred, NULL), CSGI_OK);
    return reply(send, 200, "done");
}

static void when_the_app_has_returned_nobody_is_told(void **state)
{
    (void)state;
    play(watch_and_return, nothing);
    assert_string_equal(trace, "");
    fixture_close(&world);
}

static csgi_status wait_long(void *arg)
{
    return sleep_ms(arg, 60000);
}

typedef struct canceller {
    const csgi_task_extension *tasks;
    csgi_task *task;
} canceller;

static void cancel_spawned(void *arg)
{
    canceller *self = arg;

    self->tasks->cancel(self->task);
}

ENDPOINT(cancel_in_a_notice)
{
    const csgi_host *host = self;
    canceller work = { .tasks = host->extension(host, CSGI_TASK_EXTENSION) };

    (void)receive;
    (void)send;
    assert_int_equal(work.tasks->spawn(scope, wait_long, self, &work.task), CSGI_OK);
    assert_int_equal(notices_of(self)->on_disconnect(scope, cancel_spawned, &work, NULL), CSGI_OK);
    assert_int_equal(work.tasks->join(work.task, &seen[0]), CSGI_OK);
    return CSGI_EDISCONNECTED;
}

static void a_notice_may_cancel_a_spawned_task(void **state)
{
    (void)state;
    play(cancel_in_a_notice, leave);
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_string_equal(fixture_log(&world), "");
    fixture_close(&world);
}

ENDPOINT(register_badly)
{
    const csgi_notice_extension *table = notices_of(self);
    csgi_scope lifespan = { .size = sizeof lifespan, .type = CSGI_LIFESPAN };

    (void)receive;
    assert_int_equal(table->on_disconnect(NULL, note, gone, NULL), CSGI_EINVAL);
    assert_int_equal(table->on_disconnect(scope, NULL, gone, NULL), CSGI_EINVAL);
    assert_int_equal(table->on_draining(scope, NULL, gone, NULL), CSGI_EINVAL);
    assert_int_equal(table->on_draining(&lifespan, note_draining, draining, NULL), CSGI_EINVAL);
    return reply(send, 200, "done");
}

static void bad_arguments_are_errors(void **state)
{
    (void)state;
    play(register_badly, nothing);
    assert_string_equal(got.body, "done");
    fixture_close(&world);
}

static csgi_status lifespan_status;

static csgi_status watch_in_lifespan(void *self, const csgi_scope *scope, csgi_receive *receive,
                                     csgi_send *send)
{
    (void)receive;
    (void)send;
    lifespan_status = notices_of(self)->on_draining(scope, note_draining, draining, NULL);
    return CSGI_ENOTSUP;
}

static void on_started(void *arg, csgi_status status)
{
    (void)arg;
    (void)status;
}

static void a_lifespan_has_no_notices(void **state)
{
    static const csgi_endpoint endpoint = { .name = CSGI_STR("it"),
                                            .path = CSGI_STR("/it"),
                                            .accepts = CSGI_HTTP,
                                            .call = watch_and_sleep };
    plugin *made;

    (void)state;
    fixture_open(&world, NULL);
    made = fixture_plugin(&world, "test", &endpoint, 1);
    made->descriptor.lifespan = watch_in_lifespan;
    fixture_add(&world, made);
    fixture_serve_added(&world);
    app_set_startup(world.set, on_started, NULL);
    loop_run(world.loop);
    assert_int_equal(lifespan_status, CSGI_ENOTSUP);
    fixture_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_goes_away_is_told_at_once_and_once),
        cmocka_unit_test(draining_is_told_to_calls_that_run),
        cmocka_unit_test(nothing_is_told_when_nothing_happens),
        cmocka_unit_test(after_a_complete_response_nobody_goes_away),
        cmocka_unit_test(what_has_happened_already_is_told_soon),
        cmocka_unit_test(what_is_forgotten_is_not_told),
        cmocka_unit_test(when_the_app_has_returned_nobody_is_told),
        cmocka_unit_test(a_notice_may_cancel_a_spawned_task),
        cmocka_unit_test(bad_arguments_are_errors),
        cmocka_unit_test(a_lifespan_has_no_notices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
