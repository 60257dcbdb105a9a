/* SPDX-License-Identifier: MIT
 * Any bytes as requests on a connection, whole and in pieces: what they mean is the same, and every
 * string keeps its promises. The first byte says how large the pieces are and which limits hold. */
#include "fuzz.h"

#include "../unit/http1/transcript.h"

/* Where the text says that, and why, a request was refused: a line that nothing follows; or its
 * end. What was sent may look like such a line. */
static size_t reason_of(const buffer *text)
{
    static const csgi_str beginnings[] = { CSGI_STR("failed "), CSGI_STR("refused ") };
    csgi_str rest = { text->bytes, text->len - 1 };
    size_t at = rest.len;

    while (rest.len) {
        for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
            if (str_starts_with(rest, beginnings[i])) at = (size_t)(rest.ptr - text->bytes);
        }
        rest = str_slice(rest, str_find_char(rest, '\n') + 1, SIZE_MAX);
    }
    return at;
}

static bool is_for_a_limit(const buffer *text)
{
    const char *reason = text->bytes + reason_of(text);

    return strstr(reason, "failed 4") && !strstr(reason, "failed 400");
}

/* Where two things are wrong, one of them a limit, the pieces decide which is seen first: then it
 * only counts that the request was refused. */
static void compare(buffer *whole, buffer *pieces)
{
    csgi_str a, b;

    MUST(buffer_append(whole, "", 1) == CSGI_OK && buffer_append(pieces, "", 1) == CSGI_OK);
    a = (csgi_str){ whole->bytes, whole->len - 1 };
    b = (csgi_str){ pieces->bytes, pieces->len - 1 };
    if (is_for_a_limit(whole) || is_for_a_limit(pieces)) {
        a.len = reason_of(whole);
        b.len = reason_of(pieces);
    }
    if (str_eq(a, b)) return;
    fprintf(stderr, "whole:\n%.*s\npieces:\n%.*s\n", STR_ARG(a), STR_ARG(b));
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const request_limits limits[] = { { 8192, 32768, 100, 1 << 20 }, { 40, 60, 3, 20 } };
    buffer whole = { 0 }, pieces = { 0 };
    request_limits chosen;

    if (len < 2) return 0;
    chosen = limits[bytes[0] & 1];
    transcript_of((const char *)bytes + 1, len - 1, 0, len, chosen, &whole);
    transcript_of((const char *)bytes + 1, len - 1, 0, (size_t)(bytes[0] >> 1) % 24 + 1, chosen,
                  &pieces);
    compare(&whole, &pieces);
    buffer_fini(&whole);
    buffer_fini(&pieces);
    return 0;
}
