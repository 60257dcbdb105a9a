/* SPDX-License-Identifier: MIT
 * Responses whose bodies are coded: whole and in pieces, cut at every byte, within the limit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <zlib.h>

#include "base/str.h"
#include "client/response.h"
#include "failing_malloc.h"

#define TEXT_LEN ((size_t)3000)

static char text[TEXT_LEN];

/* "HTTP/1.1 200 OK", the fields, and the text as gzip, so much of it. */
static csgi_str make_answer(buffer *out, const char *fields, size_t cut)
{
    z_stream zlib = { .avail_in = (uInt)TEXT_LEN };
    unsigned char coded[4096];

    for (size_t i = 0; i < TEXT_LEN; i++)
        text[i] = (char)('a' + i * i / 7 % 11);
    assert_int_equal(deflateInit2(&zlib, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    zlib.next_in = (Bytef *)text;
    zlib.next_out = coded;
    zlib.avail_out = sizeof coded;
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    out->len = 0;
    assert_int_equal(buffer_printf(out,
                                   "HTTP/1.1 200 OK\r\nX-A: b\r\n%sContent-Length: %lu\r\n\r\n",
                                   fields, zlib.total_out - cut),
                     CSGI_OK);
    assert_int_equal(buffer_append(out, coded, zlib.total_out - cut), CSGI_OK);
    deflateEnd(&zlib);
    return buffer_str(out);
}

#define GZIP "Content-Encoding: gzip\r\n"

typedef struct got {
    arena arena;
    response reading;
    buffer body, why;
    csgi_status status;
} got;

static csgi_status take_all(got *self)
{
    csgi_str piece;
    csgi_status status;

    while ((status = response_take(&self->reading, &piece)) == CSGI_OK && piece.len) {
        assert_true(piece.len <= DECODE_PIECE_MAX || !self->reading.decoding);
        if (buffer_append_str(&self->body, piece)) return CSGI_ENOMEM;
    }
    return status;
}

static csgi_status read_piece(got *self, csgi_str answer, size_t first)
{
    response_progress progress = RESPONSE_MORE;
    size_t used = 0;

    for (size_t at = 0, len; at < answer.len && progress == RESPONSE_MORE; at += len) {
        len = at < first ? first : answer.len - first;
        progress = response_read(&self->reading, answer.ptr + at, len, &used);
        if (self->reading.options.in_pieces && self->reading.head_done && take_all(self))
            return self->reading.failure;
    }
    if (progress == RESPONSE_MORE) progress = response_end(&self->reading, true);
    return progress == RESPONSE_DONE ? CSGI_OK : self->reading.failure;
}

/* In two parts, the first of that length. */
static void read_answer(got *self, csgi_str answer, size_t first, response_options options)
{
    memset(self, 0, sizeof *self);
    arena_init(&self->arena, NULL, 0);
    response_init(&self->reading);
    response_begin(&self->reading, &self->arena, options);
    self->status = read_piece(self, answer, first);
    if (self->status == CSGI_OK && !options.in_pieces)
        buffer_append_str(&self->body, self->reading.result->body);
    if (self->status) response_print_failure(&self->reading, &self->why);
    buffer_append(&self->why, "", 1);
}

static void stop(got *self)
{
    buffer_fini(&self->body);
    buffer_fini(&self->why);
    response_fini(&self->reading);
    arena_reset(&self->arena);
}

static void a_coded_body_is_decoded_wherever_it_is_cut(void **state)
{
    buffer memory = { 0 };
    csgi_str answer = make_answer(&memory, GZIP, 0);

    (void)state;
    for (size_t i = 0; i < 2 * answer.len; i++) {
        got now;

        read_answer(&now, answer, i / 2,
                    (response_options){ .in_pieces = i & 1, .max_body = TEXT_LEN });
        if (now.status) fail_msg("%s", now.why.bytes);
        assert_int_equal(now.body.len, TEXT_LEN);
        assert_memory_equal(now.body.bytes, text, TEXT_LEN);
        assert_int_equal(now.reading.result->headers.count, 1);
        assert_string_equal(now.reading.result->headers.items[0].name.ptr, "x-a");
        assert_true(now.reading.keep_alive);
        stop(&now);
    }
    buffer_fini(&memory);
}

static void what_is_decoded_counts_for_the_limit(void **state)
{
    buffer memory = { 0 };
    csgi_str answer = make_answer(&memory, GZIP, 0);

    (void)state;
    for (int pieces = 0; pieces < 2; pieces++) {
        for (size_t max = TEXT_LEN - 1; max <= TEXT_LEN; max++) {
            got now;

            read_answer(&now, answer, 100,
                        (response_options){ .in_pieces = pieces, .max_body = max });
            assert_int_equal(now.status, max < TEXT_LEN ? CSGI_ELIMIT : CSGI_OK);
            if (now.status) assert_non_null(strstr(now.why.bytes, "2999 bytes"));
            stop(&now);
        }
    }
    buffer_fini(&memory);
}

static void assert_refused(csgi_str answer, const char *reason)
{
    for (size_t i = 0; i < 2 * answer.len; i++) {
        got now;

        read_answer(&now, answer, i / 2,
                    (response_options){ .in_pieces = i & 1, .max_body = UINT64_MAX });
        assert_int_equal(now.status, CSGI_EPROTO);
        if (!strstr(now.why.bytes, reason)) fail_msg("'%s' lacks '%s'", now.why.bytes, reason);
        stop(&now);
    }
}

static void a_damaged_or_cut_body_is_refused(void **state)
{
    buffer memory = { 0 };
    csgi_str answer = make_answer(&memory, GZIP, 5);

    (void)state;
    assert_refused(answer, "the gzip body ended early");
    answer = make_answer(&memory, GZIP, 0);
    memory.bytes[answer.len - 8] ^= 0x55;
    assert_refused(answer, "gzip body is damaged");
    buffer_fini(&memory);
}

static void assert_untouched(csgi_str answer, response_options options, size_t fields)
{
    got now;

    options.max_body = UINT64_MAX;
    read_answer(&now, answer, 100, options);
    assert_int_equal(now.status, CSGI_OK);
    assert_null(now.reading.decoding);
    assert_int_equal(now.reading.result->headers.count, fields);
    if (!options.is_head) {
        assert_true(now.body.len < answer.len);
        assert_memory_equal(now.body.bytes, answer.ptr + answer.len - now.body.len, now.body.len);
    }
    stop(&now);
}

static void what_is_not_to_be_decoded_is_left_as_it_is(void **state)
{
    buffer memory = { 0 };
    csgi_str answer = make_answer(&memory, GZIP, 0);

    (void)state;
    assert_untouched(answer, (response_options){ .keep_coding = true }, 3);
    assert_untouched(answer, (response_options){ .is_head = true }, 3);
    assert_untouched(STR("HTTP/1.1 304 Not Modified\r\n" GZIP "\r\n"),
                     (response_options){ .is_head = false }, 1);
    assert_untouched(make_answer(&memory, "Content-Encoding: zstd\r\n", 0),
                     (response_options){ .is_head = false }, 3);
    assert_untouched(make_answer(&memory, "", 0), (response_options){ .is_head = false }, 2);
    buffer_fini(&memory);
}

static void more_codings_than_three_are_refused(void **state)
{
    buffer memory = { 0 };
    csgi_str answer = make_answer(&memory, "Content-Encoding: gzip, gzip, gzip, gzip\r\n", 0);
    got now;

    (void)state;
    read_answer(&now, answer, 9, (response_options){ .max_body = UINT64_MAX });
    assert_int_equal(now.status, CSGI_ELIMIT);
    assert_string_equal(now.why.bytes, "the response has more than 3 content codings");
    stop(&now);
    buffer_fini(&memory);
}

static void decoding_survives_every_failing_allocation(void **state)
{
    buffer memory = { 0 };
    csgi_str answer = make_answer(&memory, GZIP, 0);

    (void)state;
    for (int pieces = 0; pieces < 2; pieces++) {
        bool failed = true;

        for (size_t n = 0; failed && n < 100; n++) {
            got now;

            failing_malloc_after(n);
            memset(&now, 0, sizeof now);
            arena_init(&now.arena, NULL, 0);
            response_init(&now.reading);
            response_begin(&now.reading, &now.arena,
                           (response_options){ .in_pieces = pieces, .max_body = UINT64_MAX });
            now.status = read_piece(&now, answer, 50);
            failed = failing_malloc_off();
            if (!failed) assert_int_equal(now.status, CSGI_OK);
            stop(&now);
        }
        assert_false(failed);
    }
    buffer_fini(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_coded_body_is_decoded_wherever_it_is_cut),
        cmocka_unit_test(what_is_decoded_counts_for_the_limit),
        cmocka_unit_test(a_damaged_or_cut_body_is_refused),
        cmocka_unit_test(what_is_not_to_be_decoded_is_left_as_it_is),
        cmocka_unit_test(more_codings_than_three_are_refused),
        cmocka_unit_test(decoding_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
