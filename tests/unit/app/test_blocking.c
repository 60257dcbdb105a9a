/* SPDX-License-Identifier: MIT
 * Blocking endpoints: their events, middleware of either kind around either kind, and no call waits
 * for a thread that it holds itself. */
#include "blocking_fixture.h"

#include <csgi/ext/draft/client.h>

/* ---- the events ---- */

ENDPOINT(echo)
{
    const csgi_event *event;
    const csgi_http_body *piece;
    csgi_status status;

    (void)self;
    EXPECT(!is_on_loop());
    EXPECT(str_eq(scope->method, STR("POST")));
    if ((status = send_start(send, 200))) return status;
    do {
        csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                                { NULL, 0 },
                                CSGI_MORE,
                                0,
                                { NULL, 0 } };

        if ((status = receive->call(receive, &event))) return status;
        EXPECT(event->type == CSGI_HTTP_REQUEST);
        piece = (const csgi_http_body *)event;
        body.body = piece->body;
        if ((status = send->call(send, &body.event))) return status;
    } while (piece->flags & CSGI_MORE);
    return send_body(send, "!", false);
}

static void it_receives_and_sends_on_a_thread(void **state)
{
    static const csgi_endpoint endpoint = ON_THREAD("echo", "/echo", echo);
    const memory_request request = { .method = CSGI_STR("POST"),
                                     .raw_path = CSGI_STR("/echo"),
                                     .body = CSGI_STR("hello") };
    answer got;

    (void)state;
    open_world(1, 1);
    serve("it", &endpoint, 1);
    ask_begin(&world, &got, &request);
    loop_run(world.loop);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "hello!");
    close_world();
}

ENDPOINT(fail_with_reason)
{
    const csgi_host *host = self;
    csgi_str said;

    UNUSED_ARGUMENTS;
    (host->fail)(host, CSGI_EFAIL, STR("the disk is full"));
    host->last_error(host, &said);
    EXPECT(str_eq(said, STR("the disk is full")));
    return CSGI_EFAIL;
}

static void its_failure_is_logged_with_its_reason(void **state)
{
    static const csgi_endpoint endpoint = ON_THREAD("it", "/it", fail_with_reason);

    (void)state;
    open_world(1, 1);
    serve("it", &endpoint, 1);
    assert_int_equal(get(&world, "/it").status, 500);
    assert_logged(&world, "plugin it, endpoint it failed on GET /it with CSGI_EFAIL: the disk is "
                          "full");
    close_world();
}

/* ---- middleware ---- */

static char trace[256];

static void note(const char *text)
{
    size_t len = strlen(trace);

    snprintf(trace + len, sizeof trace - len, "%s%s ", is_on_loop() ? "loop:" : "thread:", text);
}

/* A middleware whose send is its own. */
typedef struct own_send {
    csgi_send send;
    csgi_send *outer;
} own_send;

static csgi_status note_and_send(csgi_send *send, const csgi_event *event)
{
    own_send *self = CONTAINER_OF(send, own_send, send);

    note("send");
    return self->outer->call(self->outer, event);
}

typedef struct own_receive {
    csgi_receive receive;
    csgi_receive *outer;
} own_receive;

static csgi_status note_and_receive(csgi_receive *receive, const csgi_event **event)
{
    own_receive *self = CONTAINER_OF(receive, own_receive, receive);

    note("receive");
    return self->outer->call(self->outer, event);
}

AROUND(wrap_plainly)
{
    const csgi_host *host = self;
    csgi_scope *derived;
    csgi_status status;

    note(host->app.ptr);
    if (host->derive(scope, &derived)) return CSGI_ENOMEM;
    status = inner->call(inner, derived, receive, send);
    note("/");
    return status;
}

AROUND(wrap_closures)
{
    const csgi_host *host = self;
    own_send sending = { { note_and_send }, send };
    own_receive receiving = { { note_and_receive }, receive };
    csgi_status status;

    note(host->app.ptr);
    status = inner->call(inner, scope, &receiving.receive, &sending.send);
    note("/");
    return status;
}

ENDPOINT(note_and_answer)
{
    const csgi_host *host = self;
    const csgi_event *event;

    note("it");
    EXPECT(host->alloc(scope->arena, 100, 0) != NULL);
    if (receive->call(receive, &event)) return CSGI_EFAIL;
    return reply(send, 200, "ok");
}

typedef csgi_status around_fn(void *, csgi_app *, const csgi_scope *, csgi_receive *, csgi_send *);

