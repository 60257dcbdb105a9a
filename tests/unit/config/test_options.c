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
#include "config/header_text.h"
#include "config/option_values.h"
#include "config/options.h"
#include "config/units.h"

#define READ(...)                                   \
    read_arguments((const char *[]){ __VA_ARGS__ }, \
                   sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *))

static server_options options;
static buffer problem;
static option_use command = OPTION_OF_RUN;
static int positionals;
static const char *asked;
static char *arguments[16];

static csgi_status read_arguments(const char **argv, size_t count)
{
    buffer_fini(&problem);
    options_init(&options);
    memcpy(arguments, argv, count * sizeof *argv);
    return options_read_arguments(&options, &(option_taker){ .uses = command }, (int)count,
                                  arguments, &positionals, &asked, &problem);
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
    assert_int_equal(READ("--threads", "0"), CSGI_EINVAL);
    assert_int_equal(READ("--threads", "1"), CSGI_OK);
    assert_int_equal(READ("--threads", "1024"), CSGI_OK);
    assert_int_equal(READ("--threads", "1025"), CSGI_EINVAL);
    assert_int_equal(READ("--thread-queue", "0"), CSGI_EINVAL);
    assert_int_equal(READ("--thread-queue", "1"), CSGI_OK);
    assert_int_equal(READ("--thread-queue", "65536"), CSGI_OK);
    assert_int_equal(READ("--thread-queue", "65537"), CSGI_EINVAL);
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
    assert_int_equal(READ("--limit-max-requests", "4294967295"), CSGI_OK);
    assert_int_equal(READ("--limit-max-requests", "4294967296"), CSGI_EINVAL);
    assert_int_equal(READ("--limit-max-requests-jitter", "4294967295"), CSGI_OK);
    assert_int_equal(READ("--limit-max-requests-jitter", "4294967296"), CSGI_EINVAL);
    assert_int_equal(READ("--timeout-headers", "31536000s"), CSGI_OK);
    assert_int_equal(READ("--timeout-headers", "31536001s"), CSGI_EINVAL);
    assert_int_equal(READ("--timeout-body", "31536000s"), CSGI_OK);
    assert_int_equal(READ("--timeout-body", "31536001s"), CSGI_EINVAL);
    assert_int_equal(READ("--timeout-write", "31536000s"), CSGI_OK);
    assert_int_equal(READ("--timeout-write", "31536001s"), CSGI_EINVAL);
    buffer_fini(&problem);
}

static void a_command_has_its_own_options_only(void **state)
{
    buffer help = { 0 };

    (void)state;
    command = OPTION_OF_CHECK;
    assert_int_equal(READ("--insecure-plugins", "x.so"), CSGI_OK);
    assert_true(options.insecure_plugins);
    assert_int_equal(READ("--port", "1", "--port=1", "--access-log", "--no-insecure", "x.so"),
                     CSGI_EINVAL);
    assert_int_equal(positionals, 1);
    assert_problem("--port: this command has no such option; capricorn run has\n"
                   "--port: this command has no such option; capricorn run has\n"
                   "--access-log: this command has no such option; capricorn run has\n"
                   "--no-insecure: there is no such option\n");
    assert_int_equal(options_print_help(OPTION_OF_CHECK, &help), CSGI_OK);
    assert_int_equal(buffer_append(&help, "", 1), CSGI_OK);
    assert_non_null(strstr(help.bytes, "--insecure-plugins"));
    assert_null(strstr(help.bytes, "--port"));
    buffer_fini(&help);
    command = OPTION_OF_RUN;
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
    assert_int_equal(options_read_arguments(&options, &(option_taker){ .uses = OPTION_OF_RUN }, 1,
                                            arguments, &positionals, &asked, &problem),
                     CSGI_OK);
    assert_int_equal(options.port, 99);
    setenv("CAPRICORN_PORT", "x", 1);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_EINVAL);
    assert_problem("CAPRICORN_PORT: found \"x\", expected a number\n");
    unsetenv("CAPRICORN_PORT");
    unsetenv("CAPRICORN_ACCESS_LOG");
}

static void headers_are_checked_as_they_are_read(void **state)
{
    buffer lines = { 0 };

    (void)state;
    assert_int_equal(READ("--header", "X-One:1", "--header=x-two:  a, b ", "--header", "Server:"),
                     CSGI_OK);
    assert_int_equal(headers_print_lines(&options.headers, &lines), CSGI_OK);
    assert_int_equal(buffer_append(&lines, "", 1), CSGI_OK);
    assert_string_equal(lines.bytes, "x-one: 1\r\nx-two: a, b\r\nserver: \r\n");
    buffer_fini(&lines);
    assert_true(headers_have(&options.headers, STR("SERVER")));
    assert_false(headers_have(&options.headers, STR("x-on")));
    assert_int_equal(READ("--header", "no colon", "--header=a b:1", "--header", ":1",
                          "--header=a:\r\nb:1", "--header", "Content-Length:1", "--header="),
                     CSGI_EINVAL);
    assert_problem("--header: found \"no colon\", expected NAME:VALUE, with a header's name\n"
                   "--header: found \"a b:1\", expected NAME:VALUE, with a header's name\n"
                   "--header: found \":1\", expected NAME:VALUE, with a header's name\n"
                   "--header: found \"a:\r\nb:1\", expected a value without control characters\n"
                   "--header: found \"Content-Length:1\", expected a header that the server does "
                   "not set itself\n"
                   "--header: found \"\", expected NAME:VALUE\n");
}

