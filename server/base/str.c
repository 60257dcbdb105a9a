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

void str_lower(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = char_lower(text[i]);
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
    return all_in(text, IN_VALUE);
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
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        if (__builtin_mul_overflow(sum, (uint64_t)10, &sum)) return false;
        if (__builtin_add_overflow(sum, (uint64_t)(text.ptr[i] - '0'), &sum)) return false;
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
