/* SPDX-License-Identifier: MIT
 * exchange/forwarded: whom a request comes from, by what its proxies say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "exchange/forwarded.h"
#include "failing_malloc.h"

#define FIELDS_MAX 16u
#define PEER       "127.0.0.1:5000"

/* The lines of a head, and the origin that comes of them: the client's address, scheme and Host. */
typedef struct row {
    const char *lines, *client, *scheme, *host;
} row;

static exchange request;
static address peer;
static char lines[1024];
static csgi_field fields[FIELDS_MAX];

/* "Name: value\n"... in lower case, as the wire makes them. */
static csgi_fields fields_of(const char *text)
{
    size_t count = 0;
    char *at = lines;

    assert_true(strlen(text) < sizeof lines);
    memcpy(lines, text, strlen(text) + 1);
    while (*at) {
        char *colon = strchr(at, ':'), *end = strchr(at, '\n');

        assert_non_null(colon);
        assert_non_null(end);
        assert_in_range(count, 0, FIELDS_MAX - 1);
        *colon = *end = '\0';
        str_lower(at, strlen(at));
        fields[count++] = (csgi_field){ str_from(at), str_trim(str_from(colon + 1)), 0, 0 };
        at = end + 1;
    }
    return (csgi_fields){ fields, count };
}

static csgi_status apply(const char *trusted, const char *text)
{
    trust_list list;
    csgi_str wrong;
    const char *why;
    csgi_status status;

    assert_int_equal(trust_list_parse(&list, str_from(trusted), &wrong, &why), CSGI_OK);
    arena_reset(&request.arena);
    arena_init(&request.arena, request.memory, sizeof request.memory);
    request.client = &peer;
    request.scheme = STR("http");
    request.headers = fields_of(text);
    status = exchange_apply_forwarded(&request, &list);
    trust_list_fini(&list);
    return status;
}

static const char *host(void)
{
    for (size_t i = 0; i < request.headers.count; i++) {
        if (str_eq(request.headers.items[i].name, STR("host")))
            return request.headers.items[i].value.ptr;
    }
    return "(none)";
}

static void assert_row(const char *trusted, const row *each)
{
    csgi_status status = apply(trusted, each->lines);
    char client[128];

    snprintf(client, sizeof client, "%s:%u", address_host(request.client).bytes,
             address_port(request.client));
    if (!each->client && status == CSGI_EINVAL) return;
    if (status || !each->client || strcmp(client, each->client) != 0 ||
        !str_eq(request.scheme, str_from(each->scheme)) || strcmp(host(), each->host) != 0)
        fail_msg("%s: status %d, client %s, scheme %.*s, host %s", each->lines, status, client,
                 STR_ARG(request.scheme), host());
}

static void assert_rows(const char *trusted, const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_row(trusted, &rows[i]);
}

static void the_client_is_the_first_from_the_right_that_is_not_trusted(void **state)
{
    static const row rows[] = {
        { "X-Forwarded-For: 203.0.113.9\n", "203.0.113.9:0", "http", "(none)" },
        { "X-Forwarded-For: 1.1.1.1, 203.0.113.9\n", "203.0.113.9:0", "http", "(none)" },
        { "X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.0.0.2,10.0.0.1\n", "203.0.113.9:0", "http",
          "(none)" },
        { "X-Forwarded-For: 1.1.1.1\nA: b\nX-Forwarded-For: 203.0.113.9,\t10.0.0.2\n"
          "X-Forwarded-For: 10.0.0.1\n",
          "203.0.113.9:0", "http", "(none)" },
        { "X-Forwarded-For: 10.0.0.3, 10.0.0.2, 10.0.0.1\n", "10.0.0.3:0", "http", "(none)" },
        { "X-Forwarded-For: ::ffff:10.0.0.3, ::ffff:10.0.0.2\n", "10.0.0.3:0", "http", "(none)" },
        { "X-Forwarded-For: 2001:db8::9, 2001:db8:1::1\n", "2001:db8::9:0", "http", "(none)" },
    };

    (void)state;
    assert_rows("127.0.0.1, 10.0.0.0/8, 2001:db8:1::/48", rows, COUNT_OF(rows));
}

static void when_everyone_is_trusted_the_client_is_the_leftmost(void **state)
{
    static const row only = { "X-Forwarded-For: 1.1.1.1, 2.2.2.2\nX-Forwarded-For: 3.3.3.3\n",
                              "1.1.1.1:0", "http", "(none)" };

    (void)state;
    assert_row("*", &only);
}

