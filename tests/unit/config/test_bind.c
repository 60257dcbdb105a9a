/* SPDX-License-Identifier: MIT
 * config/bind: what --bind may say, and which of the options says where to listen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "config/bind.h"

static bind_spec spec;
static bind_list list;
static server_options options;
static buffer problem;

static void assert_problem(const char *text)
{
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_string_equal(problem.bytes, text);
    buffer_fini(&problem);
}

static csgi_status parse(const char *text)
{
    buffer_fini(&problem);
    return bind_spec_parse(&spec, "--bind", str_from(text), &problem);
}

static void assert_parsed(const char *text, bind_kind kind, const char *where)
{
    if (parse(text)) fail_msg("%s: %.*s", text, (int)problem.len, problem.bytes);
    assert_int_equal(spec.kind, kind);
    assert_string_equal(spec.where, where);
}

static void hosts_and_ports_are_told_apart(void **state)
{
    (void)state;
    assert_parsed("127.0.0.1:8000", BIND_TCP, "127.0.0.1");
    assert_int_equal(spec.port, 8000);
    assert_parsed("[::]:0", BIND_TCP, "::");
    assert_int_equal(spec.port, 0);
    assert_parsed("[fe80::1%eth0]:65535", BIND_TCP, "fe80::1%eth0");
    assert_int_equal(spec.port, 65535);
    assert_parsed("some-host_1.example:80", BIND_TCP, "some-host_1.example");
}

static void paths_and_modes_are_told_apart(void **state)
{
    (void)state;
    assert_parsed("unix:/run/a b.sock", BIND_UNIX, "/run/a b.sock");
    assert_int_equal(spec.mode, BIND_MODE_BY_MASK);
    assert_parsed("unix:relative", BIND_UNIX, "relative");
    assert_parsed("unix:/x?mode=660", BIND_UNIX, "/x");
    assert_int_equal(spec.mode, 0660);
    assert_parsed("unix:/x?mode=0777", BIND_UNIX, "/x");
    assert_int_equal(spec.mode, 0777);
    assert_parsed("unix:/x?mode=0", BIND_UNIX, "/x");
    assert_int_equal(spec.mode, 0);
}

static void descriptors_are_bounded_at_n_and_n_plus_1(void **state)
{
    (void)state;
    assert_parsed("fd://3", BIND_FD, "");
    assert_int_equal(spec.fd, 3);
    assert_parsed("fd://65535", BIND_FD, "");
    assert_int_equal(spec.fd, 65535);
    assert_int_equal(parse("fd://2"), CSGI_EINVAL);
    assert_int_equal(parse("fd://65536"), CSGI_EINVAL);
    assert_problem("--bind: found \"fd://65536\", expected fd:// and a descriptor's number, 3 to "
                   "65535\n");
}

static void lengths_are_bounded_at_n_and_n_plus_1(void **state)
{
    char text[300];

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "unix:", 5);
    text[5 + 107] = '\0';
    assert_int_equal(parse(text), CSGI_OK);
    memcpy(text + 5 + 107, "a", 2);
    assert_int_equal(parse(text), CSGI_EINVAL);
    memset(text, 'a', sizeof text);
    memcpy(text + 253, ":1", 3);
    assert_int_equal(parse(text), CSGI_OK);
    memset(text, 'a', sizeof text);
    memcpy(text + 254, ":1", 3);
    assert_int_equal(parse(text), CSGI_EINVAL);
    buffer_fini(&problem);
}

static void everything_else_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "8000",
        ":8000",
        "a:",
        "a:65536",
        "a:-1",
        "a:+1",
        "a:1x",
        "a: 1",
        "a:000080",
        "a:80:90",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "[]:80",
        "[a]:80",
        "a b:80",
        "a/b:80",
        "http://a:1",
        "unix:",
        "unix:?mode=1",
        "unix:/x?",
        "unix:/x?mode=",
        "fd://",
        "fd://x",
        "fd:x",
        "unix:/x?mode=8",
        "unix:/x?mode=1000",
        "fd://-3",
        "unix:/x?mod=66",
        "a\tb:80",
        "unix:/x?mode=66x",
        "unix:/x?mode=00660",
        "fd://3 ",
        "h\xc3\xa4:80",
        "user@host:80",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (parse(bad[i]) != CSGI_EINVAL) fail_msg("\"%s\" was taken", bad[i]);
        assert_true(problem.len > 0 && problem.bytes[problem.len - 1] == '\n');
    }
    assert_int_equal(parse("localhost"), CSGI_EINVAL);
    assert_problem("--bind: found \"localhost\", expected HOST:PORT, [IPV6]:PORT, unix:PATH or "
                   "fd://NUMBER\n");
}

/* ---- which option says it ---- */

