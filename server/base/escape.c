/* SPDX-License-Identifier: MIT
 * Text that came from outside, made fit for a line of a log or a JSON string. */
#include "base/escape.h"

#include <string.h>

#include "base/str.h"

static const char digits[] = "0123456789abcdef";

/* The bytes at the front that stand for themselves in a line; most texts are such. */
static size_t plain_len(csgi_str text, bool quotes_too)
{
    size_t len = 0;

    for (; len < text.len; len++) {
        unsigned char c = (unsigned char)text.ptr[len];

        if (c < 0x20 || c == 0x7f || (quotes_too && (c == '"' || c == '\\'))) break;
    }
    return len;
}

size_t escape_line(char *out, size_t size, csgi_str text, bool quotes_too)
{
    size_t at = 0;

    for (;;) {
        size_t len = plain_len(text, quotes_too);
        unsigned char c;

        if (len > size - at) len = size - at;
        if (len) memcpy(out + at, text.ptr, len);
        at += len;
        text = str_slice(text, len, SIZE_MAX);
        if (text.len == 0 || size - at < 4) return at;
        c = (unsigned char)text.ptr[0];
        memcpy(out + at, "\\x", 2);
        out[at + 2] = digits[c >> 4];
        out[at + 3] = digits[c & 15];
        at += 4;
        text = str_slice(text, 1, SIZE_MAX);
    }
}

/* What stands for the first character of text, in piece; *used is how many bytes it had. */
static size_t json_piece(char piece[6], csgi_str text, size_t *used)
{
    unsigned char c = (unsigned char)text.ptr[0];

    *used = 1;
    if (c == '"' || c == '\\') {
        memcpy(piece, (char[]){ '\\', (char)c }, 2);
        return 2;
    }
    if (c < 0x20 || c == 0x7f) {
        memcpy(piece, (char[]){ '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] }, 6);
        return 6;
    }
    *used = str_utf8_sequence(text);
    if (*used == 0) {
        *used = 1;
        memcpy(piece, "\\ufffd", 6);
        return 6;
    }
    memcpy(piece, text.ptr, *used);
    return *used;
}

size_t escape_json(char *out, size_t size, csgi_str text)
{
    size_t at = 0, used;

    for (size_t i = 0; i < text.len; i += used) {
        char piece[6];
        size_t len = json_piece(piece, str_slice(text, i, SIZE_MAX), &used);

        if (len > size - at) break;
        memcpy(out + at, piece, len);
        at += len;
    }
    return at;
}
