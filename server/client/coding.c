/* SPDX-License-Identifier: MIT
 * gzip (RFC 1952), deflate (RFC 1950, and RFC 1951 as some servers send it) and br (RFC 7932). */
#include "client/coding.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

#define WINDOW_BITS   15 /* the largest window, which all must be able to read */
#define GZIP_WRAPPER  16 /* zlib: expect gzip's header and trailer */
#define GZIP_MAGIC_0  0x1f
#define ZLIB_METHOD   8 /* RFC 1950 section 2.2: CM, CINFO and FCHECK */
#define ZLIB_INFO_MAX 7

bool coding_find(csgi_str name, coding_kind *kind)
{
    static const struct {
        csgi_str name;
        coding_kind kind;
    } known[] = {
        { CSGI_STR("gzip"), CODING_GZIP },
        { CSGI_STR("br"), CODING_BR },
        { CSGI_STR("deflate"), CODING_DEFLATE },
        { CSGI_STR("x-gzip"), CODING_GZIP },
    };

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (!str_eq_nocase(name, known[i].name)) continue;
        *kind = known[i].kind;
        return true;
    }
    return false;
}

const char *coding_name(coding_kind kind)
{
    static const char *const names[] = { "gzip", "deflate", "br" };

    return names[kind];
}

/* ---- the libraries' memory, so that tests can make it fail ---- */

static void *zlib_alloc(void *unused, uInt count, uInt size)
{
    (void)unused;
    return calloc(count, size);
}

static void *brotli_alloc(void *unused, size_t size)
{
    (void)unused;
    return malloc(size);
}

static void library_free(void *unused, void *memory)
{
    (void)unused;
    free(memory);
}

csgi_status coding_init(coding *self, coding_kind kind)
{
    int wrapper = kind == CODING_GZIP ? GZIP_WRAPPER : 0, result;

    memset(self, 0, sizeof *self);
    self->kind = kind;
    if (kind == CODING_BR) {
        self->brotli = BrotliDecoderCreateInstance(brotli_alloc, library_free, NULL);
        return self->brotli ? CSGI_OK : CSGI_ENOMEM;
    }
    self->zlib.zalloc = zlib_alloc;
    self->zlib.zfree = library_free;
    result = inflateInit2(&self->zlib, WINDOW_BITS + wrapper);
    CHECK(result == Z_OK || result == Z_MEM_ERROR);
    return result == Z_OK ? CSGI_OK : CSGI_ENOMEM;
}

void coding_fini(coding *self)
{
    if (self->kind == CODING_BR)
        BrotliDecoderDestroyInstance(self->brotli);
    else
        inflateEnd(&self->zlib);
}

static void advance(csgi_str *in, size_t used)
{
    *in = str_slice(*in, used, in->len);
}

static csgi_status fail(coding *self, const char *wrong)
{
    self->wrong = wrong;
    return CSGI_EPROTO;
}

/* ---- zlib ---- */

