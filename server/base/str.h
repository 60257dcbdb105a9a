/* SPDX-License-Identifier: MIT
 * csgi_str helpers: comparing, and the character classes of HTTP. Bytes, never locales. */
#ifndef CAPRICORN_BASE_STR_H
#define CAPRICORN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <csgi/types.h>

/* A csgi_str expression from a string literal. */
#define STR(literal) ((csgi_str)CSGI_STR(literal))
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline csgi_str str_from(const char *text)
{
    return (csgi_str){ text, text ? strlen(text) : 0 };
}
static inline bool str_eq(csgi_str a, csgi_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline char char_lower(char c)
{
    return (unsigned char)(c - 'A') < 26 ? (char)(c | 0x20) : c;
}
/* An ASCII letter. */
static inline bool char_is_letter(char c)
{
    return (unsigned char)(char_lower(c) - 'a') < 26;
}
/* An ASCII letter or digit. */
static inline bool char_is_alnum(char c)
{
    return char_is_letter(c) || (c >= '0' && c <= '9');
}
/* The value of a hexadecimal digit, or -1. */
static inline int char_hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As memcmp: byte by byte, the shorter of two that begin alike first. */
int str_compare(csgi_str a, csgi_str b);
/* Equal but for the case of ASCII letters. */
bool str_eq_nocase(csgi_str a, csgi_str b);
bool str_starts_with(csgi_str text, csgi_str prefix);
bool str_starts_with_nocase(csgi_str text, csgi_str prefix);
/* Makes lower case of ASCII letters, in place. */
void str_lower(char *text, size_t len);
/* The index of the first such byte, or text.len. */
size_t str_find_char(csgi_str text, char c);
/* The part from start on, at most len bytes; bounds are clipped. */
static inline csgi_str str_slice(csgi_str text, size_t start, size_t len)
{
    if (text.len == 0) return text; /* it may be NULL, to which nothing can be added */
    if (start > text.len) start = text.len;
    if (len > text.len - start) len = text.len - start;
    return (csgi_str){ text.ptr + start, len };
}
/* What stands before the next separator, or all there is; *rest is what stands behind it. */
csgi_str str_take(csgi_str *rest, char separator);
/* Without spaces and tabs at both ends (RFC 9110 section 5.6.3, OWS). */
csgi_str str_trim(csgi_str text);
/* A non-empty run of token characters (RFC 9110 section 5.6.2). */
bool str_is_token(csgi_str text);
/* Letters, digits, "_" and "-", at least one: what plugins, apps and endpoints are named. */
bool str_is_name(csgi_str text);
/* A field value as may be sent: no control bytes but tab (RFC 9110 section 5.5). */
bool str_is_field_value(csgi_str text);
/* The length of the UTF-8 sequence that text (not empty) begins with; 0 when it is malformed. */
size_t str_utf8_sequence(csgi_str text);
/* Well-formed UTF-8 (RFC 3629): no overlong forms, surrogates, or values past U+10FFFF. */
bool str_is_utf8(csgi_str text);
/* Parses decimal digits only, the whole text, no sign. False when malformed or too large. */
bool str_parse_u64(csgi_str text, uint64_t *value);
/* Prints a number; returns the length. */
#define STR_U64_ROOM 20
size_t str_print_u64(char out[STR_U64_ROOM], uint64_t value);
/* Percent-decodes into out (room for text.len bytes; may be text.ptr). False on a bad escape. */
bool str_percent_decode(csgi_str text, char *out, size_t *out_len);
/* Does the comma-separated list (RFC 9110 section 5.6.1) have this element, whatever its case? */
bool str_list_has(csgi_str list, csgi_str element);

#endif
