/* SPDX-License-Identifier: MIT
 * Addresses: text, kernel, names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "net/address.h"

static void assert_printed(const address *self, const char *want)
{
    buffer text = { 0 };

    assert_int_equal(address_print(self, &text), CSGI_OK);
    assert_int_equal(text.len, strlen(want));
    assert_memory_equal(text.bytes, want, text.len);
    buffer_fini(&text);
}

static void numeric_addresses_are_read_and_printed(void **state)
{
    address got;

    (void)state;
    assert_int_equal(address_from_ip(&got, "127.0.0.1", 8000), CSGI_OK);
    assert_int_equal(got.as.any.sa_family, AF_INET);
    assert_int_equal(ntohs(got.as.ipv4.sin_port), 8000);
    assert_string_equal(address_host(&got).bytes, "127.0.0.1");
    assert_int_equal(address_port(&got), 8000);
    assert_false(address_is_unix(&got));
    assert_printed(&got, "127.0.0.1:8000");

    assert_int_equal(address_from_ip(&got, "::1", 80), CSGI_OK);
    assert_int_equal(got.as.any.sa_family, AF_INET6);
    assert_int_equal(got.len, sizeof(struct sockaddr_in6));
    assert_string_equal(address_host(&got).bytes, "::1");
    assert_printed(&got, "[::1]:80");
    address_set_port(&got, 81);
    assert_int_equal(ntohs(got.as.ipv6.sin6_port), 81);
    assert_printed(&got, "[::1]:81");
}

static void every_octet_is_printed_as_inet_ntop_does(void **state)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    char want[INET_ADDRSTRLEN];
    address got;

    (void)state;
    for (uint32_t i = 0; i < 256; i++) {
        at.sin_addr.s_addr = htonl(i << 24 | (255 - i) << 16 | (i ^ 90) << 8 | i);
        address_from_sockaddr(&got, (const struct sockaddr *)&at, sizeof at);
        inet_ntop(AF_INET, &at.sin_addr, want, sizeof want);
        assert_string_equal(address_host(&got).bytes, want);
        assert_int_equal(address_host(&got).len, strlen(want));
    }
}

static void an_address_that_the_kernel_did_not_give_has_no_text(void **state)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = 80 };
    address got;

    (void)state;
    address_from_sockaddr(&got, (const struct sockaddr *)&at, sizeof(sa_family_t));
    assert_string_equal(address_host(&got).bytes, "");
    assert_int_equal(address_port(&got), 0);
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const hosts[] = { "",          "localhost", "127.0.0", "1.2.3.4.5",
                                         "256.1.1.1", "::g",       "[::1]" };
    address got;

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        assert_int_equal(address_from_ip(&got, hosts[i], 80), CSGI_EINVAL);
    assert_int_equal(address_from_ip(&got, "127.0.0.1", 65535), CSGI_OK);
    assert_int_equal(address_from_ip(&got, "127.0.0.1", 65536), CSGI_EINVAL);
}

static void an_ipv4_client_of_an_ipv6_socket_shows_as_ipv4(void **state)
{
    struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(5) };
    address got;

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.1.2.3", &mapped.sin6_addr), 1);
    address_from_sockaddr(&got, (const struct sockaddr *)&mapped, sizeof mapped);
    assert_string_equal(address_host(&got).bytes, "10.1.2.3");
    assert_int_equal(address_port(&got), 5);
}

static void a_path_has_1_to_107_bytes(void **state)
{
    char path[109];
    address got;

    (void)state;
    memset(path, 'p', sizeof path);
    path[108] = '\0';
    assert_int_equal(address_from_path(&got, ""), CSGI_EINVAL);
    assert_int_equal(address_from_path(&got, path), CSGI_EINVAL);
    assert_int_equal(address_from_path(&got, path + 1), CSGI_OK);
    assert_true(address_is_unix(&got));
    assert_string_equal(address_host(&got).bytes, path + 1);
    assert_int_equal(address_port(&got), 0);
    assert_printed(&got, path + 1);
}

static void unnamed_and_abstract_sockets_have_an_empty_path(void **state)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "\0abstract" };
    address got;

    (void)state;
    address_from_sockaddr(&got, (const struct sockaddr *)&un, sizeof(sa_family_t));
    assert_string_equal(address_host(&got).bytes, "");
    assert_true(address_is_unix(&got));
    address_from_sockaddr(&got, (const struct sockaddr *)&un, sizeof un);
    assert_string_equal(address_host(&got).bytes, "");
}

static void localhost_is_the_loopback(void **state)
{
    address got[ADDRESS_LOCALHOSTS];

    (void)state;
    assert_int_equal(address_from_localhost(got, "LocalHost", 7), 2);
    assert_printed(&got[0], "127.0.0.1:7");
    assert_printed(&got[1], "[::1]:7");
    assert_int_equal(address_from_localhost(got, "localhost.example", 7), 0);
    assert_int_equal(address_from_localhost(got, "", 7), 0);
}

typedef struct answer {
    size_t calls, count;
    address first;
    char reason[100];
} answer;

static void on_resolved(void *arg, const address *found, size_t count, const char *reason)
{
    answer *self = arg;

    self->calls++;
    self->count = count;
    if (count) self->first = found[0];
    if (reason) strncpy(self->reason, reason, sizeof self->reason - 1);
}

static answer resolve(const char *host, bool give_up)
{
    static const loop_options usual;
    answer got = { 0 };
    resolving *asked;
    loop *runner;

    assert_int_equal(loop_new(&usual, &runner), CSGI_OK);
    assert_int_equal(address_resolve(runner, host, 99, on_resolved, &got, &asked), CSGI_OK);
    assert_int_equal(got.calls, 0);
    if (give_up) resolving_cancel(asked);
    loop_run(runner);
    loop_free(runner);
    return got;
}

static void a_name_has_at_least_one_address(void **state)
{
    answer got = resolve("127.1", false); /* short for 127.0.0.1: needs no name server */

    (void)state;
    assert_int_equal(got.calls, 1);
    assert_true(got.count >= 1);
    assert_int_equal(address_port(&got.first), 99);
    assert_string_equal(address_host(&got.first).bytes, "127.0.0.1");
}

