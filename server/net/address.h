/* SPDX-License-Identifier: MIT
 * Where a stream begins or ends: an IP address with a port, or the path of a Unix socket. */
#ifndef CAPRICORN_NET_ADDRESS_H
#define CAPRICORN_NET_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "loop/loop.h"

typedef struct address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un unix_path;
    } as;
} address;

/* Ended by a NUL, which len does not count. */
#define ADDRESS_TEXT_SIZE 108
typedef struct address_text {
    size_t len;
    char bytes[ADDRESS_TEXT_SIZE];
} address_text;

/* From what the kernel says. */
void address_from_sockaddr(address *self, const struct sockaddr *from, socklen_t len);
/* From numeric text. CSGI_EINVAL: no IP address. */
csgi_status address_from_ip(address *self, const char *host, uint32_t port);
/* "localhost" is the loopback addresses, whatever a name server says (RFC 6761 section 6.3):
 * IPv4's, then IPv6's. How many were found: ADDRESS_LOCALHOSTS, or 0 for another name. */
#define ADDRESS_LOCALHOSTS 2u
size_t address_from_localhost(address out[ADDRESS_LOCALHOSTS], const char *host, uint32_t port);
/* CSGI_EINVAL: too long, or empty. */
csgi_status address_from_path(address *self, const char *path);
/* Of an IP address. */
void address_set_port(address *self, uint32_t port);
bool address_is_unix(const address *self);
/* The IP address as text, or the path, cut to fit; "" when unnamed. */
address_text address_host(const address *self);
/* The same, in the arena; ptr is NULL when there is no memory. */
csgi_str address_copy_host(const address *self, arena *into);
/* 0: a Unix socket, or unnamed. */
uint32_t address_port(const address *self);
/* The host to connect to for what listens on this one: for every address (0.0.0.0, ::) the loopback
 * one, for others itself. */
const char *address_reachable(const char *host);
/* The same host and port, or path. */
bool address_is_same(const address *self, const address *other);
/* Appends "127.0.0.1:80", "[::1]:80" or the path. */
csgi_status address_print(const address *self, buffer *out);

/* Resolves a name off the loop. on_done, called from the loop, gets at least one address, or none
 * with a reason. It may be given up before that: then on_done will not be called. CSGI_EINVAL: this
 * can be no name; CSGI_ENOMEM; on_done is not called then either. */
typedef struct resolving resolving;
typedef void (*resolve_fn)(void *arg, const address *found, size_t count, const char *reason);
csgi_status address_resolve(loop *loop, const char *host, uint32_t port, resolve_fn on_done,
                            void *arg, resolving **out);
void resolving_cancel(resolving *self);

#endif
