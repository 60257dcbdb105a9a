/* SPDX-License-Identifier: MIT
 * One client on one connection: how long each answer takes. It costs so little that what it tells
 * is the server's time and the kernel's.
 *
 *     probe PORT PATH COUNT PAUSE_US     prints each latency, in nanoseconds, when all are done */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 30

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static int connect_to(unsigned port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct timeval timeout = { .tv_sec = TIMEOUT_S };
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
}

/* The size of the whole answer, once its head is there; else 0. */
static size_t answer_size(char *bytes, size_t len)
{
    char *end, *length;

    bytes[len] = '\0';
    end = strstr(bytes, "\r\n\r\n");
    if (!end) return 0;
    length = strcasestr(bytes, "\r\ncontent-length:");
    if (strncmp(bytes, "HTTP/1.1 200 ", 13) != 0 || !length || length > end) {
        fprintf(stderr, "unexpected answer: %s\n", bytes);
        exit(1);
    }
    return (size_t)(end + 4 - bytes) + strtoul(length + 17, NULL, 10);
}

static uint64_t ask(int fd, const char *request, size_t request_len)
{
    char bytes[16384];
    size_t len = 0, size = 0;
    uint64_t began = now_ns();

    if (send(fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len) die("send");
    while (size == 0 || len < size) {
        ssize_t count = recv(fd, bytes + len, sizeof bytes - 1 - len, 0);

        if (count <= 0) die("recv");
        len += (size_t)count;
        if (size == 0) size = answer_size(bytes, len);
    }
    return now_ns() - began;
}

int main(int argc, char **argv)
{
    char request[1024];
    size_t request_len, count;
    uint64_t *taken;
    useconds_t pause_us;
    int fd;

    if (argc != 5) return 2;
    count = strtoul(argv[3], NULL, 10);
    pause_us = (useconds_t)strtoul(argv[4], NULL, 10);
    taken = calloc(count, sizeof *taken);
    if (!taken) die("calloc");
    request_len = (size_t)snprintf(request, sizeof request,
                                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", argv[2]);
    if (request_len >= sizeof request) return 2;
    fd = connect_to((unsigned)strtoul(argv[1], NULL, 10));
    for (size_t i = 0; i < count; i++) {
        taken[i] = ask(fd, request, request_len);
        if (pause_us) usleep(pause_us);
    }
    for (size_t i = 0; i < count; i++)
        printf("%llu\n", (unsigned long long)taken[i]);
    return 0;
}