/* Two middleware, x and y, around an endpoint, on one thread; what they did. */
static const char *play(around_fn *around, uint32_t x_flags, uint32_t y_flags, uint32_t it_flags)
{
    static csgi_endpoint x, y, it;

    x = (csgi_endpoint){ .name = CSGI_STR("wrap"),
                         .path = CSGI_STR("/"),
                         .accepts = CSGI_HTTP,
                         .flags = x_flags,
                         .around = around };
    y = x;
    y.flags = y_flags;
    it = (csgi_endpoint){ .name = CSGI_STR("it"),
                          .path = CSGI_STR("/it"),
                          .accepts = CSGI_HTTP,
                          .flags = it_flags,
                          .call = note_and_answer };
    open_world(1, 1);
    fixture_add(&world, fixture_plugin(&world, "x", &x, 1));
    fixture_add(&world, fixture_plugin(&world, "y", &y, 1));
    serve("z", &it, 1);
    trace[0] = '\0';
    assert_string_equal(get(&world, "/it").body, "ok");
    close_world();
    return trace;
}

static void middleware_of_either_kind_stands_around_either_kind(void **state)
{
    (void)state;
    assert_string_equal(play(wrap_plainly, CSGI_BLOCKING, 0, 0),
                        "thread:x loop:y loop:it loop:/ thread:/ ");
    assert_string_equal(play(wrap_plainly, 0, 0, CSGI_BLOCKING),
                        "loop:x loop:y thread:it loop:/ loop:/ ");
    assert_string_equal(play(wrap_plainly, CSGI_BLOCKING, 0, CSGI_BLOCKING),
                        "thread:x loop:y thread:it loop:/ thread:/ ");
    assert_string_equal(play(wrap_plainly, CSGI_BLOCKING, CSGI_BLOCKING, CSGI_BLOCKING),
                        "thread:x thread:y thread:it thread:/ thread:/ ");
    assert_string_equal(play(wrap_plainly, 0, CSGI_BLOCKING, 0),
                        "loop:x thread:y loop:it thread:/ loop:/ ");
}

static void closures_of_middleware_run_where_it_does(void **state)
{
    (void)state;
    assert_string_equal(play(wrap_closures, 0, CSGI_BLOCKING, 0),
                        "loop:x thread:y loop:it thread:receive loop:receive thread:send "
                        "loop:send thread:send loop:send thread:/ loop:/ ");
    assert_string_equal(play(wrap_closures, CSGI_BLOCKING, 0, CSGI_BLOCKING),
                        "thread:x loop:y thread:it loop:receive thread:receive loop:send "
                        "thread:send loop:send thread:send loop:/ thread:/ ");
    assert_string_equal(play(wrap_closures, CSGI_BLOCKING, CSGI_BLOCKING, CSGI_BLOCKING),
                        "thread:x thread:y thread:it thread:receive thread:receive thread:send "
                        "thread:send thread:send thread:send thread:/ thread:/ ");
}

AROUND(misuse_inner)
{
    csgi_status status;

    (void)self;
    EXPECT(inner->call(inner, NULL, receive, send) == CSGI_EINVAL);
    EXPECT(inner->call(inner, scope, NULL, send) == CSGI_EINVAL);
    status = inner->call(inner, scope, receive, send);
    EXPECT(inner->call(inner, scope, receive, send) == CSGI_ESTATE);
    return status;
}

static void misuse_of_inner_is_refused_as_elsewhere(void **state)
{
    (void)state;
    play(misuse_inner, CSGI_BLOCKING, 0, 0);
    play(misuse_inner, CSGI_BLOCKING, CSGI_BLOCKING, CSGI_BLOCKING);
}

/* ---- saturation ---- */

ENDPOINT(wait_for_gate)
{
    UNUSED_ARGUMENTS;
    calls++;
    while (!gate)
        usleep(1000);
    return reply(send, 200, "done");
}

static const csgi_endpoint gated = ON_THREAD("gated", "/gated", wait_for_gate);

static void begin_many(answer *answers, size_t count)
{
    const memory_request request = { .raw_path = CSGI_STR("/gated") };

    for (size_t i = 0; i < count; i++)
        ask_begin(&world, &answers[i], &request);
    turn();
}

