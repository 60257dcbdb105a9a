/* SPDX-License-Identifier: MIT
 * session/proxy_header: what is a PROXY header, where it ends, and whom it names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "session/proxy_header.h"

#define SIGNATURE    "\r\n\r\n\0\r\nQUIT\n"
#define REQUEST      "GET / HTTP/1.1\r\n"
#define IPV4_ENDS    "\xcb\x00\x71\x09\x0a\x00\x00\x01\x04\xd2\x01\xbb"
#define LONGEST_IPV6 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

/* The header, and what it says: "PEER PORT LOCAL PORT", or "own". */
typedef struct row {
    csgi_str header;
    const char *ends;
} row;

static const row good[] = {
    { CSGI_STR("PROXY TCP4 203.0.113.9 10.0.0.1 1234 443\r\n"), "203.0.113.9 1234 10.0.0.1 443" },
    { CSGI_STR("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"),
      "255.255.255.255 65535 0.0.0.0 0" },
    { CSGI_STR("PROXY TCP6 2001:db8::9 ::1 1234 443\r\n"), "2001:db8::9 1234 ::1 443" },
    { CSGI_STR("PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n"), "203.0.113.9 1 ::1 2" },
    { CSGI_STR("PROXY TCP6 " LONGEST_IPV6 " " LONGEST_IPV6 " 65535 65535\r\n"),
      LONGEST_IPV6 " 65535 " LONGEST_IPV6 " 65535" },
    { CSGI_STR("PROXY UNKNOWN\r\n"), "own" },
    { CSGI_STR("PROXY UNKNOWN " LONGEST_IPV6 " " LONGEST_IPV6 " 65535 65535\r\n"), "own" },
    { CSGI_STR("PROXY UNKNOWN what\tever\r it is\r\n"), "own" },
    { CSGI_STR(SIGNATURE "\x21\x11\0\x0c" IPV4_ENDS), "203.0.113.9 1234 10.0.0.1 443" },
    { CSGI_STR(SIGNATURE "\x21\x12\0\x0c" IPV4_ENDS), "203.0.113.9 1234 10.0.0.1 443" },
    { CSGI_STR(SIGNATURE "\x21\x11\0\x10" IPV4_ENDS "\x04\0\x01x"),
      "203.0.113.9 1234 10.0.0.1 443" },
    { CSGI_STR(SIGNATURE "\x21\x11\0\x0f" IPV4_ENDS "\x04\xff\xff"), /* not looked into */
      "203.0.113.9 1234 10.0.0.1 443" },
    { CSGI_STR(SIGNATURE "\x21\x21\0\x24"
                         "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"
                         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x04\xd2\x01\xbb"),
      "2001:db8::9 1234 ::1 443" },
    { CSGI_STR(SIGNATURE "\x21\0\0\0"), "own" },
    { CSGI_STR(SIGNATURE "\x21\0\0\x03"
                         "abc"),
      "own" },
    { CSGI_STR(SIGNATURE "\x20\0\0\0"), "own" },
    { CSGI_STR(SIGNATURE "\x20\x11\0\x0c" IPV4_ENDS), "own" },
    { CSGI_STR(SIGNATURE "\x20\xff\0\x01"
                         "x"),
      "own" },
};

static const csgi_str bad[] = {
    CSGI_STR(REQUEST),
    CSGI_STR("P"
             "OST / HTTP/1.1\r\n"),
    CSGI_STR("proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n"),
    CSGI_STR(" PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"),
    CSGI_STR("PROXY\r\n" REQUEST),
    CSGI_STR("PROXY \r\n"),
    CSGI_STR("PROXY \n"),
    CSGI_STR("PROXY  UNKNOWN\r\n"),
    CSGI_STR("PROXY UNKNOWN\n"),
    CSGI_STR("PROXY UNKNOWNS\r\n"),
    CSGI_STR("PROXY unknown\r\n"),
    CSGI_STR("PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n"),
    CSGI_STR("PROXY TCP4\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 1 \r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1  2.2.2.2 1 2\r\n"),
    CSGI_STR("PROXY TCP4\t1.1.1.1 2.2.2.2 1 2\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n"),
    CSGI_STR("PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1\0 2.2.2.2 1 2\r\n"),
    CSGI_STR("PROXY TCP4 ::1 ::1 1 2\r\n"),
    CSGI_STR("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n"),
    CSGI_STR("PROXY TCP6 ::1%lo ::1 1 2\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n"),
    CSGI_STR("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n"),
    CSGI_STR("\r\n\r\n\0\r\nQUIX\n"),
    CSGI_STR("\r\n\r\n" REQUEST),
    CSGI_STR(SIGNATURE "\x11\x11\0\x0c" IPV4_ENDS), /* version 1 */
    CSGI_STR(SIGNATURE "\x31\x11\0\x0c" IPV4_ENDS),
    CSGI_STR(SIGNATURE "\x22\x11\0\x0c" IPV4_ENDS), /* unknown commands */
    CSGI_STR(SIGNATURE "\x2f\x11\0\x0c" IPV4_ENDS),
    CSGI_STR(SIGNATURE "\x21\x10\0\x0c" IPV4_ENDS), /* unknown families and transports */
    CSGI_STR(SIGNATURE "\x21\x13\0\x0c" IPV4_ENDS),
    CSGI_STR(SIGNATURE "\x21\x01\0\x0c" IPV4_ENDS),
    CSGI_STR(SIGNATURE "\x21\x41\0\x0c" IPV4_ENDS),
    CSGI_STR(SIGNATURE "\x21\x11\0\x0b" IPV4_ENDS), /* short of its addresses */
    CSGI_STR(SIGNATURE "\x21\x21\0\x0c" IPV4_ENDS),
    CSGI_STR(SIGNATURE "\x21\x31\0\x0c" IPV4_ENDS),
    CSGI_STR(SIGNATURE "\x21\x11\xff\xff" IPV4_ENDS),
};

static proxy_header header;
static size_t used;

/* From memory of its own size, so that reading further is found. */
static proxy_result parse(csgi_str text)
{
    char *copy = malloc(text.len + 1);
    proxy_result result;

    assert_non_null(copy);
    memmove(copy + 1, text.ptr, text.len);
    used = 0;
    result = proxy_header_parse(copy + 1, text.len, &header, &used);
    free(copy);
    return result;
}

static void assert_ends(const char *expected)
{
    char ends[300];

    snprintf(ends, sizeof ends, "%s %u %s %u", address_host(&header.peer).bytes,
             address_port(&header.peer), address_host(&header.local).bytes,
             address_port(&header.local));
    assert_string_equal(header.has_ends ? ends : "own", expected);
}

static void a_header_says_whose_the_connection_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(parse(good[i].header), PROXY_DONE);
        assert_int_equal(used, good[i].header.len);
        assert_ends(good[i].ends);
    }
}

