/* SPDX-License-Identifier: MIT
 * Content codings of responses: what comes out, in which pieces, and where it stops. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/str.h"
#include "client/decode.h"
#include "failing_malloc.h"

#define TEXT "hello, hello, hello\n"
#define MIB  ((size_t)1 << 20)

enum { RAW = -15, ZLIB = 15, GZIP = 31 };

/* Made by brotli: TEXT, nothing, and 1 MiB of zeros. */
static const unsigned char br_text[] = { 0x8b, 0x09, 0x80, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
                                         0x2c, 0x20, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x2c,
                                         0x20, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a, 0x03 };
static const unsigned char br_empty[] = { 0x06 };
static const unsigned char br_zeros[] = { 0x5b, 0xff, 0xff, 0x8f, 0x7f, 0x02, 0x20,
                                          0x1e, 0x0b, 0x04, 0x72, 0xef, 0x1f, 0x00 };

#define BYTES(array) ((csgi_str){ (const char *)(array), sizeof(array) })

/* Appends text in that form. */
static void compress_to(buffer *out, csgi_str text, int form)
{
    z_stream zlib = { .avail_in = (uInt)text.len };
    size_t room;

    assert_int_equal(deflateInit2(&zlib, 9, Z_DEFLATED, form, 8, Z_DEFAULT_STRATEGY), Z_OK);
    room = deflateBound(&zlib, text.len) + 64;
    assert_int_equal(buffer_reserve(out, room), CSGI_OK);
    zlib.next_in = (Bytef *)(uintptr_t)text.ptr;
    zlib.next_out = (Bytef *)out->bytes + out->len;
    zlib.avail_out = (uInt)room;
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    out->len += room - zlib.avail_out;
    deflateEnd(&zlib);
}

static csgi_status make(const char *list, uint64_t max_out, decoder **out)
{
    csgi_field field = { .name = CSGI_STR("content-encoding"), .value = str_from(list) };

    return decode_new((csgi_fields){ &field, 1 }, max_out, out);
}

static decoder *made(const char *list, uint64_t max_out)
{
    decoder *self = NULL;

    assert_int_equal(make(list, max_out, &self), CSGI_OK);
    assert_non_null(self);
    return self;
}

/* Takes pieces, so many at a time. */
typedef struct taker {
    buffer got;
    size_t largest, calls, per_write, left;
} taker;

static bool take(void *arg, csgi_str piece)
{
    taker *self = arg;

    assert_true(piece.len > 0);
    if (piece.len > self->largest) self->largest = piece.len;
    self->calls++;
    assert_int_equal(buffer_append_str(&self->got, piece), CSGI_OK);
    return self->per_write == 0 || --self->left > 0;
}

/* All of in, so many bytes at a time. */
static csgi_status feed(decoder *self, csgi_str in, size_t step, taker *to)
{
    while (in.len) {
        csgi_str part = str_slice(in, 0, step);
        size_t calls;

        in = str_slice(in, part.len, in.len);
        do {
            csgi_status status;

            to->left = to->per_write;
            calls = to->calls;
            status = decode_write(self, &part, take, to);
            if (status) return status;
        } while (to->per_write && to->calls - calls == to->per_write);
        assert_int_equal(part.len, 0);
    }
    return decode_end(self);
}

static void assert_decodes(const char *list, csgi_str in, csgi_str want)
{
    static const size_t steps[] = { 1, 2, 3, 7, SIZE_MAX };

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        decoder *self = made(list, MIB);
        taker to = { .per_write = i % 2 };

        assert_int_equal(feed(self, in, steps[i], &to), CSGI_OK);
        assert_int_equal(to.got.len, want.len);
        if (want.len) assert_memory_equal(to.got.bytes, want.ptr, want.len);
        buffer_fini(&to.got);
        decode_free(self);
    }
}

static void assert_fails(const char *list, csgi_str in, uint64_t max_out, csgi_status want,
                         const char *reason)
{
    decoder *self = made(list, max_out);
    taker to = { .largest = 0 };
    buffer why = { .len = 0 };
    char byte;
    size_t more;

    assert_int_equal(feed(self, in, SIZE_MAX, &to), want);
    decode_print_failure(self, &why);
    assert_int_equal(buffer_append(&why, "", 1), CSGI_OK);
    if (!strstr(why.bytes, reason)) fail_msg("'%s' lacks '%s'", why.bytes, reason);
    assert_true(to.got.len <= max_out);
    assert_int_equal(decode_some(self, &in, &byte, 1, &more), want);
    assert_int_equal(decode_end(self), want);
    buffer_fini(&why);
    buffer_fini(&to.got);
    decode_free(self);
}

