/* SPDX-License-Identifier: MIT
 * The floor of this machine: an epoll loop that answers everything with the same bytes and reads
 * nothing of what was asked. It is what servers are compared with, and the upstream that they ask.
 * It takes one read for one request, since its clients wait for each answer; it is no server.
 *
 *     floor [PORT [BODY [DELAY_MS]]]     prints the port; DELAY_MS: each answer waits for so long
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX    65536
#define EVENTS_MAX 256

/* An answer that waits for its time. All wait equally long, so the first is due first. */
typedef struct pending {
    uint64_t due_ms;
    int fd;
    unsigned opened; /* the descriptor may be another connection's by then */
} pending;

static char answer[4096];
static size_t answer_len;
static uint64_t delay_ms;
static pending queue[FDS_MAX];
static unsigned first, last; /* of the queue; they wrap around with it */
static unsigned opened[FDS_MAX];
static int epoll_fd, listen_fd;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void send_answer(int fd)
{
    /* So little always fits; a client that has gone is noticed when it is read from. */
    if (send(fd, answer, answer_len, MSG_NOSIGNAL) < 0 && errno == ENOTCONN) close(fd);
}

static void enqueue(int fd)
{
    if (last - first == FDS_MAX) return;
    queue[last++ % FDS_MAX] = (pending){ now_ms() + delay_ms, fd, opened[fd] };
}

static void send_due(void)
{
    uint64_t now = now_ms();

    for (; first != last && queue[first % FDS_MAX].due_ms <= now; first++) {
        const pending *due = &queue[first % FDS_MAX];

        if (due->opened == opened[due->fd]) send_answer(due->fd);
    }
}

static int wait_ms(void)
{
    uint64_t now;

    if (first == last) return -1;
    now = now_ms();
    return queue[first % FDS_MAX].due_ms > now ? (int)(queue[first % FDS_MAX].due_ms - now) : 0;
}

static void accept_all(void)
{
    for (;;) {
        int on = 1, fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        if (fd < 0) return;
        if (fd >= FDS_MAX || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        opened[fd]++;
    }
}

static void on_readable(int fd)
{
    char bytes[16384];
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);

    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        opened[fd]++;
        close(fd);
        return;
    }
    /* The head is not whole yet: its end will come in a read of its own. */
    if (count < 4 || memcmp(bytes + count - 4, "\r\n\r\n", 4) != 0) return;
    if (delay_ms)
        enqueue(fd);
    else
        send_answer(fd);
}

static void listen_at(unsigned port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t len = sizeof at;
    struct epoll_event event = { .events = EPOLLIN };
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&at, sizeof at)) die("bind");
    if (listen(listen_fd, 4096)) die("listen");
    if (getsockname(listen_fd, (struct sockaddr *)&at, &len)) die("getsockname");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    event.data.fd = listen_fd;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event)) die("epoll_ctl");
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
}

static void raise_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files)) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    const char *body = argc > 2 ? argv[2] : "Hello, world!";

    if (argc > 3) delay_ms = strtoul(argv[3], NULL, 10);
    answer_len =
        (size_t)snprintf(answer, sizeof answer,
                         "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                         "\r\n%s",
                         body[0] == '{' ? "application/json" : "text/plain", strlen(body), body);
    if (answer_len >= sizeof answer) return 2;
    raise_limit();
    listen_at(argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, wait_ms());

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listen_fd)
                accept_all();
            else
                on_readable(events[i].data.fd);
        }
        if (delay_ms) send_due();
    }
}
