/* SPDX-License-Identifier: MIT
 * worker/systemd: sockets passed on, notification, and the watchdog. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "worker/systemd.h"

static bind_list list;
static buffer problem;

static void set_number(const char *name, long number)
{
    char text[32];

    snprintf(text, sizeof text, "%ld", number);
    setenv(name, text, 1);
}

static void sockets_for_this_process_are_listed_and_taken_out_of_the_environment(void **state)
{
    (void)state;
    set_number("LISTEN_PID", getpid());
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_FDNAMES", "a:b", 1);
    assert_int_equal(systemd_find_sockets(&list, &problem), CSGI_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.specs[0].kind, BIND_FD);
    assert_int_equal(list.specs[0].fd, 3);
    assert_int_equal(list.specs[1].fd, 4);
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    assert_int_equal(systemd_find_sockets(&list, &problem), CSGI_OK);
    assert_int_equal(list.count, 0);
}

static void sockets_for_another_process_are_not_ours(void **state)
{
    (void)state;
    setenv("LISTEN_FDS", "1", 1);
    set_number("LISTEN_PID", getpid() + 1);
    assert_int_equal(systemd_find_sockets(&list, &problem), CSGI_OK);
    assert_int_equal(list.count, 0);
    assert_non_null(getenv("LISTEN_FDS"));
    unsetenv("LISTEN_PID");
    assert_int_equal(systemd_find_sockets(&list, &problem), CSGI_OK);
    assert_int_equal(list.count, 0);
    unsetenv("LISTEN_FDS");
}

static void no_sockets_are_none_and_no_mistake(void **state)
{
    (void)state;
    set_number("LISTEN_PID", getpid());
    setenv("LISTEN_FDS", "0", 1);
    assert_int_equal(systemd_find_sockets(&list, &problem), CSGI_OK);
    assert_int_equal(list.count, 0);
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_PID"));
}

static void a_process_that_listens_elsewhere_forgets_its_sockets_and_only_its_own(void **state)
{
    (void)state;
    set_number("LISTEN_PID", getpid());
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_FDNAMES", "a:b", 1);
    systemd_forget_sockets();
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    set_number("LISTEN_PID", getpid() + 1);
    setenv("LISTEN_FDS", "2", 1);
    systemd_forget_sockets();
    assert_non_null(getenv("LISTEN_FDS"));
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
}

static void a_number_of_sockets_is_bounded_at_n_and_n_plus_1(void **state)
{
    static const char *const bad[] = { "33", "x", "-1", "" };

    (void)state;
    set_number("LISTEN_PID", getpid());
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        setenv("LISTEN_FDS", bad[i], 1);
        assert_int_equal(systemd_find_sockets(&list, &problem), CSGI_EINVAL);
        buffer_fini(&problem);
    }
    setenv("LISTEN_FDS", "33", 1);
    systemd_find_sockets(&list, &problem);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_string_equal(problem.bytes, "LISTEN_FDS: found \"33\", expected 0 to 32");
    buffer_fini(&problem);
    setenv("LISTEN_FDS", "32", 1);
    assert_int_equal(systemd_find_sockets(&list, &problem), CSGI_OK);
    assert_int_equal(list.count, 32);
}

/* ---- notification ---- */

/* A bound datagram socket; '@' begins an abstract name. */
static int receiver(const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, name, strlen(name));
    if (name[0] == '@') at.sun_path[0] = '\0';
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_told(int fd, const char *text)
{
    char got[128];
    ssize_t len = recv(fd, got, sizeof got - 1, 0);

    assert_true(len > 0);
    got[len] = '\0';
    assert_string_equal(got, text);
}

static void a_path_and_an_abstract_name_are_told(void **state)
{
    char name[64], directory[] = "/tmp/capricorn-notify-XXXXXX";
    int fd;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(name, sizeof name, "%s/s", directory);
    fd = receiver(name);
    systemd_tell("READY=1\nSTATUS=%s", "here");
    assert_told(fd, "READY=1\nSTATUS=here");
    close(fd);
    unlink(name);
    rmdir(directory);
    snprintf(name, sizeof name, "@capricorn-notify-%d", (int)getpid());
    fd = receiver(name);
    systemd_tell("STOPPING=1");
    assert_told(fd, "STOPPING=1");
    close(fd);
}

static void names_that_cannot_be_are_left_alone(void **state)
{
    char longest[200];

    (void)state;
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[109] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    systemd_tell("READY=1");
    setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
    systemd_tell("READY=1");
    setenv("NOTIFY_SOCKET", "", 1);
    systemd_tell("READY=1");
    unsetenv("NOTIFY_SOCKET");
    systemd_tell("READY=1");
}

/* ---- the watchdog ---- */

static const loop_options usual;

typedef struct rig {
    loop *loop;
    timer timer;
} rig;

static void stop_loop(timer *due)
{
    loop_stop(CONTAINER_OF(due, rig, timer)->loop);
}

static int count_beats(const char *usec, long pid)
{
    systemd manager = { 0 };
    rig now;
    char name[64], got[64];
    int fd, beats = 0;

    snprintf(name, sizeof name, "@capricorn-watchdog-%d", (int)getpid());
    fd = receiver(name);
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid) set_number("WATCHDOG_PID", pid);
    assert_int_equal(loop_new(&usual, &now.loop), CSGI_OK);
    timer_init(&now.timer, stop_loop);
    timer_start(now.loop, &now.timer, 100);
    systemd_open(&manager, now.loop);
    loop_run(now.loop);
    systemd_close(&manager);
    loop_free(now.loop);
    for (ssize_t len; (len = recv(fd, got, sizeof got, 0)) > 0; beats++)
        assert_memory_equal(got, "WATCHDOG=1", 10);
    close(fd);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    unsetenv("NOTIFY_SOCKET");
    return beats;
}

static void the_watchdog_is_reassured_more_than_once_in_its_time(void **state)
{
    (void)state;
    assert_true(count_beats("40000", 0) >= 3);
    assert_true(count_beats("40000", getpid()) >= 3);
}

static void the_watchdog_of_another_process_or_none_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(count_beats("40000", getpid() + 1), 0);
    assert_int_equal(count_beats("0", 0), 0);
    assert_int_equal(count_beats("soon", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_for_this_process_are_listed_and_taken_out_of_the_environment),
        cmocka_unit_test(sockets_for_another_process_are_not_ours),
        cmocka_unit_test(no_sockets_are_none_and_no_mistake),
        cmocka_unit_test(a_process_that_listens_elsewhere_forgets_its_sockets_and_only_its_own),
        cmocka_unit_test(a_number_of_sockets_is_bounded_at_n_and_n_plus_1),
        cmocka_unit_test(a_path_and_an_abstract_name_are_told),
        cmocka_unit_test(names_that_cannot_be_are_left_alone),
        cmocka_unit_test(the_watchdog_is_reassured_more_than_once_in_its_time),
        cmocka_unit_test(the_watchdog_of_another_process_or_none_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
