/* SPDX-License-Identifier: MIT
 * Reading responses: whole, and in pieces of every size. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "client/response.h"

typedef struct reading {
    response response;
    arena arena;
    response_progress progress;
    size_t used;
    char why[256];
} reading;

static void stop(reading *self)
{
    response_fini(&self->response);
    arena_reset(&self->arena);
}

/* Reads the text in pieces of that size (each in memory of its own size, so that ASan sees
 * overruns), then the end of the connection if more is needed. */
static void read_pieces(reading *self, csgi_str text, size_t piece, bool is_head, uint64_t max_body)
{
    buffer why = { 0 };

    memset(self, 0, sizeof *self);
    arena_init(&self->arena, NULL, 0);
    response_init(&self->response);
    response_begin(&self->response, &self->arena,
                   (response_options){ .is_head = is_head, .max_body = max_body });
    self->progress = RESPONSE_MORE;
    for (size_t at = 0; at < text.len && self->progress == RESPONSE_MORE; at += piece) {
        csgi_str part = str_slice(text, at, piece);
        char *copy = malloc(part.len);
        size_t used = 0;

        assert_non_null(copy);
        memcpy(copy, part.ptr, part.len);
        self->progress = response_read(&self->response, copy, part.len, &used);
        if (self->progress == RESPONSE_DONE) self->used = at + used;
        free(copy);
    }
    if (self->progress == RESPONSE_MORE) self->progress = response_end(&self->response, true);
    if (self->progress == RESPONSE_FAILED) {
        response_print_failure(&self->response, &why);
        snprintf(self->why, sizeof self->why, "%.*s", (int)why.len, why.bytes);
        buffer_fini(&why);
    }
}

static void assert_body(const char *text, const char *body, size_t used, bool keep_alive)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        reading now;

        read_pieces(&now, str_from(text), piece, false, 1000);
        if (now.progress != RESPONSE_DONE) fail_msg("pieces of %zu: %s", piece, now.why);
        assert_int_equal(now.response.result->body.len, strlen(body));
        assert_string_equal(now.response.result->body.ptr, body);
        if (used) assert_int_equal(now.used, used);
        assert_int_equal(now.response.keep_alive, keep_alive);
        stop(&now);
    }
}

static void assert_failure(const char *text, csgi_status failure, const char *reason)
{
    for (size_t piece = 1; piece <= strlen(text); piece += piece < 64 ? 1 : piece) {
        reading now;

        read_pieces(&now, str_from(text), piece, false, 20);
        assert_int_equal(now.progress, RESPONSE_FAILED);
        assert_int_equal(now.response.failure, failure);
        if (!strstr(now.why, reason)) fail_msg("'%s' lacks '%s'", now.why, reason);
        stop(&now);
    }
}

static void fields_are_lower_case_trimmed_in_order_with_duplicates(void **state)
{
    static const char text[] = "HTTP/1.1 201 Created\r\nX-One:  a b \t\r\nx-empty:\r\n"
                               "Set-Cookie: a=1\r\nSET-COOKIE: b=2\r\nContent-Length: 0\r\n\r\n";
    static const char *const want[][2] = { { "x-one", "a b" },
                                           { "x-empty", "" },
                                           { "set-cookie", "a=1" },
                                           { "set-cookie", "b=2" },
                                           { "content-length", "0" } };

    (void)state;
    for (size_t piece = 1; piece < sizeof text; piece++) {
        reading now;
        csgi_fields got;

        read_pieces(&now, str_from(text), piece, false, 0);
        assert_int_equal(now.progress, RESPONSE_DONE);
        assert_int_equal(now.response.result->status, 201);
        assert_int_equal(now.response.result->size, sizeof(csgi_client_response));
        got = now.response.result->headers;
        assert_int_equal(got.count, 5);
        for (size_t i = 0; i < 5; i++) {
            assert_string_equal(got.items[i].name.ptr, want[i][0]);
            assert_int_equal(got.items[i].name.len, strlen(want[i][0]));
            assert_string_equal(got.items[i].value.ptr, want[i][1]);
            assert_int_equal(got.items[i].value.len, strlen(want[i][1]));
        }
        assert_string_equal(now.response.result->body.ptr, "");
        stop(&now);
    }
}

static void a_body_of_known_length_ends_there(void **state)
{
    (void)state;
    assert_body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 43, true);
}

static void a_chunked_body_is_put_together_and_its_trailers_dropped(void **state)
{
    (void)state;
    assert_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-T: z\r\n\r\n",
                "hello world", 85, true);
}

static void a_body_of_unknown_length_ends_with_the_connection(void **state)
{
    (void)state;
    assert_body("HTTP/1.1 200 OK\r\n\r\nhello", "hello", 0, false);
    assert_body("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", "hello", 0, false);
}

static void connection_close_and_http_1_0_are_not_kept(void **state)
{
    (void)state;
    assert_body("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", "x", 0,
                false);
    assert_body("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", 0, false);
    assert_body("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", "x", 0,
                true);
}

