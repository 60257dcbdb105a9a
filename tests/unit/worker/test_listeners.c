/* SPDX-License-Identifier: MIT
 * worker/listeners: names with several addresses, repeated ones, failures, and the server's URL. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "worker/listeners.h"

static const loop_options usual;
static loop *runner;
static listener_set set;
static bind_list binds;
static buffer problem;

static int begin(void **state)
{
    (void)state;
    binds.count = 0;
    return loop_new(&usual, &runner) == CSGI_OK ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    listeners_close(&set);
    buffer_fini(&problem);
    loop_run(runner);
    loop_free(runner);
    return 0;
}

static void add(const char *text)
{
    assert_int_equal(bind_spec_parse(&binds.specs[binds.count++], "--bind", str_from(text),
                                     &problem),
                     CSGI_OK);
}

static void assert_bound(size_t count)
{
    if (listeners_bind(&set, runner, &binds, &problem))
        fail_msg("%.*s", (int)problem.len, problem.bytes);
    assert_int_equal(problem.len, 0);
    assert_int_equal(set.count, count);
}

static uint32_t port_of(size_t index)
{
    return address_port(listener_address(set.items[index]));
}

static bool has_ipv6(void)
{
    address at;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound =
        fd >= 0 && address_from_ip(&at, "::1", 0) == CSGI_OK && bind(fd, &at.as.any, at.len) == 0;

    if (fd >= 0) close(fd);
    return bound;
}

static void all_addresses_of_a_name_have_one_port_and_those_missing_do_not_count(void **state)
{
    (void)state;
    add("localhost:0");
    assert_bound(has_ipv6() ? 2 : 1);
    assert_true(port_of(0) > 0);
    if (set.count == 2) assert_int_equal(port_of(1), port_of(0));
}

static void port_0_twice_is_two_ports(void **state)
{
    (void)state;
    add("127.0.0.1:0");
    add("127.0.0.1:0");
    assert_bound(2);
    assert_int_not_equal(port_of(0), port_of(1));
}

/* A port that was free a moment ago. */
static uint32_t some_port(void)
{
    uint32_t port;

    add("127.0.0.1:0");
    assert_bound(1);
    port = port_of(0);
    listeners_close(&set);
    binds.count = 0;
    return port;
}

static void the_same_address_twice_is_bound_once(void **state)
{
    char text[32];

    (void)state;
    snprintf(text, sizeof text, "127.0.0.1:%u", some_port());
    add(text);
    add(text);
    assert_bound(1);
}

static void as_many_as_there_is_room_for_are_bound(void **state)
{
    (void)state;
    if (!has_ipv6()) skip();
    for (size_t i = 0; i < BIND_MAX; i++)
        add("localhost:0");
    assert_bound(LISTENERS_MAX);
}

static void an_address_that_is_not_ours_is_an_error(void **state)
{
    static const char want[] = "cannot listen on 192.0.2.1:80: ";

    (void)state;
    add("127.0.0.1:0");
    add("192.0.2.1:80");
    assert_int_not_equal(listeners_bind(&set, runner, &binds, &problem), CSGI_OK);
    assert_true(problem.len > sizeof want);
    assert_memory_equal(problem.bytes, want, sizeof want - 1);
}

static void the_url_is_that_of_the_first_that_has_one(void **state)
{
    int nameless = socket(AF_UNIX, SOCK_STREAM, 0);
    sa_family_t family = AF_UNIX;
    buffer url = { 0 };
    char want[64];

    (void)state;
    /* The kernel picks an abstract name. */
    assert_int_equal(bind(nameless, (struct sockaddr *)(void *)&family, sizeof family), 0);
    binds.specs[binds.count++] = (bind_spec){ .kind = BIND_FD, .fd = (uint32_t)nameless };
    assert_bound(1);
    assert_int_equal(listeners_print_url(&set, &url), CSGI_OK);
    assert_int_equal(url.len, 0);
    binds.count = 0;
    add("127.0.0.1:0");
    assert_bound(2);
    assert_int_equal(listeners_print_url(&set, &url), CSGI_OK);
    assert_int_equal(buffer_append(&url, "", 1), CSGI_OK);
    snprintf(want, sizeof want, "http://127.0.0.1:%u", port_of(1));
    assert_string_equal(url.bytes, want);
    buffer_fini(&url);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_addresses_of_a_name_have_one_port_and_those_missing_do_not_count),
        TEST(port_0_twice_is_two_ports),
        TEST(the_same_address_twice_is_bound_once),
        TEST(as_many_as_there_is_room_for_are_bound),
        TEST(an_address_that_is_not_ours_is_an_error),
        TEST(the_url_is_that_of_the_first_that_has_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