static csgi_status choose(const char *const *arguments, int count)
{
    char *argv[64];
    const char *asked;
    int positionals;

    options_init(&options);
    buffer_fini(&problem);
    for (int i = 0; i < count; i++)
        argv[i] = (char *)arguments[i];
    if (options_read_environment(&options, &problem)) return CSGI_EINVAL;
    if (options_read_arguments(&options, &(option_taker){ .uses = OPTION_OF_RUN }, count, argv,
                               &positionals, &asked, &problem))
        return CSGI_EINVAL;
    return bind_list_choose(&list, &options, &problem);
}

#define CHOOSE(...)                              \
    choose((const char *const[]){ __VA_ARGS__ }, \
           (int)COUNT_OF(((const char *const[]){ __VA_ARGS__ })))

static void without_any_option_the_list_is_empty_and_the_default_is_uvicorns(void **state)
{
    (void)state;
    assert_int_equal(CHOOSE("--no-access-log"), CSGI_OK);
    assert_int_equal(list.count, 0);
    bind_list_default(&list, &options);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.specs[0].kind, BIND_TCP);
    assert_string_equal(list.specs[0].where, "127.0.0.1");
    assert_int_equal(list.specs[0].port, 8000);
}

static void each_option_alone_says_it(void **state)
{
    (void)state;
    assert_int_equal(CHOOSE("--port", "81"), CSGI_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.specs[0].where, "127.0.0.1");
    assert_int_equal(list.specs[0].port, 81);
    assert_int_equal(CHOOSE("--host", "::1", "--port", "82"), CSGI_OK);
    assert_string_equal(list.specs[0].where, "::1");
    assert_int_equal(CHOOSE("--uds", "/a?b"), CSGI_OK);
    assert_int_equal(list.specs[0].kind, BIND_UNIX);
    assert_string_equal(list.specs[0].where, "/a?b");
    assert_int_equal(CHOOSE("--fd", "7"), CSGI_OK);
    assert_int_equal(list.specs[0].kind, BIND_FD);
    assert_int_equal(list.specs[0].fd, 7);
    assert_int_equal(CHOOSE("--fd", "2"), CSGI_EINVAL);
    assert_int_equal(CHOOSE("--bind", "a:1", "--bind=unix:/b,c", "--bind", "fd://9"), CSGI_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.specs[1].where, "/b,c");
    assert_int_equal(list.specs[2].fd, 9);
}

static void a_socket_that_is_given_twice_is_named(void **state)
{
    (void)state;
    assert_int_equal(CHOOSE("--bind", "fd://3", "--bind", "fd://4", "--bind", "fd://3"),
                     CSGI_EINVAL);
    assert_problem("--bind: fd://3 is given twice\n");
    assert_int_equal(CHOOSE("--bind", "unix:/a", "--bind", "unix:/a?mode=660"), CSGI_EINVAL);
    assert_problem("--bind: unix:/a is given twice\n");
    assert_int_equal(CHOOSE("--bind", "unix:/a", "--bind", "fd://3", "--bind", "x", "--bind",
                            "unix:/a", "--bind", "fd://3"),
                     CSGI_EINVAL);
    assert_problem("--bind: found \"x\", expected HOST:PORT, [IPV6]:PORT, unix:PATH or "
                   "fd://NUMBER\n--bind: unix:/a is given twice\n--bind: fd://3 is given twice\n");
    assert_int_equal(CHOOSE("--bind", "unix:/a", "--bind", "unix:/b", "--bind", "fd://3"), CSGI_OK);
    assert_int_equal(list.count, 3);
}

/* As choose, without arguments, of a routes file with these keys and texts. */
static csgi_status choose_of_file(const char *const pairs[][2], size_t count)
{
    options_init(&options);
    buffer_fini(&problem);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_OK);
    for (size_t i = 0; i < count; i++) {
        const option_entry *entry = options_find_key(str_from(pairs[i][0]));

        assert_int_equal(options_set_from_file(&options, entry, pairs[i][1], &problem), CSGI_OK);
    }
    return bind_list_choose(&list, &options, &problem);
}

