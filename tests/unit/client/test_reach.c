/* SPDX-License-Identifier: MIT
 * Reaching a server: addresses, names, sockets, and what may not be sent. */
#include "reach.h"
#include "rig.h"

static void a_refused_connection_says_so(void **state)
{
    rig bench;
    char want[100];
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, but not listening */

    (void)state;
    begin(&bench, NULL, NULL);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    bench.server.port = ntohs(at.sin_port);
    snprintf(want, sizeof want, "http://127.0.0.1:%u: connection refused", bench.server.port);
    expect_failure(&bench, "/", CSGI_EUNREACH, want);
    assert_int_equal(client_get_counts(bench.client).connections, 0);
    close(fd);
    finish(&bench);
}

static void a_name_is_resolved(void **state)
{
    rig bench;
    char to[100];

    (void)state;
    begin(&bench, say_close, NULL);
    /* Short for 127.0.0.1: it goes the way of names, but needs no name server. */
    snprintf(to, sizeof to, "http://127.1:%u/", bench.server.port);
    for (int i = 0; i < 2; i++) /* the second time from memory */
        expect_body(&bench, to, "hi");
    assert_int_equal(bench.server.accepted, 2);
    finish(&bench);
}

static void a_names_addresses_are_tried_in_order(void **state)
{
    rig bench;
    struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    socklen_t len = sizeof at;
    char to[100];
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    begin(&bench, say_hi, NULL);
    snprintf(to, sizeof to, "http://localhost:%u/", bench.server.port);
    expect_body(&bench, to, "hi");
    finish(&bench);

    /* Nobody listens at 127.0.0.1 with that port, but somebody does at ::1. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len)) skip(); /* a machine without IPv6 */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    begin(&bench, NULL, NULL);
    serve_listen(&bench.server, AF_INET6, &at, sizeof at, say_hi);
    snprintf(to, sizeof to, "http://localhost:%u/", ntohs(at.sin6_port));
    expect_body(&bench, to, "hi");
    finish(&bench);
}

static void each_address_of_a_name_says_why_it_failed(void **state)
{
    rig bench;
    char to[100], want[200];
    address at;
    int fd = bind_loopback(1, 0, &at);
    uint32_t port = address_port(&at);

    (void)state;
    begin(&bench, NULL, NULL);
    snprintf(to, sizeof to, "http://localhost:%u/", port);
    snprintf(want, sizeof want,
             "http://localhost:%u: 127.0.0.1:%u: connection refused; [::1]:%u: ", port, port, port);
    expect_failure(&bench, to, CSGI_EUNREACH, want);
    snprintf(to, sizeof to, "http://127.1:%u/", port);
    snprintf(want, sizeof want, "http://127.1:%u: 127.0.0.1:%u: connection refused", port, port);
    for (int i = 0; i < 2; i++)
        expect_failure(&bench, to, CSGI_EUNREACH, want);
    finish(&bench);
    close(fd);
}

/* Not on each machine, and the port may be somebody's. */
static bool can_bind(const struct sockaddr_in6 *at)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool can = fd >= 0 && bind(fd, (const struct sockaddr *)at, sizeof *at) == 0;

    if (fd >= 0) close(fd);
    return can;
}

static void an_address_that_does_not_answer_is_overtaken(void **state)
{
    rig bench;
    full_listener silent;
    address ipv4;
    struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    char to[100], want[200];
    asked now;

    (void)state;
    fill_listener(&silent, 1, 0, &ipv4);
    snprintf(to, sizeof to, "http://localhost:%u/", address_port(&ipv4));
    begin(&bench, NULL, NULL);
    prepare(&bench, &now, to);
    now.request.connect_timeout_ms = 50;
    ask_all(&now, 1);
    snprintf(want, sizeof want, "no connection within 50 ms (127.0.0.1:%u: no answer)",
             address_port(&ipv4));
    assert_failed(&now, CSGI_ETIMEDOUT, want);
    finish(&bench);

    at.sin6_port = htons((uint16_t)address_port(&ipv4));
    if (!can_bind(&at)) {
        close_listener(&silent);
        skip();
    }
    begin(&bench, NULL, NULL);
    serve_listen(&bench.server, AF_INET6, &at, sizeof at, say_close);
    expect_body(&bench, to, "hi");
    prepare(&bench, &now, to);
    cancel_soon(&bench, 20);
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ECANCELED, "given up: the task is cancelled");
    finish(&bench);
    close_listener(&silent);
}