static void a_response_without_a_coding_needs_nothing(void **state)
{
    csgi_field other = { .name = CSGI_STR("content-type"), .value = CSGI_STR("gzip") };
    decoder *self = (decoder *)state;
    size_t before = failing_malloc_count();

    assert_int_equal(decode_new((csgi_fields){ &other, 1 }, 1, &self), CSGI_OK);
    assert_null(self);
    assert_int_equal(make("", 1, &self), CSGI_OK);
    assert_null(self);
    assert_int_equal(make(" identity, ,Identity", 1, &self), CSGI_OK);
    assert_null(self);
    decode_free(NULL);
    assert_int_equal(failing_malloc_count(), before);
}

static void an_unknown_coding_is_said_to_be_unknown(void **state)
{
    decoder *self = (decoder *)state, *before = self;

    assert_int_equal(make("zstd", 1, &self), CSGI_ENOTSUP);
    assert_int_equal(make("gzip, compress", 1, &self), CSGI_ENOTSUP);
    assert_int_equal(make("gzip;q=1", 1, &self), CSGI_ENOTSUP);
    assert_int_equal(make("gzi", 1, &self), CSGI_ENOTSUP);
    assert_ptr_equal(self, before);
}

static void each_coding_is_undone_by_whatever_name(void **state)
{
    buffer gzip = { .len = 0 }, zlib = { .len = 0 }, raw = { .len = 0 };

    (void)state;
    compress_to(&gzip, STR(TEXT), GZIP);
    compress_to(&zlib, STR(TEXT), ZLIB);
    compress_to(&raw, STR(TEXT), RAW);
    assert_decodes("gzip", buffer_str(&gzip), STR(TEXT));
    assert_decodes("X-GZIP", buffer_str(&gzip), STR(TEXT));
    assert_decodes("identity, gzip,", buffer_str(&gzip), STR(TEXT));
    assert_decodes("deflate", buffer_str(&zlib), STR(TEXT));
    assert_decodes("deflate", buffer_str(&raw), STR(TEXT));
    assert_decodes("br", BYTES(br_text), STR(TEXT));
    buffer_fini(&gzip);
    buffer_fini(&zlib);
    buffer_fini(&raw);
}

/* RFC 1951: a literal before the second byte ends, and a stream of two bytes. */
static void short_raw_deflate_is_decoded(void **state)
{
    (void)state;
    assert_decodes("deflate", STR("\x4b\x04\x00"), STR("a"));
    assert_decodes("deflate", STR("\x03\x00"), STR(""));
    assert_fails("deflate", STR("\x03"), 9, CSGI_EPROTO, "the deflate body ended early");
}

static void an_empty_body_is_whole_whatever_it_claims(void **state)
{
    buffer gzip = { .len = 0 };

    (void)state;
    compress_to(&gzip, STR(""), GZIP);
    assert_decodes("gzip", STR(""), STR(""));
    assert_decodes("deflate", STR(""), STR(""));
    assert_decodes("br, gzip", STR(""), STR(""));
    assert_decodes("gzip", buffer_str(&gzip), STR(""));
    assert_decodes("br, gzip", buffer_str(&gzip), STR(""));
    assert_decodes("br", BYTES(br_empty), STR(""));
    buffer_fini(&gzip);
}

static void codings_are_undone_last_first(void **state)
{
    buffer one = { .len = 0 }, two = { .len = 0 }, three = { .len = 0 };
    csgi_field fields[] = {
        { .name = CSGI_STR("content-encoding"), .value = CSGI_STR("br , gzip") },
        { .name = CSGI_STR("x"), .value = CSGI_STR("nothing") },
        { .name = CSGI_STR("content-encoding"), .value = CSGI_STR("deflate") },
    };
    decoder *self = NULL;
    taker to = { .largest = 0 };

    (void)state;
    compress_to(&one, STR(TEXT), ZLIB);
    compress_to(&two, buffer_str(&one), GZIP);
    assert_decodes("deflate, gzip", buffer_str(&two), STR(TEXT));
    compress_to(&three, buffer_str(&two), RAW);
    assert_decodes("deflate, gzip, deflate", buffer_str(&three), STR(TEXT));

    one.len = two.len = 0;
    compress_to(&one, BYTES(br_text), GZIP);
    compress_to(&two, buffer_str(&one), ZLIB);
    assert_int_equal(decode_new((csgi_fields){ fields, 3 }, MIB, &self), CSGI_OK);
    assert_int_equal(feed(self, buffer_str(&two), 5, &to), CSGI_OK);
    assert_true(str_eq(buffer_str(&to.got), STR(TEXT)));
    decode_free(self);
    buffer_fini(&to.got);
    buffer_fini(&one);
    buffer_fini(&two);
    buffer_fini(&three);
}

