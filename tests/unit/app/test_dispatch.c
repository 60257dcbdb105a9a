/* SPDX-License-Identifier: MIT
 * From a request to its endpoint, and what has none. */
#include "fixture.h"

#include "app/app_set.h"

static csgi_status say_hello(void *self, const csgi_scope *scope, csgi_receive *receive,
                             csgi_send *send)
{
    (void)self;
    (void)scope;
    (void)receive;
    return reply(send, 200, "hello");
}

static csgi_status say_name(void *self, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    (void)self;
    (void)receive;
    assert_int_equal(scope->path_params.count, 1);
    return reply(send, 200, scope->path_params.items[0].value.ptr);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("hello"), CSGI_STR("/hello"), CSGI_STR("GET"), CSGI_HTTP, 0, say_hello, NULL },
    { CSGI_STR("named"), CSGI_STR("/names/{name}"), CSGI_STR("GET,POST"), CSGI_HTTP, 0, say_name,
      NULL },
    { CSGI_STR("chat"), CSGI_STR("/chat"), CSGI_STR(""), CSGI_WEBSOCKET, 0, say_hello, NULL },
    { CSGI_STR("nowhere"), CSGI_STR(""), CSGI_STR(""), CSGI_HTTP, 0, say_hello, NULL },
};

static void open_with_endpoints(fixture *self, const app_options *options)
{
    fixture_open(self, options);
    fixture_add(self, fixture_plugin(self, "greeter", endpoints, COUNT_OF(endpoints)));
    fixture_route(self);
}

static void a_request_reaches_its_endpoint(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with_endpoints(&f, NULL);
    got = get(&f, "/hello");
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "hello");
    got = ask(&f, "POST", "/names/S%C3%A3o%20Paulo");
    assert_string_equal(got.body, "São Paulo");
    fixture_close(&f);
}

static void an_unknown_path_is_404(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with_endpoints(&f, NULL);
    got = get(&f, "/other");
    assert_int_equal(got.status, 404);
    assert_string_equal(got.body, "{\"detail\":\"Not Found\"}");
    fixture_close(&f);
}

static void another_method_is_405_and_says_what_is_allowed(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with_endpoints(&f, NULL);
    got = ask(&f, "DELETE", "/hello");
    assert_int_equal(got.status, 405);
    assert_string_equal(got.body, "{\"detail\":\"Method Not Allowed\"}");
    assert_non_null(strstr(got.headers, "allow: GET"));
    fixture_close(&f);
}

static void options_is_answered_204_with_what_is_allowed(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with_endpoints(&f, NULL);
    got = ask(&f, "OPTIONS", "/names/x");
    assert_int_equal(got.status, 204);
    assert_string_equal(got.body, "");
    assert_non_null(strstr(got.headers, "allow: "));
    assert_non_null(strstr(got.headers, "POST"));
    fixture_close(&f);
}

static void a_slash_too_many_is_redirected_with_its_query(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with_endpoints(&f, NULL);
    got = get(&f, "/hello/?a=1&b=%20");
    assert_int_equal(got.status, 307);
    assert_non_null(strstr(got.headers, "location: /hello?a=1&b=%20\n"));
    got = get(&f, "/hello/");
    assert_non_null(strstr(got.headers, "location: /hello\n"));
    fixture_close(&f);
}

static void a_redirect_never_leads_to_another_host(void **state)
{
    static const csgi_endpoint catch_all = {
        CSGI_STR("all"), CSGI_STR("/{rest:path}"), CSGI_STR(""), CSGI_HTTP, 0, say_hello, NULL
    };
    fixture f;
    answer got;

    (void)state;
    open_with_endpoints(&f, NULL);
    fixture_add(&f, fixture_plugin(&f, "catcher", &catch_all, 1));
    got = get(&f, "//evil.example/");
    assert_null(strstr(got.headers, "location: //"));
    fixture_close(&f);
}

static void plain_http_on_a_websocket_endpoint_is_426(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with_endpoints(&f, NULL);
    got = get(&f, "/chat");
    assert_int_equal(got.status, 426);
    assert_non_null(strstr(got.headers, "upgrade: websocket\n"));
    fixture_close(&f);
}

static csgi_status wait_for_the_end(void *self, const csgi_scope *scope, csgi_receive *receive,
                                    csgi_send *send)
{
    const csgi_event *event;

    (void)self;
    (void)scope;
    (void)send;
    do {
        csgi_status status = receive->call(receive, &event);

        if (status != CSGI_OK) return status;
    } while (event->type != CSGI_HTTP_DISCONNECT);
    return CSGI_EDISCONNECTED;
}