static void a_header_ends_before_the_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        buffer text = { 0 };

        buffer_append_str(&text, good[i].header);
        buffer_append_str(&text, STR(REQUEST "\n\r\n"));
        assert_int_equal(parse(buffer_str(&text)), PROXY_DONE);
        assert_int_equal(used, good[i].header.len);
        assert_ends(good[i].ends);
        buffer_fini(&text);
    }
}

static void a_part_of_a_header_waits_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t len = 0; len < good[i].header.len; len++)
            assert_int_equal(parse(str_slice(good[i].header, 0, len)), PROXY_MORE);
    }
}

static void what_is_no_header_fails_however_it_comes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        bool failed = false;

        if (parse(bad[i]) != PROXY_FAILED) fail_msg("not refused: row %zu", i);
        for (size_t len = 0; len <= bad[i].len; len++) {
            proxy_result result = parse(str_slice(bad[i], 0, len));

            assert_int_not_equal(result, PROXY_DONE);
            if (failed) assert_int_equal(result, PROXY_FAILED);
            failed = result == PROXY_FAILED;
        }
    }
}

static void a_line_has_107_bytes_at_most(void **state)
{
    char line[PROXY_LINE_MAX + 2];

    (void)state;
    for (size_t len = PROXY_LINE_MAX - 1; len <= PROXY_LINE_MAX + 1; len++) {
        memset(line, 'x', sizeof line);
        memcpy(line, "PROXY UNKNOWN ", 14);
        memcpy(line + len - 2, "\r\n", 2);
        assert_int_equal(parse((csgi_str){ line, len }),
                         len <= PROXY_LINE_MAX ? PROXY_DONE : PROXY_FAILED);
    }
    memset(line + 14, 'x', sizeof line - 14);
    assert_int_equal(parse((csgi_str){ line, PROXY_LINE_MAX - 1 }), PROXY_MORE);
    assert_int_equal(parse((csgi_str){ line, PROXY_LINE_MAX }), PROXY_FAILED);
}

static void a_binary_header_has_its_most_too(void **state)
{
    static char text[PROXY_BINARY_MAX + 1];
    size_t rest = PROXY_BINARY_MAX - 16;

    (void)state;
    memcpy(text, SIGNATURE "\x21\x11", 14);
    memcpy(text + 16, IPV4_ENDS, 12);
    text[14] = (char)(rest >> 8);
    text[15] = (char)(rest & 0xff);
    assert_int_equal(parse((csgi_str){ text, PROXY_BINARY_MAX - 1 }), PROXY_MORE);
    assert_int_equal(parse((csgi_str){ text, PROXY_BINARY_MAX }), PROXY_DONE);
    assert_int_equal(used, PROXY_BINARY_MAX);
    text[14] = (char)((rest + 1) >> 8);
    text[15] = (char)((rest + 1) & 0xff);
    assert_int_equal(parse((csgi_str){ text, 16 }), PROXY_FAILED);
    assert_int_equal(parse((csgi_str){ text, PROXY_BINARY_MAX + 1 }), PROXY_FAILED);
}

static void unix_sockets_have_paths(void **state)
{
    char text[16 + 216] = SIGNATURE "\x21\x31\0\xd8/run/client";

    (void)state;
    memset(text + 16 + 108, 'p', 108); /* the longest, with no NUL */
    assert_int_equal(parse((csgi_str){ text, sizeof text - 1 }), PROXY_MORE);
    assert_int_equal(parse((csgi_str){ text, sizeof text }), PROXY_DONE);
    assert_true(header.has_ends && address_is_unix(&header.peer));
    assert_string_equal(address_host(&header.peer).bytes, "/run/client");
    assert_int_equal(strlen(address_host(&header.local).bytes), ADDRESS_TEXT_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_says_whose_the_connection_is),
        cmocka_unit_test(a_header_ends_before_the_request),
        cmocka_unit_test(a_part_of_a_header_waits_for_more),
        cmocka_unit_test(what_is_no_header_fails_however_it_comes),
        cmocka_unit_test(a_line_has_107_bytes_at_most),
        cmocka_unit_test(a_binary_header_has_its_most_too),
        cmocka_unit_test(unix_sockets_have_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
