/* SPDX-License-Identifier: MIT
 * The cookie jar: whose cookies are kept, where they are sent, and how many there may be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "client/cookies.h"
#include "failing_malloc.h"

#define NOW_S 1000

static url at(const char *text)
{
    url out;
    const char *why = "";

    if (url_parse(str_from(text), &out, &why)) fail_msg("%s: %s", text, why);
    return out;
}

static void take(cookies *jar, const char *from, const char *text)
{
    url place = at(from);
    const char *why = "";

    if (cookies_take(jar, &place, str_from(text), NOW_S, &why)) fail_msg("'%s': %s", text, why);
}

static void refuse(cookies *jar, const char *from, const char *text, const char *reason)
{
    url place = at(from);
    const char *why = "";
    size_t count = jar->count;

    if (cookies_take(jar, &place, str_from(text), NOW_S, &why) != CSGI_EINVAL)
        fail_msg("'%s' is taken from %s", text, from);
    if (!strstr(why, reason)) fail_msg("'%s': '%s' lacks '%s'", text, why, reason);
    assert_int_equal(jar->count, count);
}

static void assert_sent_at(cookies *jar, const char *to, int64_t now_s, const char *want)
{
    buffer got = { .len = 0 };
    url place = at(to);

    assert_int_equal(cookies_print(jar, &place, now_s, &got), CSGI_OK);
    if (!str_eq(buffer_str(&got), str_from(want)))
        fail_msg("to %s: '%.*s', not '%s'", to, STR_ARG(buffer_str(&got)), want);
    buffer_fini(&got);
}

static void assert_sent(cookies *jar, const char *to, const char *want)
{
    assert_sent_at(jar, to, NOW_S, want);
}

static int new_jar(void **state)
{
    static cookies jar;

    cookies_init(&jar);
    *state = &jar;
    return 0;
}

static int end_jar(void **state)
{
    cookies *jar = *state;

    cookies_fini(jar);
    assert_int_equal(jar->count, 0);
    assert_true(list_is_empty(&jar->all));
    return 0;
}

static void a_cookie_without_a_domain_is_of_its_host_alone(void **state)
{
    cookies *jar = *state;

    take(jar, "http://Example.org:8080/", "a=1");
    assert_sent(jar, "http://example.ORG/x", "a=1");
    assert_sent(jar, "https://example.org:1/", "a=1");
    assert_sent(jar, "http://www.example.org/", "");
    assert_sent(jar, "http://org/", "");
    assert_sent(jar, "http://badexample.org/", "");
}

static void a_domain_cookie_is_of_the_hosts_below_too(void **state)
{
    cookies *jar = *state;

    take(jar, "http://www.example.org/", "a=1; Domain=.EXAMPLE.org");
    take(jar, "http://www.example.org/", "b=2; Domain=www.example.org");
    assert_sent(jar, "http://www.example.org/", "a=1; b=2");
    assert_sent(jar, "http://example.org/", "a=1");
    assert_sent(jar, "http://x.y.example.org/", "a=1");
    assert_sent(jar, "http://x.www.example.org/", "a=1; b=2");
    assert_sent(jar, "http://badexample.org/", "");
    assert_sent(jar, "http://example.org.evil.example/", "");
}

static void a_domain_that_is_not_the_hosts_is_refused(void **state)
{
    cookies *jar = *state;

    refuse(jar, "http://example.org/", "a=1; Domain=www.example.org", "not that of the host");
    refuse(jar, "http://example.org/", "a=1; Domain=other.org", "not that of the host");
    refuse(jar, "http://badexample.org/", "a=1; Domain=example.org", "not that of the host");
    refuse(jar, "http://example.org/", "a=1; Domain=..org", "not that of the host");
    refuse(jar, "http://example.org/", "a=1; Domain=org", "a single label");
    refuse(jar, "http://example.org/", "a=1; Domain=.org", "a single label");
    refuse(jar, "http://example.org./", "a=1; Domain=org.", "a single label");
    refuse(jar, "http://www.localhost/", "a=1; Domain=localhost", "a single label");
}

static void the_domain_may_have_the_hosts_255_bytes(void **state)
{
    cookies *jar = *state;
    char host[300] = "http://", text[300] = "a=1; Domain=";

    for (int i = 0; i < 127; i++)
        memcpy(host + 7 + 2 * i, "a.", 3);
    memcpy(host + 7 + 254, "b", 2);
    memcpy(text + 12, host + 7, 256);
    take(jar, host, text);
    assert_sent(jar, host, "a=1");
    memcpy(text + 12 + 255, "b", 2);
    refuse(jar, host, text, "not that of the host");
}

static void a_single_label_or_address_sets_cookies_for_itself(void **state)
{
    cookies *jar = *state;

    take(jar, "http://localhost/", "a=1; Domain=localhost");
    take(jar, "http://127.0.0.1/", "b=1; Domain=127.0.0.1");
    take(jar, "http://[::1]/", "c=1");
    take(jar, "http+unix://%2Frun%2FX.sock/", "d=1");
    assert_sent(jar, "http://localhost/", "a=1");
    assert_sent(jar, "http://x.localhost/", "");
    assert_sent(jar, "http://127.0.0.1:99/", "b=1");
    assert_sent(jar, "http://x.127.0.0.1/", "");
    assert_sent(jar, "http://[::1]/", "c=1");
    assert_sent(jar, "http+unix://%2Frun%2FX.sock/y", "d=1");
    assert_sent(jar, "http+unix://%2Frun%2Fx.sock/", "");
    refuse(jar, "http://127.0.0.1/", "a=1; Domain=0.0.1", "address");
    refuse(jar, "http://127.0.1/", "a=1; Domain=0.1", "address");
    refuse(jar, "http+unix://%2Frun%2Fx.sock/", "a=1; Domain=localhost", "address");
    assert_int_equal(jar->count, 4);
}

static void the_path_is_matched_by_segments(void **state)
{
    cookies *jar = *state;

    take(jar, "http://h/", "a=1; Path=/x");
    take(jar, "http://h/", "b=2; Path=/x/");
    take(jar, "http://h/", "c=3; Path=/");
    assert_sent(jar, "http://h/x", "a=1; c=3");
    assert_sent(jar, "http://h/x/", "b=2; a=1; c=3");
    assert_sent(jar, "http://h/x/y?z", "b=2; a=1; c=3");
    assert_sent(jar, "http://h/x?/x/", "a=1; c=3");
    assert_sent(jar, "http://h/xy", "c=3");
    assert_sent(jar, "http://h/X", "c=3");
    assert_sent(jar, "http://h", "c=3");
    assert_sent(jar, "http://h?x", "c=3");
}

static void the_default_path_is_the_requests_folder(void **state)
{
    cookies *jar = *state;

    take(jar, "http://h/a/b/c?d/e", "a=1");
    take(jar, "http://h/a/", "b=2");
    take(jar, "http://h/a", "c=3; Path=relative");
    take(jar, "http://h", "d=4");
    take(jar, "http://h?x/y", "e=5");
    assert_sent(jar, "http://h/a/b/x", "a=1; b=2; c=3; d=4; e=5");
    assert_sent(jar, "http://h/a/b", "a=1; b=2; c=3; d=4; e=5");
    assert_sent(jar, "http://h/a", "b=2; c=3; d=4; e=5");
    assert_sent(jar, "http://h/", "c=3; d=4; e=5");
}

static void a_secure_cookie_needs_https_both_ways(void **state)
{
    cookies *jar = *state;

    take(jar, "https://h/", "a=1; Secure");
    assert_sent(jar, "https://h/", "a=1");
    assert_sent(jar, "http://h/", "");
    refuse(jar, "http://h/", "b=1; Secure", "without https");
    refuse(jar, "http://h/", "a=2", "would replace one that is Secure");
    refuse(jar, "http://h/x/y", "a=2", "would replace one that is Secure");
    assert_sent(jar, "https://h/", "a=1");
    take(jar, "https://h/", "a=2");
    assert_sent(jar, "http://h/", "a=2");
    take(jar, "https://www.h.org/x", "a=3; Secure; Domain=h.org; Path=/x/y");
    take(jar, "http://h.org/", "a=4");
    refuse(jar, "http://x.h.org/x/y/z", "a=5", "would replace one that is Secure");
}

static void prefixes_keep_their_promises(void **state)
{
    cookies *jar = *state;

    take(jar, "https://h.org/", "__Secure-a=1; Secure; Domain=h.org; Path=/x");
    take(jar, "https://h.org/x", "__Host-a=1; Secure; Path=/");
    refuse(jar, "https://h.org/", "__Secure-a=1", "__Secure-");
    refuse(jar, "http://h.org/", "__Secure-a=1; Secure", "without https");
    refuse(jar, "https://h.org/", "__HOST-a=1; Path=/", "__Host-");
    refuse(jar, "https://h.org/", "__Host-a=1; Secure", "__Host-");
    refuse(jar, "https://h.org/", "__Host-a=1; Secure; Path=/x", "__Host-");
    refuse(jar, "https://h.org/", "__Host-a=1; Secure; Path=/; Domain=h.org", "__Host-");
}

static void a_cookie_expires_with_its_second(void **state)
{
    cookies *jar = *state;

    take(jar, "http://h/", "a=1; Max-Age=10");
    take(jar, "http://h/", "b=1");
    assert_sent_at(jar, "http://h/", NOW_S + 9, "a=1; b=1");
    assert_sent_at(jar, "http://h/", NOW_S + 10, "b=1");
    assert_sent_at(jar, "http://h/", INT64_MAX - 1, "b=1");
}

static void an_expired_cookie_removes_its_namesake(void **state)
{
    cookies *jar = *state;

    take(jar, "http://h/", "a=1");
    take(jar, "http://h/", "b=1");
    take(jar, "http://h/", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    take(jar, "http://h/", "c=; Max-Age=0");
    take(jar, "http://h/", "b=; Max-Age=0; Path=/x");
    assert_int_equal(jar->count, 1);
    assert_sent(jar, "http://h/", "b=1");
}

static void a_namesake_is_replaced_in_its_place(void **state)
{
    cookies *jar = *state;

    take(jar, "http://h.org/", "a=1");
    take(jar, "http://h.org/", "b=1");
    take(jar, "http://h.org/", "a=2; Max-Age=5");
    assert_int_equal(jar->count, 2);
    assert_sent(jar, "http://h.org/", "a=2; b=1");
    take(jar, "http://h.org/", "A=3");
    take(jar, "http://h.org/", "a=4; Path=/x");
    take(jar, "http://h.org/", "a=5; Domain=h.org");
    assert_int_equal(jar->count, 5);
    assert_sent(jar, "http://h.org/x", "a=4; a=2; b=1; A=3; a=5");
}

static void take_numbered(cookies *jar, const char *from, unsigned first, unsigned count)
{
    char text[40];

    for (unsigned i = first; i < first + count; i++) {
        snprintf(text, sizeof text, "n%u=1", i);
        take(jar, from, text);
    }
}

static void a_domain_has_50_cookies(void **state)
{
    cookies *jar = *state;

    take(jar, "http://other/", "n0=1");
    take_numbered(jar, "http://h/", 0, 50);
    assert_int_equal(jar->count, 51);
    take_numbered(jar, "http://h/x/", 50, 1); /* n0 was set first */
    assert_int_equal(jar->count, 51);
    take(jar, "http://h/", "n1=2"); /* and n1 again: n2 is the oldest */
    take(jar, "http://h/x/", "n51=1");
    take(jar, "http://h/", "n0=; Max-Age=0");
    take(jar, "http://h/", "n2=; Max-Age=0");
    assert_int_equal(jar->count, 51);
    take(jar, "http://h/", "n1=; Max-Age=0");
    assert_int_equal(jar->count, 50);
}

