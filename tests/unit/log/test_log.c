/* SPDX-License-Identifier: MIT
 * log/log: levels, escaping, and that a reader who stalls costs lines, never time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/str.h"
#include "log/log.h"

/* A pipe in place of a standard descriptor. */
typedef struct capture {
    int fd, saved, read_end;
} capture;

static capture capture_begin(int fd)
{
    int ends[2];
    capture it = { fd, dup(fd), -1 };

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], fd);
    close(ends[1]);
    it.read_end = ends[0];
    fcntl(it.read_end, F_SETFL, O_NONBLOCK);
    return it;
}

static size_t capture_read(capture *it, char *out, size_t size)
{
    size_t len = 0;
    ssize_t count;

    while (len + 1 < size && (count = read(it->read_end, out + len, size - len - 1)) > 0)
        len += (size_t)count;
    out[len] = '\0';
    return len;
}

static void capture_end(capture *it)
{
    dup2(it->saved, it->fd);
    close(it->saved);
    close(it->read_end);
}

static void lines_have_uvicorns_prefix_and_lower_levels_are_dropped(void **state)
{
    char text[512];
    capture it = capture_begin(STDERR_FILENO);

    (void)state;
    log_init(LOG_INFO, LOG_PLAIN);
    log_debug("not seen");
    log_info("one");
    log_warning("two");
    log_error("three");
    log_write(LOG_CRITICAL, "four");
    capture_read(&it, text, sizeof text);
    capture_end(&it);
    assert_string_equal(text, "INFO:     one\nWARNING:  two\nERROR:    three\nCRITICAL: four\n");
}

static void control_bytes_are_escaped(void **state)
{
    char text[512];
    capture it = capture_begin(STDERR_FILENO);

    (void)state;
    log_info("a%sb", "\n\x1b[31m\x7f");
    capture_read(&it, text, sizeof text);
    capture_end(&it);
    assert_string_equal(text, "INFO:     a\\x0a\\x1b[31m\\x7fb\n");
}

static void a_line_of_any_length_is_cut_not_overrun(void **state)
{
    static char text[16384], fill[8000];
    capture it = capture_begin(STDERR_FILENO);

    (void)state;
    memset(fill, '\x01', sizeof fill - 1);
    log_info("%s", fill);
    assert_in_range(capture_read(&it, text, sizeof text), 1000, 2300);
    capture_end(&it);
}

static void a_full_pipe_drops_lines_and_the_next_one_counts_them(void **state)
{
    static char text[131072];
    capture it = capture_begin(STDERR_FILENO);

    (void)state;
    for (int i = 0; i < 5000; i++)
        log_info("line %d of a reader who sleeps", i);
    capture_read(&it, text, sizeof text);
    log_info("awake");
    capture_read(&it, text, sizeof text);
    capture_end(&it);
    assert_non_null(strstr(text, "awake ("));
    assert_non_null(strstr(text, "lines before this were dropped)\n"));
}

static void access_lines_reach_standard_output_by_flush(void **state)
{
    char text[512];
    capture it = capture_begin(STDOUT_FILENO);

    (void)state;
    log_access(STR("x - 200 OK"));
    assert_int_equal(capture_read(&it, text, sizeof text), 0);
    log_flush();
    capture_read(&it, text, sizeof text);
    capture_end(&it);
    assert_string_equal(text, "x - 200 OK\n");
}

static void json_lines_are_objects_with_time_level_and_message(void **state)
{
    char text[512];
    capture it = capture_begin(STDERR_FILENO);

    (void)state;
    log_init(LOG_INFO, LOG_JSON);
    log_warning("a \"b\"\n\xff");
    capture_read(&it, text, sizeof text);
    capture_end(&it);
    log_init(LOG_INFO, LOG_PLAIN);
    assert_memory_equal(text, "{\"time\":\"20", 11);
    assert_string_equal(text + 33,
                        "\",\"level\":\"WARNING\",\"message\":\"a \\\"b\\\"\\u000a\\ufffd\"}\n");
}

static void a_json_line_of_any_length_is_a_whole_object(void **state)
{
    static char text[16384], fill[8000];
    capture it = capture_begin(STDERR_FILENO);
    size_t len;

    (void)state;
    log_init(LOG_INFO, LOG_JSON);
    memset(fill, '\x01', sizeof fill - 1);
    log_info("%s", fill);
    len = capture_read(&it, text, sizeof text);
    capture_end(&it);
    log_init(LOG_INFO, LOG_PLAIN);
    assert_in_range(len, 1000, 2300);
    assert_string_equal(text + len - 9, "\\u0001\"}\n");
}

static void a_stalled_reader_of_the_access_log_costs_lines_that_are_counted(void **state)
{
    static char text[262144];
    char line[200];
    capture it = capture_begin(STDOUT_FILENO);

    (void)state;
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 2000; i++) {
        log_access((csgi_str){ line, sizeof line });
        log_flush();
    }
    for (int i = 0; i < 4; i++) {
        capture_read(&it, text, sizeof text);
        log_flush();
    }
    log_access(STR("awake"));
    log_flush();
    capture_read(&it, text, sizeof text);
    capture_end(&it);
    assert_non_null(strstr(text, "awake ("));
    assert_non_null(strstr(text, "lines before this were dropped)\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_uvicorns_prefix_and_lower_levels_are_dropped),
        cmocka_unit_test(control_bytes_are_escaped),
        cmocka_unit_test(a_line_of_any_length_is_cut_not_overrun),
        cmocka_unit_test(a_full_pipe_drops_lines_and_the_next_one_counts_them),
        cmocka_unit_test(json_lines_are_objects_with_time_level_and_message),
        cmocka_unit_test(a_json_line_of_any_length_is_a_whole_object),
        cmocka_unit_test(a_stalled_reader_of_the_access_log_costs_lines_that_are_counted),
        cmocka_unit_test(access_lines_reach_standard_output_by_flush),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