static void above_the_concurrency_limit_is_503_with_retry_after(void **state)
{
    const app_options options = { .max_concurrency = 1 };
    const memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    answer first, second, third;

    (void)state;
    fixture_open(&f, &options);
    fixture_serve(&f, wait_for_the_end);
    ask_begin(&f, &first, &request);
    ask_begin(&f, &second, &request);
    assert_int_equal(second.status, 503);
    assert_non_null(strstr(second.headers, "retry-after: 1\n"));
    assert_int_equal(app_set_running(f.set), 1);
    assert_logged(&f, "the concurrency limit is reached");
    loop_run(f.loop);
    assert_int_equal(first.times, 0);
    ask_abandon(&first);
    loop_run(f.loop);
    assert_int_equal(app_set_running(f.set), 0);
    ask_begin(&f, &third, &request);
    assert_int_equal(third.times, 0);
    ask_abandon(&third);
    loop_run(f.loop);
    fixture_close(&f);
}

static csgi_status look_at_log_fields(void *self, const csgi_scope *scope, csgi_receive *receive,
                                      csgi_send *send)
{
    (void)self;
    (void)receive;
    assert_string_equal(scope->app.ptr, "test");
    assert_string_equal(scope->endpoint.ptr, "it");
    assert_string_equal(scope->route.ptr, "/it");
    return reply(send, 200, "");
}

static void the_exchange_is_told_who_serves_it(void **state)
{
    const memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    answer got = { 0 };
    exchange *asked;

    (void)state;
    fixture_open(&f, NULL);
    fixture_serve(&f, look_at_log_fields);
    assert_int_equal(memory_call_new(f.loop, &request, on_answer, &got, &got.call, &asked),
                     CSGI_OK);
    app_set_dispatch(f.set, asked);
    assert_string_equal(asked->app_name.ptr, "test");
    assert_string_equal(asked->endpoint_name.ptr, "it");
    assert_string_equal(asked->route_pattern.ptr, "/it");
    loop_run(f.loop);
    assert_int_equal(got.status, 200);
    fixture_close(&f);
}

static void two_apps_of_one_name_are_refused(void **state)
{
    fixture f;
    buffer problem = { 0 };

    (void)state;
    open_with_endpoints(&f, NULL);
    fixture_add(&f, &f.plugins[0]);
    assert_int_equal(edition_add(f.next, &f.plugins[0], STR("greeter"), STR(""), &problem),
                     CSGI_EINVAL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(strstr(problem.bytes, "two apps named greeter"));
    buffer_fini(&problem);
    fixture_close(&f);
}

static void two_routes_of_one_pattern_are_refused_with_the_endpoint(void **state)
{
    fixture f;
    buffer problem = { 0 };

    (void)state;
    open_with_endpoints(&f, NULL);
    fixture_add(&f, &f.plugins[0]);
    fixture_add(&f, fixture_plugin(&f, "twin", endpoints, 1));
    assert_int_not_equal(edition_route_defaults(f.next, &problem), CSGI_OK);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(
        strstr(problem.bytes, "plugin twin, endpoint hello cannot be served at /hello"));
    assert_non_null(strstr(problem.bytes, "(the other is of plugin greeter, endpoint hello)"));
    buffer_fini(&problem);
    assert_int_equal(get(&f, "/hello").status, 200); /* the old table stays */
    fixture_close(&f);
}

static void idle_is_told_when_the_last_call_has_ended(void *arg)
{
    ++*(int *)arg;
}

static void when_idle_waits_for_running_calls(void **state)
{
    const memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    answer got;
    int told = 0;

    (void)state;
    fixture_open(&f, NULL);
    fixture_serve(&f, wait_for_the_end);
    ask_begin(&f, &got, &request);
    app_set_when_idle(f.set, idle_is_told_when_the_last_call_has_ended, &told);
    loop_run(f.loop);
    assert_int_equal(told, 0);
    ask_abandon(&got);
    loop_run(f.loop);
    assert_int_equal(told, 1);
    app_set_when_idle(f.set, idle_is_told_when_the_last_call_has_ended, &told);
    assert_int_equal(told, 2);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_reaches_its_endpoint),
        cmocka_unit_test(an_unknown_path_is_404),
        cmocka_unit_test(another_method_is_405_and_says_what_is_allowed),
        cmocka_unit_test(options_is_answered_204_with_what_is_allowed),
        cmocka_unit_test(a_slash_too_many_is_redirected_with_its_query),
        cmocka_unit_test(a_redirect_never_leads_to_another_host),
        cmocka_unit_test(plain_http_on_a_websocket_endpoint_is_426),
        cmocka_unit_test(above_the_concurrency_limit_is_503_with_retry_after),
        cmocka_unit_test(the_exchange_is_told_who_serves_it),
        cmocka_unit_test(two_apps_of_one_name_are_refused),
        cmocka_unit_test(two_routes_of_one_pattern_are_refused_with_the_endpoint),
        cmocka_unit_test(when_idle_waits_for_running_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
