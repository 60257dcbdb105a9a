/* SPDX-License-Identifier: MIT
 * The head of an outbound request. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "client/request.h"

#define CODINGS "Accept-Encoding: gzip, deflate, br\r\n"
#define AGENT   "User-Agent: capricorn/" CAPRICORN_VERSION "\r\n"

static csgi_client_request asking(const char *method)
{
    return (csgi_client_request){ .size = sizeof(csgi_client_request), .method = str_from(method) };
}

static void assert_head(const csgi_client_request *request, const char *to, const char *want)
{
    char head[1024];
    request_facts facts;
    url at;
    const char *wrong;
    buffer why = { 0 };
    size_t len;

    assert_int_equal(url_parse(str_from(to), &at, &wrong), CSGI_OK);
    assert_int_equal(request_check(request, &facts, &why), CSGI_OK);
    len = request_print_head(request, &facts, &at, NULL, head, sizeof head);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(head, want, len);
    /* It fits exactly, and one byte less is too little. */
    assert_int_equal(request_print_head(request, &facts, &at, NULL, head, len), len);
    assert_int_equal(request_print_head(request, &facts, &at, NULL, head, len - 1), 0);
}

static void a_proxy_is_told_the_whole_url(void **state)
{
    const csgi_client_request request = asking("GET");
    request_facts facts;
    url at;
    proxies via;
    const char *wrong, *want;
    buffer why = { 0 };
    char head[1024];

    (void)state;
    assert_int_equal(proxies_from_url(&via, STR("user:pass@proxy"), &wrong), CSGI_OK);
    assert_int_equal(url_parse(STR("http://a.test:8?q"), &at, &wrong), CSGI_OK);
    assert_int_equal(request_check(&request, &facts, &why), CSGI_OK);
    head[request_print_head(&request, &facts, &at, via.http, head, sizeof head)] = '\0';
    want = "GET http://a.test:8/?q HTTP/1.1\r\nHost: a.test:8\r\n"
           "Proxy-Authorization: Basic dXNlcjpwYXNz\r\nUser-Agent: ";
    assert_memory_equal(head, want, strlen(want));
    proxies_fini(&via);
    assert_int_equal(proxies_from_url(&via, STR("proxy"), &wrong), CSGI_OK);
    head[request_print_head(&request, &facts, &at, via.http, head, sizeof head)] = '\0';
    assert_null(strstr(head, "Proxy-"));
    proxies_fini(&via);
}

static void assert_refused(const csgi_client_request *request, const char *reason)
{
    request_facts facts;
    buffer why = { 0 };

    assert_int_equal(request_check(request, &facts, &why), CSGI_EINVAL);
    assert_int_equal(buffer_append(&why, "", 1), CSGI_OK);
    if (!strstr(why.bytes, reason)) fail_msg("'%s' lacks '%s'", why.bytes, reason);
    buffer_fini(&why);
}

static void a_plain_request_is_a_get(void **state)
{
    csgi_client_request request = asking("");

    (void)state;
    assert_head(&request, "http://h:81/x?y",
                "GET /x?y HTTP/1.1\r\nHost: h:81\r\n" AGENT "Accept: */*\r\n" CODINGS "\r\n");
    assert_head(&request, "http://h?y",
                "GET /?y HTTP/1.1\r\nHost: h\r\n" AGENT "Accept: */*\r\n" CODINGS "\r\n");
}

static void the_callers_fields_come_in_order_and_replace_defaults(void **state)
{
    const csgi_field fields[] = {
        { .name = CSGI_STR("User-agent"), .value = CSGI_STR("me/1") },
        { .name = CSGI_STR("X-A"), .value = CSGI_STR("") },
        { .name = CSGI_STR("accept"), .value = CSGI_STR("text/plain") },
    };
    csgi_client_request request = asking("DELETE");

    (void)state;
    request.headers = (csgi_fields){ fields, COUNT_OF(fields) };
    assert_head(&request, "http://h/",
                "DELETE / HTTP/1.1\r\nHost: h\r\n" CODINGS "User-agent: me/1\r\nX-A: \r\n"
                "accept: text/plain\r\n\r\n");
}

static void a_body_has_its_length_and_post_put_patch_have_one_always(void **state)
{
    csgi_client_request request = asking("GET");

    (void)state;
    request.body = STR("hello");
    assert_head(&request, "http://h/",
                "GET / HTTP/1.1\r\nHost: h\r\n" AGENT "Accept: */*\r\n" CODINGS
                "Content-Length: 5\r\n\r\n");
    for (size_t i = 0; i < 3; i++) {
        static const char *const methods[] = { "POST", "PUT", "PATCH" };
        char want[256];

        request = asking(methods[i]);
        snprintf(want, sizeof want,
                 "%s / HTTP/1.1\r\nHost: h\r\n" AGENT "Accept: */*\r\n" CODINGS
                 "Content-Length: 0\r\n\r\n",
                 methods[i]);
        assert_head(&request, "http://h/", want);
    }
}

