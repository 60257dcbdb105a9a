/* SPDX-License-Identifier: MIT
 * Addresses: from the kernel, from text, and from names (resolved on libuv's threads). */
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/check.h"
#include "base/str.h"

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "the port stands at the same place in both");

struct resolving {
    uv_getaddrinfo_t request;
    resolve_fn on_done; /* NULL: given up */
    void *arg;
    uint32_t port;
};

_Static_assert(ADDRESS_TEXT_SIZE >= sizeof((address *)0)->as.unix_path.sun_path,
               "there is room for any path that ends with a NUL");
_Static_assert(ADDRESS_TEXT_SIZE >= INET6_ADDRSTRLEN, "there is room for any IP address");

/* ---- text ---- */

#define TEN(tens)                                                                       \
#tens "0.", #tens "1.", #tens "2.", #tens "3.", #tens "4.", #tens "5.", #tens "6.", \
        #tens "7.", #tens "8.", #tens "9."
static const char octet_texts[256][4] = {
    TEN(),   TEN(1),  TEN(2),  TEN(3),  TEN(4),  TEN(5),  TEN(6),  TEN(7),
    TEN(8),  TEN(9),  TEN(10), TEN(11), TEN(12), TEN(13), TEN(14), TEN(15),
    TEN(16), TEN(17), TEN(18), TEN(19), TEN(20), TEN(21), TEN(22), TEN(23),
    TEN(24), "250.",  "251.",  "252.",  "253.",  "254.",  "255.",
};

/* Into INET_ADDRSTRLEN bytes; the length. From a table, for each request has two of them:
 * inet_ntop's sprintf costs twenty times as much, and a second page of the stack that it is called
 * on. */
static size_t print_ipv4(const void *four, char *out)
{
    const unsigned char *octets = four;
    char *at = out;

    for (int i = 0; i < 4; i++) {
        memcpy(at, octet_texts[octets[i]], 4);
        at += 2 + (octets[i] > 9) + (octets[i] > 99);
    }
    *--at = '\0';
    return (size_t)(at - out);
}

/* An IPv4 client of a dual-stack listener shows as the IPv4 address it is. */
static void print_ipv6(const struct sockaddr_in6 *in6, address_text *out)
{
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        out->len = print_ipv4(&in6->sin6_addr.s6_addr[12], out->bytes);
        return;
    }
    inet_ntop(AF_INET6, &in6->sin6_addr, out->bytes, sizeof out->bytes);
    out->len = strlen(out->bytes);
}

static void print_path(const address *self, address_text *out)
{
    size_t len = self->len > offsetof(struct sockaddr_un, sun_path)
                     ? self->len - offsetof(struct sockaddr_un, sun_path)
                     : 0;

    /* An abstract name begins with NUL, and counts as unnamed. */
    len = strnlen(self->as.unix_path.sun_path, len);
    if (len >= sizeof out->bytes) len = sizeof out->bytes - 1;
    memcpy(out->bytes, self->as.unix_path.sun_path, len);
    out->bytes[len] = '\0';
    out->len = len;
}

/* Is it one of IP, and not merely of its family? */
static bool is_ip(const address *self)
{
    if (self->as.any.sa_family == AF_INET) return self->len >= sizeof self->as.ipv4;
    return self->as.any.sa_family == AF_INET6 && self->len >= sizeof self->as.ipv6;
}

address_text address_host(const address *self)
{
    address_text text;

    text.len = 0;
    text.bytes[0] = '\0';
    if (address_is_unix(self))
        print_path(self, &text);
    else if (is_ip(self) && self->as.any.sa_family == AF_INET)
        text.len = print_ipv4(&self->as.ipv4.sin_addr, text.bytes);
    else if (is_ip(self))
        print_ipv6(&self->as.ipv6, &text);
    return text;
}

csgi_str address_copy_host(const address *self, arena *into)
{
    address_text text;

    if (self->as.any.sa_family == AF_INET && is_ip(self)) {
        char *bytes = arena_alloc(into, INET_ADDRSTRLEN, 1);

        return (csgi_str){ bytes, bytes ? print_ipv4(&self->as.ipv4.sin_addr, bytes) : 0 };
    }
    text = address_host(self);
    return arena_copy_str(into, (csgi_str){ text.bytes, text.len });
}

uint32_t address_port(const address *self)
{
    return is_ip(self) ? ntohs(self->as.ipv4.sin_port) : 0;
}

