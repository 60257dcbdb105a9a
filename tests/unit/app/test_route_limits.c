/* SPDX-License-Identifier: MIT
 * What a route allows its calls: their time, and the size of their bodies. */
#include "routes_fixture.h"

#include <csgi/ext/draft/client.h>

#include "loop/task.h"

enum { TIMEOUT_MS = 20 };

static csgi_status first, second; /* what the waits of the endpoint returned */
static csgi_status of_child, of_fetch;
static uint64_t deadline_ns;
static int runs, waits_after;
static const csgi_host *deferring;

static const csgi_task_extension *task_of(const csgi_host *host)
{
    return host->extension(host, CSGI_TASK_EXTENSION);
}

/* Waits for longer than its time, twice. */
static csgi_status sleep_long(void *self, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    const csgi_host *host = self;

    (void)receive;
    (void)send;
    runs++;
    deadline_ns = host->deadline_ns(scope);
    first = task_of(host)->sleep_ms(host, 10000);
    second = task_of(host)->sleep_ms(host, 10000);
    return first;
}

static csgi_status stream_long(void *self, const csgi_scope *scope, csgi_receive *receive,
                               csgi_send *send)
{
    send_start(send, 200);
    send_body(send, "begun", true);
    return sleep_long(self, scope, receive, send);
}

static csgi_status start_long(void *self, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    send_start(send, 200);
    return sleep_long(self, scope, receive, send);
}

static csgi_status answer_then_sleep(void *self, const csgi_scope *scope, csgi_receive *receive,
                                     csgi_send *send)
{
    reply(send, 200, "done");
    return sleep_long(self, scope, receive, send);
}

/* Never ends by itself, and does not listen: only its third wait after the end lets it go. */
static csgi_status ignore_all(void *self, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    const csgi_host *host = self;

    (void)scope;
    (void)receive;
    for (waits_after = 0; waits_after < 3;) {
        csgi_status status = task_of(host)->sleep_ms(host, 1);

        if (status == CSGI_OK) continue;
        if (waits_after++ == 0) first = status;
        second = status;
    }
    return send_body(send, "late", false);
}

static csgi_status child_sleep(void *arg)
{
    const csgi_host *host = arg;

    of_child = task_of(host)->sleep_ms(host, 10000);
    return of_child;
}

static csgi_status wait_for_child(void *self, const csgi_scope *scope, csgi_receive *receive,
                                  csgi_send *send)
{
    const csgi_host *host = self;
    csgi_task *child;
    csgi_status result;

    (void)receive;
    (void)send;
    if (task_of(host)->spawn(scope, child_sleep, self, &child) != CSGI_OK) return CSGI_EFAIL;
    first = task_of(host)->join(child, &result);
    return first;
}

static csgi_status receive_long(void *self, const csgi_scope *scope, csgi_receive *receive,
                                csgi_send *send)
{
    const csgi_event *event;

    (void)self;
    (void)scope;
    (void)send;
    receive->call(receive, &event);
    first = receive->call(receive, &event);
    second = first == CSGI_OK ? (csgi_status)event->type : CSGI_OK;
    return CSGI_EDISCONNECTED;
}

static csgi_status fetch_long(void *self, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    const csgi_host *host = self;
    const csgi_client_extension *outbound = host->extension(host, CSGI_CLIENT_EXTENSION);
    const csgi_client_request request = { .size = sizeof request,
                                          .url = CSGI_STR("app:slow/sleep") };
    const csgi_client_response *response;

    (void)receive;
    (void)send;
    of_fetch = outbound->fetch(host, scope->arena, &request, &response);
    return of_fetch;
}

static csgi_status nap(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    const csgi_host *host = self;

    (void)scope;
    (void)receive;
    task_of(host)->sleep_ms(host, 5);
    return reply(send, 200, "rested");
}

/* Has to do with others still, as who writes down what was done. */
static void fetch_late(void *arg)
{
    const csgi_scope *scope = arg;
    const csgi_client_extension *outbound = deferring->extension(deferring, CSGI_CLIENT_EXTENSION);
    const csgi_client_request request = { .size = sizeof request, .url = CSGI_STR("app:slow/nap") };
    const csgi_client_response *response;

    of_fetch = outbound->fetch(deferring, scope->arena, &request, &response);
    if (of_fetch == CSGI_OK) assert_int_equal(response->status, 200);
    deadline_ns = deferring->deadline_ns(scope);
}

static csgi_status fetch_shielded(void *self, const csgi_scope *scope, csgi_receive *receive,
                                  csgi_send *send)
{
    (void)receive, (void)send;
    deferring = self;
    task_of(deferring)->shield_enter(deferring);
    task_of(deferring)->sleep_ms(deferring, TIMEOUT_MS * 2);
    fetch_late((void *)(uintptr_t)scope);
    first = task_of(deferring)->shield_leave(deferring);
    return first;
}

