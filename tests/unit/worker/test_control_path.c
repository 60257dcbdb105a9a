/* SPDX-License-Identifier: MIT
 * worker/control_path: the directory of control sockets, and who may be found in it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "worker/control_path.h"

static char folder[64], own[80], expected[sizeof((control_place *)0)->path];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/capricorn-place-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(own, sizeof own, "%s/capricorn", folder);
    snprintf(expected, sizeof expected, "%s/%d.sock", own, (int)getpid());
    return setenv("XDG_RUNTIME_DIR", folder, 1);
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(expected);
    rmdir(own);
    unlink(own);
    return rmdir(folder);
}

static void choose(control_place *out)
{
    buffer problem = { 0 };

    assert_int_equal(control_path_choose(out, &problem), CSGI_OK);
    assert_int_equal(problem.len, 0);
}

/* A socket at the path; backlog -1: nobody listens. */
static int bind_at(const char *path, int backlog)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    if (backlog >= 0) assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

/* Is a server of that process found in our folder? Others may be running elsewhere. */
static bool finds(pid_t pid)
{
    control_place found[64];
    size_t count = control_path_find(found, 64);

    for (size_t i = 0; i < count && i < 64; i++) {
        if (found[i].pid == pid && strncmp(found[i].path, own, strlen(own)) == 0) return true;
    }
    return false;
}

static void the_directory_is_made_for_the_user_alone(void **state)
{
    control_place got;
    struct stat made;

    (void)state;
    choose(&got);
    assert_string_equal(got.path, expected);
    assert_int_equal(got.pid, getpid());
    assert_int_equal(stat(own, &made), 0);
    assert_int_equal(made.st_mode & 07777, 0700);
    choose(&got); /* it is there already */
    assert_string_equal(got.path, expected);
}

static void a_directory_where_others_may_write_is_left_alone(void **state)
{
    static const mode_t modes[] = { 0720, 0702, 0777 };
    control_place got;
    int fd;

    (void)state;
    assert_int_equal(mkdir(own, 0700), 0);
    fd = bind_at(expected, 1);
    assert_true(finds(getpid()));
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(own, modes[i]), 0);
        choose(&got);
        assert_string_not_equal(got.path, expected);
        assert_false(finds(getpid()));
    }
    assert_int_equal(chmod(own, 0755), 0);
    assert_true(finds(getpid()));
    close(fd);
}

static void the_runtime_directory_of_another_user_is_left_alone(void **state)
{
    control_place got;

    (void)state;
    if (geteuid() != 0) return;
    assert_int_equal(chown(folder, 12345, 12345), 0);
    choose(&got);
    assert_string_not_equal(got.path, expected);
    assert_int_equal(access(own, F_OK), -1);
}

static void a_link_is_no_directory(void **state)
{
    control_place got;

    (void)state;
    assert_int_equal(symlink("/tmp", own), 0);
    choose(&got);
    assert_string_not_equal(got.path, expected);
}

static void one_that_nobody_listens_on_is_not_found(void **state)
{
    control_place got;
    int fd;

    (void)state;
    choose(&got);
    fd = bind_at(expected, -1);
    assert_false(finds(getpid()));
    close(fd);
}

static void what_is_left_of_dead_processes_is_removed(void **state)
{
    control_place got;
    char dead[sizeof expected], other[sizeof expected];
    int fds[3];

    (void)state;
    choose(&got);
    snprintf(dead, sizeof dead, "%s/99999998.sock", own); /* more than any process id */
    snprintf(other, sizeof other, "%s/99999999.sock", own);
    fds[0] = bind_at(dead, -1);
    fds[1] = bind_at(other, 1);     /* it listens: a process in another number space */
    fds[2] = bind_at(expected, -1); /* of a process that lives */
    choose(&got);
    assert_int_not_equal(access(dead, F_OK), 0);
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(access(expected, F_OK), 0);
    unlink(other);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

static void other_names_are_no_servers(void **state)
{
    static const char *const names[] = { "x.sock", ".sock",   "0.sock",         "1.sock.x",
                                         "1",      "-1.sock", "4294967296.sock" };
    control_place got;

    (void)state;
    choose(&got);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[sizeof expected];
        int fd;

        snprintf(path, sizeof path, "%s/%s", own, names[i]);
        fd = bind_at(path, 1);
        for (pid_t pid = -1; pid <= 1; pid++)
            assert_false(finds(pid));
        unlink(path);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_directory_is_made_for_the_user_alone, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_directory_where_others_may_write_is_left_alone,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_runtime_directory_of_another_user_is_left_alone,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_link_is_no_directory, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(one_that_nobody_listens_on_is_not_found, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_is_left_of_dead_processes_is_removed, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(other_names_are_no_servers, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
