/* SPDX-License-Identifier: MIT
 * Proxies: what the environment says, and who is reached without one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "client/proxies.h"
#include "failing_malloc.h"

/* ---- an environment of our own: names and values in turn ---- */

static const char *const *environment;

static char *get(const char *name)
{
    for (const char *const *at = environment; *at; at += 2) {
        if (strcmp(at[0], name) == 0) return (char *)(uintptr_t)at[1];
    }
    return NULL;
}

#define ENVIRONMENT(...) ((const char *const[]){ __VA_ARGS__, NULL })

static proxies read_environment(const char *const *now)
{
    proxies found = { NULL, NULL, NULL };

    environment = now;
    assert_int_equal(proxies_from_environment(&found, get), CSGI_OK);
    return found;
}

static void expect_proxy(const proxies *from, const char *text, const char *name)
{
    url to;
    const char *why;
    const proxy *found;

    assert_int_equal(url_parse(str_from(text), &to, &why), CSGI_OK);
    found = proxies_find(from, &to);
    if (!name) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_null(found->wrong);
    assert_int_equal(found->name.len, strlen(name));
    assert_memory_equal(found->name.ptr, name, strlen(name));
}

static void each_scheme_has_its_variable(void **state)
{
    proxies found = read_environment(ENVIRONMENT("http_proxy", "http://a:1", "https_proxy", "b:2"));

    (void)state;
    expect_proxy(&found, "http://x/", "http://a:1");
    expect_proxy(&found, "https://x/", "http://b:2");
    expect_proxy(&found, "http+unix://%2Fx/", NULL);
    proxies_fini(&found);
    found = read_environment(ENVIRONMENT("HTTPS_PROXY", "https://b", "ALL_PROXY", "c"));
    expect_proxy(&found, "http://x/", "http://c");
    expect_proxy(&found, "https://x/", "https://b");
    assert_int_equal(found.http->at.port, 80);
    assert_int_equal(found.https->at.port, 443);
    assert_true(found.https->at.is_https);
    proxies_fini(&found);
    found = read_environment(ENVIRONMENT("PATH", "/bin"));
    expect_proxy(&found, "http://x/", NULL);
    assert_null(found.http);
    proxies_fini(&found);
}

static void lower_case_wins_and_empty_means_none(void **state)
{
    proxies found =
        read_environment(ENVIRONMENT("http_proxy", "a", "HTTP_PROXY", "b", "https_proxy", "",
                                     "HTTPS_PROXY", "b", "all_proxy", "c"));

    (void)state;
    expect_proxy(&found, "http://x/", "http://a");
    expect_proxy(&found, "https://x/", NULL);
    proxies_fini(&found);
}

static void a_header_of_a_cgi_request_is_no_proxy(void **state)
{
    proxies found = read_environment(
        ENVIRONMENT("HTTP_PROXY", "evil", "REQUEST_METHOD", "GET", "HTTPS_PROXY", "good"));

    (void)state;
    expect_proxy(&found, "http://x/", NULL);
    expect_proxy(&found, "https://x/", "http://good");
    proxies_fini(&found);
    found = read_environment(ENVIRONMENT("HTTP_PROXY", "good"));
    expect_proxy(&found, "http://x/", "http://good");
    proxies_fini(&found);
}

