/* SPDX-License-Identifier: MIT
 * config/trust: which lists are ones, and who is in them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/check.h"
#include "base/str.h"
#include "config/trust.h"
#include "failing_malloc.h"

static trust_list list;
static csgi_str wrong;
static const char *why;

static csgi_status parse(const char *text)
{
    trust_list_fini(&list);
    return trust_list_parse(&list, str_from(text), &wrong, &why);
}

static bool has(const char *ip)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, ip, &in4.sin_addr) == 1)
        return trust_list_has(&list, (const struct sockaddr *)&in4);
    assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
    return trust_list_has(&list, (const struct sockaddr *)&in6);
}

static bool has_unix_peer(void)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    return trust_list_has(&list, (const struct sockaddr *)&un);
}

static void an_address_is_itself_only(void **state)
{
    (void)state;
    assert_int_equal(parse("127.0.0.1, 2001:db8::5"), CSGI_OK);
    assert_true(has("127.0.0.1"));
    assert_true(has("2001:db8::5"));
    assert_false(has("127.0.0.2"));
    assert_false(has("2001:db8::4"));
    assert_false(has_unix_peer());
}

static void a_network_ends_at_its_prefix(void **state)
{
    static const struct {
        const char *network, *first, *last, *before, *after;
    } rows[] = {
        { "10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0" },
        { "192.168.4.0/22", "192.168.4.0", "192.168.7.255", "192.168.3.255", "192.168.8.0" },
        { "10.0.0.4/31", "10.0.0.4", "10.0.0.5", "10.0.0.3", "10.0.0.6" },
        { "10.0.0.4/32", "10.0.0.4", "10.0.0.4", "10.0.0.3", "10.0.0.5" },
        { "2001:db8::/33", "2001:db8::", "2001:db8:7fff:ffff::1", "2001:db7::", "2001:db8:8000::" },
        { "::1/128", "::1", "::1", "::", "::2" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(parse(rows[i].network), CSGI_OK);
        assert_true(has(rows[i].first));
        assert_true(has(rows[i].last));
        assert_false(has(rows[i].before));
        assert_false(has(rows[i].after));
    }
}

static void a_prefix_of_nothing_is_its_whole_family(void **state)
{
    (void)state;
    assert_int_equal(parse("0.0.0.0/0"), CSGI_OK);
    assert_true(has("203.0.113.9"));
    assert_true(has("::ffff:203.0.113.9"));
    assert_false(has("2001:db8::1"));
    assert_int_equal(parse("::/0"), CSGI_OK);
    assert_true(has("2001:db8::1"));
    assert_false(has("203.0.113.9"));
    assert_false(has("::ffff:203.0.113.9"));
}

static void an_ipv4_address_inside_ipv6_is_the_ipv4_address(void **state)
{
    (void)state;
    assert_int_equal(parse("::ffff:10.0.0.0/104"), CSGI_OK);
    assert_true(has("10.1.2.3"));
    assert_true(has("::ffff:10.1.2.3"));
    assert_false(has("11.0.0.0"));
    assert_int_equal(parse("10.0.0.0/8"), CSGI_OK);
    assert_true(has("::ffff:10.1.2.3"));
    assert_false(has("::10.1.2.3"));
}

static void unix_peers_and_everyone_have_names(void **state)
{
    (void)state;
    assert_int_equal(parse("unix:"), CSGI_OK);
    assert_true(has_unix_peer());
    assert_false(has("127.0.0.1"));
    assert_int_equal(parse("10.0.0.1,*"), CSGI_OK);
    assert_true(has_unix_peer());
    assert_true(has("203.0.113.9"));
    assert_true(has("2001:db8::1"));
}

static void an_empty_list_trusts_nobody(void **state)
{
    static const struct sockaddr unknown = { .sa_family = AF_UNSPEC };

    (void)state;
    trust_list_fini(&list);
    assert_false(has("127.0.0.1"));
    assert_false(has_unix_peer());
    assert_int_equal(parse("0.0.0.0/0, ::/0, unix:"), CSGI_OK);
    assert_false(trust_list_has(&list, &unknown));
}

static void what_is_no_entry_is_named(void **state)
{
    static const struct {
        const char *text, *wrong, *why;
    } rows[] = {
        { "", "", "neither" },
        { "127.0.0.1,", "", "neither" },
        { "127.0.0.1, ,::1", "", "neither" },
        { "localhost", "localhost", "neither" },
        { "127.0.0.1, 10.0.0", "10.0.0", "neither" },
        { "010.0.0.1", "010.0.0.1", "neither" },
        { "[::1]", "[::1]", "neither" },
        { "fe80::1%eth0", "fe80::1%eth0", "neither" },
        { "127.0.0.1:80", "127.0.0.1:80", "neither" },
        { "/run/a.sock", "/run/a.sock", "neither" },
        { "1111:2222:3333:4444:5555:6666:255.255.255.2551",
          "1111:2222:3333:4444:5555:6666:255.255.255.2551", "neither" },
        { "10.0.0.0/33", "10.0.0.0/33", "a prefix has" },
        { "10.0.0.0/", "10.0.0.0/", "a prefix has" },
        { "10.0.0.0/-1", "10.0.0.0/-1", "a prefix has" },
        { "10.0.0.0/8/8", "10.0.0.0/8/8", "a prefix has" },
        { "::/129", "::/129", "a prefix has" },
        { "::ffff:10.0.0.0/95", "::ffff:10.0.0.0/95", "an IPv4 network inside" },
        { "10.0.0.1/8", "10.0.0.1/8", "the address goes on" },
        { "10.0.0.5/31", "10.0.0.5/31", "the address goes on" },
        { "2001:db8::1/64", "2001:db8::1/64", "the address goes on" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(parse(rows[i].text), CSGI_EINVAL);
        assert_true(str_eq(wrong, str_from(rows[i].wrong)));
        assert_true(str_starts_with(str_from(why), str_from(rows[i].why)));
    }
    assert_int_equal(parse("10.0.0.0/32"), CSGI_OK);
    assert_int_equal(parse("::/128"), CSGI_OK);
    assert_int_equal(parse("::ffff:0.0.0.0/96"), CSGI_OK);
}

static void without_memory_there_is_no_list(void **state)
{
    (void)state;
    trust_list_fini(&list);
    failing_malloc_after(0);
    assert_int_equal(trust_list_parse(&list, STR("::1"), &wrong, &why), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    assert_int_equal(parse("::1"), CSGI_OK);
}

static int end(void **state)
{
    (void)state;
    trust_list_fini(&list);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_itself_only),
        cmocka_unit_test(a_network_ends_at_its_prefix),
        cmocka_unit_test(a_prefix_of_nothing_is_its_whole_family),
        cmocka_unit_test(an_ipv4_address_inside_ipv6_is_the_ipv4_address),
        cmocka_unit_test(unix_peers_and_everyone_have_names),
        cmocka_unit_test(an_empty_list_trusts_nobody),
        cmocka_unit_test(what_is_no_entry_is_named),
        cmocka_unit_test(without_memory_there_is_no_list),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