static csgi_status defer_a_fetch(void *self, const csgi_scope *scope, csgi_receive *receive,
                                 csgi_send *send)
{
    deferring = self;
    if (deferring->defer(scope, fetch_late, (void *)(uintptr_t)scope) != CSGI_OK)
        return CSGI_ENOMEM;
    return sleep_long(self, scope, receive, send);
}

static csgi_status tell_deadline(void *self, const csgi_scope *scope, csgi_receive *receive,
                                 csgi_send *send)
{
    const csgi_host *host = self;

    (void)receive;
    deadline_ns = host->deadline_ns(scope);
    return reply(send, 200, "ok");
}

#define SERVED(name, path, call)                                               \
    {                                                                          \
        CSGI_STR(name), CSGI_STR(path), CSGI_STR(""), CSGI_HTTP, 0, call, NULL \
    }

static const csgi_endpoint endpoints[] = {
    SERVED("sleep", "/sleep", sleep_long),
    SERVED("stream", "", stream_long),
    SERVED("start", "", start_long),
    SERVED("background", "", answer_then_sleep),
    SERVED("ignore", "", ignore_all),
    SERVED("child", "", wait_for_child),
    SERVED("receive", "", receive_long),
    SERVED("fetch", "", fetch_long),
    SERVED("deadline", "/told", tell_deadline),
    SERVED("nap", "/nap", nap),
    SERVED("defer", "", defer_a_fetch),
    SERVED("shield", "", fetch_shielded),
};

static void open_route(fixture *self, hand_made *made, const char *use)
{
    fixture_open(self, NULL);
    file_begin(made);
    add_app(self, fixture_plugin(self, "slow", endpoints, COUNT_OF(endpoints)), "slow");
    file_route(made, "/it", use)->timeout_ms = TIMEOUT_MS;
    first = second = of_child = of_fetch = CSGI_OK;
    deadline_ns = 0;
    runs = 0;
}

static void a_call_that_takes_too_long_is_answered_504_and_cancelled(void **state)
{
    fixture f;
    hand_made made;
    answer got;
    uint64_t before_ns;

    (void)state;
    open_route(&f, &made, "slow:sleep");
    file_serve(&f, &made);
    before_ns = loop_clock_ns();
    got = get(&f, "/it");
    assert_int_equal(got.status, 504);
    assert_string_equal(got.body, "{\"detail\":\"Gateway Timeout\"}");
    assert_int_equal(first, CSGI_ETIMEDOUT);
    assert_int_equal(second, CSGI_ECANCELED);
    assert_in_range(deadline_ns, before_ns + (TIMEOUT_MS - 2) * 1000000,
                    before_ns + (TIMEOUT_MS + 1000) * 1000000);
    assert_logged(&f, "plugin slow, endpoint sleep did not end within 20 ms, the timeout of route "
                      "/it (GET /it): it is cancelled, and answered 504");
    assert_not_logged(&f, "failed");
    fixture_close(&f);
}

static void a_head_that_was_held_back_gives_way_to_the_504(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:start");
    file_serve(&f, &made);
    assert_int_equal(get(&f, "/it").status, 504);
    fixture_close(&f);
}

static void a_response_that_has_begun_is_cut(void **state)
{
    fixture f;
    hand_made made;
    answer got;

    (void)state;
    open_route(&f, &made, "slow:stream");
    file_serve(&f, &made);
    got = get(&f, "/it");
    assert_int_equal(got.result, CSGI_EDISCONNECTED);
    assert_string_equal(got.body, "begun");
    assert_int_equal(first, CSGI_ETIMEDOUT);
    assert_logged(&f, "it is cancelled, and its response cut");
    fixture_close(&f);
}

static void work_behind_a_complete_response_is_cancelled_too(void **state)
{
    fixture f;
    hand_made made;
    answer got;

    (void)state;
    open_route(&f, &made, "slow:background");
    file_serve(&f, &made);
    got = get(&f, "/it");
    assert_int_equal(got.status, 200);
    assert_int_equal(got.result, CSGI_OK);
    assert_int_equal(first, CSGI_ETIMEDOUT);
    assert_logged(&f, "(GET /it): it is cancelled\n");
    fixture_close(&f);
}

static void one_that_ignores_it_gets_nothing_more_to_wait_for(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:ignore");
    file_serve(&f, &made);
    assert_int_equal(get(&f, "/it").status, 504);
    assert_int_equal(waits_after, 3);
    assert_int_equal(first, CSGI_ETIMEDOUT);
    assert_int_equal(second, CSGI_ECANCELED);
    fixture_close(&f);
}

