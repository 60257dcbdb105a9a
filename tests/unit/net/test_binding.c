/* SPDX-License-Identifier: MIT
 * net/binding: modes, sockets that were passed on, names, IPv6 beside IPv4. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failing_malloc.h"
#include "rig.h"

static mode_t mode_of(const char *file)
{
    struct stat found;

    assert_int_equal(stat(file, &found), 0);
    return found.st_mode & 07777;
}

static void a_socket_file_gets_the_mode_that_is_asked_for(void **state)
{
    char file[] = "/tmp/capricorn-mode-XXXXXX";
    mode_t before = umask(027);
    rig now;
    listener *it;
    buffer reason = { 0 };

    (void)state;
    close(mkstemp(file));
    unlink(file);
    begin(&now);
    assert_int_equal(listener_bind_unix(now.loop, file, 0666, &it, &reason), CSGI_OK);
    assert_int_equal(mode_of(file), 0666);
    listener_close(it);
    it = bound_unix(&now, file);
    assert_int_equal(mode_of(file), 0750);
    listener_close(it);
    umask(before);
    finish(&now);
}

/* ---- sockets that were passed on ---- */

static void a_socket_that_was_passed_on_is_served(void **state)
{
    for (int listens = 0; listens < 2; listens++) {
        rig now;
        listener *it;
        buffer reason = { 0 };
        address at;
        int passed = socket(AF_INET, SOCK_STREAM, 0), fd;

        (void)state;
        begin(&now);
        assert_int_equal(address_from_ip(&at, "127.0.0.1", 0), CSGI_OK);
        assert_int_equal(bind(passed, &at.as.any, at.len), 0);
        if (listens) assert_int_equal(listen(passed, 5), 0);
        assert_int_equal(listener_adopt(now.loop, passed, &it, &reason), CSGI_OK);
        assert_true(fcntl(passed, F_GETFL) & O_NONBLOCK);
        assert_int_equal(fcntl(passed, F_GETFD), FD_CLOEXEC);
        start(&now, it);
        fd = connect_to(listener_address(it));
        until_accepted(&now, 1);
        close(fd);
        listener_close(it);
        finish(&now);
    }
}

static void a_socket_that_cannot_be_adopted_for_want_of_memory_is_named(void **state)
{
    rig now;
    listener *it;
    buffer reason = { 0 };
    char room[96] = "";
    int passed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    begin(&now);
    assert_int_equal(buffer_append(&reason, room, sizeof room), CSGI_OK); /* to have the room */
    reason.len = 0;
    failing_malloc_after(0);
    assert_int_equal(listener_adopt(now.loop, passed, &it, &reason), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    snprintf(room, sizeof room, "cannot listen on descriptor %d: out of memory", passed);
    assert_reason(&reason, room);
    close(passed);
    finish(&now);
}

static void the_file_of_a_socket_that_was_passed_on_stays(void **state)
{
    char file[] = "/tmp/capricorn-passed-XXXXXX";
    rig now;
    listener *it;
    buffer reason = { 0 };
    address at;
    int passed = socket(AF_UNIX, SOCK_STREAM, 0), fd;

    (void)state;
    close(mkstemp(file));
    unlink(file);
    begin(&now);
    assert_int_equal(address_from_path(&at, file), CSGI_OK);
    assert_int_equal(bind(passed, &at.as.any, at.len), 0);
    assert_int_equal(listener_adopt(now.loop, passed, &it, &reason), CSGI_OK);
    start(&now, it);
    fd = connect_to(&at);
    until_accepted(&now, 1);
    close(fd);
    listener_close(it);
    assert_int_equal(access(file, F_OK), 0);
    unlink(file);
    finish(&now);
}

static void assert_not_adopted(rig *now, int fd, const char *why)
{
    buffer reason = { 0 };
    listener *it;
    char want[200];

    assert_int_equal(listener_adopt(now->loop, fd, &it, &reason), CSGI_EFAIL);
    snprintf(want, sizeof want, "cannot listen on descriptor %d: it %s", fd, why);
    assert_reason(&reason, want);
    close(fd);
}

static void a_descriptor_that_cannot_listen_is_an_error(void **state)
{
    rig now;
    int pair[2];

    (void)state;
    begin(&now);
    assert_not_adopted(&now, 60000, "is not open (did the parent pass it on?)");
    assert_not_adopted(&now, open("/dev/null", O_RDONLY), "is not a socket");
    assert_not_adopted(&now, socket(AF_INET, SOCK_DGRAM, 0), "is not a stream socket");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_not_adopted(&now, pair[0],
                       "is a connection, not a socket that listens (systemd: Accept=no)");
    close(pair[1]);
    finish(&now);
}

/* ---- names ---- */

static void localhost_has_both_loopback_addresses(void **state)
{
    address found[4];
    size_t count;
    buffer reason = { 0 };

    (void)state;
    assert_int_equal(listener_find_host("localhost", 80, found, 4, &count, &reason), CSGI_OK);
    assert_int_equal(count, 2);
    assert_string_equal(address_host(&found[0]).bytes, "127.0.0.1");
    assert_string_equal(address_host(&found[1]).bytes, "::1");
    assert_int_equal(address_port(&found[1]), 80);
}

static void ipv6_alone_leaves_the_port_to_ipv4(void **state)
{
    rig now;
    listener *first, *second;
    buffer reason = { 0 };
    address at;
    csgi_status status;

    (void)state;
    begin(&now);
    first = bound(&now, "0.0.0.0", 0);
    start(&now, first);
    assert_int_equal(address_from_ip(&at, "::", address_port(listener_address(first))), CSGI_OK);
    status = listener_bind_tcp(now.loop, &at, true, &second, &reason);
    if (status == CSGI_OK) {
        start(&now, second);
        listener_close(second);
        assert_int_equal(listener_bind_tcp(now.loop, &at, false, &second, &reason), CSGI_EFAIL);
    }
    buffer_fini(&reason);
    listener_close(first);
    finish(&now);
    if (status == CSGI_EUNREACH) skip(); /* a machine without IPv6 */
    assert_int_equal(status, CSGI_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_file_gets_the_mode_that_is_asked_for),
        cmocka_unit_test(a_socket_that_was_passed_on_is_served),
        cmocka_unit_test(a_socket_that_cannot_be_adopted_for_want_of_memory_is_named),
        cmocka_unit_test(the_file_of_a_socket_that_was_passed_on_stays),
        cmocka_unit_test(a_descriptor_that_cannot_listen_is_an_error),
        cmocka_unit_test(localhost_has_both_loopback_addresses),
        cmocka_unit_test(ipv6_alone_leaves_the_port_to_ipv4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