static void the_routes_file_says_it_when_nobody_else_does(void **state)
{
    static const char *const pairs[][2] = { { "host", "::1" }, { "port", "81" }, { "uds", "/x" } };

    (void)state;
    assert_int_equal(choose_of_file(pairs, 2), CSGI_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.specs[0].where, "::1");
    assert_int_equal(list.specs[0].port, 81);
    assert_int_equal(choose_of_file(pairs + 1, 2), CSGI_EINVAL);
    assert_problem("\"uds\" in the routes file and \"port\" in the routes file: each says where to "
                   "listen; give one of them, or a --bind for each\n");
    setenv("PORT", "82", 1);
    assert_int_equal(choose_of_file(pairs, 3), CSGI_OK);
    assert_string_equal(list.specs[0].where, "::1");
    assert_int_equal(list.specs[0].port, 82);
    unsetenv("PORT");
    setenv("CAPRICORN_FD", "7", 1);
    assert_int_equal(choose_of_file(pairs, 3), CSGI_OK);
    assert_int_equal(list.specs[0].kind, BIND_FD);
    unsetenv("CAPRICORN_FD");
}

static void two_ways_at_once_are_a_mistake(void **state)
{
    (void)state;
    assert_int_equal(CHOOSE("--bind", "a:1", "--port", "1"), CSGI_EINVAL);
    assert_problem("--bind and --port: each says where to listen; give one of them, or a --bind "
                   "for each\n");
    assert_int_equal(CHOOSE("--uds", "/a", "--fd", "3"), CSGI_EINVAL);
    assert_problem("--uds and --fd: each says where to listen; give one of them, or a --bind for "
                   "each\n");
    assert_int_equal(CHOOSE("--host", "a", "--port", "1", "--uds", "/a"), CSGI_EINVAL);
    buffer_fini(&problem);
}

static void flags_beat_the_environment_as_a_whole(void **state)
{
    (void)state;
    setenv("CAPRICORN_BIND", "a:1, [::1]:2 ,unix:/x", 1);
    assert_int_equal(CHOOSE("--no-access-log"), CSGI_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.specs[1].where, "::1");
    assert_int_equal(CHOOSE("--bind", "c:3"), CSGI_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.specs[0].where, "c");
    assert_int_equal(CHOOSE("--port", "4"), CSGI_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.specs[0].port, 4);
    setenv("CAPRICORN_PORT", "5", 1);
    assert_int_equal(CHOOSE("--no-access-log"), CSGI_EINVAL);
    assert_problem("CAPRICORN_BIND and CAPRICORN_PORT: each says where to listen; give one of "
                   "them, or a --bind for each\n");
    unsetenv("CAPRICORN_PORT");
    setenv("CAPRICORN_BIND", "a:1,,b:2", 1);
    assert_int_equal(CHOOSE("--no-access-log"), CSGI_EINVAL);
    assert_problem("CAPRICORN_BIND: found \"a:1,,b:2\", expected text between the commas\n");
    setenv("CAPRICORN_BIND", "a:1,b", 1);
    assert_int_equal(CHOOSE("--no-access-log"), CSGI_EINVAL);
    assert_problem("CAPRICORN_BIND: found \"b\", expected HOST:PORT, [IPV6]:PORT, unix:PATH or "
                   "fd://NUMBER\n");
    unsetenv("CAPRICORN_BIND");
}

static void a_list_is_bounded_at_n_and_n_plus_1(void **state)
{
    const char *arguments[33];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(arguments); i++)
        arguments[i] = "--bind=a:1";
    assert_int_equal(choose(arguments, 32), CSGI_OK);
    assert_int_equal(list.count, 32);
    assert_int_equal(choose(arguments, 33), CSGI_EINVAL);
    assert_problem("--bind: found \"a:1\", expected at most 32 of them\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_and_ports_are_told_apart),
        cmocka_unit_test(paths_and_modes_are_told_apart),
        cmocka_unit_test(descriptors_are_bounded_at_n_and_n_plus_1),
        cmocka_unit_test(lengths_are_bounded_at_n_and_n_plus_1),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(without_any_option_the_list_is_empty_and_the_default_is_uvicorns),
        cmocka_unit_test(each_option_alone_says_it),
        cmocka_unit_test(a_socket_that_is_given_twice_is_named),
        cmocka_unit_test(the_routes_file_says_it_when_nobody_else_does),
        cmocka_unit_test(two_ways_at_once_are_a_mistake),
        cmocka_unit_test(flags_beat_the_environment_as_a_whole),
        cmocka_unit_test(a_list_is_bounded_at_n_and_n_plus_1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