static void further_tasks_of_the_call_end_as_well(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:child");
    file_serve(&f, &made);
    assert_int_equal(get(&f, "/it").status, 504);
    assert_int_equal(first, CSGI_ETIMEDOUT);
    assert_int_equal(of_child, CSGI_ETIMEDOUT);
    fixture_close(&f);
}

static void receive_says_that_the_request_is_over(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:receive");
    file_serve(&f, &made);
    assert_int_equal(get(&f, "/it").status, 504);
    assert_int_equal(second, CSGI_HTTP_DISCONNECT);
    fixture_close(&f);
}

static void a_fetch_ends_at_the_deadline_and_so_does_what_it_asked(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:fetch");
    file_serve(&f, &made);
    assert_int_equal(get(&f, "/it").status, 504);
    assert_int_equal(of_fetch, CSGI_ETIMEDOUT);
    assert_int_equal(runs, 1);
    assert_true(deadline_ns < UINT64_MAX); /* of the call in process: its asker's */
    assert_int_equal(first, CSGI_ETIMEDOUT);
    assert_logged(&f, "endpoint fetch did not end");
    assert_not_logged(&f, "endpoint sleep");
    fixture_close(&f);
}

static void a_shield_keeps_the_routes_time_back(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:shield");
    file_serve(&f, &made);
    of_fetch = CSGI_EFAIL;
    assert_int_equal(get(&f, "/it").status, 504);
    fixture_close(&f);
    assert_int_equal(of_fetch, CSGI_OK);
    assert_int_equal(first, CSGI_ETIMEDOUT);
    assert_true(deadline_ns == UINT64_MAX);
}

static void what_was_deferred_has_its_own_time(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:defer");
    file_serve(&f, &made);
    of_fetch = CSGI_EFAIL;
    assert_int_equal(get(&f, "/it").status, 504);
    fixture_close(&f);
    assert_int_equal(first, CSGI_ETIMEDOUT);
    assert_int_equal(of_fetch, CSGI_OK);
    assert_true(deadline_ns == UINT64_MAX);
}

static void without_a_timeout_there_is_no_deadline(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:sleep");
    file_route(&made, "/told", "slow:deadline");
    file_route(&made, "/soon", "slow:deadline")->timeout_ms = 10000;
    file_serve(&f, &made);
    assert_int_equal(get(&f, "/told").status, 200);
    assert_true(deadline_ns == UINT64_MAX);
    assert_int_equal(get(&f, "/soon").status, 200);
    assert_true(deadline_ns < UINT64_MAX);
    assert_not_logged(&f, "did not end");
    fixture_close(&f);
}

/* ---- bodies ---- */

static uint32_t status_of_body(fixture *self, const char *path, const char *body)
{
    const memory_request request = { .method = CSGI_STR("POST"),
                                     .raw_path = str_from(path),
                                     .body = str_from(body) };
    static answer got;

    ask_begin(self, &got, &request);
    loop_run(self->loop);
    assert_int_equal(got.times, 1);
    return got.status;
}

static void a_body_over_the_routes_limit_is_413_and_reaches_nobody(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_route(&f, &made, "slow:deadline");
    made.routes[0].limit_body = 4;
    file_route(&made, "/any", "slow:deadline")->limit_body = 0;
    file_serve(&f, &made);
    assert_int_equal(status_of_body(&f, "/it", ""), 200);
    assert_int_equal(status_of_body(&f, "/it", "1234"), 200);
    deadline_ns = 1;
    assert_int_equal(status_of_body(&f, "/it", "12345"), 413);
    assert_int_equal(deadline_ns, 1); /* it was not called */
    assert_int_equal(status_of_body(&f, "/any", "12345"), 200);
    assert_int_equal(app_set_running(f.set), 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_takes_too_long_is_answered_504_and_cancelled),
        cmocka_unit_test(a_head_that_was_held_back_gives_way_to_the_504),
        cmocka_unit_test(a_response_that_has_begun_is_cut),
        cmocka_unit_test(work_behind_a_complete_response_is_cancelled_too),
        cmocka_unit_test(one_that_ignores_it_gets_nothing_more_to_wait_for),
        cmocka_unit_test(further_tasks_of_the_call_end_as_well),
        cmocka_unit_test(receive_says_that_the_request_is_over),
        cmocka_unit_test(a_fetch_ends_at_the_deadline_and_so_does_what_it_asked),
        cmocka_unit_test(what_was_deferred_has_its_own_time),
        cmocka_unit_test(a_shield_keeps_the_routes_time_back),
        cmocka_unit_test(without_a_timeout_there_is_no_deadline),
        cmocka_unit_test(a_body_over_the_routes_limit_is_413_and_reaches_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
