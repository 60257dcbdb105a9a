/* SPDX-License-Identifier: MIT
 * Reading the messages of gcc, clang and the linker. */
#include "reload/diagnostics.h"

#include "base/str.h"

#define ESCAPE '\033'

/* The length of an escape sequence (ECMA-48: CSI ... final byte; OSC ... BEL or ST), 0: of none.
 * One without an end ends with its line. */
static size_t sequence_length(csgi_str text)
{
    size_t at = 2;

    if (text.len < 2 || text.ptr[0] != ESCAPE) return 0;
    if (text.ptr[1] == '[') {
        while (at < text.len && text.ptr[at] >= ' ' && text.ptr[at] < '@')
            at++;
        return at < text.len && text.ptr[at] >= '@' ? at + 1 : at;
    }
    if (text.ptr[1] != ']') return 1;
    for (; at < text.len && text.ptr[at] != '\n'; at++) {
        if (text.ptr[at] == '\a') return at + 1;
        if (text.ptr[at] == ESCAPE && at + 1 < text.len && text.ptr[at + 1] == '\\') return at + 2;
    }
    return at;
}

csgi_status diagnostics_strip(csgi_str text, buffer *out)
{
    csgi_status status = buffer_reserve(out, text.len);

    for (size_t at = 0; at < text.len && status == CSGI_OK;) {
        char c = text.ptr[at];
        size_t len = sequence_length(str_slice(text, at, SIZE_MAX));

        if (!len && ((unsigned char)c >= ' ' || c == '\n' || c == '\t') && c != 0x7f)
            status = buffer_append(out, &c, 1);
        at += len ? len : 1;
    }
    return status;
}

/* Takes "12:" off the text. */
static bool take_number(csgi_str *text, uint32_t *out)
{
    csgi_str rest = *text, digits;
    uint64_t value;

    if (str_find_char(rest, ':') == rest.len) return false;
    digits = str_take(&rest, ':');
    if (!str_parse_u64(digits, &value) || value == 0 || value > UINT32_MAX) return false;
    *out = (uint32_t)value;
    *text = rest;
    return true;
}

static bool take_word(csgi_str *text, csgi_str word)
{
    if (!str_starts_with(*text, word)) return false;
    *text = str_trim(str_slice(*text, word.len, SIZE_MAX));
    return true;
}

/* "error: ...", "fatal error: ...", or of the linker "undefined reference to ...". */
static bool take_severity(csgi_str *text)
{
    return take_word(text, STR("error:")) || take_word(text, STR("fatal error:")) ||
           str_starts_with(*text, STR("undefined reference")) ||
           str_starts_with(*text, STR("multiple definition"));
}

static bool read_line(csgi_str line, diagnostic *out)
{
    if (str_starts_with(line, STR(" "))) return false; /* a line of the source */
    /* A path may have colons itself. */
    for (size_t at = 1; at < line.len; at++) {
        csgi_str rest;
        diagnostic it = { 0 };

        if (line.ptr[at] != ':') continue;
        rest = str_slice(line, at + 1, SIZE_MAX);
        if (!take_number(&rest, &it.line)) continue;
        take_number(&rest, &it.column);
        rest = str_trim(rest);
        if (!take_severity(&rest)) continue;
        it.file = str_slice(line, 0, at);
        if (str_starts_with(it.file, STR("/usr/bin/ld: ")))
            it.file = str_slice(it.file, 13, SIZE_MAX);
        it.message = rest;
        *out = it;
        return it.file.len > 0;
    }
    return false;
}

bool diagnostics_next(csgi_str *rest, diagnostic *out)
{
    while (rest->len) {
        if (read_line(str_take(rest, '\n'), out)) return true;
    }
    return false;
}
