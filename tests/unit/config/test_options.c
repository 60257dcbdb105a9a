/* SPDX-License-Identifier: MIT
 * config/options and config/units: arguments, environment, bounds, messages. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "config/options.h"
#include "config/units.h"

#define READ(...)                                   \
    read_arguments((const char *[]){ __VA_ARGS__ }, \
                   sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *))

static server_options options;
static buffer problem;
static int positionals;
static const char *asked;
static char *arguments[8];

static csgi_status read_arguments(const char **argv, size_t count)
{
    buffer_fini(&problem);
    options_init(&options);
    memcpy(arguments, argv, count * sizeof *argv);
    return options_read_arguments(&options, (int)count, arguments, &positionals, &asked, &problem);
}

static void assert_problem(const char *text)
{
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_string_equal(problem.bytes, text);
    buffer_fini(&problem);
}

static void defaults_are_uvicorns(void **state)
{
    (void)state;
    options_init(&options);
    assert_string_equal(options.host, "127.0.0.1");
    assert_int_equal(options.port, 8000);
    assert_int_equal(options.backlog, 2048);
    assert_null(options.uds);
    assert_true(options.access_log);
    assert_int_equal(options.log_level, LOG_INFO);
    assert_true(options.proxy_headers);
    assert_string_equal(options.forwarded_allow_ips, "127.0.0.1");
}

static void arguments_set_options_and_keep_positionals_in_order(void **state)
{
    (void)state;
    assert_int_equal(READ("a.so", "--port", "0", "--host=::1", "--no-access-log", "b.so", "--",
                          "--c.so"),
                     CSGI_OK);
    assert_int_equal(positionals, 3);
    assert_string_equal(arguments[0], "a.so");
    assert_string_equal(arguments[1], "b.so");
    assert_string_equal(arguments[2], "--c.so");
    assert_int_equal(options.port, 0);
    assert_string_equal(options.host, "::1");
    assert_false(options.access_log);
    assert_null(asked);
}

static void help_and_version_are_reported(void **state)
{
    (void)state;
    assert_int_equal(READ("--help"), CSGI_OK);
    assert_string_equal(asked, "help");
    assert_int_equal(READ("--version"), CSGI_OK);
    assert_string_equal(asked, "version");
}

static void every_mistake_is_reported_at_once(void **state)
{
    (void)state;
    assert_int_equal(READ("--prot", "--port", "65536", "-x", "--log-level=loud", "--access-log=1",
                          "--host"),
                     CSGI_EINVAL);
    assert_problem("--prot: there is no such option (did you mean --port?)\n"
                   "--port: found \"65536\", expected 0 to 65535\n"
                   "-x: there is no such option; options begin with --\n"
                   "--log-level: found \"loud\", expected debug, info, warning, error or critical\n"
                   "--access-log: takes no value\n"
                   "--host: a value is missing, expected text that is not empty\n");
}

static void bounds_hold_at_n_and_n_plus_1(void **state)
{
    (void)state;
    assert_int_equal(READ("--port", "65535"), CSGI_OK);
    assert_int_equal(READ("--port", "65536"), CSGI_EINVAL);
    assert_int_equal(READ("--backlog", "0"), CSGI_EINVAL);
    assert_int_equal(READ("--backlog", "1"), CSGI_OK);
    assert_int_equal(READ("--stack-size", "64KiB"), CSGI_OK);
    assert_int_equal(READ("--stack-size", "65535"), CSGI_EINVAL);
    assert_int_equal(READ("--stack-size", "64MiB"), CSGI_OK);
    assert_int_equal(READ("--stack-size", "67108865"), CSGI_EINVAL);
    assert_int_equal(READ("--fd", "2"), CSGI_EINVAL);
    assert_int_equal(READ("--fd", "3"), CSGI_OK);
    assert_int_equal(READ("--fd", "65535"), CSGI_OK);
    assert_int_equal(READ("--fd", "65536"), CSGI_EINVAL);
    assert_int_equal(READ("--drain-delay", "0"), CSGI_OK);
    assert_int_equal(READ("--drain-delay", "8760h"), CSGI_OK);
    assert_int_equal(READ("--drain-delay", "31536000001ms"), CSGI_EINVAL);
    assert_int_equal(READ("--limit-request-line", "0"), CSGI_EINVAL);
    assert_int_equal(READ("--limit-request-line", "1"), CSGI_OK);
    assert_int_equal(READ("--limit-request-line", "16MiB"), CSGI_OK);
    assert_int_equal(READ("--limit-request-line", "16777217"), CSGI_EINVAL);
    assert_int_equal(READ("--limit-headers", "0"), CSGI_EINVAL);
    assert_int_equal(READ("--limit-headers", "1"), CSGI_OK);
    assert_int_equal(READ("--limit-headers", "10000"), CSGI_OK);
    assert_int_equal(READ("--limit-headers", "10001"), CSGI_EINVAL);
    assert_int_equal(READ("--limit-header-size", "0"), CSGI_EINVAL);
    assert_int_equal(READ("--limit-header-size", "1"), CSGI_OK);
    assert_int_equal(READ("--limit-header-size", "16MiB"), CSGI_OK);
    assert_int_equal(READ("--limit-header-size", "16777217"), CSGI_EINVAL);
    assert_int_equal(READ("--limit-requests-per-connection", "4294967295"), CSGI_OK);
    assert_int_equal(READ("--limit-requests-per-connection", "4294967296"), CSGI_EINVAL);
    assert_int_equal(READ("--timeout-headers", "31536000s"), CSGI_OK);
    assert_int_equal(READ("--timeout-headers", "31536001s"), CSGI_EINVAL);
    assert_int_equal(READ("--timeout-body", "31536000s"), CSGI_OK);
    assert_int_equal(READ("--timeout-body", "31536001s"), CSGI_EINVAL);
    assert_int_equal(READ("--timeout-write", "31536000s"), CSGI_OK);
    assert_int_equal(READ("--timeout-write", "31536001s"), CSGI_EINVAL);
    buffer_fini(&problem);
}

static void a_list_of_proxies_is_checked_as_it_is_read(void **state)
{
    (void)state;
    assert_int_equal(READ("--forwarded-allow-ips=10.0.0.0/8, unix:", "--no-proxy-headers"),
                     CSGI_OK);
    assert_string_equal(options.forwarded_allow_ips, "10.0.0.0/8, unix:");
    assert_false(options.proxy_headers);
    assert_int_equal(READ("--forwarded-allow-ips", "::1,10.0.0.1/8",
                          "--forwarded-allow-ips=", "--forwarded-allow-ips"),
                     CSGI_EINVAL);
    assert_problem("--forwarded-allow-ips: found \"10.0.0.1/8\": the address goes on after the "
                   "prefix\n"
                   "--forwarded-allow-ips: found \"\": neither an address, a network "
                   "(10.0.0.0/8), unix: nor *\n"
                   "--forwarded-allow-ips: a value is missing, expected addresses, networks such "
                   "as 10.0.0.0/8, unix: or *\n");
}

static void a_flag_beats_the_environment(void **state)
{
    (void)state;
    setenv("CAPRICORN_PORT", "1234", 1);
    setenv("CAPRICORN_ACCESS_LOG", "off", 1);
    options_init(&options);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_OK);
    assert_int_equal(options.port, 1234);
    assert_false(options.access_log);
    arguments[0] = (char[]){ "--port=99" };
    assert_int_equal(options_read_arguments(&options, 1, arguments, &positionals, &asked, &problem),
                     CSGI_OK);
    assert_int_equal(options.port, 99);
    setenv("CAPRICORN_PORT", "x", 1);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_EINVAL);
    assert_problem("CAPRICORN_PORT: found \"x\", expected a number\n");
    unsetenv("CAPRICORN_PORT");
    unsetenv("CAPRICORN_ACCESS_LOG");
}

static void the_help_names_every_option(void **state)
{
    buffer help = { 0 };

    (void)state;
    assert_int_equal(options_print_help(&help), CSGI_OK);
    assert_int_equal(buffer_append(&help, "", 1), CSGI_OK);
    for (size_t i = 0; i < option_count; i++)
        assert_non_null(strstr(help.bytes, option_table[i].name));
    buffer_fini(&help);
}

static void durations_and_sizes_have_units(void **state)
{
    static const struct {
        csgi_str text;
        uint64_t ms;
    } good[] = { { CSGI_STR("250ms"), 250 },  { CSGI_STR("2s"), 2000 },  { CSGI_STR("2"), 2000 },
                 { CSGI_STR("1.5"), 1500 },   { CSGI_STR("0.005s"), 5 }, { CSGI_STR("1m"), 60000 },
                 { CSGI_STR("1h"), 3600000 }, { CSGI_STR("0"), 0 } };
    static const csgi_str bad[] = {
        CSGI_STR(""),      CSGI_STR("s"),   CSGI_STR("1d"),
        CSGI_STR("-1s"),   CSGI_STR("1.s"), CSGI_STR("1.2345s"),
        CSGI_STR("1.5ms"), CSGI_STR("1 s"), CSGI_STR("18446744073709551615s")
    };
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(parse_duration_ms(good[i].text, &value));
        assert_int_equal(value, good[i].ms);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(parse_duration_ms(bad[i], &value));
    assert_true(parse_size(STR("64KiB"), &value));
    assert_int_equal(value, 65536);
    assert_true(parse_size(STR("7"), &value));
    assert_int_equal(value, 7);
    assert_false(parse_size(STR("64KB"), &value));
    assert_false(parse_size(STR("1.5MiB"), &value));
    assert_false(parse_size(STR("99999999999GiB"), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_uvicorns),
        cmocka_unit_test(arguments_set_options_and_keep_positionals_in_order),
        cmocka_unit_test(help_and_version_are_reported),
        cmocka_unit_test(every_mistake_is_reported_at_once),
        cmocka_unit_test(bounds_hold_at_n_and_n_plus_1),
        cmocka_unit_test(a_list_of_proxies_is_checked_as_it_is_read),
        cmocka_unit_test(a_flag_beats_the_environment),
        cmocka_unit_test(the_help_names_every_option),
        cmocka_unit_test(durations_and_sizes_have_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