const char *address_reachable(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0) return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

bool address_is_same(const address *self, const address *other)
{
    return address_port(self) == address_port(other) &&
           strcmp(address_host(self).bytes, address_host(other).bytes) == 0;
}

/* ---- making ---- */

void address_from_sockaddr(address *self, const struct sockaddr *from, socklen_t len)
{
    memset(self, 0, sizeof *self);
    if (len > sizeof self->as) len = sizeof self->as;
    memcpy(&self->as, from, len);
    self->len = len;
}

csgi_status address_from_ip(address *self, const char *host, uint32_t port)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 in6;

    if (port > UINT16_MAX) return CSGI_EINVAL;
    if (inet_pton(AF_INET, host, &in4.sin_addr) == 1) {
        address_from_sockaddr(self, (const struct sockaddr *)&in4, sizeof in4);
        return CSGI_OK;
    }
    /* uv_ip6_addr knows zones: fe80::1%eth0. */
    if (uv_ip6_addr(host, (int)port, &in6)) return CSGI_EINVAL;
    address_from_sockaddr(self, (const struct sockaddr *)&in6, sizeof in6);
    return CSGI_OK;
}

size_t address_from_localhost(address out[ADDRESS_LOCALHOSTS], const char *host, uint32_t port)
{
    if (!str_eq_nocase(str_from(host), STR("localhost"))) return 0;
    if (address_from_ip(&out[0], "127.0.0.1", port) || address_from_ip(&out[1], "::1", port))
        return 0;
    return ADDRESS_LOCALHOSTS;
}

csgi_status address_from_path(address *self, const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof un.sun_path) return CSGI_EINVAL;
    memcpy(un.sun_path, path, len + 1);
    address_from_sockaddr(self, (const struct sockaddr *)&un,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1));
    return CSGI_OK;
}

void address_set_port(address *self, uint32_t port)
{
    CHECK(!address_is_unix(self));
    self->as.ipv4.sin_port = htons((uint16_t)port);
}

bool address_is_unix(const address *self)
{
    return self->as.any.sa_family == AF_UNIX;
}

csgi_status address_print(const address *self, buffer *out)
{
    address_text host = address_host(self);

    if (address_is_unix(self)) return buffer_printf(out, "%s", host.bytes);
    if (strchr(host.bytes, ':'))
        return buffer_printf(out, "[%s]:%u", host.bytes, address_port(self));
    return buffer_printf(out, "%s:%u", host.bytes, address_port(self));
}

static address *copy_addresses(const resolving *self, const struct addrinfo *list, size_t *count)
{
    size_t n = 0;
    address *found;

    for (const struct addrinfo *info = list; info; info = info->ai_next)
        n++;
    found = calloc(n ? n : 1, sizeof *found);
    *count = 0;
    for (const struct addrinfo *info = list; found && info; info = info->ai_next) {
        address *each = &found[*count];

        if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
        address_from_sockaddr(each, info->ai_addr, info->ai_addrlen);
        address_set_port(each, self->port);
        ++*count;
    }
    return found;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    resolving *self = CONTAINER_OF(request, resolving, request);
    size_t count = 0;
    address *found = NULL;

    if (self->on_done) {
        if (status == 0) found = copy_addresses(self, list, &count);
        if (count)
            self->on_done(self->arg, found, count, NULL);
        else
            self->on_done(self->arg, NULL, 0,
                          status ? uv_strerror(status) : "the name has no IP address");
    }
    free(found);
    uv_freeaddrinfo(list);
    free(self);
}

csgi_status address_resolve(loop *runner, const char *host, uint32_t port, resolve_fn on_done,
                            void *arg, resolving **out)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    resolving *self;
    int status;

    if (port > UINT16_MAX) return CSGI_EINVAL;
    self = calloc(1, sizeof *self);
    if (!self) return CSGI_ENOMEM;
    self->on_done = on_done;
    self->arg = arg;
    self->port = port;
    status = uv_getaddrinfo(loop_uv(runner), &self->request, on_resolved, host, NULL, &hints);
    if (status) {
        free(self);
        return status == UV_ENOMEM ? CSGI_ENOMEM : CSGI_EINVAL;
    }
    *out = self;
    return CSGI_OK;
}

void resolving_cancel(resolving *self)
{
    self->on_done = NULL;
    uv_cancel((uv_req_t *)&self->request); /* if it runs already, its answer is dropped */
}