static void a_root_path_needs_no_escape(void **state)
{
    static const char *const good[] = { "/a", "/api/v1.2", "/~x/-/_/..." };
    static const char *const bad[] = { "",    "/",    "api", "/api/", "//a",  "/a//b",
                                       "/./", "/a/.", "/..", "/a b",  "/%41", "/a?b" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(READ("--root-path", good[i]), CSGI_OK);
        assert_string_equal(options.root_path, good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(READ("--root-path", bad[i]), CSGI_EINVAL);
    assert_problem("--root-path: found \"/a?b\", expected a path such as /api, with no slash at "
                   "its end\n");
}

static csgi_status read_variable(const char *name, const char *value)
{
    csgi_status status;

    buffer_fini(&problem);
    options_init(&options);
    setenv(name, value, 1);
    status = options_read_environment(&options, &problem);
    unsetenv(name);
    return status;
}

static void headers_in_the_environment_stand_on_lines(void **state)
{
    (void)state;
    assert_int_equal(read_variable("CAPRICORN_HEADER", "A: 1, 2\nB:3"), CSGI_OK);
    assert_int_equal(options.headers.count, 2);
    assert_true(str_eq(options.headers.items[0], STR("A: 1, 2")));
    assert_int_equal(read_variable("CAPRICORN_HEADER", "A: 1\n\nB:3"), CSGI_EINVAL);
    assert_problem("CAPRICORN_HEADER: found \"A: 1\n\nB:3\", expected text between the line "
                   "ends\n");
}

static void the_platforms_port_counts_when_nothing_of_ours_says_where(void **state)
{
    (void)state;
    setenv("PORT", "99", 1);
    assert_int_equal(read_variable("CAPRICORN_HOST", "::1"), CSGI_OK);
    assert_int_equal(options.port, 99);
    assert_int_equal(options_source(&options, "port"), OPTION_FROM_ENVIRONMENT);
    assert_int_equal(read_variable("CAPRICORN_PORT", "98"), CSGI_OK);
    assert_int_equal(options.port, 98);
    assert_int_equal(read_variable("CAPRICORN_UDS", "/x"), CSGI_OK);
    assert_int_equal(options.port, 8000);
    assert_int_equal(read_variable("PORT", "65536"), CSGI_EINVAL);
    assert_problem("PORT: found \"65536\", expected 0 to 65535\n");
    assert_int_equal(read_variable("PORT", ""), CSGI_OK);
    assert_int_equal(options.port, 8000);
}

static void an_empty_variable_counts_as_unset(void **state)
{
    static const char *const names[] = { "CAPRICORN_UDS",  "CAPRICORN_PORT", "CAPRICORN_ACCESS_LOG",
                                         "CAPRICORN_BIND", "CAPRICORN_FD",   "CAPRICORN_HEADER" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        setenv(names[i], "", 1);
    setenv("PORT", "99", 1);
    options_init(&options);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_OK);
    assert_null(options.uds);
    assert_int_equal(options.bind.count, 0);
    assert_int_equal(options_source(&options, "uds"), OPTION_BY_DEFAULT);
    assert_int_equal(options_source(&options, "bind"), OPTION_BY_DEFAULT);
    assert_int_equal(options.port, 99); /* none of them says where to listen */
    assert_true(options.access_log);
    unsetenv("PORT");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unsetenv(names[i]);
}

static void the_environment_leaves_what_the_arguments_have_set(void **state)
{
    (void)state;
    assert_int_equal(READ("--port=99", "--bind=a:1"), CSGI_OK);
    setenv("CAPRICORN_BIND", "b:1,c:2", 1);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_OK);
    setenv("PORT", "97", 1);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_OK);
    assert_int_equal(options.bind.count, 1);
    assert_true(str_eq(options.bind.items[0], STR("a:1")));
    assert_int_equal(options.port, 99);
    setenv("CAPRICORN_PORT", "98", 1);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_OK);
    assert_int_equal(options.port, 99);
    setenv("CAPRICORN_PORT", "x", 1);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_EINVAL);
    assert_problem("CAPRICORN_PORT: found \"x\", expected a number\n");
    unsetenv("CAPRICORN_PORT");
    unsetenv("CAPRICORN_BIND");
    unsetenv("PORT");
}

