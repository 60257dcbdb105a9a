/* SPDX-License-Identifier: MIT
 * What bytes mean as requests: a table of connections, each cut at every place; the limits at n and
 * n + 1. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "transcript.h"

typedef struct example {
    const char *bytes, *means;
} example;

static const request_limits usual = { 8192, 32768, 100, 1 << 20 };

#define HOST "header host=a\n"

static const example well_formed[] = {
    { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / / ? HTTP/1.1\n" HOST "body 0 \n" },
    { "GET /a%20b/%C3%A9?x=%31&y HTTP/1.1\r\nHOST:a\r\nX-Empty:\r\nX-Pad: \t v w \t\r\n\r\n",
      "GET /a%20b/%C3%A9 /a b/\xc3\xa9 ?x=%31&y HTTP/1.1\n" HOST
      "header x-empty=\nheader x-pad=v w\nbody 0 \n" },
    { "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nDELETE /two HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / / ? HTTP/1.1\n" HOST "body 0 \nDELETE /two /two ? HTTP/1.1\n" HOST "body 0 \n" },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: "
      "a\r\n\r\n",
      "POST / / ? HTTP/1.1\n" HOST "header content-length=5\nbody 5 hello\n"
      "GET / / ? HTTP/1.1\n" HOST "body 0 \n" },
    { "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
      "PUT / / ? HTTP/1.1\n" HOST
      "header content-length=0\nheader expect=100-continue\nbody 0 \n" },
    { "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\nx",
      "PUT / / ? HTTP/1.1 continue\n" HOST
      "header content-length=1\nheader expect=100-Continue\nbody 1 x\n" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5\r\nhello\r\nA;name=value\r\n0123456789\r\n0\r\nX-Sum:  1 \r\nX-None:\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / / ? HTTP/1.1\n" HOST "header transfer-encoding=Chunked\nbody 15 hello0123456789\n"
      "trailer x-sum=1\ntrailer x-none=\nGET / / ? HTTP/1.1\n" HOST "body 0 \n" },
    { "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", "GET / / ? HTTP/1.0 close\nbody 0 \n" },
    { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n",
      "GET / / ? HTTP/1.0\nheader connection=keep-alive\nbody 0 \n"
      "GET /2 /2 ? HTTP/1.0 close\nbody 0 \n" },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nrest is discarded",
      "GET / / ? HTTP/1.1 close\n" HOST "header connection=close\nbody 0 \n" },
    { "GET http://b:8/p?q HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /p /p ?q HTTP/1.1\nheader host=b:8\nbody 0 \n" },
    { "GET HTTP://b HTTP/1.0\r\n\r\n", "GET / / ? HTTP/1.0 close\nheader host=b\nbody 0 \n" },
    { "GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / / ?q HTTP/1.1\nheader host=b\nbody 0 \n" },
    { "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * * ? HTTP/1.1\n" HOST "body 0 \n" },
    { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / / ? HTTP/1.1\n" HOST "header upgrade=h2c\nheader connection=upgrade\nbody 0 \n"
      "GET /2 /2 ? HTTP/1.1\n" HOST "body 0 \n" },
};

/* Only the status counts: which sentence it is may depend on llhttp. */
static const example refused[] = {
    { "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "501" },
    { "get / HTTP/1.1\r\nHost: a\r\n\r\n", "501" },
    { "GETX / HTTP/1.1\r\nHost: a\r\n\r\n", "501" },
    { "DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n", "501" },
    { "SOURCE / HTTP/1.1\r\nHost: a\r\n\r\n", "501" },
    { "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "501" },
    { "\x16\x03\x01\x02", "400" },
    { "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET /\r\n\r\n", "400" },
    { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505" },
    { "GET / HTTP/0.9\r\nHost: a\r\n\r\n", "505" },
    { "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505" },
    { "GET / HTTP/x\r\nHost: a\r\n\r\n", "400" },
    { "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400" },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505" },
    { "GET / HTTP/1.1\r\n\r\n", "400" },
    { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400" },
    { "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400" },
    { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400" },
    { "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400" },
    { "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET /%ed%a0%80 HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
    { "GET / HTTP/1.1\nHost: a\n\n", "400" },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n", "400" },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n", "400" },
    { "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", "400" },
    { "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "400" },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
      "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", "400" },
    { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx", "417" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "400" },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\nHost: b\r\n\r\n",
      "trailers" },
};

static buffer meaning(const char *bytes, size_t len, size_t first, size_t piece,
                      request_limits limits)
{
    buffer text = { 0 };

    transcript_of(bytes, len, first, piece, limits, &text);
    assert_int_equal(buffer_append(&text, "", 1), CSGI_OK);
    return text;
}

static void assert_same_however_cut(const char *bytes, const char *whole)
{
    size_t len = strlen(bytes);

    for (size_t first = 0; first < len; first++) {
        buffer text = meaning(bytes, len, first, first ? len : 1, usual);

        assert_string_equal(text.bytes, whole);
        buffer_fini(&text);
    }
}

static void requests_mean_the_same_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(well_formed); i++) {
        buffer text =
            meaning(well_formed[i].bytes, strlen(well_formed[i].bytes), 0, SIZE_MAX, usual);

        assert_string_equal(text.bytes, well_formed[i].means);
        assert_same_however_cut(well_formed[i].bytes, text.bytes);
        buffer_fini(&text);
    }
}

static void malformed_requests_are_refused_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        buffer text = meaning(refused[i].bytes, strlen(refused[i].bytes), 0, SIZE_MAX, usual);
        char failed[32], judged[32];

        snprintf(failed, sizeof failed, "failed %s", refused[i].means);
        snprintf(judged, sizeof judged, "refused %s", refused[i].means);
        if (!strstr(text.bytes, failed) && !strstr(text.bytes, judged))
            fail_msg("%s\nmeans\n%s", refused[i].bytes, text.bytes);
        assert_same_however_cut(refused[i].bytes, text.bytes);
        buffer_fini(&text);
    }
}

/* ---- limits ---- */

static void assert_meaning(const char *bytes, size_t len, request_limits limits, const char *part)
{
    buffer text = meaning(bytes, len, 0, SIZE_MAX, limits);

    if (!strstr(text.bytes, part)) fail_msg("%s\nmeans\n%s\nnot %s", bytes, text.bytes, part);
    buffer_fini(&text);
    text = meaning(bytes, len, 0, 7, limits);
    if (!strstr(text.bytes, part)) fail_msg("%s\nmeans\n%s\nnot %s", bytes, text.bytes, part);
    buffer_fini(&text);
}

static void a_request_line_of_just_the_limit_passes(void **state)
{
    static const char bytes[] = "GET /12345 HTTP/1.1\r\nHost: a\r\n\r\n"; /* 19 in the line */
    request_limits limits = usual;

    (void)state;
    limits.line = 19;
    assert_meaning(bytes, strlen(bytes), limits, "GET /12345");
    limits.line = 18;
    assert_meaning(bytes, strlen(bytes), limits, "414");
}

static void empty_lines_before_a_request_line_are_no_bytes_of_it(void **state)
{
    static const char bytes[] = "\r\n\r\nGET /12345 HTTP/1.1\r\nHost: a\r\n\r\n";
    request_limits limits = usual;

    (void)state;
    limits.line = 19;
    assert_meaning(bytes, strlen(bytes), limits, "GET /12345");
    limits.line = 18;
    assert_meaning(bytes, strlen(bytes), limits, "414");
}

static void as_many_headers_as_the_limit_pass(void **state)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n";
    request_limits limits = usual;

    (void)state;
    limits.headers = 3;
    assert_meaning(bytes, strlen(bytes), limits, "header c=d");
    limits.headers = 2;
    assert_meaning(bytes, strlen(bytes), limits, "431");
}

