/* SPDX-License-Identifier: MIT
 * What a routes file means: routes, mounts, middleware, hosts, default routes, and its mistakes. */
#include "routes_fixture.h"

#include "app/app_set.h"
#include "app/table.h"
#include "failing_malloc.h"

static const csgi_endpoint one[] = {
    { CSGI_STR("get_it"), CSGI_STR("/it"), CSGI_STR("GET"), CSGI_HTTP, 0, tell, NULL },
    { CSGI_STR("wrap"), CSGI_STR("/"), CSGI_STR(""), CSGI_HTTP, 0, NULL, leave_trail },
};
static const csgi_endpoint many[] = {
    { CSGI_STR("list"), CSGI_STR("/"), CSGI_STR("GET,POST"), CSGI_HTTP, 0, tell, NULL },
    { CSGI_STR("item"), CSGI_STR("/items/{id:int}"), CSGI_STR(""), CSGI_HTTP, 0, tell, NULL },
    { CSGI_STR("hidden"), CSGI_STR(""), CSGI_STR(""), CSGI_HTTP, 0, tell, NULL },
};
static const csgi_endpoint bare[] = {
    { CSGI_STR("all"), CSGI_STR(""), CSGI_STR(""), CSGI_HTTP, 0, tell, NULL },
};
static const csgi_endpoint around_only[] = {
    { CSGI_STR("a"), CSGI_STR(""), CSGI_STR(""), CSGI_HTTP, 0, NULL, leave_trail },
    { CSGI_STR("b"), CSGI_STR(""), CSGI_STR(""), CSGI_HTTP, 0, NULL, leave_trail },
    { CSGI_STR("ws"), CSGI_STR(""), CSGI_STR(""), CSGI_WEBSOCKET, 0, NULL, leave_trail },
};

/* The apps: weather, two more of its plugin, shop, site, outer and inner. */
static void open_apps(fixture *self, hand_made *made)
{
    plugin *weather, *around;

    fixture_open(self, NULL);
    file_begin(made);
    weather = fixture_plugin(self, "weather", one, COUNT_OF(one));
    add_app(self, weather, "weather");
    add_app(self, weather, "second");
    add_app(self, fixture_plugin(self, "shop", many, COUNT_OF(many)), "shop");
    add_app(self, fixture_plugin(self, "site", bare, COUNT_OF(bare)), "site");
    around = fixture_plugin(self, "around", around_only, COUNT_OF(around_only));
    add_app(self, around, "outer");
    add_app(self, around, "inner");
}

static void a_route_leads_to_the_endpoint_it_names_or_to_the_only_one(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_route(&made, "/a", "weather:get_it");
    file_route(&made, "/b/{x}", "second");
    file_route(&made, "/c", "shop:hidden")->config = STR("{\"k\":1}");
    file_serve(&f, &made);
    expect_body(&f, "/a", "/a||/a||");
    expect_body(&f, "/b/%20", "/b/{x}||/b/ ||x= ");
    expect_body(&f, "/c", "/c||/c|{\"k\":1}|");
    assert_int_equal(get(&f, "/it").status, 404); /* default routes do not count */
    assert_string_equal(trail, "");
    fixture_close(&f);
}

static void a_route_has_its_own_methods_or_its_endpoints(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_route(&made, "/a", "shop:list");
    file_route(&made, "/b", "shop:list")->methods = STR("POST");
    file_route(&made, "/c", "shop:list")->methods = STR("HEAD");
    file_route(&made, "/d", "shop:item")->methods = STR("PUT");
    file_serve(&f, &made);
    assert_int_equal(ask(&f, "POST", "/a").status, 200);
    assert_int_equal(ask(&f, "PUT", "/a").status, 405);
    assert_int_equal(ask(&f, "GET", "/b").status, 405);
    assert_int_equal(ask(&f, "POST", "/b").status, 200);
    assert_int_equal(ask(&f, "HEAD", "/c").status, 200);
    assert_int_equal(ask(&f, "PUT", "/d").status, 200);
    assert_int_equal(ask(&f, "GET", "/d").status, 405);
    fixture_close(&f);
}

