/* SPDX-License-Identifier: MIT
 * Reading a file whole, off the loop: limits, what is no file, and no memory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/whole_file.h"
#include "base/str.h"
#include "failing_malloc.h"
#include "loop/task.h"

static const task_label label = { CSGI_STR("shop"), CSGI_STR("orders") };
static loop *world;
static arena memory;
static char folder[] = "/tmp/whole_file.XXXXXX", path[64];

typedef struct attempt {
    csgi_str path;
    uint64_t max_size;
    csgi_status status;
    csgi_str content;
    char why[256];
} attempt;

static csgi_status run_attempt(void *arg)
{
    attempt *self = arg;
    buffer why = { 0 };

    self->status =
        whole_file_read(world, &memory, self->path, self->max_size, &self->content, &why);
    snprintf(self->why, sizeof self->why, "%.*s", STR_ARG(buffer_str(&why)));
    buffer_fini(&why);
    return 0;
}

static attempt read_it(csgi_str from, uint64_t max_size)
{
    attempt self = { .path = from, .max_size = max_size, .status = 1 };

    assert_int_equal(task_spawn(world, &label, 0, run_attempt, NULL, &self, NULL), 0);
    loop_run(world);
    return self;
}

static void write_it(const char *bytes, size_t len)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static int begin(void **state)
{
    const loop_options options = { .max_threads = 2 };

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/whole_file.XXXXXX");
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/file", folder);
    arena_init(&memory, NULL, 0);
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    loop_free(world);
    arena_reset(&memory);
    return 0;
}

static void a_file_is_read_up_to_its_limit(void **state)
{
    attempt got;

    (void)state;
    write_it("hello", 5);
    got = read_it(str_from(path), 5);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(got.content.len, 5);
    assert_string_equal(got.content.ptr, "hello");
    got = read_it(str_from(path), 4);
    assert_int_equal(got.status, CSGI_ELIMIT);
    assert_non_null(strstr(got.why, "is larger than 4 bytes"));
    assert_int_equal(read_it(str_from(path), UINT64_MAX).content.len, 5);
    write_it("", 0);
    got = read_it(str_from(path), 0);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(got.content.len, 0);
    assert_string_equal(got.content.ptr, "");
}

static void a_file_that_does_not_tell_its_size_is_read_and_limited_too(void **state)
{
    attempt got;

    (void)state;
    got = read_it(STR("/proc/self/smaps"), 1 << 20);
    assert_int_equal(got.status, CSGI_OK);
    assert_true(got.content.len > 4096);
    assert_int_equal(read_it(STR("/proc/self/smaps"), 10).status, CSGI_ELIMIT);
}

static void what_is_no_file_is_said(void **state)
{
    attempt got;

    (void)state;
    got = read_it(str_from(path), 100);
    assert_int_equal(got.status, CSGI_EFAIL);
    assert_non_null(strstr(got.why, "cannot open "));
    assert_non_null(strstr(got.why, "/file: No such file or directory"));
    assert_int_equal(read_it(str_from(folder), 100).status, CSGI_EINVAL);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(read_it(str_from(path), 100).status, CSGI_EINVAL); /* at once */
    assert_int_equal(read_it(STR(""), 100).status, CSGI_EINVAL);
    assert_int_equal(read_it((csgi_str){ "/etc\0/passwd", 12 }, 100).status, CSGI_EINVAL);
}

static void without_memory_it_fails_whole(void **state)
{
    size_t n = 0;

    (void)state;
    write_it("hello", 5);
    for (;; n++) {
        attempt self = { .path = str_from(path), .max_size = 100, .status = 1 };

        assert_int_equal(task_spawn(world, &label, 0, run_attempt, NULL, &self, NULL), 0);
        failing_malloc_after(n);
        loop_run(world);
        if (!failing_malloc_off() || self.status == CSGI_OK) break;
        assert_int_equal(self.status, CSGI_ENOMEM);
    }
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_file_is_read_up_to_its_limit),
        TEST(a_file_that_does_not_tell_its_size_is_read_and_limited_too),
        TEST(what_is_no_file_is_said),
        TEST(without_memory_it_fails_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
