/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.task/1: sleeping, and further tasks of a call.
 */
#include "fixture.h"

static const csgi_host *host;
static const csgi_task_extension *tasks;
static csgi_status seen[8];

static void serve(fixture *f,
                  csgi_status (*call)(void *, const csgi_scope *, csgi_receive *, csgi_send *))
{
    memset(seen, 0x7f, sizeof seen);
    fixture_open(f, NULL);
    fixture_serve(f, call);
}

static void learn(void *self)
{
    host = self;
    tasks = host->extension(host, CSGI_TASK_EXTENSION);
    assert_int_equal(tasks->size, sizeof *tasks);
}

static csgi_status return_seven(void *arg)
{
    (void)arg;
    tasks->sleep_ms(host, 2);
    return 7;
}

static csgi_status return_at_once(void *arg)
{
    return arg ? -7 : CSGI_OK;
}

ENDPOINT(spawn_and_join)
{
    csgi_task *slow, *quick;

    learn(self);
    (void)receive;
    assert_int_equal(tasks->spawn(scope, return_seven, NULL, &slow), CSGI_OK);
    assert_int_equal(tasks->spawn(scope, return_at_once, &seen, &quick), CSGI_OK);
    assert_int_equal(tasks->join(slow, &seen[0]), CSGI_OK);
    assert_int_equal(tasks->join(quick, &seen[1]), CSGI_OK); /* ended long ago */
    assert_int_equal(tasks->spawn(NULL, return_seven, NULL, &slow), CSGI_EINVAL);
    assert_int_equal(tasks->spawn(scope, NULL, NULL, &slow), CSGI_EINVAL);
    assert_int_equal(tasks->join(NULL, &seen[2]), CSGI_EINVAL);
    tasks->cancel(NULL);
    return reply(send, 200, "ok");
}

static void spawned_tasks_are_joined_with_their_results(void **state)
{
    fixture f;

    (void)state;
    serve(&f, spawn_and_join);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_int_equal(seen[0], 7);
    assert_int_equal(seen[1], -7);
    fixture_close(&f);
}

ENDPOINT(spawn_many)
{
    csgi_task *child;
    const char *next_before = NULL;

    learn(self);
    (void)receive;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tasks->spawn(scope, return_at_once, NULL, &child), CSGI_OK);
        assert_int_equal(tasks->join(child, &seen[0]), CSGI_OK);
        if (i) assert_ptr_equal(next_before, scope->arena->next); /* it does not grow */
        next_before = scope->arena->next;
    }
    return reply(send, 200, "ok");
}

static void joined_tasks_give_their_memory_back(void **state)
{
    fixture f;

    (void)state;
    serve(&f, spawn_many);
    assert_string_equal(get(&f, "/it").body, "ok");
    fixture_close(&f);
}

static csgi_status sleep_for_ever(void *arg)
{
    csgi_status *result = arg;

    *result = tasks->sleep_ms(host, 60000);
    return *result;
}

ENDPOINT(leave_tasks_behind)
{
    csgi_task *one, *two;

    learn(self);
    (void)receive;
    tasks->spawn(scope, sleep_for_ever, &seen[0], &one);
    tasks->spawn(scope, sleep_for_ever, &seen[1], &two);
    tasks->sleep_ms(host, 1);
    return reply(send, 200, "ok");
}

static void tasks_left_behind_are_cancelled_and_waited_for(void **state)
{
    fixture f;

    (void)state;
    serve(&f, leave_tasks_behind);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_int_equal(seen[1], CSGI_ECANCELED);
    assert_int_equal(task_count(f.loop), 0);
    fixture_close(&f);
}

ENDPOINT(cancel_one)
{
    csgi_task *child;

    learn(self);
    (void)receive;
    tasks->spawn(scope, sleep_for_ever, &seen[0], &child);
    tasks->sleep_ms(host, 1);
    tasks->cancel(child);
    assert_int_equal(tasks->join(child, &seen[1]), CSGI_OK);
    return reply(send, 200, "ok");
}

static void a_task_can_be_cancelled_and_joined(void **state)
{
    fixture f;

    (void)state;
    serve(&f, cancel_one);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_int_equal(seen[1], CSGI_ECANCELED);
    fixture_close(&f);
}