static void middleware_wraps_globally_then_by_route_in_the_order_written(void **state)
{
    fixture f;
    hand_made made;
    routes_entry *entry;

    (void)state;
    open_apps(&f, &made);
    file_around(&made, "outer:b");
    file_around(&made, "outer:ws"); /* for other scopes */
    entry = file_route(&made, "/a", "site");
    file_around_entry(entry, "inner:a");
    file_around_entry(entry, "weather");
    file_route(&made, "/b", "site");
    file_route(&made, "/c", "weather");
    entry = file_mount(&made, "/m", "weather");
    file_around_entry(entry, "inner:a");
    file_serve(&f, &made);
    expect_body(&f, "/a", "/a||/a||");
    assert_string_equal(trail, "outer inner weather ");
    trail[0] = '\0';
    expect_body(&f, "/b", "/b||/b||");
    assert_string_equal(trail, "outer ");
    trail[0] = '\0';
    expect_body(&f, "/c", "/c||/c||");
    assert_string_equal(trail, "outer ");
    trail[0] = '\0';
    expect_body(&f, "/m/it", "/m/it|/m|/m/it||");
    assert_string_equal(trail, "outer inner weather "); /* a mounted app's own comes last */
    fixture_close(&f);
}

/* More would find no room on the stacks of calls, each of which would be answered 503. */
static void a_route_has_so_much_middleware_at_most(void **state)
{
    routes_use uses[TABLE_MAX_AROUND + 1];
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    for (size_t i = 0; i < COUNT_OF(uses); i++)
        uses[i] = use_of("outer:b", 90);
    file_route(&made, "/a", "site");
    made.file.around = (routes_around){ uses, TABLE_MAX_AROUND };
    file_serve(&f, &made);
    expect_body(&f, "/a", "/a||/a||");
    made.file.around.count++;
    file_refused(&f, &made,
                 "routes.json:1:5: 101 middleware are around it, expected at most 100\n");
    fixture_close(&f);
}

static void a_mounted_endpoint_gets_all_at_and_below_the_prefix(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_mount(&made, "/a%20b", "site");
    file_mount(&made, "/one", "shop:list");
    file_route(&made, "/one/more", "weather");
    file_mount(&made, "/t/{tenant}", "site:all");
    file_serve(&f, &made);
    expect_body(&f, "/a%20b", "/a%20b/{path:path}|/a b|/a b||");
    expect_body(&f, "/a%20b/", "/a%20b/{path:path}|/a b|/a b/||path=");
    expect_body(&f, "/a%20b/x/y", "/a%20b/{path:path}|/a b|/a b/x/y||path=x/y");
    assert_int_equal(get(&f, "/a%20bc").status, 404);
    assert_int_equal(ask(&f, "DELETE", "/a%20b/x").status, 200);
    assert_int_equal(ask(&f, "POST", "/one/x").status, 200);
    assert_int_equal(ask(&f, "DELETE", "/one/x").status, 405);
    expect_body(&f, "/one/more", "/one/more||/one/more||");
    expect_body(&f, "/t/a%2Fb", "/t/{tenant}/{path:path}|/t/a/b|/t/a/b||tenant=a/b");
    expect_body(&f, "/t/%41/x", "/t/{tenant}/{path:path}|/t/A|/t/A/x||tenant=Apath=x");
    fixture_close(&f);
}

static void a_mount_at_the_root_gets_everything(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_mount(&made, "", "site");
    file_serve(&f, &made);
    expect_body(&f, "/", "/{path:path}||/||path=");
    expect_body(&f, "/x/y", "/{path:path}||/x/y||path=x/y");
    fixture_close(&f);
}

static void a_mounted_app_is_served_at_its_default_routes_below_the_prefix(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_mount(&made, "/shop", "shop");
    file_serve(&f, &made);
    expect_body(&f, "/shop/", "/shop/|/shop|/shop/||");
    expect_body(&f, "/shop/items/7", "/shop/items/{id:int}|/shop|/shop/items/7||id=7");
    assert_int_equal(get(&f, "/shop").status, 307);
    assert_int_equal(get(&f, "/shop/items/x").status, 404);
    assert_int_equal(get(&f, "/shop/hidden").status, 404);
    assert_int_equal(get(&f, "/items/7").status, 404);
    fixture_close(&f);
}

static csgi_str tenant_hosts[] = { CSGI_STR("a.example.com"), CSGI_STR("*.example.com") };

static answer get_of_host(fixture *self, const char *host, const char *path)
{
    const csgi_field header = { CSGI_STR("host"), str_from(host), 0, 0 };
    const memory_request request = { .raw_path = str_from(path), .headers = { &header, 1 } };
    static answer got;

    ask_begin(self, &got, &request);
    loop_run(self->loop);
    return got;
}