static void three_codings_are_undone_and_four_refused(void **state)
{
    decoder *self = NULL;

    (void)state;
    decode_free(made("gzip, br, deflate", 1));
    decode_free(made("gzip, identity, br, deflate", 1));
    assert_int_equal(make("gzip, br, deflate, gzip", 1, &self), CSGI_ELIMIT);
    assert_null(self);
}

static void gzip_members_are_joined(void **state)
{
    buffer gzip = { .len = 0 };

    (void)state;
    compress_to(&gzip, STR("one "), GZIP);
    compress_to(&gzip, STR(""), GZIP);
    compress_to(&gzip, STR("two"), GZIP);
    assert_decodes("gzip", buffer_str(&gzip), STR("one two"));
    gzip.len -= 1;
    assert_fails("gzip", buffer_str(&gzip), 99, CSGI_EPROTO, "the gzip body ended early");
    gzip.bytes[gzip.len - 6] ^= 1; /* the last member's check */
    assert_fails("gzip", buffer_str(&gzip), 99, CSGI_EPROTO, "the gzip body is damaged");
    buffer_fini(&gzip);
}

static void what_follows_the_end_is_ignored(void **state)
{
    static const csgi_str behind[] = { CSGI_STR("\0\0\0\0"), CSGI_STR("garbage"), CSGI_STR("\x1f"),
                                       CSGI_STR("\x1f\x8a\x08 and more") };
    static const struct {
        const char *list;
        int form;
    } forms[] = { { "gzip", GZIP }, { "deflate", ZLIB }, { "deflate", RAW } };
    buffer coded = { .len = 0 };

    (void)state;
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
            coded.len = 0;
            compress_to(&coded, STR(TEXT), forms[form].form);
            assert_int_equal(buffer_append_str(&coded, behind[i]), CSGI_OK);
            assert_decodes(forms[form].list, buffer_str(&coded), STR(TEXT));
        }
        coded.len = 0;
        assert_int_equal(buffer_append_str(&coded, BYTES(br_text)), CSGI_OK);
        assert_int_equal(buffer_append_str(&coded, behind[i]), CSGI_OK);
        assert_decodes("br", buffer_str(&coded), STR(TEXT));
    }
    buffer_fini(&coded);
}

static void a_body_cut_anywhere_ended_early(void **state)
{
    buffer gzip = { .len = 0 }, zlib = { .len = 0 }, raw = { .len = 0 }, twice = { .len = 0 };

    (void)state;
    compress_to(&gzip, STR(TEXT), GZIP);
    compress_to(&zlib, STR(TEXT), ZLIB);
    compress_to(&raw, STR(TEXT), RAW);
    compress_to(&twice, buffer_str(&gzip), ZLIB);
    for (size_t len = 1; len < gzip.len; len++)
        assert_fails("gzip", (csgi_str){ gzip.bytes, len }, MIB, CSGI_EPROTO,
                     "the gzip body ended early");
    for (size_t len = 1; len < zlib.len; len++)
        assert_fails("deflate", (csgi_str){ zlib.bytes, len }, MIB, CSGI_EPROTO, "ended early");
    for (size_t len = 1; len < raw.len; len++)
        assert_fails("deflate", (csgi_str){ raw.bytes, len }, MIB, CSGI_EPROTO, "ended early");
    for (size_t len = 1; len < sizeof br_text; len++)
        assert_fails("br", str_slice(BYTES(br_text), 0, len), MIB, CSGI_EPROTO,
                     "the br body ended early");
    for (size_t len = 1; len < twice.len; len++)
        assert_fails("gzip, deflate", (csgi_str){ twice.bytes, len }, MIB, CSGI_EPROTO,
                     "the deflate body ended early");
    twice.len = 0;
    compress_to(&twice, (csgi_str){ gzip.bytes, gzip.len - 1 }, ZLIB);
    assert_fails("gzip, deflate", buffer_str(&twice), MIB, CSGI_EPROTO,
                 "the gzip body ended early");
    buffer_fini(&gzip);
    buffer_fini(&zlib);
    buffer_fini(&raw);
    buffer_fini(&twice);
}