static void headers_of_just_the_limit_of_size_pass(void **state)
{
    static const char *const examples[] = {
        "Host: a\r\nBig: 12345678901\r\n\r\n",
        "Host: a\r\nBig: 1234     \t \r\n\r\n",
        "Host: a\r\nBig:  \t        4\r\n\r\n",
        "Host: a\r\nBig123456789012:\r\n\r\n",
    };
    request_limits limits = usual;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        buffer bytes = { 0 };

        buffer_printf(&bytes, "GET / HTTP/1.1\r\n%s", examples[i]);
        for (limits.header_size = 9; limits.header_size <= 27; limits.header_size++) {
            buffer whole = meaning(bytes.bytes, bytes.len, 0, SIZE_MAX, limits);

            if (!strstr(whole.bytes, limits.header_size < 27 ? "431" : "header big"))
                fail_msg("%s\nmeans with %u\n%s", examples[i], limits.header_size, whole.bytes);
            for (size_t first = 0; first < bytes.len; first++) {
                buffer text = meaning(bytes.bytes, bytes.len, first, first ? bytes.len : 1, limits);

                assert_string_equal(text.bytes, whole.bytes);
                buffer_fini(&text);
            }
            buffer_fini(&whole);
        }
        buffer_fini(&bytes);
    }
}

