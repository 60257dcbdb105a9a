/* SPDX-License-Identifier: MIT
 * Connecting streams. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "net/stream.h"

typedef struct attempt {
    int calls;
    stream *connected;
    csgi_status status;
    const char *reason;
    bool in_call;
} attempt;

static void on_connected(void *arg, stream *connected, csgi_status status, const char *reason)
{
    attempt *self = arg;

    assert_false(self->in_call);
    self->calls++;
    self->connected = connected;
    self->status = status;
    self->reason = reason;
}

static attempt try_connect(loop *runner, const address *to, bool give_up)
{
    attempt self = { .in_call = true };
    connecting *begun;

    assert_int_equal(stream_connect(runner, to, on_connected, &self, &begun), CSGI_OK);
    if (give_up) connecting_cancel(begun);
    self.in_call = false;
    loop_run(runner);
    return self;
}

static void connecting_succeeds_fails_with_a_reason_or_is_given_up(void **state)
{
    static const loop_options usual;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    loop *runner;
    address to;
    attempt done;

    (void)state;
    assert_int_equal(loop_new(&usual, &runner), CSGI_OK);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    address_from_sockaddr(&to, (struct sockaddr *)&at, len);

    done = try_connect(runner, &to, false); /* bound, but not listening */
    assert_int_equal(done.calls, 1);
    assert_null(done.connected);
    assert_int_equal(done.status, CSGI_EUNREACH);
    assert_string_equal(done.reason, "connection refused");

    assert_int_equal(listen(listener, 5), 0);
    done = try_connect(runner, &to, true);
    assert_int_equal(done.calls, 0);
    done = try_connect(runner, &to, false);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, CSGI_OK);
    assert_int_equal(address_port(stream_peer(done.connected)), address_port(&to));
    assert_true(address_port(stream_local(done.connected)) > 0);
    stream_close(done.connected);
    loop_run(runner);
    loop_free(runner);
    close(listener);
    stream_pool_clear();
}

static void a_failure_known_at_once_is_told_from_the_loop(void **state)
{
    static const loop_options usual;
    loop *runner;
    address to;
    attempt done;

    (void)state;
    assert_int_equal(loop_new(&usual, &runner), CSGI_OK);
    assert_int_equal(address_from_ip(&to, "255.255.255.255", 9), CSGI_OK);
    done = try_connect(runner, &to, false); /* no stream goes to the broadcast address */
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, CSGI_EUNREACH);
    assert_true(strlen(done.reason) > 0);
    done = try_connect(runner, &to, true);
    assert_int_equal(done.calls, 0);
    assert_int_equal(address_from_path(&to, "/nonexistent/socket"), CSGI_OK);
    done = try_connect(runner, &to, false);
    assert_string_equal(done.reason, "no such file or directory");
    done = try_connect(runner, &to, true);
    assert_int_equal(done.calls, 0);
    loop_free(runner);
    stream_pool_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connecting_succeeds_fails_with_a_reason_or_is_given_up),
        cmocka_unit_test(a_failure_known_at_once_is_told_from_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