static void a_route_may_be_for_a_host(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_route(&made, "/x", "site")->config = STR("any");
    file_route(&made, "/x", "site")->config = STR("a");
    made.routes[1].host = tenant_hosts[0];
    file_mount(&made, "", "site")->config = STR("below");
    made.routes[2].host = tenant_hosts[1];
    file_serve(&f, &made);
    assert_string_equal(get_of_host(&f, "A.example.com:80", "/x").body, "/x||/x|a|");
    assert_string_equal(get_of_host(&f, "b.example.com", "/x").body,
                        "/{path:path}||/x|below|path=x");
    assert_string_equal(get_of_host(&f, "a.example.com", "/y").body,
                        "/{path:path}||/y|below|path=y");
    assert_string_equal(get_of_host(&f, "example.com", "/x").body, "/x||/x|any|");
    assert_int_equal(get_of_host(&f, "example.com", "/y").status, 404);
    fixture_close(&f);
}

static void default_routes_are_of_the_apps_that_are_named_as_their_plugins(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    made.file.has_default_routes = true;
    file_around(&made, "outer:a");
    file_route(&made, "/mine", "site");
    file_serve(&f, &made);
    expect_body(&f, "/mine", "/mine||/mine||");
    assert_string_equal(trail, "outer ");
    trail[0] = '\0';
    expect_body(&f, "/it", "/it||/it||");
    assert_string_equal(trail, "outer weather ");
    trail[0] = '\0';
    expect_body(&f, "/items/7", "/items/{id:int}||/items/7||id=7");
    assert_string_equal(trail, "outer weather "); /* its default prefix is "/" */
    fixture_close(&f);
}

static void every_mistake_is_told_at_once_where_it_stands(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_around(&made, "weather:get_it");
    file_route(&made, "/a", "weather:get_that");
    file_route(&made, "/b", "shop");
    file_route(&made, "/c", "outer:a");
    file_route(&made, "/d", "outer");
    file_route(&made, "/e", "weather")->methods = STR("GET, POST");
    file_route(&made, "/{x:int}", "weather");
    file_route(&made, "/{y:int}", "weather");
    file_around_entry(file_route(&made, "/f", "site:all"), "outer");
    file_refused(
        &f, &made,
        "routes.json:90:20: endpoint \"get_it\" of app \"weather\" is no middleware: it answers "
        "itself, and belongs in a route's \"app\"\n"
        "routes.json:1:20: app \"weather\" has no endpoint \"get_that\" (did you mean "
        "\"get_it\"?)\n"
        "routes.json:2:20: app \"shop\" has several endpoints, expected the name of one: "
        "\"shop:list\", \"shop:item\", \"shop:hidden\"\n"
        "routes.json:3:20: endpoint \"a\" of app \"outer\" is a middleware: no route can lead to "
        "it, it belongs in \"middleware\"\n"
        "routes.json:4:20: app \"outer\" has only middleware: no route can lead to it\n"
        "routes.json:5:5: endpoint \"get_it\" of app \"weather\" takes GET: it cannot be routed "
        "for POST\n"
        "routes.json:7:5: route \"/{y:int}\" collides with route \"/{x:int}\": both match the "
        "same paths with GET; change a path or the methods of one (the other is on line 6)\n"
        "routes.json:8:20: app \"outer\" has several middleware endpoints, expected the name of "
        "one: \"outer:a\", \"outer:b\", \"outer:ws\"\n");
    fixture_close(&f);
}

static void an_endpoint_unlike_any_other_is_answered_with_those_there_are(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_route(&made, "/a", "weather:zzzzzzzz");
    file_around_entry(file_route(&made, "/b", "site"), "site");
    file_refused(&f, &made,
                 "routes.json:1:20: app \"weather\" has no endpoint \"zzzzzzzz\" (it has "
                 "\"get_it\", \"wrap\")\n"
                 "routes.json:2:20: app \"site\" has no middleware: it cannot stand around a "
                 "route\n");
    fixture_close(&f);
}

static void a_collision_with_a_default_route_names_it(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    made.file.has_default_routes = true;
    file_route(&made, "/it", "site");
    file_refused(&f, &made,
                 "routes.json:1:5: route \"/it\" collides with route \"/it\": both match the same "
                 "paths with GET; change a path or the methods of one (the other is on line 1) "
                 "(it is the default route of plugin weather, endpoint get_it)\n");
    fixture_close(&f);
}

