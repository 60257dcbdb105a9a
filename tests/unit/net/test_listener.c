/* SPDX-License-Identifier: MIT
 * Listening sockets: binding, accepting, closing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

static void port_0_picks_one_that_is_known_before_listening(void **state)
{
    rig now;
    listener *it;
    int fd;

    (void)state;
    begin(&now);
    it = bound(&now, "127.0.0.1", 0);
    assert_true(address_port(listener_address(it)) > 0);
    assert_string_equal(address_host(listener_address(it)).bytes, "127.0.0.1");
    start(&now, it);
    fd = connect_to(listener_address(it));
    until_accepted(&now, 1);
    assert_string_equal(address_host(stream_peer(now.streams[0])).bytes, "127.0.0.1");
    assert_int_equal(address_port(stream_local(now.streams[0])),
                     address_port(listener_address(it)));
    close(fd);
    listener_close(it);
    finish(&now);
}

static void ipv6_and_names_are_bound(void **state)
{
    static const char *const hosts[] = { "::1", "localhost", "::" };
    address probe;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(address_from_ip(&probe, "::1", 0), CSGI_OK);
    if (fd < 0 || bind(fd, &probe.as.any, probe.len)) skip(); /* a machine without IPv6 */
    close(fd);
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        rig now;
        listener *it;

        begin(&now);
        it = bound(&now, hosts[i], 0);
        start(&now, it);
        assert_int_equal(address_from_ip(&probe, i == 1 ? "127.0.0.1" : "::1",
                                         address_port(listener_address(it))),
                         CSGI_OK);
        fd = connect_to(&probe);
        until_accepted(&now, 1);
        close(fd);
        if (i == 2) { /* both families */
            assert_int_equal(address_from_ip(&probe, "127.0.0.1", address_port(&probe)), CSGI_OK);
            fd = connect_to(&probe);
            until_accepted(&now, 2);
            assert_string_equal(address_host(stream_peer(now.streams[1])).bytes, "127.0.0.1");
            close(fd);
        }
        listener_close(it);
        finish(&now);
    }
}

static void a_port_in_use_is_an_error_when_binding(void **state)
{
    rig now;
    listener *first, *second = NULL;
    buffer reason = { 0 };
    char want[200];

    (void)state;
    begin(&now);
    first = bound(&now, "127.0.0.1", 0);
    start(&now, first);
    assert_int_equal(bind_host(now.loop, "127.0.0.1", address_port(listener_address(first)),
                               &second, &reason),
                     CSGI_EFAIL);
    assert_null(second);
    snprintf(want, sizeof want,
             "cannot listen on 127.0.0.1:%u: address already in use (is another server running? "
             "choose another port)",
             address_port(listener_address(first)));
    assert_reason(&reason, want);
    listener_close(first);
    finish(&now);
}

static void other_failures_say_what_to_do(void **state)
{
    rig now;
    listener *it;
    buffer reason = { 0 };
    char host[65];

    (void)state;
    begin(&now);
    assert_int_equal(bind_host(now.loop, "192.0.2.1", 80, &it, &reason), CSGI_EUNREACH);
    assert_reason(&reason, "cannot listen on 192.0.2.1:80: address not available (this machine "
                           "has no such address; choose another with --host)");
    assert_int_equal(bind_host(now.loop, "127.0.0.1", 65536, &it, &reason), CSGI_EFAIL);
    assert_reason(&reason, "cannot listen on 127.0.0.1:65536: no such port (0 to 65535)");
    memset(host, 'a', 64);
    host[64] = '\0';
    assert_int_equal(bind_host(now.loop, host, 80, &it, &reason), CSGI_EFAIL);
    assert_int_equal(buffer_append(&reason, "", 1), CSGI_OK);
    assert_non_null(strstr(reason.bytes, "(choose an address with --host)"));
    buffer_fini(&reason);
    finish(&now);
}

static void a_closed_listeners_port_is_free_again(void **state)
{
    rig now;
    listener *it;
    uint32_t port;
    int fd;

    (void)state;
    begin(&now);
    it = bound(&now, "127.0.0.1", 0);
    start(&now, it);
    port = address_port(listener_address(it));
    fd = connect_to(listener_address(it));
    until_accepted(&now, 1);
    listener_close(it);
    it = bound(&now, "127.0.0.1", port); /* with a connection of the old one still open */
    listener_close(it);                  /* never started */
    close(fd);
    finish(&now);
}

static void closing_accepts_what_waits_in_the_backlog(void **state)
{
    rig now;
    listener *it;
    int fds[5];

    (void)state;
    begin(&now);
    it = bound(&now, "127.0.0.1", 0);
    start(&now, it);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = connect_to(listener_address(it));
    assert_int_equal(now.accepted, 0);
    listener_close(it);
    assert_int_equal(now.accepted, 5);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    finish(&now);
}

static void running_out_of_descriptors_is_waited_out(void **state)
{
    rig now;
    listener *it;
    struct rlimit before, small;
    int fds[3], next;

    (void)state;
    begin(&now);
    it = bound(&now, "127.0.0.1", 0);
    start(&now, it);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = connect_to(listener_address(it));
    next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    small = before;
    small.rlim_cur = (rlim_t)next + 1; /* one more, no more */
    setrlimit(RLIMIT_NOFILE, &small);
    run_for(&now, 250);
    assert_int_equal(now.accepted, 1);
    setrlimit(RLIMIT_NOFILE, &before);
    until_accepted(&now, 3);
    listener_close(it);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    finish(&now);
}

