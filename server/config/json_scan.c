/* SPDX-License-Identifier: MIT
 * The cursor's steps through JSON text. */
#include "config/json_scan.h"

#include <string.h>

#include "base/escape.h"
#include "base/str.h"

#define FOUND_MAX 40u /* bytes of a word that a complaint repeats */

csgi_status json_scan_refuse(json_scan *self, const char *at, const char *format, ...)
{
    va_list args;

    buffer_printf(self->problem, "%s:%u:%zu: ", self->source, self->line,
                  (size_t)(at - self->line_start) + 1);
    va_start(args, format);
    buffer_vprintf(self->problem, format, args);
    va_end(args);
    return CSGI_EINVAL;
}

static bool is_word(char c)
{
    return char_is_alnum(c) || c == '_' || c == '-' || c == '+' || c == '.';
}

csgi_str json_scan_word(const json_scan *self)
{
    csgi_str rest = { self->at, (size_t)(self->end - self->at) };
    size_t len = 0;

    while (len < rest.len && len < FOUND_MAX && is_word(rest.ptr[len]))
        len++;
    if (len == 0 && rest.len) len = str_utf8_sequence(rest);
    return str_slice(rest, 0, len);
}

csgi_status json_scan_expected(json_scan *self, const char *what)
{
    csgi_str word = json_scan_word(self);
    char text[4 * FOUND_MAX];
    size_t len = escape_line(text, sizeof text, word, false);

    if (self->at == self->end)
        return json_scan_refuse(self, self->at, "found the end of the file, expected %s", what);
    if (*self->at == '"')
        return json_scan_refuse(self, self->at, "found text in quotes, expected %s", what);
    return json_scan_refuse(self, self->at, "found \"%.*s\", expected %s", (int)len, text, what);
}

void json_scan_space(json_scan *self)
{
    for (; self->at < self->end; self->at++) {
        char c = *self->at;

        if (c == '\n') {
            self->line++;
            self->line_start = self->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static bool skip_digits(json_scan *self)
{
    const char *start = self->at;

    while (json_scan_peek(self) >= '0' && json_scan_peek(self) <= '9')
        self->at++;
    return self->at > start;
}

/* "-"? (0 | digits) ("." digits)? (("e" | "E") ("+" | "-")? digits)? */
bool json_scan_number(json_scan *self)
{
    bool is_good;

    json_scan_take(self, '-');
    is_good = json_scan_take(self, '0') || skip_digits(self);
    if (is_good && json_scan_take(self, '.')) is_good = skip_digits(self);
    if (is_good && (json_scan_take(self, 'e') || json_scan_take(self, 'E'))) {
        if (!json_scan_take(self, '+')) json_scan_take(self, '-');
        is_good = skip_digits(self);
    }
    return is_good && !is_word(json_scan_peek(self));
}

static bool take_hex4(json_scan *self, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, self->at++) {
        int digit = char_hex(json_scan_peek(self));

        if (digit < 0) return false;
        *value = *value * 16 + (uint32_t)digit;
    }
    return true;
}

static char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* What follows "\u"; escape is where the backslash is. RFC 8259 section 7. */
static csgi_status parse_unicode(json_scan *self, const char *escape, char **out)
{
    uint32_t code, low;

    if (!take_hex4(self, &code))
        return json_scan_refuse(self, escape,
                                "found \"\\u\", expected four hexadecimal digits behind it");
    if (code == 0)
        return json_scan_refuse(self, escape, "found \"\\u0000\", expected text without NULs");
    if (code >= 0xd800 && code <= 0xdfff) {
        if (code > 0xdbff || !json_scan_take(self, '\\') || !json_scan_take(self, 'u') ||
            !take_hex4(self, &low) || low < 0xdc00 || low > 0xdfff)
            return json_scan_refuse(self, escape,
                                    "found half of a surrogate pair, expected both halves");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = put_utf8(*out, code);
    return CSGI_OK;
}

static csgi_status parse_escape(json_scan *self, char **out)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *escape = self->at++;
    const char *name = json_scan_peek(self) ? strchr(names, json_scan_peek(self)) : NULL;

    if (json_scan_take(self, 'u')) return parse_unicode(self, escape, out);
    if (!name) {
        return json_scan_refuse(self, escape,
                                "found an unknown escape, expected one of \\\" \\\\ \\/ \\b \\f "
                                "\\n \\r \\t "
                                "\\u, or \\\\ for a backslash");
    }
    self->at++;
    *(*out)++ = meant[name - names];
    return CSGI_OK;
}

/* How many bytes a string's content can have at most: those up to the next quote, or escaped ones.
 */
static size_t string_room(const json_scan *self)
{
    const char *at = self->at;

    while (at < self->end && *at != '"' && *at != '\n')
        at += *at == '\\' && at + 1 < self->end ? 2 : 1;
    return (size_t)(at - self->at);
}

csgi_status json_scan_string(json_scan *self, arena *memory, csgi_str *out)
{
    const char *quote = self->at++;
    char *text = arena_alloc(memory, string_room(self) + 1, 1), *to = text;
    csgi_status status = CSGI_OK;

    if (!text) return CSGI_ENOMEM;
    while (status == CSGI_OK && !json_scan_take(self, '"')) {
        if (self->at == self->end || *self->at == '\n' || *self->at == '\r')
            return json_scan_refuse(self, quote,
                                    "found text without an end, expected \" on the same line");
        if ((unsigned char)*self->at < 0x20) {
            return json_scan_refuse(self, self->at,
                                    "found a control character (0x%02x) in a text, expected an "
                                    "escape such "
                                    "as \\t or \\u00%02x",
                                    (unsigned)*self->at, (unsigned)*self->at);
        }
        if (*self->at == '\\')
            status = parse_escape(self, &to);
        else
            *to++ = *self->at++;
    }
    if (status != CSGI_OK) return status;
    *to = '\0';
    *out = (csgi_str){ text, (size_t)(to - text) };
    return CSGI_OK;
}

csgi_status json_scan_check(json_scan self)
{
    csgi_str text = { self.at, (size_t)(self.end - self.at) };

    if (str_starts_with(text, STR("\xef\xbb\xbf"))) {
        return json_scan_refuse(&self, self.at,
                                "found a byte order mark, expected UTF-8 without one: save the "
                                "file so");
    }
    while (self.at < self.end) {
        size_t len;

        json_scan_space(&self);
        text = (csgi_str){ self.at, (size_t)(self.end - self.at) };
        if (text.len == 0) break;
        len = str_utf8_sequence(text);
        if (*text.ptr == '\0')
            return json_scan_refuse(&self, self.at, "found a NUL, expected text");
        if (len == 0) {
            return json_scan_refuse(&self, self.at, "found the byte 0x%02x, which is no UTF-8 here",
                                    (unsigned)(unsigned char)*self.at);
        }
        self.at += len;
    }
    return CSGI_OK;
}

json_scan json_scan_of(const char *source, csgi_str text, buffer *problem)
{
    return (json_scan){
        .source = source,
        .at = text.ptr,
        .end = text.ptr + text.len,
        .line_start = text.ptr,
        .line = 1,
        .problem = problem,
    };
}
