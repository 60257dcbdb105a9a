/* SPDX-License-Identifier: MIT
 * session/access_log: the atoms, mistakes in formats, JSON, and escaping. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/str.h"
#include "log/log.h"
#include "session/access_log.h"

static address peer;
static csgi_field headers[] = {
    { CSGI_STR("user-agent"), CSGI_STR("a \"b\"\x01"), 0, 0 },
    { CSGI_STR("x-id"), CSGI_STR("7"), 0, 0 },
};
static exchange request;

static int set_up(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_PLAIN);
    assert_int_equal(address_from_ip(&peer, "127.0.0.1", 54321), CSGI_OK);
    request = (exchange){ .client = &peer,
                          .method = STR("GET"),
                          .raw_path = STR("/weather"),
                          .query_string = STR("city=London"),
                          .http_version = STR("1.1"),
                          .scheme = STR("http"),
                          .status = 200,
                          .body_bytes_sent = 30,
                          .app_name = STR("weather"),
                          .endpoint_name = STR("get_weather"),
                          .route_pattern = STR("/weather"),
                          .headers = { headers, 2 } };
    return 0;
}

/* The line that reaches standard output, without its end. */
static const char *written(const access_log *log)
{
    static char text[8192];
    int ends[2], saved = dup(STDOUT_FILENO);
    ssize_t len;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    access_log_write(log, &request);
    log_flush();
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[1]);
    len = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(len > 0 && text[len - 1] == '\n');
    text[len - 1] = '\0';
    return text;
}

static void assert_line(const char *format, const char *expected)
{
    buffer problem = { 0 };
    access_log *log;

    assert_int_equal(access_log_new(format, &log, &problem), CSGI_OK);
    assert_string_equal(written(log), expected);
    access_log_free(log);
}

static void without_a_format_the_lines_are_uvicorns(void **state)
{
    (void)state;
    assert_line(NULL, "INFO:     127.0.0.1:54321 - \"GET /weather?city=London HTTP/1.1\" 200 OK");
    assert_int_equal(address_from_ip(&peer, "::1", 9), CSGI_OK);
    assert_line("%(client_addr)s %(h)s", "[::1]:9 ::1");
    assert_int_equal(address_from_path(&peer, "/run/x"), CSGI_OK);
    assert_line("%(client_addr)s %(h)s", "unix unix");
}

static void every_atom_prints_what_gunicorns_does(void **state)
{
    (void)state;
    assert_line("%(h)s %(l)s %(u)s \"%(r)s\" %(s)s %(b)s",
                "127.0.0.1 - - \"GET /weather?city=London HTTP/1.1\" 200 30");
    assert_line("%(m)s %(U)s %(q)s %(H)s %(S)s %(B)s", "GET /weather city=London HTTP/1.1 http 30");
    assert_line("%(app)s %(endpoint)s %(route)s %(status_code)s",
                "weather get_weather /weather 200 OK");
    assert_line("%({x-id}i)s %({X-ID}i)s %({none}i)s %(f)s", "7 7 - -");
    assert_line("100%% %(T)s %(M)s %(D)s %(L)s", "100% 0 0 0 0.000000");
    request.body_bytes_sent = 0;
    request.query_string = STR("");
    assert_line("%(b)s %(B)s|%(q)s|%(r)s", "- 0||GET /weather HTTP/1.1");
}

static void what_came_from_outside_cannot_break_a_line_or_a_quote(void **state)
{
    (void)state;
    assert_line("\"%(a)s\"", "\"a \\x22b\\x22\\x01\"");
}

static void durations_ask_for_the_clock(void **state)
{
    static const char *const slow[] = { "%(T)s", "%(M)s", "%(D)s", "%(L)s" };
    buffer problem = { 0 };
    access_log *log;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        assert_int_equal(access_log_new(slow[i], &log, &problem), CSGI_OK);
        assert_true(access_log_needs_clock(log));
        access_log_free(log);
    }
    assert_int_equal(access_log_new(NULL, &log, &problem), CSGI_OK);
    assert_false(access_log_needs_clock(log));
    access_log_free(log);
}

static void assert_refused(const char *format, const char *expected)
{
    buffer problem = { 0 };
    access_log *log;

    assert_int_equal(access_log_new(format, &log, &problem), CSGI_EINVAL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_memory_equal(problem.bytes, expected, strlen(expected));
    buffer_fini(&problem);
}

static void mistakes_in_a_format_are_told_with_their_column(void **state)
{
    (void)state;
    assert_refused("%(h)s %(x)s", "column 7: there is no \"%(x)s\"; there are h");
    assert_refused("%(client)s", "column 1: there is no \"%(client)s\"");
    assert_refused("%(endpont)s", "column 1: there is no \"%(endpont)s\" "
                                  "(did you mean \"%(endpoint)s\"?)");
    assert_refused("a%", "column 2: expected");
    assert_refused("%h", "column 1: expected");
    assert_refused("%(h)", "column 1: expected");
    assert_refused("%(h", "column 1: expected");
    assert_refused("%({a b}i)s", "column 1: there is no");
    assert_refused("%({}i)s", "column 1: there is no");
    assert_refused("%({a}o)s", "column 1: there is no");
}

static void a_json_line_is_one_object(void **state)
{
    static const char expected[] =
        "\",\"level\":\"INFO\",\"client\":\"127.0.0.1\",\"client_port\":54321,\"method\":\"GET\","
        "\"path\":\"/weather\",\"query\":\"city=London\",\"http_version\":\"1.1\",\"status\":200,"
        "\"bytes\":30,\"duration_ms\":0.000,\"app\":\"weather\",\"endpoint\":\"get_weather\","
        "\"route\":\"/weather\"}";
    const char *line;
    access_log *log;

    (void)state;
    log_init(LOG_INFO, LOG_JSON);
    assert_int_equal(access_log_new_json(&log), CSGI_OK);
    assert_true(access_log_needs_clock(log));
    line = written(log);
    assert_memory_equal(line, "{\"time\":\"20", 11);
    assert_string_equal(line + 33, expected);
    access_log_free(log);
}

static void the_longest_lines_are_cut_and_a_json_object_stays_whole(void **state)
{
    static char target[9000];
    const char *line;
    access_log *log;
    buffer problem = { 0 };

    (void)state;
    memset(target, '\x01', sizeof target);
    request.method = request.raw_path = request.query_string = request.app_name =
        request.endpoint_name = request.route_pattern = (csgi_str){ target, sizeof target };
    assert_int_equal(access_log_new("%(r)s", &log, &problem), CSGI_OK);
    assert_int_equal(strlen(written(log)), LOG_ACCESS_MAX);
    access_log_free(log);
    log_init(LOG_INFO, LOG_JSON);
    assert_int_equal(access_log_new_json(&log), CSGI_OK);
    line = written(log);
    assert_true(strlen(line) < LOG_ACCESS_MAX);
    assert_string_equal(line + strlen(line) - 8, "\\u0001\"}");
    access_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_format_the_lines_are_uvicorns, set_up),
        cmocka_unit_test_setup(every_atom_prints_what_gunicorns_does, set_up),
        cmocka_unit_test_setup(what_came_from_outside_cannot_break_a_line_or_a_quote, set_up),
        cmocka_unit_test_setup(durations_ask_for_the_clock, set_up),
        cmocka_unit_test_setup(mistakes_in_a_format_are_told_with_their_column, set_up),
        cmocka_unit_test_setup(a_json_line_is_one_object, set_up),
        cmocka_unit_test_setup(the_longest_lines_are_cut_and_a_json_object_stays_whole, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