static void beyond_threads_and_queue_the_answer_is_503(void **state)
{
    answer got[2 + 3 + 2];

    (void)state;
    open_world(2, 3);
    serve("it", &gated, 1);
    begin_many(got, COUNT_OF(got));
    wait_for_calls(2);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(got[i].times, 0);
    for (size_t i = 5; i < COUNT_OF(got); i++) {
        assert_int_equal(got[i].status, 503);
        assert_string_equal(got[i].body, "{\"detail\":\"Service Unavailable\"}");
        assert_non_null(strstr(got[i].headers, "retry-after: 1\n"));
    }
    assert_logged(&world, "plugin it, endpoint gated: GET /gated was answered 503: all threads for "
                          "blocking endpoints are busy, and too many calls wait for one "
                          "(--threads, --thread-queue); 1 so far");
    assert_not_logged(&world, "2 so far"); /* once a second */
    assert_int_equal(world.set->threads_refused, 2);
    gate = true;
    loop_run(world.loop);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(got[i].body, "done");
    close_world();
}

static void a_client_that_goes_before_its_turn_is_never_served(void **state)
{
    answer got[3];

    (void)state;
    open_world(1, 2);
    serve("it", &gated, 1);
    begin_many(got, COUNT_OF(got));
    wait_for_calls(1);
    ask_abandon(&got[1]);
    while (app_set_running(world.set) > 2)
        turn();
    assert_int_equal(calls, 1); /* long before its turn would have come */
    gate = true;
    loop_run(world.loop);
    assert_int_equal(calls, 2);
    assert_string_equal(got[2].body, "done");
    close_world();
}

/* ---- calls in process ---- */

static char body_of_asked[64];
static uint32_t status_of_asked;

static csgi_status ask_app(const csgi_host *host, const csgi_scope *scope, const char *url)
{
    const csgi_client_extension *asking = host->extension(host, CSGI_CLIENT_EXTENSION);
    csgi_client_request request = { .size = sizeof request, .url = str_from(url) };
    const csgi_client_response *response;
    csgi_status status = asking->fetch(host, scope->arena, &request, &response);

    if (status != CSGI_OK) return status;
    status_of_asked = response->status;
    snprintf(body_of_asked, sizeof body_of_asked, "%s", response->body.ptr);
    return CSGI_OK;
}

ENDPOINT(ask_leaf)
{
    csgi_status status;

    (void)receive;
    status = ask_app(self, scope, "app:/leaf");
    return status ? status : reply(send, status_of_asked, body_of_asked);
}

ENDPOINT(ask_middle)
{
    csgi_status status;

    (void)receive;
    status = ask_app(self, scope, "app:/middle");
    return status ? status : reply(send, status_of_asked, body_of_asked);
}

ENDPOINT(answer_leaf)
{
    UNUSED_ARGUMENTS;
    EXPECT(!is_on_loop());
    return reply(send, 200, "leaf");
}

static void on_started(void *arg, csgi_status status)
{
    (void)arg;
    assert_int_equal(status, CSGI_OK);
}

static void open_started(size_t threads, const csgi_endpoint *endpoints, size_t count)
{
    open_world(threads, 5);
    serve("it", endpoints, count);
    app_set_startup(world.set, on_started, NULL);
    turn();
}

static void a_call_in_process_never_waits_for_the_thread_of_who_asks(void **state)
{
    static const csgi_endpoint endpoints[] = {
        ON_THREAD("top", "/top", ask_leaf),
        ON_THREAD("chain", "/chain", ask_middle),
        ON_LOOP("middle", "/middle", ask_leaf),
        ON_THREAD("leaf", "/leaf", answer_leaf),
    };

    (void)state;
    open_started(1, endpoints, COUNT_OF(endpoints));
    assert_int_equal(get(&world, "/top").status, 503);
    assert_logged(&world, "endpoint leaf: GET /leaf was answered 503: no thread for blocking "
                          "endpoints is free (--threads), and since the one that asks in process "
                          "holds one, it does not wait");
    assert_int_equal(get(&world, "/chain").status, 503);
    assert_string_equal(get(&world, "/middle").body, "leaf"); /* who asks holds none */
    close_world();
    open_started(2, endpoints, COUNT_OF(endpoints));
    assert_string_equal(get(&world, "/top").body, "leaf");
    assert_string_equal(get(&world, "/chain").body, "leaf");
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_receives_and_sends_on_a_thread),
        cmocka_unit_test(its_failure_is_logged_with_its_reason),
        cmocka_unit_test(middleware_of_either_kind_stands_around_either_kind),
        cmocka_unit_test(closures_of_middleware_run_where_it_does),
        cmocka_unit_test(misuse_of_inner_is_refused_as_elsewhere),
        cmocka_unit_test(beyond_threads_and_queue_the_answer_is_503),
        cmocka_unit_test(a_client_that_goes_before_its_turn_is_never_served),
        cmocka_unit_test(a_call_in_process_never_waits_for_the_thread_of_who_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