static void an_option_that_comes_too_late_in_a_file_is_no_key_of_it(void **state)
{
    (void)state;
    assert_null(options_find_key(STR("env_file")));
    assert_null(options_suggest_key(STR("env_fil")));
}

static void what_kubernetes_says_of_a_service_is_not_said_to_us(void **state)
{
    buffer lines = { 0 };

    (void)state;
    clearenv();
    setenv("CAPRICORN_SERVICE_HOST", "10.0.0.1", 1);
    setenv("CAPRICORN_PORT_8000_TCP", "tcp://10.0.0.1:8000", 1);
    assert_int_equal(read_variable("CAPRICORN_PORT", "tcp://10.0.0.1:8000"), CSGI_OK);
    assert_int_equal(options.port, 8000);
    assert_int_equal(options_source(&options, "port"), OPTION_BY_DEFAULT);
    setenv("PORT", "99", 1);
    assert_int_equal(read_variable("CAPRICORN_PORT", "udp://10.0.0.1:8000"), CSGI_OK);
    assert_int_equal(options.port, 99);
    setenv("CAPRICORN_PORT", "tcp://10.0.0.1:8000", 1);
    assert_int_equal(options_find_strangers(&lines), CSGI_OK);
    assert_int_equal(lines.len, 0);
    assert_int_equal(read_variable("CAPRICORN_HOST", "tcp://x"), CSGI_OK);
    assert_string_equal(options.host, "tcp://x");
    assert_int_equal(read_variable("CAPRICORN_PORT", "80:90"), CSGI_EINVAL);
    buffer_fini(&problem);
    clearenv();
}

static void a_variable_that_is_no_option_is_told_with_the_nearest(void **state)
{
    buffer lines = { 0 };

    (void)state;
    clearenv();
    setenv("CAPRICORN_PROT", "1", 1);
    setenv("CAPRICORN_HOST", "::1", 1);
    setenv("CAPRICORNE", "1", 1);
    assert_int_equal(options_find_strangers(&lines), CSGI_OK);
    assert_int_equal(buffer_append(&lines, "", 1), CSGI_OK);
    assert_string_equal(lines.bytes, "CAPRICORN_PROT in the environment: there is no such option "
                                     "(did you mean CAPRICORN_PORT?)\n");
    buffer_fini(&lines);
    clearenv();
}

static csgi_status set_from_file(const char *key, const char *text)
{
    const option_entry *entry = options_find_key(str_from(key));

    assert_non_null(entry);
    return options_set_from_file(&options, entry, text, &problem);
}

static void a_key_of_the_routes_file_is_the_name_with_underscores(void **state)
{
    char key[OPTION_NAME_MAX];

    (void)state;
    assert_string_equal(options_find_key(STR("limit_body"))->name, "limit-body");
    assert_null(options_find_key(STR("limit-body")));
    assert_null(options_find_key(STR("no_access_log")));
    assert_null(options_find_key(STR("")));
    option_print_key(options_suggest_key(STR("limit-body")), key, sizeof key);
    assert_string_equal(key, "limit_body");
    assert_string_equal(options_suggest_key(STR("prot"))->name, "port");
    assert_null(options_suggest_key(STR("colour_of_the_sky")));
}

static void the_routes_file_beats_the_default_and_nothing_else(void **state)
{
    (void)state;
    setenv("CAPRICORN_BACKLOG", "7", 1);
    assert_int_equal(READ("--port=99"), CSGI_OK);
    assert_int_equal(options_read_environment(&options, &problem), CSGI_OK);
    unsetenv("CAPRICORN_BACKLOG");
    assert_int_equal(set_from_file("port", "1"), CSGI_OK);
    assert_int_equal(set_from_file("backlog", "1"), CSGI_OK);
    assert_int_equal(set_from_file("limit_body", "2MiB"), CSGI_OK);
    assert_int_equal(set_from_file("access_log", "false"), CSGI_OK);
    assert_int_equal(options.port, 99);
    assert_int_equal(options.backlog, 7);
    assert_int_equal(options.limit_body, 2097152);
    assert_false(options.access_log);
    assert_int_equal(options_source(&options, "port"), OPTION_FROM_ARGUMENTS);
    assert_int_equal(options_source(&options, "backlog"), OPTION_FROM_ENVIRONMENT);
    assert_int_equal(options_source(&options, "limit-body"), OPTION_FROM_FILE);
    assert_int_equal(options_source(&options, "host"), OPTION_BY_DEFAULT);
}