static void a_damaged_body_is_refused(void **state)
{
    buffer gzip = { .len = 0 };

    (void)state;
    compress_to(&gzip, STR(TEXT), GZIP);
    assert_fails("gzip", STR("<html>"), MIB, CSGI_EPROTO, "the gzip body is damaged");
    assert_fails("deflate", STR("<html>"), MIB, CSGI_EPROTO, "the deflate body is damaged");
    assert_fails("deflate", STR("\x78\xbb\0\0\0\0\0\0"), MIB, CSGI_EPROTO, "needs a dictionary");
    assert_fails("br", STR("<html></html>"), MIB, CSGI_EPROTO, "the br body is damaged");
    gzip.bytes[gzip.len - 8] ^= 1;
    assert_fails("gzip", buffer_str(&gzip), MIB, CSGI_EPROTO, "incorrect data check");
    gzip.bytes[gzip.len - 8] ^= 1;
    gzip.bytes[gzip.len - 1] ^= 1;
    assert_fails("gzip", buffer_str(&gzip), MIB, CSGI_EPROTO, "incorrect length check");
    buffer_fini(&gzip);
}

static void the_limit_is_of_the_decoded_size(void **state)
{
    const size_t len = strlen(TEXT);
    buffer gzip = { .len = 0 }, twice = { .len = 0 };
    decoder *self;
    taker to = { .largest = 0 };

    (void)state;
    compress_to(&gzip, STR(TEXT), GZIP);
    compress_to(&twice, buffer_str(&gzip), GZIP);
    self = made("gzip, gzip", len);
    assert_int_equal(feed(self, buffer_str(&twice), 1, &to), CSGI_OK);
    assert_int_equal(to.got.len, len);
    decode_free(self);
    assert_fails("gzip, gzip", buffer_str(&twice), len - 1, CSGI_ELIMIT,
                 "the decoded response is larger than 19 bytes");
    assert_fails("gzip", buffer_str(&gzip), 0, CSGI_ELIMIT, "larger than 0 bytes");
    assert_fails("br", BYTES(br_zeros), MIB - 1, CSGI_ELIMIT, "larger than 1048575 bytes");
    buffer_fini(&to.got);
    to = (taker){ .largest = 0 };
    self = made("br", UINT64_MAX);
    assert_int_equal(feed(self, BYTES(br_zeros), 1, &to), CSGI_OK);
    assert_int_equal(to.got.len, MIB);
    decode_free(self);
    buffer_fini(&to.got);
    buffer_fini(&gzip);
    buffer_fini(&twice);
}

/* Blocks without content make nothing for ever: the coded form has a limit too. */
static void a_body_that_decodes_to_nothing_ends_somewhere(void **state)
{
    const size_t limit = 800 + 100 + 65536;
    buffer coded = { .len = 0 };
    decoder *self;
    taker to = { .largest = 0 };

    (void)state;
    compress_to(&coded, STR(""), ZLIB);
    while (coded.len < limit + 1)
        assert_int_equal(buffer_append(&coded, "x", 1), CSGI_OK);
    assert_fails("deflate", buffer_str(&coded), 800, CSGI_ELIMIT,
                 "the deflate body is larger than 66436 bytes before it is decoded");
    coded.len--;
    self = made("deflate", 800);
    assert_int_equal(feed(self, buffer_str(&coded), SIZE_MAX, &to), CSGI_OK);
    decode_free(self);
    buffer_fini(&coded);
}

static void a_bomb_comes_in_small_pieces(void **state)
{
    decoder *self = made("br", MIB);
    taker to = { .largest = 0 };

    (void)state;
    assert_int_equal(feed(self, BYTES(br_zeros), SIZE_MAX, &to), CSGI_OK);
    assert_int_equal(to.got.len, MIB);
    assert_int_equal(to.largest, DECODE_PIECE_MAX);
    assert_int_equal(to.calls, MIB / DECODE_PIECE_MAX);
    buffer_fini(&to.got);
    decode_free(self);
}

