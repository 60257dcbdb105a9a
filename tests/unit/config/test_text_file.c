/* SPDX-License-Identifier: MIT
 * Tests of config/text_file. */
#include "config/text_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int make_file(void **state)
{
    int fd;

    (void)state;
    snprintf(path, sizeof path, "/tmp/test_text_file_XXXXXX");
    fd = mkstemp(path);
    if (fd >= 0) close(fd);
    return fd < 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static csgi_status read_sized(off_t size, buffer *out, buffer *problem)
{
    assert_int_equal(truncate(path, size), 0);
    return text_file_read(path, out, problem);
}

static void a_file_is_read_whole_and_a_nul_follows(void **state)
{
    static const off_t sizes[] = { 0, 1, 4095, 4096, 4097, TEXT_FILE_MAX };
    buffer problem = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        buffer out = { 0 };

        assert_int_equal(read_sized(sizes[i], &out, &problem), CSGI_OK);
        assert_int_equal(out.len, sizes[i]);
        assert_int_equal(out.bytes[out.len], 0);
        buffer_fini(&out);
    }
    assert_int_equal(problem.len, 0);
}

static void a_file_that_is_larger_is_refused(void **state)
{
    buffer out = { 0 }, problem = { 0 };

    (void)state;
    assert_int_equal(read_sized(TEXT_FILE_MAX + 1, &out, &problem), CSGI_EINVAL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(strstr(problem.bytes, ": found more than 1048576 bytes"));
    buffer_fini(&out);
    buffer_fini(&problem);
}

static void what_is_no_file_is_refused_with_the_reason(void **state)
{
    buffer out = { 0 }, problem = { 0 };

    (void)state;
    assert_int_equal(text_file_read("/nonexistent", &out, &problem), CSGI_EINVAL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_string_equal(problem.bytes, "/nonexistent: cannot be read: No such file or directory");
    problem.len = 0;
    assert_int_equal(text_file_read("/tmp", &out, &problem), CSGI_EINVAL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(text_file_read(path, &out, &problem), CSGI_EINVAL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(strstr(problem.bytes, "/tmp: is no regular file"));
    assert_int_equal(out.len, 0);
    buffer_fini(&out);
    buffer_fini(&problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_read_whole_and_a_nul_follows, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(a_file_that_is_larger_is_refused, make_file, remove_file),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused_with_the_reason, make_file,
                                        remove_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
