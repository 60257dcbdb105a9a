/* SPDX-License-Identifier: MIT
 * URLs of outbound requests (RFC 3986), strictly: what is not sure to mean the same to the other
 * server is refused. */
#include "client/url.h"

#include <string.h>
#include <sys/un.h>

#include "base/check.h"
#include "base/str.h"

/* Where a byte may stand: RFC 3986, and brackets in a query, which are often left unescaped. */
enum { IN_NAME = 1, IN_TARGET = 2, IN_BOTH = 3, ENDS_AUTHORITY = 4 };
static const uint8_t places[256] = {
    ['a' ... 'z'] = IN_BOTH,
    ['A' ... 'Z'] = IN_BOTH,
    ['0' ... '9'] = IN_BOTH,
    ['-'] = IN_BOTH,
    ['.'] = IN_BOTH,
    ['_'] = IN_BOTH,
    ['~'] = IN_TARGET,
    [':'] = IN_TARGET,
    ['/'] = IN_TARGET | ENDS_AUTHORITY,
    ['?'] = IN_TARGET | ENDS_AUTHORITY,
    ['['] = IN_TARGET,
    [']'] = IN_TARGET,
    ['@'] = IN_TARGET,
    ['!'] = IN_TARGET,
    ['$'] = IN_TARGET,
    ['&'] = IN_TARGET,
    ['\''] = IN_TARGET,
    ['('] = IN_TARGET,
    [')'] = IN_TARGET,
    ['*'] = IN_TARGET,
    ['+'] = IN_TARGET,
    [','] = IN_TARGET,
    [';'] = IN_TARGET,
    ['='] = IN_TARGET,
    ['%'] = IN_TARGET,
    ['#'] = ENDS_AUTHORITY,
};

static bool all_in(csgi_str text, uint8_t place)
{
    uint8_t common = place;

#pragma GCC unroll 4
    for (size_t i = 0; i < text.len; i++)
        common &= places[(unsigned char)text.ptr[i]];
    return common & place;
}

/* What RFC 3986 lets stand in a path or query, escapes whole. */
static bool is_target(csgi_str text)
{
    if (!all_in(text, IN_TARGET)) return false;
    for (size_t at = 0;;) {
        at += str_find_char(str_slice(text, at, text.len), '%');
        if (at == text.len) return true;
        if (text.len - at < 3 || char_hex(text.ptr[at + 1]) < 0 || char_hex(text.ptr[at + 2]) < 0)
            return false;
        at += 3;
    }
}

static const char *explain_target(csgi_str text)
{
    if (str_find_char(text, '#') < text.len)
        return "it has a fragment, which is not sent to servers";
    return "its path or query has bytes that must be percent-encoded";
}

static bool is_name(csgi_str text)
{
    return text.len > 0 && text.len <= URL_HOST_MAX && all_in(text, IN_NAME);
}

static bool is_ipv6(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (char_hex(text.ptr[i]) < 0 && text.ptr[i] != ':' && text.ptr[i] != '.') return false;
    }
    return text.len >= 2 && text.len <= 45 && str_find_char(text, ':') < text.len;
}

static void set_host(url *self, csgi_str host)
{
    memcpy(self->host, host.ptr, host.len);
    self->host[host.len] = '\0';
}

/* "host", "host:port", "[::1]:port". */
static const char *parse_authority(csgi_str text, url *self)
{
    bool bracketed = text.len && text.ptr[0] == '[';
    size_t end = str_find_char(text, bracketed ? ']' : ':');
    csgi_str host = str_slice(text, bracketed, end - bracketed), rest;
    uint64_t port = self->is_https ? 443 : 80;

    if (str_find_char(text, '@') < text.len) return "user information is not supported";
    if (bracketed && end == text.len) return "the host's bracket is not closed";
    if (host.len == 0) return "it has no host";
    if (bracketed ? !is_ipv6(host) : !is_name(host)) return "its host is malformed";
    rest = str_slice(text, end + bracketed, text.len);
    if (rest.len) {
        csgi_str digits = str_slice(rest, 1, rest.len);

        if (rest.ptr[0] != ':' || digits.len > 5 || !str_parse_u64(digits, &port) || port == 0 ||
            port > UINT16_MAX)
            return "its port is not a number from 1 to 65535";
    }
    set_host(self, host);
    self->port = (uint32_t)port;
    self->authority = text;
    return NULL;
}

static const char *parse_socket(csgi_str text, url *self)
{
    char path[URL_HOST_MAX + 1];
    csgi_str decoded = { path, 0 };

    if (text.len > 3 * sizeof((struct sockaddr_un *)0)->sun_path)
        return "its socket's path is too long";
    if (text.len > sizeof path) return "its socket's path is too long";
    if (!all_in(text, IN_TARGET)) return "its host has bytes that must be percent-encoded";
    if (!str_percent_decode(text, path, &decoded.len)) return "its host has a malformed escape";
    if (decoded.len == 0 || path[0] != '/')
        return "its host is no absolute path of a socket (http+unix://%2Frun%2Fx.sock/)";
    if (memchr(path, '\0', decoded.len)) return "its socket's path has a NUL";
    if (decoded.len >= sizeof((struct sockaddr_un *)0)->sun_path)
        return "its socket's path is too long";
    set_host(self, decoded);
    self->port = 0;
    self->authority = STR("localhost");
    return NULL;
}

static size_t end_of_authority(csgi_str text, size_t start)
{
    while (start < text.len && !(places[(unsigned char)text.ptr[start]] & ENDS_AUTHORITY))
        start++;
    return start;
}

/* The length of the scheme with what follows it; 0: none of ours. */
static size_t read_scheme(csgi_str text, url *self)
{
    static const struct {
        csgi_str text;
        bool is_unix, is_https;
    } known[] = {
        { CSGI_STR("http://"), false, false },
        { CSGI_STR("https://"), false, true },
        { CSGI_STR("http+unix://"), true, false },
    };

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (!str_starts_with_nocase(text, known[i].text)) continue;
        self->is_unix = known[i].is_unix;
        self->is_https = known[i].is_https;
        return known[i].text.len;
    }
    return 0;
}

csgi_status url_parse(csgi_str text, url *out, const char **why)
{
    size_t start = read_scheme(text, out), end;
    const char *wrong;

    if (start == 0) {
        *why = "it begins with none of http://, https:// and http+unix://";
        return CSGI_EINVAL;
    }
    end = end_of_authority(text, start);
    out->origin = str_slice(text, 0, end);
    out->target = str_slice(text, end, text.len);
    out->needs_slash = out->target.len == 0 || out->target.ptr[0] != '/';
    wrong = out->is_unix ? parse_socket(str_slice(text, start, end - start), out)
                         : parse_authority(str_slice(text, start, end - start), out);
    if (!wrong && !is_target(out->target)) wrong = explain_target(out->target);
    if (!wrong) return CSGI_OK;
    *why = wrong;
    return CSGI_EINVAL;
}

bool url_same_origin(const url *a, const url *b)
{
    if (a->is_unix != b->is_unix || a->is_https != b->is_https || a->port != b->port) return false;
    if (a->is_unix) return strcmp(a->host, b->host) == 0;
    return str_eq_nocase(str_from(a->host), str_from(b->host));
}
