/* SPDX-License-Identifier: MIT
 * Reading the PROXY protocol's header. The sections are those of its specification. */
#include "session/proxy_header.h"

#include <string.h>

#include "base/check.h"
#include "base/ip.h"
#include "base/str.h"

#define BINARY_START 16u /* signature, version and command, family, length */
#define PATH_BYTES   108u

static const csgi_str line_start = CSGI_STR("PROXY ");
static const csgi_str signature = CSGI_STR("\r\n\r\n\0\r\nQUIT\n");

/* ---- version 1, section 2.1 ---- */

/* Up to the next space, which is taken too. */
static csgi_str take_word(csgi_str *line)
{
    size_t space = str_find_char(*line, ' ');
    csgi_str word = str_slice(*line, 0, space);

    /* A line that ends in a space has one more word, an empty one. */
    *line = space < line->len ? str_slice(*line, space + 1, SIZE_MAX) : (csgi_str){ NULL, 0 };
    return word;
}

static bool parse_port(csgi_str text, in_port_t *port)
{
    uint64_t number;

    if (!str_parse_u64(text, &number) || number > UINT16_MAX) return false;
    if (text.len > 1 && text.ptr[0] == '0') return false;
    *port = htons((uint16_t)number);
    return true;
}

static bool parse_line_end(int family, csgi_str ip, csgi_str port, address *out)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (family == AF_INET) {
        if (!ip_parse(AF_INET, ip, &in4.sin_addr) || !parse_port(port, &in4.sin_port)) return false;
        address_from_sockaddr(out, (const struct sockaddr *)&in4, sizeof in4);
        return true;
    }
    if (!ip_parse(AF_INET6, ip, &in6.sin6_addr) || !parse_port(port, &in6.sin6_port)) return false;
    address_from_sockaddr(out, (const struct sockaddr *)&in6, sizeof in6);
    return true;
}

/* The line without its end. */
static bool parse_line(csgi_str line, proxy_header *out)
{
    csgi_str protocol, source, destination, source_port, destination_port;
    int family;

    take_word(&line);
    protocol = take_word(&line);
    if (str_eq(protocol, STR("UNKNOWN"))) return true; /* whatever follows */
    if (!str_eq(protocol, STR("TCP4")) && !str_eq(protocol, STR("TCP6"))) return false;
    family = protocol.ptr[3] == '4' ? AF_INET : AF_INET6;
    source = take_word(&line);
    destination = take_word(&line);
    source_port = take_word(&line);
    destination_port = take_word(&line);
    out->has_ends = true;
    return !line.ptr && parse_line_end(family, source, source_port, &out->peer) &&
           parse_line_end(family, destination, destination_port, &out->local);
}

static proxy_result parse_text(const char *bytes, size_t len, proxy_header *out, size_t *used)
{
    size_t most = len < PROXY_LINE_MAX ? len : PROXY_LINE_MAX;
    const char *end = memchr(bytes, '\n', most);

    if (!end) return len < PROXY_LINE_MAX ? PROXY_MORE : PROXY_FAILED;
    *used = (size_t)(end - bytes) + 1;
    if (end[-1] != '\r' || !parse_line((csgi_str){ bytes, *used - 2 }, out)) return PROXY_FAILED;
    return PROXY_DONE;
}

/* ---- version 2, section 2.2 ---- */

static void set_ipv4(const char *bytes, proxy_header *out)
{
    struct sockaddr_in peer = { .sin_family = AF_INET }, local = { .sin_family = AF_INET };

    memcpy(&peer.sin_addr, bytes, 4);
    memcpy(&local.sin_addr, bytes + 4, 4);
    memcpy(&peer.sin_port, bytes + 8, 2);
    memcpy(&local.sin_port, bytes + 10, 2);
    address_from_sockaddr(&out->peer, (const struct sockaddr *)&peer, sizeof peer);
    address_from_sockaddr(&out->local, (const struct sockaddr *)&local, sizeof local);
}

static void set_ipv6(const char *bytes, proxy_header *out)
{
    struct sockaddr_in6 peer = { .sin6_family = AF_INET6 }, local = { .sin6_family = AF_INET6 };

    memcpy(&peer.sin6_addr, bytes, 16);
    memcpy(&local.sin6_addr, bytes + 16, 16);
    memcpy(&peer.sin6_port, bytes + 32, 2);
    memcpy(&local.sin6_port, bytes + 34, 2);
    address_from_sockaddr(&out->peer, (const struct sockaddr *)&peer, sizeof peer);
    address_from_sockaddr(&out->local, (const struct sockaddr *)&local, sizeof local);
}

static void set_path(const char *bytes, address *out)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    _Static_assert(sizeof un.sun_path == PATH_BYTES, "as on the wire");
    memcpy(un.sun_path, bytes, PATH_BYTES);
    address_from_sockaddr(out, (const struct sockaddr *)&un, sizeof un);
}

static void set_unix(const char *bytes, proxy_header *out)
{
    set_path(bytes, &out->peer);
    set_path(bytes + PATH_BYTES, &out->local);
}

/* Over streams and datagrams: a proxy may speak HTTP/3 to its clients. Values that are not named
 * must be rejected. */
static bool parse_ends(unsigned char family, const char *bytes, size_t len, proxy_header *out)
{
    static const struct {
        unsigned char first, second;
        size_t len;
        void (*set)(const char *bytes, proxy_header *out);
    } families[] = {
        { 0x11, 0x12, 12, set_ipv4 },
        { 0x21, 0x22, 36, set_ipv6 },
        { 0x31, 0x32, 2 * PATH_BYTES, set_unix },
    };

    if (family == 0x00) return true;
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        if (family != families[i].first && family != families[i].second) continue;
        if (len < families[i].len) return false;
        families[i].set(bytes, out);
        out->has_ends = true;
        return true;
    }
    return false;
}

static proxy_result parse_binary(const char *bytes, size_t len, proxy_header *out, size_t *used)
{
    const unsigned char *start = (const unsigned char *)bytes;
    size_t rest;

    if (len < BINARY_START) return PROXY_MORE;
    rest = (size_t)start[14] << 8 | start[15];
    if (start[12] != 0x20 && start[12] != 0x21) return PROXY_FAILED;
    if (BINARY_START + rest > PROXY_BINARY_MAX) return PROXY_FAILED;
    if (len < BINARY_START + rest) return PROXY_MORE;
    *used = BINARY_START + rest;
    if (start[12] == 0x20) return PROXY_DONE; /* LOCAL: the rest is ignored */
    return parse_ends(start[13], bytes + BINARY_START, rest, out) ? PROXY_DONE : PROXY_FAILED;
}

/* ---- both ---- */

proxy_result proxy_header_parse(const char *bytes, size_t len, proxy_header *out, size_t *used)
{
    csgi_str start = { bytes, len };

    out->has_ends = false;
    if (str_starts_with(start, line_start)) return parse_text(bytes, len, out, used);
    if (str_starts_with(start, signature)) return parse_binary(bytes, len, out, used);
    if (str_starts_with(line_start, start) || str_starts_with(signature, start)) return PROXY_MORE;
    return PROXY_FAILED;
}