static void a_stopped_sink_gets_the_rest_later(void **state)
{
    decoder *self = made("br", MIB);
    taker to = { .per_write = 1, .left = 1 };
    csgi_str in = BYTES(br_zeros);

    (void)state;
    assert_int_equal(decode_write(self, &in, take, &to), CSGI_OK);
    assert_int_equal(to.calls, 1);
    assert_int_equal(to.got.len, DECODE_PIECE_MAX);
    for (size_t i = 2; i <= MIB / DECODE_PIECE_MAX; i++) {
        to.left = 1;
        assert_int_equal(decode_write(self, &in, take, &to), CSGI_OK);
        assert_int_equal(to.calls, i);
    }
    assert_int_equal(decode_write(self, &in, take, &to), CSGI_OK);
    assert_int_equal(in.len, 0);
    assert_int_equal(decode_end(self), CSGI_OK);
    assert_int_equal(to.got.len, MIB);
    buffer_fini(&to.got);
    decode_free(self);
}

static void a_byte_of_room_is_enough(void **state)
{
    decoder *self = made("deflate", MIB);
    csgi_str in = STR("\x4b\x4c\x4a\x06\x00"); /* "abc" */
    char got[4];
    size_t made_now = 1, len = 0;

    (void)state;
    for (; made_now; len += made_now)
        assert_int_equal(decode_some(self, &in, got + len, 1, &made_now), CSGI_OK);
    assert_int_equal(decode_end(self), CSGI_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(got, "abc", 3);
    decode_free(self);
}

static void a_failing_allocation_is_told(void **state)
{
    static const char *const lists[] = { "gzip", "deflate, gzip", "br" };
    buffer coded[3] = { { .len = 0 } };

    (void)state;
    compress_to(&coded[0], STR(TEXT), GZIP);
    compress_to(&coded[2], STR(TEXT), ZLIB);
    compress_to(&coded[1], buffer_str(&coded[2]), GZIP);
    for (size_t i = 0; i < 3; i++) {
        csgi_str in = i == 2 ? BYTES(br_text) : buffer_str(&coded[i]);
        bool failed = true;

        for (size_t n = 0; failed; n++) {
            decoder *self = NULL;
            csgi_str left = in;
            char out[64];
            size_t more = 1, len = 0;
            csgi_status status;

            failing_malloc_after(n);
            status = make(lists[i], MIB, &self);
            for (; status == CSGI_OK && more; len += more)
                status = decode_some(self, &left, out + len, sizeof out - len, &more);
            failed = failing_malloc_off();
            assert_int_equal(status, failed ? CSGI_ENOMEM : CSGI_OK);
            if (!failed) assert_true(str_eq((csgi_str){ out, len }, STR(TEXT)));
            if (failed && self) {
                buffer why = { .len = 0 };

                decode_print_failure(self, &why);
                assert_true(str_starts_with(buffer_str(&why), STR("no memory to decode the ")));
                buffer_fini(&why);
            }
            decode_free(self);
        }
    }
    for (size_t i = 0; i < 3; i++)
        buffer_fini(&coded[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_without_a_coding_needs_nothing),
        cmocka_unit_test(an_unknown_coding_is_said_to_be_unknown),
        cmocka_unit_test(each_coding_is_undone_by_whatever_name),
        cmocka_unit_test(short_raw_deflate_is_decoded),
        cmocka_unit_test(an_empty_body_is_whole_whatever_it_claims),
        cmocka_unit_test(codings_are_undone_last_first),
        cmocka_unit_test(three_codings_are_undone_and_four_refused),
        cmocka_unit_test(gzip_members_are_joined),
        cmocka_unit_test(what_follows_the_end_is_ignored),
        cmocka_unit_test(a_body_cut_anywhere_ended_early),
        cmocka_unit_test(a_damaged_body_is_refused),
        cmocka_unit_test(the_limit_is_of_the_decoded_size),
        cmocka_unit_test(a_body_that_decodes_to_nothing_ends_somewhere),
        cmocka_unit_test(a_bomb_comes_in_small_pieces),
        cmocka_unit_test(a_stopped_sink_gets_the_rest_later),
        cmocka_unit_test(a_byte_of_room_is_enough),
        cmocka_unit_test(a_failing_allocation_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