static void only_idempotent_methods_may_be_sent_twice(void **state)
{
    static const char *const yes[] = { "", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE" };
    static const char *const no[] = { "POST", "PATCH", "get", "LOCK" };
    request_facts facts;
    buffer why = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        csgi_client_request request = asking(yes[i]);

        assert_int_equal(request_check(&request, &facts, &why), CSGI_OK);
        assert_true(facts.is_idempotent);
        assert_int_equal(facts.is_head, strcmp(yes[i], "HEAD") == 0);
    }
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        csgi_client_request request = asking(no[i]);

        assert_int_equal(request_check(&request, &facts, &why), CSGI_OK);
        assert_false(facts.is_idempotent);
    }
}

static void methods_that_are_no_token_and_connect_are_refused(void **state)
{
    csgi_client_request request = asking("GET /x");

    (void)state;
    assert_refused(&request, "the method 'GET /x' is malformed");
    request = asking("CONNECT");
    assert_refused(&request, "CONNECT is not supported");
    request.method = (csgi_str){ "GET\0", 4 };
    assert_refused(&request, "malformed");
}

static void fields_of_the_clients_own_are_refused(void **state)
{
    static const char *const names[] = { "Host", "content-length", "CONNECTION",
                                         "Transfer-Encoding" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const csgi_field field = { .name = str_from(names[i]), .value = CSGI_STR("x") };
        csgi_client_request request = asking("GET");

        request.headers = (csgi_fields){ &field, 1 };
        assert_refused(&request, "set by the client itself");
        assert_refused(&request, names[i]);
    }
}

static void line_ends_and_nul_in_a_field_are_refused(void **state)
{
    static const char values[] = { '\r', '\n', '\0', '\x7f', '\x01' };
    csgi_client_request request = asking("GET");
    csgi_field field = { .name = CSGI_STR("X-A\r\nX-B") };

    (void)state;
    request.headers = (csgi_fields){ &field, 1 };
    assert_refused(&request, "malformed");
    field.name = STR("");
    assert_refused(&request, "malformed");
    field.name = STR("X-A");
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char value[] = { 'a', values[i], 'b' };

        field.value = (csgi_str){ value, sizeof value };
        assert_refused(&request, "X-A has control bytes");
    }
}

static void a_struct_that_is_too_small_and_null_pointers_are_refused(void **state)
{
    const csgi_str no_bytes = { NULL, 1 };
    csgi_field field = { .name = CSGI_STR("X-A") };
    csgi_client_request request = asking("GET");

    (void)state;
    request.size = 0;
    assert_refused(&request, "size is 0");
    request = asking("GET");
    request.headers.count = 1;
    assert_refused(&request, "null pointer");
    request = asking("GET");
    request.body.len = 1;
    assert_refused(&request, "body is a null pointer");
    request = asking("GET");
    request.method = no_bytes;
    assert_refused(&request, "method is a null pointer");
    request = asking("GET");
    request.headers = (csgi_fields){ &field, 1 };
    field.value = no_bytes;
    assert_refused(&request, "header value is a null pointer");
    field.name = no_bytes;
    assert_refused(&request, "header name is a null pointer");
}

static void compression_is_asked_for_unless_it_is_not_wanted(void **state)
{
    const csgi_field field = { .name = CSGI_STR("Accept-encoding"), .value = CSGI_STR("zstd") };
    csgi_client_request request = asking("GET");

    (void)state;
    request.flags = CSGI_CLIENT_KEEP_CODING;
    assert_head(&request, "http://h/", "GET / HTTP/1.1\r\nHost: h\r\n" AGENT "Accept: */*\r\n\r\n");
    request.flags = 0;
    request.headers = (csgi_fields){ &field, 1 };
    assert_head(&request, "http://h/",
                "GET / HTTP/1.1\r\nHost: h\r\n" AGENT
                "Accept: */*\r\nAccept-encoding: zstd\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proxy_is_told_the_whole_url),
        cmocka_unit_test(a_plain_request_is_a_get),
        cmocka_unit_test(the_callers_fields_come_in_order_and_replace_defaults),
        cmocka_unit_test(a_body_has_its_length_and_post_put_patch_have_one_always),
        cmocka_unit_test(only_idempotent_methods_may_be_sent_twice),
        cmocka_unit_test(methods_that_are_no_token_and_connect_are_refused),
        cmocka_unit_test(fields_of_the_clients_own_are_refused),
        cmocka_unit_test(line_ends_and_nul_in_a_field_are_refused),
        cmocka_unit_test(a_struct_that_is_too_small_and_null_pointers_are_refused),
        cmocka_unit_test(compression_is_asked_for_unless_it_is_not_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