static void an_untrusted_peer_says_nothing(void **state)
{
    static const row only = { "Host: a\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: https\n"
                              "X-Forwarded-Host: b\nForwarded: for=1.1.1.1;host=c;proto=https\n",
                              PEER, "http", "a" };

    (void)state;
    assert_row("127.0.0.2, 10.0.0.0/8, ::/0, unix:", &only);
}

static void a_request_without_such_fields_stays_as_it_is(void **state)
{
    static const row rows[] = {
        { "", PEER, "http", "(none)" },
        { "Host: a\nX-Forwarded: b\nX-Forwarded-Foo: c\nX-Forwarded-By1234: d\nX-Real-IP: "
          "1.1.1.1\n",
          PEER, "http", "a" },
    };

    (void)state;
    assert_rows("*", rows, COUNT_OF(rows));
}

static void addresses_have_ports_and_brackets(void **state)
{
    static const row rows[] = {
        { "X-Forwarded-For: 203.0.113.9:65535\n", "203.0.113.9:65535", "http", "(none)" },
        { "X-Forwarded-For: 203.0.113.9:_x.Y-9\n", "203.0.113.9:0", "http", "(none)" },
        { "X-Forwarded-For: [2001:db8::9]\n", "2001:db8::9:0", "http", "(none)" },
        { "X-Forwarded-For: [2001:db8::9]:80\n", "2001:db8::9:80", "http", "(none)" },
        { "X-Forwarded-For: 2001:db8::9\n", "2001:db8::9:0", "http", "(none)" },
        { "X-Forwarded-For: ::\n", ":::0", "http", "(none)" },
        { "X-Forwarded-For: 203.0.113.9, 10.0.0.1:1234, [::ffff:10.0.0.2]:9\n", "203.0.113.9:0",
          "http", "(none)" },
    };

    (void)state;
    assert_rows("127.0.0.1,10.0.0.0/8", rows, COUNT_OF(rows));
}

/* The nearest address that is known stays. */
static void what_is_no_address_ends_the_scan(void **state)
{
    static const char *const wrong[] = {
        "unknown",
        "_hidden",
        "",
        "unix:",
        "a.example",
        "203.0.113.256",
        "203.0.113",
        "203.0.113.",
        "0203.0.113.9",
        "203.0.113.9:",
        "203.0.113.9:x",
        "203.0.113.9:65536",
        "203.0.113.9:-1",
        "203.0.113.9:000080",
        "203.0.113.9:_",
        "203.0.113.9:_a b",
        "203.0.113.9 x",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[::1]:80:80",
        "[]",
        "[",
        "]",
        ":",
        "::1%lo",
        "fe80::1%1",
        "[fe80::1%1]",
        "\"203.0.113.9\"",
        "[203.0.113.9]",
        "1:2:3:4:5:6:7:8:9",
        "1111:2222:3333:4444:5555:6666:255.255.255.255x",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[256];
        row each = { text, PEER, "http", "(none)" };

        snprintf(text, sizeof text, "X-Forwarded-For: 1.1.1.1, %s\n", wrong[i]);
        assert_row("127.0.0.1,10.0.0.0/8", &each);
        snprintf(text, sizeof text, "X-Forwarded-For: 1.1.1.1, %s, 10.0.0.2\n", wrong[i]);
        each.client = "10.0.0.2:0";
        assert_row("127.0.0.1,10.0.0.0/8", &each);
        snprintf(text, sizeof text, "X-Forwarded-For: %s, 203.0.113.9\n", wrong[i]);
        each.client = "203.0.113.9:0";
        assert_row("127.0.0.1,10.0.0.0/8", &each);
    }
}

static void a_mapped_address_is_the_ipv4_one(void **state)
{
    static const row rows[] = {
        { "X-Forwarded-For: ::ffff:203.0.113.9\nForwarded: for=203.0.113.9\n", "203.0.113.9:0",
          "http", "(none)" },
        { "X-Forwarded-For: 203.0.113.9\nForwarded: for=\"[::ffff:203.0.113.9]\"\n",
          "203.0.113.9:0", "http", "(none)" },
        { "X-Forwarded-For: ::ffff:203.0.113.9\nForwarded: for=203.0.113.8\n", NULL, "", "" },
        { "X-Forwarded-For: ::fffe:203.0.113.9\nForwarded: for=203.0.113.9\n", NULL, "", "" },
    };

    (void)state;
    assert_rows("127.0.0.1", rows, COUNT_OF(rows));
}