static void expired_cookies_go_before_old_ones(void **state)
{
    cookies *jar = *state;
    url place = at("http://h/");
    const char *why;

    take_numbered(jar, "http://h/", 0, 47);
    take(jar, "http://h/", "x=1; Max-Age=1");
    take(jar, "http://h/", "y=1; Max-Age=1");
    take(jar, "http://h/", "z=1; Max-Age=2");
    assert_int_equal(jar->count, 50);
    assert_int_equal(cookies_take(jar, &place, STR("new1=1"), NOW_S + 1, &why), CSGI_OK);
    assert_int_equal(jar->count, 49);
    take(jar, "http://h/", "new2=1");
    assert_int_equal(cookies_take(jar, &place, STR("new3=1"), NOW_S + 2, &why), CSGI_OK);
    assert_int_equal(jar->count, 50);
    take(jar, "http://h/", "n0=; Max-Age=0");
    assert_int_equal(jar->count, 49);
}

static void a_cookie_that_is_sent_is_not_old(void **state)
{
    cookies *jar = *state;

    take(jar, "http://h/x/", "kept=1");
    take_numbered(jar, "http://h/y/", 0, 49);
    assert_sent(jar, "http://h/x/", "kept=1");
    take(jar, "http://h/y/", "new=1");
    assert_sent(jar, "http://h/x/", "kept=1");
    take(jar, "http://h/y/", "n0=; Max-Age=0");
    assert_int_equal(jar->count, 50);
}

