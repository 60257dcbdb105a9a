/* SPDX-License-Identifier: MIT
 * Routes for one host, or for the names below one: which beats which, and what falls through. */
#include "table.h"

static void add_for(table *self, const char *host, const char *pattern, const char *methods)
{
    assert_int_equal(try_add_for(self, host, pattern, methods), CSGI_OK);
}

/* GET path, asked of a host, leads to the route of that host. */
static void expect_host(table *self, const char *asked, const char *path, const char *host)
{
    self->host = asked;
    expect_pattern(self, "GET", path, path);
    assert_string_equal(self->match.route->host.ptr, host);
}

static void an_exact_host_beats_the_longest_wildcard_beats_any(void **state)
{
    table *self = *state;

    add(self, "/x", "");
    assert_false(router_has_hosts(self->router));
    add_for(self, "*.com", "/x", "");
    add_for(self, "api.example.com", "/x", "");
    add_for(self, "*.example.com", "/x", "");
    assert_true(router_has_hosts(self->router));
    expect_host(self, "api.example.com", "/x", "api.example.com");
    expect_host(self, "www.example.com", "/x", "*.example.com");
    expect_host(self, "a.b.example.com", "/x", "*.example.com");
    expect_host(self, "a.api.example.com", "/x", "*.example.com");
    expect_host(self, "example.com", "/x", "*.com");
    expect_host(self, "api.example.org", "/x", "");
    expect_host(self, "com", "/x", "");
    expect_host(self, "", "/x", "");
}

static void a_host_is_found_whatever_its_case_its_port_and_a_dot_at_its_end(void **state)
{
    table *self = *state;

    add(self, "/x", "");
    add_for(self, "api.example.com", "/x", "");
    add_for(self, "*.example.com", "/x", "");
    add_for(self, "[::1]", "/x", "");
    expect_host(self, "API.Example.COM", "/x", "api.example.com");
    expect_host(self, "api.example.com:8000", "/x", "api.example.com");
    expect_host(self, "api.example.com.", "/x", "api.example.com");
    expect_host(self, "api.example.com.:443", "/x", "api.example.com");
    expect_host(self, "WWW.example.com.:", "/x", "*.example.com");
    expect_host(self, "[::1]:8000", "/x", "[::1]");
    expect_host(self, "[::1]", "/x", "[::1]");
    expect_host(self, "[::2]", "/x", "");
    expect_host(self, ".example.com", "/x", "");
    expect_host(self, ".", "/x", "");
    expect_host(self, ":8000", "/x", "");
    expect_host(self, "*.example.com", "/x", "*.example.com");
}

static void a_host_whose_table_lacks_the_path_falls_through(void **state)
{
    table *self = *state;

    add(self, "/any", "GET");
    add_for(self, "*.example.com", "/below", "GET");
    add_for(self, "a.example.com", "/exact", "GET");
    expect_host(self, "a.example.com", "/exact", "a.example.com");
    expect_host(self, "a.example.com", "/below", "*.example.com");
    expect_host(self, "a.example.com", "/any", "");
    self->host = "b.example.com";
    assert_int_equal(match(self, "GET", "/exact"), ROUTE_NOT_FOUND);
    self->host = "a.example.com";
    assert_int_equal(match(self, "GET", "/below/"), ROUTE_REDIRECT);
    assert_string_equal(self->match.location.ptr, "/below");
}

static void a_path_of_several_hosts_allows_the_methods_of_all_that_match(void **state)
{
    table *self = *state;

    add(self, "/x", "GET");
    add_for(self, "*.example.com", "/x", "PUT");
    add_for(self, "a.example.com", "/x", "DELETE");
    add_for(self, "b.example.com", "/x", "PATCH");
    self->host = "a.example.com";
    assert_int_equal(match(self, "POST", "/x"), ROUTE_METHOD_NOT_ALLOWED);
    assert_string_equal(self->match.allow.ptr, "GET, HEAD, OPTIONS, PUT, DELETE");
    assert_int_equal(match(self, "PUT", "/x"), ROUTE_FOUND);
    assert_int_equal(match(self, "GET", "/x"), ROUTE_FOUND);
    self->host = "example.org";
    assert_int_equal(match(self, "PUT", "/x"), ROUTE_METHOD_NOT_ALLOWED);
    assert_string_equal(self->match.allow.ptr, "GET, HEAD, OPTIONS");
}

static void routes_of_different_hosts_do_not_collide(void **state)
{
    table *self = *state;

    add(self, "/x/{a}", "");
    add_for(self, "a.com", "/x/{a}", "");
    add_for(self, "*.a.com", "/x/{a}", "");
    assert_null(self->rival);
    assert_int_equal(try_add_for(self, "a.com", "/x/{b}", "GET"), CSGI_EINVAL);
    assert_non_null(self->rival);
    assert_string_equal(self->rival->host.ptr, "a.com");
    assert_int_equal(buffer_append(&self->problem, "", 1), CSGI_OK);
    assert_string_equal(self->problem.bytes,
                        "route \"/x/{b}\" collides with route \"/x/{a}\": both match the same "
                        "paths of a.com with GET; change a path or the methods of one");
    assert_int_equal(router_count(self->router), 3);
}

static void a_host_may_be_as_long_as_a_name_and_no_longer(void **state)
{
    table *self = *state;
    char host[257];

    memset(host, 'a', 256);
    for (size_t i = 1; i < 256; i += 2)
        host[i] = '.';
    host[255] = '\0';
    add(self, "/x", "");
    add_for(self, host, "/x", "");
    add_for(self, "*.a.a", "/x", "");
    expect_host(self, host, "/x", host);
    host[255] = 'b';
    host[256] = '\0';
    assert_int_equal(try_add_for(self, host, "/x", ""), CSGI_EINVAL);
    expect_host(self, host, "/x", "");
}

static void among_many_hosts_each_finds_its_own(void **state)
{
    table *self = *state;
    char host[32];

    for (unsigned i = 0; i < 500; i++) {
        snprintf(host, sizeof host, "%sh%u.example.com", i % 2 ? "*." : "", i * 7919 % 500);
        add_for(self, host, "/x", "");
    }
    for (unsigned i = 0; i < 500; i++) {
        char asked[40];

        snprintf(host, sizeof host, "%sh%u.example.com", i % 2 ? "*." : "", i * 7919 % 500);
        snprintf(asked, sizeof asked, "%s", host);
        if (i % 2) asked[0] = 'w';
        expect_host(self, asked, "/x", host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exact_host_beats_the_longest_wildcard_beats_any),
        TEST(a_host_is_found_whatever_its_case_its_port_and_a_dot_at_its_end),
        TEST(a_host_whose_table_lacks_the_path_falls_through),
        TEST(a_path_of_several_hosts_allows_the_methods_of_all_that_match),
        TEST(routes_of_different_hosts_do_not_collide),
        TEST(a_host_may_be_as_long_as_a_name_and_no_longer),
        TEST(among_many_hosts_each_finds_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