static void credentials_become_a_header_and_stay_out_of_messages(void **state)
{
    static const struct {
        const char *text, *authorization;
    } cases[] = {
        { "http://user:pass@h:1", "Basic dXNlcjpwYXNz" },
        { "user:pass@h:1", "Basic dXNlcjpwYXNz" },
        { "http://user@h:1/", "Basic dXNlcjo=" },
        { "http://us%65r:p%61ss@h:1", "Basic dXNlcjpwYXNz" },
        { "http://user:p@ss@h:1", "Basic dXNlcjpwQHNz" },
        { "http://@h:1", "Basic Og==" },
        { "http://h:1", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        proxies found = read_environment(ENVIRONMENT("all_proxy", cases[i].text));
        csgi_str got = found.http->authorization;

        expect_proxy(&found, "http://x/", "http://h:1");
        assert_int_equal(got.len, strlen(cases[i].authorization));
        if (got.len) assert_memory_equal(got.ptr, cases[i].authorization, got.len);
        assert_string_equal(found.http->at.host, "h");
        assert_int_equal(found.http->at.port, 1);
        proxies_fini(&found);
    }
}

static void a_proxy_that_cannot_be_says_why(void **state)
{
    static const char *const cases[][2] = {
        { "socks5://h:1", "SOCKS proxies are not supported" },
        { "ftp://h:1", "its scheme is neither http nor https" },
        { "http://h:1/path", "it has a path" },
        { "http://h?q", "it has a query" },
        { "http://u%zz@h", "its credentials have a malformed escape" },
        { "http://u:%4@h", "its credentials have a malformed escape" },
        { "http://", "it has no host" },
        { "h:99999", "its port is not a number from 1 to 65535" },
        { "a b", "its host is malformed" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        proxies found = read_environment(ENVIRONMENT("http_proxy", cases[i][0]));
        proxies none = { NULL, NULL, NULL };
        const char *why = NULL;

        assert_non_null(found.http->wrong);
        assert_string_equal(found.http->wrong, cases[i][1]);
        proxies_fini(&found);
        assert_int_equal(proxies_from_url(&none, str_from(cases[i][0]), &why), CSGI_EINVAL);
        assert_string_equal(why, cases[i][1]);
        assert_null(none.http);
    }
}

static void one_proxy_may_be_for_everything(void **state)
{
    proxies found;
    const char *why;

    (void)state;
    assert_int_equal(proxies_from_url(&found, STR("https://p:8"), &why), CSGI_OK);
    expect_proxy(&found, "http://x/", "https://p:8");
    expect_proxy(&found, "https://x/", "https://p:8");
    expect_proxy(&found, "http+unix://%2Fx/", NULL);
    proxies_fini(&found);
}

static void credentials_have_a_limit(void **state)
{
    char text[PROXY_CREDENTIAL_MAX + 20];
    proxies found;
    const char *why = NULL;

    (void)state;
    memset(text, 'u', sizeof text);
    memcpy(text + PROXY_CREDENTIAL_MAX, "@h", 3);
    assert_int_equal(proxies_from_url(&found, str_from(text), &why), CSGI_OK);
    proxies_fini(&found);
    memcpy(text + PROXY_CREDENTIAL_MAX, "u@h", 4);
    assert_int_equal(proxies_from_url(&found, str_from(text), &why), CSGI_EINVAL);
    assert_string_equal(why, "its credentials are too long");
}

static const struct {
    const char *list, *host;
    uint32_t port;
    bool has;
} exceptions[] = {
    { "example.com", "example.com", 80, true },
    { "example.com", "www.example.com", 80, true },
    { "example.com", "EXAMPLE.com.", 80, true },
    { "Example.COM.", "a.b.example.com", 80, true },
    { "example.com", "notexample.com", 80, false },
    { "example.com", "example.com.evil", 80, false },
    { "example.com", "com", 80, false },
    { ".example.com", "example.com", 80, true },
    { ".example.com", "www.example.com", 80, true },
    { "*.example.com", "www.example.com", 80, true },
    { "..example.com", "www.example.com", 80, true },
    { "example.com:81", "example.com", 81, true },
    { "example.com:81", "example.com", 80, false },
    { "example.com:", "example.com", 80, false },
    { "example.com:x", "example.com", 80, false },
    { "*", "anything", 80, true },
    { "a, *", "10.0.0.1", 80, true },
    { "a,b c\td", "c", 80, true },
    { "a,b c\td", "d", 80, true },
    { "a,,b,", "b", 80, true },
    { "", "a", 80, false },
    { ",", "a", 80, false },
    { ".", "a", 80, false },
    { "*.", "a", 80, false },
    { "127.0.0.1", "127.0.0.1", 80, true },
    { "127.0.0.1:81", "127.0.0.1", 80, false },
    { "127.0.0.1:80", "127.0.0.1", 80, true },
    { "0.0.1", "127.0.0.1", 80, false },
    { "10.0.0.0/8", "10.255.0.1", 80, true },
    { "10.0.0.0/8", "11.0.0.1", 80, false },
    { "10.0.0.0/9", "10.128.0.1", 80, false },
    { "10.1.2.3/32", "10.1.2.3", 80, true },
    { "10.1.2.3/33", "10.1.2.3", 80, false },
    { "10.1.2.3/", "10.1.2.3", 80, false },
    { "10.1.2.3/x", "10.1.2.3", 80, false },
    { "0.0.0.0/0", "8.8.8.8", 80, true },
    { "0.0.0.0/0", "::1", 80, false },
    { "10.0.0.0/8", "ten.example", 80, false },
    { "::1", "::1", 80, true },
    { "::1", "0:0::1", 80, true },
    { "[::1]", "::1", 80, true },
    { "[::1]:80", "::1", 80, true },
    { "[::1]:81", "::1", 80, false },
    { "[::1]x", "::1", 80, false },
    { "[::1", "::1", 80, true },
    { "fd00::/8", "fd12::1", 80, true },
    { "fd00::/8", "fe80::1", 80, false },
    { "fd00::1/128", "fd00::1", 80, true },
    { "fd00::1/129", "fd00::1", 80, false },
    { "[", "::1", 80, false },
    { ":80", "a", 80, false },
    { "localhost", "127.0.0.1", 80, false },
};

static void exceptions_are_names_addresses_blocks_and_ports(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
        bool has = proxies_list_has(str_from(exceptions[i].list), str_from(exceptions[i].host),
                                    exceptions[i].port);

        if (has != exceptions[i].has)
            fail_msg("'%s', '%s' port %u: %d", exceptions[i].list, exceptions[i].host,
                     exceptions[i].port, has);
    }
}

static void loopback_is_no_exception_unless_listed(void **state)
{
    proxies found = read_environment(ENVIRONMENT("http_proxy", "p"));

    (void)state;
    expect_proxy(&found, "http://localhost/", "http://p");
    expect_proxy(&found, "http://127.0.0.1:8000/", "http://p");
    proxies_fini(&found);
    found = read_environment(
        ENVIRONMENT("http_proxy", "p", "NO_PROXY", "x", "no_proxy", "localhost, 127.0.0.0/8"));
    expect_proxy(&found, "http://localhost/", NULL);
    expect_proxy(&found, "http://127.0.0.1:8000/", NULL);
    expect_proxy(&found, "http://x/", "http://p");
    proxies_fini(&found);
}

static void want_of_memory_is_told(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        proxies found = { NULL, NULL, NULL };
        csgi_status status;

        environment = ENVIRONMENT("http_proxy", "p", "https_proxy", "q", "no_proxy", "x");
        failing_malloc_after(n);
        status = proxies_from_environment(&found, get);
        if (!failing_malloc_off()) {
            assert_int_equal(status, CSGI_OK);
            proxies_fini(&found);
            break;
        }
        assert_int_equal(status, CSGI_ENOMEM);
        assert_null(found.http);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_scheme_has_its_variable),
        cmocka_unit_test(lower_case_wins_and_empty_means_none),
        cmocka_unit_test(a_header_of_a_cgi_request_is_no_proxy),
        cmocka_unit_test(credentials_become_a_header_and_stay_out_of_messages),
        cmocka_unit_test(a_proxy_that_cannot_be_says_why),
        cmocka_unit_test(one_proxy_may_be_for_everything),
        cmocka_unit_test(credentials_have_a_limit),
        cmocka_unit_test(exceptions_are_names_addresses_blocks_and_ports),
        cmocka_unit_test(loopback_is_no_exception_unless_listed),
        cmocka_unit_test(want_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
