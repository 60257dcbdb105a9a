/* SPDX-License-Identifier: MIT
 * worker/pid_file: made whole, held, told from one that was left behind, and removed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "worker/pid_file.h"

static char folder[] = "/tmp/capricorn-pid-XXXXXX";
static char path[64], other[64];
static buffer problem;

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/x.pid", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder); /* fails when a draft was left */
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_text(const char *name, const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(name, "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void assert_own(void)
{
    char own[32];

    snprintf(own, sizeof own, "%d\n", (int)getpid());
    assert_text(path, own);
}

static void assert_refused(const char *name, const char *why)
{
    pid_file file = { 0 };

    assert_int_equal(pid_file_create(&file, name, &problem), CSGI_EFAIL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(strstr(problem.bytes, why));
    buffer_fini(&problem);
    assert_null(file.path);
}

static void it_has_the_process_id_and_goes_at_the_end(void **state)
{
    pid_file file = { 0 };
    struct stat facts;

    (void)state;
    assert_int_equal(pid_file_create(&file, path, &problem), CSGI_OK);
    assert_own();
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_nlink, 1);
    pid_file_remove(&file);
    assert_int_not_equal(access(path, F_OK), 0);
    pid_file_remove(&file);
}

static void one_that_is_held_is_refused(void **state)
{
    pid_file file = { 0 };
    char why[128];

    (void)state;
    assert_int_equal(pid_file_create(&file, path, &problem), CSGI_OK);
    snprintf(why, sizeof why, "%s belongs to process %d, which is running", path, (int)getpid());
    assert_refused(path, why);
    assert_own();
    pid_file_remove(&file);
}

static void one_that_was_left_behind_is_replaced(void **state)
{
    static const char *const left[] = { "", "1\n", "1", "4194304\n" };

    (void)state;
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        pid_file file = { 0 };

        write_text(path, left[i]);
        assert_int_equal(pid_file_create(&file, path, &problem), CSGI_OK);
        assert_own();
        pid_file_remove(&file);
        assert_int_not_equal(access(path, F_OK), 0);
    }
}

static void what_is_no_pid_file_is_left_alone(void **state)
{
    static const char *const left[] = {
        "x", "\n\n", "1\n2\n", "-1\n", "1 \n", "111111111111111111111111111111111111111111"
    };

    (void)state;
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        write_text(path, left[i]);
        assert_refused(path, "holds something else than a process id");
        assert_text(path, left[i]);
    }
    unlink(path);
    write_text(other, "1\n");
    assert_int_equal(symlink(other, path), 0);
    assert_refused(path, "cannot read");
    assert_text(other, "1\n");
    unlink(path);
}

/* It would be replaced, and removed at the end: as root, /dev/null. */
static void what_is_no_regular_file_is_left_alone(void **state)
{
    struct stat is;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(path, "is no regular file");
    assert_int_equal(lstat(path, &is), 0);
    assert_true(S_ISFIFO(is.st_mode));
    unlink(path);
    assert_refused(folder, "is no regular file");
}

static void a_file_that_another_put_there_is_not_removed(void **state)
{
    pid_file file = { 0 };

    (void)state;
    assert_int_equal(pid_file_create(&file, path, &problem), CSGI_OK);
    unlink(path);
    write_text(path, "7\n");
    pid_file_remove(&file);
    assert_text(path, "7\n");
    unlink(path);
}

static void a_path_has_a_limit(void **state)
{
    char name[600];

    (void)state;
    memset(name, '/', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_refused(name, "File name too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_the_process_id_and_goes_at_the_end),
        cmocka_unit_test(one_that_is_held_is_refused),
        cmocka_unit_test(one_that_was_left_behind_is_replaced),
        cmocka_unit_test(what_is_no_pid_file_is_left_alone),
        cmocka_unit_test(what_is_no_regular_file_is_left_alone),
        cmocka_unit_test(a_file_that_another_put_there_is_not_removed),
        cmocka_unit_test(a_path_has_a_limit),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
