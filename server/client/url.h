/* SPDX-License-Identifier: MIT
 * URLs of outbound requests, taken apart: bytes in, no I/O. */
#ifndef CAPRICORN_CLIENT_URL_H
#define CAPRICORN_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include <csgi/types.h>

/* A name's length, RFC 1035; a Unix socket's path is shorter. */
#define URL_HOST_MAX ((size_t)255)

/* The strings but host are parts of the text. */
typedef struct url {
    csgi_str origin;    /* "http://127.0.0.1:9000" */
    csgi_str authority; /* what Host says: "127.0.0.1:9000"; "localhost" for a Unix socket */
    csgi_str target;    /* "/path?query"; a slash is missing before it if needs_slash */
    bool needs_slash;
    bool is_unix, is_https;
    uint32_t port;               /* 80 or 443 unless given; 0 for a Unix socket */
    char host[URL_HOST_MAX + 1]; /* without brackets; the path of a Unix socket, decoded */
} url;

/* Takes "http://host[:port][/path][?query]", the same with https, or
 * "http+unix://%2Frun%2Fx.sock[/path][?query]" apart.
 * CSGI_EINVAL: *why says what is wrong with it, and *out is not to be used. */
csgi_status url_parse(csgi_str text, url *out, const char **why);
/* Scheme, host and port are the same (RFC 6454 section 4), or the Unix socket is. */
bool url_same_origin(const url *a, const url *b);

#endif
