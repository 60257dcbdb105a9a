/* SPDX-License-Identifier: MIT
 * The PROXY protocol's header, version 1 (a line) and 2 (binary), which a proxy sends before
 * anything else on a connection to say whose it is. No I/O.
 * https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt */
#ifndef CAPRICORN_SESSION_PROXY_HEADER_H
#define CAPRICORN_SESSION_PROXY_HEADER_H

#include "net/address.h"

/* Bytes of a version 1 header, with its line end. */
#define PROXY_LINE_MAX ((size_t)107)
/* Bytes of a version 2 header: sixteen, and what follows them. The format allows 65535, more than
 * anyone has to say; certificates in it are some kilobytes. */
#define PROXY_BINARY_MAX ((size_t)16 + 8192)

typedef enum proxy_result {
    PROXY_MORE, /* the header goes on after these bytes */
    PROXY_DONE,
    PROXY_FAILED /* this is no such header */
} proxy_result;

typedef struct proxy_header {
    bool has_ends; /* false (UNKNOWN, LOCAL): the connection's own are the right ones */
    address peer, local;
} proxy_header;

/* Looks at all that has come so far, from the connection's first byte on. PROXY_DONE: *used bytes
 * are the header. What is not understood in a well-formed header (extensions, checksums) is passed
 * over. */
proxy_result proxy_header_parse(const char *bytes, size_t len, proxy_header *out, size_t *used);

#endif
