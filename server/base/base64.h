/* SPDX-License-Identifier: MIT
 * base64 (RFC 4648 section 4), padded: for credentials and keys in headers. Encoding only. */
#ifndef CAPRICORN_BASE_BASE64_H
#define CAPRICORN_BASE_BASE64_H

#include <stddef.h>

#include <csgi/types.h>

/* The encoded length of so many bytes; 0 when that is more than a size_t holds. */
static inline size_t base64_length(size_t len)
{
    size_t groups = len / 3 + (len % 3 != 0);

    return groups > (size_t)-1 / 4 ? 0 : groups * 4;
}
/* Writes base64_length(text.len) characters and no NUL; out is not text. */
void base64_encode(csgi_str text, char *out);

#endif