/* ---- Unix sockets ---- */

static char folder[] = "/tmp/capricorn-listener-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/s", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void a_unix_socket_is_served_and_removed(void **state)
{
    rig now;
    listener *it;
    int fd;

    (void)state;
    begin(&now);
    it = bound_unix(&now, path);
    assert_true(address_is_unix(listener_address(it)));
    assert_string_equal(address_host(listener_address(it)).bytes, path);
    start(&now, it);
    fd = connect_to(listener_address(it));
    until_accepted(&now, 1);
    assert_string_equal(address_host(stream_local(now.streams[0])).bytes, path);
    assert_string_equal(address_host(stream_peer(now.streams[0])).bytes, "");
    close(fd);
    listener_close(it);
    assert_int_equal(access(path, F_OK), -1);
    finish(&now);
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    rig now;
    listener *it;
    address at;
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    begin(&now);
    assert_int_equal(address_from_path(&at, path), CSGI_OK);
    assert_int_equal(bind(dead, &at.as.any, at.len), 0);
    assert_int_equal(listen(dead, 1), 0);
    close(dead);
    it = bound_unix(&now, path);
    start(&now, it);
    close(connect_to(listener_address(it)));
    until_accepted(&now, 1);
    listener_close(it);
    finish(&now);
}

static void a_live_unix_socket_is_an_error_and_stays(void **state)
{
    rig now;
    listener *it, *second;
    buffer reason = { 0 };
    char want[200];

    (void)state;
    begin(&now);
    it = bound_unix(&now, path);
    start(&now, it);
    assert_int_equal(listener_bind_unix(now.loop, path, LISTENER_MODE_BY_MASK, &second, &reason),
                     CSGI_EFAIL);
    snprintf(want, sizeof want,
             "cannot listen on %s: in use by a running server (stop it, or choose another path)",
             path);
    assert_reason(&reason, want);
    close(connect_to(listener_address(it)));
    until_accepted(&now, 2); /* the test for life was one */
    listener_close(it);
    finish(&now);
}

static void another_file_at_the_path_is_an_error_and_stays(void **state)
{
    rig now;
    listener *it;
    buffer reason = { 0 };
    char want[200];

    (void)state;
    begin(&now);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(listener_bind_unix(now.loop, path, LISTENER_MODE_BY_MASK, &it, &reason),
                     CSGI_EFAIL);
    snprintf(want, sizeof want,
             "cannot listen on %s: the file exists and is not a socket (remove it, or choose "
             "another path)",
             path);
    assert_reason(&reason, want);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    finish(&now);
}

static void a_path_that_is_too_long_or_nowhere_is_an_error(void **state)
{
    rig now;
    listener *it;
    char long_path[109];
    buffer reason = { 0 };

    (void)state;
    begin(&now);
    memset(long_path, 'p', 108);
    long_path[108] = '\0';
    assert_int_equal(listener_bind_unix(now.loop, long_path, LISTENER_MODE_BY_MASK, &it, &reason),
                     CSGI_EFAIL);
    assert_int_equal(buffer_append(&reason, "", 1), CSGI_OK);
    assert_non_null(strstr(reason.bytes, "a socket's path has 1 to 107 bytes"));
    buffer_fini(&reason);
    assert_int_equal(listener_bind_unix(now.loop, "/nonexistent/s", LISTENER_MODE_BY_MASK, &it,
                                        &reason),
                     CSGI_EFAIL);
    assert_reason(&reason, "cannot listen on /nonexistent/s: no such file or directory (its "
                           "directory has to be there first)");
    finish(&now);
}

static void a_socket_that_another_has_put_there_is_not_removed(void **state)
{
    rig now;
    listener *it, *second;

    (void)state;
    begin(&now);
    it = bound_unix(&now, path);
    unlink(path);
    second = bound_unix(&now, path);
    listener_close(it);
    assert_int_equal(access(path, F_OK), 0);
    listener_close(second);
    assert_int_equal(access(path, F_OK), -1);
    finish(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_0_picks_one_that_is_known_before_listening),
        cmocka_unit_test(ipv6_and_names_are_bound),
        cmocka_unit_test(a_port_in_use_is_an_error_when_binding),
        cmocka_unit_test(other_failures_say_what_to_do),
        cmocka_unit_test(a_closed_listeners_port_is_free_again),
        cmocka_unit_test(closing_accepts_what_waits_in_the_backlog),
        cmocka_unit_test(running_out_of_descriptors_is_waited_out),
        cmocka_unit_test(a_unix_socket_is_served_and_removed),
        cmocka_unit_test(a_stale_unix_socket_is_replaced),
        cmocka_unit_test(a_live_unix_socket_is_an_error_and_stays),
        cmocka_unit_test(another_file_at_the_path_is_an_error_and_stays),
        cmocka_unit_test(a_path_that_is_too_long_or_nowhere_is_an_error),
        cmocka_unit_test(a_socket_that_another_has_put_there_is_not_removed),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