static void a_head_that_never_ends_is_refused(void **state)
{
    request_limits limits = usual;
    buffer bytes = { 0 };

    (void)state;
    limits.line = 64;
    limits.header_size = 64;
    for (int i = 0; i < 400; i++)
        buffer_printf(&bytes, "\r\n");
    assert_meaning(bytes.bytes, bytes.len, limits, "414");
    bytes.len = 0;
    buffer_printf(&bytes, "GET / HTTP/1.1\r\nA:%400s", "");
    assert_meaning(bytes.bytes, bytes.len, limits, "431");
    buffer_fini(&bytes);
}

static void a_body_of_just_the_limit_passes(void **state)
{
    static const char chunked[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    request_limits limits = usual;

    (void)state;
    limits.body = 5;
    assert_meaning(chunked, strlen(chunked), limits, "body 5 abcde");
    limits.body = 4;
    assert_meaning(chunked, strlen(chunked), limits, "413");
}

static void trailers_have_the_limits_of_headers(void **state)
{
    static const char bytes[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "0\r\nA: b\r\nC: d\r\nE: f\r\n\r\n";
    request_limits limits = usual;

    (void)state;
    limits.headers = 3;
    assert_meaning(bytes, strlen(bytes), limits, "trailer e=f");
    limits.headers = 2;
    assert_meaning(bytes, strlen(bytes), limits, "431");
}

static void the_length_of_a_body_is_known_from_its_head(void **state)
{
    static const char bytes[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12345\r\n\r\n";
    request_parser parser;
    size_t used;

    (void)state;
    request_parser_init(&parser, &usual, transcript_on_body, NULL);
    parser.places = malloc(REQUEST_PLACES_SIZE(usual.headers));
    assert_int_equal(request_parser_execute(&parser, bytes, 10, &used), PARSE_MORE);
    assert_int_equal(request_parser_execute(&parser, bytes + 10, sizeof bytes - 11, &used),
                     PARSE_HEAD);
    assert_false(parser.has_ended);
    assert_int_equal(request_parser_body_length(&parser), 12345);
    free(parser.places);
    request_parser_fini(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_mean_the_same_however_they_are_cut),
        cmocka_unit_test(malformed_requests_are_refused_however_they_are_cut),
        cmocka_unit_test(a_request_line_of_just_the_limit_passes),
        cmocka_unit_test(empty_lines_before_a_request_line_are_no_bytes_of_it),
        cmocka_unit_test(as_many_headers_as_the_limit_pass),
        cmocka_unit_test(headers_of_just_the_limit_of_size_pass),
        cmocka_unit_test(a_head_that_never_ends_is_refused),
        cmocka_unit_test(a_body_of_just_the_limit_passes),
        cmocka_unit_test(trailers_have_the_limits_of_headers),
        cmocka_unit_test(the_length_of_a_body_is_known_from_its_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