static void a_mistake_leaves_the_table_as_it_was(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_route(&made, "/a", "weather");
    file_serve(&f, &made);
    file_route(&made, "/b", "weather");
    file_route(&made, "/b", "weather");
    file_refused(&f, &made,
                 "routes.json:3:5: route \"/b\" collides with route \"/b\": both match the same "
                 "paths with GET; change a path or the methods of one (the other is on line 2)\n");
    assert_int_equal(get(&f, "/a").status, 200);
    assert_int_equal(get(&f, "/b").status, 404);
    made.file.route_count = 2;
    file_serve(&f, &made);
    assert_int_equal(get(&f, "/b").status, 200);
    fixture_close(&f);
}

static void an_app_that_is_not_there_has_been_complained_of(void **state)
{
    fixture f;
    hand_made made;
    buffer problem = { 0 };

    (void)state;
    open_apps(&f, &made);
    file_route(&made, "/a", "nobody");
    file_mount(&made, "/b", "nobody");
    assert_int_equal(edition_route_file(file_next(&f), &made.file, &problem), CSGI_EINVAL);
    assert_int_equal(problem.len, 0);
    fixture_close(&f);
}

static void an_app_that_no_route_leads_to_is_warned_of(void **state)
{
    fixture f;
    hand_made made;

    (void)state;
    open_apps(&f, &made);
    file_route(&made, "/a", "weather");
    made.apps[0] = (routes_app){ .name = CSGI_STR("weather"), .at = { 3, 1 } };
    made.apps[1] = (routes_app){ .name = CSGI_STR("second"), .at = { 4, 1 } };
    made.apps[2] = (routes_app){ .name = CSGI_STR("outer"), .at = { 5, 1 } };
    made.file.app_count = 3;
    file_around(&made, "outer:a");
    file_serve(&f, &made);
    assert_logged(&f, "routes.json:4:1: no route leads to app \"second\"");
    assert_not_logged(&f, "app \"weather\"");
    assert_not_logged(&f, "app \"outer\"");
    fixture_close(&f);
}

static void a_table_without_memory_is_an_error_and_leaks_nothing(void **state)
{
    fixture f;
    hand_made made;
    bool failed = true;

    (void)state;
    open_apps(&f, &made);
    file_around(&made, "outer:a");
    file_route(&made, "/a", "weather")->host = tenant_hosts[0];
    file_mount(&made, "/shop", "shop");
    file_mount(&made, "/site", "site");
    made.file.has_default_routes = true;
    for (size_t n = 0; failed; n++) {
        buffer problem = { 0 };
        csgi_status status;

        failing_malloc_after(n);
        status = edition_route_file(file_next(&f), &made.file, &problem);
        failed = failing_malloc_off();
        assert_int_equal(status, failed ? CSGI_ENOMEM : CSGI_OK);
        buffer_fini(&problem);
    }
    fixture_swap(&f);
    assert_int_equal(get(&f, "/shop/").status, 200);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_leads_to_the_endpoint_it_names_or_to_the_only_one),
        cmocka_unit_test(a_route_has_its_own_methods_or_its_endpoints),
        cmocka_unit_test(middleware_wraps_globally_then_by_route_in_the_order_written),
        cmocka_unit_test(a_route_has_so_much_middleware_at_most),
        cmocka_unit_test(a_mounted_endpoint_gets_all_at_and_below_the_prefix),
        cmocka_unit_test(a_mount_at_the_root_gets_everything),
        cmocka_unit_test(a_mounted_app_is_served_at_its_default_routes_below_the_prefix),
        cmocka_unit_test(a_route_may_be_for_a_host),
        cmocka_unit_test(default_routes_are_of_the_apps_that_are_named_as_their_plugins),
        cmocka_unit_test(every_mistake_is_told_at_once_where_it_stands),
        cmocka_unit_test(an_endpoint_unlike_any_other_is_answered_with_those_there_are),
        cmocka_unit_test(a_collision_with_a_default_route_names_it),
        cmocka_unit_test(a_mistake_leaves_the_table_as_it_was),
        cmocka_unit_test(an_app_that_is_not_there_has_been_complained_of),
        cmocka_unit_test(an_app_that_no_route_leads_to_is_warned_of),
        cmocka_unit_test(a_table_without_memory_is_an_error_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
