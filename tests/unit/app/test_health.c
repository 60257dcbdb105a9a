/* SPDX-License-Identifier: MIT
 * The server's own /healthz and /readyz, and the routes that come before them. */
#include "routes_fixture.h"

static csgi_status own(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    (void)self, (void)scope, (void)receive;
    return reply(send, 207, "the app's own");
}

static void open_with(fixture *f, const char *path, const char *methods)
{
    static csgi_endpoint endpoint;
    const app_options options = { .answers_health = true };

    fixture_open(f, &options);
    endpoint = (csgi_endpoint){
        .name = CSGI_STR("own"), .path = str_from(path), .accepts = CSGI_HTTP, .call = own
    };
    endpoint.methods = str_from(methods);
    fixture_add(f, fixture_plugin(f, "test", &endpoint, 1));
    fixture_route(f);
}

static void both_say_ok_while_the_server_serves(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with(&f, "/x", "GET");
    got = get(&f, "/healthz");
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "{\"status\":\"ok\"}");
    assert_non_null(strstr(got.headers, "content-type: application/json\n"));
    assert_non_null(strstr(got.headers, "cache-control: no-store\n"));
    assert_int_equal(get(&f, "/readyz?verbose").status, 200);
    got = ask(&f, "HEAD", "/healthz");
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "");
    fixture_close(&f);
}

static void readyz_fails_from_the_moment_the_stop_is_announced(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with(&f, "/x", "GET");
    app_set_announce_stop(f.set);
    got = get(&f, "/readyz");
    assert_int_equal(got.status, 503);
    assert_string_equal(got.body, "{\"status\":\"stopping\"}");
    assert_int_equal(get(&f, "/healthz").status, 200);
    assert_int_equal(get(&f, "/x").status, 207); /* requests are served still */
    fixture_close(&f);
}

static void other_methods_are_not_allowed(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_with(&f, "/x", "GET");
    got = ask(&f, "POST", "/healthz");
    assert_int_equal(got.status, 405);
    assert_non_null(strstr(got.headers, "allow: GET, HEAD\n"));
    fixture_close(&f);
}

static void paths_that_are_nearly_the_same_are_others(void **state)
{
    static const char *const paths[] = { "/healthz/", "/health", "/Healthz", "/readyzz", "/ready" };
    fixture f;

    (void)state;
    open_with(&f, "/x", "GET");
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        assert_int_equal(get(&f, paths[i]).status, 404);
    fixture_close(&f);
}

static void a_route_of_that_very_path_comes_first(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, "/healthz", "POST");
    assert_int_equal(ask(&f, "POST", "/healthz").status, 207);
    assert_int_equal(get(&f, "/healthz").status, 405); /* its app says so */
    assert_int_equal(get(&f, "/readyz").status, 200);
    fixture_close(&f);
}

static void a_route_for_one_host_comes_first_there_alone(void **state)
{
    static const csgi_field at_host = { CSGI_STR("host"), CSGI_STR("a.example"), 0, 0 };
    const memory_request request = { .raw_path = CSGI_STR("/healthz"), .headers = { &at_host, 1 } };
    fixture f;
    hand_made made;
    answer got;

    (void)state;
    open_with(&f, "/x", "GET");
    file_begin(&made);
    file_route(&made, "/healthz", "test:own")->host = STR("a.example");
    file_serve(&f, &made);
    ask_begin(&f, &got, &request);
    loop_run(f.loop);
    assert_int_equal(got.status, 207);
    assert_int_equal(get(&f, "/healthz").status, 200);
    fixture_close(&f);
}

static void a_route_for_all_paths_does_not(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, "/{rest:path}", "");
    assert_int_equal(get(&f, "/other").status, 207);
    assert_int_equal(get(&f, "/healthz").status, 200);
    assert_int_equal(get(&f, "/readyz").status, 200);
    fixture_close(&f);
}

static void without_the_option_they_are_paths_like_others(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(get(&f, "/healthz").status, 404);
    assert_int_equal(get(&f, "/readyz").status, 404);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_say_ok_while_the_server_serves),
        cmocka_unit_test(readyz_fails_from_the_moment_the_stop_is_announced),
        cmocka_unit_test(other_methods_are_not_allowed),
        cmocka_unit_test(paths_that_are_nearly_the_same_are_others),
        cmocka_unit_test(a_route_of_that_very_path_comes_first),
        cmocka_unit_test(a_route_for_one_host_comes_first_there_alone),
        cmocka_unit_test(a_route_for_all_paths_does_not),
        cmocka_unit_test(without_the_option_they_are_paths_like_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
