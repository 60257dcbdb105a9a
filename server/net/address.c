/* SPDX-License-Identifier: MIT
 * Addresses: from the kernel, from text, and from names (resolved on libuv's threads). */
#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
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

_Static_assert(sizeof((address *)0)->host >= sizeof((address *)0)->as.unix_path.sun_path,
               "host has room for any path");
_Static_assert(sizeof((address *)0)->host >= INET6_ADDRSTRLEN + IF_NAMESIZE,
               "host has room for any IP address");

static void print_ipv4(address *self)
{
    inet_ntop(AF_INET, &self->as.ipv4.sin_addr, self->host, sizeof self->host);
    self->port = ntohs(self->as.ipv4.sin_port);
}

/* An IPv4 client of a dual-stack listener shows as the IPv4 address it is. */
static void print_ipv6(address *self)
{
    const struct sockaddr_in6 *in6 = &self->as.ipv6;

    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], self->host, sizeof self->host);
    else
        inet_ntop(AF_INET6, &in6->sin6_addr, self->host, sizeof self->host);
    self->port = ntohs(in6->sin6_port);
}

static void print_path(address *self)
{
    size_t len = self->len > offsetof(struct sockaddr_un, sun_path)
                     ? self->len - offsetof(struct sockaddr_un, sun_path)
                     : 0;

    /* An abstract name begins with NUL, and counts as unnamed. */
    len = strnlen(self->as.unix_path.sun_path, len);
    if (len >= sizeof self->host) len = sizeof self->host - 1;
    memcpy(self->host, self->as.unix_path.sun_path, len);
    self->host[len] = '\0';
}

void address_from_sockaddr(address *self, const struct sockaddr *from, socklen_t len)
{
    memset(self, 0, sizeof *self);
    if (len > sizeof self->as) len = sizeof self->as;
    memcpy(&self->as, from, len);
    self->len = len;
    switch (from->sa_family) {
    case AF_INET:
        print_ipv4(self);
        break;
    case AF_INET6:
        print_ipv6(self);
        break;
    case AF_UNIX:
        print_path(self);
        break;
    default:
        break;
    }
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
    self->port = port;
    self->as.ipv4.sin_port = htons((uint16_t)port);
}

bool address_is_unix(const address *self)
{
    return self->as.any.sa_family == AF_UNIX;
}

csgi_status address_print(const address *self, buffer *out)
{
    if (address_is_unix(self)) return buffer_printf(out, "%s", self->host);
    if (strchr(self->host, ':')) return buffer_printf(out, "[%s]:%u", self->host, self->port);
    return buffer_printf(out, "%s:%u", self->host, self->port);
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