ENDPOINT(join_for_ever)
{
    csgi_task *child;

    learn(self);
    (void)receive;
    (void)send;
    tasks->spawn(scope, sleep_for_ever, &seen[0], &child);
    return seen[2] = tasks->join(child, &seen[1]);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void a_cancelled_call_takes_its_tasks_with_it(void **state)
{
    const memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    answer got;

    (void)state;
    serve(&f, join_for_ever);
    ask_begin(&f, &got, &request);
    for (int i = 0; i < 3; i++) { /* a minute's sleep would hold loop_run */
        loop_post(f.loop, stop_loop, f.loop);
        loop_run(f.loop);
    }
    assert_int_equal(task_count(f.loop), 2);
    app_set_cancel_all(f.set);
    loop_run(f.loop);
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_int_equal(seen[2], CSGI_ECANCELED);
    assert_int_equal(got.status, 503);
    assert_int_equal(task_count(f.loop), 0);
    fixture_close(&f);
}

/* ---- a reader and a writer ---- */

static csgi_receive *shared_receive;
static csgi_send *shared_send;

static csgi_status read_events(void *arg)
{
    const csgi_event *event;
    csgi_status status;

    (void)arg;
    do {
        status = shared_receive->call(shared_receive, &event);
    } while (status == CSGI_OK && event->type != CSGI_HTTP_DISCONNECT);
    return status;
}

ENDPOINT(read_and_write)
{
    const csgi_event *event;
    csgi_task *reader;

    learn(self);
    shared_receive = receive;
    assert_int_equal(tasks->spawn(scope, read_events, NULL, &reader), CSGI_OK);
    send_start(send, 200);
    tasks->sleep_ms(host, 1);
    seen[0] = receive->call(receive, &event); /* the reader is receiving */
    seen[1] = send_body(send, "done", false);
    assert_int_equal(tasks->join(reader, &seen[2]), CSGI_OK);
    return CSGI_OK;
}

static void one_task_reads_while_another_writes(void **state)
{
    fixture f;

    (void)state;
    serve(&f, read_and_write);
    assert_string_equal(get(&f, "/it").body, "done");
    assert_int_equal(seen[0], CSGI_EBUSY);
    assert_int_equal(seen[1], CSGI_OK);
    assert_int_equal(seen[2], CSGI_OK); /* woken by the end of the response */
    fixture_close(&f);
}

static csgi_status write_body(void *arg)
{
    (void)arg;
    return send_body(shared_send, "from a task", false);
}

ENDPOINT(answer_from_a_task)
{
    csgi_task *writer;

    learn(self);
    (void)receive;
    shared_send = send;
    send_start(send, 200);
    tasks->spawn(scope, write_body, NULL, &writer);
    return tasks->join(writer, &seen[0]);
}

static void a_spawned_task_may_answer(void **state)
{
    fixture f;

    (void)state;
    serve(&f, answer_from_a_task);
    assert_string_equal(get(&f, "/it").body, "from a task");
    assert_string_equal(fixture_log(&f), "");
    fixture_close(&f);
}

/* ---- when the call has returned ---- */

static const csgi_scope *ended_scope;

static void spawn_in_cleanup(void *arg)
{
    csgi_task *child;

    (void)arg;
    seen[0] = tasks->spawn(ended_scope, return_at_once, NULL, &child);
}

ENDPOINT(spawn_too_late)
{
    learn(self);
    (void)receive;
    ended_scope = scope;
    host->defer(scope, spawn_in_cleanup, NULL);
    return reply(send, 200, "ok");
}

static void after_the_return_nothing_is_spawned(void **state)
{
    fixture f;

    (void)state;
    serve(&f, spawn_too_late);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_int_equal(seen[0], CSGI_ESTATE);
    fixture_close(&f);
}

/* ---- what is another call's ---- */

static csgi_send *kept_send;
static csgi_receive *kept_receive;
static csgi_task *kept_task;
static csgi_status stranger_sent, stranger_received, stranger_joined;

/* Keeps what is its own for another call, as a chat room might. */
static csgi_status lend(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    learn(self);
    kept_send = send;
    kept_receive = receive;
    assert_int_equal(tasks->spawn(scope, return_seven, NULL, &kept_task), CSGI_OK);
    tasks->sleep_ms(host, 20);
    return reply(send, 200, "mine");
}

static csgi_status use_lent(void *self, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    const csgi_event *event;

    csgi_status result;

    (void)scope;
    (void)receive;
    learn(self);
    stranger_joined = tasks->join(kept_task, &result);
    stranger_sent = reply(kept_send, 200, "not mine");
    stranger_received = kept_receive->call(kept_receive, &event);
    return reply(send, 200, "");
}

static void closures_and_tasks_serve_their_call_alone(void **state)
{
    static const csgi_endpoint both[] = {
        { CSGI_STR("lend"), CSGI_STR("/lend"), CSGI_STR(""), CSGI_HTTP, 0, lend, NULL },
        { CSGI_STR("use"), CSGI_STR("/use"), CSGI_STR(""), CSGI_HTTP, 0, use_lent, NULL },
    };
    const memory_request lending = { .raw_path = CSGI_STR("/lend") },
                         using = { .raw_path = CSGI_STR("/use") };
    answer lent = { 0 }, used = { 0 };
    fixture f;

    (void)state;
    fixture_open(&f, NULL);
    fixture_add(&f, fixture_plugin(&f, "test", both, COUNT_OF(both)));
    fixture_route(&f);
    ask_begin(&f, &lent, &lending);
    ask_begin(&f, &used, &using);
    loop_run(f.loop);
    assert_int_equal(stranger_sent, CSGI_ESTATE);
    assert_int_equal(stranger_received, CSGI_ESTATE);
    assert_int_equal(stranger_joined, CSGI_ESTATE);
    assert_logged(&f, "endpoint lend: send of http.response.start was refused with CSGI_ESTATE: it "
                      "was sent from outside of the call's tasks");
    assert_string_equal(lent.body, "mine");
    assert_int_equal(used.status, 200);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spawned_tasks_are_joined_with_their_results),
        cmocka_unit_test(joined_tasks_give_their_memory_back),
        cmocka_unit_test(tasks_left_behind_are_cancelled_and_waited_for),
        cmocka_unit_test(a_task_can_be_cancelled_and_joined),
        cmocka_unit_test(a_cancelled_call_takes_its_tasks_with_it),
        cmocka_unit_test(one_task_reads_while_another_writes),
        cmocka_unit_test(a_spawned_task_may_answer),
        cmocka_unit_test(after_the_return_nothing_is_spawned),
        cmocka_unit_test(closures_and_tasks_serve_their_call_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