static void a_name_without_address_has_a_reason(void **state)
{
    char host[65];
    answer got;

    (void)state;
    memset(host, 'a', 64); /* longer than any label: no name server is asked */
    host[64] = '\0';
    got = resolve(host, false);
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.count, 0);
    assert_true(strlen(got.reason) > 0);
}

static void nothing_is_told_after_giving_up(void **state)
{
    (void)state;
    assert_int_equal(resolve("127.1", true).calls, 0);
}

static void what_can_be_no_name_is_refused_at_once(void **state)
{
    static const loop_options usual;
    char host[3000];
    answer got = { 0 };
    resolving *asked;
    loop *runner;

    (void)state;
    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_int_equal(loop_new(&usual, &runner), CSGI_OK);
    assert_int_equal(address_resolve(runner, host, 80, on_resolved, &got, &asked), CSGI_EINVAL);
    assert_int_equal(address_resolve(runner, "localhost", 65536, on_resolved, &got, &asked),
                     CSGI_EINVAL);
    loop_run(runner);
    loop_free(runner);
    assert_int_equal(got.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_addresses_are_read_and_printed),
        cmocka_unit_test(every_octet_is_printed_as_inet_ntop_does),
        cmocka_unit_test(an_address_that_the_kernel_did_not_give_has_no_text),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(an_ipv4_client_of_an_ipv6_socket_shows_as_ipv4),
        cmocka_unit_test(a_path_has_1_to_107_bytes),
        cmocka_unit_test(unnamed_and_abstract_sockets_have_an_empty_path),
        cmocka_unit_test(localhost_is_the_loopback),
        cmocka_unit_test(a_name_has_at_least_one_address),
        cmocka_unit_test(a_name_without_address_has_a_reason),
        cmocka_unit_test(nothing_is_told_after_giving_up),
        cmocka_unit_test(what_can_be_no_name_is_refused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
