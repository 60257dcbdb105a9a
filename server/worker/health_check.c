/* SPDX-License-Identifier: MIT
 * One request to a server of this machine, with plain sockets and one deadline. */
#include "worker/health_check.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "loop/loop.h"
#include "net/address.h"

typedef struct check {
    uint64_t end_ns;
    int fd;
    buffer *why;
} check;

static bool fail(check *self, const char *what)
{
    buffer_printf(self->why, "%s", what);
    return false;
}

/* Waits until the socket is ready. False: the time is over. */
static bool wait_for(check *self, short events)
{
    struct pollfd entry = { .fd = self->fd, .events = events };

    for (;;) {
        uint64_t now_ns = loop_clock_ns();

        if (now_ns >= self->end_ns) break;
        if (poll(&entry, 1, (int)((self->end_ns - now_ns) / 1000000) + 1) > 0) return true;
    }
    buffer_printf(self->why, "no answer within %u s", HEALTH_CHECK_TIMEOUT_MS / 1000);
    return false;
}

/* Nobody listens there, as far as can be seen from here. */
static bool fail_to_connect(check *self, int error)
{
    bool is_absent = error == ECONNREFUSED || error == ENOENT;

    buffer_printf(self->why, "%s%s", strerror(error),
                  is_absent ? " (is the server running? if it listens elsewhere, say so with the "
                              "options it was started with)"
                            : "");
    return false;
}

static bool connect_to(check *self, const struct sockaddr *to, socklen_t len)
{
    int error = 0;
    socklen_t size = sizeof error;

    self->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0) return fail(self, strerror(errno));
    if (connect(self->fd, to, len) == 0) return true;
    if (errno != EINPROGRESS) return fail_to_connect(self, errno);
    if (!wait_for(self, POLLOUT)) return false;
    if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) return true;
    return fail_to_connect(self, error);
}

static bool connect_unix(check *self, const bind_spec *where)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    memcpy(to.sun_path, where->where, strlen(where->where));
    return connect_to(self, (const struct sockaddr *)&to, sizeof to);
}

static bool connect_tcp(check *self, const bind_spec *where)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found;
    char port[16];
    bool is_connected;
    int error;

    snprintf(port, sizeof port, "%u", where->port);
    error = getaddrinfo(address_reachable(where->where), port, &hints, &found);
    if (error) return fail(self, gai_strerror(error));
    is_connected = connect_to(self, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return is_connected;
}

static bool send_request(check *self, const char *path, bool is_proxied)
{
    char request[256];
    int len = snprintf(request, sizeof request,
                       "%sGET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                       is_proxied ? "PROXY UNKNOWN\r\n" : "", path);

    /* It fits into the buffer of a socket that nothing was sent on. */
    return send(self->fd, request, (size_t)len, MSG_NOSIGNAL) == len || fail(self, strerror(errno));
}

/* Reads up to the end of the status line. */
static bool read_status(check *self)
{
    char text[256];
    size_t len = 0;
    ssize_t count;

    do {
        if (!wait_for(self, POLLIN)) return false;
        count = recv(self->fd, text + len, sizeof text - len, 0);
        if (count < 0) return fail(self, strerror(errno));
        len += (size_t)count;
    } while (count > 0 && len < sizeof text && !memchr(text, '\n', len));
    text[len < sizeof text ? len : sizeof text - 1] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    if (strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) < 12)
        return fail(self, len ? "the answer is not HTTP" : "it closed the connection");
    if (strncmp(text + 8, " 200", 4) == 0) return true;
    buffer_printf(self->why, "it answered %s%s", text + 9,
                  strncmp(text + 9, "404", 3) == 0 ? " (was it started with --no-health?)" : "");
    return false;
}

bool health_check(const bind_spec *where, const char *path, bool is_proxied, buffer *why)
{
    check self = { loop_clock_ns() + HEALTH_CHECK_TIMEOUT_MS * UINT64_C(1000000), -1, why };
    bool is_well =
        where->kind == BIND_UNIX ? connect_unix(&self, where) : connect_tcp(&self, where);

    if (is_well) is_well = send_request(&self, path, is_proxied) && read_status(&self);
    if (self.fd >= 0) close(self.fd);
    return is_well;
}