static void a_scheme_is_http_or_https_said_once(void **state)
{
    static const row rows[] = {
        { "X-Forwarded-Proto: https\n", PEER, "https", "(none)" },
        { "X-Forwarded-Proto: HTTPS\n", PEER, "https", "(none)" },
        { "X-Forwarded-Proto: http\n", PEER, "http", "(none)" },
        { "X-Forwarded-Proto: https, https\nX-Forwarded-Proto: https\n", PEER, "https", "(none)" },
        { "X-Forwarded-Proto: https, http\n", PEER, "http", "(none)" },
        { "X-Forwarded-Proto: http, https\n", PEER, "http", "(none)" },
        { "X-Forwarded-Proto: https\nX-Forwarded-Proto: http\n", PEER, "http", "(none)" },
        { "X-Forwarded-Proto: https,\n", PEER, "http", "(none)" },
        { "X-Forwarded-Proto:\n", PEER, "http", "(none)" },
        { "X-Forwarded-Proto: wss\n", PEER, "http", "(none)" },
        { "X-Forwarded-Proto: javascript\n", PEER, "http", "(none)" },
    };

    (void)state;
    assert_rows("127.0.0.1", rows, COUNT_OF(rows));
}

static void a_host_replaces_host_when_it_is_one(void **state)
{
    static const row rows[] = {
        { "Host: a\nX-Forwarded-Host: b.example\n", PEER, "http", "b.example" },
        { "X-Forwarded-Host: b.example\nX: y\n", PEER, "http", "b.example" },
        { "Host: a\nX-Forwarded-Host: b:8080\n", PEER, "http", "b:8080" },
        { "Host: a\nX-Forwarded-Host: [2001:db8::1]:8080\n", PEER, "http", "[2001:db8::1]:8080" },
        { "Host: a\nX-Forwarded-Host: b_1.example%2D\n", PEER, "http", "b_1.example%2D" },
        { "Host: a\nX-Forwarded-Host: b, b\n", PEER, "http", "b" },
        { "Host: a\nX-Forwarded-Host: b, c\n", PEER, "http", "a" },
        { "Host: a\nX-Forwarded-Host: b\nX-Forwarded-Host: c\n", PEER, "http", "a" },
    };
    static const char *const wrong[] = { "",    "b/c",   "u@b", "b c", "b?c",    "b#c",     "b\\c",
                                         "[b",  "[b]",   "[]",  "[",   "[::1]x", "b:65536", "b:",
                                         "b:x", "b:80:", ":80", "b%2", "b%zz",   "b\"",     "b<" };

    (void)state;
    assert_rows("127.0.0.1", rows, COUNT_OF(rows));
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[128];
        row each = { text, PEER, "http", "a" };

        snprintf(text, sizeof text, "Host: a\nX-Forwarded-Host: %s\n", wrong[i]);
        assert_row("127.0.0.1", &each);
    }
    assert_int_equal(apply("*", "A: 1\nX-Forwarded-Host: b\n"), CSGI_OK);
    assert_int_equal(request.headers.count, 3);
    assert_true(str_eq(request.headers.items[0].name, STR("host")));
    assert_true(str_eq(request.headers.items[1].name, STR("a")));
}

static void a_port_completes_a_forwarded_host(void **state)
{
    static const row rows[] = {
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 8443\n", PEER, "http", "b:8443" },
        { "X-Forwarded-Host: [::1]\nX-Forwarded-Port: 65535\n", PEER, "http", "[::1]:65535" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 80\n", PEER, "http", "b" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 443\n", PEER, "http", "b:443" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 443\nX-Forwarded-Proto: https\n", PEER, "https",
          "b" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 80\nX-Forwarded-Proto: https\n", PEER, "https",
          "b:80" },
        { "X-Forwarded-Host: b:1\nX-Forwarded-Port: 2\n", PEER, "http", "b:1" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 65536\n", PEER, "http", "b" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 0\n", PEER, "http", "b" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 1, 2\n", PEER, "http", "b" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: x\n", PEER, "http", "b" },
        { "Host: a\nX-Forwarded-Port: 8443\n", PEER, "http", "a" },
    };

    (void)state;
    assert_rows("127.0.0.1", rows, COUNT_OF(rows));
}

