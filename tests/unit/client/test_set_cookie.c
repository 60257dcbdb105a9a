/* SPDX-License-Identifier: MIT
 * Set-Cookie fields, as servers write them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "client/set_cookie.h"

#define NOW_S 1000

static set_cookie parsed(const char *text)
{
    set_cookie out;
    const char *why = "";

    if (!set_cookie_parse(str_from(text), NOW_S, &out, &why)) fail_msg("'%s': %s", text, why);
    return out;
}

static void assert_refused(csgi_str text, const char *reason)
{
    set_cookie out = { .expires_s = 7 };
    const char *why = NULL;

    assert_false(set_cookie_parse(text, NOW_S, &out, &why));
    assert_string_equal(why, reason);
    assert_int_equal(out.expires_s, 7);
}

static void assert_str(csgi_str got, const char *want)
{
    if (!str_eq(got, str_from(want))) fail_msg("'%.*s', not '%s'", STR_ARG(got), want);
}

static void a_bare_cookie_is_for_this_host_and_session(void **state)
{
    set_cookie got = parsed("a=b");

    (void)state;
    assert_str(got.name, "a");
    assert_str(got.value, "b");
    assert_str(got.domain, "");
    assert_str(got.path, "");
    assert_false(got.secure);
    assert_false(got.http_only);
    assert_true(got.expires_s == INT64_MAX);
}

static void every_attribute_is_read(void **state)
{
    set_cookie got = parsed("SID=31d4; path=/x ;DOMAIN=.Example.org;Secure; HttpOnly;"
                            "SameSite=Lax; Expires=Thu, 01 Jan 1970 00:20:00 GMT; Priority=High;;");

    (void)state;
    assert_str(got.name, "SID");
    assert_str(got.value, "31d4");
    assert_str(got.path, "/x");
    assert_str(got.domain, "Example.org");
    assert_true(got.secure);
    assert_true(got.http_only);
    assert_int_equal(got.expires_s, 1200);
}

static void names_and_values_are_trimmed_and_otherwise_kept(void **state)
{
    set_cookie got = parsed(" a b \t=\t \"c = d, e\" ; secure = no");

    (void)state;
    assert_str(got.name, "a b");
    assert_str(got.value, "\"c = d, e\"");
    assert_true(got.secure);
    assert_str(parsed("a=").value, "");
    assert_str(parsed("a==").value, "=");
    assert_str(parsed("a=\xc3\xa9").value, "\xc3\xa9");
    assert_str(parsed("a=b\tc").value, "b\tc");
}

static void cookies_without_a_name_are_refused(void **state)
{
    (void)state;
    assert_refused(STR(""), "it has no name");
    assert_refused(STR("a"), "it has no name");
    assert_refused(STR("=b"), "it has no name");
    assert_refused(STR(" \t=b"), "it has no name");
    assert_refused(STR("; a=b"), "it has no name");
    assert_refused(STR("a; b=c"), "it has no name");
}

static void control_characters_are_refused(void **state)
{
    (void)state;
    assert_refused(STR("a=b\r\nX: y"), "it has control characters");
    assert_refused(STR("a=b\0"), "it has control characters");
    assert_refused(STR("a=b; path=/\x7f"), "it has control characters");
    assert_refused(STR("a\x01=b"), "it has control characters");
}

static void name_and_value_may_have_4096_bytes(void **state)
{
    char text[4200] = "name=";

    (void)state;
    memset(text + 5, 'v', 4092);
    assert_int_equal(parsed(text).value.len, 4092);
    text[5 + 4092] = 'v';
    assert_refused(str_from(text), "it is larger than 4096 bytes");
    memcpy(text + 5 + 4092, "  ; path=/", 11);
    assert_int_equal(parsed(text).value.len, 4092);
}

static void attributes_may_have_1024_bytes(void **state)
{
    char text[1200] = "a=b; path=/";

    (void)state;
    memset(text + 11, 'p', 1023);
    assert_int_equal(parsed(text).path.len, 1024);
    text[11 + 1023] = 'p';
    assert_int_equal(parsed(text).path.len, 0);
}

static void max_age_counts_from_now_and_before_expires(void **state)
{
    (void)state;
    assert_int_equal(parsed("a=b; Max-Age=5").expires_s, NOW_S + 5);
    assert_int_equal(parsed("a=b; Max-Age=5; Expires=1 jan 1970 0:0:9").expires_s, NOW_S + 5);
    assert_int_equal(parsed("a=b; Expires=1 jan 1970 0:0:9; max-age=5").expires_s, NOW_S + 5);
    assert_int_equal(parsed("a=b; Max-Age=5; Max-Age=7").expires_s, NOW_S + 7);
    assert_true(parsed("a=b; Max-Age=0").expires_s == INT64_MIN);
    assert_true(parsed("a=b; Max-Age=-1").expires_s == INT64_MIN);
    assert_true(parsed("a=b; Max-Age=9223372036854774806").expires_s == INT64_MAX - 1);
    assert_true(parsed("a=b; Max-Age=9223372036854774807").expires_s == INT64_MAX);
    assert_true(parsed("a=b; Max-Age=9223372036854774808").expires_s == INT64_MAX);
    assert_true(parsed("a=b; Max-Age=99999999999999999999999").expires_s == INT64_MAX);
}

static void malformed_attributes_are_left_out(void **state)
{
    (void)state;
    assert_int_equal(parsed("a=b; Max-Age=5x; Expires=1 jan 1970 0:0:9").expires_s, 9);
    assert_true(parsed("a=b; Max-Age=").expires_s == INT64_MAX);
    assert_true(parsed("a=b; Max-Age=-").expires_s == INT64_MAX);
    assert_true(parsed("a=b; Max-Age=+5").expires_s == INT64_MAX);
    assert_true(parsed("a=b; Max-Age").expires_s == INT64_MAX);
    assert_true(parsed("a=b; Expires=tomorrow").expires_s == INT64_MAX);
    assert_str(parsed("a=b; Path=x").path, "");
    assert_str(parsed("a=b; Path=/x; Path").path, "");
    assert_str(parsed("a=b; Path=/x; Path=/y").path, "/y");
    assert_str(parsed("a=b; Domain=x.org; Domain=").domain, "x.org");
    assert_str(parsed("a=b; Domain=.").domain, "");
    assert_str(parsed("a=b; =c; ==; = ").domain, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_cookie_is_for_this_host_and_session),
        cmocka_unit_test(every_attribute_is_read),
        cmocka_unit_test(names_and_values_are_trimmed_and_otherwise_kept),
        cmocka_unit_test(cookies_without_a_name_are_refused),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(name_and_value_may_have_4096_bytes),
        cmocka_unit_test(attributes_may_have_1024_bytes),
        cmocka_unit_test(max_age_counts_from_now_and_before_expires),
        cmocka_unit_test(malformed_attributes_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