static void interim_responses_are_skipped(void **state)
{
    (void)state;
    assert_body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                "hi", 0, true);
}

static void fields_of_interim_responses_are_forgotten(void **state)
{
    reading now;

    (void)state;
    read_pieces(&now,
                STR("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                7, false, 0);
    assert_int_equal(now.progress, RESPONSE_DONE);
    assert_int_equal(now.response.result->headers.count, 1);
    stop(&now);
}

static void sixteen_interim_responses_are_the_limit(void **state)
{
    (void)state;
    for (unsigned int count = RESPONSE_INTERIMS_MAX; count <= RESPONSE_INTERIMS_MAX + 1; count++) {
        buffer text = { 0 };
        reading now;

        for (unsigned int i = 0; i < count; i++)
            assert_int_equal(buffer_printf(&text, "HTTP/1.1 100 Continue\r\n\r\n"), 0);
        assert_int_equal(buffer_printf(&text, "HTTP/1.1 204 No Content\r\n\r\n"), 0);
        read_pieces(&now, buffer_str(&text), 100, false, 0);
        assert_int_equal(now.progress,
                         count > RESPONSE_INTERIMS_MAX ? RESPONSE_FAILED : RESPONSE_DONE);
        stop(&now);
        buffer_fini(&text);
    }
}

static void head_204_and_304_have_no_body(void **state)
{
    reading now;

    (void)state;
    assert_body("HTTP/1.1 204 No Content\r\n\r\n", "", 27, true);
    assert_body("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "", 55, true);
    assert_body("HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
                "", 0, true);
    assert_body("HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n", "", 51, true);
    for (size_t piece = 1; piece < 43; piece++) {
        read_pieces(&now, STR("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"), piece, true, 10);
        assert_int_equal(now.progress, RESPONSE_DONE);
        assert_int_equal(now.response.result->body.len, 0);
        assert_true(now.response.keep_alive);
        stop(&now);
    }
    read_pieces(&now, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), 9, true, 10);
    assert_int_equal(now.progress, RESPONSE_DONE);
    assert_true(now.response.keep_alive);
    stop(&now);
}

static void bytes_after_the_response_are_left(void **state)
{
    (void)state;
    for (int is_head = 0; is_head < 2; is_head++) {
        reading now;

        read_pieces(&now, STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"),
                    999, is_head, 10);
        assert_int_equal(now.progress, RESPONSE_DONE);
        assert_int_equal(now.used, 38);
        stop(&now);
    }
}

static void a_body_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
    (void)state;
    for (uint64_t max = 4; max <= 5; max++) {
        static const char *const texts[] = {
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello"
        };

        for (size_t i = 0; i < COUNT_OF(texts); i++) {
            reading now;

            read_pieces(&now, str_from(texts[i]), 11, false, max);
            assert_int_equal(now.progress, max < 5 ? RESPONSE_FAILED : RESPONSE_DONE);
            if (max < 5) {
                assert_int_equal(now.response.failure, CSGI_ELIMIT);
                assert_string_equal(now.why, "the response is larger than 4 bytes");
            }
            stop(&now);
        }
    }
}

static void two_hundred_fields_are_the_limit(void **state)
{
    (void)state;
    for (size_t count = RESPONSE_FIELDS_MAX; count <= RESPONSE_FIELDS_MAX + 1; count++) {
        buffer text = { 0 };
        reading now;

        assert_int_equal(buffer_printf(&text, "HTTP/1.1 204 No Content\r\n"), 0);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(buffer_printf(&text, "x-%zu: y\r\n", i), 0);
        assert_int_equal(buffer_printf(&text, "\r\n"), 0);
        read_pieces(&now, buffer_str(&text), 1000, false, 0);
        if (count > RESPONSE_FIELDS_MAX) {
            assert_int_equal(now.progress, RESPONSE_FAILED);
            assert_int_equal(now.response.failure, CSGI_EPROTO);
            assert_non_null(strstr(now.why, "more than 200 header fields"));
        } else {
            assert_int_equal(now.progress, RESPONSE_DONE);
            assert_int_equal(now.response.result->headers.count, count);
        }
        stop(&now);
        buffer_fini(&text);
    }
}

static void a_head_of_64_kib_is_the_limit(void **state)
{
    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        /* The reason phrase "OK", the name and 4 bytes a field count. */
        size_t len = RESPONSE_HEAD_MAX - 2 - 1 - 4 + over;
        char *value = malloc(len);
        buffer text = { 0 };
        reading now;

        assert_non_null(value);
        memset(value, 'v', len);
        assert_int_equal(buffer_printf(&text, "HTTP/1.1 204 OK\r\nx: "), 0);
        assert_int_equal(buffer_append(&text, value, len), 0);
        assert_int_equal(buffer_printf(&text, "\r\n\r\n"), 0);
        read_pieces(&now, buffer_str(&text), 10000, false, 0);
        assert_int_equal(now.progress, over ? RESPONSE_FAILED : RESPONSE_DONE);
        if (over) assert_non_null(strstr(now.why, "larger than 64 KiB"));
        stop(&now);
        buffer_fini(&text);
        free(value);
    }
}

