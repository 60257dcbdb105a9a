/* SPDX-License-Identifier: MIT
 * Fuzzing reload/diagnostics: what is left of any bytes has no control characters, and every error
 * in it lies in the text. */
#include "fuzz.h"
#include "reload/diagnostics.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = exact_copy(bytes, len);
    buffer plain = { 0 };
    diagnostic error;
    csgi_str rest;

    MUST(diagnostics_strip((csgi_str){ copy, len }, &plain) == CSGI_OK);
    MUST(plain.len <= len);
    for (size_t i = 0; i < plain.len; i++) {
        unsigned char c = (unsigned char)plain.bytes[i];

        MUST(c >= ' ' || c == '\n' || c == '\t');
    }
    for (rest = (csgi_str){ plain.bytes, plain.len }; diagnostics_next(&rest, &error);) {
        MUST(error.line > 0 && error.file.len > 0);
        MUST(error.file.ptr >= plain.bytes &&
             error.message.ptr + error.message.len <= plain.bytes + plain.len);
    }
    buffer_fini(&plain);
    free(copy);
    return 0;
}
