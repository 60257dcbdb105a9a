/* SPDX-License-Identifier: MIT
 * Reading the pieces of X-Forwarded-* and Forwarded. */
#include "exchange/forwarded_text.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ip.h"
#include "base/str.h"

#define PORT_DIGITS 5u

/* A letter, a digit, or one of the others. */
static bool is_name_char(char c, const char *others)
{
    return char_is_alnum(c) || (c && strchr(others, c));
}

/* ---- lists and parameters ---- */

static bool is_escaped(csgi_str text, size_t at)
{
    size_t start = at;

    while (start > 0 && text.ptr[start - 1] == '\\')
        start--;
    return (at - start) % 2 == 1;
}

csgi_str forwarded_take_last(csgi_str *list)
{
    size_t start = list->len;
    bool quoted = false;
    csgi_str element;

    for (; start > 0; start--) {
        char c = list->ptr[start - 1];

        if (c == '"' && !is_escaped(*list, start - 1)) quoted = !quoted;
        if (c == ',' && !quoted) break;
    }
    element = str_trim(str_slice(*list, start, SIZE_MAX));
    *list = start ? str_slice(*list, 0, start - 1) : (csgi_str){ NULL, 0 };
    return element;
}

/* The bytes of the quoted string at the front, both quotes counted; 0: it has no end. */
static size_t quoted_len(csgi_str text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '"') return i + 1;
        if (text.ptr[i] == '\\') i++;
    }
    return 0;
}

/* Takes "name=value" off the front. */
static bool take_pair(csgi_str *text, csgi_str *name, csgi_str *value)
{
    size_t equals = str_find_char(*text, '='), len;
    csgi_str rest = str_slice(*text, equals + 1, SIZE_MAX);

    *name = str_slice(*text, 0, equals);
    if (equals == text->len || !str_is_token(*name)) return false;
    if (rest.len && rest.ptr[0] == '"') {
        len = quoted_len(rest);
        if (len == 0) return false;
        *value = str_slice(rest, 1, len - 2);
    } else {
        len = str_find_char(rest, ';');
        *value = str_trim(str_slice(rest, 0, len));
        if (!str_is_token(*value)) return false;
    }
    *text = str_slice(rest, len, SIZE_MAX);
    return true;
}

static bool set_once(csgi_str *parameter, csgi_str value)
{
    if (parameter->ptr) return false;
    *parameter = value;
    return true;
}

bool forwarded_parse_element(csgi_str text, forwarded_element *out)
{
    csgi_str by = { NULL, 0 };

    *out = (forwarded_element){ 0 };
    if (text.len == 0) return false;
    for (; text.len; text = str_trim(str_slice(text, 1, SIZE_MAX))) { /* after a semicolon */
        csgi_str name, value;
        bool is_new = true;

        if (text.ptr[0] == ';') continue; /* a pair may be empty */
        if (!take_pair(&text, &name, &value)) return false;
        if (str_eq_nocase(name, STR("for"))) is_new = set_once(&out->client, value);
        if (str_eq_nocase(name, STR("proto"))) is_new = set_once(&out->scheme, value);
        if (str_eq_nocase(name, STR("host"))) is_new = set_once(&out->host, value);
        if (str_eq_nocase(name, STR("by"))) is_new = set_once(&by, value);
        text = str_trim(text);
        if (!is_new || (text.len && text.ptr[0] != ';')) return false;
    }
    return true;
}

/* ---- addresses ---- */

/* Digits, or a hidden port, "_" and a name (RFC 7239 section 6.2), which counts as none. */
static bool parse_port(csgi_str text, in_port_t *port)
{
    uint64_t number = 0;

    if (text.len > 1 && text.ptr[0] == '_') {
        for (size_t i = 1; i < text.len; i++) {
            if (!is_name_char(text.ptr[i], "._-")) return false;
        }
    } else if (text.len > PORT_DIGITS || !str_parse_u64(text, &number) || number > UINT16_MAX) {
        return false;
    }
    *port = htons((uint16_t)number);
    return true;
}

bool forwarded_parse_node(csgi_str text, bool bare_ipv6, forwarded_node *out)
{
    forwarded_node node = { .ipv6 = { .sin6_family = AF_INET6 } };
    size_t colon = str_find_char(text, ':');
    csgi_str ip = str_slice(text, 0, colon), rest = str_slice(text, colon, SIZE_MAX);
    bool found;

    if (text.len && text.ptr[0] == '[') {
        size_t end = str_find_char(text, ']');

        rest = str_slice(text, end + 1, SIZE_MAX);
        found =
            end < text.len && ip_parse(AF_INET6, str_slice(text, 1, end - 1), &node.ipv6.sin6_addr);
        if (found && rest.len)
            found = rest.ptr[0] == ':' &&
                    parse_port(str_slice(rest, 1, SIZE_MAX), &node.ipv6.sin6_port);
    } else if (bare_ipv6 && str_find_char(str_slice(rest, 1, SIZE_MAX), ':') + 1 < rest.len) {
        found = ip_parse(AF_INET6, text, &node.ipv6.sin6_addr);
    } else {
        node.ipv4 = (struct sockaddr_in){ .sin_family = AF_INET };
        found = ip_parse(AF_INET, ip, &node.ipv4.sin_addr);
        if (found && rest.len)
            found = parse_port(str_slice(rest, 1, SIZE_MAX), &node.ipv4.sin_port);
    }
    if (found) *out = node;
    return found;
}

/* ---- schemes and hosts ---- */

csgi_str forwarded_parse_scheme(csgi_str text)
{
    if (str_eq_nocase(text, STR("https"))) return STR("https");
    if (str_eq_nocase(text, STR("http"))) return STR("http");
    return STR("");
}

/* RFC 3986 section 3.2.2: unreserved, sub-delims (but for the comma, which is a list here), and
 * escapes. */
static bool is_name(csgi_str text)
{
    /* A table, since each request has a Host. */
    static const bool is_plain[256] = {
        ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true,
        ['.'] = true,         ['_'] = true,         ['~'] = true,         ['!'] = true,
        ['$'] = true,         ['&' ... '+'] = true, [';'] = true,         ['='] = true,
    };

    for (size_t i = 0; i < text.len; i++) {
        if (is_plain[(unsigned char)text.ptr[i]]) continue;
        if (text.ptr[i] != '%' || text.len - i < 3) return false;
        if (char_hex(text.ptr[i + 1]) < 0 || char_hex(text.ptr[i + 2]) < 0) return false;
        i += 2;
    }
    return text.len > 0;
}

/* Where the port's colon is, or the length. */
static size_t find_port(csgi_str host)
{
    size_t at = host.len && host.ptr[0] == '[' ? str_find_char(host, ']') : 0;

    return at + str_find_char(str_slice(host, at, SIZE_MAX), ':');
}

bool forwarded_has_port(csgi_str host)
{
    return find_port(host) < host.len;
}

bool forwarded_is_host(csgi_str text)
{
    size_t end = find_port(text);
    csgi_str host = str_slice(text, 0, end), port = str_slice(text, end + 1, SIZE_MAX);
    uint64_t number;
    struct in6_addr in6;

    if (end < text.len &&
        (port.len > PORT_DIGITS || !str_parse_u64(port, &number) || number > UINT16_MAX))
        return false;
    if (host.len && host.ptr[0] == '[')
        return host.ptr[host.len - 1] == ']' &&
               ip_parse(AF_INET6, str_slice(host, 1, host.len - 2), &in6);
    return is_name(host);
}
