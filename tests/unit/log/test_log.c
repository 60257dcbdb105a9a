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
    log_init(LOG_INFO, false);
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
    log_access("%s", "x - \"GET /\n HTTP/1.1\" 200 OK");
    assert_int_equal(capture_read(&it, text, sizeof text), 0);
    log_flush();
    capture_read(&it, text, sizeof text);
    capture_end(&it);
    assert_string_equal(text, "INFO:     x - \"GET /\\x0a HTTP/1.1\" 200 OK\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_uvicorns_prefix_and_lower_levels_are_dropped),
        cmocka_unit_test(control_bytes_are_escaped),
        cmocka_unit_test(a_line_of_any_length_is_cut_not_overrun),
        cmocka_unit_test(a_full_pipe_drops_lines_and_the_next_one_counts_them),
        cmocka_unit_test(access_lines_reach_standard_output_by_flush),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
