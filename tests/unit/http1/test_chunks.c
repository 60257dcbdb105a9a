/* SPDX-License-Identifier: MIT
 * Chunks: what a body's lines may say, however they are cut; what they may cost. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "http1/chunks.h"

#define EXTRA_MAX 64u

typedef struct outcome {
    chunk_result result;
    size_t used, body_len;
    char body[64];
} outcome;

/* Reads to the end, in pieces of that size. */
static outcome read_in_pieces(const char *text, size_t len, size_t piece)
{
    outcome out = { .result = CHUNK_MORE };
    chunk_reader reader;

    chunks_begin(&reader);
    while (out.used < len && out.result <= CHUNK_BODY) {
        size_t part = len - out.used < piece ? len - out.used : piece, used, body_len = 0;

        out.result = chunks_read(&reader, text + out.used, part, EXTRA_MAX, &used, &body_len);
        assert_in_range(used, 1, part);
        out.used += used;
        if (out.result != CHUNK_BODY) continue;
        assert_in_range(body_len, 1, sizeof out.body - out.body_len);
        memcpy(out.body + out.body_len, text + out.used - body_len, body_len);
        out.body_len += body_len;
    }
    return out;
}

static outcome read_however_cut(const char *text)
{
    size_t len = strlen(text);
    outcome whole = read_in_pieces(text, len, len);

    for (size_t piece = 1; piece < len; piece++) {
        outcome cut = read_in_pieces(text, len, piece);

        assert_int_equal(cut.used, whole.used);
        assert_int_equal(cut.body_len, whole.body_len);
        assert_memory_equal(cut.body, whole.body, whole.body_len);
        if (whole.result > CHUNK_BODY) assert_int_equal(cut.result, whole.result);
    }
    return whole;
}

static void chunks_are_joined_and_the_last_one_ends_them(void **state)
{
    static const char *const texts[] = {
        "5\r\nhello\r\n0\r\n",
        "1\r\nh\r\n004\r\nello\r\n000\r\n",
        "5;a\r\nhello\r\n0;b=c\r\n",
        "5;a=b;c=\"d;\\\"\xff\t\"\r\nhello\r\n0\r\n",
        "5 ;\ta\t= b ; c\r\nhello\r\n0\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        outcome out = read_however_cut(texts[i]);

        assert_int_equal(out.result, CHUNK_LAST);
        assert_int_equal(out.used, strlen(texts[i]));
        assert_int_equal(out.body_len, 5);
        assert_memory_equal(out.body, "hello", 5);
    }
}

static void what_follows_the_last_line_is_left(void **state)
{
    outcome out = read_however_cut("0\r\nX: y\r\n\r\n");

    (void)state;
    assert_int_equal(out.result, CHUNK_LAST);
    assert_int_equal(out.used, 3);
}

static void malformed_lines_are_refused(void **state)
{
    static const char *const texts[] = {
        "\r\n",      ";a\r\n",      "g\r\n",       " 5\r\n",
        "5 \r\n",    "5 5\r\n",     "0x5\r\n",     "-5\r\n",
        "5\n",       "5\r5",        "5;\r\n",      "5;a;\r\n",
        "5;;a\r\n",  "5;a=\r\n",    "5;a \r\n",    "5;a b\r\n",
        "5;=b\r\n",  "5;a=\"b\r\n", "5;a=\"\n\"",  "5;a=\"\\\r\n",
        "5;a=\"\"b", "5;a\x01\r\n", "5;a=b c\r\n", "5;\"a\"\r\n",
        "1\r\nab",   "1\r\na\n",    "1\r\na\rb",   "10000000000000000\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(read_however_cut(texts[i]).result, CHUNK_BAD);
}

static void the_largest_size_is_read_whole(void **state)
{
    static const char text[] = "00ffffffffffffffff\r\n";
    chunk_reader reader;
    size_t used, body_len;

    (void)state;
    chunks_begin(&reader);
    assert_int_equal(chunks_read(&reader, text, sizeof text - 1, EXTRA_MAX, &used, &body_len),
                     CHUNK_SIZE);
    assert_true(reader.left == UINT64_MAX);
}

/* So many bytes of an extension, after its semicolon, in each of so many lines. */
static chunk_result read_extensions(size_t len, size_t lines)
{
    chunk_reader reader;
    char line[256] = "1;";
    chunk_result result = CHUNK_MORE;

    CHECK(len + 8 < sizeof line);
    memset(line + 2, 'a', len);
    memcpy(line + 2 + len, "\r\nb\r\n", 5);
    chunks_begin(&reader);
    for (size_t i = 0; i < lines && result <= CHUNK_BODY; i++) {
        size_t at = 0, used, body_len;

        while (at < len + 7 && result <= CHUNK_BODY) {
            result = chunks_read(&reader, line + at, len + 7 - at, EXTRA_MAX, &used, &body_len);
            at += used;
        }
    }
    return result;
}

static void extensions_of_all_lines_are_bounded_together(void **state)
{
    (void)state;
    assert_int_equal(read_extensions(EXTRA_MAX - 1, 1), CHUNK_MORE);
    assert_int_equal(read_extensions(EXTRA_MAX, 1), CHUNK_LONG);
    assert_int_equal(read_extensions(EXTRA_MAX / 4 - 1, 4), CHUNK_MORE);
    assert_int_equal(read_extensions(EXTRA_MAX / 4 - 1, 5), CHUNK_LONG);
}

static void leading_zeros_are_bounded(void **state)
{
    char zeros[128];
    outcome out;

    (void)state;
    memset(zeros, '0', sizeof zeros);
    out = read_in_pieces(zeros, sizeof zeros, sizeof zeros);
    assert_int_equal(out.result, CHUNK_LONG);
    assert_int_equal(out.used, 16 + EXTRA_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_joined_and_the_last_one_ends_them),
        cmocka_unit_test(what_follows_the_last_line_is_left),
        cmocka_unit_test(malformed_lines_are_refused),
        cmocka_unit_test(the_largest_size_is_read_whole),
        cmocka_unit_test(extensions_of_all_lines_are_bounded_together),
        cmocka_unit_test(leading_zeros_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
