/* SPDX-License-Identifier: MIT
 * Answers that are not what HTTP/1.1 allows: each is refused with its sentence, wherever it is cut,
 * whole or in pieces. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "client/response.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"

typedef struct bad_answer {
    csgi_str bytes;
    csgi_status status;
    const char *reason;
} bad_answer;

static const bad_answer bad[] = {
    { CSGI_STR(""), CSGI_EPROTO, "the connection was closed without an answer" },
    { CSGI_STR("\x16\x03\x01\x02 garbage\r\n\r\n"), CSGI_EPROTO, "not HTTP/1.1" },
    { CSGI_STR("HTTP/1.1 abc\r\n\r\n"), CSGI_EPROTO, "not HTTP/1.1" },
    { CSGI_STR("HTTP/1.1 20"), CSGI_EPROTO, "ended within its head" },
    { CSGI_STR(OK_LINE "A: b\r\n"), CSGI_EPROTO, "ended within its head" },
    { CSGI_STR(OK_LINE "Content-Length: 5\r\n\r\nhell"), CSGI_EPROTO, "after 4 of 5 bytes" },
    { CSGI_STR(OK_LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      CSGI_EPROTO, "not HTTP/1.1" },
    { CSGI_STR(OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
      CSGI_EPROTO, "not HTTP/1.1" },
    { CSGI_STR(OK_LINE "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), CSGI_EPROTO,
      "not HTTP/1.1" },
    { CSGI_STR(OK_LINE "Content-Length: 99999999999999999999\r\n\r\n"), CSGI_EPROTO,
      "not HTTP/1.1" },
    { CSGI_STR(OK_LINE "Content-Length: 0x5\r\n\r\nhello"), CSGI_EPROTO, "not HTTP/1.1" },
    { CSGI_STR(OK_LINE "A: b\0c\r\n\r\n"), CSGI_EPROTO, "" },
    { CSGI_STR(CHUNKED "xyz\r\n"), CSGI_EPROTO, "not HTTP/1.1" },
    { CSGI_STR(CHUNKED "fffffffffffffffff\r\n"), CSGI_EPROTO, "not HTTP/1.1" },
    { CSGI_STR(CHUNKED "2\r\nhello\r\n"), CSGI_EPROTO, "not HTTP/1.1" },
    { CSGI_STR(CHUNKED "5\r\nhello\r\n"), CSGI_EPROTO, "ended early, after 5 bytes" },
    { CSGI_STR(CHUNKED "5\r\nhello\r\n0\r\n"), CSGI_EPROTO, "ended early, after 5 bytes" },
    { CSGI_STR(CHUNKED "65\r\n"), CSGI_EPROTO, "ended early, after 0 bytes" },
    { CSGI_STR(OK_LINE "Content-Length: 101\r\n\r\n"), CSGI_ELIMIT, "larger than 100 bytes" },
    { CSGI_STR("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
      CSGI_EPROTO, "changed the protocol unasked" },
};

static void assert_bad(const bad_answer *wanted, size_t first, bool in_pieces)
{
    const response_options options = { .in_pieces = in_pieces, .max_body = 100 };
    response_progress progress = RESPONSE_MORE;
    size_t len = wanted->bytes.len, used = 0;
    buffer why = { 0 };
    arena memory;
    response got;

    arena_init(&memory, NULL, 0);
    response_init(&got);
    response_begin(&got, &memory, options);
    if (first > 0) progress = response_read(&got, wanted->bytes.ptr, first, &used);
    if (progress == RESPONSE_MORE && first < len)
        progress = response_read(&got, wanted->bytes.ptr + first, len - first, &used);
    if (progress == RESPONSE_MORE) progress = response_end(&got, true);
    assert_int_equal(progress, RESPONSE_FAILED);
    assert_int_equal(got.failure, wanted->status);
    response_print_failure(&got, &why);
    buffer_append(&why, "", 1);
    if (!strstr(why.bytes, wanted->reason)) fail_msg("'%s' lacks '%s'", why.bytes, wanted->reason);
    buffer_fini(&why);
    response_fini(&got);
    arena_reset(&memory);
}

static void a_bad_answer_is_refused_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        for (size_t first = 0; first <= bad[i].bytes.len; first++) {
            assert_bad(&bad[i], first, false);
            assert_bad(&bad[i], first, true);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_answer_is_refused_wherever_it_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