static void forwarded_says_all_in_its_elements(void **state)
{
    static const row rows[] = {
        { "Forwarded: for=203.0.113.9\n", "203.0.113.9:0", "http", "(none)" },
        { "Forwarded: For=\"203.0.113.9:47011\";PROTO=Https;Host=b;by=_us\n", "203.0.113.9:47011",
          "https", "b" },
        { "Forwarded: by=\"[::1]:80\"; for=\"[2001:db8::9]:80\" ;host=\"b:8080\"; "
          "x=\"a,b;\\\"c\"\n",
          "2001:db8::9:80", "http", "b:8080" },
        { "Forwarded: for=203.0.113.9;;proto=https;\n", "203.0.113.9:0", "https", "(none)" },
        { "Forwarded: for=1.1.1.1;host=evil, for=203.0.113.9;proto=https\n", "203.0.113.9:0",
          "https", "(none)" },
        { "Forwarded: for=203.0.113.9;proto=https;host=b, for=10.0.0.2;proto=http;host=c\n",
          "203.0.113.9:0", "https", "b" },
        { "Forwarded: for=203.0.113.9;proto=https\nForwarded: for=10.0.0.2;proto=http;host=c\n",
          "203.0.113.9:0", "https", "c" },
        { "Forwarded: for=10.0.0.3;proto=https, for=10.0.0.2\n", "10.0.0.3:0", "https", "(none)" },
    };

    (void)state;
    assert_rows("127.0.0.1,10.0.0.0/8", rows, COUNT_OF(rows));
}

static void empty_elements_of_forwarded_mean_nothing(void **state)
{
    static const row rows[] = {
        { "Forwarded: for=203.0.113.9, , for=10.0.0.2;proto=https, ,\nForwarded:\n",
          "203.0.113.9:0", "https", "(none)" },
        { "Forwarded: for=1.1.1.1,\n", "1.1.1.1:0", "http", "(none)" },
        { "Forwarded: ,\n", PEER, "http", "(none)" },
    };

    (void)state;
    assert_rows("127.0.0.1,10.0.0.0/8", rows, COUNT_OF(rows));
}

static void an_unusable_element_ends_the_scan(void **state)
{
    static const row rows[] = {
        /* whose client is not said: what else it says counts */
        { "Forwarded: for=1.1.1.1, proto=https;host=b\n", PEER, "https", "b" },
        { "Forwarded: for=1.1.1.1, for=unknown;proto=https\n", PEER, "https", "(none)" },
        { "Forwarded: for=1.1.1.1, for=_hidden, for=10.0.0.2\n", "10.0.0.2:0", "http", "(none)" },
        { "Forwarded: for=1.1.1.1, for=\"unknown:80\"\n", PEER, "http", "(none)" },
        /* malformed: nothing of it counts */
        { "Forwarded: for=1.1.1.1;proto=https;for=2.2.2.2\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;proto=https\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;host=b;host=c\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;by=b;by=c\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;for\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;for=\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;=b\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;for =1.1.1.1\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;for=\"1.1.1.1\"x\n", PEER, "http", "(none)" },
        { "Forwarded: proto=https;for=[::1]\n", PEER, "http", "(none)" },
        { "Forwarded: for=1.1.1.1 proto=https\n", PEER, "http", "(none)" },
        { "Forwarded:\n", PEER, "http", "(none)" },
        { "Forwarded: 203.0.113.9\n", PEER, "http", "(none)" },
        /* usable elements with values that are not */
        { "Forwarded: for=\"2001:db8::1\"\n", PEER, "http", "(none)" },
        { "Forwarded: for=\"1.1.1.\\1\"\n", PEER, "http", "(none)" },
        { "Forwarded: for=203.0.113.9;proto=ftp;host=\"b/c\"\n", "203.0.113.9:0", "http",
          "(none)" },
    };

    (void)state;
    assert_rows("127.0.0.1,10.0.0.0/8", rows, COUNT_OF(rows));
}

/* Else the client could hide what our proxy adds behind it. */
static void a_quote_left_open_by_the_client_hides_nothing(void **state)
{
    static const row rows[] = {
        { "Forwarded: for=\", for=203.0.113.9\n", "203.0.113.9:0", "http", "(none)" },
        { "Forwarded: for=\"\\, for=\"203.0.113.9:1\";proto=https\n", "203.0.113.9:1", "https",
          "(none)" },
        { "Forwarded: for=\"a\\\", for=203.0.113.9\n", "203.0.113.9:0", "http", "(none)" },
        { "Forwarded: for=\"\nForwarded: for=203.0.113.9;x=\"a,\\\",b\"\n", "203.0.113.9:0", "http",
          "(none)" },
        { "Forwarded: for=\", for=203.0.113.9, for=10.0.0.1\n", "203.0.113.9:0", "http", "(none)" },
    };

    (void)state;
    assert_rows("127.0.0.1,10.0.0.0/8", rows, COUNT_OF(rows));
}