static void there_are_3000_cookies(void **state)
{
    cookies *jar = *state;
    char host[40];

    for (unsigned i = 0; i < 60; i++) {
        snprintf(host, sizeof host, "http://h%u/", i);
        take_numbered(jar, host, 0, 50);
    }
    assert_int_equal(jar->count, 3000);
    take(jar, "http://new/", "a=1");
    assert_int_equal(jar->count, 3000);
    assert_sent(jar, "http://new/", "a=1");
    take(jar, "http://h0/", "n0=; Max-Age=0");
    assert_int_equal(jar->count, 3000);
    take(jar, "http://h0/", "n1=; Max-Age=0");
    assert_int_equal(jar->count, 2999);
}

static void what_is_printed_is_appended(void **state)
{
    cookies *jar = *state;
    buffer out = { .len = 0 };
    url place = at("http://h/");

    take(jar, "http://h/", "a=1");
    assert_int_equal(buffer_append_str(&out, STR("Cookie: ")), CSGI_OK);
    assert_int_equal(cookies_print(jar, &place, NOW_S, &out), CSGI_OK);
    assert_true(str_eq(buffer_str(&out), STR("Cookie: a=1")));
    buffer_fini(&out);
}

static void a_failing_allocation_changes_nothing(void **state)
{
    cookies *jar = *state;
    url place = at("http://h/");
    buffer out = { .len = 0 };
    const char *why;
    bool failed = true;

    take(jar, "http://h/", "a=1");
    failing_malloc_after(0);
    assert_int_equal(cookies_take(jar, &place, STR("a=2"), NOW_S, &why), CSGI_ENOMEM);
    assert_int_equal(cookies_take(jar, &place, STR("b=2"), NOW_S, &why), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    assert_sent(jar, "http://h/", "a=1");
    for (int i = 0; i < 30; i++) {
        char text[100];

        snprintf(text, sizeof text, "n%d=%064d", i, i);
        take(jar, "http://h/", text);
    }
    for (size_t n = 0; failed; n++) {
        csgi_status status;

        buffer_fini(&out);
        failing_malloc_after(n);
        status = cookies_print(jar, &place, NOW_S, &out);
        failed = failing_malloc_off();
        assert_int_equal(status, failed ? CSGI_ENOMEM : CSGI_OK);
        assert_int_equal(out.len > 0, !failed);
    }
    buffer_fini(&out);
}

#define JAR_TEST(name) cmocka_unit_test_setup_teardown(name, new_jar, end_jar)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JAR_TEST(a_cookie_without_a_domain_is_of_its_host_alone),
        JAR_TEST(a_domain_cookie_is_of_the_hosts_below_too),
        JAR_TEST(a_domain_that_is_not_the_hosts_is_refused),
        JAR_TEST(the_domain_may_have_the_hosts_255_bytes),
        JAR_TEST(a_single_label_or_address_sets_cookies_for_itself),
        JAR_TEST(the_path_is_matched_by_segments),
        JAR_TEST(the_default_path_is_the_requests_folder),
        JAR_TEST(a_secure_cookie_needs_https_both_ways),
        JAR_TEST(prefixes_keep_their_promises),
        JAR_TEST(a_cookie_expires_with_its_second),
        JAR_TEST(an_expired_cookie_removes_its_namesake),
        JAR_TEST(a_namesake_is_replaced_in_its_place),
        JAR_TEST(a_domain_has_50_cookies),
        JAR_TEST(expired_cookies_go_before_old_ones),
        JAR_TEST(a_cookie_that_is_sent_is_not_old),
        JAR_TEST(there_are_3000_cookies),
        JAR_TEST(what_is_printed_is_appended),
        JAR_TEST(a_failing_allocation_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