static void a_wrong_text_in_the_routes_file_is_told_even_when_a_flag_beats_it(void **state)
{
    (void)state;
    assert_int_equal(READ("--port=99"), CSGI_OK);
    assert_int_equal(set_from_file("port", "65536"), CSGI_EINVAL);
    assert_problem("found \"65536\", expected 0 to 65535");
    assert_int_equal(options.port, 99);
    assert_int_equal(set_from_file("limit_headers", "0"), CSGI_EINVAL);
    assert_problem("found \"0\", expected 1 to 10000");
    assert_int_equal(set_from_file("timeout_keep_alive", "0"), CSGI_EINVAL);
    assert_problem("found \"0\", expected 1ms to 8760h");
    assert_int_equal(set_from_file("stack_size", "65MiB"), CSGI_EINVAL);
    assert_problem("found \"65MiB\", expected 64KiB to 64MiB");
    assert_int_equal(options.limit_headers, 100);
    assert_int_equal(options_source(&options, "limit-headers"), OPTION_BY_DEFAULT);
    assert_int_equal(set_from_file("uds", ""), CSGI_EINVAL);
    assert_problem("found \"\", expected a path");
    assert_int_equal(set_from_file("forwarded_allow_ips", "x"), CSGI_EINVAL);
    assert_problem("found \"x\": neither an address, a network (10.0.0.0/8), unix: nor *");
}

static void each_text_for_a_list_in_the_routes_file_is_one_more_element(void **state)
{
    (void)state;
    options_init(&options);
    for (unsigned i = 0; i < OPTION_LIST_MAX; i++)
        assert_int_equal(set_from_file("bind", "unix:/a,b"), CSGI_OK);
    assert_int_equal(options.bind.count, OPTION_LIST_MAX);
    assert_true(str_eq(options.bind.items[0], STR("unix:/a,b")));
    assert_int_equal(set_from_file("bind", "unix:/c"), CSGI_EINVAL);
    assert_problem("found \"unix:/c\", expected at most 32 of them");
    assert_int_equal(READ("--bind=unix:/x"), CSGI_OK);
    assert_int_equal(set_from_file("bind", "unix:/c"), CSGI_OK);
    assert_int_equal(options.bind.count, 1);
    assert_true(str_eq(options.bind.items[0], STR("unix:/x")));
}

static void every_kind_says_how_json_writes_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        option_form form = option_form_of(option_table[i].kind);

        assert_true(form.is_boolean || form.is_integer || form.is_string);
        assert_true(form.is_string || (!form.pattern && !form.words));
    }
    assert_string_equal(option_form_of(OPTION_LOG_FORMAT).words[1], "json");
    assert_null(option_form_of(OPTION_LOG_FORMAT).words[2]);
}

static void the_words_of_an_option_are_accepted_and_stand_in_what_it_expects(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const option_entry *entry = &option_table[i];
        const char *const *word = option_form_of(entry->kind).words;

        for (; word && *word; word++) {
            assert_int_equal(option_set(&options, entry, *word, &problem), CSGI_OK);
            assert_non_null(strstr(option_expects(entry->kind), *word));
        }
    }
    assert_int_equal(options.log_format, LOG_JSON); /* the last of its words */
}

static void the_help_names_every_option(void **state)
{
    buffer help = { 0 };

    (void)state;
    assert_int_equal(options_print_help(OPTION_OF_RUN, &help), CSGI_OK);
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
        cmocka_unit_test(a_command_has_its_own_options_only),
        cmocka_unit_test(a_list_of_proxies_is_checked_as_it_is_read),
        cmocka_unit_test(a_flag_beats_the_environment),
        cmocka_unit_test(a_root_path_needs_no_escape),
        cmocka_unit_test(headers_are_checked_as_they_are_read),
        cmocka_unit_test(headers_in_the_environment_stand_on_lines),
        cmocka_unit_test(the_platforms_port_counts_when_nothing_of_ours_says_where),
        cmocka_unit_test(an_empty_variable_counts_as_unset),
        cmocka_unit_test(the_environment_leaves_what_the_arguments_have_set),
        cmocka_unit_test(an_option_that_comes_too_late_in_a_file_is_no_key_of_it),
        cmocka_unit_test(what_kubernetes_says_of_a_service_is_not_said_to_us),
        cmocka_unit_test(a_variable_that_is_no_option_is_told_with_the_nearest),
        cmocka_unit_test(a_key_of_the_routes_file_is_the_name_with_underscores),
        cmocka_unit_test(the_routes_file_beats_the_default_and_nothing_else),
        cmocka_unit_test(a_wrong_text_in_the_routes_file_is_told_even_when_a_flag_beats_it),
        cmocka_unit_test(each_text_for_a_list_in_the_routes_file_is_one_more_element),
        cmocka_unit_test(every_kind_says_how_json_writes_it),
        cmocka_unit_test(the_words_of_an_option_are_accepted_and_stand_in_what_it_expects),
        cmocka_unit_test(the_help_names_every_option),
        cmocka_unit_test(durations_and_sizes_have_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
