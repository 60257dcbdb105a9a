/* SPDX-License-Identifier: MIT
 * Any bytes as a coded body: the first byte picks the codings, the second the size of the pieces
 * they come in and go out; whole or in pieces, the same comes out. */
#include "fuzz.h"

#include "base/str.h"
#include "client/decode.h"

#define MAX_OUT ((uint64_t)1 << 16)

typedef struct result {
    csgi_status status;
    uint64_t len, sum;
} result;

static void add(result *self, const char *bytes, size_t len)
{
    self->len += len;
    for (size_t i = 0; i < len; i++)
        self->sum = self->sum * 31 + (unsigned char)bytes[i];
}

/* Stops after each piece. */
static bool take(void *arg, csgi_str piece)
{
    MUST(piece.len > 0 && piece.len <= DECODE_PIECE_MAX);
    add(arg, piece.ptr, piece.len);
    return false;
}

static decoder *make(uint8_t which)
{
    static const char *const lists[] = {
        "gzip", "deflate", "br", "gzip, gzip", "br, x-gzip", "gzip, br", "gzip, br, deflate"
    };
    csgi_field field = { .name = CSGI_STR("content-encoding") };
    decoder *self = NULL;

    field.value = str_from(lists[which % (sizeof lists / sizeof *lists)]);
    MUST(decode_new((csgi_fields){ &field, 1 }, MAX_OUT, &self) == CSGI_OK && self);
    return self;
}

static void finish(decoder *self, result *got)
{
    buffer why = { .len = 0 };

    if (got->status == CSGI_OK) got->status = decode_end(self);
    if (got->status) {
        decode_print_failure(self, &why);
        MUST(why.len);
        buffer_fini(&why);
    }
    MUST(got->len <= MAX_OUT);
    decode_free(self);
}

static result whole(uint8_t which, csgi_str in)
{
    decoder *self = make(which);
    result got = { .len = 0 };
    uint64_t before;

    do {
        before = got.len;
        got.status = decode_write(self, &in, take, &got);
    } while (got.status == CSGI_OK && got.len > before);
    MUST(got.status || in.len == 0);
    finish(self, &got);
    return got;
}

static result in_pieces(uint8_t which, csgi_str in, size_t step)
{
    decoder *self = make(which);
    result got = { .len = 0 };
    char *out = malloc(step);
    size_t made = 0;

    MUST(out);
    while (in.len && got.status == CSGI_OK) {
        char *part = exact_copy(in.ptr, step < in.len ? step : in.len);
        csgi_str left = { part, step < in.len ? step : in.len };

        in = str_slice(in, left.len, in.len);
        do {
            got.status = decode_some(self, &left, out, step, &made);
            MUST(made <= step);
            add(&got, out, made);
        } while (got.status == CSGI_OK && made);
        MUST(got.status || left.len == 0);
        free(part);
    }
    free(out);
    finish(self, &got);
    return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text;
    csgi_str in;
    result one, two;

    if (len < 2) return 0;
    text = exact_copy(bytes + 2, len - 2);
    in = (csgi_str){ text, len - 2 };
    one = whole(bytes[0], in);
    two = in_pieces(bytes[0], in, bytes[1] + (size_t)1);
    MUST(one.status == two.status);
    MUST(one.status || (one.len == two.len && one.sum == two.sum));
    free(text);
    return 0;
}
