/* SPDX-License-Identifier: MIT
 * csgi_str helpers. */
#include "base/str.h"

#include "base/check.h"

int str_compare(csgi_str a, csgi_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool str_eq_nocase(csgi_str a, csgi_str b)
{
    if (a.len != b.len) return false;
    if (str_eq(a, b)) return true; /* most names are written in one way */
    for (size_t i = 0; i < a.len; i++) {
        if (char_lower(a.ptr[i]) != char_lower(b.ptr[i])) return false;
    }
    return true;
}

bool str_starts_with(csgi_str text, csgi_str prefix)
{
    return text.len >= prefix.len && str_eq((csgi_str){ text.ptr, prefix.len }, prefix);
}

bool str_starts_with_nocase(csgi_str text, csgi_str prefix)
{
    return str_eq_nocase(str_slice(text, 0, prefix.len), prefix);
}

/* ---- eight bytes at a time: each request has its names and values looked at ---- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t load(const char *from)
{
    uint64_t eight;

    memcpy(&eight, from, sizeof eight);
    return eight;
}

static uint64_t lower_eight(uint64_t bytes)
{
    uint64_t low = bytes & EACH(0x7f); /* so that no sum reaches into the next byte */
    uint64_t from_a = low + EACH(0x80 - 'A'), after_z = low + EACH(0x80 - 'Z' - 1);

    return bytes | (from_a & ~after_z & ~bytes & EACH(0x80)) >> 2;
}

void str_lower(char *text, size_t len)
{
    size_t at = 0;
    uint64_t eight;

    if (len < sizeof eight) {
        for (; at < len; at++)
            text[at] = char_lower(text[at]);
        return;
    }
    for (; at < len; at += sizeof eight) {
        if (len - at < sizeof eight) at = len - sizeof eight; /* some twice, which is harmless */
        eight = lower_eight(load(text + at));
        memcpy(text + at, &eight, sizeof eight);
    }
}

/* Is any of them a control byte, as tab is? */
static bool has_control(uint64_t bytes)
{
    uint64_t no_del = bytes ^ EACH(0x7f);

    return (((bytes - EACH(0x20)) & ~bytes) | ((no_del - EACH(0x01)) & ~no_del)) & EACH(0x80);
}

/* None for sure: a few bytes are not worth looking. */
static bool is_without_controls(csgi_str text)
{
    size_t at = 0, eight = sizeof(uint64_t);

    if (text.len < eight) return false;
    for (; text.len - at >= eight; at += eight) {
        if (has_control(load(text.ptr + at))) return false;
    }
    return !has_control(load(text.ptr + text.len - eight));
}

size_t str_find_char(csgi_str text, char c)
{
    const char *found = text.len ? memchr(text.ptr, c, text.len) : NULL;

    return found ? (size_t)(found - text.ptr) : text.len;
}

csgi_str str_take(csgi_str *rest, char separator)
{
    csgi_str taken = str_slice(*rest, 0, str_find_char(*rest, separator));

    *rest = str_slice(*rest, taken.len + 1, SIZE_MAX);
    return taken;
}

csgi_str str_trim(csgi_str text)
{
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Where a byte may stand: tchar of RFC 9110 section 5.6.2, all but control bytes of section 5.5. */
enum { IN_TOKEN = 1, IN_VALUE = 2, IN_BOTH = 3 };
static const uint8_t places[256] = {
    ['\t'] = IN_VALUE,
    [' '] = IN_VALUE,
    ['!'] = IN_BOTH,
    ['"'] = IN_VALUE,
    ['#' ... '\''] = IN_BOTH,
    ['('] = IN_VALUE,
    [')'] = IN_VALUE,
    ['*'] = IN_BOTH,
    ['+'] = IN_BOTH,
    [','] = IN_VALUE,
    ['-'] = IN_BOTH,
    ['.'] = IN_BOTH,
    ['/'] = IN_VALUE,
    ['0' ... '9'] = IN_BOTH,
    [':' ... '@'] = IN_VALUE,
    ['A' ... 'Z'] = IN_BOTH,
    ['[' ... ']'] = IN_VALUE,
    ['^' ... 'z'] = IN_BOTH,
    ['{'] = IN_VALUE,
    ['|'] = IN_BOTH,
    ['}'] = IN_VALUE,
    ['~'] = IN_BOTH,
    [0x80 ... 0xff] = IN_VALUE,
};

/* Without a branch for each byte: nearly all texts are good. */
static bool all_in(csgi_str text, uint8_t place)
{
    uint8_t common = place;

#pragma GCC unroll 4
    for (size_t i = 0; i < text.len; i++)
        common &= places[(unsigned char)text.ptr[i]];
    return common;
}

bool str_is_token(csgi_str text)
{
    return text.len > 0 && all_in(text, IN_TOKEN);
}

bool str_is_name(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!char_is_alnum(c) && c != '_' && c != '-') return false;
    }
    return text.len > 0;
}

bool str_is_field_value(csgi_str text)
{
    return is_without_controls(text) || all_in(text, IN_VALUE);
}

size_t str_utf8_sequence(csgi_str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    unsigned char lowest = 0x80, highest = 0xbf; /* bounds of the second byte */
    size_t len;

    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] == 0xe0) lowest = 0xa0;
    if (p[0] == 0xed) highest = 0x9f;
    if (p[0] == 0xf0) lowest = 0x90;
    if (p[0] == 0xf4) highest = 0x8f;
    if (text.len < len || p[1] < lowest || p[1] > highest) return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    return len;
}

bool str_is_utf8(csgi_str text)
{
    for (size_t i = 0, len; i < text.len; i += len) {
        len = str_utf8_sequence((csgi_str){ text.ptr + i, text.len - i });
        if (len == 0) return false;
    }
    return true;
}

bool str_parse_u64(csgi_str text, uint64_t *value)
{
    uint64_t sum = 0;

    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';

        if (digit > 9) return false;
        /* The largest number has 20 digits. */
        if (i >= 19 && sum > (UINT64_MAX - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

size_t str_print_u64(char out[STR_U64_ROOM], uint64_t value)
{
    char digits[STR_U64_ROOM];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

bool str_percent_decode(csgi_str text, char *out, size_t *out_len)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            int high = i + 2 < text.len ? char_hex(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? char_hex(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[len++] = c;
    }
    *out_len = len;
    return true;
}

bool str_list_has(csgi_str list, csgi_str element)
{
    while (list.len) {
        if (str_eq_nocase(str_trim(str_take(&list, ',')), element)) return true;
    }
    return false;
}