static void a_name_that_does_not_resolve_says_so(void **state)
{
    rig bench;
    char to[200] = "http://";

    (void)state;
    begin(&bench, NULL, NULL);
    memset(to + 7, 'a', 64); /* a label has 63 bytes: no name server is asked */
    expect_failure(&bench, to, CSGI_EUNREACH, "did not resolve: ");
    finish(&bench);
}

static void a_unix_socket_is_reached(void **state)
{
    rig bench;
    char folder[] = "/tmp/capricorn-client-XXXXXX", path[64], to[200];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    begin(&bench, NULL, NULL);
    server_start_unix(&bench.server, path, echo);
    snprintf(to, sizeof to, "http+unix://%%2Ftmp%%2F%s%%2Fs/x", folder + 5);
    for (int i = 0; i < 2; i++) {
        asked now;

        prepare(&bench, &now, to);
        ask_all(&now, 1);
        assert_int_equal(now.status, CSGI_OK);
        assert_non_null(strstr(now.response->body.ptr, "GET /x HTTP/1.1\r\nHost: localhost\r\n"));
        done(&now);
    }
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
    begin(&bench, NULL, NULL);
    expect_failure(&bench, to, CSGI_EUNREACH, "no such file or directory");
    finish(&bench);
    rmdir(folder);
}

static void requests_that_may_not_be_sent_are_refused(void **state)
{
    rig bench;
    asked now;
    const csgi_field host = { .name = CSGI_STR("Host"), .value = CSGI_STR("x") };

    (void)state;
    begin(&bench, NULL, NULL);
    expect_failure(&bench, "ftp://x/", CSGI_EINVAL, "cannot fetch 'ftp://x/': it begins with none");
    prepare(&bench, &now, "http://127.0.0.1/");
    now.request.headers = (csgi_fields){ &host, 1 };
    ask_all(&now, 1);
    assert_failed(&now, CSGI_EINVAL, "Host is set by the client itself");
    finish(&bench);
}

static void a_head_that_is_too_large_is_refused_and_the_connection_kept(void **state)
{
    rig bench;
    asked now;
    static char value[LOOP_SCRATCH_SIZE];
    const csgi_field field = { .name = CSGI_STR("x"), .value = { value, sizeof value } };

    (void)state;
    memset(value, 'v', sizeof value);
    begin(&bench, say_hi, NULL);
    prepare(&bench, &now, "/");
    now.request.headers = (csgi_fields){ &field, 1 };
    ask_all(&now, 1);
    assert_failed(&now, CSGI_EINVAL, "head is larger than 64 KiB");
    assert_int_equal(client_get_counts(bench.client).idle, 1);
    expect_body(&bench, "/", "hi");
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_connection_says_so),
        cmocka_unit_test(a_name_is_resolved),
        cmocka_unit_test(a_names_addresses_are_tried_in_order),
        cmocka_unit_test(each_address_of_a_name_says_why_it_failed),
        cmocka_unit_test(an_address_that_does_not_answer_is_overtaken),
        cmocka_unit_test(a_name_that_does_not_resolve_says_so),
        cmocka_unit_test(a_unix_socket_is_reached),
        cmocka_unit_test(requests_that_may_not_be_sent_are_refused),
        cmocka_unit_test(a_head_that_is_too_large_is_refused_and_the_connection_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
