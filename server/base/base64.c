/* SPDX-License-Identifier: MIT
 * base64: three bytes are four characters. */
#include "base/base64.h"

#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Up to three bytes, of which those that are missing are "=". */
static void encode_group(const unsigned char *bytes, size_t len, char *out)
{
    uint32_t group = (uint32_t)bytes[0] << 16 | (uint32_t)(len > 1 ? bytes[1] : 0) << 8 |
                     (len > 2 ? bytes[2] : 0);

    out[0] = digits[group >> 18];
    out[1] = digits[group >> 12 & 63];
    out[2] = digits[group >> 6 & 63];
    out[3] = digits[group & 63];
    if (len < 3) out[3] = '=';
    if (len < 2) out[2] = '=';
}

void base64_encode(csgi_str text, char *out)
{
    const unsigned char *bytes = (const unsigned char *)text.ptr;

    for (size_t at = 0; at < text.len; at += 3, out += 4)
        encode_group(bytes + at, text.len - at < 3 ? text.len - at : 3, out);
}