static uInt clip(size_t len)
{
    return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

/* zlib's result. Output before an error is of no use to anybody. */
static int inflate_some(coding *self, csgi_str *in, char *out, size_t room, size_t *made)
{
    z_stream *zlib = &self->zlib;
    uInt given = clip(in->len), space = clip(room);
    int result;

    zlib->next_in = (Bytef *)(uintptr_t)in->ptr;
    zlib->avail_in = given;
    zlib->next_out = (Bytef *)out;
    zlib->avail_out = space;
    result = inflate(zlib, Z_NO_FLUSH);
    CHECK(result != Z_STREAM_ERROR);
    advance(in, given - zlib->avail_in);
    *made = space - zlib->avail_out;
    return result;
}

static csgi_status inflate_failure(coding *self, int result)
{
    if (result == Z_MEM_ERROR) return CSGI_ENOMEM;
    if (result == Z_NEED_DICT) return fail(self, "it needs a dictionary");
    return fail(self, self->zlib.msg ? self->zlib.msg : "malformed");
}

/* Z_BUF_ERROR only says that there was nothing to do. */
static bool goes_on(int result)
{
    return result == Z_OK || result == Z_BUF_ERROR;
}

/* RFC 1952 section 2.2: another member may follow. What does not begin like one is ignored, as
 * browsers and gzip do: servers pad. */
static void begin_member(coding *self, csgi_str in)
{
    if ((unsigned char)in.ptr[0] != GZIP_MAGIC_0) {
        self->ended = true;
        return;
    }
    CHECK(inflateReset(&self->zlib) == Z_OK);
    self->between = false;
}

/* The second byte showed that what follows the last member is none. */
static bool is_no_member(const coding *self, int result)
{
    return self->has_member && result == Z_DATA_ERROR && self->zlib.total_in <= 2;
}

static csgi_status run_gzip(coding *self, csgi_str *in, char *out, size_t room, size_t *made)
{
    size_t more = 0;
    int result;

    do {
        if (self->between && in->len) begin_member(self, *in);
        if (self->between || self->ended) break;
        result = inflate_some(self, in, out, room, &more);
        if (result == Z_STREAM_END)
            self->between = self->has_member = true;
        else if (is_no_member(self, result))
            self->ended = true;
        else if (!goes_on(result))
            return inflate_failure(self, result);
    } while (more == 0 && in->len);
    *made = more;
    return CSGI_OK;
}

/* "deflate" means RFC 1950; some servers send RFC 1951 without that wrapper, and browsers take
 * both. A wrapper's first two bytes are a multiple of 31. */
static void tell_form(coding *self)
{
    unsigned first = (unsigned char)self->head[0], second = (unsigned char)self->head[1];
    bool wrapped = (first & 15) == ZLIB_METHOD && first >> 4 <= ZLIB_INFO_MAX &&
                   (first << 8 | second) % 31 == 0;

    if (!wrapped) CHECK(inflateReset2(&self->zlib, -WINDOW_BITS) == Z_OK);
    self->kept = (csgi_str){ self->head, sizeof self->head };
}

static csgi_status run_deflate(coding *self, csgi_str *in, char *out, size_t room, size_t *made)
{
    size_t more = 0;
    int result;

    while (self->head_len < sizeof self->head && in->len) {
        self->head[self->head_len++] = in->ptr[0];
        advance(in, 1);
        if (self->head_len == sizeof self->head) tell_form(self);
    }
    if (self->head_len < sizeof self->head) return CSGI_OK;
    do {
        result = inflate_some(self, self->kept.len ? &self->kept : in, out, room, &more);
        if (result == Z_STREAM_END)
            self->ended = true;
        else if (!goes_on(result))
            return inflate_failure(self, result);
    } while (more == 0 && in->len && !self->ended);
    *made = more;
    return CSGI_OK;
}

/* ---- brotli ---- */

static csgi_status run_br(coding *self, csgi_str *in, char *out, size_t room, size_t *made)
{
    size_t left = in->len, space = room;
    const uint8_t *from = (const uint8_t *)in->ptr;
    uint8_t *to = (uint8_t *)out;
    BrotliDecoderResult result;
    BrotliDecoderErrorCode error;

    result = BrotliDecoderDecompressStream(self->brotli, &left, &from, &space, &to, NULL);
    if (result == BROTLI_DECODER_RESULT_ERROR) {
        error = BrotliDecoderGetErrorCode(self->brotli);
        if (error <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
            error >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
            return CSGI_ENOMEM;
        return fail(self, "malformed");
    }
    self->ended = result == BROTLI_DECODER_RESULT_SUCCESS;
    advance(in, in->len - left);
    *made = room - space;
    return CSGI_OK;
}

/* ---- any ---- */

csgi_status coding_run(coding *self, csgi_str *in, char *out, size_t room, size_t *made)
{
    csgi_status status = CSGI_OK;

    CHECK(room > 0);
    *made = 0;
    if (in->len) self->begun = true;
    if (!self->begun) return CSGI_OK;
    if (!self->ended) {
        switch (self->kind) {
        case CODING_GZIP:
            status = run_gzip(self, in, out, room, made);
            break;
        case CODING_DEFLATE:
            status = run_deflate(self, in, out, room, made);
            break;
        case CODING_BR:
            status = run_br(self, in, out, room, made);
            break;
        }
    }
    if (status == CSGI_OK && self->ended) advance(in, in->len); /* what follows is ignored */
    return status;
}

bool coding_is_whole(const coding *self)
{
    if (!self->begun || self->ended || self->between) return true;
    /* One byte that began like another member. */
    return self->has_member && self->zlib.total_in < 2;
}