static void both_kinds_must_agree(void **state)
{
    static const row rows[] = {
        { "X-Forwarded-For: 203.0.113.9\nForwarded: for=203.0.113.9\n", "203.0.113.9:0", "http",
          "(none)" },
        { "X-Forwarded-For: 203.0.113.9\nForwarded: proto=https;host=b\n", "203.0.113.9:0", "https",
          "b" },
        { "X-Forwarded-Proto: https\nForwarded: for=203.0.113.9\n", "203.0.113.9:0", "https",
          "(none)" },
        { "X-Forwarded-Host: B\nForwarded: for=203.0.113.9;host=b\n", "203.0.113.9:0", "http",
          "B" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 81\nForwarded: host=\"b:81\"\n", PEER, "http",
          "b:81" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 443\nForwarded: host=b;proto=https\n", PEER,
          "https", "b" },
        { "X-Forwarded-Host: b\nX-Forwarded-Port: 81\nForwarded: host=b\n", NULL, NULL, NULL },
        { "X-Forwarded-For: 203.0.113.9\nForwarded: for=1.1.1.1\n", NULL, NULL, NULL },
        { "X-Forwarded-For: 203.0.113.9\nForwarded: for=unknown\n", NULL, NULL, NULL },
        { "X-Forwarded-For: 203.0.113.9\nForwarded: junk\n", NULL, NULL, NULL },
        { "X-Forwarded-For: junk\nForwarded: for=203.0.113.9\n", NULL, NULL, NULL },
        { "X-Forwarded-For: 203.0.113.9\nForwarded: for=\"[::1]\"\n", NULL, NULL, NULL },
        { "X-Forwarded-For: ::2\nForwarded: for=\"[::1]\"\n", NULL, NULL, NULL },
        { "X-Forwarded-Proto: http\nForwarded: proto=https\n", NULL, NULL, NULL },
        { "X-Forwarded-Proto: http, https\nForwarded: proto=https\n", NULL, NULL, NULL },
        { "X-Forwarded-Host: a\nForwarded: host=b\n", NULL, NULL, NULL },
    };

    (void)state;
    assert_rows("127.0.0.1", rows, COUNT_OF(rows));
}

static void without_memory_nothing_is_changed(void **state)
{
    static const char text[] = "Host: a\nX-Forwarded-For: 1.1.1.1\nX-Forwarded-Proto: https\n"
                               "X-Forwarded-Host: b\nX-Forwarded-Port: 81\n";
    trust_list everyone = { .all = true };

    (void)state;
    for (size_t room = 0;; room += 8) {
        csgi_status status;

        arena_reset(&request.arena);
        arena_init(&request.arena, request.memory, room);
        request.client = &peer;
        request.scheme = STR("http");
        request.headers = fields_of(text);
        failing_malloc_after(0);
        status = exchange_apply_forwarded(&request, &everyone);
        if (!failing_malloc_off()) {
            assert_int_equal(status, CSGI_OK);
            assert_string_equal(host(), "b:81");
            break;
        }
        assert_int_equal(status, CSGI_ENOMEM);
        assert_ptr_equal(request.client, &peer);
        assert_true(str_eq(request.scheme, STR("http")));
        assert_string_equal(host(), "a");
    }
}

static int begin(void **state)
{
    (void)state;
    arena_init(&request.arena, request.memory, sizeof request.memory);
    return address_from_ip(&peer, "127.0.0.1", 5000);
}

static int end(void **state)
{
    (void)state;
    arena_reset(&request.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_the_first_from_the_right_that_is_not_trusted),
        cmocka_unit_test(when_everyone_is_trusted_the_client_is_the_leftmost),
        cmocka_unit_test(an_untrusted_peer_says_nothing),
        cmocka_unit_test(a_request_without_such_fields_stays_as_it_is),
        cmocka_unit_test(addresses_have_ports_and_brackets),
        cmocka_unit_test(what_is_no_address_ends_the_scan),
        cmocka_unit_test(a_mapped_address_is_the_ipv4_one),
        cmocka_unit_test(a_scheme_is_http_or_https_said_once),
        cmocka_unit_test(a_host_replaces_host_when_it_is_one),
        cmocka_unit_test(a_port_completes_a_forwarded_host),
        cmocka_unit_test(forwarded_says_all_in_its_elements),
        cmocka_unit_test(empty_elements_of_forwarded_mean_nothing),
        cmocka_unit_test(an_unusable_element_ends_the_scan),
        cmocka_unit_test(a_quote_left_open_by_the_client_hides_nothing),
        cmocka_unit_test(both_kinds_must_agree),
        cmocka_unit_test(without_memory_nothing_is_changed),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
