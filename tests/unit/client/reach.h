/* SPDX-License-Identifier: MIT
 * For tests of reaching servers: ports that refuse or never answer, counting descriptors, and a
 * getaddrinfo that says what a test wants. */
#ifndef CAPRICORN_TEST_REACH_H
#define CAPRICORN_TEST_REACH_H

#include <arpa/inet.h>
#include <dirent.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

/* How many descriptors are open. */
static inline size_t open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 3; /* ".", ".." and the folder itself */
}

/* A loopback port that is bound but does not listen; the last number of the address may be chosen.
 */
static inline int bind_loopback(unsigned host, uint32_t port, address *out)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr = { htonl(INADDR_LOOPBACK - 1 + host) },
                              .sin_port = htons((uint16_t)port) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&at, sizeof at) ||
        getsockname(fd, (struct sockaddr *)&at, &len))
        abort();
    address_from_sockaddr(out, (struct sockaddr *)&at, len);
    return fd;
}

/* A listener whose queue is full: a further connection gets no answer. */
typedef struct full_listener {
    int fd, fillers[3];
} full_listener;

static inline void fill_listener(full_listener *self, unsigned host, uint32_t port, address *out)
{
    self->fd = bind_loopback(host, port, out);
    if (listen(self->fd, 0)) abort();
    for (int i = 0; i < 3; i++) {
        self->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(self->fillers[i], &out->as.any, out->len);
    }
    usleep(2000);
}

static inline void close_listener(full_listener *self)
{
    close(self->fd);
    for (int i = 0; i < 3; i++)
        close(self->fillers[i]);
}

#endif
