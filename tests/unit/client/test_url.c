/* SPDX-License-Identifier: MIT
 * URLs of outbound requests. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "client/url.h"

static void assert_str(csgi_str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static url parsed(const char *text)
{
    url out;
    const char *why = NULL;

    if (url_parse(str_from(text), &out, &why)) fail_msg("%s: %s", text, why);
    return out;
}

static void assert_refused(const char *text, const char *reason)
{
    url out;
    const char *why = NULL;

    assert_int_equal(url_parse(str_from(text), &out, &why), CSGI_EINVAL);
    assert_non_null(why);
    if (!strstr(why, reason)) fail_msg("%s: '%s' lacks '%s'", text, why, reason);
}

static void a_full_url_is_taken_apart(void **state)
{
    url out = parsed("http://127.0.0.1:9000/a/b%20c?x=1&y=%2F");

    (void)state;
    assert_str(out.origin, "http://127.0.0.1:9000");
    assert_str(out.authority, "127.0.0.1:9000");
    assert_string_equal(out.host, "127.0.0.1");
    assert_int_equal(out.port, 9000);
    assert_str(out.target, "/a/b%20c?x=1&y=%2F");
    assert_false(out.needs_slash);
    assert_false(out.is_unix);
}

static void the_port_is_80_unless_given(void **state)
{
    (void)state;
    assert_int_equal(parsed("http://example.org/").port, 80);
    assert_str(parsed("HTTP://example.org/").authority, "example.org");
    assert_int_equal(parsed("http://example.org:65535").port, 65535);
}

static void https_has_its_own_port(void **state)
{
    url out = parsed("HTTPS://h?q");

    (void)state;
    assert_true(out.is_https);
    assert_int_equal(out.port, 443);
    assert_str(out.origin, "HTTPS://h");
    assert_str(out.authority, "h");
    assert_str(out.target, "?q");
    assert_true(out.needs_slash);
    assert_int_equal(parsed("https://[::1]:80/").port, 80);
    assert_false(parsed("http://h:443/").is_https);
    assert_refused("https:///x", "no host");
    assert_refused("https+unix://%2Fx/", "begins with none of");
}

static bool same_origin(const char *a, const char *b)
{
    url one = parsed(a), two = parsed(b);
    bool same = url_same_origin(&one, &two);

    assert_int_equal(url_same_origin(&two, &one), same);
    return same;
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    (void)state;
    assert_true(same_origin("http://h/a", "HTTP://H:80?b"));
    assert_true(same_origin("https://h:443/a", "https://h/b"));
    assert_true(same_origin("http://[::1]/", "http://[::1]:80/"));
    assert_true(same_origin("http+unix://%2Fx/a", "http+unix://%2fx/b"));
    assert_false(same_origin("http://h/", "https://h/"));
    assert_false(same_origin("http://h:443/", "https://h/"));
    assert_false(same_origin("http://h/", "http://h:81/"));
    assert_false(same_origin("http://h/", "http://h./"));
    assert_false(same_origin("http://h/", "http://hh/"));
    assert_false(same_origin("http+unix://%2Fx/", "http+unix://%2FX/"));
    assert_false(same_origin("http+unix://%2Fx/", "http://x/"));
}

static void a_missing_path_needs_a_slash(void **state)
{
    (void)state;
    assert_true(parsed("http://h").needs_slash);
    assert_str(parsed("http://h").target, "");
    assert_true(parsed("http://h?q=1").needs_slash);
    assert_str(parsed("http://h?q=1").target, "?q=1");
    assert_str(parsed("http://h?q=1").origin, "http://h");
}

static void an_ipv6_address_loses_its_brackets_but_in_host(void **state)
{
    url out = parsed("http://[::1]:8080/x");

    (void)state;
    assert_string_equal(out.host, "::1");
    assert_str(out.authority, "[::1]:8080");
    assert_int_equal(out.port, 8080);
    assert_int_equal(parsed("http://[fe80::1]/").port, 80);
}

static void a_unix_socket_is_named_by_its_escaped_path(void **state)
{
    url out = parsed("http+unix://%2Frun%2Fx.sock/v1?q");

    (void)state;
    assert_true(out.is_unix);
    assert_string_equal(out.host, "/run/x.sock");
    assert_str(out.authority, "localhost");
    assert_str(out.origin, "http+unix://%2Frun%2Fx.sock");
    assert_str(out.target, "/v1?q");
    assert_int_equal(out.port, 0);
}

static void a_socket_path_fits_up_to_107_bytes(void **state)
{
    char text[400] = "http+unix://%2F";
    size_t start = strlen(text);

    (void)state;
    memset(text + start, 'a', 106);
    assert_int_equal(strlen(parsed(text).host), 107);
    memset(text + start, 'a', 107);
    assert_refused(text, "too long");
    memset(text + start, 'a', 380);
    assert_refused(text, "too long");
}

static void other_schemes_are_refused(void **state)
{
    (void)state;
    assert_refused("ftp://h/", "begins with none of");
    assert_refused("", "begins with none of");
    assert_refused("http:/h", "begins with none of");
    assert_refused("h/path", "begins with none of");
}

static void malformed_hosts_are_refused(void **state)
{
    char text[300] = "http://";

    (void)state;
    assert_refused("http://", "no host");
    assert_refused("http:///x", "no host");
    assert_refused("http://:80/", "no host");
    assert_refused("http://user:pw@h/", "user information");
    assert_refused("http://a b/", "malformed");
    assert_refused("http://h\r\nX: y/", "malformed");
    assert_refused("http://[::1/", "not closed");
    assert_refused("http://[127.0.0.1]/", "malformed");
    assert_refused("http://[]/", "no host");
    assert_refused("http://[::1]x/", "port");
    memset(text + 7, 'a', 255);
    assert_int_equal(strlen(parsed(text).host), 255);
    memset(text + 7, 'a', 256);
    assert_refused(text, "malformed");
}

static void malformed_ports_are_refused(void **state)
{
    (void)state;
    assert_refused("http://h:/", "port");
    assert_refused("http://h:0/", "port");
    assert_refused("http://h:65536/", "port");
    assert_refused("http://h:+80/", "port");
    assert_refused("http://h:80:80/", "port");
    assert_refused("http://h:000080/", "port");
}

static void malformed_sockets_are_refused(void **state)
{
    (void)state;
    assert_refused("http+unix:///run/x.sock", "absolute path");
    assert_refused("http+unix://run%2Fx.sock/", "absolute path");
    assert_refused("http+unix://%2Fx%zz/", "escape");
    assert_refused("http+unix://%2Fx%00y/", "NUL");
    assert_refused("http+unix://%2Fx y/", "percent-encoded");
    assert_refused("http+unix://%2F\xc3\xa9/", "percent-encoded");
}

static void what_must_be_escaped_is_refused(void **state)
{
    url out;
    const char *why;

    (void)state;
    assert_refused("http://h/a b", "percent-encoded");
    assert_refused("http://h/a\r\nX: y", "percent-encoded");
    assert_refused("http://h/\xc3\xa9", "percent-encoded");
    assert_refused("http://h/\x7f", "percent-encoded");
    assert_refused("http://h/%", "percent-encoded");
    assert_refused("http://h/%1", "percent-encoded");
    assert_refused("http://h/%gg", "percent-encoded");
    assert_refused("http://h/{x}", "percent-encoded");
    assert_refused("http://h/#top", "fragment");
    assert_refused("http://h#top", "fragment");
    assert_int_equal(url_parse((csgi_str){ "http://h/a\0b", 12 }, &out, &why), CSGI_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_url_is_taken_apart),
        cmocka_unit_test(the_port_is_80_unless_given),
        cmocka_unit_test(https_has_its_own_port),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(a_missing_path_needs_a_slash),
        cmocka_unit_test(an_ipv6_address_loses_its_brackets_but_in_host),
        cmocka_unit_test(a_unix_socket_is_named_by_its_escaped_path),
        cmocka_unit_test(a_socket_path_fits_up_to_107_bytes),
        cmocka_unit_test(other_schemes_are_refused),
        cmocka_unit_test(malformed_hosts_are_refused),
        cmocka_unit_test(malformed_ports_are_refused),
        cmocka_unit_test(malformed_sockets_are_refused),
        cmocka_unit_test(what_must_be_escaped_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
