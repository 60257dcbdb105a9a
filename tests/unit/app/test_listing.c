/* SPDX-License-Identifier: MIT
 * The route table as it is listed. */
#include "routes_fixture.h"

#include "failing_malloc.h"

static csgi_status answer_it(void *self, const csgi_scope *scope, csgi_receive *receive,
                             csgi_send *send)
{
    (void)self, (void)scope, (void)receive;
    return reply(send, 200, "ok");
}

static csgi_status wrap_it(void *self, csgi_app *inner, const csgi_scope *scope,
                           csgi_receive *receive, csgi_send *send)
{
    (void)self;
    return inner->call(inner, scope, receive, send);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("one"), CSGI_STR("/x/{id:int}"), CSGI_STR("GET,PUT"), CSGI_HTTP, 0, answer_it,
      NULL },
    { CSGI_STR("any"), CSGI_STR("/other"), CSGI_STR(""), CSGI_HTTP, 0, answer_it, NULL },
    { CSGI_STR("outer"), CSGI_STR("/"), CSGI_STR(""), CSGI_HTTP, 0, NULL, wrap_it },
    { CSGI_STR("inner"), CSGI_STR("/x"), CSGI_STR(""), CSGI_HTTP, 0, NULL, wrap_it },
};

static void open_table(fixture *f)
{
    fixture_open(f, NULL);
    fixture_add(f, fixture_plugin(f, "test", endpoints, COUNT_OF(endpoints)));
    fixture_route(f);
}

static void assert_str(csgi_str text, const char *expected)
{
    if (!str_eq(text, str_from(expected)))
        fail_msg("\"%.*s\", not \"%s\"", STR_ARG(text), expected);
}

static void a_route_says_where_what_and_what_is_around(void **state)
{
    fixture f;
    arena memory;
    app_route got;

    (void)state;
    open_table(&f);
    arena_init(&memory, NULL, 0);
    assert_int_equal(app_set_route_count(f.set), 2);
    assert_int_equal(app_set_get_route(f.set, 0, &memory, &got), CSGI_OK);
    assert_str(got.path, "/x/{id:int}");
    assert_str(got.methods, "GET,PUT");
    assert_str(got.host, "");
    assert_str(got.use, "test:one");
    assert_str(got.file, ""); /* the plugin is in memory */
    assert_int_equal(got.generation, 1);
    assert_int_equal(got.around_count, 2);
    assert_str(got.around[0], "test:outer");
    assert_str(got.around[1], "test:inner");
    assert_int_equal(app_set_get_route(f.set, 1, &memory, &got), CSGI_OK);
    assert_str(got.methods, "");
    assert_int_equal(got.around_count, 1);
    arena_reset(&memory);
    fixture_close(&f);
}

static void what_a_routes_file_says_of_a_route_is_listed(void **state)
{
    fixture f;
    hand_made made;
    arena memory;
    app_route got;
    routes_entry *entry;

    (void)state;
    fixture_open(&f, NULL);
    fixture_add(&f, fixture_plugin(&f, "test", endpoints, COUNT_OF(endpoints)));
    file_begin(&made);
    entry = file_route(&made, "/there", "test:one");
    entry->timeout_ms = 2500;
    entry->host = STR("*.example.com");
    entry->methods = STR("PUT");
    file_serve(&f, &made);
    arena_init(&memory, NULL, 0);
    assert_int_equal(app_set_route_count(f.set), 1);
    assert_int_equal(app_set_get_route(f.set, 0, &memory, &got), CSGI_OK);
    assert_str(got.path, "/there");
    assert_str(got.methods, "PUT");
    assert_str(got.host, "*.example.com");
    assert_str(got.use, "test:one");
    assert_int_equal(got.timeout_ms, 2500);
    assert_int_equal(got.around_count, 0);
    arena_reset(&memory);
    fixture_close(&f);
}

static void without_apps_there_is_none(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(app_set_route_count(f.set), 0);
    fixture_route(&f);
    assert_int_equal(app_set_route_count(f.set), 0);
    fixture_close(&f);
}

static void without_memory_it_says_so(void **state)
{
    fixture f;
    bool failed = true;

    (void)state;
    open_table(&f);
    for (size_t n = 0; failed; n++) {
        arena memory;
        app_route got;
        csgi_status status;

        arena_init(&memory, NULL, 0);
        failing_malloc_after(n);
        status = app_set_get_route(f.set, 0, &memory, &got);
        failed = failing_malloc_off();
        assert_int_equal(status, failed ? CSGI_ENOMEM : CSGI_OK);
        arena_reset(&memory);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_says_where_what_and_what_is_around),
        cmocka_unit_test(what_a_routes_file_says_of_a_route_is_listed),
        cmocka_unit_test(without_apps_there_is_none),
        cmocka_unit_test(without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
