/* SPDX-License-Identifier: MIT
 * Any bytes as requests on a connection, whole and in pieces: what they mean is the same, and every
 * string keeps its promises. The first byte says how large the pieces are and which limits hold. */
#include "fuzz.h"

#include "../unit/http1/transcript.h"

/* Where two things are wrong, one of them a limit, the pieces decide which is seen first: then it
 * only counts that the request was refused. */
static csgi_str without_reason(buffer *text)
{
    static const char *const ends[] = { "failed ", "refused " };
    csgi_status status = buffer_append(text, "", 1);
    csgi_str result = { text->bytes, text->len - 1 };

    MUST(status == CSGI_OK);
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        const char *found = strstr(text->bytes, ends[i]);

        if (found && (size_t)(found - text->bytes) < result.len)
            result.len = (size_t)(found - text->bytes);
    }
    return result;
}

static void compare(buffer *whole, buffer *pieces, bool has_tight_limits)
{
    csgi_str a = buffer_str(whole), b = buffer_str(pieces);

    if (has_tight_limits) {
        a = without_reason(whole);
        b = without_reason(pieces);
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
    compare(&whole, &pieces, bytes[0] & 1 || len > 4096);
    buffer_fini(&whole);
    buffer_fini(&pieces);
    return 0;
}