static void a_response_that_is_cut_short_says_how_far_it_came(void **state)
{
    (void)state;
    assert_failure("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789", CSGI_EPROTO,
                   "the response ended after 10 of 20 bytes");
    assert_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", CSGI_EPROTO,
                   "the response ended early, after 3 bytes");
    assert_failure("HTTP/1.1 200 OK\r\nContent-Le", CSGI_EPROTO, "ended within its head");
    assert_failure("HTTP/1.1 100 Continue\r\n\r\n", CSGI_EPROTO, "ended within its head");
}

static void a_body_until_the_end_is_not_whole_after_a_reset(void **state)
{
    arena memory;
    response got;
    size_t used;

    (void)state;
    arena_init(&memory, NULL, 0);
    response_init(&got);
    response_begin(&got, &memory, (response_options){ .is_head = false, .max_body = 100 });
    assert_int_equal(response_read(&got, "HTTP/1.1 200 OK\r\n\r\nhello", 24, &used), RESPONSE_MORE);
    assert_int_equal(response_end(&got, false), RESPONSE_FAILED);
    assert_int_equal(got.failure, CSGI_EPROTO);
    response_fini(&got);
    arena_reset(&memory);
}

static void what_is_no_http_1_response_is_refused(void **state)
{
    (void)state;
    assert_failure("SSH-2.0-OpenSSH_9.2\r\n", CSGI_EPROTO, "not HTTP/1.1");
    assert_failure("<html>hello</html>\r\n\r\n", CSGI_EPROTO, "not HTTP/1.1");
    assert_failure("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", CSGI_EPROTO, "HTTP");
    assert_failure("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                   CSGI_EPROTO, "unasked");
    assert_failure("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
                   CSGI_EPROTO, "not HTTP/1.1");
    assert_failure("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", CSGI_EPROTO, "not HTTP/1.1");
    assert_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", CSGI_EPROTO,
                   "not HTTP/1.1");
    assert_failure("HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n", CSGI_EPROTO, "100 to 599");
}

static void a_field_without_a_name_is_refused(void **state)
{
    (void)state; /* llhttp 9.2 refuses it by itself, in other words */
    assert_failure("HTTP/1.1 200 OK\r\n: b\r\n\r\n", CSGI_EPROTO, "");
    assert_failure("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n:A-X  b \r\n\r\nhello", CSGI_EPROTO,
                   "");
}

static void codings_other_than_chunked_are_refused(void **state)
{
    static const char reason[] = "a transfer coding other than chunked";

    (void)state;
    assert_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", CSGI_EPROTO, reason);
    assert_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
                   CSGI_EPROTO, reason);
    assert_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "x", 0,
                true);
}

static void a_response_reads_one_after_another(void **state)
{
    arena memory;
    response got;

    (void)state;
    arena_init(&memory, NULL, 0);
    response_init(&got);
    for (int i = 0; i < 3; i++) {
        static const char text[] =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        size_t used = 0;

        response_begin(&got, &memory, (response_options){ .is_head = false, .max_body = 100 });
        assert_int_equal(response_read(&got, text, sizeof text - 1, &used), RESPONSE_DONE);
        assert_int_equal(used, sizeof text - 1);
        assert_string_equal(got.result->body.ptr, "hi");
        assert_int_equal(got.result->headers.count, 1);
        response_trim(&got);
    }
    response_fini(&got);
    arena_reset(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_lower_case_trimmed_in_order_with_duplicates),
        cmocka_unit_test(a_body_of_known_length_ends_there),
        cmocka_unit_test(a_chunked_body_is_put_together_and_its_trailers_dropped),
        cmocka_unit_test(a_body_of_unknown_length_ends_with_the_connection),
        cmocka_unit_test(connection_close_and_http_1_0_are_not_kept),
        cmocka_unit_test(interim_responses_are_skipped),
        cmocka_unit_test(fields_of_interim_responses_are_forgotten),
        cmocka_unit_test(sixteen_interim_responses_are_the_limit),
        cmocka_unit_test(head_204_and_304_have_no_body),
        cmocka_unit_test(bytes_after_the_response_are_left),
        cmocka_unit_test(a_body_may_be_as_large_as_the_limit_and_no_larger),
        cmocka_unit_test(two_hundred_fields_are_the_limit),
        cmocka_unit_test(a_head_of_64_kib_is_the_limit),
        cmocka_unit_test(a_response_that_is_cut_short_says_how_far_it_came),
        cmocka_unit_test(a_body_until_the_end_is_not_whole_after_a_reset),
        cmocka_unit_test(what_is_no_http_1_response_is_refused),
        cmocka_unit_test(a_field_without_a_name_is_refused),
        cmocka_unit_test(codings_other_than_chunked_are_refused),
        cmocka_unit_test(a_response_reads_one_after_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
