/* SPDX-License-Identifier: MIT
 * For the client's tests: a server on threads with blocking sockets, that says exactly what a test
 * tells it to. */
#ifndef CAPRICORN_TEST_SERVE_H
#define CAPRICORN_TEST_SERVE_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVE_MAX 300

/* Talks on the number-th connection (from 0); it is closed on return. */
typedef void (*serve_fn)(int fd, int number);

typedef struct server server;

typedef struct serve_call {
    server *from;
    int fd, number;
} serve_call;

struct server {
    int listener;
    uint32_t port;
    serve_fn serve;
    atomic_int accepted;
    pthread_t acceptor, threads[SERVE_MAX];
    serve_call calls[SERVE_MAX];
    char path[108];
};

static inline void *serve_connection(void *arg)
{
    serve_call *call = arg;

    call->from->serve(call->fd, call->number);
    close(call->fd);
    return NULL;
}

static inline void *serve_accept(void *arg)
{
    server *self = arg;
    int fd;

    while ((fd = accept(self->listener, NULL, NULL)) >= 0 && self->accepted < SERVE_MAX) {
        int number = self->accepted++;

        self->calls[number] = (serve_call){ self, fd, number };
        if (pthread_create(&self->threads[number], NULL, serve_connection, &self->calls[number]))
            abort();
    }
    return NULL;
}

static inline void serve_listen(server *self, int domain, const void *at, socklen_t len,
                                serve_fn serve)
{
    struct sockaddr_in got;
    socklen_t got_len = sizeof got;

    memset(self, 0, sizeof *self);
    self->serve = serve;
    self->listener = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->listener < 0 || bind(self->listener, at, len) || listen(self->listener, 512)) abort();
    if (domain == AF_INET) {
        getsockname(self->listener, (struct sockaddr *)&got, &got_len);
        self->port = ntohs(got.sin_port);
    }
    if (pthread_create(&self->acceptor, NULL, serve_accept, self)) abort();
}

static inline void server_start(server *self, serve_fn serve)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

    serve_listen(self, AF_INET, &at, sizeof at, serve);
}

static inline void server_start_unix(server *self, const char *path, serve_fn serve)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    serve_listen(self, AF_UNIX, &at, sizeof at, serve);
    snprintf(self->path, sizeof self->path, "%s", path);
}

/* The client's connections are closed by now, so that every thread ends. */
static inline void server_stop(server *self)
{
    shutdown(self->listener, SHUT_RDWR);
    pthread_join(self->acceptor, NULL);
    close(self->listener);
    for (int i = 0; i < self->accepted; i++)
        pthread_join(self->threads[i], NULL);
    if (self->path[0]) unlink(self->path);
}

/* Reads one request, head and body, into text (a string). False: no more requests. */
static inline bool read_request(int fd, char *text, size_t size)
{
    size_t len = 0, want = 0;

    while (want == 0 || len < want) {
        ssize_t got = recv(fd, text + len, len + 1 < size ? size - 1 - len : 0, 0);
        const char *end, *length;

        if (got <= 0) return false;
        len += (size_t)got;
        text[len] = '\0';
        end = strstr(text, "\r\n\r\n");
        if (!end || want) continue;
        want = (size_t)(end + 4 - text);
        length = strstr(text, "Content-Length: ");
        if (length && length < end) want += strtoul(length + 16, NULL, 10);
    }
    return true;
}

static inline bool skip_request(int fd)
{
    char text[4096];

    return read_request(fd, text, sizeof text);
}

static inline void say_bytes(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t done = send(fd, bytes, len, MSG_NOSIGNAL);

        if (done <= 0) return;
        bytes += done;
        len -= (size_t)done;
    }
}

static inline void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

/* The connection ends with a reset instead of an orderly end. */
static inline void reset_on_close(int fd)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

#endif
